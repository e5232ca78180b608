/* SPDX-License-Identifier: MIT
 *
 * vad.c - see vad.h. A run has a fixed number of steps, so that one plan serves a whole stream: a
 * run at the end is filled up with silence, whose results are dropped.
 */
#include "vad.h"

#include "pumice/pumice_onnx.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MANY_STEPS 64
#define MAX_STEPS 1024
#define MAX_STATES 2

/* How a version's ports are called. */
struct version {
    const char *states[MAX_STATES], *next[MAX_STATES]; /* inputs, and outputs of the same shape */
    int32_t state_count;
    int32_t layers, hidden; /* of a state: [layers, rows, hidden] */
    bool context;           /* the end of the step before stands in front of each */
};

static const struct version versions[] = {
    {{"state", NULL}, {"stateN", NULL}, 1, 2, 128, true},
    {{"h", "c"}, {"hn", "cn"}, 2, 2, 64, false},
};

struct vad {
    char *path; /* for messages */
    pum_graph *graph;
    pum_session *session;
    const struct version *version;
    int32_t input, rate_input, state_inputs[MAX_STATES];
    int32_t output, state_outputs[MAX_STATES];
    int64_t rate;
    int32_t window, context, steps; /* samples, samples, steps a run */
    float *rows;                    /* [steps, context + window] */
    int64_t filled;                 /* samples of the run being gathered */
    float *states[MAX_STATES];      /* [layers, steps, hidden]; row 0 counts */
    int64_t in_flight;              /* steps that count of the run in flight; 0: there is none */
    float *probabilities;
    int64_t count, capacity;
};

static pum_status failed(struct vad *vad, struct fault *fault, pum_status status)
{
    fault_from_library(fault, status);
    fault_prefix(fault, vad->path);
    return status;
}

/* --- Opening ---------------------------------------------------------------------------------- */

static int32_t find_port(const pum_graph *graph, const char *name, bool output)
{
    int32_t count = output ? pum_graph_output_count(graph) : pum_graph_input_count(graph);
    for (int32_t i = 0; i < count; i++) {
        pum_port_info info;
        pum_status status =
            output ? pum_graph_get_output(graph, i, &info) : pum_graph_get_input(graph, i, &info);
        if (status == PUM_OK && strcmp(info.name, name) == 0)
            return i;
    }
    return -1;
}

static bool fits(struct vad *vad, const struct version *version)
{
    vad->input = find_port(vad->graph, "input", false);
    vad->rate_input = find_port(vad->graph, "sr", false);
    vad->output = find_port(vad->graph, "output", true);
    bool good = vad->input >= 0 && vad->rate_input >= 0 && vad->output >= 0 &&
                pum_graph_input_count(vad->graph) == 2 + version->state_count;
    for (int32_t i = 0; i < version->state_count; i++) {
        vad->state_inputs[i] = find_port(vad->graph, version->states[i], false);
        vad->state_outputs[i] = find_port(vad->graph, version->next[i], true);
        good = good && vad->state_inputs[i] >= 0 && vad->state_outputs[i] >= 0;
    }
    return good;
}

static pum_status find_version(struct vad *vad, struct fault *fault)
{
    for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
        if (fits(vad, &versions[i])) {
            vad->version = &versions[i];
            return PUM_OK;
        }
    return fault_set(fault, PUM_E_UNSUPPORTED,
                     "%s: this is no silero VAD: its inputs are not input, sr and state, or input, "
                     "sr, h and c",
                     vad->path);
}

static size_t state_floats(const struct vad *vad)
{
    return (size_t)vad->version->layers * (size_t)vad->steps * (size_t)vad->version->hidden;
}

static pum_status open_network(struct vad *vad, pum_context *context, pum_device *device,
                               struct fault *fault)
{
    pum_status status = pum_onnx_open(context, vad->path, NULL, &vad->graph);
    if (status != PUM_OK)
        return fault_from_library(fault, status);
    status = find_version(vad, fault);
    if (status != PUM_OK)
        return status;
    const pum_session_params params = {.rows_follow = vad->steps > 1};
    status = pum_session_create(device, vad->graph, &params, &vad->session);
    return status == PUM_OK ? PUM_OK : failed(vad, fault, status);
}

static pum_status make_buffers(struct vad *vad, struct fault *fault)
{
    bool good = true;
    vad->window = vad->rate == 8000 ? 256 : 512;
    vad->context = !vad->version->context ? 0 : vad->window / 8;
    vad->rows = calloc((size_t)vad->steps * (size_t)(vad->context + vad->window), sizeof(float));
    for (int32_t i = 0; i < vad->version->state_count; i++) {
        vad->states[i] = calloc(state_floats(vad), sizeof(float));
        good = good && vad->states[i] != NULL;
    }
    return good && vad->rows != NULL
               ? PUM_OK
               : fault_set(fault, PUM_E_MEMORY, "%s: out of memory", vad->path);
}

pum_status vad_open(pum_context *context, pum_device *device, const struct vad_params *params,
                    struct vad **out_vad, struct fault *fault)
{
    *out_vad = NULL;
    if (params->sample_rate != 8000 && params->sample_rate != 16000)
        return fault_set(fault, PUM_E_ARGUMENT, "%d samples a second: it must be 16000 or 8000",
                         params->sample_rate);
    if (params->steps_a_run < 0 || params->steps_a_run > MAX_STEPS)
        return fault_set(fault, PUM_E_ARGUMENT, "%d steps a run: it must be 1 to %d",
                         params->steps_a_run, MAX_STEPS);
    struct vad *vad = calloc(1, sizeof(*vad));
    if (vad == NULL || (vad->path = strdup(params->model)) == NULL) {
        free(vad);
        return fault_set(fault, PUM_E_MEMORY, "%s: out of memory", params->model);
    }
    vad->rate = params->sample_rate;
    vad->steps = params->steps_a_run > 0 ? params->steps_a_run : MANY_STEPS;
    pum_status status = open_network(vad, context, device, fault);
    if (status == PUM_OK)
        status = make_buffers(vad, fault);
    if (status != PUM_OK)
        vad_close(&vad);
    *out_vad = vad;
    return status;
}

void vad_close(struct vad **vad_pointer)
{
    struct vad *vad = *vad_pointer;
    if (vad == NULL)
        return;
    pum_session_destroy(&vad->session);
    pum_graph_destroy(&vad->graph);
    for (int32_t i = 0; i < MAX_STATES; i++)
        free(vad->states[i]);
    free(vad->rows);
    free(vad->probabilities);
    free(vad->path);
    free(vad);
    *vad_pointer = NULL;
}

int32_t vad_window(const struct vad *vad)
{
    return vad->window;
}

const float *vad_probabilities(const struct vad *vad, int64_t *out_count)
{
    *out_count = vad->count;
    return vad->probabilities;
}

/* --- Running ---------------------------------------------------------------------------------- */

static pum_status keep(struct vad *vad, const pum_tensor *output, struct fault *fault)
{
    if (output->size_bytes != (size_t)vad->steps * sizeof(float))
        return fault_set(fault, PUM_E_UNSUPPORTED, "%s: it gives %zu bytes for %d steps", vad->path,
                         output->size_bytes, vad->steps);
    if (vad->count + vad->in_flight > vad->capacity) {
        int64_t capacity = 2 * (vad->count + vad->in_flight) + 1024;
        float *grown = realloc(vad->probabilities, (size_t)capacity * sizeof(float));
        if (grown == NULL)
            return fault_set(fault, PUM_E_MEMORY, "%s: out of memory", vad->path);
        vad->probabilities = grown;
        vad->capacity = capacity;
    }
    const float *values = output->data;
    for (int64_t i = 0; i < vad->in_flight; i++) {
        if (!isfinite(values[i]))
            return fault_set(fault, PUM_E_FORMAT,
                             "%.2f s: the network gives no number; the sound there is too loud",
                             (double)(vad->count * vad->window) / (double)vad->rate);
        vad->probabilities[vad->count++] = values[i];
    }
    return PUM_OK;
}

/* Row 0 of the next run's states is the last row that counts of this run's. */
static pum_status carry_state(struct vad *vad, int32_t index, struct fault *fault)
{
    const struct version *version = vad->version;
    pum_tensor next;
    pum_status status = pum_session_get_output(vad->session, vad->state_outputs[index], &next);
    if (status != PUM_OK)
        return failed(vad, fault, status);
    if (next.size_bytes != state_floats(vad) * sizeof(float))
        return fault_set(fault, PUM_E_UNSUPPORTED, "%s: output '%s' is no state", vad->path,
                         version->next[index]);
    size_t hidden = (size_t)version->hidden, plane = (size_t)vad->steps * hidden;
    for (size_t layer = 0; layer < (size_t)version->layers; layer++)
        memcpy(vad->states[index] + layer * plane,
               (const float *)next.data + layer * plane + (size_t)(vad->in_flight - 1) * hidden,
               hidden * sizeof(float));
    return PUM_OK;
}

/* Waits for the run in flight, if there is one, and takes its results. */
static pum_status collect(struct vad *vad, struct fault *fault)
{
    pum_tensor output;
    if (vad->in_flight == 0)
        return PUM_OK;
    pum_status status = pum_session_wait(vad->session, UINT64_MAX);
    if (status == PUM_OK)
        status = pum_session_get_output(vad->session, vad->output, &output);
    if (status != PUM_OK)
        return failed(vad, fault, status);
    for (int32_t i = 0; i < vad->version->state_count && status == PUM_OK; i++)
        status = carry_state(vad, i, fault);
    if (status == PUM_OK)
        status = keep(vad, &output, fault);
    vad->in_flight = 0;
    return status;
}

static pum_status set_inputs(struct vad *vad)
{
    const struct version *version = vad->version;
    int64_t width = vad->context + vad->window;
    pum_tensor input = {.dtype = PUM_DTYPE_F32,
                        .rank = 2,
                        .dims = {vad->steps, width},
                        .data = vad->rows,
                        .size_bytes = (size_t)(vad->steps * width) * sizeof(float)};
    pum_tensor rate = {.dtype = PUM_DTYPE_I64, .data = &vad->rate, .size_bytes = sizeof(int64_t)};
    pum_status status = pum_session_set_input(vad->session, vad->input, &input);
    if (status == PUM_OK)
        status = pum_session_set_input(vad->session, vad->rate_input, &rate);
    for (int32_t i = 0; i < version->state_count && status == PUM_OK; i++) {
        pum_tensor state = {.dtype = PUM_DTYPE_F32,
                            .rank = 3,
                            .dims = {version->layers, vad->steps, version->hidden},
                            .data = vad->states[i],
                            .size_bytes = state_floats(vad) * sizeof(float)};
        status = pum_session_set_input(vad->session, vad->state_inputs[i], &state);
    }
    return status;
}

/* Starts a run with the first `count` rows. */
static pum_status launch(struct vad *vad, int64_t count, struct fault *fault)
{
    size_t width = (size_t)(vad->context + vad->window), context = (size_t)vad->context;
    pum_status status = collect(vad, fault);
    if (status != PUM_OK)
        return status;
    memset(vad->rows + (size_t)count * width, 0,
           ((size_t)vad->steps - (size_t)count) * width * sizeof(float));
    status = set_inputs(vad);
    if (status == PUM_OK)
        status = pum_session_submit(vad->session);
    if (status != PUM_OK)
        return failed(vad, fault, status);
    vad->in_flight = count;
    vad->filled = 0;
    /* The inputs were copied: the next row 0 begins with the end of this run's last row. */
    memmove(vad->rows, vad->rows + (size_t)count * width - context, context * sizeof(float));
    return PUM_OK;
}

pum_status vad_push(struct vad *vad, const float *samples, int64_t count, struct fault *fault)
{
    int64_t window = vad->window, width = vad->context + window;
    while (count > 0) {
        int64_t row = vad->filled / window, at = vad->filled % window;
        int64_t taken = window - at < count ? window - at : count;
        float *to = vad->rows + row * width;
        if (at == 0 && row > 0)
            memcpy(to, to - vad->context, (size_t)vad->context * sizeof(float));
        memcpy(to + vad->context + at, samples, (size_t)taken * sizeof(float));
        vad->filled += taken;
        samples += taken;
        count -= taken;
        if (vad->filled == vad->steps * window) {
            pum_status status = launch(vad, vad->steps, fault);
            if (status != PUM_OK)
                return status;
        }
    }
    return PUM_OK;
}

pum_status vad_finish(struct vad *vad, struct fault *fault)
{
    int64_t window = vad->window, rest = vad->filled % window;
    pum_status status = PUM_OK;
    if (rest > 0) {
        float *row = vad->rows + vad->filled / window * (vad->context + window);
        memset(row + vad->context + rest, 0, (size_t)(window - rest) * sizeof(float));
    }
    if (vad->filled > 0)
        status = launch(vad, (vad->filled + window - 1) / window, fault);
    if (status == PUM_OK)
        status = collect(vad, fault);
    memset(vad->rows, 0, (size_t)vad->context * sizeof(float));
    for (int32_t i = 0; i < vad->version->state_count; i++)
        memset(vad->states[i], 0, state_floats(vad) * sizeof(float));
    return status;
}
