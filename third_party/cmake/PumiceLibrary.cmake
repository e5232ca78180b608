# SPDX-License-Identifier: MIT
#
# libpumice. The sources are compiled once, position-independent and hidden, and become
#     pumice           the shared library
#     pumice_internal  an archive of the same objects for the tests, which use internals
# (PumiceInstall makes the static library for others out of the same objects.)

file(GLOB_RECURSE PUMICE_RUNTIME_SOURCES CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/runtime/*.c")
file(GLOB PUMICE_ONNX_SOURCES CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/onnx/*.c")

set(PUMICE_GENERATED "${PROJECT_BINARY_DIR}/generated")
file(MAKE_DIRECTORY "${PUMICE_GENERATED}")

# The schema of ONNX files, by protobuf-c.
add_custom_command(
    OUTPUT "${PUMICE_GENERATED}/onnx.pb-c.c" "${PUMICE_GENERATED}/onnx.pb-c.h"
    COMMAND "${PUMICE_PROTOC_C}" "--proto_path=${PUMICE_ONNX_PROTO}"
            "--c_out=${PUMICE_GENERATED}" onnx.proto
    DEPENDS "${PUMICE_ONNX_PROTO}/onnx.proto"
    COMMENT "Generating onnx.pb-c.c" VERBATIM)

# Sources that are not ours: no warnings. (volk is included by runtime/gpu/vulkan_api.c.)
add_library(pumice_foreign OBJECT "${PUMICE_GENERATED}/onnx.pb-c.c")
target_compile_options(pumice_foreign PRIVATE -w)
target_include_directories(pumice_foreign SYSTEM PRIVATE "${PUMICE_GENERATED}")
target_link_libraries(pumice_foreign PRIVATE PkgConfig::PROTOBUF_C)

add_library(pumice_runtime OBJECT ${PUMICE_RUNTIME_SOURCES} "${PUMICE_KERNEL_TABLE}")
target_include_directories(pumice_runtime PRIVATE
    "${PROJECT_SOURCE_DIR}/runtime/include" "${PROJECT_SOURCE_DIR}/runtime"
    "${PROJECT_SOURCE_DIR}/shaders/push")
target_include_directories(pumice_runtime SYSTEM PRIVATE
    "${PUMICE_VOLK_INCLUDE}" "${PUMICE_VULKAN_INCLUDE}")
target_link_libraries(pumice_runtime PRIVATE Threads::Threads)
target_compile_definitions(pumice_runtime PRIVATE PUM_BUILDING)
pumice_compile_options(pumice_runtime)

set(PUMICE_OBJECTS $<TARGET_OBJECTS:pumice_foreign> $<TARGET_OBJECTS:pumice_runtime>)
if(PUMICE_ONNX_SOURCES)
    # A reader sees the public headers only.
    add_library(pumice_onnx OBJECT ${PUMICE_ONNX_SOURCES} "${PUMICE_GENERATED}/onnx.pb-c.h")
    target_include_directories(pumice_onnx PRIVATE "${PROJECT_SOURCE_DIR}/runtime/include")
    target_include_directories(pumice_onnx SYSTEM PRIVATE "${PUMICE_GENERATED}")
    target_link_libraries(pumice_onnx PRIVATE PkgConfig::PROTOBUF_C Threads::Threads)
    target_compile_definitions(pumice_onnx PRIVATE PUM_BUILDING)
    pumice_compile_options(pumice_onnx)
    add_dependencies(pumice_onnx pumice_foreign)
    list(APPEND PUMICE_OBJECTS $<TARGET_OBJECTS:pumice_onnx>)
endif()

set(PUMICE_LIBRARY_DEPS Threads::Threads PkgConfig::PROTOBUF_C m ${CMAKE_DL_LIBS})

add_library(pumice SHARED ${PUMICE_OBJECTS})
set_target_properties(pumice PROPERTIES
    VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR} LINKER_LANGUAGE C)
target_link_libraries(pumice PRIVATE ${PUMICE_LIBRARY_DEPS})
if(NOT PUMICE_SANITIZE AND NOT PUMICE_FUZZ) # their symbols come from the program
    target_link_options(pumice PRIVATE -Wl,-z,defs)
endif()
target_include_directories(pumice PUBLIC
    "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/runtime/include>"
    "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")

add_library(pumice_internal STATIC EXCLUDE_FROM_ALL ${PUMICE_OBJECTS})
set_target_properties(pumice_internal PROPERTIES LINKER_LANGUAGE C)
target_link_libraries(pumice_internal PUBLIC ${PUMICE_LIBRARY_DEPS})
target_compile_definitions(pumice_internal INTERFACE PUM_STATIC)
target_include_directories(pumice_internal INTERFACE
    "${PROJECT_SOURCE_DIR}/runtime/include" "${PROJECT_SOURCE_DIR}/runtime"
    "${PROJECT_SOURCE_DIR}/shaders/push")
