// SPDX-License-Identifier: MIT
//
// vad_ort.mjs - silero VAD by ONNX Runtime, a step at a time as silero's own wrapper does it, and
// the segments as its get_speech_timestamps defines them. What Pumice is compared with.

import { spawnSync } from 'node:child_process';
import { homedir } from 'node:os';
import path from 'node:path';

const cache = path.join(process.env.XDG_CACHE_HOME || path.join(homedir(), '.cache'), 'pumice');
export const VAD_MODELS =
    process.env.PUMICE_VAD_MODELS || path.join(cache, 'models', 'silero-vad-0.0.31');
export const VERSIONS = ['v5', 'v6', 'legacy'];

// The samples of a sound file, -1 .. 1, decoded by sox.
export function readSamples(file) {
    const raw = ['-t', 'raw', '-e', 'signed-integer', '-b', '16', '-L', '-'];
    const done = spawnSync('sox', [file, ...raw], { maxBuffer: 1 << 28 });
    if (done.status !== 0) throw new Error(`sox ${file}: ${done.error || done.stderr}`);
    const bytes = done.stdout;
    return Float32Array.from({ length: bytes.length / 2 },
        (_, i) => bytes.readInt16LE(2 * i) / 32768);
}

export async function openVad(ort, version, provider) {
    const options = { executionProviders: [provider], intraOpNumThreads: 2, logSeverityLevel: 3 };
    const file = path.join(VAD_MODELS, `silero_vad_${version}.onnx`);
    return ort.InferenceSession.create(file, options);
}

// Calls back with each step's probability and its milliseconds.
export async function hear(ort, session, samples, rate, steps = Infinity) {
    const window = rate === 8000 ? 256 : 512;
    const old = session.inputNames.includes('h');
    const context = old ? 0 : window / 8;
    const sr = new ort.Tensor('int64', BigInt64Array.from([BigInt(rate)]), []);
    const zeros = hidden => new ort.Tensor('float32', new Float32Array(2 * hidden), [2, 1, hidden]);
    let state = old ? { h: zeros(64), c: zeros(64) } : { state: zeros(128) };
    const probabilities = [], times = [];
    const input = new Float32Array(context + window);
    for (let at = 0; at < samples.length && probabilities.length < steps; at += window) {
        input.copyWithin(0, window); // the end of the step before
        input.fill(0, context);
        input.set(samples.subarray(at, at + window), context);
        const before = performance.now();
        const out = await session.run(
            { input: new ort.Tensor('float32', input.slice(), [1, input.length]), sr, ...state });
        probabilities.push((await out.output.getData())[0]);
        state = old ? { h: out.hn, c: out.cn } : { state: out.stateN };
        times.push(performance.now() - before);
    }
    return { probabilities, times, window };
}

// [[start, end], ...] in samples.
export function segmentsOf(probabilities, window, rate, length) {
    const threshold = 0.5, low = 0.35, perMs = rate / 1000;
    const found = [];
    let begun = false, start = 0, quiet = 0;
    probabilities.forEach((p, i) => {
        const at = window * i;
        if (p >= threshold && quiet) quiet = 0;
        if (p >= threshold && !begun) {
            begun = true;
            start = at;
        } else if (p < low && begun) {
            if (!quiet) quiet = at;
            if (at - quiet >= 100 * perMs) {
                if (quiet - start > 250 * perMs) found.push([start, quiet]);
                begun = false;
                quiet = 0;
            }
        }
    });
    if (begun && length - start > 250 * perMs) found.push([start, length]);
    const pad = 30 * perMs;
    found.forEach((segment, i) => {
        if (i === 0) segment[0] = Math.max(0, segment[0] - pad);
        const next = found[i + 1];
        if (!next) {
            segment[1] = Math.min(length, segment[1] + pad);
        } else if (next[0] - segment[1] < 2 * pad) {
            const half = Math.floor((next[0] - segment[1]) / 2);
            segment[1] += half;
            next[0] -= half;
        } else {
            segment[1] += pad;
            next[0] -= pad;
        }
    });
    return found;
}
