/* SPDX-License-Identifier: MIT
 *
 * nms.c - NonMaxSuppression: boxes that overlap a better one of their class too much are left out.
 * Candidates are taken by score, equal ones by position; scores and overlaps must exceed their
 * thresholds to count. Computed in float, as the thresholds are given.
 * Tests: tests/ops/test_select.c.
 */
#include "ops/axes.h"

#include <math.h>
#include <stdlib.h>

struct box {
    float y1, x1, y2, x2, area;
};

struct candidate {
    float score;
    int64_t index;
};

struct nms {
    int64_t batches, classes, count;
    int64_t most; /* boxes for a class of a batch */
    float overlap, least_score;
    bool has_least, centered;
    struct box *boxes;            /* of one batch */
    struct candidate *candidates; /* of one class */
    int64_t *chosen;
    struct host_tensor *out; /* NULL: only count */
    int64_t results;
};

static int best_first(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

static struct box read_box(const struct host_tensor *boxes, int64_t index, bool centered)
{
    float v[4];
    struct box box;
    for (int i = 0; i < 4; i++)
        v[i] = (float)tensor_get_f64(boxes, index * 4 + i);
    if (centered)
        box = (struct box){v[1] - v[3] / 2, v[0] - v[2] / 2, v[1] + v[3] / 2, v[0] + v[2] / 2, 0};
    else
        box = (struct box){fminf(v[0], v[2]), fminf(v[1], v[3]), fmaxf(v[0], v[2]),
                           fmaxf(v[1], v[3]), 0};
    box.area = (box.y2 - box.y1) * (box.x2 - box.x1);
    return box;
}

static bool overlaps(const struct box *a, const struct box *b, float threshold)
{
    float height = fminf(a->y2, b->y2) - fmaxf(a->y1, b->y1);
    float width = fminf(a->x2, b->x2) - fmaxf(a->x1, b->x1);
    if (!(height > 0 && width > 0) || !(a->area > 0 && b->area > 0))
        return false;
    float common = height * width, all = a->area + b->area - common;
    return all > 0 && common / all > threshold;
}

static void run_class(struct nms *nms, const struct host_tensor *scores, int64_t batch,
                      int64_t class)
{
    int64_t found = 0, chosen = 0, base = (batch * nms->classes + class) * nms->count;
    for (int64_t i = 0; i < nms->count; i++) {
        float score = (float)tensor_get_f64(scores, base + i);
        if (!isnan(score) && (!nms->has_least || score > nms->least_score))
            nms->candidates[found++] = (struct candidate){score, i};
    }
    qsort(nms->candidates, (size_t)found, sizeof *nms->candidates, best_first);
    for (int64_t c = 0; c < found && chosen < nms->most; c++) {
        int64_t index = nms->candidates[c].index;
        bool free_of_others = true;
        for (int64_t k = 0; k < chosen && free_of_others; k++)
            free_of_others =
                !overlaps(&nms->boxes[index], &nms->boxes[nms->chosen[k]], nms->overlap);
        if (!free_of_others)
            continue;
        nms->chosen[chosen++] = index;
        if (nms->out) {
            int64_t row[3] = {batch, class, index};
            for (int i = 0; i < 3; i++)
                tensor_set_i64(nms->out, nms->results * 3 + i, row[i]);
        }
        nms->results++;
    }
}

static pum_status run(const struct op_call *call, struct nms *nms)
{
    pum_status status = PUM_OK;
    nms->results = 0;
    nms->boxes = pum_alloc(call->context, (size_t)nms->count + 1, sizeof *nms->boxes);
    nms->candidates = pum_alloc(call->context, (size_t)nms->count + 1, sizeof *nms->candidates);
    nms->chosen = pum_alloc(call->context, (size_t)nms->count + 1, sizeof *nms->chosen);
    if (!nms->boxes || !nms->candidates || !nms->chosen)
        status = PUM_E_MEMORY;
    for (int64_t batch = 0; batch < nms->batches && status == PUM_OK && nms->most > 0; batch++) {
        for (int64_t i = 0; i < nms->count; i++)
            nms->boxes[i] = read_box(&call->inputs[0], batch * nms->count + i, nms->centered);
        for (int64_t class = 0; class < nms->classes; class ++)
            run_class(nms, &call->inputs[1], batch, class);
    }
    pum_free(call->context, nms->boxes);
    pum_free(call->context, nms->candidates);
    pum_free(call->context, nms->chosen);
    return status;
}

/* Shapes, types and the options; op_needs_data() for whatever is not known. */
static pum_status read_call(struct op_call *call, struct nms *nms)
{
    const struct shape *boxes = &call->inputs[0].desc.shape, *scores = &call->inputs[1].desc.shape;
    *nms = (struct nms){.centered = node_int(call->node, "center_point_box", 0) != 0};
    PUM_TRY(axes_need_float(call, 0));
    PUM_TRY(axes_need_float(call, 1));
    if (boxes->rank != 3 || boxes->dims[2] != 4 || scores->rank != 3 ||
        boxes->dims[0] != scores->dims[0] || boxes->dims[1] != scores->dims[2]) {
        char a[SHAPE_TEXT_BYTES], b[SHAPE_TEXT_BYTES];
        return pum_fail(PUM_E_SHAPE,
                        "boxes %s and scores %s, expected [batch,n,4] and "
                        "[batch,classes,n]",
                        shape_text(boxes, a), shape_text(scores, b));
    }
    for (int32_t i = 2; i < call->input_count; i++)
        if (op_has_input(call, i) && shape_elements(&call->inputs[i].desc.shape) != 1)
            return pum_fail(PUM_E_SHAPE, "input %d is not one value", i);
    for (int32_t i = 0; i < call->input_count; i++)
        if (op_has_input(call, i) && !call->inputs[i].data &&
            shape_elements(&call->inputs[i].desc.shape) > 0)
            return op_needs_data(call, i);
    nms->batches = scores->dims[0];
    nms->classes = scores->dims[1];
    nms->count = boxes->dims[1];
    if (op_has_input(call, 2))
        nms->most = tensor_get_i64(&call->inputs[2], 0);
    if (op_has_input(call, 3))
        nms->overlap = (float)tensor_get_f64(&call->inputs[3], 0);
    nms->has_least = op_has_input(call, 4);
    if (nms->has_least)
        nms->least_score = (float)tensor_get_f64(&call->inputs[4], 0);
    if (!(nms->overlap >= 0 && nms->overlap <= 1))
        return pum_fail(PUM_E_RANGE, "iou_threshold (input 3) is %g, expected 0 to 1",
                        (double)nms->overlap);
    return PUM_OK;
}

pum_status infer_non_max_suppression(struct op_call *call)
{
    struct nms nms;
    PUM_TRY(read_call(call, &nms));
    PUM_TRY(run(call, &nms));
    struct shape shape = {.rank = 2, .dims = {nms.results, 3}};
    return axes_output(call, 0, PUM_DTYPE_I64, &shape);
}

pum_status reference_non_max_suppression(struct op_call *call)
{
    struct nms nms;
    PUM_TRY(read_call(call, &nms));
    nms.out = &call->outputs[0];
    return run(call, &nms);
}
OP_HOST_DYNAMIC(non_max_suppression);
