/* SPDX-License-Identifier: MIT
 *
 * unique.c - Unique: the different elements of a tensor, or its different slices along an axis,
 * with where each first occurs, which of them each entry is, and how often each occurs. NaN counts
 * as equal to NaN and as greater than all else. Tests: tests/ops/test_select.c.
 */
#include "ops/axes.h"

#include <math.h>
#include <string.h>

/* Entries are slices [outer, inner] at each position of the axis (single elements without one). */
struct unique_plan {
    const struct host_tensor *in;
    int32_t axis; /* -1: flattened */
    struct axis_view view;
    int64_t *order;  /* entries, sorted, equal ones by position */
    int64_t *group;  /* of each entry: its number among the results */
    int64_t *first;  /* of each result: its first entry */
    int64_t *counts; /* of each result */
    int64_t results;
};

static int compare_elements(const struct host_tensor *in, int64_t a, int64_t b)
{
    if (in->desc.dtype == PUM_DTYPE_STRING)
        return strcmp(tensor_get_string(in, a), tensor_get_string(in, b));
    if (dtype_is_float(in->desc.dtype)) {
        double x = tensor_get_f64(in, a), y = tensor_get_f64(in, b);
        if (isnan(x) || isnan(y))
            return (isnan(x) != 0) - (isnan(y) != 0);
        return (x > y) - (x < y);
    }
    int64_t x = tensor_get_i64(in, a), y = tensor_get_i64(in, b);
    if (in->desc.dtype == PUM_DTYPE_U64)
        return ((uint64_t)x > (uint64_t)y) - ((uint64_t)x < (uint64_t)y);
    return (x > y) - (x < y);
}

static int compare_entries(const struct unique_plan *plan, int64_t a, int64_t b)
{
    const struct axis_view *view = &plan->view;
    for (int64_t outer = 0; outer < view->outer; outer++)
        for (int64_t inner = 0; inner < view->inner; inner++) {
            int64_t base = outer * view->length * view->inner + inner;
            int order = compare_elements(plan->in, base + a * view->inner, base + b * view->inner);
            if (order != 0)
                return order;
        }
    return 0;
}

/* Merge sort, from `order` with help of `spare`, both of `count` entries: stable. */
static void sort_entries(const struct unique_plan *plan, int64_t *order, int64_t *spare,
                         int64_t count)
{
    for (int64_t width = 1; width < count; width *= 2) {
        for (int64_t start = 0; start < count; start += 2 * width) {
            int64_t middle = axes_min(start + width, count);
            int64_t end = axes_min(start + 2 * width, count), a = start, b = middle;
            for (int64_t to = start; to < end; to++) {
                bool left =
                    a < middle && (b >= end || compare_entries(plan, order[a], order[b]) <= 0);
                spare[to] = order[left ? a++ : b++];
            }
        }
        memcpy(order, spare, (size_t)count * sizeof *order);
    }
}

/* Numbers the groups of equal entries: in sorted order, or in that of their first entries. */
static void number_groups(struct unique_plan *plan, bool sorted)
{
    int64_t count = plan->view.length, *leader = plan->counts; /* of each entry, for a while */
    for (int64_t i = 0, head = 0; i < count; i++) {
        if (i == 0 || compare_entries(plan, plan->order[i - 1], plan->order[i]) != 0)
            head = plan->order[i];
        leader[plan->order[i]] = head;
    }
    for (int64_t i = 0; i < count; i++) {
        int64_t entry = sorted ? plan->order[i] : i;
        if (leader[entry] == entry) {
            plan->first[plan->results] = entry;
            plan->group[entry] = plan->results++;
        }
    }
    for (int64_t i = 0; i < count; i++)
        plan->group[i] = plan->group[leader[i]];
    memset(plan->counts, 0, (size_t)count * sizeof *plan->counts);
    for (int64_t i = 0; i < count; i++)
        plan->counts[plan->group[i]]++;
}

static void free_plan(const struct op_call *call, struct unique_plan *plan)
{
    pum_free(call->context, plan->order);
    plan->order = NULL;
}

static pum_status make_plan(const struct op_call *call, struct unique_plan *plan)
{
    int64_t count = plan->view.length;
    plan->results = 0;
    if (count > INT64_MAX / 64)
        return pum_fail(PUM_E_SHAPE, "%lld entries", (long long)count);
    plan->order = pum_alloc(call->context, (size_t)count * 4 + 1, sizeof *plan->order);
    if (!plan->order)
        return PUM_E_MEMORY;
    plan->group = plan->order + count;
    plan->first = plan->group + count;
    plan->counts = plan->first + count;
    for (int64_t i = 0; i < count; i++)
        plan->order[i] = i;
    sort_entries(plan, plan->order, plan->first, count);
    number_groups(plan, node_int(call->node, "sorted", 1) != 0);
    return PUM_OK;
}

static pum_status open_plan(const struct op_call *call, struct unique_plan *plan)
{
    const struct shape *shape = &call->inputs[0].desc.shape;
    *plan = (struct unique_plan){
        .in = &call->inputs[0], .axis = -1, .view = {1, shape_elements(shape), 1}};
    if (!node_attr(call->node, "axis"))
        return PUM_OK;
    PUM_TRY(axes_one(node_int(call->node, "axis", 0), shape->rank, &plan->axis));
    plan->view = axes_view(shape, plan->axis);
    return PUM_OK;
}

pum_status infer_unique(struct op_call *call)
{
    const struct host_tensor *in = &call->inputs[0];
    struct shape shape = in->desc.shape;
    struct unique_plan plan;
    PUM_TRY(open_plan(call, &plan));
    if (shape_elements(&shape) > 0 && !in->data)
        return op_needs_data(call, 0);
    PUM_TRY(make_plan(call, &plan));
    int64_t results = plan.results;
    free_plan(call, &plan);
    struct shape list = {.rank = 1, .dims = {results}}, all = {.rank = 1};
    all.dims[0] = plan.view.length;
    if (plan.axis < 0)
        shape = list;
    else
        shape.dims[plan.axis] = results;
    PUM_TRY(axes_output(call, 0, in->desc.dtype, &shape));
    for (int32_t i = 1; i < call->output_count; i++)
        PUM_TRY(axes_output(call, i, PUM_DTYPE_I64, i == 2 ? &all : &list));
    return PUM_OK;
}

static void copy_results(const struct unique_plan *plan, struct host_tensor *out)
{
    size_t bytes = (size_t)plan->view.inner * pum_dtype_size(out->desc.dtype);
    uint8_t *to = out->data;
    for (int64_t outer = 0; outer < plan->view.outer; outer++)
        for (int64_t i = 0; i < plan->results && bytes > 0; i++, to += bytes)
            memcpy(to,
                   (const uint8_t *)plan->in->data +
                       (size_t)(outer * plan->view.length + plan->first[i]) * bytes,
                   bytes);
}

pum_status reference_unique(struct op_call *call)
{
    struct unique_plan plan;
    PUM_TRY(open_plan(call, &plan));
    PUM_TRY(make_plan(call, &plan));
    if (axes_wants_output(call, 0))
        copy_results(&plan, &call->outputs[0]);
    const int64_t *lists[] = {plan.first, plan.group, plan.counts};
    for (int32_t k = 0; k < 3; k++)
        for (int64_t i = 0;
             axes_wants_output(call, k + 1) && i < call->outputs[k + 1].desc.shape.dims[0]; i++)
            tensor_set_i64(&call->outputs[k + 1], i, lists[k][i]);
    free_plan(call, &plan);
    return PUM_OK;
}
OP_HOST_DYNAMIC(unique);
