/*
 * The learning bridge: who is learned, where frames for them go, and what happens when they move or
 * collide.
 */
#include "t.h"

static struct port_handle a, b, c;

static void clear(void)
{
	EQUAL(request(a.handle, VALET_REQ_TABLE_FLUSH, "vale0", NULL), 0);
	EQUAL(bridge_of(a.handle, "vale0:").table_entries, 0);
}

static void drop_all(void)
{
	struct port_handle *port[] = { &a, &b, &c };

	for (int i = 0; i < 3; i++) {
		EQUAL(valet_rxsync(port[i]->handle), 0);
		set_head(rx_ring(port[i], 0), rx_ring(port[i], 0)->tail);
		EQUAL(valet_rxsync(port[i]->handle), 0);
	}
}

static void hear(struct port_handle *port, uint64_t station)
{
	send_frame(port, EVERYBODY, station, 0);
	drop_all();
}

static void learned(void)
{
	clear();
	hear(&b, STATION(2));
	send_frame(&a, STATION(2), STATION(1), 1);
	TAGS(&b, 1);
	TAGS(&c);
	send_frame(&a, STATION(3), STATION(1), 2); /* not known: to all */
	TAGS(&b, 2);
	TAGS(&c, 2);
	send_frame(&b, STATION(1), STATION(2), 3);
	TAGS(&a, 3);
	TAGS(&c);
	send_frame(&b, STATION(2), STATION(2), 4); /* to itself */
	TAGS(&a);
	TAGS(&c);
	EQUAL(counters(a.handle, "vale0:b").drops[VALET_DROP_SAME_PORT], 1);
	EQUAL(bridge_of(a.handle, "vale0").table_entries, 2);
}

/* Within one batch as well: the second frame finds what the first has taught. */
static void within_a_batch(void)
{
	clear();
	put_frame(&a, 0, EVERYBODY, STATION(5), 1, 60);
	put_frame(&a, 0, STATION(5), STATION(6), 2, 60); /* for the sender itself by now */
	put_frame(&a, 0, STATION(7), STATION(6), 3, 60);
	EQUAL(valet_txsync(a.handle), 0);
	TAGS(&b, 1, 3);
	TAGS(&c, 1, 3);
}

static void not_learned(void)
{
	clear();
	send_frame(&a, EVERYBODY, 0x030000000001, 1); /* a group address is no station */
	send_frame(&a, EVERYBODY, EVERYBODY, 2);
	send_frame(&a, EVERYBODY, 0, 3); /* the kernel learns this one */
	TAGS(&b, 1, 2, 3);
	EQUAL(bridge_of(a.handle, "vale0").table_entries, 0);
	drop_all();
	/* A zero destination is nobody's: to all, where the kernel has it at port 0. */
	send_frame(&b, 0, STATION(2), 4);
	TAGS(&a, 4);
	TAGS(&c, 4);
	send_frame(&a, 0, STATION(1), 5);
	TAGS(&b, 5);
	drop_all();
}

/*
 * A station that is heard elsewhere is there, and back again when it is heard at its first place.
 */
static void moves(void)
{
	clear();
	for (int round = 0; round < 3; round++) {
		hear(&a, STATION(9));
		send_frame(&c, STATION(9), STATION(3), 1);
		TAGS(&a, 1);
		TAGS(&b);
		hear(&b, STATION(9));
		send_frame(&c, STATION(9), STATION(3), 2);
		TAGS(&b, 2);
		TAGS(&a);
	}
}

/*
 * Two stations of one bucket: the one heard last has it; the other is found again as soon as it is
 * heard.
 */
static void collision(void)
{
	const uint64_t one = STATION(0x100), two = STATION(0x31b);

	clear();
	hear(&a, one);
	hear(&b, two);
	EQUAL(bridge_of(a.handle, "vale0").table_entries, 1);
	send_frame(&c, two, STATION(3), 1);
	TAGS(&b, 1);
	TAGS(&a);
	send_frame(&c, one, STATION(3), 2);
	TAGS(&a, 2);
	TAGS(&b, 2);
	hear(&a, one); /* the same source as before: the kernel does not learn it again */
	send_frame(&c, one, STATION(3), 3);
	TAGS(&a, 3);
	TAGS(&b);
}

/* All of it can be read, some entries a call. */
static void dump(void)
{
	static uint8_t seen[200];
	struct valet_req_table body = { 0 };
	uint32_t entries = 0, calls = 0;

	clear();
	memset(seen, 0, sizeof(seen));
	for (uint32_t i = 0; i < 200; i++)
		hear(i % 2 ? &a : &b, STATION(i));
	do {
		EQUAL(request(a.handle, VALET_REQ_TABLE_GET, "vale0", &body), 0);
		for (uint32_t i = 0; i < body.count; i++) {
			uint64_t n = get_mac(body.entries[i].mac) - STATION(0);

			CHECK(n < 200 && !seen[n]);
			seen[n] = 1;
			EQUAL(body.entries[i].port, n % 2 ? 0 : 1);
			EQUAL(body.entries[i].age_ms, 0);
		}
		entries += body.count;
		calls++;
	} while (body.cursor);
	EQUAL(entries, bridge_of(a.handle, "vale0").table_entries);
	CHECK(entries > 150 && calls > entries / VALET_TABLE_CHUNK);
	body.cursor = 0xffffffff;
	EQUAL(request(a.handle, VALET_REQ_TABLE_GET, "vale0", &body), 0);
	EQUAL(body.count, 0);
	EQUAL(body.cursor, 0);
}

int main(void)
{
	a = open_port("vale0:a", SLOTS(16));
	b = open_port("vale0:b", SLOTS(16));
	c = open_port("vale0:c", SLOTS(16));
	EQUAL(bridge_of(a.handle, "vale0").table_buckets, 1024);
	learned();
	within_a_batch();
	not_learned();
	moves();
	collision();
	dump();
	EQUAL(request(a.handle, VALET_REQ_TABLE_FLUSH, "vale7", NULL), -ENXIO);
	close_port(&a);
	close_port(&b);
	close_port(&c);
	return 0;
}
