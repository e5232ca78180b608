/* SPDX-License-Identifier: MIT
 *
 * hf_labels.c - see hf_labels.h. Tests: tests/hf/test_hf_vision.c.
 */
#include "hf_labels.h"

#include "hf_json.h"
#include "image/out_file.h"

#include <stdlib.h>
#include <string.h>

#define MAX_LABELS 1000000
#define MAX_FILE_BYTES ((size_t)64 << 20)

static pum_status set_name(struct hf_labels *labels, int64_t index, const char *name,
                           struct fault *fault)
{
    if (index >= labels->count) {
        char **grown = realloc(labels->names, (size_t)(index + 1) * sizeof(*grown));
        if (grown == NULL)
            return fault_set(fault, PUM_E_MEMORY, "out of memory");
        for (int64_t i = labels->count; i <= index; i++)
            grown[i] = NULL;
        labels->names = grown;
        labels->count = (int32_t)index + 1;
    }
    free(labels->names[index]);
    labels->names[index] = strdup(name);
    return labels->names[index] != NULL ? PUM_OK : fault_set(fault, PUM_E_MEMORY, "out of memory");
}

/* "12" to 12; -1: no class number */
static int64_t class_number(const char *key)
{
    char *end;
    if (key[0] < '0' || key[0] > '9')
        return -1;
    long long value = strtoll(key, &end, 10);
    return *end == '\0' && value < MAX_LABELS ? value : -1;
}

static pum_status from_object(struct hf_labels *labels, const json_t *object, const char *place,
                              struct fault *fault)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        int64_t index = class_number(key);
        if (index < 0 || !json_is_string(value))
            return fault_set(fault, PUM_E_FORMAT,
                             "%.500s: \"%.60s\" is no class number below %d "
                             "with a name",
                             place, key, MAX_LABELS);
        pum_status status = set_name(labels, index, json_string_value(value), fault);
        if (status != PUM_OK)
            return status;
    }
    return PUM_OK;
}

static pum_status from_array(struct hf_labels *labels, const json_t *array, const char *place,
                             struct fault *fault)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        const char *name = json_string_value(json_array_get(array, i));
        if (name == NULL || i >= MAX_LABELS)
            return fault_set(fault, PUM_E_FORMAT, "%.500s: a list of at most %d names is expected",
                             place, MAX_LABELS);
        pum_status status = set_name(labels, (int64_t)i, name, fault);
        if (status != PUM_OK)
            return status;
    }
    return PUM_OK;
}

static pum_status from_json(struct hf_labels *labels, const char *text, size_t size_bytes,
                            const char *path, struct fault *fault)
{
    json_error_t error;
    json_t *root = json_loadb(text, size_bytes, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL)
        return fault_set(fault, PUM_E_FORMAT, "%.500s: line %d: %s", path, error.line, error.text);
    const json_t *inner = json_object_get(root, "id2label");
    pum_status status = json_is_array(root)
                            ? from_array(labels, root, path, fault)
                            : from_object(labels, inner != NULL ? inner : root, path, fault);
    json_decref(root);
    return status;
}

static pum_status from_lines(struct hf_labels *labels, char *text, const char *path,
                             struct fault *fault)
{
    for (int64_t i = 0; *text != '\0'; i++) {
        char *end = text + strcspn(text, "\n");
        char *next = *end != '\0' ? end + 1 : end;
        if (i >= MAX_LABELS)
            return fault_set(fault, PUM_E_FORMAT, "%.500s: more than %d names", path, MAX_LABELS);
        *end = '\0';
        if (end > text && end[-1] == '\r')
            end[-1] = '\0';
        pum_status status = set_name(labels, i, text, fault);
        if (status != PUM_OK)
            return status;
        text = next;
    }
    return PUM_OK;
}

pum_status hf_labels_from_file(struct hf_labels *labels, const char *path, struct fault *fault)
{
    unsigned char *text;
    size_t size;
    *labels = (struct hf_labels){0};
    pum_status status = in_file_read(path, MAX_FILE_BYTES, &text, &size, fault);
    if (status != PUM_OK)
        return status;
    if (size > 0 && (text[0] == '{' || text[0] == '['))
        status = from_json(labels, (const char *)text, size, path, fault);
    else if (strlen((const char *)text) != size)
        status = fault_set(fault, PUM_E_FORMAT, "%.500s: this is no text file", path);
    else
        status = from_lines(labels, (char *)text, path, fault);
    free(text);
    if (status != PUM_OK)
        hf_labels_free(labels);
    return status;
}

pum_status hf_labels_from_config(struct hf_labels *labels, const char *folder, struct fault *fault)
{
    struct hf_json config, names = {0};
    *labels = (struct hf_labels){0};
    if (!hf_has_file(folder, "config.json"))
        return PUM_OK;
    pum_status status = hf_json_load(&config, folder, "config.json", fault);
    if (status == PUM_OK)
        status = hf_json_child(&config, "id2label", false, &names, fault);
    if (status == PUM_OK)
        status = from_object(labels, names.object, names.place, fault);
    hf_json_free(&names);
    hf_json_free(&config);
    if (status != PUM_OK)
        hf_labels_free(labels);
    return status;
}

void hf_labels_free(struct hf_labels *labels)
{
    for (int32_t i = 0; i < labels->count; i++)
        free(labels->names[i]);
    free(labels->names);
    *labels = (struct hf_labels){0};
}

const char *hf_labels_name(const struct hf_labels *labels, int64_t index)
{
    return index >= 0 && index < labels->count ? labels->names[index] : NULL;
}
