#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The shared library exports exactly the functions that the public headers declare with PUM_API,
# carries its soname, and does not need the Vulkan loader.
#     exports.sh LIBRARY HEADER...
set -u
library=$1
shift
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failed=0

# A declaration runs from PUM_API to ';': the name stands before the first '('.
awk '
    /^#/ { next }
    /^PUM_API/ { text = ""; open = 1 }
    open { text = text " " $0 }
    open && /;/ {
        sub(/PUM_NODISCARD/, "", text); sub(/\(.*/, "", text); gsub(/[*]/, " ", text)
        count = split(text, words, " "); print words[count]; open = 0
    }' "$@" | sort > "$work/declared"
nm -D --defined-only "$library" | awk '{ print $3 }' | grep -v '^__' | sort > "$work/exported"
[ -s "$work/declared" ] || { echo "no declarations found"; failed=1; }
if ! diff "$work/declared" "$work/exported" > "$work/diff"; then
    echo "declared but not exported (<), exported but not declared (>):"
    grep '^[<>]' "$work/diff"
    failed=1
fi
readelf -d "$library" > "$work/dynamic"
grep -q 'SONAME.*\[libpumice\.so\.0\]' "$work/dynamic" || { echo "the soname is wrong"; failed=1; }
if grep NEEDED "$work/dynamic" | grep -q vulkan; then
    echo "the library is linked to the Vulkan loader"
    failed=1
fi
[ $failed = 0 ] && echo "$(wc -l < "$work/exported") functions, as declared"
exit $failed
