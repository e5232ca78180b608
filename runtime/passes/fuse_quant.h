/* SPDX-License-Identifier: MIT
 *
 * fuse_quant.h - what the parts of pass_fuse_quant share: how a tensor was quantised, as the
 * QuantizeLinear and DequantizeLinear around it say. Tests: tests/passes/test_fuse_quant.c.
 */
#ifndef PUM_PASSES_FUSE_QUANT_H
#define PUM_PASSES_FUSE_QUANT_H

#include "passes/match.h"

#include "ops/quantize.h"

/* An 8-bit (a bias: 32-bit) tensor with a constant scale and zero point. */
struct quantized {
    int32_t value;       /* the integers; -1: only a scale and zero point (of a QuantizeLinear) */
    int32_t scale, zero; /* constants; zero -1: absent, that is 0 */
    enum pum_dtype dtype;
    int64_t entries; /* of the scale; 1: for the whole tensor */
    int32_t axis;    /* where there are more */
};

/* Whether `tensor` is dequantised from such a tensor. */
bool quant_of_input(const struct match *match, int32_t tensor, struct quantized *out_quantized);
/* The same of the 8-bit output of a QuantizeLinear. */
bool quant_of_output(const struct match *match, const struct graph_node *node,
                     struct quantized *out_quantized);
bool quant_same(const struct match *match, const struct quantized *a, const struct quantized *b);
/* The zero point, made if it is absent; GRAPH_NONE: out of memory. */
int32_t quant_zero_tensor(struct match *match, const struct quantized *quantized);
float quant_scale_value(const struct match *match, const struct quantized *quantized,
                        int64_t entry);
int32_t quant_zero_value(const struct match *match, const struct quantized *quantized,
                         int64_t entry);

/* The table of node `index`, a QuantizeLinear whose input is an elementwise function of one 8-bit
 * tensor and of scalars (fuse_quant_table.c): the node becomes a Lookup. *out_done: whether it
 * did. */
pum_status quant_fuse_table(struct match *match, int32_t index, bool *out_done);
/* The integers of `from` with the scale and zero point of `to`: the same tensor, or that of a
 * Lookup before node `index`; GRAPH_NONE: out of memory. */
int32_t quant_convert(struct match *match, const struct quantized *from,
                      const struct quantized *to);

/* The constant, or NULL. */
const struct graph_tensor *quant_constant(const struct match *match, int32_t tensor);
/* Input `index` of a node; GRAPH_NONE if it has none. */
int32_t quant_input(const struct graph_node *node, int32_t index);

/* --- Sites ------------------------------------------------------------------------------------ */

/* A node in QDQ form: the QuantizeLinear and the operator before it. */
struct quant_site {
    int32_t index; /* of the QuantizeLinear */
    const struct graph_node *target;
    struct quantized y;
};

/* Input `index` of the target, quantised with one scale as the result is. */
bool quant_act_input(const struct match *match, const struct quant_site *site, int32_t index,
                     struct quantized *out_quantized);
/* The QuantizeLinear becomes `op` with the target's attributes. */
pum_status quant_become(struct match *match, const struct quant_site *site, int32_t op,
                        const int32_t *inputs, int32_t input_count);
/* Marks a tensor that could not be made, which quant_become reports. */
int32_t quant_made(int32_t tensor);

/* The parts (fuse_quant_product.c). What does not fit is left alone. */
pum_status quant_fuse_conv(struct match *match, const struct quant_site *site);
pum_status quant_fuse_matmul(struct match *match, const struct quant_site *site);
pum_status quant_fuse_gemm(struct match *match, const struct quant_site *site);
/* A MatMul or Gemm of two quantised operands whose result stays float. */
pum_status quant_fuse_float_product(struct match *match, int32_t index);

#endif
