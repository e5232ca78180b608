/* SPDX-License-Identifier: MIT
 *
 * lower_nodes.c - asks each node's operator for dispatches and takes them down: the plan's side of
 * ops/lower.h. A node without a kernel becomes a host step, with the reason. Tests:
 * tests/plan/test_plan.c.
 */
#include "plan/plan.h"
#include "plan/store.h"

#include <string.h>

struct node_sink {
    struct lower_sink sink; /* first: the callbacks get this */
    struct plan *plan;
    const struct plan_cache_view *cache;
    int32_t step;
};

static int32_t add_value(struct plan *plan)
{
    if (pum_grow(plan->context, &plan->values, &plan->value_capacity, plan->value_count,
                 sizeof *plan->values) != PUM_OK)
        return -1;
    struct plan_value *value = &plan->values[plan->value_count];
    *value = (struct plan_value){.base = -1, .weight = -1, .block = -1, .last = -1, .producer = -1};
    return plan->value_count++;
}

int32_t plan_add_weight(struct plan *plan, const struct plan_weight *weight)
{
    if (pum_grow(plan->context, &plan->weights, &plan->weight_capacity, plan->weight_count,
                 sizeof *plan->weights) != PUM_OK)
        return -1;
    plan->weights[plan->weight_count] = *weight;
    return plan->weight_count++;
}

static pum_status sink_emit(struct lower_sink *sink, const struct lower_dispatch *dispatch)
{
    struct node_sink *s = (struct node_sink *)sink;
    struct plan *plan = s->plan;
    PUM_TRY(pum_grow(plan->context, &plan->dispatches, &plan->dispatch_capacity,
                     plan->dispatch_count, sizeof *plan->dispatches));
    struct plan_dispatch *out = &plan->dispatches[plan->dispatch_count++];
    *out = (struct plan_dispatch){.record = *dispatch, .step = s->step};
    return PUM_OK;
}

static pum_status sink_scratch(struct lower_sink *sink, uint64_t bytes, int32_t *out_value)
{
    struct node_sink *s = (struct node_sink *)sink;
    *out_value = add_value(s->plan);
    if (*out_value < 0)
        return PUM_E_MEMORY;
    s->plan->values[*out_value].bytes = bytes;
    return PUM_OK;
}

static pum_status sink_pack(struct lower_sink *sink, const struct lower_value *source,
                            const char *key, uint64_t bytes,
                            pum_status (*pack)(void *user, const struct host_tensor *source,
                                               void *out),
                            void *user, int32_t *out_value)
{
    struct node_sink *s = (struct node_sink *)sink;
    struct plan *plan = s->plan;
    int32_t base_id = plan->graph->tensors[source->value].base_id;
    struct plan_weight weight = {.base_id = base_id,
                                 .key = base_arena_strdup(&plan->arena, key),
                                 .desc = source->desc,
                                 .store = source->store,
                                 .bytes = bytes};
    if (!weight.key)
        return PUM_E_MEMORY;
    bool made = base_id >= 0 && s->cache && s->cache->has(s->cache->user, base_id, key);
    for (int32_t i = 0; base_id >= 0 && i < plan->weight_count && !made; i++)
        made = plan->weights[i].base_id == base_id && plan->weights[i].key &&
               strcmp(plan->weights[i].key, key) == 0;
    if (!made) {
        weight.packed = pum_alloc(plan->context, bytes ? (size_t)bytes : 1, 1);
        struct host_tensor host = {source->desc, (void *)(uintptr_t)source->data};
        if (!weight.packed)
            return PUM_E_MEMORY;
        pum_status status = pack(user, &host, weight.packed);
        if (status != PUM_OK) {
            pum_free(plan->context, weight.packed);
            return status;
        }
    }
    int32_t index = plan_add_weight(plan, &weight);
    *out_value = index < 0 ? -1 : add_value(plan);
    if (*out_value < 0) {
        if (index < 0)
            pum_free(plan->context, weight.packed);
        return PUM_E_MEMORY;
    }
    struct plan_value *value = &plan->values[*out_value];
    value->kind = PLAN_VALUE_WEIGHT;
    value->weight = index;
    value->bytes = bytes;
    return PUM_OK;
}

static pum_status sink_alias(struct lower_sink *sink, int32_t output_value, int32_t input_value,
                             uint64_t offset)
{
    struct node_sink *s = (struct node_sink *)sink;
    struct plan_value *output = &s->plan->values[output_value];
    output->kind = PLAN_VALUE_ALIAS;
    output->base = input_value;
    output->base_offset = offset;
    return PUM_OK;
}

static void sink_in_place(struct lower_sink *sink, int32_t output_value, int32_t input_value)
{
    struct node_sink *s = (struct node_sink *)sink;
    struct plan_value *output = &s->plan->values[output_value];
    /* Kept as a wish in `base` until lifetimes are known (plan.c); only one is needed. */
    if (output->kind != PLAN_VALUE_ALIAS && output->base < 0)
        output->base = input_value;
}

static struct lower_value value_of_tensor(const struct plan *plan, int32_t tensor)
{
    struct lower_value value = {.value = -1};
    if (tensor < 0)
        return value;
    const struct graph_tensor *t = &plan->graph->tensors[tensor];
    value.desc = t->desc;
    value.store = plan->values[tensor].store;
    value.value = tensor;
    value.data = t->data;
    return value;
}

/* Whether all types of the node have a place on the device. */
static pum_status check_stores(const struct lower_call *call)
{
    const struct lower_value *lists[3] = {call->inputs, call->outputs, call->chain_inputs};
    int32_t counts[3] = {call->input_count, call->output_count, call->node->chain_inputs};
    for (int32_t l = 0; l < 3; l++) {
        for (int32_t i = 0; i < counts[l]; i++) {
            const struct lower_value *value = &lists[l][i];
            if (value->value >= 0 && value->store == STORE_NONE)
                return pum_fail(PUM_E_UNSUPPORTED, "%s has no form on the device",
                                pum_dtype_name(value->desc.dtype));
        }
    }
    return PUM_OK;
}

static pum_status lower_on_device(const struct plan *plan, struct lower_sink *sink,
                                  const struct graph_node *node, struct lower_value *values,
                                  const struct base_caps *caps)
{
    int32_t inputs = node->input_count - node->chain_inputs;
    for (int32_t i = 0; i < node->input_count; i++)
        values[i] = value_of_tensor(plan, node->inputs[i]);
    for (int32_t i = 0; i < node->output_count; i++)
        values[node->input_count + i] = value_of_tensor(plan, node->outputs[i]);
    struct lower_call call = {.context = plan->context,
                              .caps = caps,
                              .node = node,
                              .input_count = inputs,
                              .inputs = values,
                              .output_count = node->output_count,
                              .outputs = values + node->input_count,
                              .chain = node->chain,
                              .chain_inputs = values + inputs,
                              .sink = sink};
    if (!op_rows[node->op].lowering->function)
        return pum_fail(PUM_E_UNSUPPORTED, "%s has no kernel", op_rows[node->op].name);
    PUM_TRY(check_stores(&call));
    return op_rows[node->op].lowering->function(&call);
}

/* Takes back what a lowering emitted before it gave up. */
static void roll_back(struct plan *plan, const struct graph_node *node, int32_t dispatch_count,
                      int32_t value_count)
{
    plan->dispatch_count = dispatch_count;
    plan->value_count = value_count;
    for (int32_t i = 0; i < node->output_count; i++) {
        if (node->outputs[i] >= 0) {
            struct plan_value *value = &plan->values[node->outputs[i]];
            value->kind = PLAN_VALUE_NONE;
            value->last = value->base = -1;
        }
    }
}

static void make_host_step(struct plan *plan, struct plan_step *step, const struct graph_node *node,
                           const char *why)
{
    step->kind = PLAN_STEP_HOST;
    step->why = base_arena_strdup(&plan->arena, why);
    if (!step->why)
        step->why = "";
    plan->host_step_count++;
    for (int32_t i = 0; i < node->input_count; i++) {
        if (node->inputs[i] >= 0 && !plan->graph->tensors[node->inputs[i]].data)
            plan->values[node->inputs[i]].read_on_host = true;
    }
    for (int32_t i = 0; i < node->output_count; i++) {
        if (node->outputs[i] >= 0)
            plan->values[node->outputs[i]].written_on_host = true;
    }
}

static pum_status lower_node(struct node_sink *sink, int32_t index, bool on_host,
                             struct lower_value *values, const struct base_caps *caps)
{
    struct plan *plan = sink->plan;
    const struct graph_node *node = &plan->graph->nodes[index];
    struct plan_step *step = &plan->steps[plan->step_count];
    int32_t dispatches = plan->dispatch_count, value_count = plan->value_count;
    sink->step = plan->step_count;
    *step = (struct plan_step){.node = index, .first_dispatch = dispatches};
    pum_status status;
    if (on_host)
        status = pum_fail(PUM_E_UNSUPPORTED, "a few integers that follow from the inputs: made "
                                             "before the device begins");
    else
        status = lower_on_device(plan, &sink->sink, node, values, caps);
    if (status == PUM_E_UNSUPPORTED) {
        roll_back(plan, node, dispatches, value_count);
        make_host_step(plan, step, node, pum_last_error());
    } else if (status != PUM_OK) {
        return pum_fail_prefix(status, "node '%s' (%s)", node->name, op_rows[node->op].name);
    }
    step->dispatch_count = plan->dispatch_count - dispatches;
    for (int32_t i = 0; i < node->output_count; i++) {
        if (node->outputs[i] >= 0)
            plan->values[node->outputs[i]].producer = plan->step_count;
    }
    plan->step_count++;
    return PUM_OK;
}

/* --- Small integers (early.c) --- */

/* A sink that forgets: to see whether a node has kernels. */
static pum_status forget_emit(struct lower_sink *sink, const struct lower_dispatch *dispatch)
{
    (void)sink;
    (void)dispatch;
    return PUM_OK;
}

static pum_status forget_scratch(struct lower_sink *sink, uint64_t bytes, int32_t *out_value)
{
    (void)sink;
    (void)bytes;
    *out_value = 0;
    return PUM_OK;
}

static pum_status forget_pack(struct lower_sink *sink, const struct lower_value *source,
                              const char *key, uint64_t bytes,
                              pum_status (*pack)(void *user, const struct host_tensor *source,
                                                 void *out),
                              void *user, int32_t *out_value)
{
    (void)source;
    (void)key;
    (void)pack;
    (void)user;
    return forget_scratch(sink, bytes, out_value);
}

static pum_status forget_alias(struct lower_sink *sink, int32_t output_value, int32_t input_value,
                               uint64_t offset)
{
    (void)sink;
    (void)output_value;
    (void)input_value;
    (void)offset;
    return PUM_OK;
}

static void forget_in_place(struct lower_sink *sink, int32_t output_value, int32_t input_value)
{
    (void)sink;
    (void)output_value;
    (void)input_value;
}

/* Marks the nodes that are made on the host before everything else: none if the device can do all
 * that could be. */
static pum_status choose_early(const struct plan *plan, bool *early, struct lower_value *values,
                               const struct base_caps *caps)
{
    struct lower_sink forget = {forget_emit, forget_scratch, forget_pack, forget_alias,
                                forget_in_place};
    const struct pum_graph *graph = plan->graph;
    plan_mark_early(plan, early);
    for (int32_t i = 0; i < graph->node_count; i++) {
        if (!early[i])
            continue;
        pum_status status = lower_on_device(plan, &forget, &graph->nodes[i], values, caps);
        if (status == PUM_E_UNSUPPORTED)
            return PUM_OK;
        PUM_TRY(status);
    }
    for (int32_t i = 0; i < graph->node_count; i++)
        early[i] = false;
    return PUM_OK;
}

static pum_status make_values(struct plan *plan, const struct base_caps *caps)
{
    for (int32_t i = 0; i < plan->graph->tensor_count; i++) {
        int32_t value = add_value(plan);
        if (value < 0)
            return PUM_E_MEMORY;
        const struct tensor_desc *desc = &plan->graph->tensors[i].desc;
        int64_t count;
        if (desc->dtype == PUM_DTYPE_NONE || desc->shape.rank < 0 ||
            !shape_count(&desc->shape, &count))
            continue;
        plan->values[value].store = store_of(desc->dtype, caps);
        plan->values[value].bytes = (uint64_t)count * store_bytes(plan->values[value].store);
    }
    return PUM_OK;
}

pum_status plan_lower_nodes(struct plan *plan, const struct base_caps *caps,
                            const struct plan_cache_view *cache)
{
    PUM_TRY(make_values(plan, caps));
    int32_t most = 1;
    for (int32_t i = 0; i < plan->graph->node_count; i++) {
        const struct graph_node *node = &plan->graph->nodes[i];
        if (node->op >= 0 && node->input_count + node->output_count > most)
            most = node->input_count + node->output_count;
    }
    plan->steps =
        base_arena_alloc(&plan->arena, (size_t)plan->graph->node_count + 1, sizeof *plan->steps);
    struct lower_value *values = base_arena_alloc(&plan->arena, (size_t)most + 1, sizeof *values);
    bool *early =
        base_arena_alloc(&plan->arena, (size_t)plan->graph->node_count + 1, sizeof *early);
    if (!plan->steps || !values || !early)
        return PUM_E_MEMORY;
    PUM_TRY(choose_early(plan, early, values, caps));
    struct node_sink sink = {
        .sink = {sink_emit, sink_scratch, sink_pack, sink_alias, sink_in_place},
        .plan = plan,
        .cache = cache};
    for (int32_t i = 0; i < plan->graph->node_count; i++) {
        if (early[i])
            PUM_TRY(lower_node(&sink, i, true, values, caps));
    }
    for (int32_t i = 0; i < plan->graph->node_count; i++) {
        if (plan->graph->nodes[i].op >= 0 && !early[i])
            PUM_TRY(lower_node(&sink, i, false, values, caps));
    }
    return PUM_OK;
}
