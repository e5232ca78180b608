/* SPDX-License-Identifier: MIT
 *
 * safetensors.h - the weights of a Hugging Face folder: one `model.safetensors`, or several files
 * with `model.safetensors.index.json` that says which tensor is in which. Files are mapped; tensors
 * are used where they lie, and a graph that uses them keeps the files open.
 *
 * A file is 8 bytes of header length (little-endian), a JSON header {"name": {"dtype", "shape",
 * "data_offsets": [begin, end]}}, and the data. Headers are not believed: sizes must follow from
 * types and shapes, and the tensors must cover the data exactly, without gap or overlap.
 * Tests: tests/hf/test_safetensors.c, tests/fuzz/fuzz_safetensors.c.
 */
#ifndef PUM_HF_SAFETENSORS_H
#define PUM_HF_SAFETENSORS_H

#include "image/fault.h"
#include "pumice/pumice_graph.h"

/* One tensor. Everything is borrowed from the set. */
struct st_tensor {
    const char *name;
    const char *type_name; /* as the file spells it: "F32" */
    pum_dtype dtype;       /* NONE: a type that the format has and Pumice does not */
    int32_t rank;
    int64_t dims[PUM_MAX_RANK];
    const uint8_t *data; /* not aligned for its type in general */
    size_t size_bytes;
    const char *file; /* path, for messages */
};

/* An opened set of files. Threads: Safe once opened; the last user may be any thread. */
struct safetensors;

/* Opens what the folder holds, or a single file. PUM_E_FILE: nothing there, or unreadable;
 * PUM_E_FORMAT: a header or an index that does not hold; PUM_E_UNSUPPORTED: only weights in other
 * formats, or more axes than Pumice has. Messages name the file and the tensor. */
pum_status safetensors_open(const char *path, struct safetensors **out_set, struct fault *fault);

/* One file in memory, which must outlive the set; `name` is for messages. */
pum_status safetensors_read(const void *data, size_t size_bytes, const char *name,
                            struct safetensors **out_set, struct fault *fault);

/* Gives up the caller's handle. */
void safetensors_close(struct safetensors **set);

/* By name; NULL: there is none. */
const struct st_tensor *safetensors_find(const struct safetensors *set, const char *name);
/* All tensors, sorted by name. */
int32_t safetensors_count(const struct safetensors *set);
const struct st_tensor *safetensors_at(const struct safetensors *set, int32_t index);

/* Lets the graph and its sessions keep the files until they end. Once a graph, before
 * safetensors_constant. */
pum_status safetensors_adopt(struct safetensors *set, pum_graph *graph, struct fault *fault);

/* The tensor as a constant: where it lies if it is aligned for its type, else as a copy. Errors are
 * the graph's (sticky). */
pum_value safetensors_constant(pum_graph *graph, const struct st_tensor *tensor);

#endif
