/* SPDX-License-Identifier: MIT
 *
 * cast_string.c - Cast between numbers and strings. A float is written with the fewest digits that
 * give it back; infinities and NaN are INF, -INF and NaN, as ONNX names them. The point is a point,
 * whatever the process' locale says. Tests: tests/ops/test_string.c.
 */
#include "ops/cast_string.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_BYTES 64

/* strtod and printf follow the locale: its point is exchanged for '.' before and after. */
static char local_point(void)
{
    const struct lconv *words = localeconv();
    return words && words->decimal_point && words->decimal_point[0] ? words->decimal_point[0] : '.';
}

static void exchange(char *text, char from, char to)
{
    for (; from != to && *text != '\0'; text++)
        *text = *text == from ? to : *text;
}

/* --- Numbers to text -------------------------------------------------------------------------- */

static bool gives_back(const char *text, double value, enum pum_dtype dtype)
{
    if (dtype == PUM_DTYPE_F64)
        return strtod(text, NULL) == value;
    return (double)strtof(text, NULL) == value;
}

static void write_float(double value, enum pum_dtype dtype, char text[NUMBER_BYTES])
{
    int most = dtype == PUM_DTYPE_F64 ? 17 : 9;
    if (isnan(value) || isinf(value)) {
        snprintf(text, NUMBER_BYTES, "%s", isnan(value) ? "NaN" : value > 0 ? "INF" : "-INF");
        return;
    }
    for (int digits = dtype == PUM_DTYPE_F64 ? 6 : 3; digits <= most; digits++) {
        snprintf(text, NUMBER_BYTES, "%.*g", digits, value);
        if (gives_back(text, value, dtype))
            break;
    }
    exchange(text, local_point(), '.');
}

pum_status cast_to_string(struct op_call *call)
{
    const struct host_tensor *x = &call->inputs[0];
    int64_t count = shape_elements(&x->desc.shape);
    for (int64_t i = 0; i < count; i++) {
        char text[NUMBER_BYTES];
        if (dtype_is_float(x->desc.dtype))
            write_float(tensor_get_f64(x, i), x->desc.dtype, text);
        else if (x->desc.dtype == PUM_DTYPE_U64)
            snprintf(text, sizeof text, "%llu", (unsigned long long)tensor_get_i64(x, i));
        else
            snprintf(text, sizeof text, "%lld", (long long)tensor_get_i64(x, i));
        const char *kept = base_arena_strdup(call->strings, text);
        if (!kept)
            return PUM_E_MEMORY;
        tensor_set_string(&call->outputs[0], i, kept);
    }
    return PUM_OK;
}

/* --- Text to numbers -------------------------------------------------------------------------- */

static pum_status not_a_number(const struct op_call *call, const char *text)
{
    return pum_fail(PUM_E_RANGE, "'%.60s' is no number of type %s", text,
                    pum_dtype_name(call->outputs[0].desc.dtype));
}

static pum_status read_float(struct op_call *call, const char *text, int64_t index)
{
    char copy[NUMBER_BYTES], *end;
    if (strlen(text) >= sizeof copy || text[0] == '\0')
        return not_a_number(call, text);
    snprintf(copy, sizeof copy, "%s", text);
    exchange(copy, '.', local_point());
    double value = strtod(copy, &end); /* takes INF and NaN in any case */
    if (*end != '\0')
        return not_a_number(call, text);
    tensor_set_f64(&call->outputs[0], index, value);
    return PUM_OK;
}

/* A whole number; one written as 3.0 or 1e3 is taken too. */
static pum_status read_int(struct op_call *call, const char *text, int64_t index)
{
    struct host_tensor *y = &call->outputs[0];
    char copy[NUMBER_BYTES], *end;
    if (strlen(text) >= sizeof copy || text[0] == '\0')
        return not_a_number(call, text);
    errno = 0;
    int64_t value = y->desc.dtype == PUM_DTYPE_U64 && text[0] != '-'
                        ? (int64_t)strtoull(text, &end, 10)
                        : (int64_t)strtoll(text, &end, 10);
    if (errno != 0)
        return not_a_number(call, text);
    if (*end != '\0') {
        snprintf(copy, sizeof copy, "%s", text);
        exchange(copy, '.', local_point());
        double real = strtod(copy, &end);
        if (*end != '\0' || !(fabs(real) < 9007199254740992.0))
            return not_a_number(call, text);
        value = (int64_t)real;
    }
    tensor_set_i64(y, index, value);
    bool fits = y->desc.dtype == PUM_DTYPE_BOOL || tensor_get_i64(y, index) == value;
    return fits ? PUM_OK : not_a_number(call, text);
}

pum_status cast_from_string(struct op_call *call)
{
    struct host_tensor *y = &call->outputs[0];
    int64_t count = shape_elements(&y->desc.shape);
    for (int64_t i = 0; i < count; i++) {
        const char *text = tensor_get_string(&call->inputs[0], i);
        if (y->desc.dtype == PUM_DTYPE_STRING)
            tensor_set_string(y, i, text);
        else if (dtype_is_float(y->desc.dtype))
            PUM_TRY(read_float(call, text, i));
        else
            PUM_TRY(read_int(call, text, i));
    }
    return PUM_OK;
}
