/* SPDX-License-Identifier: MIT
 *
 * example_weights.h - what the examples share, so that each shows its network and little else:
 * weights and numbers from a folder, and a runner that feeds the cases there and compares with the
 * outputs stored beside them (layout: tests/data/torch/README.md). Not part of the library; a
 * program of your own would replace it by its own files and inputs.
 */
#ifndef PUM_EXAMPLE_WEIGHTS_H
#define PUM_EXAMPLE_WEIGHTS_H

#include "pumice/pumice_graph.h"

/* A folder and the graph that is built from it. Weights stay in memory until the run is over,
 * because constants of a graph borrow their data. */
struct example {
    const char *folder;
    pum_graph *graph;
    struct example_block *blocks;
};

/* The constant that weights/KEY.npy holds; KEY as printf makes it. A file that cannot be read is
 * the graph's error: everything after does nothing and pum_graph_finish reports it. */
__attribute__((format(printf, 2, 3)))
pum_value example_weight(struct example *example, const char *format, ...);

/* One of `parts` equal pieces of it, cut along the first axis. */
__attribute__((format(printf, 4, 5)))
pum_value example_weight_part(struct example *example, int32_t part, int32_t parts,
                              const char *format, ...);

/* A number of config.txt; one that is missing is the graph's error. */
double example_number(struct example *example, const char *key);

/* The rest of main(): builds with `build`, runs every case of the folder that argv names, compares
 * the graph's outputs with the stored ones. Exit status: 0 all equal, 1 not, 2 wrong usage, 77 no
 * Vulkan device. */
int example_main(int argc, char **argv, const char *help, void (*build)(struct example *example));

#endif
