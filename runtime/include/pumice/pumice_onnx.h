/* SPDX-License-Identifier: MIT
 *
 * pumice_onnx.h - read an ONNX file into a graph.
 */
#ifndef PUMICE_PUMICE_ONNX_H
#define PUMICE_PUMICE_ONNX_H

#include "pumice_graph.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pum_onnx_params {
    uint64_t max_file_bytes; /* refuse larger model files; 0: 2 GiB, protobuf's own limit */
} pum_onnx_params;

/* Reads a model file, default domain opsets 1 to 20, into a finished graph. Weights stay mapped
 * from the file (and from external data files, which must lie in the model's folder or below).
 *
 * Inputs may be tensors, sequences and optionals (pum_port_info.kind); one without a declared shape
 * takes any. Bodies of If, Loop, Scan and SequenceMap become graphs of their own that get what they
 * capture as inputs (pum_input_any); functions that the file defines are written out where they are
 * called; sparse tensors become dense. What exists in training only is refused or left out.
 *
 * `params` may be NULL. Errors: PUM_E_FILE (cannot be opened), PUM_E_FORMAT (damaged or
 * inconsistent; names the node or tensor), PUM_E_UNSUPPORTED (one message that lists every
 * operator, with its node and opset, that is not supported; graphs or functions that nest too
 * deeply), PUM_E_SHAPE, PUM_E_TYPE, PUM_E_MEMORY. Threads: Safe. Ownership: the caller destroys
 * the graph. Blocks: on the file. */
PUM_API PUM_NODISCARD pum_status pum_onnx_open(pum_context *context, const char *path,
                                               const pum_onnx_params *params,
                                               pum_graph **out_graph);

/* The same from memory, which may be freed after the call; no external data.
 * Errors, Threads, Ownership: as pum_onnx_open. */
PUM_API PUM_NODISCARD pum_status pum_onnx_read(pum_context *context, const void *data,
                                               size_t size_bytes, const pum_onnx_params *params,
                                               pum_graph **out_graph);

#ifdef __cplusplus
}
#endif
#endif
