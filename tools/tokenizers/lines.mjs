// SPDX-License-Identifier: MIT
//
// lines.mjs - the 5,000 lines that tokenizers are tried on, made from a seed: languages and
// scripts, accents composed and not, emoji, control and invisible characters, white space of every
// kind, numbers, code, long words, special tokens in the middle of text, and bytes that are no
// UTF-8. Characters are older than Unicode 8, whose categories the reference knows.

export const LINE_COUNT = 5000;

let state = 0x2545f491;

function random(limit) {
    // xorshift32
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % limit;
}

const pick = (list) => list[random(list.length)];
const chance = (percent) => random(100) < percent;
const repeat = (count, make) => Array.from({ length: count }, make);

const SENTENCES = [
    'The quick brown fox jumps over the lazy dog.',
    "I can't believe it's not butter, don't you? They've said we'll see; I'm sure he'd agree.",
    'Hello, my dog is cute!',
    'In 1984, 3,141.59 people paid $20 (or €18.50) for it.',
    "O'Neil's CAT'S 'quoted' ''double'' \"text\" -- well... almost...",
    'Natural language processing (NLP) is un-be-liev-a-bly fun #nlp @home',
    'a photo of a cat',
    'A diagram of THE Eiffel Tower at night, 4k, high-quality',
    'Die Straße ist größer als die Gasse; Übermut tut selten gut. ẞ',
    'Ça va? Où est l’hôtel français, œuvre naïve?',
    'El pingüino Wenceslao hizo kilómetros bajo exhaustiva lluvia',
    '¿Qué tal, señor? ¡Muy bien!',
    'Příliš žluťoučký kůň úpěl ďábelské ódy',
    'Zażółć gęślą jaźń',
    'Đây là một câu tiếng Việt có dấu: nghiêng, trường, ặ ễ ộ',
    'İstanbul’da ılık bir gün; IĞDIR iğdir',
    'Kæmi ný öxi hér, ykist þjófum nú bæði víl og ádrepa',
    'Съешь же ещё этих мягких французских булок, да выпей чаю',
    'Ґанок, їжак, єнот, ’яблуко',
    'Ξεσκεπάζω την ψυχοφθόρα βδελυγμία ΟΔΥΣΣΕΥΣ ς',
    'Παράδειγμα κειμένου ΑΎΠΝΊΑ',
    'هذا نص عربي مع تشكيل: مُحَمَّدٌ يَكْتُبُ',
    'نص، علامات؟ أرقام ١٢٣٤٥',
    'این یک متن فارسی است؛ می‌خواهم',
    'זה טקסט בעברית עם נִקּוּד',
    'ภาษาไทยไม่มีช่องว่างระหว่างคำ กำลังทดสอบ',
    'ນີ້ແມ່ນພາສາລາວ',
    'မြန်မာဘာသာစကား',
    'यह हिन्दी में एक वाक्य है। क्षत्रिय ज़रूर',
    'এটি একটি বাংলা বাক্য।',
    'இது ஒரு தமிழ் வாக்கியம்',
    'ఇది తెలుగు వాక్యం',
    'ಇದು ಕನ್ನಡ',
    'ഇത് മലയാളം',
    '이것은 한국어 문장입니다. 각각 값',
    '日本語の文章です。カタカナとひらがな、漢字。',
    'ﾊﾝｶｸ ｶﾀｶﾅ ガギグ がぎぐ',
    '这是一个中文句子，带有标点符号。',
    '繁體中文測試：龜鬱㐀㒨𠀀𪚥',
    '中文English混合text测试123',
    'ქართული ენა',
    'Հայերեն լեզու',
    'ᏣᎳᎩ ᎦᏬᏂᎯᏍᏗ',
    'አማርኛ ፊደል',
    'ᠮᠣᠩᠭᠣᠯ',
    'Ｆｕｌｌｗｉｄｔｈ　ｔｅｘｔ１２３',
    'ﬁne ﬂow ﬃ ﬅ ĳ Ǆ ǅ ǆ',
    '𝒜𝓁𝓅𝒽𝒶 𝔹𝕖𝕥𝕒 𝟘𝟙𝟚 𝐀𝐁',
    'ℌello Ⅷ ⅷ ½ ¼ ² ³ ₁ ① ㊿ ㍿ ™ ℃ Å',
    'ŉ ǰ ΐ ẖ ſ K',
];

const CODE = [
    'for (int i = 0; i < n; ++i) { a[i] += b[i] * 0x1F; }',
    'def f(x):\n\treturn {k: v for k, v in x.items() if v is not None}',
    '<div class="a-b c_d">&nbsp;&lt;tag/&gt;</div>',
    "SELECT * FROM t WHERE id=42 AND name LIKE '%x%';",
    'https://example.com/a/b?c=d&e=%20f#frag',
    'user.name+tag@mail.example.org',
    'C:\\Users\\me\\file.txt',
    '/usr/lib/x86_64-linux-gnu/libfoo.so.1.2.3',
    '{"key": [1, 2.5e-3, null, true]}',
    '#include <stdio.h>\r\nint main(void) { return 0; }\r\n',
    '    if x:\n        pass\n\n\n',
    'a=b==c!=d<=e>=f&&g||h',
    '$HOME/${VAR}`cmd`',
    '--flag=value -x -- ___ *** ~~~ ^^^ ||| \\\\\\',
    'x₁² + y₂³ ≤ √∞ ∑∏∫ ∂ƒ/∂x ⇒ ∀∃ ¬∧∨',
    '@@@###!!!???...,,,;;;:::',
    "'s't're've'm'll'd 'S'T'RE'VE'M'LL'D ’s",
    "y'all'd've",
    '1st 2nd 3rd 100th 10e5 1_000 0b101 12:34:56 2024-01-02',
];

const EMOJI = [
    '😀',
    '😂',
    '❤️',
    '❤',
    '👍🏽',
    '👨‍👩‍👧‍👦',
    '🏳️‍🌈',
    '🇩🇪',
    '🇺🇸🇯🇵',
    '1️⃣',
    '#️⃣',
    '☺',
    '☺︎',
    '✈️',
    '♥',
    '🎉🎊',
    '🙈🙉🙊',
    '👩🏿‍💻',
    '⚡',
    '©️',
    '®',
    '™️',
    '🀄',
    '🃏',
    '💯',
];
const SPACES = [
    ' ',
    '  ',
    '   ',
    '\t',
    '\n',
    '\r',
    '\r\n',
    '\n\n',
    '\u00a0',
    '\u2003',
    '\u2009',
    '\u3000',
    '\u1680',
    '\u2028',
    '\u2029',
    '\u202f',
    '\u205f',
    '\u000b',
    '\u000c',
    '\u0085',
];
const INVISIBLE = [
    '\u200b',
    '\u200c',
    '\u200d',
    '\u200e',
    '\u200f',
    '\u202a',
    '\u202e',
    '\u2060',
    '\u2061',
    '\u2066',
    '\ufeff',
    '\u00ad',
    '\u180e',
    '\ufe0f',
    '\ufe0e',
    '\u034f',
    '\u061c',
    '\ufff9',
    '\u{e0001}',
    '\u{e0041}',
];
const CONTROL = [
    '\u0000',
    '\u0001',
    '\u0007',
    '\u0008',
    '\u001b[31m',
    '\u001f',
    '\u007f',
    '\u0080',
    '\u009f',
    '\u008f',
    '\ufffd',
    '\ue000',
    '\uf8ff',
    '\u{f0000}',
    '\ufdd0',
    '\uffff',
    '\u{10ffff}',
    '\u0378',
];
const MARKS = [
    '\u0300',
    '\u0301',
    '\u0302',
    '\u0303',
    '\u0308',
    '\u030a',
    '\u0323',
    '\u0327',
    '\u0328',
    '\u0331',
    '\u0345',
    '\u20dd',
    '\u20e3',
    '\u0489',
    '\u05b0',
    '\u064b',
    '\u0651',
    '\u093c',
    '\u3099',
    '\u309a',
    '\u0e31',
    '\u1dc0',
    '\ufe20',
    '\u0340',
    '\u0344',
];
const SPECIAL = [
    '[CLS]',
    '[SEP]',
    '[MASK]',
    '[PAD]',
    '[UNK]',
    '[mask]',
    '[MASK',
    '<|endoftext|>',
    '<|ENDOFTEXT|>',
    '<|startoftext|>',
    '<|endoftext',
    '<mask>',
    '<s>',
    '</s>',
    '<pad>',
    '<unk>',
    '<S>',
    '##ing',
    '##',
    'Ġthe',
    'Ġ',
    '▁the',
    '▁',
    '</w>',
    'the</w>',
    '<0x41>',
    '[unused1]',
    ' <mask> ',
    '  <mask>',
    'x<mask>y',
];
// Fully assigned long before Unicode 8.
const BLOCKS = [
    [0x20, 0x7e],
    [0xa1, 0x17f],
    [0x180, 0x24f],
    [0x250, 0x2af],
    [0x2b0, 0x2ff],
    [0x300, 0x36f],
    [0x391, 0x3a1],
    [0x3a3, 0x3ce],
    [0x400, 0x52f],
    [0x561, 0x587],
    [0x5d0, 0x5ea],
    [0x620, 0x64a],
    [0x660, 0x6d3],
    [0x905, 0x939],
    [0x93c, 0x94d],
    [0xe01, 0xe3a],
    [0xe40, 0xe5b],
    [0x10a0, 0x10c5],
    [0x10d0, 0x10f6],
    [0x1100, 0x11ff],
    [0x1e00, 0x1eff],
    [0x1f00, 0x1f15],
    [0x1f80, 0x1fb4],
    [0x2010, 0x2027],
    [0x2030, 0x205e],
    [0x2070, 0x2071],
    [0x20a0, 0x20ba],
    [0x2100, 0x2189],
    [0x2190, 0x23f3],
    [0x2460, 0x24ff],
    [0x2500, 0x25ff],
    [0x2600, 0x26ff],
    [0x2701, 0x27bf],
    [0x2900, 0x2aff],
    [0x2e80, 0x2e99],
    [0x3001, 0x303f],
    [0x3041, 0x3096],
    [0x3099, 0x30ff],
    [0x3105, 0x312d],
    [0x3131, 0x318e],
    [0x3200, 0x321e],
    [0x3250, 0x32fe],
    [0x3300, 0x33ff],
    [0x3400, 0x4db5],
    [0x4e00, 0x9fcc],
    [0xa000, 0xa48c],
    [0xac00, 0xd7a3],
    [0xf900, 0xfa6d],
    [0xfb00, 0xfb06],
    [0xfb1d, 0xfb36],
    [0xfb50, 0xfbb1],
    [0xfdf0, 0xfdfd],
    [0xfe70, 0xfe74],
    [0xff01, 0xffbe],
    [0x10000, 0x1000b],
    [0x10400, 0x1049d],
    [0x1d400, 0x1d454],
    [0x1d6a8, 0x1d7cb],
    [0x1f300, 0x1f5ff],
    [0x1f600, 0x1f640],
    [0x20000, 0x2a6d6],
    [0x2a700, 0x2b734],
    [0x2f800, 0x2fa1d],
];
const BROKEN = [
    [0x80],
    [0xbf, 0xbf],
    [0xc0, 0x80],
    [0xc2],
    [0xc3, 0x28],
    [0xe2, 0x82],
    [0xe2, 0x28, 0xa1],
    [0xe0, 0x80, 0x80],
    [0xed, 0xa0, 0x80],
    [0xed, 0xb0, 0x80],
    [0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80],
    [0xf0, 0x9f],
    [0xf0, 0x9f, 0x98],
    [0xf0, 0x28, 0x8c, 0xbc],
    [0xf0, 0x80, 0x80, 0x80],
    [0xf4, 0x90, 0x80, 0x80],
    [0xf5],
    [0xfe],
    [0xff],
    [0xf8, 0x88, 0x80, 0x80, 0x80],
    [0xe1, 0xa0, 0xc0],
    [0xf1, 0x80, 0x80, 0x41],
];

const encode = (text) => [...new TextEncoder().encode(text)];

function anyCharacter() {
    const [first, last] = pick(BLOCKS);
    return String.fromCodePoint(first + random(last - first + 1));
}

const words = () => pick(SENTENCES).split(' ');

function randomCase(text) {
    return [...text].map((c) => (chance(50) ? c.toUpperCase() : c.toLowerCase())).join('');
}

/** Text with things put between its words. */
function sprinkled(things) {
    return repeat(2 + random(5), () => pick(words()) + (chance(60) ? pick(things) : ' ')).join(
        chance(50) ? '' : ' ',
    );
}

const KINDS = [
    [20, () => repeat(1 + random(2), () => pick(SENTENCES)).join(pick([' ', '  ', '\n', '']))],
    [
        10,
        () => repeat(2 + random(6), () => pick(words())).join(pick([' ', ' ', '-', ', ', ''])),
    ],
    [5, () => randomCase(pick(SENTENCES))],
    [5, () => pick(SENTENCES).normalize(pick(['NFD', 'NFC', 'NFKD', 'NFKC']))],
    [8, () => pick(CODE)],
    [7, () => sprinkled(EMOJI)],
    [6, () => sprinkled(SPACES)],
    [
        4,
        () =>
            repeat(1 + random(12), () => pick(SPACES)).join('') + pick(['', 'x', 'word', '!']),
    ],
    [5, () => sprinkled(INVISIBLE)],
    [5, () => sprinkled(CONTROL)],
    [
        5,
        () =>
            repeat(
                1 + random(8),
                () =>
                    pick([
                        'a',
                        'e',
                        'o',
                        'x',
                        'u',
                        'c',
                        '가',
                        'の',
                        'か',
                        'ב',
                        'م',
                        'ก',
                        '1',
                        ' ',
                    ]) + repeat(random(5), () => pick(MARKS)).join(''),
            ).join(''),
    ],
    [8, () => repeat(1 + random(12), anyCharacter).join('')],
    [
        3,
        () =>
            repeat(1 + random(4), () => anyCharacter() + pick(SPACES) + anyCharacter()).join(
                '',
            ),
    ],
    [7, () => sprinkled(SPECIAL)],
    [2, () => repeat(1 + random(4), () => pick(SPECIAL)).join(pick(['', ' ']))],
    [
        3,
        () =>
            repeat(1 + random(5), () => random(10 ** (1 + random(9)))).join(
                pick([' ', ',', '.', '-', 'x', '']),
            ),
    ],
];
const WEIGHT = KINDS.reduce((sum, [weight]) => sum + weight, 0);

function anyText() {
    let at = random(WEIGHT);
    for (const [weight, make] of KINDS) {
        if (at < weight) return make();
        at -= weight;
    }
    return '';
}

// Bytes put in at random may spell a character that the reference is too old for.
const known = new Set(
    [
        ...SENTENCES,
        ...CODE,
        ...EMOJI,
        ...SPACES,
        ...INVISIBLE,
        ...CONTROL,
        ...MARKS,
        ...SPECIAL,
    ].flatMap((text) =>
        ['NFC', 'NFD', 'NFKC', 'NFKD'].flatMap((form) => [...text.normalize(form)]),
    ),
);

/** Whether lines may hold the character. */
export function anyKnown(c) {
    const code = c.codePointAt(0);
    return (
        code < 0x500 ||
        known.has(c) ||
        BLOCKS.some(([first, last]) => code >= first && code <= last)
    );
}

/** Bytes of a line with parts that are no UTF-8, and bytes cut out of what was. */
function brokenLine() {
    let bytes = encode(anyText());
    for (let i = 1 + random(4); i > 0; i--) {
        const at = random(bytes.length + 1);
        if (chance(50)) bytes.splice(at, 0, ...pick(BROKEN));
        else if (chance(50)) bytes.splice(at, 1);
        else bytes.splice(at, 0, random(256));
    }
    bytes = bytes.slice(0, 300);
    return [...readLine(bytes)].every(anyKnown) ? bytes : brokenLine();
}

function longLine(index) {
    const kinds = [
        () => 'a'.repeat(100),
        () => 'a'.repeat(101),
        () => 'é'.repeat(100),
        () => 'ab'.repeat(300),
        () => ' '.repeat(400),
        () => 'Donaudampfschifffahrtsgesellschaft'.repeat(20),
        () => '漢字'.repeat(150),
        () => '\n'.repeat(200),
        () => '!?'.repeat(120),
        () => '👨‍👩‍👧‍👦'.repeat(25),
        () => 'e' + '\u0301\u0323'.repeat(60),
        () => '1234567890'.repeat(40),
        () => 'antidisestablishmentarianism'.repeat(3),
        () => ' a'.repeat(200),
        () => '\u200b'.repeat(90) + 'x',
        () => '=-'.repeat(200),
        () => 'ж'.repeat(260),
        () => 'ก'.repeat(150),
    ];
    return encode(kinds[index % kinds.length]());
}

/** The lines as arrays of bytes. The first ones are the plainest. */
export function makeLines() {
    const lines = ['', ' ', 'a', ...SENTENCES, ...CODE].map(encode);
    for (let i = 0; i < 36; i++) lines.push(longLine(i));
    while (lines.length < LINE_COUNT) {
        const bytes = chance(7) ? brokenLine() : encode(anyText());
        lines.push(bytes.length > 400 ? encode(anyText().slice(0, 60).toWellFormed()) : bytes);
    }
    return lines;
}

/** A line as text of one line: control characters, backslashes and broken bytes as \xNN. */
export function escapeLine(bytes) {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    let out = '';
    for (let at = 0; at < bytes.length;) {
        let length = bytes[at] < 0x80 ? 1 : bytes[at] < 0xe0 ? 2 : bytes[at] < 0xf0 ? 3 : 4;
        let shown = null;
        try {
            shown = text.decode(Uint8Array.from(bytes.slice(at, at + length)));
        } catch {
            length = 1;
        }
        if (
            shown === null ||
            [...shown].length !== 1 ||
            shown === '\\' ||
            (/[\p{C}\p{Z}\p{M}]/u.test(shown) && shown !== ' ')
        ) {
            out += bytes
                .slice(at, at + length)
                .map((b) => '\\x' + b.toString(16).padStart(2, '0'))
                .join('');
        } else {
            out += shown;
        }
        at += length;
    }
    return out;
}

/** What the bytes read as: each part that is no UTF-8 as U+FFFD. */
export function readLine(bytes) {
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(bytes));
}
