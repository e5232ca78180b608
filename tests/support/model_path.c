/* SPDX-License-Identifier: MIT
 *
 * model_path.c - see model_path.h. The folders are those of tools/fetch_models.
 */
#include "support/model_path.h"

#include <stdio.h>
#include <stdlib.h>

static bool find(const char *folder, const char *file, char *path, size_t path_bytes) {
    const char *cache = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");
    if (cache != NULL && cache[0] != '\0')
        snprintf(path, path_bytes, "%s/pumice/models/%s/%s", cache, folder, file);
    else
        snprintf(path, path_bytes, "%s/.cache/pumice/models/%s/%s", home != NULL ? home : "",
                 folder, file);
    FILE *opened = fopen(path, "rb");
    if (opened == NULL) {
        printf("no model %s: run tools/fetch_models\n", path);
        return false;
    }
    fclose(opened);
    return true;
}

bool test_model_path(const char *file, char *path, size_t path_bytes) {
    return find("ocr-models-1.4.2", file, path, path_bytes);
}

bool test_vad_model_path(const char *file, char *path, size_t path_bytes) {
    return find("silero-vad-0.0.31", file, path, path_bytes);
}
