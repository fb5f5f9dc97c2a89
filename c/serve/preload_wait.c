/* SPDX-License-Identifier: BSD-2-Clause */
#include "preload_wait.h"

#include <pthread.h>
#include <sys/mman.h>

#include "../backend/daemon_client.h"

enum { FDS_PER_WATCH = 3 }; /* events of receive and transmit rings, and the connection */

int wait_begin(struct wait *wait, uint32_t fds, uint32_t watches)
{
	size_t all_fds = (size_t)fds + (size_t)watches * FDS_PER_WATCH;

	/* Until wait_end(), but where it sleeps. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &wait->cancel);
	wait->fd_count = fds;
	wait->watch_count = 0;
	wait->room = watches;
	wait->memory = NULL;
	wait->fds = wait->some_fds;
	wait->watches = wait->some_watches;
	if (all_fds <= WAIT_FDS && watches <= WAIT_WATCHES)
		return 0;
	/* Not from malloc(): this may be a signal handler. */
	wait->memory_bytes = watches * sizeof(struct watch) + all_fds * sizeof(struct pollfd);
	wait->memory = libc()->mmap(NULL, wait->memory_bytes, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (wait->memory == MAP_FAILED) {
		pthread_setcancelstate(wait->cancel, NULL);
		return -ENOMEM;
	}
	wait->watches = wait->memory;
	wait->fds = (struct pollfd *)(wait->watches + watches);
	return 0;
}

struct watch *wait_add(struct wait *wait, struct file *file, uint32_t wanted, uint32_t owner)
{
	struct watch *watch = &wait->watches[wait->watch_count++];

	*watch = (struct watch){ .file = file, .wanted = wanted, .owner = owner };
	return watch;
}

void wait_resolve(struct watch *watch, int fd)
{
	if (file_registered(watch->file, fd, &watch->descriptor) < 0)
		watch->descriptor = NULL;
}

void wait_end(struct wait *wait)
{
	for (uint32_t i = 0; i < wait->watch_count; i++)
		file_leave(wait->watches[i].file);
	if (wait->memory)
		libc()->munmap(wait->memory, wait->memory_bytes);
	pthread_setcancelstate(wait->cancel, NULL);
}

/* ---- looking ---- */

/* FNV's. */
static uint64_t mix(uint64_t mark, uint32_t value)
{
	return (mark ^ value) * 0x100000001b3;
}

uint64_t wait_mark(void *descriptor, uint32_t wanted)
{
	const struct client *client = descriptor;
	uint64_t mark = 0;

	if (!client || !load_acquire(&client->registered))
		return 1;
	for (int d = RX; d <= TX; d++) {
		if (!(wanted & (d == TX ? POLLOUT : POLLIN)))
			continue;
		for (uint32_t i = 0; i < client_rings(client, d); i++) {
			const struct netmap_ring *ring = client->rings[d][i];

			mark = mix(mark, read_once(&ring->tail));
			mark = mix(mark, read_once(&ring->cur));
		}
	}
	return mark | 2; /* neither 0 nor 1 */
}

static void find(struct watch *watch, int result)
{
	if (result < 0)
		result = result == -ECONNRESET ? POLLERR | POLLHUP : POLLERR;
	if (watch->edge && watch->reported == wait_mark(watch->descriptor, watch->wanted))
		result = 0;
	watch->found |= (uint32_t)result;
}

int wait_look(struct wait *wait)
{
	int any = 0;

	for (uint32_t i = 0; i < wait->watch_count; i++) {
		struct watch *watch = &wait->watches[i];

		watch->found = 0;
		find(watch, watch->descriptor
				    ? backend_daemon.poll(watch->descriptor, watch->wanted, 0)
				    : POLLERR);
		any |= watch->found != 0;
	}
	return any;
}

/* ---- sleeping ---- */

/* Whether there is a port to sleep on. Its events, which take a request at first, are then here. */
static int is_registered(void *descriptor)
{
	struct client *client = descriptor;

	if (!load_acquire(&client->registered))
		return 0;
	if (__builtin_expect(!load_acquire(&client->has_events), 0)) {
		int cancel = connection_lock(descriptor);

		client_events(client);
		connection_unlock(descriptor, cancel);
	}
	return 1;
}

/* Returns whether there is something already. */
static int begin(struct wait *wait)
{
	int any = 0;

	for (uint32_t i = 0; i < wait->watch_count; i++) {
		struct watch *watch = &wait->watches[i];
		int rc = POLLERR;

		watch->found = 0;
		watch->begun = 0;
		/* Looked at first: a descriptor that is registered meanwhile was not begun. */
		if (watch->descriptor && is_registered(watch->descriptor)) {
			rc = daemon_sleep_begin(watch->descriptor, watch->wanted);
			watch->begun = rc >= 0;
		}
		find(watch, rc);
		any |= watch->found != 0;
	}
	return any;
}

static void end(void *argument)
{
	struct wait *wait = argument;
	int error = errno;

	for (uint32_t i = 0; i < wait->watch_count; i++) {
		struct watch *watch = &wait->watches[i];

		if (watch->begun)
			find(watch, daemon_sleep_end(watch->descriptor, watch->wanted));
		watch->begun = 0;
	}
	errno = error;
}

static void cancelled(void *argument)
{
	end(argument);
	wait_end(argument);
}

/* What wakes a watch. */
static struct pollfd *list(const struct watch *watch, struct pollfd *next)
{
	if (!watch->begun)
		return next;
	if (watch->wanted & POLLIN)
		*next++ = (struct pollfd){ .fd = daemon_event(watch->descriptor, POLLIN),
					   .events = POLLIN };
	if (watch->wanted & POLLOUT)
		*next++ = (struct pollfd){ .fd = daemon_event(watch->descriptor, POLLOUT),
					   .events = POLLIN };
	*next++ = (struct pollfd){ .fd = daemon_socket(watch->descriptor) };
	return next;
}

/* The thread may be cancelled here. */
static int real_poll(struct wait *wait, nfds_t count, const struct timespec *timeout,
		     const sigset_t *mask)
{
	int found;

	pthread_cleanup_push(cancelled, wait);
	pthread_setcancelstate(wait->cancel, NULL);
	found = libc()->ppoll(wait->fds, count, timeout, mask);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	pthread_cleanup_pop(0);
	return found;
}

int wait_sleep(struct wait *wait, const struct timespec *timeout, const sigset_t *mask)
{
	static const struct timespec none;
	struct pollfd *last = wait->fds + wait->fd_count;
	int any = begin(wait);
	int count;

	for (uint32_t i = 0; i < wait->watch_count; i++)
		last = list(&wait->watches[i], last);
	count = real_poll(wait, (nfds_t)(last - wait->fds), any ? &none : timeout, mask);
	end(wait);
	if (count <= 0)
		return count;
	count = 0;
	for (uint32_t i = 0; i < wait->fd_count; i++)
		count += wait->fds[i].revents != 0;
	return count;
}

/* ---- time ---- */

enum { NS = 1000000000 };

void deadline_set(struct deadline *deadline, const struct timespec *timeout)
{
	deadline->forever = timeout == NULL;
	if (!timeout)
		return;
	clock_gettime(CLOCK_MONOTONIC, &deadline->end);
	/* Longer than anybody waits, so that it stays a time. */
	deadline->end.tv_sec += timeout->tv_sec < INT32_MAX ? timeout->tv_sec : INT32_MAX;
	deadline->end.tv_nsec += timeout->tv_nsec;
	if (deadline->end.tv_nsec >= NS) {
		deadline->end.tv_sec++;
		deadline->end.tv_nsec -= NS;
	}
}

struct timespec *deadline_left(const struct deadline *deadline, struct timespec *left)
{
	if (deadline->forever)
		return NULL;
	clock_gettime(CLOCK_MONOTONIC, left);
	left->tv_sec = deadline->end.tv_sec - left->tv_sec;
	left->tv_nsec = deadline->end.tv_nsec - left->tv_nsec;
	if (left->tv_nsec < 0) {
		left->tv_sec--;
		left->tv_nsec += NS;
	}
	if (left->tv_sec < 0)
		*left = (struct timespec){ 0, 0 };
	return left;
}

int deadline_over(const struct deadline *deadline)
{
	struct timespec left;

	return deadline_left(deadline, &left) && left.tv_sec == 0 && left.tv_nsec == 0;
}

struct timespec *timespec_of_ms(int timeout_ms, struct timespec *out)
{
	if (timeout_ms < 0)
		return NULL;
	*out = (struct timespec){ timeout_ms / 1000, (long)(timeout_ms % 1000) * 1000000 };
	return out;
}
