#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# make_microsoft_goldens.py - small models of ONNX Runtime's own operators (com.microsoft) with
# random inputs, and what ONNX Runtime itself computes. Writes tests/data/onnx_runtime/, in the
# layout of ONNX's conformance cases; kept in git, so run this again only to change them:
#
#   apt-get install python3-onnx; tools/peers fetches onnxruntime-node
#   tools/make_microsoft_goldens.py MODULES [OUTPUT_FOLDER]
#
# MODULES is the folder of node modules that holds onnxruntime-node.

"""Write models, inputs and ONNX Runtime's outputs for com.microsoft operators."""

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

import numpy as np
from onnx import TensorProto, helper, numpy_helper

TYPES = {np.dtype("float32"): TensorProto.FLOAT, np.dtype("int32"): TensorProto.INT32,
         np.dtype("int64"): TensorProto.INT64, np.dtype("uint8"): TensorProto.UINT8}

RUNNER = r"""
const ort = require(process.argv[2] + '/onnxruntime-node'), fs = require('fs');
const job = JSON.parse(fs.readFileSync(process.argv[3]));
const kinds = {float32: Float32Array, int32: Int32Array, uint8: Uint8Array, int64: BigInt64Array};
(async () => {
    const session = await ort.InferenceSession.create(
        job.model, {graphOptimizationLevel: 'disabled'});
    const feeds = {};
    for (const x of job.inputs) {
        const bytes = fs.readFileSync(x.file);
        const data = new kinds[x.type](bytes.buffer.slice(bytes.byteOffset,
                                                          bytes.byteOffset + bytes.length));
        feeds[x.name] = new ort.Tensor(x.type, data, x.dims);
    }
    const results = await session.run(feeds), out = [];
    for (const name of session.outputNames) {
        const y = results[name], file = job.folder + '/' + name + '.bin';
        fs.writeFileSync(file, Buffer.from(y.data.buffer, y.data.byteOffset, y.data.byteLength));
        out.push({name, type: y.type, dims: y.dims, file});
    }
    fs.writeFileSync(job.folder + '/out.json', JSON.stringify(out));
})().catch(e => { console.error(e.message); process.exit(1); });
"""

random = np.random.default_rng(7)


def floats(*shape):
    return random.uniform(-1, 1, shape).astype(np.float32)


def ints(low, high, *shape, dtype=np.int32):
    return random.integers(low, high, shape).astype(dtype)


def case(name, op, inputs, outputs, domain="com.microsoft", weights=(), **attrs):
    """inputs: pairs of name and array, None for an absent one; weights: names of constants."""
    return {"name": name, "op": op, "inputs": inputs, "outputs": outputs, "domain": domain,
            "weights": set(weights), "attrs": attrs}


def rotary_tables(length, half):
    rate = 10000.0 ** (-np.arange(half) / half)
    angle = np.arange(length)[:, None] * rate[None, :]
    return np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)


def attention_cases():
    projection = [("w", floats(12, 24)), ("b", floats(24))]
    x = ("x", floats(2, 5, 12))
    mask = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]], np.int32)
    lengths = np.array([5, 3], np.int32)
    yield case("attention", "Attention", [x, *projection], ["y"], weights="wb", num_heads=2)
    yield case("attention_mask", "Attention", [x, *projection, ("m", mask)], ["y"], weights="wb",
               num_heads=2)
    yield case("attention_lengths", "Attention", [x, *projection, ("m", lengths)], ["y"],
               weights="wb", num_heads=2)
    yield case("attention_causal", "Attention", [x, *projection], ["y"], weights="wb", num_heads=2,
               unidirectional=1)
    yield case("attention_past", "Attention",
               [("x", floats(2, 1, 12)), *projection, None, ("past", floats(2, 2, 2, 3, 4))],
               ["y", "present"], weights="wb", num_heads=2, unidirectional=1)
    yield case("attention_sizes", "Attention",
               [x, ("w", floats(12, 22)), ("b", floats(22)), None, None,
                ("bias", floats(1, 2, 5, 5))], ["y"], weights="wb", num_heads=2,
               qkv_hidden_sizes=[8, 8, 6])


def multi_head_cases():
    q, k, v = ("q", floats(2, 3, 8)), ("k", floats(2, 5, 8)), ("v", floats(2, 5, 8))
    mask = np.array([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]], np.int32)
    yield case("mha", "MultiHeadAttention", [q, k, v], ["y"], num_heads=2)
    yield case("mha_bias_mask", "MultiHeadAttention", [q, k, v, ("b", floats(24)), ("m", mask)],
               ["y"], num_heads=2, weights="b", scale=0.3)
    yield case("mha_attention_bias", "MultiHeadAttention",
               [q, k, v, None, None, ("ab", floats(1, 2, 3, 5))], ["y"], num_heads=2)
    yield case("mha_past", "MultiHeadAttention",
               [q, ("k", floats(2, 3, 8)), ("v", floats(2, 3, 8)), None, None, None,
                ("pk", floats(2, 2, 4, 4)), ("pv", floats(2, 2, 4, 4))], ["y", "nk", "nv"],
               num_heads=2)
    yield case("mha_cross", "MultiHeadAttention",
               [q, ("k", floats(2, 2, 5, 4)), ("v", floats(2, 2, 5, 4))], ["y"], num_heads=2)
    yield case("mha_causal", "MultiHeadAttention",
               [q, ("k", floats(2, 3, 8)), ("v", floats(2, 3, 8))], ["y"], num_heads=2,
               unidirectional=1)


def group_cases():
    cos, sin = rotary_tables(16, 8)
    def total(n): return ("total", np.array([n], np.int32))
    def lens(n): return ("lens", np.full(2, n - 1, np.int32))
    empty = np.zeros((2, 2, 0, 16), np.float32)
    prompt = [("q", floats(2, 5, 64)), ("k", floats(2, 5, 32)), ("v", floats(2, 5, 32))]
    step = [("q", floats(2, 1, 64)), ("k", floats(2, 1, 32)), ("v", floats(2, 1, 32))]
    past = [("pk", floats(2, 2, 4, 16)), ("pv", floats(2, 2, 4, 16))]
    out = ["y", "nk", "nv"]
    tables = [("cos", cos), ("sin", sin)]
    heads = {"num_heads": 4, "kv_num_heads": 2}
    yield case("gqa_prompt", "GroupQueryAttention",
               [*prompt, ("pk", empty), ("pv", empty), lens(5), total(5)], out, **heads)
    yield case("gqa_step", "GroupQueryAttention", [*step, *past, lens(5), total(5)], out, **heads)
    for name, first in (("prompt", prompt), ("step", step)):
        earlier = past if name == "step" else [("pk", empty), ("pv", empty)]
        for interleaved in (0, 1):
            yield case(f"gqa_rotary_{name}_{interleaved}", "GroupQueryAttention",
                       [*first, *earlier, lens(5), total(5), *tables], out,
                       weights=("cos", "sin"), do_rotary=1, rotary_interleaved=interleaved,
                       **heads)
    yield case("gqa_packed", "GroupQueryAttention",
               [("q", floats(2, 5, 128)), None, None, ("pk", empty), ("pv", empty), lens(5),
                total(5), *tables], out, weights=("cos", "sin"), do_rotary=1, scale=0.5, **heads)
    yield case("gqa_window", "GroupQueryAttention",
               [*prompt, ("pk", empty), ("pv", empty), lens(5), total(5)], out,
               local_window_size=2, **heads)


def rotary_cases():
    cos, sin = rotary_tables(16, 4)
    tables = [("cos", cos), ("sin", sin)]
    places = ("p", np.array([[3, 4, 5], [0, 1, 2]], np.int64))
    for interleaved in (0, 1):
        yield case(f"rotary_{interleaved}", "RotaryEmbedding",
                   [("x", floats(2, 3, 16)), places, *tables], ["y"], weights=("cos", "sin"),
                   interleaved=interleaved)
    yield case("rotary_heads", "RotaryEmbedding",
               [("x", floats(2, 2, 3, 8)), ("p", np.array([2], np.int64)), *tables], ["y"],
               weights=("cos", "sin"))
    yield case("rotary_part", "RotaryEmbedding", [("x", floats(2, 3, 24)), places, *tables], ["y"],
               weights=("cos", "sin"), num_heads=2, rotary_embedding_dim=8)


def norm_cases():
    x, skip, scale, beta = floats(2, 3, 8), floats(2, 3, 8), floats(8), floats(8)
    weights = ("g", "beta", "bias")
    yield case("skip_layer_norm", "SkipLayerNormalization",
               [("x", x), ("s", skip), ("g", scale), ("beta", beta)], ["y"], weights=weights,
               epsilon=1e-5)
    yield case("skip_layer_norm_sum", "SkipLayerNormalization",
               [("x", x), ("s", skip), ("g", scale), ("beta", beta), ("bias", floats(8))],
               ["y", "", "", "sum"], weights=weights, epsilon=1e-5)
    yield case("skip_rms_norm", "SkipSimplifiedLayerNormalization",
               [("x", x), ("s", skip), ("g", scale)], ["y", "", "", "sum"], weights=weights,
               epsilon=1e-6)
    yield case("rms_norm", "SimplifiedLayerNormalization", [("x", x), ("g", scale)], ["y"],
               domain="", weights=weights, epsilon=1e-6, axis=-1)
    tables = [("word", floats(11, 8)), ("pos", floats(7, 8)), ("seg", floats(2, 8)),
              ("g", scale), ("beta", beta)]
    names = ("word", "pos", "seg", "g", "beta")
    ids, segments = ("ids", ints(0, 11, 2, 3)), ("segs", ints(0, 2, 2, 3))
    mask = ("m", np.array([[1, 1, 1], [1, 1, 0]], np.int32))
    yield case("embed_layer_norm", "EmbedLayerNormalization", [ids, segments, *tables, mask],
               ["y", "counts"], weights=names, epsilon=1e-5)
    yield case("embed_layer_norm_places", "EmbedLayerNormalization",
               [ids, None, tables[0], tables[1], None, *tables[3:], None,
                ("places", ints(0, 7, 2, 3))], ["y", "counts", "sum"], weights=names,
               epsilon=1e-5)


def other_cases():
    yield case("fused_matmul", "FusedMatMul", [("a", floats(2, 4, 3)), ("b", floats(2, 4, 5))],
               ["y"], transA=1, alpha=0.5)
    yield case("fused_matmul_batch", "FusedMatMul",
               [("a", floats(3, 2, 4)), ("b", floats(4, 2, 5))], ["y"], transBatchA=1,
               transBatchB=1)
    yield case("fused_matmul_both", "FusedMatMul",
               [("a", floats(4, 2, 3)), ("b", floats(2, 5, 4))], ["y"], transBatchA=1, transA=1,
               transB=1)
    x, w, b = ("x", floats(1, 2, 5, 5)), ("w", floats(3, 2, 3, 3)), ("b", floats(3))
    yield case("fused_conv_relu", "FusedConv", [x, w, b], ["y"], weights="wb", activation="Relu",
               pads=[1, 1, 1, 1])
    yield case("fused_conv_leaky", "FusedConv", [x, w], ["y"], weights="wb",
               activation="LeakyRelu", activation_params=[0.3])
    yield case("fused_conv_add_clip", "FusedConv", [x, w, b, ("z", floats(1, 3, 3, 3))], ["y"],
               weights="wb", activation="Clip", activation_params=[-0.5, 0.75])
    yield case("fused_gemm", "FusedGemm",
               [("a", floats(3, 4)), ("w", floats(5, 4)), ("b", floats(5))], ["y"], weights="wb",
               activation="LeakyRelu", activation_alpha=0.2, transB=1, alpha=0.5)
    yield case("bias_gelu", "BiasGelu", [("x", floats(2, 8)), ("b", floats(8))], ["y"], weights="b")
    yield case("fast_gelu", "FastGelu", [("x", floats(2, 8)), ("b", floats(8))], ["y"], weights="b")
    yield case("quick_gelu", "QuickGelu", [("x", floats(2, 8))], ["y"], alpha=1.702)
    yield case("gelu", "Gelu", [("x", floats(2, 8))], ["y"])


def nbits(name, rows, n, k, bits, block, zero_points, bias=False):
    blocks = -(-k // block)
    inputs = [("a", floats(*rows, k)),
              ("w", ints(0, 256, n, blocks, block * bits // 8, dtype=np.uint8)),
              ("s", floats(n * blocks))]
    if zero_points:
        inputs.append(("z", ints(0, 256, n * (-(-blocks * bits // 8)), dtype=np.uint8)))
    if bias:
        inputs += [None] * (5 - len(inputs)) + [("bias", floats(n))]
    return case(name, "MatMulNBits", inputs, ["y"], weights=("w", "s", "z", "bias"), K=k, N=n,
                bits=bits, block_size=block)


def nbits_cases():
    yield nbits("nbits_4", (3,), 8, 64, 4, 32, False)
    yield nbits("nbits_4_zero", (2, 3), 9, 80, 4, 16, True)
    yield nbits("nbits_4_one_row", (1,), 33, 96, 4, 32, True)
    yield nbits("nbits_4_bias", (5,), 12, 40, 4, 16, False, bias=True)
    yield nbits("nbits_8", (3,), 8, 64, 8, 32, False)
    yield nbits("nbits_8_zero", (3,), 7, 72, 8, 16, True)


def make_model(c):
    graph_inputs, initializers = [], []
    for entry in c["inputs"]:
        if entry is None:
            continue
        name, array = entry
        if name in c["weights"]:
            initializers.append(numpy_helper.from_array(array, name))
        else:
            graph_inputs.append(helper.make_tensor_value_info(name, TYPES[array.dtype],
                                                              array.shape))
    outputs = [helper.make_tensor_value_info(n, TensorProto.INT32 if n == "counts" else
                                             TensorProto.FLOAT, None) for n in c["outputs"] if n]
    node = helper.make_node(c["op"], ["" if e is None else e[0] for e in c["inputs"]],
                            c["outputs"], domain=c["domain"], **c["attrs"])
    graph = helper.make_graph([node], c["name"], graph_inputs, outputs, initializers)
    return helper.make_model(graph, ir_version=8, producer_name="make_microsoft_goldens",
                             opset_imports=[helper.make_opsetid("", 17),
                                            helper.make_opsetid("com.microsoft", 1)])


def run(modules, c, model_path, work):
    job = {"model": str(model_path), "folder": str(work), "inputs": []}
    for entry in c["inputs"]:
        if entry is None or entry[0] in c["weights"]:
            continue
        path = work / f"in_{entry[0]}.bin"
        path.write_bytes(entry[1].tobytes())
        job["inputs"].append({"name": entry[0], "type": str(entry[1].dtype),
                              "dims": entry[1].shape, "file": str(path)})
    (work / "job.json").write_text(json.dumps(job))
    (work / "run.js").write_text(RUNNER)
    subprocess.run(["node", work / "run.js", modules, work / "job.json"], check=True)
    results = json.loads((work / "out.json").read_text())
    return [np.frombuffer(pathlib.Path(r["file"]).read_bytes(), r["type"]).reshape(r["dims"])
            for r in results]


def main():
    modules = str(pathlib.Path(sys.argv[1]).resolve())
    root = pathlib.Path(__file__).resolve().parent.parent
    target = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else root / "tests/data/onnx_runtime"
    shutil.rmtree(target, ignore_errors=True)
    makers = (attention_cases, multi_head_cases, group_cases, rotary_cases, norm_cases,
              other_cases, nbits_cases)
    for c in (c for maker in makers for c in maker()):
        folder = target / c["name"]
        data = folder / "test_data_set_0"
        data.mkdir(parents=True)
        (folder / "model.onnx").write_bytes(make_model(c).SerializeToString())
        with tempfile.TemporaryDirectory() as work:
            outputs = run(modules, c, folder / "model.onnx", pathlib.Path(work))
        inputs = [e for e in c["inputs"] if e is not None and e[0] not in c["weights"]]
        names = [n for n in c["outputs"] if n]
        for kind, values in (("input", inputs), ("output", list(zip(names, outputs)))):
            for i, (name, array) in enumerate(values):
                (data / f"{kind}_{i}.pb").write_bytes(
                    numpy_helper.from_array(array, name).SerializeToString())
        print(c["name"])


if __name__ == "__main__":
    main()
