/* SPDX-License-Identifier: MIT
 *
 * arch_weights.c - weights by name. What the file holds is checked against what the configuration
 * says before it enters the graph, so that a mixed-up folder is reported by tensor and not as a
 * product that does not fit. Tests: tests/arch/test_arch.c.
 */
#include "arch_parts.h"

#include <stdio.h>
#include <string.h>

void arch_find_prefix(struct arch_builder *b, const char *prefix, const char *name)
{
    char full[ARCH_NAME_BYTES];
    snprintf(full, sizeof(full), "%s%s", prefix, name);
    b->prefix = safetensors_find(b->weights, full) != NULL ? prefix : "";
}

static const struct st_tensor *find(const struct arch_builder *b, const char *at, const char *name,
                                    char full[ARCH_NAME_BYTES])
{
    snprintf(full, ARCH_NAME_BYTES, "%s%s%s", b->prefix, at, name);
    return safetensors_find(b->weights, full);
}

bool arch_has_weight(const struct arch_builder *b, const char *at, const char *name)
{
    char full[ARCH_NAME_BYTES];
    return find(b, at, name, full) != NULL;
}

/* "[2, 3]"; sizes that may be any as "?" */
static void dims_text(int32_t rank, const int64_t *dims, char *text, size_t room)
{
    size_t used = (size_t)snprintf(text, room, "[");
    for (int32_t i = 0; i < rank && used < room; i++) {
        char size[24] = "?";
        if (dims[i] >= 0)
            snprintf(size, sizeof(size), "%lld", (long long)dims[i]);
        used += (size_t)snprintf(text + used, room - used, "%s%s", i > 0 ? ", " : "", size);
    }
    if (used < room)
        snprintf(text + used, room - used, "]");
}

static pum_value refuse_shape(struct arch_builder *b, const struct st_tensor *tensor, int32_t rank,
                              const int64_t *dims)
{
    char text[1100], has[128], wants[128];
    dims_text(tensor->rank, tensor->dims, has, sizeof(has));
    dims_text(rank, dims, wants, sizeof(wants));
    snprintf(text, sizeof(text), "%.300s: tensor '%.120s' is %s; by %.300s it should be %s",
             tensor->file, tensor->name, has, b->config->place, wants);
    (void)pum_graph_fail(b->graph, PUM_E_FORMAT, text);
    return PUM_NO_VALUE;
}

pum_value arch_weight(struct arch_builder *b, const char *at, const char *name, int32_t rank,
                      int64_t *dims)
{
    char full[ARCH_NAME_BYTES], text[700];
    const struct st_tensor *tensor = find(b, at, name, full);
    if (pum_graph_status(b->graph) != PUM_OK)
        return PUM_NO_VALUE;
    if (tensor == NULL) {
        snprintf(text, sizeof(text), "the weights have no tensor '%.150s', which %.400s asks for",
                 full, b->config->place);
        (void)pum_graph_fail(b->graph, PUM_E_FORMAT, text);
        return PUM_NO_VALUE;
    }
    bool fits = tensor->rank == rank;
    for (int32_t i = 0; fits && i < rank; i++)
        fits = dims[i] < 0 || dims[i] == tensor->dims[i];
    if (!fits)
        return refuse_shape(b, tensor, rank, dims);
    for (int32_t i = 0; i < rank; i++)
        dims[i] = tensor->dims[i];
    pum_value value = safetensors_constant(b->graph, tensor);
    return tensor->dtype == b->dtype ? value : pum_cast(b->graph, value, b->dtype);
}

pum_value arch_linear(struct arch_builder *b, const char *at, const char *name, pum_value x,
                      int64_t in, int64_t out)
{
    char weight[ARCH_NAME_BYTES], bias[ARCH_NAME_BYTES];
    snprintf(weight, sizeof(weight), "%s.weight", name);
    snprintf(bias, sizeof(bias), "%s.bias", name);
    pum_value w = arch_weight(b, at, weight, 2, (int64_t[]){out, in});
    pum_value add =
        arch_has_weight(b, at, bias) ? arch_weight(b, at, bias, 1, (int64_t[]){out}) : PUM_NO_VALUE;
    return pum_linear(b->graph, x, w, add);
}

pum_value arch_conv1d(struct arch_builder *b, const char *at, const char *name, pum_value x,
                      int64_t in, int64_t out)
{
    char weight[ARCH_NAME_BYTES], bias[ARCH_NAME_BYTES];
    snprintf(weight, sizeof(weight), "%s.weight", name);
    snprintf(bias, sizeof(bias), "%s.bias", name);
    pum_value w = arch_weight(b, at, weight, 2, (int64_t[]){in, out});
    pum_value add = arch_weight(b, at, bias, 1, (int64_t[]){out});
    return pum_add(b->graph, pum_matmul(b->graph, x, w), add);
}

pum_value arch_norm(struct arch_builder *b, const char *at, const char *name, pum_value x,
                    int64_t width, float epsilon)
{
    static const char *const words[2][2] = {{"weight", "bias"}, {"gamma", "beta"}};
    char weight[ARCH_NAME_BYTES], bias[ARCH_NAME_BYTES];
    snprintf(weight, sizeof(weight), "%s.gamma", name);
    int old = arch_has_weight(b, at, weight);
    snprintf(weight, sizeof(weight), "%s.%s", name, words[old][0]);
    snprintf(bias, sizeof(bias), "%s.%s", name, words[old][1]);
    pum_value scale = arch_weight(b, at, weight, 1, (int64_t[]){width});
    pum_value add = arch_weight(b, at, bias, 1, (int64_t[]){width});
    return pum_layer_norm(b->graph, x, scale, add, epsilon);
}

pum_value arch_table(struct arch_builder *b, const char *at, const char *name, int64_t width,
                     int64_t *out_rows)
{
    char weight[ARCH_NAME_BYTES];
    int64_t dims[] = {-1, width};
    snprintf(weight, sizeof(weight), "%s.weight", name);
    pum_value value = arch_weight(b, at, weight, 2, dims);
    *out_rows = dims[0] > 0 && dims[0] <= INT32_MAX ? dims[0] : 0;
    return value;
}
