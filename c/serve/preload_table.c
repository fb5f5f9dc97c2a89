/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the numbers of file descriptors stand for.
 *
 * Looking up takes no lock, so that a signal handler may do it at any time: an entry is read, its
 * file entered, and the entry read again. An entry is taken out before its file loses the holder.
 */
#include "preload.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
	FILES = 4096,
	/* Entries: nothing known, the client's own, or a file's index from FIRST on. */
	NOTHING = 0,
	PRIVATE = 1,
	FIRST = 2,
	SCAN_FDS = 256, /* those looked at when a program starts */
};

static uint16_t table[TABLE_FDS];
static struct file files[FILES];
uint32_t table_entries;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static sigset_t signals; /* of who has the lock */
static pthread_mutex_t adopting = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t forks = PTHREAD_ONCE_INIT;
/* Read: connections are made and ended. Write: fork, so that a child has no half of one. */
static pthread_rwlock_t work = PTHREAD_RWLOCK_INITIALIZER;
static int has_work; /* before_fork(), under `lock` */
static int32_t process; /* whose table this is */

/* ---- the lock, and fork ---- */

static void lock_with(pthread_mutex_t *mutex, sigset_t *before)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, before);
	pthread_mutex_lock(mutex);
}

void table_lock(void)
{
	sigset_t before;

	lock_with(&lock, &before);
	signals = before;
}

void table_unlock(void)
{
	sigset_t before = signals;

	pthread_mutex_unlock(&lock);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

int table_borrowed(void)
{
	return getpid() != read_once(&process);
}

int work_begin(void)
{
	int cancel;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	pthread_rwlock_rdlock(&work);
	return cancel;
}

void work_end(int cancel)
{
	pthread_rwlock_unlock(&work);
	pthread_setcancelstate(cancel, NULL);
}

/* A handler may fork while its own thread works; then it is not waited for for ever. */
static void before_fork(void)
{
	struct timespec end;
	int rc;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec++;
	rc = pthread_rwlock_timedwrlock(&work, &end);
	table_lock();
	has_work = rc == 0;
}

static void after_fork_parent(void)
{
	int had_work = has_work;

	table_unlock();
	if (had_work)
		pthread_rwlock_unlock(&work);
}

static void file_free(struct file *file);

/* Calls that other threads were in the middle of do not go on here. */
static void after_fork_child(void)
{
	write_once(&process, getpid());
	table_unlock();
	/* It knows its writer by the number of a thread, which is not this one's. */
	pthread_rwlock_init(&work, NULL);
	pthread_mutex_init(&adopting, NULL);
	for (int i = 0; i < FILES; i++) {
		struct file *file = &files[i];

		if (!file->taken)
			continue;
		file->state &= ~(FILE_HOLDER - 1);
		if (!file->state)
			file_free(file);
	}
}

static void watch_forks(void)
{
	write_once(&process, getpid());
	pthread_atfork(before_fork, after_fork_parent, after_fork_child);
}

/* ---- entries ---- */

static uint16_t entry_at(int fd)
{
	return (unsigned)fd < TABLE_FDS ? load_acquire(&table[fd]) : NOTHING;
}

/* Returns what was there. */
static uint16_t entry_set(int fd, uint16_t entry)
{
	uint16_t before = __atomic_exchange_n(&table[fd], entry, __ATOMIC_ACQ_REL);

	/* A program's first thread to find an entry is the one that made it, or is told by it. */
	if (entry && !before)
		__atomic_add_fetch(&table_entries, 1, __ATOMIC_RELEASE);
	else if (!entry && before)
		__atomic_sub_fetch(&table_entries, 1, __ATOMIC_RELEASE);
	return before;
}

static struct file *file_at(uint16_t entry)
{
	return entry >= FIRST ? &files[entry - FIRST] : NULL;
}

int table_is_private(int fd)
{
	return entry_at(fd) == PRIVATE;
}

/* Where programs hardly ever want to have a number. */
static int private_numbers(void)
{
	struct rlimit limit = { .rlim_cur = 1024 };

	getrlimit(RLIMIT_NOFILE, &limit);
	return (int)(limit.rlim_cur < TABLE_FDS ? limit.rlim_cur : TABLE_FDS) / 2;
}

int table_keep(int fd)
{
	int high = libc()->fcntl(fd, F_DUPFD_CLOEXEC, private_numbers());

	pthread_once(&forks, watch_forks);
	if (high >= 0) {
		libc()->close(fd);
		fd = high;
	}
	if (fd < TABLE_FDS)
		entry_set(fd, PRIVATE);
	return fd;
}

void table_forget(int fd)
{
	if (entry_at(fd) == PRIVATE)
		entry_set(fd, NOTHING);
}

void table_close(int fd)
{
	table_forget(fd);
	libc()->close(fd);
}

/* ---- files ---- */

/* 0: it is gone. */
static int file_try_enter(struct file *file)
{
	uint64_t state = read_once(&file->state);

	while (state)
		if (__atomic_compare_exchange_n(&file->state, &state, state + FILE_USER, 0,
						__ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			return 1;
	return 0;
}

struct file *file_enter(int fd, enum file_kind kind)
{
	for (;;) {
		uint16_t entry = entry_at(fd);
		struct file *file = file_at(entry);

		if (!file || file->kind != kind)
			return NULL;
		if (!file_try_enter(file))
			continue;
		/* Still this one, so that it is not another with the same struct. */
		if (entry_at(fd) == entry)
			return file;
		file_leave(file);
	}
}

static void file_free(struct file *file)
{
	int error = errno;
	int cancel = work_begin();

	if (file->kind == FILE_EPOLL)
		epoll_discard(file);
	else if (file->descriptor)
		daemon_leave(file->descriptor);
	if (file->former)
		daemon_leave(file->former);
	file->descriptor = file->former = NULL;
	store_release(&file->taken, 0);
	work_end(cancel);
	errno = error;
}

void file_leave(struct file *file)
{
	uint64_t state = read_once(&file->state);

	/* No users: this call was begun by the process that forked this one. */
	while (state & (FILE_HOLDER - 1))
		if (__atomic_compare_exchange_n(&file->state, &state, state - FILE_USER, 0,
						__ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
			if (state == FILE_USER)
				file_free(file);
			return;
		}
}

void file_hold(struct file *file)
{
	__atomic_add_fetch(&file->state, FILE_HOLDER, __ATOMIC_ACQ_REL);
}

void file_share(struct file *file)
{
	__atomic_add_fetch(&file->state, FILE_USER, __ATOMIC_ACQ_REL);
}

void file_release(struct file *file)
{
	uint64_t left;

	if (!file)
		return;
	/* A user until the end of this function, whoever else lets go meanwhile. */
	left = __atomic_add_fetch(&file->state, FILE_USER - FILE_HOLDER, __ATOMIC_ACQ_REL);
	if (left < FILE_HOLDER && file->kind == FILE_NETMAP) {
		table_lock();
		epoll_forget(file);
		table_unlock();
	}
	file_leave(file);
}

struct file *file_take(enum file_kind kind)
{
	for (int i = 0; i < FILES; i++) {
		struct file *file = &files[i];

		if (load_acquire(&file->taken))
			continue;
		*file = (struct file){ .taken = 1, .kind = kind };
		store_release(&file->state, FILE_USER);
		return file;
	}
	return NULL;
}

struct file *file_set(int fd, struct file *file)
{
	if (file) {
		pthread_once(&forks, watch_forks);
		file_hold(file);
	}
	return file_at(entry_set(fd, file ? (uint16_t)(file - files + FIRST) : NOTHING));
}

/* ---- descriptors from elsewhere ---- */

uint64_t inode_of(int fd)
{
	struct stat status;
	/* Before glibc 2.33 only the other one was there. */
	int rc = libc()->fstat ? libc()->fstat(fd, &status) : libc()->__fxstat(1, fd, &status);

	return rc < 0 ? 0 : status.st_ino;
}

/* One that is known with another number. */
static struct file *same_file(uint64_t inode)
{
	for (int i = 0; i < FILES; i++) {
		struct file *file = &files[i];

		if (load_acquire(&file->taken) && file->kind == FILE_NETMAP &&
		    file->inode == inode && file_try_enter(file))
			return file;
	}
	return NULL;
}

struct file *file_recognise(int fd)
{
	struct file *file, *before = NULL;
	uint64_t inode;
	int error = errno;

	if ((unsigned)fd >= TABLE_FDS || entry_at(fd) != NOTHING || !daemon_is_connection(fd)) {
		errno = error;
		return NULL;
	}
	pthread_once(&forks, watch_forks);
	if (table_borrowed())
		return NULL;
	table_lock();
	/* As it is now: another thread may have closed it, or known it first. */
	inode = inode_of(fd);
	file = entry_at(fd) == NOTHING && daemon_is_connection(fd) ? same_file(inode) : NULL;
	if (!file && entry_at(fd) == NOTHING && daemon_is_connection(fd)) {
		file = file_take(FILE_NETMAP);
		if (file) {
			file->inode = inode;
			file->flags = O_RDWR;
		}
	}
	if (file)
		before = file_set(fd, file);
	table_unlock();
	file_release(before);
	errno = error;
	return file;
}

/* The kernel's record locks are a process's, whatever number the file has, and go with it. */
static void lock_record(int fd, int how)
{
	struct flock whole = { .l_type = (short)how, .l_whence = SEEK_SET };

	while (libc()->fcntl(fd, how == F_UNLCK ? F_SETLK : F_SETLKW, &whole) < 0 && errno == EINTR)
		;
}

/* A client of one's own for the connection. */
static int adopt_connection(int fd, void **descriptor)
{
	int connection = libc()->fcntl(fd, F_DUPFD_CLOEXEC, private_numbers());
	int rc;

	if (connection < 0)
		return -errno;
	connection = table_keep(connection);
	lock_record(connection, F_WRLCK);
	rc = daemon_adopt(connection, descriptor);
	lock_record(connection, F_UNLCK);
	if (rc < 0)
		table_close(connection);
	return rc == -ENOTCONN ? -ENXIO : rc;
}

/* In the place of the one that the process had that forked this one, if any. */
static int adopt(struct file *file, int fd)
{
	void *old = file->descriptor, *descriptor;
	int rc = adopt_connection(old ? daemon_socket(old) : fd, &descriptor);

	if (rc < 0)
		return rc;
	if (old)
		daemon_leave(old);
	file->owner = read_once(&process);
	store_release(&file->descriptor, descriptor);
	return 0;
}

static int is_registered(void *descriptor)
{
	uint64_t region[2];

	return backend_daemon.map(descriptor, region) == 0;
}

/* Another process may have registered what this one has not. */
static int look_again(struct file *file)
{
	void *old = file->descriptor, *descriptor;
	int rc = adopt_connection(daemon_socket(old), &descriptor);

	if (rc < 0)
		return rc;
	if (!is_registered(descriptor)) {
		daemon_leave(descriptor);
		return -ENXIO;
	}
	/* Another thread may be using it. */
	file->former = old;
	store_release(&file->descriptor, descriptor);
	return 0;
}

static int is_ready(const struct file *file)
{
	return load_acquire(&file->descriptor) && file->owner == read_once(&process);
}

int file_descriptor(struct file *file, int fd, void **descriptor)
{
	sigset_t before;
	int rc = 0;

	if (__builtin_expect(!is_ready(file), 0)) {
		int cancel = work_begin();

		lock_with(&adopting, &before);
		if (!is_ready(file))
			rc = adopt(file, fd);
		pthread_mutex_unlock(&adopting);
		pthread_sigmask(SIG_SETMASK, &before, NULL);
		work_end(cancel);
	}
	*descriptor = load_acquire(&file->descriptor);
	return rc;
}

int file_registered(struct file *file, int fd, void **descriptor)
{
	int rc = file_descriptor(file, fd, descriptor), cancel;
	sigset_t before;

	if (rc < 0 || __builtin_expect(is_registered(*descriptor), 1))
		return rc;
	cancel = work_begin();
	lock_with(&adopting, &before);
	if (!is_registered(file->descriptor))
		rc = look_again(file);
	pthread_mutex_unlock(&adopting);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	work_end(cancel);
	*descriptor = load_acquire(&file->descriptor);
	return rc;
}

int connection_lock(void *descriptor)
{
	int cancel = work_begin();

	lock_record(daemon_socket(descriptor), F_WRLCK);
	return cancel;
}

void connection_unlock(void *descriptor, int cancel)
{
	lock_record(daemon_socket(descriptor), F_UNLCK);
	work_end(cancel);
}

/* A program that was given netmap descriptors by the one that executed it. */
static void __attribute__((constructor)) look_around(void)
{
	struct pollfd fds[SCAN_FDS - 3];
	int error = errno;

	for (int i = 0; i < SCAN_FDS - 3; i++)
		fds[i] = (struct pollfd){ .fd = i + 3 };
	/* Not everywhere may so many be asked for; then they are recognised when they are used. */
	if (libc()->poll(fds, SCAN_FDS - 3, 0) < 0)
		memset(fds, 0, sizeof(fds));
	for (int i = 0; i < SCAN_FDS - 3; i++) {
		struct file *file = NULL;

		if (fds[i].fd && !(fds[i].revents & POLLNVAL))
			file = file_recognise(fds[i].fd);
		if (file)
			file_leave(file);
	}
	errno = error;
}
