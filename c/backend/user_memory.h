/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory of the application at an address that it gave, which may be any (NS_INDIRECT). */
#ifndef VALET_USER_MEMORY_H
#define VALET_USER_MEMORY_H

#include <stdint.h>

/*
 * Copies from an address of this process. 0; -EFAULT: not all of it is readable; another negative
 * errno where the system does not let us look.
 */
int user_memory_copy(void *to, uint64_t from, uint32_t length);

#endif
