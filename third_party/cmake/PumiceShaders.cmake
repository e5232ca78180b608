# SPDX-License-Identifier: MIT
set(PUMICE_KERNEL_TABLE "${PROJECT_BINARY_DIR}/generated/kernel_table.c")
file(CONFIGURE OUTPUT "${PUMICE_KERNEL_TABLE}" CONTENT
"#include \"ops/kernel.h\"
const struct kernel_row kernel_rows[1] = {{0}};
const int32_t kernel_row_count = 0;
")
