/* SPDX-License-Identifier: MIT
 *
 * chain.c - elementwise steps on the host: what they mean in double, which nodes amount to steps,
 * how an operand is indexed. The same steps on the device stand in shaders/include/chain.glsl; the
 * numbering that both share is shaders/push/push_chain.h. Tests: tests/ops/test_chain.c.
 */
#include "ops/chain.h"

#include <math.h>
#include <string.h>

/* --- Operands ------------------------------------------------------------------------------- */

bool chain_operand_mode(const struct shape *out, const struct shape *operand, uint32_t *out_mode,
                        uint32_t *out_div, uint32_t *out_mod)
{
    int32_t shift = out->rank - operand->rank, first = -1, last = -1;
    bool full = true;
    *out_mode = CHAIN_ONE;
    *out_div = *out_mod = 1;
    for (int32_t axis = 0; axis < operand->rank; axis++) {
        int32_t target = axis + shift;
        int64_t dim = operand->dims[axis];
        if (dim == 1)
            continue;
        if (target < 0 || dim != out->dims[target])
            return false;
        if (first < 0)
            first = target;
        last = target;
    }
    for (int32_t axis = 0; axis < out->rank; axis++) {
        int64_t dim = axis < shift ? 1 : operand->dims[axis - shift];
        if (dim == out->dims[axis])
            continue;
        full = false;
        if (axis > first && axis < last)
            return false; /* broadcast inside the run */
    }
    if (full)
        *out_mode = CHAIN_FULL;
    else if (first >= 0) {
        int64_t div = shape_product(out, last + 1, out->rank);
        int64_t mod = shape_product(out, first, last + 1);
        if (div > UINT32_MAX || mod > UINT32_MAX)
            return false;
        *out_mode = CHAIN_DIVMOD;
        *out_div = (uint32_t)(div > 0 ? div : 1);
        *out_mod = (uint32_t)(mod > 0 ? mod : 1);
    }
    return true;
}

/* --- Nodes as steps --------------------------------------------------------------------------- */

bool chain_is_long(uint32_t step)
{
    return step == CHAIN_POW || step == CHAIN_RPOW || step == CHAIN_LOG || step == CHAIN_ERF ||
           (step >= CHAIN_SIN && step <= CHAIN_SHRINK);
}

int32_t chain_own_steps(int32_t op)
{
    return op == OP_MEAN ? 1 : 0; /* the division by the number of inputs */
}

int32_t chain_own_operands(int32_t op)
{
    (void)op; /* every kernel has bindings of its own for its inputs */
    return 0;
}

static uint32_t plain_step(int32_t op)
{
    switch (op) {
    case OP_RELU: return CHAIN_RELU;
    case OP_SIGMOID: return CHAIN_SIGMOID;
    case OP_TANH: return CHAIN_TANH;
    case OP_SOFTPLUS: return CHAIN_SOFTPLUS;
    case OP_SOFTSIGN: return CHAIN_SOFTSIGN;
    case OP_MISH: return CHAIN_MISH;
    case OP_ABS: return CHAIN_ABS;
    case OP_NEG: return CHAIN_NEG;
    case OP_EXP: return CHAIN_EXP;
    case OP_LOG: return CHAIN_LOG;
    case OP_SQRT: return CHAIN_SQRT;
    case OP_RECIPROCAL: return CHAIN_RECIPROCAL;
    case OP_FLOOR: return CHAIN_FLOOR;
    case OP_CEIL: return CHAIN_CEIL;
    case OP_ROUND: return CHAIN_ROUND;
    case OP_SIGN: return CHAIN_SIGN;
    case OP_ERF: return CHAIN_ERF;
    case OP_SIN: return CHAIN_SIN;
    case OP_COS: return CHAIN_COS;
    case OP_TAN: return CHAIN_TAN;
    case OP_ASIN: return CHAIN_ASIN;
    case OP_ACOS: return CHAIN_ACOS;
    case OP_ATAN: return CHAIN_ATAN;
    case OP_SINH: return CHAIN_SINH;
    case OP_COSH: return CHAIN_COSH;
    case OP_ASINH: return CHAIN_ASINH;
    case OP_ACOSH: return CHAIN_ACOSH;
    case OP_ATANH: return CHAIN_ATANH;
    default: return CHAIN_NONE;
    }
}

bool chain_unary_step(const struct graph_node *node, struct op_chain_step *out_step)
{
    struct op_chain_step step = {.op = plain_step(node->op)};
    switch (node->op) {
    case OP_LEAKYRELU:
        step.op = CHAIN_LEAKY_RELU;
        step.a = node_float(node, "alpha", 0.01f);
        break;
    case OP_ELU:
        step.op = CHAIN_ELU;
        step.a = node_float(node, "alpha", 1.0f);
        step.b = 1.0f;
        break;
    case OP_SELU:
        step.op = CHAIN_ELU;
        step.a = node_float(node, "alpha", 1.67326319217681884765625f);
        step.b = node_float(node, "gamma", 1.05070102214813232421875f);
        break;
    case OP_CELU:
        step.op = CHAIN_CELU;
        step.a = node_float(node, "alpha", 1.0f);
        break;
    case OP_HARDSIGMOID:
        step.op = CHAIN_HARD_SIGMOID;
        step.a = node_float(node, "alpha", 0.2f);
        step.b = node_float(node, "beta", 0.5f);
        break;
    case OP_HARDSWISH:
        step.op = CHAIN_HARD_SWISH;
        step.a = 1.0f / 6.0f;
        step.b = 0.5f;
        break;
    case OP_THRESHOLDEDRELU:
        step.op = CHAIN_THRESHOLDED_RELU;
        step.a = node_float(node, "alpha", 1.0f);
        break;
    case OP_SHRINK:
        step.op = CHAIN_SHRINK;
        step.a = node_float(node, "lambd", 0.5f);
        step.b = node_float(node, "bias", 0.0f);
        break;
    case OP_SILU:
        step.op = CHAIN_SILU;
        step.a = node_float(node, "alpha", 1.0f);
        break;
    case OP_GELU:
        step.op = strcmp(node_string(node, "approximate", "none"), "tanh") == 0 ? CHAIN_GELU_TANH
                                                                                : CHAIN_GELU_ERF;
        break;
    default:
        break;
    }
    *out_step = step;
    return step.op != CHAIN_NONE;
}

/* The step of a two-input operator whose running value is input `main_input`. */
static uint32_t binary_step(int32_t op, int32_t main_input)
{
    bool first = main_input == 0;
    switch (op) {
    case OP_ADD:
    case OP_SUM:
    case OP_MEAN: return CHAIN_ADD;
    case OP_SUB: return first ? CHAIN_SUB : CHAIN_RSUB;
    case OP_MUL: return CHAIN_MUL;
    case OP_DIV: return first ? CHAIN_DIV : CHAIN_RDIV;
    case OP_MIN: return CHAIN_MIN;
    case OP_MAX: return CHAIN_MAX;
    case OP_POW: return first ? CHAIN_POW : CHAIN_RPOW;
    case OP_PRELU: return first ? CHAIN_PRELU : CHAIN_NONE;
    default: return CHAIN_NONE;
    }
}

/* A known one-element constant. */
static bool constant_scalar(const struct graph_tensor *tensor, float *out_value)
{
    if (!tensor->data || shape_has_symbol(&tensor->desc.shape) ||
        shape_elements(&tensor->desc.shape) != 1)
        return false;
    struct host_tensor host = {.desc = tensor->desc, .data = (void *)(uintptr_t)tensor->data};
    *out_value = (float)tensor_get_f64(&host, 0);
    return true;
}

static bool clip_step(const struct pum_graph *graph, const struct graph_node *node,
                      struct op_chain_step *step)
{
    *step = (struct op_chain_step){.op = CHAIN_CLIP, .a = -INFINITY, .b = INFINITY};
    for (int32_t i = 1; i < 3; i++) {
        const struct graph_tensor *limit = graph_input_of(graph, node, i);
        if (limit && !constant_scalar(limit, i == 1 ? &step->a : &step->b))
            return false;
    }
    return true;
}

/* One float type that has a device storage, and the running value has the output's shape. */
static bool same_floats(const struct pum_graph *graph, const struct graph_node *node,
                        const struct graph_tensor *main_tensor)
{
    if (node->output_count < 1 || node->outputs[0] == GRAPH_NONE)
        return false;
    const struct tensor_desc *out = &graph->tensors[node->outputs[0]].desc;
    if (!dtype_is_float(out->dtype) || out->dtype == PUM_DTYPE_F64 || out->shape.rank < 0 ||
        !shape_equal(&out->shape, &main_tensor->desc.shape))
        return false;
    for (int32_t i = 0; i < node->input_count; i++) {
        const struct graph_tensor *input = graph_input_of(graph, node, i);
        if (input && input->desc.dtype != out->dtype)
            return false;
    }
    return true;
}

bool chain_steps_of_node(const struct pum_graph *graph, const struct graph_node *node,
                         int32_t main_input, struct op_chain_step steps[2], int32_t *out_count,
                         int32_t *out_operand)
{
    *out_count = 0;
    *out_operand = GRAPH_NONE;
    memset(steps, 0, 2 * sizeof(steps[0]));
    const struct graph_tensor *main_tensor = graph_input_of(graph, node, main_input);
    if (!main_tensor || node->chain || !same_floats(graph, node, main_tensor))
        return false;
    if (chain_unary_step(node, &steps[0]) ||
        (node->op == OP_CLIP && main_input == 0 && clip_step(graph, node, &steps[0]))) {
        *out_count = 1;
        return !chain_is_long(steps[0].op);
    }
    if (node->input_count != 2 || main_input > 1 || node->inputs[0] == node->inputs[1])
        return false;
    const struct graph_tensor *other = graph_input_of(graph, node, 1 - main_input);
    steps[0].op = binary_step(node->op, main_input);
    if (!other || steps[0].op == CHAIN_NONE || chain_is_long(steps[0].op))
        return false;
    if (!constant_scalar(other, &steps[0].a)) {
        steps[0].operand = 1;
        *out_operand = node->inputs[1 - main_input];
    }
    *out_count = 1;
    if (node->op == OP_MEAN) {
        steps[1] = (struct op_chain_step){.op = CHAIN_AFFINE, .a = 0.5f};
        *out_count = 2;
    }
    return true;
}

/* --- The steps in double ---------------------------------------------------------------------- */

static double sigmoid(double x)
{
    return 1.0 / (1.0 + exp(-x));
}

static double softplus(double x)
{
    return fmax(x, 0.0) + log1p(exp(-fabs(x)));
}

/* x below lo becomes lo, above hi becomes hi; NaN stays. */
static double clamp(double x, double lo, double hi)
{
    double y = x < lo ? lo : x;
    return y > hi ? hi : y;
}

static double sign(double x)
{
    if (x > 0.0)
        return 1.0;
    if (x < 0.0)
        return -1.0;
    return isnan(x) ? x : 0.0;
}

static double least(double x, double o)
{
    return isnan(x) || isnan(o) ? NAN : fmin(x, o);
}

static double greatest(double x, double o)
{
    return isnan(x) || isnan(o) ? NAN : fmax(x, o);
}

static double gelu_tanh(double x)
{
    double root = 0.797884560802865355880; /* sqrt(2/pi) */
    return 0.5 * x * (1.0 + tanh(root * (x + 0.044715 * x * x * x)));
}

/* Steps with an operand or parameters. */
static double parameter_step(const struct op_chain_step *step, double x, double o)
{
    double a = step->a, b = step->b;
    switch (step->op) {
    case CHAIN_ADD: return x + o;
    case CHAIN_SUB: return x - o;
    case CHAIN_RSUB: return o - x;
    case CHAIN_MUL: return x * o;
    case CHAIN_DIV: return x / o;
    case CHAIN_RDIV: return o / x;
    case CHAIN_MIN: return least(x, o);
    case CHAIN_MAX: return greatest(x, o);
    case CHAIN_POW: return pow(x, o);
    case CHAIN_RPOW: return pow(o, x);
    case CHAIN_PRELU: return x < 0.0 ? x * o : x;
    case CHAIN_AFFINE: return x * a + b;
    case CHAIN_CLIP: return clamp(x, a, b);
    case CHAIN_LEAKY_RELU: return x < 0.0 ? x * a : x;
    case CHAIN_ELU: return b * (x < 0.0 ? a * expm1(x) : x);
    case CHAIN_CELU: return x < 0.0 ? a * expm1(x / a) : x;
    case CHAIN_HARD_SIGMOID: return clamp(a * x + b, 0.0, 1.0);
    case CHAIN_HARD_SWISH: return x * clamp(a * x + b, 0.0, 1.0);
    case CHAIN_SILU: return x * sigmoid(a * x);
    case CHAIN_THRESHOLDED_RELU: return x > a ? x : 0.0;
    case CHAIN_SHRINK: return x < -a ? x + b : x > a ? x - b : 0.0;
    default: return x;
    }
}

double chain_step_value(const struct op_chain_step *step, double x, double operand)
{
    switch (step->op) {
    case CHAIN_RELU: return x < 0.0 ? 0.0 : x;
    case CHAIN_SIGMOID: return sigmoid(x);
    case CHAIN_GELU_ERF: return 0.5 * x * erfc(-x * 0.707106781186547524401);
    case CHAIN_GELU_TANH: return gelu_tanh(x);
    case CHAIN_TANH: return tanh(x);
    case CHAIN_SOFTPLUS: return softplus(x);
    case CHAIN_SOFTSIGN: return x / (1.0 + fabs(x));
    case CHAIN_MISH: return x * tanh(softplus(x));
    case CHAIN_ABS: return fabs(x);
    case CHAIN_NEG: return -x;
    case CHAIN_EXP: return exp(x);
    case CHAIN_LOG: return log(x);
    case CHAIN_SQRT: return sqrt(x);
    case CHAIN_RECIPROCAL: return 1.0 / x;
    case CHAIN_FLOOR: return floor(x);
    case CHAIN_CEIL: return ceil(x);
    case CHAIN_ROUND: return nearbyint(x);
    case CHAIN_SIGN: return sign(x);
    case CHAIN_ERF: return erf(x);
    case CHAIN_SIN: return sin(x);
    case CHAIN_COS: return cos(x);
    case CHAIN_TAN: return tan(x);
    case CHAIN_ASIN: return asin(x);
    case CHAIN_ACOS: return acos(x);
    case CHAIN_ATAN: return atan(x);
    case CHAIN_SINH: return sinh(x);
    case CHAIN_COSH: return cosh(x);
    case CHAIN_ASINH: return asinh(x);
    case CHAIN_ACOSH: return acosh(x);
    case CHAIN_ATANH: return atanh(x);
    default: return parameter_step(step, x, step->operand > 0 ? operand : (double)step->a);
    }
}

pum_status chain_reference(const struct op_chain *chain, struct host_tensor *tensor,
                           const struct host_tensor *operands)
{
    int64_t count = shape_elements(&tensor->desc.shape);
    uint32_t mode[CHAIN_MAX_OPERANDS], div[CHAIN_MAX_OPERANDS], mod[CHAIN_MAX_OPERANDS];
    for (int32_t i = 0; i < chain->operand_count; i++)
        if (!chain_operand_mode(&tensor->desc.shape, &operands[i].desc.shape, &mode[i], &div[i],
                                &mod[i]))
            return pum_fail(PUM_E_SHAPE, "operand %d of a fused step does not fit the output", i);
    for (int64_t element = 0; element < count; element++) {
        double x = tensor_get_f64(tensor, element);
        for (int32_t i = 0; i < chain->step_count; i++) {
            const struct op_chain_step *step = &chain->steps[i];
            int32_t k = step->operand - 1;
            double operand = 0;
            if (k >= 0 && mode[k] == CHAIN_ONE)
                operand = tensor_get_f64(&operands[k], 0);
            else if (k >= 0 && mode[k] == CHAIN_FULL)
                operand = tensor_get_f64(&operands[k], element);
            else if (k >= 0)
                operand = tensor_get_f64(&operands[k], element / div[k] % mod[k]);
            x = chain_step_value(step, x, operand);
        }
        tensor_set_f64(tensor, element, x);
    }
    return PUM_OK;
}
