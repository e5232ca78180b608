#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# test_tokenize - `pumice tokenize`: what it prints for texts, pairs, files and ids, and what it
# says about wrong words. Needs no device.
#
#   test_tokenize.py PROGRAM SOURCE_FOLDER

"""Tests of the command `tokenize`."""

import json
import os

from cli_fixture import SOURCE, USER, CliTest, main

DATA = os.path.join(SOURCE, "tests/data/tokenizers")
BERT = os.path.join(DATA, "bert_small")
GPT2 = os.path.join(DATA, "gpt2_small")


class Tokenize(CliTest):
    """Texts to ids and back."""

    def test_table(self):
        rows = self.works("tokenize", BERT, "The \u00e9nergy!").out.splitlines()
        self.assertEqual(rows[0].split(), ["id", "token", "type", "bytes"])
        cells = [row.split() for row in rows[1:]]
        self.assertEqual([c[2] for c in cells], ["[CLS]", "the", "energy", "!", "[SEP]"])
        self.assertEqual([c[4] for c in cells], ["-", "0..3", "4..11", "11..12", "-"])
        rows = self.works("tokenize", BERT, "the", "--pair", "of").out.splitlines()
        self.assertIn("of the pair", rows[4])

    def test_json(self):
        told = json.loads(self.works("tokenize", BERT, "\u00e9 the", "the of", "--json").out)
        self.assertEqual(len(told), 2)
        self.assertEqual(told[0]["tokens"], ["[CLS]", "e", "the", "[SEP]"])
        self.assertEqual(told[0]["bytes"], [[0, 0], [0, 2], [3, 6], [0, 0]])
        self.assertEqual(told[0]["characters"], [[0, 0], [0, 1], [2, 5], [0, 0]])
        self.assertEqual(told[0]["special"], [1, 0, 0, 1])
        self.assertFalse(told[0]["cut"])
        cut = json.loads(self.works("tokenize", BERT, "the of and", "--max-length", "4",
                                    "--json").out)
        self.assertEqual(len(cut[0]["ids"]), 4)
        self.assertTrue(cut[0]["cut"])
        plain = json.loads(self.works("tokenize", BERT, "the", "--no-special", "--json").out)
        self.assertEqual(plain[0]["tokens"], ["the"])
        pair = json.loads(self.works("tokenize", BERT, "the", "--pair", "of", "--json").out)
        self.assertEqual(pair[0]["type_ids"], [0, 0, 0, 1, 1])

    def test_ids(self):
        ids = json.loads(self.works("tokenize", GPT2, "Hello\n  \u4e2d", "--json").out)[0]["ids"]
        listed = ",".join(map(str, ids))
        self.assertEqual(self.works("tokenize", GPT2, "--ids", listed).out, "Hello\n  \u4e2d\n")
        told = json.loads(self.works("tokenize", GPT2, "--ids", listed, "--json").out)
        self.assertEqual(told, {"text": "Hello\n  \u4e2d"})
        told = self.works("tokenize", BERT, "--ids", "3 6 4").out
        self.assertTrue(told.startswith("[CLS]") and told.endswith("[SEP]\n"))
        self.assertNotIn("[", self.works("tokenize", BERT, "--ids", "3 6 4", "--no-special").out)
        self.fails(USER, "tokenize", GPT2, "--ids", "1,x", says="x")
        self.fails(USER, "tokenize", GPT2, "--ids", "9999999", says="9999999")

    def test_file(self):
        path = self.write("lines.txt", b"the\r\n\nof\xff\nlast")
        rows = self.works("tokenize", GPT2, "--file", path).out.split("\n")
        self.assertEqual(len(rows), 5)
        self.assertEqual(rows[1], "")
        told = json.loads(self.works("tokenize", GPT2, "--file", path, "--json").out)
        self.assertEqual([" ".join(map(str, r)) for r in told], rows[:4])
        one = json.loads(self.works("tokenize", GPT2, "last", "--json").out)
        self.assertEqual(told[3], one[0]["ids"])
        self.fails(USER, "tokenize", GPT2, "--file", path + ".none", says=".none")

    def test_wrong(self):
        self.fails(USER, "tokenize", says="tokenizer")
        self.fails(USER, "tokenize", BERT, says="--ids")
        self.fails(USER, "tokenize", BERT, "a", "--ids", "1", says="--ids")
        self.fails(USER, "tokenize", BERT, "a", "b", "--pair", "c", says="--pair")
        self.fails(USER, "tokenize", BERT, "a", "--max-length", "1", says="special")
        self.fails(USER, "tokenize", "/no/such", "a", says="/no/such")
        self.fails(USER, "tokenize", SOURCE, "a", says="tokenizer.json")
        config = self.write("config.json", b'{"model_type": "bert"}')
        self.fails(USER, "tokenize", config, "a", says="config.json")


if __name__ == "__main__":
    main()
