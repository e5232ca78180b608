/* SPDX-License-Identifier: MIT
 *
 * test_chain.c - fused elementwise steps on the host: how operands are indexed, which nodes amount
 * to which steps, and what a chain computes.
 */
#include "ops/chain.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static pum_context *context;

static int open_context(void **state)
{
    (void)state;
    return pum_context_create(NULL, &context) == PUM_OK ? 0 : -1;
}

static int close_context(void **state)
{
    (void)state;
    pum_context_destroy(&context);
    return 0;
}

/* --- Operands --------------------------------------------------------------------------------- */

#define NO_MODE 99u

static void operand_modes(void **state)
{
    (void)state;
    static const struct {
        struct shape out, operand;
        uint32_t mode, div, mod;
    } cases[] = {
        {{3, {2, 3, 4}}, {3, {2, 3, 4}}, CHAIN_FULL, 1, 1},
        {{3, {1, 3, 4}}, {2, {3, 4}}, CHAIN_FULL, 1, 1},
        {{3, {2, 3, 4}}, {0, {0}}, CHAIN_ONE, 1, 1},
        {{3, {2, 3, 4}}, {3, {1, 1, 1}}, CHAIN_ONE, 1, 1},
        {{3, {2, 3, 4}}, {1, {4}}, CHAIN_DIVMOD, 1, 4},
        {{3, {2, 3, 4}}, {2, {3, 1}}, CHAIN_DIVMOD, 4, 3},
        {{3, {2, 3, 4}}, {3, {2, 1, 1}}, CHAIN_DIVMOD, 12, 2},
        {{3, {2, 3, 4}}, {2, {3, 4}}, CHAIN_DIVMOD, 1, 12},
        {{4, {2, 3, 4, 5}}, {3, {3, 4, 1}}, CHAIN_DIVMOD, 5, 12},
        {{4, {2, 3, 1, 5}}, {4, {1, 3, 1, 5}}, CHAIN_DIVMOD, 1, 15},
        {{3, {2, 3, 4}}, {3, {2, 1, 4}}, NO_MODE, 0, 0},  /* broadcast inside */
        {{2, {3, 4}}, {2, {3, 5}}, NO_MODE, 0, 0},
        {{2, {1, 4}}, {2, {3, 4}}, NO_MODE, 0, 0},        /* would enlarge the output */
        {{1, {4}}, {2, {3, 4}}, NO_MODE, 0, 0},
        {{1, {4}}, {3, {1, 1, 4}}, CHAIN_FULL, 1, 1},
    };
    for (size_t i = 0; i < PUM_COUNT_OF(cases); i++) {
        uint32_t mode, div, mod;
        bool fits = chain_operand_mode(&cases[i].out, &cases[i].operand, &mode, &div, &mod);
        if (!fits)
            mode = NO_MODE;
        if (mode != cases[i].mode || (fits && (div != cases[i].div || mod != cases[i].mod)))
            fail_msg("case %zu: mode %u div %u mod %u", i, mode, div, mod);
    }
}

/* --- Nodes as steps ------------------------------------------------------------------*/

/* A graph with x, y [2,3], a vector v [3], a larger z [4,2,3] and scalars, float32. */
struct net {
    struct pum_graph *graph;
    int32_t x, y, v, z, half, three, whole, out, big_out;
};

static struct net make_net(void)
{
    static const float half = 0.5f, three = 3.0f;
    static const int32_t whole = 2;
    struct net net;
    const struct tensor_desc matrix = {PUM_DTYPE_F32, {2, {2, 3}}};
    const struct tensor_desc vector = {PUM_DTYPE_F32, {1, {3}}};
    const struct tensor_desc large = {PUM_DTYPE_F32, {3, {4, 2, 3}}};
    const struct tensor_desc scalar = {PUM_DTYPE_F32, {0, {0}}};
    const struct tensor_desc integer = {PUM_DTYPE_I32, {0, {0}}};
    assert_int_equal(graph_create(context, &net.graph), PUM_OK);
    net.x = graph_add_tensor(net.graph, "x", &matrix);
    net.y = graph_add_tensor(net.graph, "y", &matrix);
    net.v = graph_add_tensor(net.graph, "v", &vector);
    net.z = graph_add_tensor(net.graph, "z", &large);
    net.half = graph_add_constant(net.graph, "half", &scalar, &half, sizeof(half));
    net.three = graph_add_constant(net.graph, "three", &scalar, &three, sizeof(three));
    net.whole = graph_add_constant(net.graph, "whole", &integer, &whole, sizeof(whole));
    net.out = graph_add_tensor(net.graph, "out", &matrix);
    net.big_out = graph_add_tensor(net.graph, "big_out", &large);
    return net;
}

struct steps {
    bool fits;
    struct op_chain_step steps[2];
    int32_t count, operand;
};

static struct steps steps_of(struct net *net, int32_t op, const int32_t *inputs, int32_t count,
                             int32_t main_input)
{
    struct steps result;
    int32_t out = count > 1 && inputs[1] == net->z ? net->big_out : net->out;
    struct graph_node node = {
        .op = op, .inputs = inputs, .input_count = count, .outputs = &out, .output_count = 1};
    result.fits = chain_steps_of_node(net->graph, &node, main_input, result.steps, &result.count,
                                      &result.operand);
    return result;
}

static void nodes_become_steps(void **state)
{
    (void)state;
    struct net net = make_net();
    struct steps s = steps_of(&net, OP_RELU, &net.x, 1, 0);
    assert_true(s.fits && s.count == 1 && s.steps[0].op == CHAIN_RELU && s.operand == GRAPH_NONE);
    s = steps_of(&net, OP_ADD, (int32_t[]){net.x, net.v}, 2, 0);
    assert_true(s.fits && s.steps[0].op == CHAIN_ADD && s.steps[0].operand == 1);
    assert_int_equal(s.operand, net.v);
    s = steps_of(&net, OP_SUB, (int32_t[]){net.y, net.x}, 2, 1);
    assert_true(s.fits && s.steps[0].op == CHAIN_RSUB && s.operand == net.y);
    s = steps_of(&net, OP_DIV, (int32_t[]){net.half, net.x}, 2, 1);
    assert_true(s.fits && s.steps[0].op == CHAIN_RDIV && s.steps[0].operand == 0);
    assert_float_equal(s.steps[0].a, 0.5, 0);
    assert_int_equal(s.operand, GRAPH_NONE);
    s = steps_of(&net, OP_MEAN, (int32_t[]){net.x, net.y}, 2, 0);
    assert_true(s.fits && s.count == 2 && s.steps[0].op == CHAIN_ADD);
    assert_true(s.steps[1].op == CHAIN_AFFINE && s.steps[1].a == 0.5f && s.steps[1].b == 0);
    s = steps_of(&net, OP_CLIP, (int32_t[]){net.x, net.half, net.three}, 3, 0);
    assert_true(s.fits && s.steps[0].op == CHAIN_CLIP);
    assert_true(s.steps[0].a == 0.5f && s.steps[0].b == 3.0f);
    s = steps_of(&net, OP_CLIP, (int32_t[]){net.x, GRAPH_NONE, net.three}, 3, 0);
    assert_true(s.fits && isinf(s.steps[0].a) && s.steps[0].b == 3.0f);
    graph_release(&net.graph);
}

static void other_nodes_do_not(void **state)
{
    (void)state;
    struct net net = make_net();
    /* running value used twice; output larger than it; a computed limit; an integer operand */
    assert_false(steps_of(&net, OP_MUL, (int32_t[]){net.x, net.x}, 2, 0).fits);
    assert_false(steps_of(&net, OP_ADD, (int32_t[]){net.x, net.z}, 2, 0).fits);
    assert_false(steps_of(&net, OP_CLIP, (int32_t[]){net.x, net.y, GRAPH_NONE}, 3, 0).fits);
    assert_false(steps_of(&net, OP_CLIP, (int32_t[]){net.half, net.x, GRAPH_NONE}, 3, 1).fits);
    assert_false(steps_of(&net, OP_POW, (int32_t[]){net.x, net.whole}, 2, 0).fits);
    /* the slope as running value; three inputs; no step; steps with long code */
    assert_false(steps_of(&net, OP_PRELU, (int32_t[]){net.v, net.x}, 2, 1).fits);
    assert_false(steps_of(&net, OP_SUM, (int32_t[]){net.x, net.y, net.v}, 3, 0).fits);
    assert_false(steps_of(&net, OP_SOFTMAX, &net.x, 1, 0).fits);
    assert_false(steps_of(&net, OP_EQUAL, (int32_t[]){net.x, net.y}, 2, 0).fits);
    assert_false(steps_of(&net, OP_SIN, &net.x, 1, 0).fits);
    assert_false(steps_of(&net, OP_POW, (int32_t[]){net.x, net.half}, 2, 0).fits);
    graph_release(&net.graph);
}

static void parameters_come_from_attributes(void **state)
{
    (void)state;
    const pum_attr alpha = {.name = "alpha", .kind = PUM_ATTR_FLOAT, .f = 0.25f};
    const pum_attr tanh_kind = {.name = "approximate", .kind = PUM_ATTR_STRING, .s = "tanh"};
    struct op_chain_step step;
    struct graph_node node = {.op = OP_LEAKYRELU};
    assert_true(chain_unary_step(&node, &step) && step.a == 0.01f);
    node.attrs = &alpha;
    node.attr_count = 1;
    assert_true(chain_unary_step(&node, &step) && step.a == 0.25f);
    node.op = OP_ELU;
    assert_true(chain_unary_step(&node, &step) && step.a == 0.25f && step.b == 1.0f);
    node.op = OP_GELU;
    assert_true(chain_unary_step(&node, &step) && step.op == CHAIN_GELU_ERF);
    node.attrs = &tanh_kind;
    assert_true(chain_unary_step(&node, &step) && step.op == CHAIN_GELU_TANH);
    node.op = OP_CLIP;
    assert_false(chain_unary_step(&node, &step));
}

/* --- Values ----------------------------------------------------------------------------------- */

static double value(uint32_t op, double x, double o, float a, float b)
{
    const struct op_chain_step step = {.op = op, .a = a, .b = b, .operand = 1};
    return chain_step_value(&step, x, o);
}

static void steps_have_values(void **state)
{
    (void)state;
    assert_float_equal(value(CHAIN_SUB, 5, 3, 0, 0), 2, 0);
    assert_float_equal(value(CHAIN_RSUB, 5, 3, 0, 0), -2, 0);
    assert_float_equal(value(CHAIN_RDIV, 4, 2, 0, 0), 0.5, 0);
    assert_float_equal(value(CHAIN_RPOW, 3, 2, 0, 0), 8, 0);
    assert_float_equal(value(CHAIN_AFFINE, 4, 0, 0.5f, 1), 3, 0);
    assert_float_equal(value(CHAIN_PRELU, -4, 0.25, 0, 0), -1, 0);
    assert_true(isnan(value(CHAIN_MIN, NAN, 1, 0, 0)) && isnan(value(CHAIN_MIN, 1, NAN, 0, 0)));
    assert_true(isnan(value(CHAIN_MAX, NAN, 1, 0, 0)) && isnan(value(CHAIN_RELU, NAN, 0, 0, 0)));
    assert_float_equal(value(CHAIN_NONE, 3.5, 9, 0, 0), 3.5, 0);
    const struct op_chain_step scalar = {.op = CHAIN_MUL, .a = 0.5f, .operand = 0};
    assert_float_equal(chain_step_value(&scalar, 6, 1000), 3, 0);
    for (uint32_t op = 1; op < CHAIN_OP_COUNT; op++) /* every step is one: it changes something */
        assert_true(value(op, 0.75, 1.25, 0.5f, 0.25f) != 0.75 ||
                    value(op, -2.5, -3, 2, 3) != -2.5);
}

static void chains_compute(void **state)
{
    (void)state;
    float x[6] = {1, -2, 3, -4, 5, -6}, vector[3] = {10, 20, 30}, full[6] = {1, 1, 1, 2, 2, 2};
    struct host_tensor tensor = {{PUM_DTYPE_F32, {2, {2, 3}}}, x};
    const struct host_tensor operands[2] = {{{PUM_DTYPE_F32, {1, {3}}}, vector},
                                            {{PUM_DTYPE_F32, {2, {2, 3}}}, full}};
    const struct op_chain chain = {.step_count = 3,
                                   .steps = {{.op = CHAIN_RELU},
                                             {.op = CHAIN_ADD, .operand = 1},
                                             {.op = CHAIN_MUL, .operand = 2}},
                                   .operand_count = 2};
    assert_int_equal(chain_reference(&chain, &tensor, operands), PUM_OK);
    const float wanted[6] = {11, 20, 33, 20, 50, 60};
    assert_memory_equal(x, wanted, sizeof(wanted));
    const struct host_tensor bad[2] = {{{PUM_DTYPE_F32, {1, {4}}}, vector}, operands[1]};
    assert_int_equal(chain_reference(&chain, &tensor, bad), PUM_E_SHAPE);
}

static void long_steps_are_not_fused(void **state)
{
    (void)state;
    assert_true(chain_is_long(CHAIN_POW) && chain_is_long(CHAIN_COSH) && chain_is_long(CHAIN_LOG));
    assert_false(chain_is_long(CHAIN_ADD) || chain_is_long(CHAIN_TANH));
    assert_int_equal(chain_own_steps(OP_MEAN), 1);
    assert_int_equal(chain_own_steps(OP_RELU) + chain_own_operands(OP_ADD), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operand_modes),
        cmocka_unit_test(nodes_become_steps),
        cmocka_unit_test(other_nodes_do_not),
        cmocka_unit_test(parameters_come_from_attributes),
        cmocka_unit_test(steps_have_values),
        cmocka_unit_test(chains_compute),
        cmocka_unit_test(long_steps_are_not_fused),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
