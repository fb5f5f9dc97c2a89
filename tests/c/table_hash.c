/* The learning table's hash is netmap's, of one address and of several at once; so is what it learns. */
#include "t.h"

#include "engine/copy.h"
#include "engine/table.h"

/* The same once more, as on a processor without AVX2. */
#undef copy_is_wide
#define copy_is_wide() 0
#define table_bucket narrow_bucket
#define table_decide narrow_decide
#define table_lookup narrow_lookup
#define table_forget narrow_forget
#define table_refresh narrow_refresh
#define table_entry narrow_entry
#include "engine/table.c"
#undef table_bucket
#undef table_decide
#undef table_lookup
uint32_t table_bucket(uint64_t mac);
int table_decide(struct table *table, const struct valet_batch *batch, int learns);

/* The bucket of an address that is written as a number. */
static uint32_t bucket(uint64_t mac)
{
	uint8_t bytes[8] = { 0 };
	uint64_t word;

	put_mac(bytes, mac);
	memcpy(&word, bytes, sizeof(word));
	return table_bucket(word);
}

enum { PACKETS = 61, STATIONS = 2000 };

/* What a table holds and says, one packet after the other. */
struct model {
	uint64_t entry[TABLE_BUCKETS];
};

static uint32_t expected(struct model *model, const uint8_t *frame, uint32_t source, int learns)
{
	uint64_t to = 0, from = 0, entry;

	memcpy(&to, frame, 6);
	memcpy(&from, frame + 6, 6);
	if (learns && from && !(from & 1))
		model->entry[table_bucket(from)] = from | (uint64_t)source << 48;
	entry = model->entry[table_bucket(to)];
	return to && !(to & 1) && TABLE_MAC(entry) == to ? TABLE_PORT(entry) : VALET_BROADCAST;
}

/*
 * A frame in a batch, of any stations: of so many in 256 the same as the one before or nearly so,
 * sometimes a group or nobody. Of so many bytes, with nothing behind them.
 */
static uint8_t *make_frame(uint32_t bytes, const uint8_t *before, uint32_t neighbours, uint32_t *state)
{
	uint32_t kind = random_next(state) % 256;
	uint8_t *frame = malloc(bytes);

	for (uint32_t i = 12; i < bytes; i++)
		frame[i] = (uint8_t)random_next(state);
	if (before && random_next(state) % 256 < neighbours) {
		memcpy(frame, before, 12);
		if (kind < 16) /* a bit is another: not the group's, which is the first */
			frame[kind % 12] ^= 2;
		return frame;
	}
	put_mac(frame, STATION(random_next(state) % STATIONS));
	put_mac(frame + 6, STATION(random_next(state) % STATIONS));
	frame[0] |= kind % 16 == 1;
	frame[6] |= kind == 66;
	if (kind == 67)
		memset(frame, 0, 6);
	if (kind == 68)
		memset(frame + 6, 0, 6);
	return frame;
}

typedef int decide_function(struct table *table, const struct valet_batch *batch, int learns);

/* Batches of any length; some of their packets are too short, and some batches are not to be learned. */
static void mixed_batches(decide_function *decide, uint32_t ageing_ms)
{
	static struct table table;
	static struct model model;
	static const uint16_t lengths[] = { 13, 14, 15, 16 };
	uint8_t *frame[PACKETS];
	struct valet_packet packet[PACKETS];
	uint32_t state = 1 + ageing_ms;

	memset(&model, 0, sizeof(model));
	memset(&table, 0, sizeof(table));
	table_refresh(&table);
	table.ageing_ms = ageing_ms;
	for (uint32_t round = 0; round < 1500; round++) {
		struct valet_batch batch = { .packets = packet, .count = 1 + round % PACKETS,
					     .source = round % 7 };
		int learns = round % 5 != 0, is_same = 1, one_way;

		for (uint32_t i = 0; i < batch.count; i++) {
			uint32_t length = random_next(&state) % 64;
			uint16_t bytes = length < COUNT(lengths) ? lengths[length] : 60;

			frame[i] = make_frame(bytes, i ? frame[i % 3 ? i - 1 : 0] : NULL,
					      round % 2 ? 64 : 240, &state);
			packet[i] = (struct valet_packet){ .data = frame[i],
							   .first_length = bytes };
		}
		one_way = decide(&table, &batch, learns);
		for (uint32_t i = 0; i < batch.count; i++) {
			uint32_t wanted = VALET_TOO_SHORT;

			if (packet[i].first_length >= 14)
				wanted = expected(&model, frame[i], batch.source, learns);
			EQUAL(packet[i].destination, wanted);
			is_same &= packet[i].destination == packet[0].destination;
		}
		for (uint32_t i = 0; i < batch.count; i++)
			free(frame[i]);
		CHECK(is_same || !one_way);
		CHECK(one_way || !is_same || packet[0].first_length < 14);
	}
	for (uint32_t i = 0; i < TABLE_BUCKETS; i++)
		CHECK(table.bucket[i] == model.entry[i]);
}

int main(void)
{
	enum { LONG_MS = 3600000 };

	mixed_batches(table_decide, 0);
	mixed_batches(table_decide, LONG_MS);
	mixed_batches(narrow_decide, 0);
	mixed_batches(narrow_decide, LONG_MS);
	EQUAL(bucket(0x000000000000), 269);
	EQUAL(bucket(0x020000000001), 92);
	EQUAL(bucket(0x02000000000a), 816);
	EQUAL(bucket(0x02000000000b), 65);
	EQUAL(bucket(0x020000000100), 578);
	EQUAL(bucket(0x02000000031b), 578);
	EQUAL(bucket(0x525400123456), 814);
	EQUAL(bucket(0x001b21aabbcc), 428);
	EQUAL(bucket(0xfeffffffffff), 637);
	return 0;
}
