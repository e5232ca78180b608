/* SPDX-License-Identifier: MIT
 *
 * tensor.h - shapes, element types and host tensors: the words in which rooms above base speak.
 * A shape here is concrete (no symbols) unless a function says otherwise. Tests:
 * tests/graph/test_tensor.c.
 */
#ifndef PUM_GRAPH_TENSOR_H
#define PUM_GRAPH_TENSOR_H

#include "base/context.h"

struct shape {
    int32_t rank;
    int64_t dims[PUM_MAX_RANK];
};

struct tensor_desc {
    enum pum_dtype dtype; /* PUM_DTYPE_NONE: an absent optional input */
    struct shape shape;
};

/* Row-major, contiguous. data NULL: value not known (yet). */
struct host_tensor {
    struct tensor_desc desc;
    void *data;
};

/* Checked products: false on a negative dim or when the count leaves int64 / the bytes leave
 * SIZE_MAX/2. Every size that comes from a file goes through these. */
bool shape_count(const struct shape *shape, int64_t *out_count);
bool tensor_bytes(const struct tensor_desc *desc, size_t *out_bytes);

/* For shapes already checked. */
int64_t shape_elements(const struct shape *shape);
/* Product of dims[first..last). */
int64_t shape_product(const struct shape *shape, int32_t first, int32_t last);
bool shape_equal(const struct shape *a, const struct shape *b);
bool shape_has_symbol(const struct shape *shape);
struct shape shape_of(int32_t rank, const int64_t *dims);
/* Row-major strides in elements. */
void shape_strides(const struct shape *shape, int64_t *strides);

/* NumPy broadcasting of two shapes; false if they do not fit. */
bool shape_broadcast(const struct shape *a, const struct shape *b, struct shape *out);

/* Maps a possibly negative axis into [0, rank); false if it lies outside. */
bool shape_axis(int64_t axis, int32_t rank, int32_t *out_axis);

/* "[2,3,4]" into buffer; symbols as "?". Returns buffer. */
#define SHAPE_TEXT_BYTES 192
const char *shape_text(const struct shape *shape, char buffer[SHAPE_TEXT_BYTES]);

bool dtype_is_float(enum pum_dtype dtype);
bool dtype_is_int(enum pum_dtype dtype);      /* signed or unsigned, not bool */
bool dtype_is_unsigned(enum pum_dtype dtype); /* bool not included */

/* Element access for references: any numeric type through double or int64. get_i64 of a float
 * truncates towards zero; set from out-of-range wraps for integers as C casts of two's complement
 * do, saturates nowhere; set of bool stores value != 0. */
double tensor_get_f64(const struct host_tensor *tensor, int64_t index);
void tensor_set_f64(struct host_tensor *tensor, int64_t index, double value);
int64_t tensor_get_i64(const struct host_tensor *tensor, int64_t index);
void tensor_set_i64(struct host_tensor *tensor, int64_t index, int64_t value);

/* Elements of a PUM_DTYPE_STRING tensor; a fresh one holds "". `text` is not copied: it must live
 * as long as the tensor (op_call.strings). */
const char *tensor_get_string(const struct host_tensor *tensor, int64_t index);
void tensor_set_string(struct host_tensor *tensor, int64_t index, const char *text);

/* Makes a zeroed host tensor (free with host_tensor_free). */
pum_status host_tensor_alloc(pum_context *context, const struct tensor_desc *desc,
                             struct host_tensor *out_tensor);
void host_tensor_free(pum_context *context, struct host_tensor *tensor);

#endif
