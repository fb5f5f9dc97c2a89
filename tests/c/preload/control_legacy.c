/* SPDX-License-Identifier: BSD-2-Clause */
/* NIOCREGIF and NIOCGINFO, with every nr_cmd, mean what they did before NIOCCTRL. */
#include "p.h"

static int control;

static struct nmreq old_request(const char *name)
{
	struct nmreq old = { .nr_version = NETMAP_API };

	strncpy(old.nr_name, name, sizeof(old.nr_name) - 1);
	return old;
}

static int regif(int fd, const char *name, struct nmreq *old)
{
	struct nmreq named = old_request(name);

	memcpy(old->nr_name, named.nr_name, sizeof(old->nr_name));
	old->nr_version = NETMAP_API;
	return ioctl(fd, NIOCREGIF, old);
}

static void bad_requests(void)
{
	struct nmreq old = old_request("vale0:a");

	FAILS(ioctl(control, NIOCREGIF, NULL), EINVAL);
	FAILS(ioctl(control, NIOCREGIF, (void *)8), EFAULT);
	old.nr_version = 13;
	FAILS(ioctl(control, NIOCREGIF, &old), EINVAL);
	FAILS(ioctl(control, NIOCGINFO, &old), EINVAL);
	old.nr_version = NETMAP_API;
	old.nr_cmd = NETMAP_BDG_REGOPS;
	FAILS(ioctl(control, NIOCREGIF, &old), EINVAL);
	old.nr_cmd = NETMAP_PT_HOST_CREATE;
	FAILS(ioctl(control, NIOCREGIF, &old), ENOMEM);
	old.nr_cmd = 99;
	FAILS(ioctl(control, NIOCREGIF, &old), EINVAL);
}

/* Later versions are taken for this one. */
static void information(void)
{
	struct nmreq old = old_request("vale0:info");

	old.nr_version = NETMAP_API + 7;
	old.nr_tx_slots = 100;
	old.nr_rx_slots = 50;
	EQUAL(ioctl(control, NIOCGINFO, &old), 0);
	EQUAL(old.nr_tx_slots, 100);
	EQUAL(old.nr_rx_slots, 50);
	EQUAL(old.nr_tx_rings, 1);
	EQUAL(old.nr_rx_rings, 1);
	CHECK(old.nr_memsize);
	CHECK(old.nr_arg2);
}

static int64_t ring_offset(struct port *port, uint32_t index)
{
	return port->nifp->ring_ofs[index];
}

static struct port open_old(const char *name, struct nmreq old)
{
	struct port port = { .fd = open_netmap() };

	old.nr_tx_slots = old.nr_rx_slots = SLOTS;
	if (regif(port.fd, name, &old) < 0)
		FAIL("cannot register %s: %s", name, strerror(errno));
	EQUAL(old.nr_tx_slots, SLOTS);
	port.reg.nr_memsize = old.nr_memsize;
	port.reg.nr_offset = old.nr_offset;
	port.reg.nr_extra_bufs = old.nr_arg3;
	map_port(&port);
	return port;
}

static int64_t regif_errno(const char *name, struct nmreq old)
{
	int fd = open_netmap();
	int error = regif(fd, name, &old) < 0 ? errno : 0;

	EQUAL(close(fd), 0);
	return error;
}

static void modes(void)
{
	struct nmreq old = { .nr_tx_rings = 2, .nr_rx_rings = 2 };
	struct port port = open_old("vale0:a", old);

	/* Neither bit: all of them. */
	CHECK(ring_offset(&port, 0) && ring_offset(&port, 1));
	close_port(&port);
	old.nr_ringid = NETMAP_HW_RING | 1;
	port = open_old("vale0:a", old);
	CHECK(!ring_offset(&port, 0) && ring_offset(&port, 1));
	close_port(&port);
	old.nr_ringid = 1;
	old.nr_flags = NR_REG_ONE_NIC;
	port = open_old("vale0:a", old);
	CHECK(!ring_offset(&port, 0) && ring_offset(&port, 1));
	close_port(&port);
	old.nr_ringid = 0;
	old.nr_flags = NR_REG_ALL_NIC | NR_TX_RINGS_ONLY;
	port = open_old("vale0:a", old);
	CHECK(ring_offset(&port, 0) && !ring_offset(&port, 3));
	close_port(&port);
	old.nr_flags = 0;
	old.nr_ringid = NETMAP_SW_RING; /* which VALE ports have not */
	EQUAL(regif_errno("vale0:a", old), EINVAL);
	old.nr_ringid = 0;
	old.nr_flags = NR_REG_ALL_NIC | NR_EXCLUSIVE;
	port = open_old("vale0:a", old);
	EQUAL(regif_errno("vale0:a", old), EBUSY);
	close_port(&port);
	old.nr_arg3 = 5;
	port = open_old("vale0:a", old);
	EQUAL(port.reg.nr_extra_bufs, 5);
	CHECK(port.nifp->ni_bufs_head);
	close_port(&port);
}

/* Without NETMAP_NO_TX_POLL any poll sends; with it only one that asks for room does. */
static void poll_bits(void)
{
	struct port to = open_port("vale0:to");
	struct nmreq old = { .nr_ringid = NETMAP_NO_TX_POLL };
	struct port quiet = open_old("vale0:q", old), usual = open_old("vale0:u", (struct nmreq){});
	struct pollfd fd = { .fd = quiet.fd, .events = POLLIN };

	put_frame(&quiet, 1);
	EQUAL(poll(&fd, 1, 0), 0);
	EQUAL(receive_frame(&to), -1);
	fd.events = POLLOUT;
	EQUAL(poll(&fd, 1, 0), 1);
	EQUAL(receive_frame(&to), 1);
	put_frame(&usual, 2);
	fd = (struct pollfd){ .fd = usual.fd, .events = 0 };
	EQUAL(poll(&fd, 1, 0), 0);
	EQUAL(receive_frame(&to), 2);
	close_port(&quiet);
	close_port(&usual);
	close_port(&to);
}

/* The number is in nr_ringid, the end in the mode. */
static void pipes(void)
{
	struct nmreq master = { .nr_ringid = 3, .nr_flags = NR_REG_PIPE_MASTER };
	struct nmreq slave = { .nr_ringid = 3, .nr_flags = NR_REG_PIPE_SLAVE };
	struct port one = open_old("vale0:p", master), other = open_old("vale0:p", slave);

	put_frame(&one, 42);
	EQUAL(ioctl(one.fd, NIOCTXSYNC, NULL), 0);
	EQUAL(receive_frame(&other), 42);
	close_port(&one);
	close_port(&other);
	/* The new name for the same. */
	one = open_port("vale0:p{3");
	other = open_old("vale0:p", slave);
	send_frame(&one, 43);
	EQUAL(receive_frame(&other), 43);
	close_port(&one);
	close_port(&other);
}

static void commands(void)
{
	struct nmreq old = { .nr_cmd = NETMAP_BDG_NEWIF, .nr_tx_slots = 32, .nr_rx_slots = 16 };
	struct port port;

	EQUAL(regif(control, "per0", &old), 0);
	EQUAL(old.nr_tx_slots, 32);
	EQUAL(old.nr_rx_slots, 16);
	FAILS(regif(control, "per0", &old), EEXIST);
	old = (struct nmreq){ .nr_cmd = NETMAP_BDG_ATTACH };
	EQUAL(regif(control, "vale7:per0", &old), 0);
	FAILS(regif(control, "vale7:per0", &old), EBUSY);
	old = (struct nmreq){ .nr_cmd = NETMAP_BDG_LIST };
	old.nr_version = NETMAP_API;
	EQUAL(ioctl(control, NIOCGINFO, &old), 0);
	CHECK(!strcmp(old.nr_name, "vale7:per0"));
	EQUAL(old.nr_arg2, 0);
	old.nr_arg2++;
	memset(old.nr_name, 0, sizeof(old.nr_name));
	FAILS(ioctl(control, NIOCGINFO, &old), ENOENT);
	old = (struct nmreq){ .nr_cmd = NETMAP_VNET_HDR_GET };
	EQUAL(regif(control, "vale7:per0", &old), 0);
	EQUAL(old.nr_arg1, 0);
	old = (struct nmreq){ .nr_cmd = NETMAP_BDG_VNET_HDR, .nr_arg1 = 7 };
	FAILS(regif(control, "vale7:per0", &old), EINVAL);
	old = (struct nmreq){ .nr_cmd = NETMAP_BDG_VNET_HDR, .nr_arg1 = 0 };
	EQUAL(regif(control, "vale7:per0", &old), 0);
	old = (struct nmreq){ .nr_cmd = NETMAP_BDG_POLLING_ON, .nr_flags = NR_REG_ALL_NIC };
	EQUAL(regif(control, "vale7:per0", &old), -1);
	old = (struct nmreq){ 0 };
	port.fd = open_netmap();
	EQUAL(regif(port.fd, "vale7:per0", &old), 0);
	EQUAL(close(port.fd), 0);
	old = (struct nmreq){ .nr_cmd = NETMAP_BDG_DETACH };
	EQUAL(regif(control, "vale7:per0", &old), 0);
	old = (struct nmreq){ .nr_cmd = NETMAP_BDG_DELIF };
	EQUAL(regif(control, "per0", &old), 0);
	FAILS(regif(control, "per0", &old), ENXIO);
}

/* A name without its NUL is cut, not read beyond. */
static void long_name(void)
{
	struct nmreq old = old_request("");

	memset(old.nr_name, 'x', sizeof(old.nr_name));
	EQUAL(ioctl(control, NIOCREGIF, &old), -1);
	EQUAL(old.nr_name[sizeof(old.nr_name) - 1], 0);
}

int main(void)
{
	control = open_netmap();
	bad_requests();
	information();
	modes();
	poll_bits();
	pipes();
	commands();
	long_name();
	EQUAL(close(control), 0);
	return 0;
}
