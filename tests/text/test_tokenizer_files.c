/* SPDX-License-Identifier: MIT
 *
 * test_tokenizer_files.c - which files make a tokenizer, what the small ones beside them add, and
 * what is said about files that are missing, damaged, hostile or of another kind.
 */
#include "token_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];

static const char *in_folder(const char *name)
{
    static char path[256];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

/* Writes a file; ' stands for " in .json files. */
static void put(const char *name, const char *text)
{
    FILE *file = fopen(in_folder(name), "wb");
    assert_non_null(file);
    bool json = strstr(name, ".json") != NULL;
    for (const char *c = text; *c != '\0'; c++)
        fputc(json && *c == '\'' ? '"' : *c, file);
    fclose(file);
}

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/pumice-tokenizer-XXXXXX");
    return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof(command), "rm -r '%s'", folder);
    return system(command);
}

static struct tokenizer *load(void)
{
    struct tokenizer *tokenizer;
    struct fault fault = {0};
    if (tokenizer_load(folder, &tokenizer, &fault) != PUM_OK)
        fail_msg("%s", fault.text);
    return tokenizer;
}

static void refuse_path(const char *path, pum_status wanted, const char *says)
{
    struct tokenizer *tokenizer = NULL;
    struct fault fault = {0};
    pum_status status = tokenizer_load(path, &tokenizer, &fault);
    if (status != wanted || strstr(fault.text, says) == NULL)
        fail_msg("%s: %s; wanted %s and '%s'", pum_status_name(status), fault.text,
                 pum_status_name(wanted), says);
    assert_null(tokenizer);
}

static void refuse_json(const char *text, pum_status wanted, const char *says)
{
    char json[4096];
    struct tokenizer *tokenizer;
    struct fault fault = {0};
    snprintf(json, sizeof(json), "%s", text);
    for (char *c = json; *c != '\0'; c++)
        if (*c == '\'')
            *c = '"';
    pum_status status = tokenizer_from_json(json, strlen(json), &tokenizer, &fault);
    if (status != wanted || strstr(fault.text, says) == NULL)
        fail_msg("%s: %s; wanted %s and '%s'", pum_status_name(status), fault.text,
                 pum_status_name(wanted), says);
    assert_null(tokenizer);
}

#define VOCAB "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nhello\nHello\n中\nfoo\nunaffected\r\n##s\n"

static void test_bert(void **state)
{
    (void)state;
    put("vocab.txt", VOCAB);
    struct tokenizer *t = load(); /* without a configuration: lower case */
    assert_string_equal(token_texts(t, "HELLO hellos 中", NULL), "[CLS] hello hello ##s 中 [SEP]");
    assert_string_equal(token_texts(t, "unaffected", NULL), "[CLS] unaffected [SEP]");
    assert_int_equal(tokenizer_get_info(t)->classify, 2);
    assert_int_equal(tokenizer_get_info(t)->padding, 0);
    assert_int_equal(tokenizer_get_info(t)->max_length, 0);
    tokenizer_free(&t);
    put("tokenizer_config.json", "{'do_lower_case':false,'tokenize_chinese_chars':false,"
                                 "'model_max_length':512,'never_split':['foo','bar']}");
    t = load();
    assert_string_equal(token_texts(t, "Hello hello", NULL), "[CLS] Hello hello [SEP]");
    assert_string_equal(token_texts(t, "中x", NULL), "[CLS] [UNK] [SEP]");
    assert_int_equal(tokenizer_get_info(t)->max_length, 512);
    tokenizer_free(&t);
    put("tokenizer_config.json", "{'do_lower_case':true,'strip_accents':false,"
                                 "'model_max_length':1000000000000000019884624838656}");
    put("special_tokens_map.json", "{'cls_token':'foo','sep_token':{'content':'hello'}}");
    put("added_tokens.json", "{'[X]':12,'[W]':11}");
    t = load();
    assert_string_equal(token_texts(t, "héllo [W][x]", NULL), "foo [UNK] [W] [X] hello");
    assert_int_equal(tokenizer_id(t, "[W]"), 11);
    assert_int_equal(tokenizer_get_info(t)->max_length, 0);
    assert_int_equal(tokenizer_get_info(t)->classify, 8);
    tokenizer_free(&t);
    struct fault fault = {0};
    assert_int_equal(tokenizer_load(in_folder("vocab.txt"), &t, &fault), PUM_OK);
    tokenizer_free(&t);
}

static void test_bpe_families(void **state)
{
    (void)state;
    put("vocab.json", "{'a':0,'b':1,'ab':2,'\xc4\xa0':3,'\xc4\xa0"
                      "a':4,'<|endoftext|>':5,'a</w>':6,'b</w>':7,'ab</w>':8,'<s>':9,'</s>':10,"
                      "'<pad>':11,'<unk>':12,'<mask>':13,'<|startoftext|>':14}");
    put("merges.txt", "#version: 0.2\na b\n\xc4\xa0 a\r\na b</w>\n");
    put("tokenizer_config.json", "{'tokenizer_class':'GPT2TokenizerFast'}");
    struct tokenizer *t = load();
    assert_string_equal(token_texts(t, "ab ab", NULL), "ab \xc4\xa0 ab");
    tokenizer_free(&t);
    put("tokenizer_config.json", "{'tokenizer_class':'GPT2Tokenizer','add_prefix_space':true,"
                                 "'add_bos_token':true}");
    t = load();
    assert_string_equal(token_texts(t, "a", NULL), "<|endoftext|> \xc4\xa0"
                                                   "a");
    tokenizer_free(&t);
    put("tokenizer_config.json", "{'tokenizer_class':'RobertaTokenizer'}");
    t = load();
    assert_string_equal(token_texts(t, "ab  <mask>", NULL), "<s> ab <mask> </s>");
    tokenizer_free(&t);
    put("tokenizer_config.json", "{'tokenizer_class':'CLIPTokenizer'}");
    t = load();
    assert_string_equal(token_texts(t, "AB  a", NULL),
                        "<|startoftext|> ab</w> a</w> <|endoftext|>");
    tokenizer_free(&t);
    /* By config.json, then by the vocabulary. */
    put("tokenizer_config.json", "{}");
    put("config.json", "{'model_type':'gpt2'}");
    t = load();
    assert_string_equal(token_texts(t, "ab", NULL), "ab");
    tokenizer_free(&t);
    put("config.json", "{}");
    t = load();
    assert_string_equal(token_texts(t, "ab", NULL), "<|startoftext|> ab</w> <|endoftext|>");
    tokenizer_free(&t);
    put("tokenizer_config.json", "{'tokenizer_class':'Qwen2Tokenizer'}");
    refuse_path(folder, PUM_E_UNSUPPORTED, "Qwen2Tokenizer");
    put("tokenizer_config.json", "{'tokenizer_class':'GPT2Tokenizer'}");
    put("merges.txt", "a b\nb b\n");
    refuse_path(folder, PUM_E_FORMAT, "b b");
    put("merges.txt", "ab\n");
    refuse_path(folder, PUM_E_FORMAT, "line 1");
    unlink(in_folder("merges.txt"));
    refuse_path(folder, PUM_E_FILE, "merges.txt");
}

static void test_configured_tokens(void **state)
{
    (void)state;
    put("tokenizer.json",
        "{'version':'1.0','added_tokens':[{'id':0,'content':'<a>','special':true"
        "}],'model':{'type':'WordLevel','unk_token':'?','vocab':{'<a>':0,'?':1}}}");
    put("tokenizer_config.json", "{'added_tokens_decoder':{'3':{'content':'<c>','special':true},"
                                 "'2':{'content':'<b>','lstrip':true},'0':{'content':'<a>'}},"
                                 "'pad_token':'<c>','eos_token':{'content':'<b>'},'model_max_length"
                                 "':128}");
    struct tokenizer *t = load();
    assert_string_equal(token_ids(t, "<a> <b><c>x", NULL), "0 2 3 1");
    assert_int_equal(tokenizer_get_info(t)->padding, 3);
    assert_int_equal(tokenizer_get_info(t)->end, 2);
    assert_int_equal(tokenizer_get_info(t)->token_count, 4);
    tokenizer_free(&t);
}

static void test_missing(void **state)
{
    (void)state;
    refuse_path("/no/such/folder", PUM_E_FILE, "/no/such/folder");
    refuse_path(folder, PUM_E_FILE, "tokenizer.json");
    put("spiece.model", "x");
    refuse_path(folder, PUM_E_UNSUPPORTED, "spiece.model");
    put("tokenizer.json", "");
    refuse_path(folder, PUM_E_FORMAT, "tokenizer.json");
    put("tokenizer.json", "\x93NUMPY");
    refuse_path(folder, PUM_E_FORMAT, "no JSON");
    unlink(in_folder("tokenizer.json"));
    put("vocab.txt", "[CLS]\n\xff\n[SEP]\n");
    refuse_path(folder, PUM_E_FORMAT, "UTF-8");
    put("vocab.txt", "one\ntwo\n");
    refuse_path(folder, PUM_E_FORMAT, "[CLS]");
    put("tokenizer_config.json", "[1]");
    refuse_path(folder, PUM_E_FORMAT, "tokenizer_config.json");
}

static void test_other_kinds(void **state)
{
    (void)state;
    refuse_json("{'model_type':'bert','hidden_size':8}", PUM_E_FORMAT, "config.json");
    refuse_json("{'tokenizer_class':'BertTokenizer'}", PUM_E_FORMAT, "tokenizer_config.json");
    refuse_json("{'a':0,'b':1}", PUM_E_FORMAT, "vocab.json");
    refuse_json("{'image_mean':[0.5]}", PUM_E_FORMAT, "preprocessor_config.json");
    refuse_json("{}", PUM_E_FORMAT, "model");
    refuse_json("[]", PUM_E_FORMAT, "no object");
    refuse_json("{'version':'2.0','model':{}}", PUM_E_UNSUPPORTED, "2.0");
    put("my.json", "{'hello':1}");
    refuse_path(in_folder("my.json"), PUM_E_FORMAT, "vocab.json");
}

#define MODEL "'model':{'type':'WordLevel','unk_token':'?','vocab':{'?':0,'a':1}}"

static void test_components(void **state)
{
    (void)state;
    refuse_json("{'model':{'type':'Markov'}}", PUM_E_UNSUPPORTED, "Markov");
    refuse_json("{'normalizer':{'type':'Rot13'}," MODEL "}", PUM_E_UNSUPPORTED, "Rot13");
    refuse_json("{'pre_tokenizer':{'type':'UnicodeScripts'}," MODEL "}", PUM_E_UNSUPPORTED,
                "UnicodeScripts");
    refuse_json("{'post_processor':{'type':'Unheard'}," MODEL "}", PUM_E_UNSUPPORTED, "Unheard");
    refuse_json("{'decoder':{'type':'Enigma'}," MODEL "}", PUM_E_UNSUPPORTED, "Enigma");
    refuse_json("{'normalizer':{'lowercase':1}," MODEL "}", PUM_E_FORMAT, "normalizer");
    refuse_json("{'normalizer':'NFC'," MODEL "}", PUM_E_FORMAT, "normalizer");
    refuse_json("{'normalizer':{'type':'BertNormalizer','lowercase':3}," MODEL "}", PUM_E_FORMAT,
                "lowercase");
    refuse_json("{'normalizer':{'type':'Replace','pattern':{'Regex':'('},'content':''}," MODEL "}",
                PUM_E_UNSUPPORTED, "'('");
    refuse_json("{'pre_tokenizer':{'type':'Split','pattern':{'String':'a'},'behavior':'Eaten',"
                "'invert':false}," MODEL "}",
                PUM_E_UNSUPPORTED, "Eaten");
    refuse_json("{'pre_tokenizer':{'type':'Metaspace','replacement':'ab'}," MODEL "}", PUM_E_FORMAT,
                "replacement");
    refuse_json("{'decoder':{'type':'Strip','content':'','start':0,'stop':0}," MODEL "}",
                PUM_E_FORMAT, "content");
    refuse_json("{'added_tokens':{}," MODEL "}", PUM_E_FORMAT, "added_tokens");
    refuse_json("{'added_tokens':[3]," MODEL "}", PUM_E_FORMAT, "added_tokens");
    refuse_json("{'truncation':{'max_length':-1}," MODEL "}", PUM_E_FORMAT, "max_length");
}

static void test_inconsistent(void **state)
{
    (void)state;
    refuse_json("{'model':{'type':'BPE','vocab':{'a':0,'b':1},'merges':['a b']}}", PUM_E_FORMAT,
                "a b");
    refuse_json("{'model':{'type':'BPE','vocab':{'a':0},'merges':['a']}}", PUM_E_FORMAT, "pair");
    refuse_json("{'model':{'type':'BPE','vocab':{'a':0},'merges':['a b c']}}", PUM_E_FORMAT,
                "pair");
    refuse_json("{'model':{'type':'BPE','vocab':{'a':0},'merges':[['a']]}}", PUM_E_FORMAT, "pair");
    refuse_json("{'model':{'type':'BPE','vocab':{'a':0}}}", PUM_E_FORMAT, "merges");
    refuse_json("{'model':{'type':'BPE','vocab':{'a':-1},'merges':[]}}", PUM_E_FORMAT, "id");
    refuse_json("{'model':{'type':'BPE','vocab':{'a':99999999999},'merges':[]}}", PUM_E_FORMAT,
                "id");
    refuse_json("{'model':{'type':'BPE','vocab':{'a':1.5},'merges':[]}}", PUM_E_FORMAT, "'a'");
    refuse_json("{'model':{'type':'BPE','vocab':['a'],'merges':[]}}", PUM_E_FORMAT, "vocab");
    refuse_json("{'model':{'type':'Unigram','unk_id':3,'vocab':[['a',-1]]}}", PUM_E_FORMAT,
                "unk_id");
    refuse_json("{'model':{'type':'Unigram','vocab':[['a']]}}", PUM_E_FORMAT, "entry 0");
    refuse_json("{'post_processor':{'type':'BertProcessing','sep':['x',7],'cls':['?',0]}," MODEL
                "}",
                PUM_E_FORMAT, "7");
    refuse_json("{'post_processor':{'type':'TemplateProcessing','single':[{'Sequence':{'id':'B',"
                "'type_id':0}}],'pair':[],'special_tokens':{}}," MODEL "}",
                PUM_E_FORMAT, "second text");
    refuse_json("{'post_processor':{'type':'TemplateProcessing','single':[{'SpecialToken':{'id':"
                "'x','type_id':0}}],'pair':[],'special_tokens':{}}," MODEL "}",
                PUM_E_FORMAT, "'x'");
}

/* Nested as deeply as `depth`: a list or a component. */
static void nested(const char *open, const char *close, int depth, pum_status wanted)
{
    size_t length = strlen(open) * (size_t)depth + strlen(close) * (size_t)depth + 512;
    char *json = malloc(length);
    struct tokenizer *tokenizer;
    struct fault fault = {0};
    strcpy(json, "{\"model\":{\"type\":\"WordLevel\",\"vocab\":{}},\"normalizer\":");
    char *at = json + strlen(json);
    for (int i = 0; i < depth; i++, at += strlen(open))
        strcpy(at, open);
    strcpy(at, "{\"type\":\"NFC\"}");
    at += strlen(at);
    for (int i = 0; i < depth; i++, at += strlen(close))
        strcpy(at, close);
    strcpy(at, "}");
    assert_int_equal(tokenizer_from_json(json, strlen(json), &tokenizer, &fault), wanted);
    tokenizer_free(&tokenizer);
    free(json);
}

static void test_hostile(void **state)
{
    (void)state;
    nested("{\"type\":\"Sequence\",\"normalizers\":[", "]}", 3, PUM_OK);
    nested("{\"type\":\"Sequence\",\"normalizers\":[", "]}", 100, PUM_E_FORMAT);
    nested("[", "]", 1000000, PUM_E_FORMAT);
    /* A file that says that it is larger than any tokenizer. */
    put("tokenizer.json", "{}");
    assert_int_equal(truncate(in_folder("tokenizer.json"), (off_t)1 << 33), 0);
    refuse_path(folder, PUM_E_FILE, "tokenizer.json");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_bert, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_bpe_families, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_configured_tokens, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_missing, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_other_kinds, make_folder, remove_folder),
        cmocka_unit_test(test_components),
        cmocka_unit_test(test_inconsistent),
        cmocka_unit_test_setup_teardown(test_hostile, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
