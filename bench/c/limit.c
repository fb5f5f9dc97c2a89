/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The limit that every row is compared with: what one core can do if a switch did nothing but copy.
 * Two rings of 1024 slots with 2 KiB buffers, batches of 256: a producer writes each slot's length,
 * the loop copies the frame in 64-byte steps and fills the destination slot, a consumer reads the
 * lengths. No look-up, no checks. Compiled with -O2 -march=native.
 */
#include <stdlib.h>
#include <string.h>

#include "port.h"
#include "row.h"

/* STRIDE_BYTES: those of valet's engine, a line more. */
enum { SLOTS = 1024, BUFFER_BYTES = 2048, STRIDE_BYTES = 2112 };

struct limit_slot {
	uint32_t buf_idx;
	uint16_t len, flags;
	uint64_t ptr;
};

struct limit {
	struct limit_slot *tx_slot, *rx_slot;
	uint8_t *tx, *rx;
	uint32_t at;
	int bytes;
};

/* The two do not overlap, which lets the compiler take the widest moves that the machine has. */
static inline void copy64(void *restrict to, const void *restrict from, int length)
{
	uint64_t *restrict d = __builtin_assume_aligned(to, 64);
	const uint64_t *restrict s = __builtin_assume_aligned(from, 64);

	for (; length > 0; length -= 64, d += 8, s += 8) {
		d[0] = s[0];
		d[1] = s[1];
		d[2] = s[2];
		d[3] = s[3];
		d[4] = s[4];
		d[5] = s[5];
		d[6] = s[6];
		d[7] = s[7];
	}
}

/* One batch: returns the bytes that the consumer saw. */
static inline __attribute__((always_inline)) uint64_t
copy_batch(const struct limit *limit, uint32_t slots, uint32_t at, uint32_t batch, size_t stride)
{
	struct limit_slot *tx_slot = limit->tx_slot, *rx_slot = limit->rx_slot;
	uint8_t *tx = limit->tx, *rx = limit->rx;
	uint64_t received = 0;
	int bytes = limit->bytes;

	for (uint32_t k = 0; k < batch; k++) {
		struct limit_slot *s = &tx_slot[(at + k) % slots];

		s->len = (uint16_t)bytes;
		s->flags = 0;
	}
	for (uint32_t k = 0; k < batch; k++) {
		struct limit_slot *s = &tx_slot[(at + k) % slots];
		struct limit_slot *d = &rx_slot[(at + k) % slots];

		copy64(rx + d->buf_idx * stride, tx + s->buf_idx * stride, s->len);
		d->len = s->len;
		d->flags = 1 << 8;
	}
	for (uint32_t k = 0; k < batch; k++)
		received += rx_slot[(at + k) % slots].len;
	if (received != (uint64_t)batch * (uint64_t)bytes)
		fail("count what the limit loop copied", -EIO);
	return received;
}

static void *pages(size_t bytes)
{
	void *memory = aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);

	if (!memory)
		fail("get memory", -ENOMEM);
	memset(memory, 0, bytes);
	return memory;
}

static void limit_make(struct limit *limit, uint32_t slots, int bytes)
{
	limit->bytes = bytes;
	limit->tx_slot = pages(slots * sizeof(*limit->tx_slot));
	limit->rx_slot = pages(slots * sizeof(*limit->rx_slot));
	limit->tx = pages((size_t)slots * STRIDE_BYTES);
	limit->rx = pages((size_t)slots * STRIDE_BYTES);
	for (uint32_t i = 0; i < slots; i++)
		limit->tx_slot[i].buf_idx = limit->rx_slot[i].buf_idx = i;
}

static void *limit_open(uint32_t index, const uint32_t *numbers)
{
	struct limit *limit = pages(sizeof(*limit));

	(void)index;
	if (numbers[0] > BUFFER_BYTES)
		fail("copy frames of so many bytes", -EMSGSIZE);
	limit_make(limit, SLOTS, (int)numbers[0]);
	return limit;
}

static inline __attribute__((always_inline)) uint64_t round_strided(struct limit *limit, size_t stride)
{
	for (uint32_t n = 0; n < BENCH_BATCHES; n++, limit->at += BENCH_BATCH)
		copy_batch(limit, SLOTS, limit->at, BENCH_BATCH, stride);
	return BENCH_BATCHES * BENCH_BATCH;
}

static uint64_t limit_round(void *state)
{
	return round_strided(state, BUFFER_BYTES);
}

/* With buffers as far apart as those of valet's engine. */
static uint64_t limit_round_strided(void *state)
{
	return round_strided(state, STRIDE_BYTES);
}

/* Frames of 64 KB: each is as many full slots as it takes. */
static void *limit_open_big(uint32_t index, const uint32_t *numbers)
{
	(void)numbers;
	return limit_open(index, (uint32_t[]){ BUFFER_BYTES });
}

static uint64_t limit_round_big(void *state)
{
	return limit_round(state) / ((BENCH_BIG_BYTES + BUFFER_BYTES - 1) / BUFFER_BYTES);
}

/* The same work on as much memory as a row with many ports has, in the same turns. */
struct limit_many {
	struct limit *pair;
	uint32_t pairs, turn; /* whose it is */
	uint32_t slots, batch;
};

static void *limit_open_pairs(uint32_t index, const uint32_t *numbers)
{
	struct limit_many *many = pages(sizeof(*many));

	(void)index;
	many->pairs = numbers[0];
	many->slots = numbers[1] ? numbers[1] : BENCH_PAIR_SLOTS;
	many->batch = numbers[1] ? numbers[2] : BENCH_PAIR_TURN;
	if (!many->pairs || !many->batch || many->batch > many->slots)
		fail("copy in turns of that many packets", -EINVAL);
	many->pair = pages(many->pairs * sizeof(*many->pair));
	for (uint32_t i = 0; i < many->pairs; i++)
		limit_make(&many->pair[i], many->slots, 60);
	return many;
}

static uint64_t limit_round_pairs(void *state)
{
	struct limit_many *many = state;
	uint64_t packets = 0;

	while (packets < BENCH_BATCHES * BENCH_BATCH) {
		struct limit *limit = &many->pair[many->turn];

		copy_batch(limit, many->slots, limit->at, many->batch, BUFFER_BYTES);
		limit->at += many->batch;
		packets += many->batch;
		many->turn = (many->turn + 1) % many->pairs;
	}
	return packets;
}

const struct bench_row bench_limit_rows[] = {
	{ "limit.#", limit_open, limit_round }, /* bytes */
	{ "limit.strided.#", limit_open, limit_round_strided }, /* the same */
	{ "limit.big", limit_open_big, limit_round_big },
	{ "limit.pairs.#", limit_open_pairs, limit_round_pairs }, /* pairs */
	{ "limit.pairs.#.#x#", limit_open_pairs, limit_round_pairs }, /* and slots, packets */
	{ 0 },
};
