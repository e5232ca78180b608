/* SPDX-License-Identifier: MIT
 *
 * fuzz_npy.c - feeds bytes to the .npy reader. Corpus: tests/fuzz/corpus/npy. What is read must
 * have the size that its type and shape say.
 */
#include "image/npy.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pum_tensor tensor;
    struct fault fault = {0};
    pum_status status = npy_decode(data, size, &tensor, &fault);
    bool read = status == PUM_OK;
    if (read != (tensor.data != NULL) || read != (fault.text[0] == '\0'))
        abort();
    if (status == PUM_OK) {
        size_t bytes = pum_dtype_size(tensor.dtype);
        for (int32_t i = 0; i < tensor.rank; i++)
            bytes *= (size_t)tensor.dims[i];
        if (bytes != tensor.size_bytes || bytes > size)
            abort();
    }
    npy_free(&tensor);
    return 0;
}
