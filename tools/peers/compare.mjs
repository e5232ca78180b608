// SPDX-License-Identifier: MIT
//
// compare.mjs - Pumice beside ONNX Runtime on the OCR models: the same inputs, the outputs compared
// and the times measured in one run. Started by tools/peers/run, which explains the options.

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { MODELS, SEED, makeInput } from './ocr_cases.mjs';
import { readNpy, writeNpy } from './npy.mjs';
import { MODEL_FOLDER, loadOrt, openSession, runSession } from './ort.mjs';

const TOLERANCE = 1e-3; // of the output's range
const WANTED_SPEED = 2; // WebGPU's time over Pumice's
const WANTED_COLD = 2; // the same, first run with caches off, classifier and recogniser
const WANTED_SECOND = 5; // Pumice's first start over its second

const { values: options } = parseArgs({
    options: {
        pumice: { type: 'string' },
        driver: { type: 'string', multiple: true, default: [] }, // NAME=ICD.json
        timed: { type: 'string', default: '' }, // NAME of the driver that is timed
        only: { type: 'string', default: 'check,time,cold' },
        repeat: { type: 'string', default: '15' },
        json: { type: 'string' },
    },
});
const drivers = options.driver.map(d => {
    const at = d.indexOf('=');
    return { name: d.slice(0, at), icd: d.slice(at + 1) };
});
const parts = options.only.split(',');
const here = path.dirname(fileURLToPath(import.meta.url));
const work = fs.mkdtempSync(path.join(os.tmpdir(), 'pumice-peers-'));
const result = { check: [], time: [], cold: [], failures: 0 };
process.on('exit', () => fs.rmSync(work, { recursive: true, force: true }));

const median = list => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const milliseconds = value => value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);

function table(head, rows) {
    const all = [head, ...rows].map(row => row.map(String));
    const widths = head.map((_, i) => Math.max(...all.map(row => row[i].length)));
    for (const row of all)
        console.log(row.map((cell, i) => cell.padEnd(widths[i])).join('  ').trimEnd());
    console.log('');
}

function mark(good) {
    if (!good) result.failures++;
    return good ? 'ok' : 'MISSED';
}

// Runs a program and returns its standard output and the seconds from start to exit.
function start(command, args, environment) {
    const before = performance.now();
    const done = spawnSync(command, args, {
        env: { ...process.env, ...environment }, encoding: 'utf8', maxBuffer: 1 << 26,
    });
    if (done.error) throw done.error;
    if (done.status !== 0)
        throw new Error(`${[command, ...args].join(' ')}\nstatus ${done.status}: ${done.stderr}`);
    return { output: done.stdout, ms: performance.now() - before };
}

function inputFile(model, shape) {
    const file = path.join(work, `${model.name}-${shape.join('x')}.npy`);
    if (!fs.existsSync(file)) writeNpy(file, makeInput(shape, SEED), shape);
    return file;
}

function pumiceRun(model, shape, extra, environment) {
    const args = ['run', path.join(MODEL_FOLDER, model.file), '--input',
        `x=${inputFile(model, shape)}`, ...extra];
    return start(options.pumice, args,
        { PUMICE_CACHE_DIR: path.join(work, 'cache'), ...environment });
}

function ortWorker(provider, model, repeat, environment) {
    const done = start(process.execPath, [path.join(here, 'ort_worker.mjs'), provider, model.file,
        model.timed.join('x'), String(repeat)], environment);
    return JSON.parse(done.output.trim().split('\n').pop());
}

// Both sides' outputs, element by element.
async function check() {
    const ort = loadOrt();
    for (const model of MODELS) {
        const session = await openSession(ort, model.file, 'cpu');
        for (const shape of model.shapes) {
            const want = await runSession(ort, session, makeInput(shape, SEED), shape);
            const name = want.name.replace(/[^A-Za-z0-9._-]/g, '_');
            for (const driver of drivers) {
                const folder = path.join(work, 'output');
                fs.rmSync(folder, { recursive: true, force: true });
                pumiceRun(model, shape, ['--output', folder], { VK_DRIVER_FILES: driver.icd });
                result.check.push({ model: model.name, shape: shape.join('x'), driver: driver.name,
                    ...difference(want, readNpy(path.join(folder, `${name}.npy`))) });
            }
        }
    }
    console.log(`Outputs against ONNX Runtime's CPU provider; allowed: ${TOLERANCE} of the range.`);
    table(['model', 'input', 'driver', 'difference/range', ''], result.check.map(row =>
        [row.model, row.shape, row.driver, row.difference.toExponential(2),
            mark(row.difference <= TOLERANCE)]));
}

function difference(want, got) {
    if (got.shape.join() !== want.shape.join()) return { difference: Infinity };
    let min = Infinity, max = -Infinity, worst = 0;
    want.data.forEach((value, i) => {
        min = Math.min(min, value);
        max = Math.max(max, value);
        const error = Math.abs(value - got.data[i]);
        worst = Math.max(worst, Number.isNaN(error) ? Infinity : error);
    });
    return { difference: worst / (max - min) };
}

// Finds {"median": ...} or {"median_ms": ...} at any depth of the program's JSON.
function findMedian(value) {
    if (value === null || typeof value !== 'object') return undefined;
    for (const key of ['median_ms', 'median'])
        if (typeof value[key] === 'number') return value[key];
    for (const inner of Object.values(value)) {
        const found = findMedian(inner);
        if (found !== undefined) return found;
    }
    return undefined;
}

function timedDriver() {
    const found = drivers.find(d => d.name === options.timed);
    if (!found) throw new Error(`--timed ${options.timed}: no such driver was given`);
    return { VK_DRIVER_FILES: found.icd, VK_ICD_FILENAMES: found.icd };
}

// Warm runs. The two are taken in turns, so that a busy machine slows both.
function time() {
    const environment = timedDriver();
    const repeat = Number(options.repeat);
    for (const model of MODELS) {
        const pumice = [], webgpu = [], cpu = [];
        for (let round = 0; round < 3; round++) {
            const done = pumiceRun(model, model.timed, ['--repeat', String(repeat), '--json'],
                environment);
            pumice.push(findMedian(JSON.parse(done.output)));
            webgpu.push(median(ortWorker('webgpu', model, repeat, environment).times));
            cpu.push(median(ortWorker('cpu', model, repeat, environment).times));
        }
        result.time.push({ model: model.name, shape: model.timed.join('x'),
            pumice_ms: median(pumice), webgpu_ms: median(webgpu), cpu_ms: median(cpu),
            ratio: median(webgpu) / median(pumice) });
    }
    console.log(`Warm runs on ${options.timed}: median ms of ${repeat} runs, median of 3 rounds; ` +
        `wanted: WebGPU/Pumice at least ${WANTED_SPEED}.`);
    table(['model', 'input', 'Pumice', 'ORT WebGPU', 'ORT CPU', 'WebGPU/Pumice', ''],
        result.time.map(row => [row.model, row.shape, milliseconds(row.pumice_ms),
            milliseconds(row.webgpu_ms), milliseconds(row.cpu_ms), row.ratio.toFixed(2),
            mark(row.ratio >= WANTED_SPEED)]));
}

// First and second starts. Pumice is timed from the start of the process to its end, ONNX Runtime
// without Node's own start: opening the model and its first run.
function cold() {
    const environment = timedDriver();
    for (const model of MODELS) {
        const off = { ...environment, MESA_SHADER_CACHE_DISABLE: 'true' };
        const fresh = name => fs.mkdtempSync(path.join(work, name));
        const output = ['--output', path.join(work, 'output')];
        const none = pumiceRun(model, model.timed, output,
            { ...off, PUMICE_CACHE_DIR: fresh('cold') });
        const worker = ortWorker('webgpu', model, 0, off);
        const on = { ...environment, MESA_SHADER_CACHE_DIR: fresh('mesa'),
            PUMICE_CACHE_DIR: fresh('cache') };
        delete on.MESA_SHADER_CACHE_DISABLE;
        const first = pumiceRun(model, model.timed, output, on);
        const second = Math.min(...[1, 2, 3].map(() =>
            pumiceRun(model, model.timed, output, on).ms));
        const webgpu = worker.open_ms + worker.first_ms;
        result.cold.push({ model: model.name, pumice_ms: none.ms, webgpu_ms: webgpu,
            ratio: webgpu / none.ms, first_ms: first.ms, second_ms: second,
            second_ratio: first.ms / second });
    }
    console.log(`First result of a new process on ${options.timed}, ms; wanted: with caches off ` +
        `WebGPU/Pumice at least ${WANTED_COLD} (rec, cls), with caches on first/second at least ` +
        `${WANTED_SECOND}.`);
    table(['model', 'Pumice, no cache', 'ORT WebGPU', 'WebGPU/Pumice', '', 'Pumice, first',
        'second', 'first/second', ''], result.cold.map(row =>
        [row.model, milliseconds(row.pumice_ms), milliseconds(row.webgpu_ms), row.ratio.toFixed(2),
            row.model === 'det' ? '' : mark(row.ratio >= WANTED_COLD), milliseconds(row.first_ms),
            milliseconds(row.second_ms), row.second_ratio.toFixed(2),
            mark(row.second_ratio >= WANTED_SECOND)]));
}

try {
    if (parts.includes('check')) await check();
    if (parts.includes('time')) time();
    if (parts.includes('cold')) cold();
} catch (error) {
    console.error(`compare: ${error.message}`);
    process.exit(1);
}
if (options.json) fs.writeFileSync(options.json, JSON.stringify(result, null, 2) + '\n');
console.log(result.failures === 0 ? 'All as wanted.' : `${result.failures} missed.`);
process.exit(result.failures === 0 ? 0 : 1);
