/* SPDX-License-Identifier: BSD-2-Clause */
/* select() and pselect() know netmap descriptors among others. */
#include "p.h"

#include <sys/select.h>

static struct port a, b;

struct sets {
	fd_set read, write, except;
};

static struct sets none(void)
{
	struct sets sets;

	FD_ZERO(&sets.read);
	FD_ZERO(&sets.write);
	FD_ZERO(&sets.except);
	return sets;
}

static int wait_for(struct sets *sets, int timeout_ms)
{
	struct timeval time = { timeout_ms / 1000, timeout_ms % 1000 * 1000 };

	return select(FD_SETSIZE, &sets->read, &sets->write, &sets->except,
		      timeout_ms < 0 ? NULL : &time);
}

static void unregistered(void)
{
	struct sets sets = none();
	int fd = open_netmap();

	/* An error can be read and written. */
	FD_SET(fd, &sets.read);
	FD_SET(fd, &sets.write);
	FD_SET(fd, &sets.except);
	EQUAL(wait_for(&sets, -1), 2);
	CHECK(FD_ISSET(fd, &sets.read) && FD_ISSET(fd, &sets.write));
	CHECK(!FD_ISSET(fd, &sets.except));
	EQUAL(close(fd), 0);
	FAILS(wait_for(&sets, -1), EBADF);
	CHECK(FD_ISSET(fd, &sets.read));
}

static void events(void)
{
	struct sets sets = none();

	FD_SET(b.fd, &sets.read);
	FD_SET(b.fd, &sets.write);
	EQUAL(wait_for(&sets, -1), 1);
	CHECK(!FD_ISSET(b.fd, &sets.read) && FD_ISSET(b.fd, &sets.write));
	sets = none();
	FD_SET(b.fd, &sets.read);
	FD_SET(b.fd, &sets.except);
	EQUAL(wait_for(&sets, 0), 0);
	CHECK(!FD_ISSET(b.fd, &sets.read) && !FD_ISSET(b.fd, &sets.except));
	send_frame(&a, 1);
	FD_SET(b.fd, &sets.read);
	EQUAL(select(b.fd + 1, &sets.read, NULL, NULL, NULL), 1);
	CHECK(FD_ISSET(b.fd, &sets.read));
	/* Only the fds below the count are looked at. */
	EQUAL(select(b.fd, &sets.read, NULL, NULL, &(struct timeval){ 0, 0 }), 0);
	EQUAL(take_frame(&b), 1);
	FAILS(select(-1, &sets.read, NULL, NULL, NULL), EINVAL);
}

static void beside_others(void)
{
	struct sets sets = none();
	int ends[2];

	EQUAL(pipe(ends), 0);
	FD_SET(ends[0], &sets.read);
	FD_SET(b.fd, &sets.read);
	EQUAL(wait_for(&sets, 10), 0);
	pass(ends);
	send_frame(&a, 2);
	FD_SET(ends[0], &sets.read);
	FD_SET(ends[1], &sets.write);
	FD_SET(b.fd, &sets.read);
	FD_SET(a.fd, &sets.read);
	EQUAL(wait_for(&sets, -1), 3);
	CHECK(FD_ISSET(ends[0], &sets.read) && FD_ISSET(b.fd, &sets.read));
	CHECK(FD_ISSET(ends[1], &sets.write) && !FD_ISSET(a.fd, &sets.read));
	EQUAL(receive_frame(&b), 2);
	/* A reader that is gone is nothing to who asks for exceptions. */
	close(ends[0]);
	sets = none();
	FD_SET(ends[1], &sets.except);
	FD_SET(b.fd, &sets.read);
	EQUAL(wait_for(&sets, 20), 0);
	close(ends[1]);
}

static void timeouts(void)
{
	struct sets sets = none();
	struct timeval time = { 0, 30 * 1000 };
	const struct timespec brief = { 0, 30 * 1000 * 1000 };
	int64_t start = now_ms();

	FD_SET(b.fd, &sets.read);
	EQUAL(select(b.fd + 1, &sets.read, NULL, NULL, &time), 0);
	CHECK(now_ms() - start >= 30);
	EQUAL(time.tv_sec, 0);
	EQUAL(time.tv_usec, 0);
	/* What is left of it. */
	send_frame(&a, 3);
	FD_SET(b.fd, &sets.read);
	time = (struct timeval){ 100, 0 };
	EQUAL(select(b.fd + 1, &sets.read, NULL, NULL, &time), 1);
	CHECK(time.tv_sec >= 90 && time.tv_sec < 100);
	EQUAL(receive_frame(&b), 3);
	time = (struct timeval){ -1, 0 };
	FD_SET(b.fd, &sets.read);
	FAILS(select(b.fd + 1, &sets.read, NULL, NULL, &time), EINVAL);
	EQUAL(pselect(b.fd + 1, &sets.read, NULL, NULL, &brief, NULL), 0);
}

static void on_signal(int number)
{
	(void)number;
}

static void with_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct sets sets = none();
	sigset_t block, open;

	EQUAL(sigaction(SIGALRM, &action, NULL), 0);
	FD_SET(b.fd, &sets.read);
	ualarm(20 * 1000, 0);
	FAILS(wait_for(&sets, -1), EINTR);
	CHECK(FD_ISSET(b.fd, &sets.read));
	sigemptyset(&open);
	sigemptyset(&block);
	sigaddset(&block, SIGALRM);
	EQUAL(sigprocmask(SIG_BLOCK, &block, NULL), 0);
	raise(SIGALRM);
	FAILS(pselect(b.fd + 1, &sets.read, NULL, NULL, NULL, &open), EINTR);
	EQUAL(sigprocmask(SIG_UNBLOCK, &block, NULL), 0);
}

int main(void)
{
	unregistered();
	a = open_port("vale0:a");
	b = open_port("vale0:b");
	events();
	beside_others();
	timeouts();
	with_signals();
	close_port(&a);
	close_port(&b);
	return 0;
}
