/* SPDX-License-Identifier: BSD-2-Clause */
#include "csb_mode.h"

#include "control.h"
#include "option.h"

static uint32_t bound(const struct descriptor *descriptor)
{
	return descriptor->last[RX] - descriptor->first[RX] + descriptor->last[TX] -
	       descriptor->first[TX];
}

static void set_rings(struct descriptor *descriptor, struct port *port, uint32_t on)
{
	for (int d = RX; d <= TX; d++)
		for (uint32_t i = descriptor->first[d]; i < descriptor->last[d]; i++)
			write_once(&port->rings[d][i].csb_mode, on);
}

static int check(const struct descriptor *descriptor, const struct nmreq_opt_csb *option)
{
	const uint64_t places[] = { option->csb_atok, option->csb_ktoa };

	if (!(descriptor->flags & NR_EXCLUSIVE))
		return -EINVAL;
	for (int i = 0; i < 2; i++) {
		if (places[i] % CSB_ENTRY_BYTES)
			return -EINVAL;
		if (places[i] / CSB_ENTRY_BYTES < bound(descriptor))
			return -EFAULT;
	}
	return 0;
}

int csb_mode_enter(struct descriptor *descriptor, struct port *port, struct nmreq_opt_csb *option)
{
	/* With no rings there is nothing to do, and nothing is wrong. */
	int rc = port && bound(descriptor) ? check(descriptor, option) : 0;

	if (rc == 0 && port && bound(descriptor)) {
		set_rings(descriptor, port, 1);
		/* Pairs with the acquire of syncs on other threads, which are refused now. */
		store_release(&descriptor->csb_mode, 1);
	}
	option->nro_opt.nro_status = (uint32_t)-rc;
	return rc;
}

void csb_mode_leave(struct descriptor *descriptor, struct port *port)
{
	if (!descriptor->csb_mode)
		return;
	store_release(&descriptor->csb_mode, 0);
	set_rings(descriptor, port, 0);
}

int control_csb_enable(struct descriptor *descriptor, struct nmreq_header *header)
{
	struct nmreq_opt_csb *option = option_find(header, NETMAP_REQ_OPT_CSB);

	return option ? csb_mode_enter(descriptor, descriptor->port, option) : -EINVAL;
}

static struct ring *ring_of(struct descriptor *descriptor, enum direction direction, uint32_t index)
{
	return &descriptor->port->rings[direction][descriptor->first[direction] + index];
}

void csb_mode_look(struct descriptor *descriptor, enum direction direction, uint32_t index,
		   struct ring_pointers *out)
{
	struct ring *ring = ring_of(descriptor, direction, index);

	/* hwtail first: hwcur is never ahead of it. Pairs with the sender's store. */
	out->hwtail = load_ordered(&ring->hwtail);
	out->hwcur = read_once(&ring->hwcur);
	out->head = out->cur = out->hwcur;
	out->slots = ring->slots;
}

int csb_mode_sync(struct descriptor *descriptor, enum direction direction, uint32_t index,
		  struct ring_pointers *pointers)
{
	struct ring *ring = ring_of(descriptor, direction, index);
	int rc;

	ring->csb_head = pointers->head;
	ring->csb_cur = pointers->cur;
	rc = direction == TX ? ring_txsync(ring) : ring_rxsync(ring);
	pointers->hwtail = load_ordered(&ring->hwtail);
	pointers->hwcur = read_once(&ring->hwcur);
	pointers->slots = ring->slots;
	return rc;
}
