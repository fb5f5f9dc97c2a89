/*
 * A sender with offsets may have a frame at the very end of a buffer: what lies behind it is the next buffer, and
 * nobody else gets any of that.
 */
#include "t.h"

enum { OFFSET = 2048 - 60, FRAME_BYTES = 60 };

static struct port_handle open_with_offsets(const char *name)
{
	struct {
		struct nmreq_header header;
		struct nmreq_register reg;
		struct nmreq_opt_offsets option;
	} message = { .header = { .nr_version = NETMAP_API,
				  .nr_reqtype = NETMAP_REQ_REGISTER,
				  .nr_body = sizeof(message.header),
				  .nr_options = sizeof(message.header) + sizeof(message.reg) },
		      .reg = { .nr_mode = NR_REG_ALL_NIC, .nr_tx_slots = 16, .nr_rx_slots = 16 },
		      .option = { .nro_opt.nro_reqtype = NETMAP_REQ_OPT_OFFSETS,
				  .nro_max_offset = OFFSET,
				  .nro_initial_offset = OFFSET } };
	struct port_handle port = { .handle = open_handle() };
	uint64_t map[2];

	snprintf(message.header.nr_name, sizeof(message.header.nr_name), "%s", name);
	EQUAL(valet_control(port.handle, &message, sizeof(message)), 0);
	EQUAL(valet_map(port.handle, map), 0);
	port.nifp = (void *)(uintptr_t)(map[0] + message.reg.nr_offset);
	return port;
}

int main(void)
{
	struct port_handle a = open_with_offsets("vale0:a"), b = open_port("vale0:b", SLOTS(16));
	struct netmap_ring *tx = tx_ring(&a, 0), *rx = rx_ring(&b, 0);
	uint8_t *from = buffer(tx, tx->slot[0].buf_idx) + OFFSET, *to = buffer(rx, rx->slot[0].buf_idx);
	uint8_t untouched[64];

	write_frame(from, EVERYBODY, STATION(1), 42);
	memset(from + FRAME_BYTES, 0x77, 64);
	memset(to, 0x11, 128);
	memset(untouched, 0x11, sizeof(untouched));
	put_slot(tx, FRAME_BYTES, 0);
	EQUAL(valet_txsync(a.handle), 0);
	EQUAL(valet_rxsync(b.handle), 0);
	EQUAL(available(rx), 1);
	EQUAL(rx->slot[0].len, FRAME_BYTES);
	CHECK(!memcmp(to, from, FRAME_BYTES));
	CHECK(!memcmp(to + FRAME_BYTES, untouched, sizeof(untouched)));
	close_port(&a);
	close_port(&b);
	return 0;
}
