/* SPDX-License-Identifier: BSD-2-Clause */
/* epoll sets have netmap descriptors as members like any other. */
#include "p.h"

#include <sys/epoll.h>

static struct port a, b;
static int set;

static int add(int fd, uint32_t events, uint64_t data)
{
	struct epoll_event event = { .events = events, .data.u64 = data };

	return epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);
}

static int change(int fd, uint32_t events, uint64_t data)
{
	struct epoll_event event = { .events = events, .data.u64 = data };

	return epoll_ctl(set, EPOLL_CTL_MOD, fd, &event);
}

static int take_out(int fd)
{
	return epoll_ctl(set, EPOLL_CTL_DEL, fd, NULL);
}

/* Exactly these data, whatever their order; 0: none. */
static void finds(int line, int timeout_ms, uint64_t first, uint64_t second)
{
	struct epoll_event events[8];
	int count = epoll_wait(set, events, 8, timeout_ms);
	int wanted = (first != 0) + (second != 0);

	if (count != wanted)
		FAIL("line %d: %d events, not %d (errno %d)", line, count, wanted, errno);
	if (count == 1)
		EQUAL(events[0].data.u64, first);
	if (count == 2)
		CHECK((events[0].data.u64 == first && events[1].data.u64 == second) ||
		      (events[0].data.u64 == second && events[1].data.u64 == first));
}

#define FINDS(timeout_ms, first, second) finds(__LINE__, timeout_ms, first, second)

static void membership(void)
{
	int null = open("/dev/null", O_RDWR);
	struct epoll_event event = { 0 };

	FAILS(change(a.fd, EPOLLIN, 1), ENOENT);
	FAILS(take_out(a.fd), ENOENT);
	EQUAL(add(a.fd, EPOLLIN, 0xdeadbeef12345678), 0);
	FAILS(add(a.fd, EPOLLIN, 1), EEXIST);
	EQUAL(take_out(a.fd), 0);
	FAILS(take_out(a.fd), ENOENT);
	FAILS(epoll_ctl(set, EPOLL_CTL_ADD, a.fd, NULL), EFAULT);
	FAILS(epoll_ctl(set, 99, a.fd, &event), EINVAL);
	FAILS(epoll_ctl(null, EPOLL_CTL_ADD, a.fd, &event), EINVAL);
	FAILS(epoll_ctl(-1, EPOLL_CTL_ADD, a.fd, &event), EBADF);
	FAILS(epoll_ctl(9999, EPOLL_CTL_ADD, a.fd, &event), EBADF);
	FAILS(add(9999, EPOLLIN, 1), EBADF);
	FAILS(epoll_wait(set, &event, 0, 0), EINVAL);
	close(null);
}

static void level(void)
{
	struct epoll_event event;

	EQUAL(add(b.fd, EPOLLIN, 11), 0);
	FINDS(0, 0, 0);
	FINDS(10, 0, 0);
	send_frame(&a, 1);
	FINDS(-1, 11, 0);
	FINDS(-1, 11, 0);
	EQUAL(take_frame(&b), 1);
	FINDS(0, 0, 0);
	EQUAL(change(b.fd, EPOLLOUT | EPOLLWRNORM, 12), 0);
	EQUAL(epoll_wait(set, &event, 1, -1), 1);
	EQUAL(event.events, EPOLLOUT | EPOLLWRNORM);
	EQUAL(event.data.u64, 12);
	/* A second number for the same file is a member of its own. */
	{
		int copy = dup(b.fd);

		EQUAL(add(copy, EPOLLOUT, 13), 0);
		FINDS(-1, 12, 13);
		EQUAL(take_out(b.fd), 0);
		FINDS(-1, 13, 0);
		EQUAL(take_out(copy), 0);
		EQUAL(close(copy), 0);
	}
	FINDS(0, 0, 0);
}

static void beside_others(void)
{
	int ends[2];
	struct epoll_event one;

	EQUAL(pipe(ends), 0);
	EQUAL(add(b.fd, EPOLLIN, 1), 0);
	EQUAL(add(a.fd, EPOLLIN, 2), 0);
	EQUAL(add(ends[0], EPOLLIN, 3), 0);
	FINDS(5, 0, 0);
	pass(ends);
	FINDS(-1, 3, 0);
	send_frame(&a, 1);
	FINDS(-1, 1, 3);
	/* One at a time: each has its turn. */
	for (int i = 0, seen = 0; seen != 3; i++) {
		CHECK(i < 10);
		EQUAL(epoll_wait(set, &one, 1, -1), 1);
		seen |= one.data.u64 == 1 ? 1 : 2;
	}
	await(ends);
	FINDS(-1, 1, 0);
	EQUAL(receive_frame(&b), 1);
	FINDS(0, 0, 0);
	EQUAL(take_out(a.fd), 0);
	EQUAL(take_out(b.fd), 0);
	EQUAL(take_out(ends[0]), 0);
	close(ends[0]);
	close(ends[1]);
}

static void once(void)
{
	EQUAL(add(b.fd, EPOLLIN | EPOLLONESHOT, 5), 0);
	send_frame(&a, 1);
	FINDS(-1, 5, 0);
	FINDS(5, 0, 0);
	EQUAL(change(b.fd, EPOLLIN | EPOLLONESHOT, 6), 0);
	FINDS(-1, 6, 0);
	FINDS(0, 0, 0);
	EQUAL(receive_frame(&b), 1);
	EQUAL(take_out(b.fd), 0);
}

static void edges(void)
{
	EQUAL(add(b.fd, EPOLLIN | EPOLLET, 5), 0);
	FINDS(0, 0, 0);
	send_frame(&a, 1);
	FINDS(-1, 5, 0);
	FINDS(5, 0, 0); /* there is nothing new */
	send_frame(&a, 2);
	FINDS(-1, 5, 0);
	FINDS(5, 0, 0);
	EQUAL(receive_frame(&b), 1);
	EQUAL(receive_frame(&b), 2);
	EQUAL(receive_frame(&b), -1);
	/* Once around the ring, so that all looks as it did. */
	for (uint32_t i = 0; i < SLOTS; i++) {
		send_frame(&a, i);
		FINDS(-1, 5, 0);
		EQUAL(receive_frame(&b), i);
	}
	EQUAL(take_out(b.fd), 0);
}

static void closing(void)
{
	int fd = open_netmap(), copy;
	struct nmreq_register reg = { .nr_tx_slots = SLOTS, .nr_rx_slots = SLOTS };

	EQUAL(add(fd, EPOLLIN, 5), 0);
	FINDS(-1, 5, 0); /* an error: it is not registered */
	EQUAL(register_with(fd, "vale0:c", &reg), 0);
	FINDS(0, 0, 0);
	EQUAL(change(fd, EPOLLOUT, 6), 0);
	copy = dup(fd);
	EQUAL(close(fd), 0);
	FINDS(-1, 6, 0); /* the file is open still */
	EQUAL(close(copy), 0);
	FINDS(0, 0, 0);
	CHECK(!exists("vale0:c"));
}

static void *add_later(void *argument)
{
	(void)argument;
	usleep(30 * 1000);
	EQUAL(add(b.fd, EPOLLOUT, 9), 0);
	return NULL;
}

static void *send_later(void *argument)
{
	(void)argument;
	usleep(30 * 1000);
	send_frame(&a, 77);
	return NULL;
}

/* What another thread does to the set, and to the rings, wakes who waits. */
static void threads(void)
{
	pthread_t thread;

	EQUAL(pthread_create(&thread, NULL, add_later, NULL), 0);
	FINDS(10000, 9, 0);
	EQUAL(pthread_join(thread, NULL), 0);
	EQUAL(change(b.fd, EPOLLIN, 10), 0);
	EQUAL(pthread_create(&thread, NULL, send_later, NULL), 0);
	FINDS(10000, 10, 0);
	EQUAL(pthread_join(thread, NULL), 0);
	EQUAL(receive_frame(&b), 77);
	EQUAL(take_out(b.fd), 0);
}

/* A set as one of the files that poll() looks at. */
static void polled(void)
{
	struct pollfd one = { .fd = set, .events = POLLIN };

	EQUAL(add(b.fd, EPOLLIN, 1), 0);
	EQUAL(poll(&one, 1, 0), 0);
	send_frame(&a, 1);
	EQUAL(poll(&one, 1, -1), 1);
	EQUAL(one.revents, POLLIN);
	EQUAL(receive_frame(&b), 1);
	EQUAL(poll(&one, 1, 5), 0);
	EQUAL(take_out(b.fd), 0);
}

static void variants(void)
{
	struct timespec brief = { .tv_nsec = 5 * 1000 * 1000 };
	struct epoll_event event;
	int copy = dup(set);

	EQUAL(add(b.fd, EPOLLIN, 1), 0);
	EQUAL(epoll_pwait(set, &event, 1, 5, NULL), 0);
	EQUAL(epoll_pwait2(set, &event, 1, &brief, NULL), 0);
	send_frame(&a, 1);
	EQUAL(epoll_pwait(copy, &event, 1, -1, NULL), 1);
	EQUAL(epoll_pwait2(copy, &event, 1, NULL, NULL), 1);
	EQUAL(receive_frame(&b), 1);
	EQUAL(close(copy), 0);
	EQUAL(take_out(b.fd), 0);
}

int main(void)
{
	set = epoll_create1(EPOLL_CLOEXEC);
	a = open_port("vale0:a");
	b = open_port("vale0:b");
	/* Twice: before the second time the set has had netmap descriptors in it. */
	for (int i = 0; i < 2; i++) {
		threads();
		membership();
		level();
		beside_others();
		once();
		edges();
		closing();
		polled();
		variants();
	}
	EQUAL(close(set), 0);
	close_port(&a);
	close_port(&b);
	return 0;
}
