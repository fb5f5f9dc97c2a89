/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * epoll sets with netmap descriptors in them. The real set never has these: they are members of a
 * list of ours, and a wait is for the real set (which can be polled) and for them.
 *
 * An eventfd of ours in the real set, edge triggered, makes threads that wait look at the list
 * again when it changes; its event is kept from the program.
 *
 * Not like the kernel: a set within a set tells the outer one nothing of its netmap descriptors
 * (poll() and select() on it do work), and processes that share a set have each their own list.
 */
#include "preload_wait.h"

#include <sys/eventfd.h>
#include <unistd.h>

enum { MEMBERS = 4096 };

struct member {
	struct file *set; /* NULL: unused */
	struct file *file;
	int fd; /* as it was added */
	uint32_t events; /* EPOLL*; 0: reported with EPOLLONESHOT */
	epoll_data_t data;
	uint64_t reported; /* EPOLLET: wait_mark() when it was */
	uint32_t serial; /* of this use of the struct */
};

/* Under the table's lock. */
static struct member members[MEMBERS];
static uint32_t member_limit; /* from here on none was ever used */
static uint32_t serials;

/* ---- the list ---- */

static struct member *member_find(const struct file *set, const struct file *file, int fd)
{
	for (uint32_t i = 0; i < member_limit; i++)
		if (members[i].set == set && members[i].file == file && members[i].fd == fd)
			return &members[i];
	return NULL;
}

/* Those that wait look again, whether or not there are any. */
static void raise_poke(const struct file *set)
{
	uint64_t one = 1;

	/* Fails only when it has been done 2^64 - 2 times. */
	if (libc()->write(set->poke, &one, sizeof(one)) < 0)
		return;
}

/* The list has changed. Who waits was counted before it looked at the list. */
static void poke(const struct file *set)
{
	if (load_ordered(&set->waiters))
		raise_poke(set);
}

void epoll_forget(struct file *file)
{
	for (uint32_t i = 0; i < member_limit; i++) {
		if (!members[i].set || members[i].file != file)
			continue;
		poke(members[i].set);
		members[i].set = NULL;
	}
}

void epoll_discard(struct file *set)
{
	table_lock();
	for (uint32_t i = 0; i < member_limit; i++)
		if (members[i].set == set)
			members[i].set = NULL;
	table_unlock();
	table_close(set->poke);
}

/* With the lock held: an epoll set becomes one of ours. NULL with errno. */
static struct file *set_make(int epoll, struct file **before)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	struct file *set = (unsigned)epoll < TABLE_FDS ? file_take(FILE_EPOLL) : NULL;
	int error;

	if (!set) {
		errno = epoll < 0 ? EBADF : ENOSPC;
		return NULL;
	}
	event.data.ptr = set;
	set->poke = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	/* Fails as well when it is no epoll set. */
	if (set->poke >= 0 && libc()->epoll_ctl(epoll, EPOLL_CTL_ADD, set->poke, &event) == 0) {
		*before = file_set(epoll, set);
		/* Some may wait already, as on any set. */
		raise_poke(set);
		return set;
	}
	error = errno;
	if (set->poke >= 0)
		table_close(set->poke);
	set->state = 0;
	store_release(&set->taken, 0);
	errno = error;
	return NULL;
}

/* ---- epoll_ctl ---- */

/* These with the lock held; an errno or 0. */
static int member_add(struct file *set, struct file *file, int fd, const struct epoll_event *event)
{
	for (uint32_t i = 0; i < MEMBERS; i++) {
		if (members[i].set)
			continue;
		members[i] = (struct member){ .set = set,
					      .file = file,
					      .fd = fd,
					      .events = event->events,
					      .data = event->data,
					      .serial = ++serials };
		if (i >= member_limit)
			member_limit = i + 1;
		return 0;
	}
	return ENOSPC;
}

static int member_control(struct file *set, struct file *file, int fd, int operation,
			  const struct epoll_event *event)
{
	struct member *member = member_find(set, file, fd);

	if (operation == EPOLL_CTL_ADD)
		return member ? EEXIST : member_add(set, file, fd, event);
	if (!member)
		return ENOENT;
	if (operation == EPOLL_CTL_DEL) {
		member->set = NULL;
		return 0;
	}
	member->events = event->events;
	member->data = event->data;
	member->reported = 0;
	member->serial = ++serials;
	return 0;
}

static int control_netmap(int epoll, int operation, int fd, struct file *file,
			  struct epoll_event *event)
{
	struct file *set = file_enter(epoll, FILE_EPOLL), *before = NULL;
	void *descriptor;
	int error = 0;

	if (operation != EPOLL_CTL_ADD && operation != EPOLL_CTL_DEL && operation != EPOLL_CTL_MOD)
		error = EINVAL;
	else if (operation != EPOLL_CTL_DEL && !event)
		error = EFAULT;
	/* While there is a number for it. If it cannot be had, waits find an error. */
	file_descriptor(file, fd, &descriptor);
	table_lock();
	if (!error && !set) {
		set = set_make(epoll, &before);
		error = set ? 0 : errno;
	}
	if (!error)
		error = member_control(set, file, fd, operation, event);
	if (!error)
		poke(set);
	table_unlock();
	file_release(before);
	if (set)
		file_leave(set);
	return error ? fails_with(error) : 0;
}

PRELOAD_EXPORT int epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
	struct file *file = netmap_enter(fd);
	int before = errno;
	int rc;

	if (!file) {
		if (table_used() && (table_is_private(fd) || table_is_private(epoll)))
			return fails_with(EBADF);
		return libc()->epoll_ctl(epoll, operation, fd, event);
	}
	rc = control_netmap(epoll, operation, fd, file, event);
	if (rc == 0)
		errno = before;
	file_leave(file);
	return rc;
}

/* ---- watches ---- */

static int is_enabled(const struct member *member, const struct file *set)
{
	return member->set == set && member->events;
}

uint32_t epoll_watch_count(struct file *set)
{
	uint32_t count = 0;

	table_lock();
	for (uint32_t i = 0; i < member_limit; i++)
		count += is_enabled(&members[i], set);
	table_unlock();
	return count;
}

void epoll_add_watches(struct wait *wait, struct file *set, uint32_t owner)
{
	uint32_t first = wait->watch_count;

	table_lock();
	/* Those that were added since they were counted are seen when the poke comes. */
	for (uint32_t i = 0; i < member_limit && wait->watch_count < wait->room; i++) {
		const struct member *member = &members[i];
		struct watch *watch;

		if (!is_enabled(member, set))
			continue;
		/* A member's file has holders: it is taken out before the last lets go. */
		file_share(member->file);
		watch = wait_add(wait, member->file, netmap_events(member->events), owner);
		watch->index = i;
		watch->serial = member->serial;
		watch->edge = (member->events & EPOLLET) != 0;
		watch->reported = member->reported;
	}
	table_unlock();
	for (uint32_t i = first; i < wait->watch_count; i++)
		wait_resolve(&wait->watches[i], -1);
}

/* ---- waiting ---- */

/* One wait on one set. */
struct set_wait {
	int epoll;
	struct file *set;
	struct epoll_event *events;
	int max;
};

/* Takes the event of our eventfd out. */
static int less_poke(const struct file *set, struct epoll_event *events, int count)
{
	int kept = 0;

	for (int i = 0; i < count; i++)
		if (events[i].data.ptr != set)
			events[kept++] = events[i];
	return kept;
}

static int report_real(const struct set_wait *how, int at)
{
	int count;

	if (at == how->max)
		return at;
	count = libc()->epoll_wait(how->epoll, how->events + at, how->max - at, 0);
	return count < 0 ? at : at + less_poke(how->set, how->events + at, count);
}

/* Whether it is to be reported, by this thread. */
static int claim(const struct set_wait *how, const struct watch *watch, struct epoll_event *out)
{
	struct member *member = &members[watch->index];
	uint32_t events = 0;

	table_lock();
	if (is_enabled(member, how->set) && member->serial == watch->serial) {
		events = program_events(watch->found, member->events);
		*out = (struct epoll_event){ .events = events, .data = member->data };
		if (events && member->events & EPOLLET)
			member->reported = wait_mark(watch->descriptor, watch->wanted);
		if (events && member->events & EPOLLONESHOT)
			member->events = 0;
	}
	table_unlock();
	return events != 0;
}

static int report_watches(const struct set_wait *how, const struct wait *wait, uint32_t turn,
			  int at)
{
	for (uint32_t i = 0; i < wait->watch_count && at < how->max; i++) {
		const struct watch *watch = &wait->watches[(turn / 2 + i) % wait->watch_count];

		if (watch->found && claim(how, watch, &how->events[at]))
			at++;
	}
	return at;
}

/* The two kinds take turns in being first, so that none takes all the room for ever. */
static int report(const struct set_wait *how, const struct wait *wait)
{
	uint32_t turn = __atomic_fetch_add(&how->set->turn, 1, __ATOMIC_RELAXED);

	if (turn % 2)
		return report_real(how, report_watches(how, wait, turn, 0));
	return report_watches(how, wait, turn, report_real(how, 0));
}

/* With the list as it is now. 0: somebody poked, or the time is up. */
static int wait_once(const struct set_wait *how, const struct deadline *deadline,
		     const sigset_t *mask)
{
	struct timespec left;
	struct wait wait;
	int rc = 0, count, error;

	__atomic_add_fetch(&how->set->waiters, 1, __ATOMIC_SEQ_CST);
	if (wait_begin(&wait, 1, epoll_watch_count(how->set)) < 0) {
		__atomic_sub_fetch(&how->set->waiters, 1, __ATOMIC_SEQ_CST);
		return fails_with(ENOMEM);
	}
	epoll_add_watches(&wait, how->set, 0);
	wait.fds[0] = (struct pollfd){ .fd = how->epoll, .events = POLLIN };
	if (!wait_look(&wait) && !deadline_over(deadline))
		rc = wait_sleep(&wait, deadline_left(deadline, &left), mask);
	error = errno;
	__atomic_sub_fetch(&how->set->waiters, 1, __ATOMIC_SEQ_CST);
	count = report(how, &wait);
	wait_end(&wait);
	errno = error;
	return count ? count : rc < 0 ? rc : 0;
}

static int wait_set(const struct set_wait *how, const struct timespec *timeout,
		    const sigset_t *mask)
{
	struct deadline deadline;
	int before = errno;
	int rc;

	if (how->max <= 0)
		return fails_with(EINVAL);
	deadline_set(&deadline, timeout);
	do {
		rc = wait_once(how, &deadline, mask);
	} while (rc == 0 && !deadline_over(&deadline));
	if (rc >= 0)
		errno = before;
	return rc;
}

/*
 * After libc's wait on a set that was none of ours: if it became one meanwhile, the wait goes on as
 * one for ours.
 */
static int waited(struct set_wait *how, int count, const struct timespec *timeout,
		  const sigset_t *mask)
{
	if (count <= 0 || !table_used())
		return count;
	how->set = file_enter(how->epoll, FILE_EPOLL);
	if (!how->set)
		return count;
	count = less_poke(how->set, how->events, count);
	if (count == 0)
		count = wait_set(how, timeout, mask);
	file_leave(how->set);
	return count;
}

/* The wait if it is one for us: 1. */
static int wait_ours(struct set_wait *how, const struct timespec *timeout, const sigset_t *mask,
		     int *count)
{
	how->set = table_used() ? file_enter(how->epoll, FILE_EPOLL) : NULL;
	if (__builtin_expect(!how->set, 1))
		return 0;
	*count = wait_set(how, timeout, mask);
	file_leave(how->set);
	return 1;
}

PRELOAD_EXPORT int epoll_wait(int epoll, struct epoll_event *events, int max, int timeout_ms)
{
	struct set_wait how = { .epoll = epoll, .events = events, .max = max };
	struct timespec time, *timeout = timespec_of_ms(timeout_ms, &time);
	int count;

	if (wait_ours(&how, timeout, NULL, &count))
		return count;
	return waited(&how, libc()->epoll_wait(epoll, events, max, timeout_ms), timeout, NULL);
}

PRELOAD_EXPORT int epoll_pwait(int epoll, struct epoll_event *events, int max, int timeout_ms,
			       const sigset_t *mask)
{
	struct set_wait how = { .epoll = epoll, .events = events, .max = max };
	struct timespec time, *timeout = timespec_of_ms(timeout_ms, &time);
	int count;

	if (wait_ours(&how, timeout, mask, &count))
		return count;
	return waited(&how, libc()->epoll_pwait(epoll, events, max, timeout_ms, mask), timeout,
		      mask);
}

PRELOAD_EXPORT int epoll_pwait2(int epoll, struct epoll_event *events, int max,
				const struct timespec *timeout, const sigset_t *mask)
{
	struct set_wait how = { .epoll = epoll, .events = events, .max = max };
	int count;

	if (wait_ours(&how, timeout, mask, &count))
		return count;
	return waited(&how, libc()->epoll_pwait2(epoll, events, max, timeout, mask), timeout, mask);
}
