#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# test_cli - the program `pumice` from outside: what it prints, its exit codes, and what it leaves
# on the disk when something is wrong. Needs a Vulkan device for most of it.
#
#   test_cli.py PROGRAM SOURCE_FOLDER

"""Tests of the command line."""

import json
import os
import signal
import struct
import subprocess
import time

from cli_fixture import (ADD, BOOL, FLOAT, INT64, LOOP, MACHINE, PROGRAM, RELU, SOURCE, STRING,
                         UINT8, USER, CliTest, floats, list_port, main, model, node, npy, png,
                         port)

NO_DRIVER = {"VK_DRIVER_FILES": "/nonexistent", "VK_ICD_FILENAMES": "/nonexistent"}


class Words(CliTest):
    """Help, versions and wrong words; no device is needed."""

    def test_help(self):
        overview = self.works("--help").out
        for name in ("devices", "info", "run", "ocr", "verify", "explain", "kernels", "ops",
                     "embed", "classify", "detect", "similarity"):
            self.assertIn(name, overview)
            text = self.works(name, "--help", env=NO_DRIVER).out
            self.assertIn("Usage: pumice " + name, text)
            self.assertIn("--device", text)
            self.assertEqual(text, self.works("help", name).out)
            self.assertLess(max(map(len, text.split("\n"))), 100)
        self.assertIn("pumice 0.", self.works("--version").out)

    def test_wrong_words(self):
        self.fails(USER, "divices", says="did you mean 'pumice devices'?")
        self.fails(USER, "xyzzy", says="--help")
        self.fails(USER, "run", "m.onnx", "--outptu", "d", says="did you mean --output?")
        self.fails(USER, "run", "m.onnx", "--repeat", "many", says=("--repeat", "many"))
        self.fails(USER, "run", "m.onnx", "--repeat", "0", says="from 1 to")
        self.fails(USER, "run", "m.onnx", "--repeat", says="--repeat N")
        self.fails(USER, "run", "m.onnx", "--profile=yes", says="--profile takes no value")
        self.fails(USER, "run", "m.onnx", "-x", says="-x")
        self.fails(USER, "run", says="give a model")
        self.fails(USER, "info", "a", "b", says="one model")
        self.fails(USER, "ocr", says="give a picture")
        self.fails(USER, "devices", "now", says="now")
        self.assertEqual(self.pumice().code, USER)

    def test_full_stdout(self):
        with open("/dev/full", "wb") as full:
            result = self.pumice("ops", stdout=full)
        self.assertEqual(result.code, MACHINE)
        self.assertIn("No space left", result.err)

    def test_ops(self):
        rows = json.loads(self.works("ops", "--json", env=NO_DRIVER).out)
        self.assertIn("Conv", [row["name"] for row in rows])
        page = self.works("ops", "--markdown", env=NO_DRIVER).out
        self.assertIn("| Conv |", page)
        path = os.path.join(SOURCE, "docs/operators.md")
        if os.path.exists(path):
            with open(path, encoding="utf-8") as stream:
                self.assertEqual(stream.read(), page, "pumice ops --markdown > docs/operators.md")


class NoDevice(CliTest):
    """A machine without a driver, and without a loader."""

    def test_no_driver(self):
        relu = self.write("relu.onnx", RELU)
        self.fails(MACHINE, "devices", env=NO_DRIVER)
        self.fails(MACHINE, "run", relu, "--shape", "2x3", env=NO_DRIVER)
        self.fails(MACHINE, "verify", env=NO_DRIVER)
        told = self.works("info", relu, env=NO_DRIVER).out
        self.assertIn("Relu", told)
        self.assertIn("unknown without a device", told)
        told = json.loads(self.works("info", relu, "--json", env=NO_DRIVER).out)
        self.assertEqual(told["operators"], {"Relu": 1})
        self.assertIn("no_device", told)

    def test_no_loader(self):
        """The loader hidden behind an empty file, where this user may do that."""
        found = subprocess.run(["ldconfig", "-p"], capture_output=True, check=False, text=True)
        paths = [line.split()[-1] for line in found.stdout.split("\n") if "libvulkan.so.1" in line]
        hide = " && ".join("mount --bind /dev/null " + os.path.realpath(p) for p in paths) or "true"
        command = ["unshare", "-m", "sh", "-c", hide + ' && exec "$@"', "sh", PROGRAM, "devices"]
        done = subprocess.run(command, capture_output=True, check=False, text=True)
        if "unshare" in done.stderr or "mount" in done.stderr:
            self.skipTest("cannot hide the loader: " + done.stderr.strip())
        self.assertEqual(done.returncode, MACHINE, done.stderr)
        self.assertIn("loader", done.stderr)


class Devices(CliTest):
    """What tells about devices and kernels."""

    def test_devices(self):
        devices = json.loads(self.works("devices", "--json").out)
        chosen = [d for d in devices if d["chosen"]]
        self.assertEqual(len(chosen), 1)
        text = self.works("devices").out
        self.assertIn(chosen[0]["name"], text)
        self.assertIn(chosen[0]["reason"], text)
        masked = json.loads(self.works("devices", "--json", "--caps", "tier0").out)
        self.assertEqual(max(d["tier"] for d in masked), 0)
        relu = self.write("relu.onnx", RELU)
        self.fails(USER, "run", relu, "--shape", "2x3", "--device", "no such card",
                   says="no such card")
        self.fails(USER, "devices", "--caps", "tier9", says="tier9")
        uuid = chosen[0]["uuid"]
        self.works("run", relu, "--shape", "2x3", "--device", uuid)

    def test_kernels(self):
        rows = json.loads(self.works("kernels", "--json").out)["kernels"]
        self.assertTrue(any(row["usable"] for row in rows))
        fewer = json.loads(self.works("kernels", "--json", "--caps", "tier0").out)["kernels"]
        self.assertEqual(len(rows), len(fewer))
        usable = sum(r["usable"] for r in rows)
        if os.environ.get("PUMICE_CAPS") == "tier0":  # the mask is there already
            self.assertEqual(sum(r["usable"] for r in fewer), usable)
        else:
            self.assertLess(sum(r["usable"] for r in fewer), usable)

    def test_verify(self):
        told = json.loads(self.works("verify", "--kernel", "softmax", "--json").out)
        self.assertEqual(told["failed"], 0)
        self.assertTrue(told["kernels"])
        self.assertIn("cases", self.works("verify", "--kernel", "softmax").out)
        result = self.pumice("verify", "--kernel", "no_such_kernel")
        self.assertEqual(result.code, USER)


class Run(CliTest):
    """`run`, `info` and `explain` on small models."""

    def test_outputs(self):
        relu = self.write("relu.onnx", RELU)
        x = self.write("x.npy", npy("<f4", (2, 3), floats(-1, 2, -3, 4, -5, 6)))
        self.works("run", relu, "--input", "x=" + x, "--output", self.path("out/deep"))
        self.assertEqual(self.read("out/deep/y.npy"),
                         npy("<f4", (2, 3), floats(0, 2, 0, 4, 0, 6)))
        self.assertEqual(os.listdir(self.path("out/deep")), ["y.npy"])
        summary = self.works("run", relu, "--input", x).out
        self.assertIn("float32 [2, 3]", summary)
        self.works("run", relu, "--input", x, "--output", self.path("out"))  # twice, other folder
        self.assertIn("y.npy", os.listdir(self.path("out")))

    def test_names_and_types(self):
        """Names become file names, names that meet get numbers, types stay."""
        names = ["a/b:c", "a_b_c", "d\u00e9", "-"]
        nodes = [node("Identity", ["x"], [n]) for n in names] + [node("IsNaN", ["x"], ["flag"])]
        m = model(nodes, [port("x", FLOAT, [2])],
                  [port(n, FLOAT, [2]) for n in names] + [port("flag", BOOL, [2])])
        self.write("m.onnx", m)
        x = self.write("x.npy", npy("<f4", (2,), floats(1, float("nan"))))
        self.works("run", self.path("m.onnx"), "--input", x, "--output", self.path("out"))
        self.assertEqual(sorted(os.listdir(self.path("out"))),
                         ["-.npy", "a_b_c-2.npy", "a_b_c.npy", "d__.npy", "flag.npy"])
        self.assertEqual(self.read("out/flag.npy"), npy("|b1", (2,), b"\0\1"))

    def test_int64(self):
        m = model([node("Add", ["x", "x"], ["y"])], [port("x", INT64, ["n"])],
                  [port("y", INT64, ["n"])])
        self.write("m.onnx", m)
        x = self.write("x.npy", npy("<i8", (3,), struct.pack("<3q", 1, -2, 1 << 40)))
        self.works("run", self.path("m.onnx"), "--input", x, "--output", self.path("out"))
        self.assertEqual(self.read("out/y.npy"),
                         npy("<i8", (3,), struct.pack("<3q", 2, -4, 1 << 41)))

    def test_lists(self):
        m = model([node("SequenceInsert", ["list", "x"], ["longer"])],
                  [list_port("list", FLOAT), port("x", FLOAT, [2])], [list_port("longer", FLOAT)])
        m = self.write("m.onnx", m)
        x = self.write("x.npy", npy("<f4", (2,), floats(1, 2)))
        y = self.write("y.npy", npy("<f4", (1,), floats(3)))
        self.works("run", m, "--input", "list=" + y, "--input", "list=" + x, "--input", "x=" + x,
                   "--output", self.path("out"))
        self.assertEqual(sorted(os.listdir(self.path("out"))),
                         ["longer_0.npy", "longer_1.npy", "longer_2.npy"])
        self.assertEqual(self.read("out/longer_0.npy"), self.read("y.npy"))
        self.assertEqual(self.read("out/longer_2.npy"), self.read("x.npy"))
        self.assertIn("longer[0]", self.works("run", m, "--input", "x=" + x).out)
        self.assertIn("list of float32", self.works("info", m).out)

    def test_strings(self):
        m = model([node("Identity", ["x"], ["y"])], [port("x", STRING, ["n"])],
                  [port("y", STRING, ["n"])])
        m = self.write("m.onnx", m)
        text = "ab\0\0\u00e9\U0001f600\0\0".encode("utf-32-le")
        x = self.write("x.npy", npy("<U4", (2,), text))
        self.works("run", m, "--input", "x=" + x, "--output", self.path("out"))
        short = "ab\u00e9\U0001f600".encode("utf-32-le")
        self.assertEqual(self.read("out/y.npy"), npy("<U2", (2,), short))

    def test_endless_loop(self):
        loop = self.write("loop.onnx", LOOP)
        x = self.write("x.npy", npy("<f4", (2,), floats(1, 2)))
        go = self.write("go.npy", npy("|b1", (), b"\1"))
        given = ("--input", "x=" + x, "--input", "go=" + go)
        self.fails(USER, "run", loop, *given, "--loop-limit", "7", says=("7 turns", "--loop-limit"))
        process = subprocess.Popen([PROGRAM, "run", loop, *given, "--loop-limit", str(1 << 60)],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130, err)
        self.assertEqual(out, b"")
        self.assertIn(b"cancelled", err)
        stop = self.write("stop.npy", npy("|b1", (), b"\0"))
        self.works("run", loop, "--input", "x=" + x, "--input", "go=" + stop)
        self.assertIn("Loop", self.works("explain", loop, "--shape", "go=scalar").out)

    def test_pictures(self):
        for dims, dtype, want in (
                ([1, 3, 2, 2], FLOAT,
                 npy("<f4", (1, 3, 2, 2), floats(*[1] * 4, *[0.2] * 4, *[0] * 4))),
                (["n", "h", "w", 3], FLOAT, None),
                ([1, 1, 2, "w"], FLOAT, None)):
            m = model([node("Identity", ["x"], ["y"])], [port("x", dtype, dims)],
                      [port("y", dtype, dims)])
            self.write("m.onnx", m)
            picture = self.write("p.png", png(6, 4, (255, 51, 0)))
            out = self.path("out")
            self.works("run", self.path("m.onnx"), "--input", "x=" + picture, "--output", out)
            if want:
                self.assertEqual(self.read("out/y.npy"), want)
        self.assertIn(b"(1, 1, 2, 3)", self.read("out/y.npy"))  # 6 x 4 at height 2
        m = model([node("Identity", ["x"], ["y"])], [port("x", INT64, [1, 3, 2, 2])],
                  [port("y", INT64, [1, 3, 2, 2])])
        self.write("m.onnx", m)
        self.fails(USER, "run", self.path("m.onnx"), "--input", picture, says="int64")
        self.write("relu.onnx", RELU)
        self.fails(USER, "run", self.path("relu.onnx"), "--input", picture, says="does not fit")
        broken = self.write("b.png", png(6, 4, (1, 2, 3))[:60])
        self.fails(USER, "run", self.path("m.onnx"), "--input", broken)
        m = model([node("Identity", ["x"], ["y"])], [port("x", UINT8, [2, 2, 3])],
                  [port("y", UINT8, [2, 2, 3])])
        self.write("m.onnx", m)
        self.works("run", self.path("m.onnx"), "--input", picture, "--output", out)
        self.assertEqual(self.read("out/y.npy"), npy("|u1", (2, 2, 3), bytes((255, 51, 0)) * 4))

    def test_times_and_profile(self):
        relu = self.write("relu.onnx", RELU)
        text = self.works("run", relu, "--shape", "x=64x3", "--repeat", "5", "--profile").out
        for word in ("median", "warm-up", "kernel", "GB/s"):
            self.assertIn(word, text)
        told = json.loads(self.works("run", relu, "--shape", "64x3", "--repeat", "5", "--profile",
                                     "--json").out)
        self.assertEqual(told["timing"]["runs"], 5)
        self.assertLessEqual(told["timing"]["min_ms"], told["timing"]["median_ms"])
        self.assertEqual(told["outputs"][0]["shape"], [64, 3])
        self.assertTrue(told["profile"]["kernels"])
        again = json.loads(self.works("run", relu, "--shape", "64x3", "--json").out)
        self.assertEqual(again["outputs"], told["outputs"])  # the same random values

    def test_info_and_explain(self):
        relu = self.write("relu.onnx", RELU)
        told = json.loads(self.works("info", relu, "--shape", "x=5x3", "--json").out)
        self.assertEqual(told["inputs"][0]["shape"], ["n", 3])
        self.assertEqual(told["memory"]["shapes"], {"x": [5, 3]})
        self.assertTrue(told["memory"]["fits"])
        self.assertIn("n=1", self.works("info", relu).out)
        plan = json.loads(self.works("explain", relu, "--json").out)
        self.assertEqual([step["op"] for step in plan["steps"]], ["Relu"])
        self.assertIn("Relu", self.works("explain", relu, "--why").out)

    def test_bad_inputs(self):
        relu, add = self.write("relu.onnx", RELU), self.write("add.onnx", ADD)
        good = self.write("x.npy", npy("<f4", (2, 3), floats(*range(6))))
        cases = {
            "double.npy": (npy("<f8", (2, 3), bytes(48)), ("float64", "float32", "astype")),
            "shape.npy": (npy("<f4", (3, 2), bytes(24)), ("[3, 2]", "[n, 3]")),
            "rank.npy": (npy("<f4", (6,), bytes(24)), ("[6]",)),
            "order.npy": (npy("<f4", (2, 3), bytes(24), fortran=True), ("Fortran",)),
            "endian.npy": (npy(">f4", (2, 3), bytes(24)), ("big-endian",)),
            "short.npy": (npy("<f4", (2, 3), bytes(20)), ("24", "20")),
            "lies.npy": (npy("<f4", (1 << 40, 1 << 40), bytes(24)), ("larger",)),
            "empty.npy": (b"", ()),
            "text.npy": (b"hello", ()),
        }
        for name, (data, says) in cases.items():
            path = self.write(name, data)
            self.fails(USER, "run", relu, "--input", "x=" + path, says=(path, *says))
        self.fails(USER, "run", relu, "--input", "x=/nonexistent.npy", says="/nonexistent.npy")
        self.fails(USER, "run", relu, "--input", "z=" + good, says=("no input 'z'", "'x'"))
        self.fails(USER, "run", relu, "--input", "x=" + good, "--shape", "2x3", says="twice")
        self.fails(USER, "run", relu, says=("missing", "'x' float32 [n, 3]"))
        self.fails(USER, "run", relu, "--shape", "2xx3", says="2xx3")
        self.fails(USER, "run", relu, "--shape", "2x4", says="[n, 3]")
        self.fails(USER, "run", relu, "--shape", "1000000000x3x1", says="x")
        self.fails(USER, "run", add, good, says=("2 inputs", "'b'"))
        self.fails(USER, "run", add, "--shape", "a=2", says="'b'")

    def test_bad_models(self):
        self.fails(USER, "run", "/nonexistent.onnx", says="/nonexistent.onnx")
        self.fails(USER, "info", self.folder.name, says=self.folder.name)
        for data in (b"", b"no model", RELU[:-20], RELU[:40], os.urandom(300)):
            path = self.write("bad.onnx", data)
            for command in ("run", "info", "explain"):
                self.fails(USER, command, path)
        m = model([node("Frobnicate", ["x"], ["y"])], [port("x", FLOAT, [2])],
                  [port("y", FLOAT, [2])])
        self.fails(USER, "info", self.write("m.onnx", m), says="Frobnicate")
        evil = model([node("\x1b[31mRed", ["x"], ["y"])], [port("x", FLOAT, [2])],
                     [port("y", FLOAT, [2])])
        self.assertNotIn("\x1b", self.fails(USER, "info", self.write("m.onnx", evil)).err)

    def test_unwritable_outputs(self):
        add = self.write("add.onnx", ADD)
        shapes = ("--shape", "a=2", "--shape", "b=2")
        self.write("file", b"")
        self.fails(USER, "run", add, *shapes, "--output", self.path("file/out"), says="file")
        self.fails(USER, "run", add, *shapes, "--output", "/proc/out", says="/proc/out")

    def test_full_disk(self):
        """Outputs to a disk of 64 KiB, where this user may mount one: nothing is left on it."""
        m = model([node("Identity", ["x"], ["small"]), node("Relu", ["x"], ["y"])],
                  [port("x", FLOAT, ["n"])], [port("small", FLOAT, ["n"]), port("y", FLOAT, ["n"])])
        path = self.write("m.onnx", m)
        disk = self.path("disk")
        os.mkdir(disk)
        script = ('mount -t tmpfs -o size=64k none "$1" || exit 99; "$2" run "$3" --shape 12000 '
                  '--output "$1/out"; code=$?; ls -A "$1"; exit $code')
        done = subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", disk, PROGRAM, path],
                              capture_output=True, check=False, text=True)
        if done.returncode == 99 or "unshare" in done.stderr:
            self.skipTest("cannot mount: " + done.stderr.strip())
        self.assertEqual(done.returncode, MACHINE, done.stderr)
        self.assertIn("No space left", done.stderr)
        self.assertEqual(done.stdout, "")


if __name__ == "__main__":
    main()
