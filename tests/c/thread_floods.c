/*
 * Several threads broadcast to each other, each to all others at once, and read what came: each
 * sender's order is kept at each receiver, what is lost is counted, and nobody waits for ever.
 */
#include "t.h"

enum { PORTS = 6, FRAMES = 4000 };

static struct member {
	struct port_handle port;
	char name[16];
	uint32_t next[PORTS]; /* tags that may come, by sender */
	uint32_t received;
} members[PORTS];

static void take_all(struct member *member)
{
	struct frame frame;

	EQUAL(valet_rxsync(member->port.handle), 0);
	while (take_frame(&member->port, 0, &frame)) {
		uint64_t n = frame.from - STATION(0);

		if (frame.length == 0)
			continue; /* room that a sender leased and did not need */
		CHECK(n < PORTS);
		CHECK(frame.tag >= member->next[n]);
		EQUAL(frame.length, 60 + frame.tag % 80);
		member->next[n] = frame.tag + 1;
		member->received++;
	}
}

static void *run(void *argument)
{
	uint32_t n = (uint32_t)(uintptr_t)argument, state = n + 1;
	struct member *member = &members[n];

	for (uint32_t sent = 0; sent < FRAMES;) {
		uint32_t count = 1 + random_next(&state) % 40;

		for (uint32_t i = 0; i < count && sent < FRAMES; i++, sent++)
			put_frame(&member->port, 0, EVERYBODY, STATION(n), sent,
				  (uint16_t)(60 + sent % 80));
		EQUAL(valet_txsync(member->port.handle), 0);
		take_all(member);
	}
	return NULL;
}

int main(void)
{
	pthread_t thread[PORTS];

	for (uint32_t i = 0; i < PORTS; i++) {
		snprintf(members[i].name, sizeof(members[i].name), "vale0:p%u", i);
		members[i].port = open_port(members[i].name, SLOTS(64));
	}
	for (uint32_t i = 0; i < PORTS; i++)
		thread[i] = start(run, (void *)(uintptr_t)i);
	for (uint32_t i = 0; i < PORTS; i++)
		join(thread[i]);
	for (uint32_t i = 0; i < PORTS; i++) {
		struct valet_req_port count = counters(members[0].port.handle, members[i].name);

		take_all(&members[i]);
		EQUAL(count.tx_packets, FRAMES);
		EQUAL(count.rx_packets, members[i].received);
		EQUAL(count.rx_packets + count.drops[VALET_DROP_RING_FULL], (PORTS - 1) * FRAMES);
		EQUAL(drops_of(&count), count.drops[VALET_DROP_RING_FULL]);
		CHECK(members[i].received >= 63);
	}
	for (uint32_t i = 0; i < PORTS; i++)
		close_port(&members[i].port);
	return 0;
}
