/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where netmap lives: one table of operations for each place, over a descriptor of its own. All
 * hand out the same ring layout and take the same control requests. Negative errno on failure. Any
 * thread may call; `close` is called once, when nobody is inside another operation.
 */
#ifndef VALET_BACKEND_H
#define VALET_BACKEND_H

#include <stdint.h>

#include "../uapi/netmap.h"
#include "../valet.h"

struct backend {
	const char *name;
	enum valet_backend id;
	/* 0 if it can be had here, else why not. */
	int (*probe)(void);
	int (*open)(const char *instance, void **descriptor);
	int (*control)(void *descriptor, struct nmreq_header *header);
	/* NIOCCONFIG; NULL: -EOPNOTSUPP. */
	int (*config)(void *descriptor, struct nm_ifreq *request);
	/* out[0] address, out[1] bytes */
	int (*map)(void *descriptor, uint64_t *out);
	int (*txsync)(void *descriptor);
	int (*rxsync)(void *descriptor);
	/* Events that came, 0 when the time is up or wake() was called. */
	int (*poll)(void *descriptor, uint32_t events, int32_t timeout_ms);
	void (*wake)(void *descriptor);
	/* It is going to be closed: a sync loop that runs in it ends, sooner or later. */
	void (*closing)(void *descriptor);
	void (*close)(void *descriptor);
};

extern const struct backend backend_kernel, backend_daemon, backend_embedded;

/* The backend of a name (NULL, "" or "auto": see valet_open). -EINVAL for an unknown one. */
int backend_select(const char *name, const struct backend **out);
/* valet_reason(). */
int backend_reason(const char *name, char *text, uint32_t size);

#endif
