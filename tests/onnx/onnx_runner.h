/* SPDX-License-Identifier: MIT
 *
 * onnx_runner.h - all of ONNX's conformance cases (onnx_case.h), on a device through sessions, or
 * by the operators' references alone. What does not pass stands in not_passing.txt with its reason;
 * a case that is not listed and fails, and one that is listed and passes, are errors.
 */
#ifndef PUM_TESTS_ONNX_RUNNER_H
#define PUM_TESTS_ONNX_RUNNER_H

#include "onnx_case.h"

enum runner_verdict { RUNNER_RIGHT, RUNNER_WRONG, RUNNER_SKIPPED };

/* One data set of a graph. SKIPPED: this way of running is not for such a graph. */
typedef enum runner_verdict (*runner_function)(pum_graph *graph, const struct case_set *set,
                                               bool random, void *user, char *why);

struct runner {
    pum_context *context;
    runner_function run;
    void *user;
    int thread_count;
    bool lists_all;     /* what is listed and not seen to fail is an error, too */
    const char *filter; /* only cases whose name holds this; NULL: all */
    const char *data;   /* folder of "node", "simple", ...; NULL: the installed one */
};

/* The exit status of a test. Arguments: [PART-OF-A-NAME] [--data FOLDER], the latter for another
 * release's data (the list is then not looked at). */
int runner_main(struct runner *runner, int argument_count, char **arguments);

#endif
