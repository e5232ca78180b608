// SPDX-License-Identifier: MIT
//
// make_ocr_goldens.mjs - ONNX Runtime's CPU answers for the OCR models, reduced to what a test can
// keep in git: per case the shape, minimum, maximum and mean of the output, its greatest values and
// every n-th value. Started by tools/make_ocr_goldens; read by tests/ocr/test_ocr_golden.c.

import fs from 'node:fs';
import path from 'node:path';
import { MODELS, SEED, makeInput } from './ocr_cases.mjs';
import { loadOrt, openSession, runSession } from './ort.mjs';

const PEAKS = 150;
const SAMPLES = 450;

// Indices of the greatest values, then a walk through all of the output in equal steps.
function chooseIndices(data) {
    const order = Array.from(data.keys()).sort((a, b) => data[b] - data[a] || a - b);
    const step = Math.max(1, Math.floor(data.length / SAMPLES)) | 1; // odd: visits all columns
    const chosen = new Set(order.slice(0, PEAKS));
    for (let i = 0; i < data.length; i += step) chosen.add(i);
    return [...chosen].sort((a, b) => a - b);
}

function caseText(shape, output) {
    const { data } = output;
    let min = Infinity, max = -Infinity, sum = 0;
    for (const value of data) {
        min = Math.min(min, value);
        max = Math.max(max, value);
        sum += value;
    }
    const indices = chooseIndices(data);
    const number = value => Number(value.toPrecision(9)).toString();
    return [`case ${SEED} ${shape.join(' ')}`,
        `output ${output.shape.length} ${output.shape.join(' ')}`,
        `range ${number(min)} ${number(max)} ${number(sum / data.length)}`,
        `values ${indices.length}`,
        ...indices.map(i => `${i} ${number(data[i])}`), ''].join('\n');
}

const folder = process.argv[2];
fs.mkdirSync(folder, { recursive: true });
const ort = loadOrt();
for (const model of MODELS) {
    const session = await openSession(ort, model.file, 'cpu');
    let text = `ocr-golden 1\nmodel ${model.file}\n`;
    for (const shape of model.shapes) {
        const output = await runSession(ort, session, makeInput(shape, SEED), shape);
        text += caseText(shape, output);
    }
    const file = path.join(folder, `${model.name}.txt`);
    fs.writeFileSync(file, text);
    console.log(`${file}: ${model.shapes.length} cases, ${Math.ceil(text.length / 1024)} KiB`);
}
