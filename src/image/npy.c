/* SPDX-License-Identifier: MIT
 *
 * npy.c - see npy.h. The header is a Python dictionary literal; the parser here takes the three
 * keys in any order with the spacing that NumPy and others write, and nothing cleverer. Every size
 * is checked before it is used. Tests: tests/image/test_npy.c, tests/fuzz/fuzz_npy.c.
 */
#include "npy.h"

#include "npy_strings.h"

#include <stdlib.h>
#include <string.h>

/* How the header spells each type, without the byte order. */
static const struct {
    const char *code;
    pum_dtype dtype;
} codes[] = {
    {"f4", PUM_DTYPE_F32}, {"f2", PUM_DTYPE_F16}, {"f8", PUM_DTYPE_F64}, {"i1", PUM_DTYPE_I8},
    {"i2", PUM_DTYPE_I16}, {"i4", PUM_DTYPE_I32}, {"i8", PUM_DTYPE_I64}, {"u1", PUM_DTYPE_U8},
    {"u2", PUM_DTYPE_U16}, {"u4", PUM_DTYPE_U32}, {"u8", PUM_DTYPE_U64}, {"b1", PUM_DTYPE_BOOL},
};

struct parser {
    const char *at, *end;
    size_t width; /* code points of a string element */
    struct fault *fault;
};

static void skip_space(struct parser *p)
{
    while (p->at < p->end && (*p->at == ' ' || *p->at == '\t' || *p->at == '\n'))
        p->at++;
}

static bool take(struct parser *p, char wanted)
{
    skip_space(p);
    if (p->at == p->end || *p->at != wanted)
        return false;
    p->at++;
    return true;
}

static bool take_word(struct parser *p, const char *word)
{
    size_t length = strlen(word);
    skip_space(p);
    if ((size_t)(p->end - p->at) < length || memcmp(p->at, word, length) != 0)
        return false;
    p->at += length;
    return true;
}

static pum_status malformed(struct parser *p, const char *what)
{
    return fault_set(p->fault, PUM_E_FORMAT, "the .npy header is malformed (%s)", what);
}

static bool take_string(struct parser *p, char *to, size_t room)
{
    char quote = take(p, '\'') ? '\'' : take(p, '"') ? '"' : '\0';
    if (quote == '\0')
        return false;
    size_t length = 0;
    while (p->at < p->end && *p->at != quote) {
        if (length + 1 >= room)
            return false;
        to[length++] = *p->at++;
    }
    to[length] = '\0';
    return take(p, quote);
}

/* NumPy's 'U12': strings of at most 12 code points, 32 bits each. */
static bool parse_width(const char *text, size_t *out_width)
{
    size_t width = 0;
    if (*text == '\0')
        return false;
    for (; *text >= '0' && *text <= '9' && width < NPY_MAX_STRING; text++)
        width = width * 10 + (size_t)(*text - '0');
    *out_width = width;
    return *text == '\0' && width <= NPY_MAX_STRING;
}

static pum_status parse_descr(struct parser *p, pum_tensor *tensor)
{
    char descr[32];
    skip_space(p);
    if (p->at < p->end && *p->at == '[')
        return fault_set(p->fault, PUM_E_UNSUPPORTED,
                         "the array has a structured type; save one field of it");
    if (!take_string(p, descr, sizeof(descr)))
        return malformed(p, "'descr' is no short string");
    const char *code = descr;
    if (*code == '>')
        return fault_set(p->fault, PUM_E_UNSUPPORTED,
                         "the array is big-endian ('%s'); save a.astype(a.dtype.newbyteorder('<'))",
                         descr);
    if (*code == '<' || *code == '|' || *code == '=')
        code++;
    if (strcmp(code, "?") == 0)
        code = "b1";
    if (*code == 'U' && parse_width(code + 1, &p->width)) {
        tensor->dtype = PUM_DTYPE_STRING;
        return PUM_OK;
    }
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (strcmp(code, codes[i].code) == 0)
            tensor->dtype = codes[i].dtype;
    if (tensor->dtype == PUM_DTYPE_NONE)
        return fault_set(p->fault, PUM_E_UNSUPPORTED,
                         "elements of type '%s' are not supported; use float, integer or bool",
                         descr);
    return PUM_OK;
}

static pum_status parse_shape(struct parser *p, pum_tensor *tensor)
{
    if (!take(p, '('))
        return malformed(p, "'shape' is no tuple");
    while (!take(p, ')')) {
        skip_space(p);
        int64_t value = 0;
        int digits = 0;
        for (; p->at < p->end && *p->at >= '0' && *p->at <= '9'; p->at++, digits++) {
            if (value > (INT64_MAX - 9) / 10)
                return malformed(p, "a dimension is too large");
            value = value * 10 + (*p->at - '0');
        }
        if (digits == 0)
            return malformed(p, "'shape' has something else than sizes");
        if (p->at < p->end && *p->at == 'L')
            p->at++;
        if (tensor->rank == PUM_MAX_RANK)
            return fault_set(p->fault, PUM_E_UNSUPPORTED, "the array has more than %d dimensions",
                             PUM_MAX_RANK);
        tensor->dims[tensor->rank++] = value;
        if (!take(p, ',')) {
            if (!take(p, ')'))
                return malformed(p, "'shape' does not end");
            break;
        }
    }
    return PUM_OK;
}

static pum_status parse_header(struct parser *p, pum_tensor *tensor)
{
    enum { DESCR = 1, ORDER = 2, SHAPE = 4, ALL = 7 };
    unsigned seen = 0;
    if (!take(p, '{'))
        return malformed(p, "no dictionary");
    while (!take(p, '}')) {
        char key[32];
        if (!take_string(p, key, sizeof(key)) || !take(p, ':'))
            return malformed(p, "a key is missing");
        pum_status status = PUM_OK;
        unsigned bit = strcmp(key, "descr") == 0           ? DESCR
                       : strcmp(key, "fortran_order") == 0 ? ORDER
                       : strcmp(key, "shape") == 0         ? SHAPE
                                                           : 0;
        if (bit == 0 || (seen & bit) != 0)
            return malformed(p, "an unexpected key");
        seen |= bit;
        if (bit == DESCR)
            status = parse_descr(p, tensor);
        else if (bit == SHAPE)
            status = parse_shape(p, tensor);
        else if (take_word(p, "True"))
            status = fault_set(p->fault, PUM_E_UNSUPPORTED,
                               "the array is in Fortran order; save np.ascontiguousarray(a)");
        else if (!take_word(p, "False"))
            status = malformed(p, "'fortran_order' is neither True nor False");
        if (status != PUM_OK)
            return status;
        if (!take(p, ',')) {
            if (!take(p, '}'))
                return malformed(p, "it does not end");
            break;
        }
    }
    return seen == ALL ? PUM_OK : malformed(p, "descr, fortran_order or shape is missing");
}

static pum_status tensor_bytes(const pum_tensor *tensor, size_t *out_bytes, struct fault *fault)
{
    size_t bytes = pum_dtype_size(tensor->dtype);
    for (int32_t i = 0; i < tensor->rank; i++)
        if (tensor->dims[i] == 0) {
            *out_bytes = 0;
            return PUM_OK;
        }
    for (int32_t i = 0; i < tensor->rank; i++) {
        if ((uint64_t)tensor->dims[i] > NPY_MAX_BYTES / bytes)
            return fault_set(fault, PUM_E_RANGE, "the array is larger than %zu GiB",
                             NPY_MAX_BYTES >> 30);
        bytes *= (size_t)tensor->dims[i];
    }
    *out_bytes = bytes;
    return PUM_OK;
}

pum_status npy_decode(const unsigned char *data, size_t size_bytes, pum_tensor *out_tensor,
                      struct fault *fault)
{
    memset(out_tensor, 0, sizeof(*out_tensor));
    if (size_bytes < 10 || memcmp(data, "\x93NUMPY", 6) != 0)
        return fault_set(fault, PUM_E_FORMAT, "this is no .npy file");
    if (data[6] < 1 || data[6] > 3)
        return fault_set(fault, PUM_E_UNSUPPORTED, ".npy version %d.%d is not known", data[6],
                         data[7]);
    size_t start = data[6] == 1 ? 10 : 12;
    size_t length = (size_t)data[8] | (size_t)data[9] << 8;
    if (start == 12 && size_bytes >= 12)
        length |= (size_t)data[10] << 16 | (size_t)data[11] << 24;
    if (size_bytes < start || length > size_bytes - start)
        return fault_set(fault, PUM_E_FORMAT, "the .npy file ends inside its header");

    pum_tensor tensor = {0};
    struct parser parser = {.at = (const char *)data + start,
                            .end = (const char *)data + start + length,
                            .fault = fault};
    pum_status status = parse_header(&parser, &tensor);
    if (status == PUM_OK)
        status = tensor_bytes(&tensor, &tensor.size_bytes, fault);
    if (status != PUM_OK)
        return status;
    size_t present = size_bytes - start - length;
    if (tensor.dtype == PUM_DTYPE_STRING)
        return npy_strings_decode(data + start + length, present, parser.width, &tensor, out_tensor,
                                  fault);
    if (present != tensor.size_bytes)
        return fault_set(fault, PUM_E_FORMAT,
                         "the header promises %zu bytes of data, the file has %zu",
                         tensor.size_bytes, present);
    tensor.data = malloc(present > 0 ? present : 1);
    if (tensor.data == NULL)
        return fault_set(fault, PUM_E_MEMORY, "no memory for an array of %zu bytes", present);
    memcpy(tensor.data, data + start + length, present);
    *out_tensor = tensor;
    return PUM_OK;
}

pum_status npy_load(const char *path, pum_tensor *out_tensor, struct fault *fault)
{
    memset(out_tensor, 0, sizeof(*out_tensor));
    unsigned char *data;
    size_t size;
    pum_status status = in_file_read(path, NPY_MAX_BYTES + 65536, &data, &size, fault);
    if (status != PUM_OK)
        return status;
    status = npy_decode(data, size, out_tensor, fault);
    free(data);
    if (status != PUM_OK)
        fault_prefix(fault, path);
    return status;
}

void npy_free(pum_tensor *tensor)
{
    free(tensor->data);
    memset(tensor, 0, sizeof(*tensor));
}

static pum_status write_header(struct out_file *file, const pum_tensor *tensor, const char *code,
                               struct fault *fault)
{
    char text[384];
    bool one_byte = code[0] != 'U' && code[1] == '1';
    int used = snprintf(text, sizeof(text), "{'descr': '%c%s', 'fortran_order': False, 'shape': (",
                        one_byte ? '|' : '<', code);
    for (int32_t i = 0; i < tensor->rank; i++)
        used += snprintf(text + used, sizeof(text) - (size_t)used, i == 0 ? "%lld" : ", %lld",
                         (long long)tensor->dims[i]);
    used +=
        snprintf(text + used, sizeof(text) - (size_t)used, "%s), }", tensor->rank == 1 ? "," : "");
    /* The data begins at a multiple of 64, after a newline. */
    int total = (10 + used + 1 + 63) / 64 * 64;
    int length = total - 10;
    const unsigned char magic[10] = {0x93,
                                     'N',
                                     'U',
                                     'M',
                                     'P',
                                     'Y',
                                     1,
                                     0,
                                     (unsigned char)(length & 255),
                                     (unsigned char)(length >> 8)};
    snprintf(text + used, sizeof(text) - (size_t)used, "%*s\n", length - used - 1, "");
    pum_status status = out_file_write(file, magic, sizeof(magic), fault);
    return status == PUM_OK ? out_file_write(file, text, (size_t)length, fault) : status;
}

static pum_status write_bf16(struct out_file *file, const pum_tensor *tensor, struct fault *fault)
{
    const unsigned char *from = tensor->data;
    pum_status status = PUM_OK;
    for (size_t i = 0; i + 1 < tensor->size_bytes && status == PUM_OK; i += 2) {
        unsigned char wide[4] = {0, 0, from[i], from[i + 1]};
        status = out_file_write(file, wide, 4, fault);
    }
    return status;
}

static pum_status write_strings(struct out_file *file, const pum_tensor *tensor,
                                struct fault *fault)
{
    char code[32];
    size_t width = npy_strings_width(tensor);
    snprintf(code, sizeof(code), "U%zu", width);
    pum_status status = write_header(file, tensor, code, fault);
    return status == PUM_OK ? npy_strings_write(file, tensor, width, fault) : status;
}

pum_status npy_write(struct out_file *file, const pum_tensor *tensor, struct fault *fault)
{
    if (tensor->dtype == PUM_DTYPE_STRING)
        return write_strings(file, tensor, fault);
    pum_dtype as = tensor->dtype == PUM_DTYPE_BF16 ? PUM_DTYPE_F32 : tensor->dtype;
    const char *code = NULL;
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (codes[i].dtype == as)
            code = codes[i].code;
    if (code == NULL)
        return fault_set(fault, PUM_E_TYPE, "a tensor of type %s cannot be written as .npy",
                         pum_dtype_name(tensor->dtype));
    pum_status status = write_header(file, tensor, code, fault);
    if (status != PUM_OK)
        return status;
    return tensor->dtype == PUM_DTYPE_BF16
               ? write_bf16(file, tensor, fault)
               : out_file_write(file, tensor->data, tensor->size_bytes, fault);
}

pum_status npy_save(const char *path, const pum_tensor *tensor, struct fault *fault)
{
    struct out_file file;
    pum_status status = out_file_begin(&file, path, fault);
    if (status == PUM_OK)
        status = npy_write(&file, tensor, fault);
    if (status == PUM_OK)
        status = out_file_finish(&file, fault);
    if (status == PUM_OK)
        status = out_file_publish(&file, fault);
    out_file_end(&file);
    return status;
}
