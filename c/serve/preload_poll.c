/* SPDX-License-Identifier: BSD-2-Clause */
/* poll(), ppoll(), select() and pselect(). */
#include "preload_wait.h"

#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

/* ---- poll ---- */

/* How many watches an fd of the program's takes; -1: it is nothing to us. */
static int watches_of(int fd)
{
	struct file *file = fd < 0 ? NULL : file_enter(fd, FILE_NETMAP);
	int count = -1;

	if (file) {
		file_leave(file);
		return 1;
	}
	file = fd < 0 ? NULL : file_enter(fd, FILE_EPOLL);
	if (!file)
		return fd >= 0 && table_is_private(fd) ? 0 : -1;
	count = (int)epoll_watch_count(file);
	file_leave(file);
	return count;
}

int wait_concerns(int fd)
{
	return watches_of(fd) >= 0;
}

/* The program's fds as the real poll is to see them, and the watches. */
static void fill(struct wait *wait, const struct pollfd *fds, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct file *file;

		wait->fds[i] = fds[i];
		if (fds[i].fd < 0)
			continue;
		if (table_is_private(fds[i].fd))
			wait->fds[i].fd = INT_MAX; /* which is not open */
		file = file_enter(fds[i].fd, FILE_NETMAP);
		if (file && wait->watch_count < wait->room) {
			wait->fds[i].fd = -1;
			wait_resolve(
				wait_add(wait, file, netmap_events((uint16_t)fds[i].events), i),
				fds[i].fd);
			continue;
		}
		if (file)
			file_leave(file);
		file = file_enter(fds[i].fd, FILE_EPOLL);
		if (file) {
			epoll_add_watches(wait, file, i);
			file_leave(file);
		}
	}
}

/* Another thread may have closed it, which poll() notices when it looks again. */
static int is_still(int fd, const struct file *file)
{
	struct file *now = file_enter(fd, FILE_NETMAP);

	if (now)
		file_leave(now);
	return now == file;
}

/* What the watches and the real poll found, for the program. Returns how many have something. */
static int report(const struct wait *wait, struct pollfd *fds, uint32_t count)
{
	int found = 0;

	for (uint32_t i = 0; i < count; i++)
		fds[i].revents = wait->fds[i].fd < 0 ? 0 : wait->fds[i].revents;
	for (uint32_t i = 0; i < wait->watch_count; i++) {
		const struct watch *watch = &wait->watches[i];
		struct pollfd *fd = &fds[watch->owner];

		if (wait->fds[watch->owner].fd >= 0) /* in an epoll set, to be read from then */
			fd->revents |= watch->found ? fd->events & (POLLIN | POLLRDNORM) : 0;
		else if (is_still(fd->fd, watch->file))
			fd->revents |= (short)program_events(watch->found, (uint16_t)fd->events);
		else
			fd->revents = POLLNVAL;
	}
	for (uint32_t i = 0; i < count; i++)
		found += fds[i].revents != 0;
	return found;
}

/* With the watches made. */
static int poll_on(struct wait *wait, struct pollfd *fds, uint32_t count,
		   const struct timespec *timeout, const sigset_t *mask)
{
	static const struct timespec none;
	struct deadline deadline;
	struct timespec left;
	int rc;

	deadline_set(&deadline, timeout);
	if (wait_look(wait) || deadline_over(&deadline)) {
		rc = libc()->ppoll(wait->fds, count, &none, mask);
		return rc < 0 ? rc : report(wait, fds, count);
	}
	for (;;) {
		int found;

		rc = wait_sleep(wait, deadline_left(&deadline, &left), mask);
		if (rc < 0)
			/* Nothing is left of the real poll's results. */
			for (uint32_t i = 0; i < count; i++)
				wait->fds[i].revents = 0;
		found = rc < 0 && errno != EINTR ? 0 : report(wait, fds, count);
		if (found || rc < 0)
			return found ? found : rc;
		if (deadline_over(&deadline))
			return 0;
	}
}

int wait_poll(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
	      const sigset_t *mask)
{
	uint32_t watches = 0;
	int before = errno;
	struct wait wait;
	int rc;

	for (nfds_t i = 0; i < count; i++) {
		int of = watches_of(fds[i].fd);

		watches += of > 0 ? (uint32_t)of : 0;
	}
	if (wait_begin(&wait, (uint32_t)count, watches) < 0)
		return fails_with(ENOMEM);
	fill(&wait, fds, (uint32_t)count);
	rc = poll_on(&wait, fds, (uint32_t)count, timeout, mask);
	if (rc >= 0)
		errno = before;
	before = errno;
	wait_end(&wait);
	errno = before;
	return rc;
}

/* glibc says that poll() only writes there; a pointer to const would be warned of. */
static int concerns_any(struct pollfd *fds, nfds_t count)
{
	struct rlimit limit;

	if (!table_used() || !fds)
		return 0;
	/* Of too many, the kernel looks at none. */
	if (count > 1024 && (getrlimit(RLIMIT_NOFILE, &limit) < 0 || count > limit.rlim_cur))
		return 0;
	for (nfds_t i = 0; i < count; i++)
		if (wait_concerns(fds[i].fd))
			return 1;
	return 0;
}

PRELOAD_EXPORT int poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
	struct timespec timeout;

	if (!concerns_any(fds, count))
		return libc()->poll(fds, count, timeout_ms);
	return wait_poll(fds, count, timespec_of_ms(timeout_ms, &timeout), NULL);
}

static int is_time(const struct timespec *timeout)
{
	return !timeout ||
	       (timeout->tv_sec >= 0 && timeout->tv_nsec >= 0 && timeout->tv_nsec < 1000000000);
}

PRELOAD_EXPORT int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
			 const sigset_t *mask)
{
	if (!concerns_any(fds, count) || !is_time(timeout))
		return libc()->ppoll(fds, count, timeout, mask);
	return wait_poll(fds, count, timeout, mask);
}

/* Fortified programs'. */
PRELOAD_EXPORT int __poll_chk(struct pollfd *fds, nfds_t count, int timeout_ms, size_t room);
PRELOAD_EXPORT int __ppoll_chk(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
			       const sigset_t *mask, size_t room);
extern void __chk_fail(void) __attribute__((noreturn));

int __poll_chk(struct pollfd *fds, nfds_t count, int timeout_ms, size_t room)
{
	if (room / sizeof(*fds) < count)
		__chk_fail();
	return poll(fds, count, timeout_ms);
}

int __ppoll_chk(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
		const sigset_t *mask, size_t room)
{
	if (room / sizeof(*fds) < count)
		__chk_fail();
	return ppoll(fds, count, timeout, mask);
}

/* ---- select ---- */

/* What the kernel counts as readable, writable and exceptional. */
#define READABLE (POLLRDNORM | POLLRDBAND | POLLIN | POLLHUP | POLLERR)
#define WRITABLE (POLLWRBAND | POLLWRNORM | POLLOUT | POLLERR)
#define EXCEPTIONAL POLLPRI

#define WORD_BITS (8 * (int)sizeof(unsigned long))

/* A program's sets may be larger than fd_set. */
static int is_in(const fd_set *set, int fd)
{
	const unsigned long *words = (const void *)set;

	return set && words[fd / WORD_BITS] >> fd % WORD_BITS & 1;
}

static void put(fd_set *set, int fd, int is_member)
{
	unsigned long *words = (void *)set;
	unsigned long bit = 1ul << fd % WORD_BITS;

	if (is_member)
		words[fd / WORD_BITS] |= bit;
	else if (set)
		words[fd / WORD_BITS] &= ~bit;
}

struct sets {
	fd_set *read, *write, *except;
};

static short events_of(const struct sets *sets, int fd)
{
	int events = 0;

	if (is_in(sets->read, fd))
		events |= POLLRDNORM | POLLRDBAND | POLLIN;
	if (is_in(sets->write, fd))
		events |= POLLWRBAND | POLLWRNORM | POLLOUT;
	if (is_in(sets->except, fd))
		events |= POLLPRI;
	return (short)events;
}

/* How many fds there are; 0 as well when none is of interest here. */
static uint32_t count_fds(const struct sets *sets, int count)
{
	int concerns = 0;
	uint32_t n = 0;

	for (int fd = 0; fd < count; fd++) {
		if (!is_in(sets->read, fd) && !is_in(sets->write, fd) && !is_in(sets->except, fd))
			continue;
		n++;
		concerns |= wait_concerns(fd);
	}
	return concerns ? n : 0;
}

/* What was found of what was asked for. */
static int can_read(const struct pollfd *fd)
{
	return fd->events & POLLIN && fd->revents & READABLE;
}

static int can_write(const struct pollfd *fd)
{
	return fd->events & POLLOUT && fd->revents & WRITABLE;
}

static int has_more(const struct pollfd *fd)
{
	return fd->events & POLLPRI && fd->revents & EXCEPTIONAL;
}

/* The number of bits, or -1 if one of the fds is not open. */
static int count_bits(const struct pollfd *fds, uint32_t count)
{
	int bits = 0;

	for (uint32_t i = 0; i < count; i++) {
		if (fds[i].revents & POLLNVAL)
			return fails_with(EBADF);
		bits += can_read(&fds[i]) + can_write(&fds[i]) + has_more(&fds[i]);
	}
	return bits;
}

static void fill_sets(const struct sets *sets, const struct pollfd *fds, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		int fd = fds[i].fd < 0 ? ~fds[i].fd : fds[i].fd;

		put(sets->read, fd, can_read(&fds[i]));
		put(sets->write, fd, can_write(&fds[i]));
		put(sets->except, fd, has_more(&fds[i]));
	}
}

static int select_poll(const struct sets *sets, struct pollfd *fds, uint32_t n, int count,
		       const struct timespec *timeout, const sigset_t *mask)
{
	struct deadline deadline;
	struct timespec left;
	uint32_t at = 0;
	int rc;

	for (int fd = 0; fd < count && at < n; fd++) {
		short events = events_of(sets, fd);

		if (events)
			fds[at++] = (struct pollfd){ .fd = fd, .events = events };
	}
	deadline_set(&deadline, timeout);
	for (;;) {
		rc = wait_poll(fds, at, deadline_left(&deadline, &left), mask);
		if (rc >= 0)
			rc = count_bits(fds, at);
		if (rc != 0 || deadline_over(&deadline))
			break;
		/* poll() also tells what select() does not ask for; it will not go away. */
		for (uint32_t i = 0; i < at; i++)
			if (fds[i].revents)
				fds[i].fd = ~fds[i].fd;
	}
	if (rc >= 0)
		fill_sets(sets, fds, at);
	return rc;
}

static int select_sets(const struct sets *sets, int count, const struct timespec *timeout,
		       const sigset_t *mask)
{
	enum { SOME = 256 };
	uint32_t n = count_fds(sets, count);
	size_t bytes = n * sizeof(struct pollfd);
	struct pollfd some[SOME], *fds = some;
	int rc, error;

	if (n > SOME) {
		fds = libc()->mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				   -1, 0);
		if (fds == MAP_FAILED)
			return fails_with(ENOMEM);
	}
	rc = select_poll(sets, fds, n, count, timeout, mask);
	error = errno;
	if (fds != some)
		libc()->munmap(fds, bytes);
	errno = error;
	return rc;
}

PRELOAD_EXPORT int select(int count, fd_set *read, fd_set *write, fd_set *except,
			  struct timeval *timeout)
{
	struct sets sets = { read, write, except };
	struct deadline deadline;
	struct timespec time;
	int rc;

	if (!table_used() || count <= 0 || !count_fds(&sets, count))
		return libc()->select(count, read, write, except, timeout);
	if (!timeout)
		return select_sets(&sets, count, NULL, NULL);
	if (timeout->tv_sec < 0 || timeout->tv_usec < 0)
		return fails_with(EINVAL);
	/* As the kernel: more than a second of microseconds is allowed. */
	time.tv_sec = timeout->tv_sec + timeout->tv_usec / 1000000;
	time.tv_nsec = (long)(timeout->tv_usec % 1000000) * 1000;
	deadline_set(&deadline, &time);
	rc = select_sets(&sets, count, &time, NULL);
	/* Linux says what is left of it. */
	deadline_left(&deadline, &time);
	timeout->tv_sec = time.tv_sec;
	timeout->tv_usec = time.tv_nsec / 1000;
	return rc;
}

PRELOAD_EXPORT int pselect(int count, fd_set *read, fd_set *write, fd_set *except,
			   const struct timespec *timeout, const sigset_t *mask)
{
	struct sets sets = { read, write, except };

	if (!table_used() || count <= 0 || !is_time(timeout) || !count_fds(&sets, count))
		return libc()->pselect(count, read, write, except, timeout, mask);
	return select_sets(&sets, count, timeout, mask);
}
