/* SPDX-License-Identifier: MIT
 *
 * hf_json.h - the JSON files of a Hugging Face folder (config.json, preprocessor_config.json, ...):
 * loaded with a limit on their size, and read field by field. Every error names the file and the
 * field, says what is expected there and what there is. Tests: tests/hf/test_hf_json.c.
 */
#ifndef PUM_HF_JSON_H
#define PUM_HF_JSON_H

#include "image/fault.h"

#include <jansson.h>
#include <stddef.h>

/* Real headers and configurations are far smaller; jansson takes some 25 times as much memory. */
#define HF_JSON_MAX_BYTES ((size_t)32 << 20)

/* A JSON object and where it comes from. */
struct hf_json {
    json_t *object; /* owned by the struct whose `owned` is set, else borrowed from it */
    char *place;    /* "FOLDER/config.json", or "FOLDER/config.json: text_config" */
    bool owned;
};

/* "FOLDER/NAME" in a new string; NULL: out of memory. */
char *hf_path(const char *folder, const char *name);
/* Whether FOLDER/NAME is there (a regular file, or a link to one). */
bool hf_has_file(const char *folder, const char *name);

/* Reads an object. PUM_E_FILE: cannot be read; PUM_E_FORMAT: no JSON, no object, a key twice. */
pum_status hf_json_load(struct hf_json *json, const char *folder, const char *name,
                        struct fault *fault);
void hf_json_free(struct hf_json *json);

/* A file that is a list, not an object (modules.json). */
struct hf_json_list {
    json_t *array; /* owned */
    char *place;
};
pum_status hf_json_load_list(struct hf_json_list *list, const char *folder, const char *name,
                             struct fault *fault);
void hf_json_free_list(struct hf_json_list *list);

/* A member that is an object; borrowed from `json`. With `required` false a missing one gives an
 * empty struct (object NULL), from which every field is missing. Free it with hf_json_free. */
pum_status hf_json_child(const struct hf_json *json, const char *key, bool required,
                         struct hf_json *out_child, struct fault *fault);

/* A whole number within [least, most]. */
pum_status hf_json_int(const struct hf_json *json, const char *key, int64_t least, int64_t most,
                       int64_t *out_value, struct fault *fault);
/* The same with a default for a missing or null field. */
pum_status hf_json_int_or(const struct hf_json *json, const char *key, int64_t least, int64_t most,
                          int64_t otherwise, int64_t *out_value, struct fault *fault);
/* A number, also a whole one; a missing or null field gives `otherwise`. */
pum_status hf_json_number_or(const struct hf_json *json, const char *key, double otherwise,
                             double *out_value, struct fault *fault);
pum_status hf_json_bool_or(const struct hf_json *json, const char *key, bool otherwise,
                           bool *out_value, struct fault *fault);
/* A string, borrowed; a missing or null field gives `otherwise`, which may be NULL. */
pum_status hf_json_text_or(const struct hf_json *json, const char *key, const char *otherwise,
                           const char **out_value, struct fault *fault);
/* Exactly `count` numbers; *out_present false: missing or null. */
pum_status hf_json_numbers(const struct hf_json *json, const char *key, double *out_values,
                           size_t count, bool *out_present, struct fault *fault);
/* The error of a field that is not there. */
pum_status hf_json_missing(const struct hf_json *json, const char *key, struct fault *fault);

#endif
