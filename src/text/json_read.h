/* SPDX-License-Identifier: MIT
 *
 * json_read.h - JSON from hostile files: parsed within limits, and its fields fetched with messages
 * that name file, place and what was expected. Tests: tests/text/test_tokenizer_files.c.
 */
#ifndef PUM_SRC_TEXT_JSON_READ_H
#define PUM_SRC_TEXT_JSON_READ_H

#include "image/fault.h"

#include <jansson.h>

/* Parses bytes; the top must be an object. `where` begins messages. Release with json_decref. */
pum_status json_read_object(const char *bytes, size_t size, const char *where, json_t **out_json,
                            struct fault *fault);

/* Reads a file the same way. *out_json is NULL with PUM_OK if it is missing and `optional`. */
pum_status json_read_file(const char *path, bool optional, json_t **out_json, struct fault *fault);

/* The field "type" of a component; "" where it has none, NULL where it is no text. */
const char *component_type(const json_t *object);

/* A whole number, also one that is written or kept as 3.0; false: it is none. */
bool json_whole(const json_t *value, int64_t *out_value);

/* A field, or `otherwise` where it is missing or null. PUM_E_FORMAT: of another kind. */
pum_status field_bool(const json_t *object, const char *where, const char *key, bool otherwise,
                      bool *out_value, struct fault *fault);
pum_status field_int(const json_t *object, const char *where, const char *key, int64_t otherwise,
                     int64_t *out_value, struct fault *fault);
/* Texts may hold NUL bytes: the length counts. `otherwise` may be NULL. Borrowed. */
struct json_text {
    const char *bytes;
    size_t size;
};
pum_status field_text(const json_t *object, const char *where, const char *key,
                      const char *otherwise, struct json_text *out_text, struct fault *fault);

/* A copy with a NUL behind it; NULL: out of memory. */
char *json_text_copy(struct json_text text);

#endif
