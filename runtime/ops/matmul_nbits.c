/* SPDX-License-Identifier: MIT
 *
 * matmul_nbits.c - MatMulNBits: a product with weights of 2, 4 or 8 bits in blocks along k, each
 * with a scale and perhaps a zero point (ONNX Runtime's layout: b [n, blocks, bytes], lowest bits
 * first). On the device the weights stay packed: a few rows are multiplied straight from the words
 * (shaders/quant/nbits_product.comp), for more the words become a plain matrix for a while.
 * Tests: tests/ops/test_matmul_nbits.c, tests/onnx/test_onnx_microsoft.c.
 */
#include "ops/axes.h"
#include "ops/matmul_lower.h"
#include "../../shaders/push/push_nbits.h"

#include <string.h>

#define NBITS_MAX ((int64_t)1 << 31)
#define NBITS_UNPACK_ROWS 9      /* from so many rows on a plain matrix pays */
#define NBITS_WIDTH_LANES_WIDE 8 /* invocations of a workgroup on a CPU driver: its vector's */

struct nbits {
    int64_t n, k, bits, block; /* block: values along k with one scale */
    int64_t blocks, bytes;     /* of a column; of a block */
    int64_t zero_bytes;        /* of a column's zero points */
};

static pum_status read_nbits(const struct graph_node *node, struct nbits *out)
{
    *out = (struct nbits){.n = node_int(node, "N", 0),
                          .k = node_int(node, "K", 0),
                          .bits = node_int(node, "bits", 4),
                          .block = node_int(node, "block_size", 0)};
    bool power = out->block >= 16 && (out->block & (out->block - 1)) == 0;
    if (out->n < 1 || out->k < 1 || out->n > NBITS_MAX || out->k > NBITS_MAX || !power ||
        out->block > NBITS_MAX)
        return pum_fail(PUM_E_ARGUMENT, "N=%lld, K=%lld, block_size=%lld", (long long)out->n,
                        (long long)out->k, (long long)out->block);
    if (out->bits != 2 && out->bits != 4 && out->bits != 8)
        return pum_fail(PUM_E_UNSUPPORTED, "%lld bits, 2, 4 and 8 are supported",
                        (long long)out->bits);
    out->blocks = axes_ceil_div(out->k, out->block);
    out->bytes = out->block * out->bits / 8;
    out->zero_bytes = axes_ceil_div(out->blocks * out->bits, 8);
    return PUM_OK;
}

static pum_status check_count(const struct op_call *call, int32_t input, int64_t count)
{
    if (shape_elements(&call->inputs[input].desc.shape) == count)
        return PUM_OK;
    return pum_fail(PUM_E_SHAPE, "input %d has %lld elements, expected %lld", input,
                    (long long)shape_elements(&call->inputs[input].desc.shape), (long long)count);
}

pum_status infer_matmul_nbits(struct op_call *call)
{
    struct shape shape = call->inputs[0].desc.shape;
    enum pum_dtype dtype = call->inputs[0].desc.dtype;
    struct nbits nbits;
    PUM_TRY(axes_need_float(call, 0));
    PUM_TRY(read_nbits(call->node, &nbits));
    if (shape.rank < 1 || shape.dims[shape.rank - 1] != nbits.k)
        return pum_fail(PUM_E_SHAPE, "the last axis of input 0 is not K, %lld", (long long)nbits.k);
    if (call->inputs[1].desc.dtype != PUM_DTYPE_U8)
        return op_bad_type(call, 1, "uint8");
    if (call->inputs[2].desc.dtype != dtype)
        return op_bad_type(call, 2, "the type of input 0");
    PUM_TRY(check_count(call, 1, nbits.n * nbits.blocks * nbits.bytes));
    PUM_TRY(check_count(call, 2, nbits.n * nbits.blocks));
    if (op_has_input(call, 3)) {
        bool packed = call->inputs[3].desc.dtype == PUM_DTYPE_U8;
        if (!packed && call->inputs[3].desc.dtype != dtype)
            return op_bad_type(call, 3, "uint8 or the type of input 0");
        PUM_TRY(check_count(call, 3, nbits.n * (packed ? nbits.zero_bytes : nbits.blocks)));
    }
    shape.dims[shape.rank - 1] = nbits.n;
    return axes_output(call, 0, dtype, &shape);
}

/* Value `index` of `bits` bits each from `bytes` on. */
static uint32_t bits_at(const uint8_t *bytes, int64_t index, int64_t bits)
{
    int64_t at = index * bits;
    return (uint32_t)(bytes[at / 8] >> at % 8) & ((1u << bits) - 1);
}

static double zero_at(const struct host_tensor *zeros, const struct nbits *nbits, int64_t column,
                      int64_t block)
{
    if (zeros->desc.dtype == PUM_DTYPE_NONE)
        return (double)((int64_t)1 << (nbits->bits - 1));
    if (zeros->desc.dtype != PUM_DTYPE_U8)
        return tensor_get_f64(zeros, column * nbits->blocks + block);
    const uint8_t *bytes = zeros->data;
    return bits_at(bytes + column * nbits->zero_bytes, block, nbits->bits);
}

static void read_column(const struct op_call *call, const struct nbits *nbits, int64_t column,
                        double *out)
{
    static const struct host_tensor absent = {.data = NULL};
    const struct host_tensor *zeros = op_has_input(call, 3) ? &call->inputs[3] : &absent;
    const uint8_t *bytes = call->inputs[1].data;
    bytes += column * nbits->blocks * nbits->bytes;
    for (int64_t k = 0; k < nbits->k; k++) {
        int64_t block = k / nbits->block;
        double scale = tensor_get_f64(&call->inputs[2], column * nbits->blocks + block);
        double value = bits_at(bytes + block * nbits->bytes, k % nbits->block, nbits->bits);
        out[k] = (value - zero_at(zeros, nbits, column, block)) * scale;
    }
}

pum_status reference_matmul_nbits(struct op_call *call)
{
    struct nbits nbits;
    PUM_TRY(read_nbits(call->node, &nbits));
    int64_t rows = shape_elements(&call->outputs[0].desc.shape) / nbits.n;
    double *column = pum_alloc(call->context, (size_t)nbits.k, sizeof *column);
    if (!column)
        return PUM_E_MEMORY;
    for (int64_t n = 0; n < nbits.n; n++) {
        read_column(call, &nbits, n, column);
        for (int64_t m = 0; m < rows; m++) {
            double sum = 0;
            for (int64_t k = 0; k < nbits.k; k++)
                sum += tensor_get_f64(&call->inputs[0], m * nbits.k + k) * column[k];
            tensor_set_f64(&call->outputs[0], m * nbits.n + n, sum);
        }
    }
    pum_free(call->context, column);
    return PUM_OK;
}

/* --- Packing ---------------------------------------------------------------------------------- */

static int64_t padded_columns(const struct nbits *nbits)
{
    return axes_ceil_div(nbits->n, 4) * 4;
}

/* b [n, blocks, bytes] to words [words of k][n, padded]. */
static pum_status pack_words(void *user, const struct host_tensor *source, void *out)
{
    const struct nbits *nbits = user;
    const uint8_t *bytes = source->data;
    uint32_t *words = out;
    int64_t per_column = nbits->blocks * nbits->bytes / 4, width = padded_columns(nbits);
    memset(words, 0, (size_t)(per_column * width) * sizeof *words);
    for (int64_t n = 0; n < nbits->n; n++)
        for (int64_t i = 0; i < per_column; i++) {
            const uint8_t *from = bytes + (n * per_column + i) * 4;
            words[i * width + n] = from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 |
                                   (uint32_t)from[3] << 24;
        }
    return PUM_OK;
}

/* Zero points to bytes [blocks][n, padded]. */
static pum_status pack_zeros(void *user, const struct host_tensor *source, void *out)
{
    const struct nbits *nbits = user;
    uint8_t *bytes = out;
    int64_t width = padded_columns(nbits);
    memset(bytes, 0, (size_t)(width * nbits->blocks));
    for (int64_t n = 0; n < nbits->n; n++)
        for (int64_t block = 0; block < nbits->blocks; block++)
            bytes[block * width + n] = (uint8_t)zero_at(source, nbits, n, block);
    return PUM_OK;
}

/* Scales [n, blocks] to [blocks][n, padded], in their own type. */
static pum_status pack_scales(void *user, const struct host_tensor *source, void *out)
{
    const struct nbits *nbits = user;
    struct host_tensor to = {source->desc, out};
    int64_t width = padded_columns(nbits);
    for (int64_t n = 0; n < width; n++)
        for (int64_t block = 0; block < nbits->blocks; block++)
            tensor_set_f64(&to, block * width + n,
                           n < nbits->n ? tensor_get_f64(source, n * nbits->blocks + block) : 0);
    return PUM_OK;
}

/* --- Lowering --------------------------------------------------------------------------------- */

struct packed {
    struct nbits nbits;
    int64_t rows;
    int32_t words, scales, zeros; /* zeros -1: none */
    struct push_nbits push;
};

static pum_status check_lowered(const struct lower_call *call, const struct packed *packed)
{
    const struct lower_value *a = &call->inputs[0], *scales = &call->inputs[2];
    bool zeros = call->input_count > 3 && call->inputs[3].desc.dtype != PUM_DTYPE_NONE;
    if ((a->store != STORE_F32 && a->store != STORE_F16) || call->outputs[0].store != a->store)
        return pum_fail(PUM_E_UNSUPPORTED, "no kernel for %s", pum_dtype_name(a->desc.dtype));
    if (!call->inputs[1].data || !scales->data || (zeros && !call->inputs[3].data))
        return pum_fail(PUM_E_UNSUPPORTED, "the weights are not known before the run");
    if (zeros && call->inputs[3].desc.dtype != PUM_DTYPE_U8)
        return pum_fail(PUM_E_UNSUPPORTED, "no kernel for zero points that are floats");
    if (store_bytes(a->store) != pum_dtype_size(scales->desc.dtype))
        return pum_fail(PUM_E_UNSUPPORTED, "%s lies in another type here",
                        pum_dtype_name(scales->desc.dtype));
    if (packed->rows * packed->nbits.n > INT32_MAX || packed->rows * packed->nbits.k > INT32_MAX ||
        padded_columns(&packed->nbits) * packed->nbits.blocks * packed->nbits.bytes / 4 > INT32_MAX)
        return pum_fail(PUM_E_UNSUPPORTED, "more than 2^31 elements");
    return PUM_OK;
}

static pum_status pack_all(struct lower_call *call, struct packed *packed)
{
    struct nbits *nbits = &packed->nbits;
    struct lower_sink *sink = call->sink;
    uint64_t columns = (uint64_t)padded_columns(nbits), blocks = (uint64_t)nbits->blocks;
    PUM_TRY(sink->pack(sink, &call->inputs[1], "nbits words",
                       columns * blocks * (uint64_t)nbits->bytes, pack_words, nbits,
                       &packed->words));
    PUM_TRY(sink->pack(sink, &call->inputs[2], "nbits scales",
                       columns * blocks * store_bytes(call->inputs[0].store), pack_scales, nbits,
                       &packed->scales));
    packed->zeros = -1;
    packed->push = (struct push_nbits){.m = (uint32_t)packed->rows,
                                       .n = (uint32_t)nbits->n,
                                       .k = (uint32_t)nbits->k,
                                       .blocks = (uint32_t)nbits->blocks,
                                       .block_words = (uint32_t)(nbits->bytes / 4),
                                       .n4 = (uint32_t)(columns / 4),
                                       .zero = (float)(1 << (nbits->bits - 1))};
    if (call->input_count <= 3 || call->inputs[3].desc.dtype == PUM_DTYPE_NONE)
        return PUM_OK;
    packed->push.has_zeros = 1;
    return sink->pack(sink, &call->inputs[3], "nbits zeros", columns * blocks, pack_zeros, nbits,
                      &packed->zeros);
}

static void bind_packed(struct lower_dispatch *dispatch, uint32_t first,
                        const struct packed *packed)
{
    lower_bind_range(dispatch, first, packed->words, 0, 0);
    lower_bind_range(dispatch, first + 1, packed->scales, 0, 0);
    lower_bind_range(dispatch, first + 2, packed->zeros, 0, 0);
    kernel_set_spec(dispatch->row, dispatch->specs, "BITS", (uint32_t)packed->nbits.bits);
}

/* Straight from the words. */
static pum_status emit_product(struct lower_call *call, const struct packed *packed)
{
    const struct lower_value *y = &call->outputs[0];
    bool shares = axes_has_cap(call->caps, BASE_CAP_SHARED_FAST) && packed->nbits.blocks >= 8;
    struct kernel_number number = {"split",
                                   shares || axes_pinned(call->caps, "nbits_product_split")};
    struct lower_dispatch dispatch;
    struct shape out = {.rank = 2, .dims = {packed->rows, packed->nbits.n}};
    PUM_TRY(lower_begin(call, "nbits_product", y->store, &number, 1, &dispatch));
    int64_t rows = packed->rows == 1 ? 1 : 4;
    if (axes_has_cap(call->caps, BASE_CAP_LANES_WIDE))
        kernel_set_spec(dispatch.row, dispatch.specs, "WG_X", NBITS_WIDTH_LANES_WIDE);
    kernel_set_spec(dispatch.row, dispatch.specs, "ROWS", (uint32_t)rows);
    lower_bind(&dispatch, 0, &call->inputs[0]);
    bind_packed(&dispatch, 1, packed);
    lower_bind(&dispatch, 4, y);
    lower_push(&dispatch, &packed->push, sizeof packed->push);
    bool flat = y->desc.shape.rank != 2; /* operands are counted in the output's own shape */
    PUM_TRY(lower_chain(call, &dispatch, flat ? &y->desc.shape : &out, flat ? -1 : 0,
                        y->desc.shape.rank - 1));
    kernel_set_spec(dispatch.row, dispatch.specs, "TAIL",
                    packed->nbits.k != packed->nbits.blocks * packed->nbits.block);
    int64_t columns = axes_ceil_div(packed->push.n4, dispatch.specs[0]);
    dispatch.flops = 2.0 * (double)packed->rows * (double)packed->nbits.n * (double)packed->nbits.k;
    lower_grid(call->caps, (uint64_t)(columns * axes_ceil_div(packed->rows, rows)),
               dispatch.groups);
    return lower_emit(call, &dispatch);
}

/* The weights as a matrix [k, n] in scratch memory, then a plain product. */
static pum_status emit_unpacked(struct lower_call *call, const struct packed *packed)
{
    const struct nbits *nbits = &packed->nbits;
    const struct lower_value *a = &call->inputs[0], *y = &call->outputs[0];
    struct lower_value matrix = {.desc = {a->desc.dtype, {.rank = 2, .dims = {nbits->k, nbits->n}}},
                                 .store = a->store};
    struct lower_call part = *call;
    struct lower_dispatch dispatch;
    part.chain = NULL;
    PUM_TRY(lower_begin(&part, "nbits_unpack", a->store, NULL, 0, &dispatch));
    PUM_TRY(call->sink->scratch(call->sink, lower_bytes(&matrix), &matrix.value));
    int64_t count = packed->push.n4 * nbits->blocks * nbits->bytes / 4;
    bind_packed(&dispatch, 0, packed);
    lower_bind_range(&dispatch, 3, matrix.value, 0, 0);
    lower_push(&dispatch, &packed->push, sizeof packed->push);
    dispatch.flops = (double)nbits->n * (double)nbits->k;
    lower_grid(call->caps, (uint64_t)axes_ceil_div(count, dispatch.specs[0]), dispatch.groups);
    PUM_TRY(lower_emit(&part, &dispatch));
    struct matmul_problem problem = {.m = packed->rows,
                                     .n = nbits->n,
                                     .k = nbits->k,
                                     .batch = 1,
                                     .a_div = 1,
                                     .a_mod = 1,
                                     .b_div = 1,
                                     .b_mod = 1,
                                     .a = a,
                                     .b = &matrix,
                                     .y = y,
                                     .alpha = 1,
                                     .out = y->desc.shape,
                                     .row_axis = y->desc.shape.rank == 2 ? 0 : -1,
                                     .col_axis = y->desc.shape.rank - 1};
    return matmul_lower(call, &problem);
}

static pum_status lower_matmul_nbits(struct lower_call *call)
{
    struct packed packed;
    PUM_TRY(read_nbits(call->node, &packed.nbits));
    packed.rows = shape_elements(&call->outputs[0].desc.shape) / packed.nbits.n;
    PUM_TRY(check_lowered(call, &packed));
    if (packed.rows == 0)
        return PUM_OK;
    PUM_TRY(pack_all(call, &packed));
    uint64_t plain =
        (uint64_t)(packed.nbits.n * packed.nbits.k) * store_bytes(call->inputs[0].store);
    bool long_loop = axes_has_cap(call->caps, BASE_CAP_LANES_WIDE) && packed.nbits.k > NBITS_MOST_K;
    bool unpacks = packed.rows >= NBITS_UNPACK_ROWS && plain <= call->caps->max_storage_range;
    if (axes_pinned(call->caps, "nbits_"))
        unpacks = axes_pinned(call->caps, "nbits_unpack");
    if (!unpacks && !long_loop)
        return emit_product(call, &packed);
    return emit_unpacked(call, &packed);
}
OP_LOWER_CHAIN(matmul_nbits, lower_matmul_nbits);
