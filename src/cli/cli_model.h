/* SPDX-License-Identifier: MIT
 *
 * cli_model.h - a model file as the commands see it: the graph, its inputs and outputs by name, and
 * tensors for the inputs, made from `NAME=FILE` and `NAME=1x3x48x320` words.
 */
#ifndef PUM_CLI_MODEL_H
#define PUM_CLI_MODEL_H

#include "arch/arch.h"
#include "cli.h"

#include <pumice/pumice_onnx.h>

/* What an input that is a list was given. */
struct cli_list {
    pum_tensor *items; /* owned, as their data */
    int32_t count;
};

struct cli_model {
    const char *path;
    pum_graph *graph;
    struct arch_model arch; /* of a Hugging Face folder, without its graph; family NULL: ONNX */
    pum_port_info *inputs, *outputs;
    int32_t input_count, output_count;
    pum_tensor *tensors;    /* one an input; dtype NONE: not given. Data is owned, may be NULL */
    struct cli_list *lists; /* one an input */
};

bool cli_is_folder(const char *path);

/* Reads the model, an ONNX file or a Hugging Face folder; the context must be open or can be
 * opened. */
pum_status cli_model_open(struct cli *cli, struct cli_model *model, const char *path);
/* The same with the part of a folder that is wanted; an ONNX file has but one. */
pum_status cli_model_open_part(struct cli *cli, struct cli_model *model, const char *path,
                               const struct arch_params *params);
void cli_model_close(struct cli_model *model);

/* "float32 [batch, 3, 48, width]" */
const char *cli_port_text(const struct cli_model *model, const pum_port_info *port, char *text,
                          size_t room);
/* "float32 [1, 3, 48, 320]" */
const char *cli_tensor_text(const pum_tensor *tensor, char *text, size_t room);

/* Takes "NAME=1x3x48x320", or the shape alone where the model has one input, for each word: sets
 * type, dims and size of the input's tensor, no data. */
pum_status cli_model_take_shapes(struct cli *cli, struct cli_model *model,
                                 const struct option_words *words);

/* Gives the inputs that have no tensor a shape, symbolic dimensions by guess. Guesses are written
 * as "width=224 batch=1" into `text`, which is "" when nothing was guessed. */
pum_status cli_model_guess_shapes(struct cli *cli, struct cli_model *model, char *text,
                                  size_t room);

/* Takes "NAME=FILE", or FILE alone where the model has one input, for each word: reads .npy files,
 * and pictures for float32 or uint8 inputs. */
pum_status cli_model_take_files(struct cli *cli, struct cli_model *model,
                                const struct option_words *words);

/* Fills tensors without data with random values: floats in [-1, 1), integers 0 and 1. */
pum_status cli_model_fill_random(struct cli *cli, struct cli_model *model, uint64_t seed);

/* An error that lists the model's inputs, if one has no tensor (lists may be empty, optionals
 * absent). */
pum_status cli_model_check_inputs(struct cli *cli, const struct cli_model *model);

/* Hands all inputs to a session. */
pum_status cli_model_give(struct cli *cli, const struct cli_model *model, pum_session *session);

/* Of sessions that only plan: enough turns of a loop to have planned its body. */
#define CLI_PLAN_PARAMS ((pum_session_params){.max_loop_iterations = 100})

/* The plan for the inputs' shapes. Where shapes follow from data the model is run for it, on random
 * values where there are none. */
pum_status cli_model_plan(struct cli *cli, struct cli_model *model, pum_session *session,
                          pum_plan_info *out_plan);

/* The dims as a JSON list; symbols by name. */
json_t *cli_json_port(const struct cli_model *model, const pum_port_info *port);
json_t *cli_json_dims(const pum_tensor *tensor);

/* Shared by the parts of this header: finds the input that a word names, and what follows "=". */
pum_status cli_model_find_input(struct cli *cli, const struct cli_model *model, const char *word,
                                int32_t *out_index, const char **out_rest);

/* A picture as the input's tensor; PUM_E_SHAPE or PUM_E_TYPE where the input is no picture. */
pum_status cli_picture_tensor(struct cli *cli, const struct cli_model *model,
                              const pum_port_info *port, const char *path, pum_tensor *out_tensor);

#endif
