/* SPDX-License-Identifier: MIT
 *
 * caps.h - what a device can do, as plain data: the snapshot that kernel choice and lowering work
 * from, so that both are pure and tested with made-up devices. The GPU room fills it in; the mask
 * (PUMICE_CAPS) is applied there. Capability words are these ids in lower case.
 */
#ifndef PUM_BASE_CAPS_H
#define PUM_BASE_CAPS_H

#include <stdbool.h>
#include <stdint.h>

/* XX(id, word, tier, text) */
#define BASE_CAP_MAP(XX)                                                                           \
    XX(SUBGROUP, "subgroup", 1, "subgroup arithmetic and shuffle in compute shaders")              \
    XX(SUBGROUP_SIZE, "subgroup_size", 1, "a required subgroup size can be set")                   \
    XX(F16_STORAGE, "f16_storage", 2, "16-bit elements in storage buffers")                        \
    XX(F16, "f16", 2, "fp16 arithmetic")                                                           \
    XX(I8_STORAGE, "i8_storage", 2, "8-bit elements in storage buffers")                           \
    XX(DOT8, "dot8", 2, "integer dot product")                                                     \
    XX(SHARED_FAST, "shared_fast", 0, "shared memory and barriers are cheap: a real GPU")          \
    XX(LANES_WIDE, "lanes_wide", 0, "few cores, wide vectors: a CPU driver; no barriers")          \
    XX(REGISTERS, "registers", 0, "many registers an invocation: large tiles do not spill")        \
    XX(EXTERNAL_HOST, "external_host", 0, "host memory can be imported")

enum base_cap {
#define XX(id, word, tier, text) BASE_CAP_##id,
    BASE_CAP_MAP(XX)
#undef XX
        BASE_CAP_COUNT
};
#define BASE_CAP_BIT(id) (1u << BASE_CAP_##id)

struct base_caps {
    uint32_t bits;  /* BASE_CAP_BIT(...) */
    int32_t tier;   /* 0..2: the highest whose needs are all met */
    uint32_t subgroup_size, subgroup_size_min, subgroup_size_max;
    uint32_t max_invocations;        /* per workgroup */
    uint32_t max_workgroup_size[3];
    uint32_t max_workgroup_count[3];
    uint32_t shared_bytes;
    uint32_t max_storage_buffers;    /* per shader */
    uint32_t max_push_bytes;
    uint64_t max_storage_range;      /* bytes that one binding may see */
    uint64_t max_buffer_bytes;       /* one buffer, one allocation */
    uint32_t storage_alignment;      /* of a binding's offset; a power of two */
    bool unified;                    /* device memory can be mapped by the host */
    /* Kernel rows not to use on this driver version (found wrong by verify); NULL-terminated. */
    const char *const *quarantined;
    /* Kernel rows to prefer (PUMICE_KERNEL); NULL-terminated. */
    const char *const *pinned;
};

#endif
