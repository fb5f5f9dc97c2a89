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

enum {
	ETHERNET_HEADER_BYTES = 14,
	IPV4 = 0x0800,
	RECEIVERS_MAX = 16,
	ROUND_PACKETS = BENCH_BATCHES * BENCH_BATCH,
	SLOT_BYTES = 2048,
};

struct pair {
	struct bench_port from, to[RECEIVERS_MAX];
	uint32_t bytes, batch, receivers;
};

void bench_mac_next(uint8_t mac[6])
{
	static uint8_t taken[TABLE_BUCKETS];
	static uint32_t last, count;
	uint64_t word;

	if (count++ == TABLE_BUCKETS)
		fail("find one more station that has a bucket of the learning table to itself", -ENOSPC);
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
	pair->batch = BENCH_BATCH;
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
	struct pair *pair = state;
	uint64_t packets;

	for (packets = 0; packets < ROUND_PACKETS; packets += pair->batch)
		pair_batch(pair, pair->batch);
	return packets;
}

static struct pair *pair_new(size_t count)
{
	struct pair *pair = calloc(count, sizeof(*pair));

	if (!pair)
		fail("get memory", -ENOMEM);
	return pair;
}

static void *learning_open(uint32_t index, const uint32_t *numbers)
{
	struct pair *pair = pair_new(1);

	if (numbers[0] > SLOT_BYTES)
		fail("send frames of so many bytes in one slot", -EMSGSIZE);
	pair_open(pair, index, numbers[0], 0);
	return pair;
}

/* All that a ring holds is sent at once where the batch is as large as the ring. */
static void *batch_open(uint32_t index, const uint32_t *numbers)
{
	struct pair *pair = learning_open(index, numbers);
	uint32_t most = pair->from.tx->num_slots - 1;

	pair->batch = numbers[1] > most ? most : numbers[1];
	if (!pair->batch)
		fail("send batches of no packets", -EINVAL);
	return pair;
}

/* The receiver's slots are free at once, so that the next batch finds room for more than half a ring. */
static uint64_t batch_round(void *state)
{
	struct pair *pair = state;
	uint64_t packets;

	if (2 * pair->batch < pair->from.tx->num_slots)
		return pair_round(pair);
	for (packets = 0; packets < ROUND_PACKETS; packets += pair->batch) {
		pair_batch(pair, pair->batch);
		if (valet_rxsync(pair->to[0].handle) != 0)
			fail("sync a receive ring", -EIO);
	}
	return packets;
}

/* A frame of 64 KB, in slots that NS_MOREFRAG joins. */
static uint32_t big_fill(struct netmap_ring *ring, uint32_t head)
{
	for (uint32_t left = BENCH_BIG_BYTES; left;) {
		uint32_t bytes = left < SLOT_BYTES ? left : SLOT_BYTES;

		left -= bytes;
		ring->slot[head].len = (uint16_t)bytes;
		ring->slot[head].flags = left ? NS_MOREFRAG : 0;
		head = bench_next(ring, head);
	}
	return head;
}

/* Eight of them are a batch, of as many slots as other rows' batches. */
static uint64_t big_round(void *state)
{
	struct pair *pair = state;
	uint32_t batches = BENCH_BATCHES, batch = pair->batch;

	while (batches--) {
		struct netmap_ring *ring = pair->from.tx;
		uint32_t head = ring->head;

		for (uint32_t i = 0; i < batch; i++)
			head = big_fill(ring, head);
		ring->head = ring->cur = head;
		if (valet_txsync(pair->from.handle) != 0)
			fail("sync a transmit ring", -EIO);
		if (bench_port_receive(&pair->to[0]) != (uint64_t)batch * BENCH_BIG_BYTES)
			fail("receive all packets that were sent", -EIO);
	}
	return (uint64_t)BENCH_BATCHES * batch;
}

static void *big_open(uint32_t index, const uint32_t *numbers)
{
	struct pair *pair = learning_open(index, (uint32_t[]){ SLOT_BYTES });

	(void)numbers;
	pair->batch = 8;
	return pair;
}

static void *broadcast_open(uint32_t index, const uint32_t *numbers)
{
	static const uint8_t everyone[6] = { 255, 255, 255, 255, 255, 255 };
	struct pair *pair = pair_new(1);
	uint8_t from[6], frame[2048];

	if (!numbers[0] || numbers[0] > RECEIVERS_MAX || numbers[1] > SLOT_BYTES)
		fail("broadcast to so many receivers, or so many bytes", -EINVAL);
	bench_mac_next(from);
	pair->receivers = numbers[0];
	pair->bytes = numbers[1];
	pair->batch = BENCH_BATCH;
	pair->from = port_open("a", index, 0);
	for (uint32_t i = 0; i < pair->receivers; i++)
		pair->to[i] = port_open("b", index * RECEIVERS_MAX + i, 0);
	bench_frame_make(frame, everyone, from);
	bench_port_fill(&pair->from, frame, pair->bytes);
	return pair;
}

/*
 * For lookups that send IPv4 to the next port. The frames' destination is the sender itself: a
 * learning bridge would deliver none of them.
 */
static void *hook_open(uint32_t index, const uint32_t *numbers)
{
	struct pair *pair = pair_new(1);
	uint8_t from[6], frame[2048];

	(void)numbers;
	bench_mac_next(from);
	pair->bytes = 60;
	pair->batch = BENCH_BATCH;
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

/* Static routes: what a port sends goes to the next one, whatever it is. */
static int32_t static_rule(struct valet_batch *batch, void *context)
{
	(void)context;
	for (uint32_t i = 0; i < batch->count; i++)
		batch->packets[i].destination = batch->source + 1;
	return 0;
}

static void rule_set(const struct pair *pair, valet_lookup_function rule)
{
	struct valet_req_lookup lookup = { .kind = VALET_LOOKUP_NATIVE,
					   .function = (uintptr_t)rule };
	int32_t rc = bench_request(pair->from.handle, VALET_REQ_LOOKUP_SET, "vale0:", &lookup,
				   sizeof(lookup));

	if (rc < 0)
		fail("set a native lookup", rc);
}

static void *hook_native_open(uint32_t index, const uint32_t *numbers)
{
	struct pair *pair = hook_open(index, numbers);

	rule_set(pair, ethertype_rule);
	return pair;
}

static void *static_open(uint32_t index, const uint32_t *numbers)
{
	struct pair *pair = learning_open(index, numbers);

	rule_set(pair, static_rule);
	return pair;
}

struct many {
	struct pair *pair;
	uint32_t pairs, turn; /* whose it is */
};

static uint64_t ports_round(void *state);

/* All rings are gone through once: the first use of a page takes longer than all later ones. */
static void *many_open(uint32_t index, const uint32_t *numbers,
		       void (*open)(struct pair *, uint32_t, uint32_t, uint32_t))
{
	struct many *many = calloc(1, sizeof(*many));
	uint32_t pairs = numbers[0] / 2;
	uint32_t slots = numbers[1] ? numbers[1] : BENCH_PAIR_SLOTS;
	uint32_t turn = numbers[1] ? numbers[2] : BENCH_PAIR_TURN;

	if (!many)
		fail("get memory", -ENOMEM);
	if (!pairs)
		fail("send from one port to another", -EINVAL);
	/* So that the next turn finds room, though what was read is free only after one more sync. */
	if (!turn || 2 * turn >= slots)
		fail("have turns of that many packets: less than half of a ring", -EINVAL);
	many->pair = pair_new(pairs);
	many->pairs = pairs;
	for (uint32_t i = 0; i < pairs; i++) {
		open(&many->pair[i], index * pairs + i, 60, slots);
		many->pair[i].batch = turn;
	}
	for (uint64_t packets = 0; packets < (uint64_t)pairs * (slots + turn);)
		packets += ports_round(many);
	return many;
}

static void *ports_open(uint32_t index, const uint32_t *numbers)
{
	return many_open(index, numbers, pair_open);
}

/* All ports are there, but only the first pair has anything to say: what their number alone costs. */
static void *quiet_ports_open(uint32_t index, const uint32_t *numbers)
{
	struct many *many = many_open(index, numbers, pair_open);

	many->pairs = 1;
	many->turn = 0;
	return many;
}

/* Static routes need no stations: for more ports than the learning table has room for. */
static void routed_pair_open(struct pair *pair, uint32_t index, uint32_t bytes, uint32_t slots)
{
	static const uint8_t address[6] = { 2 };
	uint8_t frame[2048];

	pair->bytes = bytes;
	pair->batch = BENCH_BATCH;
	pair->receivers = 1;
	pair->from = port_open("a", index, slots);
	pair->to[0] = port_open("b", index, slots);
	if (index == 0)
		rule_set(pair, static_rule);
	bench_frame_make(frame, address, address);
	bench_port_fill(&pair->from, frame, bytes);
}

static void *routed_ports_open(uint32_t index, const uint32_t *numbers)
{
	return many_open(index, numbers, routed_pair_open);
}

/* The next turn of a pair comes after all others have had theirs. */
static uint64_t ports_round(void *state)
{
	struct many *many = state;
	uint64_t packets = 0;

	while (packets < ROUND_PACKETS) {
		struct pair *pair = &many->pair[many->turn];

		pair_batch(pair, pair->batch);
		packets += pair->batch;
		many->turn = (many->turn + 1) % many->pairs;
	}
	return packets;
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

/* `flags` of the monitors: what they watch, and how. */
static void *monitored_open(uint32_t index, const uint32_t *numbers, uint64_t flags)
{
	struct monitored *monitored = calloc(1, sizeof(*monitored));
	char name[64];

	if (!monitored)
		fail("get memory", -ENOMEM);
	if (numbers[0] > MONITORS_MAX || numbers[1] > SLOT_BYTES)
		fail("open so many monitors, or send so many bytes", -EINVAL);
	pair_open(&monitored->pair, index, numbers[1], 0);
	snprintf(name, sizeof(name), "vale0:b%u", index);
	for (monitored->monitors = 0; monitored->monitors < numbers[0]; monitored->monitors++)
		monitored->monitor[monitored->monitors] =
			bench_port_register("embedded", name, 0, flags);
	return monitored;
}

static void *monitor_copy_open(uint32_t index, const uint32_t *numbers)
{
	return monitored_open(index, numbers, NR_MONITOR_RX);
}

static void *monitor_zero_copy_open(uint32_t index, const uint32_t *numbers)
{
	return monitored_open(index, numbers, NR_ZCOPY_MON);
}

static void *pipe_open(uint32_t index, const uint32_t *numbers)
{
	struct pair *pair = pair_new(1);
	char name[64];

	pair->bytes = numbers[0];
	pair->batch = BENCH_BATCH;
	pair->receivers = 1;
	snprintf(name, sizeof(name), "bench%u{1", index);
	pair->from = bench_port_open(name, 0);
	snprintf(name, sizeof(name), "bench%u}1", index);
	pair->to[0] = bench_port_open(name, 0);
	return pair;
}

const struct bench_row bench_engine_rows[] = {
	{ "engine.learning.#", learning_open, pair_round }, /* bytes */
	{ "engine.learning.#.batch#", batch_open, batch_round }, /* bytes, packets */
	{ "engine.learning.big", big_open, big_round },
	{ "engine.static.#", static_open, pair_round }, /* bytes */
	{ "engine.broadcast.#.#", broadcast_open, pair_round }, /* receivers, bytes */
	{ "engine.hook.native.60", hook_native_open, pair_round },
	{ "engine.hook.ts.60", hook_open, pair_round }, /* a script sets the lookup */
	{ "engine.ports.#", ports_open, ports_round }, /* ports */
	{ "engine.ports.#.#x#", ports_open, ports_round }, /* ports, slots, packets */
	{ "engine.ports.quiet.#", quiet_ports_open, ports_round }, /* ports */
	{ "engine.ports.static.#", routed_ports_open, ports_round }, /* ports */
	{ "engine.monitor.copy.#.#", monitor_copy_open, monitored_round }, /* monitors, bytes */
	{ "engine.monitor.zcopy.#.#", monitor_zero_copy_open, monitored_round }, /* the same */
	{ "pipe.#", pipe_open, pair_round }, /* bytes */
	{ 0 },
};
