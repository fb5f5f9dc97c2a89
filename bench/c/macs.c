/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How the learning table bears many stations: two ports with half of the stations each, which talk in
 * pairs, one batch there and one back, and a third port that gets what is flooded.
 */
#include <stdio.h>
#include <string.h>

#include "port.h"
#include "row.h"

enum { FRAME_BYTES = 60, HALF = BENCH_BATCH };

struct crowd {
	struct bench_port side[2], other;
	uint32_t pairs, turn; /* the pair that talks next */
};

/* A station's address: locally administered, its side, its number. */
static void station(uint8_t mac[6], uint32_t side, uint32_t number)
{
	uint16_t first = (uint16_t)(2 | side << 8);

	memcpy(mac, &first, 2);
	number = __builtin_bswap32(number);
	memcpy(mac + 2, &number, 4);
}

/* What an application with many stations does: it writes both addresses of each frame. */
static void crowd_send(struct crowd *crowd, uint32_t side)
{
	struct bench_port *from = &crowd->side[side];
	uint32_t head = from->tx->head, pair = crowd->turn;

	for (uint32_t i = 0; i < HALF; i++) {
		uint8_t *frame = bench_buffer(from->tx, head);

		station(frame, !side, pair);
		station(frame + 6, side, pair);
		head = bench_next(from->tx, head);
		pair = pair + 1 == crowd->pairs ? 0 : pair + 1;
	}
	bench_port_send(from, HALF, FRAME_BYTES);
	if (bench_port_receive(&crowd->side[!side]) != HALF * FRAME_BYTES)
		fail("receive all packets that were sent", -EIO);
	bench_port_receive(&crowd->other);
}

static uint64_t crowd_round(void *state)
{
	struct crowd *crowd = state;

	for (uint32_t i = 0; i < BENCH_BATCHES / 2; i++) {
		crowd_send(crowd, 0);
		crowd_send(crowd, 1);
		crowd->turn = (crowd->turn + HALF) % crowd->pairs;
	}
	return BENCH_BATCHES * HALF;
}

/* All have talked once before it counts. */
static void *crowd_open(uint32_t index, const uint32_t *numbers)
{
	struct crowd *crowd = calloc(1, sizeof(*crowd));
	uint8_t none[6] = { 0 }, frame[2048];

	if (!crowd)
		fail("get memory", -ENOMEM);
	crowd->pairs = (numbers[0] + 1) / 2;
	if (!crowd->pairs || crowd->pairs > 1u << 24)
		fail("make so many stations", -EINVAL);
	bench_frame_make(frame, none, none);
	for (uint32_t i = 0; i < 3; i++) {
		struct bench_port *port = i < 2 ? &crowd->side[i] : &crowd->other;
		char name[32];

		snprintf(name, sizeof(name), "vale%u:%c", index, 'a' + i);
		*port = bench_port_open(name, 0);
		bench_port_fill(port, frame, FRAME_BYTES);
	}
	for (uint64_t packets = 0; packets < 2ull * crowd->pairs;)
		packets += crowd_round(crowd);
	return crowd;
}

const struct bench_row bench_mac_rows[] = {
	{ "engine.macs.#", crowd_open, crowd_round }, /* stations */
	{ 0 },
};
