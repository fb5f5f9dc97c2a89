/*
 * A pipe passes slots, not bytes: both ends' slots name the same buffers, and a buffer that is
 * swapped comes back.
 */
#include "t.h"

static struct port_handle master, slave;

static void whole_slot(void)
{
	struct netmap_ring *tx = tx_ring(&master, 0), *rx = rx_ring(&slave, 0);
	struct netmap_slot *slot = put_slot(tx, 60, 0x342);
	uint32_t index = slot->buf_idx;
	uint8_t *data = buffer(tx, index);

	slot->ptr = 0x1234;
	memset(data, 0x5a, 60);
	EQUAL(valet_rxsync(slave.handle), 0);
	EQUAL(available(rx), 0);
	EQUAL(valet_txsync(master.handle), 0);
	EQUAL(rx->tail, 0); /* moves at the reader's own sync only */
	EQUAL(valet_rxsync(slave.handle), 0);
	EQUAL(available(rx), 1);
	EQUAL(rx->slot[0].buf_idx, index);
	EQUAL(rx->slot[0].len, 60);
	EQUAL(rx->slot[0].flags, 0x342);
	EQUAL(rx->slot[0].ptr, 0x1234);
	CHECK(buffer(rx, index) == data);
	EQUAL(buffer(rx, index)[59], 0x5a);
	/* As the reader leaves it, it comes back. */
	rx->slot[0].len = 99;
	rx->slot[0].flags = 8;
	set_head(rx, 1);
	EQUAL(valet_rxsync(slave.handle), 0);
	EQUAL(tx->tail, 7);
	EQUAL(valet_txsync(master.handle), 0);
	EQUAL(tx->tail, 0);
	EQUAL(tx->slot[0].len, 99);
	EQUAL(tx->slot[0].flags, 8);
	EQUAL(tx->slot[0].buf_idx, index);
}

static void changed_flag(void)
{
	struct netmap_ring *tx = tx_ring(&master, 0), *rx = rx_ring(&slave, 0);
	uint32_t at = tx->head;

	put_slot(tx, 60, NS_BUF_CHANGED | NS_REPORT);
	EQUAL(valet_txsync(master.handle), 0);
	EQUAL(tx->slot[at].flags, NS_REPORT);
	EQUAL(valet_rxsync(slave.handle), 0);
	EQUAL(rx->slot[at].flags, NS_BUF_CHANGED | NS_REPORT);
	set_head(rx, rx->tail);
	EQUAL(valet_rxsync(slave.handle), 0);
	EQUAL(rx->slot[at].flags, NS_REPORT);
	EQUAL(valet_txsync(master.handle), 0);
	EQUAL(tx->slot[at].flags, NS_BUF_CHANGED | NS_REPORT);
}

/* Extra buffers sent by one end, the other puts its own in their place: no flag is needed. */
static void swap(void)
{
	struct netmap_ring *tx = tx_ring(&master, 0), *rx = rx_ring(&slave, 0);
	uint32_t at = tx->head, extra = master.nifp->ni_bufs_head, mine = tx->slot[at].buf_idx;
	uint32_t theirs = slave.nifp->ni_bufs_head;

	memset(buffer(tx, extra), 0x77, 64);
	put_slot(tx, 64, 0)->buf_idx = extra;
	EQUAL(valet_txsync(master.handle), 0);
	EQUAL(valet_rxsync(slave.handle), 0);
	EQUAL(rx->slot[at].buf_idx, extra);
	EQUAL(buffer(rx, rx->slot[at].buf_idx)[63], 0x77);
	rx->slot[at].buf_idx = theirs;
	set_head(rx, rx->tail);
	EQUAL(valet_rxsync(slave.handle), 0);
	EQUAL(valet_txsync(master.handle), 0);
	EQUAL(tx->slot[at].buf_idx, theirs);
	CHECK(mine != theirs && extra != theirs);
}

int main(void)
{
	struct nmreq_register shape = SLOTS(8);
	struct valet_req_port count;

	shape.nr_extra_bufs = 2;
	master = open_port("vale0:p{1", shape);
	slave = open_port("vale0:p}1", shape);
	for (int i = 0; i < 8; i++) {
		EQUAL(tx_ring(&master, 0)->slot[i].buf_idx, rx_ring(&slave, 0)->slot[i].buf_idx);
		EQUAL(rx_ring(&master, 0)->slot[i].buf_idx, tx_ring(&slave, 0)->slot[i].buf_idx);
	}
	whole_slot();
	changed_flag();
	swap();
	count = counters(master.handle, "vale0:p{1");
	EQUAL(count.kind, VALET_PORT_PIPE);
	EQUAL(count.tx_packets, 3);
	EQUAL(count.tx_bytes, 60 + 60 + 64);
	count = counters(master.handle, "vale0:p}1");
	EQUAL(count.rx_packets, 3);
	EQUAL(drops_of(&count), 0);
	/* The other way round, at the same time. */
	put_frame(&slave, 0, STATION(1), STATION(2), 42, 60);
	EQUAL(valet_txsync(slave.handle), 0);
	TAGS(&master, 42);
	close_port(&master);
	close_port(&slave);
	return 0;
}
