/* SPDX-License-Identifier: MIT
 *
 * fuzz_png.c - feeds bytes to the PNG reader. Corpus: tests/fuzz/corpus/png. A picture that is read
 * is whole: every byte of it is looked at.
 */
#include "image/image.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct image image;
    struct fault fault = {0};
    pum_status status = image_decode_png(&image, data, size, &fault);
    bool read = status == PUM_OK;
    if (read != (image.rgb != NULL) || read != (fault.text[0] == '\0'))
        abort();
    unsigned sum = 0;
    for (size_t i = 0; read && i < (size_t)image.width * (size_t)image.height * 3; i++)
        sum += image.rgb[i];
    image_free(&image);
    return sum == 1 ? -1 : 0;
}
