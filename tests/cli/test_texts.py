#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# test_texts - `pumice embed` and `pumice classify` on texts: the folders of tests/data/arch against
# `pumice run` on token ids written down here, an ONNX model whose answers are computed here, and
# what is said of wrong words and files.
#
#   test_texts.py PROGRAM SOURCE_FOLDER

"""Tests of the commands about texts."""

import json
import math
import os
import shutil
import struct

from cli_fixture import (FLOAT, INT64, SOURCE, USER, CliTest, constant, main, model, node, npy,
                         port, read_npy)

FOLDERS = os.path.join(SOURCE, "tests", "data", "arch")
TEXTS = ["Hello, my dog is cute", "a cat", "The RED bird walks!"]
TOKENS = ["[CLS] hello , my dog is cute [SEP]".split(), "[CLS] a cat [SEP]".split(),
          "[CLS] the red bird walk ##s ! [SEP]".split()]


def vocabulary(folder):
    with open(os.path.join(FOLDERS, folder, "vocab.txt"), encoding="utf-8") as stream:
        return {word: index for index, word in enumerate(stream.read().split("\n"))}


def padded(folder):
    """ids and mask of TEXTS, as BERT's tokenizer gives them."""
    vocab, columns = vocabulary(folder), max(map(len, TOKENS))
    ids = [[vocab[t] for t in row] + [0] * (columns - len(row)) for row in TOKENS]
    mask = [[1] * len(row) + [0] * (columns - len(row)) for row in TOKENS]
    return ids, mask


def int64s(rows):
    values = [v for row in rows for v in row]
    return npy("<i8", (len(rows), len(rows[0])), struct.pack("<%dq" % len(values), *values))


def cosine(a, b):
    return sum(x * y for x, y in zip(a, b)) / math.sqrt(sum(x * x for x in a) *
                                                        sum(y * y for y in b))


# rows of the table are told by their number
TABLE = [[math.sin(i), i / 50, 1.0, math.cos(i)] for i in range(83)]
ENCODER = model([node("Gather", ["table", "input_ids"], ["last_hidden_state"])],
                [port("input_ids", INT64, ["batch", "length"])],
                [port("last_hidden_state", FLOAT, ["batch", "length", 4])],
                constants=[constant("table", [83, 4], [v for row in TABLE for v in row])])


class Embed(CliTest):
    """pumice embed"""

    def close(self, got, want, delta=1e-5):
        self.assertEqual(len(got), len(want))
        for a, b in zip(got, want):
            self.assertAlmostEqual(a, b, delta=delta)

    def run_bert(self, folder):
        """What `pumice run` gives for the ids."""
        ids, mask = padded(folder)
        self.write("ids.npy", int64s(ids))
        self.write("mask.npy", int64s(mask))
        self.write("types.npy", int64s([[0] * len(row) for row in ids]))
        self.works("run", os.path.join(FOLDERS, folder), "--input",
                   "input_ids=" + self.path("ids.npy"), "--input",
                   "attention_mask=" + self.path("mask.npy"), "--input",
                   "token_type_ids=" + self.path("types.npy"), "--output", self.path("want"))
        return ids, mask

    def embed(self, folder, *args):
        return json.loads(self.works("embed", os.path.join(FOLDERS, folder), *TEXTS, *args,
                                     "--json").out)

    def test_bert(self):
        ids, mask = self.run_bert("bert")
        told = self.embed("bert", "--output", self.path("out"), "--pooling", "cls")
        self.assertEqual(read_npy(self.read("out/input_ids.npy"))[1], tuple(sum(ids, [])))
        self.assertEqual(read_npy(self.read("out/attention_mask.npy"))[1], tuple(sum(mask, [])))
        shape, states = read_npy(self.read("out/last_hidden_state.npy"))
        self.assertEqual(shape, (3, 8, 32))
        want = read_npy(self.read("want/last_hidden_state.npy"))[1]
        self.close(states, want)
        self.assertEqual(told["dimension"], 32)
        self.assertEqual([t["tokens"] for t in told["texts"]], [8, 4, 8])
        for row, text in enumerate(told["texts"]):
            self.assertEqual(text["text"], TEXTS[row])
            self.close(text["embedding"], want[row * 8 * 32:row * 8 * 32 + 32])
        shape, vectors = read_npy(self.read("out/embeddings.npy"))
        self.assertEqual(shape, (3, 32))
        self.close(vectors, sum((t["embedding"] for t in told["texts"]), []))
        pooled = read_npy(self.read("want/pooler_output.npy"))[1]
        told = self.embed("bert", "--pooling", "pooler")
        for row, text in enumerate(told["texts"]):
            self.close(text["embedding"], pooled[row * 32:row * 32 + 32])

    def test_pooling_and_batches(self):
        """The mean leaves padding out; rows do not depend on how many go at once."""
        _, mask = self.run_bert("bert")
        states = read_npy(self.read("want/last_hidden_state.npy"))[1]
        for batch in ("1", "2", "16"):
            told = self.embed("bert", "--batch", batch)
            for row, text in enumerate(told["texts"]):
                tokens = [states[(row * 8 + i) * 32:(row * 8 + i) * 32 + 32]
                          for i in range(8) if mask[row][i]]
                self.close(text["embedding"], [sum(c) / len(tokens) for c in zip(*tokens)], 1e-4)
        vectors = [t["embedding"] for t in told["texts"]]
        for row, line in enumerate(told["similarity"]):
            self.close(line, [cosine(vectors[row], other) for other in vectors], 1e-4)
        alone = json.loads(self.works("embed", os.path.join(FOLDERS, "bert"), TEXTS[1],
                                      "--json").out)
        self.close(alone["texts"][0]["embedding"], vectors[1], 1e-4)

    def test_sentence_folder(self):
        """modules.json: mean, normalised, at most 16 tokens."""
        told = self.embed("minilm")
        self.assertEqual((told["pooling"], told["normalized"]), ("mean", True))
        for text in told["texts"]:
            self.assertAlmostEqual(sum(x * x for x in text["embedding"]), 1, places=5)
        result = self.works("embed", os.path.join(FOLDERS, "minilm"), "a " * 40, "--json")
        self.assertEqual(json.loads(result.out)["texts"][0]["tokens"], 16)
        self.assertIn("more than 16 tokens", result.err)
        text = self.works("embed", os.path.join(FOLDERS, "minilm"), *TEXTS).out
        self.assertIn("3 texts, 32 dimensions, mean, normalised", text)
        self.assertIn("similarity", text)

    def test_half_weights(self):
        told, half = self.embed("bert_f16", "--precision", "fp32"), self.embed("bert_f16")
        for a, b in zip(told["texts"], half["texts"]):
            self.close(a["embedding"], b["embedding"], 5e-3)

    def test_onnx(self):
        self.write("model.onnx", ENCODER)
        for name in ("vocab.txt", "tokenizer_config.json"):
            shutil.copy(os.path.join(FOLDERS, "bert", name), self.path(name))
        ids, _ = padded("bert")
        for batch in ("1", "2", "16"):
            told = json.loads(self.works("embed", self.path("model.onnx"), *TEXTS, "--json",
                                         "--batch", batch).out)
            for row, text in enumerate(told["texts"]):
                rows = [TABLE[i] for i in ids[row][:len(TOKENS[row])]]
                self.close(text["embedding"], [sum(c) / len(rows) for c in zip(*rows)])
        told = json.loads(self.works("embed", self.path("model.onnx"), *TEXTS, "--json",
                                     "--pooling", "max", "--normalize").out)
        for row, text in enumerate(told["texts"]):
            most = [max(c) for c in zip(*(TABLE[i] for i in ids[row][:len(TOKENS[row])]))]
            length = math.sqrt(sum(x * x for x in most))
            self.close(text["embedding"], [x / length for x in most])
        # files in onnx/ belong to the folder above
        os.mkdir(self.path("onnx"))
        os.rename(self.path("model.onnx"), self.path("onnx/model.onnx"))
        self.works("embed", self.path("onnx/model.onnx"), "a cat")
        os.rename(self.path("onnx/model.onnx"), self.path("model.onnx"))
        os.remove(self.path("vocab.txt"))
        self.fails(USER, "embed", self.path("model.onnx"), "a", says="--tokenizer")
        self.works("embed", self.path("model.onnx"), "a", "--tokenizer",
                   os.path.join(FOLDERS, "bert"))

    def test_file_of_texts(self):
        self.write("lines", ("\n".join(TEXTS) + "\r\n\n").encode())
        bert = os.path.join(FOLDERS, "bert")
        told = json.loads(self.works("embed", bert, "--file", self.path("lines"), "--json").out)
        self.assertEqual([t["text"] for t in told["texts"]], TEXTS)
        told = json.loads(self.works("embed", bert, "first", "--file", self.path("lines"),
                                     "--json").out)
        self.assertEqual(len(told["texts"]), 4)
        self.write("many", b"a cat\n" * 700)
        told = json.loads(self.works("embed", bert, "--file", self.path("many"), "--batch", "100",
                                     "--json").out)
        self.assertEqual(len(told["texts"]), 700)

    def test_other_folders(self):
        told = json.loads(self.works("embed", os.path.join(FOLDERS, "clip"), "a cat",
                                     "--json").out)
        self.assertEqual((told["dimension"], told["pooling"]), (16, "text_embeds"))
        told = json.loads(self.works("embed", os.path.join(FOLDERS, "gpt2"), "hello cat",
                                     "a", "--json").out)
        self.assertEqual(told["dimension"], 32)
        told = json.loads(self.works("embed", os.path.join(FOLDERS, "distilbert_bf16"), "a",
                                     "--json").out)
        self.assertEqual(told["dimension"], 32)

    def test_wrong(self):
        bert = os.path.join(FOLDERS, "bert")
        self.fails(USER, "embed", says="give a model and texts")
        self.fails(USER, "embed", bert, says="give a text")
        self.fails(USER, "embed", bert, "a", "--pooling", "sum", says="--pooling sum")
        self.fails(USER, "embed", bert, "a", "--precision", "fp8", says="--precision fp8")
        self.fails(USER, "embed", bert, "a", "--file", self.path("x"), says="x")
        self.fails(USER, "embed", bert, "a", "--max-length", "1", says="1")
        self.fails(USER, "embed", os.path.join(FOLDERS, "vit"), "a", says="takes no text")
        self.fails(USER, "embed", os.path.join(FOLDERS, "distilbert_bf16"), "a", "--pooling",
                   "pooler", says="no pooler")
        self.fails(USER, "embed", bert, "zebra hello", "--tokenizer",
                   os.path.join(FOLDERS, "gpt2"), says="not this model's")
        self.fails(USER, "embed", self.path("none"), "a", says="none")
        os.mkdir(self.path("empty"))
        self.fails(USER, "embed", self.path("empty"), "a", says="config.json")
        config = '{"model_type": "bert", "hidden_size": 32}'
        self.write("empty/config.json", config.encode())
        self.fails(USER, "embed", self.path("empty"), "a", says="model.safetensors")
        shutil.copy(os.path.join(bert, "model.safetensors"), self.path("empty"))
        self.fails(USER, "embed", self.path("empty"), "a", says="no field 'num_hidden_layers'")
        with open(self.path("empty/model.safetensors"), "r+b") as stream:
            stream.truncate(5000)
        self.fails(USER, "embed", self.path("empty"), "a", says="copied whole")


class Classify(CliTest):
    """pumice classify on texts"""

    def test_folders(self):
        for folder, labels in (("bert_classify", ["bad", "so so", "good"]),
                               ("distilbert_bf16", ["NEGATIVE", "POSITIVE"])):
            ids, mask = padded(folder)
            self.write("ids.npy", int64s(ids))
            self.write("mask.npy", int64s(mask))
            self.write("types.npy", int64s([[0] * len(row) for row in ids]))
            inputs = ["--input", "input_ids=" + self.path("ids.npy"), "--input",
                      "attention_mask=" + self.path("mask.npy")]
            if folder == "bert_classify":
                inputs += ["--input", "token_type_ids=" + self.path("types.npy")]
            path = os.path.join(FOLDERS, folder)
            self.works("run", path, *inputs, "--output", self.path("out"))
            shape, logits = read_npy(self.read("out/logits.npy"))
            self.assertEqual(shape, (3, len(labels)))
            told = json.loads(self.works("classify", path, *TEXTS, "--json").out)["results"]
            for row, result in enumerate(told):
                self.assertEqual(result["text"], TEXTS[row])
                values = logits[row * len(labels):(row + 1) * len(labels)]
                total = sum(map(math.exp, values))
                for entry in result["classes"]:
                    self.assertEqual(entry["label"], labels[entry["class"]])
                    self.assertAlmostEqual(entry["score"],
                                           math.exp(values[entry["class"]]) / total, places=4)
            text = self.works("classify", path, TEXTS[0], "--top", "1").out
            self.assertEqual(len(text.strip().split("\n")), 1)

    def test_problem_types(self):
        shutil.copytree(os.path.join(FOLDERS, "bert_classify"), self.path("m"))
        with open(self.path("m/config.json"), encoding="utf-8") as stream:
            config = json.load(stream)
        raw = json.loads(self.works("classify", self.path("m"), "a cat", "--scores", "raw",
                                    "--json").out)["results"][0]["classes"]
        config["problem_type"] = "multi_label_classification"
        self.write("m/config.json", json.dumps(config).encode())
        got = json.loads(self.works("classify", self.path("m"), "a cat",
                                    "--json").out)["results"][0]["classes"]
        for entry, value in zip(got, raw):
            self.assertEqual(entry["class"], value["class"])
            self.assertAlmostEqual(entry["score"], 1 / (1 + math.exp(-value["score"])), places=5)


if __name__ == "__main__":
    main()
