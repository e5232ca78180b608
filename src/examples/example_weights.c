/* SPDX-License-Identifier: MIT
 *
 * example_weights.c - see example_weights.h. Reads .npy of format 1.0, little-endian, C order,
 * float32 or int64. The examples themselves are the tests (ctest -R example_).
 */
#include "example_weights.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXAMPLE_TOLERANCE 1e-4 /* times max(1, |expected|): sums of fp32 in another order */
#define EXAMPLE_PATH_BYTES 1024
#define EXAMPLE_NO_DEVICE 77

struct example_block {
    struct example_block *next;
    pum_tensor tensor;
};

/* --- Files ------------------------------------------------------------------------------------ */

/* "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }" */
static bool parse_header(const char *header, pum_tensor *tensor)
{
    const char *at = strchr(header, '(');
    tensor->dtype = strstr(header, "'<f4'")   ? PUM_DTYPE_F32
                    : strstr(header, "'<i8'") ? PUM_DTYPE_I64
                                              : PUM_DTYPE_NONE;
    if (tensor->dtype == PUM_DTYPE_NONE || !strstr(header, "'fortran_order': False") || !at)
        return false;
    tensor->size_bytes = pum_dtype_size(tensor->dtype);
    for (at++; *at && *at != ')';) {
        char *end;
        long long dim = strtoll(at, &end, 10);
        if (end == at || dim < 0 || tensor->rank == PUM_MAX_RANK ||
            (dim > 0 && tensor->size_bytes > SIZE_MAX / 2 / (size_t)dim))
            return false;
        tensor->dims[tensor->rank++] = dim;
        tensor->size_bytes *= (size_t)dim;
        at = end + strspn(end, ", ");
    }
    return *at == ')';
}

static bool read_npy(FILE *file, pum_tensor *tensor)
{
    unsigned char start[10];
    char header[4096];
    if (fread(start, 1, sizeof start, file) != sizeof start ||
        memcmp(start, "\x93NUMPY\x01", 7) != 0)
        return false;
    size_t length = (size_t)start[8] | (size_t)start[9] << 8;
    if (length >= sizeof header || fread(header, 1, length, file) != length)
        return false;
    header[length] = '\0';
    if (!parse_header(header, tensor))
        return false;
    tensor->data = malloc(tensor->size_bytes > 0 ? tensor->size_bytes : 1);
    return tensor->data && fread(tensor->data, 1, tensor->size_bytes, file) == tensor->size_bytes;
}

/* False: there is no such file, or it is none that we read. The caller frees tensor->data. */
static bool load(const char *path, pum_tensor *tensor)
{
    memset(tensor, 0, sizeof *tensor);
    FILE *file = fopen(path, "rb");
    if (!file)
        return false;
    bool good = read_npy(file, tensor);
    fclose(file);
    if (!good) {
        free(tensor->data);
        memset(tensor, 0, sizeof *tensor);
    }
    return good;
}

/* --- For building ----------------------------------------------------------------------------- */

static pum_value add_weight(struct example *example, const char *key, int32_t part, int32_t parts)
{
    char path[EXAMPLE_PATH_BYTES], message[EXAMPLE_PATH_BYTES + 64];
    if (pum_graph_status(example->graph) != PUM_OK)
        return PUM_NO_VALUE;
    snprintf(path, sizeof path, "%s/weights/%s.npy", example->folder, key);
    struct example_block *block = calloc(1, sizeof *block);
    if (!block || !load(path, &block->tensor) || block->tensor.rank < 1 ||
        block->tensor.dtype != PUM_DTYPE_F32 || block->tensor.dims[0] % parts != 0) {
        snprintf(message, sizeof message, "%s: cannot be read as a float32 .npy file", path);
        pum_graph_fail(example->graph, PUM_E_FILE, message);
        if (block)
            free(block->tensor.data);
        free(block);
        return PUM_NO_VALUE;
    }
    block->next = example->blocks;
    example->blocks = block;
    pum_tensor piece = block->tensor;
    piece.dims[0] /= parts;
    piece.size_bytes /= (size_t)parts;
    return pum_constant(example->graph, NULL, piece.dtype, piece.rank, piece.dims,
                        (const char *)piece.data + (size_t)part * piece.size_bytes,
                        piece.size_bytes);
}

pum_value example_weight(struct example *example, const char *format, ...)
{
    char key[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(key, sizeof key, format, arguments);
    va_end(arguments);
    return add_weight(example, key, 0, 1);
}

pum_value example_weight_part(struct example *example, int32_t part, int32_t parts,
                              const char *format, ...)
{
    char key[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(key, sizeof key, format, arguments);
    va_end(arguments);
    return add_weight(example, key, part, parts);
}

double example_number(struct example *example, const char *key)
{
    char path[EXAMPLE_PATH_BYTES], line[256], message[EXAMPLE_PATH_BYTES + 64];
    size_t length = strlen(key);
    snprintf(path, sizeof path, "%s/config.txt", example->folder);
    FILE *file = fopen(path, "r");
    double value = NAN;
    while (file && isnan(value) && fgets(line, sizeof line, file))
        if (strncmp(line, key, length) == 0 && line[length] == '=')
            value = strtod(line + length + 1, NULL);
    if (file)
        fclose(file);
    if (isnan(value)) {
        snprintf(message, sizeof message, "%s: no number %s", path, key);
        pum_graph_fail(example->graph, PUM_E_FILE, message);
        return 1;
    }
    return value;
}

/* --- For running ------------------------------------------------------------------------------ */

/* The largest difference in units of the tolerance; INFINITY when shapes differ. */
static double compare(const pum_tensor *got, const pum_tensor *expected, double *out_difference)
{
    double worst = 0;
    *out_difference = 0;
    if (got->dtype != expected->dtype || got->rank != expected->rank ||
        memcmp(got->dims, expected->dims, (size_t)got->rank * sizeof got->dims[0]) != 0)
        return INFINITY;
    const float *a = got->data, *b = expected->data;
    for (size_t i = 0; i < got->size_bytes / sizeof *a; i++) {
        double difference = fabs((double)a[i] - (double)b[i]);
        if (!(difference <= *out_difference))
            *out_difference = difference;
        double unit = EXAMPLE_TOLERANCE * fmax(1, fabs((double)b[i]));
        if (!(difference / unit <= worst))
            worst = difference / unit;
    }
    return worst;
}

/* Gives the session input `index` of a case. False: the file is missing. */
static bool give_input(const struct example *example, pum_session *session, int32_t index,
                       const char *case_path, pum_status *status)
{
    char path[EXAMPLE_PATH_BYTES];
    pum_port_info port;
    pum_tensor tensor;
    if ((*status = pum_graph_get_input(example->graph, index, &port)) != PUM_OK)
        return false;
    snprintf(path, sizeof path, "%s/in/%s.npy", case_path, port.name);
    if (!load(path, &tensor))
        return false;
    *status = pum_session_set_input(session, index, &tensor);
    free(tensor.data);
    return *status == PUM_OK;
}

static pum_status check_output(const struct example *example, pum_session *session, int32_t index,
                               const char *case_path, bool *all_equal)
{
    char path[EXAMPLE_PATH_BYTES];
    pum_port_info port;
    pum_tensor got, expected;
    double difference;
    pum_status status = pum_graph_get_output(example->graph, index, &port);
    if (status == PUM_OK)
        status = pum_session_get_output(session, index, &got);
    if (status != PUM_OK)
        return status;
    snprintf(path, sizeof path, "%s/out/%s.npy", case_path, port.name);
    if (!load(path, &expected)) {
        printf("%s: cannot be read\n", path);
        *all_equal = false;
        return PUM_OK;
    }
    bool equal = compare(&got, &expected, &difference) <= 1;
    printf("%s: largest difference %.3g%s\n", path, difference, equal ? "" : ": TOO LARGE");
    *all_equal = *all_equal && equal;
    free(expected.data);
    return PUM_OK;
}

/* Runs case0, case1, ... with one session: each new shape is planned once. */
static pum_status run_cases(const struct example *example, pum_session *session, bool *all_equal)
{
    for (int number = 0;; number++) {
        char path[EXAMPLE_PATH_BYTES - 256];
        pum_status status = PUM_OK;
        snprintf(path, sizeof path, "%s/case%d", example->folder, number);
        for (int32_t i = 0; i < pum_graph_input_count(example->graph); i++) {
            if (give_input(example, session, i, path, &status))
                continue;
            if (status != PUM_OK)
                return status;
            if (number == 0 || i > 0) {
                printf("%s: input %d is missing\n", path, i);
                *all_equal = false;
            }
            return PUM_OK; /* there was no further case */
        }
        status = pum_session_run(session);
        for (int32_t i = 0; status == PUM_OK && i < pum_graph_output_count(example->graph); i++)
            status = check_output(example, session, i, path, all_equal);
        if (status != PUM_OK)
            return status;
    }
}

static pum_status run(struct example *example, pum_context *context, pum_device *device,
                      void (*build)(struct example *example), bool *all_equal)
{
    pum_session *session = NULL;
    pum_status status = pum_graph_create(context, &example->graph);
    if (status == PUM_OK) {
        build(example);
        status = pum_graph_finish(example->graph);
    }
    if (status == PUM_OK)
        status = pum_session_create(device, example->graph, NULL, &session);
    if (status == PUM_OK)
        status = run_cases(example, session, all_equal);
    pum_session_destroy(&session);
    pum_graph_destroy(&example->graph);
    return status;
}

static void free_blocks(struct example *example)
{
    while (example->blocks) {
        struct example_block *block = example->blocks;
        example->blocks = block->next;
        free(block->tensor.data);
        free(block);
    }
}

int example_main(int argc, char **argv, const char *help, void (*build)(struct example *example))
{
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        fputs(help, stdout);
        return 0;
    }
    if (argc != 2 || strlen(argv[1]) > EXAMPLE_PATH_BYTES - 512) {
        fprintf(stderr, "Name one folder of weights and cases; --help tells more.\n");
        return 2;
    }
    struct example example = {.folder = argv[1]};
    pum_context *context = NULL;
    pum_device *device = NULL;
    bool all_equal = true;
    pum_status status = pum_context_create(NULL, &context);
    if (status == PUM_OK)
        status = pum_device_open(context, NULL, &device);
    bool no_device = status == PUM_E_NO_DEVICE || status == PUM_E_NO_LOADER;
    if (status == PUM_OK)
        printf("on %s\n", pum_device_get_info(device)->name);
    if (status == PUM_OK)
        status = run(&example, context, device, build, &all_equal);
    if (status != PUM_OK)
        fprintf(stderr, "%s: %s\n", argv[0], pum_last_error());
    pum_device_destroy(&device);
    pum_context_destroy(&context);
    free_blocks(&example);
    if (no_device)
        return EXAMPLE_NO_DEVICE;
    return status == PUM_OK && all_equal ? 0 : 1;
}
