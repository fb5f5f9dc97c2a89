/* SPDX-License-Identifier: BSD-2-Clause */
#include "csb.h"

void csb_reset(struct ring *ring)
{
	struct csb *csb = csb_of(ring->shared);

	memset(csb, 0, sizeof(*csb));
	write_once(&ring->served, 0);
	csb_show(ring);
	csb_need_kick(ring, 1);
}

void csb_reopen(struct ring *ring)
{
	/* The other end moves our tail. */
	spin_lock(&ring->peer->busy);
	csb_reset(ring);
	spin_unlock(&ring->peer->busy);
}

static int sync_ring(struct ring *ring)
{
	if (ring->direction == TX)
		return ring_txsync(ring);
	if (!ring->peer) {
		spin_lock(&ring->lease);
		csb_take_back(ring);
		spin_unlock(&ring->lease);
	}
	return ring_rxsync(ring);
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
		csb_show(ring);
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
