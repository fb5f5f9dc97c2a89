/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opening /dev/netmap. libc's function goes first: when it has answered, the path is one that can
 * be read, and only then it is compared.
 */
#include "preload.h"

#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

/* ---- opening ---- */

/* A new number for the connection, which the client keeps to itself. */
static int file_make(void *descriptor, int flags)
{
	int connection = daemon_socket(descriptor);
	struct file *file, *before = NULL;
	int fd;

	table_lock();
	fd = libc()->fcntl(connection, flags & O_CLOEXEC ? F_DUPFD_CLOEXEC : F_DUPFD, 0);
	if (fd < 0) {
		table_unlock();
		return -errno;
	}
	file = fd < TABLE_FDS ? file_take(FILE_NETMAP) : NULL;
	if (!file) {
		libc()->close(fd);
		table_unlock();
		return -EMFILE;
	}
	file->inode = inode_of(fd);
	file->flags = (uint32_t)flags & (O_ACCMODE | O_NONBLOCK | O_APPEND);
	file->owner = getpid();
	store_release(&file->descriptor, descriptor);
	before = file_set(fd, file);
	table_unlock();
	file_release(before);
	file_leave(file);
	return fd;
}

static int open_device(int flags)
{
	void *descriptor;
	int cancel, rc;

	if (flags & O_DIRECTORY)
		return -ENOTDIR;
	cancel = work_begin();
	rc = backend_daemon.open(NULL, &descriptor);
	if (rc == 0) {
		rc = file_make(descriptor, flags);
		if (rc < 0)
			daemon_leave(descriptor);
	}
	work_end(cancel);
	return rc;
}

/*
 * After libc's. With a kernel that has netmap, that too has opened it; the daemon is what was asked
 * for, but the kernel is better than nothing. `before` is the errno that the program had.
 */
static int opened(int fd, const char *path, int flags, int before)
{
	int ours;

	if (__builtin_expect(!path_is_device(fd, path), 1) || (fd < 0 && errno == EMFILE))
		return fd;
	if (fd >= 0 && backend_daemon.probe() < 0)
		return fd;
	/* First, so that its number is free. */
	if (fd >= 0)
		libc()->close(fd);
	ours = open_device(flags);
	errno = ours < 0 ? -ours : before;
	return ours < 0 ? -1 : ours;
}

/* Opening it must not make a file of that name. */
static int less_create(const char *path, int flags)
{
	enum { NO_ADDRESS = 65536 }; /* below: nothing that can be read */

	if (!(flags & O_CREAT) || (uintptr_t)path < NO_ADDRESS || strcmp(path, DEVICE) != 0)
		return flags;
	return flags & ~(O_CREAT | O_EXCL);
}

#define OPEN(name)                                                                             \
	PRELOAD_EXPORT int name(const char *path, int flags, ...)                              \
	{                                                                                      \
		int before = errno;                                                            \
		mode_t mode = 0;                                                               \
		va_list more;                                                                  \
                                                                                               \
		va_start(more, flags);                                                         \
		if (flags & (O_CREAT | __O_TMPFILE))                                           \
			mode = va_arg(more, mode_t);                                           \
		va_end(more);                                                                  \
		return opened(libc()->name(path, less_create(path, flags), mode), path, flags, \
			      before);                                                         \
	}

#define OPENAT(name)                                                                            \
	PRELOAD_EXPORT int name(int folder, const char *path, int flags, ...)                   \
	{                                                                                       \
		int before = errno;                                                             \
		mode_t mode = 0;                                                                \
		va_list more;                                                                   \
                                                                                                \
		va_start(more, flags);                                                          \
		if (flags & (O_CREAT | __O_TMPFILE))                                            \
			mode = va_arg(more, mode_t);                                            \
		va_end(more);                                                                   \
		return opened(libc()->name(folder, path, less_create(path, flags), mode), path, \
			      flags, before);                                                   \
	}

OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

/* What programs built with _FORTIFY_SOURCE call. */
PRELOAD_EXPORT int __open_2(const char *path, int flags);
PRELOAD_EXPORT int __open64_2(const char *path, int flags);
PRELOAD_EXPORT int __openat_2(int folder, const char *path, int flags);
PRELOAD_EXPORT int __openat64_2(int folder, const char *path, int flags);

int __open_2(const char *path, int flags)
{
	int before = errno;

	return opened(libc()->__open_2(path, flags), path, flags, before);
}

int __open64_2(const char *path, int flags)
{
	int before = errno;

	return opened(libc()->__open64_2(path, flags), path, flags, before);
}

int __openat_2(int folder, const char *path, int flags)
{
	int before = errno;

	return opened(libc()->__openat_2(folder, path, flags), path, flags, before);
}

int __openat64_2(int folder, const char *path, int flags)
{
	int before = errno;

	return opened(libc()->__openat64_2(folder, path, flags), path, flags, before);
}
