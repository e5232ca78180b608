/* SPDX-License-Identifier: MIT
 *
 * push_types.h - the few words that let a push-constant struct be written once, valid in C and in
 * GLSL (glslc predefines VULKAN).
 */
#ifndef PUSH_TYPES_H
#define PUSH_TYPES_H
#ifdef VULKAN
#define push_uint uint
#define push_int int
#define push_float float
#define PUSH_STRUCT(name) name /* a member that is a struct */
#else
#include <stdint.h>
typedef uint32_t push_uint;
typedef int32_t push_int;
typedef float push_float;
#define PUSH_STRUCT(name) struct name
#endif
#endif
