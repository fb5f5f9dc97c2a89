/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads use descriptors of their own, and one together, while others open and close. */
#include "p.h"

#include <sys/syscall.h>

#ifdef SYS_poll
#define POLL_CALL SYS_poll
#else
#define POLL_CALL SYS_ppoll
#endif

enum { PAIRS = 3, FRAMES = 5000, OPENS = 200 };

static void wait_for(int fd, short events)
{
	struct pollfd one = { .fd = fd, .events = events };

	EQUAL(poll(&one, 1, 20000), 1);
	CHECK(one.revents & events);
}

/* A pair of its own, frames there and back one by one. */
static void *play(void *argument)
{
	int number = (int)(intptr_t)argument;
	char names[2][32];
	struct port a, b;

	snprintf(names[0], sizeof(names[0]), "vale%d:a", number);
	snprintf(names[1], sizeof(names[1]), "vale%d:b", number);
	a = open_port(names[0]);
	b = open_port(names[1]);
	for (uint32_t i = 0; i < FRAMES; i++) {
		const struct port *from = i % 2 ? &a : &b, *to = i % 2 ? &b : &a;

		send_frame(from, i);
		wait_for(to->fd, POLLIN);
		EQUAL(take_frame(to), i);
	}
	close_port(&a);
	close_port(&b);
	return NULL;
}

static void *open_and_close(void *argument)
{
	(void)argument;
	for (int i = 0; i < OPENS; i++) {
		struct port port = open_port("vale6:x");
		int copy = dup(port.fd);

		EQUAL(ioctl(copy, NIOCTXSYNC, NULL), 0);
		EQUAL(close(copy), 0);
		close_port(&port);
	}
	return NULL;
}

static void separately(void)
{
	pthread_t threads[PAIRS + 2];

	for (int i = 0; i < PAIRS; i++)
		EQUAL(pthread_create(&threads[i], NULL, play, (void *)(intptr_t)i), 0);
	for (int i = PAIRS; i < PAIRS + 2; i++)
		EQUAL(pthread_create(&threads[i], NULL, open_and_close, NULL), 0);
	for (int i = 0; i < PAIRS + 2; i++)
		EQUAL(pthread_join(threads[i], NULL), 0);
}

static struct port shared, peer;

static void *send_some(void *argument)
{
	(void)argument;
	for (int i = 0; i < 500; i++)
		EQUAL(ioctl(shared.fd, NIOCTXSYNC, NULL), 0);
	return NULL;
}

static void *receive_some(void *argument)
{
	(void)argument;
	wait_for(shared.fd, POLLIN);
	return NULL;
}

/* On one descriptor: one in each call. */
static void together(void)
{
	pthread_t threads[4];

	shared = open_port("vale0:s");
	peer = open_port("vale0:p");
	EQUAL(pthread_create(&threads[0], NULL, send_some, NULL), 0);
	EQUAL(pthread_create(&threads[1], NULL, send_some, NULL), 0);
	EQUAL(pthread_create(&threads[2], NULL, receive_some, NULL), 0);
	EQUAL(pthread_create(&threads[3], NULL, receive_some, NULL), 0);
	usleep(10 * 1000);
	send_frame(&peer, 1);
	for (int i = 0; i < 4; i++)
		EQUAL(pthread_join(threads[i], NULL), 0);
	EQUAL(receive_frame(&shared), 1);
	close_port(&shared);
	close_port(&peer);
}

static pid_t waiting; /* the thread that is about to poll */

/* Until it is in the kernel's poll. */
static void await_sleeper(void)
{
	char name[64], status[256];
	long call;

	while (!__atomic_load_n(&waiting, __ATOMIC_ACQUIRE))
		usleep(1000);
	snprintf(name, sizeof(name), "/proc/self/task/%d/syscall", (int)waiting);
	do {
		FILE *file = fopen(name, "r");

		if (!file) /* not every kernel tells */
			_exit(77);
		usleep(1000);
		CHECK(fgets(status, sizeof(status), file));
		fclose(file);
		call = strtol(status, NULL, 10);
	} while (call != POLL_CALL && call != SYS_ppoll);
	__atomic_store_n(&waiting, 0, __ATOMIC_RELEASE);
}

static void *poll_until(void *argument)
{
	struct pollfd one = { .fd = *(int *)argument, .events = POLLIN };

	__atomic_store_n(&waiting, gettid(), __ATOMIC_RELEASE);
	EQUAL(poll(&one, 1, 500), 1);
	return (void *)(intptr_t)one.revents;
}

/*
 * One waits while another closes: the wait has the file until its end, and then finds it gone, as
 * in the kernel.
 */
static void closed_meanwhile(void)
{
	struct port port = open_port("vale0:s");
	int fd = port.fd;
	pthread_t thread;
	void *result;

	EQUAL(pthread_create(&thread, NULL, poll_until, &fd), 0);
	await_sleeper();
	close_port(&port);
	FAILS(ioctl(fd, NIOCTXSYNC, NULL), EBADF);
	EQUAL(pthread_join(thread, &result), 0);
	EQUAL((intptr_t)result, POLLNVAL);
	CHECK(!exists("vale0:s"));
}

static void *poll_forever(void *argument)
{
	struct pollfd one = { .fd = *(int *)argument, .events = POLLIN };

	__atomic_store_n(&waiting, gettid(), __ATOMIC_RELEASE);
	poll(&one, 1, -1);
	return NULL;
}

/* A thread that is cancelled in poll() leaves nothing behind. */
static void cancelled(void)
{
	for (int i = 0; i < 50; i++) {
		struct port port = open_port("vale0:s");
		pthread_t thread;
		void *result;

		EQUAL(pthread_create(&thread, NULL, poll_forever, &port.fd), 0);
		if (i == 0)
			await_sleeper();
		else
			usleep((useconds_t)i * 20); /* in the midst of anything */
		EQUAL(pthread_cancel(thread), 0);
		EQUAL(pthread_join(thread, &result), 0);
		CHECK(result == PTHREAD_CANCELED);
		close_port(&port);
		CHECK(!exists("vale0:s"));
	}
}

static void *fork_often(void *argument)
{
	(void)argument;
	for (int i = 0; i < 50; i++) {
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (pid == 0) {
			/* While other threads of the parent were in the middle of anything. */
			struct port port = open_port("vale7:f");

			send_frame(&port, 1);
			close_port(&port);
			_exit(0);
		}
		join_child(pid);
	}
	return NULL;
}

static void forking(void)
{
	pthread_t threads[3];

	EQUAL(pthread_create(&threads[0], NULL, play, (void *)(intptr_t)0), 0);
	EQUAL(pthread_create(&threads[1], NULL, open_and_close, NULL), 0);
	EQUAL(pthread_create(&threads[2], NULL, fork_often, NULL), 0);
	for (int i = 0; i < 3; i++)
		EQUAL(pthread_join(threads[i], NULL), 0);
}

int main(void)
{
	separately();
	together();
	closed_meanwhile();
	cancelled();
	forking();
	return 0;
}
