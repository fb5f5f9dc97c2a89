/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory of files that others may cut short, or that have no room on their disk: what is not there
 * reads as zeros, instead of ending the process with SIGBUS.
 */
#ifndef VALET_GUARD_H
#define VALET_GUARD_H

#include <stdint.h>

/* -ENOMEM: there are too many. */
int guard_add(const void *base, uint64_t bytes);
void guard_remove(const void *base);
/* Whether something of it was not there. */
int guard_was_hit(const void *base);

#endif
