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

/* Two unaligned words hold the destination, and the source. */
static inline uint64_t load_mac(const uint8_t *data)
{
	uint64_t word;

	memcpy(&word, data, sizeof(word));
	return TABLE_MAC(word);
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

static inline void look_up(struct valet_batch *batch, struct table *table, int learns)
{
	uint32_t ageing_ms =
		load_acquire(&table->ageing_ms); /* pairs with BRIDGE_SET: ages are set */
	uint32_t time_ms = ageing_ms ? now_ms() : 0;
	/*
	 * Neighbours in a batch mostly have the addresses of the packet before. No station is all
	 * ones.
	 */
	uint64_t last_source = ~0ull, last_destination = ~0ull;
	uint32_t last_port = VALET_BROADCAST;

	for (uint32_t i = 0; i < batch->count; i++) {
		struct valet_packet *packet = &batch->packets[i];
		uint64_t destination, source;

		if (__builtin_expect(packet->first_length < ETHERNET_HEADER_BYTES, 0)) {
			packet->destination = VALET_TOO_SHORT;
			continue;
		}
		destination = load_mac(packet->data);
		source = load_mac(packet->data + 6);
		if (source != last_source) {
			last_source = source;
			if (learns && !MULTICAST(source) && source) {
				learn(table, source, batch->source, time_ms);
				last_destination = ~0ull; /* it may be the one just learned */
			}
		}
		if (destination != last_destination) {
			last_destination = destination;
			last_port = MULTICAST(destination)
					    ? VALET_BROADCAST
					    : find(table, destination, ageing_ms, time_ms);
		}
		packet->destination = last_port;
	}
}

int32_t table_lookup(struct valet_batch *batch, void *context)
{
	look_up(batch, context, 1);
	return 0;
}

void table_look_only(struct valet_batch *batch, struct table *table)
{
	look_up(batch, table, 0);
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
