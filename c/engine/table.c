/* SPDX-License-Identifier: BSD-2-Clause */
#include "table.h"

#include <string.h>
#include <time.h>

#include "barrier.h"

enum { ETHERNET_HEADER_BYTES = 14 };

#define MULTICAST(mac) ((mac)&1) /* the group bit is the first bit on the wire */

#define MIX(a, b, c, shift_left, shift_a, shift_b)   \
	do {                                         \
		a = (a - b - c) ^ (c >> shift_a);    \
		b = (b - c - a) ^ (a << shift_left); \
		c = (c - a - b) ^ (b >> shift_b);    \
	} while (0)

uint32_t table_bucket(uint64_t mac)
{
	const uint32_t byte[6] = { mac & 0xff,	     mac >> 8 & 0xff,  mac >> 16 & 0xff,
				   mac >> 24 & 0xff, mac >> 32 & 0xff, mac >> 40 & 0xff };
	uint32_t a = 0x9e3779b9, b = 0x9e3779b9, c = 0; /* c: netmap's key is 0 */

	b += byte[5] << 8;
	b += byte[4];
	a += byte[3] << 24;
	a += byte[2] << 16;
	a += byte[1] << 8;
	a += byte[0];
	MIX(a, b, c, 8, 13, 13);
	MIX(a, b, c, 16, 12, 5);
	MIX(a, b, c, 10, 3, 15);
	return c & (TABLE_BUCKETS - 1);
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

static void learn(struct table *table, uint64_t mac, uint32_t port, uint32_t time_ms)
{
	uint32_t bucket = table_bucket(mac);
	uint64_t entry = mac | (uint64_t)port << 48;

	/* Storing only what is new keeps the line shared between threads that send. */
	if (read_once(&table->bucket[bucket]) != entry)
		write_once(&table->bucket[bucket], entry);
	if (read_once(&table->ageing_ms))
		write_once(&table->heard_ms[bucket], time_ms);
}

static uint32_t find(struct table *table, uint64_t mac, uint32_t ageing_ms, uint32_t time_ms)
{
	uint32_t bucket = table_bucket(mac);
	uint64_t entry = read_once(&table->bucket[bucket]);

	if (TABLE_MAC(entry) != mac || mac == 0)
		return VALET_BROADCAST;
	if (ageing_ms && time_ms - read_once(&table->heard_ms[bucket]) >= ageing_ms)
		return VALET_BROADCAST;
	return TABLE_PORT(entry);
}

int table_decide(struct table *table, const struct valet_batch *batch, int learns)
{
	uint32_t ageing_ms =
		load_acquire(&table->ageing_ms); /* pairs with BRIDGE_SET: ages are set */
	uint32_t time_ms = ageing_ms ? now_ms() : 0;
	/*
	 * Neighbours in a batch mostly have the addresses of the packet before: two words, from byte 0
	 * and from byte 4, hold both of them, and are compared as they are. 14 instructions a packet, not
	 * 22. Two addresses that are all ones are a broadcast, and nobody to learn.
	 */
	uint64_t last_to = ~0ull, last_from = ~0ull;
	uint32_t last_port = VALET_BROADCAST, different = 0;

	struct valet_packet *packet = batch->packets, *end = packet + batch->count;

	for (; packet < end; packet++) {
		uint64_t to, from;

		if (__builtin_expect(packet->first_length < ETHERNET_HEADER_BYTES, 0)) {
			packet->destination = VALET_TOO_SHORT;
			different = 1;
			continue;
		}
		to = load_word(packet->data);
		from = load_word(packet->data + 4);
		if (to != last_to || from != last_from) {
			uint64_t destination = TABLE_MAC(to), source = from >> 16;

			if (learns && source != last_from >> 16 && !MULTICAST(source) && source)
				learn(table, source, batch->source, time_ms);
			last_port = MULTICAST(destination)
					    ? VALET_BROADCAST
					    : find(table, destination, ageing_ms, time_ms);
			/* Of those before, all have the first one's. */
			different |= packet != batch->packets &&
				     last_port != batch->packets->destination;
			last_to = to;
			last_from = from;
		}
		packet->destination = last_port;
	}
	return !different;
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
