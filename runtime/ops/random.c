/* SPDX-License-Identifier: MIT
 *
 * random.c - operators that give other values each time: RandomNormal, RandomUniform, their Like
 * forms, Bernoulli, Multinomial. Element i is a function of the seed and i (ops/philox.h). The seed
 * is the node's own attribute, else the run's number (op_call.random), so that runs differ but can
 * be repeated. Tests: tests/ops/test_random.c.
 */
#include "ops/axes.h"
#include "ops/philox.h"

#include <math.h>
#include <string.h>

/* The attribute is a float: its bits, so that seeds below 1 differ too. */
static uint64_t seed_of(const struct op_call *call)
{
    if (!node_attr(call->node, "seed"))
        return call->random;
    float seed = node_float(call->node, "seed", 0);
    uint32_t bits;
    memcpy(&bits, &seed, sizeof bits);
    return bits;
}

/* Attribute dtype, else `otherwise`. */
static pum_status result_type(const struct op_call *call, enum pum_dtype otherwise, bool floats,
                              enum pum_dtype *out_dtype)
{
    *out_dtype = otherwise;
    if (node_attr(call->node, "dtype"))
        *out_dtype = axes_onnx_dtype(node_int(call->node, "dtype", 0));
    if (*out_dtype == PUM_DTYPE_NONE || *out_dtype == PUM_DTYPE_STRING ||
        (floats && !dtype_is_float(*out_dtype)))
        return pum_fail(PUM_E_TYPE, "dtype %lld (%s) is not possible here",
                        (long long)node_int(call->node, "dtype", 0), pum_dtype_name(*out_dtype));
    return PUM_OK;
}

/* --- RandomNormal, RandomUniform -------------------------------------------------------------- */

static pum_status infer_filled(struct op_call *call)
{
    enum pum_dtype dtype;
    int32_t rank;
    const int64_t *dims = node_ints(call->node, "shape", &rank);
    if (!node_attr(call->node, "shape"))
        return pum_fail(PUM_E_ARGUMENT, "attribute shape is missing");
    if (rank > PUM_MAX_RANK)
        return pum_fail(PUM_E_SHAPE, "shape has %d axes", rank);
    PUM_TRY(result_type(call, PUM_DTYPE_F32, true, &dtype));
    struct shape shape = shape_of(rank, dims);
    return axes_output(call, 0, dtype, &shape);
}

static pum_status infer_filled_like(struct op_call *call)
{
    enum pum_dtype dtype;
    PUM_TRY(result_type(call, call->inputs[0].desc.dtype, true, &dtype));
    return axes_output(call, 0, dtype, &call->inputs[0].desc.shape);
}

static pum_status fill(struct op_call *call, bool normal)
{
    struct host_tensor *out = &call->outputs[0];
    int64_t count = shape_elements(&out->desc.shape);
    uint64_t seed = seed_of(call);
    double mean = (double)node_float(call->node, "mean", 0);
    double scale = (double)node_float(call->node, "scale", 1);
    double low = (double)node_float(call->node, "low", 0);
    double high = (double)node_float(call->node, "high", 1);
    for (int64_t i = 0; i < count; i++) {
        double v = normal ? mean + scale * philox_normal(seed, (uint64_t)i)
                          : low + (high - low) * philox_uniform(seed, (uint64_t)i);
        tensor_set_f64(out, i, v);
    }
    return PUM_OK;
}

#define FILLED(fn, infer, normal)                                                                  \
    pum_status infer_##fn(struct op_call *call)                                                    \
    {                                                                                              \
        return infer(call);                                                                        \
    }                                                                                              \
    pum_status reference_##fn(struct op_call *call)                                                \
    {                                                                                              \
        return fill(call, normal);                                                                 \
    }                                                                                              \
    OP_HOST_RANDOM(fn)

FILLED(random_normal, infer_filled, true);
FILLED(random_uniform, infer_filled, false);
FILLED(random_normal_like, infer_filled_like, true);
FILLED(random_uniform_like, infer_filled_like, false);

/* --- Bernoulli -------------------------------------------------------------------------------- */

pum_status infer_bernoulli(struct op_call *call)
{
    enum pum_dtype dtype;
    PUM_TRY(axes_need_float(call, 0));
    PUM_TRY(result_type(call, call->inputs[0].desc.dtype, false, &dtype));
    return axes_output(call, 0, dtype, &call->inputs[0].desc.shape);
}

pum_status reference_bernoulli(struct op_call *call)
{
    int64_t count = shape_elements(&call->outputs[0].desc.shape);
    uint64_t seed = seed_of(call);
    for (int64_t i = 0; i < count; i++)
        axes_store_f64(&call->outputs[0], i,
                       philox_uniform(seed, (uint64_t)i) < tensor_get_f64(&call->inputs[0], i));
    return PUM_OK;
}
OP_HOST_RANDOM(bernoulli);

/* --- Multinomial ------------------------------------------------------------------------------ */

pum_status infer_multinomial(struct op_call *call)
{
    const struct shape *shape = &call->inputs[0].desc.shape;
    int64_t samples = node_int(call->node, "sample_size", 1);
    enum pum_dtype dtype;
    PUM_TRY(axes_need_float(call, 0));
    PUM_TRY(result_type(call, PUM_DTYPE_I32, false, &dtype));
    if (dtype != PUM_DTYPE_I32 && dtype != PUM_DTYPE_I64)
        return pum_fail(PUM_E_TYPE, "dtype must be int32 or int64");
    if (shape->rank != 2 || shape->dims[1] < 1)
        return pum_fail(PUM_E_SHAPE, "log-probabilities of rank %d, expected [batch,classes]",
                        shape->rank);
    if (samples < 0)
        return pum_fail(PUM_E_RANGE, "sample_size is %lld", (long long)samples);
    struct shape out = {.rank = 2, .dims = {shape->dims[0], samples}};
    return axes_output(call, 0, dtype, &out);
}

/* The class at which the sum of e^(x - greatest) passes `part` of the whole. */
static int64_t pick_class(const struct host_tensor *in, int64_t base, int64_t classes, double part)
{
    double greatest = -INFINITY, whole = 0, sum = 0;
    int64_t last = 0;
    for (int64_t c = 0; c < classes; c++)
        greatest = fmax(greatest, tensor_get_f64(in, base + c));
    for (int64_t c = 0; c < classes; c++)
        whole += exp(tensor_get_f64(in, base + c) - greatest);
    for (int64_t c = 0; c < classes; c++) {
        double weight = exp(tensor_get_f64(in, base + c) - greatest);
        sum += weight;
        if (weight > 0)
            last = c;
        if (sum > part * whole)
            return c;
    }
    return last;
}

pum_status reference_multinomial(struct op_call *call)
{
    const struct shape *shape = &call->inputs[0].desc.shape;
    int64_t samples = call->outputs[0].desc.shape.dims[1], classes = shape->dims[1];
    uint64_t seed = seed_of(call);
    for (int64_t i = 0; i < shape->dims[0] * samples; i++)
        tensor_set_i64(&call->outputs[0], i,
                       pick_class(&call->inputs[0], i / samples * classes, classes,
                                  philox_uniform(seed, (uint64_t)i)));
    return PUM_OK;
}
OP_HOST_RANDOM(multinomial);
