/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets through network interfaces: a port's bridge has one attached, a wire leads to another, whose
 * bridge has the port that receives. All of it in a network namespace of this process.
 *
 *     af_xdp, af_packet    the two ends of a veth pair
 *     tap                  two TAP interfaces; the wire is a Linux bridge
 */
#define _GNU_SOURCE /* unshare */
#include <sched.h>
#include <time.h>
#include <unistd.h>

#include "port.h"
#include "row.h"

enum {
	FRAME_BYTES = 60,
	BATCH = 64,
	UNDER_WAY = 192, /* packets at most: a veth pair has room for 256 */
	SILENCE_MS = 20, /* after that packets under way are lost */
	DEVICES = 3,
};

struct nics {
	struct bench_port from, to;
	uint64_t sent, received, lost;
};

static const struct {
	const char *name;
	uint32_t device;
	const char *wire; /* makes it, up to its ends "v" and "w" */
} kinds[DEVICES] = {
	{ "af_xdp", VALET_DEVICE_AF_XDP, "ip link add v type veth peer name w" },
	{ "af_packet", VALET_DEVICE_AF_PACKET, "ip link add v type veth peer name w" },
	{ "tap", VALET_DEVICE_TAP,
	  "ip tuntap add dev v mode tap && ip tuntap add dev w mode tap && "
	  "ip link add bridge0 type bridge && ip link set v master bridge0 && "
	  "ip link set w master bridge0 && ip link set dev bridge0 addrgenmode none up" },
};

static double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void attach(const struct bench_port *port, const char *name, uint32_t device)
{
	struct valet_req_attach body = { .attach.reg.nr_mode = NR_REG_ALL_NIC, .device = device };
	int32_t rc = bench_request(port->handle, VALET_REQ_ATTACH, name, &body, sizeof(body));

	if (rc < 0)
		fail("attach an interface", rc);
}

static uint32_t receive(struct nics *nics)
{
	return (uint32_t)(bench_port_receive(&nics->to) / FRAME_BYTES);
}

/* Of no protocol: the system looks into IPv4, and drops what has no right header (br_netfilter). */
static void fill(struct bench_port *port, const uint8_t to[6], const uint8_t from[6])
{
	uint8_t frame[2048];

	bench_frame_make(frame, to, from);
	frame[12] = 0x88;
	frame[13] = 0xb5;
	bench_port_fill(port, frame, FRAME_BYTES);
}

/* Addresses are learned: from then on nothing is sent elsewhere. */
static void introduce(struct nics *nics)
{
	uint8_t from[6], to[6];

	bench_mac_next(from);
	bench_mac_next(to);
	fill(&nics->to, from, to);
	fill(&nics->from, to, from);
	for (double end = seconds_now() + 10;;) {
		bench_port_send(&nics->to, 1, FRAME_BYTES);
		usleep(20000);
		if (bench_port_receive(&nics->from))
			break;
		if (seconds_now() > end)
			fail("send through the interfaces", -ENETUNREACH);
	}
	bench_port_send(&nics->from, 1, FRAME_BYTES);
	usleep(20000);
	receive(nics);
}

static void *nics_open(char **arguments)
{
	struct nics *nics = calloc(1, sizeof(*nics));
	uint32_t kind = 0;

	while (kind < DEVICES && strcmp(kinds[kind].name, arguments[0]))
		kind++;
	if (!nics || kind == DEVICES)
		fail(arguments[0], -EINVAL);
	if (unshare(CLONE_NEWNET) < 0)
		fail("make a network namespace", -errno);
	if (system(kinds[kind].wire) || system("ip link set dev v addrgenmode none up") ||
	    system("ip link set dev w addrgenmode none up"))
		fail("make interfaces: ip(8)", -ENODEV);
	nics->from = bench_port_open("vale0:a", 0);
	nics->to = bench_port_open("vale1:b", 0);
	attach(&nics->from, "vale0:v", kinds[kind].device);
	attach(&nics->to, "vale1:w", kinds[kind].device);
	introduce(nics);
	return nics;
}

/* Received and sent, in millions a second of the clock on the wall: several threads are at work. */
static uint32_t nics_measure(void *state, double seconds, double *out)
{
	struct nics *nics = state;
	double start = seconds_now(), heard = start, now = start;
	uint64_t sent = nics->sent, received = nics->received;

	while (now < start + seconds) {
		uint32_t came = receive(nics);

		nics->received += came;
		now = seconds_now();
		if (came)
			heard = now;
		if (now > heard + SILENCE_MS / 1e3) {
			nics->lost = nics->sent - nics->received;
			heard = now;
		}
		if (nics->sent - nics->received - nics->lost <= UNDER_WAY - BATCH) {
			bench_port_send(&nics->from, BATCH, FRAME_BYTES);
			nics->sent += BATCH;
		} else {
			sched_yield();
		}
	}
	out[0] = (double)(nics->received - received) / (now - start) / 1e6;
	out[1] = (double)(nics->sent - sent) / (now - start) / 1e6;
	return 2;
}

const struct bench_scene bench_nic_scenes[] = {
	{ "nic", 1, nics_open, nics_measure },
	{ 0 },
};
