// SPDX-License-Identifier: MIT
//
// vad.mjs - `pumice vad` beside ONNX Runtime on a minute of speech with noise and silence: every
// probability and all segments against its CPU provider on each driver, the time of a step beside
// its WebGPU provider. Started by tools/peers/run_vad, which explains the options.

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { loadOrt } from './ort.mjs';
import { VERSIONS, hear, openVad, readSamples, segmentsOf } from './vad_ort.mjs';

const TOLERANCE = 1e-3; // of a probability
const WANTED_SPEED = 2; // WebGPU's time of a step over Pumice's
const WANTED_REAL_TIME = 100; // seconds of sound a second
const WEBGPU_STEPS = 120; // that are timed, behind a few to warm up
const WARM_UP = 20;

const { values: options } = parseArgs({
    options: {
        pumice: { type: 'string' },
        sound: { type: 'string' },
        driver: { type: 'string', multiple: true, default: [] }, // NAME=ICD.json
        timed: { type: 'string', default: '' }, // NAME of the driver that is timed
        only: { type: 'string', default: 'check,time' },
        json: { type: 'string' },
    },
});
const drivers = options.driver.map(d => {
    const at = d.indexOf('=');
    return { name: d.slice(0, at), icd: d.slice(at + 1) };
});
const parts = options.only.split(',');
const here = path.dirname(fileURLToPath(import.meta.url));
const result = { check: [], time: [], failures: 0 };

const median = list => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

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

function start(command, args, icd) {
    const done = spawnSync(command, args, {
        env: { ...process.env, VK_DRIVER_FILES: icd, VK_ICD_FILENAMES: icd }, encoding: 'utf8',
        maxBuffer: 1 << 26,
    });
    if (done.error) throw done.error;
    if (done.status !== 0)
        throw new Error(`${[command, ...args].join(' ')}\nstatus ${done.status}: ${done.stderr}`);
    return done.stdout;
}

function pumiceVad(version, icd, ...more) {
    const args = ['vad', options.sound, '--json', '--probabilities', '--model', version, ...more];
    return JSON.parse(start(options.pumice, args, icd));
}

async function check() {
    const ort = loadOrt(), samples = readSamples(options.sound);
    for (const version of VERSIONS) {
        const session = await openVad(ort, version, 'cpu');
        const want = await hear(ort, session, samples, 16000);
        const segments = segmentsOf(want.probabilities, want.window, 16000, samples.length);
        for (const driver of drivers) {
            const got = pumiceVad(version, driver.icd);
            let worst = got.probabilities.length === want.probabilities.length ? 0 : Infinity;
            want.probabilities.forEach((p, i) => {
                const error = Math.abs(p - got.probabilities[i]);
                worst = Math.max(worst, Number.isNaN(error) ? Infinity : error);
            });
            const same = got.segments.length === segments.length && segments.every(([a, b], i) =>
                Math.abs(got.segments[i].start - a / 16000) < 1e-6 &&
                Math.abs(got.segments[i].end - b / 16000) < 1e-6);
            result.check.push({ version, driver: driver.name, steps: want.probabilities.length,
                difference: worst, segments: segments.length, same });
        }
    }
    console.log("Probabilities against ONNX Runtime's CPU provider; allowed: " +
        `${TOLERANCE} at every step, the same segments.`);
    table(['model', 'driver', 'steps', 'difference', '', 'segments', ''], result.check.map(row =>
        [row.version, row.driver, row.steps, row.difference.toExponential(2),
            mark(row.difference <= TOLERANCE), row.segments, mark(row.same)]));
}

// Three rounds in turns, so that a busy machine slows all; medians.
function time() {
    const driver = drivers.find(d => d.name === options.timed);
    if (!driver) throw new Error(`--timed ${options.timed}: no such driver was given`);
    const worker = (provider, version) => median(JSON.parse(start(process.execPath,
        [path.join(here, 'vad_worker.mjs'), provider, version, options.sound,
            String(WEBGPU_STEPS + WARM_UP)], driver.icd)).times.slice(WARM_UP));
    for (const version of VERSIONS) {
        const many = [], one = [], webgpu = [], cpu = [];
        for (let round = 0; round < 3; round++) {
            for (const [list, ...more] of [[many], [one, '--steps', '1']]) {
                const got = pumiceVad(version, driver.icd, ...more);
                list.push(got.total_ms / got.probabilities.length);
            }
            webgpu.push(worker('webgpu', version));
            cpu.push(worker('cpu', version));
        }
        const row = { version, many_ms: median(many), one_ms: median(one),
            webgpu_ms: median(webgpu), cpu_ms: median(cpu) };
        result.time.push({ ...row, ratio: row.webgpu_ms / row.many_ms,
            one_ratio: row.webgpu_ms / row.one_ms, real_time: 32 / row.many_ms });
    }
    console.log(`ms for a step of 32 ms on ${options.timed}, median of 3 rounds. Pumice: the ` +
        'whole file, first run included, many steps a run and one; ONNX Runtime: warm steps. ' +
        `Wanted: WebGPU/Pumice at least ${WANTED_SPEED}, ${WANTED_REAL_TIME} times real time.`);
    table(['model', 'Pumice', 'one a run', 'ORT WebGPU', 'ORT CPU', 'WebGPU/Pumice', '',
        'WebGPU/one', '', 'real time', ''], result.time.map(row =>
        [row.version, row.many_ms.toFixed(3), row.one_ms.toFixed(3), row.webgpu_ms.toFixed(2),
            row.cpu_ms.toFixed(2), row.ratio.toFixed(1), mark(row.ratio >= WANTED_SPEED),
            row.one_ratio.toFixed(2), mark(row.one_ratio >= WANTED_SPEED),
            row.real_time.toFixed(0), mark(row.real_time >= WANTED_REAL_TIME)]));
}

try {
    if (parts.includes('check')) await check();
    if (parts.includes('time')) time();
} catch (error) {
    console.error(`vad: ${error.message}`);
    process.exit(1);
}
if (options.json) fs.writeFileSync(options.json, JSON.stringify(result, null, 2) + '\n');
console.log(result.failures === 0 ? 'All as wanted.' : `${result.failures} missed.`);
process.exit(result.failures === 0 ? 0 : 1);
