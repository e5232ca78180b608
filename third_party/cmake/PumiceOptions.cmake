# SPDX-License-Identifier: MIT
#
# Options of the build, and how Pumice's own sources are compiled (pumice_compile_options).

option(PUMICE_WERROR "Treat warnings as errors" OFF)
option(PUMICE_TESTS "Build the tests" ON)
option(PUMICE_TEST_HOOKS "Compile the hooks that let a test spoil a kernel; never for release" OFF)
option(PUMICE_PROGRAM "Build the program and the examples" ON)
option(PUMICE_FUZZ "Fuzz with libFuzzer (clang), else with tests/fuzz/driver.c" OFF)
set(PUMICE_FUZZ_SECONDS 10 CACHE STRING "How long ctest runs each fuzz target")
set(PUMICE_SANITIZE "" CACHE STRING "Sanitizers, such as address,undefined")

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "Debug, Release, RelWithDebInfo" FORCE)
endif()

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)

if(PUMICE_FUZZ AND NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "PUMICE_FUZZ needs clang: CC=clang cmake ...")
endif()
if(PUMICE_FUZZ AND NOT PUMICE_SANITIZE MATCHES "address")
    # Instrumented objects need a sanitizer's runtime in programs that are no fuzz targets.
    message(FATAL_ERROR "PUMICE_FUZZ goes with -DPUMICE_SANITIZE=address,undefined")
endif()
if(PUMICE_SANITIZE)
    add_compile_options("-fsanitize=${PUMICE_SANITIZE}" -fno-omit-frame-pointer
                        -fno-sanitize-recover=all)
    add_link_options("-fsanitize=${PUMICE_SANITIZE}")
endif()

# pumice_sanitizer_hooks(TARGET): what a program needs so that leak reports leave drivers out
function(pumice_sanitizer_hooks target)
    if(PUMICE_SANITIZE MATCHES "address|leak")
        target_sources(${target} PRIVATE "${PROJECT_SOURCE_DIR}/tests/support/sanitizer_hooks.c")
        target_link_options(${target} PRIVATE -rdynamic)
    endif()
endfunction()

if(PUMICE_FUZZ)
    add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# Everything that is written here is compiled with these; generated and foreign sources are not.
function(pumice_compile_options target)
    target_compile_options(${target} PRIVATE
        -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wconversion
        -Wno-sign-conversion)
    if(PUMICE_WERROR)
        target_compile_options(${target} PRIVATE -Werror)
    endif()
    # POSIX and the few common extensions (realpath, DT_REG) that -std=c11 hides.
    target_compile_definitions(${target} PRIVATE _GNU_SOURCE)
    if(PUMICE_TEST_HOOKS)
        target_compile_definitions(${target} PRIVATE PUM_TEST_HOOKS)
    endif()
endfunction()
