/* SPDX-License-Identifier: BSD-2-Clause */
/* Closing, duplicating and reading: what all file descriptors have in common. */
#include "preload.h"

#include <fcntl.h>
#include <stdarg.h>
#include <unistd.h>

/* A file, of whichever kind; NULL: the number is nothing to us, or the client's own. */
static struct file *any_enter(int fd)
{
	struct file *file;

	if (!table_used())
		return NULL;
	file = file_enter(fd, FILE_NETMAP);
	return file ? file : file_enter(fd, FILE_EPOLL);
}

/* ---- closing ---- */

static int close_file(int fd)
{
	struct file *file;
	int rc, error;

	/* In the child of a vfork() the number is the child's, the table is not. */
	if (table_borrowed())
		return libc()->close(fd);
	table_lock();
	file = file_set(fd, NULL);
	rc = libc()->close(fd);
	error = errno;
	table_unlock();
	file_release(file);
	errno = error;
	return rc;
}

PRELOAD_EXPORT int close(int fd)
{
	struct file *file = any_enter(fd);
	int rc;

	if (!file)
		return table_used() && table_is_private(fd) ? fails_with(EBADF) : libc()->close(fd);
	rc = close_file(fd);
	file_leave(file);
	return rc;
}

/* Closes the numbers from first to last but those that are the client's own. */
static int close_all(unsigned first, unsigned last)
{
	unsigned end = last < TABLE_FDS ? last : TABLE_FDS - 1;
	unsigned from = first;
	int rc = 0;

	for (unsigned fd = first; fd <= end && rc == 0; fd++) {
		int ours = table_is_private((int)fd);
		struct file *file = ours ? NULL : any_enter((int)fd);

		if (!ours && !file)
			continue;
		if (from < fd)
			rc = libc()->close_range(from, fd - 1, 0);
		if (file) {
			close_file((int)fd);
			file_leave(file);
		}
		from = fd + 1;
	}
	return rc == 0 && from <= last ? libc()->close_range(from, last, 0) : rc;
}

PRELOAD_EXPORT int close_range(unsigned first, unsigned last, int flags)
{
	if (!table_used() || flags & CLOSE_RANGE_CLOEXEC || first > last || table_borrowed())
		return libc()->close_range(first, last, flags);
	if (flags & ~(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC))
		return fails_with(EINVAL);
	return close_all(first, last);
}

PRELOAD_EXPORT void closefrom(int first)
{
	if (!table_used() || table_borrowed())
		libc()->closefrom(first);
	else
		close_all(first < 0 ? 0 : (unsigned)first, ~0u);
}

/* ---- duplicating ---- */

/* With the lock held: `copy` is a new number for the file. Returns it, or -1. */
static int note_copy(int copy, struct file *file, struct file **before)
{
	*before = NULL;
	if (copy >= TABLE_FDS) {
		libc()->close(copy);
		return fails_with(EMFILE);
	}
	if (copy >= 0)
		*before = file_set(copy, file);
	return copy;
}

enum { ANY_NUMBER = -1 };

/* A number from `least` on (ANY_NUMBER: dup()), with FD_CLOEXEC or without. */
static int duplicate(int fd, struct file *file, int command, int least)
{
	struct file *before;
	int copy;

	if (table_borrowed())
		return least == ANY_NUMBER ? libc()->dup(fd) : libc()->fcntl(fd, command, least);
	table_lock();
	copy = least == ANY_NUMBER ? libc()->dup(fd) : libc()->fcntl(fd, command, least);
	copy = note_copy(copy, file, &before);
	table_unlock();
	file_release(before);
	return copy;
}

PRELOAD_EXPORT int dup(int fd)
{
	struct file *file = any_enter(fd);
	int copy;

	if (!file)
		return table_used() && table_is_private(fd) ? fails_with(EBADF) : libc()->dup(fd);
	copy = duplicate(fd, file, 0, ANY_NUMBER);
	file_leave(file);
	return copy;
}

/* dup2() has no flags, and does nothing when the numbers are the same. */
static int dup_to(int fd, int copy, int flags, int with_flags)
{
	struct file *file = any_enter(fd), *before;
	int rc;

	table_lock();
	rc = with_flags ? libc()->dup3(fd, copy, flags) : libc()->dup2(fd, copy);
	before = NULL;
	if (rc >= 0 && fd != copy)
		rc = note_copy(rc, file, &before);
	table_unlock();
	file_release(before);
	if (file)
		file_leave(file);
	return rc;
}

/* Whether the table has to do with it at all. */
static int is_known(int fd)
{
	struct file *file = any_enter(fd);

	if (file)
		file_leave(file);
	return file != NULL;
}

PRELOAD_EXPORT int dup2(int fd, int copy)
{
	if (!table_used())
		return libc()->dup2(fd, copy);
	if (table_is_private(fd))
		return fails_with(EBADF);
	/* What dup2() says when somebody else is about to have the number. */
	if (table_is_private(copy) && !table_borrowed())
		return fails_with(EBUSY);
	if ((!is_known(fd) && !is_known(copy)) || table_borrowed())
		return libc()->dup2(fd, copy);
	return dup_to(fd, copy, 0, 0);
}

PRELOAD_EXPORT int dup3(int fd, int copy, int flags)
{
	if (!table_used())
		return libc()->dup3(fd, copy, flags);
	if (table_is_private(fd))
		return fails_with(EBADF);
	if (table_is_private(copy) && !table_borrowed())
		return fails_with(EBUSY);
	if ((!is_known(fd) && !is_known(copy)) || table_borrowed())
		return libc()->dup3(fd, copy, flags);
	return dup_to(fd, copy, flags, 1);
}

/*
 * O_NONBLOCK and its like mean nothing to netmap, but would to the client, whose connection it is:
 * they are only remembered.
 */
static int set_flags(struct file *file, long flags)
{
	enum { CHANGEABLE = O_APPEND | O_NONBLOCK | O_NOATIME };

	write_once(&file->flags, (read_once(&file->flags) & (uint32_t)~CHANGEABLE) |
					 ((uint32_t)flags & CHANGEABLE));
	return 0;
}

static int netmap_fcntl(int fd, struct file *file, int command, long argument)
{
	switch (command) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		if ((int)argument < 0) /* it was given as an int */
			return fails_with(EINVAL);
		return duplicate(fd, file, command, (int)argument);
	case F_GETFL:
		if (file->kind == FILE_NETMAP)
			return (int)read_once(&file->flags);
		break;
	case F_SETFL:
		if (file->kind == FILE_NETMAP)
			return set_flags(file, argument);
		break;
	}
	return libc()->fcntl(fd, command, argument);
}

#define FCNTL(name)                                                           \
	PRELOAD_EXPORT int name(int fd, int command, ...)                     \
	{                                                                     \
		struct file *file;                                            \
		va_list more;                                                 \
		long argument;                                                \
		int rc;                                                       \
                                                                              \
		/* As libc does: read whether or not it is there. */          \
		va_start(more, command);                                      \
		argument = va_arg(more, long);                                \
		va_end(more);                                                 \
		file = any_enter(fd);                                         \
		if (!file)                                                    \
			return table_used() && table_is_private(fd)           \
				       ? fails_with(EBADF)                    \
				       : libc()->name(fd, command, argument); \
		rc = netmap_fcntl(fd, file, command, argument);               \
		file_leave(file);                                             \
		return rc;                                                    \
	}

FCNTL(fcntl)
FCNTL(fcntl64)

/* ---- reading, writing and the ways of sockets ---- */

/* What /dev/netmap says: 0: it is none, libc goes on; else errno. */
static int refusal(int fd, int is_write, int is_socket)
{
	struct file *file = netmap_enter(fd);
	uint32_t mode;

	if (__builtin_expect(!file, 1))
		return table_used() && table_is_private(fd) ? EBADF : 0;
	mode = read_once(&file->flags) & O_ACCMODE;
	file_leave(file);
	if (is_socket)
		return ENOTSOCK;
	return mode == (is_write ? O_RDONLY : O_WRONLY) ? EBADF : EINVAL;
}

#define REFUSES(type, name, is_write, is_socket, parameters, arguments)          \
	PRELOAD_EXPORT type name parameters                                      \
	{                                                                        \
		int error = table_used() ? refusal(fd, is_write, is_socket) : 0; \
                                                                                 \
		return error ? fails_with(error) : libc()->name arguments;       \
	}

#define READS(name, parameters, arguments) REFUSES(ssize_t, name, 0, 0, parameters, arguments)
#define WRITES(name, parameters, arguments) REFUSES(ssize_t, name, 1, 0, parameters, arguments)

READS(read, (int fd, void *to, size_t bytes), (fd, to, bytes))
READS(readv, (int fd, const struct iovec *parts, int count), (fd, parts, count))
READS(pread, (int fd, void *to, size_t bytes, off_t at), (fd, to, bytes, at))
READS(pread64, (int fd, void *to, size_t bytes, off64_t at), (fd, to, bytes, at))
WRITES(write, (int fd, const void *from, size_t bytes), (fd, from, bytes))
WRITES(writev, (int fd, const struct iovec *parts, int count), (fd, parts, count))
WRITES(pwrite, (int fd, const void *from, size_t bytes, off_t at), (fd, from, bytes, at))
WRITES(pwrite64, (int fd, const void *from, size_t bytes, off64_t at), (fd, from, bytes, at))

#define SOCKET(type, name, parameters, arguments) REFUSES(type, name, 0, 1, parameters, arguments)

SOCKET(ssize_t, recv, (int fd, void *to, size_t bytes, int flags), (fd, to, bytes, flags))
SOCKET(ssize_t, send, (int fd, const void *from, size_t bytes, int flags), (fd, from, bytes, flags))
SOCKET(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags), (fd, message, flags))
SOCKET(int, sendmmsg, (int fd, struct mmsghdr *messages, unsigned count, int flags),
       (fd, messages, count, flags))
SOCKET(int, shutdown, (int fd, int how), (fd, how))

/* The types of addresses are unions of pointers in glibc's header. */
PRELOAD_EXPORT ssize_t recvfrom(int fd, void *to, size_t bytes, int flags, __SOCKADDR_ARG address,
				socklen_t *address_bytes)
{
	int error = table_used() ? refusal(fd, 0, 1) : 0;

	return error ? fails_with(error)
		     : libc()->recvfrom(fd, to, bytes, flags, address.__sockaddr__, address_bytes);
}

PRELOAD_EXPORT ssize_t sendto(int fd, const void *from, size_t bytes, int flags,
			      __CONST_SOCKADDR_ARG address, socklen_t address_bytes)
{
	int error = table_used() ? refusal(fd, 0, 1) : 0;

	return error ? fails_with(error)
		     : libc()->sendto(fd, from, bytes, flags, address.__sockaddr__, address_bytes);
}

/* Fortified programs' reads. The room is known to them; what they read of it is checked here. */
PRELOAD_EXPORT ssize_t __read_chk(int fd, void *to, size_t bytes, size_t room);
PRELOAD_EXPORT ssize_t __pread_chk(int fd, void *to, size_t bytes, off_t at, size_t room);
PRELOAD_EXPORT ssize_t __recv_chk(int fd, void *to, size_t bytes, size_t room, int flags);
extern void __chk_fail(void) __attribute__((noreturn));

ssize_t __read_chk(int fd, void *to, size_t bytes, size_t room)
{
	if (bytes > room)
		__chk_fail();
	return read(fd, to, bytes);
}

ssize_t __pread_chk(int fd, void *to, size_t bytes, off_t at, size_t room)
{
	if (bytes > room)
		__chk_fail();
	return pread(fd, to, bytes, at);
}

ssize_t __recv_chk(int fd, void *to, size_t bytes, size_t room, int flags)
{
	if (bytes > room)
		__chk_fail();
	return recv(fd, to, bytes, flags);
}

/* ---- descriptors that come in messages ---- */

static void look_at(struct msghdr *message)
{
	if (!message->msg_control || message->msg_controllen < CMSG_LEN(sizeof(int)))
		return;
	for (struct cmsghdr *at = CMSG_FIRSTHDR(message); at; at = CMSG_NXTHDR(message, at)) {
		size_t count = (at->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		const unsigned char *fds = CMSG_DATA(at);

		if (at->cmsg_level != SOL_SOCKET || at->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < count; i++) {
			struct file *file;
			int fd;

			__builtin_memcpy(&fd, fds + i * sizeof(fd), sizeof(fd));
			file = file_recognise(fd);
			if (file)
				file_leave(file);
		}
	}
}

PRELOAD_EXPORT ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	int error = table_used() ? refusal(fd, 0, 1) : 0;
	ssize_t got;

	if (error)
		return fails_with(error);
	got = libc()->recvmsg(fd, message, flags);
	if (got >= 0)
		look_at(message);
	return got;
}

PRELOAD_EXPORT int recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags,
			    struct timespec *timeout)
{
	int error = table_used() ? refusal(fd, 0, 1) : 0;
	int got;

	if (error)
		return fails_with(error);
	got = libc()->recvmmsg(fd, messages, count, flags, timeout);
	for (int i = 0; i < got; i++)
		look_at(&messages[i].msg_hdr);
	return got;
}
