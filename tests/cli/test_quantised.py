#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# test_quantised.py - quantised models against ONNX Runtime's CPU provider, whose answers lie in
# tests/data/quantised. The operators (operators.onnx) must give the same bits; the text detector in
# int8 (tools/make_quantised_detector) the same map, and its weights take at most 0.35 of the float
# model's on the device. Skipped without NumPy; the detector without its model or python3-onnx.
#
#   tests/cli/test_quantised.py PUMICE SOURCE_DIR
#   tests/cli/test_quantised.py PUMICE SOURCE_DIR --save FOLDER   the detector and its picture, for
#                                                                 who writes its golden again

"""Hold the quantised detector against ONNX Runtime."""

import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile

try:
    import numpy as np
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

PUMICE, SOURCE = sys.argv[1:3]
DATA = os.path.join(SOURCE, "tests", "data", "quantised")
GOLDEN = os.path.join(DATA, "detector_golden.txt")
CACHE = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
SIZE = 160
# The integers are the same; behind them are two transposed convolutions in float32.
TOLERANCE = 1e-4
MOST_WEIGHTS = 0.35


def run(model, data, folder):
    """The outputs by name."""
    subprocess.run([PUMICE, "run", model, "--input", data, "--output", folder], check=True,
                   stdout=subprocess.DEVNULL)
    return {os.path.basename(name)[:-4]: np.load(name)
            for name in glob.glob(os.path.join(folder, "*.npy"))}


def check_operators():
    """Whether every output has ONNX Runtime's bits."""
    wanted = np.load(os.path.join(DATA, "operators.npz"))
    good = True
    with tempfile.TemporaryDirectory() as folder:
        data = os.path.join(folder, "in", "x.npy")
        os.mkdir(os.path.dirname(data))
        np.save(data, wanted["x"])
        got = run(os.path.join(DATA, "operators.onnx"), data, folder)
    for name in wanted.files:
        if name == "x":
            continue
        same = got[name].dtype == wanted[name].dtype and np.array_equal(got[name], wanted[name])
        if not same:
            print(f"{name}: {np.count_nonzero(got[name] != wanted[name])} of {got[name].size} "
                  "differ")
        good = good and same
    print(f"{len(wanted.files) - 1} outputs of operators: {'the same bits' if good else 'WRONG'}")
    return good


def picture():
    """Rows of dark strokes, as float32 [1, 3, SIZE, SIZE]; made of whole numbers alone."""
    dark = np.zeros((SIZE, SIZE), bool)
    for stroke in range(150):
        x, y = stroke * 37 % (SIZE - 12), stroke * 53 % 5 * 32 + 8 + stroke % 7
        wide, tall = (3, 12) if stroke % 2 else (10, 3)
        dark[y:y + tall, x:x + wide] = True
    plane = np.where(dark, np.float32(-1.5), np.float32(2))
    return np.stack([plane, plane, plane])[None].astype(np.float32)


def weights(model):
    result = subprocess.run([PUMICE, "explain", model, "--shape", f"x=1x3x{SIZE}x{SIZE}", "--json"],
                            check=True, capture_output=True, text=True)
    found = json.loads(result.stdout)
    return found["weight_bytes"], found["host_steps"]


def check_detector(model, floats):
    """Whether the map is ONNX Runtime's, and the weights are small."""
    with tempfile.TemporaryDirectory() as folder:
        data = os.path.join(folder, "in", "x.npy")
        os.mkdir(os.path.dirname(data))
        np.save(data, picture())
        got = next(iter(run(model, data, folder).values())).ravel()
    with open(GOLDEN, encoding="utf-8") as file:
        wanted = [line.split() for line in file if line[0] != "#"]
    worst = max(abs(float(got[int(at)]) - float(value)) for at, value in wanted)
    small, host = weights(model)
    large, _ = weights(floats)
    print(f"detector: {len(wanted)} values, largest difference {worst:.3g}; weights {small} bytes "
          f"of {large}: {small / large:.3f}; {host} steps on the host")
    return worst <= TOLERANCE and small <= MOST_WEIGHTS * large and host == 0


def main():
    good = check_operators()
    models = glob.glob(os.path.join(CACHE, "pumice", "models", "*", "ch_PP-OCRv4_det_infer.onnx"))
    try:
        import onnx  # noqa: F401 (the tool needs it)
    except ImportError:
        models = []
    if not models:
        print("no detector: it needs tools/fetch_models and python3-onnx")
        sys.exit(0 if good else 1)
    with tempfile.TemporaryDirectory() as folder:
        model = os.path.join(folder, "int8.onnx")
        subprocess.run([sys.executable, os.path.join(SOURCE, "tools", "make_quantised_detector"),
                        models[0], model], check=True)
        if len(sys.argv) == 5:
            os.makedirs(sys.argv[4], exist_ok=True)
            np.save(os.path.join(sys.argv[4], "x.npy"), picture())
            shutil.copy(model, os.path.join(sys.argv[4], "m.onnx"))
            return
        good = check_detector(model, models[0]) and good
    sys.exit(0 if good else 1)


main()
