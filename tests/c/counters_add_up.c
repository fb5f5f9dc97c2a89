/*
 * No frame is lost without a counter: what is sent is delivered, or in exactly one cause of loss.
 */
#include "t.h"

enum { PORTS = 5, ROUNDS = 400 };

static struct port_handle port[PORTS];
static uint32_t state = 12345;

/* Unicast anywhere, garbage, drops; no broadcasts, which are delivered more than once. */
static int32_t anywhere(struct valet_batch *batch, void *context)
{
	(void)context;
	for (uint32_t i = 0; i < batch->count; i++) {
		uint32_t answer = random_next(&state) % 12;

		batch->packets[i].destination = answer == 11 ? VALET_GARBAGE :
						answer == 10 ? VALET_DROP : answer;
		batch->packets[i].ring = random_next(&state);
	}
	return random_next(&state) % 10 ? 0 : -1;
}

static struct valet_req_port counted(int n)
{
	char name[16];

	snprintf(name, sizeof(name), n == 4 ? "vi0" : "vale0:p%d", n);
	return counters(port[0].handle, name);
}

static void some_slots(const struct port_handle *from)
{
	for (uint32_t ring = 0; ring < from->nifp->ni_tx_rings; ring++) {
		struct netmap_ring *tx = tx_ring(from, ring);
		uint32_t count = random_next(&state) % (available(tx) + 1);

		for (uint32_t i = 0; i < count; i++) {
			uint32_t kind = random_next(&state) % 40, own = tx->slot[tx->head].buf_idx;
			struct netmap_slot *slot;

			/* What an earlier round has spoilt is made good. */
			if (own < 2 || own >= 4098)
				own = tx->slot[tx->head].buf_idx = 2;
			write_frame(buffer(tx, own), EVERYBODY, STATION(1), 1);
			slot = put_slot(tx, (uint16_t)(14 + random_next(&state) % 100), 0);
			if (kind == 0)
				slot->len = 0;
			else if (kind == 1)
				slot->len = 5000;
			else if (kind == 2)
				slot->buf_idx = random_next(&state);
			else if (kind < 10)
				slot->flags = NS_MOREFRAG;
			else if (kind == 10)
				slot->flags = NS_INDIRECT;
		}
	}
}

static void read_some(const struct port_handle *to)
{
	for (uint32_t i = 0; i < to->nifp->ni_rx_rings; i++) {
		struct netmap_ring *rx = rx_ring(to, i);
		uint32_t count = random_next(&state) % (available(rx) + 1);

		/* Receive slots get spoilt as well. */
		for (uint32_t k = 0; k < count; k++) {
			struct netmap_slot *slot = &rx->slot[rx->head];

			slot->buf_idx = random_next(&state) % 30 ? 2 + rx->head : 0;
			set_head(rx, next_slot(rx, rx->head));
		}
	}
}

static void check_sums(void)
{
	uint64_t sent = 0, sent_bytes = 0, received = 0, received_bytes = 0, lost = 0;

	for (int i = 0; i < PORTS; i++) {
		struct valet_req_port count = counted(i);

		sent += count.tx_packets;
		sent_bytes += count.tx_bytes;
		received += count.rx_packets;
		received_bytes += count.rx_bytes;
		lost += drops_of(&count);
		EQUAL(count.ring_resets, 0);
	}
	EQUAL(sent, received + lost);
	CHECK(received && received_bytes <= sent_bytes);
}

static void every_cause(void)
{
	static const int in_this_test[] = { VALET_DROP_BAD_BUFFER, VALET_DROP_TOO_LONG,
					    VALET_DROP_TOO_SHORT,
					    VALET_DROP_LOOKUP, VALET_DROP_NO_PORT, VALET_DROP_GARBAGE,
					    VALET_DROP_FAILED, VALET_DROP_SAME_PORT,
					    VALET_DROP_NOT_OPEN, VALET_DROP_RING_FULL,
					    VALET_DROP_RECEIVE_BUFFER };

	for (size_t k = 0; k < COUNT(in_this_test); k++) {
		uint64_t lost = 0;

		for (int i = 0; i < PORTS; i++)
			lost += counted(i).drops[in_this_test[k]];
		if (!lost)
			FAIL("nothing was lost for cause %d", in_this_test[k]);
	}
}

/* A port that is on no bridge sends to nobody. */
static void not_attached(void)
{
	struct port_handle alone;
	struct valet_req_port count;

	EQUAL(newif(port[0].handle, "vi1", 16), 0);
	alone = open_port("vi1", REG());
	for (uint32_t i = 0; i < 7; i++)
		put_frame(&alone, 0, EVERYBODY, STATION(1), i, 60);
	EQUAL(valet_txsync(alone.handle), 0);
	count = counters(port[0].handle, "vi1");
	EQUAL(count.bridge, 0xffffffff);
	EQUAL(count.tx_packets, 7);
	EQUAL(count.drops[VALET_DROP_NOT_ATTACHED], 7);
	EQUAL(drops_of(&count), 7);
	EQUAL(available(tx_ring(&alone, 0)), 15);
	close_port(&alone);
	EQUAL(delif(port[0].handle, "vi1"), 0);
}

int main(void)
{
	struct nmreq_register shape = SLOTS(64);

	shape.nr_tx_rings = 2;
	shape.nr_rx_rings = 3;
	for (int i = 0; i < 4; i++) {
		char name[16];

		snprintf(name, sizeof(name), "vale0:p%d", i);
		port[i] = open_port(name, shape);
	}
	/* Index 4: attached, and opened only later. */
	EQUAL(newif(port[0].handle, "vi0", 64), 0);
	EQUAL(attach(port[0].handle, "vale0:vi0"), 0);
	EQUAL(set_native(port[0].handle, "vale0", anywhere, NULL), 0);
	for (int round = 0; round < ROUNDS; round++) {
		int32_t rc;

		some_slots(&port[round % 4]);
		rc = valet_txsync(port[round % 4].handle);
		CHECK(rc == 0 || rc == -ECANCELED);
		for (int i = 0; i < 4; i++) {
			EQUAL(valet_rxsync(port[i].handle), 0);
			read_some(&port[i]);
		}
		if (round == ROUNDS / 2)
			port[4] = open_port("vi0", REG());
		check_sums();
	}
	every_cause();
	not_attached();
	for (int i = 0; i < PORTS; i++)
		close_port(&port[i]);
	port[0].handle = open_handle();
	EQUAL(detach(port[0].handle, "vale0:vi0"), 0);
	EQUAL(delif(port[0].handle, "vi0"), 0);
	EQUAL(valet_close(port[0].handle), 0);
	return 0;
}
