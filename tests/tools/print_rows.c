/* SPDX-License-Identifier: MIT
 *
 * print_rows.c - prints a generated kernel table, for tests/tools/kernel_table.sh to compare. Links
 * nothing but the table.
 */
#include "ops/kernel.h"

#include <stdio.h>

int main(void)
{
    for (int32_t i = 0; i < kernel_row_count; i++) {
        const struct kernel_row *row = &kernel_rows[i];
        printf("%s %s %s store=%d needs=%x chain=%d bindings=%u written=%x push=%u\n",
               row->name, row->family, row->file, (int)row->store, row->needs, row->chain,
               row->binding_count, row->written, row->push_bytes);
        if (row->code_bytes < 20 || row->code[0] != 0x07230203u)
            printf("  no SPIR-V\n");
        for (uint32_t k = 0; k < row->spec_count; k++) {
            printf("  spec %u %s", row->specs[k].id, row->specs[k].name);
            for (uint32_t v = 0; v < row->specs[k].value_count; v++)
                printf(" %u", row->specs[k].values[v]);
            printf("\n");
        }
        for (uint32_t k = 0; k < row->condition_count; k++)
            printf("  when %s %d %lld\n", row->conditions[k].key, (int)row->conditions[k].compare,
                   (long long)row->conditions[k].value);
        if (i > 0)
            printf("  code %s the row before\n", row->code == row[-1].code ? "as" : "unlike");
    }
    return 0;
}
