# SPDX-License-Identifier: MIT
#
# cli_fixture - what the tests of the command line share: running the program, small ONNX models and
# .npy files written byte by byte (no package is needed), pictures.

"""Helpers of the command line's tests."""

import os
import struct
import subprocess
import sys
import tempfile
import unittest
import zlib

PROGRAM = sys.argv[1] if len(sys.argv) > 1 else "pumice"
SOURCE = sys.argv[2] if len(sys.argv) > 2 else os.getcwd()
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")), "pumice")
MODELS = os.environ.get("PUMICE_OCR_MODELS", os.path.join(CACHE, "models/ocr-models-1.4.2"))
OK, MACHINE, USER = 0, 1, 2
FLOAT, UINT8, INT64, STRING, BOOL = 1, 2, 7, 8, 9


def varint(value):
    value &= (1 << 64) - 1
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def number(tag, value):
    return varint(tag << 3) + varint(value)


def block(tag, data):
    data = data.encode() if isinstance(data, str) else data
    return varint(tag << 3 | 2) + varint(len(data)) + data


def port(name, dtype, dims):
    """A ValueInfoProto; a dimension is a size or a symbol's name."""
    shape = b"".join(block(1, number(1, d) if isinstance(d, int) else block(2, d)) for d in dims)
    return block(1, name) + block(2, block(1, number(1, dtype) + block(2, shape)))


def list_port(name, dtype):
    """A ValueInfoProto of a sequence of tensors."""
    return block(1, name) + block(2, block(4, block(1, block(1, number(1, dtype)))))


def node(op, inputs, outputs, *attrs):
    return (b"".join(block(1, i) for i in inputs) + b"".join(block(2, o) for o in outputs) +
            block(3, op.lower()) + block(4, op) + b"".join(block(5, a) for a in attrs))


def body_attr(name, body):
    """An AttributeProto that holds a graph."""
    return block(1, name) + block(6, body) + number(20, 5)


def int_attr(name, value):
    return block(1, name) + number(3, value) + number(20, 2)


def constant(name, dims, values):
    """A TensorProto of floats, for the constants of a graph."""
    return (b"".join(number(1, d) for d in dims) + number(2, FLOAT) + block(8, name) +
            block(9, floats(*values)))


def graph(nodes, inputs, outputs, constants=()):
    return (b"".join(block(1, n) for n in nodes) + block(2, "g") +
            b"".join(block(5, c) for c in constants) +
            b"".join(block(11, i) for i in inputs) + b"".join(block(12, o) for o in outputs))


def model(nodes, inputs, outputs, opset=13, constants=()):
    return (number(1, 8) + block(7, graph(nodes, inputs, outputs, constants)) +
            block(8, block(1, "") + number(2, opset)))


RELU = model([node("Relu", ["x"], ["y"])],
             [port("x", FLOAT, ["n", 3])], [port("y", FLOAT, ["n", 3])])
# while (go) x = x + x: for ever if go is true
LOOP = model([node("Loop", ["", "go", "x"], ["y"],
                   body_attr("body", graph([node("Identity", ["c"], ["c2"]),
                                            node("Add", ["v", "v"], ["v2"])],
                                           [port("i", INT64, []), port("c", BOOL, []),
                                            port("v", FLOAT, [2])],
                                           [port("c2", BOOL, []), port("v2", FLOAT, [2])])))],
             [port("go", BOOL, []), port("x", FLOAT, [2])], [port("y", FLOAT, [2])])
ADD = model([node("Add", ["a", "b"], ["sum"])],
            [port("a", FLOAT, [2]), port("b", FLOAT, [2])], [port("sum", FLOAT, [2])])


def npy(descr, shape, data, fortran=False):
    header = "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }" % (descr, fortran, tuple(shape))
    header += " " * (-(len(header) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data


def floats(*values):
    return struct.pack("<%df" % len(values), *values)


def read_npy(data):
    """(shape, values) of a float32 or int64 file."""
    length = struct.unpack("<H", data[8:10])[0]
    header = data[10:10 + length].decode()
    shape = tuple(int(n) for n in header.split("(")[1].split(")")[0].split(",") if n.strip())
    kind = "f" if "<f4" in header else "q"
    body = data[10 + length:]
    return shape, struct.unpack("<%d%s" % (len(body) // struct.calcsize(kind), kind), body)


def png(width, height, rgb):
    """A picture of one colour."""
    return png_of(width, height, bytes(rgb) * (width * height))


def png_of(width, height, pixels):
    """A picture of these RGB bytes; too few of them give a file that ends early."""
    def chunk(kind, data):
        return (struct.pack(">I", len(data)) + kind + data +
                struct.pack(">I", zlib.crc32(kind + data)))
    rows = b"".join(b"\0" + pixels[y * width * 3:(y + 1) * width * 3]
                    for y in range(min(height, len(pixels) // (3 * width))))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) +
            chunk(b"IEND", b""))


class Result:
    """What a run gave."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err


class CliTest(unittest.TestCase):
    """A test in a folder of its own."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="pumice-cli-")
        self.addCleanup(self.folder.cleanup)

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def write(self, name, data):
        with open(self.path(name), "wb") as stream:
            stream.write(data)
        return self.path(name)

    def read(self, name):
        with open(self.path(name), "rb") as stream:
            return stream.read()

    def pumice(self, *args, env=None, stdout=subprocess.PIPE):
        full = dict(os.environ, PUMICE_CACHE_DIR=self.path("cache"), **(env or {}))
        done = subprocess.run([PROGRAM, *args], stdout=stdout, stderr=subprocess.PIPE, env=full,
                              timeout=500, check=False)
        result = Result(done.returncode, (done.stdout or b"").decode(), done.stderr.decode())
        self.assertIn(result.code, (OK, MACHINE, USER), result.err)
        return result

    def works(self, *args, **more):
        result = self.pumice(*args, **more)
        self.assertEqual(result.code, OK, result.err)
        return result

    def fails(self, code, *args, says=(), **more):
        """The exit code, one message on stderr that holds each of `says`, nothing on stdout."""
        result = self.pumice(*args, **more)
        self.assertEqual(result.code, code, result.err)
        self.assertTrue(result.err.startswith("pumice: "), result.err)
        for text in [says] if isinstance(says, str) else says:
            self.assertIn(text, result.err)
        self.assertEqual(result.out, "")
        return result


def main():
    sys.argv = sys.argv[:1]
    unittest.main(verbosity=1)
