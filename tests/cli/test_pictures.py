#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# test_pictures - `pumice classify`, `detect` and `similarity` on pictures: small models whose
# answers are computed here, the folders of tests/data/arch, and what is said of wrong words and
# files.
#
#   test_pictures.py PROGRAM SOURCE_FOLDER

"""Tests of the commands about pictures."""

import json
import math
import os
import struct

from cli_fixture import (FLOAT, SOURCE, UINT8, USER, CliTest, constant, floats, int_attr,
                         main, model, node, npy, png, png_of, port, read_npy)

FOLDERS = os.path.join(SOURCE, "tests", "data", "arch")


def pattern(width, height):
    return bytes((x * 7 + y * 13 + c * 50) % 256 for y in range(height) for x in range(width)
                 for c in range(3))


def planes(width, height, pixels, mean, std):
    """The picture as [1, 3, height, width], normalised."""
    return floats(*((pixels[i * 3 + c] / 255 - mean[c]) / std[c] for c in range(3)
                    for i in range(width * height)))


def softmax(values):
    total = sum(math.exp(v - max(values)) for v in values)
    return [math.exp(v - max(values)) / total for v in values]


def means_model(size, dtype=FLOAT, last=False):
    """A classifier whose scores are the means of the three colours."""
    dims = [1, size, size, 3] if last else [1, 3, size, size]
    start, name = [], "x"
    if dtype != FLOAT:
        start, name = [node("Cast", ["x"], ["f"], int_attr("to", FLOAT))], "f"
    if last:
        start.append(node("Transpose", [name], ["t"],
                          b"\x0a\x04perm\x40\x00\x40\x03\x40\x01\x40\x02\xa0\x01\x07"))
        name = "t"
    return model([*start, node("GlobalAveragePool", [name], ["y"])],
                 [port("x", dtype, dims)], [port("y", FLOAT, [1, 3, 1, 1])])


def rows_model(rows, size=64, shape=None):
    """A detector that gives these rows; the picture's mean is added to the first row's fifth."""
    width = len(rows[0])
    scale = [0.0] * (len(rows) * width)
    scale[4] = 1.0
    shape = shape or [1, len(rows), width]
    return model([node("GlobalAveragePool", ["images"], ["colours"]),
                  node("ReduceMean", ["colours"], ["mean"], int_attr("keepdims", 0)),
                  node("Mul", ["scale", "mean"], ["m"]), node("Add", ["rows", "m"], ["out"])],
                 [port("images", FLOAT, [1, 3, size, size])], [port("out", FLOAT, shape)],
                 constants=[constant("rows", shape, [v for row in rows for v in row]),
                            constant("scale", shape, scale)])


class Classify(CliTest):
    """pumice classify"""

    def classes(self, *args):
        told = json.loads(self.works("classify", *args, "--json").out)
        return told["results"][0]["classes"]

    def test_colours(self):
        self.write("m.onnx", means_model(8))
        self.write("red.png", png(20, 30, (255, 51, 0)))
        self.write("labels", b"red\ngreen\n")
        got = self.classes(self.path("m.onnx"), self.path("red.png"), "--mean", "0", "--std", "1",
                           "--labels", self.path("labels"))
        self.assertEqual([c["class"] for c in got], [0, 1, 2])
        self.assertEqual([c["label"] for c in got], ["red", "green", None])
        for entry, want in zip(got, softmax([1, 0.2, 0])):
            self.assertAlmostEqual(entry["score"], want, places=5)
        text = self.works("classify", self.path("m.onnx"), self.path("red.png"), "--mean", "0",
                          "--std", "1", "--top", "2", "--scores", "raw").out
        self.assertEqual(text.split(), ["1.0000", "class", "0", "0.2000", "class", "1"])

    def test_defaults_are_imagenets(self):
        self.write("m.onnx", means_model(8))
        self.write("grey.png", png(9, 9, (100, 100, 100)))
        got = self.classes(self.path("m.onnx"), self.path("grey.png"), "--scores", "raw")
        want = sorted(((100 / 255 - m) / s for m, s in
                       zip((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))), reverse=True)
        for entry, value in zip(got, want):
            self.assertAlmostEqual(entry["score"], value, places=4)

    def test_bytes_and_channels_last(self):
        self.write("m.onnx", means_model(4, dtype=UINT8, last=True))
        self.write("p.png", png(4, 4, (10, 200, 30)))
        got = self.classes(self.path("m.onnx"), self.path("p.png"), "--scores", "raw")
        self.assertEqual([(c["class"], c["score"]) for c in got], [(1, 200), (2, 30), (0, 10)])

    def test_probabilities_stay(self):
        """An output that sums to 1 is not pressed through a second softmax."""
        self.write("m.onnx", means_model(4))
        self.write("p.png", png(4, 4, (51, 51, 153)))
        got = self.classes(self.path("m.onnx"), self.path("p.png"), "--mean", "0", "--std", "1")
        self.assertAlmostEqual(got[0]["score"], 0.6, places=5)
        got = self.classes(self.path("m.onnx"), self.path("p.png"), "--mean", "0", "--std", "1",
                           "--scores", "sigmoid")
        self.assertAlmostEqual(got[0]["score"], 1 / (1 + math.exp(-0.6)), places=5)

    def test_folder(self):
        """ViT's folder: the same as `run` on the picture normalised here."""
        pixels = pattern(32, 24)
        self.write("p.png", png_of(32, 24, pixels))
        half = (0.5, 0.5, 0.5)
        self.write("x.npy", npy("<f4", (1, 3, 24, 32), planes(32, 24, pixels, half, half)))
        vit = os.path.join(FOLDERS, "vit")
        self.works("run", vit, "--input", self.path("x.npy"), "--output", self.path("out"))
        want = softmax(read_npy(self.read("out/logits.npy"))[1])
        names = ["tench", "tabby cat", "teapot", "volcano"]
        got = self.classes(vit, self.path("p.png"))
        self.assertEqual(len(got), 4)
        for entry in got:
            self.assertEqual(entry["label"], names[entry["class"]])
            self.assertAlmostEqual(entry["score"], want[entry["class"]], places=5)
        half = self.classes(vit, self.path("p.png"), "--precision", "fp16")
        for entry in half:
            self.assertAlmostEqual(entry["score"], want[entry["class"]], delta=1e-2)
        both = self.works("classify", vit, self.path("p.png"), self.path("p.png"), "--top", "1").out
        self.assertEqual(both.count("== " + self.path("p.png") + " =="), 2)

    def test_wrong(self):
        vit = os.path.join(FOLDERS, "vit")
        self.write("m.onnx", means_model(8))
        self.write("p.png", png(4, 4, (1, 2, 3)))
        model_path, picture = self.path("m.onnx"), self.path("p.png")
        self.fails(USER, "classify", model_path, says="give a model, and a picture")
        self.fails(USER, "classify", vit, self.path("none.png"), says="none.png")
        self.fails(USER, "classify", vit, picture, "--size", "9", says=("32 x 24", "9 x 9"))
        self.fails(USER, "classify", model_path, picture, "--size", "0", says="--size 0")
        self.fails(USER, "classify", model_path, picture, "--size", "8x", says="--size 8x")
        self.fails(USER, "classify", model_path, picture, "--mean", "1,2", says="--mean 1,2")
        self.fails(USER, "classify", model_path, picture, "--std", "0", says="--std 0")
        self.fails(USER, "classify", model_path, picture, "--std", "a", says="--std a")
        self.fails(USER, "classify", model_path, picture, "--fit", "best", says="--fit best")
        self.fails(USER, "classify", model_path, picture, "--resample", "sinc", says="sinc")
        self.fails(USER, "classify", model_path, picture, "--scores", "log", says="--scores log")
        self.fails(USER, "classify", model_path, picture, "--labels", self.path("x"), says="x")
        self.fails(USER, "classify", vit, picture, "--precision", "int8", says="int8")
        self.fails(USER, "classify", os.path.join(FOLDERS, "bert"), "a", says="no classifier")
        two = model([node("Add", ["a", "b"], ["y"])],
                    [port("a", FLOAT, [1, 3, 2, 2]), port("b", FLOAT, [1, 3, 2, 2])],
                    [port("y", FLOAT, [1, 3, 2, 2])])
        self.fails(USER, "classify", self.write("two.onnx", two), picture, says="one input")

    def test_huge_picture(self):
        """A header that says 100,000 x 100,000."""
        self.write("huge.png", png_of(100000, 100000, b""))
        for command in ("classify", "detect"):
            self.fails(USER, command, self.write("m.onnx", means_model(8)), self.path("huge.png"),
                       says=("huge.png", "100000"))


class Detect(CliTest):
    """pumice detect"""

    def objects(self, *args):
        return json.loads(self.works("detect", *args, "--json").out)["images"][0]["objects"]

    def test_letterbox(self):
        """640 x 320 in 64 x 64: a tenth, 16 rows down; the picture's mean tells the grey around."""
        rows = [[10, 20, 30, 40, 0, 2], [0, 0, 5, 12, 0.9, 1], [40, 20, 60, 40, 0.8, 0]]
        self.write("m.onnx", rows_model(rows))
        self.write("p.png", png(640, 320, (255, 255, 255)))
        self.write("labels", b"cat\ndog\nbird")
        got = self.objects(self.path("m.onnx"), self.path("p.png"), "--labels",
                           self.path("labels"))
        self.assertEqual([o["label"] for o in got], ["cat", "bird"]) # the dog is in the grey
        self.assertAlmostEqual(got[1]["score"], (1 + 114 / 255) / 2, places=4)
        for value, want in zip(got[1]["box"], (100, 40, 300, 240)):
            self.assertAlmostEqual(value, want, places=2)
        told = json.loads(self.works("detect", self.path("m.onnx"), self.path("p.png"),
                                     "--json").out)["images"][0]
        self.assertEqual((told["width"], told["height"]), (640, 320))
        text = self.works("detect", self.path("m.onnx"), self.path("p.png")).out
        self.assertIn("class 2", text)

    def test_stretch(self):
        self.write("m.onnx", rows_model([[10, 20, 30, 40, 0, 2], [0, 0, 0, 0, 0, 0]]))
        self.write("p.png", png(640, 320, (255, 255, 255)))
        got = self.objects(self.path("m.onnx"), self.path("p.png"), "--fit", "stretch")
        self.assertEqual(len(got), 1)
        self.assertAlmostEqual(got[0]["score"], 1, places=5)
        for value, want in zip(got[0]["box"], (100, 100, 300, 200)):
            self.assertAlmostEqual(value, want, places=2)

    def test_yolo_options(self):
        rows = [[0.0] * 8 for _ in range(30)]
        rows[1] = [32, 32, 20, 20, 0.9, 0.1, 0.8, 0.1]
        rows[2] = [33, 32, 20, 20, 0.9, 0.1, 0.7, 0.1]
        rows[3] = [32, 32, 20, 20, 0.9, 0.6, 0.1, 0.1]
        self.write("m.onnx", rows_model(rows))
        self.write("p.png", png(64, 64, (0, 0, 0)))
        args = self.path("m.onnx"), self.path("p.png")
        got = self.objects(*args)
        self.assertEqual([(o["class"], round(o["score"], 3)) for o in got], [(1, 0.72), (0, 0.54)])
        self.assertEqual(len(self.objects(*args, "--overlap", "1")), 3)
        self.assertEqual(len(self.objects(*args, "--across")), 1)
        self.assertEqual(len(self.objects(*args, "--score", "0.7")), 1)
        self.assertEqual(len(self.objects(*args, "--most", "1")), 1)
        self.assertIn("nothing found", self.works("detect", *args, "--score", "0.99").out)
        eight = self.objects(*args, "--layout", "yolov8", "--across")
        self.assertEqual(eight[0]["class"], 0)
        self.assertIn("yolov5", self.works("detect", *args, "--verbose").err)

    def test_draw(self):
        self.write("m.onnx", rows_model([[10, 10, 50, 50, 0.5, 3], [0, 0, 0, 0, 0, 0]]))
        self.write("p.png", png(64, 64, (0, 0, 0)))
        self.works("detect", self.path("m.onnx"), self.path("p.png"), "--draw",
                   self.path("out.png"))
        self.assertEqual(self.read("out.png")[:4], b"\x89PNG")
        self.assertGreater(len(self.read("out.png")), len(self.read("p.png")))
        self.works("detect", self.path("m.onnx"), self.path("p.png"), self.path("p.png"), "--draw",
                   self.path("out.png"))
        self.assertTrue(os.path.exists(self.path("out-1.png")))
        self.assertTrue(os.path.exists(self.path("out-2.png")))

    def test_wrong(self):
        self.write("m.onnx", means_model(8))
        self.write("p.png", png(64, 64, (0, 0, 0)))
        args = "detect", self.path("m.onnx"), self.path("p.png")
        self.fails(USER, *args, says=("none that a known detector", "'y' float32 [1, 3, 1, 1]"))
        self.fails(USER, *args, "--score", "2", says="--score 2")
        self.fails(USER, *args, "--overlap", "x", says="--overlap x")
        self.fails(USER, *args, "--layout", "yolo", says="--layout yolo")
        self.fails(USER, "detect", self.path("m.onnx"), says="give a model and a picture")
        self.fails(USER, "detect", os.path.join(FOLDERS, "bert"), self.path("p.png"),
                   says="one input")


class Similarity(CliTest):
    """pumice similarity"""

    def test_clip(self):
        """The same as `run` on the picture and the tokens written down here."""
        clip = os.path.join(FOLDERS, "clip")
        pixels = pattern(16, 16)
        self.write("p.png", png_of(16, 16, pixels))
        self.write("q.png", png(40, 20, (200, 100, 0)))
        mean = (0.48145466, 0.4578275, 0.40821073)
        std = (0.26862954, 0.26130258, 0.27577711)
        self.write("x.npy", npy("<f4", (1, 3, 16, 16), planes(16, 16, pixels, mean, std)))
        with open(os.path.join(clip, "vocab.json"), encoding="utf-8") as stream:
            vocab = json.load(stream)
        words = [["<|startoftext|>", "a</w>", "cat</w>", "<|endoftext|>", "<|endoftext|>"],
                 ["<|startoftext|>", "a</w>", "red</w>", "dog</w>", "<|endoftext|>"]]
        ids = [vocab[word] for row in words for word in row]
        mask = [1, 1, 1, 1, 0, 1, 1, 1, 1, 1]
        self.write("ids.npy", npy("<i8", (2, 5), struct.pack("<10q", *ids)))
        self.write("mask.npy", npy("<i8", (2, 5), struct.pack("<10q", *mask)))
        self.works("run", clip, "--input", "pixel_values=" + self.path("x.npy"), "--input",
                   "input_ids=" + self.path("ids.npy"), "--input",
                   "attention_mask=" + self.path("mask.npy"), "--output", self.path("out"))
        shape, logits = read_npy(self.read("out/logits_per_image.npy"))
        self.assertEqual(shape, (1, 2))
        args = ("similarity", clip, self.path("p.png"), self.path("q.png"), "--text", "a cat",
                "--text", "a red dog")
        told = json.loads(self.works(*args, "--json").out)["images"]
        self.assertEqual([t["text"] for t in told[0]["texts"]], ["a cat", "a red dog"])
        for entry, logit, share in zip(told[0]["texts"], logits, softmax(logits)):
            self.assertAlmostEqual(entry["logit"], logit, places=4)
            self.assertAlmostEqual(entry["probability"], share, places=5)
        for image in told:
            self.assertAlmostEqual(sum(t["probability"] for t in image["texts"]), 1, places=5)
        many = json.loads(self.works("similarity", clip, *[self.path("p.png"),
                                                           self.path("q.png")] * 10, "--text",
                                     "a cat", "--text", "a red dog", "--json").out)["images"]
        self.assertEqual(len(many), 20)
        for index, image in enumerate(many):
            for entry, want in zip(image["texts"], told[index % 2]["texts"]):
                self.assertAlmostEqual(entry["logit"], want["logit"], places=4)
        text = self.works(*args).out
        self.assertIn("probability", text)
        self.assertIn("a red dog", text)

    def test_wrong(self):
        clip = os.path.join(FOLDERS, "clip")
        self.write("p.png", png(4, 4, (0, 0, 0)))
        self.fails(USER, "similarity", clip, self.path("p.png"), says="--text")
        self.fails(USER, "similarity", clip, "--text", "a", says="a picture")
        self.fails(USER, "similarity", os.path.join(FOLDERS, "bert"), self.path("p.png"), "--text",
                   "a", says="no CLIP model")
        self.fails(USER, "similarity", clip, self.path("none.png"), "--text", "a", says="none.png")
        self.fails(USER, "similarity", clip, self.path("p.png"), "--text", "a", "--tokenizer",
                   self.path("none"), says="none")
        self.fails(USER, "similarity", clip, self.path("p.png"), "--text", "a", "--tokenizer",
                   os.path.join(FOLDERS, "gpt2"), "--size", "20x20", says="16 x 16")


if __name__ == "__main__":
    main()
