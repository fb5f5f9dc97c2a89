/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Null ports: rings and buffers that lead nowhere, in a region that is there already. Programs open
 * one to hold a region, or for buffers of it. Each open makes one of its own, whatever the name.
 */
#include <string.h>

#include "control.h"

int null_port_create(struct engine *engine, const char *name, const struct port_shape *shape,
		     struct region *region, struct port **out)
{
	if (!region)
		return -EINVAL;
	return port_create(engine, name, VALET_PORT_NULL, shape, region, out);
}

/* Nothing is taken and nothing comes; only the positions are looked at. */
int null_sync(struct ring *ring)
{
	if (ring_check(ring, ring->hwtail) < 0)
		return 1;
	ring_show_tail(ring, ring->hwtail);
	return 0;
}
