/* SPDX-License-Identifier: MIT
 *
 * test_arch_folders.c - folders that do not hold together: fields and tensors that are missing or
 * do not fit, models that are not known. Each error says where and what. No device is needed.
 */
#include "support/hf_files.h"

#include "arch/arch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#define DATA PUM_TEST_SOURCE_DIR "/tests/data/arch/"

static pum_context *context;
static char folder[64];
static struct arch_model model;

static int make_folder(void **state)
{
    (void)state;
    hf_files_make(folder);
    return pum_context_create(NULL, &context) == PUM_OK ? 0 : -1;
}

static int end_folder(void **state)
{
    (void)state;
    arch_close(&model);
    pum_context_destroy(&context);
    hf_files_remove(folder);
    return 0;
}

/* Copies one of the stored files, changed where `from` stands (once or more). */
static void copy(const char *source, const char *name, const char *from, const char *to)
{
    char path[512];
    (void)snprintf(path, sizeof(path), DATA "%s/%s", source, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    char *text = malloc(1 << 20);
    assert_non_null(text);
    size_t size = fread(text, 1, 1 << 20, file);
    (void)fclose(file);
    bool changed = from == NULL;
    /* Of equal length, so that a file's offsets stay right. */
    size_t length = from == NULL ? 1 : strlen(from);
    for (size_t at = 0; from != NULL && at + length <= size; at++) {
        if (memcmp(text + at, from, length) == 0) {
            memcpy(text + at, to, length);
            changed = true;
        }
    }
    assert_true(changed);
    hf_files_write(folder, name, text, size);
    free(text);
}

/* config.json of a stored folder with one field set to JSON (NULL: removed). */
static void write_config(const char *source, const char *key, const char *value)
{
    char path[512];
    (void)snprintf(path, sizeof(path), DATA "%s/config.json", source);
    json_t *config = json_load_file(path, 0, NULL);
    assert_non_null(config);
    if (key != NULL && value == NULL)
        assert_int_equal(json_object_del(config, key), 0);
    if (key != NULL && value != NULL)
        assert_int_equal(json_object_set_new(config, key, json_loads(value, JSON_DECODE_ANY, NULL)),
                         0);
    char *text = json_dumps(config, 0);
    hf_files_text(folder, "config.json", text);
    free(text);
    json_decref(config);
}

static void refuses(const struct arch_params *params, pum_status status, const char *part)
{
    struct fault fault = {0};
    pum_status got = arch_open(context, folder, params, &model, &fault);
    if (got != status || strstr(fault.text, part) == NULL)
        fail_msg("expected %s with '%s', got %s: %s", pum_status_name(status), part,
                 pum_status_name(got), fault.text);
    assert_null(model.graph);
}

static void test_fields(void **state)
{
    static const struct {
        const char *source, *key, *value;
        pum_status status;
        const char *part;
    } rows[] = {
        {"bert", "model_type", NULL, PUM_E_FORMAT, "config.json: there is no field 'model_type'"},
        {"bert", "model_type", "\"llama\"", PUM_E_UNSUPPORTED, "'llama'"},
        {"bert", "model_type", "3", PUM_E_FORMAT, "'model_type' is 3"},
        {"bert", "hidden_size", NULL, PUM_E_FORMAT, "no field 'hidden_size'"},
        {"bert", "num_hidden_layers", NULL, PUM_E_FORMAT, "no field 'num_hidden_layers'"},
        {"bert", "num_attention_heads", NULL, PUM_E_FORMAT, "no field 'num_attention_heads'"},
        {"bert", "intermediate_size", NULL, PUM_E_FORMAT, "no field 'intermediate_size'"},
        {"bert", "num_attention_heads", "5", PUM_E_FORMAT, "no multiple of"},
        {"bert", "num_attention_heads", "0", PUM_E_FORMAT, "from 1"},
        {"bert", "hidden_size", "-4", PUM_E_FORMAT, "-4"},
        {"bert", "hidden_size", "\"32\"", PUM_E_FORMAT, "\"32\""},
        {"bert", "hidden_act", "\"mish\"", PUM_E_UNSUPPORTED, "'mish'"},
        {"bert", "layer_norm_eps", "2", PUM_E_FORMAT, "'layer_norm_eps'"},
        {"bert", "hidden_size", "48", PUM_E_FORMAT,
         "'embeddings.word_embeddings.weight' is [83, 32]"},
        {"bert", "intermediate_size", "63", PUM_E_FORMAT, "it should be [63, 32]"},
        {"bert", "num_hidden_layers", "3", PUM_E_FORMAT, "'encoder.layer.2."},
        {"bert", "num_hidden_layers", "1000000", PUM_E_FORMAT, "'encoder.layer.2."},
        {"bert", "architectures", "[\"BertForSequenceClassification\"]", PUM_E_FORMAT,
         "'classifier.weight'"},
        {"distilbert_bf16", "dim", NULL, PUM_E_FORMAT, "no field 'dim'"},
        {"roberta", "pad_token_id", "-1", PUM_E_FORMAT, "'pad_token_id'"},
        {"vit", "image_size", "[24]", PUM_E_FORMAT, "'image_size'"},
        {"vit", "image_size", "[24, 7]", PUM_E_FORMAT, "side of 7"},
        {"vit", "image_size", "40", PUM_E_FORMAT, "'vit.embeddings.position_embeddings'"},
        {"vit", "patch_size", "0", PUM_E_FORMAT, "'patch_size'"},
        {"gpt2", "n_embd", NULL, PUM_E_FORMAT, "no field 'n_embd'"},
        {"gpt2", "scale_attn_weights", "false", PUM_E_UNSUPPORTED, "scale_attn_weights"},
        {"clip", "text_config", NULL, PUM_E_FORMAT, "no field 'text_config'"},
        {"clip", "vision_config", "[]", PUM_E_FORMAT, "'vision_config' is []"},
        {"clip", "text_config", "{}", PUM_E_FORMAT, "text_model.embeddings.token_embedding"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char path[512];
        write_config(rows[i].source, rows[i].key, rows[i].value);
        (void)snprintf(path, sizeof(path), DATA "%s/model.safetensors", rows[i].source);
        FILE *single = fopen(path, "rb");
        if (single != NULL) {
            (void)fclose(single);
            copy(rows[i].source, "model.safetensors", NULL, NULL);
        }
        refuses(NULL, rows[i].status, rows[i].part);
    }
}

static void test_parts(void **state)
{
    (void)state;
    write_config("bert", NULL, NULL);
    copy("bert", "model.safetensors", NULL, NULL);
    refuses(&(struct arch_params){.part = ARCH_TEXT}, PUM_E_ARGUMENT, "no CLIP model");
    refuses(&(struct arch_params){.dtype = PUM_DTYPE_I32}, PUM_E_ARGUMENT, "int32");
    write_config("clip", NULL, NULL);
    copy("clip", "model.safetensors", NULL, NULL);
    refuses(&(struct arch_params){.part = ARCH_BASE}, PUM_E_ARGUMENT, "two models");
}

static void test_weights(void **state)
{
    (void)state;
    refuses(NULL, PUM_E_FILE, "config.json");
    write_config("bert", NULL, NULL);
    refuses(NULL, PUM_E_FILE, "model.safetensors");
    copy("bert", "model.safetensors", "encoder.layer.1.output.dense.bias",
         "encoder.layer.1.output.dense.what");
    /* A bias that is not there is none; what is not asked for does no harm. */
    struct fault fault = {0};
    assert_int_equal(arch_open(context, folder, NULL, &model, &fault), PUM_OK);
    assert_string_equal(model.family, "bert");
    assert_int_equal(model.width, 32);
    assert_int_equal(model.max_length, 32);
    arch_close(&model);
    copy("bert", "model.safetensors", "encoder.layer.1.output.dense.weight",
         "encoder.layer.1.output.dense.waight");
    refuses(NULL, PUM_E_FORMAT, "no tensor 'encoder.layer.1.output.dense.weight'");
    copy("bert", "model.safetensors", "encoder.layer.1.output.LayerNorm.bias",
         "encoder.layer.1.output.LayerNorm.bios");
    refuses(NULL, PUM_E_FORMAT, "no tensor 'encoder.layer.1.output.LayerNorm.bias'");
    copy("bert", "model.safetensors", "[83,32]", "[32,83]");
    refuses(NULL, PUM_E_FORMAT, "'embeddings.word_embeddings.weight' is [32, 83]");
}

/* Files of 2018 name the parameters of norms gamma and beta. */
static void test_old_names(void **state)
{
    struct fault fault = {0};
    (void)state;
    write_config("bert", NULL, NULL);
    copy("bert", "model.safetensors", "LayerNorm.weight\"", "LayerNorm.gamma\" ");
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/model.safetensors", folder);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    char *text = malloc(1 << 20);
    assert_non_null(text);
    size_t size = fread(text, 1, 1 << 20, file);
    for (size_t at = 0; at + 15 < size; at++)
        if (memcmp(text + at, "LayerNorm.bias\"", 15) == 0)
            memcpy(text + at, "LayerNorm.beta\"", 15);
    rewind(file);
    assert_int_equal(fwrite(text, 1, size, file), size);
    (void)fclose(file);
    free(text);
    if (arch_open(context, folder, NULL, &model, &fault) != PUM_OK)
        fail_msg("%s", fault.text);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, end_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(test_fields),
        WITH_FOLDER(test_parts),
        WITH_FOLDER(test_weights),
        WITH_FOLDER(test_old_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
