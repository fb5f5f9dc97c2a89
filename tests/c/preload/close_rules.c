/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A port goes with the last number, mapping and process that has it, and at once: whoever looks
 * next does not find it.
 */
#include "p.h"

#include <sys/resource.h>

static int registered(const char *name)
{
	struct nmreq_register reg = { .nr_tx_slots = SLOTS, .nr_rx_slots = SLOTS };
	int fd = open_netmap();

	if (register_with(fd, name, &reg) < 0)
		FAIL("cannot register %s: %s", name, strerror(errno));
	return fd;
}

static void duplicates(void)
{
	int fd = registered("vale0:a"), copies[5];

	copies[0] = dup(fd);
	copies[1] = dup2(fd, 50);
	copies[2] = dup3(fd, 51, O_CLOEXEC);
	copies[3] = fcntl(fd, F_DUPFD, 60);
	copies[4] = fcntl(fd, F_DUPFD_CLOEXEC, 60);
	EQUAL(copies[1], 50);
	EQUAL(copies[2], 51);
	CHECK(copies[3] >= 60 && copies[4] >= 60 && copies[3] != copies[4]);
	EQUAL(fcntl(copies[1], F_GETFD), 0);
	EQUAL(fcntl(copies[2], F_GETFD), FD_CLOEXEC);
	EQUAL(fcntl(copies[4], F_GETFD), FD_CLOEXEC);
	EQUAL(close(fd), 0);
	for (uint32_t i = 0; i < COUNT(copies); i++) {
		CHECK(exists("vale0:a"));
		EQUAL(ioctl(copies[i], NIOCTXSYNC, NULL), 0);
		EQUAL(close(copies[i]), 0);
		FAILS(ioctl(copies[i], NIOCTXSYNC, NULL), EBADF);
	}
	CHECK(!exists("vale0:a"));
	FAILS(dup2(9999, 50), EBADF);
	fd = open_netmap();
	FAILS(fcntl(fd, F_DUPFD, -1), EINVAL);
	EQUAL(close(fd), 0);
}

/* One number takes the place of another. */
static void replaced(void)
{
	int a = registered("vale0:a"), b = registered("vale0:b");
	int ordinary = open("/dev/null", O_RDWR);

	EQUAL(dup2(a, b), b);
	CHECK(!exists("vale0:b") && exists("vale0:a"));
	EQUAL(dup2(a, a), a);
	CHECK(exists("vale0:a"));
	EQUAL(dup2(ordinary, a), a);
	EQUAL(write(a, "x", 1), 1);
	FAILS(ioctl(a, NIOCTXSYNC, NULL), ENOTTY);
	CHECK(exists("vale0:a"));
	EQUAL(ioctl(b, NIOCTXSYNC, NULL), 0);
	EQUAL(dup2(b, ordinary), ordinary);
	EQUAL(close(b), 0);
	CHECK(exists("vale0:a"));
	EQUAL(ioctl(ordinary, NIOCTXSYNC, NULL), 0);
	EQUAL(dup2(a, ordinary), ordinary);
	CHECK(!exists("vale0:a"));
	EQUAL(close(a), 0);
	EQUAL(close(ordinary), 0);
}

/* At once: the name is free for an exclusive owner, again and again. */
static void at_once(void)
{
	for (int i = 0; i < 300; i++) {
		struct nmreq_register reg = { .nr_tx_slots = SLOTS,
					      .nr_rx_slots = SLOTS,
					      .nr_flags = NR_EXCLUSIVE };
		int fd = open_netmap();

		if (register_with(fd, "vale0:x", &reg) < 0)
			FAIL("round %d: %s", i, strerror(errno));
		EQUAL(close(fd), 0);
	}
}

/* As the kernel's: a mapping holds the port as a number does. */
static void mapped(void)
{
	struct port port = open_port("vale0:a");
	uint64_t page = 4096;

	EQUAL(close(port.fd), 0);
	CHECK(exists("vale0:a"));
	port.nifp->ni_bufs_head = 0;
	/* In pieces. */
	EQUAL(munmap(port.base + page, page), 0);
	CHECK(exists("vale0:a"));
	EQUAL(munmap(port.base, page), 0);
	CHECK(exists("vale0:a"));
	EQUAL(munmap(port.base + 4 * page, port.bytes - 4 * page), 0);
	CHECK(exists("vale0:a"));
	EQUAL(munmap(port.base + 2 * page, 2 * page), 0);
	CHECK(!exists("vale0:a"));
	/* Under another mapping. */
	port = open_port("vale0:a");
	EQUAL(close(port.fd), 0);
	CHECK(mmap(port.base, port.bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		   0) == port.base);
	CHECK(!exists("vale0:a"));
	EQUAL(munmap(port.base, port.bytes), 0);
}

/* What programs do that want no files left over: netmap goes on nevertheless. */
static void many_closed(void)
{
	int kept = registered("vale0:k"), gone = registered("vale0:a"), ordinary = dup(0);

	CHECK(kept < gone && gone < ordinary);
	EQUAL(close_range((unsigned)gone, (unsigned)gone, CLOSE_RANGE_CLOEXEC), 0);
	EQUAL(fcntl(gone, F_GETFD), FD_CLOEXEC);
	EQUAL(close_range((unsigned)gone, ~0u, 0), 0);
	FAILS(fcntl(gone, F_GETFD), EBADF);
	FAILS(fcntl(ordinary, F_GETFD), EBADF);
	CHECK(!exists("vale0:a"));
	CHECK(exists("vale0:k"));
	EQUAL(ioctl(kept, NIOCTXSYNC, NULL), 0);
	gone = registered("vale0:a");
	for (int fd = gone; fd < 65536; fd++)
		close(fd);
	CHECK(!exists("vale0:a"));
	EQUAL(ioctl(kept, NIOCRXSYNC, NULL), 0);
	closefrom(kept);
	CHECK(!exists("vale0:k"));
}

/* With few numbers left, it fails as the kernel's would, and nothing leaks. */
static void few_numbers(void)
{
	struct rlimit before, few;
	int fds[64], count = 0;

	EQUAL(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	few.rlim_cur = 40;
	EQUAL(setrlimit(RLIMIT_NOFILE, &few), 0);
	while ((fds[count] = open("/dev/netmap", O_RDWR)) >= 0)
		CHECK(++count < 64);
	EQUAL(errno, EMFILE);
	while (count)
		EQUAL(close(fds[--count]), 0);
	EQUAL(setrlimit(RLIMIT_NOFILE, &before), 0);
	EQUAL(close(registered("vale0:a")), 0);
}

int main(void)
{
	duplicates();
	replaced();
	at_once();
	mapped();
	many_closed();
	few_numbers();
	return 0;
}
