/* SPDX-License-Identifier: MIT
 *
 * arch_pooling.c - see arch_pooling.h. A sentence-transformers folder lists its modules: the
 * transformer, the pooling, perhaps a normalisation. Tests: tests/arch/test_arch_pooling.c.
 */
#include "arch_pooling.h"

#include "hf/hf_json.h"

#include <stdlib.h>
#include <string.h>

#define MODULES_NAME "modules.json"
#define LEAST_COUNT 1e-9f /* of tokens, as the original: a text without any gives zeros */

/* --- Graph ------------------------------------------------------------------------------------ */

static pum_value greatest(pum_graph *g, pum_value hidden, pum_value tokens)
{
    pum_value away = pum_mul(g, pum_sub(g, pum_scalar_f32(g, 1), tokens), pum_scalar_f32(g, -1e9f));
    pum_value kept = pum_add(g, hidden, pum_unsqueeze(g, away, 1, (int64_t[]){2}));
    pum_value inputs[] = {kept, pum_ints(g, 1, (int64_t[]){1})};
    pum_attr keep = {.name = "keepdims", .kind = PUM_ATTR_INT, .i = 0};
    pum_value out = PUM_NO_VALUE;
    (void)pum_node(
        g,
        &(pum_node_params){
            .op = "ReduceMax", .inputs = inputs, .input_count = 2, .attrs = &keep, .attr_count = 1},
        &out);
    return out;
}

pum_value arch_pool(pum_graph *g, struct arch_pooling pooling, pum_value hidden, pum_value mask)
{
    pum_value pooled;
    pum_value tokens = pum_cast(g, mask, PUM_DTYPE_F32); /* [batch, length] */
    if (pooling.kind == ARCH_POOL_CLS) {
        pooled = pum_gather(g, hidden, 1, pum_scalar_i64(g, 0));
    } else if (pooling.kind == ARCH_POOL_MAX) {
        pooled = greatest(g, hidden, tokens);
    } else {
        /* The sum as a product: [batch, 1, length] x [batch, length, width] */
        pum_value sum = pum_matmul(g, pum_unsqueeze(g, tokens, 1, (int64_t[]){1}), hidden);
        pum_value count =
            pum_op2(g, "Max", pum_reduce_sum(g, tokens, 1, true), pum_scalar_f32(g, LEAST_COUNT));
        if (pooling.kind == ARCH_POOL_MEAN_SQRT)
            count = pum_op1(g, "Sqrt", count);
        pooled = pum_div(g, pum_op2(g, "Squeeze", sum, pum_ints(g, 1, (int64_t[]){1})), count);
    }
    return pooling.normalize ? pum_normalize(g, pooled, -1) : pooled;
}

pum_status arch_pooling_graph(pum_context *context, struct arch_pooling pooling,
                              pum_graph **out_graph)
{
    pum_status status = pum_graph_create(context, out_graph);
    if (status != PUM_OK)
        return status;
    pum_graph *g = *out_graph;
    int64_t dims[] = {PUM_DIM(g, "batch"), PUM_DIM(g, "length"), PUM_DIM(g, "width")};
    pum_value hidden = pum_input(g, "hidden", PUM_DTYPE_F32, 3, dims);
    pum_value mask = pum_input(g, "mask", PUM_DTYPE_I64, 2, dims);
    pum_output(g, "sentence_embedding", arch_pool(g, pooling, hidden, mask));
    status = pum_graph_finish(g);
    if (status != PUM_OK)
        pum_graph_destroy(out_graph);
    return status;
}

/* --- Folder ----------------------------------------------------------------------------------- */

/* The kinds in the file are flags; they could be set together, which joins their results. */
static pum_status read_kind(const struct hf_json *json, struct arch_pooling *pooling,
                            struct fault *fault)
{
    static const struct {
        const char *field;
        enum arch_pooling_kind kind; /* NONE: known, but not supported */
    } rows[] = {
        {"pooling_mode_cls_token", ARCH_POOL_CLS},
        {"pooling_mode_mean_tokens", ARCH_POOL_MEAN},
        {"pooling_mode_max_tokens", ARCH_POOL_MAX},
        {"pooling_mode_mean_sqrt_len_tokens", ARCH_POOL_MEAN_SQRT},
        {"pooling_mode_weightedmean_tokens", ARCH_POOL_NONE},
        {"pooling_mode_lasttoken", ARCH_POOL_NONE},
    };
    const char *set = NULL;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bool on;
        pum_status status = hf_json_bool_or(json, rows[i].field, false, &on, fault);
        if (status != PUM_OK)
            return status;
        if (on && rows[i].kind == ARCH_POOL_NONE)
            return fault_set(fault, PUM_E_UNSUPPORTED, "%.500s: %s is not supported", json->place,
                             rows[i].field);
        if (on && set != NULL)
            return fault_set(fault, PUM_E_UNSUPPORTED,
                             "%.500s: %s and %s together are not "
                             "supported",
                             json->place, set, rows[i].field);
        if (on) {
            set = rows[i].field;
            pooling->kind = rows[i].kind;
        }
    }
    return set != NULL ? PUM_OK : hf_json_missing(json, "pooling_mode_mean_tokens", fault);
}

/* "1_Pooling", or "" for the folder itself: nothing that leads elsewhere. */
static bool is_below(const char *path)
{
    return path[0] != '/' && strstr(path, "..") == NULL && strchr(path, '\\') == NULL;
}

static pum_status read_pooling(const char *folder, struct arch_pooling *pooling,
                               struct fault *fault)
{
    struct hf_json json;
    pum_status status = hf_json_load(&json, folder, "config.json", fault);
    if (status == PUM_OK)
        status = read_kind(&json, pooling, fault);
    hf_json_free(&json);
    return status;
}

static pum_status read_transformer(const char *folder, struct arch_sentence *sentence,
                                   struct fault *fault)
{
    struct hf_json json;
    int64_t length = 0;
    sentence->folder = strdup(folder);
    if (sentence->folder == NULL)
        return fault_set(fault, PUM_E_MEMORY, "out of memory");
    if (!hf_has_file(folder, "sentence_bert_config.json"))
        return PUM_OK;
    pum_status status = hf_json_load(&json, folder, "sentence_bert_config.json", fault);
    if (status == PUM_OK)
        status = hf_json_int_or(&json, "max_seq_length", 1, INT32_MAX, 0, &length, fault);
    hf_json_free(&json);
    sentence->max_length = (int32_t)length;
    return status;
}

static pum_status read_module(const char *folder, const json_t *module, const char *place,
                              struct arch_sentence *sentence, struct fault *fault)
{
    const char *type = json_string_value(json_object_get(module, "type"));
    const char *path = json_string_value(json_object_get(module, "path"));
    if (type == NULL || path == NULL || !is_below(path))
        return fault_set(fault, PUM_E_FORMAT,
                         "%.500s: each module has a type, and a path in this "
                         "folder",
                         place);
    const char *dot = strrchr(type, '.');
    const char *kind = dot != NULL ? dot + 1 : type;
    char *below = hf_path(folder, path);
    if (below == NULL)
        return fault_set(fault, PUM_E_MEMORY, "out of memory");
    pum_status status = PUM_OK;
    if (strcmp(kind, "Transformer") == 0 && sentence->folder == NULL)
        status = read_transformer(path[0] == '\0' ? folder : below, sentence, fault);
    else if (strcmp(kind, "Pooling") == 0)
        status = read_pooling(below, &sentence->pooling, fault);
    else if (strcmp(kind, "Normalize") == 0)
        sentence->pooling.normalize = true;
    else
        status = fault_set(fault, PUM_E_UNSUPPORTED,
                           "%.500s: the module '%.100s' is not "
                           "supported; known are Transformer, Pooling and Normalize",
                           place, type);
    free(below);
    return status;
}

pum_status arch_sentence_load(const char *folder, struct arch_sentence *out_sentence,
                              struct fault *fault)
{
    *out_sentence = (struct arch_sentence){0};
    if (!hf_has_file(folder, MODULES_NAME))
        return read_transformer(folder, out_sentence, fault);
    struct hf_json_list modules;
    pum_status status = hf_json_load_list(&modules, folder, MODULES_NAME, fault);
    for (size_t i = 0; status == PUM_OK && i < json_array_size(modules.array); i++)
        status = read_module(folder, json_array_get(modules.array, i), modules.place, out_sentence,
                             fault);
    if (status == PUM_OK &&
        (out_sentence->folder == NULL || out_sentence->pooling.kind == ARCH_POOL_NONE))
        status = fault_set(fault, PUM_E_FORMAT, "%.500s: there is no Transformer or no Pooling",
                           modules.place);
    hf_json_free_list(&modules);
    if (status != PUM_OK)
        arch_sentence_free(out_sentence);
    return status;
}

void arch_sentence_free(struct arch_sentence *sentence)
{
    free(sentence->folder);
    *sentence = (struct arch_sentence){0};
}
