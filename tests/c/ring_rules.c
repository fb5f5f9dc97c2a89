/* A sync takes every legal head and cur, and sets a ring with any other back to where it was. */
#include "t.h"

enum { N = 6 };

/* head and cur range over the ring's slots and what lies beyond them. */
static const uint32_t values[] = { 0, 1, 2, 3, 4, 5, N, N + 1, 0x7fffffff, 0x80000000, 0xffffffff };

static struct port_handle a, b;

struct subject {
	const char *name_a, *name_b;
	struct netmap_ring *ring;
	int32_t (*sync)(int32_t handle);
	struct port_handle *port;
	const char *port_name;
};

static uint32_t distance(uint32_t from, uint32_t to)
{
	return to >= from ? to - from : to + N - from;
}

static int legal(uint32_t hwcur, uint32_t head, uint32_t cur, uint32_t tail)
{
	return head < N && cur < N && distance(hwcur, head) <= distance(hwcur, cur) &&
	       distance(hwcur, cur) <= distance(hwcur, tail);
}

/* From a ring whose last head is `hwcur`. Returns its head afterwards. */
static uint32_t try_one(const struct subject *subject, uint32_t hwcur, uint32_t head, uint32_t cur,
			int vale_tx)
{
	struct netmap_ring *ring = subject->ring;
	uint32_t tail = ring->tail;
	uint64_t resets = counters(a.handle, subject->port_name).ring_resets;

	write_once(&ring->head, head);
	write_once(&ring->cur, cur);
	if (!legal(hwcur, head, cur, tail)) {
		EQUAL(subject->sync(subject->port->handle), 1);
		EQUAL(ring->head, hwcur);
		EQUAL(ring->cur, hwcur);
		EQUAL(ring->tail, tail);
		EQUAL(counters(a.handle, subject->port_name).ring_resets, resets + 1);
		return hwcur;
	}
	EQUAL(subject->sync(subject->port->handle), 0);
	EQUAL(ring->head, head);
	EQUAL(ring->cur, cur);
	EQUAL(ring->tail, vale_tx ? (head + N - 1) % N : tail);
	EQUAL(counters(a.handle, subject->port_name).ring_resets, resets);
	return head;
}

static void transfer(uint32_t frames)
{
	for (uint32_t i = 0; i < frames; i++)
		put_frame(&a, 0, EVERYBODY, STATION(1), i, 60);
	EQUAL(valet_txsync(a.handle), 0);
	EQUAL(valet_rxsync(b.handle), 0);
	EQUAL(available(rx_ring(&b, 0)), frames);
}

/* The receiver gives all back, and the sender learns of it. */
static void drain(void)
{
	set_head(rx_ring(&b, 0), rx_ring(&b, 0)->tail);
	EQUAL(valet_rxsync(b.handle), 0);
	EQUAL(valet_txsync(a.handle), 0);
}

static void open_both(const struct subject *subject)
{
	a = open_port(subject->name_a, SLOTS(N));
	b = open_port(subject->name_b, SLOTS(N));
}

/* Every state of a transmit ring, with every head and cur. */
static void transmit(struct subject subject, int vale)
{
	open_both(&subject);
	subject.port = &a;
	subject.port_name = subject.name_a;
	subject.ring = tx_ring(&a, 0);
	subject.sync = valet_txsync;
	for (uint32_t start = 0; start < N; start++) {
		for (uint32_t pending = 0; pending < (vale ? 1 : N); pending++) {
			for (size_t i = 0; i < COUNT(values) * COUNT(values); i++) {
				uint32_t head = values[i / COUNT(values)];
				uint32_t cur = values[i % COUNT(values)];

				while (subject.ring->head != start) {
					transfer(1);
					drain();
				}
				/* A pipe's sent slots come back only when they have been read. */
				if (!vale) {
					transfer(pending);
					EQUAL(valet_txsync(a.handle), 0);
				}
				try_one(&subject, subject.ring->head, head, cur, vale);
				set_head(subject.ring, subject.ring->head);
				valet_rxsync(b.handle);
				drain();
			}
		}
	}
	close_port(&a);
	close_port(&b);
}

static void receive(struct subject subject)
{
	open_both(&subject);
	subject.port = &b;
	subject.port_name = subject.name_b;
	subject.ring = rx_ring(&b, 0);
	subject.sync = valet_rxsync;
	for (uint32_t start = 0; start < N; start++) {
		for (uint32_t filled = 0; filled < N; filled++) {
			for (size_t i = 0; i < COUNT(values) * COUNT(values); i++) {
				uint32_t head = values[i / COUNT(values)];
				uint32_t cur = values[i % COUNT(values)];

				while (subject.ring->head != start) {
					transfer(1);
					drain();
				}
				transfer(filled);
				try_one(&subject, start, head, cur, 0);
				set_head(subject.ring, subject.ring->head);
				drain();
			}
		}
	}
	close_port(&a);
	close_port(&b);
}

/*
 * What netmap's documentation allows besides: cur ahead of head, any tail and num_slots written by
 * the owner.
 */
static void the_rest(void)
{
	struct netmap_ring *ring;
	struct frame frame;

	a = open_port("vale0:a", SLOTS(8));
	b = open_port("vale0:b", SLOTS(8));
	ring = tx_ring(&a, 0);
	for (uint32_t i = 0; i < 3; i++)
		put_frame(&a, 0, EVERYBODY, STATION(1), i, 60);
	write_once(&ring->cur, 6);
	write_once(&ring->tail, 100);
	write_once(&ring->num_slots, 5);
	EQUAL(valet_txsync(a.handle), 0);
	EQUAL(ring->cur, 6);
	EQUAL(ring->tail, 2);
	EQUAL(ring->num_slots, 5);
	EQUAL(counters(a.handle, "vale0:a").tx_packets, 3);
	/* A receiver that has looked but keeps the slots. */
	ring = rx_ring(&b, 0);
	EQUAL(valet_rxsync(b.handle), 0);
	write_once(&ring->cur, 2);
	EQUAL(valet_rxsync(b.handle), 0);
	EQUAL(ring->head, 0);
	EQUAL(available(ring), 3);
	EQUAL(take_frame(&b, 0, &frame), 1);
	EQUAL(frame.tag, 0);
	close_port(&a);
	close_port(&b);
}

int main(void)
{
	const struct subject vale = { .name_a = "vale0:a", .name_b = "vale0:b" };
	const struct subject pipe = { .name_a = "p{1", .name_b = "p}1" };

	transmit(vale, 1);
	receive(vale);
	transmit(pipe, 0);
	receive(pipe);
	the_rest();
	return 0;
}
