// SPDX-License-Identifier: MIT
//
// vad_worker.mjs PROVIDER VERSION SOUND STEPS - one process of ONNX Runtime that hears the first
// steps of a sound (16 kHz) and prints JSON: milliseconds of each step. A process of its own,
// because a driver's settings are read once.

import { loadOrt } from './ort.mjs';
import { hear, openVad, readSamples } from './vad_ort.mjs';

const [provider, version, sound, steps] = process.argv.slice(2);
const ort = loadOrt();
const session = await openVad(ort, version, provider);
const { times } = await hear(ort, session, readSamples(sound), 16000, Number(steps));
console.log(JSON.stringify({ times }));
process.exit(0);
