/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads with an event loop, see valet_loop_open(). */
#ifndef VALET_SCRIPT_LOOP_H
#define VALET_SCRIPT_LOOP_H

#include <stdint.h>

/* Calls this thread's lookups for those who wait for them. For how many batches. */
uint32_t script_loop_serve(void);

#endif
