#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# test_vad_command - `pumice vad` from outside: table and JSON, options, rates and channels, files
# that are broken. Without the models (tools/fetch_models) it is skipped.
#
#   test_vad_command.py PROGRAM SOURCE_FOLDER

"""Tests of finding speech."""

import array
import io
import json
import math
import os
import random
import sys
import wave

from cli_fixture import CACHE, MODELS as OCR_MODELS, SOURCE, USER, CliTest, main

VAD_MODELS = os.environ.get("PUMICE_VAD_MODELS", os.path.join(CACHE, "models/silero-vad-0.0.31"))
DATA = os.path.join(SOURCE, "tests/data/vad")
SPEECH = os.path.join(DATA, "speech.wav")


def wav(rate, channels, samples):
    """A 16-bit WAV file of one list of samples for all channels."""
    stream = io.BytesIO()
    with wave.open(stream, "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(array.array("h", [s for s in samples for _ in range(channels)]).tobytes())
    return stream.getvalue()


class Vad(CliTest):
    """The command on speech and on what is none."""

    def vad(self, *args):
        return self.works("vad", *args)

    def test_json_and_table(self):
        told = json.loads(self.vad(SPEECH, "--json", "--probabilities", "--model", "v5").out)
        self.assertEqual((told["sample_rate"], told["channels"], told["seconds"]), (16000, 1, 60))
        self.assertEqual(told["step"], 0.032)
        with open(os.path.join(DATA, "v5.txt"), encoding="ascii") as stream:
            lines = stream.read().split("\n")
        golden = [float(line) for line in lines[3:3 + 1875]]
        self.assertEqual(len(told["probabilities"]), len(golden))
        for mine, theirs in zip(told["probabilities"], golden):
            self.assertAlmostEqual(mine, theirs, delta=1e-3)
        table = self.vad(SPEECH, "--model", "v5", "--time")
        self.assertIn("times real time", table.err)
        rows = [[float(word) for word in line.split()] for line in table.out.splitlines()[1:]]
        self.assertEqual(len(rows), len(told["segments"]))
        for row, segment in zip(rows, told["segments"]):
            self.assertAlmostEqual(row[0], segment["start"], delta=6e-4)
            self.assertAlmostEqual(row[1], segment["end"], delta=6e-4)
            self.assertAlmostEqual(row[2], row[1] - row[0], delta=2e-3)
        self.assertNotIn("probabilities", json.loads(self.vad(SPEECH, "--json").out))

    def test_options(self):
        def count(*args):
            return len(json.loads(self.vad(SPEECH, "--json", "--model", "v5", *args).out)
                       ["segments"])
        plain = count()
        self.assertGreater(plain, 10)
        self.assertLess(count("--min-silence-ms", "1000"), plain)
        self.assertLess(count("--min-speech-ms", "1000"), plain)
        self.assertEqual(count("--threshold", "1"), 0)
        self.assertEqual(self.vad(SPEECH, "--threshold", "1").out, "no speech\n")
        self.assertEqual(count("--steps", "16", "--pad-ms", "0"), plain)

    def test_rates_and_channels(self):
        """No rate and no number of channels is refused, and noise is no speech."""
        source = random.Random(1)
        for rate, channels in ((8000, 1), (11025, 2), (44100, 2), (48000, 6), (192000, 1)):
            noise = [int(source.gauss(0, 300)) for _ in range(rate)]
            path = self.write("noise.wav", wav(rate, channels, noise))
            told = json.loads(self.vad(path, "--json").out)
            self.assertEqual(told["segments"], [])
            self.assertEqual((told["sample_rate"], told["channels"]), (rate, channels))
            self.assertAlmostEqual(told["seconds"], 1, delta=1e-3)
        one = self.write("one.wav", wav(16000, 1, [5]))
        self.assertEqual(self.vad(one).out, "no speech\n")
        for model in ("v5", "v6", "legacy"):
            told = json.loads(self.vad(os.path.join(DATA, "speech_8k.wav"), "--json", "--model",
                                       model).out)
            self.assertGreater(len(told["segments"]), 2)

    def test_errors(self):
        self.fails(USER, "vad", says="give one sound file")
        self.fails(USER, "vad", SPEECH, SPEECH, says="give one sound file")
        self.fails(USER, "vad", "/nonexistent.wav", says="/nonexistent.wav")
        self.fails(USER, "vad", SPEECH, "--probabilities", says="--json")
        self.fails(USER, "vad", SPEECH, "--threshold", "1.5", says="from 0 to 1")
        self.fails(USER, "vad", SPEECH, "--threshold", "half", says="half")
        self.fails(USER, "vad", SPEECH, "--model", "v4", says=("v4", "fetch_models"))
        self.fails(USER, "vad", SPEECH, "--model", "/nonexistent.onnx", says="/nonexistent.onnx")
        other = os.path.join(OCR_MODELS, "ch_PP-OCRv4_det_infer.onnx")
        if os.path.exists(other):
            self.fails(USER, "vad", SPEECH, "--model", other, says="no silero VAD")
        with open(SPEECH, "rb") as stream:
            speech = stream.read()
        tone = [int(9000 * math.sin(i / 9)) for i in range(400)]
        good = wav(16000, 1, tone)
        for data in (b"", b"text", good[:30], good[:22] + b"\0\0" + good[24:],
                     good[:24] + b"\0\0\0\0" + good[28:], good[:24] + b"\xff" * 4 + good[28:],
                     wav(16000, 1, []), speech[:40]):
            path = self.write("bad.wav", data)
            self.fails(USER, "vad", path, says=path)
        empty = {"PUMICE_VAD_MODELS": self.folder.name}
        self.fails(USER, "vad", SPEECH, env=empty, says="fetch_models")


if __name__ == "__main__":
    if not os.path.exists(os.path.join(VAD_MODELS, "silero_vad_v5.onnx")):
        print("skipped: no silero VAD in %s; tools/fetch_models gets it" % VAD_MODELS)
        sys.exit(77)
    main()
