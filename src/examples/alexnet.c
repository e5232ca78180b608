/* SPDX-License-Identifier: MIT
 *
 * alexnet.c - a convolutional network shaped like AlexNet (Krizhevsky et al., 2012): five
 * convolutions, three poolings, three linear layers. Dropout, which is for training, is left out.
 * Its test: ctest -R example_alexnet.
 */
#include "example_weights.h"

static const char help[] =
    "alexnet - an AlexNet-like image classifier on a Vulkan device\n"
    "\n"
    "Usage: alexnet FOLDER\n"
    "\n"
    "FOLDER holds the parameters under the names that torchvision's AlexNet gives them\n"
    "(weights/features.0.weight.npy, ...), and cases: caseN/in/image.npy [batch, 3, 127, 127] and\n"
    "caseN/out/scores.npy. Every case is run, and the largest difference from the stored output\n"
    "is printed. Exits 1 when it is too large, 77 without a device.\n"
    "\n"
    "  alexnet tests/data/torch/alexnet\n"
    "\n"
    "How it works (src/examples/alexnet.c):\n"
    "  1. A table says what a layer is: its place in PyTorch's nn.Sequential, stride, padding,\n"
    "     and whether a pooling of 3 by 3 follows. Channels and kernel sizes are the weights'.\n"
    "  2. pum_conv, pum_relu and pum_max_pool add it; steps that fit together become one kernel.\n"
    "  3. pum_reshape makes a row of features of each image: 0 copies the batch, -1 is the rest.\n"
    "PUMICE_DEVICE chooses the device; `pumice devices` lists them.\n";

#define IMAGE_SIZE 127

struct conv_layer {
    int place;
    int32_t stride, pad;
    bool pool;
};

static const struct conv_layer conv_layers[] = {
    {0, 4, 2, true}, {3, 1, 2, true}, {6, 1, 1, false}, {8, 1, 1, false}, {10, 1, 1, true}};

static pum_value features(struct example *example, pum_value x)
{
    pum_graph *g = example->graph;
    for (size_t i = 0; i < sizeof conv_layers / sizeof conv_layers[0]; i++) {
        const struct conv_layer *layer = &conv_layers[i];
        x = pum_conv(g, &(pum_conv_params){
                            .x = x,
                            .w = example_weight(example, "features.%d.weight", layer->place),
                            .b = example_weight(example, "features.%d.bias", layer->place),
                            .stride = {layer->stride, layer->stride},
                            .pad = {layer->pad, layer->pad},
                        });
        x = pum_relu(g, x);
        if (layer->pool)
            x = pum_max_pool(g, x, 3, 2, 0);
    }
    return x;
}

static pum_value classifier(struct example *example, pum_value x)
{
    pum_graph *g = example->graph;
    static const int places[] = {1, 4, 6};
    for (int i = 0; i < 3; i++) {
        x = pum_linear(g, x, example_weight(example, "classifier.%d.weight", places[i]),
                       example_weight(example, "classifier.%d.bias", places[i]));
        if (i < 2)
            x = pum_relu(g, x);
    }
    return x;
}

static void build(struct example *example)
{
    pum_graph *g = example->graph;
    int64_t batch = PUM_DIM(g, "batch");
    pum_value image = pum_input(g, "image", PUM_DTYPE_F32, 4,
                                (int64_t[]){batch, 3, IMAGE_SIZE, IMAGE_SIZE});
    pum_value row = pum_reshape(g, features(example, image), 2, (int64_t[]){0, -1});
    pum_output(g, "scores", classifier(example, row));
}

int main(int argc, char **argv)
{
    return example_main(argc, argv, help, build);
}
