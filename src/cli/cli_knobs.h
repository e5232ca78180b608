/* SPDX-License-Identifier: MIT
 *
 * cli_knobs.h - the environment variables that the program itself reads, one row each; those of the
 * library (PUMICE_DEVICE, PUMICE_CAPS, PUMICE_CACHE_DIR ...) stand in its own table. No other file
 * under src/ reads the environment.
 */
#ifndef PUM_CLI_KNOBS_H
#define PUM_CLI_KNOBS_H

#define CLI_KNOB_MAP(XX)                                                                           \
    XX(OCR_MODELS, "PUMICE_OCR_MODELS", "folder of the models for `pumice ocr`")                   \
    XX(VAD_MODELS, "PUMICE_VAD_MODELS", "folder of the models for `pumice vad`")                   \
    XX(CACHE_HOME, "XDG_CACHE_HOME", "where caches go; else ~/.cache")                             \
    XX(HOME, "HOME", "the user's folder")

enum cli_knob {
#define XX(id, name, doc) CLI_KNOB_##id,
    CLI_KNOB_MAP(XX)
#undef XX
};

/* The value, NULL when unset or empty. */
const char *cli_knob_value(enum cli_knob knob);

#endif
