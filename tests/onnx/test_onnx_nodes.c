/* SPDX-License-Identifier: MIT
 *
 * test_onnx_nodes.c - ONNX's own conformance models (Debian's libonnx-testdata): each one must load
 * or be refused with a message. One that loads is computed by the operators' references and must
 * give the outputs that come with it. Exceptions are listed with their reason.
 */
#include "pumice/pumice_onnx.h"

#include "ops/op.h"
#include "support/graph_eval.h"

#include "onnx.pb-c.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DATA "/usr/share/libonnx-testdata/data"
#define MAX_PORTS 16
/* Of the models of opset 7 to 17; fewer loading means that the reader has lost an operator. */
#define LEAST_RIGHT 650

/* Models whose stored outputs are not what the operator's definition gives in inference. */
static const struct {
    const char *model, *reason;
} exceptions[] = {
    {"test_bernoulli", "random: another generator"},
    {"test_bernoulli_double", "random: another generator"},
    {"test_bernoulli_double_expanded", "random: another generator"},
    {"test_bernoulli_expanded", "random: another generator"},
    {"test_bernoulli_seed", "random: another generator"},
    {"test_bernoulli_seed_expanded", "random: another generator"},
    {"test_cast_BFLOAT16_to_FLOAT", "bfloat16 is stored as uint16"},
    {"test_cast_FLOAT_to_BFLOAT16", "bfloat16 is stored as uint16"},
    {"test_castlike_BFLOAT16_to_FLOAT", "bfloat16 is stored as uint16"},
    {"test_castlike_BFLOAT16_to_FLOAT_expanded", "bfloat16 is stored as uint16"},
    {"test_castlike_FLOAT_to_BFLOAT16", "bfloat16 is stored as uint16"},
    {"test_castlike_FLOAT_to_BFLOAT16_expanded", "bfloat16 is stored as uint16"},
    {"test_resize_downsample_scales_cubic_align_corners", "aligns to a length not rounded"},
    {"test_resize_downsample_scales_linear_align_corners", "aligns to a length not rounded"},
    {"test_training_dropout", "random: training mode"},
    {"test_training_dropout_default", "random: training mode"},
    {"test_training_dropout_default_mask", "random: training mode"},
    {"test_training_dropout_mask", "random: training mode"},
};

static pum_context *context;

/* --- Stored tensors --------------------------------------------------------------------------- */

static uint8_t *read_file(const char *path, size_t *out_size)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = NULL;

    *out_size = 0;
    if (file == NULL)
        return NULL;
    if (fseek(file, 0, SEEK_END) == 0) {
        long size = ftell(file);
        rewind(file);
        data = malloc((size_t)size + 1);
        *out_size = data == NULL ? 0 : fread(data, 1, (size_t)size, file);
    }
    (void)fclose(file);
    return data;
}

static pum_dtype dtype_of(int32_t data_type)
{
    static const pum_dtype dtypes[] = {
        PUM_DTYPE_NONE, PUM_DTYPE_F32, PUM_DTYPE_U8,  PUM_DTYPE_I8,   PUM_DTYPE_U16, PUM_DTYPE_I16,
        PUM_DTYPE_I32,  PUM_DTYPE_I64, PUM_DTYPE_NONE, PUM_DTYPE_BOOL, PUM_DTYPE_F16, PUM_DTYPE_F64,
        PUM_DTYPE_U32,  PUM_DTYPE_U64, PUM_DTYPE_NONE, PUM_DTYPE_NONE, PUM_DTYPE_BF16};
    return data_type >= 0 && data_type < 17 ? dtypes[data_type] : PUM_DTYPE_NONE;
}

/* The files hold raw_data throughout. False: no such file, or not of this kind. */
static bool read_tensor(const char *path, struct host_tensor *out_tensor)
{
    size_t size, bytes;
    uint8_t *file = read_file(path, &size);
    Onnx__TensorProto *proto = file == NULL ? NULL : onnx__tensor_proto__unpack(NULL, size, file);
    bool good = false;

    *out_tensor = (struct host_tensor){0};
    if (proto != NULL && proto->n_dims <= PUM_MAX_RANK) {
        struct tensor_desc desc = {dtype_of(proto->data_type),
                                   shape_of((int32_t)proto->n_dims, proto->dims)};
        good = tensor_bytes(&desc, &bytes) && bytes == proto->raw_data.len &&
               host_tensor_alloc(context, &desc, out_tensor) == PUM_OK;
        if (good && bytes > 0)
            memcpy(out_tensor->data, proto->raw_data.data, bytes);
    }
    if (proto != NULL)
        onnx__tensor_proto__free_unpacked(proto, NULL);
    free(file);
    return good;
}

static double tolerance(pum_dtype dtype)
{
    return dtype == PUM_DTYPE_F16 || dtype == PUM_DTYPE_BF16 ? 1e-2
           : dtype_is_float(dtype)                           ? 1e-4
                                                             : 0;
}

/* Equal, to the last bit for integers; NaN equals NaN. */
static bool agree(const struct host_tensor *got, const struct host_tensor *wanted, char *why,
                  size_t why_bytes)
{
    char a[SHAPE_TEXT_BYTES], b[SHAPE_TEXT_BYTES];

    if (got->desc.dtype != wanted->desc.dtype ||
        !shape_equal(&got->desc.shape, &wanted->desc.shape)) {
        snprintf(why, why_bytes, "%s%s, expected %s%s", pum_dtype_name(got->desc.dtype),
                 shape_text(&got->desc.shape, a), pum_dtype_name(wanted->desc.dtype),
                 shape_text(&wanted->desc.shape, b));
        return false;
    }
    for (int64_t i = 0; i < shape_elements(&wanted->desc.shape); i++) {
        double x = tensor_get_f64(got, i), y = tensor_get_f64(wanted, i);
        bool same = x == y || (isnan(x) && isnan(y)) ||
                    fabs(x - y) <= tolerance(wanted->desc.dtype) * fmax(1, fabs(y));
        if (!same) {
            snprintf(why, why_bytes, "element %lld is %g, expected %g", (long long)i, x, y);
            return false;
        }
    }
    return true;
}

/* --- One model -------------------------------------------------------------------------------- */

enum verdict { REFUSED, RIGHT, WRONG, NO_DATA };

static enum verdict compare_outputs(const struct graph_eval *eval, const char *folder, char *why,
                                    size_t why_bytes)
{
    enum verdict verdict = RIGHT;

    for (int32_t i = 0; i < eval->graph->output_count && verdict == RIGHT; i++) {
        struct host_tensor wanted;
        char path[512];
        snprintf(path, sizeof(path), "%s/test_data_set_0/output_%d.pb", folder, i);
        if (!read_tensor(path, &wanted))
            return NO_DATA;
        if (!agree(graph_eval_output(eval, i), &wanted, why, why_bytes))
            verdict = WRONG;
        host_tensor_free(context, &wanted);
    }
    return verdict;
}

static enum verdict evaluate(pum_graph *graph, const char *folder, char *why, size_t why_bytes)
{
    struct host_tensor inputs[MAX_PORTS] = {0};
    enum verdict verdict = NO_DATA;

    for (int32_t i = 0; i < graph->input_count && i < MAX_PORTS; i++) {
        char path[512];
        snprintf(path, sizeof(path), "%s/test_data_set_0/input_%d.pb", folder, i);
        if (!read_tensor(path, &inputs[i]))
            goto done;
    }
    for (int32_t i = 0; i < graph->node_count; i++) {
        if (op_rows[graph->nodes[i].op].lowering->program) /* a session's business */
            goto done;
    }
    struct graph_eval eval = {0};
    if (graph_eval_run(graph, inputs, &eval) == PUM_OK) {
        verdict = compare_outputs(&eval, folder, why, why_bytes);
    } else {
        verdict = WRONG;
        snprintf(why, why_bytes, "%s", pum_last_error());
    }
    if (eval.tensors != NULL)
        graph_eval_free(&eval);
done:
    for (int32_t i = 0; i < MAX_PORTS; i++)
        host_tensor_free(context, &inputs[i]);
    return verdict;
}

static enum verdict try_model(const char *folder, char *why, size_t why_bytes)
{
    char path[512];
    pum_graph *graph;

    snprintf(path, sizeof(path), "%s/model.onnx", folder);
    pum_status status = pum_onnx_open(context, path, NULL, &graph);
    if (status != PUM_OK) {
        snprintf(why, why_bytes, "%s", pum_last_error());
        /* Sound files: anything but "not supported" is a fault of the reader's. */
        return status == PUM_E_UNSUPPORTED && strstr(pum_last_error(), path) != NULL ? REFUSED
                                                                                     : WRONG;
    }
    enum verdict verdict = evaluate(graph, folder, why, why_bytes);
    pum_graph_destroy(&graph);
    return verdict;
}

static const char *exception(const char *model)
{
    for (size_t i = 0; i < PUM_COUNT_OF(exceptions); i++) {
        if (strcmp(exceptions[i].model, model) == 0)
            return exceptions[i].reason;
    }
    return NULL;
}

static void try_folder(const char *folder, int counts[4])
{
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, NULL, alphasort);

    for (int i = 0; i < count; i++) {
        char path[400], why[300] = "";
        const char *name = entries[i]->d_name;
        snprintf(path, sizeof(path), "%s/%s", folder, name);
        if (name[0] == 't') {
            enum verdict verdict = try_model(path, why, sizeof(why));
            if (verdict == WRONG && exception(name) != NULL)
                verdict = NO_DATA;
            if (verdict == WRONG)
                printf("WRONG %s: %s\n", name, why);
            counts[verdict]++;
        }
        free(entries[i]);
    }
    free(entries);
}

int main(void)
{
    static const char *const folders[] = {DATA "/node", DATA "/simple", DATA "/pytorch-operator",
                                          DATA "/pytorch-converted"};
    int counts[4] = {0};

    if (pum_context_create(NULL, &context) != PUM_OK)
        return 1;
    for (size_t i = 0; i < PUM_COUNT_OF(folders); i++)
        try_folder(folders[i], counts);
    pum_context_destroy(&context);
    if (counts[REFUSED] + counts[RIGHT] + counts[WRONG] + counts[NO_DATA] == 0) {
        printf("no models in " DATA ": install libonnx-testdata\n");
        return 77;
    }
    printf("right %d, wrong %d, refused %d, without usable data %d\n", counts[RIGHT],
           counts[WRONG], counts[REFUSED], counts[NO_DATA]);
    if (counts[RIGHT] < LEAST_RIGHT)
        printf("at least %d should be right\n", LEAST_RIGHT);
    return counts[WRONG] == 0 && counts[RIGHT] >= LEAST_RIGHT ? 0 : 1;
}
