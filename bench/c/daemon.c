/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two processes that reach each other through a valet daemon: it is the one that VALET_SOCKET leads
 * to. The first one sends, the second receives and sleeps in poll() when there is nothing, as pkt-gen does.
 */
#include <poll.h>

#include "../../c/engine/barrier.h"
#include "meeting.h"
#include "port.h"
#include "row.h"

struct flow {
	struct bench_meeting *meeting;
	pid_t receiver;
	struct bench_port port;
	uint32_t bytes, batch;
	uint8_t from[6], to[6];
};

/* Reads the lengths of what is there, and gives the slots back with the next sync. Packets. */
static uint32_t take_all(struct netmap_ring *ring, uint32_t bytes)
{
	uint32_t head, tail = ring->tail, packets = 0, wrong = 0;

	for (head = ring->head; head != tail; head = bench_next(ring, head), packets++)
		wrong |= ring->slot[head].len ^ bytes;
	if (wrong)
		fail("receive what was sent", -EBADMSG);
	ring->head = ring->cur = head;
	return packets;
}

/* Opens a port whose address the bridge knows from a frame to itself, which goes nowhere. */
static struct bench_port port_teach(const char *name, uint8_t mac[6])
{
	struct bench_port port = bench_port_open_in("daemon", name, 0);
	uint8_t frame[2048];

	bench_frame_make(frame, mac, mac);
	bench_port_fill(&port, frame, 60);
	bench_port_send(&port, 1, 60);
	return port;
}

static void receive(struct bench_meeting *meeting, void *context)
{
	struct flow *flow = context;
	struct bench_port port = port_teach("vale0:to", flow->to);
	int32_t events;

	store_release(&meeting->is_ready, 1);
	while ((events = valet_poll(port.handle, POLLIN, -1)) >= 0) {
		uint32_t packets = take_all(port.rx, flow->bytes);

		write_once(&meeting->packets, meeting->packets + packets);
	}
	fail("poll", events);
}

static void *flow_open(char **arguments)
{
	struct flow *flow = calloc(1, sizeof(*flow));
	uint8_t frame[2048];

	if (!flow)
		fail("get memory", -ENOMEM);
	flow->bytes = (uint32_t)atoi(arguments[0]);
	flow->batch = (uint32_t)atoi(arguments[1]);
	bench_mac_next(flow->from);
	bench_mac_next(flow->to);
	flow->meeting = bench_meeting_open(NULL);
	flow->receiver = bench_second(receive, flow->meeting, flow);
	flow->port = bench_port_open_in("daemon", "vale0:from", 0);
	if (flow->batch > flow->port.tx->num_slots - 1)
		flow->batch = flow->port.tx->num_slots - 1;
	bench_frame_make(frame, flow->to, flow->from);
	bench_port_fill(&flow->port, frame, flow->bytes);
	return flow;
}

/* Until `end_ns` at least. Packets. */
static uint64_t send_until(struct flow *flow, int64_t end_ns)
{
	uint64_t packets = 0;

	do {
		for (uint32_t i = 0; i < BENCH_BATCHES; i++, packets += flow->batch)
			bench_port_send(&flow->port, flow->batch, flow->bytes);
	} while (bench_clock_ns() < end_ns);
	return packets;
}

/* Millions of packets a second: received, sent. */
static uint32_t flow_measure(void *state, double seconds, double *out)
{
	struct flow *flow = state;
	int64_t length_ns = (int64_t)(seconds * 1e9), start_ns, end_ns;
	uint64_t received, sent;

	bench_second_check(flow->receiver);
	send_until(flow, bench_clock_ns() + length_ns / 4);
	received = read_once(&flow->meeting->packets);
	start_ns = bench_clock_ns();
	sent = send_until(flow, start_ns + length_ns);
	end_ns = bench_clock_ns();
	received = read_once(&flow->meeting->packets) - received;
	out[0] = (double)received * 1e3 / (double)(end_ns - start_ns);
	out[1] = (double)sent * 1e3 / (double)(end_ns - start_ns);
	return 2;
}

const struct bench_scene bench_daemon_scenes[] = {
	{ "daemon", 2, flow_open, flow_measure }, /* bytes, batch */
	{ 0 },
};
