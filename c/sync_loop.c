/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CSB mode for bindings: the memory, the eventfds and the thread are the library's, and a script
 * needs no call to exchange packets, only loads and stores.
 */
#include "sync_loop.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "backend/sleeper.h"
#include "csb_memory.h"
#include "handle.h"

enum { STATUS_BYTES = 64 };

/* Behind the entries of the rings. */
struct status {
	uint32_t running;
	int32_t result; /* of SYNC_KLOOP_START, once it is not running */
	uint32_t pad[14];
};

struct library_loop {
	const struct backend *backend;
	void *descriptor;
	struct handle *handle;
	pthread_mutex_t lock; /* starting and stopping */
	pthread_t thread;
	int has_thread; /* to be joined */
	uint32_t sleep_us, flags;
	uint32_t rings[2], count; /* by direction, of which transmit rings come first */
	uint8_t *memory;
	struct nm_csb_atok *atok;
	struct nm_csb_ktoa *ktoa;
	struct status *status;
	int kick_fd, irq_fd[2], wake_fd; /* eventfds */
};

static struct nmreq_header header_of(uint16_t type, void *body, void *options)
{
	return (struct nmreq_header){
		.nr_version = NETMAP_API,
		.nr_reqtype = type,
		.nr_body = (uintptr_t)body,
		.nr_options = (uintptr_t)options,
	};
}

/* ---- making ---- */

/* The rings that are bound: those that the netmap_if lists. -ENXIO: not registered. */
static int count_rings(struct library_loop *loop, uint64_t if_offset)
{
	const struct netmap_if *nifp;
	uint64_t region[2];
	uint32_t tx, rx;
	int rc = loop->backend->map(loop->descriptor, region);

	if (rc < 0)
		return rc;
	if (if_offset > region[1] - sizeof(*nifp))
		return -EINVAL;
	nifp = (const void *)(uintptr_t)(region[0] + if_offset);
	tx = nifp->ni_tx_rings + nifp->ni_host_tx_rings;
	rx = nifp->ni_rx_rings + nifp->ni_host_rx_rings;
	if (tx > 512 || rx > 512 ||
	    if_offset + sizeof(*nifp) + (tx + rx) * sizeof(nifp->ring_ofs[0]) > region[1])
		return -EINVAL;
	loop->rings[TX] = loop->rings[RX] = 0;
	for (uint32_t i = 0; i < tx + rx; i++)
		loop->rings[i < tx ? TX : RX] += nifp->ring_ofs[i] != 0;
	loop->count = loop->rings[TX] + loop->rings[RX];
	return loop->count ? 0 : -EINVAL;
}

static void close_fds(struct library_loop *loop)
{
	const int fds[] = { loop->kick_fd, loop->irq_fd[RX], loop->irq_fd[TX], loop->wake_fd };

	for (int i = 0; i < 4; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

static void loop_free(struct library_loop *loop)
{
	close_fds(loop);
	if (loop->memory)
		csb_memory_give(loop->memory);
	pthread_mutex_destroy(&loop->lock);
	free(loop);
}

static int open_fds(struct library_loop *loop)
{
	int *fds[] = { &loop->kick_fd, &loop->irq_fd[RX], &loop->irq_fd[TX], &loop->wake_fd };

	for (int i = 0; i < 4; i++) {
		*fds[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (*fds[i] < 0)
			return -errno;
	}
	return 0;
}

static int enter_csb_mode(struct library_loop *loop)
{
	struct nmreq_opt_csb option = {
		.nro_opt.nro_reqtype = NETMAP_REQ_OPT_CSB,
		.csb_atok = (uintptr_t)loop->atok,
		.csb_ktoa = (uintptr_t)loop->ktoa,
	};
	struct nmreq_header header = header_of(NETMAP_REQ_CSB_ENABLE, NULL, &option);
	int rc = loop->backend->control(loop->descriptor, &header);

	/* Until somebody waits, nobody wants to be told. */
	for (uint32_t i = 0; rc == 0 && i < loop->count; i++)
		store_ordered(&loop->atok[i].appl_need_kick, 0);
	return rc;
}

static int loop_make(struct handle *handle, uint64_t if_offset, struct library_loop **out)
{
	struct library_loop *loop = calloc(1, sizeof(*loop));
	uint64_t bytes;
	int rc;

	if (!loop)
		return -ENOMEM;
	loop->backend = handle->backend;
	loop->descriptor = handle->descriptor;
	loop->kick_fd = loop->irq_fd[RX] = loop->irq_fd[TX] = loop->wake_fd = -1;
	pthread_mutex_init(&loop->lock, NULL);
	rc = count_rings(loop, if_offset);
	if (rc == 0)
		rc = open_fds(loop);
	bytes = loop->count * (sizeof(*loop->atok) + sizeof(*loop->ktoa)) + STATUS_BYTES;
	if (rc == 0) {
		loop->memory = csb_memory_take(bytes);
		rc = loop->memory ? 0 : -ENOMEM;
	}
	if (rc == 0) {
		loop->atok = (void *)loop->memory;
		loop->ktoa = (void *)(loop->atok + loop->count);
		loop->status = (void *)(loop->ktoa + loop->count);
		rc = enter_csb_mode(loop);
	}
	if (rc < 0) {
		loop_free(loop);
		return rc;
	}
	*out = loop;
	return 0;
}

/* ---- running ---- */

static void tell_waiters(struct library_loop *loop)
{
	event_signal(loop->wake_fd);
}

/* SYNC_KLOOP_START with one kick for all rings, and one interrupt for each direction. */
static int run(struct library_loop *loop)
{
	uint64_t bytes = sizeof(struct nmreq_opt_sync_kloop_eventfds) +
			 loop->count * sizeof(((struct nmreq_opt_sync_kloop_eventfds *)0)->eventfds[0]);
	struct nmreq_opt_sync_kloop_eventfds *option = calloc(1, bytes);
	struct nmreq_sync_kloop_start body = { .sleep_us = loop->sleep_us };
	struct nmreq_header header =
		header_of(NETMAP_REQ_SYNC_KLOOP_START, &body,
			  loop->flags & VALET_SYNC_LOOP_BY_EVENT ? option : NULL);
	int rc = -ENOMEM;

	if (!option)
		return rc;
	option->nro_opt.nro_reqtype = NETMAP_REQ_OPT_SYNC_KLOOP_EVENTFDS;
	option->nro_opt.nro_size = bytes;
	for (uint32_t i = 0; i < loop->count; i++) {
		option->eventfds[i].ioeventfd = loop->kick_fd;
		option->eventfds[i].irqfd = loop->irq_fd[i < loop->rings[TX] ? TX : RX];
	}
	rc = loop->backend->control(loop->descriptor, &header);
	free(option);
	return rc;
}

static void *thread_main(void *argument)
{
	struct library_loop *loop = argument;
	struct handle *handle = loop->handle;

	write_once(&loop->status->result, run(loop));
	/* Pairs with whoever looks whether the loop runs: the result is there. */
	store_release(&loop->status->running, 0);
	tell_waiters(loop);
	handle_leave(handle);
	return NULL;
}

static void join(struct library_loop *loop)
{
	if (loop->has_thread)
		pthread_join(loop->thread, NULL);
	loop->has_thread = 0;
}

static int start_thread(struct library_loop *loop, struct handle *handle, uint32_t sleep_us,
			uint32_t flags)
{
	int rc;

	if (load_acquire(&loop->status->running))
		return -EBUSY;
	join(loop);
	/* Its end was told, whoever heard of it. */
	event_take(loop->wake_fd);
	write_once(&loop->sleep_us, sleep_us);
	write_once(&loop->flags, flags);
	loop->handle = handle;
	write_once(&loop->status->result, 0);
	write_once(&loop->status->running, 1);
	/* The thread's own, so that the descriptor stays as long as it runs. */
	handle_again(handle);
	rc = -pthread_create(&loop->thread, NULL, thread_main, loop);
	loop->has_thread = rc == 0;
	if (rc < 0) {
		write_once(&loop->status->running, 0);
		handle_leave(handle);
	}
	return rc;
}

int32_t valet_sync_loop_start(int32_t number, uint32_t if_offset, uint32_t sleep_us, uint32_t flags,
			      uint64_t *out)
{
	struct handle *handle = handle_enter(number);
	struct library_loop *loop;
	int rc = 0;

	if (!handle)
		return -EBADF;
	loop = load_acquire(&handle->loop);
	if (sleep_us > 1000000 || flags & ~(uint32_t)VALET_SYNC_LOOP_BY_EVENT) {
		rc = -EINVAL;
	} else if (!loop) {
		struct library_loop *none = NULL;

		rc = loop_make(handle, if_offset, &loop);
		/* Of two threads that make one, one does. */
		if (rc == 0 && !__atomic_compare_exchange_n(&handle->loop, &none, loop, 0,
							    __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
			loop_free(loop);
			rc = -EBUSY;
		}
	}
	if (rc == 0) {
		pthread_mutex_lock(&loop->lock);
		rc = start_thread(loop, handle, sleep_us, flags);
		pthread_mutex_unlock(&loop->lock);
		out[0] = (uintptr_t)loop->memory;
		out[1] = loop->count * (sizeof(*loop->atok) + sizeof(*loop->ktoa)) + STATUS_BYTES;
	}
	handle_leave(handle);
	return rc;
}

int32_t valet_sync_loop_stop(int32_t number, uint32_t wait)
{
	struct handle *handle = handle_enter(number);
	struct library_loop *loop;
	int rc = 0;

	if (!handle)
		return -EBADF;
	loop = load_acquire(&handle->loop);
	if (!loop) {
		rc = -ENXIO;
		goto out;
	}
	pthread_mutex_lock(&loop->lock);
	/* One that has not got as far as its request ends when it does. */
	if (load_acquire(&loop->status->running))
		loop->backend->closing(loop->descriptor);
	if (wait) {
		join(loop);
		rc = read_once(&loop->status->result);
	}
	pthread_mutex_unlock(&loop->lock);
out:
	handle_leave(handle);
	return rc;
}

int32_t valet_sync_loop_kick(int32_t number)
{
	struct handle *handle = handle_enter(number);
	struct library_loop *loop;

	if (!handle)
		return -EBADF;
	loop = load_acquire(&handle->loop);
	if (loop)
		event_signal(loop->kick_fd);
	handle_leave(handle);
	return loop ? 0 : -ENXIO;
}

/* ---- waiting ---- */

static uint32_t first_of(const struct library_loop *loop, enum direction direction)
{
	return direction == TX ? 0 : loop->rings[TX];
}

/* Events of rings whose cur is not where the loop's tail is. */
static uint32_t ready(const struct library_loop *loop, uint32_t events)
{
	uint32_t found = 0;

	for (int d = RX; d <= TX; d++) {
		uint32_t bit = d == TX ? POLLOUT : POLLIN, first = first_of(loop, d);

		for (uint32_t i = first; events & bit && i < first + loop->rings[d]; i++)
			/* Pairs with the loop's store: the slots before it are filled, or free. */
			if (load_ordered(&loop->ktoa[i].hwtail) != read_once(&loop->atok[i].cur))
				found |= bit;
	}
	return found;
}

/* The loop stores the tail and then looks at this. */
static void need_kick(struct library_loop *loop, uint32_t events, int32_t change)
{
	for (int d = RX; d <= TX; d++) {
		uint32_t first = first_of(loop, d);

		for (uint32_t i = first; i < first + loop->rings[d]; i++)
			if (events & (d == TX ? POLLOUT : POLLIN))
				__atomic_add_fetch(&loop->atok[i].appl_need_kick, (uint32_t)change,
						   __ATOMIC_SEQ_CST);
	}
}

static int32_t wait_for(struct library_loop *loop, uint32_t events, int32_t timeout_ms)
{
	int64_t end = now_ms() + timeout_ms;
	struct pollfd fds[3] = {
		{ .fd = loop->wake_fd, .events = POLLIN },
		{ .fd = events & POLLIN ? loop->irq_fd[RX] : -1, .events = POLLIN },
		{ .fd = events & POLLOUT ? loop->irq_fd[TX] : -1, .events = POLLIN },
	};
	int by_event = (read_once(&loop->flags) & VALET_SYNC_LOOP_BY_EVENT) != 0;
	int32_t step_ms = 1 + (int32_t)(read_once(&loop->sleep_us) / 1000);
	uint32_t found;

	while (!(found = ready(loop, events)) && load_acquire(&loop->status->running)) {
		int32_t left = timeout_ms < 0 ? INT32_MAX : (int32_t)(end - now_ms());

		if (left <= 0)
			break;
		/* A loop that only sleeps tells nobody. */
		if (!by_event && left > step_ms)
			left = step_ms;
		if (poll(fds, 3, left == INT32_MAX ? -1 : left) <= 0)
			continue;
		for (int i = 1; i < 3; i++)
			if (fds[i].revents)
				event_take(fds[i].fd);
		if (fds[0].revents) {
			event_take(loop->wake_fd);
			return (int32_t)ready(loop, events);
		}
	}
	return (int32_t)found;
}

int32_t valet_sync_loop_wait(int32_t number, uint32_t events, int32_t timeout_ms)
{
	struct handle *handle = handle_enter(number);
	struct library_loop *loop;
	int32_t rc;

	if (!handle)
		return -EBADF;
	loop = load_acquire(&handle->loop);
	if (!loop) {
		handle_leave(handle);
		return -ENXIO;
	}
	need_kick(loop, events, 1);
	rc = wait_for(loop, events, timeout_ms);
	need_kick(loop, events, -1);
	handle_leave(handle);
	return rc;
}

/* ---- for handle.c ---- */

void library_loop_wake(struct handle *handle)
{
	struct library_loop *loop = load_acquire(&handle->loop);

	if (loop)
		tell_waiters(loop);
}

void library_loop_free(struct handle *handle)
{
	struct library_loop *loop = handle->loop;

	handle->loop = NULL;
	if (!loop)
		return;
	/* It may be the loop's own thread that is the last to leave. */
	if (loop->has_thread && !pthread_equal(loop->thread, pthread_self()))
		pthread_join(loop->thread, NULL);
	else if (loop->has_thread)
		pthread_detach(loop->thread);
	loop_free(loop);
}
