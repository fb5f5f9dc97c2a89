/*
 * Two interfaces on a bridge, whose pumps send for one another: frames go both ways at once, some with
 * their checksum left to do, which take another way out of packet sockets. Each end gets them in order,
 * and each that does not arrive is counted; interfaces come and go meanwhile.
 */
#define _GNU_SOURCE /* unshare */
#include "own_network.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum { FRAMES = 4000, BURST = 16, ROUNDS = 4, IPV4 = 0x0800, IP_AT = 14, TAG_AT = 42 };

struct end {
	const char *wire; /* the other end of what is attached */
	uint64_t mac, peer;
	int fd;
	uint32_t sent, received, lost; /* lost: by the socket */
};

static struct end ends[] = { { "w0", STATION(1), STATION(2) }, { "w1", STATION(2), STATION(1) } };
static const char *const names[] = { "v0", "v1" };
static struct port_handle port; /* keeps the bridge */
static uint32_t sending, receiving;

static uint16_t length_of(uint32_t tag)
{
	return (uint16_t)(60 + tag % 1400);
}

static uint16_t ip_sum(const uint8_t *at)
{
	uint32_t sum = 0;

	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)at[i] << 8 | at[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~((sum & 0xffff) + (sum >> 16));
}

/* UDP to nobody: the stacks at the ends have no addresses. */
static void make_frame(uint8_t *frame, const struct end *end, uint32_t tag)
{
	uint16_t bytes = (uint16_t)(length_of(tag) - IP_AT), sum;
	uint8_t *ip = frame + IP_AT;

	memset(frame, 0, length_of(tag));
	write_frame(frame, end->peer, end->mac, tag);
	frame[12] = IPV4 >> 8;
	frame[13] = IPV4 & 0xff;
	memcpy(ip, (uint8_t[]){ 0x45, 0, (uint8_t)(bytes >> 8), (uint8_t)bytes, 0, 0, 0, 0, 64, 17, 0,
				0, 10, 0, 0, 1, 10, 0, 0, 2 },
	       20);
	sum = ip_sum(ip);
	ip[10] = (uint8_t)(sum >> 8);
	ip[11] = (uint8_t)sum;
	bytes = (uint16_t)(bytes - 20);
	memcpy(ip + 20, (uint8_t[]){ 4, 0, 4, 0, (uint8_t)(bytes >> 8), (uint8_t)bytes, 0, 0 }, 8);
	memcpy(frame + TAG_AT, &tag, sizeof(tag));
}

static void send_one(struct end *end)
{
	struct virtio_net_hdr header = { 0 };
	uint8_t frame[1600];
	struct iovec vectors[] = { { &header, sizeof(header) }, { frame, length_of(end->sent) } };

	make_frame(frame, end, end->sent);
	if (end->sent / 3 % 2) {
		header.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		header.csum_start = IP_AT + 20;
		header.csum_offset = 6;
	}
	/* ENOBUFS: the kernel's own queue is full, and it has not been sent. */
	while (writev(end->fd, vectors, 2) < 0)
		CHECK(errno == ENOBUFS);
	write_once(&end->sent, end->sent + 1);
}

static void *send_frames(void *argument)
{
	struct end *end = argument;
	uint32_t last = end->sent + FRAMES;

	while (load_acquire(&sending) && end->sent != last) {
		send_one(end);
		if (end->sent % BURST == 0)
			sched_yield();
	}
	return NULL;
}

static void *receive_frames(void *argument)
{
	struct end *end = argument;
	uint32_t next = 0;

	while (load_acquire(&receiving)) {
		struct pollfd event = { .fd = end->fd, .events = POLLIN };
		uint8_t frame[2048 + sizeof(struct virtio_net_hdr)];
		const uint8_t *at = frame + sizeof(struct virtio_net_hdr);
		struct tpacket_stats statistics = { 0 };
		socklen_t size = sizeof(statistics);
		ssize_t bytes;
		uint32_t tag;

		if (poll(&event, 1, 10) <= 0) {
			EQUAL(getsockopt(end->fd, SOL_PACKET, PACKET_STATISTICS, &statistics, &size), 0);
			write_once(&end->lost, end->lost + statistics.tp_drops);
			continue;
		}
		bytes = recv(end->fd, frame, sizeof(frame), 0);
		if (get_mac(at + 6) != end->peer)
			continue;
		memcpy(&tag, at + TAG_AT, sizeof(tag));
		CHECK(tag >= next);
		next = tag + 1;
		EQUAL(bytes, length_of(tag) + sizeof(struct virtio_net_hdr));
		write_once(&end->received, end->received + 1);
	}
	return NULL;
}

static int wire_open(const char *name)
{
	const struct sockaddr_ll address = { .sll_family = AF_PACKET,
					     .sll_protocol = htons(IPV4),
					     .sll_ifindex = (int)if_nametoindex(name) };
	const int bytes = 64 << 20, one = 1;
	int fd = socket(AF_PACKET, SOCK_RAW, 0);

	CHECK(fd >= 0);
	EQUAL(setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)), 0);
	EQUAL(setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)), 0);
	EQUAL(setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)), 0);
	EQUAL(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static int32_t attach_by(uint32_t kind, int i)
{
	struct valet_req_attach body = { .attach.reg.nr_mode = NR_REG_ALL_NIC, .device = kind };
	char full[NETMAP_REQ_IFNAMSIZ];

	snprintf(full, sizeof(full), "vale0:%s", names[i]);
	return request(port.handle, VALET_REQ_ATTACH, full, &body);
}

static uint64_t accounted(void)
{
	struct valet_req_port a = counters(port.handle, "vale0:v0"), b = counters(port.handle, "vale0:v1");
	uint64_t all = drops_of(&a) + drops_of(&b);

	for (int i = 0; i < 2; i++)
		all += read_once(&ends[i].received) + read_once(&ends[i].lost);
	return all;
}

static void come_and_go(const uint32_t *kinds)
{
	for (int i = 0; i < ROUNDS; i++) {
		char full[NETMAP_REQ_IFNAMSIZ];

		snprintf(full, sizeof(full), "vale0:%s", names[i % 2]);
		EQUAL(detach(port.handle, full), 0);
		EQUAL(attach_by(kinds[i % 2], i % 2), 0);
		nap();
	}
}

static void both_ways(const uint32_t *kinds)
{
	pthread_t receivers[2], senders[2];

	store_release(&receiving, 1);
	store_release(&sending, 1);
	for (int i = 0; i < 2; i++)
		receivers[i] = start(receive_frames, &ends[i]);
	for (int i = 0; i < 2; i++)
		senders[i] = start(send_frames, &ends[i]);
	for (int i = 0; i < 2; i++)
		join(senders[i]);
	WAIT_FOR(accounted() >= 2 * FRAMES);
	EQUAL(accounted(), 2 * FRAMES);
	CHECK(read_once(&ends[0].received) > 0 && read_once(&ends[1].received) > 0);
	for (int i = 0; i < 2; i++)
		senders[i] = start(send_frames, &ends[i]);
	come_and_go(kinds);
	store_release(&sending, 0);
	for (int i = 0; i < 2; i++)
		join(senders[i]);
	store_release(&receiving, 0);
	for (int i = 0; i < 2; i++)
		join(receivers[i]);
}

/* -EPERM, -EOPNOTSUPP, -EPFNOSUPPORT: this system does not let us, or has no such thing. */
static int32_t between(uint32_t first, uint32_t second)
{
	const uint32_t kinds[] = { first, second };
	int32_t rc = 0;

	port = open_port("vale0:p", SLOTS(1024));
	for (int i = 0; i < 2 && rc >= 0; i++) {
		char make[128];

		snprintf(make, sizeof(make),
			 "ip link add v%d type veth peer name w%d && ip link set v%d up && "
			 "ip link set w%d up", i, i, i, i);
		run(make);
		ends[i] = (struct end){ ends[i].wire, ends[i].mac, ends[i].peer,
					.fd = wire_open(ends[i].wire) };
		rc = attach_by(kinds[i], i);
	}
	if (rc >= 0) {
		both_ways(kinds);
		for (int i = 0; i < 2; i++)
			close(ends[i].fd);
		EQUAL(detach(port.handle, "vale0:v0"), 0);
		EQUAL(detach(port.handle, "vale0:v1"), 0);
	}
	run("ip link del v0 && ip link del v1");
	close_port(&port);
	return rc;
}

int main(void)
{
	int32_t rc;

	move_out();
	rc = between(VALET_DEVICE_AF_PACKET, VALET_DEVICE_AF_PACKET);
	if (rc == -EPERM || rc == -EOPNOTSUPP)
		SKIP("this system attaches no interfaces: %s", strerror(-rc));
	CHECK(rc >= 0);
	rc = between(VALET_DEVICE_AF_XDP, VALET_DEVICE_AF_PACKET);
	CHECK(rc >= 0 || rc == -EPFNOSUPPORT);
	return 0;
}
