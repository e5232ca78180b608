// SPDX-License-Identifier: MIT
//
// goldens.mjs - writes tests/data/tokenizers: the lines, the small tokenizers, and for every
// tokenizer what the reference answers. `node goldens.mjs MODULES FOLDER`
// (tools/make_tokenizer_goldens). The reference is the `tokenizers` library itself, by its package
// for Node.js; two other packages must agree with it where they can do the same.
//
//   lines.txt    a line each, escaped (lines.mjs)
//   NAME.golden  4 bytes a line, of FNV-1a: of the ids (2), of offsets and types (1), of the text
//                that the ids decode to (1)
//   samples.txt  whole answers, also for pairs, cut lengths and padding
//   NAME/        the small tokenizers

import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

import { makeConfigs } from './configs.mjs';
import { escapeLine, makeLines, readLine } from './lines.mjs';
import { writeFolder } from './vocabularies.mjs';

const [, , modules, folder] = process.argv;
const require = createRequire(path.resolve(modules) + '/');
const { Tokenizer } = require('tokenizers');

const SAMPLES = 33; // lines whose answers are written out, for each tokenizer

/** FNV-1a of 32-bit numbers, byte by byte, the lowest first. */
function fnv(numbers) {
    let hash = 0x811c9dc5;
    for (const number of numbers) {
        for (let shift = 0; shift < 32; shift += 8) {
            hash = Math.imul(hash ^ ((number >>> shift) & 255), 0x01000193) >>> 0;
        }
    }
    return hash;
}

const fold16 = (hash) => ((hash >>> 16) ^ hash) & 0xffff;
const fold8 = (hash) => ((fold16(hash) >>> 8) ^ hash) & 0xff;

/** What decoding gives; CLIP's class replaces the marks at the ends of words. */
async function decode(tokenizer, config, ids) {
    const text = await tokenizer.decode(ids, true);
    return config.reference.model.end_of_word_suffix === '</w>'
        ? text.replaceAll('</w>', ' ').replace(/^\p{White_Space}+|\p{White_Space}+$/gu, '')
        : text;
}

async function lineRecord(tokenizer, config, text) {
    const encoding = await tokenizer.encode(text);
    const ids = encoding.getIds();
    const places = encoding
        .getOffsets()
        .flatMap(([begin, end], i) => [begin, end, encoding.getTypeIds()[i]]);
    const decoded = new TextEncoder().encode(await decode(tokenizer, config, ids));
    const record = Buffer.alloc(4);
    record.writeUInt16LE(fold16(fnv(ids)), 0);
    record.writeUInt8(fold8(fnv(places)), 2);
    record.writeUInt8(fold8(fnv(decoded)), 3);
    return record;
}

/** The variants of the samples: options as words, and how the reference is set for them. */
const VARIANTS = [
    { words: 'plain', special: false },
    { words: 'max=7', truncation: [7, {}] },
    { words: 'max=8 pad=12', truncation: [8, {}], padding: { maxLength: 12 } },
    { words: 'max=6 cut=left', truncation: [6, { direction: 'left' }] },
    { words: 'pair', pair: true },
    { words: 'pair max=13', pair: true, truncation: [13, {}] },
    { words: 'pair max=14', pair: true, truncation: [14, {}] },
    {
        words: 'pair max=24 only=first',
        pair: true,
        truncation: [24, { strategy: 'OnlyFirst' }],
    },
    {
        words: 'pair max=24 only=second',
        pair: true,
        truncation: [24, { strategy: 'OnlySecond' }],
    },
    { words: 'pad=9 side=left', padding: { maxLength: 9, direction: 'left' } },
    { words: 'multiple=8', padding: { padToMultipleOf: 8 } },
];

/** A line of samples.txt: tokenizer, options, the lines' numbers, then the columns; or "error". */
async function sample(tokenizer, config, variant, lines, first, second) {
    const { special = true, pair, truncation, padding } = variant;
    tokenizer.disableTruncation();
    tokenizer.disablePadding();
    if (truncation) tokenizer.setTruncation(...truncation);
    const padId = config.padId ?? 0;
    if (padding) tokenizer.setPadding({ padId, ...padding });
    const head = [config.name, variant.words, first, pair ? second : -1];
    try {
        const encoding = await tokenizer.encode(
            readLine(lines[first]),
            pair ? readLine(lines[second]) : null,
            { addSpecialTokens: special },
        );
        const offsets = encoding.getOffsets().map(([begin, end]) => `${begin}-${end}`);
        const columns = [
            encoding.getIds(),
            encoding.getTypeIds(),
            encoding.getAttentionMask(),
            encoding.getSpecialTokensMask(),
            offsets,
        ];
        return [...head, ...columns.map((column) => column.join(','))].join('\t');
    } catch {
        return [...head, 'error'].join('\t');
    }
}

async function samples(tokenizer, config, lines) {
    const rows = [];
    for (let i = 0; i < SAMPLES; i++) {
        const first = (i * 83 + 3) % lines.length;
        const second = (i * 131 + 5) % lines.length;
        const variant = VARIANTS[i % VARIANTS.length];
        rows.push(await sample(tokenizer, config, variant, lines, first, second));
    }
    return rows;
}

/** gpt-3-encoder knows no special tokens, and takes JavaScript's white space for Unicode's. */
async function agreeGpt2(config, lines) {
    const { encode } = require('gpt-3-encoder');
    const bare = Tokenizer.fromString(
        JSON.stringify({ ...config.reference, added_tokens: [] }),
    );
    let same = 0;
    let other = 0;
    for (const line of lines) {
        const text = readLine(line);
        if (/[\ufeff\u0085]/.test(text)) {
            other++;
            continue;
        }
        const ids = (await bare.encode(text)).getIds();
        if (ids.join() !== encode(text).join()) {
            throw new Error(`gpt-3-encoder differs on ${escapeLine(line)}`);
        }
        same++;
    }
    console.log(`gpt-3-encoder: the same ids on ${same} lines; ${other} not compared`);
}

/** The library in JavaScript; how many lines it answers alike. It is told, not required: its
 *  Unicode is the JavaScript engine's, and its white space JavaScript's. */
async function compareJavaScript(config, tokenizer, lines) {
    const js = require('@huggingface/tokenizers');
    let same = 0;
    let failed = 0;
    let other;
    try {
        other = new js.Tokenizer(config.reference, {});
    } catch (error) {
        console.log(`@huggingface/tokenizers, ${config.name}: ${error.message}`);
        return;
    }
    for (const line of lines) {
        const text = readLine(line);
        try {
            same +=
                other.encode(text).ids.join() ===
                (await tokenizer.encode(text)).getIds().join();
        } catch {
            failed++;
        }
    }
    console.log(
        `@huggingface/tokenizers, ${config.name}: the same ids on ${same} of ${lines.length}` +
            (failed ? `, fails on ${failed}` : ''),
    );
}

async function main() {
    const lines = makeLines();
    const rows = [];
    fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(path.join(folder, 'lines.txt'), lines.map(escapeLine).join('\n') + '\n');
    for (const config of makeConfigs(modules)) {
        const tokenizer = Tokenizer.fromString(
            JSON.stringify({ ...config.reference, truncation: null, padding: null }),
        );
        const records = [];
        for (const line of lines) {
            records.push(await lineRecord(tokenizer, config, readLine(line)));
        }
        fs.writeFileSync(path.join(folder, config.name + '.golden'), Buffer.concat(records));
        if (config.name === 'gpt2') await agreeGpt2(config, lines);
        await compareJavaScript(config, tokenizer, lines);
        rows.push(...(await samples(tokenizer, config, lines)));
        if (config.small) writeFolder(path.join(folder, config.name), config.files);
    }
    fs.writeFileSync(path.join(folder, 'samples.txt'), rows.join('\n') + '\n');
}

await main();
