#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# test_check_style.py CHECK_STYLE - each rule of tools/check_style finds the violation that is
# planted for it in a small tree, and finds nothing in the tree without it.

"""Plant one violation at a time and look for its line in the output."""

import pathlib
import subprocess
import sys
import tempfile

LICENCE = "SPDX-License-Identifier: MIT"
C = f"/* {LICENCE}\n *\n * what this file is for.\n */\n"
SHADER = (f"// {LICENCE}\n//! family f\n//! binding y write\n//! kernel f_f32 store=f32\n"
          "//\n// y = x; y is a flat array\n// one invocation writes one element\n// exact\n")
PUBLIC = C + ("/* Does it.\n * Errors: none.\n * Threads: Safe. */\n"
              "PUM_API int pum_do(void);\n" + "struct a;\n" * 6)

GOOD = {
    "runtime/include/pumice/pumice.h": PUBLIC,
    "runtime/base/status.h": C,
    "runtime/gpu/gpu.h": C + '#include <vulkan/vulkan.h>\n#include "base/status.h"\n',
    "runtime/gpu/device_plan.c": C + "int a = 0x10de;\n",
    "runtime/base/context.c": C + 'const char *a(void)\n{\n    return getenv("A");\n}\n',
    "runtime/ops/ops.inc": C + "PUM_OP(ADD, add)\n",
    "runtime/ops/cases_binary.inc": C + "OP_CASE(ADD)\n",
    "runtime/ops/op.c": C + '#include "push_add.h"\n#include "base/status.h"\n',
    "src/cli/main.c": C + '#include "image/image.h"\nint main(void)\n{\n    printf("a");\n}\n',
    "src/image/image.h": C + '#include "pumice/pumice.h"\n',
    "shaders/f/f.comp": SHADER,
}

LONG = "int f(void)\n{\n" + "    a();\n" * 120 + "}\n"
MANY = "".join(f"PUM_OP(O{i}, o{i})\n" for i in range(40))
USES = "int a[] = {" + ", ".join(f"OP_O{i}" for i in range(40)).replace("9,", "9,\n") + "};\n"

# rule, file, its new content
BAD = [
    ("file-size", "runtime/base/a.c", C + "int a;\n" * 1000),
    ("file-size", "runtime/base/a.h", C + "int a;\n" * 400),
    ("file-size", "shaders/f/f.comp", SHADER + "// a\n" * 300),
    ("function-size", "runtime/base/a.c", C + LONG),
    ("function-size", "runtime/base/a.c", C + LONG.replace("(void)\n{", "(int a,\n      int b) {")),
    ("function-size", "shaders/f/f.comp", SHADER + LONG.replace("\n{", " {")),
    ("line-width", "runtime/base/a.c", C + "/* " + "a" * 100 + " */\n"),
    ("white-space", "runtime/base/a.c", C + "int a;\t/* a */\n"),
    ("white-space", "runtime/base/a.c", C + "int a; \n"),
    ("white-space", "runtime/base/a.c", C + "int a;"),
    ("spdx", "runtime/base/a.c", "/* a file */\n"),
    ("spdx", "tools/a", "#!/bin/sh\necho\n"),
    ("file-header", "runtime/base/a.c", f"/* {LICENCE} */\nint a;\n"),
    ("unfinished", "runtime/base/a.c", C + "/* TO" "DO: more */\n"),
    ("unique-names", "src/cli/status.h", C),
    ("generated", "shaders/f/f.spv", "a"),
    ("generated", "runtime/base/a.c", C + "/* DO NOT EDIT */\n"),
    ("public-comments", "runtime/include/pumice/pumice.h", PUBLIC + "\nPUM_API int pum_b(void);\n"),
    ("public-comments", "runtime/include/pumice/pumice.h", PUBLIC.replace("Errors", "Faults")),
    ("public-comments", "runtime/include/pumice/pumice.h", PUBLIC.replace("Threads", "Locks")),
    ("public-share", "runtime/include/pumice/pumice.h", PUBLIC + "int a;\n" * 50),
    ("include-direction", "runtime/base/a.c", C + '#include "gpu/gpu.h"\n'),
    ("include-direction", "runtime/gpu/a.c", C + '#include "ops/op.h"\n'),
    ("include-direction", "runtime/graph/a.c", C + '#include "push_add.h"\n'),
    ("include-direction", "runtime/ops/a.c", C + '#include "status.h"\n'),
    ("include-direction", "src/cli/a.c", C + '#include "base/status.h"\n'),
    ("include-direction", "src/image/a.c", C + '#include "cli/cli.h"\n'),
    ("vulkan-headers", "runtime/plan/a.c", C + "#include <vulkan/vulkan.h>\n"),
    ("library-manners", "runtime/base/a.c", C + "int f(void)\n{\n    abort();\n}\n"),
    ("library-manners", "runtime/base/a.c", C + 'int f(void)\n{\n    printf("a");\n}\n'),
    ("environment", "src/cli/a.c", C + 'const char *f(void)\n{\n    return getenv("A");\n}\n'),
    ("vendors", "runtime/ops/a.c", C + "int a = 0x10DE;\n"),
    ("vendors", "shaders/f/f.comp", SHADER + "// quick on Radeon\n"),
    ("operator-lists", "runtime/ops/ops.inc", C + MANY),
    ("operator-cases", "runtime/ops/cases_binary.inc", C),
    ("shader-header", "shaders/f/f.comp", SHADER.replace("//! kernel", "// kernel")),
    ("shader-header", "shaders/f/f.comp", SHADER.replace("// exact\n", "")),
    ("exemption", "tools/check_style.exempt", "file-size runtime/base/status.h not needed\n"),
]


def run(check, files):
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = pathlib.Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        done = subprocess.run([sys.executable, check, folder], capture_output=True, text=True,
                              check=False)
    return done.returncode, done.stdout + done.stderr


def main():
    check, failed = sys.argv[1], 0
    status, output = run(check, GOOD)
    if status != 0:
        print(f"FAIL the good tree:\n{output}")
        failed += 1
    for rule, name, text in BAD:
        files = {**GOOD, name: text}
        if rule == "operator-lists":
            files["runtime/ops/a.c"] = C + USES
        status, output = run(check, files)
        where = "runtime/ops/" if rule.startswith("operator") else f"{name}:"
        if status != 1 or not any(x.startswith(where) and f" {rule}:" in x
                                  for x in output.splitlines()):
            print(f"FAIL {rule} in {name}:\n{output}")
            failed += 1
    exempted = {**GOOD, "runtime/base/a.c": C + LONG,
                "tools/check_style.exempt": "function-size runtime/base/*.c a table\n"}
    status, output = run(check, exempted)
    if status != 0:
        print(f"FAIL an exemption does not hold:\n{output}")
        failed += 1
    print(f"{len(BAD) + 2 - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
