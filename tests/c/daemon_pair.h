/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two processes that exchange numbered frames at full rate, whatever happens around them. The window is
 * smaller than their rings, so not one may be lost. What they send is a secret between the two.
 */
#ifndef TEST_DAEMON_PAIR_H
#define TEST_DAEMON_PAIR_H

#include "daemon.h"

#define PAIR_SECRET "what the two say"

enum {
	PAIR_SLOTS = 256,
	PAIR_WINDOW = 200, /* frames under way */
	PAIR_END = 0xffffffff, /* tag of the last frame */
	PAIR_A = 0x70001, /* stations */
	PAIR_B = 0x70002,
	PAIR_HEADER = 22, /* addresses, type, tag, sum */
};

struct pair_shared {
	uint32_t stop, here, known;
	uint32_t frames; /* that have arrived */
};

struct pair {
	pid_t pid[2];
	struct pair_shared *shared;
};

HELPER uint32_t pair_sum(const uint8_t *frame, uint32_t length)
{
	uint32_t sum = 0x811c9dc5;

	for (uint32_t i = 14; i < length; i++)
		if (i < 18 || i >= PAIR_HEADER)
			sum = (sum ^ frame[i]) * 0x01000193;
	return sum;
}

/* Sends nothing yet. */
HELPER void pair_put(const struct port_handle *port, uint64_t to, uint64_t from, uint32_t tag)
{
	struct netmap_ring *ring = tx_ring(port, 0);
	uint8_t *at = buffer(ring, ring->slot[ring->head].buf_idx);
	uint32_t length = 64 + tag * 37 % 1400, sum;

	write_frame(at, to, from, tag);
	for (uint32_t i = PAIR_HEADER; i < length; i++)
		at[i] = (uint8_t)PAIR_SECRET[i % (sizeof(PAIR_SECRET) - 1)];
	sum = pair_sum(at, length);
	memcpy(at + 18, &sum, sizeof(sum));
	put_slot(ring, (uint16_t)length, 0);
}

/* The next frame from that station; others are skipped. 0: there is none. */
HELPER int pair_take(const struct port_handle *port, uint64_t from, uint32_t *tag)
{
	struct netmap_ring *ring = rx_ring(port, 0);
	struct frame frame;

	while (take_frame(port, 0, &frame)) {
		const uint8_t *data = buffer(ring, ring->slot[frame.slot].buf_idx);
		uint32_t sum;

		if (frame.from != from)
			continue;
		memcpy(&sum, data + 18, sizeof(sum));
		if (frame.length != 64 + frame.tag * 37 % 1400 || sum != pair_sum(data, frame.length))
			FAIL("frame %u of %u bytes is damaged", frame.tag, frame.length);
		*tag = frame.tag;
		return 1;
	}
	return 0;
}

/* Each says where it is, and waits until it has heard the other. The secret begins after that. */
HELPER struct port_handle pair_open(struct pair_shared *shared, const char *name, uint64_t mine,
				    uint64_t other)
{
	struct port_handle port = open_port(name, SLOTS(PAIR_SLOTS));
	struct frame frame = { 0 };

	__atomic_add_fetch(&shared->here, 1, __ATOMIC_SEQ_CST);
	WAIT_FOR(load_acquire(&shared->here) == 2);
	send_frame(&port, EVERYBODY, mine, 0);
	do {
		CHECK(valet_poll(port.handle, POLLIN, HANGS_MS) == POLLIN);
		while (frame.from != other && take_frame(&port, 0, &frame))
			continue;
	} while (frame.from != other);
	__atomic_add_fetch(&shared->known, 1, __ATOMIC_SEQ_CST);
	WAIT_FOR(load_acquire(&shared->known) == 2);
	return port;
}

HELPER void pair_send(void *argument)
{
	struct pair_shared *shared = argument;
	struct port_handle port = pair_open(shared, "vale0:pair_a", STATION(PAIR_A), STATION(PAIR_B));
	struct netmap_ring *ring = tx_ring(&port, 0);
	uint32_t sent = 0, arrived = 0, tag;
	int32_t found;

	while (!load_acquire(&shared->stop) || arrived < sent) {
		while (!load_acquire(&shared->stop) && sent - arrived < PAIR_WINDOW && available(ring))
			pair_put(&port, STATION(PAIR_B), STATION(PAIR_A), sent++);
		EQUAL(valet_txsync(port.handle), 0);
		found = valet_poll(port.handle, POLLIN, HANGS_MS);
		if (found != POLLIN)
			FAIL("the pair's sender: poll is %d; sent %u, arrived %u", found, sent, arrived);
		/* Each answer says how many have arrived. */
		while (pair_take(&port, STATION(PAIR_B), &tag)) {
			CHECK(tag > arrived && tag <= sent);
			arrived = tag;
		}
		write_once(&shared->frames, arrived);
	}
	pair_put(&port, STATION(PAIR_B), STATION(PAIR_A), PAIR_END);
	EQUAL(valet_txsync(port.handle), 0);
	close_port(&port);
}

HELPER void pair_receive(void *argument)
{
	struct pair_shared *shared = argument;
	struct port_handle port = pair_open(shared, "vale0:pair_b", STATION(PAIR_B), STATION(PAIR_A));
	uint32_t next = 0, answered = 0, tag;

	for (;;) {
		int32_t found = valet_poll(port.handle, POLLIN, HANGS_MS);

		if (found != POLLIN)
			FAIL("the pair's receiver: poll is %d at %u", found, next);
		while (pair_take(&port, STATION(PAIR_A), &tag)) {
			if (tag == PAIR_END)
				return;
			if (tag != next)
				FAIL("the pair lost something: frame %u, not %u", tag, next);
			next++;
		}
		/* Room first, then what lets the other one send more. */
		EQUAL(valet_rxsync(port.handle), 0);
		if (next == answered)
			continue;
		answered = next;
		pair_put(&port, STATION(PAIR_A), STATION(PAIR_B), answered);
		EQUAL(valet_txsync(port.handle), 0);
	}
}

HELPER struct pair pair_start(void)
{
	struct pair pair = { .shared = shared_memory(sizeof(*pair.shared)) };

	pair.pid[0] = spawn(pair_send, pair.shared);
	pair.pid[1] = spawn(pair_receive, pair.shared);
	WAIT_FOR(load_acquire(&pair.shared->known) == 2);
	return pair;
}

HELPER uint32_t pair_frames(const struct pair *pair)
{
	return read_once(&pair->shared->frames);
}

/* Both must have had everything. */
HELPER void pair_stop(struct pair *pair)
{
	uint32_t frames = pair_frames(pair);

	/* Still going. */
	WAIT_FOR(pair_frames(pair) > frames);
	store_release(&pair->shared->stop, 1);
	reap(pair->pid[0]);
	reap(pair->pid[1]);
	munmap(pair->shared, sizeof(*pair->shared));
}

#endif
