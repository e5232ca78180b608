/* SPDX-License-Identifier: MIT
 *
 * kernel.c - the choice of a kernel row: pure functions over the generated table (kernel_table.c of
 * the build) and a device's capabilities. No other code decides what a device can run.
 * Tests: tests/ops/test_kernel_pick.c.
 */
#include "ops/kernel.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void append(char why[KERNEL_WHY_BYTES], const char *format, ...) PUM_PRINTF(2, 3);

static void append(char why[KERNEL_WHY_BYTES], const char *format, ...)
{
    size_t used = strlen(why);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(why + used, KERNEL_WHY_BYTES - used, format, args);
    va_end(args);
}

static bool listed(const char *const *names, const char *name)
{
    for (; names && *names; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

/* The greatest legal value of a workgroup spec that is smaller than `value`; 0: none. */
static uint32_t smaller_value(const struct kernel_spec *spec, uint32_t value)
{
    uint32_t best = 0;
    for (uint32_t i = 0; i < spec->value_count; i++)
        if (spec->values[i] < value && spec->values[i] > best)
            best = spec->values[i];
    return best;
}

/* Default workgroup size, each axis and the product reduced until the device takes it. False when
 * no legal size fits. Axes without a spec count as 1. */
static bool fit_workgroup(const struct kernel_row *row, const struct base_caps *caps,
                          uint32_t size[3])
{
    const struct kernel_spec *specs[3] = {NULL, NULL, NULL};
    size[0] = size[1] = size[2] = 1;
    for (uint32_t i = 0; i < row->spec_count; i++)
        if (row->specs[i].id < 3) {
            specs[row->specs[i].id] = &row->specs[i];
            if (row->specs[i].value_count > 0)
                size[row->specs[i].id] = row->specs[i].values[0];
        }
    for (int axis = 0; axis < 3; axis++)
        while (size[axis] > caps->max_workgroup_size[axis]) {
            uint32_t value = specs[axis] ? smaller_value(specs[axis], size[axis]) : 0;
            if (value == 0)
                return false;
            size[axis] = value;
        }
    while ((uint64_t)size[0] * size[1] * size[2] > caps->max_invocations) {
        int largest = -1;
        for (int axis = 0; axis < 3; axis++)
            if (specs[axis] && smaller_value(specs[axis], size[axis]) > 0 &&
                (largest < 0 || size[axis] > size[largest]))
                largest = axis;
        if (largest < 0)
            return false;
        size[largest] = smaller_value(specs[largest], size[largest]);
    }
    return true;
}

static bool compare(int64_t number, enum kernel_compare how, int64_t value)
{
    switch (how) {
    case KERNEL_LE:
        return number <= value;
    case KERNEL_GE:
        return number >= value;
    case KERNEL_EQ:
        return number == value;
    case KERNEL_MULTIPLE:
        return value != 0 && number % value == 0;
    case KERNEL_LT:
        return number < value;
    case KERNEL_GT:
        return number > value;
    }
    return false;
}

static const char *compare_text(enum kernel_compare how)
{
    static const char *const texts[] = {"<=", ">=", "==", "%", "<", ">"};
    return texts[how];
}

static bool device_number(const struct base_caps *caps, const char *key, int64_t *out_value)
{
    if (strcmp(key, "subgroup") == 0)
        *out_value = caps->subgroup_size;
    else if (strcmp(key, "invocations") == 0)
        *out_value = caps->max_invocations;
    else if (strcmp(key, "shared") == 0)
        *out_value = caps->shared_bytes;
    else
        return false;
    return true;
}

static bool query_number(const struct kernel_query *query, const char *key, int64_t *out_value)
{
    for (int32_t i = 0; i < query->number_count; i++)
        if (strcmp(query->numbers[i].key, key) == 0) {
            *out_value = query->numbers[i].value;
            return true;
        }
    return false;
}

const char *kernel_unusable(const struct kernel_row *row, const struct base_caps *caps,
                            char why[KERNEL_WHY_BYTES])
{
    static const char *const words[] = {
#define XX(id, word, tier, text) word,
        BASE_CAP_MAP(XX)
#undef XX
    };
    uint32_t size[3];
    why[0] = '\0';
    for (uint32_t i = 0; i < BASE_CAP_COUNT; i++)
        if ((row->needs & ~caps->bits) & (1u << i)) {
            append(why, "needs %s", words[i]);
            return why;
        }
    if (row->binding_count > caps->max_storage_buffers)
        append(why, "needs %u storage buffers, the device has %u", row->binding_count,
               caps->max_storage_buffers);
    else if (row->push_bytes > caps->max_push_bytes)
        append(why, "needs %u push bytes, the device has %u", row->push_bytes,
               caps->max_push_bytes);
    else if (!fit_workgroup(row, caps, size))
        append(why, "no workgroup size fits %u invocations", caps->max_invocations);
    for (uint32_t i = 0; i < row->condition_count && why[0] == '\0'; i++) {
        const struct kernel_condition *condition = &row->conditions[i];
        int64_t number;
        if (device_number(caps, condition->key, &number) &&
            !compare(number, condition->compare, condition->value))
            append(why, "%s is %lld, not %s %lld", condition->key, (long long)number,
                   compare_text(condition->compare), (long long)condition->value);
    }
    return why[0] ? why : NULL;
}

/* Why a row of the right family does not fit a query; false when it fits. */
static bool misfit(const struct kernel_row *row, const struct base_caps *caps,
                   const struct kernel_query *query, char why[KERNEL_WHY_BYTES])
{
    why[0] = '\0';
    if (row->store != STORE_NONE && row->store != query->store) {
        append(why, "other element type");
        return true;
    }
    if (query->chain && !row->chain) {
        append(why, "takes no fused steps");
        return true;
    }
    if (kernel_unusable(row, caps, why))
        return true;
    if (listed(caps->quarantined, row->name)) {
        append(why, "quarantined on this driver");
        return true;
    }
    for (uint32_t i = 0; i < row->condition_count; i++) {
        const struct kernel_condition *condition = &row->conditions[i];
        int64_t number;
        if (device_number(caps, condition->key, &number))
            continue; /* kernel_unusable has asked */
        if (!query_number(query, condition->key, &number)) {
            append(why, "asks for %s, which is not given", condition->key);
            return true;
        }
        if (!compare(number, condition->compare, condition->value)) {
            append(why, "%s is %lld, not %s %lld", condition->key, (long long)number,
                   compare_text(condition->compare), (long long)condition->value);
            return true;
        }
    }
    return false;
}

const struct kernel_row *kernel_pick(const struct base_caps *caps, const struct kernel_query *query,
                                     char why[KERNEL_WHY_BYTES])
{
    why[0] = '\0';
    for (int pass = 0; pass < 2; pass++) {
        for (int32_t i = 0; i < kernel_row_count; i++) {
            const struct kernel_row *row = &kernel_rows[i];
            char reason[KERNEL_WHY_BYTES];
            bool pinned = listed(caps->pinned, row->name);
            if (strcmp(row->family, query->family) != 0 || pinned != (pass == 0))
                continue;
            if (!misfit(row, caps, query, reason)) {
                if (pinned)
                    (void)snprintf(why, KERNEL_WHY_BYTES, "pinned");
                else if (why[0] == '\0')
                    (void)snprintf(why, KERNEL_WHY_BYTES, "first choice");
                return row;
            }
            append(why, "%s%s: %s", why[0] ? "; " : "", row->name, reason);
        }
    }
    if (why[0] == '\0')
        (void)snprintf(why, KERNEL_WHY_BYTES, "there is no kernel of family '%s'", query->family);
    return NULL;
}

const struct kernel_row *kernel_find(const char *name)
{
    for (int32_t i = 0; i < kernel_row_count; i++)
        if (strcmp(kernel_rows[i].name, name) == 0)
            return &kernel_rows[i];
    return NULL;
}

void kernel_defaults(const struct kernel_row *row, const struct base_caps *caps, uint32_t *values)
{
    uint32_t size[3];
    (void)fit_workgroup(row, caps, size);
    for (uint32_t i = 0; i < row->spec_count; i++) {
        const struct kernel_spec *spec = &row->specs[i];
        if (spec->id < 3)
            values[i] = size[spec->id];
        else
            values[i] = spec->values[0];
    }
}

static uint32_t spec_index(const struct kernel_row *row, const char *name)
{
    for (uint32_t i = 0; i < row->spec_count; i++)
        if (strcmp(row->specs[i].name, name) == 0)
            return i;
    assert(!"the kernel row has no such specialization constant");
    return 0;
}

void kernel_set_spec(const struct kernel_row *row, uint32_t *values, const char *name,
                     uint32_t value)
{
    values[spec_index(row, name)] = value;
}

uint32_t kernel_get_spec(const struct kernel_row *row, const uint32_t *values, const char *name)
{
    return values[spec_index(row, name)];
}
