/* SPDX-License-Identifier: MIT
 *
 * plan.h - a graph made concrete for one device's capabilities and one set of input shapes: kernels
 * chosen, memory laid out, barriers placed, host steps found. Pure: needs a snapshot of
 * capabilities and no device; exec turns it into buffers, pipelines and commands. Tests:
 * tests/plan/.
 */
#ifndef PUM_PLAN_PLAN_H
#define PUM_PLAN_PLAN_H

#include "graph/graph.h"
#include "ops/lower.h"
#include "plan/memory.h"

enum plan_value_kind {
    PLAN_VALUE_NONE = 0,   /* not on the device */
    PLAN_VALUE_ACTIVATION, /* in an arena */
    PLAN_VALUE_WEIGHT,     /* a constant, uploaded once */
    PLAN_VALUE_ALIAS       /* bytes of another value */
};

/* Values 0 .. tensor_count-1 are the graph's tensors; scratch and packed weights follow. */
struct plan_value {
    enum plan_value_kind kind;
    enum kernel_store store;
    uint64_t bytes;      /* on the device */
    int32_t first, last; /* steps that touch it on the device; last -1: none */
    int32_t block;       /* activation: index into the memory items */
    int32_t base;        /* alias: of this value, from this byte on */
    uint64_t base_offset;
    int32_t weight; /* weight: index into plan.weights */
    int32_t arena;  /* activation: where it lies */
    uint64_t offset;
    bool written_on_host; /* produced by a host step */
    bool read_on_host;    /* an input of a host step */
    int32_t producer;     /* step, or -1 */
};

/* A constant that dispatches bind. The session shares those with base_id >= 0 between plans. */
struct plan_weight {
    int32_t base_id; /* tensor of the session's graph, or -1: belongs to this plan */
    const char *key; /* NULL: the elements as they are, else how it was packed */
    struct tensor_desc desc;
    enum kernel_store store;
    const void *data; /* in desc.dtype; NULL when packed */
    void *packed;     /* device bytes, from the context's allocator; freed once uploaded */
    uint64_t bytes;
};

struct plan_dispatch {
    struct lower_dispatch record;
    int32_t step;
    bool barrier_before;
};

enum plan_step_kind { PLAN_STEP_DEVICE, PLAN_STEP_HOST };

struct plan_step {
    enum plan_step_kind kind;
    int32_t node;
    int32_t first_dispatch, dispatch_count; /* device; 0 dispatches: an alias */
    const char *why;                        /* host: why there is no kernel */
};

/* Device steps without a host step between them. Host steps [host_first, host_last) follow. */
struct plan_segment {
    int32_t first_dispatch, dispatch_count;
    int32_t host_first, host_last;
    int32_t *uploads, upload_count;     /* values written by the host before the segment */
    int32_t *downloads, download_count; /* values that the host reads after it */
    int32_t *casts, cast_count; /* the same, of what the host has already in another type */
};

struct plan {
    pum_context *context;
    struct base_arena arena;
    struct pum_graph *graph; /* the bound clone */
    struct plan_value *values;
    int32_t value_count, value_capacity;
    struct plan_weight *weights;
    int32_t weight_count, weight_capacity;
    struct plan_dispatch *dispatches;
    int32_t dispatch_count, dispatch_capacity;
    struct plan_step *steps;
    int32_t step_count;
    struct plan_segment *segments;
    int32_t segment_count;
    struct memory_layout layout;
    int32_t barrier_count, host_step_count;
    uint64_t weight_bytes;
};

/* Looks for a packed weight made for an earlier plan of the session; true if there is one (then the
 * packing need not be done again). */
struct plan_cache_view {
    bool (*has)(void *user, int32_t base_id, const char *key);
    void *user;
};

/* Plans `graph` (finished, after passes_load) for these concrete inputs.
 * `values`: as for passes_bind. OP_NEEDS_DATA fills *out_need (which may be NULL).
 * Errors: shapes and types by the operators' rules; PUM_E_DEVICE_MEMORY when it cannot be laid out.
 */
pum_status plan_create(struct pum_graph *graph, const struct base_caps *caps,
                       const struct tensor_desc *inputs, const void *const *values,
                       const struct plan_cache_view *cache, struct plan **out_plan,
                       struct graph_need *out_need);
void plan_destroy(struct plan **plan);

/* The value behind aliases, and the byte offset into it. */
int32_t plan_resolve(const struct plan *plan, int32_t value, uint64_t *out_offset);

/* Adds to plan.weights; the index, or -1 after pum_fail. */
int32_t plan_add_weight(struct plan *plan, const struct plan_weight *weight);

/* Finds what lies on the device and when, and gives it memory (lifetime.c). */
pum_status plan_lay_out(struct plan *plan, const struct base_caps *caps);
/* Marks dispatches that need a barrier before them (hazard.c). */
pum_status plan_mark_barriers(struct plan *plan);
/* Splits steps into segments with what crosses between host and device (segment.c). */
pum_status plan_make_segments(struct plan *plan);
/* Lowers node by node into dispatches and host steps (lower_nodes.c). */
/* By node: whether it makes small integers out of the inputs alone (early.c). */
void plan_mark_early(const struct plan *plan, bool *early);
pum_status plan_lower_nodes(struct plan *plan, const struct base_caps *caps,
                            const struct plan_cache_view *cache);

#endif
