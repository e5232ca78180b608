/* SPDX-License-Identifier: MIT
 *
 * mlp.c - a plain deep network: linear layers with ReLU between them, none behind the last. The
 * smallest example; begin here. Its test: ctest -R example_mlp.
 */
#include "example_weights.h"

static const char help[] =
    "mlp - a plain deep network on a Vulkan device\n"
    "\n"
    "Usage: mlp FOLDER\n"
    "\n"
    "FOLDER holds weights/layers.N.weight.npy and .bias.npy as PyTorch's nn.Sequential of\n"
    "nn.Linear and nn.ReLU names them (N is 0, 2, 4, ...: six layers, 20 inputs), and cases:\n"
    "caseN/in/x.npy and caseN/out/y.npy. Every case is run, and the largest difference from\n"
    "the stored output is printed. Exits 1 when it is too large, 77 without a device.\n"
    "\n"
    "  mlp tests/data/torch/mlp\n"
    "\n"
    "How it works (src/examples/mlp.c):\n"
    "  1. pum_input declares x [batch, 20]; `batch` is a symbol: any number of rows will do.\n"
    "  2. pum_linear and pum_relu add the layers. No result is checked: the first mistake\n"
    "     sticks to the graph, and pum_graph_finish reports it.\n"
    "  3. A session puts the weights on the device and runs the graph (example_weights.c).\n"
    "PUMICE_DEVICE chooses the device; `pumice devices` lists them.\n";

#define LAYERS 6
#define INPUT_WIDTH 20

static void build(struct example *example)
{
    pum_graph *g = example->graph;
    int64_t batch = PUM_DIM(g, "batch");
    pum_value x = pum_input(g, "x", PUM_DTYPE_F32, 2, (int64_t[]){batch, INPUT_WIDTH});
    for (int layer = 0; layer < LAYERS; layer++) {
        int place = 2 * layer; /* in the nn.Sequential, where every second one is a ReLU */
        x = pum_linear(g, x, example_weight(example, "layers.%d.weight", place),
                       example_weight(example, "layers.%d.bias", place));
        if (layer < LAYERS - 1)
            x = pum_relu(g, x);
    }
    pum_output(g, "y", x);
}

int main(int argc, char **argv)
{
    return example_main(argc, argv, help, build);
}
