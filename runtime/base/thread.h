/* SPDX-License-Identifier: MIT
 *
 * thread.h - the little that Pumice needs of threads: a lock, and "run these jobs on a few threads
 * and wait". Built on pthreads. Tests: tests/base/test_base.c.
 */
#ifndef PUM_BASE_THREAD_H
#define PUM_BASE_THREAD_H

#include "base/context.h"

#include <pthread.h>

struct base_lock {
    pthread_mutex_t mutex;
};

void base_lock_init(struct base_lock *lock);
void base_lock_destroy(struct base_lock *lock);
void base_lock_take(struct base_lock *lock);
void base_lock_release(struct base_lock *lock);

/* Calls job(user, i) for i in [0, count), on up to `threads` threads (0: the machine's cores), the
 * calling one included. If a thread cannot be started the work is done by those that could.
 * Returns the first failure by index, with its message on the calling thread; the others still
 * run. */
pum_status base_parallel_for(pum_context *context, int32_t count, int32_t threads,
                             pum_status (*job)(void *user, int32_t index), void *user);

/* Nanoseconds of a steady clock. */
uint64_t base_time_ns(void);

#endif
