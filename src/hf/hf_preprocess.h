/* SPDX-License-Identifier: MIT
 *
 * hf_preprocess.h - preprocessor_config.json: how a model wants its pictures. Tests:
 * tests/hf/test_hf_vision.c.
 */
#ifndef PUM_HF_PREPROCESS_H
#define PUM_HF_PREPROCESS_H

#include "image/preprocess.h"

/* Changes *how to what FOLDER/preprocessor_config.json says; *out_found false: there is none. Takes
 * the forms of size ({"height", "width"}, {"shortest_edge"}, a number), crop_size, do_resize,
 * do_center_crop, do_rescale, do_normalize, resample, rescale_factor, image_mean, image_std and
 * crop_pct. */
pum_status hf_preprocess_load(const char *folder, struct preprocess *how, bool *out_found,
                              struct fault *fault);

#endif
