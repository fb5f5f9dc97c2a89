/*
 * A port that leaves takes its stations with it, at once, even while a sender is in the middle of a
 * lookup.
 */
#include "t.h"

static struct port_handle a, b, c;

static uint32_t entries_behind(uint32_t port)
{
	struct valet_req_table body = { 0 };
	uint32_t count = 0;

	do {
		EQUAL(request(a.handle, VALET_REQ_TABLE_GET, "vale0", &body), 0);
		for (uint32_t i = 0; i < body.count; i++)
			count += body.entries[i].port == port;
	} while (body.cursor);
	return count;
}

static void teach(void)
{
	struct frame frame;

	c = open_port("vale0:c", SLOTS(16));
	EQUAL(list_index(a.handle, "vale0:c"), 2);
	for (uint32_t i = 0; i < 5; i++)
		send_frame(&c, EVERYBODY, STATION(30 + i), 0);
	EQUAL(entries_behind(2), 5);
	EQUAL(valet_rxsync(a.handle), 0);
	EQUAL(valet_rxsync(b.handle), 0);
	while (take_frame(&a, 0, &frame))
		continue;
	while (take_frame(&b, 0, &frame))
		continue;
	EQUAL(valet_rxsync(a.handle), 0);
	EQUAL(valet_rxsync(b.handle), 0);
}

/* The next at its index does not inherit them, as it does in the kernel. */
static void newcomer(void)
{
	struct port_handle d;

	teach();
	close_port(&c);
	EQUAL(entries_behind(2), 0);
	d = open_port("vale0:d", SLOTS(16));
	EQUAL(list_index(a.handle, "vale0:d"), 2);
	send_frame(&a, STATION(31), STATION(1), 1);
	TAGS(&d, 1);
	TAGS(&b, 1); /* to all: nobody knows where it is */
	close_port(&d);
}

static int32_t closing_lookup(struct valet_batch *batch, void *context)
{
	int *calls = context;

	batch->packets[0].destination = VALET_BROADCAST;
	if ((*calls)++ == 0) {
		close_port(&c);
		EQUAL(entries_behind(2), 0);
	}
	return 0;
}

/* The sender in the lookup still holds on to the bridge as it was, with the port that has gone. */
static void in_a_lookup(void)
{
	struct port_handle d;
	int calls = 0;

	teach();
	EQUAL(set_native(a.handle, "vale0", closing_lookup, &calls), 0);
	send_frame(&a, EVERYBODY, STATION(1), 2);
	EQUAL(calls, 1);
	TAGS(&b, 2);
	EQUAL(entries_behind(2), 0);
	EQUAL(list_index(a.handle, "vale0:c"), 255);
	/* Its index comes back as soon as the sender is through. */
	d = open_port("vale0:d", SLOTS(16));
	EQUAL(list_index(a.handle, "vale0:d"), 2);
	close_port(&d);
	EQUAL(set_lookup(a.handle, "vale0", VALET_LOOKUP_LEARNING, NULL, NULL), 0);
}

/* The last port gone, the bridge is new for the next. */
static void last_port(void)
{
	struct valet_req_bridge set = { .ageing_ms = 5000 };
	struct port_handle d = open_port("vale1:d", SLOTS(16));

	send_frame(&d, EVERYBODY, STATION(1), 1);
	EQUAL(counters(a.handle, "vale1:d").drops[VALET_DROP_ALONE], 1);
	EQUAL(request(a.handle, VALET_REQ_BRIDGE_SET, "vale1", &set), 0);
	EQUAL(set.table_entries, 1);
	EQUAL(set.ports, 1);
	close_port(&d);
	EQUAL(request(a.handle, VALET_REQ_BRIDGE_GET, "vale1", &set), -ENXIO);
	d = open_port("vale1:d", SLOTS(16));
	set = bridge_of(a.handle, "vale1");
	EQUAL(set.table_entries, 0);
	EQUAL(set.ageing_ms, 0);
	EQUAL(set.lookup, VALET_LOOKUP_LEARNING);
	close_port(&d);
}

int main(void)
{
	a = open_port("vale0:a", SLOTS(16));
	b = open_port("vale0:b", SLOTS(16));
	newcomer();
	in_a_lookup();
	last_port();
	close_port(&a);
	close_port(&b);
	return 0;
}
