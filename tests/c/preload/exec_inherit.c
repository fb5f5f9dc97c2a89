/* SPDX-License-Identifier: BSD-2-Clause */
/* A program that another executes has its netmap descriptors, but for those to be closed by exec.
 */
#include "p.h"

#include <sys/epoll.h>
#include <sys/select.h>

static const char *myself;

static struct port inherited(char **arguments)
{
	struct port port = { .fd = atoi(arguments[2]) };

	port.reg.nr_memsize = strtoull(arguments[3], NULL, 10);
	port.reg.nr_offset = strtoull(arguments[4], NULL, 10);
	return port;
}

static void wait_first(const char *how, int fd)
{
	if (!strcmp(how, "poll")) {
		struct pollfd one = { .fd = fd, .events = POLLIN };

		EQUAL(poll(&one, 1, 10000), 1);
		EQUAL(one.revents, POLLIN);
	} else if (!strcmp(how, "select")) {
		fd_set set;

		FD_ZERO(&set);
		FD_SET(fd, &set);
		EQUAL(select(fd + 1, &set, NULL, NULL, &(struct timeval){ 10, 0 }), 1);
	} else if (!strcmp(how, "epoll")) {
		struct epoll_event event = { .events = EPOLLIN };
		int set = epoll_create1(0);

		EQUAL(epoll_ctl(set, EPOLL_CTL_ADD, fd, &event), 0);
		EQUAL(epoll_wait(set, &event, 1, 10000), 1);
	} else if (!strcmp(how, "ioctl")) {
		EQUAL(ioctl(fd, NIOCRXSYNC, NULL), 0);
	}
	/* "map": nothing before it */
}

static int executed(char **arguments)
{
	struct port port = inherited(arguments);
	int copy;

	if (!strcmp(arguments[1], "closed")) {
		FAILS(fcntl(port.fd, F_GETFD), EBADF);
		FAILS(ioctl(port.fd, NIOCTXSYNC, NULL), EBADF);
		CHECK(!exists("vale0:b"));
		return 0;
	}
	wait_first(arguments[1], port.fd);
	map_port(&port);
	wait_first("poll", port.fd); /* not all of the ways wait */
	EQUAL(receive_frame(&port), 31);
	copy = dup(port.fd);
	close_port(&port);
	CHECK(exists("vale0:b"));
	EQUAL(close(copy), 0);
	CHECK(!exists("vale0:b"));
	return 0;
}

static void execute(void *argument)
{
	struct port port = open_port("vale0:b");
	char number[16], bytes[24], offset[24];

	/* High ones, and those that are closed, are found as well. */
	if (!strcmp(argument, "map"))
		port.fd = dup2(port.fd, 700);
	if (!strcmp(argument, "ioctl"))
		port.fd = dup2(port.fd, 900);
	for (int fd = 3; fd < 20; fd++)
		if (fd != port.fd)
			fcntl(fd, F_SETFD, FD_CLOEXEC);
	if (!strcmp(argument, "closed"))
		fcntl(port.fd, F_SETFD, FD_CLOEXEC);
	else
		close(open("/dev/null", O_RDONLY));
	/* From the sender, whom the frame before told that this port is there. */
	send_frame(&port, 0);
	snprintf(number, sizeof(number), "%d", port.fd);
	snprintf(bytes, sizeof(bytes), "%llu", (unsigned long long)port.reg.nr_memsize);
	snprintf(offset, sizeof(offset), "%llu", (unsigned long long)port.reg.nr_offset);
	execl(myself, myself, argument, number, bytes, offset, NULL);
	_exit(99);
}

int main(int count, char **arguments)
{
	static char *const ways[] = { "poll", "select", "epoll", "ioctl", "map", "closed" };

	myself = arguments[0];
	if (count == 5)
		return executed(arguments);
	for (uint32_t i = 0; i < COUNT(ways); i++) {
		struct port sender = open_port("vale0:a");
		struct pollfd one = { .fd = sender.fd, .events = POLLIN };
		pid_t pid = child_of(execute, ways[i]);

		EQUAL(poll(&one, 1, 10000), 1);
		send_frame(&sender, 31);
		join_child(pid);
		close_port(&sender);
		CHECK(!exists("vale0:a"));
	}
	return 0;
}
