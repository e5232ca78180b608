#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# make_picture_goldens.py - what Pillow makes of a small noisy picture in each of its kinds of
# resampling, and what the usual preprocessing of image classifiers makes of it. Writes
# tests/data/preprocess/*.safetensors, which are kept in git; run this again only to change them:
#
#   apt-get install python3-pil python3-torch
#   tools/make_picture_goldens.py [OUTPUT_FOLDER]

"""Write Pillow's resized pictures and preprocessed tensors."""

import pathlib
import sys

import numpy as np
import torch
from PIL import Image

from make_arch_goldens import TYPES, save_tensors

KINDS = ["nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"]
WIDTH, HEIGHT = 37, 23


def noise(width, height):
    """The same picture as tests/image/test_preprocess.c makes: a linear congruential generator over
    stripes."""
    state, out = 12345, np.zeros((height, width, 3), np.uint8)
    for y in range(height):
        for x in range(width):
            for c in range(3):
                state = (state * 1103515245 + 12345) & 0x7fffffff
                out[y, x, c] = (state >> 16) % 200 + (55 if x // 5 % 2 == 0 else 0)
    return out


def preprocess(picture, resample, mean, std, stretch=None, shortest=None, crop=None):
    """PIL resize, centre crop with zeros around, values in 0..1, mean and deviation."""
    if stretch:
        picture = picture.resize(stretch, resample)
    if shortest:
        width, height = picture.size
        short, long = min(width, height), max(width, height)
        size = (shortest, int(shortest * long / short))
        picture = picture.resize(size if width <= height else size[::-1], resample)
    values = np.asarray(picture).astype(np.float32)
    if crop:
        height, width = values.shape[:2]
        top, left = (height - crop[1]) // 2, (width - crop[0]) // 2
        full = np.zeros((max(height, crop[1]), max(width, crop[0]), 3), np.float32)
        oy, ox = -(-(full.shape[0] - height) // 2), -(-(full.shape[1] - width) // 2)
        full[oy:oy + height, ox:ox + width] = values
        top, left = top + oy, left + ox
        values = full[max(0, top):top + crop[1], max(0, left):left + crop[0]]
    values = (values / 255 - np.array(mean, np.float32)) / np.array(std, np.float32)
    return torch.from_numpy(values.transpose(2, 0, 1).astype(np.float32).copy())


def main():
    root = pathlib.Path(__file__).resolve().parent.parent / "tests" / "data" / "preprocess"
    output = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else root
    output.mkdir(parents=True, exist_ok=True)
    TYPES[torch.uint8] = "U8"
    source = Image.fromarray(noise(WIDTH, HEIGHT))
    resized = {}
    for index, kind in enumerate(KINDS):
        for width, height in ((20, 11), (50, 40), (37, 10), (5, 60), (1, 1), (74, 46)):
            done = np.asarray(source.resize((width, height), index))
            resized[f"{kind}/{width}x{height}"] = torch.from_numpy(done.copy())
    save_tensors(output / "resized.safetensors", resized)
    half, clip_mean = (0.5, 0.5, 0.5), (0.48145466, 0.4578275, 0.40821073)
    clip_std = (0.26862954, 0.26130258, 0.27577711)
    save_tensors(output / "tensors.safetensors", {
        "stretch": preprocess(source, 2, half, half, stretch=(32, 24)),
        "clip": preprocess(source, 3, clip_mean, clip_std, shortest=16, crop=(16, 16)),
        "odd": preprocess(source, 2, clip_mean, clip_std, shortest=19, crop=(14, 17)),
        "padded": preprocess(source, 2, half, half, shortest=10, crop=(21, 17)),
    })


if __name__ == "__main__":
    main()
