/* SPDX-License-Identifier: MIT
 *
 * device_plan.h - which device is used, and which capabilities it counts as having: pure policy
 * over snapshots (struct gpu_adapter) that adapter.c reads from Vulkan and tests make up.
 * Calls nothing of Vulkan. The one place that knows vendors and drivers by their numbers.
 * Tests: tests/gpu/test_device_plan.c.
 */
#ifndef PUM_GPU_DEVICE_PLAN_H
#define PUM_GPU_DEVICE_PLAN_H

#include "base/caps.h"
#include "base/status.h"

/* What a physical device says of itself. `info` holds the facts; the plan fills in its index,
 * tier, usable, chosen, reason and capabilities. */
struct gpu_adapter {
    pum_device_info info;
    uint8_t uuid[16];           /* all zero: unknown */
    uint32_t driver_id;         /* VkDriverId; 0: unknown */
    bool pci_known;
    uint32_t pci[4];            /* domain, bus, device, function */
    bool has_compute;           /* a queue family with compute */
    bool subgroup_compute;      /* subgroup operations are allowed in compute shaders */
    bool subgroup_basic, subgroup_arithmetic, subgroup_shuffle, subgroup_shuffle_relative;
    bool subgroup_size_control; /* the size can be required in compute */
    bool f16_storage, f16, i8_storage, dot8, external_host;
    bool unified;               /* all device-local memory can be mapped */
};

/* Capabilities that are not to be used. */
struct gpu_mask {
    uint32_t dropped; /* BASE_CAP_BIT(...) */
};

/* Reads "tier0".."tier2" or "-word,-word"; NULL or "" drops nothing. PUM_E_ARGUMENT names the word
 * and lists those that exist. */
pum_status gpu_plan_mask(const char *text, struct gpu_mask *out_mask);

/* The capabilities and limits that the rest of the runtime works from. */
void gpu_plan_caps(const struct gpu_adapter *adapter, const struct gpu_mask *mask,
                   struct base_caps *out_caps);

/* Judges `count` adapters: fills in their info's index, tier, capabilities, usable, chosen and
 * reason. Gives the index of the one that `select` (an index, a UUID, a part of a name; NULL or "":
 * the best) means; -1 when there is none, and then every reason says why. */
int32_t gpu_plan_choose(struct gpu_adapter *adapters, int32_t count, const char *select,
                        const struct gpu_mask *mask);

#endif
