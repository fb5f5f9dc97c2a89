/* The learning table's hash is netmap's. */
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

int main(void)
{
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
