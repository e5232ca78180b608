/* SPDX-License-Identifier: MIT
 *
 * safetensors.c - which files a folder's weights are in, and all their tensors under one roof. An
 * index may only name files of its own folder (links are followed: that is how the hub's cache lies
 * on the disk), and must name exactly what is in them. The set is shared by its maker and the
 * graphs that use it. Tests: tests/hf/test_safetensors.c.
 */
#include "safetensors_parts.h"

#include "hf_json.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SINGLE_NAME "model.safetensors"
#define INDEX_NAME "model.safetensors.index.json"
#define MAX_FILES 4096

struct safetensors {
    atomic_int users;
    struct st_file *files;
    int32_t file_count;
    struct st_tensor *tensors; /* of all files, sorted by name */
    int32_t count;
};

static struct safetensors *set_create(void)
{
    struct safetensors *set = calloc(1, sizeof(*set));
    if (set != NULL)
        atomic_init(&set->users, 1);
    return set;
}

static void set_release(struct safetensors *set)
{
    if (set == NULL || atomic_fetch_sub(&set->users, 1) != 1)
        return;
    for (int32_t i = 0; i < set->file_count; i++) {
        json_decref(set->files[i].header);
        free(set->files[i].tensors);
        free(set->files[i].path);
        mapped_file_close(&set->files[i].map);
    }
    free(set->files);
    free(set->tensors);
    free(set);
}

/* --- Tensors ---------------------------------------------------------------------------------- */

static int by_name(const void *left, const void *right)
{
    return strcmp(((const struct st_tensor *)left)->name, ((const struct st_tensor *)right)->name);
}

/* The files' tensors as one sorted list; a name in two files is an error. */
static pum_status gather(struct safetensors *set, struct fault *fault)
{
    size_t total = 0;
    for (int32_t i = 0; i < set->file_count; i++)
        total += (size_t)set->files[i].count;
    set->tensors = malloc((total + 1) * sizeof(*set->tensors));
    if (set->tensors == NULL || total > INT32_MAX)
        return fault_set(fault, PUM_E_MEMORY, "no memory for the names of %zu tensors", total);
    for (int32_t i = 0; i < set->file_count; i++) {
        const struct st_file *file = &set->files[i];
        memcpy(set->tensors + set->count, file->tensors,
               (size_t)file->count * sizeof(*set->tensors));
        set->count += file->count;
    }
    qsort(set->tensors, total, sizeof(*set->tensors), by_name);
    for (int32_t i = 1; i < set->count; i++)
        if (by_name(&set->tensors[i - 1], &set->tensors[i]) == 0)
            return fault_set(fault, PUM_E_FORMAT, "tensor '%.120s' is in %.300s and in %.300s",
                             set->tensors[i].name, set->tensors[i - 1].file, set->tensors[i].file);
    return PUM_OK;
}

const struct st_tensor *safetensors_find(const struct safetensors *set, const char *name)
{
    const struct st_tensor key = {.name = name};
    return bsearch(&key, set->tensors, (size_t)set->count, sizeof(*set->tensors), by_name);
}

int32_t safetensors_count(const struct safetensors *set)
{
    return set->count;
}

const struct st_tensor *safetensors_at(const struct safetensors *set, int32_t index)
{
    return index >= 0 && index < set->count ? &set->tensors[index] : NULL;
}

/* --- Files ------------------------------------------------------------------------------------ */

/* Takes `path` over. */
static pum_status add_file(struct safetensors *set, char *path, struct fault *fault)
{
    struct st_file *file = &set->files[set->file_count];
    if (path == NULL)
        return fault_set(fault, PUM_E_MEMORY, "out of memory");
    *file = (struct st_file){.path = path};
    set->file_count++;
    pum_status status = mapped_file_open(&file->map, path, fault);
    if (status == PUM_OK)
        status = st_read_header(file, file->map.data, file->map.size_bytes, fault);
    return status;
}

/* An index names files of its own folder, by their plain names. */
static bool is_plain_name(const char *name)
{
    return name[0] != '\0' && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
           strchr(name, '/') == NULL && strchr(name, '\\') == NULL;
}

static int32_t find_file(const struct safetensors *set, const char *folder, const char *name)
{
    size_t skip = strlen(folder) + (folder[strlen(folder) - 1] == '/' ? 0 : 1);
    for (int32_t i = 0; i < set->file_count; i++)
        if (strcmp(set->files[i].path + skip, name) == 0)
            return i;
    return -1;
}

static pum_status add_files_of_index(struct safetensors *set, const char *folder,
                                     const struct hf_json *map, struct fault *fault)
{
    const char *tensor;
    json_t *value;
    json_object_foreach(map->object, tensor, value)
    {
        const char *name = json_string_value(value);
        if (name == NULL || !is_plain_name(name))
            return fault_set(fault, PUM_E_FORMAT,
                             "%.500s: tensor '%.120s' is said to be in "
                             "'%.120s', which is no name of a file in this folder",
                             map->place, tensor, name != NULL ? name : "?");
        if (find_file(set, folder, name) >= 0)
            continue;
        if (set->file_count == MAX_FILES)
            return fault_set(fault, PUM_E_UNSUPPORTED, "%.500s: more than %d files", map->place,
                             MAX_FILES);
        pum_status status = add_file(set, hf_path(folder, name), fault);
        if (status != PUM_OK)
            return status;
    }
    return PUM_OK;
}

/* Each tensor of the index is in its file. What else the files hold does no harm. */
static pum_status check_index(const struct safetensors *set, const char *folder,
                              const struct hf_json *map, struct fault *fault)
{
    const char *name;
    json_t *value;
    json_object_foreach(map->object, name, value)
    {
        const struct st_tensor *tensor = safetensors_find(set, name);
        int32_t file = find_file(set, folder, json_string_value(value));
        if (tensor == NULL || tensor->file != set->files[file].path)
            return fault_set(fault, PUM_E_FORMAT,
                             "%.500s: tensor '%.120s' is said to be in "
                             "'%.120s', which has no such tensor",
                             map->place, name, json_string_value(value));
    }
    return PUM_OK;
}

static pum_status open_sharded(struct safetensors *set, const char *folder, struct fault *fault)
{
    struct hf_json index, map = {0};
    set->files = calloc(MAX_FILES, sizeof(*set->files));
    if (set->files == NULL)
        return fault_set(fault, PUM_E_MEMORY, "out of memory");
    pum_status status = hf_json_load(&index, folder, INDEX_NAME, fault);
    if (status != PUM_OK)
        return status;
    status = hf_json_child(&index, "weight_map", true, &map, fault);
    if (status == PUM_OK)
        status = add_files_of_index(set, folder, &map, fault);
    if (status == PUM_OK)
        status = gather(set, fault);
    if (status == PUM_OK)
        status = check_index(set, folder, &map, fault);
    hf_json_free(&map);
    hf_json_free(&index);
    return status;
}

static pum_status open_single(struct safetensors *set, char *path, struct fault *fault)
{
    set->files = calloc(1, sizeof(*set->files));
    if (set->files == NULL) {
        free(path);
        return fault_set(fault, PUM_E_MEMORY, "out of memory");
    }
    pum_status status = add_file(set, path, fault);
    return status == PUM_OK ? gather(set, fault) : status;
}

/* What there is instead, as advice. */
static pum_status no_weights(const char *folder, struct fault *fault)
{
    static const char *const others[] = {"pytorch_model.bin", "pytorch_model.bin.index.json",
                                         "tf_model.h5", "flax_model.msgpack"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (hf_has_file(folder, others[i]))
            return fault_set(fault, PUM_E_UNSUPPORTED,
                             "%.500s: there is %s, but no " SINGLE_NAME
                             "; save the model again with "
                             "model.save_pretrained(FOLDER, safe_serialization=True)",
                             folder, others[i]);
    return fault_set(fault, PUM_E_FILE, "%.500s: there is no " SINGLE_NAME " and no " INDEX_NAME,
                     folder);
}

static pum_status open_any(struct safetensors *set, const char *path, struct fault *fault)
{
    struct stat info;
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
        if (hf_has_file(path, SINGLE_NAME))
            return open_single(set, hf_path(path, SINGLE_NAME), fault);
        if (hf_has_file(path, INDEX_NAME))
            return open_sharded(set, path, fault);
        return no_weights(path, fault);
    }
    return open_single(set, strdup(path), fault);
}

static pum_status end_open(pum_status status, struct safetensors *set, struct safetensors **out_set)
{
    if (status != PUM_OK) {
        set_release(set);
        set = NULL;
    }
    *out_set = set;
    return status;
}

pum_status safetensors_open(const char *path, struct safetensors **out_set, struct fault *fault)
{
    struct safetensors *set = set_create();
    *out_set = NULL;
    if (set == NULL)
        return fault_set(fault, PUM_E_MEMORY, "out of memory");
    if (path[0] == '\0')
        return end_open(fault_set(fault, PUM_E_FILE, "the folder's name is empty"), set, out_set);
    return end_open(open_any(set, path, fault), set, out_set);
}

pum_status safetensors_read(const void *data, size_t size_bytes, const char *name,
                            struct safetensors **out_set, struct fault *fault)
{
    struct safetensors *set = set_create();
    *out_set = NULL;
    if (set == NULL || (set->files = calloc(1, sizeof(*set->files))) == NULL) {
        set_release(set);
        return fault_set(fault, PUM_E_MEMORY, "out of memory");
    }
    set->file_count = 1;
    set->files[0].path = strdup(name);
    pum_status status = set->files[0].path == NULL
                            ? fault_set(fault, PUM_E_MEMORY, "out of memory")
                            : st_read_header(&set->files[0], data, size_bytes, fault);
    if (status == PUM_OK)
        status = gather(set, fault);
    return end_open(status, set, out_set);
}

void safetensors_close(struct safetensors **set)
{
    set_release(*set);
    *set = NULL;
}

/* --- Graphs ----------------------------------------------------------------------------------- */

static void release(void *user)
{
    set_release(user);
}

pum_status safetensors_adopt(struct safetensors *set, pum_graph *graph, struct fault *fault)
{
    (void)atomic_fetch_add(&set->users, 1);
    return fault_from_library(fault, pum_graph_adopt(graph, release, set));
}

pum_value safetensors_constant(pum_graph *graph, const struct st_tensor *tensor)
{
    size_t element = pum_dtype_size(tensor->dtype);
    if (element == 0) {
        char text[256];
        snprintf(text, sizeof(text), "tensor '%.120s' has the type %s, which is not supported",
                 tensor->name, tensor->type_name);
        (void)pum_graph_fail(graph, PUM_E_UNSUPPORTED, text);
        return PUM_NO_VALUE;
    }
    bool in_place = (uintptr_t)tensor->data % element == 0 && tensor->size_bytes > 0;
    return (in_place ? pum_constant : pum_constant_copy)(graph, tensor->name, tensor->dtype,
                                                         tensor->rank, tensor->dims, tensor->data,
                                                         tensor->size_bytes);
}
