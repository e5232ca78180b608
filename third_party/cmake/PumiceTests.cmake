# SPDX-License-Identifier: MIT
#
# tests/ROOM/test_THING.c is one program and one ctest test, labelled ROOM. Other .c files of a
# room's folder are shared by its tests, those of tests/support/ by all. Tests see the library's
# internals (pumice_internal); those of the rooms of src/ (image, audio, hf, arch, cli) see these
# too, and tests/models (whole networks). Exit status 77: skipped, with a reason printed.
# tests/tools/ and tests/build/ are scripts and are listed at the end.

function(pumice_test_options target)
    target_include_directories(${target} PRIVATE
        "${PROJECT_SOURCE_DIR}/tests" "${PROJECT_SOURCE_DIR}/src")
    target_compile_definitions(${target} PRIVATE
        PUM_TEST_SOURCE_DIR="${PROJECT_SOURCE_DIR}" PUM_TEST_BUILD_DIR="${PROJECT_BINARY_DIR}")
    target_link_libraries(${target} PRIVATE pumice_internal PkgConfig::CMOCKA m)
    target_include_directories(${target} SYSTEM PRIVATE "${PUMICE_GENERATED}")
    pumice_compile_options(${target})
endfunction()

# pumice_test_library(name sources...): an archive of what tests share, if there are sources
function(pumice_test_library name)
    if(ARGN)
        add_library(${name} STATIC EXCLUDE_FROM_ALL ${ARGN})
        pumice_test_options(${name})
    endif()
endfunction()

file(GLOB_RECURSE PUMICE_TEST_SOURCES CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tests/*.c")
set(test_sources ${PUMICE_TEST_SOURCES})
list(FILTER test_sources INCLUDE REGEX "/test_[^/]*\\.c$")
list(FILTER test_sources EXCLUDE REGEX "/tests/support/")
set(support_sources ${PUMICE_TEST_SOURCES})
list(FILTER support_sources INCLUDE REGEX "/tests/support/[^/]*\\.c$")
list(FILTER support_sources EXCLUDE REGEX "/sanitizer_hooks\\.c$")
pumice_test_library(pumice_test_support ${support_sources})

foreach(source IN LISTS test_sources)
    get_filename_component(name "${source}" NAME_WE)
    get_filename_component(folder "${source}" DIRECTORY)
    get_filename_component(room "${folder}" NAME)
    set(room_library pumice_test_room_${room})
    if(NOT TARGET ${room_library})
        file(GLOB room_sources CONFIGURE_DEPENDS "${folder}/*.c")
        list(FILTER room_sources EXCLUDE REGEX "/(test|fuzz)_[^/]*\\.c$")
        pumice_test_library(${room_library} ${room_sources})
    endif()
    add_executable(${name} "${source}")
    set_target_properties(${name} PROPERTIES
        RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/tests")
    set(libraries ${room_library} pumice_test_support)
    if(room MATCHES "^(cli|image|audio|system|hf|text|arch|models)$")
        list(APPEND libraries pumice_top)
    endif()
    foreach(library IN LISTS libraries)
        if(TARGET ${library})
            target_link_libraries(${name} PRIVATE ${library})
        endif()
    endforeach()
    pumice_test_options(${name})
    pumice_sanitizer_hooks(${name})
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES
        LABELS ${room} SKIP_RETURN_CODE 77 TIMEOUT 600)
endforeach()

# tests/fuzz/fuzz_THING.c is a fuzz target (LLVMFuzzerTestOneInput) with its corpus in
# tests/fuzz/corpus/THING/; ctest runs it for PUMICE_FUZZ_SECONDS.
set(fuzz_sources ${PUMICE_TEST_SOURCES})
list(FILTER fuzz_sources INCLUDE REGEX "/tests/fuzz/fuzz_[^/]*\\.c$")
foreach(source IN LISTS fuzz_sources)
    get_filename_component(name "${source}" NAME_WE)
    string(REGEX REPLACE "^fuzz_" "" thing "${name}")
    add_executable(${name} "${source}")
    set_target_properties(${name} PROPERTIES
        RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/tests")
    if(PUMICE_FUZZ)
        target_link_options(${name} PRIVATE -fsanitize=fuzzer)
        # libFuzzer writes what it finds beside the first corpus: give it a folder of its own.
        set(fuzz_corpus "${PROJECT_BINARY_DIR}/fuzz-${thing}")
        file(MAKE_DIRECTORY "${fuzz_corpus}")
    else()
        target_sources(${name} PRIVATE "${PROJECT_SOURCE_DIR}/tests/fuzz/driver.c")
        set(fuzz_corpus)
    endif()
    foreach(library pumice_top pumice_test_support)
        if(TARGET ${library})
            target_link_libraries(${name} PRIVATE ${library})
        endif()
    endforeach()
    pumice_test_options(${name})
    pumice_sanitizer_hooks(${name})
    # The entry point is libFuzzer's to declare.
    target_compile_options(${name} PRIVATE -Wno-missing-prototypes)
    add_test(NAME ${name} COMMAND ${name} ${fuzz_corpus}
        "${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${thing}"
        "-max_total_time=${PUMICE_FUZZ_SECONDS}")
    set_tests_properties(${name} PROPERTIES LABELS fuzz TIMEOUT 600)
endforeach()

# pumice_script_test(NAME ROOM command...): a test that is a script
function(pumice_script_test name room)
    add_test(NAME ${name} COMMAND ${ARGN})
    set_tests_properties(${name} PROPERTIES LABELS ${room} SKIP_RETURN_CODE 77 TIMEOUT 600)
endfunction()

if(NOT CMAKE_CROSSCOMPILING)
    pumice_script_test(kernel_table tools sh "${PROJECT_SOURCE_DIR}/tests/tools/kernel_table.sh"
        $<TARGET_FILE:kernel_table> "${PROJECT_SOURCE_DIR}"
        "${PROJECT_BINARY_DIR}/test-kernel-table"
        "${PUMICE_GLSLC}" "${CMAKE_C_COMPILER}")
endif()

# The examples compare with what PyTorch computed.
foreach(name transformer bert alexnet mlp)
    if(TARGET example_${name})
        pumice_script_test(example_${name} exec $<TARGET_FILE:example_${name}>
            "${PROJECT_SOURCE_DIR}/tests/data/torch/${name}")
    endif()
endforeach()

file(GLOB PUMICE_HEADERS CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/runtime/include/pumice/*.h")
pumice_script_test(exports build sh "${PROJECT_SOURCE_DIR}/tests/build/exports.sh"
    $<TARGET_FILE:pumice> ${PUMICE_HEADERS})
if(NOT CMAKE_CROSSCOMPILING)
    set(consumer_flags)
    if(PUMICE_SANITIZE)
        set(consumer_flags "-fsanitize=${PUMICE_SANITIZE}")
    endif()
    pumice_script_test(consumer build sh "${PROJECT_SOURCE_DIR}/tests/build/consumer.sh"
        "${PROJECT_BINARY_DIR}" "${PROJECT_SOURCE_DIR}" "${PROJECT_BINARY_DIR}/test-consumer"
        "${CMAKE_C_COMPILER}" "${consumer_flags}")
    # A foreign program has no sanitizer hooks, and drivers leak.
    set_tests_properties(consumer PROPERTIES ENVIRONMENT ASAN_OPTIONS=detect_leaks=0)
endif()

# Each public header alone, as C11 and as C++17: compiled with the build.
include(CheckLanguage)
check_language(CXX)
set(header_languages c)
if(CMAKE_CXX_COMPILER)
    enable_language(CXX)
    list(APPEND header_languages cpp)
else()
    message(STATUS "No C++ compiler: the public headers are not tried as C++ (install g++)")
endif()
foreach(header IN LISTS PUMICE_HEADERS)
    get_filename_component(name "${header}" NAME)
    foreach(ending IN LISTS header_languages)
        set(source "${PROJECT_BINARY_DIR}/header-tests/${name}.${ending}")
        file(CONFIGURE OUTPUT "${source}" CONTENT "#include \"pumice/${name}\"
int pum_header_is_alone(void);
int pum_header_is_alone(void) { return 1; }
")
        list(APPEND header_test_sources "${source}")
    endforeach()
endforeach()
add_library(header_tests OBJECT ${header_test_sources})
target_compile_features(header_tests PRIVATE c_std_11)
target_include_directories(header_tests PRIVATE "${PROJECT_SOURCE_DIR}/runtime/include")
target_compile_options(header_tests PRIVATE -Wall -Wextra -Wpedantic -Werror)
if(CMAKE_CXX_COMPILER)
    target_compile_features(header_tests PRIVATE cxx_std_17)
    set_target_properties(header_tests PROPERTIES CXX_EXTENSIONS OFF)
endif()

# The program from outside.
find_program(PUMICE_PYTHON NAMES python3 HINTS /usr/bin)
if(PUMICE_PYTHON AND TARGET pumice_cli)
    foreach(name test_cli test_ocr test_pictures test_texts test_tokenize test_vad_command
            test_quantised)
        pumice_script_test(${name} cli "${PUMICE_PYTHON}"
            "${PROJECT_SOURCE_DIR}/tests/cli/${name}.py"
            $<TARGET_FILE:pumice_cli> "${PROJECT_SOURCE_DIR}")
    endforeach()
endif()

# The style of the sources, and that each rule finds what it is for.
find_program(PUMICE_PYTHON NAMES python3 HINTS /usr/bin)
if(PUMICE_PYTHON)
    pumice_script_test(check_style style
        "${PUMICE_PYTHON}" "${PROJECT_SOURCE_DIR}/tools/check_style")
    pumice_script_test(check_style_rules style
        "${PUMICE_PYTHON}" "${PROJECT_SOURCE_DIR}/tests/tools/test_check_style.py"
        "${PROJECT_SOURCE_DIR}/tools/check_style")
else()
    pumice_script_test(check_style style sh -c "echo python3 is missing && exit 77")
endif()
