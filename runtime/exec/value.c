/* SPDX-License-Identifier: MIT
 *
 * value.c - see value.h. Tests: tests/exec/test_program.c.
 */
#include "exec/value.h"

#include <string.h>

static struct exec_tensor *make(pum_context *context, const struct tensor_desc *desc, size_t extra)
{
    size_t bytes;
    char text[SHAPE_TEXT_BYTES];
    if (!tensor_bytes(desc, &bytes) || bytes > SIZE_MAX / 2 - extra) {
        (void)pum_fail(PUM_E_SHAPE, "a %s tensor of shape %s is too large",
                       pum_dtype_name(desc->dtype), shape_text(&desc->shape, text));
        return NULL;
    }
    struct exec_tensor *tensor = pum_alloc(context, 1, sizeof *tensor);
    void *data = tensor ? pum_alloc(context, bytes + extra + 1, 1) : NULL;
    if (!data) {
        pum_free(context, tensor);
        return NULL;
    }
    tensor->references = 1;
    tensor->host = (struct host_tensor){*desc, data};
    return tensor;
}

struct exec_tensor *exec_tensor_new(pum_context *context, const struct tensor_desc *desc)
{
    return make(context, desc, 0);
}

struct exec_tensor *exec_tensor_borrow(pum_context *context, const struct host_tensor *host)
{
    struct exec_tensor *tensor = pum_alloc(context, 1, sizeof *tensor);
    if (!tensor)
        return NULL;
    *tensor = (struct exec_tensor){.references = 1, .borrowed = true, .host = *host};
    return tensor;
}

static struct exec_tensor *copy_strings(pum_context *context, const struct host_tensor *host)
{
    int64_t count = shape_elements(&host->desc.shape);
    size_t chars = 0;
    for (int64_t i = 0; i < count; i++)
        chars += strlen(tensor_get_string(host, i)) + 1;
    struct exec_tensor *tensor = make(context, &host->desc, chars);
    if (!tensor)
        return NULL;
    char *at = (char *)tensor->host.data + (size_t)count * sizeof(char *);
    for (int64_t i = 0; i < count; i++) {
        const char *text = tensor_get_string(host, i);
        size_t size = strlen(text) + 1;
        memcpy(at, text, size);
        tensor_set_string(&tensor->host, i, at);
        at += size;
    }
    return tensor;
}

struct exec_tensor *exec_tensor_copy(pum_context *context, const struct host_tensor *host)
{
    if (host->desc.dtype == PUM_DTYPE_STRING)
        return copy_strings(context, host);
    struct exec_tensor *tensor = make(context, &host->desc, 0);
    size_t bytes;
    if (tensor && tensor_bytes(&host->desc, &bytes) && bytes > 0)
        memcpy(tensor->host.data, host->data, bytes);
    return tensor;
}

void exec_tensor_drop(pum_context *context, struct exec_tensor **pointer)
{
    struct exec_tensor *tensor = *pointer;
    *pointer = NULL;
    if (!tensor || --tensor->references > 0)
        return;
    if (!tensor->borrowed)
        pum_free(context, tensor->host.data);
    pum_free(context, tensor);
}

void exec_value_clear(pum_context *context, struct exec_value *value)
{
    for (int32_t i = 0; i < value->count; i++)
        exec_tensor_drop(context, &value->items[i]);
    pum_free(context, value->items);
    *value = (struct exec_value){0};
}

void exec_value_set_empty(pum_context *context, struct exec_value *value, pum_value_kind kind)
{
    exec_value_clear(context, value);
    value->set = true;
    value->kind = kind;
}

pum_status exec_value_insert(pum_context *context, struct exec_value *value, int32_t position,
                             struct exec_tensor *tensor)
{
    if (!tensor)
        return PUM_E_MEMORY;
    pum_status status =
        pum_grow(context, &value->items, &value->capacity, value->count, sizeof *value->items);
    if (status != PUM_OK) {
        exec_tensor_drop(context, &tensor);
        return status;
    }
    for (int32_t i = value->count; i > position; i--)
        value->items[i] = value->items[i - 1];
    value->items[position] = tensor;
    value->count++;
    return PUM_OK;
}

pum_status exec_value_set_tensor(pum_context *context, struct exec_value *value,
                                 struct exec_tensor *tensor)
{
    exec_value_set_empty(context, value, PUM_VALUE_TENSOR);
    return exec_value_insert(context, value, 0, tensor);
}

pum_status exec_value_share(pum_context *context, struct exec_value *to,
                            const struct exec_value *from)
{
    if (to == from)
        return PUM_OK;
    exec_value_set_empty(context, to, from->kind);
    to->set = from->set;
    for (int32_t i = 0; i < from->count; i++) {
        from->items[i]->references++;
        PUM_TRY(exec_value_insert(context, to, i, from->items[i]));
    }
    return PUM_OK;
}

const struct host_tensor *exec_value_tensor(const struct exec_value *value)
{
    bool one = value->set && value->kind == PUM_VALUE_TENSOR && value->count == 1;
    return one ? &value->items[0]->host : NULL;
}
