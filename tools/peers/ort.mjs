// SPDX-License-Identifier: MIT
//
// ort.mjs - ONNX Runtime for Node.js, loaded from where `tools/peers/run` (or the environment's
// PEERS_ORT) put it, outside the repository; and the folder of the OCR models.

import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import path from 'node:path';

const cache = path.join(process.env.XDG_CACHE_HOME || path.join(homedir(), '.cache'), 'pumice');

export const ORT_FOLDER = process.env.PEERS_ORT || path.join(cache, 'peers', 'onnxruntime-1.30.0');
export const MODEL_FOLDER =
    process.env.PEERS_MODELS || path.join(cache, 'models', 'ocr-models-1.4.2');

export function loadOrt() {
    return createRequire(path.join(ORT_FOLDER, 'package.json'))('onnxruntime-node');
}

// A session of ONNX Runtime; provider 'cpu' or 'webgpu', two threads as in docs and README.
export async function openSession(ort, file, provider) {
    return ort.InferenceSession.create(path.join(MODEL_FOLDER, file), {
        executionProviders: [provider], intraOpNumThreads: 2, logSeverityLevel: 3,
    });
}

// Runs a session with one input and one output (as the OCR models have). The result's data is read,
// so the time of a call is that of a finished answer.
export async function runSession(ort, session, data, shape) {
    const feeds = { [session.inputNames[0]]: new ort.Tensor('float32', data, shape) };
    const result = (await session.run(feeds))[session.outputNames[0]];
    return { data: await result.getData(), shape: result.dims, name: session.outputNames[0] };
}
