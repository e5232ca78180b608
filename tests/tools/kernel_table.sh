#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Tests tools/kernel_table: a good shader gives the expected rows, and each mistake in it (one sed
# edit each) gives the expected message at the expected line, and no table.
#     kernel_table.sh KERNEL_TABLE SOURCE_DIR WORK_DIR GLSLC CC
set -u
tool=$1 source=$2 work=$3 glslc=$4 cc=$5
rm -rf "$work"
mkdir -p "$work/shaders/push" "$work/shaders/sample" "$work/spv/sample"
cp "$source"/shaders/push/push_types.h "$source"/shaders/push/push_chain.h "$work/shaders/push/"
failed=0 passed=0

cat > "$work/shaders/push/push_sample.h" <<'EOF'
#ifndef PUSH_SAMPLE_H
#define PUSH_SAMPLE_H
#include "push_types.h"
struct push_sample {
    push_uint n;
    push_uint k;
    push_float scale;
};
#endif
EOF

cat > "$work/base.comp" <<'EOF'
//! family   sample
//! push     push_sample
//! chain
//! binding  x read
//! binding  s readwrite
//! binding  y write
//! spec     0 WG_X 64 | 32 | 8
//! spec     3 TILE 4 | 8
//! spec     4 FREE *
//! kernel   sample_wide store=f32 needs=lanes_wide when=n>=4,k%4
//! kernel   sample_f32 store=f32
//! kernel   sample_f16 store=f16 needs=f16_storage define=ACC=2,MORE
#version 450
#include "dtype.glsl"
#include "push_sample.h"
#include "push_chain.h"
layout(local_size_x_id = 0, local_size_y = 1) in;
layout(constant_id = 3) const uint TILE = 4;
layout(constant_id = 4) const uint FREE = 1;
layout(constant_id = 16) const uint CHAIN0 = 0;
layout(constant_id = 17) const uint CHAIN1 = 0;
layout(constant_id = 18) const uint CHAIN2 = 0;
layout(constant_id = 19) const uint CHAIN3 = 0;
layout(constant_id = 20) const uint CHAIN4 = 0;
layout(constant_id = 21) const uint CHAIN5 = 0;
layout(binding = 0) readonly buffer X { T x[]; };
layout(binding = 1) buffer S { float s[]; };
layout(binding = 2) writeonly buffer Y { T y[]; };
layout(binding = 3) readonly buffer E0 { T e0[]; };
layout(binding = 4) readonly buffer E1 { T e1[]; };
layout(push_constant) uniform Push { push_sample p; push_chain chain; };
void main() {
    uint i = gl_GlobalInvocationID.x * TILE + FREE;
    uint code = CHAIN0 + CHAIN1 + CHAIN2 + CHAIN3 + CHAIN4 + CHAIN5;
    s[i] += float(x[i]) * p.scale;
    if (code != 0)
        s[i] += float(e0[i / chain.operand_div[0]]) + float(e1[i]);
#ifdef ACC
    s[i] += float(ACC + MORE);
#endif
    y[i] = T(s[i]);
}
EOF

# compile MACROS... : one module of the shader, as the build does
compile() {
    suffix="" defines=""
    for macro in "$@"; do
        suffix="$suffix.$(echo "$macro" | tr = -)"
        case $macro in *=*) defines="$defines -D$macro" ;; *) defines="$defines -D$macro=1" ;; esac
    done
    # shellcheck disable=SC2086
    "$glslc" --target-env=vulkan1.1 -fshader-stage=compute $defines -I "$source/shaders/include" \
        -I "$work/shaders/push" -o "$work/spv/sample/sample$suffix.spv" \
        "$work/shaders/sample/sample.comp"
}

report() { # ok? name
    if [ "$1" = 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $2"
        cat "$work/log"
    fi
}

# bad NAME EXPECTED SED: with the edit, the tool fails and says EXPECTED
bad() {
    name=$1 expected=$2
    sed "$3" "$work/base.comp" > "$work/shaders/sample/sample.comp"
    echo "sample/sample.comp" > "$work/shaders/kernels.list"
    rm -f "$work"/spv/sample/*.spv "$work/table.c"
    if [ $modules = 1 ]; then
        { compile STORE_F32 && compile STORE_F16 ACC=2 MORE; } > "$work/log" 2>&1 ||
            { report 1 "$name: the shader does not compile"; return; }
    fi
    "$tool" "$work" "$work/spv" "$work/table.c" > "$work/log" 2>&1
    status=$?
    [ $status = 1 ] && grep -qF "$expected" "$work/log" && [ ! -e "$work/table.c" ]
    report $? "$name (status $status, expected: $expected)"
}

# --- A good shader, and lists with nothing in them ---
cp "$work/base.comp" "$work/shaders/sample/sample.comp"
printf '# comment\n\n  sample/sample.comp   # behind\n' > "$work/shaders/kernels.list"
compile STORE_F32 && compile STORE_F16 ACC=2 MORE || exit 1
{ "$tool" "$work" "$work/spv" "$work/table.c" &&
    "$cc" -std=c11 -Wall -Wextra -Wpedantic -Werror -I "$source/runtime/include" \
        -I "$source/runtime" -I "$work/shaders/push" "$work/table.c" \
        "$source/tests/tools/print_rows.c" -o "$work/print_rows" &&
    "$work/print_rows" > "$work/rows"; } > "$work/log" 2>&1
report $? "a good shader gives a table that compiles"
cat > "$work/expected" <<'EOF'
sample_wide sample shaders/sample/sample.comp store=1 needs=80 chain=1 bindings=5 written=6 push=76
  spec 0 WG_X 64 32 8
  spec 3 TILE 4 8
  spec 4 FREE
  spec 16 CHAIN0
  spec 17 CHAIN1
  spec 18 CHAIN2
  spec 19 CHAIN3
  spec 20 CHAIN4
  spec 21 CHAIN5
  when n 1 4
  when k 3 4
EOF
sed -n 1,12p "$work/rows" | diff -u "$work/expected" - > "$work/log" 2>&1
report $? "the first row"
cp "$work/rows" "$work/log"
grep -A10 '^sample_f32 ' "$work/rows" | grep -q 'code as the row before'
report $? "rows of equal macros share a module"
grep -A10 '^sample_f16 .*store=2 needs=4 ' "$work/rows" | grep -q 'code unlike the row before'
report $? "the f16 row has a module of its own"

sed 's/sample_f16 store=f16/& most=TILE:4,WG_X:32/' "$work/base.comp" \
    > "$work/shaders/sample/sample.comp"
{ "$tool" "$work" "$work/spv" "$work/table.c" &&
    "$cc" -std=c11 -Werror -I "$source/runtime/include" -I "$source/runtime" \
        -I "$work/shaders/push" "$work/table.c" "$source/tests/tools/print_rows.c" \
        -o "$work/print_rows" && "$work/print_rows" > "$work/rows"; } > "$work/log" 2>&1
grep -q '^  spec 3 TILE 4 8$' "$work/rows" &&
    sed -n '/^sample_f16/,$p' "$work/rows" | grep -q '^  spec 3 TILE 4$' &&
    sed -n '/^sample_f16/,$p' "$work/rows" | grep -q '^  spec 0 WG_X 32 8$'
report $? "greater values are left out of a row with most="

: > "$work/shaders/kernels.list"
"$tool" "$work" "$work/spv" "$work/table.c" > "$work/log" 2>&1 &&
    grep -q 'kernel_row_count = 0;' "$work/table.c"
report $? "an empty list"
sed 's/ + FREE;/;\n#ifdef ACC\n    i += FREE;\n#endif\n/' "$work/base.comp" \
    > "$work/shaders/sample/sample.comp"
sed -i '/constant_id = 4/{s/^/#ifdef ACC\n/;s/$/\n#endif/}' "$work/shaders/sample/sample.comp"
echo "sample/sample.comp" > "$work/shaders/kernels.list"
compile STORE_F32 && compile STORE_F16 ACC=2 MORE &&
    "$tool" "$work" "$work/spv" "$work/table.c" > "$work/log" 2>&1
report $? "a spec that only some variants have"
sed '/^\/\/! kernel/d' "$work/base.comp" > "$work/shaders/sample/sample.comp"
echo "sample/sample.comp" > "$work/shaders/kernels.list"
"$tool" "$work" "$work/spv" "$work/table.c" > "$work/log" 2>&1 &&
    grep -q 'kernel_row_count = 0;' "$work/table.c"
report $? "a shader without kernels"

# --- Mistakes of the front matter, found before any module is read ---
modules=0
at=shaders/sample/sample.comp
bad "unknown word" "$at:3: error: shaders/README.md knows no front matter 'chian'" \
    's/! chain/! chian/'
bad "nothing" "$at:3: error: nothing behind" 's/^\/\/! chain/\/\/!/'
bad "no family" "no '//! family' line" '/! family/d'
bad "two families" "$at:3: error: a second 'family' line" 's/! chain/! family two/'
bad "no push header" "$at:2: error: no header of shaders/push/ declares 'struct push_other {'" \
    's/! push .*/! push push_other/'
bad "use" "$at:4: error: binding: 'read', 'write' or 'readwrite' is needed, not 'reads'" \
    's/x read$/x reads/'
bad "binding's name" "$at:4: error: binding: a name is needed, not '4x'" 's/ x read$/ 4x read/'
bad "binding's rest" "$at:4: error: unexpected 'more'" 's/ x read$/ x read more/'
bad "the chain's own" "$at:4: error: '//! chain' declares e0 already" 's/ x read$/ e0 read/'
bad "spec id" "$at:7: error: spec: a constant_id is needed, not 'X'" 's/spec     0/spec     X/'
bad "spec bar" "$at:8: error: spec: '|' is needed between values, not '8'" 's/TILE 4 | 8/TILE 4 8/'
bad "spec value" "$at:8: error: spec: '*' or values with '|' between them are needed" \
    's/TILE 4 | 8/TILE 4 |/'
bad "spec values" "$at:8: error: more than 8 values" \
    's/TILE 4 | 8/TILE 4|1/;s/TILE 4.1/TILE 4 | 1 | 2 | 3 | 5 | 6 | 7 | 8 | 9/'
bad "spec twice" "$at:9: error: spec 3 FREE: line 8 declares spec 3 TILE already" \
    's/spec     4/spec     3/'
bad "spec of the chain" "line 9 declares spec 16 FREE already" 's/spec     4/spec     16/'
bad "kernel field" \
    "$at:11: error: kernel: store=, needs=, when=, define= or most= is needed, not 'stor'" \
    's/sample_f32 store/sample_f32 stor/'
bad "most" "$at:11: error: most: SPEC:VALUE is needed, not 'TILE'" \
    's/sample_f32 store=f32/& most=TILE/'
bad "most's spec" "$at:11: error: kernel sample_f32: no spec TILES with the value 4" \
    's/sample_f32 store=f32/& most=TILES:4/'
bad "most's value" "$at:11: error: kernel sample_f32: no spec TILE with the value 5" \
    's/sample_f32 store=f32/& most=TILE:5/'
bad "no store" "$at:11: error: kernel: store= is missing for 'sample_f32'" \
    's/sample_f32 store=f32/sample_f32/'
bad "store" "$at:11: error: store: f32, f16, i32 or any is needed, not 'f64'" \
    's/sample_f32 store=f32/sample_f32 store=f64/'
bad "store twice" "$at:11: error: kernel: a second 'store'" \
    's/sample_f32 store=f32/sample_f32 store=f32 store=f32/'
bad "need" "$at:10: error: needs: runtime/base/caps.h has no capability 'lane'" \
    's/needs=lanes_wide/needs=lane/'
bad "condition" "$at:10: error: when: NAME<=NUMBER" 's/when=n>=4/when=n=4/'
bad "condition's number" "$at:10: error: when: NAME<=NUMBER" 's/k%4/k%0/'
bad "define" "$at:12: error: define: NAME, NAME=NUMBER or NAME=NAME is needed, not 'A-B'" \
    's/ACC=2,MORE/A-B/'
bad "kernel twice" \
    "$at:11: error: kernel sample_wide: shaders/sample/sample.comp:10 has the same name" \
    's/kernel   sample_f32/kernel   sample_wide/'

# --- SPIR-V that differs from the declaration ---
modules=1
bad "missing module" "STORE_I32.spv cannot be read" 's/sample_f32 store=f32/sample_f32 store=i32/'
bad "read is written" \
    "$at:4: error: kernel sample_wide: binding 0 x is declared 'read', but is not readonly" \
    's/0) readonly/0)/'
bad "write is read" \
    "$at:6: error: kernel sample_wide: binding 2 y is declared as written, but is readonly" \
    's/2) writeonly/2) readonly/;s/y\[i\] = /float z = /;s/T(s\[i\])/float(y[i]); s[i] = z/'
bad "readwrite" \
    "$at:5: error: kernel sample_wide: binding 1 s is declared 'readwrite', but is writeonly" \
    's/1) buffer/1) writeonly buffer/;s/s\[i\] +=/s[i] =/;s/T(s\[i\])/T(0)/'
bad "operand is written" "binding 4 e1 is declared 'read', but is not readonly" 's/4) readonly/4)/'
bad "missing binding" "$at:7: error: kernel sample_wide: binding 3 z is not in its SPIR-V" \
    's/^\/\/! spec     0/\/\/! binding z read\n&/;s/binding = 3/binding = 5/'
bad "more bindings" "its SPIR-V has binding 4, 4 are declared" '/! binding  x/d'
bad "set" "a binding outside descriptor set 0" 's/binding = 0/set = 1, binding = 0/'
bad "spec not declared" "$at:10: error: kernel sample_wide: its SPIR-V has constant_id 5" \
    's/constant_id = 4/constant_id = 5/'
bad "spec not there" "$at:9: error: spec 4 FREE is in no SPIR-V of this file" \
    's/constant_id = 4/constant_id = 5/'
bad "spec default" \
    "$at:8: error: kernel sample_wide: spec 3 TILE has the default 8 in its SPIR-V" \
    's/TILE = 4/TILE = 8/'
bad "chain default" "$at:3: error: kernel sample_wide: spec 16 CHAIN0 has the default 7" \
    's/CHAIN0 = 0/CHAIN0 = 7/'
bad "no chain" "its SPIR-V has constant_id 16" '/! chain/d'
bad "chain's push" \
    "$at:3: error: kernel sample_wide: its push constants do not end in a struct push_chain" \
    's/push_chain chain;/uint operand_div[17];/;s/chain\.operand/operand/'
bad "chain before push" "do not end in a struct push_chain" \
    's/push_sample p; push_chain chain;/push_chain chain; push_sample p;/'
bad "push not declared" "has 12 bytes of push constants, but no 'push' line" '/! push/d'
bad "push not there" "'push push_sample' is declared, but its SPIR-V has no such" \
    's/push_sample p; //;s/p\.scale/1.0/'
bad "push too large" "140 bytes of push constants, 128 are allowed" \
    's/push_sample p;/push_sample p; uint more[16];/'
bad "16-bit storage" \
    "$at:12: error: kernel sample_f16: its SPIR-V uses capability StorageBuffer16BitAccess; add" \
    's/needs=f16_storage//'
bad "16-bit arithmetic" \
    "$at:12: error: kernel sample_f16: its SPIR-V uses capability Float16; convert" \
    's/T(s\[i\])/T(s[i]) * x[i]/'
bad "subgroup" "uses capability GroupNonUniformArithmetic; add needs=subgroup" \
    's/^#version.*/&\n#extension GL_KHR_shader_subgroup_arithmetic : require/;
     s/T(s\[i\])/T(subgroupAdd(s[i]))/'
bad "a capability without a word" "uses capability 10, for which runtime/base/caps.h has no word" \
    's/T(s\[i\])/T(float(double(s[i]) * 2.0lf))/'
bad "fixed workgroup" "a fixed workgroup of 256 invocations" \
    's/local_size_y = 1/local_size_y = 256/'
bad "fixed workgroup, too little asked" "a fixed workgroup of 256 invocations" \
    's/local_size_y = 1/local_size_y = 256/;s/store=f32$/& when=invocations>=255/'
bad "workgroup axis" "constant_id 3 sets axis 1 of the workgroup" \
    's/local_size_y = 1/local_size_y_id = 3/'
bad "id kept for the workgroup" "ids 0 to 2 are the workgroup's size" \
    's/local_size_x_id = 0/local_size_x = 8/;s/constant_id = 4/constant_id = 0/'

# --- Damaged modules ---
cp "$work/base.comp" "$work/shaders/sample/sample.comp"
compile STORE_F32
size=$(wc -c < "$work/spv/sample/sample.STORE_F32.spv")
for bytes in 0 4 20 24 100 $((size / 8 * 4 - 4)); do
    compile STORE_F32
    truncate -s "$bytes" "$work/spv/sample/sample.STORE_F32.spv"
    "$tool" "$work" "$work/spv" "$work/table.c" > "$work/log" 2>&1
    status=$?
    [ $status = 1 ]
    report $? "a module cut to $bytes bytes (status $status)"
done

# --- A C struct that is not what the shader was compiled with ---
compile STORE_F32 && compile STORE_F16 ACC=2 MORE
sed -i 's/push_float scale;/push_float scale, other;/' "$work/shaders/push/push_sample.h"
"$tool" "$work" "$work/spv" "$work/table.c" > "$work/log" 2>&1
if "$cc" -std=c11 -fsyntax-only -I "$source/runtime/include" -I "$source/runtime" \
    -I "$work/shaders/push" "$work/table.c" > "$work/log" 2>&1; then
    report 1 "a push struct of another size compiles"
else
    grep -q 'has another size in C than in kernel' "$work/log"
    report $? "a push struct of another size"
fi

echo "kernel_table: $passed passed, $failed failed"
[ $failed = 0 ]
