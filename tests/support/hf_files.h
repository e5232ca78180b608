/* SPDX-License-Identifier: MIT
 *
 * hf_files.h - folders and safetensors files for the tests of src/hf and src/arch.
 */
#ifndef PUM_TESTS_HF_FILES_H
#define PUM_TESTS_HF_FILES_H

#include <stddef.h>
#include <stdint.h>

/* A new folder; hf_files_remove deletes it and what is in it. */
void hf_files_make(char path[64]);
void hf_files_remove(const char *path);

/* FOLDER/NAME with these bytes. */
void hf_files_write(const char *folder, const char *name, const void *data, size_t size_bytes);
void hf_files_text(const char *folder, const char *name, const char *text);

/* The bytes of a safetensors file: length, header as given, data. The caller frees them. */
uint8_t *hf_files_pack(const char *header, const void *data, size_t data_bytes,
                       size_t *out_size_bytes);
/* FOLDER/NAME as such a file. */
void hf_files_weights(const char *folder, const char *name, const char *header, const void *data,
                      size_t data_bytes);

#endif
