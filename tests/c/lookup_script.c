/* A script's lookup gets numbers, and finds descriptors and packet memory by them. */
#include "t.h"

static struct port_handle a, b;
static uint32_t calls, seen_batch, seen_region;

static int32_t script(uint32_t batch_id, uint32_t region_id, uint32_t count, uint32_t source)
{
	struct valet_packet *packets = valet_batch_address(batch_id);
	uint64_t region[2];

	calls++;
	CHECK(packets);
	EQUAL(source, 0);
	EQUAL(valet_region_address(region_id, region), 0);
	EQUAL(region[0], (uintptr_t)a.base);
	EQUAL(region[1], a.bytes);
	for (uint32_t i = 0; i < count; i++) {
		uint64_t at = (uintptr_t)packets[i].data;

		CHECK(at >= region[0] && at + 60 <= region[0] + region[1]);
		packets[i].destination = packets[i].data[14] % 2 ? 1 : VALET_DROP;
	}
	seen_batch = batch_id;
	seen_region = region_id;
	return 0;
}

static int32_t failing(uint32_t batch_id, uint32_t region_id, uint32_t count, uint32_t source)
{
	(void)batch_id, (void)region_id, (void)count, (void)source;
	return -1;
}

int main(void)
{
	uint64_t region[2];
	int32_t handle;

	a = open_port("vale0:a", SLOTS(16));
	b = open_port("vale0:b", SLOTS(16));
	handle = a.handle;
	EQUAL(set_lookup(handle, "vale0", VALET_LOOKUP_SCRIPT, (void *)(uintptr_t)script, NULL), 0);
	for (uint32_t i = 0; i < 6; i++)
		put_frame(&a, 0, EVERYBODY, STATION(1), i, 60);
	EQUAL(valet_txsync(handle), 0);
	EQUAL(calls, 1);
	TAGS(&b, 1, 3, 5);
	EQUAL(counters(handle, "vale0:a").drops[VALET_DROP_LOOKUP], 3);
	EQUAL(set_lookup(handle, "vale0", VALET_LOOKUP_SCRIPT, (void *)(uintptr_t)failing, NULL), 0);
	put_frame(&a, 0, EVERYBODY, STATION(1), 7, 60);
	EQUAL(valet_txsync(handle), -ECANCELED);
	CHECK(valet_batch_address(seen_batch));
	CHECK(!valet_batch_address(seen_batch + 1000));
	CHECK(!valet_batch_address(0xffffffff));
	EQUAL(valet_region_address(0, region), -ENOENT);
	EQUAL(valet_region_address(seen_region + 1000, region), -ENOENT);
	close_port(&a);
	EQUAL(valet_region_address(seen_region, region), -ENOENT);
	close_port(&b);
	/* Views of a closed port's memory read as something, and do not crash. */
	CHECK(a.nifp->ni_tx_rings == 0);
	return 0;
}
