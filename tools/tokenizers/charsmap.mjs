// SPDX-License-Identifier: MIT
//
// charsmap.mjs - a compiled map as SentencePiece's normalizers have it (nmt_nfkc and its like): the
// size of a trie, the trie as a double array of Darts, the texts. Made here for a part of Unicode,
// because no package brings a real one.

import { anyKnown } from './lines.mjs';

/** The double array: unit 0 is the root; a node's children lie at its base ^ their byte. */
class DoubleArray {
    constructor() {
        this.units = new Map([[0, 0]]);
        this.bases = new Set();
        this.next = 1;
    }

    /** The first base that no other node has and whose places for these labels are free. */
    findBase(labels) {
        while (this.bases.has(this.next)) this.next++;
        for (let base = this.next; ; base++) {
            if (!this.bases.has(base) && labels.every((l) => !this.units.has(base ^ l))) {
                return base;
            }
        }
    }

    place(node, position) {
        const labels = [...node.children.keys()];
        if (node.value !== undefined) labels.unshift(0);
        const base = this.findBase(labels);
        const distance = (base ^ position) >>> 0;
        if (distance >= 1 << 21) throw new Error('the trie is too large');
        this.bases.add(base);
        const leaf = node.value === undefined ? 0 : 1 << 8;
        this.units.set(position, (this.units.get(position) | leaf | (distance << 10)) >>> 0);
        for (const label of labels) this.units.set(base ^ label, label);
        if (node.value !== undefined) this.units.set(base, (node.value | (1 << 31)) >>> 0);
        for (const [label, child] of node.children) this.place(child, base ^ label);
    }

    bytes() {
        const size = Math.max(...this.units.keys()) + 256;
        const buffer = Buffer.alloc(size * 4, 0xff); // a label that no byte has
        for (const [at, unit] of this.units) buffer.writeUInt32LE(unit, at * 4);
        return buffer;
    }
}

function insert(root, key, value) {
    let node = root;
    for (const byte of new TextEncoder().encode(key)) {
        if (!node.children.has(byte)) node.children.set(byte, { children: new Map() });
        node = node.children.get(byte);
    }
    node.value = value;
}

/** What is mapped: compatibility forms, letters with a mark, controls to nothing, spaces. */
function mappings() {
    const map = new Map();
    for (let code = 1; code < 0x10000; code++) {
        const c = String.fromCodePoint(code);
        if ((code >= 0xd800 && code < 0xe000) || !anyKnown(c)) continue;
        const form = c.normalize('NFKC');
        if (form !== c && code % 3 !== 0) map.set(c, form);
        const whole = c.normalize('NFD');
        if (whole.length > 1 && code < 0x600) map.set(whole, c);
    }
    for (let code = 1; code < 0x20; code++) map.set(String.fromCodePoint(code), '');
    for (const c of ['\t', '\n', '\r', '\u00a0', '\u3000', '\u200b', '\ufeff']) map.set(c, ' ');
    for (const c of ['\u007f', '\u008f', '\u009f', '\u00ad']) map.set(c, '');
    return map;
}

/** The map as base64. */
export function makeCharsmap() {
    const root = { children: new Map() };
    const places = new Map();
    let texts = '';
    for (const [key, text] of mappings()) {
        if (!places.has(text)) {
            places.set(text, Buffer.byteLength(texts));
            texts += text + '\0';
        }
        insert(root, key, places.get(text));
    }
    const array = new DoubleArray();
    array.place(root, 0);
    const trie = array.bytes();
    const size = Buffer.alloc(4);
    size.writeUInt32LE(trie.length);
    return Buffer.concat([size, trie, Buffer.from(texts)]).toString('base64');
}
