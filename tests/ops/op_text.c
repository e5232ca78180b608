/* SPDX-License-Identifier: MIT
 *
 * op_text.c - see op_text.h.
 */
#include "op_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

pum_context *op_text_context;

int op_text_setup(void **state)
{
    (void)state;
    return pum_context_create(NULL, &op_text_context) == PUM_OK ? 0 : -1;
}

int op_text_teardown(void **state)
{
    (void)state;
    pum_context_destroy(&op_text_context);
    return 0;
}

/* --- A case as a call ------------------------------------------------------------------------- */

#define MOST 16

struct text_call {
    struct op_case_data data;
    struct graph_node node;
    struct host_tensor inputs[MOST], outputs[MOST];
    struct op_call call;
};

static void open_call(enum op_kind op, const char *inputs, const char *attrs,
                      struct text_call *out_text)
{
    struct op_case test = {op, inputs, attrs, __FILE__, __LINE__};
    memset(out_text, 0, sizeof *out_text);
    if (op_case_parse(op_text_context, &test, 1, &out_text->data) != PUM_OK)
        fail_msg("%s", pum_last_error());
    struct op_case_data *data = &out_text->data;
    assert_true(data->input_count <= MOST && data->output_count <= MOST);
    for (int32_t i = 0; i < data->input_count; i++)
        out_text->inputs[i] = data->inputs[i].tensor;
    out_text->node = (struct graph_node){.op = op,
                                         .name = "test",
                                         .input_count = data->input_count,
                                         .output_count = data->output_count,
                                         .attrs = data->attrs,
                                         .attr_count = data->attr_count,
                                         .fused = ""};
    out_text->call = (struct op_call){.context = op_text_context,
                                      .node = &out_text->node,
                                      .input_count = data->input_count,
                                      .inputs = out_text->inputs,
                                      .output_count = data->output_count,
                                      .outputs = out_text->outputs,
                                      .strings = &data->arena,
                                      .random = 12345};
}

static void close_call(struct text_call *text)
{
    for (int32_t i = 0; i < text->data.output_count; i++)
        if (text->outputs[i].data)
            host_tensor_free(op_text_context, &text->outputs[i]);
    op_case_free(&text->data);
}

static void allocate_outputs(struct text_call *text)
{
    for (int32_t i = 0; i < text->data.output_count; i++) {
        struct tensor_desc desc = text->outputs[i].desc;
        assert_int_equal(host_tensor_alloc(op_text_context, &desc, &text->outputs[i]), PUM_OK);
    }
}

/* --- Reference and shape rule ----------------------------------------------------------------- */

static void check_equal(const char *inputs, const struct host_tensor *got,
                        const struct host_tensor *wanted)
{
    char a[SHAPE_TEXT_BYTES], b[SHAPE_TEXT_BYTES];
    if (got->desc.dtype != wanted->desc.dtype ||
        !shape_equal(&got->desc.shape, &wanted->desc.shape))
        fail_msg("%s gives %s%s, expected %s%s", inputs, pum_dtype_name(got->desc.dtype),
                 shape_text(&got->desc.shape, a), pum_dtype_name(wanted->desc.dtype),
                 shape_text(&wanted->desc.shape, b));
    for (int64_t i = 0; i < shape_elements(&got->desc.shape); i++) {
        if (got->desc.dtype == PUM_DTYPE_STRING) {
            if (strcmp(tensor_get_string(got, i), tensor_get_string(wanted, i)) != 0)
                fail_msg("%s gives '%s' at element %lld, expected '%s'", inputs,
                         tensor_get_string(got, i), (long long)i, tensor_get_string(wanted, i));
            continue;
        }
        double x = tensor_get_f64(got, i), y = tensor_get_f64(wanted, i);
        if (x != y && !(isnan(x) && isnan(y)) && !(fabs(x - y) <= 1e-5 * fmax(1, fabs(y))))
            fail_msg("%s gives %g at element %lld, expected %g", inputs, x, (long long)i, y);
    }
}

void op_text_gives(enum op_kind op, const char *inputs, const char *attrs, const char *expected)
{
    struct text_call text, wanted;
    open_call(op, inputs, attrs, &text);
    open_call(op, expected, "", &wanted);
    if (op_infer(&text.call) != PUM_OK)
        fail_msg("%s: %s", inputs, pum_last_error());
    allocate_outputs(&text);
    if (op_reference(&text.call) != PUM_OK)
        fail_msg("%s: %s", inputs, pum_last_error());
    assert_true(wanted.data.input_count <= text.data.output_count);
    for (int32_t i = 0; i < wanted.data.input_count; i++)
        check_equal(inputs, &text.outputs[i], &wanted.inputs[i]);
    close_call(&wanted);
    close_call(&text);
}

static void check_failure(const char *inputs, pum_status got, pum_status wanted, const char *part)
{
    if (got != wanted)
        fail_msg("%s gives %s, expected %s", inputs, pum_status_name(got),
                 pum_status_name(wanted));
    if (!strstr(pum_last_error(), part))
        fail_msg("%s: '%s' does not say '%s'", inputs, pum_last_error(), part);
}

void op_text_fails(enum op_kind op, const char *inputs, const char *attrs, pum_status status,
                   const char *part)
{
    struct text_call text;
    open_call(op, inputs, attrs, &text);
    check_failure(inputs, op_infer(&text.call), status, part);
    close_call(&text);
}

void op_text_reference_fails(enum op_kind op, const char *inputs, const char *attrs,
                             pum_status status, const char *part)
{
    struct text_call text;
    open_call(op, inputs, attrs, &text);
    assert_int_equal(op_infer(&text.call), PUM_OK);
    allocate_outputs(&text);
    check_failure(inputs, op_reference(&text.call), status, part);
    close_call(&text);
}

void op_text_needs_data(enum op_kind op, const char *inputs, const char *attrs, int32_t unknown)
{
    struct text_call text;
    open_call(op, inputs, attrs, &text);
    text.inputs[unknown].data = NULL;
    check_failure(inputs, op_infer(&text.call), OP_NEEDS_DATA, "not known before the run");
    close_call(&text);
}

/* --- Lowering --------------------------------------------------------------------------------- */

struct text_sink {
    struct lower_sink sink; /* first: the callbacks get this */
    struct op_text_lowered *lowered;
};

static pum_status keep(struct lower_sink *sink, const struct lower_dispatch *dispatch)
{
    struct op_text_lowered *lowered = ((struct text_sink *)sink)->lowered;
    assert_true(lowered->count < OP_TEXT_MAX_DISPATCHES);
    lowered->dispatches[lowered->count++] = *dispatch;
    return PUM_OK;
}

static pum_status make_scratch(struct lower_sink *sink, uint64_t bytes, int32_t *out_value)
{
    assert_true(bytes > 0);
    *out_value = 200 + ((struct text_sink *)sink)->lowered->scratch_count++;
    return PUM_OK;
}

static pum_status keep_pack(struct lower_sink *sink, const struct lower_value *source,
                            const char *key, uint64_t bytes,
                            pum_status (*pack)(void *user, const struct host_tensor *source,
                                               void *out),
                            void *user, int32_t *out_value)
{
    struct op_text_lowered *lowered = ((struct text_sink *)sink)->lowered;
    assert_true(lowered->pack_count < OP_TEXT_MAX_PACKS);
    struct op_text_pack *item = &lowered->packs[lowered->pack_count];
    *out_value = 300 + lowered->pack_count++;
    snprintf(item->key, sizeof item->key, "%s", key);
    item->bytes = bytes;
    void *data = pum_alloc(op_text_context, (size_t)bytes, 1);
    assert_non_null(data);
    struct host_tensor host = {source->desc, (void *)(uintptr_t)source->data};
    pum_status status = pack(user, &host, data);
    memcpy(item->data, data, bytes < OP_TEXT_PACK_BYTES ? (size_t)bytes : OP_TEXT_PACK_BYTES);
    pum_free(op_text_context, data);
    return status;
}

static pum_status note_alias(struct lower_sink *sink, int32_t output, int32_t input,
                             uint64_t offset)
{
    struct op_text_lowered *lowered = ((struct text_sink *)sink)->lowered;
    (void)output;
    (void)input;
    lowered->alias_count++;
    lowered->alias_offset = offset;
    return PUM_OK;
}

static void ignore_in_place(struct lower_sink *sink, int32_t output, int32_t input)
{
    (void)sink;
    (void)output;
    (void)input;
}

struct base_caps op_text_caps(uint32_t bits)
{
    return (struct base_caps){.bits = bits,
                              .tier = 2,
                              .subgroup_size = 32,
                              .subgroup_size_min = 32,
                              .subgroup_size_max = 32,
                              .max_invocations = 1024,
                              .max_workgroup_size = {1024, 1024, 64},
                              .max_workgroup_count = {65535, 65535, 65535},
                              .shared_bytes = 32768,
                              .max_storage_buffers = 16,
                              .max_push_bytes = 128,
                              .max_storage_range = 128u << 20,
                              .max_buffer_bytes = 1u << 30,
                              .storage_alignment = 64};
}

static enum kernel_store store_of_type(enum pum_dtype dtype)
{
    if (dtype == PUM_DTYPE_F32)
        return STORE_F32;
    if (dtype == PUM_DTYPE_F16)
        return STORE_F16;
    return dtype == PUM_DTYPE_F64 || dtype == PUM_DTYPE_NONE ? STORE_NONE : STORE_I32;
}

void op_text_lower(enum op_kind op, const char *inputs, const char *attrs,
                   const struct base_caps *caps, struct op_text_lowered *out_lowered)
{
    struct text_call text;
    struct lower_value in[MOST] = {0}, out[MOST] = {0};
    struct text_sink sink = {
        {keep, make_scratch, keep_pack, note_alias, ignore_in_place}, out_lowered};
    memset(out_lowered, 0, sizeof *out_lowered);
    open_call(op, inputs, attrs, &text);
    if (op_infer(&text.call) != PUM_OK)
        fail_msg("%s: %s", inputs, pum_last_error());
    for (int32_t i = 0; i < text.data.input_count; i++) {
        const struct host_tensor *tensor = &text.inputs[i];
        in[i] = (struct lower_value){tensor->desc, store_of_type(tensor->desc.dtype), i,
                                     text.data.inputs[i].constant ? tensor->data : NULL};
    }
    for (int32_t i = 0; i < text.data.output_count; i++)
        out[i] = (struct lower_value){text.outputs[i].desc,
                                      store_of_type(text.outputs[i].desc.dtype), 100 + i, NULL};
    struct lower_call call = {.context = op_text_context,
                              .caps = caps,
                              .node = &text.node,
                              .input_count = text.data.input_count,
                              .inputs = in,
                              .output_count = text.data.output_count,
                              .outputs = out,
                              .sink = &sink.sink};
    assert_non_null(op_rows[op].lowering->function);
    out_lowered->status = op_rows[op].lowering->function(&call);
    op_case_free(&text.data);
}
