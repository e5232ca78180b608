/* SPDX-License-Identifier: MIT
 *
 * test_einsum.c - Einsum: equations of every form against answers known by hand, mistakes, and the
 * expansion into products against the reference.
 */
#include "op_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "ops/einsum.h"
#include "passes/passes.h"
#include "pumice/pumice_graph.h"
#include "support/graph_eval.h"

static void equations(void **state)
{
    (void)state;
    const char *two = "i32[2,2]={1,2,3,4} i32[2,2]={5,6,7,8}";
    op_text_gives(OP_EINSUM, two, "equation=ij,jk->ik", "i32[2,2]={19,22,43,50}");
    op_text_gives(OP_EINSUM, two, "equation=ij,jk", "i32[2,2]={19,22,43,50}");
    op_text_gives(OP_EINSUM, two, "equation=ij,jk->ki", "i32[2,2]={19,43,22,50}");
    op_text_gives(OP_EINSUM, two, "equation=ij,ij->i", "i32[2]={17,53}");
    op_text_gives(OP_EINSUM, two, "equation=~i~j~,~i~j~->", "i32[]={70}");
    op_text_gives(OP_EINSUM, two, "equation=ij,kl->ik", "i32[2,2]={33,45,77,105}");
    op_text_gives(OP_EINSUM, "i32[2,2]={1,2,3,4}", "equation=ii", "i32[]={5}");
    op_text_gives(OP_EINSUM, "i32[2,2]={1,2,3,4}", "equation=ii->i", "i32[2]={1,4}");
    op_text_gives(OP_EINSUM, "i32[2,2]={1,2,3,4}", "equation=ba", "i32[2,2]={1,3,2,4}");
    op_text_gives(OP_EINSUM, "i32[2,2]={1,2,3,4}", "equation=Ba", "i32[2,2]={1,2,3,4}");
    op_text_gives(OP_EINSUM, "i32[1,2]={1,2} i32[3,2]={1,2,3,4,5,6}", "equation=...a,...a->...",
                  "i32[3]={5,11,17}");
    op_text_gives(OP_EINSUM, "i32[2,1,2]={1,2,3,4} i32[2]={1,10}", "equation=a...b,b->...a",
                  "i32[1,2]={21,43}");
    op_text_gives(OP_EINSUM, "f32[2]={1,2} f32[2]={3,4} f32[2]={5,6}", "equation=i,i,i->i",
                  "f32[2]={15,48}");
    op_text_gives(OP_EINSUM, "f32[2,0] f32[0,1]", "equation=ij,jk->ik", "f32[2,1]={0,0}");
}

static void mistakes(void **state)
{
    (void)state;
    op_text_fails(OP_EINSUM, "f32[2]", "", PUM_E_ARGUMENT, "equation is missing");
    op_text_fails(OP_EINSUM, "f32[2]", "equation=i,j", PUM_E_ARGUMENT, "1 inputs");
    op_text_fails(OP_EINSUM, "f32[2] f32[2]", "equation=i", PUM_E_ARGUMENT, "2 inputs");
    op_text_fails(OP_EINSUM, "f32[2]", "equation=ij", PUM_E_SHAPE, "input 0 has 1 axes");
    op_text_fails(OP_EINSUM, "f32[2]", "equation=i->j", PUM_E_ARGUMENT, "in no input");
    op_text_fails(OP_EINSUM, "f32[2]", "equation=i->ii", PUM_E_ARGUMENT, "named twice");
    op_text_fails(OP_EINSUM, "f32[2]", "equation=i->i->i", PUM_E_ARGUMENT, "'->i'");
    op_text_fails(OP_EINSUM, "f32[2]", "equation=i*", PUM_E_ARGUMENT, "'*'");
    op_text_fails(OP_EINSUM, "f32[2] f32[3]", "equation=i,i->i", PUM_E_SHAPE, "is 3");
    op_text_fails(OP_EINSUM, "f32[2] i32[2]", "equation=i,i->i", PUM_E_TYPE, "input 1");
}

/* --- The expansion ---------------------------------------------------------------------------- */

#define MOST_TERMS 3

static const struct {
    const char *equation;
    int32_t count;
    struct shape shapes[MOST_TERMS];
    bool stays; /* is not expanded */
} expansions[] = {
    {"ij,jk->ik", 2, {{2, {3, 4}}, {2, {4, 5}}}, false},
    {"ij,kj->ki", 2, {{2, {3, 4}}, {2, {5, 4}}}, false},
    {"bhid,bhjd->bhij", 2, {{4, {2, 3, 4, 5}}, {4, {2, 3, 6, 5}}}, false},
    {"bqhd,bkhd->bhqk", 2, {{4, {2, 3, 4, 5}}, {4, {2, 6, 4, 5}}}, false},
    {"abc,cde->abde", 2, {{3, {2, 3, 4}}, {3, {4, 5, 6}}}, false},
    {"abcd,cd->ba", 2, {{4, {2, 3, 4, 5}}, {2, {4, 5}}}, false},
    {"ab,cd->acbd", 2, {{2, {2, 3}}, {2, {4, 5}}}, false},
    {"ab,b->ab", 2, {{2, {2, 3}}, {1, {3}}}, false},
    {"ab,ab->", 2, {{2, {2, 3}}, {2, {2, 3}}}, false},
    {"abc->ca", 1, {{3, {2, 3, 4}}}, false},
    {"abc", 1, {{3, {2, 3, 4}}}, false},
    {"...ij,...jk->...ik", 2, {{4, {2, 1, 3, 4}}, {3, {5, 4, 6}}}, false},
    {"ab,bc,cd->da", 3, {{2, {2, 3}}, {2, {3, 4}}, {2, {4, 5}}}, false},
    {"a,ab,abc->abc", 3, {{1, {2}}, {2, {2, 3}}, {3, {2, 3, 4}}}, false},
    {"ab,bc->c", 2, {{2, {2, 3}}, {2, {3, 4}}}, false},
    {"aa,ab->b", 2, {{2, {3, 3}}, {2, {3, 4}}}, true},
    {"ab,bc->ac", 2, {{2, {2, 1}}, {2, {3, 4}}}, true},
};

static pum_graph *graph_of(size_t i)
{
    pum_graph *graph;
    pum_value inputs[MOST_TERMS], y;
    pum_attr attr = {.name = "equation", .kind = PUM_ATTR_STRING, .s = expansions[i].equation};
    assert_int_equal(pum_graph_create(op_text_context, &graph), PUM_OK);
    for (int32_t k = 0; k < expansions[i].count; k++) {
        char name[] = "x0";
        name[1] = (char)('0' + k);
        inputs[k] = pum_input(graph, name, PUM_DTYPE_F32, expansions[i].shapes[k].rank,
                              expansions[i].shapes[k].dims);
    }
    (void)pum_node(graph,
                   &(pum_node_params){.op = "Einsum",
                                      .inputs = inputs,
                                      .input_count = expansions[i].count,
                                      .attrs = &attr,
                                      .attr_count = 1},
                   &y);
    pum_output(graph, "y", y);
    if (pum_graph_finish(graph) != PUM_OK)
        fail_msg("%s: %s", expansions[i].equation, pum_last_error());
    return graph;
}

static void expands(void **state)
{
    (void)state;
    for (size_t i = 0; i < PUM_COUNT_OF(expansions); i++) {
        pum_graph *graph = graph_of(i), *expanded;
        struct tensor_desc descs[MOST_TERMS];
        struct host_tensor inputs[MOST_TERMS];
        struct graph_eval plain, got;
        for (int32_t k = 0; k < expansions[i].count; k++) {
            descs[k] = (struct tensor_desc){PUM_DTYPE_F32, expansions[i].shapes[k]};
            inputs[k] = graph_eval_random(op_text_context, &descs[k], (uint32_t)(i + 7 * k + 1));
        }
        assert_int_equal(graph_clone(graph, &expanded), PUM_OK);
        if (passes_bind(expanded, descs, NULL) != PUM_OK)
            fail_msg("%s: %s", expansions[i].equation, pum_last_error());
        if ((graph_eval_count(expanded, OP_EINSUM) == 1) != expansions[i].stays)
            fail_msg("%s: %d Einsum left", expansions[i].equation,
                     graph_eval_count(expanded, OP_EINSUM));
        assert_int_equal(graph_eval_run(graph, inputs, &plain), PUM_OK);
        if (graph_eval_run(expanded, inputs, &got) != PUM_OK)
            fail_msg("%s: %s", expansions[i].equation, pum_last_error());
        double difference =
            graph_eval_difference(graph_eval_output(&plain, 0), graph_eval_output(&got, 0));
        if (!(difference < 1e-5))
            fail_msg("%s: differs by %g", expansions[i].equation, difference);
        graph_eval_free(&plain);
        graph_eval_free(&got);
        for (int32_t k = 0; k < expansions[i].count; k++)
            host_tensor_free(op_text_context, &inputs[k]);
        pum_graph_destroy(&expanded);
        pum_graph_destroy(&graph);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equations),
        cmocka_unit_test(mistakes),
        cmocka_unit_test(expands),
    };
    return cmocka_run_group_tests(tests, op_text_setup, op_text_teardown);
}
