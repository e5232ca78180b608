/* SPDX-License-Identifier: MIT
 *
 * grid_sample.h - GridSample's attributes made concrete, shared by its rule and reference
 * (grid_sample.c) and its lowering (grid_sample_lower.c). Tests: tests/ops/test_vision.c.
 */
#ifndef PUM_OPS_GRID_SAMPLE_H
#define PUM_OPS_GRID_SAMPLE_H

#include "ops/lower.h"
#include "../../shaders/push/push_grid_sample.h"

#define GRID_MAX_AXES (PUM_MAX_RANK - 2)

struct grid_sample {
    uint32_t mode;    /* GRID_NEAREST ... */
    uint32_t padding; /* GRID_ZEROS ... */
    bool align;       /* -1 and 1 are the centres of the corner elements, not their outer edges */
    int32_t axes;     /* spatial ones */
    int64_t in[GRID_MAX_AXES];
    int64_t positions; /* of the grid in one sample */
};

pum_status grid_sample_read(const struct graph_node *node, const struct shape *x,
                            const struct shape *grid, struct grid_sample *out_sample);

pum_status grid_sample_lower(struct lower_call *call);

#endif
