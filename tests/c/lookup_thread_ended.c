/*
 * A script's lookup goes with the thread that set it: from then on the bridge learns, and says so.
 */
#include "t.h"

static struct port_handle a, b;
static uint32_t calls;

static int32_t script(uint32_t batch_id, uint32_t region_id, uint32_t count, uint32_t source)
{
	struct valet_packet *packets = valet_batch_address(batch_id);

	(void)region_id, (void)source;
	calls++;
	for (uint32_t i = 0; i < count; i++)
		packets[i].destination = VALET_DROP;
	return 0;
}

static void *setter(void *unused)
{
	EQUAL(set_lookup(a.handle, "vale0", VALET_LOOKUP_SCRIPT, (void *)(uintptr_t)script, NULL), 0);
	EQUAL(bridge_of(a.handle, "vale0").lookup, VALET_LOOKUP_SCRIPT);
	send_frame(&a, EVERYBODY, STATION(1), 1);
	EQUAL(calls, 1);
	return unused;
}

int main(void)
{
	a = open_port("vale0:a", SLOTS(16));
	b = open_port("vale0:b", SLOTS(16));
	for (int round = 0; round < 3; round++) {
		calls = 0;
		join(start(setter, NULL));
		TAGS(&b);
		EQUAL(bridge_of(a.handle, "vale0").lookup, VALET_LOOKUP_LEARNING);
		send_frame(&a, EVERYBODY, STATION(1), 2);
		EQUAL(calls, 1);
		TAGS(&b, 2);
		send_frame(&b, STATION(1), STATION(2), 3);
		TAGS(&a, 3);
	}
	/* Another can take its place. */
	EQUAL(set_lookup(a.handle, "vale0", VALET_LOOKUP_SCRIPT, (void *)(uintptr_t)script, NULL), 0);
	send_frame(&a, EVERYBODY, STATION(1), 4);
	EQUAL(calls, 2);
	TAGS(&b);
	close_port(&a);
	close_port(&b);
	return 0;
}
