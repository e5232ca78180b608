# SPDX-License-Identifier: MIT
#
# What the build needs, all of it system packages (tools/packages lists them). Each missing one is
# an error that names the package.

set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)

# pumice_find_program(VARIABLE program package)
function(pumice_find_program variable name package)
    find_program(${variable} ${name})
    if(NOT ${variable})
        message(FATAL_ERROR "'${name}' not found. On Debian or Ubuntu: apt-get install ${package}")
    endif()
endfunction()

# pumice_find_module(PREFIX module package): an imported target PkgConfig::PREFIX
macro(pumice_find_module prefix module package)
    pkg_check_modules(${prefix} QUIET IMPORTED_TARGET ${module})
    if(NOT ${prefix}_FOUND)
        message(FATAL_ERROR
            "pkg-config does not know '${module}'. On Debian or Ubuntu: apt-get install ${package}")
    endif()
endmacro()

pumice_find_program(PUMICE_GLSLC glslc glslc)
pumice_find_program(PUMICE_SPIRV_VAL spirv-val spirv-tools)
pumice_find_program(PUMICE_SPIRV_OPT spirv-opt spirv-tools)
pumice_find_program(PUMICE_PROTOC_C protoc-c protobuf-c-compiler)
pumice_find_module(PROTOBUF_C libprotobuf-c libprotobuf-c-dev)

find_path(PUMICE_VULKAN_INCLUDE vulkan/vulkan.h)
if(NOT PUMICE_VULKAN_INCLUDE)
    message(FATAL_ERROR
        "vulkan/vulkan.h not found. On Debian or Ubuntu: apt-get install libvulkan-dev")
endif()

# volk is compiled into the library from its source (runtime/gpu/vulkan_api.c), so that its symbols
# stay hidden.
find_path(PUMICE_VOLK_INCLUDE volk.c PATH_SUFFIXES volk Volk)
if(NOT PUMICE_VOLK_INCLUDE)
    message(FATAL_ERROR
        "volk.c not found. On Debian or Ubuntu: apt-get install libvulkan-volk-dev")
endif()

find_path(PUMICE_ONNX_PROTO onnx.proto PATH_SUFFIXES onnx)
if(NOT PUMICE_ONNX_PROTO)
    message(FATAL_ERROR
        "onnx/onnx.proto not found. On Debian or Ubuntu: apt-get install libonnx-dev")
endif()

if(PUMICE_PROGRAM OR PUMICE_TESTS)
    pumice_find_module(PNG libpng libpng-dev)
    pumice_find_module(TURBOJPEG libturbojpeg libturbojpeg0-dev)
    pumice_find_module(JANSSON jansson libjansson-dev)
    pumice_find_module(SNDFILE sndfile libsndfile1-dev)
    pumice_find_module(SAMPLERATE samplerate libsamplerate0-dev)
    pumice_find_module(UTF8PROC libutf8proc libutf8proc-dev)
    pumice_find_module(PCRE2 libpcre2-8 libpcre2-dev)
endif()
if(PUMICE_TESTS)
    pumice_find_module(CMOCKA cmocka libcmocka-dev)
endif()
