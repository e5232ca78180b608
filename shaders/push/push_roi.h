/* SPDX-License-Identifier: MIT
 *
 * push_roi.h - what the RoiAlign kernel gets. C and GLSL.
 */
#ifndef PUSH_ROI_H
#define PUSH_ROI_H
#include "push_types.h"

#define ROI_MOST_SAMPLES 60000 /* of one bin: CPU drivers leave a loop after 65535 steps */

struct push_roi {
    push_uint count; /* output elements */
    push_uint channels;
    push_uint out_h;
    push_uint out_w;
    push_int batches;
    push_int in_h;
    push_int in_w;
    push_int sampling; /* 0: by the region's size */
    push_float scale;
    push_float offset; /* 0.5 where regions count from the outer edge of element 0 */
    push_float least;  /* size of a region */
    push_uint takes_max;
};
#endif
