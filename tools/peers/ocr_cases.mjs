// SPDX-License-Identifier: MIT
//
// ocr_cases.mjs - the OCR models with the input shapes that are compared, and the pictures that go
// in: made from a seed by integer arithmetic alone, so that tests/ocr/ocr_golden_input.h makes the
// same bits in C. Noise alone would leave the detector's output flat; so the pictures hold rows of
// dark strokes on a light ground, much as text does.

export const MODELS = [
    {
        name: 'det',
        file: 'ch_PP-OCRv4_det_infer.onnx',
        // any multiple of 32
        shapes: [[1, 3, 64, 64], [1, 3, 96, 160], [1, 3, 160, 96], [2, 3, 64, 128],
            [1, 3, 224, 256], [1, 3, 320, 320]],
        timed: [1, 3, 320, 320],
    },
    {
        name: 'rec',
        file: 'ch_PP-OCRv4_rec_infer.onnx',
        shapes: [[1, 3, 48, 96], [1, 3, 48, 165], [3, 3, 48, 128], [1, 3, 48, 320],
            [1, 3, 48, 480]],
        timed: [1, 3, 48, 320],
    },
    {
        name: 'cls',
        file: 'ch_ppocr_mobile_v2.0_cls_infer.onnx',
        shapes: [[1, 3, 48, 192], [2, 3, 48, 192], [6, 3, 48, 192], [1, 3, 48, 100],
            [1, 3, 64, 256]],
        timed: [1, 3, 48, 192],
    },
];

export const SEED = 8;

function hash(value) {
    let x = value >>> 0;
    x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
    x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
    return (x ^ (x >>> 16)) >>> 0;
}

// A float32 tensor [batch, channels, height, width] with values in -1..1.
export function makeInput(shape, seed) {
    const [batch, channels, height, width] = shape;
    const plane = height * width;
    const data = new Float32Array(batch * channels * plane);
    const dark = new Uint8Array(plane);
    const rows = Math.max(1, Math.floor(height / 32));
    const strokes = Math.max(6, Math.floor(plane / 160));
    for (let n = 0; n < batch; n++) {
        const key = hash(seed * 1009 + n);
        dark.fill(0);
        for (let s = 0; s < strokes; s++) {
            const a = hash(key + 2 * s), b = hash(key + 2 * s + 1);
            const upright = a & 1;
            const x0 = (a >>> 1) % width;
            const y0 = ((a >>> 16) % rows) * 32 + 6 + (b % 12);
            const w = upright ? 2 + ((b >>> 8) % 3) : 6 + ((b >>> 8) % 9);
            const h = upright ? 6 + ((b >>> 16) % 9) : 2 + ((b >>> 16) % 3);
            for (let y = y0; y < Math.min(y0 + h, height); y++)
                for (let x = x0; x < Math.min(x0 + w, width); x++) dark[y * width + x] = 1;
        }
        for (let c = 0; c < channels; c++) {
            const base = (n * channels + c) * plane;
            for (let i = 0; i < plane; i++) {
                const noise = hash(key ^ (0x51ed2700 + c * 0x10000000 + i)) & 31;
                data[base + i] = (dark[i] ? noise : 255 - noise) / 127.5 - 1;
            }
        }
    }
    return data;
}
