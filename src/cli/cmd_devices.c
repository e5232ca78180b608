/* SPDX-License-Identifier: MIT
 *
 * cmd_devices.c - `pumice devices`: what there is, what it can do, which would be taken and why.
 */
#include "cli.h"

static const char *kind_name(pum_device_kind kind)
{
    static const char *const names[] = {"other", "integrated GPU", "discrete GPU", "virtual GPU",
                                        "software"};
    return (size_t)kind < sizeof(names) / sizeof(names[0]) ? names[kind] : "other";
}

static void print_heaps(const pum_device_info *info)
{
    char size[32], available[32];
    for (uint32_t i = 0; i < info->heap_count && i < PUM_MAX_HEAPS; i++) {
        printf("    %s heap %u: %s", i == 0 ? "memory   " : "         ", i,
               cli_bytes(info->heaps[i].size_bytes, size));
        if (info->heaps[i].available_bytes != info->heaps[i].size_bytes)
            printf(", %s free", cli_bytes(info->heaps[i].available_bytes, available));
        printf("%s%s\n", info->heaps[i].device_local ? ", device-local" : "",
               info->heaps[i].host_visible ? ", host-visible" : "");
    }
}

static void print_device(const pum_device_info *info)
{
    char range[32], allocation[32], shared[32];
    printf("%c %d  %s\n", info->chosen ? '*' : ' ', info->index, info->name);
    printf("    kind      %s", kind_name(info->kind));
    if (info->tier >= 0)
        printf(", tier %d", info->tier);
    printf("\n    driver    %s (Vulkan %u.%u.%u)\n", info->driver, info->api_version >> 22 & 0x7f,
           info->api_version >> 12 & 0x3ff, info->api_version & 0xfff);
    printf("    uuid      %s\n", info->uuid);
    print_heaps(info);
    printf("    limits    subgroups of %u (%u..%u), %u invocations in %ux%ux%u, %s shared,\n"
           "              %u storage buffers of %s, allocations of %s, %u bytes of constants%s\n",
           info->subgroup_size, info->subgroup_size_min, info->subgroup_size_max,
           info->max_workgroup_invocations, info->max_workgroup_size[0],
           info->max_workgroup_size[1], info->max_workgroup_size[2],
           cli_bytes(info->shared_memory_bytes, shared), info->max_storage_buffers,
           cli_bytes(info->max_storage_range_bytes, range),
           cli_bytes(info->max_allocation_bytes, allocation), info->max_push_bytes,
           info->timestamp_period_ns > 0 ? "" : ", no timestamps");
    printf("    can       %s\n", info->capabilities[0] != '\0' ? info->capabilities : "-");
    printf("    %s %s\n", info->chosen   ? "chosen   "
                          : info->usable ? "not taken"
                                         : "unusable ",
           info->reason);
}

static json_t *json_device(const pum_device_info *info)
{
    json_t *heaps = json_array();
    for (uint32_t i = 0; i < info->heap_count && i < PUM_MAX_HEAPS; i++)
        json_array_append_new(
            heaps, json_pack("{s:I, s:I, s:b, s:b}", "bytes",
                             (json_int_t)info->heaps[i].size_bytes, "available_bytes",
                             (json_int_t)info->heaps[i].available_bytes, "device_local",
                             info->heaps[i].device_local, "host_visible",
                             info->heaps[i].host_visible));
    json_t *limits = json_pack(
        "{s:i, s:i, s:i, s:i, s:[iii], s:[III], s:i, s:i, s:i, s:I, s:I, s:i, s:f}",
        "subgroup_size", info->subgroup_size, "subgroup_size_min", info->subgroup_size_min,
        "subgroup_size_max", info->subgroup_size_max, "workgroup_invocations",
        info->max_workgroup_invocations, "workgroup_size", info->max_workgroup_size[0],
        info->max_workgroup_size[1], info->max_workgroup_size[2], "workgroup_count",
        (json_int_t)info->max_workgroup_count[0], (json_int_t)info->max_workgroup_count[1],
        (json_int_t)info->max_workgroup_count[2], "shared_bytes", info->shared_memory_bytes,
        "storage_buffers", info->max_storage_buffers, "push_bytes", info->max_push_bytes,
        "storage_range_bytes", (json_int_t)info->max_storage_range_bytes, "allocation_bytes",
        (json_int_t)info->max_allocation_bytes, "storage_alignment_bytes",
        info->storage_alignment_bytes, "timestamp_period_ns", (double)info->timestamp_period_ns);
    char version[32];
    snprintf(version, sizeof(version), "%u.%u.%u", info->api_version >> 22 & 0x7f,
             info->api_version >> 12 & 0x3ff, info->api_version & 0xfff);
    return json_pack("{s:i, s:o, s:s, s:o, s:s, s:I, s:I, s:I, s:s, s:i, s:b, s:b, s:o, s:o, s:o, "
                     "s:o}",
                     "index", info->index, "name", cli_json_text(info->name), "kind",
                     kind_name(info->kind), "driver", cli_json_text(info->driver), "uuid",
                     info->uuid, "vendor_id", (json_int_t)info->vendor_id, "device_id",
                     (json_int_t)info->device_id, "driver_version",
                     (json_int_t)info->driver_version, "vulkan", version, "tier", info->tier,
                     "usable", info->usable, "chosen", info->chosen, "reason",
                     cli_json_text(info->reason), "capabilities",
                     cli_json_text(info->capabilities), "heaps", heaps, "limits", limits);
}

static pum_status list(struct cli *cli)
{
    pum_device_info *infos = NULL;
    int32_t count = 0;
    pum_status status = cli_open_context(cli);
    if (status != PUM_OK)
        return status;
    pum_device_params params = cli_device_params(cli);
    status = fault_from_library(&cli->fault,
                                pum_device_list(cli->context, &params, &infos, &count));
    if (status != PUM_OK)
        return status;
    json_t *array = cli->json ? json_array() : NULL;
    for (int32_t i = 0; i < count; i++) {
        if (cli->json)
            json_array_append_new(array, json_device(&infos[i]));
        else
            print_device(&infos[i]);
    }
    pum_device_list_free(cli->context, &infos);
    return cli->json ? cli_print_json(cli, array) : PUM_OK;
}

static int run_devices(const struct command *command, int argc, char **argv)
{
    struct cli cli;
    struct option_words words;
    int code;
    if (!cli_begin(&cli, command, argc, argv, NULL, 0, &words, &code))
        return code;
    if (words.count > 0)
        fault_set(&cli.fault, PUM_E_ARGUMENT, "devices: '%s': no arguments are taken",
                  words.items[0]);
    else
        list(&cli);
    return cli_end(&cli);
}

const struct command cmd_devices = {
    .name = "devices",
    .summary = "list the Vulkan devices, and which one would be used",
    .usage = "devices [--json]",
    .help = "The device marked * is the one that other commands use; --device, or PUMICE_DEVICE,\n"
            "takes another one. --caps shows what would be left under a mask.\n\n"
            "  pumice devices\n"
            "  pumice devices --caps tier0\n"
            "  pumice ocr page.png --device 1",
    .run = run_devices,
};
