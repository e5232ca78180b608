/* SPDX-License-Identifier: MIT
 *
 * einsum.c - Einsum: the sum over all labels that the output does not name of the product of all
 * inputs. The reference walks through every combination of labels; plans turn float equations into
 * Transpose, ReduceSum, MatMul and Mul first (passes/expand_einsum.c).
 * Tests: tests/ops/test_einsum.c.
 */
#include "ops/einsum.h"

#include "ops/axes.h"

#include <string.h>

/* --- The equation ----------------------------------------------------------------------------- */

static int32_t letter_label(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    return c >= 'a' && c <= 'z' ? 26 + c - 'a' : -1;
}

/* One term from *text on, up to ',' or "->" or the end. `rest`: axes that "..." stands for. */
static pum_status read_term(const char **text, int32_t rest, struct einsum_term *out_term)
{
    bool dots = false;
    out_term->count = 0;
    for (; **text != '\0' && **text != ',' && strncmp(*text, "->", 2) != 0; (*text)++) {
        int32_t label = letter_label(**text), axes = 1;
        if (**text == ' ')
            continue;
        if (strncmp(*text, "...", 3) == 0 && !dots) {
            dots = true;
            axes = rest;
            label = EINSUM_LETTERS + rest - 1;
            *text += 2;
        } else if (label < 0) {
            return pum_fail(PUM_E_ARGUMENT, "the equation cannot be read at '%.20s'", *text);
        }
        for (int32_t i = 0; i < axes; i++) {
            if (out_term->count == PUM_MAX_RANK)
                return pum_fail(PUM_E_SHAPE, "a term of the equation has more than %d axes",
                                PUM_MAX_RANK);
            out_term->labels[out_term->count++] = label - i;
        }
    }
    return PUM_OK;
}

/* Letters of a term, and whether it has dots: so many axes are left for them. */
static int32_t axes_of_dots(const char *text, int32_t rank)
{
    int32_t letters = 0;
    bool dots = false;
    for (; *text != '\0' && *text != ',' && strncmp(text, "->", 2) != 0; text++) {
        letters += letter_label(*text) >= 0;
        dots = dots || *text == '.';
    }
    return dots && rank > letters ? rank - letters : 0;
}

static pum_status add_sizes(struct einsum *einsum, int32_t index, const struct shape *shape)
{
    const struct einsum_term *term = &einsum->terms[index];
    if (term->count != shape->rank)
        return pum_fail(PUM_E_SHAPE, "input %d has %d axes, its term of the equation %d", index,
                        shape->rank, term->count);
    for (int32_t i = 0; i < term->count; i++) {
        int64_t *size = &einsum->sizes[term->labels[i]], dim = shape->dims[i];
        bool *used = &einsum->used[term->labels[i]];
        if (*used && *size != dim && *size != 1 && dim != 1)
            return pum_fail(PUM_E_SHAPE, "axis %d of input %d is %lld, its label has size %lld", i,
                            index, (long long)dim, (long long)*size);
        if (!*used || *size == 1)
            *size = dim;
        *used = true;
    }
    return PUM_OK;
}

/* Without "->": the axes of "...", then the letters that occur once, in their order. */
static pum_status implied_output(struct einsum *einsum, int32_t most_rest)
{
    int32_t times[EINSUM_LETTERS] = {0};
    for (int32_t i = 0; i < most_rest; i++)
        einsum->out.labels[einsum->out.count++] = EINSUM_LETTERS + most_rest - 1 - i;
    for (int32_t t = 0; t < einsum->term_count; t++)
        for (int32_t i = 0; i < einsum->terms[t].count; i++)
            if (einsum->terms[t].labels[i] < EINSUM_LETTERS)
                times[einsum->terms[t].labels[i]]++;
    for (int32_t label = 0; label < EINSUM_LETTERS; label++) {
        if (times[label] != 1)
            continue;
        if (einsum->out.count == PUM_MAX_RANK)
            return pum_fail(PUM_E_SHAPE, "the output would have more than %d axes", PUM_MAX_RANK);
        einsum->out.labels[einsum->out.count++] = label;
    }
    return PUM_OK;
}

static pum_status check_output(const struct einsum *einsum)
{
    bool seen[EINSUM_LABELS] = {false};
    for (int32_t i = 0; i < einsum->out.count; i++) {
        int32_t label = einsum->out.labels[i];
        if (!einsum->used[label] || seen[label])
            return pum_fail(PUM_E_ARGUMENT, "the output's axis %d is in no input, or named twice",
                            i);
        seen[label] = true;
    }
    return PUM_OK;
}

pum_status einsum_read(const char *equation, const struct shape *shapes, int32_t count,
                       struct einsum *out_einsum)
{
    const char *text = equation;
    int32_t most_rest = 0;
    memset(out_einsum, 0, sizeof *out_einsum);
    if (count > EINSUM_MAX_TERMS)
        return pum_fail(PUM_E_UNSUPPORTED, "%d inputs, at most %d are possible", count,
                        EINSUM_MAX_TERMS);
    for (int32_t i = 0; i < count; i++) {
        int32_t rest = axes_of_dots(text, shapes[i].rank);
        most_rest = rest > most_rest ? rest : most_rest;
        PUM_TRY(read_term(&text, rest, &out_einsum->terms[i]));
        PUM_TRY(add_sizes(out_einsum, i, &shapes[i]));
        if (*text == ',' && i + 1 < count)
            text++;
        else if (i + 1 < count || *text == ',')
            return pum_fail(PUM_E_ARGUMENT, "%d inputs for the equation '%.100s'", count, equation);
    }
    out_einsum->term_count = count;
    if (*text == '\0')
        return implied_output(out_einsum, most_rest);
    text += 2;
    PUM_TRY(read_term(&text, most_rest, &out_einsum->out));
    if (*text != '\0')
        return pum_fail(PUM_E_ARGUMENT, "the equation cannot be read at '%.20s'", text);
    return check_output(out_einsum);
}

/* --- Rule and reference ----------------------------------------------------------------------- */

static pum_status read_call(const struct op_call *call, struct einsum *out_einsum)
{
    struct shape shapes[EINSUM_MAX_TERMS];
    const char *equation = node_string(call->node, "equation", NULL);
    if (!equation)
        return pum_fail(PUM_E_ARGUMENT, "attribute equation is missing");
    for (int32_t i = 0; i < call->input_count && i < EINSUM_MAX_TERMS; i++)
        shapes[i] = call->inputs[i].desc.shape;
    return einsum_read(equation, shapes, call->input_count, out_einsum);
}

pum_status infer_einsum(struct op_call *call)
{
    struct einsum einsum;
    PUM_TRY(axes_need_number(call, 0));
    for (int32_t i = 1; i < call->input_count; i++) {
        if (!op_has_input(call, i))
            return pum_fail(PUM_E_ARGUMENT, "input %d is required", i);
        if (call->inputs[i].desc.dtype != call->inputs[0].desc.dtype)
            return op_bad_type(call, i, "the type of input 0");
    }
    PUM_TRY(read_call(call, &einsum));
    struct shape shape = {.rank = einsum.out.count};
    for (int32_t i = 0; i < shape.rank; i++)
        shape.dims[i] = einsum.sizes[einsum.out.labels[i]];
    return axes_output(call, 0, call->inputs[0].desc.dtype, &shape);
}

/* Labels in the order in which they are counted through: the output's, then those summed over. */
struct walk {
    int32_t count;
    int32_t labels[EINSUM_LABELS];
    int64_t sizes[EINSUM_LABELS], index[EINSUM_LABELS];
    int64_t strides[EINSUM_MAX_TERMS][EINSUM_LABELS]; /* of each input along each label */
    int64_t at[EINSUM_MAX_TERMS];
};

static void begin_walk(const struct op_call *call, const struct einsum *einsum, struct walk *walk)
{
    bool listed[EINSUM_LABELS] = {false};
    memset(walk, 0, sizeof *walk);
    for (int32_t i = 0; i < einsum->out.count; i++) {
        walk->labels[walk->count++] = einsum->out.labels[i];
        listed[einsum->out.labels[i]] = true;
    }
    for (int32_t label = 0; label < EINSUM_LABELS; label++)
        if (einsum->used[label] && !listed[label])
            walk->labels[walk->count++] = label;
    for (int32_t k = 0; k < walk->count; k++)
        walk->sizes[k] = einsum->sizes[walk->labels[k]];
    for (int32_t t = 0; t < einsum->term_count; t++) {
        const struct shape *shape = &call->inputs[t].desc.shape;
        int64_t strides[PUM_MAX_RANK];
        shape_strides(shape, strides);
        for (int32_t i = 0; i < shape->rank; i++)
            for (int32_t k = 0; k < walk->count; k++)
                if (walk->labels[k] == einsum->terms[t].labels[i] && shape->dims[i] != 1)
                    walk->strides[t][k] += strides[i]; /* twice the same label: a diagonal */
    }
}

/* The next combination of the labels from `first` on; false after the last. */
static bool step_walk(struct walk *walk, int32_t first, int32_t end, int32_t terms)
{
    for (int32_t k = end - 1; k >= first; k--) {
        bool wraps = ++walk->index[k] == walk->sizes[k];
        for (int32_t t = 0; t < terms; t++)
            walk->at[t] += walk->strides[t][k] * (wraps ? 1 - walk->sizes[k] : 1);
        if (!wraps)
            return true;
        walk->index[k] = 0;
    }
    return false;
}

static bool nothing_to_sum(const struct walk *walk, int32_t first)
{
    for (int32_t k = first; k < walk->count; k++)
        if (walk->sizes[k] == 0)
            return true;
    return false;
}

pum_status reference_einsum(struct op_call *call)
{
    struct host_tensor *out = &call->outputs[0];
    int64_t count = shape_elements(&out->desc.shape);
    bool is_float = dtype_is_float(out->desc.dtype);
    struct einsum einsum;
    PUM_TRY(read_call(call, &einsum));
    struct walk *walk = pum_alloc(call->context, 1, sizeof *walk);
    if (!walk)
        return PUM_E_MEMORY;
    begin_walk(call, &einsum, walk);
    int32_t kept = einsum.out.count, terms = einsum.term_count;
    bool empty = nothing_to_sum(walk, kept);
    for (int64_t i = 0; i < count; i++) {
        double sum = 0;
        uint64_t whole = 0;
        do {
            double product = 1;
            uint64_t factors = 1;
            for (int32_t t = 0; t < terms && !empty; t++) {
                if (is_float)
                    product *= tensor_get_f64(&call->inputs[t], walk->at[t]);
                else
                    factors *= (uint64_t)tensor_get_i64(&call->inputs[t], walk->at[t]);
            }
            sum += empty ? 0 : product;
            whole += empty ? 0 : factors;
        } while (!empty && step_walk(walk, kept, walk->count, terms));
        if (is_float)
            tensor_set_f64(out, i, sum);
        else
            tensor_set_i64(out, i, (int64_t)whole);
        (void)step_walk(walk, 0, kept, terms);
    }
    pum_free(call->context, walk);
    return PUM_OK;
}
OP_HOST_ONLY(einsum);
