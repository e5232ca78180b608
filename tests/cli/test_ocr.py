#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# test_ocr - `pumice ocr` reads the sample and the rendered pictures exactly, and refuses broken
# ones. Without the models (tools/fetch_models) it is skipped.
#
#   test_ocr.py PROGRAM SOURCE_FOLDER

"""Tests of reading text."""

import glob
import json
import os
import sys

from cli_fixture import MODELS, SOURCE, USER, CliTest, main, png

PICTURES = os.path.join(SOURCE, "tests/data/pictures")
SAMPLE = os.path.join(SOURCE, "docs/sample.png")


def expected(path):
    with open(os.path.splitext(path)[0] + ".txt", encoding="utf-8") as stream:
        return stream.read()


class Ocr(CliTest):
    """Whole pictures through the three networks."""

    def test_pictures(self):
        paths = [SAMPLE] + sorted(p for kind in ("png", "jpg")
                                  for p in glob.glob("%s/*.%s" % (PICTURES, kind)))
        self.assertGreater(len(paths), 10)
        told = json.loads(self.works("ocr", *paths, "--json", "--models", MODELS).out)
        self.assertEqual(len(told["images"]), len(paths))
        for path, image in zip(paths, told["images"]):
            rows = {}
            for line in image["lines"]:
                rows.setdefault(line["row"], []).append(line["text"])
                self.assertGreater(line["score"], 0.5)
                self.assertEqual(len(line["box"]), 4)
                for x, y in line["box"]:
                    self.assertTrue(0 <= x < image["width"] and 0 <= y < image["height"])
            text = "".join(" ".join(words) + "\n" for words in rows.values())
            with self.subTest(picture=os.path.basename(path)):
                self.assertEqual(text, expected(path))
        angles = {os.path.basename(i["image"]): {line["angle"] for line in i["lines"]}
                  for i in told["images"]}
        self.assertEqual(angles["upside_down.png"], {180})
        self.assertEqual(angles["sideways.png"], {90})
        self.assertEqual(angles["serif.png"], {0})

    def test_text_and_drawing(self):
        tiny = os.path.join(PICTURES, "tiny.png")
        done = self.works("ocr", tiny, "--models", MODELS, "--time", "--draw", self.path("d.png"))
        self.assertEqual(done.out, "EXIT\n")
        self.assertIn(" ms on ", done.err)
        self.assertEqual(self.read("d.png")[:4], b"\x89PNG")
        blank = self.write("blank.png", png(20, 10, (255, 255, 255)))
        self.assertEqual(self.works("ocr", blank, env={"PUMICE_OCR_MODELS": MODELS}).out, "")
        two = self.works("ocr", tiny, blank, "--models", MODELS, "--draw", self.path("e.png")).out
        self.assertEqual(two, "== %s ==\nEXIT\n\n== %s ==\n" % (tiny, blank))
        self.assertTrue(os.path.exists(self.path("e-1.png")))
        self.assertTrue(os.path.exists(self.path("e-2.png")))

    def test_sizes(self):
        """The smallest pictures and the thinnest ones are read, as nothing."""
        for width, height in ((1, 1), (1, 300), (300, 1), (2, 2)):
            path = self.write("p.png", png(width, height, (200, 10, 10)))
            self.assertEqual(self.works("ocr", path, "--models", MODELS).out, "")

    def test_errors(self):
        models = ("--models", MODELS)
        self.fails(USER, "ocr", "/nonexistent.png", *models, says="/nonexistent.png")
        with open(SAMPLE, "rb") as stream:
            sample = stream.read()
        for data in (b"", b"text", sample[:3000], sample[:-30], b"GIF89a" + bytes(50)):
            path = self.write("bad.png", data)
            self.fails(USER, "ocr", path, *models, says=path)
        self.fails(USER, "ocr", SAMPLE, "--models", self.folder.name, says="fetch_models")
        tiny = os.path.join(PICTURES, "tiny.png")
        result = self.pumice("ocr", tiny, *models, "--draw", "/nonexistent/d.png")
        self.assertEqual(result.code, USER)
        self.assertIn("/nonexistent/d.png", result.err)
        # Files that are there but are others.
        for name in os.listdir(MODELS):
            os.symlink(os.path.join(MODELS, name), self.path(name))
        keys = self.path("ppocr_keys_v1.txt")
        os.unlink(keys)
        self.write("ppocr_keys_v1.txt", b"a\nb\n")
        self.fails(USER, "ocr", tiny, "--models", self.folder.name, says="belong together")


if __name__ == "__main__":
    if not os.path.exists(os.path.join(MODELS, "ch_PP-OCRv4_det_infer.onnx")):
        print("skipped: no OCR models in %s; tools/fetch_models gets them" % MODELS)
        sys.exit(77)
    main()
