/*
 * Two ports and the ends of a pipe exchange frames while monitors of them come and go: what a
 * monitor shows is in order and whole, nobody else notices, and no buffer is lost or in two places.
 */
#include "t.h"

enum { ROUNDS = 40, LENGTH = 200 };

struct side {
	struct port_handle port;
	uint32_t sent, received;
	int may_lose; /* a bridge may, a pipe does not */
};

static uint32_t stopped;

static void write_body(uint8_t *at, uint32_t tag)
{
	write_frame(at, EVERYBODY, STATION(1), tag);
	for (uint32_t i = FRAME_BYTES_MIN; i < LENGTH; i++)
		at[i] = (uint8_t)(tag + i);
}

static void check_body(const uint8_t *at, uint32_t tag)
{
	for (uint32_t i = FRAME_BYTES_MIN; i < LENGTH; i++)
		EQUAL(at[i], (uint8_t)(tag + i));
}

static void *exchange(void *argument)
{
	struct side *side = argument;
	struct netmap_ring *tx = tx_ring(&side->port, 0), *rx = rx_ring(&side->port, 0);
	struct frame frame;

	while (!load_acquire(&stopped)) {
		for (int i = 0; i < 7 && available(tx); i++, side->sent++) {
			write_body(buffer(tx, tx->slot[tx->head].buf_idx), side->sent);
			put_slot(tx, LENGTH, 0);
		}
		EQUAL(valet_txsync(side->port.handle), 0);
		EQUAL(valet_rxsync(side->port.handle), 0);
		while (take_frame(&side->port, 0, &frame)) {
			CHECK(side->may_lose ? frame.tag >= side->received
					     : frame.tag == side->received);
			side->received = frame.tag + 1;
			check_body(buffer(rx, rx->slot[frame.slot].buf_idx), frame.tag);
		}
		sched_yield();
	}
	return NULL;
}

/* What a monitor shows: each direction in order. */
static void watch(const char *name, uint64_t flags, uint32_t frames)
{
	struct port_handle monitor = open_port(name, REG(.nr_flags = flags));
	struct netmap_ring *rx = rx_ring(&monitor, 0);
	uint32_t next[2] = { 0 };
	struct frame frame;

	for (uint32_t seen = 0; seen < frames;) {
		EQUAL(valet_rxsync(monitor.handle), 0);
		while (take_frame(&monitor, 0, &frame)) {
			int sent = (frame.flags & NS_TXMON) != 0;

			CHECK(frame.tag >= next[sent]);
			next[sent] = frame.tag + 1;
			EQUAL(frame.length, LENGTH);
			check_body(buffer(rx, rx->slot[frame.slot].buf_idx), frame.tag);
			seen++;
		}
		sched_yield();
	}
	close_port(&monitor);
}

static void run(const char *first, const char *second, const char *monitored, int may_lose)
{
	struct side side[2] = { { .port = open_port(first, SLOTS(64)), .may_lose = may_lose },
				{ .port = open_port(second, SLOTS(64)), .may_lose = may_lose } };
	static uint8_t seen[1 << 16];
	pthread_t thread[2];

	store_release(&stopped, 0);
	for (int i = 0; i < 2; i++)
		thread[i] = start(exchange, &side[i]);
	for (int round = 0; round < ROUNDS; round++) {
		watch(monitored, NR_MONITOR_TX | NR_MONITOR_RX, 50);
		watch(monitored, NR_ZCOPY_MON, 50);
	}
	store_release(&stopped, 1);
	for (int i = 0; i < 2; i++)
		join(thread[i]);
	memset(seen, 0, sizeof(seen));
	for (int i = 0; i < 2 && may_lose; i++) {
		struct netmap_ring *rings[2] = { rx_ring(&side[0].port, 0),
						 tx_ring(&side[0].port, 0) };

		for (uint32_t k = 0; k < 64; k++)
			EQUAL(seen[rings[i]->slot[k].buf_idx]++, 0);
	}
	for (int i = 0; i < 2; i++)
		close_port(&side[i].port);
}

int main(void)
{
	run("vale0:a", "vale0:b", "vale0:a", 1);
	run("p{1", "p}1", "p{1", 0);
	return 0;
}
