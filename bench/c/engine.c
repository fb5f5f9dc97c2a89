/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rows on valet's engine. Each fills slots, syncs, and has the receiver read the lengths, as the
 * limit loop does; all on the calling thread. What arrives is added up, so no row gets away with
 * losing packets.
 */
#include <stdio.h>
#include <string.h>

#include "../../c/engine/table.h"
#include "port.h"
#include "row.h"

enum { ETHERNET_HEADER_BYTES = 14, IPV4 = 0x0800, FLOODED = 3 };

struct pair {
	struct bench_port from, to[FLOODED];
	uint32_t bytes, receivers;
};

void bench_mac_next(uint8_t mac[6])
{
	static uint8_t taken[TABLE_BUCKETS];
	static uint32_t last;
	uint64_t word;

	do {
		last++;
		memcpy(mac, (uint8_t[6]){ 2, 0, last >> 24, last >> 16, last >> 8, last }, 6);
		word = 0;
		memcpy(&word, mac, 6);
	} while (taken[table_bucket(word)]);
	taken[table_bucket(word)] = 1;
}

void bench_frame_make(uint8_t frame[2048], const uint8_t to[6], const uint8_t from[6])
{
	memset(frame, 0, 2048);
	memcpy(frame, to, 6);
	memcpy(frame + 6, from, 6);
	frame[12] = IPV4 >> 8;
}

static struct bench_port port_open(const char *name, uint32_t index, uint32_t slots)
{
	char full[64];

	snprintf(full, sizeof(full), "vale0:%s%u", name, index);
	return bench_port_open(full, slots);
}

/* Two ports; `to` has made its address known, by a frame to itself that goes nowhere. */
static void pair_open(struct pair *pair, uint32_t index, uint32_t bytes, uint32_t slots)
{
	uint8_t from[6], to[6], frame[2048];

	bench_mac_next(from);
	bench_mac_next(to);
	pair->bytes = bytes;
	pair->receivers = 1;
	pair->from = port_open("a", index, slots);
	pair->to[0] = port_open("b", index, slots);
	bench_frame_make(frame, to, to);
	bench_port_fill(&pair->to[0], frame, 60);
	bench_port_send(&pair->to[0], 1, 60);
	bench_frame_make(frame, to, from);
	bench_port_fill(&pair->from, frame, bytes);
}

static void pair_batch(struct pair *pair, uint32_t packets)
{
	bench_port_send(&pair->from, packets, pair->bytes);
	for (uint32_t i = 0; i < pair->receivers; i++)
		if (bench_port_receive(&pair->to[i]) != (uint64_t)packets * pair->bytes)
			fail("receive all packets that were sent", -EIO);
}

static uint64_t pair_round(void *state)
{
	for (uint32_t i = 0; i < BENCH_BATCHES; i++)
		pair_batch(state, BENCH_BATCH);
	return BENCH_BATCHES * BENCH_BATCH;
}

static struct pair *pair_new(size_t count)
{
	struct pair *pair = calloc(count, sizeof(*pair));

	if (!pair)
		fail("get memory", -ENOMEM);
	return pair;
}

static void *learning_60_open(uint32_t index)
{
	struct pair *pair = pair_new(1);

	pair_open(pair, index, 60, 0);
	return pair;
}

static void *learning_1500_open(uint32_t index)
{
	struct pair *pair = pair_new(1);

	pair_open(pair, index, 1500, 0);
	return pair;
}

static void *broadcast_open(uint32_t index)
{
	static const uint8_t everyone[6] = { 255, 255, 255, 255, 255, 255 };
	struct pair *pair = pair_new(1);
	uint8_t from[6], frame[2048];

	bench_mac_next(from);
	pair->bytes = 60;
	pair->receivers = FLOODED;
	pair->from = port_open("a", index, 0);
	for (uint32_t i = 0; i < FLOODED; i++)
		pair->to[i] = port_open("b", index * FLOODED + i, 0);
	bench_frame_make(frame, everyone, from);
	bench_port_fill(&pair->from, frame, pair->bytes);
	return pair;
}

/*
 * For lookups that send IPv4 to the next port. The frames' destination is the sender itself: a
 * learning bridge would deliver none of them.
 */
static void *hook_open(uint32_t index)
{
	struct pair *pair = pair_new(1);
	uint8_t from[6], frame[2048];

	bench_mac_next(from);
	pair->bytes = 60;
	pair->receivers = 1;
	pair->from = port_open("a", index, 0);
	pair->to[0] = port_open("b", index, 0);
	bench_frame_make(frame, from, from);
	bench_port_fill(&pair->from, frame, pair->bytes);
	return pair;
}

static int32_t ethertype_rule(struct valet_batch *batch, void *context)
{
	(void)context;
	for (uint32_t i = 0; i < batch->count; i++) {
		struct valet_packet *packet = &batch->packets[i];
		uint32_t type = 0;

		if (packet->first_length >= ETHERNET_HEADER_BYTES)
			type = (uint32_t)packet->data[12] << 8 | packet->data[13];
		packet->destination = type == IPV4 ? batch->source + 1 : VALET_BROADCAST;
	}
	return 0;
}

static void *hook_native_open(uint32_t index)
{
	struct valet_req_lookup lookup = { .kind = VALET_LOOKUP_NATIVE,
					   .function = (uintptr_t)ethertype_rule };
	struct pair *pair = hook_open(index);
	int32_t rc = bench_request(pair->from.handle, VALET_REQ_LOOKUP_SET, "vale0:", &lookup,
				   sizeof(lookup));

	if (rc < 0)
		fail("set a native lookup", rc);
	return pair;
}

struct many {
	struct pair *pairs;
	uint32_t turn;
};

static uint64_t ports_round(void *state);

/* All rings are gone through once: the first use of a page takes longer than all later ones. */
static void *ports_open(uint32_t index)
{
	struct many *many = calloc(1, sizeof(*many));

	if (!many)
		fail("get memory", -ENOMEM);
	many->pairs = pair_new(BENCH_PAIRS);
	for (uint32_t i = 0; i < BENCH_PAIRS; i++)
		pair_open(&many->pairs[i], index * BENCH_PAIRS + i, 60, BENCH_PAIR_SLOTS);
	for (uint64_t packets = 0; packets < BENCH_PAIRS * (BENCH_PAIR_SLOTS + BENCH_PAIR_SLOTS / 4);)
		packets += ports_round(many);
	return many;
}

/* A quarter of a ring a turn; the next turn of a pair comes after all others have had theirs. */
static uint64_t ports_round(void *state)
{
	struct many *many = state;

	for (uint32_t i = 0; i < 4 * BENCH_BATCHES; i++) {
		pair_batch(&many->pairs[many->turn], BENCH_PAIR_SLOTS / 4);
		many->turn = (many->turn + 1) % BENCH_PAIRS;
	}
	return BENCH_BATCHES * BENCH_PAIR_SLOTS;
}

enum { MONITORS_MAX = 2 };

/* A pair whose receiver is watched. */
struct monitored {
	struct pair pair;
	struct bench_port monitor[MONITORS_MAX];
	uint32_t monitors;
	uint64_t sent, seen[MONITORS_MAX]; /* bytes */
};

/* A zero-copy monitor is a batch behind who releases the slots, the second one two. */
static uint64_t monitored_round(void *state)
{
	struct monitored *monitored = state;
	uint64_t batch = (uint64_t)BENCH_BATCH * monitored->pair.bytes;

	for (uint32_t i = 0; i < BENCH_BATCHES; i++) {
		pair_batch(&monitored->pair, BENCH_BATCH);
		monitored->sent += batch;
		for (uint32_t k = 0; k < monitored->monitors; k++) {
			monitored->seen[k] += bench_port_receive(&monitored->monitor[k]);
			if (monitored->seen[k] + (k + 1) * batch < monitored->sent)
				fail("see all packets on a monitor", -EIO);
		}
	}
	return BENCH_BATCHES * BENCH_BATCH;
}

static void *monitored_open(uint32_t index, uint32_t monitors, uint64_t flags, uint32_t bytes)
{
	struct monitored *monitored = calloc(1, sizeof(*monitored));
	char name[64];

	if (!monitored)
		fail("get memory", -ENOMEM);
	pair_open(&monitored->pair, index, bytes, 0);
	snprintf(name, sizeof(name), "vale0:b%u", index);
	for (monitored->monitors = 0; monitored->monitors < monitors; monitored->monitors++)
		monitored->monitor[monitored->monitors] =
			bench_port_register("embedded", name, 0, flags);
	return monitored;
}

static void *monitor_copy_1_open(uint32_t index)
{
	return monitored_open(index, 1, NR_MONITOR_RX, 60);
}

static void *monitor_copy_2_open(uint32_t index)
{
	return monitored_open(index, 2, NR_MONITOR_RX, 60);
}

static void *monitor_zero_1_open(uint32_t index)
{
	return monitored_open(index, 1, NR_ZCOPY_MON, 60);
}

static void *monitor_zero_2_open(uint32_t index)
{
	return monitored_open(index, 2, NR_ZCOPY_MON, 60);
}

static void *monitor_copy_1500_open(uint32_t index)
{
	return monitored_open(index, 1, NR_MONITOR_RX, 1500);
}

static void *monitor_zero_1500_open(uint32_t index)
{
	return monitored_open(index, 1, NR_ZCOPY_MON, 1500);
}

static void *pipe_open(uint32_t index)
{
	struct pair *pair = pair_new(1);
	char name[64];

	pair->bytes = 60;
	pair->receivers = 1;
	snprintf(name, sizeof(name), "bench%u{1", index);
	pair->from = bench_port_open(name, 0);
	snprintf(name, sizeof(name), "bench%u}1", index);
	pair->to[0] = bench_port_open(name, 0);
	return pair;
}

const struct bench_row bench_engine_rows[] = {
	{ "engine.learning.60", learning_60_open, pair_round },
	{ "engine.learning.1500", learning_1500_open, pair_round },
	{ "engine.broadcast.3.60", broadcast_open, pair_round },
	{ "engine.hook.native.60", hook_native_open, pair_round },
	{ "engine.hook.ts.60", hook_open, pair_round }, /* a script sets the lookup */
	{ "engine.ports.1000", ports_open, ports_round },
	{ "engine.monitor.copy.1.60", monitor_copy_1_open, monitored_round },
	{ "engine.monitor.copy.2.60", monitor_copy_2_open, monitored_round },
	{ "engine.monitor.zcopy.1.60", monitor_zero_1_open, monitored_round },
	{ "engine.monitor.zcopy.2.60", monitor_zero_2_open, monitored_round },
	{ "engine.monitor.copy.1.1500", monitor_copy_1500_open, monitored_round },
	{ "engine.monitor.zcopy.1.1500", monitor_zero_1500_open, monitored_round },
	{ "pipe.60", pipe_open, pair_round },
	{ 0 },
};
