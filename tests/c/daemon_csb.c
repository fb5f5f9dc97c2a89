/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rings whose application is another process: what a csb shows is never older than what it showed
 * before, whoever syncs at the same time, and whatever an application has left there does not reach the
 * next one.
 */
#include "daemon.h"

#include "backend/memory.h"
#include "engine/csb.h"
#include "engine/engine.h"

/* As many as there is time for, where the machine is busy. */
enum { ROUNDS = 200000, LIMIT_MS = 2000 };

static void wake(struct waiter *waiter)
{
	(void)waiter;
}

static const struct engine_host host = {
	.remote = 1,
	.region_map = memory_region_map_shared,
	.region_unmap = memory_region_unmap,
	.wake = wake,
};

static struct engine *engine;

static void open_descriptor(struct descriptor *out, const char *name)
{
	struct nmreq_register reg = REG(.nr_mode = NR_REG_ALL_NIC, .nr_tx_slots = 16, .nr_rx_slots = 16);
	struct nmreq_header header = { .nr_version = NETMAP_API,
				       .nr_reqtype = NETMAP_REQ_REGISTER,
				       .nr_body = (uintptr_t)&reg };

	strcpy(header.nr_name, name);
	descriptor_open(engine, out);
	EQUAL(descriptor_control(out, &header), 0);
}

static struct ring *ring_of(const struct descriptor *descriptor, enum direction direction)
{
	return &descriptor->port->rings[direction][0];
}

/* ---- two threads of the daemon ---- */

/* Both wait until the other is there, so that they start at the same moment. */
static uint32_t at_the_start[2], at_the_end[2];

static void meet(uint32_t *places, int me, uint32_t round)
{
	store_release(&places[me], round);
	for (uint32_t spins = 1; load_acquire(&places[1 - me]) < round; spins++)
		if (spins % 128 == 0)
			sched_yield();
}

/* As an application does. */
static void ask(struct netmap_ring *ring)
{
	struct csb_atok *atok = &csb_of(ring)->atok;

	atok->cur = ring->cur;
	atok->head = ring->head;
	atok->request++;
}

static struct ring *served[2];
static uint32_t stop;

static void *serve(void *unused)
{
	for (uint32_t round = 1;; round++) {
		meet(at_the_start, 1, round);
		if (load_acquire(&stop))
			break;
		csb_serve(served[1]);
		meet(at_the_end, 1, round);
	}
	return unused;
}

static uint32_t behind(const struct ring *ring)
{
	return csb_of(ring->shared)->ktoa.hwtail != ring->hwtail;
}

/*
 * One end sends, or takes what has been sent, while the other gives back, or asks for a sync. In the end
 * both see the ring as it is.
 */
static void both_at_once(const char *from_name, const char *to_name)
{
	int64_t end_ms = test_now_ms() + LIMIT_MS;
	uint32_t late = 0, filled = 0, round;
	struct descriptor from, to;
	struct netmap_ring *tx, *rx;
	pthread_t thread;

	open_descriptor(&from, from_name);
	open_descriptor(&to, to_name);
	served[0] = ring_of(&from, TX);
	served[1] = ring_of(&to, RX);
	tx = served[0]->shared;
	rx = served[1]->shared;
	at_the_start[0] = at_the_start[1] = at_the_end[0] = at_the_end[1] = 0;
	stop = 0;
	thread = start(serve, NULL);
	for (round = 1; round < ROUNDS && (round % 64 || test_now_ms() < end_ms); round++) {
		/* As their applications would. */
		write_frame(buffer(tx, tx->slot[tx->head].buf_idx), EVERYBODY, STATION(1), round);
		tx->slot[tx->head].len = 60;
		if (csb_of(tx)->ktoa.hwtail != tx->head)
			set_head(tx, next_slot(tx, tx->head));
		ask(tx);
		rx->tail = csb_of(rx)->ktoa.hwtail;
		if (rx->head != rx->tail) {
			set_head(rx, next_slot(rx, rx->head));
			filled++;
		}
		ask(rx);
		meet(at_the_start, 0, round);
		csb_serve(served[0]);
		meet(at_the_end, 0, round);
		late += behind(served[0]) + behind(served[1]);
	}
	store_release(&stop, 1);
	meet(at_the_start, 0, round);
	join(thread);
	CHECK(filled > round / 4);
	EQUAL(served[0]->resets + served[1]->resets, 0);
	if (late)
		FAIL("%s: %u of %u times the csb was behind the ring", from_name, late, round);
	descriptor_close(&from);
	descriptor_close(&to);
}

/* ---- what is left behind ---- */

static void spoil(struct netmap_ring *ring)
{
	uint32_t random = 7;

	for (uint32_t i = 0; i < sizeof(*ring) + 16 * sizeof(struct netmap_slot); i++)
		((uint8_t *)ring)[i] = (uint8_t)random_next(&random);
}

static void header_is_restored(const char *name)
{
	struct descriptor descriptor, other;

	/* Somebody else keeps the port from going with its owner. */
	open_descriptor(&other, "vale0:p");
	open_descriptor(&descriptor, name);
	for (int round = 0; round < 2; round++) {
		for (int d = RX; d <= TX; d++) {
			struct ring *ring = ring_of(&descriptor, d);
			struct netmap_ring *shared = ring->shared;

			EQUAL(shared->num_slots, 16);
			EQUAL(shared->nr_buf_size, BUFFER_STRIDE);
			EQUAL(shared->buf_ofs, ring->buffers - (uint8_t *)shared);
			EQUAL(shared->ringid, 0);
			EQUAL(shared->dir, d == TX ? NR_DIR_TX : NR_DIR_RX);
			EQUAL(shared->offset_mask | shared->buf_align, 0);
			EQUAL(csb_of(shared)->atok.request, 0);
			EQUAL(csb_of(shared)->atok.lock, 0);
			EQUAL(csb_of(shared)->atok.appl_need_kick, 0);
			EQUAL(csb_of(shared)->ktoa.kern_need_kick, 1);
			spoil(shared);
			/* Whatever is there is served. */
			csb_serve(ring);
		}
		descriptor_close(&descriptor);
		open_descriptor(&descriptor, name);
	}
	descriptor_close(&descriptor);
	descriptor_close(&other);
}

static void persistent(void)
{
	struct nmreq_vale_newif newif = { .nr_tx_slots = 16, .nr_rx_slots = 16 };
	struct nmreq_header header = { .nr_version = NETMAP_API,
				       .nr_reqtype = NETMAP_REQ_VALE_NEWIF,
				       .nr_body = (uintptr_t)&newif,
				       .nr_name = "vi0" };
	struct descriptor descriptor;

	descriptor_open(engine, &descriptor);
	EQUAL(descriptor_control(&descriptor, &header), 0);
	header_is_restored("vi0");
	header.nr_reqtype = NETMAP_REQ_VALE_DELIF;
	header.nr_body = 0;
	EQUAL(descriptor_control(&descriptor, &header), 0);
	descriptor_close(&descriptor);
}

int main(void)
{
	engine = engine_create("", &host);
	CHECK(engine);
	both_at_once("vale0:p{1", "vale0:p}1");
	both_at_once("vale0:a", "vale0:b");
	header_is_restored("vale0:p{1");
	persistent();
	CHECK(engine_idle(engine));
	engine_destroy(engine);
	return 0;
}
