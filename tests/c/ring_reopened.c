/*
 * A ring that is opened again is empty: nothing that an earlier owner left, or that came meanwhile,
 * is in it.
 */
#include "t.h"

int main(void)
{
	struct nmreq_register tx_only = SLOTS(8), rx_only = SLOTS(8);
	struct port_handle a = open_port("vale0:a", SLOTS(8)), keeps, reads;
	struct valet_req_port count;
	struct netmap_ring *ring;

	tx_only.nr_flags = NR_TX_RINGS_ONLY;
	rx_only.nr_flags = NR_RX_RINGS_ONLY;
	keeps = open_port("vale0:b", tx_only);
	reads = open_port("vale0:b", rx_only);
	for (uint32_t i = 0; i < 3; i++)
		send_frame(&a, EVERYBODY, STATION(1), i);
	EQUAL(valet_rxsync(reads.handle), 0);
	ring = rx_ring(&reads, 0);
	set_head(ring, 1);
	EQUAL(valet_rxsync(reads.handle), 0);
	close_port(&reads);
	send_frame(&a, EVERYBODY, STATION(1), 9); /* nobody has the ring open */
	count = counters(a.handle, "vale0:b");
	EQUAL(count.rx_packets, 3);
	EQUAL(count.drops[VALET_DROP_NOT_OPEN], 1);

	reads = open_port("vale0:b", rx_only);
	ring = rx_ring(&reads, 0);
	EQUAL(ring->head, 0);
	EQUAL(ring->cur, 0);
	EQUAL(ring->tail, 0);
	TAGS(&reads);
	for (uint32_t i = 0; i < 9; i++)
		send_frame(&a, EVERYBODY, STATION(1), 10 + i);
	TAGS(&reads, 10, 11, 12, 13, 14, 15, 16);
	close_port(&reads);

	/* A sender's unsynced frames go with it. */
	put_frame(&keeps, 0, EVERYBODY, STATION(2), 20, 60);
	close_port(&keeps);
	keeps = open_port("vale0:b", tx_only);
	EQUAL(tx_ring(&keeps, 0)->head, 0);
	EQUAL(tx_ring(&keeps, 0)->tail, 7);
	send_frame(&keeps, EVERYBODY, STATION(2), 21);
	TAGS(&a, 21);

	/* A direction that is not bound has nothing to sync and never becomes ready. */
	EQUAL(valet_rxsync(keeps.handle), 0);
	EQUAL(valet_poll(keeps.handle, POLLIN, 0), 0);
	close_port(&keeps);
	reads = open_port("vale0:b", rx_only);
	EQUAL(valet_txsync(reads.handle), 0);
	EQUAL(valet_poll(reads.handle, POLLIN | POLLOUT, 1), 0);
	close_port(&reads);
	close_port(&a);
	return 0;
}
