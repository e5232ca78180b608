/* SPDX-License-Identifier: MIT
 *
 * graph_attrs.c - reading a node's attributes. A missing attribute, or one of another kind, gives
 * the caller's default: kinds are checked where a node is made. Tests: tests/graph/test_graph.c.
 */
#include "graph/graph.h"

#include <string.h>

const pum_attr *node_attr(const struct graph_node *node, const char *name)
{
    for (int32_t i = 0; i < node->attr_count; i++) {
        if (strcmp(node->attrs[i].name, name) == 0)
            return &node->attrs[i];
    }
    return NULL;
}

static const pum_attr *attr_of_kind(const struct graph_node *node, const char *name,
                                    pum_attr_kind kind)
{
    const pum_attr *attr = node_attr(node, name);
    return attr != NULL && attr->kind == kind ? attr : NULL;
}

int64_t node_int(const struct graph_node *node, const char *name, int64_t default_value)
{
    const pum_attr *attr = attr_of_kind(node, name, PUM_ATTR_INT);
    return attr != NULL ? attr->i : default_value;
}

float node_float(const struct graph_node *node, const char *name, float default_value)
{
    const pum_attr *attr = attr_of_kind(node, name, PUM_ATTR_FLOAT);
    return attr != NULL ? attr->f : default_value;
}

const char *node_string(const struct graph_node *node, const char *name, const char *default_value)
{
    const pum_attr *attr = attr_of_kind(node, name, PUM_ATTR_STRING);
    return attr != NULL ? attr->s : default_value;
}

const int64_t *node_ints(const struct graph_node *node, const char *name, int32_t *out_count)
{
    const pum_attr *attr = attr_of_kind(node, name, PUM_ATTR_INTS);
    *out_count = attr != NULL ? attr->count : 0;
    return attr != NULL ? attr->ints : NULL;
}

const float *node_floats(const struct graph_node *node, const char *name, int32_t *out_count)
{
    const pum_attr *attr = attr_of_kind(node, name, PUM_ATTR_FLOATS);
    *out_count = attr != NULL ? attr->count : 0;
    return attr != NULL ? attr->floats : NULL;
}

const char *const *node_strings(const struct graph_node *node, const char *name,
                                int32_t *out_count)
{
    const pum_attr *attr = attr_of_kind(node, name, PUM_ATTR_STRINGS);
    *out_count = attr != NULL ? attr->count : 0;
    return attr != NULL ? attr->strings : NULL;
}

struct pum_graph *node_graph(const struct graph_node *node, const char *name)
{
    const pum_attr *attr = attr_of_kind(node, name, PUM_ATTR_GRAPH);
    return attr != NULL ? attr->graph : NULL;
}
