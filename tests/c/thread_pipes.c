/*
 * A pipe's two ends in two threads: nothing is lost, all arrives in order, swapped buffers
 * included.
 */
#include "t.h"

enum { FRAMES = 30000 };

static struct port_handle end[2];

static void *sender(void *unused)
{
	struct netmap_ring *tx = tx_ring(&end[0], 0);
	uint32_t spare = end[0].nifp->ni_bufs_head;

	(void)unused;
	for (uint32_t sent = 0; sent < FRAMES;) {
		if (!available(tx)) {
			EQUAL(valet_poll(end[0].handle, POLLOUT, -1), POLLOUT);
			continue;
		}
		for (uint32_t i = 0; i < 5 && available(tx) && sent < FRAMES; i++, sent++) {
			struct netmap_slot *slot = &tx->slot[tx->head];

			/*
			 * Zero copy: the frame is made in another buffer, which is put into the
			 * slot.
			 */
			if (sent % 3 == 0) {
				uint32_t own = slot->buf_idx;

				write_frame(buffer(tx, spare), STATION(1), STATION(0), sent);
				put_slot(tx, 60, NS_BUF_CHANGED)->buf_idx = spare;
				spare = own;
			} else {
				put_frame(&end[0], 0, STATION(1), STATION(0), sent, 60);
			}
		}
		EQUAL(valet_txsync(end[0].handle), 0);
	}
	return NULL;
}

static void *receiver(void *unused)
{
	struct netmap_ring *rx = rx_ring(&end[1], 0);
	uint32_t spare = end[1].nifp->ni_bufs_head;
	struct frame frame;

	(void)unused;
	for (uint32_t received = 0; received < FRAMES;) {
		EQUAL(valet_poll(end[1].handle, POLLIN, -1), POLLIN);
		while (take_frame(&end[1], 0, &frame)) {
			EQUAL(frame.tag, received);
			received++;
			if (received % 4 == 0) {
				struct netmap_slot *slot = &rx->slot[frame.slot];
				uint32_t kept = slot->buf_idx;

				slot->buf_idx = spare;
				spare = kept;
			}
		}
		EQUAL(valet_rxsync(end[1].handle), 0);
	}
	return NULL;
}

int main(void)
{
	struct nmreq_register shape = SLOTS(16);
	pthread_t thread[2];

	shape.nr_extra_bufs = 1;
	end[0] = open_port("p{1", shape);
	end[1] = open_port("p}1", shape);
	thread[0] = start(sender, NULL);
	thread[1] = start(receiver, NULL);
	join(thread[0]);
	join(thread[1]);
	EQUAL(counters(end[0].handle, "p}1").rx_packets, FRAMES);
	close_port(&end[0]);
	close_port(&end[1]);
	return 0;
}
