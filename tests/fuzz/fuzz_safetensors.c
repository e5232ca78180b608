/* SPDX-License-Identifier: MIT
 *
 * fuzz_safetensors.c - any bytes as a safetensors file: an error, or tensors that lie within the
 * bytes and have the sizes that their shapes say.
 */
#include "hf/safetensors.h"

#include <stdlib.h>
#include <string.h>

static void look_at(const struct safetensors *set, const uint8_t *data, size_t size)
{
    uint8_t sum = 0;
    for (int32_t i = 0; i < safetensors_count(set); i++) {
        const struct st_tensor *tensor = safetensors_at(set, i);
        if (safetensors_find(set, tensor->name) != tensor || tensor->rank > PUM_MAX_RANK ||
            tensor->data < data || tensor->data > data + size ||
            tensor->size_bytes > size - (size_t)(tensor->data - data))
            abort();
        size_t bytes = pum_dtype_size(tensor->dtype);
        for (int32_t axis = 0; axis < tensor->rank; axis++)
            bytes *= (size_t)tensor->dims[axis];
        if (tensor->dtype != PUM_DTYPE_NONE && bytes != tensor->size_bytes)
            abort();
        for (size_t at = 0; at < tensor->size_bytes; at++)
            sum = (uint8_t)(sum + tensor->data[at]);
    }
    (void)*(volatile uint8_t *)&sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct safetensors *set;
    struct fault fault = {0};
    pum_status status = safetensors_read(data, size, "fuzz", &set, &fault);
    if ((status == PUM_OK) != (set != NULL) || status != fault.status ||
        (status != PUM_OK && strstr(fault.text, "fuzz") == NULL && status != PUM_E_MEMORY))
        abort();
    if (set != NULL)
        look_at(set, data, size);
    safetensors_close(&set);
    return 0;
}
