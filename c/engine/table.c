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

/* What a batch is decided with; by value, so that no store to the table may change it. */
struct decider {
	struct table *table;
	uint64_t port; /* the source, as entries have it */
	int learns;
	uint32_t ageing_ms, time_ms;
};

/*
 * An entry that is new is stored; others leave the line shared between threads that send. Where stations
 * push each other out of their buckets, nobody can guess who is known and who is new: so neither is a
 * branch, nor is what follows of it in forward.c. engine.macs.1000: +5 %.
 */
COPY_INLINE void put(struct table *table, uint32_t bucket, uint64_t entry)
{
	uint64_t *at = &table->bucket[bucket], nowhere;

	at = read_once(at) == entry ? &nowhere : at;
	write_once(at, entry);
}

static void learn(struct decider decider, uint64_t source, uint32_t bucket)
{
	put(decider.table, bucket, source | decider.port);
	if (decider.ageing_ms)
		write_once(&decider.table->heard_ms[bucket], decider.time_ms);
}

static uint32_t find(struct decider decider, uint64_t mac, uint32_t bucket)
{
	uint64_t entry = read_once(&decider.table->bucket[bucket]);
	uint32_t is_known;

	if (decider.ageing_ms &&
	    decider.time_ms - read_once(&decider.table->heard_ms[bucket]) >= decider.ageing_ms)
		return VALET_BROADCAST;
	is_known = -(uint32_t)((TABLE_MAC(entry) == mac) & (mac != 0));
	return (TABLE_PORT(entry) & is_known) | (VALET_BROADCAST & ~is_known);
}

static inline int is_short(const struct valet_packet *packet)
{
	return __builtin_expect(packet->first_length < ETHERNET_HEADER_BYTES, 0);
}

/* ---- addresses of several packets at once ---- */

enum { AHEAD = 8, LANES = 4, VECTORS = AHEAD / LANES }; /* packets; LANES of them in a vector */

/* A word of each packet, and the same as halves: an AVX2 register, or two of half the width. */
typedef uint64_t words __attribute__((vector_size(8 * LANES), may_alias));
typedef uint32_t halves __attribute__((vector_size(8 * LANES), may_alias));

union lanes {
	words vector[VECTORS];
	uint64_t word[AHEAD];
};

/* Of some packets. The first 12 bytes of each are read once. */
struct ahead {
	union lanes to, from; /* from byte 0 and from byte 4 */
	union lanes buckets; /* of the destination in the low half, of the source in the high one */
};

/* Vectors are no arguments: how they are passed depends on the processor that code is made for. */
#define ALL(word) ((words){ (word), (word), (word), (word) })

/*
 * The highest bit says whether a word of less than 63 bits is 0: without AVX2 the compiler compares words one
 * by one, in memory, and engine.macs.1000 has 7 % fewer packets a second.
 */
#define ZERO(word) ((word) - 1)

/*
 * The hash is a chain of 27 steps, each of which waits for the one before: of both addresses of four
 * packets at once, 10 instructions a packet; one by one 134.
 */
COPY_INLINE void hash(words *buckets, const words *to, const words *from)
{
	const words low_half = ALL(UINT32_MAX), two_bytes = ALL(UINT16_MAX);
	halves low = (halves)((*to & low_half) | (*from << 16 & ~low_half));
	halves high = (halves)((*to >> 32 & two_bytes) | (*from >> 16 & two_bytes << 32));

	BUCKETS(halves, low, high, *(halves *)buckets);
}

/* Where there are less than AHEAD the last one is repeated. */
COPY_INLINE void look_ahead(struct ahead *ahead, const struct valet_packet *packets, uint32_t count)
{
#pragma GCC unroll 2
	for (uint32_t v = 0; v < VECTORS; v++) {
		const uint8_t *data[LANES];
		words to, from;

#pragma GCC unroll 4
		for (uint32_t i = 0; i < LANES; i++) {
			uint32_t number = v * LANES + i;

			data[i] = packets[number < count ? number : count - 1].data;
		}
		to = (words){ load_word(data[0]), load_word(data[1]), load_word(data[2]),
			      load_word(data[3]) };
		from = (words){ load_word(data[0] + 4), load_word(data[1] + 4),
				load_word(data[2] + 4), load_word(data[3] + 4) };
		hash(&ahead->buckets.vector[v], &to, &from);
		ahead->to.vector[v] = to;
		ahead->from.vector[v] = from;
	}
}

/* Whether each is to be learned from: no group has sent it, nor an address of zeros. */
COPY_INLINE int are_stations(const struct ahead *ahead)
{
	words odd = { 0 };

#pragma GCC unroll 2
	for (uint32_t v = 0; v < VECTORS; v++) {
		words from = ahead->from.vector[v];

		odd |= (from & ALL(1 << 16)) | ZERO(from >> 16) >> 63;
	}
	return !(odd[0] | odd[1] | odd[2] | odd[3]);
}

/*
 * Destinations of AHEAD packets, all of which are learned from, each before the next is looked at. An
 * address that nobody has, as a group's, is in no bucket.
 */
COPY_INLINE void decide_ahead(struct decider decider, const struct ahead *ahead,
			      union lanes *destinations)
{
	union lanes entry;

#pragma GCC unroll 2
	for (uint32_t v = 0; v < VECTORS; v++)
		entry.vector[v] = ahead->from.vector[v] >> 16 | ALL(decider.port);
#pragma GCC unroll 2
	for (uint32_t v = 0; v < VECTORS; v++) {
		words mac = TABLE_MAC(ahead->to.vector[v]), found, is_known;
		uint64_t word[LANES];

#pragma GCC unroll 4
		for (uint32_t i = v * LANES; i < (v + 1) * LANES; i++) {
			uint64_t buckets = ahead->buckets.word[i];

			put(decider.table, (uint32_t)(buckets >> 32), entry.word[i]);
			word[i % LANES] = read_once(&decider.table->bucket[(uint32_t)buckets]);
		}
		found = (words){ word[0], word[1], word[2], word[3] };
		is_known = -((ZERO(TABLE_MAC(found ^ mac)) & ~ZERO(mac)) >> 63);
		destinations->vector[v] = (found >> 48 & is_known) |
					  (ALL(VALET_BROADCAST) & ~is_known);
	}
}

/* ---- a batch ---- */

/* The addresses that were decided about last, and where they go. */
struct last {
	uint64_t to, from;
	uint32_t port;
};

/* Two addresses that are all ones are a broadcast, and nobody to learn. */
static const struct last nobody = { ~0ull, ~0ull, VALET_BROADCAST };

static uint32_t decide_one(struct decider decider, uint64_t to, uint64_t from, uint64_t buckets)
{
	uint64_t source = from >> 16;

	if (decider.learns && !MULTICAST(source) && source)
		learn(decider, source, (uint32_t)(buckets >> 32));
	return MULTICAST(to) ? VALET_BROADCAST : find(decider, TABLE_MAC(to), (uint32_t)buckets);
}

/* All that most batches need, whose packets have the addresses of the first. */
static struct last decide_first(struct decider decider, struct valet_packet *packet)
{
	struct last last = { load_word(packet->data), load_word(packet->data + 4), 0 };
	uint64_t buckets = table_bucket(TABLE_MAC(last.to)) |
			   (uint64_t)table_bucket(last.from >> 16) << 32;

	last.port = packet->destination = decide_one(decider, last.to, last.from, buckets);
	return last;
}

/* What decide_ahead() does, for whoever has sent them, and with ages. */
static void decide_each(struct decider decider, const struct ahead *ahead,
			union lanes *destinations)
{
	for (uint32_t i = 0; i < AHEAD; i++)
		destinations->word[i] = decide_one(decider, ahead->to.word[i], ahead->from.word[i],
						   ahead->buckets.word[i]);
}

/*
 * Up to AHEAD packets, none of them too short. Returns which bits of their destinations are not as in
 * `first`.
 */
COPY_INLINE uint64_t decide_some(struct decider decider, struct valet_packet *packets,
				 uint32_t count, uint32_t first, struct last *last)
{
	struct ahead ahead;
	union lanes destinations;
	words different = { 0 };

	look_ahead(&ahead, packets, count);
	if (__builtin_expect(decider.learns && !decider.ageing_ms && are_stations(&ahead), 1))
		decide_ahead(decider, &ahead, &destinations);
	else
		decide_each(decider, &ahead, &destinations);
#pragma GCC unroll 2
	for (uint32_t v = 0; v < VECTORS; v++)
		different |= destinations.vector[v] ^ ALL(first);
#pragma GCC unroll 8
	for (uint32_t i = 0; i < count; i++)
		packets[i].destination = (uint32_t)destinations.word[i];
	*last = (struct last){ ahead.to.word[AHEAD - 1], ahead.from.word[AHEAD - 1],
			       (uint32_t)destinations.word[AHEAD - 1] };
	return different[0] | different[1] | different[2] | different[3];
}

/* How many packets, AHEAD at most, are there before one that is too short. */
COPY_INLINE uint32_t count_ahead(const struct valet_packet *packet, const struct valet_packet *end)
{
	uint32_t count = 0;

	if (__builtin_expect(end - packet < AHEAD, 0)) {
		while (packet + count < end && !is_short(packet + count))
			count++;
		return count;
	}
#pragma GCC unroll 8
	for (; count < AHEAD; count++)
		if (is_short(packet + count))
			break;
	return count;
}

enum { RUN = 4 }; /* packets */

/*
 * Whether the next RUN packets are long enough, and have the addresses of the last one: the 16 bytes that
 * hold them are compared, but for those behind them. 9 instructions a packet, which were 13, and +5 % at
 * 60 bytes; eight at once are no faster than four.
 */
COPY_INLINE int run_goes_on(const struct valet_packet *packets, const struct last *last)
{
	typedef uint64_t pair __attribute__((vector_size(16), may_alias, aligned(1)));
	const pair wanted = { last->to, last->from >> 32 };
	pair different = { 0 };

#pragma GCC unroll 4
	for (uint32_t i = 0; i < RUN; i++) {
		if (__builtin_expect(packets[i].first_length < sizeof(pair), 0))
			return 0;
		different |= *(const pair *)packets[i].data ^ wanted;
	}
	return !(different[0] | different[1] << 32);
}

/*
 * Neighbours in a batch mostly have the addresses of the packet before: two words, from byte 0 and from
 * byte 4, hold both of them, and are compared as they are. Where one differs, it and those behind it
 * are decided about together: 43 instructions a packet, not 117, and 27 % more packets of
 * engine.macs.1000.
 */
COPY_INLINE int decide(struct decider decider, const struct valet_batch *batch)
{
	struct valet_packet *packet = batch->packets, *end = packet + batch->count;
	struct last last = nobody;
	uint64_t different = 0;

	while (packet < end) {
		uint32_t count;

		if (is_short(packet)) {
			packet++->destination = VALET_TOO_SHORT;
			different = 1;
			continue;
		}
		if (load_word(packet->data) == last.to &&
		    load_word(packet->data + 4) == last.from) {
			packet++->destination = last.port;
			for (; end - packet >= RUN && run_goes_on(packet, &last); packet += RUN)
				for (uint32_t i = 0; i < RUN; i++)
					packet[i].destination = last.port;
			continue;
		}
		if (packet == batch->packets) {
			last = decide_first(decider, packet++);
			continue;
		}
		count = count_ahead(packet, end);
		if (__builtin_expect(count == AHEAD, 1))
			different |= decide_some(decider, packet, AHEAD,
						 batch->packets->destination, &last);
		else
			different |= decide_some(decider, packet, count,
						 batch->packets->destination, &last);
		packet += count;
	}
	return !different;
}

static copy_wide int decide_wide(struct decider decider, const struct valet_batch *batch)
{
	return decide(decider, batch);
}

int table_decide(struct table *table, const struct valet_batch *batch, int learns)
{
	struct decider decider = {
		.table = table,
		.port = (uint64_t)batch->source << 48,
		.learns = learns,
		/* Pairs with BRIDGE_SET: ages are set. */
		.ageing_ms = load_acquire(&table->ageing_ms),
	};

	if (decider.ageing_ms)
		decider.time_ms = now_ms();
	return copy_is_wide() ? decide_wide(decider, batch) : decide(decider, batch);
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
