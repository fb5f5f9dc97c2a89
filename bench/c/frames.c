/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For comparisons with other switches: what sends frames into an interface of the system as fast as it can, and
 * packets between two processes over a Unix socket (SOCK_SEQPACKET), which is the least that crossing to another process
 * costs without shared memory.
 */
#define _GNU_SOURCE
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../c/engine/barrier.h"
#include "meeting.h"
#include "port.h"
#include "row.h"

enum { BATCH = 64, EXPERIMENTAL = 0x88b5 /* IEEE 802: for local experiments; no stack takes it */ };

struct burst {
	struct mmsghdr message[BATCH];
	struct iovec vector[BATCH];
	uint8_t data[BATCH][2048];
};

struct sender {
	int fd;
	struct burst burst;
	struct bench_meeting *meeting; /* of a socket pair: with the receiver */
	pid_t receiver;
	int other_fd;
};

static void burst_make(struct burst *burst, const uint8_t *frame, uint32_t bytes)
{
	for (uint32_t i = 0; i < BATCH; i++) {
		memcpy(burst->data[i], frame, bytes);
		burst->vector[i] = (struct iovec){ burst->data[i], bytes };
		burst->message[i].msg_hdr = (struct msghdr){ .msg_iov = &burst->vector[i],
							     .msg_iovlen = 1 };
	}
}

static struct sender *sender_new(void)
{
	struct sender *sender = calloc(1, sizeof(*sender));

	if (!sender)
		fail("get memory", -ENOMEM);
	return sender;
}

static uint32_t bytes_of(const char *text)
{
	uint32_t bytes = (uint32_t)atoi(text);

	if (bytes < 14 || bytes > 2048)
		fail("send frames of so many bytes", -EINVAL);
	return bytes;
}

/* Interface, destination's address, bytes. */
static void *frames_open(char **arguments)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET };
	struct sender *sender = sender_new();
	uint8_t frame[2048] = { 0 }, *to = frame;
	int bypass = 1;

	address.sll_ifindex = (int)if_nametoindex(arguments[0]);
	if (!address.sll_ifindex)
		fail(arguments[0], -errno);
	if (sscanf(arguments[1], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", to, to + 1, to + 2, to + 3, to + 4,
		   to + 5) != 6)
		fail("read an Ethernet address", -EINVAL);
	frame[6] = 2;
	frame[11] = 0x77;
	frame[12] = EXPERIMENTAL >> 8;
	frame[13] = EXPERIMENTAL & 0xff;
	burst_make(&sender->burst, frame, bytes_of(arguments[2]));
	sender->fd = socket(AF_PACKET, SOCK_RAW, 0);
	if (sender->fd < 0 || bind(sender->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		fail("open a packet socket", -errno);
	setsockopt(sender->fd, SOL_PACKET, PACKET_QDISC_BYPASS, &bypass, sizeof(bypass));
	return sender;
}

/* Until that time. Frames; those that the interface has no room for are tried again. */
static uint64_t send_until(struct sender *sender, int64_t end_ns)
{
	uint64_t frames = 0;

	do {
		int sent = sendmmsg(sender->fd, sender->burst.message, BATCH, 0);

		if (sent < 0 && errno != ENOBUFS && errno != EAGAIN && errno != EINTR)
			fail("send frames", -errno);
		if (sent > 0)
			frames += (uint64_t)sent;
	} while (bench_clock_ns() < end_ns);
	return frames;
}

/* Millions of frames a second that were sent. */
static uint32_t frames_measure(void *state, double seconds, double *out)
{
	int64_t start_ns = bench_clock_ns();
	uint64_t frames = send_until(state, start_ns + (int64_t)(seconds * 1e9));

	out[0] = (double)frames * 1e3 / (double)(bench_clock_ns() - start_ns);
	return 1;
}

static void packets_receive(struct bench_meeting *meeting, void *context)
{
	struct sender *sender = context;
	static struct burst burst;
	static const uint8_t nothing[2048];

	burst_make(&burst, nothing, sizeof(burst.data[0]));
	store_release(&meeting->is_ready, 1);
	for (;;) {
		int received =
			recvmmsg(sender->other_fd, burst.message, BATCH, MSG_WAITFORONE, NULL);

		if (received < 0)
			fail("receive packets", -errno);
		write_once(&meeting->packets, meeting->packets + (uint64_t)received);
	}
}

/* Bytes. */
static void *packets_open(char **arguments)
{
	static const uint8_t frame[2048];
	struct sender *sender = sender_new();
	int fds[2];

	burst_make(&sender->burst, frame, bytes_of(arguments[0]));
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		fail("open a socket pair", -errno);
	sender->fd = fds[0];
	sender->other_fd = fds[1];
	sender->meeting = bench_meeting_open(NULL);
	sender->receiver = bench_second(packets_receive, sender->meeting, sender);
	return sender;
}

/* Millions of packets a second: received, sent. None is lost: who sends waits for room. */
static uint32_t packets_measure(void *state, double seconds, double *out)
{
	struct sender *sender = state;
	int64_t length_ns = (int64_t)(seconds * 1e9), start_ns, end_ns;
	uint64_t received, sent;

	bench_second_check(sender->receiver);
	send_until(sender, bench_clock_ns() + length_ns / 4);
	received = read_once(&sender->meeting->packets);
	start_ns = bench_clock_ns();
	sent = send_until(sender, start_ns + length_ns);
	end_ns = bench_clock_ns();
	received = read_once(&sender->meeting->packets) - received;
	out[0] = (double)received * 1e3 / (double)(end_ns - start_ns);
	out[1] = (double)sent * 1e3 / (double)(end_ns - start_ns);
	return 2;
}

const struct bench_scene bench_frame_scenes[] = {
	{ "frames", 3, frames_open, frames_measure }, /* interface, destination, bytes */
	{ "unix", 1, packets_open, packets_measure }, /* bytes */
	{ 0 },
};
