/* SPDX-License-Identifier: BSD-2-Clause */
/* The requests of CSB mode, and the loop's rounds. */
#define _GNU_SOURCE /* RWF_NOWAIT */
#include "sync_loop.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "../engine/control.h"
#include "../engine/csb_mode.h"
#include "../engine/option.h"
#include "sleeper.h"

enum {
	SLEEP_US_MAX = 1000000,
	/* However long nobody says anything, the rings are looked at. */
	ROUND_MS_MAX = 3000,
};

void sync_loop_init(struct sync_loop *loop)
{
	memset(loop, 0, sizeof(*loop));
	pthread_mutex_init(&loop->lock, NULL);
	pthread_cond_init(&loop->ended, NULL);
	loop->stop_fd = -1;
}

void sync_loop_destroy(struct sync_loop *loop)
{
	pthread_cond_destroy(&loop->ended);
	pthread_mutex_destroy(&loop->lock);
}

/* ---- the option ---- */

static void take_over(struct sync_loop *loop, const struct sync_loop_calls *calls, void *descriptor,
		      uint64_t atok, uint64_t ktoa)
{
	uint32_t count = calls->rings(descriptor, TX) + calls->rings(descriptor, RX), n = 0;

	/* With no rings bound there is no CSB mode, and the addresses may be anything. */
	if (!count)
		return;
	loop->ktoa = (void *)(uintptr_t)ktoa;
	memset(loop->ktoa, 0, count * sizeof(*loop->ktoa));
	for (int d = TX; d >= RX; d--) {
		for (uint32_t i = 0; i < calls->rings(descriptor, (enum direction)d); i++, n++) {
			struct loop_ring ring = {
				.direction = (enum direction)d,
				.index = i,
				.atok = (struct nm_csb_atok *)(uintptr_t)atok + n,
				.ktoa = loop->ktoa + n,
			};

			loop_ring_init(&ring, calls, descriptor);
		}
	}
	store_release(&loop->atok, (struct nm_csb_atok *)(uintptr_t)atok);
}

/* REGISTER or CSB_ENABLE: the engine decides, by what is known of the addresses; they stay here. */
static int with_csb(struct sync_loop *loop, const struct sync_loop_calls *calls, void *descriptor,
		    struct nmreq_header *header)
{
	struct nmreq_opt_csb *option =
		request_check(header) == 0 ? option_find(header, NETMAP_REQ_OPT_CSB) : NULL;
	uint64_t atok, ktoa;
	int rc = 0;

	if (!option)
		return calls->control(descriptor, header);
	pthread_mutex_lock(&loop->lock);
	if (loop->running && header->nr_reqtype == NETMAP_REQ_CSB_ENABLE) {
		option->nro_opt.nro_status = EBUSY;
		rc = -EBUSY;
	} else {
		atok = option->csb_atok;
		ktoa = option->csb_ktoa;
		option->csb_atok = csb_place(atok);
		option->csb_ktoa = csb_place(ktoa);
		rc = calls->control(descriptor, header);
		option->csb_atok = atok;
		option->csb_ktoa = ktoa;
		if (rc == 0 && option->nro_opt.nro_status == 0 && calls->is_registered(descriptor))
			take_over(loop, calls, descriptor, atok, ktoa);
	}
	pthread_mutex_unlock(&loop->lock);
	return rc;
}

/* ---- the loop ---- */

struct run {
	const struct sync_loop_calls *calls;
	void *descriptor;
	struct sync_loop *loop;
	struct loop_ring *rings; /* all transmit rings first */
	uint32_t count, transmit;
	uint32_t sleep_us;
	int direct[2]; /* by direction */
	int by_time; /* no kicks: the loop sleeps for sleep_us */
	struct loop_sleep sleep;
	struct pollfd *fds; /* kicks, those of `sleep`, stop_fd */
};

/* A descriptor of this process's own for the same eventfd, -EBADF or -EINVAL. */
static int eventfd_copy(int fd)
{
	static const char kind[] = "anon_inode:[eventfd]";
	char path[40], link[sizeof(kind)];
	long rc = syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 0);
	int copy = (int)rc;

	if (rc < 0)
		return -errno;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", copy);
	rc = syscall(SYS_readlinkat, AT_FDCWD, path, link, sizeof(link));
	/* Without /proc it is taken as what it should be. */
	if (rc >= 0 && (rc != sizeof(kind) - 1 || memcmp(link, kind, sizeof(kind) - 1))) {
		close(copy);
		return -EINVAL;
	}
	return copy;
}

static int take_eventfds(struct run *run, struct nmreq_opt_sync_kloop_eventfds *option)
{
	uint64_t bytes = sizeof(*option) + run->count * sizeof(option->eventfds[0]);

	option->nro_opt.nro_status = EINVAL;
	if (option->nro_opt.nro_size != bytes)
		return -EINVAL;
	run->by_time = 0;
	for (uint32_t i = 0; i < run->count; i++)
		run->by_time |= option->eventfds[i].ioeventfd < 0;
	if (run->by_time && (run->direct[RX] || run->direct[TX]))
		return -EINVAL;
	option->nro_opt.nro_status = 0;
	for (uint32_t i = 0; i < run->count; i++) {
		struct loop_ring *ring = &run->rings[i];

		if (option->eventfds[i].irqfd >= 0)
			ring->irq_fd = eventfd_copy(option->eventfds[i].irqfd);
		if (ring->irq_fd < -1)
			return ring->irq_fd;
		if (!run->by_time)
			ring->kick_fd = eventfd_copy(option->eventfds[i].ioeventfd);
		if (ring->kick_fd < -1)
			return ring->kick_fd;
	}
	return 0;
}

static int read_options(struct run *run, const struct nmreq_header *header)
{
	const uint32_t modes = NM_OPT_SYNC_KLOOP_DIRECT_TX | NM_OPT_SYNC_KLOOP_DIRECT_RX;
	struct nmreq_opt_sync_kloop_mode *mode =
		option_find(header, NETMAP_REQ_OPT_SYNC_KLOOP_MODE);
	struct nmreq_opt_sync_kloop_eventfds *eventfds =
		option_find(header, NETMAP_REQ_OPT_SYNC_KLOOP_EVENTFDS);

	if (mode) {
		mode->nro_opt.nro_status = mode->mode & ~modes ? EINVAL : 0;
		if (mode->mode & ~modes)
			return -EINVAL;
		/* Without eventfds nothing kicks them: as in the kernel, they are not synced. */
		run->direct[TX] = (mode->mode & NM_OPT_SYNC_KLOOP_DIRECT_TX) != 0;
		run->direct[RX] = (mode->mode & NM_OPT_SYNC_KLOOP_DIRECT_RX) != 0;
	}
	return eventfds ? take_eventfds(run, eventfds) : 0;
}

static int make_rings(struct run *run)
{
	uint32_t n = 0;

	run->transmit = run->calls->rings(run->descriptor, TX);
	run->count = run->transmit + run->calls->rings(run->descriptor, RX);
	run->rings = calloc(run->count, sizeof(*run->rings));
	run->fds = calloc(run->count + 3, sizeof(*run->fds));
	if (!run->rings || !run->fds)
		return -ENOMEM;
	for (; n < run->count; n++) {
		struct loop_ring *ring = &run->rings[n];

		ring->direction = n < run->transmit ? TX : RX;
		ring->index = n < run->transmit ? n : n - run->transmit;
		ring->atok = run->loop->atok + n;
		ring->ktoa = run->loop->ktoa + n;
		ring->kick_fd = ring->irq_fd = -1;
		ring->hwcur = read_once(&ring->ktoa->hwcur);
		ring->hwtail = read_once(&ring->ktoa->hwtail);
	}
	return 0;
}

static void free_rings(struct run *run)
{
	for (uint32_t i = 0; run->rings && i < run->count; i++) {
		if (run->rings[i].kick_fd >= 0)
			close(run->rings[i].kick_fd);
		if (run->rings[i].irq_fd >= 0)
			close(run->rings[i].irq_fd);
	}
	free(run->rings);
	free(run->fds);
}

static int is_stopping(const struct run *run)
{
	return load_acquire(&run->loop->stopping) != 0;
}

/* Those that are not left to their kicks. 1: something has been done. */
static int serve_all(struct run *run)
{
	int done = 0;

	for (uint32_t i = 0; i < run->count && done >= 0; i++) {
		int one = run->rings[i].is_direct
				  ? 0
				  : loop_ring_serve(&run->rings[i], run->calls, run->descriptor);

		done = one < 0 ? one : done | one;
	}
	return done;
}

static void sleep_for(const struct run *run)
{
	struct pollfd fd = { .fd = run->loop->stop_fd, .events = POLLIN };
	struct timespec time = { run->sleep_us / 1000000, run->sleep_us % 1000000 * 1000L };

	/* The library that stands in for poll() has nothing to do with this one. */
	syscall(SYS_ppoll, &fd, 1, &time, NULL, 0);
}

static void empty_kick(int fd)
{
	uint64_t count;
	struct iovec to = { &count, sizeof(count) };

	/* Others may have read it; where this call cannot promise not to wait, it has to be read. */
	if (syscall(SYS_preadv2, fd, &to, 1, -1L, -1L, RWF_NOWAIT) < 0 && errno != EAGAIN)
		event_take(fd);
}

/* In direct mode a packet is the application's to hear of: its kick has the ring synced. */
static void pass_on(const struct run *run, enum direction direction)
{
	for (uint32_t i = 0; i < run->count; i++)
		if (run->rings[i].is_direct && run->rings[i].direction == direction &&
		    run->rings[i].irq_fd >= 0)
			event_signal(run->rings[i].irq_fd);
}

/* Until a kick, a packet, the end, or long enough. */
static void sleep_until_called(struct run *run)
{
	struct pollfd *fds = run->fds;
	uint32_t count = run->count;

	if (poll(fds, count + 3, ROUND_MS_MAX) <= 0)
		return;
	for (uint32_t i = 0; i < count; i++)
		if (fds[i].revents)
			empty_kick(fds[i].fd);
	for (uint32_t i = 0; i < count; i++)
		if (fds[i].revents && run->rings[i].is_direct)
			loop_ring_serve(&run->rings[i], run->calls, run->descriptor);
	if (fds[count].revents || fds[count + 1].revents) {
		run->calls->silence(run->descriptor, &run->sleep);
		pass_on(run, RX);
		pass_on(run, TX);
	}
}

static int rounds_by_event(struct run *run)
{
	struct pollfd *fds = run->fds;
	int rc = run->calls->sleep_open(run->descriptor, &run->sleep);

	if (rc < 0)
		return rc;
	for (uint32_t i = 0; i < run->count; i++)
		fds[i] = (struct pollfd){ .fd = run->rings[i].kick_fd, .events = POLLIN };
	fds[run->count] = (struct pollfd){ .fd = run->sleep.fds[0], .events = POLLIN };
	fds[run->count + 1] = (struct pollfd){ .fd = run->sleep.fds[1], .events = POLLIN };
	fds[run->count + 2] = (struct pollfd){ .fd = run->loop->stop_fd, .events = POLLIN };
	while (rc >= 0 && !is_stopping(run)) {
		rc = serve_all(run);
		if (rc != 0)
			continue;
		/* Entered first, then looked: who sends after the look sees us waiting. */
		rc = run->calls->sleep_begin(run->descriptor, &run->sleep);
		if (rc < 0)
			break;
		rc = serve_all(run);
		if (rc == 0)
			sleep_until_called(run);
		run->calls->sleep_end(run->descriptor, &run->sleep);
	}
	run->calls->sleep_close(run->descriptor, &run->sleep);
	return rc < 0 ? rc : 0;
}

static int rounds(struct run *run)
{
	for (uint32_t i = 0; i < run->count; i++) {
		run->rings[i].sleeps = run->by_time;
		run->rings[i].is_direct = run->direct[run->rings[i].direction];
	}
	if (!run->by_time)
		return rounds_by_event(run);
	while (!is_stopping(run)) {
		int rc = serve_all(run);

		if (rc < 0)
			return rc;
		sleep_for(run);
	}
	return 0;
}

static int begin(struct run *run)
{
	struct sync_loop *loop = run->loop;
	int rc = 0;

	pthread_mutex_lock(&loop->lock);
	if (!loop->atok)
		rc = -EINVAL;
	else if (loop->running)
		rc = -EBUSY;
	if (rc == 0) {
		loop->stop_fd = eventfd(loop->stopping, EFD_CLOEXEC | EFD_NONBLOCK);
		rc = loop->stop_fd < 0 ? -errno : 0;
	}
	loop->running |= rc == 0;
	pthread_mutex_unlock(&loop->lock);
	return rc;
}

static void end(struct sync_loop *loop)
{
	pthread_mutex_lock(&loop->lock);
	close(loop->stop_fd);
	loop->stop_fd = -1;
	loop->running = 0;
	write_once(&loop->stopping, 0);
	pthread_cond_broadcast(&loop->ended);
	pthread_mutex_unlock(&loop->lock);
}

/* SYNC_KLOOP_START. */
static int start(struct sync_loop *loop, const struct sync_loop_calls *calls, void *descriptor,
		 struct nmreq_header *header)
{
	const struct nmreq_sync_kloop_start *body = request_body(header);
	struct run run = {
		.calls = calls, .descriptor = descriptor, .loop = loop, .by_time = 1
	};
	int rc = request_check(header);

	if (rc < 0)
		return rc;
	run.sleep_us = body->sleep_us;
	if (run.sleep_us > SLEEP_US_MAX)
		return -EINVAL;
	if (!calls->is_registered(descriptor))
		return -ENXIO;
	rc = begin(&run);
	if (rc < 0)
		return rc;
	rc = make_rings(&run);
	if (rc == 0)
		rc = read_options(&run, header);
	if (rc == 0)
		rc = rounds(&run);
	free_rings(&run);
	end(loop);
	return rc;
}

void sync_loop_end(struct sync_loop *loop)
{
	pthread_mutex_lock(&loop->lock);
	/* One that is about to start ends at once, as the kernel's does. */
	store_release(&loop->stopping, 1);
	if (loop->stop_fd >= 0)
		event_signal(loop->stop_fd);
	pthread_mutex_unlock(&loop->lock);
}

/* SYNC_KLOOP_STOP. */
static int stop(struct sync_loop *loop, const struct sync_loop_calls *calls, void *descriptor,
		struct nmreq_header *header)
{
	int rc = request_check(header);

	if (rc < 0)
		return rc;
	if (!calls->is_registered(descriptor))
		return -ENXIO;
	sync_loop_end(loop);
	pthread_mutex_lock(&loop->lock);
	while (loop->running && loop->stopping)
		pthread_cond_wait(&loop->ended, &loop->lock);
	pthread_mutex_unlock(&loop->lock);
	return 0;
}

int sync_loop_control(struct sync_loop *loop, const struct sync_loop_calls *calls, void *descriptor,
		      struct nmreq_header *header)
{
	switch (header->nr_reqtype) {
	case NETMAP_REQ_REGISTER:
	case NETMAP_REQ_CSB_ENABLE:
		return with_csb(loop, calls, descriptor, header);
	case NETMAP_REQ_SYNC_KLOOP_START:
		return start(loop, calls, descriptor, header);
	case NETMAP_REQ_SYNC_KLOOP_STOP:
		return stop(loop, calls, descriptor, header);
	default:
		return calls->control(descriptor, header);
	}
}

/* ---- the application's memory ---- */

/* How far from `from` on memory can be read and written, as /proc/self/maps says. */
static uint64_t writable_bytes(FILE *maps, uint64_t from)
{
	uint64_t reached = from;
	char line[512];

	while (fgets(line, sizeof(line), maps)) {
		unsigned long long start, past;
		char modes[5];

		if (sscanf(line, "%llx-%llx %4s", &start, &past, modes) != 3 || past <= reached)
			continue;
		if (start > reached || modes[0] != 'r' || modes[1] != 'w')
			break;
		reached = past;
	}
	return reached - from;
}

uint64_t csb_place(uint64_t address)
{
	enum { ENTRIES_MAX = 1 << 20 };
	long fd = syscall(SYS_openat, AT_FDCWD, "/proc/self/maps", O_RDONLY | O_CLOEXEC);
	uint64_t entries = address ? ENTRIES_MAX : 0;
	FILE *maps = fd < 0 ? NULL : fdopen((int)fd, "r");

	/* Without /proc the program is trusted. */
	if (maps && entries)
		entries = writable_bytes(maps, address) / CSB_ENTRY_BYTES;
	if (maps)
		fclose(maps);
	if (entries > ENTRIES_MAX)
		entries = ENTRIES_MAX;
	return CSB_PLACE(address % CSB_ENTRY_BYTES, entries);
}
