/* A pipe loses nothing: a full one takes no more until the reader has given slots back. */
#include "t.h"

int main(void)
{
	struct port_handle master = open_port("p{1", SLOTS(8)), slave = open_port("p}1", REG());
	struct netmap_ring *tx = tx_ring(&master, 0);
	uint32_t sent = 0, received = 0;
	struct frame frame;

	for (; sent < 7; sent++)
		put_frame(&master, 0, STATION(1), STATION(2), sent, 60);
	EQUAL(available(tx), 0);
	EQUAL(valet_txsync(master.handle), 0);
	EQUAL(available(tx), 0);
	EQUAL(valet_poll(master.handle, POLLOUT, 1), 0);
	EQUAL(valet_poll(slave.handle, POLLIN, 0), POLLIN);
	EQUAL(take_frame(&slave, 0, &frame), 1);
	EQUAL(frame.tag, received++);
	EQUAL(valet_poll(master.handle, POLLOUT, 0), 0); /* not given back yet */
	EQUAL(valet_rxsync(slave.handle), 0);
	EQUAL(valet_poll(master.handle, POLLOUT, 0), POLLOUT);
	EQUAL(available(tx), 1);
	/* Round the ring many times, in steps of every size. */
	for (uint32_t step = 1; received < 5000; step = step % 7 + 1) {
		for (uint32_t i = 0; i < step && available(tx); i++)
			put_frame(&master, 0, STATION(1), STATION(2), sent++, 60);
		EQUAL(valet_txsync(master.handle), 0);
		EQUAL(valet_rxsync(slave.handle), 0);
		for (uint32_t i = 0; i < 8 - step && take_frame(&slave, 0, &frame); i++)
			EQUAL(frame.tag, received++);
		EQUAL(valet_rxsync(slave.handle), 0);
		EQUAL(valet_txsync(master.handle), 0);
	}
	EQUAL(counters(slave.handle, "p{1").tx_packets, sent);
	close_port(&master);
	close_port(&slave);
	return 0;
}
