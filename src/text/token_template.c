/* SPDX-License-Identifier: MIT
 *
 * token_template.c - see token_template.h.
 */
#include "token_template.h"

#include "token_table.h"
#include "utf8.h"

#include <stdlib.h>
#include <string.h>

#define WHERE "post_processor"
#define MAX_PARTS 256
#define MAX_NESTING 8

void template_free(struct token_template *form)
{
    free(form->single.items);
    free(form->pair.items);
    memset(form, 0, sizeof(*form));
}

pum_status template_add(struct template_parts *parts, struct template_part part,
                        struct fault *fault)
{
    if (parts->count == MAX_PARTS)
        return fault_set(fault, PUM_E_LIMIT, WHERE ": more than 256 parts");
    if (!array_reserve((void **)&parts->items, &parts->room, parts->count + 1, sizeof(part)))
        return fault_set(fault, PUM_E_MEMORY, WHERE ": out of memory");
    parts->items[parts->count++] = part;
    parts->special_count += part.source < 0;
    return PUM_OK;
}

/* A second template after the first would need the rows that the first has made. */
static pum_status begin_template(struct token_template *form, struct fault *fault)
{
    if (form->given)
        return fault_set(fault, PUM_E_UNSUPPORTED, WHERE ": more than one template in a Sequence");
    form->given = true;
    return PUM_OK;
}

pum_status template_set_bert(struct token_template *form, int32_t begin, int32_t separator,
                             bool roberta, struct fault *fault)
{
    struct template_part single[] = {{-1, begin, 0}, {0, 0, 0}, {-1, separator, 0}};
    int32_t type = roberta ? 0 : 1;
    struct template_part pair[] = {{-1, separator, 0}, {1, 0, type}, {-1, separator, type}};
    pum_status status = begin_template(form, fault);
    for (size_t i = 0; i < 3 && status == PUM_OK; i++) {
        status = template_add(&form->single, single[i], fault);
        if (status == PUM_OK)
            status = template_add(&form->pair, single[i], fault);
    }
    for (size_t i = roberta ? 0 : 1; i < 3 && status == PUM_OK; i++)
        status = template_add(&form->pair, pair[i], fault);
    return status;
}

static pum_status read_id(const json_t *json, const char *what, int32_t *out_id,
                          struct fault *fault)
{
    int64_t id;
    if (!json_whole(json, &id) || id < 0 || id >= TOKEN_MAX_ID)
        return fault_set(fault, PUM_E_FORMAT, WHERE ".%s has no id within 0 to 16777215", what);
    *out_id = (int32_t)id;
    return PUM_OK;
}

static pum_status read_trim(struct token_template *form, const json_t *json, struct fault *fault)
{
    bool trim, keep;
    pum_status status = field_bool(json, WHERE, "trim_offsets", true, &trim, fault);
    if (status == PUM_OK)
        status = field_bool(json, WHERE, "add_prefix_space", true, &keep, fault);
    if (status == PUM_OK && trim) {
        form->trim = true;
        form->trim_keep = keep;
    }
    return status;
}

/* {"sep": [text, id], "cls": [text, id]} */
static pum_status read_bert(struct token_template *form, const json_t *json, bool roberta,
                            struct fault *fault)
{
    int32_t begin = -1, separator = -1;
    pum_status status =
        read_id(json_array_get(json_object_get(json, "cls"), 1), "cls", &begin, fault);
    if (status == PUM_OK)
        status = read_id(json_array_get(json_object_get(json, "sep"), 1), "sep", &separator, fault);
    if (status == PUM_OK && roberta)
        status = read_trim(form, json, fault);
    return status == PUM_OK ? template_set_bert(form, begin, separator, roberta, fault) : status;
}

/* A special token of a template may be several tokens. */
static pum_status read_special(struct template_parts *parts, const json_t *tokens, const char *name,
                               int32_t type_id, struct fault *fault)
{
    const json_t *ids = json_object_get(json_object_get(tokens, name), "ids");
    if (!json_is_array(ids))
        return fault_set(fault, PUM_E_FORMAT, WHERE ".special_tokens does not have '%.60s'", name);
    pum_status status = PUM_OK;
    for (size_t i = 0; i < json_array_size(ids) && status == PUM_OK; i++) {
        struct template_part part = {.source = -1, .type_id = type_id};
        status = read_id(json_array_get(ids, i), "special_tokens", &part.id, fault);
        if (status == PUM_OK)
            status = template_add(parts, part, fault);
    }
    return status;
}

static pum_status read_part(struct template_parts *parts, const json_t *json, const json_t *tokens,
                            struct fault *fault)
{
    const json_t *sequence = json_object_get(json, "Sequence");
    const json_t *special = json_object_get(json, "SpecialToken");
    const json_t *piece = sequence != NULL ? sequence : special;
    const char *name = json_string_value(json_object_get(piece, "id"));
    const json_t *type = json_object_get(piece, "type_id");
    int64_t type_id;
    if (!json_whole(type, &type_id) || name == NULL || type_id < 0 || type_id > INT32_MAX)
        return fault_set(fault, PUM_E_FORMAT,
                         WHERE ": a part is neither {\"Sequence\": ...} nor "
                               "{\"SpecialToken\": ...} with id and type_id");
    if (sequence == NULL)
        return read_special(parts, tokens, name, (int32_t)type_id, fault);
    if (strcmp(name, "A") != 0 && strcmp(name, "B") != 0)
        return fault_set(fault, PUM_E_FORMAT, WHERE ": the sequence '%.60s' is neither A nor B",
                         name);
    struct template_part part = {.source = name[0] == 'B', .type_id = (int32_t)type_id};
    return template_add(parts, part, fault);
}

static pum_status read_parts(struct template_parts *parts, const json_t *json, const char *key,
                             int32_t sources, struct fault *fault)
{
    const json_t *list = json_object_get(json, key);
    const json_t *tokens = json_object_get(json, "special_tokens");
    if (!json_is_array(list))
        return fault_set(fault, PUM_E_FORMAT, WHERE ".%s is no list", key);
    pum_status status = PUM_OK;
    for (size_t i = 0; i < json_array_size(list) && status == PUM_OK; i++)
        status = read_part(parts, json_array_get(list, i), tokens, fault);
    for (size_t i = 0; i < parts->count && status == PUM_OK; i++)
        if (parts->items[i].source >= sources)
            status = fault_set(fault, PUM_E_FORMAT, WHERE ".%s uses a second text", key);
    return status;
}

static pum_status read_template(struct token_template *form, const json_t *json,
                                struct fault *fault)
{
    pum_status status = begin_template(form, fault);
    if (status == PUM_OK)
        status = read_parts(&form->single, json, "single", 1, fault);
    if (status == PUM_OK)
        status = read_parts(&form->pair, json, "pair", 2, fault);
    return status;
}

static pum_status read_nested(struct token_template *form, const json_t *json, int depth,
                              struct fault *fault)
{
    const char *type = component_type(json);
    if (!json_is_object(json) || type == NULL)
        return fault_set(fault, PUM_E_FORMAT, WHERE ": a component has no \"type\"");
    if (strcmp(type, "Sequence") == 0) {
        const json_t *list = json_object_get(json, "processors");
        if (!json_is_array(list) || depth == MAX_NESTING)
            return fault_set(fault, PUM_E_FORMAT,
                             WHERE ": a Sequence has no list, or they nest too deeply");
        pum_status status = PUM_OK;
        for (size_t i = 0; i < json_array_size(list) && status == PUM_OK; i++)
            status = read_nested(form, json_array_get(list, i), depth + 1, fault);
        return status;
    }
    if (strcmp(type, "TemplateProcessing") == 0)
        return read_template(form, json, fault);
    if (strcmp(type, "BertProcessing") == 0)
        return read_bert(form, json, false, fault);
    if (strcmp(type, "RobertaProcessing") == 0)
        return read_bert(form, json, true, fault);
    if (strcmp(type, "ByteLevel") == 0)
        return read_trim(form, json, fault);
    return fault_set(fault, PUM_E_UNSUPPORTED, WHERE ": '%.100s' is not known here", type);
}

pum_status template_read(struct token_template *form, const json_t *json, struct fault *fault)
{
    pum_status status = PUM_OK;
    if (json != NULL && !json_is_null(json))
        status = read_nested(form, json, 0, fault);
    if (status != PUM_OK || form->given)
        return status;
    status = template_add(&form->single, (struct template_part){0, 0, 0}, fault);
    if (status == PUM_OK)
        status = template_add(&form->pair, (struct template_part){0, 0, 0}, fault);
    if (status == PUM_OK)
        status = template_add(&form->pair, (struct template_part){1, 0, 1}, fault);
    return status;
}
