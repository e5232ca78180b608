/* SPDX-License-Identifier: MIT
 *
 * cast_string.h - the references of Cast where one side is strings. Tests: tests/ops/test_string.c.
 */
#ifndef PUM_OPS_CAST_STRING_H
#define PUM_OPS_CAST_STRING_H

#include "ops/op.h"

pum_status cast_to_string(struct op_call *call);
/* To any type; PUM_E_RANGE where a text is no number of it. */
pum_status cast_from_string(struct op_call *call);

#endif
