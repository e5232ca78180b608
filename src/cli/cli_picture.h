/* SPDX-License-Identifier: MIT
 *
 * cli_picture.h - pictures for classifiers, detectors and CLIP: which input takes them, how they
 * are made ready (preprocessor_config.json beside the model, then the options), and the tensor.
 */
#ifndef PUM_CLI_PICTURE_H
#define PUM_CLI_PICTURE_H

#include "cli_network.h"
#include "image/preprocess.h"

/* Where the axes of a picture lie in an input of rank 3 or 4. */
struct cli_picture_layout {
    int32_t channel, height, width; /* axes */
    int32_t channels;
};

/* False: the input takes no picture, or a fixed batch of several. */
bool cli_picture_layout_find(const pum_port_info *port, struct cli_picture_layout *out_layout);

/* The words of the options; NULL: not given. */
struct cli_picture_options {
    const char *size, *fit, *resample, *mean, *deviation;
};

/* Rows of an option table, one an option. */
/* clang-format off */
#define CLI_PICTURE_ROWS(options)                                                                  \
    {"size", OPTION_TEXT, "N|WxH", "pixels that the model sees, where it leaves them open",        \
     &(options)->size, 0, 0},                                                                      \
    {"fit", OPTION_TEXT, "HOW", "crop, cover, stretch, letterbox or none", &(options)->fit, 0, 0}, \
    {"resample", OPTION_TEXT, "KIND", "bilinear, bicubic, lanczos, nearest, box or hamming",       \
     &(options)->resample, 0, 0},                                                                  \
    {"mean", OPTION_TEXT, "R,G,B", "taken off the colours, which are 0..1", &(options)->mean, 0,   \
     0},                                                                                           \
    {"std", OPTION_TEXT, "R,G,B", "what they are divided by then", &(options)->deviation, 0, 0}
/* clang-format on */

/* An input that takes pictures. */
struct cli_picture_input {
    int32_t index;
    pum_dtype dtype;
    int32_t rank;
    struct cli_picture_layout layout;
    int32_t width, height; /* 0: any */
};

/* `pixel_values`, else the only input that could take a picture. */
bool cli_picture_input_find(const struct cli_model *model, struct cli_picture_input *out_input);

/* What to start from where no file says it. */
enum cli_picture_use { CLI_PICTURE_CLASSIFY, CLI_PICTURE_DETECT };

/* How pictures are made ready for this input. */
pum_status cli_picture_prepare(struct cli *cli, const struct cli_model *model,
                               const struct cli_picture_input *input, enum cli_picture_use use,
                               const struct cli_picture_options *options,
                               struct preprocess *out_how);

/* Reads a file and makes it ready; *out_image, if wanted, is freed by the caller. */
pum_status cli_picture_read(struct cli *cli, const char *path, const struct preprocess *how,
                            struct preprocess_result *out_result, struct image *out_image);

/* `count` pictures of one size as one tensor for the input; its data is freed by the caller. */
pum_status cli_picture_batch(struct cli *cli, const struct cli_picture_input *input,
                             const struct preprocess_result *results, int32_t count,
                             pum_tensor *out_tensor);

#endif
