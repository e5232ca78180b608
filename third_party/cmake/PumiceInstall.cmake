# SPDX-License-Identifier: MIT
#
# The static library for others, and what `install` puts where: headers, both libraries, the CMake
# package (Pumice::pumice, Pumice::pumice_static), pumice.pc and the program.
include(CMakePackageConfigHelpers)

# In an archive of plain objects every internal symbol, volk's vk* pointers among them, could clash
# with the host program's. So all objects become one, in which only PUM_API symbols are global.
find_program(PUMICE_OBJCOPY NAMES "${CMAKE_OBJCOPY}" objcopy llvm-objcopy)
if(NOT PUMICE_OBJCOPY)
    message(FATAL_ERROR "objcopy not found. On Debian or Ubuntu: apt-get install binutils")
endif()
set(static_object "${PROJECT_BINARY_DIR}/generated/pumice_all.o")
add_custom_command(
    OUTPUT "${static_object}"
    COMMAND "${CMAKE_C_COMPILER}" -r -nostdlib -o "${static_object}" ${PUMICE_OBJECTS}
    COMMAND "${PUMICE_OBJCOPY}" --localize-hidden "${static_object}"
    DEPENDS ${PUMICE_OBJECTS}
    COMMENT "Joining the objects of the static library" VERBATIM COMMAND_EXPAND_LISTS)
set_source_files_properties("${static_object}" PROPERTIES EXTERNAL_OBJECT TRUE GENERATED TRUE)
add_library(pumice_static STATIC "${static_object}")
set_target_properties(pumice_static PROPERTIES LINKER_LANGUAGE C OUTPUT_NAME pumice)
target_link_libraries(pumice_static PRIVATE ${PUMICE_LIBRARY_DEPS})
target_compile_definitions(pumice_static INTERFACE PUM_STATIC)
target_include_directories(pumice_static INTERFACE
    "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/runtime/include>"
    "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")

install(DIRECTORY "${PROJECT_SOURCE_DIR}/runtime/include/pumice"
    DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING PATTERN "*.h")
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}")
install(TARGETS pumice EXPORT PumiceTargets)
install(TARGETS pumice_static EXPORT PumiceStaticTargets)
if(TARGET pumice_cli)
    install(TARGETS pumice_cli)
endif()

set(package_folder "${CMAKE_INSTALL_LIBDIR}/cmake/Pumice")
install(EXPORT PumiceTargets NAMESPACE Pumice:: DESTINATION "${package_folder}")
install(EXPORT PumiceStaticTargets NAMESPACE Pumice:: DESTINATION "${package_folder}")
configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/PumiceConfig.cmake.in"
    "${PROJECT_BINARY_DIR}/PumiceConfig.cmake" INSTALL_DESTINATION "${package_folder}"
    NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/PumiceConfigVersion.cmake"
    COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/PumiceConfig.cmake"
    "${PROJECT_BINARY_DIR}/PumiceConfigVersion.cmake" DESTINATION "${package_folder}")

# The folder of pumice.pc tells the prefix, so that an installed tree can be moved.
file(RELATIVE_PATH PUMICE_PC_PREFIX "/p/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/p")
configure_file("${CMAKE_CURRENT_LIST_DIR}/pumice.pc.in" "${PROJECT_BINARY_DIR}/pumice.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/pumice.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
