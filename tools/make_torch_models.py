#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# make_torch_models.py - small networks of every family, exported by torch.onnx.export with seeded
# random weights, and what PyTorch computes with them. Writes tests/data/torch_models/ (its README
# describes the layout). The networks are in tools/torch_models/. The files are kept in git; run
# this again only to change them:
#
#   apt-get install python3-torch python3-onnx
#   tools/make_torch_models.py [--output FOLDER] [NAME...]

"""Write PyTorch exports with golden outputs."""

import argparse
import io
import json
import pathlib
import shutil
import struct
import sys
import warnings

import numpy as np
import onnx
import torch
from onnx import TensorProto, numpy_helper

sys.dont_write_bytecode = True
from torch_models import audio, detect, images, tables, text, towers  # noqa: E402

MODELS = {function.__name__: function
          for room in (text, images, audio, tables, towers, detect) for function in room.MODELS}
TYPES = {torch.float32: "F32", torch.float16: "F16", torch.int64: "I64", torch.int8: "I8"}


def save_tensors(path, tensors):
    """The safetensors format: header length, header, data."""
    header, data = {}, b""
    for name, tensor in tensors.items():
        raw = tensor.detach().contiguous().numpy().tobytes()
        header[name] = {"dtype": TYPES[tensor.dtype], "shape": list(tensor.shape),
                        "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text_of = json.dumps(header, separators=(",", ":")).encode()
    text_of += b" " * (-len(text_of) % 8)
    path.write_bytes(struct.pack("<Q", len(text_of)) + text_of + data)


def export(case):
    inputs = case.cases[case.example]
    buffer = io.BytesIO()
    mode = torch.onnx.TrainingMode.EVAL if case.fold else torch.onnx.TrainingMode.PRESERVE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(case.network, tuple(inputs.values()), buffer, opset_version=case.opset,
                          input_names=list(inputs), output_names=case.traced or case.outputs,
                          dynamic_axes=case.dynamic, training=mode, do_constant_folding=True)
    model = onnx.load_from_string(buffer.getvalue())
    if case.finish:
        case.finish(model)
    shorten(model)
    onnx.checker.check_model(model)
    return model


def shorten(model):
    """Names as older exporters gave them, "Add_12", and "t12": scopes would be half of the file."""
    kept = {port.name for port in list(model.graph.input) + list(model.graph.output)}
    kept.update(tensor.name for tensor in model.graph.initializer)
    names, count = {"": ""}, 0

    def walk(graph):
        nonlocal count
        for node in graph.node:
            node.name = f"{node.op_type}_{count}"
            for index, name in enumerate(node.output):
                if name and name not in kept:
                    names.setdefault(name, f"t{count + index}")
                    node.output[index] = names[name]
            count += len(node.output)
            for index, name in enumerate(node.input):
                node.input[index] = names.get(name, name)
            for attribute in node.attribute:
                if attribute.HasField("g"):
                    for port in attribute.g.input:
                        names[port.name] = port.name
                    walk(attribute.g)
                    for port in attribute.g.output:
                        port.name = names.get(port.name, port.name)
    walk(model.graph)
    del model.graph.value_info[:]


def half_tensor(tensor):
    array = numpy_helper.to_array(tensor)
    return numpy_helper.from_array(np.clip(array, -65504, 65504).astype(np.float16)
                                   if np.isfinite(array).all() else array.astype(np.float16),
                                   tensor.name)


def half_graph(graph, kept):
    """float32 becomes float16 everywhere: weights, constants, casts, ports."""
    for index, tensor in enumerate(graph.initializer):
        if tensor.data_type == TensorProto.FLOAT and tensor.name not in kept:
            graph.initializer[index].CopyFrom(half_tensor(tensor))
    for port in list(graph.input) + list(graph.output) + list(graph.value_info):
        kind = port.type.tensor_type
        if kind.elem_type == TensorProto.FLOAT:
            kind.elem_type = TensorProto.FLOAT16
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                half_graph(attribute.g, kept)
            elif node.op_type == "Cast" and attribute.i == TensorProto.FLOAT:
                attribute.i = TensorProto.FLOAT16
            elif attribute.t.data_type == TensorProto.FLOAT:
                attribute.t.CopyFrom(half_tensor(attribute.t))


def halved(model):
    """The model as converters to float16 leave it. Inputs that ONNX wants as float32 stay so."""
    model = onnx.load_from_string(model.SerializeToString())
    kept = {name for node in model.graph.node if node.op_type == "Resize"
            for name in list(node.input)[1:3]}
    half_graph(model.graph, kept)
    onnx.checker.check_model(model)
    return model


def answers(case, inputs):
    if case.answer:
        return case.answer(inputs)
    with torch.no_grad():
        results = case.network(*inputs.values())
    return results if isinstance(results, tuple) else (results,)


def compact(name, tensor):
    """Inputs as they are stored; float16 can hold all of them."""
    if name == "image" and (tensor * 64).frac().abs().max() == 0:
        return (tensor * 64).to(torch.int8)
    return tensor.half() if tensor.is_floating_point() else tensor


def write(folder, case):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    model = export(case)
    onnx.save(model, folder / "model.onnx")
    if case.half:
        onnx.save(halved(model), folder / "model_f16.onnx")
    stored = {}
    for index, inputs in enumerate(case.cases):
        inputs = {name: tensor.half().float() if tensor.is_floating_point() else tensor
                  for name, tensor in inputs.items()}
        stored.update({f"{index}/in/{name}": compact(name, tensor)
                       for name, tensor in inputs.items()})
        results = answers(case, inputs)
        assert len(results) == len(case.outputs)
        stored.update({f"{index}/out/{name}": tensor
                       for name, tensor in zip(case.outputs, results)})
    save_tensors(folder / "cases.safetensors", stored)


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=pathlib.Path,
                        default=root / "tests" / "data" / "torch_models")
    parser.add_argument("names", nargs="*", help="models to write; none: all")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for name in arguments.names or MODELS:
        torch.manual_seed(20240117)
        with torch.no_grad():
            case = MODELS[name]()
        folder = arguments.output / name
        write(folder, case)
        sizes = ", ".join(f"{f.name} {f.stat().st_size / 1024:.0f}" for f in sorted(
            folder.iterdir()))
        print(f"{name}: KiB: {sizes}")


if __name__ == "__main__":
    main()
