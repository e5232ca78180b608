// SPDX-License-Identifier: MIT
//
// npy.mjs - float32 tensors as NumPy .npy files, format 1.0, little-endian, C order.

import fs from 'node:fs';

export function writeNpy(file, data, shape) {
    const list = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
    let header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${list}), }`;
    header = header.padEnd(Math.ceil((header.length + 11) / 64) * 64 - 11) + '\n';
    const start = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, 0, 0]);
    start.writeUInt16LE(header.length, 8);
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    fs.writeFileSync(file, Buffer.concat([start, Buffer.from(header, 'latin1'), bytes]));
}

export function readNpy(file) {
    const bytes = fs.readFileSync(file);
    if (bytes.toString('latin1', 1, 6) !== 'NUMPY' || bytes[6] > 2)
        throw new Error(`${file}: not a .npy file of version 1 or 2`);
    const [length, at] = bytes[6] === 1 ? [bytes.readUInt16LE(8), 10] : [bytes.readUInt32LE(8), 12];
    const header = bytes.toString('latin1', at, at + length);
    if (!/'descr': *'<f4'/.test(header) || !/'fortran_order': *False/.test(header))
        throw new Error(`${file}: expected float32 in C order: ${header.trim()}`);
    const shape = header.match(/'shape': *\(([^)]*)\)/)[1].split(',')
        .map(s => s.trim()).filter(s => s !== '').map(Number);
    const data = new Float32Array(bytes.buffer.slice(bytes.byteOffset + at + length));
    return { data, shape };
}
