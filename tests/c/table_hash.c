/* The learning table's hash is netmap's, of one address and of several at once. */
#include "t.h"

#include "engine/table.h"

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

/* What the table holds and says, one packet after the other. */
static uint64_t model[TABLE_BUCKETS];

static uint32_t expected(const uint8_t *frame, uint32_t source)
{
	uint64_t to = 0, from = 0, entry;

	memcpy(&to, frame, 6);
	memcpy(&from, frame + 6, 6);
	if (!(from & 1))
		model[table_bucket(from)] = from | (uint64_t)source << 48;
	entry = model[table_bucket(to)];
	return !(to & 1) && TABLE_MAC(entry) == to ? TABLE_PORT(entry) : VALET_BROADCAST;
}

/* Batches of any stations, some of them neighbours, some groups, some too short. */
static void mixed_batches(void)
{
	static struct table table;
	static uint8_t frame[PACKETS][64];
	struct valet_packet packet[PACKETS] = { 0 };
	uint64_t seed = 1;

	for (uint32_t round = 0; round < 500; round++) {
		struct valet_batch batch = { .packets = packet, .count = 1 + round % PACKETS,
					     .source = round % 7 };

		for (uint32_t i = 0; i < batch.count; i++) {
			seed = seed * 6364136223846793005ull + 1442695040888963407ull;
			packet[i] = (struct valet_packet){ .data = frame[i], .first_length = 60 };
			if (i && seed >> 62 == 0) {
				memcpy(frame[i], frame[i - 1], 12);
				continue;
			}
			put_mac(frame[i], STATION((seed >> 40) % STATIONS));
			put_mac(frame[i] + 6, STATION((seed >> 20) % STATIONS));
			frame[i][0] |= (seed >> 58) == 0;
			if (seed >> 59 == 1)
				packet[i].first_length = 13;
		}
		table_lookup(&batch, &table);
		for (uint32_t i = 0; i < batch.count; i++)
			EQUAL(packet[i].destination, packet[i].first_length < 14 ?
							     VALET_TOO_SHORT :
							     expected(frame[i], batch.source));
	}
	for (uint32_t i = 0; i < TABLE_BUCKETS; i++)
		CHECK(table.bucket[i] == model[i]);
}

int main(void)
{
	mixed_batches();
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
