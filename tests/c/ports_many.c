/*
 * A bridge has more than 254 ports, 1,000 and more; indices 254 and 255 are never given, so that
 * they keep their meaning.
 */
#include "t.h"

enum { PORTS = 1000 };

static struct port_handle port[PORTS];
static uint32_t index_of[PORTS];

static int32_t to_context(struct valet_batch *batch, void *context)
{
	for (uint32_t i = 0; i < batch->count; i++)
		batch->packets[i].destination = *(uint32_t *)context;
	return 0;
}

static uint32_t waiting(uint32_t n)
{
	uint32_t count;

	EQUAL(valet_rxsync(port[n].handle), 0);
	count = available(rx_ring(&port[n], 0));
	set_head(rx_ring(&port[n], 0), rx_ring(&port[n], 0)->tail);
	EQUAL(valet_rxsync(port[n].handle), 0);
	return count;
}

static void open_all(void)
{
	/* Small regions, shared by ten ports each. */
	struct nmreq_register shape = SLOTS(4);
	char name[NETMAP_REQ_IFNAMSIZ];

	for (uint32_t i = 0; i < PORTS; i++) {
		shape.nr_mem_id = i % 10 ? port[i - 1].reg.nr_mem_id : 0;
		snprintf(name, sizeof(name), "vale0:p%u", i);
		port[i] = open_port(name, shape);
		index_of[i] = (uint32_t)list_index(port[i].handle, name);
		EQUAL(index_of[i], i < 254 ? i : i + 2);
	}
	EQUAL(bridge_of(port[0].handle, "vale0").ports, PORTS);
	EQUAL(bridge_of(port[0].handle, "vale0").port_limit, 4350);
}

/* Each learned, each reached alone. */
static void unicast(void)
{
	for (uint32_t i = 0; i < PORTS; i += 37) {
		uint32_t to = (i * 7 + 255) % PORTS;
		uint64_t station = STATION(0x1000 + to);

		if (to == i)
			continue;
		/* Heard by all. */
		send_frame(&port[to], EVERYBODY, station, 1);
		for (uint32_t k = 0; k < PORTS; k++)
			EQUAL(waiting(k), k != to);
		send_frame(&port[i], station, STATION(0x9000), 2);
		for (uint32_t k = 0; k < PORTS; k++)
			EQUAL(waiting(k), k == to);
	}
}

static void by_lookup(void)
{
	uint32_t destination;

	EQUAL(set_native(port[0].handle, "vale0", to_context, &destination), 0);
	for (uint32_t i = 200; i < 300; i++) {
		destination = index_of[i];
		send_frame(&port[0], EVERYBODY, STATION(1), i);
		EQUAL(waiting(i), 1);
	}
	destination = 254;
	send_frame(&port[0], EVERYBODY, STATION(1), 0);
	EQUAL(waiting(254), 1);
	EQUAL(waiting(999), 1);
	destination = 255;
	send_frame(&port[0], EVERYBODY, STATION(1), 0);
	EQUAL(counters(port[0].handle, "vale0:p0").drops[VALET_DROP_LOOKUP], 1);
	destination = index_of[PORTS - 1] + 1;
	send_frame(&port[0], EVERYBODY, STATION(1), 0);
	EQUAL(counters(port[0].handle, "vale0:p0").drops[VALET_DROP_NO_PORT], 1);
}

/* VALE_LIST finds each once, with its place. */
static void listed(void)
{
	struct nmreq_vale_list at = { 0 };
	char name[NETMAP_REQ_IFNAMSIZ] = { 0 };
	uint32_t count = 0;

	while (request_named(port[0].handle, NETMAP_REQ_VALE_LIST, name, &at) == 0) {
		EQUAL(at.nr_port_idx, index_of[count]);
		count++;
		at.nr_port_idx++;
		memset(name, 0, sizeof(name));
	}
	EQUAL(count, PORTS);
}

int main(void)
{
	struct port_handle again;

	open_all();
	listed();
	unicast();
	by_lookup();
	for (uint32_t i = 0; i < PORTS; i += 2)
		close_port(&port[i]);
	again = open_port("vale0:again", SLOTS(4));
	EQUAL(list_index(again.handle, "vale0:again"), index_of[PORTS - 2]);
	close_port(&again);
	for (uint32_t i = 1; i < PORTS; i += 2)
		close_port(&port[i]);
	return 0;
}
