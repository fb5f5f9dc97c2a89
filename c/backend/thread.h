/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef VALET_BACKEND_THREAD_H
#define VALET_BACKEND_THREAD_H

#include <pthread.h>

/* Starts a thread without signals: they are for the program's own. 0, or a negative errno. */
int thread_start(pthread_t *thread, void *(*run)(void *), void *argument);

#endif
