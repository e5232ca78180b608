/* SPDX-License-Identifier: MIT
 *
 * hf_json.c - see hf_json.h. Tests: tests/hf/test_hf_json.c.
 */
#include "hf_json.h"

#include "image/out_file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

char *hf_path(const char *folder, const char *name)
{
    size_t size = strlen(folder) + strlen(name) + 2;
    char *path = malloc(size);
    if (path != NULL) {
        size_t length = strlen(folder);
        bool separated = length > 0 && folder[length - 1] == '/';
        snprintf(path, size, separated ? "%s%s" : "%s/%s", folder, name);
    }
    return path;
}

bool hf_has_file(const char *folder, const char *name)
{
    struct stat info;
    char *path = hf_path(folder, name);
    bool there = path != NULL && stat(path, &info) == 0 && S_ISREG(info.st_mode);
    free(path);
    return there;
}

/* Reads the file at `place`; *out_value is owned by the caller. */
static pum_status load(const char *place, json_t **out_value, struct fault *fault)
{
    unsigned char *text;
    size_t size;
    json_error_t error;
    *out_value = NULL;
    if (place == NULL)
        return fault_set(fault, PUM_E_MEMORY, "out of memory");
    pum_status status = in_file_read(place, HF_JSON_MAX_BYTES, &text, &size, fault);
    if (status != PUM_OK)
        return status;
    *out_value = json_loadb((const char *)text, size, JSON_REJECT_DUPLICATES, &error);
    free(text);
    if (*out_value == NULL)
        return fault_set(fault, PUM_E_FORMAT, "%.500s: line %d: %s", place, error.line, error.text);
    return PUM_OK;
}

pum_status hf_json_load(struct hf_json *json, const char *folder, const char *name,
                        struct fault *fault)
{
    *json = (struct hf_json){.place = hf_path(folder, name), .owned = true};
    pum_status status = load(json->place, &json->object, fault);
    if (status == PUM_OK && !json_is_object(json->object))
        status = fault_set(fault, PUM_E_FORMAT, "%.500s: a JSON object { ... } is expected",
                           json->place);
    if (status != PUM_OK)
        hf_json_free(json);
    return status;
}

pum_status hf_json_load_list(struct hf_json_list *list, const char *folder, const char *name,
                             struct fault *fault)
{
    *list = (struct hf_json_list){.place = hf_path(folder, name)};
    pum_status status = load(list->place, &list->array, fault);
    if (status == PUM_OK && !json_is_array(list->array))
        status =
            fault_set(fault, PUM_E_FORMAT, "%.500s: a JSON list [ ... ] is expected", list->place);
    if (status != PUM_OK)
        hf_json_free_list(list);
    return status;
}

void hf_json_free_list(struct hf_json_list *list)
{
    json_decref(list->array);
    free(list->place);
    *list = (struct hf_json_list){0};
}

void hf_json_free(struct hf_json *json)
{
    if (json->owned)
        json_decref(json->object);
    free(json->place);
    *json = (struct hf_json){0};
}

pum_status hf_json_missing(const struct hf_json *json, const char *key, struct fault *fault)
{
    return fault_set(fault, PUM_E_FORMAT, "%.500s: there is no field '%s'", json->place, key);
}

/* The member; NULL where it is missing or null. */
static const json_t *member(const struct hf_json *json, const char *key)
{
    const json_t *value = json->object != NULL ? json_object_get(json->object, key) : NULL;
    return json_is_null(value) ? NULL : value;
}

static pum_status wrong(const struct hf_json *json, const char *key, const char *expected,
                        const json_t *value, struct fault *fault)
{
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    pum_status status = fault_set(fault, PUM_E_FORMAT, "%.500s: field '%s' is %.60s; expected %s",
                                  json->place, key, text != NULL ? text : "?", expected);
    free(text);
    return status;
}

pum_status hf_json_child(const struct hf_json *json, const char *key, bool required,
                         struct hf_json *out_child, struct fault *fault)
{
    const json_t *value = member(json, key);
    *out_child = (struct hf_json){0};
    if (value == NULL && required)
        return hf_json_missing(json, key, fault);
    if (value != NULL && !json_is_object(value))
        return wrong(json, key, "an object { ... }", value, fault);
    size_t size = strlen(json->place) + strlen(key) + 3;
    out_child->place = malloc(size);
    if (out_child->place == NULL)
        return fault_set(fault, PUM_E_MEMORY, "out of memory");
    snprintf(out_child->place, size, "%s: %s", json->place, key);
    out_child->object = (json_t *)value; /* jansson's getters of members are not const */
    return PUM_OK;
}

pum_status hf_json_int(const struct hf_json *json, const char *key, int64_t least, int64_t most,
                       int64_t *out_value, struct fault *fault)
{
    const json_t *value = member(json, key);
    *out_value = least;
    if (value == NULL)
        return hf_json_missing(json, key, fault);
    if (!json_is_integer(value) || json_integer_value(value) < least ||
        json_integer_value(value) > most) {
        char expected[96];
        snprintf(expected, sizeof(expected), "a whole number from %lld to %lld", (long long)least,
                 (long long)most);
        return wrong(json, key, expected, value, fault);
    }
    *out_value = json_integer_value(value);
    return PUM_OK;
}

pum_status hf_json_int_or(const struct hf_json *json, const char *key, int64_t least, int64_t most,
                          int64_t otherwise, int64_t *out_value, struct fault *fault)
{
    if (member(json, key) != NULL)
        return hf_json_int(json, key, least, most, out_value, fault);
    *out_value = otherwise;
    return PUM_OK;
}

pum_status hf_json_number_or(const struct hf_json *json, const char *key, double otherwise,
                             double *out_value, struct fault *fault)
{
    const json_t *value = member(json, key);
    *out_value = otherwise;
    if (value == NULL)
        return PUM_OK;
    if (!json_is_number(value))
        return wrong(json, key, "a number", value, fault);
    *out_value = json_number_value(value);
    return PUM_OK;
}

pum_status hf_json_bool_or(const struct hf_json *json, const char *key, bool otherwise,
                           bool *out_value, struct fault *fault)
{
    const json_t *value = member(json, key);
    *out_value = otherwise;
    if (value == NULL)
        return PUM_OK;
    if (!json_is_boolean(value))
        return wrong(json, key, "true or false", value, fault);
    *out_value = json_is_true(value);
    return PUM_OK;
}

pum_status hf_json_text_or(const struct hf_json *json, const char *key, const char *otherwise,
                           const char **out_value, struct fault *fault)
{
    const json_t *value = member(json, key);
    *out_value = otherwise;
    if (value == NULL)
        return PUM_OK;
    if (!json_is_string(value))
        return wrong(json, key, "a text", value, fault);
    *out_value = json_string_value(value);
    return PUM_OK;
}

pum_status hf_json_numbers(const struct hf_json *json, const char *key, double *out_values,
                           size_t count, bool *out_present, struct fault *fault)
{
    const json_t *value = member(json, key);
    *out_present = value != NULL;
    if (value == NULL)
        return PUM_OK;
    bool good = json_is_array(value) && json_array_size(value) == count;
    for (size_t i = 0; good && i < count; i++) {
        const json_t *item = json_array_get(value, i);
        good = json_is_number(item);
        out_values[i] = json_number_value(item);
    }
    if (!good) {
        char expected[64];
        snprintf(expected, sizeof(expected), "a list of %zu numbers", count);
        return wrong(json, key, expected, value, fault);
    }
    return PUM_OK;
}
