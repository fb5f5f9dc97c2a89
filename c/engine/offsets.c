/* SPDX-License-Identifier: BSD-2-Clause */
#include "offsets.h"

#include "monitor.h"
#include "option.h"

/* What a ring is to have. */
struct offsets {
	uint64_t mask, max, initial;
};

static int parse(const struct nmreq_opt_offsets *option, uint32_t buffer_bytes, struct offsets *out)
{
	uint32_t bits = option->nro_offset_bits;

	if (bits > 64)
		return -EINVAL;
	*out = (struct offsets){
		/* 0 bits: all of them */
		.mask = bits == 0 || bits == 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1,
		.max = option->nro_max_offset,
		.initial = option->nro_initial_offset,
	};
	if (out->max > buffer_bytes || (out->max & out->mask) != out->max ||
	    out->initial > out->max)
		return -EINVAL;
	return 0;
}

/* Whether a ring that somebody has open with offsets has enough of them; then they stay. */
static int fits(const struct ring *ring, struct offsets *offsets)
{
	if (!ring->offset_mask)
		return 1;
	if ((ring->offset_mask & offsets->mask) != offsets->mask ||
	    ring->offset_max < offsets->max)
		return 0;
	offsets->mask = ring->offset_mask;
	offsets->max = ring->offset_max;
	return 1;
}

/* Packets that lie in the receive ring of a pipe stay where they are. */
static int holds_packet(const struct ring *ring, uint32_t slot)
{
	uint32_t hwtail = load_acquire(&ring->hwtail);

	return ring->peer && ring->direction == RX &&
	       ring_distance(ring, ring->hwcur, slot) < ring_distance(ring, ring->hwcur, hwtail);
}

static void put_initial(struct ring *ring, const struct offsets *offsets)
{
	for (uint32_t i = 0; i < ring->slots; i++)
		if (!holds_packet(ring, i))
			slot_put_offset(&ring->shared->slot[i], offsets->mask, offsets->initial);
}

static void set(struct ring *ring, const struct offsets *offsets)
{
	if (ring->offset_mask)
		return;
	/* Syncs of others find a mask of 0, or the mask with its maximum. */
	write_once(&ring->offset_max, offsets->max);
	store_release(&ring->offset_mask, offsets->mask);
	ring->shared->offset_mask = offsets->mask;
}

static void apply(struct ring *ring, const struct offsets *offsets)
{
	set(ring, offsets);
	if (offsets->initial && ring->opens == 1)
		put_initial(ring, offsets);
	/* The other end of a pipe has the same slots, and has to know how to read them. */
	if (ring->peer && !ring->peer->opens) {
		set(ring->peer, offsets);
		for (uint32_t i = 0; i < ring->slots; i++)
			write_once(&ring->peer->shared->slot[i].ptr,
				   read_once(&ring->shared->slot[i].ptr));
	}
}

static int init(const struct descriptor *descriptor, struct port *port,
		struct nmreq_opt_offsets *option)
{
	struct offsets offsets;
	int rc;

	if (port->kind == VALET_PORT_MONITOR && (descriptor->flags & NR_ZCOPY_MON))
		return -EOPNOTSUPP;
	rc = parse(option, port->region->pool[POOL_BUFFER].object_bytes, &offsets);
	if (rc < 0)
		return rc;
	for (int d = RX; d <= TX; d++)
		for (uint32_t i = descriptor->first[d]; i < descriptor->last[d]; i++)
			if (!fits(&port->rings[d][i], &offsets))
				return -EBUSY;
	for (int d = RX; d <= TX; d++)
		for (uint32_t i = descriptor->first[d]; i < descriptor->last[d]; i++)
			apply(&port->rings[d][i], &offsets);
	option->nro_max_offset = offsets.max;
	return 0;
}

int offsets_init(const struct descriptor *descriptor, struct port *port,
		 const struct nmreq_header *header)
{
	struct nmreq_opt_offsets *option = option_find(header, NETMAP_REQ_OPT_OFFSETS);
	int rc;

	if (!option)
		return 0;
	rc = init(descriptor, port, option);
	option->nro_opt.nro_status = (uint32_t)-rc;
	return rc;
}

void offsets_forget(struct ring *ring)
{
	write_once(&ring->offset_mask, 0);
	write_once(&ring->offset_max, 0);
	ring->shared->offset_mask = 0;
}
