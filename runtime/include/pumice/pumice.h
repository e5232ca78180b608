/* SPDX-License-Identifier: MIT
 *
 * pumice.h - run neural networks on any Vulkan device, from C.
 *
 * This header is all that a host program needs: a context, a device, a session made from a graph
 * (built with pumice_graph.h or read from a file with pumice_onnx.h), tensors in and out.
 *
 * Rules that hold everywhere:
 *  - Every function that can fail returns pum_status. Results come through `out_` parameters, which
 *    are NULL or zero on failure. pum_last_error() then says what was wrong, where and what to do.
 *  - The library never aborts, exits or prints. Messages go to the context's log sink, if any.
 *  - `_destroy(&object)` takes NULL or a pointer to NULL, and leaves NULL behind. Destroy children
 *    (sessions) before their parents (device, then context).
 *  - Parameter structs may be zero: zero is the default of every field. They are read during the
 *    call only; nothing in them is kept unless the field says so.
 *  - Strings are UTF-8 and NUL-terminated. Tensors are row-major and contiguous.
 */
#ifndef PUMICE_PUMICE_H
#define PUMICE_PUMICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(PUM_STATIC)
#define PUM_API
#elif defined(_WIN32)
#ifdef PUM_BUILDING
#define PUM_API __declspec(dllexport)
#else
#define PUM_API __declspec(dllimport)
#endif
#else
#define PUM_API __attribute__((visibility("default")))
#endif

#if defined(__GNUC__)
#define PUM_NODISCARD __attribute__((warn_unused_result))
#else
#define PUM_NODISCARD
#endif

#define PUM_VERSION_MAJOR 0
#define PUM_VERSION_MINOR 1
#define PUM_VERSION_PATCH 0

/* Tensors have at most this many axes. */
#define PUM_MAX_RANK 8

/* Status codes: id, value, name, text, and when a retry makes sense. */
#define PUM_STATUS_MAP(XX)                                                                         \
    XX(PUM_OK, 0, "ok", "no error", "-")                                                           \
    XX(PUM_E_ARGUMENT, 1, "argument", "an argument is wrong", "never: fix the call")               \
    XX(PUM_E_FILE, 2, "file", "a file cannot be read or written", "after the file is mended")      \
    XX(PUM_E_FORMAT, 3, "format", "a file's content is malformed", "never: the file is damaged")   \
    XX(PUM_E_UNSUPPORTED, 4, "unsupported", "valid, but not supported here", "on another device")  \
    XX(PUM_E_SHAPE, 5, "shape", "shapes do not fit together", "with other shapes")                 \
    XX(PUM_E_TYPE, 6, "type", "an element type does not fit", "with another type")                 \
    XX(PUM_E_RANGE, 7, "range", "a value is out of range", "with other values")                    \
    XX(PUM_E_MEMORY, 8, "memory", "out of host memory", "after memory was freed")                  \
    XX(PUM_E_DEVICE_MEMORY, 9, "device-memory", "out of device memory", "after memory was freed")  \
    XX(PUM_E_NO_LOADER, 10, "no-loader", "no Vulkan loader on this machine", "after installing")   \
    XX(PUM_E_NO_DEVICE, 11, "no-device", "no usable Vulkan device", "after installing a driver")   \
    XX(PUM_E_DEVICE_LOST, 12, "device-lost", "the device was lost", "with a new device")           \
    XX(PUM_E_DRIVER, 13, "driver", "the driver reported an error", "perhaps once")                 \
    XX(PUM_E_TIMEOUT, 14, "timeout", "the time ran out", "yes: wait again")                        \
    XX(PUM_E_STATE, 15, "state", "not allowed in this state", "after the state changed")           \
    XX(PUM_E_INTERNAL, 16, "internal", "a fault of Pumice's own", "never: please report it")       \
    XX(PUM_E_CANCELLED, 17, "cancelled", "the run was cancelled", "yes: run again")                \
    XX(PUM_E_LIMIT, 18, "limit", "a limit of the session was reached", "with a higher limit")

typedef enum pum_status {
#define XX(id, value, name, text, retry) id = value,
    PUM_STATUS_MAP(XX)
#undef XX
} pum_status;

/* The short name of a status, such as "shape". Never NULL.
 * Errors: none; an unknown code gives "unknown". Threads: Safe. */
PUM_API const char *pum_status_name(pum_status status);

/* The message of the calling thread's last failed call: what, where, what to do.
 * Errors: none; "" when nothing has failed on this thread. Threads: Safe.
 * Ownership: borrowed, until this thread's next failing call. */
PUM_API const char *pum_last_error(void);

/* The library's version, "0.1.0". Errors: none. Threads: Safe. Ownership: static. */
PUM_API const char *pum_version(void);

/* Element types. Sizes in bytes are given by pum_dtype_size. */
typedef enum pum_dtype {
    PUM_DTYPE_NONE = 0,
    PUM_DTYPE_F32,
    PUM_DTYPE_F16,
    PUM_DTYPE_BF16,
    PUM_DTYPE_F64,
    PUM_DTYPE_I8,
    PUM_DTYPE_I16,
    PUM_DTYPE_I32,
    PUM_DTYPE_I64,
    PUM_DTYPE_U8,
    PUM_DTYPE_U16,
    PUM_DTYPE_U32,
    PUM_DTYPE_U64,
    PUM_DTYPE_BOOL,   /* one byte, 0 or 1 */
    PUM_DTYPE_STRING, /* an element is a `const char *` to NUL-terminated UTF-8; host only */
    PUM_DTYPE_COUNT
} pum_dtype;

/* Bytes of one element; 0 for an unknown type. Errors: none. Threads: Safe. */
PUM_API size_t pum_dtype_size(pum_dtype dtype);

/* The name of a type, "float32", "int64", as NumPy spells it ("bfloat16" for bf16).
 * Errors: none; "none" for an unknown type. Threads: Safe. Ownership: static. */
PUM_API const char *pum_dtype_name(pum_dtype dtype);

/* ---------------------------------------------------------------------------------------------
 * Context: allocator, log sink and cache folder. No state lives outside it.
 * ------------------------------------------------------------------------------------------- */

/* Threads: Safe once created; create and destroy from one thread. */
typedef struct pum_context pum_context;

typedef enum pum_log_level {
    PUM_LOG_ERROR = 1,
    PUM_LOG_WARNING,
    PUM_LOG_INFO,
    PUM_LOG_DEBUG
} pum_log_level;

/* Host memory. All three are set, or none (then malloc, realloc and free). They may be called from
 * any thread; alignment as malloc's. Kept by the context, with `user`. */
typedef struct pum_allocator {
    void *(*alloc)(void *user, size_t size_bytes);
    void *(*realloc)(void *user, void *block, size_t size_bytes);
    void (*free)(void *user, void *block);
    void *user;
} pum_allocator;

typedef struct pum_context_params {
    pum_allocator allocator;
    /* Optional sink for messages; may be called from any thread. NULL: silent. */
    void (*log)(void *user, pum_log_level level, const char *message);
    void *log_user;
    pum_log_level log_level; /* the most detailed level passed to the sink; 0: PUM_LOG_WARNING */
    /* Folder for the pipeline cache and the quarantine list. NULL: PUMICE_CACHE_DIR, else
     * $XDG_CACHE_HOME/pumice, else ~/.cache/pumice. "" switches caching off. */
    const char *cache_dir;
} pum_context_params;

/* Makes a context. `params` may be NULL.
 * Errors: PUM_E_ARGUMENT (half an allocator), PUM_E_MEMORY. Threads: Safe.
 * Ownership: the caller destroys it, after everything made from it. */
PUM_API PUM_NODISCARD pum_status pum_context_create(const pum_context_params *params,
                                                    pum_context **out_context);

/* Ends a context. Errors: none. Threads: External lock on the context. */
PUM_API void pum_context_destroy(pum_context **context);

/* ---------------------------------------------------------------------------------------------
 * Devices
 * ------------------------------------------------------------------------------------------- */

typedef enum pum_device_kind {
    PUM_DEVICE_OTHER = 0,
    PUM_DEVICE_INTEGRATED,
    PUM_DEVICE_DISCRETE,
    PUM_DEVICE_VIRTUAL,
    PUM_DEVICE_CPU /* a software driver: right, but slow */
} pum_device_kind;

#define PUM_MAX_HEAPS 16

typedef struct pum_device_info {
    int32_t index;          /* what `--device 0` means; stable while drivers do not change */
    char name[256];         /* as the driver gives it */
    char driver[256];       /* driver name and version text */
    char uuid[37];          /* 8-4-4-4-12 hexadecimal digits */
    uint32_t vendor_id, device_id, driver_version;
    uint32_t api_version;   /* as VK_MAKE_API_VERSION packs it */
    pum_device_kind kind;
    int32_t tier;           /* highest capability tier, 0..2 here, after the mask; -1 unusable */
    bool usable;
    bool chosen;            /* pum_device_open with zero parameters would take this one */
    char reason[256];       /* why it is chosen, or why it is not */
    char capabilities[512]; /* words, separated by spaces */
    uint32_t heap_count;
    struct {
        uint64_t size_bytes;
        uint64_t available_bytes; /* by VK_EXT_memory_budget; equals size_bytes without it */
        bool device_local;
        bool host_visible;
    } heaps[PUM_MAX_HEAPS];
    uint32_t subgroup_size, subgroup_size_min, subgroup_size_max;
    uint32_t max_workgroup_invocations;
    uint32_t max_workgroup_size[3];
    uint32_t max_workgroup_count[3];
    uint32_t shared_memory_bytes;
    uint32_t max_storage_buffers;
    uint32_t max_push_bytes;
    uint64_t max_storage_range_bytes;
    uint64_t max_allocation_bytes;
    uint32_t storage_alignment_bytes;
    float timestamp_period_ns; /* 0: no timestamps */
} pum_device_info;

/* Which device: the first of these that is set decides. */
typedef struct pum_device_params {
    /* "0" (index), part of a name ("radeon"), or a UUID. NULL: PUMICE_DEVICE, else the best. */
    const char *select;
    /* Mask over the capabilities: "tier0".."tier2", or words to drop, "-f16,-subgroup".
     * NULL: PUMICE_CAPS, else everything that the device has. */
    const char *caps;
    /* Longest single submission in milliseconds. 0: 100. */
    uint32_t time_budget_ms;
    /* Zero-based index of a Vulkan allocation that fails on purpose plus one; 0: none. For tests of
     * a host's own error paths. */
    uint32_t fail_allocation;
} pum_device_params;

/* Lists what there is. Devices that cannot be used are listed too, with the reason.
 * `params` may be NULL. Ownership: *out_infos is freed by pum_device_list_free.
 * Errors: PUM_E_NO_LOADER, PUM_E_NO_DEVICE (no driver at all), PUM_E_MEMORY. Threads: Safe. */
PUM_API PUM_NODISCARD pum_status pum_device_list(pum_context *context,
                                                 const pum_device_params *params,
                                                 pum_device_info **out_infos, int32_t *out_count);

/* Frees what pum_device_list gave. Errors: none. Threads: Safe. */
PUM_API void pum_device_list_free(pum_context *context, pum_device_info **infos);

/* Threads: Safe. */
typedef struct pum_device pum_device;

/* Opens a device. `params` may be NULL.
 * Errors: PUM_E_NO_LOADER, PUM_E_NO_DEVICE (nothing fits `select`), PUM_E_ARGUMENT (a mask word is
 * unknown), PUM_E_MEMORY, PUM_E_DRIVER. Threads: Safe.
 * Ownership: the caller destroys it, after its sessions. Blocks: yes, tens of milliseconds. */
PUM_API PUM_NODISCARD pum_status pum_device_open(pum_context *context,
                                                 const pum_device_params *params,
                                                 pum_device **out_device);

/* Waits for the device's work and ends it; writes the pipeline cache.
 * Errors: none. Threads: External lock on the device. Blocks: yes. */
PUM_API void pum_device_destroy(pum_device **device);

/* What the device is. Errors: none. Threads: Safe. Ownership: borrowed, lives as the device. */
PUM_API const pum_device_info *pum_device_get_info(const pum_device *device);

/* Counters of a device since it was opened; for tests and curious hosts. */
typedef struct pum_device_counters {
    uint64_t driver_allocations;  /* host memory taken for the driver, by its callbacks */
    uint64_t memory_allocations;  /* vkAllocateMemory */
    uint64_t memory_bytes;        /* device memory now held */
    uint64_t pipelines_created;
    uint64_t submissions;
    uint64_t cache_bytes_loaded;  /* of the pipeline cache file that the driver was handed */
    uint64_t cache_files_written;
} pum_device_counters;

/* Reads the counters. Errors: none. Threads: Safe. */
PUM_API void pum_device_get_counters(const pum_device *device, pum_device_counters *out_counters);

/* ---------------------------------------------------------------------------------------------
 * Tensors
 * ------------------------------------------------------------------------------------------- */

/* A tensor in host memory. Shapes: dims[0..rank), row-major. Ownership: of `data` as each function
 * says. */
typedef struct pum_tensor {
    pum_dtype dtype;
    int32_t rank;
    int64_t dims[PUM_MAX_RANK];
    void *data;
    size_t size_bytes;
} pum_tensor;

/* ---------------------------------------------------------------------------------------------
 * Sessions: a graph on a device
 * ------------------------------------------------------------------------------------------- */

typedef struct pum_graph pum_graph;

/* Threads: External lock on the session. */
typedef struct pum_session pum_session;

typedef struct pum_session_params {
    /* Plans kept for different input shapes; the least recently used goes. 0: 8. */
    int32_t max_plans;
    /* Timestamps around each dispatch (see pum_session_profile). */
    bool profile;
    /* Start of the random generators (RandomNormal, Bernoulli, ...): the same seed gives the same
     * numbers run by run. 0: a fixed default. Operators with a seed of their own use that. */
    uint64_t random_seed;
    /* A Loop that runs longer than this fails with PUM_E_LIMIT. 0: 1,000,000. */
    int64_t max_loop_iterations;
    /* For networks that keep a state from run to run (an input of state, an output of the next):
     * the rows of the batch are consecutive pieces of one stream, so that a run takes many pieces
     * at once. Forward RNN, GRU and LSTM layers begin row i with the state that row i - 1 ended
     * with, and row 0 with row 0 of their initial state, whose other rows are not read; state
     * outputs hold, in row i, the state behind piece i. All else must treat each row on its own, as
     * for a batch. A backward layer, or one with sequence lengths, is PUM_E_UNSUPPORTED. */
    bool rows_follow;
    /* Progress while weights are uploaded, 0..1; may be NULL. Called on the calling thread. */
    void (*progress)(void *user, float fraction);
    void *progress_user;
} pum_session_params;

/* Prepares a finished graph for a device: shape-independent passes, weights to the device.
 * The graph is kept alive by the session; the caller may destroy its handle at once.
 * Errors: PUM_E_STATE (graph not finished), PUM_E_DEVICE_MEMORY, PUM_E_MEMORY, PUM_E_UNSUPPORTED.
 * Threads: Safe. Blocks: yes. Ownership: the caller destroys it. */
PUM_API PUM_NODISCARD pum_status pum_session_create(pum_device *device, pum_graph *graph,
                                                    const pum_session_params *params,
                                                    pum_session **out_session);

/* Waits for the session's work and ends it. Errors: none. Threads: External lock on session. */
PUM_API void pum_session_destroy(pum_session **session);

/* Gives an input by its position. The data is copied before the call returns.
 * Errors: PUM_E_ARGUMENT (index, NULL data, size), PUM_E_TYPE, PUM_E_SHAPE (differs from what the
 * graph declares), PUM_E_MEMORY, PUM_E_STATE (work is in flight). Threads: External lock. */
PUM_API PUM_NODISCARD pum_status pum_session_set_input(pum_session *session, int32_t index,
                                                       const pum_tensor *tensor);

/* What an input or output holds. Most are tensors; models may also pass lists of tensors, and
 * optional values that are nothing. */
typedef enum pum_value_kind {
    PUM_VALUE_TENSOR = 0,
    PUM_VALUE_SEQUENCE,
    PUM_VALUE_NONE /* an optional without a value */
} pum_value_kind;

/* Gives an input that is a list of tensors; all are copied. `count` may be 0.
 * Errors: as pum_session_set_input. Threads: External lock. */
PUM_API PUM_NODISCARD pum_status pum_session_set_sequence(pum_session *session, int32_t index,
                                                          const pum_tensor *items, int32_t count);

/* Gives an optional input as nothing. Errors: as pum_session_set_input. Threads: External lock. */
PUM_API PUM_NODISCARD pum_status pum_session_set_none(pum_session *session, int32_t index);

/* Stops the run in flight, and one that another thread is in: it returns PUM_E_CANCELLED between
 * two steps. Later runs work. Errors: none. Threads: Safe, from any thread and a signal handler. */
PUM_API void pum_session_cancel(pum_session *session);

/* Starts a run with the inputs given. The first run with new shapes makes a plan (allocates,
 * compiles); later ones replay it and allocate nothing.
 * Errors: PUM_E_STATE (an input is missing, or work is in flight), PUM_E_SHAPE, PUM_E_TYPE,
 * PUM_E_UNSUPPORTED, PUM_E_DEVICE_MEMORY, PUM_E_MEMORY, PUM_E_DEVICE_LOST, PUM_E_DRIVER.
 * Threads: External lock. Blocks: for planning, and where a step must run on the host. */
PUM_API PUM_NODISCARD pum_status pum_session_submit(pum_session *session);

/* Waits for the run that pum_session_submit started. `timeout_ns`: UINT64_MAX waits for ever.
 * Errors: PUM_E_TIMEOUT (still running: call again), PUM_E_STATE (nothing was submitted),
 * PUM_E_DEVICE_LOST, PUM_E_RANGE. Threads: External lock. Blocks: yes. */
PUM_API PUM_NODISCARD pum_status pum_session_wait(pum_session *session, uint64_t timeout_ns);

/* pum_session_submit, then pum_session_wait for ever. Errors, Threads, Blocks: as both. */
PUM_API PUM_NODISCARD pum_status pum_session_run(pum_session *session);

/* An output of the last finished run, in the type that the graph declares.
 * Ownership: borrowed, until the next submit or the session's end; an output that is an input of
 * the graph only until that input is set again.
 * Errors: PUM_E_ARGUMENT (index), PUM_E_STATE (no finished run). Threads: External lock. */
PUM_API PUM_NODISCARD pum_status pum_session_get_output(pum_session *session, int32_t index,
                                                        pum_tensor *out_tensor);

/* What output `index` holds after a run, and how many tensors (1 for a tensor, 0 for nothing).
 * Errors: as pum_session_get_output. Threads: External lock. */
PUM_API PUM_NODISCARD pum_status pum_session_get_output_kind(pum_session *session, int32_t index,
                                                             pum_value_kind *out_kind,
                                                             int32_t *out_count);

/* Tensor `item` of an output that is a list. Ownership, Errors, Threads: as
 * pum_session_get_output. */
PUM_API PUM_NODISCARD pum_status pum_session_get_output_item(pum_session *session, int32_t index,
                                                             int32_t item, pum_tensor *out_tensor);

/* ---------------------------------------------------------------------------------------------
 * Looking inside: what `pumice explain`, `--profile` and `pumice verify` print
 * ------------------------------------------------------------------------------------------- */

typedef enum pum_step_kind { PUM_STEP_DISPATCH, PUM_STEP_HOST } pum_step_kind;

/* One step of a plan. Ownership of the strings: the session's, until the plan is dropped. */
typedef struct pum_step_info {
    pum_step_kind kind;
    const char *op;          /* operator, "Conv" */
    const char *node;        /* node of the model */
    const char *kernel;      /* kernel row, "matmul_direct_f32"; "reference" for a host step */
    const char *fused;       /* what was folded into it, "BatchNormalization HardSwish", or "" */
    const char *why;         /* why this row and not an earlier one */
    uint32_t groups[3];
    uint64_t read_bytes, write_bytes;
    double flops;
    bool barrier_before;
    double time_ns;          /* of the last profiled run; 0 without */
} pum_step_info;

typedef struct pum_plan_info {
    int32_t step_count;
    const pum_step_info *steps;
    uint64_t weight_bytes;
    uint64_t activation_peak_bytes;  /* what the planner laid out */
    uint64_t activation_bound_bytes; /* the largest live set: no plan needs less */
    uint64_t staging_bytes;
    int32_t dispatch_count, host_step_count, barrier_count, submission_count, pipeline_count;
} pum_plan_info;

/* Plans for the inputs' shapes (types and dims of `inputs`) without running. Data is read only
 * where a shape follows from it, and may be NULL. With `inputs` NULL: the plan of the last run.
 * PUM_E_STATE where shapes follow from what a run computes: run first.
 * Errors: as pum_session_submit; PUM_E_STATE without a plan. Threads: External lock.
 * Ownership: borrowed, until the next call on the session. Blocks: yes. */
PUM_API PUM_NODISCARD pum_status pum_session_plan(pum_session *session, const pum_tensor *inputs,
                                                  int32_t input_count, pum_plan_info *out_info);

/* One kernel variant's verdict. */
typedef struct pum_verify_result {
    const char *kernel; /* row */
    const char *op;
    int32_t case_count, failed_count;
    double worst_error;     /* largest error over its tolerance; above 1 fails */
    const char *detail;     /* of the first failure: shape, index, both values; "" */
    bool skipped;           /* the device cannot run it; `detail` says why */
    bool quarantined;       /* now on the quarantine list of this driver version */
} pum_verify_result;

typedef struct pum_verify_params {
    const char *kernel_filter; /* only kernels whose name contains this; NULL: all */
    uint64_t seed;             /* of the random values; 0: fixed default */
    bool quarantine;           /* write failures to the quarantine list */
    void (*report)(void *user, const pum_verify_result *result); /* once a kernel; may be NULL */
    void *report_user;
} pum_verify_params;

/* Runs every kernel variant that this device could use against its reference.
 * Errors: PUM_E_DRIVER, PUM_E_MEMORY, PUM_E_DEVICE_LOST; kernels that give wrong numbers are not an
 * error of the call: they are counted in *out_failed. Threads: Safe. Blocks: yes, for seconds. */
PUM_API PUM_NODISCARD pum_status pum_device_verify(pum_device *device,
                                                   const pum_verify_params *params,
                                                   int32_t *out_failed);

/* One kernel row as this device sees it; `compiled` rows carry the driver's statistics. */
typedef struct pum_kernel_info {
    const char *name;
    const char *family;
    const char *needs;      /* capability words */
    bool usable;
    const char *why;        /* why it is not usable; "" */
    bool compiled;
    bool spills;            /* the driver reports spilled registers or scratch memory */
    char statistics[512];   /* "VGPRs 36, Instructions 150"; "" where the driver tells nothing */
} pum_kernel_info;

/* Lists all kernel rows, and with `compile` builds every usable one with its default tunables.
 * `report` is called once a row. Errors: PUM_E_DRIVER (a pipeline could not be made),
 * PUM_E_MEMORY. Threads: Safe. Blocks: yes, for seconds. */
PUM_API PUM_NODISCARD pum_status pum_device_kernels(
    pum_device *device, bool compile, void (*report)(void *user, const pum_kernel_info *info),
    void *user);

#ifdef __cplusplus
}
#endif
#endif
