/* SPDX-License-Identifier: MIT
 *
 * json_read.c - see json_read.h. jansson limits nesting to 2048 levels and salts its hash tables.
 * It refuses whole numbers above 2^63, which tokenizer_config.json really has (model_max_length
 * 1e30, digit by digit): such a file is read again with all numbers as doubles.
 */
#include "json_read.h"

#include "image/out_file.h"
#include "tokenizer.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

pum_status json_read_object(const char *bytes, size_t size, const char *where, json_t **out_json,
                            struct fault *fault)
{
    json_error_t error;
    *out_json = json_loadb(bytes, size, JSON_ALLOW_NUL, &error);
    if (*out_json == NULL && json_error_code(&error) == json_error_numeric_overflow)
        *out_json = json_loadb(bytes, size, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &error);
    if (*out_json == NULL)
        return fault_set(fault,
                         json_error_code(&error) == json_error_out_of_memory ? PUM_E_MEMORY
                                                                             : PUM_E_FORMAT,
                         "%s: no JSON, line %d: %s", where, error.line, error.text);
    if (json_is_object(*out_json))
        return PUM_OK;
    json_decref(*out_json);
    *out_json = NULL;
    return fault_set(fault, PUM_E_FORMAT, "%s: JSON, but no object", where);
}

pum_status json_read_file(const char *path, bool optional, json_t **out_json, struct fault *fault)
{
    unsigned char *data;
    size_t size;
    struct stat info;
    *out_json = NULL;
    if (optional && stat(path, &info) != 0 && errno == ENOENT)
        return PUM_OK;
    pum_status status = in_file_read(path, TOKENIZER_MAX_FILE_BYTES, &data, &size, fault);
    if (status != PUM_OK)
        return status;
    status = json_read_object((const char *)data, size, path, out_json, fault);
    free(data);
    return status;
}

const char *component_type(const json_t *object)
{
    const json_t *type = json_object_get(object, "type");
    return type == NULL ? "" : json_string_value(type);
}

static pum_status wrong_kind(struct fault *fault, const char *where, const char *key,
                             const char *expected)
{
    return fault_set(fault, PUM_E_FORMAT, "%s.%s is %s", where, key, expected);
}

bool json_whole(const json_t *value, int64_t *out_value)
{
    double real = json_real_value(value);
    *out_value = 0;
    if (json_is_integer(value)) {
        *out_value = (int64_t)json_integer_value(value);
        return true;
    }
    if (!json_is_real(value) || !(fabs(real) <= 9007199254740992.0) || floor(real) != real)
        return false;
    *out_value = (int64_t)real;
    return true;
}

/* The field, NULL if it is missing or null. */
static const json_t *field(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_null(value) ? NULL : value;
}

pum_status field_bool(const json_t *object, const char *where, const char *key, bool otherwise,
                      bool *out_value, struct fault *fault)
{
    const json_t *value = field(object, key);
    *out_value = value == NULL ? otherwise : json_is_true(value);
    if (value != NULL && !json_is_boolean(value))
        return wrong_kind(fault, where, key, "neither true nor false");
    return PUM_OK;
}

pum_status field_int(const json_t *object, const char *where, const char *key, int64_t otherwise,
                     int64_t *out_value, struct fault *fault)
{
    const json_t *value = field(object, key);
    *out_value = otherwise;
    if (value != NULL && !json_whole(value, out_value))
        return wrong_kind(fault, where, key, "no whole number");
    return PUM_OK;
}

pum_status field_text(const json_t *object, const char *where, const char *key,
                      const char *otherwise, struct json_text *out_text, struct fault *fault)
{
    const json_t *value = field(object, key);
    out_text->bytes = otherwise;
    out_text->size = otherwise == NULL ? 0 : strlen(otherwise);
    if (value == NULL)
        return PUM_OK;
    if (!json_is_string(value))
        return wrong_kind(fault, where, key, "no text");
    out_text->bytes = json_string_value(value);
    out_text->size = json_string_length(value);
    return PUM_OK;
}

char *json_text_copy(struct json_text text)
{
    char *copy = malloc(text.size + 1);
    if (copy == NULL)
        return NULL;
    if (text.size > 0)
        memcpy(copy, text.bytes, text.size);
    copy[text.size] = '\0';
    return copy;
}
