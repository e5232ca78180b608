/* SPDX-License-Identifier: MIT
 *
 * thread.c - locks, a parallel loop and a clock, on pthreads. Threads are started for one loop and
 * joined at its end: nothing runs in the background. Tests: tests/base/test_base.c.
 */
#include "base/thread.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define MAX_THREADS 64

void base_lock_init(struct base_lock *lock)
{
    (void)pthread_mutex_init(&lock->mutex, NULL);
}

void base_lock_destroy(struct base_lock *lock)
{
    (void)pthread_mutex_destroy(&lock->mutex);
}

void base_lock_take(struct base_lock *lock)
{
    (void)pthread_mutex_lock(&lock->mutex);
}

void base_lock_release(struct base_lock *lock)
{
    (void)pthread_mutex_unlock(&lock->mutex);
}

struct loop {
    pum_status (*job)(void *user, int32_t index);
    void *user;
    int32_t count;
    atomic_int next;
    struct base_lock lock; /* over what follows: the failure of the smallest index */
    pum_status status;
    int32_t failed_index;
    char message[8192];
};

static void note_failure(struct loop *loop, int32_t index, pum_status status)
{
    base_lock_take(&loop->lock);
    if (loop->status == PUM_OK || index < loop->failed_index) {
        loop->status = status;
        loop->failed_index = index;
        (void)snprintf(loop->message, sizeof loop->message, "%s", pum_last_error());
    }
    base_lock_release(&loop->lock);
}

/* Takes jobs until none is left. */
static void *work(void *argument)
{
    struct loop *loop = argument;
    for (;;) {
        int index = atomic_fetch_add(&loop->next, 1);
        if (index >= loop->count)
            return NULL;
        pum_status status = loop->job(loop->user, index);
        if (status != PUM_OK)
            note_failure(loop, index, status);
    }
}

/* Cores that this process may use. */
static int32_t core_count(void)
{
#ifdef __linux__
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return CPU_COUNT(&set);
#endif
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 && online < MAX_THREADS ? (int32_t)online : 1;
}

pum_status base_parallel_for(pum_context *context, int32_t count, int32_t threads,
                             pum_status (*job)(void *user, int32_t index), void *user)
{
    struct loop loop = {.job = job, .user = user, .count = count};
    if (threads <= 0)
        threads = core_count();
    if (threads > count)
        threads = count;
    if (threads > MAX_THREADS)
        threads = MAX_THREADS;
    base_lock_init(&loop.lock);

    pthread_t started[MAX_THREADS];
    int32_t started_count = 0;
    while (started_count < threads - 1) {
        if (pthread_create(&started[started_count], NULL, work, &loop) != 0) {
            pum_log(context, PUM_LOG_INFO, "only %d of %d threads could be started",
                    started_count + 1, threads);
            break;
        }
        started_count++;
    }
    (void)work(&loop);
    for (int32_t i = 0; i < started_count; i++)
        (void)pthread_join(started[i], NULL);

    base_lock_destroy(&loop.lock);
    if (loop.status != PUM_OK)
        return pum_fail(loop.status, "%s", loop.message);
    return PUM_OK;
}

uint64_t base_time_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
