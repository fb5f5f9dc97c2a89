/* SPDX-License-Identifier: BSD-2-Clause */
/* poll() and ppoll() find on netmap descriptors what netmap's poll finds, beside other files. */
#include "p.h"

static struct port a, b;

static int poll_one(int fd, short events, int timeout_ms)
{
	struct pollfd one = { .fd = fd, .events = events, .revents = 0x55 };
	int rc = poll(&one, 1, timeout_ms);

	EQUAL(rc, one.revents != 0);
	return (uint16_t)one.revents;
}

static void unregistered(void)
{
	int fd = open_netmap();

	EQUAL(poll_one(fd, POLLIN, -1), POLLERR);
	EQUAL(poll_one(fd, 0, -1), POLLERR);
	EQUAL(close(fd), 0);
	EQUAL(poll_one(fd, POLLIN, -1), POLLNVAL);
}

static void events(void)
{
	int64_t start = now_ms();

	EQUAL(poll_one(b.fd, POLLIN, 0), 0);
	EQUAL(poll_one(b.fd, POLLIN, 30), 0);
	CHECK(now_ms() - start >= 30);
	EQUAL(poll_one(b.fd, POLLOUT, -1), POLLOUT);
	EQUAL(poll_one(b.fd, POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM, -1), POLLOUT | POLLWRNORM);
	EQUAL(poll_one(b.fd, POLLWRNORM, -1), POLLWRNORM);
	put_frame(&a, 1);
	EQUAL(poll_one(a.fd, 0, 0), 0); /* sends it */
	EQUAL(poll_one(b.fd, POLLOUT, -1), POLLOUT);
	EQUAL(take_frame(&b), -1); /* only who asks for input syncs it */
	EQUAL(poll_one(b.fd, POLLIN | POLLRDNORM, -1), POLLIN | POLLRDNORM);
	EQUAL(poll_one(b.fd, POLLRDNORM, -1), POLLRDNORM); /* as long as it lasts */
	EQUAL(take_frame(&b), 1);
	EQUAL(poll_one(b.fd, POLLIN, 0), 0);
	/* A ring that is not in a legal state: once. */
	rx_ring(&a, 0)->cur = 9999;
	EQUAL(poll_one(a.fd, POLLIN, -1), POLLERR);
	EQUAL(poll_one(a.fd, POLLIN, 0), 0);
}

static void beside_others(void)
{
	int ends[2], gone;
	struct pollfd fds[7];

	EQUAL(pipe(ends), 0);
	gone = dup(0);
	close(gone);
	fds[0] = (struct pollfd){ .fd = ends[0], .events = POLLIN };
	fds[1] = (struct pollfd){ .fd = b.fd, .events = POLLIN };
	fds[2] = (struct pollfd){ .fd = -5, .events = POLLIN };
	fds[3] = (struct pollfd){ .fd = a.fd, .events = POLLIN };
	EQUAL(poll(fds, 4, 10), 0);
	send_frame(&a, 7);
	EQUAL(poll(fds, 4, -1), 1);
	EQUAL(fds[1].revents, POLLIN);
	EQUAL(fds[0].revents | fds[2].revents | fds[3].revents, 0);
	pass(ends);
	EQUAL(poll(fds, 4, -1), 2);
	EQUAL(fds[0].revents, POLLIN);
	EQUAL(fds[1].revents, POLLIN);
	EQUAL(take_frame(&b), 7);
	EQUAL(poll(fds, 4, -1), 1);
	EQUAL(fds[0].revents, POLLIN);
	await(ends);
	fds[4] = (struct pollfd){ .fd = b.fd, .events = POLLOUT }; /* the same one twice */
	fds[5] = (struct pollfd){ .fd = gone, .events = POLLIN };
	fds[6] = (struct pollfd){ .fd = ends[1], .events = POLLOUT };
	EQUAL(poll(fds, 7, -1), 3);
	EQUAL(fds[4].revents, POLLOUT);
	EQUAL(fds[5].revents, POLLNVAL);
	EQUAL(fds[6].revents, POLLOUT);
	EQUAL(fds[1].revents, 0);
	EQUAL(poll(NULL, 0, 10), 0);
	close(ends[0]);
	close(ends[1]);
}

/* More than a stack would hold. */
static void many(void)
{
	enum { MANY = 900 };
	static struct pollfd fds[MANY + 1];

	for (int i = 0; i < MANY; i++)
		fds[i] = (struct pollfd){ .fd = i % 2 ? a.fd : -1, .events = POLLIN };
	fds[MANY] = (struct pollfd){ .fd = b.fd, .events = POLLOUT };
	EQUAL(poll(fds, MANY, 5), 0);
	EQUAL(poll(fds, MANY + 1, -1), 1);
	EQUAL(fds[MANY].revents, POLLOUT);
	send_frame(&b, 1);
	EQUAL(poll(fds, MANY, -1), MANY / 2);
	EQUAL(fds[1].revents, POLLIN);
	EQUAL(fds[2].revents, 0);
	EQUAL(receive_frame(&a), 1);
}

static volatile sig_atomic_t signals;

static void on_signal(int number)
{
	(void)number;
	signals++;
}

static void with_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct pollfd one = { .fd = b.fd, .events = POLLIN };
	struct timespec brief = { .tv_nsec = 20 * 1000 * 1000 };
	struct timespec wrong = { .tv_nsec = 1000 * 1000 * 1000 };
	sigset_t block, none;

	EQUAL(sigaction(SIGALRM, &action, NULL), 0);
	ualarm(20 * 1000, 0);
	FAILS(poll(&one, 1, -1), EINTR);
	EQUAL(signals, 1);
	/* Blocked but for the time of the wait. */
	sigemptyset(&none);
	sigemptyset(&block);
	sigaddset(&block, SIGALRM);
	EQUAL(sigprocmask(SIG_BLOCK, &block, NULL), 0);
	raise(SIGALRM);
	EQUAL(ppoll(&one, 1, &brief, NULL), 0);
	EQUAL(signals, 1);
	FAILS(ppoll(&one, 1, NULL, &none), EINTR);
	EQUAL(signals, 2);
	EQUAL(sigprocmask(SIG_UNBLOCK, &block, NULL), 0);
	EQUAL(brief.tv_nsec, 20 * 1000 * 1000);
	FAILS(ppoll(&one, 1, &wrong, NULL), EINVAL);
	send_frame(&a, 3);
	EQUAL(ppoll(&one, 1, NULL, NULL), 1);
	EQUAL(receive_frame(&b), 3);
}

/* A handler that uses netmap itself, while the program waits on it. */
static void in_handler(int number)
{
	(void)number;
	EQUAL(poll_one(b.fd, POLLIN, 0), 0);
	send_frame(&a, 5);
	EQUAL(close(dup(b.fd)), 0);
	signals++;
}

static void handler_uses(void)
{
	struct sigaction action = { .sa_handler = in_handler };

	EQUAL(sigaction(SIGALRM, &action, NULL), 0);
	signals = 0;
	ualarm(20 * 1000, 0);
	/* What came meanwhile is told rather than the signal, or the other way. */
	CHECK(poll_one(b.fd, POLLOUT, 0) == POLLOUT);
	{
		struct pollfd one = { .fd = b.fd, .events = POLLIN };
		int rc = poll(&one, 1, -1);

		CHECK(rc == 1 || (rc == -1 && errno == EINTR));
	}
	EQUAL(signals, 1);
	EQUAL(poll_one(b.fd, POLLIN, -1), POLLIN);
	EQUAL(receive_frame(&b), 5);
}

int __poll_chk(struct pollfd *fds, nfds_t count, int timeout_ms, size_t room);

static void fortified(void)
{
	struct pollfd one = { .fd = b.fd, .events = POLLOUT };

	EQUAL(__poll_chk(&one, 1, -1, sizeof(one)), 1);
	EQUAL(one.revents, POLLOUT);
}

int main(void)
{
	unregistered();
	a = open_port("vale0:a");
	b = open_port("vale0:b");
	events();
	beside_others();
	many();
	with_signals();
	handler_uses();
	fortified();
	close_port(&a);
	close_port(&b);
	return 0;
}
