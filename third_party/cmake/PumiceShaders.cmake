# SPDX-License-Identifier: MIT
#
# Shaders to C. Each distinct set of macros of a shader named in shaders/kernels.list becomes one
# SPIR-V module: glslc, spirv-val, spirv-opt, spirv-val. tools/kernel_table then checks all of them
# against the shaders' front matter and writes ${PUMICE_KERNEL_TABLE}.
# The lists are read when configuring; editing one of them configures again.

set(PUMICE_SHADERS "${PROJECT_SOURCE_DIR}/shaders")
set(PUMICE_MODULES "${PROJECT_BINARY_DIR}/shaders")
set(PUMICE_KERNEL_TABLE "${PROJECT_BINARY_DIR}/generated/kernel_table.c")
file(MAKE_DIRECTORY "${PROJECT_BINARY_DIR}/generated")

# pumice_macros_of(LINE OUT): the macros that a `//! kernel` line asks for, the store's first.
function(pumice_macros_of line out)
    set(macros)
    if(line MATCHES "[ \t]store=(f32|f16|i32)([ \t]|$)")
        string(TOUPPER "STORE_${CMAKE_MATCH_1}" macros)
    endif()
    if(line MATCHES "[ \t]define=([A-Za-z0-9_=,-]+)")
        string(REPLACE "," ";" defines "${CMAKE_MATCH_1}")
        list(APPEND macros ${defines})
    endif()
    set(${out} "${macros}" PARENT_SCOPE)
endfunction()

# pumice_shader_module(NAME MACROS OUT): the rule for one module; its file. The file's name is
# made as module_path() in tools/kernel_table.c makes it.
function(pumice_shader_module name macros out)
    string(REGEX REPLACE "\\.comp$" "" stem "${name}")
    list(JOIN macros "." suffix)
    if(suffix)
        string(REPLACE "=" "-" suffix ".${suffix}")
    endif()
    set(module "shaders/${stem}${suffix}")
    set(defines)
    foreach(macro IN LISTS macros)
        if(macro MATCHES "=")
            list(APPEND defines "-D${macro}")
        else()
            list(APPEND defines "-D${macro}=1")
        endif()
    endforeach()
    get_filename_component(folder "${PROJECT_BINARY_DIR}/${module}" DIRECTORY)
    file(MAKE_DIRECTORY "${folder}")
    add_custom_command(
        OUTPUT "${PROJECT_BINARY_DIR}/${module}.spv"
        BYPRODUCTS "${PROJECT_BINARY_DIR}/${module}.raw"
        COMMAND "${PUMICE_GLSLC}" -O0 -Werror --target-env=vulkan1.1 -fshader-stage=compute
                ${defines} -I "${PUMICE_SHADERS}/include" -I "${PUMICE_SHADERS}/push"
                -MD -MF "${module}.d" -MT "${module}.spv"
                -o "${module}.raw" "${PUMICE_SHADERS}/${name}"
        COMMAND "${PUMICE_SPIRV_VAL}" --target-env vulkan1.1 "${module}.raw"
        COMMAND "${PUMICE_SPIRV_OPT}" --target-env=vulkan1.1 -O --strip-debug
                "${module}.raw" -o "${module}.opt"
        COMMAND "${PUMICE_SPIRV_VAL}" --target-env vulkan1.1 "${module}.opt"
        COMMAND "${CMAKE_COMMAND}" -E rename "${module}.opt" "${module}.spv"
        DEPENDS "${PUMICE_SHADERS}/${name}"
        DEPFILE "${PROJECT_BINARY_DIR}/${module}.d"
        WORKING_DIRECTORY "${PROJECT_BINARY_DIR}"
        COMMENT "Compiling shader ${stem}${suffix}" VERBATIM)
    set(${out} "${PROJECT_BINARY_DIR}/${module}.spv" PARENT_SCOPE)
endfunction()

# All modules of all shaders.
set(PUMICE_SHADER_FILES)
set(PUMICE_SHADER_MODULES)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${PUMICE_SHADERS}/kernels.list")
file(STRINGS "${PUMICE_SHADERS}/kernels.list" shader_lines REGEX "^[ \t]*[^# \t]")
foreach(line IN LISTS shader_lines)
    string(REGEX REPLACE "#.*" "" name "${line}")
    string(STRIP "${name}" name)
    set(file "${PUMICE_SHADERS}/${name}")
    if(NOT EXISTS "${file}")
        message(FATAL_ERROR "shaders/kernels.list names '${name}', which does not exist")
    endif()
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${file}")
    list(APPEND PUMICE_SHADER_FILES "${file}")
    file(STRINGS "${file}" kernel_lines REGEX "^//![ \t]*kernel[ \t]")
    foreach(kernel_line IN LISTS kernel_lines)
        pumice_macros_of("${kernel_line}" macros)
        list(JOIN macros "." key)
        if(NOT "${name}:${key}" IN_LIST shader_keys)
            list(APPEND shader_keys "${name}:${key}")
            pumice_shader_module("${name}" "${macros}" module)
            list(APPEND PUMICE_SHADER_MODULES "${module}")
        endif()
    endforeach()
endforeach()

# The tool runs on the machine that builds, also when the library is for another.
set(table_sources kernel_table.c kernel_table_front.c kernel_table_spirv.c kernel_table_check.c
    kernel_table_write.c)
list(TRANSFORM table_sources PREPEND "${PROJECT_SOURCE_DIR}/tools/")
set(table_includes "${PROJECT_SOURCE_DIR}/runtime/include" "${PROJECT_SOURCE_DIR}/runtime"
    "${PUMICE_SHADERS}/push")
if(CMAKE_CROSSCOMPILING)
    find_program(PUMICE_HOST_CC NAMES cc gcc clang DOC "C compiler for the machine that builds")
    set(PUMICE_KERNEL_TABLE_TOOL "${PROJECT_BINARY_DIR}/kernel_table")
    list(TRANSFORM table_includes PREPEND "-I" OUTPUT_VARIABLE include_flags)
    add_custom_command(
        OUTPUT "${PUMICE_KERNEL_TABLE_TOOL}"
        COMMAND "${PUMICE_HOST_CC}" -std=c11 -O1 ${include_flags} ${table_sources}
                -o "${PUMICE_KERNEL_TABLE_TOOL}"
        DEPENDS ${table_sources} "${PROJECT_SOURCE_DIR}/tools/kernel_table.h" VERBATIM)
else()
    add_executable(kernel_table ${table_sources})
    target_include_directories(kernel_table PRIVATE ${table_includes})
    pumice_compile_options(kernel_table)
    set(PUMICE_KERNEL_TABLE_TOOL kernel_table)
endif()

add_custom_command(
    OUTPUT "${PUMICE_KERNEL_TABLE}"
    COMMAND "${PUMICE_KERNEL_TABLE_TOOL}" "${PROJECT_SOURCE_DIR}" "${PUMICE_MODULES}"
            "${PUMICE_KERNEL_TABLE}"
    DEPENDS "${PUMICE_KERNEL_TABLE_TOOL}" "${PUMICE_SHADERS}/kernels.list"
            ${PUMICE_SHADER_FILES} ${PUMICE_SHADER_MODULES}
    COMMENT "Checking kernels and writing kernel_table.c" VERBATIM)
