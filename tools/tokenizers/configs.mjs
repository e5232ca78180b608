// SPDX-License-Identifier: MIT
//
// configs.mjs - the tokenizers that are compared: for each the tokenizer.json that the reference
// reads, and the files that Pumice reads (the same, or the older vocabulary files). Small ones are
// kept in the repository; whole ones come from tools/fetch_tokenizers.

import {
    bertVocabulary,
    byteLetters,
    clipMerges,
    firstMerges,
    gpt2Merges,
    gpt2Vocabulary,
    mergedVocabulary,
    mergesFile,
    smallBert,
} from './vocabularies.mjs';
import { makeCharsmap } from './charsmap.mjs';

const special = (id, content, flags = {}) => ({
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
    ...flags,
});

const file = (parts) => ({
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: null,
    post_processor: null,
    decoder: null,
    ...parts,
});

const byteLevel = {
    type: 'ByteLevel',
    add_prefix_space: false,
    trim_offsets: true,
    use_regex: true,
};

function bert(tokens, flags = {}) {
    const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));
    const names = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];
    const part = (name, type_id) =>
        name === 'A' || name === 'B'
            ? { Sequence: { id: name, type_id } }
            : { SpecialToken: { id: name, type_id } };
    return file({
        added_tokens: names
            .map((name) => special(vocab[name], name))
            .sort((a, b) => a.id - b.id),
        normalizer: {
            type: 'BertNormalizer',
            clean_text: true,
            handle_chinese_chars: true,
            strip_accents: null,
            lowercase: true,
            ...flags,
        },
        pre_tokenizer: { type: 'BertPreTokenizer' },
        post_processor: {
            type: 'TemplateProcessing',
            single: [part('[CLS]', 0), part('A', 0), part('[SEP]', 0)],
            pair: [
                part('[CLS]', 0),
                part('A', 0),
                part('[SEP]', 0),
                part('B', 1),
                part('[SEP]', 1),
            ],
            special_tokens: Object.fromEntries(
                ['[CLS]', '[SEP]'].map((name) => [
                    name,
                    { id: name, ids: [vocab[name]], tokens: [name] },
                ]),
            ),
        },
        decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
        model: {
            type: 'WordPiece',
            unk_token: '[UNK]',
            continuing_subword_prefix: '##',
            max_input_chars_per_word: 100,
            vocab,
        },
    });
}

const bpe = (vocab, merges, flags = {}) => ({
    type: 'BPE',
    dropout: null,
    unk_token: null,
    continuing_subword_prefix: '',
    end_of_word_suffix: '',
    fuse_unk: false,
    byte_fallback: false,
    vocab,
    merges,
    ...flags,
});

const gpt2 = (vocab, merges) =>
    file({
        added_tokens: [special(vocab['<|endoftext|>'], '<|endoftext|>')],
        pre_tokenizer: byteLevel,
        post_processor: { ...byteLevel, trim_offsets: false },
        decoder: byteLevel,
        model: bpe(vocab, merges),
    });

const CLIP_PATTERN = "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+";

function clip(vocab, merges) {
    const [first, last] = ['<|startoftext|>', '<|endoftext|>'];
    return file({
        added_tokens: [special(vocab[first], first), special(vocab[last], last)],
        normalizer: {
            type: 'Sequence',
            normalizers: [
                { type: 'NFC' },
                { type: 'Replace', pattern: { Regex: '\\s+' }, content: ' ' },
                { type: 'Lowercase' },
            ],
        },
        pre_tokenizer: {
            type: 'Sequence',
            pretokenizers: [
                {
                    type: 'Split',
                    pattern: { Regex: CLIP_PATTERN },
                    behavior: 'Removed',
                    invert: true,
                },
                byteLevel,
            ],
        },
        post_processor: {
            type: 'RobertaProcessing',
            sep: [last, vocab[last]],
            cls: [first, vocab[first]],
            trim_offsets: false,
            add_prefix_space: false,
        },
        decoder: byteLevel,
        model: bpe(vocab, merges, { unk_token: last, end_of_word_suffix: '</w>' }),
    });
}

/** RoBERTa: GPT-2's words under other ids, a blank before the text, offsets without blanks. */
function roberta(merges) {
    const names = ['<s>', '<pad>', '</s>', '<unk>'];
    const words = Object.keys(mergedVocabulary(merges, [])).sort();
    const vocab = Object.fromEntries(
        [...names, ...words, '<mask>'].map((token, id) => [token, id]),
    );
    const level = { ...byteLevel, add_prefix_space: true };
    return file({
        truncation: { direction: 'Right', max_length: 64, strategy: 'LongestFirst', stride: 0 },
        padding: {
            strategy: { Fixed: 64 },
            direction: 'Right',
            pad_to_multiple_of: null,
            pad_id: 1,
            pad_type_id: 0,
            pad_token: '<pad>',
        },
        added_tokens: [
            ...names.map((name) => special(vocab[name], name)),
            special(vocab['<mask>'], '<mask>', { lstrip: true }),
        ],
        pre_tokenizer: level,
        post_processor: {
            type: 'RobertaProcessing',
            sep: ['</s>', 2],
            cls: ['<s>', 0],
            trim_offsets: true,
            add_prefix_space: true,
        },
        decoder: level,
        model: bpe(
            vocab,
            merges.map((merge) => merge.split(' ')),
        ),
    });
}

/** As Llama: SentencePiece's blanks by the normalizer, bytes where a character is unknown. */
function fallback(merges) {
    const letters = byteLetters();
    const plain = merges
        .map((m) => m.replaceAll('Ġ', '▁'))
        .filter((m) => /^[\x21-\x7e▁ ]+$/.test(m));
    const bytes = [...Array(256).keys()].map(
        (b) => '<0x' + b.toString(16).toUpperCase().padStart(2, '0') + '>',
    );
    const singles = [
        ...letters.filter((c) => c <= '~'),
        '▁',
        'é',
        'ü',
        'ж',
        'е',
        'の',
        '中',
        '文',
    ];
    const tokens = [
        '<unk>',
        '<s>',
        '</s>',
        ...bytes,
        ...singles,
        ...plain.map((m) => m.replace(' ', '')),
    ];
    const vocab = Object.fromEntries([...new Set(tokens)].map((token, id) => [token, id]));
    const part = (id, type_id) => ({ Sequence: { id, type_id } });
    const first = (type_id) => ({ SpecialToken: { id: '<s>', type_id } });
    return file({
        added_tokens: [special(0, '<unk>'), special(1, '<s>'), special(2, '</s>')],
        normalizer: {
            type: 'Sequence',
            normalizers: [
                { type: 'Prepend', prepend: '▁' },
                { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
            ],
        },
        post_processor: {
            type: 'TemplateProcessing',
            single: [first(0), part('A', 0)],
            pair: [first(0), part('A', 0), first(1), part('B', 1)],
            special_tokens: { '<s>': { id: '<s>', ids: [1], tokens: ['<s>'] } },
        },
        decoder: {
            type: 'Sequence',
            decoders: [
                { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
                { type: 'ByteFallback' },
                { type: 'Fuse' },
                { type: 'Strip', content: ' ', start: 1, stop: 0 },
            ],
        },
        model: bpe(
            vocab,
            plain.map((m) => m.split(' ')),
            {
                unk_token: '<unk>',
                fuse_unk: true,
                byte_fallback: true,
                ignore_merges: true,
                continuing_subword_prefix: null,
                end_of_word_suffix: null,
            },
        ),
    });
}

/** As many newer models: words by a pattern of their own, digits in threes, NFC. */
function qwen(merges) {
    const vocab = mergedVocabulary(merges, []);
    const next = Object.keys(vocab).length;
    const pattern =
        "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|" +
        ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';
    return file({
        added_tokens: [
            special(next, '<|endoftext|>'),
            special(next + 1, '<mask>', { rstrip: true, lstrip: true, special: false }),
            special(next + 2, 'Hello', { single_word: true, normalized: true, special: false }),
        ],
        normalizer: { type: 'NFC' },
        pre_tokenizer: {
            type: 'Sequence',
            pretokenizers: [
                {
                    type: 'Split',
                    pattern: { Regex: pattern },
                    behavior: 'Isolated',
                    invert: false,
                },
                { ...byteLevel, use_regex: false },
            ],
        },
        post_processor: { ...byteLevel, trim_offsets: true },
        decoder: byteLevel,
        model: bpe(vocab, merges),
    });
}

/** A vocabulary of whole words, and every other way to cut. */
function words(tokens) {
    const list = [
        '[UNK]',
        ...tokens.filter((t) => /^[a-z0-9.,!?'-]+$/.test(t)).slice(0, 1500),
        '一',
        '文',
        'е',
        'ж',
        '1',
        '２',
        '—',
    ];
    const vocab = Object.fromEntries([...new Set(list)].map((token, id) => [token, id]));
    return file({
        added_tokens: [
            special(vocab['[UNK]'], '[UNK]'),
            special(vocab.the, 'the', { special: false, normalized: true, single_word: true }),
        ],
        normalizer: {
            type: 'Sequence',
            normalizers: [
                { type: 'Strip', strip_left: true, strip_right: true },
                { type: 'Nmt' },
                { type: 'NFKD' },
                { type: 'StripAccents' },
                { type: 'NFKC' },
                { type: 'Lowercase' },
                { type: 'Replace', pattern: { Regex: ' {2,}' }, content: ' ' },
            ],
        },
        pre_tokenizer: {
            type: 'Sequence',
            pretokenizers: [
                { type: 'Whitespace' },
                { type: 'Digits', individual_digits: true },
                { type: 'Punctuation', behavior: 'MergedWithNext' },
                {
                    type: 'Split',
                    pattern: { String: 'ing' },
                    behavior: 'MergedWithPrevious',
                    invert: false,
                },
                { type: 'CharDelimiterSplit', delimiter: '_' },
            ],
        },
        decoder: null,
        model: { type: 'WordLevel', vocab, unk_token: '[UNK]' },
    });
}

/** SentencePiece's unigrams: scores by the place in the list. */
function unigram(tokens) {
    const base = tokens.filter((t) => /^(##)?[a-zà-ÿа-яα-ω぀-ヿ一-鿿]+$/.test(t));
    const pieces = [
        ...new Set([
            '▁',
            ...base.map((t) => (t.startsWith('##') ? t.slice(2) : '▁' + t)),
            ...base.filter((t) => t.length < 4 && !t.startsWith('##')),
        ]),
    ].slice(0, 3500);
    const vocab = [
        ['<s>', 0],
        ['<pad>', 0],
        ['</s>', 0],
        ['<unk>', 0],
        ...pieces.map((piece, i) => [piece, -Math.round(1000 * (2 + Math.log(i + 2))) / 1000]),
    ];
    const part = (id) =>
        id.length === 1
            ? { Sequence: { id, type_id: 0 } }
            : { SpecialToken: { id, type_id: 0 } };
    return file({
        added_tokens: [
            ...['<s>', '<pad>', '</s>', '<unk>'].map((name, id) => special(id, name)),
            special(vocab.length, '<mask>', { lstrip: true }),
        ],
        normalizer: {
            type: 'Sequence',
            normalizers: [
                { type: 'NFKC' },
                { type: 'Replace', pattern: { Regex: '\\s+' }, content: ' ' },
            ],
        },
        pre_tokenizer: {
            type: 'Metaspace',
            replacement: '▁',
            prepend_scheme: 'always',
            split: true,
        },
        post_processor: {
            type: 'TemplateProcessing',
            single: ['<s>', 'A', '</s>'].map(part),
            pair: ['<s>', 'A', '</s>', '</s>', 'B', '</s>'].map(part),
            special_tokens: {
                '<s>': { id: '<s>', ids: [0], tokens: ['<s>'] },
                '</s>': { id: '</s>', ids: [2], tokens: ['</s>'] },
            },
        },
        decoder: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true },
        model: { type: 'Unigram', unk_id: 3, vocab, byte_fallback: false },
    });
}

/** As XLM-R and T5: SentencePiece's compiled map, blanks away, then unigrams. */
function precompiled(tokens) {
    const base = unigram(tokens.slice(0, 2600));
    return {
        ...base,
        normalizer: {
            type: 'Sequence',
            normalizers: [
                { type: 'Precompiled', precompiled_charsmap: makeCharsmap() },
                { type: 'Replace', pattern: { Regex: ' {2,}' }, content: ' ' },
            ],
        },
        pre_tokenizer: {
            type: 'Sequence',
            pretokenizers: [
                { type: 'WhitespaceSplit' },
                {
                    type: 'Metaspace',
                    replacement: '▁',
                    add_prefix_space: true,
                    prepend_scheme: 'always',
                },
            ],
        },
    };
}

/** name, whether it is a small one, the reference's file, Pumice's files. */
export function makeConfigs(modules) {
    const bertTokens = bertVocabulary(modules);
    const small = smallBert(bertTokens, 4200);
    const gpt2All = gpt2Merges(modules),
        clipAll = clipMerges(modules);
    const clipSpecial = ['<|startoftext|>', '<|endoftext|>'];
    const gpt2Small = firstMerges(gpt2All, 2500, ['<|endoftext|>']);
    const clipSmall = firstMerges(clipAll, 2500, clipSpecial, '</w>');
    const whole = (name, reference) => ({ name, small: false, reference });
    const json = (name, reference) => ({
        name,
        small: true,
        reference,
        files: { 'tokenizer.json': reference },
    });
    const merged = (name, reference, { vocab, merges }, config) => ({
        name,
        small: true,
        reference,
        files: {
            'vocab.json': vocab,
            'merges.txt': mergesFile(merges),
            'tokenizer_config.json': config,
        },
    });
    return [
        {
            name: 'bert_small',
            small: true,
            reference: bert(small),
            files: {
                'vocab.txt': small.join('\n') + '\n',
                'tokenizer_config.json': { do_lower_case: true, model_max_length: 512 },
            },
        },
        json(
            'bert_cased_small',
            bert(small.slice(0, 1500), {
                strip_accents: false,
                lowercase: false,
                handle_chinese_chars: false,
            }),
        ),
        merged('gpt2_small', gpt2(gpt2Small.vocab, gpt2Small.merges), gpt2Small, {
            tokenizer_class: 'GPT2Tokenizer',
        }),
        merged('clip_small', clip(clipSmall.vocab, clipSmall.merges), clipSmall, {
            tokenizer_class: 'CLIPTokenizer',
            model_max_length: 77,
        }),
        json('roberta_small', roberta(gpt2All.slice(0, 1500))),
        json('fallback_small', fallback(gpt2All.slice(0, 1500))),
        json('qwen_small', qwen(gpt2All.slice(0, 1000))),
        json('words_small', words(bertTokens)),
        json('unigram_small', unigram(small)),
        json('precompiled_small', precompiled(small)),
        whole('bert', bert(bertTokens)),
        whole('gpt2', gpt2(gpt2Vocabulary(modules), gpt2All)),
        whole('clip', clip(mergedVocabulary(clipAll, clipSpecial, '</w>'), clipAll)),
    ];
}
