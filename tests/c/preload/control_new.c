/* SPDX-License-Identifier: BSD-2-Clause */
/* NIOCCTRL takes a request from wherever its parts are, and answers as netmap does. */
#include "p.h"

static int fd;

/* An address where nothing is. */
static void *nowhere(void)
{
	void *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(page != MAP_FAILED);
	EQUAL(munmap(page, 4096), 0);
	return page;
}

static void headers(void)
{
	struct nmreq_port_info_get info = { 0 };
	struct nmreq_header header;

	FAILS(ioctl(fd, NIOCCTRL, NULL), EINVAL);
	FAILS(ioctl(fd, NIOCCTRL, nowhere()), EFAULT);
	header = header_of(NETMAP_REQ_PORT_INFO_GET, "vale0:a", &info);
	header.nr_version = NETMAP_MIN_API - 1;
	FAILS(ioctl(fd, NIOCCTRL, &header), EINVAL);
	header.nr_version = NETMAP_MAX_API + 1;
	FAILS(ioctl(fd, NIOCCTRL, &header), EINVAL);
	header.nr_version = NETMAP_MAX_API;
	EQUAL(ioctl(fd, NIOCCTRL, &header), 0);
	header.nr_reserved = 1;
	FAILS(ioctl(fd, NIOCCTRL, &header), EINVAL);
	header = header_of(NETMAP_REQ_PORT_INFO_GET, "vale0:a", NULL);
	FAILS(ioctl(fd, NIOCCTRL, &header), EINVAL);
	header = header_of(NETMAP_REQ_VALE_DELIF, "a", &info);
	FAILS(ioctl(fd, NIOCCTRL, &header), EINVAL);
	header = header_of(999, "a", NULL);
	FAILS(ioctl(fd, NIOCCTRL, &header), EINVAL);
	header = header_of(NETMAP_REQ_PORT_INFO_GET, "vale0:a", nowhere());
	FAILS(ioctl(fd, NIOCCTRL, &header), EFAULT);
	EQUAL(header.nr_body == 0, 0); /* the program's pointer is still there */
}

static void bodies(void)
{
	struct nmreq_port_info_get info = { .nr_tx_slots = 128, .nr_rx_slots = 256 };
	struct nmreq_header header = header_of(NETMAP_REQ_PORT_INFO_GET, "vale0:a", &info);
	const struct nmreq_port_info_get *fixed;

	EQUAL(ioctl(fd, NIOCCTRL, &header), 0);
	EQUAL(header.nr_body, (uintptr_t)&info);
	EQUAL(info.nr_tx_slots, 128);
	EQUAL(info.nr_rx_slots, 256);
	EQUAL(info.nr_tx_rings, 1);
	CHECK(info.nr_memsize);
	/* Where it can be read and not written. */
	fixed = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	header.nr_body = (uintptr_t)fixed;
	FAILS(ioctl(fd, NIOCCTRL, &header), EFAULT);
	/* Across two pages. */
	{
		uint8_t *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
				      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		struct nmreq_port_info_get *across = (void *)(pages + 4096 - 16);

		memset(across, 0, sizeof(*across));
		across->nr_tx_slots = 32;
		EQUAL(request(fd, NETMAP_REQ_PORT_INFO_GET, "vale0:a", across), 0);
		EQUAL(across->nr_tx_slots, 32);
		EQUAL(mprotect(pages + 4096, 4096, PROT_NONE), 0);
		FAILS(request(fd, NETMAP_REQ_PORT_INFO_GET, "vale0:a", across), EFAULT);
	}
}

static int with_options(uint16_t type, void *body, struct nmreq_option *first)
{
	struct nmreq_header header = header_of(type, "vale0:a", body);
	int rc;

	header.nr_options = (uintptr_t)first;
	rc = ioctl(fd, NIOCCTRL, &header);
	EQUAL(header.nr_options, (uintptr_t)first);
	return rc;
}

static void options(void)
{
	struct nmreq_register reg = { .nr_mode = NR_REG_ALL_NIC };
	struct nmreq_port_info_get info = { 0 };
	struct nmreq_option one = { .nro_reqtype = 1234 }, two = { .nro_reqtype = 1235 };
	struct nmreq_opt_csb csb[2] = { 0 };
	static struct nmreq_option many[400];

	/* One that nobody knows: REGISTER fails, others go on; the option says so itself. */
	one.nro_next = (uintptr_t)&two;
	FAILS(with_options(NETMAP_REQ_REGISTER, &reg, &one), EOPNOTSUPP);
	EQUAL(one.nro_status, EOPNOTSUPP);
	EQUAL(two.nro_status, EOPNOTSUPP);
	EQUAL(one.nro_next, (uintptr_t)&two);
	one.nro_status = two.nro_status = 0;
	EQUAL(with_options(NETMAP_REQ_PORT_INFO_GET, &info, &one), 0);
	EQUAL(two.nro_status, EOPNOTSUPP);
	/* A type that there is not. */
	two.nro_reqtype = 0;
	FAILS(with_options(NETMAP_REQ_PORT_INFO_GET, &info, &one), EINVAL);
	EQUAL(two.nro_status, EINVAL);
	/* The same one twice. */
	csb[0].nro_opt.nro_reqtype = csb[1].nro_opt.nro_reqtype = NETMAP_REQ_OPT_CSB;
	csb[0].nro_opt.nro_next = (uintptr_t)&csb[1];
	FAILS(with_options(NETMAP_REQ_PORT_INFO_GET, &info, &csb[0].nro_opt), EINVAL);
	EQUAL(csb[0].nro_opt.nro_status, EINVAL);
	EQUAL(csb[1].nro_opt.nro_status, EINVAL);
	/* A loop, and more than there may be. */
	one.nro_next = (uintptr_t)&one;
	FAILS(with_options(NETMAP_REQ_PORT_INFO_GET, &info, &one), EMSGSIZE);
	for (uint32_t i = 0; i < COUNT(many) - 1; i++) {
		many[i].nro_reqtype = 1234;
		many[i].nro_next = (uintptr_t)&many[i + 1];
	}
	many[COUNT(many) - 1].nro_reqtype = 1234;
	FAILS(with_options(NETMAP_REQ_PORT_INFO_GET, &info, many), EMSGSIZE);
	many[19].nro_next = 0;
	info.nr_mem_id = 0;
	EQUAL(with_options(NETMAP_REQ_PORT_INFO_GET, &info, many), 0);
	EQUAL(many[19].nro_status, EOPNOTSUPP);
	/* A hundred, and the last one has a body that no longer fits. */
	many[19].nro_next = (uintptr_t)&many[20];
	many[99] = (struct nmreq_option){ .nro_reqtype = NETMAP_REQ_OPT_SYNC_KLOOP_EVENTFDS,
					  .nro_size = 1000 };
	FAILS(with_options(NETMAP_REQ_PORT_INFO_GET, &info, many), EMSGSIZE);
	/* One that is not there. */
	one.nro_next = (uintptr_t)nowhere();
	FAILS(with_options(NETMAP_REQ_PORT_INFO_GET, &info, &one), EFAULT);
	FAILS(with_options(NETMAP_REQ_PORT_INFO_GET, &info, nowhere()), EFAULT);
	/* One that says it is huge. */
	one = (struct nmreq_option){ .nro_reqtype = NETMAP_REQ_OPT_SYNC_KLOOP_EVENTFDS,
				     .nro_size = 1ull << 63 };
	FAILS(with_options(NETMAP_REQ_PORT_INFO_GET, &info, &one), EMSGSIZE);
}

static void registering(void)
{
	struct nmreq_register reg = { .nr_tx_slots = SLOTS, .nr_rx_slots = SLOTS };
	uint32_t mode = NR_REG_ALL_NIC;
	uint8_t *base;

	FAILS(ioctl(fd, NIOCTXSYNC, NULL), ENXIO);
	FAILS(ioctl(fd, NIOCRXSYNC, NULL), ENXIO);
	FAILS(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), EINVAL);
	EQUAL(register_with(fd, "vale0:a", &reg), 0);
	EQUAL(reg.nr_tx_slots, SLOTS);
	CHECK(reg.nr_memsize && reg.nr_offset < reg.nr_memsize);
	reg.nr_mode = mode;
	FAILS(register_with(fd, "vale0:b", &reg), EBUSY);
	EQUAL(ioctl(fd, NIOCTXSYNC, NULL), 0);
	EQUAL(ioctl(fd, NIOCRXSYNC, NULL), 0);
	FAILS(mmap(NULL, reg.nr_memsize + 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), EINVAL);
	FAILS(mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		   (off_t)reg.nr_memsize - 4096),
	      EINVAL);
	base = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(base != MAP_FAILED);
	/* A second mapping shows the same memory. */
	{
		volatile struct netmap_if *first = (void *)(base + reg.nr_offset), *second;
		uint8_t *whole =
			mmap(NULL, reg.nr_memsize, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

		CHECK(whole != MAP_FAILED && whole != base);
		second = (void *)(whole + reg.nr_offset);
		first->ni_bufs_head = 77;
		EQUAL(second->ni_bufs_head, 77);
		first->ni_bufs_head = 0;
		EQUAL(munmap(whole, reg.nr_memsize), 0);
	}
	EQUAL(munmap(base, 4096), 0);
}

/* The file must be open for what the mapping is to do. */
static void access_modes(void)
{
	static const int modes[] = { O_RDONLY, O_WRONLY };

	for (uint32_t i = 0; i < COUNT(modes); i++) {
		struct nmreq_register reg = { .nr_tx_slots = SLOTS, .nr_rx_slots = SLOTS };
		int other = open("/dev/netmap", modes[i]);

		CHECK(other >= 0);
		EQUAL(register_with(other, "vale0:m", &reg), 0);
		FAILS(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, other, 0), EACCES);
		if (modes[i] == O_RDONLY) {
			void *base = mmap(NULL, 4096, PROT_READ, MAP_SHARED, other, 0);

			CHECK(base != MAP_FAILED);
			EQUAL(munmap(base, 4096), 0);
		} else {
			FAILS(mmap(NULL, 4096, PROT_READ, MAP_SHARED, other, 0), EACCES);
		}
		EQUAL(close(other), 0);
	}
}

int main(void)
{
	fd = open_netmap();
	headers();
	bodies();
	options();
	registering();
	access_modes();
	EQUAL(close(fd), 0);
	return 0;
}
