/* SPDX-License-Identifier: MIT
 *
 * cli_profile.h - the times of a profiled run, summed up by kernel and operator.
 */
#ifndef PUM_CLI_PROFILE_H
#define PUM_CLI_PROFILE_H

#include "cli.h"

/* Both read the step times of the last profiled run. false, NULL: out of memory. */
bool cli_profile_print(const pum_plan_info *plan);
json_t *cli_profile_json(const pum_plan_info *plan);

#endif
