/* SPDX-License-Identifier: MIT
 *
 * device_plan.c - see device_plan.h. A device that can run goes before one that only compiles, a
 * real GPU before a software driver, a discrete one before an integrated one, then the higher tier,
 * then more memory. A GPU that two drivers list is used through one of them. Every candidate gets a
 * sentence that says why it is used or not.
 */
#include "gpu/device_plan.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vulkan/vulkan_core.h>

/* The least that tier 0 stands on. */
#define MIN_INVOCATIONS 128u
#define MIN_SHARED_BYTES 16384u
#define MIN_STORAGE_BUFFERS 4u

/* No limit tells how many registers an invocation has. GPUs with narrow subgroups (Mali: 16 lanes,
 * 64 registers) have few; those of 32 and more lanes have 128 to 256. CPU drivers have a stack. */
#define MANY_REGISTERS_SUBGROUP 32u

static const struct {
    const char *word;
    uint32_t bit;
    int32_t tier;
} cap_table[] = {
#define XX(id, word, tier, text) {word, BASE_CAP_BIT(id), tier},
    BASE_CAP_MAP(XX)
#undef XX
};

/* --- The mask --- */

static pum_status mask_unknown(const char *word, size_t length)
{
    char known[256];
    size_t used = 0;
    known[0] = '\0';
    for (size_t i = 0; i < PUM_COUNT_OF(cap_table) && used < sizeof(known); ++i)
        used += (size_t)snprintf(known + used, sizeof(known) - used, " -%s", cap_table[i].word);
    return pum_fail(PUM_E_ARGUMENT,
                    "capability mask: '%.*s' is not known; use tier0, tier1 or tier2, or drop "
                    "words, separated by commas:%s",
                    (int)(length > 64 ? 64 : length), word, known);
}

static pum_status mask_word(const char *word, size_t length, struct gpu_mask *mask)
{
    if (length == 5 && strncmp(word, "tier", 4) == 0 && word[4] >= '0' && word[4] <= '2') {
        for (size_t i = 0; i < PUM_COUNT_OF(cap_table); ++i)
            if (cap_table[i].tier > word[4] - '0')
                mask->dropped |= cap_table[i].bit;
        return PUM_OK;
    }
    if (length > 1 && word[0] == '-') {
        for (size_t i = 0; i < PUM_COUNT_OF(cap_table); ++i) {
            if (strlen(cap_table[i].word) == length - 1 &&
                strncmp(cap_table[i].word, word + 1, length - 1) == 0) {
                mask->dropped |= cap_table[i].bit;
                return PUM_OK;
            }
        }
    }
    return mask_unknown(word, length);
}

pum_status gpu_plan_mask(const char *text, struct gpu_mask *out_mask)
{
    *out_mask = (struct gpu_mask){0};
    struct gpu_mask mask = {0};
    const char *at = text ? text : "";
    while (*at) {
        at += strspn(at, ", ");
        size_t length = strcspn(at, ", ");
        if (length > 0)
            PUM_TRY(mask_word(at, length, &mask));
        at += length;
    }
    *out_mask = mask;
    return PUM_OK;
}

/* --- Capabilities and tier --- */

static uint32_t adapter_bits(const struct gpu_adapter *a)
{
    uint32_t bits = 0;
    bool subgroup = a->subgroup_compute && a->subgroup_basic && a->subgroup_arithmetic &&
                    a->subgroup_shuffle && a->subgroup_shuffle_relative &&
                    a->info.subgroup_size >= 4;
    if (subgroup)
        bits |= BASE_CAP_BIT(SUBGROUP);
    if (subgroup && a->subgroup_size_control)
        bits |= BASE_CAP_BIT(SUBGROUP_SIZE);
    if (a->f16_storage)
        bits |= BASE_CAP_BIT(F16_STORAGE);
    if (a->f16)
        bits |= BASE_CAP_BIT(F16);
    if (a->i8_storage)
        bits |= BASE_CAP_BIT(I8_STORAGE);
    if (a->dot8)
        bits |= BASE_CAP_BIT(DOT8);
    if (a->external_host)
        bits |= BASE_CAP_BIT(EXTERNAL_HOST);
    if (a->info.kind == PUM_DEVICE_CPU || a->info.subgroup_size >= MANY_REGISTERS_SUBGROUP)
        bits |= BASE_CAP_BIT(REGISTERS);
    bits |= a->info.kind == PUM_DEVICE_CPU ? BASE_CAP_BIT(LANES_WIDE) : BASE_CAP_BIT(SHARED_FAST);
    return bits;
}

/* DOT8 and SUBGROUP_SIZE are extras: a device reaches its tier without them. */
static int32_t bits_tier(uint32_t bits)
{
    const uint32_t tier1 = BASE_CAP_BIT(SUBGROUP);
    const uint32_t tier2 =
        tier1 | BASE_CAP_BIT(F16_STORAGE) | BASE_CAP_BIT(F16) | BASE_CAP_BIT(I8_STORAGE);
    if ((bits & tier2) == tier2)
        return 2;
    return (bits & tier1) == tier1 ? 1 : 0;
}

void gpu_plan_caps(const struct gpu_adapter *adapter, const struct gpu_mask *mask,
                   struct base_caps *out_caps)
{
    const pum_device_info *info = &adapter->info;
    *out_caps = (struct base_caps){
        .subgroup_size = info->subgroup_size,
        .subgroup_size_min = info->subgroup_size_min,
        .subgroup_size_max = info->subgroup_size_max,
        .max_invocations = info->max_workgroup_invocations,
        .shared_bytes = info->shared_memory_bytes,
        .max_storage_buffers = info->max_storage_buffers,
        .max_push_bytes = info->max_push_bytes,
        .max_storage_range = info->max_storage_range_bytes,
        .max_buffer_bytes = info->max_allocation_bytes,
        .storage_alignment = info->storage_alignment_bytes,
        .unified = adapter->unified,
    };
    memcpy(out_caps->max_workgroup_size, info->max_workgroup_size,
           sizeof(out_caps->max_workgroup_size));
    memcpy(out_caps->max_workgroup_count, info->max_workgroup_count,
           sizeof(out_caps->max_workgroup_count));
    out_caps->bits = adapter_bits(adapter) & ~mask->dropped;
    if (!(out_caps->bits & BASE_CAP_BIT(SUBGROUP)))
        out_caps->bits &= ~BASE_CAP_BIT(SUBGROUP_SIZE);
    out_caps->tier = bits_tier(out_caps->bits);
}

static void write_words(uint32_t bits, char *text, size_t text_bytes)
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < PUM_COUNT_OF(cap_table) && used < text_bytes; ++i)
        if (bits & cap_table[i].bit)
            used += (size_t)snprintf(text + used, text_bytes - used, "%s%s", used ? " " : "",
                                     cap_table[i].word);
}

/* --- Usable or not --- */

/* "" if the device can be used. */
static void write_unusable(const struct gpu_adapter *a, char *text, size_t text_bytes)
{
    const pum_device_info *info = &a->info;
    text[0] = '\0';
    if (info->api_version < VK_API_VERSION_1_1)
        snprintf(text, text_bytes,
                 "Vulkan %u.%u; 1.1 is needed: a newer driver may have it",
                 VK_API_VERSION_MAJOR(info->api_version),
                 VK_API_VERSION_MINOR(info->api_version));
    else if (!a->has_compute)
        snprintf(text, text_bytes, "no queue that can compute");
    else if (info->max_workgroup_invocations < MIN_INVOCATIONS)
        snprintf(text, text_bytes, "%u invocations in a workgroup; %u are needed",
                 info->max_workgroup_invocations, MIN_INVOCATIONS);
    else if (info->shared_memory_bytes < MIN_SHARED_BYTES)
        snprintf(text, text_bytes, "%u bytes of shared memory; %u are needed",
                 info->shared_memory_bytes, MIN_SHARED_BYTES);
    else if (info->max_storage_buffers < MIN_STORAGE_BUFFERS)
        snprintf(text, text_bytes, "%u storage buffers in a shader; %u are needed",
                 info->max_storage_buffers, MIN_STORAGE_BUFFERS);
}

/* --- The same GPU, listed by two drivers --- */

/* Which of several drivers of one GPU is preferred; larger is better. Translation layers come
 * last; on AMD the Mesa driver is first, on NVIDIA the vendor's own. */
static int driver_rank(uint32_t driver_id)
{
    switch (driver_id) {
    case VK_DRIVER_ID_MESA_DOZEN:
        return 0;
    case VK_DRIVER_ID_MESA_NVK:
    case VK_DRIVER_ID_AMD_OPEN_SOURCE:
        return 1;
    case VK_DRIVER_ID_AMD_PROPRIETARY:
        return 2;
    default:
        return 3;
    }
}

static bool uuid_known(const struct gpu_adapter *a)
{
    static const uint8_t zero[16];
    return memcmp(a->uuid, zero, sizeof(zero)) != 0;
}

static bool same_gpu(const struct gpu_adapter *a, const struct gpu_adapter *b)
{
    if (uuid_known(a) && uuid_known(b) && memcmp(a->uuid, b->uuid, sizeof(a->uuid)) == 0)
        return true;
    if (a->info.vendor_id != b->info.vendor_id || a->info.device_id != b->info.device_id)
        return false;
    if (a->pci_known && b->pci_known)
        return memcmp(a->pci, b->pci, sizeof(a->pci)) == 0;
    /* One driver lists two equal cards as two; two drivers list one card twice. */
    return strcmp(a->info.driver, b->info.driver) != 0;
}

static int kind_rank(pum_device_kind kind)
{
    switch (kind) {
    case PUM_DEVICE_DISCRETE:
        return 4;
    case PUM_DEVICE_INTEGRATED:
        return 3;
    case PUM_DEVICE_VIRTUAL:
        return 2;
    case PUM_DEVICE_OTHER:
        return 1;
    default:
        return 0;
    }
}

static uint64_t local_bytes(const pum_device_info *info)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < info->heap_count; ++i)
        if (info->heaps[i].device_local && info->heaps[i].size_bytes > bytes)
            bytes = info->heaps[i].size_bytes;
    return bytes;
}

#define COMPARE(x, y)                                                                              \
    do {                                                                                           \
        if ((x) != (y))                                                                            \
            return (x) > (y) ? -1 : 1;                                                             \
    } while (0)

/* Negative when `a` goes first. Ties keep the order of the list. */
static int compare(const struct gpu_adapter *a, const struct gpu_adapter *b)
{
    COMPARE(a->info.usable, b->info.usable);
    COMPARE(a->info.heap_count > 0, b->info.heap_count > 0);
    COMPARE(kind_rank(a->info.kind), kind_rank(b->info.kind));
    COMPARE(a->info.tier, b->info.tier);
    if (same_gpu(a, b)) {
        COMPARE(driver_rank(a->driver_id), driver_rank(b->driver_id));
        COMPARE(a->info.api_version, b->info.api_version);
        COMPARE(a->info.driver_version, b->info.driver_version);
    }
    COMPARE(local_bytes(&a->info), local_bytes(&b->info));
    COMPARE(a->info.max_workgroup_invocations, b->info.max_workgroup_invocations);
    COMPARE(b->info.index, a->info.index);
    return 0;
}

/* The entry through which this GPU is used instead of `index`; -1: this entry itself. */
static int32_t preferred_twin(const struct gpu_adapter *adapters, int32_t count, int32_t index)
{
    int32_t best = index;
    for (int32_t i = 0; i < count; ++i)
        if (i != index && adapters[i].info.usable && same_gpu(&adapters[i], &adapters[index]) &&
            compare(&adapters[i], &adapters[best]) < 0)
            best = i;
    return best == index ? -1 : best;
}

/* --- Selection --- */

static bool contains_word(const char *text, const char *part)
{
    size_t length = strlen(part);
    for (; *text; ++text) {
        size_t i = 0;
        while (i < length && text[i] &&
               tolower((unsigned char)text[i]) == tolower((unsigned char)part[i]))
            ++i;
        if (i == length)
            return true;
    }
    return false;
}

static bool equal_word(const char *a, const char *b)
{
    return strlen(a) == strlen(b) && contains_word(a, b);
}

enum select_kind { SELECT_BEST, SELECT_INDEX, SELECT_UUID, SELECT_NAME };

static enum select_kind select_parse(const struct gpu_adapter *adapters, int32_t count,
                                     const char *select, int32_t *out_index)
{
    if (!select || !select[0])
        return SELECT_BEST;
    char *end = NULL;
    long number = isdigit((unsigned char)select[0]) ? strtol(select, &end, 10) : -1;
    if (end && !*end && number >= 0 && number < count) {
        *out_index = (int32_t)number;
        return SELECT_INDEX;
    }
    for (int32_t i = 0; i < count; ++i)
        if (uuid_known(&adapters[i]) && equal_word(adapters[i].info.uuid, select))
            return SELECT_UUID;
    return SELECT_NAME;
}

static bool selected(const struct gpu_adapter *a, enum select_kind kind, const char *select,
                     int32_t index)
{
    switch (kind) {
    case SELECT_BEST:
        return true;
    case SELECT_INDEX:
        return a->info.index == index;
    case SELECT_UUID:
        return equal_word(a->info.uuid, select);
    default:
        return contains_word(a->info.name, select) || contains_word(a->info.driver, select);
    }
}

static const char *kind_text(pum_device_kind kind)
{
    switch (kind) {
    case PUM_DEVICE_DISCRETE:
        return "a discrete GPU";
    case PUM_DEVICE_INTEGRATED:
        return "an integrated GPU";
    case PUM_DEVICE_VIRTUAL:
        return "a virtual GPU";
    case PUM_DEVICE_CPU:
        return "a software driver";
    default:
        return "a device of unknown kind";
    }
}

/* Why `a`, which could be used, comes after `b`. */
static void write_behind(const struct gpu_adapter *a, const struct gpu_adapter *b, char *text,
                         size_t text_bytes)
{
    if (a->info.heap_count == 0 && b->info.heap_count > 0)
        snprintf(text, text_bytes, "it has no memory: it compiles, but cannot run");
    else if (kind_rank(a->info.kind) != kind_rank(b->info.kind))
        snprintf(text, text_bytes, "%s; device %d is %s", kind_text(a->info.kind), b->info.index,
                 kind_text(b->info.kind));
    else if (a->info.tier != b->info.tier)
        snprintf(text, text_bytes, "tier %d; device %d has tier %d", a->info.tier, b->info.index,
                 b->info.tier);
    else if (local_bytes(&a->info) != local_bytes(&b->info))
        snprintf(text, text_bytes, "less memory than device %d", b->info.index);
    else if (a->info.max_workgroup_invocations != b->info.max_workgroup_invocations)
        snprintf(text, text_bytes, "smaller workgroups than device %d", b->info.index);
    else
        snprintf(text, text_bytes, "as good as device %d, which is listed first", b->info.index);
}

static void judge(struct gpu_adapter *a, int32_t index, const struct gpu_mask *mask)
{
    pum_device_info *info = &a->info;
    struct base_caps caps;
    gpu_plan_caps(a, mask, &caps);
    info->index = index;
    info->chosen = false;
    write_unusable(a, info->reason, sizeof(info->reason));
    info->usable = info->reason[0] == '\0';
    info->tier = info->usable ? caps.tier : -1;
    write_words(caps.bits, info->capabilities, sizeof(info->capabilities));
}

static int32_t pick_best(const struct gpu_adapter *adapters, int32_t count, enum select_kind kind,
                         const char *select, int32_t index)
{
    int32_t best = -1;
    for (int32_t i = 0; i < count; ++i) {
        if (!adapters[i].info.usable || !selected(&adapters[i], kind, select, index))
            continue;
        bool twin = kind == SELECT_BEST && preferred_twin(adapters, count, i) >= 0;
        if (!twin && (best < 0 || compare(&adapters[i], &adapters[best]) < 0))
            best = i;
    }
    return best;
}

int32_t gpu_plan_choose(struct gpu_adapter *adapters, int32_t count, const char *select,
                        const struct gpu_mask *mask)
{
    for (int32_t i = 0; i < count; ++i)
        judge(&adapters[i], i, mask);

    int32_t wanted = -1;
    enum select_kind kind = select_parse(adapters, count, select, &wanted);
    int32_t best = pick_best(adapters, count, kind, select, wanted);

    for (int32_t i = 0; i < count; ++i) {
        pum_device_info *info = &adapters[i].info;
        if (!info->usable)
            continue;
        int32_t twin = preferred_twin(adapters, count, i);
        if (i == best) {
            info->chosen = true;
            snprintf(info->reason, sizeof(info->reason), "%s%s, tier %d",
                     kind == SELECT_BEST ? "the best: " : "as asked for: ", kind_text(info->kind),
                     info->tier);
        } else if (!selected(&adapters[i], kind, select, wanted)) {
            snprintf(info->reason, sizeof(info->reason), "not what '%.64s' asks for", select);
        } else if (twin >= 0) {
            snprintf(info->reason, sizeof(info->reason),
                     "the same device as %d, whose driver is preferred", twin);
        } else {
            write_behind(&adapters[i], &adapters[best], info->reason, sizeof(info->reason));
        }
    }
    return best;
}
