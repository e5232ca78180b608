/* SPDX-License-Identifier: MIT
 *
 * model_path.c - see model_path.h. The folder is that of tools/fetch_models.
 */
#include "support/model_path.h"

#include <stdio.h>
#include <stdlib.h>

#define FOLDER "pumice/models/ocr-models-1.4.2"

bool test_model_path(const char *file, char *path, size_t path_bytes) {
    const char *cache = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");
    if (cache != NULL && cache[0] != '\0')
        snprintf(path, path_bytes, "%s/" FOLDER "/%s", cache, file);
    else
        snprintf(path, path_bytes, "%s/.cache/" FOLDER "/%s", home != NULL ? home : "", file);
    FILE *opened = fopen(path, "rb");
    if (opened == NULL) {
        printf("no model %s: run tools/fetch_models\n", path);
        return false;
    }
    fclose(opened);
    return true;
}
