# SPDX-License-Identifier: MIT
#
# What stands on top of the library: pictures, text, Hugging Face folders and their architectures
# (pumice_top), the command line (pumice_cli, whose file is called pumice) and the examples. All see
# the public headers only.

if(NOT PUMICE_PROGRAM AND NOT PUMICE_TESTS)
    return()
endif()

file(GLOB PUMICE_IMAGE_SOURCES CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/image/*.c")
file(GLOB PUMICE_AUDIO_SOURCES CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/audio/*.c")
file(GLOB PUMICE_FOLDER_SOURCES CONFIGURE_DEPENDS
    "${PROJECT_SOURCE_DIR}/src/hf/*.c" "${PROJECT_SOURCE_DIR}/src/arch/*.c")
file(GLOB PUMICE_TEXT_SOURCES CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/text/*.c")
file(GLOB PUMICE_CLI_SOURCES CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/cli/*.c")
file(GLOB PUMICE_EXAMPLE_SOURCES CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/examples/*.c")
set(PUMICE_CLI_MAIN "${PROJECT_SOURCE_DIR}/src/cli/main.c")
list(REMOVE_ITEM PUMICE_CLI_SOURCES "${PUMICE_CLI_MAIN}")

# Everything of these but main(), for the program and for the tests.
set(PUMICE_TOP_SOURCES ${PUMICE_IMAGE_SOURCES} ${PUMICE_AUDIO_SOURCES}
    ${PUMICE_FOLDER_SOURCES}
    ${PUMICE_TEXT_SOURCES} ${PUMICE_CLI_SOURCES})
if(PUMICE_TOP_SOURCES)
    add_library(pumice_top STATIC EXCLUDE_FROM_ALL ${PUMICE_TOP_SOURCES})
    target_include_directories(pumice_top
        PRIVATE "${PROJECT_SOURCE_DIR}/runtime/include"
        PUBLIC "${PROJECT_SOURCE_DIR}/src")
    target_link_libraries(pumice_top PUBLIC
        PkgConfig::PNG PkgConfig::TURBOJPEG PkgConfig::JANSSON PkgConfig::UTF8PROC
        PkgConfig::SNDFILE PkgConfig::SAMPLERATE
        PkgConfig::PCRE2 Threads::Threads m)
    pumice_compile_options(pumice_top)
endif()

if(NOT PUMICE_PROGRAM)
    return()
endif()

if(EXISTS "${PUMICE_CLI_MAIN}")
    add_executable(pumice_cli "${PUMICE_CLI_MAIN}")
    set_target_properties(pumice_cli PROPERTIES
        OUTPUT_NAME pumice INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}")
    if(TARGET pumice_top)
        target_link_libraries(pumice_cli PRIVATE pumice_top)
    endif()
    target_link_libraries(pumice_cli PRIVATE pumice)
    pumice_compile_options(pumice_cli)
    pumice_sanitizer_hooks(pumice_cli)
endif()

# src/examples/NAME.c is a program; what the examples share is in example_*.c.
set(PUMICE_EXAMPLE_SHARED ${PUMICE_EXAMPLE_SOURCES})
list(FILTER PUMICE_EXAMPLE_SHARED INCLUDE REGEX "/example_[^/]*\\.c$")
list(FILTER PUMICE_EXAMPLE_SOURCES EXCLUDE REGEX "/example_[^/]*\\.c$")
foreach(source IN LISTS PUMICE_EXAMPLE_SOURCES)
    get_filename_component(name "${source}" NAME_WE)
    add_executable(example_${name} "${source}" ${PUMICE_EXAMPLE_SHARED})
    set_target_properties(example_${name} PROPERTIES
        OUTPUT_NAME ${name} RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/examples")
    target_link_libraries(example_${name} PRIVATE pumice m)
    pumice_compile_options(example_${name})
    pumice_sanitizer_hooks(example_${name})
endforeach()
