#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# make_quantised_goldens.py - writes tests/data/quantised/operators.onnx, a model that puts 8-bit
# operators on random numbers, and operators.npz, ONNX Runtime's CPU answers (tools/peers has it).
# tests/cli/test_quantised.py wants the same bits. Needs python3-onnx and Node.js; only to change
# the cases.
#
#   tools/make_quantised_goldens.py

"""Models of quantised operators and what ONNX Runtime answers."""

import json
import os
import subprocess
import tempfile

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDER = os.path.join(ROOT, "tests", "data", "quantised")
MS = "com.microsoft"
F32 = np.float32
RUN = """
const [folder, model, out] = process.argv.slice(1);
const { loadOrt } = await import(folder + '/ort.mjs');
const fs = await import('node:fs');
const ort = loadOrt();
const input = JSON.parse(fs.readFileSync(out + '/x.json'));
const session = await ort.InferenceSession.create(model, { executionProviders: ['cpu'] });
const x = new ort.Tensor('float32', Float32Array.from(input.data), input.shape);
const result = await session.run({ x });
for (const [name, value] of Object.entries(result)) {
    const data = await value.getData();
    fs.writeFileSync(`${out}/${name}.bin`, Buffer.from(data.buffer, data.byteOffset,
        data.byteLength));
    fs.writeFileSync(`${out}/${name}.json`, JSON.stringify([value.type, value.dims]));
}
"""


class Cases:
    def __init__(self):
        self.random = np.random.default_rng(20)
        self.nodes, self.constants, self.outputs = [], [], []

    def constant(self, value):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def scale(self, count=None):
        return self.constant(np.exp(self.random.uniform(-5, -1, count)).astype(F32))

    def integers(self, shape, dtype):
        info = np.iinfo(dtype)
        return self.constant(self.random.integers(info.min, info.max + 1, shape).astype(dtype))

    def add(self, op, inputs, count=1, domain="", **attributes):
        names = [f"{op}_{len(self.nodes)}_{i}" for i in range(count)]
        self.nodes.append(helper.make_node(op, inputs, names, domain=domain, **attributes))
        self.outputs += names
        return names[0]

    def numbers(self, dtype):
        return [self.scale(), self.integers((), dtype)]

    def build(self, dtype):
        """Operators on x, quantised as dtype: [1, 8, 9, 11]."""
        own = self.numbers(dtype)
        q = self.add("QuantizeLinear", ["x", *own])
        w = [self.integers((12, 8, 3, 3), np.int8), self.scale(12),
             self.constant(np.zeros(12, np.int8))]
        large = self.constant(np.asarray(9.7, F32))
        bias = self.constant(self.random.integers(-3000, 3000, 12).astype(np.int32))
        zero = self.integers((), dtype)
        self.add("QLinearConv", [q, *own, *w, large, zero, bias], pads=[1, 1, 1, 1])
        depth = [self.integers((8, 1, 3, 3), np.int8), self.scale(), self.constant(np.int8(0))]
        self.add("QLinearConv", [q, *own, *depth, large, zero], group=8, strides=[2, 1])
        point = [self.integers((20, 8, 1, 1), np.int8), self.scale(20),
                 self.constant(np.zeros(20, np.int8))]
        self.add("QLinearConv", [q, *own, *point, large, zero])
        b = [self.integers((11, 10), np.int8), self.scale(10), self.constant(np.zeros(10, np.int8))]
        self.add("QLinearMatMul", [q, *own, *b, large, zero])
        self.add("MatMulInteger", [q, b[0], own[1]])
        other = [self.integers((1, 8, 9, 11), dtype), *self.numbers(dtype)]
        channel = [self.integers((8, 1, 1), dtype), *self.numbers(dtype)]
        for op in ("QLinearAdd", "QLinearMul"):
            for operand in (other, channel):
                self.add(op, [q, *own, *operand, *self.numbers(dtype)], domain=MS)
        self.add("QLinearLeakyRelu", [q, *own, *self.numbers(dtype)], domain=MS, alpha=0.2)
        self.add("QLinearSigmoid", [q, *own, *self.numbers(dtype)], domain=MS)
        self.add("QLinearGlobalAveragePool", [q, *own, *self.numbers(dtype)], domain=MS,
                 channels_last=0)
        self.add("QLinearAveragePool", [q, *own, *self.numbers(dtype)], domain=MS,
                 kernel_shape=[3, 3], pads=[1, 1, 1, 1])
        self.add("QLinearSoftmax", [q, *own, self.constant(np.asarray(1 / 256, F32)),
                                    self.constant(np.asarray(np.iinfo(dtype).min, dtype))],
                 domain=MS, axis=1, opset=13)
        self.add("QLinearConcat", [*own, q, *own, *other], domain=MS, axis=1)


def main():
    cases = Cases()
    for dtype in (np.uint8, np.int8):
        cases.build(dtype)
    cases.add("DynamicQuantizeLinear", ["x"], 3)
    shape = [1, 8, 9, 11]
    graph = helper.make_graph(
        cases.nodes, "operators", [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_empty_tensor_value_info(name) for name in cases.outputs], cases.constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17),
                                                    helper.make_opsetid(MS, 1)])
    model.ir_version = 8
    path = os.path.join(FOLDER, "operators.onnx")
    onnx.save(model, path)
    x = (cases.random.standard_normal(shape) * 2).astype(F32)
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "x.json"), "w", encoding="utf-8") as file:
            json.dump({"data": [float(v) for v in x.ravel()], "shape": shape}, file)
        subprocess.run(["node", "--input-type=module", "-e", RUN,
                        os.path.join(ROOT, "tools", "peers"), path, folder], check=True)
        arrays = {"x": x}
        for name in cases.outputs:
            with open(os.path.join(folder, name + ".json"), encoding="utf-8") as file:
                dtype, dims = json.load(file)
            with open(os.path.join(folder, name + ".bin"), "rb") as file:
                arrays[name] = np.frombuffer(file.read(), dtype).reshape(dims)
    np.savez_compressed(os.path.join(FOLDER, "operators.npz"), **arrays)
    print(f"{len(cases.outputs)} outputs")


if __name__ == "__main__":
    main()
