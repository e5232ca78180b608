/* SPDX-License-Identifier: MIT
 *
 * op_case.c - the list of all operator cases and the parser of their format (op_case.h). Values are
 * a pure function of the seed, the input's position and the element's index, so that a failure can
 * be repeated. Tests: tests/ops/test_op_case.c.
 */
#include "ops/op_case.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const struct op_case op_cases[] = {
#define OP_CASE(id, input_text, attr_text)                                                         \
    {.op = OP_##id,                                                                                \
     .inputs = (input_text),                                                                       \
     .attrs = (attr_text),                                                                         \
     .file = __FILE__,                                                                             \
     .line = __LINE__},
#include "ops/cases_unary.inc"
#include "ops/cases_cast.inc"
#include "ops/cases_binary.inc"
#include "ops/cases_bitwise.inc"
#include "ops/cases_reduce.inc"
#include "ops/cases_norm.inc"
#include "ops/cases_matmul.inc"
#include "ops/cases_attention.inc"
#include "ops/cases_conv.inc"
#include "ops/cases_pool.inc"
#include "ops/cases_shape.inc"
#include "ops/cases_move.inc"
#include "ops/cases_gather.inc"
#include "ops/cases_resize.inc"
#include "ops/cases_quantize.inc"
#include "ops/cases_loss.inc"
#include "ops/cases_einsum.inc"
#include "ops/cases_nbits.inc"
#include "ops/cases_select.inc"
#include "ops/cases_string.inc"
#include "ops/cases_vision.inc"
#include "ops/cases_signal.inc"
#include "ops/cases_random.inc"
#include "ops/cases_rnn.inc"
#undef OP_CASE
};

const int32_t op_case_count = (int32_t)PUM_COUNT_OF(op_cases);

/* --- Reading text ----------------------------------------------------------------------------- */

struct reader {
    const struct op_case *test;
    const char *at;
};

static pum_status bad(const struct reader *reader, const char *what)
{
    return pum_fail(PUM_E_ARGUMENT, "%s:%d: %s at '%.40s'", reader->test->file,
                    reader->test->line, what, reader->at);
}

static void skip_spaces(struct reader *reader)
{
    while (*reader->at == ' ')
        reader->at++;
}

static bool take(struct reader *reader, const char *word)
{
    size_t length = strlen(word);
    if (strncmp(reader->at, word, length) != 0)
        return false;
    reader->at += length;
    return true;
}

static bool take_int(struct reader *reader, int64_t *out_value)
{
    char *end;
    *out_value = strtoll(reader->at, &end, 10);
    if (end == reader->at)
        return false;
    reader->at = end;
    return true;
}

static bool take_float(struct reader *reader, double *out_value)
{
    char *end;
    *out_value = strtod(reader->at, &end);
    if (end == reader->at)
        return false;
    reader->at = end;
    return true;
}

static const struct {
    const char *name;
    enum pum_dtype dtype;
} type_names[] = {
    {"f32", PUM_DTYPE_F32}, {"f16", PUM_DTYPE_F16}, {"bf16", PUM_DTYPE_BF16},
    {"f64", PUM_DTYPE_F64}, {"i8", PUM_DTYPE_I8},   {"i16", PUM_DTYPE_I16},
    {"i32", PUM_DTYPE_I32}, {"i64", PUM_DTYPE_I64}, {"u8", PUM_DTYPE_U8},
    {"u16", PUM_DTYPE_U16}, {"u32", PUM_DTYPE_U32}, {"u64", PUM_DTYPE_U64},
    {"bool", PUM_DTYPE_BOOL}, {"str", PUM_DTYPE_STRING},
};

static pum_status take_desc(struct reader *reader, struct tensor_desc *out_desc)
{
    memset(out_desc, 0, sizeof(*out_desc));
    for (size_t i = 0; i < PUM_COUNT_OF(type_names) && out_desc->dtype == PUM_DTYPE_NONE; i++)
        if (take(reader, type_names[i].name))
            out_desc->dtype = type_names[i].dtype;
    if (out_desc->dtype == PUM_DTYPE_NONE)
        return bad(reader, "an unknown type");
    if (!take(reader, "["))
        return bad(reader, "expected '['");
    while (!take(reader, "]")) {
        struct shape *shape = &out_desc->shape;
        if (shape->rank == PUM_MAX_RANK)
            return bad(reader, "too many axes");
        if (!take_int(reader, &shape->dims[shape->rank++]))
            return bad(reader, "expected a size");
        if (!take(reader, ",") && *reader->at != ']')
            return bad(reader, "expected ',' or ']'");
    }
    return PUM_OK;
}

/* --- Values ----------------------------------------------------------------------------------- */

static uint64_t splitmix64(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static double uniform(uint64_t *state, double low, double high)
{
    return low + (high - low) * ((double)(splitmix64(state) >> 11) * 0x1p-53);
}

static int64_t uniform_int(uint64_t *state, int64_t low, int64_t high)
{
    return low + (int64_t)(splitmix64(state) % (uint64_t)(high - low + 1));
}

static void fill_plain(struct host_tensor *tensor, uint64_t *state)
{
    enum pum_dtype dtype = tensor->desc.dtype;
    int64_t count = shape_elements(&tensor->desc.shape);
    for (int64_t i = 0; i < count; i++) {
        if (dtype == PUM_DTYPE_BOOL)
            tensor_set_i64(tensor, i, uniform_int(state, 0, 1));
        else if (dtype_is_unsigned(dtype))
            tensor_set_i64(tensor, i, uniform_int(state, 0, 15));
        else if (dtype_is_int(dtype))
            tensor_set_i64(tensor, i, uniform_int(state, -8, 8));
        else
            tensor_set_f64(tensor, i, uniform(state, -2.0, 2.0));
    }
}

static void fill_special(struct host_tensor *tensor, uint64_t *state, bool subnormals)
{
    bool half = tensor->desc.dtype == PUM_DTYPE_F16;
    double large = half ? 6e4 : 3e38, small = half ? 6e-6 : 1e-40;
    const double values[] = {NAN,   INFINITY, -INFINITY, 0.0,        -0.0,       1.0,
                             large, -large,   88.0,      -88.0,      half ? 1e-3 : 1e-30,
                             small, -small,   half ? 1e-7 : 1.4e-45};
    uint64_t kinds = subnormals ? PUM_COUNT_OF(values) : PUM_COUNT_OF(values) - 3;
    int64_t count = shape_elements(&tensor->desc.shape);
    for (int64_t i = 0; i < count; i++) {
        uint64_t pick = splitmix64(state) % (kinds + 6);
        tensor_set_f64(tensor, i, pick < kinds ? values[pick] : uniform(state, -10.0, 10.0));
    }
}

static pum_status fill_range(struct reader *reader, struct host_tensor *tensor, uint64_t *state)
{
    int64_t low, high, count = shape_elements(&tensor->desc.shape);
    if (!take_int(reader, &low) || !take(reader, ",") || !take_int(reader, &high) ||
        !take(reader, ")") || low > high)
        return bad(reader, "expected range(low,high)");
    for (int64_t i = 0; i < count; i++)
        tensor_set_i64(tensor, i, uniform_int(state, low, high));
    return PUM_OK;
}

/* Text up to one of the characters of `ends`, "~" as a space; NULL: no memory. */
static const char *take_text(struct reader *reader, struct base_arena *arena, const char *ends)
{
    size_t length = strcspn(reader->at, ends);
    char *text = base_arena_printf(arena, "%.*s", (int)length, reader->at);
    for (char *c = text; c && *c; c++)
        *c = *c == '~' ? ' ' : *c;
    reader->at += length;
    return text;
}

static pum_status fill_texts(struct reader *reader, struct base_arena *arena,
                             struct host_tensor *tensor)
{
    int64_t count = shape_elements(&tensor->desc.shape);
    for (int64_t i = 0; i < count; i++) {
        if (i > 0 && !take(reader, ","))
            return bad(reader, "expected as many values as there are elements");
        const char *text = take_text(reader, arena, ",}");
        if (!text)
            return PUM_E_MEMORY;
        tensor_set_string(tensor, i, text);
    }
    return take(reader, "}") ? PUM_OK : bad(reader, "expected '}'");
}

static void fill_words(struct host_tensor *tensor, uint64_t *state)
{
    static const char *const words[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    int64_t count = shape_elements(&tensor->desc.shape);
    for (int64_t i = 0; i < count; i++)
        tensor_set_string(tensor, i, words[uniform_int(state, 0, 7)]);
}

static pum_status fill_listed(struct reader *reader, struct base_arena *arena,
                              struct host_tensor *tensor)
{
    int64_t count = shape_elements(&tensor->desc.shape);
    if (tensor->desc.dtype == PUM_DTYPE_STRING)
        return fill_texts(reader, arena, tensor);
    for (int64_t i = 0; i < count; i++) {
        double real;
        int64_t integer;
        bool is_float = dtype_is_float(tensor->desc.dtype);
        if ((i > 0 && !take(reader, ",")) ||
            !(is_float ? take_float(reader, &real) : take_int(reader, &integer)))
            return bad(reader, "expected as many values as there are elements");
        if (is_float)
            tensor_set_f64(tensor, i, real);
        else
            tensor_set_i64(tensor, i, integer);
    }
    return take(reader, "}") ? PUM_OK : bad(reader, "expected '}'");
}

static const struct {
    const char *name;
    double low, high;
} ranges[] = {{":pos", 0.1, 4.0}, {":unit", -1.0, 1.0}, {":small", -0.15, 0.15}};

static pum_status take_values(struct reader *reader, struct base_arena *arena,
                              struct op_case_input *input, uint64_t *state)
{
    struct host_tensor *tensor = &input->tensor;
    bool is_float = dtype_is_float(tensor->desc.dtype);
    int64_t count = shape_elements(&tensor->desc.shape);
    if (take(reader, "={")) {
        input->constant = true;
        return fill_listed(reader, arena, tensor);
    }
    if (tensor->desc.dtype == PUM_DTYPE_STRING) {
        fill_words(tensor, state);
        return PUM_OK;
    }
    if (take(reader, ":range("))
        return fill_range(reader, tensor, state);
    if (*reader->at == ':' && !is_float)
        return bad(reader, "only range() goes with this type");
    for (size_t r = 0; r < PUM_COUNT_OF(ranges); r++) {
        if (!take(reader, ranges[r].name))
            continue;
        for (int64_t i = 0; i < count; i++)
            tensor_set_f64(tensor, i, uniform(state, ranges[r].low, ranges[r].high));
        return PUM_OK;
    }
    if (take(reader, ":special") || take(reader, ":edge")) {
        fill_special(tensor, state, reader->at[-1] == 'l');
        return PUM_OK;
    }
    fill_plain(tensor, state);
    return PUM_OK;
}

/* --- Inputs ----------------------------------------------------------------------------------- */

static pum_status take_input(struct reader *reader, struct base_arena *arena, uint64_t seed,
                             struct op_case_input *input)
{
    size_t bytes;
    if (take(reader, "-"))
        return PUM_OK;
    input->constant = take(reader, "!");
    PUM_TRY(take_desc(reader, &input->tensor.desc));
    if (!tensor_bytes(&input->tensor.desc, &bytes))
        return bad(reader, "the shape has no valid size");
    input->tensor.data = base_arena_alloc(arena, bytes > 0 ? bytes : 1, 1);
    if (!input->tensor.data)
        return PUM_E_MEMORY;
    return take_values(reader, arena, input, &seed);
}

/* Number of words separated by spaces. */
static int32_t count_words(const char *text)
{
    int32_t count = 0;
    for (bool inside = false; *text; text++) {
        if (*text != ' ' && !inside)
            count++;
        inside = *text != ' ';
    }
    return count;
}

static pum_status take_inputs(struct reader *reader, uint64_t seed, struct op_case_data *data)
{
    data->input_count = count_words(reader->at);
    data->inputs =
        base_arena_alloc(&data->arena, (size_t)data->input_count, sizeof(data->inputs[0]));
    if (!data->inputs)
        return PUM_E_MEMORY;
    for (int32_t i = 0; i < data->input_count; i++) {
        uint64_t state = seed + 0x632be59bd9b4e019u * (uint64_t)(i + 1);
        skip_spaces(reader);
        PUM_TRY(take_input(reader, &data->arena, splitmix64(&state), &data->inputs[i]));
        if (*reader->at != ' ' && *reader->at != '\0')
            return bad(reader, "unexpected text after an input");
    }
    return PUM_OK;
}

/* --- Attributes ------------------------------------------------------------------------------- */

static bool has_point(const char *text, size_t length)
{
    return memchr(text, '.', length) != NULL;
}

static pum_status take_list(struct reader *reader, struct base_arena *arena, pum_attr *attr)
{
    const char *end = strchr(reader->at, ']');
    if (!end)
        return bad(reader, "expected ']'");
    bool is_float = has_point(reader->at, (size_t)(end - reader->at));
    size_t room = (size_t)(end - reader->at) / 2 + 1;
    int64_t *ints = base_arena_alloc(arena, room, sizeof(*ints));
    float *floats = base_arena_alloc(arena, room, sizeof(*floats));
    if (!ints || !floats)
        return PUM_E_MEMORY;
    attr->kind = is_float ? PUM_ATTR_FLOATS : PUM_ATTR_INTS;
    for (attr->count = 0; !take(reader, "]"); attr->count++) {
        double real = 0;
        if ((attr->count > 0 && !take(reader, ",")) ||
            !(is_float ? take_float(reader, &real) : take_int(reader, &ints[attr->count])))
            return bad(reader, "expected a list of numbers");
        floats[attr->count] = (float)real;
    }
    if (is_float)
        attr->floats = floats;
    else
        attr->ints = ints;
    return PUM_OK;
}

static pum_status take_texts(struct reader *reader, struct base_arena *arena, pum_attr *attr)
{
    size_t room = strcspn(reader->at, "}") + 1;
    const char **texts = base_arena_alloc(arena, room, sizeof(*texts));
    if (!texts)
        return PUM_E_MEMORY;
    attr->kind = PUM_ATTR_STRINGS;
    attr->strings = texts;
    for (attr->count = 0; !take(reader, "}"); attr->count++) {
        if (attr->count > 0 && !take(reader, ","))
            return bad(reader, "expected a list of strings");
        texts[attr->count] = take_text(reader, arena, ",} ");
        if (!texts[attr->count])
            return PUM_E_MEMORY;
    }
    return PUM_OK;
}

static pum_status take_attr(struct reader *reader, struct base_arena *arena, pum_attr *attr)
{
    size_t length = strcspn(reader->at, "= ");
    if (length == 0 || reader->at[length] != '=')
        return bad(reader, "expected name=value");
    attr->name = base_arena_printf(arena, "%.*s", (int)length, reader->at);
    if (!attr->name)
        return PUM_E_MEMORY;
    reader->at += length + 1;
    if (take(reader, "["))
        return take_list(reader, arena, attr);
    if (take(reader, "{"))
        return take_texts(reader, arena, attr);
    length = strcspn(reader->at, " ");
    const char *digits = reader->at + (strchr("+-", reader->at[0]) && reader->at[0] != '\0');
    bool number = isdigit((unsigned char)digits[0]) ||
                  (digits[0] == '.' && isdigit((unsigned char)digits[1]));
    if (!number) {
        attr->kind = PUM_ATTR_STRING;
        attr->s = take_text(reader, arena, " ");
        return attr->s ? PUM_OK : PUM_E_MEMORY;
    }
    const char *end = reader->at + length;
    if (has_point(reader->at, length)) {
        double real;
        attr->kind = PUM_ATTR_FLOAT;
        if (!take_float(reader, &real) || reader->at != end)
            return bad(reader, "expected a number");
        attr->f = (float)real;
    } else {
        attr->kind = PUM_ATTR_INT;
        if (!take_int(reader, &attr->i) || reader->at != end)
            return bad(reader, "expected a whole number (a point makes a float)");
    }
    return PUM_OK;
}

static pum_status take_attrs(struct reader *reader, struct op_case_data *data)
{
    int32_t count = count_words(reader->at);
    data->output_count = op_rows[reader->test->op].min_outputs;
    data->attrs = base_arena_alloc(&data->arena, (size_t)count, sizeof(data->attrs[0]));
    if (!data->attrs)
        return PUM_E_MEMORY;
    for (int32_t i = 0; i < count; i++) {
        pum_attr *attr = &data->attrs[data->attr_count];
        skip_spaces(reader);
        memset(attr, 0, sizeof(*attr));
        PUM_TRY(take_attr(reader, &data->arena, attr));
        if (strcmp(attr->name, "outputs") == 0 && attr->kind == PUM_ATTR_INT)
            data->output_count = (int32_t)attr->i;
        else
            data->attr_count++;
    }
    return PUM_OK;
}

pum_status op_case_parse(pum_context *context, const struct op_case *test, uint64_t seed,
                         struct op_case_data *out_data)
{
    struct reader reader = {.test = test, .at = test->inputs};
    pum_status status;
    memset(out_data, 0, sizeof(*out_data));
    base_arena_init(&out_data->arena, context);
    PUM_TRY_GOTO(take_inputs(&reader, seed, out_data), fail);
    reader.at = test->attrs;
    PUM_TRY_GOTO(take_attrs(&reader, out_data), fail);
    return PUM_OK;
fail:
    op_case_free(out_data);
    return status;
}

void op_case_free(struct op_case_data *data)
{
    if (data->arena.context)
        base_arena_free(&data->arena);
    memset(data, 0, sizeof(*data));
}
