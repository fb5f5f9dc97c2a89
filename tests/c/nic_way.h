/*
 * For tests of real interfaces as ports, in a network namespace of the test's own. Both ways frames
 * arrive in order, and each that does not is counted;
 * monitors come and go meanwhile; an interface can be attached and detached under traffic, and be
 * deleted.
 */
#include "own_network.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>

enum { FRAMES = 2000, BURST = 64, MONITORS = 3, ROUNDS = 3, TYPE = 0x88b5 };

/* How frames get from a packet socket to a port, and back. */
struct way {
	uint32_t device; /* enum valet_device */
	uint32_t mode; /* of the port */
	const char *make, *raise; /* commands, before it is attached and after it */
	const char *wire; /* interface that the socket is on */
	const char *port; /* where they enter the bridge */
	uint32_t header_bytes; /* of the port's, virtio-net's */
	int stays; /* the interface, when it is detached */
};

static const struct way *way;
static struct port_handle port;
static int wire; /* the packet socket */
static uint32_t stopped;

/* ---- the other end ---- */

static int wire_open(void)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET,
				       .sll_protocol = htons(TYPE),
				       .sll_ifindex = (int)if_nametoindex(way->wire) };
	const int bytes = 64 << 20, one = 1;
	int fd = socket(AF_PACKET, SOCK_RAW, 0);

	CHECK(fd >= 0);
	EQUAL(setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)), 0);
	EQUAL(setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)), 0);
	EQUAL(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static uint64_t wire_dropped(void)
{
	struct tpacket_stats statistics = { 0 };
	socklen_t bytes = sizeof(statistics);

	EQUAL(getsockopt(wire, SOL_PACKET, PACKET_STATISTICS, &statistics, &bytes), 0);
	return statistics.tp_drops;
}

static uint16_t length_of(uint32_t tag)
{
	return (uint16_t)(60 + tag % 1400);
}

/* What is in a frame behind its first bytes. */
static void fill(uint8_t *frame, uint32_t tag)
{
	for (uint32_t i = FRAME_BYTES_MIN; i < length_of(tag); i++)
		frame[i] = (uint8_t)(tag + i);
}

static void check_body(const uint8_t *frame, uint32_t tag)
{
	for (uint32_t i = FRAME_BYTES_MIN; i < length_of(tag); i++)
		EQUAL(frame[i], (uint8_t)(tag + i));
}

static void wire_send(uint32_t tag)
{
	uint8_t frame[1600];

	write_frame(frame, EVERYBODY, STATION(1), tag);
	fill(frame, tag);
	/* ENOBUFS: the kernel's own queue is full, and it has not been sent. */
	while (send(wire, frame, length_of(tag), 0) < 0)
		CHECK(errno == ENOBUFS);
}

/* ---- both ways ---- */

/* What the ports have lost between the two ends. */
static uint64_t lost_on_the_way(void)
{
	struct valet_req_port device = counters(port.handle, way->port);
	struct valet_req_port own = counters(port.handle, "vale0:p");

	return drops_of(&device) + drops_of(&own);
}

static void *receive_from_wire(void *argument)
{
	uint64_t before = *(uint64_t *)argument, lost = 0;
	uint32_t next = 0, received = 0;
	uint8_t frame[2048];

	wire_dropped();
	while (received + lost + lost_on_the_way() - before < FRAMES) {
		struct pollfd event = { .fd = wire, .events = POLLIN };
		ssize_t bytes;
		uint32_t tag;

		if (poll(&event, 1, 10) <= 0) {
			lost += wire_dropped();
			continue;
		}
		bytes = recv(wire, frame, sizeof(frame), 0);
		memcpy(&tag, frame + 14, sizeof(tag));
		CHECK(tag >= next);
		next = tag + 1;
		EQUAL(bytes, length_of(tag));
		check_body(frame, tag);
		received++;
	}
	EQUAL(received + lost + lost_on_the_way() - before, FRAMES);
	CHECK(received > 0);
	return NULL;
}

static void to_wire(void)
{
	uint64_t before = lost_on_the_way();
	pthread_t receiver = start(receive_from_wire, &before);
	struct netmap_ring *tx = tx_ring(&port, 0);

	for (uint32_t tag = 0; tag < FRAMES;) {
		for (int i = 0; i < BURST && tag < FRAMES; i++, tag++) {
			fill(buffer(tx, tx->slot[tx->head].buf_idx), tag);
			put_frame(&port, 0, EVERYBODY, STATION(2), tag, length_of(tag));
		}
		EQUAL(valet_txsync(port.handle), 0);
	}
	join(receiver);
}

static void *send_to_bridge(void *argument)
{
	(void)argument;
	for (uint32_t tag = 0; tag < FRAMES; tag++)
		wire_send(tag);
	return NULL;
}

static void from_wire(void)
{
	uint64_t before = lost_on_the_way();
	pthread_t sender = start(send_to_bridge, NULL);
	struct netmap_ring *rx = rx_ring(&port, 0);
	uint32_t next = 0, received = 0;
	struct frame frame;

	while (received + lost_on_the_way() - before < FRAMES) {
		EQUAL(valet_rxsync(port.handle), 0);
		while (take_frame(&port, 0, &frame)) {
			CHECK(frame.tag >= next);
			next = frame.tag + 1;
			EQUAL(frame.length, length_of(frame.tag));
			check_body(buffer(rx, rx->slot[frame.slot].buf_idx), frame.tag);
			received++;
		}
		sched_yield();
	}
	EQUAL(received + lost_on_the_way() - before, FRAMES);
	CHECK(received > 0);
	join(sender);
}

/* ---- while something else happens ---- */

static void *traffic(void *argument)
{
	struct frame frame;

	(void)argument;
	for (uint32_t tag = 0; !load_acquire(&stopped); tag++) {
		wire_send(tag);
		put_frame(&port, 0, EVERYBODY, STATION(2), tag, length_of(tag));
		EQUAL(valet_txsync(port.handle), 0);
		EQUAL(valet_rxsync(port.handle), 0);
		while (take_frame(&port, 0, &frame))
			continue;
	}
	return NULL;
}

static void see_some(uint64_t flags, uint32_t header_bytes)
{
	struct port_handle monitor = open_port(way->port, REG(.nr_flags = flags));
	struct netmap_ring *rx = rx_ring(&monitor, 0);
	uint32_t seen[2] = { 0 }; /* received by the bridge's port, sent by it */

	while (!seen[0] || !seen[1]) {
		struct frame frame;

		EQUAL(valet_rxsync(monitor.handle), 0);
		while (take_frame(&monitor, 0, &frame)) {
			const uint8_t *at = buffer(rx, rx->slot[frame.slot].buf_idx) + header_bytes;

			EQUAL(at[12] << 8 | at[13], TYPE);
			EQUAL(get_mac(at + 6), STATION(frame.flags & NS_TXMON ? 1 : 2));
			seen[(frame.flags & NS_TXMON) != 0]++;
		}
		sched_yield();
	}
	close_port(&monitor);
}

static void monitors(void)
{
	pthread_t thread;

	store_release(&stopped, 0);
	thread = start(traffic, NULL);
	for (int i = 0; i < MONITORS; i++) {
		see_some(NR_MONITOR_TX | NR_MONITOR_RX, 0);
		see_some(NR_ZCOPY_MON | NR_ACCEPT_VNET_HDR, way->header_bytes);
	}
	store_release(&stopped, 1);
	join(thread);
}

static int32_t attach_by(uint32_t kind, uint32_t mode, const char *name)
{
	struct valet_req_attach body = { .attach.reg.nr_mode = mode, .device = kind };
	char full[NETMAP_REQ_IFNAMSIZ];

	snprintf(full, sizeof(full), "vale0:%s", name);
	return request(port.handle, VALET_REQ_ATTACH, full, &body);
}

static void attach_and_detach(void)
{
	pthread_t thread;

	store_release(&stopped, 0);
	thread = start(traffic, NULL);
	for (int i = 0; i < ROUNDS; i++) {
		EQUAL(detach(port.handle, "vale0:v"), 0);
		EQUAL(detach(port.handle, "vale0:v"), -ENXIO);
		EQUAL(attach_by(way->device, way->mode, "v"), 0);
		EQUAL(attach_by(way->device, way->mode, "v"), -EBUSY);
		usleep(2000);
	}
	store_release(&stopped, 1);
	join(thread);
}

/* -EPERM, -EOPNOTSUPP, -EPFNOSUPPORT: this system does not let us, or has no such thing. */
static int32_t through(const struct way *this_way)
{
	int32_t rc;

	way = this_way;
	run(way->make);
	port = open_port("vale0:p", SLOTS(1024));
	rc = attach_by(way->device, way->mode, "v");
	if (rc >= 0) {
		run(way->raise);
		wire = wire_open();
		to_wire();
		from_wire();
		monitors();
		if (way->stays)
			attach_and_detach();
	}
	run("! ip link show v >/dev/null 2>&1 || ip link del v");
	while (list_index(port.handle, "vale0:v") != 255)
		usleep(1000);
	close_port(&port);
	if (rc >= 0)
		close(wire);
	return rc;
}

#define VETH                                                                                     \
	.make = "ip link add dev v type veth peer name w && ip link set v up && ip link set w up", \
	.raise = "true", .stays = 1
