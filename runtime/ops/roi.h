/* SPDX-License-Identifier: MIT
 *
 * roi.h - RoiAlign's attributes made concrete, shared by its rule and reference (roi.c) and its
 * lowering (roi_lower.c). Tests: tests/ops/test_vision.c.
 */
#ifndef PUM_OPS_ROI_H
#define PUM_OPS_ROI_H

#include "ops/lower.h"

struct roi_align {
    int64_t out_h, out_w;
    int64_t sampling; /* points along each axis of a bin; 0: by the region's size */
    double scale;
    bool half_pixel, takes_max;
};

pum_status roi_align_read(const struct graph_node *node, struct roi_align *out_align);

pum_status roi_align_lower(struct lower_call *call);

#endif
