/* SPDX-License-Identifier: MIT
 *
 * test_npy.c - .npy files: headers as NumPy and others write them, every type there and back, and
 * every way in which a header can lie.
 */
#include "image/npy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* A file of version 1 or 2 with this header and `data_bytes` bytes 0, 1, 2 ... */
static unsigned char *make(int version, const char *header, size_t data_bytes, size_t *out_size)
{
    size_t length = strlen(header), start = version == 1 ? 10 : 12;
    unsigned char *file = calloc(1, start + length + data_bytes + 1);
    memcpy(file, "\x93NUMPY", 6);
    file[6] = (unsigned char)version;
    file[8] = (unsigned char)(length & 255);
    file[9] = (unsigned char)(length >> 8);
    memcpy(file + start, header, length);
    for (size_t i = 0; i < data_bytes; i++)
        file[start + length + i] = (unsigned char)i;
    *out_size = start + length + data_bytes;
    return file;
}

static pum_status decode(int version, const char *header, size_t data_bytes, pum_tensor *tensor,
                         struct fault *fault)
{
    size_t size;
    unsigned char *file = make(version, header, data_bytes, &size);
    /* An exact copy: a sanitizer then sees any read past the end. */
    unsigned char *exact = malloc(size);
    memcpy(exact, file, size);
    fault_clear(fault);
    pum_status status = npy_decode(exact, size, tensor, fault);
    free(exact);
    free(file);
    return status;
}

static void test_headers(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        size_t bytes;
        pum_status want;
        pum_dtype dtype;
        int32_t rank;
        int64_t last;
    } cases[] = {
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }  \n", 24, PUM_OK,
         PUM_DTYPE_F32, 2, 3},
        {"{\"shape\":(5,),\"fortran_order\":False,\"descr\":\"|u1\"}", 5, PUM_OK, PUM_DTYPE_U8, 1,
         5},
        {"{'descr': '|b1', 'fortran_order': False, 'shape': (), }\n", 1, PUM_OK, PUM_DTYPE_BOOL, 0,
         0},
        {"{'descr': '?', 'fortran_order': False, 'shape': (2L, 1L)}", 2, PUM_OK, PUM_DTYPE_BOOL, 2,
         1},
        {"{'descr': '<i8', 'fortran_order': False, 'shape': (0, 99999999999), }", 0, PUM_OK,
         PUM_DTYPE_I64, 2, 99999999999},
        {"{'descr': '<f2', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,2), }", 4, PUM_OK,
         PUM_DTYPE_F16, 8, 2},
        {"{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }", 4, PUM_E_UNSUPPORTED, 0, 0,
         0},
        {"{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }", 8, PUM_E_UNSUPPORTED, 0, 0,
         0},
        {"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", 8, PUM_E_UNSUPPORTED, 0, 0, 0},
        {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", 4, PUM_E_UNSUPPORTED,
         0, 0, 0},
        {"{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }", 24, PUM_E_UNSUPPORTED, 0, 0,
         0},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1), }", 4,
         PUM_E_UNSUPPORTED, 0, 0, 0},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", 23, PUM_E_FORMAT, 0, 0, 0},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", 25, PUM_E_FORMAT, 0, 0, 0},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (-2, 3), }", 24, PUM_E_FORMAT, 0, 0, 0},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }", 4,
         PUM_E_FORMAT, 0, 0, 0},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296,4294967296), }", 4,
         PUM_E_RANGE, 0, 0, 0},
        {"{'descr': '<f4', 'fortran_order': False, }", 4, PUM_E_FORMAT, 0, 0, 0},
        {"{'descr': '<f4', 'descr': '<f4', 'shape': (1,), }", 4, PUM_E_FORMAT, 0, 0, 0},
        {"{'descr': '<f4', 'fortran_order': Maybe, 'shape': (1,), }", 4, PUM_E_FORMAT, 0, 0, 0},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1", 4, PUM_E_FORMAT, 0, 0, 0},
        {"{'descr': '<f4", 4, PUM_E_FORMAT, 0, 0, 0},
        {"", 0, PUM_E_FORMAT, 0, 0, 0},
        {"[1, 2]", 0, PUM_E_FORMAT, 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (int version = 1; version <= 3; version++) {
            pum_tensor tensor;
            struct fault fault = {0};
            pum_status status = decode(version, cases[i].header, cases[i].bytes, &tensor, &fault);
            if (status != cases[i].want)
                fail_msg("%s, version %d: status %d, not %d: %s", cases[i].header, version, status,
                         cases[i].want, fault.text);
            if (status == PUM_OK) {
                assert_int_equal(tensor.dtype, cases[i].dtype);
                assert_int_equal(tensor.rank, cases[i].rank);
                if (tensor.rank > 0)
                    assert_int_equal(tensor.dims[tensor.rank - 1], cases[i].last);
                assert_int_equal(tensor.size_bytes, cases[i].bytes);
                if (tensor.size_bytes > 0)
                    assert_int_equal(((unsigned char *)tensor.data)[tensor.size_bytes - 1],
                                     tensor.size_bytes - 1);
            } else {
                assert_null(tensor.data);
                assert_true(fault.text[0] != '\0');
            }
            npy_free(&tensor);
        }
}

static void strings_there_and_back(void **state)
{
    (void)state;
    const char *words[] = {"", "pumice", "\xc3\xa9\xf0\x9f\x98\x80", "\xff!"};
    pum_tensor back, tensor = {PUM_DTYPE_STRING, 2, {2, 2}, words, sizeof(words)};
    char path[] = "/tmp/pumice-npy-XXXXXX";
    int fd = mkstemp(path);
    struct fault fault = {0};
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(npy_save(path, &tensor, &fault), PUM_OK);
    assert_int_equal(npy_load(path, &back, &fault), PUM_OK);
    unlink(path);
    assert_int_equal(back.dtype, PUM_DTYPE_STRING);
    assert_int_equal(back.dims[1], 2);
    for (int i = 0; i < 3; i++)
        assert_string_equal(((const char **)back.data)[i], words[i]);
    assert_string_equal(((const char **)back.data)[3], "\xef\xbf\xbd!");
    npy_free(&back);
    /* 'U' with more strings than the file holds */
    tensor.size_bytes = 2 * sizeof(words[0]);
    tensor.dims[0] = 1;
    assert_int_equal(npy_save(path, &tensor, &fault), PUM_OK);
    FILE *stream = fopen(path, "rb");
    unsigned char bytes[512];
    size_t size = fread(bytes, 1, sizeof(bytes), stream);
    fclose(stream);
    unlink(path);
    assert_int_equal(npy_decode(bytes, size - 4, &back, &fault), PUM_E_FORMAT);
    assert_int_equal(npy_decode(bytes, size, &back, &fault), PUM_OK);
    npy_free(&back);
}

static void test_there_and_back(void **state)
{
    (void)state;
    char path[] = "/tmp/pumice-npy-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    unsigned char data[48];
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (unsigned char)(i * 37);
    for (int dtype = PUM_DTYPE_F32; dtype < PUM_DTYPE_STRING; dtype++) {
        pum_tensor back, tensor = {.dtype = (pum_dtype)dtype,
                                   .rank = 2,
                                   .dims = {2, 3},
                                   .data = data,
                                   .size_bytes = 6 * pum_dtype_size((pum_dtype)dtype)};
        struct fault fault = {0};
        assert_int_equal(npy_save(path, &tensor, &fault), PUM_OK);
        assert_int_equal(npy_load(path, &back, &fault), PUM_OK);
        if (dtype == PUM_DTYPE_BF16) { /* NumPy has none: float32 with the same value */
            assert_int_equal(back.dtype, PUM_DTYPE_F32);
            assert_memory_equal((unsigned char *)back.data + 2, data, 2);
        } else {
            assert_int_equal(back.dtype, dtype);
            assert_memory_equal(back.data, data, tensor.size_bytes);
        }
        assert_int_equal(back.dims[1], 3);
        npy_free(&back);
    }
    /* The header as NumPy wants it: data at a multiple of 64, scalars and lists of one. */
    static const int32_t ranks[] = {0, 1, 8};
    for (size_t i = 0; i < 3; i++) {
        pum_tensor back, tensor = {.dtype = PUM_DTYPE_F32,
                                   .rank = ranks[i],
                                   .data = data,
                                   .dims = {1, 1, 1, 1, 1, 1, 1, 1},
                                   .size_bytes = 4};
        unsigned char *file;
        size_t size;
        assert_int_equal(npy_save(path, &tensor, NULL), PUM_OK);
        assert_int_equal(in_file_read(path, 1 << 20, &file, &size, NULL), PUM_OK);
        assert_int_equal((size - 4) % 64, 0);
        assert_int_equal(file[size - 5], '\n');
        if (ranks[i] == 1)
            assert_non_null(strstr((char *)file + 10, "(1,), }"));
        assert_int_equal(npy_decode(file, size, &back, NULL), PUM_OK);
        assert_int_equal(back.rank, ranks[i]);
        npy_free(&back);
        free(file);
    }
    unlink(path);
}

static void test_unwritable(void **state)
{
    (void)state;
    float value = 1;
    pum_tensor tensor = {.dtype = PUM_DTYPE_F32, .data = &value, .size_bytes = 4};
    struct fault fault = {0};
    assert_int_equal(npy_save("/dev/full", &tensor, &fault), PUM_E_FILE);
    assert_non_null(strstr(fault.text, "/dev/full"));
    fault_clear(&fault);
    assert_int_equal(npy_save("/nonexistent/a.npy", &tensor, &fault), PUM_E_FILE);
    tensor.dtype = PUM_DTYPE_NONE;
    assert_int_equal(npy_save("/dev/null", &tensor, NULL), PUM_E_TYPE);
    pum_tensor back;
    fault_clear(&fault);
    assert_int_equal(npy_load("/nonexistent/a.npy", &back, &fault), PUM_E_FILE);
    assert_non_null(strstr(fault.text, "/nonexistent/a.npy"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(strings_there_and_back),
        cmocka_unit_test(test_unwritable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
