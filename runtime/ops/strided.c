/* SPDX-License-Identifier: MIT
 *
 * strided.c - strided copies on the host (see strided.h): building, simplifying, running. Their
 * lowering is strided_lower.c. Tests: tests/ops/test_move.c.
 */
#include "ops/strided.h"

#include <string.h>

void strided_permute(int32_t rank, const int64_t *dims, const int32_t *perm,
                     struct strided_copy *out_copy)
{
    int64_t in_strides[STRIDED_MAX_RANK];
    int64_t stride = 1;
    memset(out_copy, 0, sizeof *out_copy);
    for (int32_t i = rank - 1; i >= 0; i--) {
        in_strides[i] = stride;
        stride *= dims[i];
    }
    stride = 1;
    out_copy->rank = rank;
    for (int32_t i = rank - 1; i >= 0; i--) {
        out_copy->dims[i] = dims[perm[i]];
        out_copy->in_strides[i] = in_strides[perm[i]];
        out_copy->out_strides[i] = stride;
        stride *= dims[perm[i]];
    }
}

void strided_collapse(struct strided_copy *copy)
{
    int32_t rank = 0;
    for (int32_t i = 0; i < copy->rank; i++) {
        int64_t dim = copy->dims[i], in = copy->in_strides[i], out = copy->out_strides[i];
        if (dim == 1)
            continue;
        if (rank > 0 && copy->in_strides[rank - 1] == in * dim &&
            copy->out_strides[rank - 1] == out * dim) {
            copy->dims[rank - 1] *= dim;
            copy->in_strides[rank - 1] = in;
            copy->out_strides[rank - 1] = out;
            continue;
        }
        copy->dims[rank] = dim;
        copy->in_strides[rank] = in;
        copy->out_strides[rank] = out;
        rank++;
    }
    copy->rank = rank;
}

/* One innermost run. */
static void run_row(int64_t count, size_t element_bytes, const uint8_t *in, int64_t in_stride,
                    uint8_t *out, int64_t out_stride)
{
    if (in_stride == 1 && out_stride == 1) {
        memcpy(out, in, (size_t)count * element_bytes);
        return;
    }
    int64_t in_step = in_stride * (int64_t)element_bytes;
    int64_t out_step = out_stride * (int64_t)element_bytes;
    for (int64_t i = 0; i < count; i++) {
        switch (element_bytes) { /* constant sizes, so that each becomes one move */
        case 1:
            *out = *in;
            break;
        case 2:
            memcpy(out, in, 2);
            break;
        case 4:
            memcpy(out, in, 4);
            break;
        default:
            memcpy(out, in, 8);
            break;
        }
        in += in_step;
        out += out_step;
    }
}

void strided_run(const struct strided_copy *copy, size_t element_bytes, const void *in, void *out)
{
    struct strided_copy flat = *copy;
    int64_t index[STRIDED_MAX_RANK] = {0};
    for (int32_t i = 0; i < flat.rank; i++)
        if (flat.dims[i] == 0)
            return;
    strided_collapse(&flat);
    int64_t bytes = (int64_t)element_bytes;
    const uint8_t *from = (const uint8_t *)in + flat.in_offset * bytes;
    uint8_t *to = (uint8_t *)out + flat.out_offset * bytes;
    int32_t outer = flat.rank - 1;
    if (outer < 0) {
        memcpy(to, from, element_bytes);
        return;
    }
    for (;;) {
        run_row(flat.dims[outer], element_bytes, from, flat.in_strides[outer], to,
                flat.out_strides[outer]);
        int32_t axis = outer - 1;
        for (; axis >= 0; axis--) {
            from += flat.in_strides[axis] * bytes;
            to += flat.out_strides[axis] * bytes;
            if (++index[axis] < flat.dims[axis])
                break;
            from -= flat.in_strides[axis] * flat.dims[axis] * bytes;
            to -= flat.out_strides[axis] * flat.dims[axis] * bytes;
            index[axis] = 0;
        }
        if (axis < 0)
            return;
    }
}
