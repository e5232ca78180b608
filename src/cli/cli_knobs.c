/* SPDX-License-Identifier: MIT
 *
 * cli_knobs.c - the one place of the program that calls getenv.
 */
#include "cli_knobs.h"

#include <stdlib.h>

const char *cli_knob_value(enum cli_knob knob)
{
    static const char *const names[] = {
#define XX(id, name, doc) name,
        CLI_KNOB_MAP(XX)
#undef XX
    };
    const char *value = getenv(names[knob]);
    return value != NULL && value[0] != '\0' ? value : NULL;
}
