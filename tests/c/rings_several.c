/*
 * Frames go to the receive ring of the transmit ring's number, modulo the receiver's rings;
 * broadcasts go to ring 0, once.
 */
#include "t.h"

static int32_t second_ring(struct valet_batch *batch, void *context)
{
	for (uint32_t i = 0; i < batch->count; i++) {
		EQUAL(batch->packets[i].ring, i % 4);
		batch->packets[i].destination = 1;
		batch->packets[i].ring = *(uint32_t *)context + i;
	}
	return 0;
}

int main(void)
{
	struct nmreq_register four = SLOTS(16), three = SLOTS(16), one = SLOTS(16);
	struct port_handle a, b, c;
	uint32_t first = 0xfffffffe; /* a ring number far beyond what there is */

	four.nr_tx_rings = four.nr_rx_rings = 4;
	three.nr_tx_rings = three.nr_rx_rings = 3;
	a = open_port("vale0:a", four);
	b = open_port("vale0:b", three);
	send_frame(&b, EVERYBODY, STATION(2), 0);
	TAGS(&a, 0);
	for (uint32_t ring = 0; ring < 4; ring++)
		put_frame(&a, ring, STATION(2), STATION(1), ring, 60);
	EQUAL(valet_txsync(a.handle), 0);
	/* 0, 1, 2, 0 */
	TAGS_ON(&b, 1, 1);
	TAGS_ON(&b, 2, 2);
	TAGS_ON(&b, 0, 0, 3);

	/*
	 * A broadcast and a unicast in one batch of ring 2: the broadcast comes once (in the kernel
	 * twice).
	 */
	put_frame(&a, 2, STATION(2), STATION(1), 10, 60);
	put_frame(&a, 2, EVERYBODY, STATION(1), 11, 60);
	put_frame(&a, 2, STATION(2), STATION(1), 12, 60);
	EQUAL(valet_txsync(a.handle), 0);
	TAGS_ON(&b, 0, 11);
	TAGS_ON(&b, 2, 10, 12);
	TAGS_ON(&b, 1);

	/* Ring 0 not bound: broadcasts are lost for that port, and counted. */
	one.nr_mode = NR_REG_ONE_NIC;
	one.nr_ringid = 1;
	one.nr_tx_rings = one.nr_rx_rings = 2;
	c = open_port("vale0:c", one);
	EQUAL(valet_rxsync(c.handle), 0);
	put_frame(&a, 0, EVERYBODY, STATION(1), 20, 60);
	EQUAL(valet_txsync(a.handle), 0);
	TAGS_ON(&c, 1);
	EQUAL(counters(a.handle, "vale0:c").drops[VALET_DROP_NOT_OPEN], 1);
	TAGS_ON(&b, 0, 20);
	close_port(&c);

	/* A lookup may name a ring; whatever it names is taken modulo the rings. */
	EQUAL(set_native(a.handle, "vale0", second_ring, &first), 0);
	for (uint32_t i = 0; i < 1; i++)
		put_frame(&a, 0, STATION(2), STATION(1), 30, 60);
	EQUAL(valet_txsync(a.handle), 0);
	TAGS_ON(&b, 0xfffffffe % 3, 30);
	close_port(&a);
	close_port(&b);
	return 0;
}
