/* SPDX-License-Identifier: MIT
 *
 * tfidf.c - TfIdfVectorizer: how often each n-gram of a pool occurs in a row of tokens (strings or
 * integers), tokens up to max_skip_count apart, optionally weighted.
 * Tests: tests/ops/test_string.c.
 */
#include "ops/axes.h"

#include <string.h>

#define TFIDF_MAX ((int64_t)1 << 24)

enum tfidf_mode { TFIDF_TF, TFIDF_IDF, TFIDF_BOTH };

struct tfidf {
    enum tfidf_mode mode;
    int64_t least, most, skips; /* lengths of n-grams; tokens left out between neighbours */
    const int64_t *counts;      /* where the n-grams of each length begin in the pool */
    int32_t count_count;
    const int64_t *indexes; /* the output of each n-gram */
    int32_t index_count;
    const int64_t *ints; /* the pool, one of the two */
    const char *const *texts;
    int32_t pool_count;
    const float *weights; /* of each n-gram; NULL: 1 */
    int64_t outputs;
};

static pum_status read_mode(const struct graph_node *node, enum tfidf_mode *out_mode)
{
    static const char *const names[] = {"TF", "IDF", "TFIDF"};
    const char *name = node_string(node, "mode", "");
    for (int i = 0; i < 3; i++) {
        *out_mode = (enum tfidf_mode)i;
        if (strcmp(name, names[i]) == 0)
            return PUM_OK;
    }
    return pum_fail(PUM_E_ARGUMENT, "mode is '%s', expected TF, IDF or TFIDF", name);
}

/* The pool's n-grams of `length` tokens: where they begin, how many there are. */
static int64_t pool_range(const struct tfidf *plan, int64_t length, int64_t *out_start)
{
    *out_start = 0;
    if (length > plan->count_count)
        return 0;
    *out_start = plan->counts[length - 1];
    int64_t end = length < plan->count_count ? plan->counts[length] : plan->pool_count;
    return (end - *out_start) / length;
}

static pum_status check_pool(const struct tfidf *plan)
{
    int64_t total = 0, before = 0;
    for (int32_t i = 0; i < plan->count_count; i++) {
        int64_t start, here = plan->counts[i];
        int64_t end = i + 1 < plan->count_count ? plan->counts[i + 1] : plan->pool_count;
        if (here < before || here > end || end > plan->pool_count || (end - here) % (i + 1) != 0)
            return pum_fail(PUM_E_ARGUMENT,
                            "ngram_counts has %lld for %d-grams, the pool %d "
                            "tokens",
                            (long long)here, i + 1, plan->pool_count);
        before = here;
        total += pool_range(plan, i + 1, &start);
    }
    if (plan->count_count < 1 || plan->counts[0] != 0 || total != plan->index_count)
        return pum_fail(PUM_E_ARGUMENT, "%d ngram_indexes for %lld n-grams", plan->index_count,
                        (long long)total);
    return PUM_OK;
}

static pum_status read_plan(const struct graph_node *node, struct tfidf *plan)
{
    int32_t weight_count, text_count;
    *plan = (struct tfidf){.least = node_int(node, "min_gram_length", 0),
                           .most = node_int(node, "max_gram_length", 0),
                           .skips = node_int(node, "max_skip_count", 0)};
    PUM_TRY(read_mode(node, &plan->mode));
    if (plan->least < 1 || plan->most < plan->least || plan->most > TFIDF_MAX || plan->skips < 0 ||
        plan->skips > TFIDF_MAX)
        return pum_fail(PUM_E_RANGE, "n-grams of %lld to %lld with up to %lld skipped",
                        (long long)plan->least, (long long)plan->most, (long long)plan->skips);
    plan->counts = node_ints(node, "ngram_counts", &plan->count_count);
    plan->indexes = node_ints(node, "ngram_indexes", &plan->index_count);
    plan->ints = node_ints(node, "pool_int64s", &plan->pool_count);
    plan->texts = node_strings(node, "pool_strings", &text_count);
    plan->weights = node_floats(node, "weights", &weight_count);
    if (!plan->counts || !plan->indexes || !plan->ints == !plan->texts)
        return pum_fail(PUM_E_ARGUMENT, "needs ngram_counts, ngram_indexes and one pool");
    if (plan->texts)
        plan->pool_count = text_count;
    if (plan->weights && weight_count != plan->index_count)
        return pum_fail(PUM_E_ARGUMENT, "%d weights for %d n-grams", weight_count,
                        plan->index_count);
    for (int32_t i = 0; i < plan->index_count; i++) {
        if (plan->indexes[i] < 0 || plan->indexes[i] > TFIDF_MAX)
            return pum_fail(PUM_E_RANGE, "ngram_indexes has %lld", (long long)plan->indexes[i]);
        plan->outputs = axes_max(plan->outputs, plan->indexes[i] + 1);
    }
    return check_pool(plan);
}

pum_status infer_tf_idf_vectorizer(struct op_call *call)
{
    enum pum_dtype dtype = call->inputs[0].desc.dtype;
    struct shape shape = call->inputs[0].desc.shape;
    struct tfidf plan;
    PUM_TRY(read_plan(call->node, &plan));
    if (plan.texts ? dtype != PUM_DTYPE_STRING : dtype != PUM_DTYPE_I32 && dtype != PUM_DTYPE_I64)
        return op_bad_type(call, 0, plan.texts ? "strings" : "int32 or int64");
    if (shape.rank != 1 && shape.rank != 2)
        return pum_fail(PUM_E_SHAPE, "an input of rank %d, expected [c] or [n,c]", shape.rank);
    shape.dims[shape.rank - 1] = plan.outputs;
    return axes_output(call, 0, PUM_DTYPE_F32, &shape);
}

/* Whether the tokens from `at` on, `step` apart, are the n-gram at `pool`. */
static bool is_gram(const struct tfidf *plan, const struct host_tensor *in, int64_t at,
                    int64_t step, int64_t pool, int64_t length)
{
    for (int64_t k = 0; k < length; k++) {
        if (plan->texts ? strcmp(tensor_get_string(in, at + k * step), plan->texts[pool + k]) != 0
                        : tensor_get_i64(in, at + k * step) != plan->ints[pool + k])
            return false;
    }
    return true;
}

/* Counts the n-grams of one length and distance in a row of `width` tokens from `base` on. `first`
 * is the number of the pool's first n-gram of this length. */
static void count_grams(const struct tfidf *plan, struct op_call *call, int64_t row, int64_t width,
                        int64_t length, int64_t step, int64_t first)
{
    struct host_tensor *out = &call->outputs[0];
    int64_t start, grams = pool_range(plan, length, &start);
    for (int64_t i = 0; i + (length - 1) * step < width; i++)
        for (int64_t g = 0; g < grams; g++) {
            if (!is_gram(plan, &call->inputs[0], row * width + i, step, start + g * length, length))
                continue;
            int64_t to = row * plan->outputs + plan->indexes[first + g];
            double weight =
                plan->weights && plan->mode != TFIDF_TF ? (double)plan->weights[first + g] : 1;
            tensor_set_f64(out, to,
                           plan->mode == TFIDF_IDF ? weight : tensor_get_f64(out, to) + weight);
        }
}

pum_status reference_tf_idf_vectorizer(struct op_call *call)
{
    const struct shape *shape = &call->inputs[0].desc.shape;
    int64_t count = shape_elements(&call->outputs[0].desc.shape);
    int64_t width = shape->dims[shape->rank - 1], rows = shape->rank == 2 ? shape->dims[0] : 1;
    struct tfidf plan;
    PUM_TRY(read_plan(call->node, &plan));
    for (int64_t i = 0; i < count; i++)
        tensor_set_f64(&call->outputs[0], i, 0);
    for (int64_t row = 0; row < rows; row++) {
        int64_t first = 0, start;
        for (int64_t length = 1; length <= axes_min(plan.most, plan.count_count); length++) {
            int64_t steps = length == 1 ? 1 : axes_min(plan.skips + 1, width);
            for (int64_t step = 1; step <= steps && length >= plan.least; step++)
                count_grams(&plan, call, row, width, length, step, first);
            first += pool_range(&plan, length, &start);
        }
    }
    return PUM_OK;
}
OP_HOST_ONLY(tf_idf_vectorizer);
