/* SPDX-License-Identifier: MIT
 *
 * exec.h - the inside of a session: plans made real on a device (buffers, pipelines, recorded
 * commands) and the runs that replay them. The public face is pumice.h. Tests: tests/exec/.
 */
#ifndef PUM_EXEC_EXEC_H
#define PUM_EXEC_EXEC_H

#include "exec/value.h"
#include "gpu/gpu.h"
#include "plan/plan.h"

/* --- Weights on the device, shared by a session's plans (weights.c) --- */

struct exec_weight {
    int32_t base_id;
    char *key; /* NULL: the elements as they are */
    struct gpu_range range;
};

struct exec_weights {
    struct pum_device *device;
    struct exec_weight *items;
    int32_t count, capacity;
    struct gpu_buffer **buffers;
    int32_t buffer_count, buffer_capacity;
};

/* Uploads those of the plan's weights that `weights` lacks; gives each weight's range (in the order
 * of plan->weights). With `own`, takes those that belong to the plan alone (base_id -1), else those
 * that the session shares. Frees what was packed. */
pum_status exec_weights_add(struct exec_weights *weights, struct plan *plan, bool own,
                            struct gpu_range *ranges, void (*progress)(void *user, float fraction),
                            void *progress_user);
bool exec_weights_has(void *weights, int32_t base_id, const char *key);
void exec_weights_free(struct exec_weights *weights);

/* --- A plan made real --- */

/* One submission: a command buffer with consecutive dispatches (or a part of a long one). */
struct exec_slice {
    struct gpu_commands *commands;
    int32_t segment;
    int32_t first_dispatch, dispatch_count;
    int32_t timestamp_count;
    double estimate_ns;
};

struct exec_plan {
    struct plan *plan;
    /* The key: types and shapes of the graph's inputs, and the data of those that the plan was made
     * for by value (else NULL). */
    struct tensor_desc *inputs;
    void **values;
    uint64_t last_use;
    bool real;
    struct gpu_buffer *arenas[PLAN_MAX_ARENAS];
    struct gpu_buffer *upload, *readback; /* NULL where the arenas can be mapped */
    uint64_t upload_bytes, readback_bytes;
    uint64_t *staging; /* by value: offset in upload or readback */
    struct exec_weights own;
    struct gpu_range *weights;       /* in the order of plan->weights */
    struct gpu_pipeline **pipelines; /* by dispatch */
    double *estimate_ns, *time_ns;   /* by dispatch */
    struct exec_slice *slices;
    int32_t slice_count, slice_capacity;
    void **host; /* by value: host copy in the declared type, or NULL */
    pum_step_info *infos;
    bool learned; /* the first run has corrected the estimates */
};

struct exec_input {
    struct tensor_desc desc;
    void *data;
    size_t capacity;
    bool set;
    bool lent;     /* data is somebody else's (exec_lend_input) */
    bool by_value; /* plans are made for its data: a shape follows from it */
    struct exec_value other; /* strings, a list, nothing: what plans do not hold */
};

enum exec_state { EXEC_IDLE, EXEC_IN_FLIGHT, EXEC_DONE };

struct exec_program;

#define EXEC_MAX_BOUND_NEEDS 32

struct pum_session {
    pum_context *context;
    struct pum_device *device;
    struct base_caps caps;   /* as pinned rows and quarantine stand for this session */
    struct pum_graph *graph; /* own clone after passes_load */
    struct exec_weights weights;
    struct exec_input *inputs;
    struct tensor_desc *descs; /* scratch: the inputs' descriptions */
    const void **values;       /* scratch: the data of inputs by value */
    struct exec_program *program; /* NULL: one plan holds the graph (exec/program.h) */
    struct exec_value *outputs;   /* of a program's run */
    struct pum_step_info *program_infos;
    bool island;                  /* part of a program: OP_NEEDS_DATA goes to it */
    struct graph_need need;       /* of the last OP_NEEDS_DATA */
    struct graph_need bound_needs[EXEC_MAX_BOUND_NEEDS]; /* that were met by binding inputs */
    int32_t bound_need_count;
    int32_t value_plans;          /* plans made because a bound value was new at known shapes */
    int64_t max_loop_iterations;
    uint64_t random_seed, random_count;
    int32_t cancelled;            /* atomic */
    struct exec_plan **plans;
    int32_t plan_count, max_plans;
    struct exec_plan *current;
    enum exec_state state;
    uint64_t ticket;
    uint64_t clock;
    uint64_t started_ns;
    bool profile;
    void (*progress)(void *user, float fraction);
    void *progress_user;
};

/* pum_session_create with other capabilities than the device's own (fewer, or rows pinned). `caps`
 * is copied; the lists it points to must outlive the session. An island is part of a program. */
pum_status exec_session_create(struct pum_device *device, struct pum_graph *graph,
                               const pum_session_params *params, const struct base_caps *caps,
                               bool island, struct pum_session **out_session);

/* Gives an input whose data stays the caller's until the next run has ended. */
pum_status exec_lend_input(struct pum_session *session, int32_t index,
                           const struct host_tensor *tensor);

/* Finds or makes the plan for these input descriptions; not yet real. `data`, by input, is read for
 * inputs that are bound by value; NULL, or NULL entries: not known. OP_NEEDS_DATA:
 * session->need. */
pum_status exec_find_plan(struct pum_session *session, const struct tensor_desc *inputs,
                          const void *const *data, struct exec_plan **out_plan);
void exec_plan_destroy(struct pum_session *session, struct exec_plan **plan);

/* Buffers, weights, pipelines, commands (realise.c). */
pum_status exec_realise(struct pum_session *session, struct exec_plan *plan);
/* Cuts the plan into slices by estimated time and records them (record.c). */
pum_status exec_record(struct pum_session *session, struct exec_plan *plan);
/* First estimates of each dispatch's time (record.c). */
void exec_estimate(const struct base_caps *caps, const struct plan *plan, double *out_ns);
/* Device bytes of a binding. */
struct gpu_range exec_range(const struct exec_plan *plan, const struct lower_binding *binding);
uint64_t exec_binding_bytes(const struct plan *plan, const struct lower_binding *binding);

/* Host data of a value in its declared type: an input's, a constant's, or the plan's copy. */
void *exec_host_data(const struct pum_session *session, const struct exec_plan *plan,
                     int32_t value);
/* Host steps of a segment, by their references (host_step.c). */
pum_status exec_host_steps(struct pum_session *session, struct exec_plan *plan, int32_t segment);

/* A session whose graph is a program (program_session.c). */
pum_status exec_make_program(struct pum_session *session);
void exec_drop_program(struct pum_session *session);
pum_status exec_run_program(struct pum_session *session);
pum_status exec_program_output(const struct pum_session *session, int32_t index, int32_t item,
                               pum_tensor *out_tensor);
pum_status exec_program_report(struct pum_session *session, pum_plan_info *out_info);

/* Fills plan->infos (report.c). */
pum_status exec_report(struct exec_plan *plan, pum_plan_info *out_info);

/* Parameters of a row's pipeline; in builds with test hooks the code may be spoilt on purpose
 * (break_kernel.c). */
struct exec_pipeline_specs {
    uint32_t ids[KERNEL_MAX_SPECS];
};
pum_status exec_pipeline_params(struct pum_device *device, const struct kernel_row *row,
                                const uint32_t *values, struct exec_pipeline_specs *specs,
                                struct gpu_pipeline_params *out_params);

#endif
