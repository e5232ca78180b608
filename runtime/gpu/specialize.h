/* SPDX-License-Identifier: MIT
 *
 * specialize.h - takes out of a SPIR-V module what its specialization constants make unreachable.
 * Drivers are meant to do this, but some read and translate every branch first (lavapipe: 10 ms a
 * pipeline), and some run both sides of each (SwiftShader: six times slower). Pure. Tests:
 * tests/gpu/test_specialize.c.
 */
#ifndef PUM_GPU_SPECIALIZE_H
#define PUM_GPU_SPECIALIZE_H

#include "base/context.h"

/* Writes to `out` (room for `words`) the module with switches and selections that the constants
 * decide reduced to the branch taken, and without the blocks that nothing reaches any more. The
 * constants themselves stay, to be given to the driver as before. *out_words is the new length;
 * when the module has something that is not understood it is copied as it is.
 * PUM_E_MEMORY only. */
pum_status gpu_specialize(pum_context *context, const uint32_t *code, size_t words,
                          const uint32_t *spec_ids, const uint32_t *spec_values,
                          uint32_t spec_count, uint32_t *out, size_t *out_words);

#endif
