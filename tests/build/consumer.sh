#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Installs the build into a folder, moves that folder, and builds a foreign program against it by
# find_package and by pkg-config, shared and static; runs each, and the installed program.
#     consumer.sh BUILD_DIR SOURCE_DIR WORK_DIR CC C_FLAGS
set -eu
build=$1 source=$2 work=$3 cc=$4 flags=${5-}
rm -rf "$work"
mkdir -p "$work"
cmake --install "$build" --prefix "$work/first" > "$work/install.log"
mv "$work/first" "$work/prefix"
libdir=$(dirname "$(find "$work/prefix" -name 'libpumice.so')")
export LD_LIBRARY_PATH="$libdir"

echo "== find_package"
cmake -G Ninja -S "$source/tests/build/consumer" -B "$work/build" -DCMAKE_C_COMPILER="$cc" \
    -DCMAKE_C_FLAGS="$flags" -DCMAKE_PREFIX_PATH="$work/prefix" > "$work/cmake.log"
cmake --build "$work/build" > "$work/cmake.log" || { cat "$work/cmake.log"; exit 1; }
"$work/build/consumer_pumice"
"$work/build/consumer_pumice_static"

echo "== pkg-config"
PKG_CONFIG_PATH="$libdir/pkgconfig${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}"
export PKG_CONFIG_PATH
[ "$(pkg-config --modversion pumice)" = 0.1.0 ]
# shellcheck disable=SC2046,SC2086
"$cc" -std=c11 $flags "$source/tests/build/consumer/consumer.c" -o "$work/by_pkg_config" \
    $(pkg-config --cflags --libs pumice)
"$work/by_pkg_config"
# shellcheck disable=SC2046,SC2086
"$cc" -std=c11 $flags -DPUM_STATIC "$source/tests/build/consumer/consumer.c" \
    -o "$work/by_pkg_config_static" $(pkg-config --cflags pumice) "$libdir/libpumice.a" \
    $(pkg-config --libs --static pumice | sed 's/-lpumice//')
"$work/by_pkg_config_static"

echo "== the program finds its library by itself"
unset LD_LIBRARY_PATH
if [ -x "$work/prefix/bin/pumice" ]; then
    "$work/prefix/bin/pumice" --version
fi
