/*
 * A pipe's end that closes keeps its state for the next who opens it; the other end goes on
 * meanwhile.
 */
#include "t.h"

static struct port_handle master, slave;

static void before_the_peer(void)
{
	master = open_port("vale0:p{1", SLOTS(8));
	for (uint32_t i = 0; i < 7; i++)
		send_frame(&master, STATION(1), STATION(2), i);
	EQUAL(available(tx_ring(&master, 0)), 0);
	slave = open_port("vale0:p}1", REG());
	EQUAL(rx_ring(&slave, 0)->tail, 0);
	TAGS(&slave, 0, 1, 2, 3, 4, 5, 6);
}

static void reader_reopens(void)
{
	struct netmap_ring *rx = rx_ring(&slave, 0);
	uint32_t at;

	EQUAL(valet_txsync(master.handle), 0);
	for (uint32_t i = 0; i < 7; i++)
		send_frame(&master, STATION(1), STATION(2), 10 + i);
	EQUAL(valet_rxsync(slave.handle), 0);
	at = rx->head;
	set_head(rx, (at + 3) % 8); /* released, synced */
	EQUAL(valet_rxsync(slave.handle), 0);
	set_head(rx, (at + 5) % 8); /* released, not synced: acted on at the next sync */
	close_port(&slave);
	EQUAL(valet_txsync(master.handle), 0);
	EQUAL(available(tx_ring(&master, 0)), 3);
	send_frame(&master, STATION(1), STATION(2), 17);
	slave = open_port("vale0:p}1", REG());
	rx = rx_ring(&slave, 0);
	EQUAL(rx->head, (at + 5) % 8);
	TAGS(&slave, 15, 16, 17);
}

static void sender_reopens(void)
{
	EQUAL(valet_txsync(master.handle), 0);
	send_frame(&master, STATION(1), STATION(2), 20);
	send_frame(&master, STATION(1), STATION(2), 21);
	put_frame(&master, 0, STATION(1), STATION(2), 22, 60); /* not synced */
	close_port(&master);
	TAGS(&slave, 20, 21);
	EQUAL(valet_poll(slave.handle, POLLIN, 1), 0);
	EQUAL(valet_poll(slave.handle, POLLOUT, 0), POLLOUT);
	master = open_port("vale0:p{1", REG());
	EQUAL(valet_txsync(master.handle), 0);
	TAGS(&slave, 22);
}

/* With both ends closed all is gone; the parent may stay. */
static void both_close(void)
{
	struct port_handle parent = open_port("vale0:p", REG());

	send_frame(&master, STATION(1), STATION(2), 30);
	close_port(&master);
	close_port(&slave);
	master = open_port("vale0:p{1", REG(.nr_tx_slots = 16));
	EQUAL(master.reg.nr_tx_slots, 16);
	EQUAL(master.reg.nr_rx_slots, 8); /* the parent's */
	slave = open_port("vale0:p}1", REG());
	EQUAL(slave.reg.nr_tx_slots, 8);
	EQUAL(slave.reg.nr_rx_slots, 16);
	TAGS(&slave);
	close_port(&parent);
	/* The parent has no descriptor: on its bridge it gets nothing. */
	parent = open_port("vale0:other", SLOTS(8));
	send_frame(&parent, EVERYBODY, STATION(9), 1);
	EQUAL(counters(parent.handle, "vale0:p").drops[VALET_DROP_NOT_OPEN], 1);
	EQUAL(list_index(parent.handle, "vale0:p"), 0);
	close_port(&master);
	EQUAL(list_index(parent.handle, "vale0:p"), 0);
	close_port(&slave);
	EQUAL(list_index(parent.handle, "vale0:p"), 255);
	close_port(&parent);
}

int main(void)
{
	before_the_peer();
	reader_reopens();
	sender_reopens();
	both_close();
	return 0;
}
