/* SPDX-License-Identifier: MIT
 *
 * onnx_upgrade_more.c - nodes that hold values (Constant, ConstantOfShape), CastLike, and the
 * operators of ONNX Runtime's own domain that are a few of Pumice's.
 * Tests: tests/onnx/test_onnx_upgrade.c.
 */
#include "onnx_steps.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- Values ----------------------------------------------------------------------------------- */

/* The texts are copied into a block that lives as long as the outermost graph. */
static pum_status string_constant(struct onnx_node *node, int32_t rank, int64_t count,
                                  const char *const *texts)
{
    struct onnx_reader *reader = node->reader;
    size_t bytes = (size_t)count * sizeof(char *) + 1;

    for (int64_t i = 0; i < count; i++)
        bytes += strlen(texts[i]) + 1;
    char **strings = malloc(bytes);
    if (strings == NULL)
        return onnx_fail(reader, PUM_E_MEMORY, "out of memory");
    ONNX_TRY(pum_graph_adopt(reader->root, free, strings));
    char *next = (char *)(strings + count);
    for (int64_t i = 0; i < count; i++) {
        size_t length = strlen(texts[i]) + 1;
        strings[i] = memcpy(next, texts[i], length);
        next += length;
    }
    pum_value value = pum_constant(reader->graph, node->name, PUM_DTYPE_STRING, rank, &count,
                                   strings, (size_t)count * sizeof(char *));
    return onnx_bind(node, 0, value);
}

static pum_status constant_from_attr(struct onnx_node *node, const pum_attr *attr)
{
    pum_graph *graph = node->reader->graph;
    int64_t count = attr->count;
    pum_value value = PUM_NO_VALUE;

    switch (attr->kind) {
    case PUM_ATTR_INT:
        value = pum_constant_copy(graph, node->name, PUM_DTYPE_I64, 0, NULL, &attr->i,
                                  sizeof(attr->i));
        break;
    case PUM_ATTR_FLOAT:
        value = pum_constant_copy(graph, node->name, PUM_DTYPE_F32, 0, NULL, &attr->f,
                                  sizeof(attr->f));
        break;
    case PUM_ATTR_INTS:
        value = pum_constant_copy(graph, node->name, PUM_DTYPE_I64, 1, &count, attr->ints,
                                  (size_t)count * sizeof(*attr->ints));
        break;
    case PUM_ATTR_FLOATS:
        value = pum_constant_copy(graph, node->name, PUM_DTYPE_F32, 1, &count, attr->floats,
                                  (size_t)count * sizeof(*attr->floats));
        break;
    case PUM_ATTR_STRING:
        return string_constant(node, 0, 1, &attr->s);
    case PUM_ATTR_STRINGS:
        return string_constant(node, 1, count, attr->strings);
    case PUM_ATTR_GRAPH:
        break; /* not in the operator's list */
    }
    return onnx_bind(node, 0, value);
}

pum_status onnx_up_constant(struct onnx_node *node)
{
    pum_value value;

    if (node->attr_count + (node->tensor != NULL) + (node->sparse != NULL) != 1 ||
        node->input_count != 0)
        return onnx_fail(node->reader, PUM_E_FORMAT, "node '%.200s' (Constant) must have exactly "
                         "one value and no input", node->name);
    if (node->attr_count == 1)
        return constant_from_attr(node, &node->attrs[0]);
    const char *name = node->output_count > 0 ? node->proto->output[0] : node->name;
    if (node->sparse != NULL)
        ONNX_TRY(onnx_sparse_constant(node->reader, node->sparse, name, &value));
    else
        ONNX_TRY(onnx_constant(node->reader, node->tensor, name, &value));
    return onnx_bind(node, 0, value);
}

/* The bits of a float16 (5 exponent bits) or bfloat16 (8) as a float. */
static float half_bits_to_float(uint16_t bits, int exponent_bits)
{
    int mantissa_bits = 15 - exponent_bits;
    int bias = (1 << (exponent_bits - 1)) - 1;
    int exponent = (bits >> mantissa_bits) & ((1 << exponent_bits) - 1);
    int mantissa = bits & ((1 << mantissa_bits) - 1);
    float sign = (bits & 0x8000) != 0 ? -1.0f : 1.0f;

    if (exponent == (1 << exponent_bits) - 1)
        return mantissa != 0 ? NAN : sign * INFINITY;
    if (exponent == 0)
        return sign * ldexpf((float)mantissa, 1 - bias - mantissa_bits);
    return sign * ldexpf((float)(mantissa | (1 << mantissa_bits)), exponent - bias - mantissa_bits);
}

/* The one element of `data` as the attribute value_float or value_int. */
static bool element_attr(const struct onnx_data *data, pum_attr *out_attr)
{
    union {
        uint8_t bytes[8];
        float f32;
        double f64;
        int8_t i8;
        int16_t i16;
        int32_t i32;
        int64_t i64;
        uint8_t u8;
        uint16_t u16;
        uint32_t u32;
        uint64_t u64;
    } value = {{0}};
    pum_attr real = {.name = "value_float", .kind = PUM_ATTR_FLOAT};
    pum_attr whole = {.name = "value_int", .kind = PUM_ATTR_INT};

    memcpy(value.bytes, data->data, pum_dtype_size(data->dtype));
    *out_attr = whole;
    switch (data->dtype) {
    case PUM_DTYPE_F32:
        real.f = value.f32;
        *out_attr = real;
        return true;
    case PUM_DTYPE_F16:
        real.f = half_bits_to_float(value.u16, 5);
        *out_attr = real;
        return true;
    case PUM_DTYPE_BF16:
        real.f = half_bits_to_float(value.u16, 8);
        *out_attr = real;
        return true;
    case PUM_DTYPE_F64:
        real.f = (float)value.f64;
        *out_attr = real;
        return isnan(value.f64) || (double)real.f == value.f64;
    case PUM_DTYPE_I8:
        out_attr->i = value.i8;
        return true;
    case PUM_DTYPE_I16:
        out_attr->i = value.i16;
        return true;
    case PUM_DTYPE_I32:
        out_attr->i = value.i32;
        return true;
    case PUM_DTYPE_I64:
        out_attr->i = value.i64;
        return true;
    case PUM_DTYPE_U8:
        out_attr->i = value.u8;
        return true;
    case PUM_DTYPE_U16:
        out_attr->i = value.u16;
        return true;
    case PUM_DTYPE_U32:
        out_attr->i = value.u32;
        return true;
    case PUM_DTYPE_U64:
        out_attr->i = (int64_t)value.u64;
        return value.u64 <= INT64_MAX;
    case PUM_DTYPE_BOOL:
        out_attr->i = value.u8 != 0;
        return true;
    default:
        return false;
    }
}

/* The tensor that holds the one value becomes attributes; without it the value is float 0. */
/* A value that no attribute holds exactly (a double, a string): as a scalar, expanded. */
static pum_status expand_value(struct onnx_node *node)
{
    pum_value value = PUM_NO_VALUE;

    ONNX_TRY(onnx_constant(node->reader, node->tensor, node->name, &value));
    value = steps_reshape(node, value, 0, NULL);
    return onnx_bind(node, 0, steps_2(node, "Expand", value, onnx_input(node, 0)));
}

pum_status onnx_up_constant_of_shape(struct onnx_node *node)
{
    struct onnx_data data;
    pum_attr value;

    if (node->tensor == NULL)
        return onnx_emit(node, "ConstantOfShape");
    pum_status status = onnx_decode(node->reader, node->tensor, node->name, &data);
    if (status == PUM_OK && data.size_bytes != pum_dtype_size(data.dtype))
        status = onnx_fail(node->reader, PUM_E_FORMAT, "node '%.200s' (ConstantOfShape): the value "
                           "must have one element", node->name);
    if (status == PUM_OK && !element_attr(&data, &value)) {
        status = expand_value(node);
    } else if (status == PUM_OK) {
        onnx_give(node, value);
        onnx_give(node, (pum_attr){.name = "value_dtype",
                                   .kind = PUM_ATTR_INT,
                                   .i = onnx_data_type(data.dtype)});
        status = onnx_emit(node, "ConstantOfShape");
    }
    onnx_data_free(node->reader, &data);
    return status;
}

/* Complex numbers are refused here, so that the message comes on loading. Before opset 6 the type
 * is a word. From 19 on saturate speaks of types that Pumice does not have. */
static int64_t named_type(const char *name)
{
    static const char *const names[] = {"",       "FLOAT",  "UINT8",   "INT8",   "UINT16",
                                        "INT16",  "INT32",  "INT64",   "STRING", "BOOL",
                                        "FLOAT16", "DOUBLE", "UINT32", "UINT64"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(names[i], name) == 0)
            return (int64_t)i;
    }
    return 0;
}

pum_status onnx_up_cast(struct onnx_node *node)
{
    pum_attr to = {.name = "to"};

    (void)onnx_take_int(node, "saturate", 1);
    if (onnx_take(node, "to", &to) && to.kind == PUM_ATTR_STRING)
        to.i = named_type(to.s);
    if (to.i < 0 || to.i > INT32_MAX || onnx_dtype((int32_t)to.i) == PUM_DTYPE_NONE)
        return onnx_refuse(node, "the type to cast to is not supported");
    onnx_give(node, (pum_attr){.name = "to", .kind = PUM_ATTR_INT, .i = to.i});
    return onnx_emit(node, "Cast");
}

pum_status onnx_up_cast_like(struct onnx_node *node)
{
    pum_dtype dtype = onnx_value_dtype(node, onnx_input(node, 1));

    if (dtype == PUM_DTYPE_NONE)
        return onnx_refuse(node, "the type of its second input is not known");
    (void)onnx_take_int(node, "saturate", 1);
    node->input_count = 1;
    onnx_give(node, (pum_attr){.name = "to", .kind = PUM_ATTR_INT, .i = onnx_data_type(dtype)});
    return onnx_emit(node, "Cast");
}

/* --- com.microsoft ---------------------------------------------------------------------------- */

/* Input 1, if there is one, is added to input 0 first. */
static void add_bias(struct onnx_node *node)
{
    if (onnx_input(node, 1) != PUM_NO_VALUE)
        node->inputs[0] = onnx_step(node, "Add", node->inputs, 2, NULL, 0);
    if (node->input_count > 1)
        node->input_count = 1;
}

pum_status onnx_up_bias_gelu(struct onnx_node *node)
{
    add_bias(node);
    return onnx_emit(node, "Gelu");
}

pum_status onnx_up_fast_gelu(struct onnx_node *node)
{
    add_bias(node);
    onnx_give(node, (pum_attr){.name = "approximate", .kind = PUM_ATTR_STRING, .s = "tanh"});
    return onnx_emit(node, "Gelu");
}

/* x * sigmoid(alpha * x) */
pum_status onnx_up_quick_gelu(struct onnx_node *node)
{
    float alpha = onnx_take_float(node, "alpha", 1.702f);
    pum_value x = onnx_input(node, 0);
    pum_value factor = onnx_scalar_like(node, alpha, x);
    pum_value scaled = onnx_step(node, "Mul", (pum_value[]){x, factor}, 2, NULL, 0);
    pum_value gate = onnx_step(node, "Sigmoid", &scaled, 1, NULL, 0);

    onnx_set_input(node, 1, gate);
    return onnx_emit(node, "Mul");
}
