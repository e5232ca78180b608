// SPDX-License-Identifier: MIT
//
// make_vad_goldens.mjs FOLDER - ONNX Runtime's CPU probabilities for the sound files of the folder,
// as tests/audio/test_vad.c reads them. Started by tools/make_vad_goldens.

import fs from 'node:fs';
import path from 'node:path';
import { loadOrt } from './ort.mjs';
import { VERSIONS, hear, openVad, readSamples } from './vad_ort.mjs';

const folder = process.argv[2];
const ort = loadOrt();
for (const version of VERSIONS) {
    const session = await openVad(ort, version, 'cpu');
    let text = `vad-golden 1\nmodel silero_vad_${version}.onnx\n`;
    for (const [name, rate] of [['speech.wav', 16000], ['speech_8k.wav', 8000]]) {
        const samples = readSamples(path.join(folder, name));
        const { probabilities } = await hear(ort, session, samples, rate);
        text += `sound ${name} ${rate} ${probabilities.length}\n`;
        text += probabilities.map(p => p.toFixed(6)).join('\n') + '\n';
    }
    fs.writeFileSync(path.join(folder, `${version}.txt`), text);
    console.log(`${version}: ${Math.ceil(text.length / 1024)} KiB`);
}
