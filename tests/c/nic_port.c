/*
 * A real interface opened by name, one end of a veth pair in a network namespace of the test's own.
 * Both ways frames arrive in order, and each that does not is counted, also when more is sent than
 * the device takes at once; they are passed on to the host's stack; ports and monitors come and go
 * under traffic; the interface is deleted.
 */
#define _GNU_SOURCE /* unshare */
#include "own_network.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>

enum { FRAMES = 4000, ROUNDS = 4, TYPE = 0x88b5 };

static struct port_handle port;
static int wire; /* a packet socket at the other end of the pair */
static uint32_t stopped;

static int socket_open(const char *name)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET,
				       .sll_protocol = htons(TYPE),
				       .sll_ifindex = (int)if_nametoindex(name) };
	const int bytes = 64 << 20, one = 1;
	int fd = socket(AF_PACKET, SOCK_RAW, 0);

	CHECK(fd >= 0);
	EQUAL(setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)), 0);
	EQUAL(setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)), 0);
	EQUAL(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static uint16_t length_of(uint32_t tag)
{
	return (uint16_t)(60 + tag % 1400);
}

static void wire_send(uint32_t tag)
{
	uint8_t frame[1600] = { 0 };

	write_frame(frame, EVERYBODY, STATION(1), tag);
	/* ENOBUFS: the kernel's own queue is full, and it has not been sent. */
	while (send(wire, frame, length_of(tag), 0) < 0)
		CHECK(errno == ENOBUFS);
}

static uint64_t lost_by_port(void)
{
	struct valet_req_port own = counters(port.handle, "v");

	return drops_of(&own);
}

/* ---- sending: more than the ring has room for, again and again ---- */

static void *receive_from_wire(void *argument)
{
	uint32_t next = 0, received = 0;
	uint8_t frame[2048];

	while (received + lost_by_port() < FRAMES) {
		struct pollfd event = { .fd = wire, .events = POLLIN };
		ssize_t bytes;
		uint32_t tag;

		if (poll(&event, 1, 10) <= 0)
			continue;
		bytes = recv(wire, frame, sizeof(frame), 0);
		memcpy(&tag, frame + 14, sizeof(tag));
		CHECK(tag >= next);
		next = tag + 1;
		EQUAL(bytes, length_of(tag));
		received++;
	}
	EQUAL(received + lost_by_port(), FRAMES);
	CHECK(received > 0);
	return argument;
}

static void to_wire(void)
{
	pthread_t receiver = start(receive_from_wire, NULL);
	struct netmap_ring *tx = tx_ring(&port, 0);

	for (uint32_t tag = 0; tag < FRAMES;) {
		while (tag < FRAMES && tx->head != tail_of(tx)) {
			put_frame(&port, 0, EVERYBODY, STATION(2), tag, length_of(tag));
			tag++;
		}
		CHECK(valet_poll(port.handle, POLLOUT, 1000) >= 0);
	}
	EQUAL(valet_txsync(port.handle), 0);
	join(receiver);
	EQUAL(counters(port.handle, "v").tx_packets + lost_by_port(), FRAMES);
}

/* ---- receiving: what the ring has no room for waits in the device ---- */

static void *send_to_port(void *argument)
{
	for (uint32_t tag = 0; tag < FRAMES; tag++)
		wire_send(tag);
	return argument;
}

static void from_wire(void)
{
	uint64_t before = lost_by_port();
	pthread_t sender = start(send_to_port, NULL);
	uint32_t next = 0, received = 0;
	struct frame frame;

	while (received + lost_by_port() - before < FRAMES) {
		CHECK(valet_poll(port.handle, POLLIN, 10) >= 0);
		while (take_frame(&port, 0, &frame)) {
			CHECK(frame.tag >= next);
			next = frame.tag + 1;
			EQUAL(frame.length, length_of(frame.tag));
			received++;
		}
	}
	EQUAL(received + lost_by_port() - before, FRAMES);
	CHECK(received > 0);
	join(sender);
}

/* ---- while something else happens ---- */

static void *traffic(void *argument)
{
	struct frame frame;

	for (uint32_t tag = 0; !load_acquire(&stopped); tag++) {
		struct netmap_ring *tx = tx_ring(&port, 0);

		wire_send(tag);
		if (tx->head != tail_of(tx))
			put_frame(&port, 0, EVERYBODY, STATION(2), tag, length_of(tag));
		EQUAL(valet_txsync(port.handle), 0);
		EQUAL(valet_rxsync(port.handle), 0);
		while (take_frame(&port, 0, &frame))
			continue;
	}
	return argument;
}

static void see_some(uint64_t flags)
{
	struct port_handle monitor = open_port("v", REG(.nr_flags = flags));
	uint32_t seen[2] = { 0 }; /* received, sent */
	struct frame frame;

	while (!seen[0] || !seen[1]) {
		EQUAL(valet_rxsync(monitor.handle), 0);
		while (take_frame(&monitor, 0, &frame)) {
			EQUAL(frame.from, STATION(frame.flags & NS_TXMON ? 2 : 1));
			seen[(frame.flags & NS_TXMON) != 0]++;
		}
		sched_yield();
	}
	close_port(&monitor);
}

static void come_and_go(void)
{
	pthread_t thread;

	store_release(&stopped, 0);
	thread = start(traffic, NULL);
	for (int i = 0; i < ROUNDS; i++) {
		struct port_handle host = open_port("v", REG(.nr_mode = NR_REG_SW));
		struct port_handle again = open_port("v", REG(.nr_mode = NR_REG_NIC_SW));

		see_some(NR_MONITOR_TX | NR_MONITOR_RX);
		see_some(NR_ZCOPY_MON);
		close_port(&host);
		close_port(&again);
	}
	store_release(&stopped, 1);
	join(thread);
	for (int i = 0; i < ROUNDS; i++) {
		close_port(&port);
		port = open_port("v", REG(.nr_mode = NR_REG_ALL_NIC));
		wire_send((uint32_t)i);
	}
}

/* ---- what is marked goes on to the host's stack (NR_FORWARD), while more comes ---- */

static uint32_t mark(struct netmap_ring *rx)
{
	uint32_t count = 0;

	for (uint32_t at = rx->head; at != tail_of(rx); at = (at + 1) % rx->num_slots, count++)
		rx->slot[at].flags |= NS_FORWARD;
	rx->head = rx->cur = tail_of(rx);
	return count;
}

static void *receive_from_system(void *argument)
{
	uint32_t next = 0;
	uint8_t frame[2048];

	while (next < FRAMES) {
		ssize_t bytes = recv(*(int *)argument, frame, sizeof(frame), 0);
		uint32_t tag;

		memcpy(&tag, frame + 14, sizeof(tag));
		EQUAL(tag, next++);
		EQUAL(bytes, length_of(tag));
	}
	return argument;
}

static void pass_on(void)
{
	int system_side = socket_open("v");
	uint64_t before = lost_by_port();
	pthread_t receiver = start(receive_from_system, &system_side);
	struct netmap_ring *rx = rx_ring(&port, 0);
	uint32_t sent = 0, passed = 0;

	rx->flags = NR_FORWARD;
	while (passed < FRAMES) {
		while (sent < FRAMES && sent < passed + rx->num_slots)
			wire_send(sent++);
		CHECK(valet_poll(port.handle, POLLIN, 10) >= 0);
		passed += mark(rx);
	}
	EQUAL(valet_rxsync(port.handle), 0);
	join(receiver);
	EQUAL(lost_by_port(), before);
	rx->flags = 0;
	close(system_side);
}

int main(void)
{
	int32_t rc;

	move_out();
	run("ip link add v type veth peer name w");
	run("ip link set v addrgenmode none up && ip link set w addrgenmode none up");
	rc = try_open("v", REG(.nr_mode = NR_REG_ALL_NIC), &port);
	if (rc == -EPERM || rc == -EOPNOTSUPP)
		SKIP("this system opens no interfaces: %s", strerror(-rc));
	EQUAL(rc, 0);
	wire = socket_open("w");
	to_wire();
	from_wire();
	pass_on();
	come_and_go();
	run("ip link del v");
	WAIT_FOR(valet_rxsync(port.handle) == -EIO);
	EQUAL(valet_txsync(port.handle), -EIO);
	CHECK(valet_poll(port.handle, POLLIN, 0) & POLLERR);
	close_port(&port);
	EQUAL(try_open("v", REG(.nr_mode = NR_REG_ALL_NIC), &port), -ENXIO);
	close(wire);
	return 0;
}
