/* SPDX-License-Identifier: MIT
 *
 * push_grid_sample.h - what the grid sample kernel gets, and the words that its specialization
 * constants MODE and PADDING mean. C and GLSL.
 */
#ifndef PUSH_GRID_SAMPLE_H
#define PUSH_GRID_SAMPLE_H
#include "push_types.h"

#define GRID_NEAREST 0
#define GRID_LINEAR 1
#define GRID_CUBIC 2

#define GRID_ZEROS 0
#define GRID_BORDER 1
#define GRID_REFLECTION 2

struct push_grid_sample {
    push_uint count;    /* invocations: batch * positions * chunks of channels */
    push_uint channels;
    push_uint span;     /* channels that one invocation computes */
    push_uint positions;
    push_int in_h;
    push_int in_w;
    push_uint align;
};
#endif
