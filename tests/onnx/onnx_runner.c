/* SPDX-License-Identifier: MIT
 *
 * onnx_runner.c - see onnx_runner.h. Cases are taken by threads in turn; results are printed in
 * order at the end.
 */
#include "onnx_runner.h"

#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DATA "/usr/share/libonnx-testdata/data"
#define LIST PUM_TEST_SOURCE_DIR "/tests/onnx/not_passing.txt"
#define MAX_CASES 2048
#define MAX_THREADS 16
#define MAX_SETS 32

struct one_case {
    const char *folder; /* "node" */
    char name[128];
    enum runner_verdict verdict;
    char why[CASE_WHY_BYTES];
};

struct listed {
    char name[128];
    bool random; /* its numbers are; type and shape are compared, and it counts as passing */
    bool seen;
};

static const char *const folders[] = {"node", "simple", "pytorch-operator", "pytorch-converted"};

static struct one_case cases[MAX_CASES];
static int case_count;
static struct listed list[MAX_CASES];
static int list_count;
static atomic_int next_case;

/* --- The list --------------------------------------------------------------------------------- */

/* Lines: "name: reason" and "~name: reason" (random); "#" begins a comment. */
static bool read_list(void)
{
    char line[1024];
    FILE *file = fopen(LIST, "r");

    if (file == NULL)
        return false;
    while (fgets(line, sizeof(line), file) != NULL && list_count < MAX_CASES) {
        char *colon = strchr(line, ':');
        if (line[0] == '#' || line[0] == '\n')
            continue;
        if (colon == NULL || strspn(colon, ": \n") == strlen(colon)) {
            printf("not_passing.txt: a line without a reason: %s", line);
            (void)fclose(file);
            return false;
        }
        *colon = '\0';
        struct listed *entry = &list[list_count++];
        entry->random = line[0] == '~';
        (void)snprintf(entry->name, sizeof(entry->name), "%s", line + entry->random);
    }
    (void)fclose(file);
    return true;
}

static struct listed *find_listed(const char *name)
{
    for (int i = 0; i < list_count; i++) {
        if (strcmp(list[i].name, name) == 0)
            return &list[i];
    }
    return NULL;
}

/* --- Cases ------------------------------------------------------------------------------------ */

static void find_cases(const struct runner *runner)
{
    for (size_t f = 0; f < sizeof(folders) / sizeof(folders[0]); f++) {
        char path[256];
        struct dirent **entries = NULL;
        (void)snprintf(path, sizeof(path), "%.200s/%s", runner->data, folders[f]);
        int count = scandir(path, &entries, NULL, alphasort);
        for (int i = 0; i < count; i++) {
            const char *name = entries[i]->d_name;
            if (name[0] == 't' && case_count < MAX_CASES &&
                (runner->filter == NULL || strstr(name, runner->filter) != NULL)) {
                struct one_case *one = &cases[case_count++];
                one->folder = folders[f];
                (void)snprintf(one->name, sizeof(one->name), "%.120s", name);
            }
            free(entries[i]);
        }
        free(entries);
    }
}

/* A data set must be what the model declares, or it shows nothing. */
static bool shapes_fit(const pum_graph *graph, const struct case_set *set, char *why)
{
    for (int32_t i = 0; i < set->ports.input_count; i++) {
        const pum_tensor *tensor = set->inputs[i].count > 0 ? &set->inputs[i].items[0] : NULL;
        pum_port_info info;
        if (set->inputs[i].kind != PUM_VALUE_TENSOR || tensor == NULL ||
            pum_graph_get_input(graph, i, &info) != PUM_OK || info.rank < 0)
            continue;
        bool fits = info.rank == tensor->rank;
        for (int32_t axis = 0; fits && axis < info.rank; axis++)
            fits = info.dims[axis] < 0 || info.dims[axis] == tensor->dims[axis];
        if (!fits) {
            (void)snprintf(why, CASE_WHY_BYTES,
                           "the data of input '%.100s' does not have the "
                           "shape that the model declares",
                           info.name);
            return false;
        }
    }
    return true;
}

static enum runner_verdict run_sets(const struct runner *runner, const char *folder,
                                    pum_graph *graph, bool random, char *why)
{
    enum runner_verdict verdict = RUNNER_RIGHT;
    struct case_ports ports;

    if (!case_read_ports(folder, &ports, why))
        return RUNNER_WRONG;
    if (ports.input_count != pum_graph_input_count(graph) ||
        ports.output_count != pum_graph_output_count(graph)) {
        (void)snprintf(why, CASE_WHY_BYTES, "the graph has %d inputs and %d outputs",
                       pum_graph_input_count(graph), pum_graph_output_count(graph));
        return RUNNER_WRONG;
    }
    for (int i = 0; i < MAX_SETS && verdict == RUNNER_RIGHT; i++) {
        struct case_set set;
        bool missing;
        if (!case_read_set(folder, &ports, i, &set, &missing, why))
            return missing && i > 0 ? verdict : RUNNER_WRONG;
        verdict = shapes_fit(graph, &set, why) ? runner->run(graph, &set, random, runner->user, why)
                                               : RUNNER_WRONG;
        case_free_set(&set);
    }
    return verdict;
}

static void run_case(const struct runner *runner, struct one_case *one)
{
    const struct listed *listed = find_listed(one->name);
    char folder[400], path[440];
    pum_graph *graph;

    (void)snprintf(folder, sizeof(folder), "%.200s/%s/%s", runner->data, one->folder, one->name);
    (void)snprintf(path, sizeof(path), "%s/model.onnx", folder);
    if (pum_onnx_open(runner->context, path, NULL, &graph) != PUM_OK) {
        one->verdict = RUNNER_WRONG;
        (void)snprintf(one->why, CASE_WHY_BYTES, "does not load: %.380s", pum_last_error());
        return;
    }
    one->verdict = run_sets(runner, folder, graph, listed != NULL && listed->random, one->why);
    pum_graph_destroy(&graph);
}

static void *work(void *user)
{
    const struct runner *runner = user;

    for (int i = next_case++; i < case_count; i = next_case++)
        run_case(runner, &cases[i]);
    return NULL;
}

static void run_all(struct runner *runner)
{
    pthread_t threads[MAX_THREADS];
    int count = runner->thread_count < MAX_THREADS ? runner->thread_count : MAX_THREADS;
    int started = 0;

    while (started < count && pthread_create(&threads[started], NULL, work, runner) == 0)
        started++;
    if (started == 0)
        (void)work(runner);
    for (int i = 0; i < started; i++)
        (void)pthread_join(threads[i], NULL);
}

/* --- Results ---------------------------------------------------------------------------------- */

/* Whether a case is as the list says it is. */
static bool as_listed(const struct one_case *one)
{
    struct listed *listed = find_listed(one->name);

    if (listed != NULL)
        listed->seen = true;
    if (one->verdict == RUNNER_SKIPPED)
        return true;
    bool expected = listed == NULL || listed->random;
    if (expected == (one->verdict == RUNNER_RIGHT))
        return true;
    if (expected)
        printf("WRONG %s/%s: %s\n", one->folder, one->name, one->why);
    else
        printf("%s/%s passes: take it off not_passing.txt\n", one->folder, one->name);
    return false;
}

static bool report(const struct runner *runner)
{
    bool good = true;

    for (int i = 0; i < case_count; i++)
        good = as_listed(&cases[i]) && good;
    for (size_t f = 0; f < sizeof(folders) / sizeof(folders[0]); f++) {
        int all = 0, random = 0, counts[3] = {0};
        for (int i = 0; i < case_count; i++) {
            const struct listed *listed = find_listed(cases[i].name);
            if (cases[i].folder != folders[f])
                continue;
            all++;
            counts[cases[i].verdict]++;
            random += listed != NULL && listed->random && cases[i].verdict == RUNNER_RIGHT;
        }
        printf("%s: %d of %d right (%d of them random: type and shape), %d not, %d left out\n",
               folders[f], counts[RUNNER_RIGHT], all, random, counts[RUNNER_WRONG],
               counts[RUNNER_SKIPPED]);
    }
    for (int i = 0; i < list_count && runner->lists_all && runner->filter == NULL; i++) {
        if (!list[i].seen)
            printf("not_passing.txt names %s, and there is no such case\n", list[i].name);
        good = good && list[i].seen;
    }
    return good;
}

int runner_main(struct runner *runner, int argument_count, char **arguments)
{
    for (int i = 1; i < argument_count; i++) {
        if (strcmp(arguments[i], "--data") == 0 && i + 1 < argument_count)
            runner->data = arguments[++i];
        else
            runner->filter = arguments[i];
    }
    if (runner->data == NULL && !read_list()) {
        printf("%s cannot be read\n", LIST);
        return 1;
    }
    runner->lists_all = runner->lists_all && runner->data == NULL;
    runner->data = runner->data == NULL ? DATA : runner->data;
    find_cases(runner);
    if (case_count == 0) {
        printf("no cases in %s: install libonnx-testdata\n", runner->data);
        return runner->filter == NULL ? 77 : 1;
    }
    run_all(runner);
    return report(runner) ? 0 : 1;
}
