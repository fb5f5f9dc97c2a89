/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netmap's user/kernel ABI, version 14, written down for this project.
 *
 * The names are netmap's own, so that its manuals and its users' knowledge apply. netmap_legacy.h
 * (struct nmreq) is separate: only what answers old programs needs it. Including netmap_assert.h
 * anywhere checks every size, offset and number against the real ABI.
 */
#ifndef NETMAP_H
#define NETMAP_H

#include "netmap_memory.h"
#include "netmap_request.h"

#endif /* NETMAP_H */
