/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A client that writes whatever it likes into its own region (netmap_if, rings, slots, csb), in several
 * threads, while the daemon forwards from it and to it. The daemon stays; two others on the same bridge
 * lose nothing; and nothing that they say is to be found in its memory.
 */
#include "daemon_pair.h"

#include "backend/daemon_client.h"
#include "engine/csb.h"

enum { EVIL = 0x70010, SINK, PORTS = 4, THREADS = 4 };

/* ---- the hostile client ---- */

static const char *const names[PORTS] = { "vale0:evil", "vale1:evil", "vale1:evil{1", "vale1:evil}1" };

struct target {
	struct port_handle port;
	struct client *client;
	struct netmap_ring *rings[8];
	uint32_t slots[8]; /* what they were before it wrote there */
	uint32_t count;
	uint64_t control_bytes; /* of the region: what is before the buffers */
	uint32_t buffers;
};

static struct target targets[PORTS];
static uint32_t stop;

/* Each buffer is a frame to where nobody reads, from nobody who could be learned. */
static void fill_buffers(const struct target *target)
{
	struct netmap_ring *ring = target->rings[0];

	for (uint32_t i = 2; i < target->buffers; i++)
		write_frame(buffer(ring, i), STATION(SINK), 0, 0);
}

static void open_target(struct target *target, const char *name)
{
	const struct netmap_if *nifp;

	target->port = open_port(name, REG(.nr_tx_slots = 256, .nr_rx_slots = 64, .nr_tx_rings = 2,
					   .nr_rx_rings = 2));
	target->client = descriptor_of(target->port.handle);
	nifp = target->port.nifp;
	for (uint32_t i = 0; i < nifp->ni_tx_rings; i++)
		target->rings[target->count++] = tx_ring(&target->port, i);
	for (uint32_t i = 0; i < nifp->ni_rx_rings; i++)
		target->rings[target->count++] = rx_ring(&target->port, i);
	for (uint32_t i = 0; i < target->count; i++)
		target->slots[i] = target->rings[i]->num_slots;
	target->control_bytes = (uint64_t)((uint8_t *)target->rings[0] - target->port.base) +
				(uint64_t)target->rings[0]->buf_ofs;
	target->buffers = (uint32_t)((target->port.bytes - target->control_bytes) /
				     target->rings[0]->nr_buf_size);
	CHECK(target->buffers > 1000);
}

static uint32_t odd_number(uint32_t *random, const struct target *target)
{
	uint32_t slots = target->slots[random_next(random) % target->count];

	switch (random_next(random) % 12) {
	case 0:
		return 0;
	case 1:
		return 1;
	case 2:
		return slots - 1;
	case 3:
		return slots;
	case 4:
		return target->buffers - 1;
	case 5:
		return target->buffers;
	case 6:
		return 0xffffffff;
	case 7:
		return 0x80000000 | random_next(random);
	case 8:
		return random_next(random);
	case 9:
		return random_next(random) % target->buffers;
	default:
		return random_next(random) % slots;
	}
}

static void ask_for_sync(struct target *target, struct netmap_ring *ring)
{
	uint64_t one = 1;

	__atomic_add_fetch(&csb_of(ring)->atok.request, 1, __ATOMIC_SEQ_CST);
	if (write(target->client->kick, &one, sizeof(one)) < 0)
		CHECK(errno == EAGAIN);
}

/* Anything, anywhere before the buffers. */
static void scribble(uint32_t *random, struct target *target)
{
	uint64_t at = (((uint64_t)random_next(random) << 20) ^ random_next(random)) %
		      target->control_bytes;

	/* Most of that is never used: half of it goes where something is. */
	if (random_next(random) % 2)
		at = (uint64_t)((uint8_t *)target->rings[random_next(random) % target->count] -
				target->port.base) +
		     random_next(random) % (sizeof(struct netmap_ring) + 64 * 16);
	write_once((uint32_t *)(void *)(target->port.base + at / 4 * 4), odd_number(random, target));
}

/* Plausible ones, so that it is forwarded: slots, head, cur. */
static void fill_ring(uint32_t *random, struct target *target, uint32_t which)
{
	static const uint16_t lengths[] = { 0, 1, 13, 14, 59, 60, 64, 1500, 2048, 2111, 2112, 2113, 0xffff };
	static const uint16_t flags[] = { 0, 0, 0, NS_MOREFRAG, NS_INDIRECT, NS_BUF_CHANGED, 0xffff };
	struct netmap_ring *ring = target->rings[which];
	uint32_t slots = target->slots[which], more = random_next(random) % 8 ? 0 : NS_MOREFRAG;
	struct csb_atok *atok = &csb_of(ring)->atok;

	for (uint32_t i = 0; i < slots; i++) {
		struct netmap_slot *slot = &ring->slot[i];

		write_once(&slot->buf_idx, random_next(random) % 4 ?
						   2 + random_next(random) % (target->buffers - 2) :
						   odd_number(random, target));
		write_once(&slot->len, lengths[random_next(random) % COUNT(lengths)]);
		write_once(&slot->flags, (uint16_t)(flags[random_next(random) % COUNT(flags)] | more));
	}
	write_once(&ring->cur, random_next(random) % slots);
	write_once(&ring->head, random_next(random) % slots);
	write_once(&atok->head, random_next(random) % 8 ? read_once(&ring->head) :
							  odd_number(random, target));
	write_once(&atok->cur, random_next(random) % 8 ? read_once(&ring->head) :
							 odd_number(random, target));
	ask_for_sync(target, ring);
}

/* Receives as it should, now and then, so that there is room to deliver to. */
static void give_back(struct netmap_ring *ring)
{
	store_release(&csb_of(ring)->atok.head, load_acquire(&csb_of(ring)->ktoa.hwtail));
}

static void *attack(void *argument)
{
	uint32_t random = *(uint32_t *)argument, mine = random;

	while (!load_acquire(&stop)) {
		struct target *target = &targets[random_next(&random) % PORTS];
		uint32_t which = random_next(&random) % target->count;
		struct netmap_ring *ring = target->rings[which];

		switch ((random_next(&random) + mine) % 4) {
		case 0:
			for (int i = 0; i < 20; i++)
				scribble(&random, target);
			break;
		case 1:
			fill_ring(&random, target, which);
			break;
		case 2:
			give_back(ring);
			write_once(&csb_of(ring)->atok.appl_need_kick, random_next(&random) % 3);
			break;
		default:
			ask_for_sync(target, ring);
			sched_yield();
		}
	}
	return NULL;
}

/* Only where there is memory at all: the rest of a region was never touched by anybody. */
static void search(const struct target *target)
{
	uint64_t offset;
	int fd = daemon_region(target->client, &offset);
	const uint64_t bytes = target->port.bytes;
	off_t at = 0, end;

	CHECK(fd >= 0);
	while ((uint64_t)at < bytes && (at = lseek(fd, at, SEEK_DATA)) >= 0) {
		end = lseek(fd, at, SEEK_HOLE);
		CHECK(end > at);
		if (memmem(target->port.base + at, (size_t)(end - at), PAIR_SECRET,
			   sizeof(PAIR_SECRET) - 1))
			FAIL("what others said is in the memory of %s", target->port.nifp->ni_name);
		at = end;
	}
	close(fd);
}

static uint32_t *begun;

static void be_hostile(void *unused)
{
	uint32_t seeds[THREADS];
	pthread_t thread[THREADS];

	(void)unused;
	for (int i = 0; i < PORTS; i++)
		open_target(&targets[i], names[i]);
	fill_buffers(&targets[0]);
	fill_buffers(&targets[1]); /* the pipe's are the same */
	/* Where it can be found. */
	send_frame(&targets[0].port, STATION(SINK), STATION(EVIL), 0);
	send_frame(&targets[1].port, STATION(SINK), STATION(EVIL), 0);
	store_release(begun, 1);
	for (uint32_t i = 0; i < THREADS; i++) {
		seeds[i] = i + 1;
		thread[i] = start(attack, &seeds[i]);
	}
	while (load_acquire(begun) != 2)
		nap();
	store_release(&stop, 1);
	for (int i = 0; i < THREADS; i++)
		join(thread[i]);
	for (int i = 0; i < PORTS; i++)
		search(&targets[i]);
	store_release(begun, 3);
	/* Killed in the middle of a sync. */
	for (;;)
		for (int i = 0; i < PORTS; i++)
			for (uint32_t k = 0; k < targets[i].count; k++)
				ask_for_sync(&targets[i], targets[i].rings[k]);
}

/* ---- somebody who sends to it ---- */

static void feed(void *argument)
{
	struct port_handle port = open_port(argument, SLOTS(64));

	for (;;) {
		while (available(tx_ring(&port, 0)))
			put_frame(&port, 0, STATION(EVIL), 0, 1,
				  (uint16_t)(60 + tx_ring(&port, 0)->head * 16));
		EQUAL(valet_txsync(port.handle), 0);
		sched_yield();
	}
}

/* It was not for nothing. */
static int has_met_everything(const struct port_handle *asker, const char *name)
{
	struct valet_req_port count = counters(asker->handle, name);

	return count.tx_packets > 50000 && count.rx_packets > 1000 && count.ring_resets > 1000 &&
	       count.drops[VALET_DROP_BAD_BUFFER] && count.drops[VALET_DROP_TOO_LONG] &&
	       count.drops[VALET_DROP_RECEIVE_BUFFER] && count.drops[VALET_DROP_FRAGMENTS];
}

int main(void)
{
	struct daemon daemon;
	struct port_handle sink[2];
	pid_t feeder[2], hostile;
	struct pair pair;

	daemon_folder();
	begun = shared_memory(sizeof(*begun));
	daemon = daemon_start(2);
	sink[0] = open_port("vale0:sink", SLOTS(16));
	sink[1] = open_port("vale1:sink", SLOTS(16));
	pair = pair_start();
	/* So that frames for it are no broadcasts. */
	send_frame(&sink[0], STATION(SINK), STATION(SINK), 0);
	send_frame(&sink[1], STATION(SINK), STATION(SINK), 0);
	hostile = spawn(be_hostile, NULL);
	WAIT_FOR(load_acquire(begun));
	feeder[0] = spawn(feed, "vale0:feeder");
	feeder[1] = spawn(feed, "vale1:feeder");
	WAIT_FOR(has_met_everything(&sink[0], names[0]) && has_met_everything(&sink[0], names[1]));
	store_release(begun, 2);
	WAIT_FOR(load_acquire(begun) == 3);
	/* First those who send to it: without it that would go to all. */
	for (int i = 0; i < 2; i++)
		kill_now(feeder[i]);
	kill_now(hostile);
	pair_stop(&pair);
	EQUAL(counters(sink[0].handle, "vale0:sink").drops[VALET_DROP_RECEIVE_BUFFER], 0);
	for (int i = 0; i < PORTS; i++)
		EQUAL(try_alone(names[i]), 0);
	for (int i = 0; i < 2; i++)
		close_port(&sink[i]);
	daemon_stop(&daemon);
	return 0;
}
