/* SPDX-License-Identifier: MIT
 *
 * store.h - how each element type lies on a device, and the conversions at the border. int64 and
 * uint64 are narrowed to 32 bits with a check: a value that does not fit is an error, never a wrong
 * number. Tests: tests/plan/test_store.c.
 */
#ifndef PUM_PLAN_STORE_H
#define PUM_PLAN_STORE_H

#include "base/caps.h"
#include "graph/tensor.h"
#include "ops/kernel.h"

/* STORE_NONE: the type has no place on the device; steps that touch it run on the host. */
enum kernel_store store_of(enum pum_dtype dtype, const struct base_caps *caps);

/* Host elements to device elements. PUM_E_RANGE names the first value that does not fit. */
pum_status store_pack(enum pum_dtype dtype, enum kernel_store store, const void *from, void *to,
                      int64_t count);
/* And back; exact for what store_pack made. */
void store_unpack(enum pum_dtype dtype, enum kernel_store store, const void *from, void *to,
                  int64_t count);

#endif
