/*
 * A slot with a buffer or length that does not exist crosses a pipe as an empty one, and is
 * counted.
 */
#include "t.h"

int main(void)
{
	static const uint32_t bad[] = { 0, 1, 999999, 4160, 0xffffffff };
	struct port_handle master = open_port("vale0:p{1", SLOTS(8)), slave = open_port("vale0:p}1", REG());
	struct netmap_ring *tx = tx_ring(&master, 0), *rx = rx_ring(&slave, 0);
	struct valet_req_port count;

	for (size_t i = 0; i < COUNT(bad); i++) {
		uint32_t at = tx->head;
		struct netmap_slot *slot = put_slot(tx, 60, NS_BUF_CHANGED);

		slot->buf_idx = bad[i];
		EQUAL(valet_txsync(master.handle), 0);
		EQUAL(valet_rxsync(slave.handle), 0);
		EQUAL(available(rx), 1);
		EQUAL(rx->slot[at].len, 0);
		CHECK(rx->slot[at].buf_idx >= 2 && rx->slot[at].buf_idx < 4160);
		/* The reader spoils it in turn; the sender gets one that exists. */
		rx->slot[at].buf_idx = bad[i];
		set_head(rx, rx->tail);
		EQUAL(valet_rxsync(slave.handle), 0);
		EQUAL(valet_txsync(master.handle), 0);
		CHECK(tx->slot[at].buf_idx >= 2 && tx->slot[at].buf_idx < 4160);
	}
	put_slot(tx, 2113, 0);
	put_slot(tx, 65535, 0);
	put_slot(tx, 2112, 0);
	EQUAL(valet_txsync(master.handle), 0);
	EQUAL(valet_rxsync(slave.handle), 0);
	EQUAL(available(rx), 3);
	EQUAL(rx->slot[rx->head].len, 0);
	EQUAL(rx->slot[next_slot(rx, rx->head)].len, 0);
	EQUAL(rx->slot[next_slot(rx, next_slot(rx, rx->head))].len, 2112);
	count = counters(slave.handle, "vale0:p{1");
	EQUAL(count.drops[VALET_DROP_BAD_BUFFER], COUNT(bad));
	EQUAL(count.drops[VALET_DROP_TOO_LONG], 2);
	count = counters(slave.handle, "vale0:p}1");
	EQUAL(count.drops[VALET_DROP_BAD_BUFFER], COUNT(bad));
	close_port(&master);
	close_port(&slave);
	return 0;
}
