/* SPDX-License-Identifier: BSD-2-Clause */
#include "csb.h"

#include "port.h"

/* What the application has no business to write, but an earlier one may have written. */
static void restore_header(struct ring *ring)
{
	struct netmap_ring *shared = ring->shared;

	shared->buf_ofs = ring->buffers - (uint8_t *)shared;
	shared->num_slots = ring->slots;
	shared->nr_buf_size = ring->buffer_bytes;
	shared->ringid = (uint16_t)ring->index;
	shared->dir = ring->direction == TX ? NR_DIR_TX : NR_DIR_RX;
	shared->ts = (struct timeval){ 0 };
	shared->offset_mask = ring->offset_mask;
	shared->buf_align = 0;
}

void csb_show_by_request(struct ring *ring)
{
	uint32_t when = ring_is_exchanged(ring) ? CSB_RELEASES : 0;

	if (read_once(&ring->monitored) & MONITORED_FORWARD)
		when |= CSB_FORWARDS;
	if (load_acquire(&ring->port->ended))
		when = CSB_ALWAYS;
	/* Pairs with the application's look after it was woken. */
	store_ordered(&csb_of(ring->shared)->ktoa.by_request, when);
}

void csb_reset(struct ring *ring)
{
	struct csb *csb = csb_of(ring->shared);

	restore_header(ring);
	memset(csb, 0, sizeof(*csb));
	write_once(&ring->served, 0);
	csb_show(ring);
	csb_show_by_request(ring);
	csb_need_kick(ring, 1);
}

void csb_reopen(struct ring *ring)
{
	/* The other end moves our tail. */
	spin_lock(&ring->peer->busy);
	csb_reset(ring);
	spin_unlock(&ring->peer->busy);
}

/*
 * A receive ring on a bridge that its application could not sync by itself. Senders move hwcur and
 * hwtail meanwhile, under `lease`.
 */
static int rxsync_on_bridge(struct ring *ring)
{
	int64_t head;

	spin_lock(&ring->lease);
	csb_take_back(ring);
	head = ring_check(ring, ring->hwtail);
	if (head >= 0) {
		ring_released(ring, ring->hwcur, (uint32_t)head);
		store_release(&ring->hwcur, (uint32_t)head);
		ring_show_tail(ring, ring->hwtail);
	}
	csb_show(ring);
	spin_unlock(&ring->lease);
	if (load_acquire(&ring->port->ended))
		return -EIO;
	return head < 0;
}

/* The other end moves our hwtail and shows it, under its own `busy`. */
static int sync_pipe(struct ring *ring)
{
	int rc = ring->direction == TX ? ring_txsync(ring) : ring_rxsync(ring);

	spin_lock(&ring->peer->busy);
	csb_show(ring);
	spin_unlock(&ring->peer->busy);
	return rc;
}

static int sync_ring(struct ring *ring)
{
	int rc;

	if (ring->peer)
		return sync_pipe(ring);
	if (ring->direction == RX)
		return rxsync_on_bridge(ring);
	rc = ring_txsync(ring);
	/* Its tail moves at other times too, and is shown whenever it does. */
	if (ring->port->kind == VALET_PORT_HARDWARE)
		return rc;
	/* Nobody looks before `done`, which csb_serve() stores after them, with its barrier. */
	write_once(&csb_of(ring->shared)->ktoa.hwcur, ring->hwcur);
	store_release(&csb_of(ring->shared)->ktoa.hwtail, ring->hwtail);
	return rc;
}

int csb_serve(struct ring *ring)
{
	struct csb *csb = csb_of(ring->shared);
	uint32_t request;
	int rc;

	if (!csb_asked(ring) || !spin_try(&ring->serving))
		return 0;
	/* Pairs with the application's raising of it: head and slots are as it left them. */
	request = load_acquire(&csb->atok.request);
	if (request != ring->served) {
		rc = sync_ring(ring);
		write_once(&csb->ktoa.result, rc);
		write_once(&ring->served, request);
		/* Pairs with the application's acquire: the result and the tail are there. */
		store_ordered(&csb->ktoa.done, request);
		ring_notify(ring);
	}
	/* Ordered before the next look: a thread that did not get in now has its request seen. */
	store_ordered(&ring->serving.held, 0);
	return 1;
}
