// SPDX-License-Identifier: MIT
//
// ort_worker.mjs PROVIDER MODEL SHAPE REPEAT - one process of ONNX Runtime: opens the model, runs
// it 1 + REPEAT times and prints JSON: milliseconds of opening, of the first run and of the others.
// A process of its own, because a driver's settings are read once and first runs are timed.

import { makeInput, SEED } from './ocr_cases.mjs';
import { loadOrt, openSession, runSession } from './ort.mjs';

const [provider, model, shapeText, repeat] = process.argv.slice(2);
const shape = shapeText.split('x').map(Number);
const input = makeInput(shape, SEED);
const ort = loadOrt();
const start = performance.now();
const session = await openSession(ort, model, provider);
const opened = performance.now();
await runSession(ort, session, input, shape);
const first = performance.now();
const times = [];
for (let i = 0; i < Number(repeat); i++) {
    const before = performance.now();
    await runSession(ort, session, input, shape);
    times.push(performance.now() - before);
}
console.log(JSON.stringify({ open_ms: opened - start, first_ms: first - opened, times }));
process.exit(0);
