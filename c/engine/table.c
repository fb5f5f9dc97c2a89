/* SPDX-License-Identifier: BSD-2-Clause */
#include "table.h"

#include <string.h>
#include <time.h>

#include "barrier.h"
#include "copy.h"

enum { ETHERNET_HEADER_BYTES = 14 };

#define MULTICAST(mac) ((mac)&1) /* the group bit is the first bit on the wire */

#define MIX(a, b, c, shift_left, shift_a, shift_b)   \
	do {                                         \
		a = (a - b - c) ^ (c >> shift_a);    \
		b = (b - c - a) ^ (a << shift_left); \
		c = (c - a - b) ^ (b >> shift_b);    \
	} while (0)

/* From an address's low four bytes and its high two: of numbers, or of vectors of them. */
#define BUCKETS(type, low, high, out)                          \
	do {                                                   \
		type a_ = (low) + 0x9e3779b9;                  \
		type b_ = (high) + 0x9e3779b9;                 \
		type c_ = a_ ^ a_; /* 0, which netmap's key is */ \
		MIX(a_, b_, c_, 8, 13, 13);                    \
		MIX(a_, b_, c_, 16, 12, 5);                    \
		MIX(a_, b_, c_, 10, 3, 15);                    \
		(out) = c_ & (TABLE_BUCKETS - 1);              \
	} while (0)

uint32_t table_bucket(uint64_t mac)
{
	uint32_t low = (uint32_t)mac, high = mac >> 32 & 0xffff, bucket;

	BUCKETS(uint32_t, low, high, bucket);
	return bucket;
}

static uint32_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return (uint32_t)(t.tv_sec * 1000 + t.tv_nsec / 1000000);
}

static inline uint64_t load_word(const uint8_t *data)
{
	uint64_t word;

	memcpy(&word, data, sizeof(word));
	return word;
}

/*
 * Where stations push each other out of their buckets, nobody can guess who is known and who is new: so
 * neither is a branch, nor is what follows of it in classify(). engine.macs.1000: +5 %.
 */

/* What a batch is decided with. */
struct decider {
	struct table *table;
	uint32_t source; /* port */
	int learns;
	uint32_t ageing_ms, time_ms;
};

static void learn(const struct decider *decider, uint64_t mac, uint32_t bucket)
{
	struct table *table = decider->table;
	uint64_t entry = mac | (uint64_t)decider->source << 48, nowhere;
	uintptr_t is_new = -(uintptr_t)(read_once(&table->bucket[bucket]) != entry);
	uintptr_t at = ((uintptr_t)&table->bucket[bucket] & is_new) | ((uintptr_t)&nowhere & ~is_new);

	/* Storing only what is new keeps the line shared between threads that send. */
	write_once((uint64_t *)at, entry);
	if (read_once(&table->ageing_ms))
		write_once(&table->heard_ms[bucket], decider->time_ms);
}

static uint32_t find(const struct decider *decider, uint64_t mac, uint32_t bucket)
{
	const struct table *table = decider->table;
	uint64_t entry = read_once(&table->bucket[bucket]);
	uint32_t is_known;

	if (decider->ageing_ms &&
	    decider->time_ms - read_once(&table->heard_ms[bucket]) >= decider->ageing_ms)
		return VALET_BROADCAST;
	is_known = -(uint32_t)((TABLE_MAC(entry) == mac) & (mac != 0));
	return (TABLE_PORT(entry) & is_known) | (VALET_BROADCAST & ~is_known);
}

/* ---- addresses of several packets at once ---- */

enum { AHEAD = 8 }; /* packets */

/* Two vectors of eight numbers with AVX2: destinations, then sources. */
typedef uint32_t lanes __attribute__((vector_size(8 * AHEAD), may_alias));

/* The first 12 bytes of some packets, each read once, and their addresses' buckets. */
struct ahead {
	uint64_t to[AHEAD], from[AHEAD]; /* the words from byte 0 and from byte 4 */
	uint32_t bucket[2 * AHEAD] __attribute__((aligned(8 * AHEAD)));
};

static inline int is_short(const struct valet_packet *packet)
{
	return __builtin_expect(packet->first_length < ETHERNET_HEADER_BYTES, 0);
}

/*
 * The hash is a chain of 27 steps, each of which waits for the one before: 16 at once take 5
 * instructions each, one by one 67.
 */
COPY_INLINE void look_ahead(struct ahead *ahead, const struct valet_packet *packets, uint32_t count)
{
	uint32_t low[2 * AHEAD] __attribute__((aligned(8 * AHEAD)));
	uint32_t high[2 * AHEAD] __attribute__((aligned(8 * AHEAD)));

	for (uint32_t i = 0; i < AHEAD; i++) {
		uint64_t to = 0, from = 0;

		if (i < count && !is_short(&packets[i])) {
			to = load_word(packets[i].data);
			from = load_word(packets[i].data + 4);
		}
		ahead->to[i] = to;
		ahead->from[i] = from;
		low[i] = (uint32_t)to;
		high[i] = to >> 32 & 0xffff;
		low[AHEAD + i] = (uint32_t)(from >> 16);
		high[AHEAD + i] = (uint32_t)(from >> 48);
	}
	BUCKETS(lanes, *(const lanes *)low, *(const lanes *)high, *(lanes *)ahead->bucket);
}

/* The same of one: what most batches need, whose packets all have the addresses of the first. */
static void look_at(struct ahead *ahead, const struct valet_packet *packet)
{
	ahead->to[0] = load_word(packet->data);
	ahead->from[0] = load_word(packet->data + 4);
	ahead->bucket[0] = table_bucket(TABLE_MAC(ahead->to[0]));
	ahead->bucket[AHEAD] = table_bucket(ahead->from[0] >> 16);
}

/*
 * Neighbours in a batch mostly have the addresses of the packet before: two words, from byte 0 and from
 * byte 4, hold both of them, and are compared as they are. 14 instructions a packet, not 22. Where
 * one differs, it and those behind it are looked at together: engine.macs.1000 takes 280 instructions a
 * packet, not 384. Two addresses that are all ones are a broadcast, and nobody to learn.
 */
COPY_INLINE int decide(const struct decider *decider, const struct valet_batch *batch)
{
	struct valet_packet *packet = batch->packets, *end = packet + batch->count;
	uint64_t last_to = ~0ull, last_from = ~0ull;
	uint32_t last_port = VALET_BROADCAST, different = 0;
	struct ahead ahead;

	while (packet < end) {
		uint32_t count;

		if (is_short(packet)) {
			packet++->destination = VALET_TOO_SHORT;
			different = 1;
			continue;
		}
		if (load_word(packet->data) == last_to && load_word(packet->data + 4) == last_from) {
			packet++->destination = last_port;
			continue;
		}
		if (packet == batch->packets) {
			count = 1;
			look_at(&ahead, packet);
		} else {
			count = end - packet < AHEAD ? (uint32_t)(end - packet) : AHEAD;
			look_ahead(&ahead, packet, count);
		}
		for (uint32_t i = 0; i < count; i++, packet++) {
			uint64_t to = ahead.to[i], from = ahead.from[i];
			uint64_t destination = TABLE_MAC(to), source = from >> 16;

			if (is_short(packet)) {
				packet->destination = VALET_TOO_SHORT;
				different = 1;
				continue;
			}
			if (to != last_to || from != last_from) {
				if (decider->learns && source != last_from >> 16 &&
				    !MULTICAST(source) && source)
					learn(decider, source, ahead.bucket[AHEAD + i]);
				last_port = MULTICAST(destination) ?
						    VALET_BROADCAST :
						    find(decider, destination, ahead.bucket[i]);
				/* Of those before, all have the first one's. */
				different |= packet != batch->packets &&
					     last_port != batch->packets->destination;
				last_to = to;
				last_from = from;
			}
			packet->destination = last_port;
		}
	}
	return !different;
}

static copy_wide int decide_wide(const struct decider *decider, const struct valet_batch *batch)
{
	return decide(decider, batch);
}

int table_decide(struct table *table, const struct valet_batch *batch, int learns)
{
	struct decider decider = {
		.table = table,
		.source = batch->source,
		.learns = learns,
		/* Pairs with BRIDGE_SET: ages are set. */
		.ageing_ms = load_acquire(&table->ageing_ms),
	};

	if (decider.ageing_ms)
		decider.time_ms = now_ms();
	return copy_is_wide() ? decide_wide(&decider, batch) : decide(&decider, batch);
}

int32_t table_lookup(struct valet_batch *batch, void *context)
{
	table_decide(context, batch, 1);
	return 0;
}

void table_forget(struct table *table, uint32_t port)
{
	for (uint32_t i = 0; i < TABLE_BUCKETS; i++) {
		uint64_t entry = read_once(&table->bucket[i]);

		/* A sender may learn at the same time: only what was judged is removed. */
		if (entry && (port == UINT32_MAX || TABLE_PORT(entry) == port))
			__atomic_compare_exchange_n(&table->bucket[i], &entry, 0, 0,
						    __ATOMIC_RELAXED, __ATOMIC_RELAXED);
	}
}

void table_refresh(struct table *table)
{
	uint32_t time_ms = now_ms();

	for (uint32_t i = 0; i < TABLE_BUCKETS; i++)
		write_once(&table->heard_ms[i], time_ms);
}

uint64_t table_entry(struct table *table, uint32_t bucket, uint32_t *age_ms)
{
	uint32_t ageing_ms = read_once(&table->ageing_ms);
	uint64_t entry = read_once(&table->bucket[bucket]);

	*age_ms = ageing_ms ? now_ms() - read_once(&table->heard_ms[bucket]) : 0;
	return ageing_ms && *age_ms >= ageing_ms ? 0 : entry;
}
