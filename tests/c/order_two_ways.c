/*
 * Batches in which all that is not flooded has one destination: a port, which gets everything in the order
 * of sending, or nobody. What does not fit is lost from there on, and counted.
 */
#include "t.h"

enum { SLOTS_OF_B = 64, FRAMES = 200 };

static struct port_handle a, b, c, d;

static void drain(struct port_handle *port)
{
	EQUAL(valet_rxsync(port->handle), 0);
	set_head(rx_ring(port, 0), rx_ring(port, 0)->tail);
	EQUAL(valet_rxsync(port->handle), 0);
}

/* Frames of `slots` slots each: at random flooded, or for that station. Returns the tags that are flooded. */
static uint32_t send_mixed(uint64_t station, uint32_t count, uint32_t slots, uint32_t *state,
			   uint32_t flooded[FRAMES])
{
	struct netmap_ring *tx = tx_ring(&a, 0);
	uint32_t floods = 0;

	for (uint32_t tag = 0; tag < count; tag++) {
		/* Each at least once. */
		int is_flood = tag < 2 ? (int)tag == (int)(*state & 1) : random_next(state) % 3 == 0;
		uint64_t to = is_flood ? (tag % 2 ? EVERYBODY : STATION(77)) : station;

		for (uint32_t slot = 1; slot <= slots; slot++) {
			write_frame(buffer(tx, tx->slot[tx->head].buf_idx), to, STATION(1), tag);
			put_slot(tx, 60, slot < slots ? NS_MOREFRAG : 0);
		}
		if (is_flood)
			flooded[floods++] = tag;
	}
	EQUAL(valet_txsync(a.handle), 0);
	return floods;
}

/* All or, of so many slots each, those that have room: the slots that come, and what is lost. */
static void received_all(uint32_t count, uint32_t slots, uint64_t lost_before)
{
	uint32_t fit = (SLOTS_OF_B - 1) / slots;
	struct frame frame;

	if (fit > count)
		fit = count;
	EQUAL(valet_rxsync(b.handle), 0);
	EQUAL(available(rx_ring(&b, 0)), fit * slots);
	for (uint32_t tag = 0; tag < fit; tag++)
		for (uint32_t slot = 0; slot < slots; slot++) {
			EQUAL(take_frame(&b, 0, &frame), 1);
			EQUAL(frame.tag, tag);
		}
	EQUAL(valet_rxsync(b.handle), 0);
	EQUAL(counters(a.handle, "vale0:b").drops[VALET_DROP_RING_FULL] - lost_before, count - fit);
}

static void received(struct port_handle *port, uint32_t slots, uint32_t count, const uint32_t *tags)
{
	struct frame frame;

	EQUAL(valet_rxsync(port->handle), 0);
	EQUAL(available(rx_ring(port, 0)), count * slots);
	for (uint32_t i = 0; i < count * slots; i++) {
		EQUAL(take_frame(port, 0, &frame), 1);
		EQUAL(frame.tag, tags[i / slots]);
	}
	EQUAL(valet_rxsync(port->handle), 0);
}

static void to_a_port(uint32_t count, uint32_t slots, uint32_t *state)
{
	uint64_t lost = counters(a.handle, "vale0:b").drops[VALET_DROP_RING_FULL];
	uint32_t flooded[FRAMES], floods = send_mixed(STATION(2), count, slots, state, flooded);

	received_all(count, slots, lost);
	received(&c, slots, floods, flooded);
	received(&d, slots, floods, flooded);
}

/* To the sender's own port: lost, and counted there. */
static void to_nobody(uint32_t count, uint32_t *state)
{
	struct valet_req_port before = counters(a.handle, "vale0:a");
	uint32_t flooded[FRAMES], floods = send_mixed(STATION(1), count, 1, state, flooded);
	struct valet_req_port after = counters(a.handle, "vale0:a");

	EQUAL(after.drops[VALET_DROP_SAME_PORT] - before.drops[VALET_DROP_SAME_PORT], count - floods);
	EQUAL(drops_of(&after) - drops_of(&before), count - floods);
	received(&c, 1, floods, flooded);
	received(&d, 1, floods, flooded);
	drain(&b);
}

int main(void)
{
	uint32_t state = 7;

	a = open_port("vale0:a", SLOTS(1024));
	b = open_port("vale0:b", SLOTS(SLOTS_OF_B));
	c = open_port("vale0:c", SLOTS(1024));
	d = open_port("vale0:d", SLOTS(1024));
	send_frame(&b, EVERYBODY, STATION(2), 0);
	drain(&a);
	drain(&c);
	drain(&d);
	for (uint32_t round = 0; round < 40; round++) {
		to_a_port(2 + round, 1, &state);
		to_a_port(2 + round % 20, 3, &state);
		to_a_port(SLOTS_OF_B + 3 * round, 1, &state);
		to_a_port(30 + round, 3, &state);
		to_nobody(2 + random_next(&state) % (SLOTS_OF_B - 2), &state);
	}
	/* Without it what is flooded still reaches the others. */
	close_port(&b);
	for (uint32_t round = 0; round < 10; round++) {
		uint32_t flooded[FRAMES], floods = send_mixed(STATION(1), 20, 1, &state, flooded);

		received(&c, 1, floods, flooded);
		received(&d, 1, floods, flooded);
	}
	close_port(&a);
	close_port(&c);
	close_port(&d);
	return 0;
}
