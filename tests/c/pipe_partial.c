/* Only whole frames cross a pipe: fragments wait for the last one. */
#include "t.h"

int main(void)
{
	struct port_handle master = open_port("vale0:p{1", SLOTS(8)), slave = open_port("vale0:p}1", REG());
	struct netmap_ring *tx = tx_ring(&master, 0), *rx = rx_ring(&slave, 0);

	put_slot(tx, 60, NS_MOREFRAG);
	put_slot(tx, 60, NS_MOREFRAG);
	EQUAL(valet_txsync(master.handle), 0);
	EQUAL(tx->head, 2);
	EQUAL(valet_rxsync(slave.handle), 0);
	EQUAL(available(rx), 0);
	EQUAL(valet_poll(slave.handle, POLLIN, 1), 0);
	EQUAL(counters(slave.handle, "vale0:p{1").tx_packets, 0);
	/* The last fragment, and the first of the next frame. */
	put_slot(tx, 60, 0);
	put_slot(tx, 60, NS_MOREFRAG);
	EQUAL(valet_txsync(master.handle), 0);
	EQUAL(valet_poll(slave.handle, POLLIN, 0), POLLIN);
	EQUAL(rx->tail, 3);
	EQUAL(rx->slot[0].flags, NS_MOREFRAG);
	EQUAL(rx->slot[1].flags, NS_MOREFRAG);
	EQUAL(rx->slot[2].flags, 0);
	EQUAL(counters(slave.handle, "vale0:p{1").tx_packets, 1);
	set_head(rx, 3);
	put_slot(tx, 60, 0);
	EQUAL(valet_txsync(master.handle), 0);
	EQUAL(valet_rxsync(slave.handle), 0);
	EQUAL(rx->tail, 5);
	set_head(rx, 5);
	EQUAL(valet_rxsync(slave.handle), 0);
	EQUAL(valet_txsync(master.handle), 0);
	/* A ring full of one unfinished frame is stuck, as in the kernel; nothing breaks. */
	while (available(tx))
		put_slot(tx, 60, NS_MOREFRAG);
	EQUAL(valet_txsync(master.handle), 0);
	EQUAL(available(tx), 0);
	EQUAL(valet_poll(slave.handle, POLLIN, 1), 0);
	EQUAL(valet_poll(master.handle, POLLOUT, 1), 0);
	close_port(&master);
	close_port(&slave);
	return 0;
}
