/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The library's own file descriptors are not there for the program, which can neither close nor
 * replace them. (The kernel's netmap has none: this is the only program that knows what is below.)
 */
#include "p.h"

static int registered(const char *name)
{
	struct nmreq_register reg = { .nr_tx_slots = SLOTS, .nr_rx_slots = SLOTS };
	int fd = open_netmap();

	if (register_with(fd, name, &reg) < 0)
		FAIL("cannot register %s: %s", name, strerror(errno));
	return fd;
}

int main(void)
{
	int fd = registered("vale0:a"), found = 0;

	for (int other = 3; other < 65536; other++) {
		char name[32], target[64];
		ssize_t length;

		snprintf(name, sizeof(name), "/proc/self/fd/%d", other);
		length = readlink(name, target, sizeof(target) - 1);
		if (other == fd || length < 0)
			continue;
		target[length] = '\0';
		if (strncmp(target, "socket:", 7) && strncmp(target, "anon_inode:[eventfd]", 20))
			continue;
		if (fcntl(other, F_GETFD) >= 0)
			continue; /* the program's */
		found++;
		FAILS(close(other), EBADF);
		FAILS(dup(other), EBADF);
		FAILS(write(other, "12345678", 8), EBADF);
		FAILS(dup2(0, other), EBUSY);
		FAILS(ioctl(other, NIOCTXSYNC, NULL), EBADF);
	}
	CHECK(found >= 2); /* the connection, and the event that wakes the daemon */
	EQUAL(ioctl(fd, NIOCTXSYNC, NULL), 0);
	EQUAL(close(fd), 0);
	return 0;
}
