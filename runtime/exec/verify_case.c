/* SPDX-License-Identifier: MIT
 *
 * verify_case.c - an operator's case made into a one-operator graph (plus a chain behind it), with
 * the reference's answer. Tests: tests/exec/test_verify.c.
 */
#include "exec/verify.h"

#include "ops/chain.h"
#include "pumice/pumice_graph.h"

#include <math.h>
#include <string.h>

static bool is_chain_type(enum pum_dtype dtype)
{
    return dtype == PUM_DTYPE_F32 || dtype == PUM_DTYPE_F16;
}

/* A copy of a tensor in another float type. */
static pum_status converted(struct verify_case *c, const struct host_tensor *from,
                            enum pum_dtype dtype, struct host_tensor *to)
{
    size_t bytes;
    to->desc = (struct tensor_desc){dtype, from->desc.shape};
    if (!tensor_bytes(&to->desc, &bytes))
        return pum_fail(PUM_E_RANGE, "a case is too large");
    to->data = base_arena_alloc(&c->data.arena, bytes ? bytes : 1, 1);
    if (!to->data)
        return PUM_E_MEMORY;
    int64_t count = shape_elements(&to->desc.shape);
    for (int64_t i = 0; i < count; i++)
        tensor_set_f64(to, i, tensor_get_f64(from, i));
    return PUM_OK;
}

/* float32 inputs become float16 ones, with their values rounded. */
static pum_status halve_inputs(struct verify_case *c)
{
    bool any = false;
    for (int32_t i = 0; i < c->data.input_count; i++) {
        struct host_tensor *old = &c->data.inputs[i].tensor;
        if (old->desc.dtype != PUM_DTYPE_F32)
            continue;
        struct host_tensor half;
        PUM_TRY(converted(c, old, PUM_DTYPE_F16, &half));
        *old = half;
        any = true;
    }
    return any ? PUM_OK : pum_fail(PUM_E_UNSUPPORTED, "no float32 input");
}

static void make_node(const struct verify_case *c, struct graph_node *node)
{
    *node = (struct graph_node){.op = c->test->op,
                                .name = "case",
                                .fused = "",
                                .attrs = c->data.attrs,
                                .attr_count = c->data.attr_count};
}

/* The reference on the case's inputs, or on their absolute values. */
static pum_status run_reference(pum_context *context, struct verify_case *c,
                                const struct host_tensor *inputs, struct host_tensor *outputs)
{
    struct graph_node node;
    make_node(c, &node);
    struct op_call call = {.context = context,
                           .node = &node,
                           .input_count = c->data.input_count,
                           .inputs = inputs,
                           .output_count = c->data.output_count,
                           .outputs = outputs,
                           .strings = &c->data.arena};
    PUM_TRY(op_infer(&call));
    for (int32_t i = 0; i < call.output_count; i++) {
        struct tensor_desc desc = outputs[i].desc;
        PUM_TRY(host_tensor_alloc(context, &desc, &outputs[i]));
    }
    return op_reference(&call);
}

static pum_status run_scale(pum_context *context, struct verify_case *c)
{
    size_t count = (size_t)c->data.input_count;
    struct host_tensor *inputs = base_arena_alloc(&c->data.arena, count + 1, sizeof *inputs);
    if (!inputs)
        return PUM_E_MEMORY;
    for (size_t i = 0; i < count; i++) {
        inputs[i] = c->inputs[i];
        size_t bytes;
        if (!inputs[i].data || !dtype_is_float(inputs[i].desc.dtype) ||
            !tensor_bytes(&inputs[i].desc, &bytes))
            continue;
        inputs[i].data = base_arena_alloc(&c->data.arena, bytes ? bytes : 1, 1);
        if (!inputs[i].data)
            return PUM_E_MEMORY;
        int64_t elements = shape_elements(&inputs[i].desc.shape);
        for (int64_t e = 0; e < elements; e++)
            tensor_set_f64(&inputs[i], e, fabs(tensor_get_f64(&c->inputs[i], e)));
    }
    return run_reference(context, c, inputs, c->scale);
}

/* r, with values that depend on the place alone. */
static pum_status make_residual(pum_context *context, struct verify_case *c, enum verify_tail tail)
{
    struct tensor_desc desc = c->outputs[0].desc;
    int32_t rank = desc.shape.rank;
    if (!is_chain_type(desc.dtype) || rank < 1 || !op_rows[c->test->op].lowering->chain)
        return pum_fail(PUM_E_UNSUPPORTED, "no chain here");
    if (tail == VERIFY_CHAIN_VECTOR) {
        bool conv = c->test->op == OP_CONV || c->test->op == OP_CONVTRANSPOSE;
        if (rank < 2)
            return pum_fail(PUM_E_UNSUPPORTED, "no axis for a vector");
        int32_t axis = conv ? 1 : rank - 1;
        for (int32_t i = 0; i < rank; i++)
            desc.shape.dims[i] = i == axis ? desc.shape.dims[i] : 1;
    }
    PUM_TRY(host_tensor_alloc(context, &desc, &c->residual));
    int64_t count = shape_elements(&desc.shape);
    for (int64_t i = 0; i < count; i++)
        tensor_set_f64(&c->residual, i, (double)(i * 7 % 13) / 8 - 0.75);
    return PUM_OK;
}

/* relu(y * 0.5 + r). A kernel rounds its result once, behind the chain; so for half types the
 * reference runs once more in float32, and its result is rounded at the end. */
static pum_status apply_tail(pum_context *context, struct verify_case *c)
{
    static const struct op_chain chain = {
        .step_count = 3,
        .steps = {{CHAIN_MUL, 0.5f, 0, 0}, {CHAIN_ADD, 0, 0, 1}, {CHAIN_RELU, 0, 0, 0}},
        .operand_count = 1};
    if (c->outputs[0].desc.dtype != PUM_DTYPE_F16)
        return chain_reference(&chain, &c->outputs[0], &c->residual);
    size_t ins = (size_t)c->data.input_count, outs = (size_t)c->data.output_count;
    struct host_tensor *inputs = base_arena_alloc(&c->data.arena, ins + 1, sizeof *inputs);
    struct host_tensor *outputs = base_arena_alloc(&c->data.arena, outs + 1, sizeof *outputs);
    struct host_tensor residual;
    if (!inputs || !outputs)
        return PUM_E_MEMORY;
    for (size_t i = 0; i < ins; i++) {
        inputs[i] = c->inputs[i];
        if (inputs[i].desc.dtype == PUM_DTYPE_F16)
            PUM_TRY(converted(c, &c->inputs[i], PUM_DTYPE_F32, &inputs[i]));
    }
    PUM_TRY(converted(c, &c->residual, PUM_DTYPE_F32, &residual));
    pum_status status = run_reference(context, c, inputs, outputs);
    if (status == PUM_OK && outputs[0].desc.dtype != PUM_DTYPE_F32)
        status = pum_fail(PUM_E_UNSUPPORTED, "the output's type is not the input's");
    if (status == PUM_OK)
        status = chain_reference(&chain, &outputs[0], &residual);
    int64_t count = status == PUM_OK ? shape_elements(&outputs[0].desc.shape) : 0;
    for (int64_t i = 0; i < count; i++)
        tensor_set_f64(&c->outputs[0], i, tensor_get_f64(&outputs[0], i));
    for (size_t i = 0; i < outs; i++)
        host_tensor_free(context, &outputs[i]);
    return status;
}

static pum_value add_case_input(struct verify_case *c, int32_t index)
{
    const struct op_case_input *input = &c->data.inputs[index];
    const struct tensor_desc *desc = &input->tensor.desc;
    size_t bytes;
    if (desc->dtype == PUM_DTYPE_NONE)
        return PUM_NO_VALUE;
    char name[] = "input0";
    name[5] = (char)('0' + index % 10);
    if (input->constant && tensor_bytes(desc, &bytes))
        return pum_constant(c->graph, name, desc->dtype, desc->shape.rank, desc->shape.dims,
                            input->tensor.data, bytes);
    char unique[16] = "input";
    unique[5] = (char)('a' + index / 26 % 26);
    unique[6] = (char)('a' + index % 26);
    c->graph_inputs[c->graph_input_count++] = index;
    return pum_input(c->graph, unique, desc->dtype, desc->shape.rank, desc->shape.dims);
}

static pum_value add_tail(struct verify_case *c, pum_value y)
{
    const struct tensor_desc *desc = &c->residual.desc;
    c->graph_inputs[c->graph_input_count++] = -1;
    pum_value r = pum_input(c->graph, "residual", desc->dtype, desc->shape.rank, desc->shape.dims);
    uint16_t half = 0x3800; /* 0.5 */
    float full = 0.5f;
    bool is_half = desc->dtype == PUM_DTYPE_F16;
    pum_value scale = pum_constant_copy(c->graph, "scale", desc->dtype, 0, NULL,
                                        is_half ? (const void *)&half : (const void *)&full,
                                        is_half ? sizeof half : sizeof full);
    return pum_relu(c->graph, pum_add(c->graph, pum_mul(c->graph, y, scale), r));
}

static pum_status build_graph(pum_context *context, struct verify_case *c, enum verify_tail tail)
{
    size_t count = (size_t)c->data.input_count;
    pum_value *inputs = base_arena_alloc(&c->data.arena, count + 1, sizeof *inputs);
    pum_value *outputs =
        base_arena_alloc(&c->data.arena, (size_t)c->data.output_count + 1, sizeof *outputs);
    c->graph_inputs = base_arena_alloc(&c->data.arena, count + 1, sizeof *c->graph_inputs);
    if (!inputs || !outputs || !c->graph_inputs)
        return PUM_E_MEMORY;
    PUM_TRY(pum_graph_create(context, &c->graph));
    for (int32_t i = 0; i < c->data.input_count; i++)
        inputs[i] = add_case_input(c, i);
    PUM_TRY(pum_node(c->graph,
                     &(pum_node_params){.op = op_rows[c->test->op].name,
                                        .name = "case",
                                        .inputs = inputs,
                                        .input_count = c->data.input_count,
                                        .attrs = c->data.attrs,
                                        .attr_count = c->data.attr_count,
                                        .output_count = c->data.output_count},
                     outputs));
    if (tail != VERIFY_PLAIN)
        outputs[0] = add_tail(c, outputs[0]);
    for (int32_t i = 0; i < c->data.output_count; i++) {
        char name[] = "output0";
        name[6] = (char)('0' + i % 10);
        pum_output(c->graph, name, outputs[i]);
    }
    return pum_graph_finish(c->graph);
}

static bool has_strings(const struct verify_case *c)
{
    for (int32_t i = 0; i < c->data.input_count; i++)
        if (c->inputs[i].desc.dtype == PUM_DTYPE_STRING)
            return true;
    for (int32_t i = 0; i < c->data.output_count; i++)
        if (c->outputs[i].desc.dtype == PUM_DTYPE_STRING)
            return true;
    return false;
}

pum_status verify_case_make(pum_context *context, const struct op_case *test, uint64_t seed,
                            bool half, enum verify_tail tail, struct verify_case *c)
{
    memset(c, 0, sizeof *c);
    c->test = test;
    PUM_TRY(op_case_parse(context, test, seed, &c->data));
    pum_status status = half ? halve_inputs(c) : PUM_OK;
    size_t ins = (size_t)c->data.input_count, outs = (size_t)c->data.output_count;
    c->inputs = base_arena_alloc(&c->data.arena, ins + 1, sizeof *c->inputs);
    c->outputs = base_arena_alloc(&c->data.arena, outs + 1, sizeof *c->outputs);
    c->scale = base_arena_alloc(&c->data.arena, outs + 1, sizeof *c->scale);
    if (status == PUM_OK && (!c->inputs || !c->outputs || !c->scale))
        status = PUM_E_MEMORY;
    for (size_t i = 0; i < ins && status == PUM_OK; i++)
        c->inputs[i] = c->data.inputs[i].tensor;
    if (status == PUM_OK)
        status = run_reference(context, c, c->inputs, c->outputs);
    if (status == PUM_OK && has_strings(c))
        status = pum_fail(PUM_E_UNSUPPORTED, "strings are the host's");
    if (status == PUM_OK && op_rows[test->op].tolerance == OP_PRODUCT)
        status = run_scale(context, c);
    if (status == PUM_OK && tail != VERIFY_PLAIN)
        status = make_residual(context, c, tail);
    if (status == PUM_OK && tail != VERIFY_PLAIN)
        status = apply_tail(context, c);
    if (status == PUM_OK)
        status = build_graph(context, c, tail);
    if (status != PUM_OK)
        verify_case_free(context, c);
    return status;
}

void verify_case_free(pum_context *context, struct verify_case *c)
{
    for (int32_t i = 0; i < c->data.output_count; i++) {
        if (c->outputs)
            host_tensor_free(context, &c->outputs[i]);
        if (c->scale)
            host_tensor_free(context, &c->scale[i]);
    }
    host_tensor_free(context, &c->residual);
    pum_graph_destroy(&c->graph);
    op_case_free(&c->data);
    memset(c, 0, sizeof *c);
}
