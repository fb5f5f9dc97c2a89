/* SPDX-License-Identifier: BSD-2-Clause */
/* A process that sleeps in poll(), select() or epoll_wait() is woken by a frame of another's. */
#include "p.h"

#include <sys/epoll.h>
#include <sys/select.h>

enum { ROUNDS = 300 };

static int wait_poll(int fd)
{
	struct pollfd one = { .fd = fd, .events = POLLIN };

	return poll(&one, 1, 20000);
}

static int wait_select(int fd)
{
	struct timeval time = { 20, 0 };
	fd_set set;

	FD_ZERO(&set);
	FD_SET(fd, &set);
	return select(fd + 1, &set, NULL, NULL, &time);
}

static int wait_epoll(int fd)
{
	static int set = -1;
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	if (set < 0) {
		set = epoll_create1(EPOLL_CLOEXEC);
		EQUAL(epoll_ctl(set, EPOLL_CTL_ADD, fd, &event), 0);
	}
	return epoll_wait(set, &event, 1, 20000);
}

static int wait_edge(int fd)
{
	static int set = -1;
	struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.fd = fd };

	if (set < 0) {
		set = epoll_create1(EPOLL_CLOEXEC);
		EQUAL(epoll_ctl(set, EPOLL_CTL_ADD, fd, &event), 0);
	}
	return epoll_wait(set, &event, 1, 20000);
}

struct receiver {
	int (*wait)(int fd);
	struct turns *turns;
};

static void receive(void *argument)
{
	const struct receiver *how = argument;
	struct port port = open_port("vale0:b");

	pass(how->turns->to_parent);
	for (int i = 0; i < ROUNDS; i++) {
		if (how->wait(port.fd) != 1)
			FAIL("round %d: not woken (errno %d)", i, errno);
		EQUAL(receive_frame(&port), i);
		EQUAL(receive_frame(&port), -1);
		pass(how->turns->to_parent);
	}
	close_port(&port);
}

int main(void)
{
	static int (*const ways[])(int) = { wait_poll, wait_select, wait_epoll, wait_edge };

	for (uint32_t way = 0; way < COUNT(ways); way++) {
		struct turns turns = turns_make();
		struct receiver how = { ways[way], &turns };
		pid_t child = child_of(receive, &how);
		struct port port = open_port("vale0:a");

		await(turns.to_parent);
		for (int i = 0; i < ROUNDS; i++) {
			/* Now and then so late that it sleeps. */
			if (i % 16 == 0)
				usleep(2000);
			send_frame(&port, (uint32_t)i);
			await(turns.to_parent);
		}
		join_child(child);
		close_port(&port);
		turns_end(&turns);
	}
	return 0;
}
