/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libvalet-preload.so: stands in for libc's functions on file descriptors, so that programs written
 * for /dev/netmap run on a valet daemon as they are.
 *
 * What the program has as its netmap descriptor is a duplicate of a connection to the daemon, with
 * the number that the kernel gave it. The connection that the client itself works with, and its
 * other file descriptors, are private: high numbers, closed by exec, and not to be closed by the
 * program. All that the library knows of file descriptors is in one table (preload_table.c); while
 * it is empty, every function here goes straight on to libc's.
 *
 * Inside the library, calls of the functions below are linked to __wrap_* (preload_libc.c), which
 * are libc's with the private file descriptors noted.
 */
#ifndef VALET_PRELOAD_H
#define VALET_PRELOAD_H

#undef _FORTIFY_SOURCE
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>

#ifndef __GLIBC__
#error "The preload library stands in for functions as glibc has them"
#endif

#include "../backend/backend.h"
#include "../backend/daemon.h"
#include "../engine/barrier.h"

#define PRELOAD_EXPORT __attribute__((visibility("default")))
#define DEVICE "/dev/netmap"

/* ---- preload_libc.c: what the names mean without this library ---- */

#define LIBC_FUNCTIONS(F)                                                                        \
	F(int, open, (const char *, int, ...))                                                   \
	F(int, open64, (const char *, int, ...))                                                 \
	F(int, openat, (int, const char *, int, ...))                                            \
	F(int, openat64, (int, const char *, int, ...))                                          \
	F(int, __open_2, (const char *, int))                                                    \
	F(int, __open64_2, (const char *, int))                                                  \
	F(int, __openat_2, (int, const char *, int))                                             \
	F(int, __openat64_2, (int, const char *, int))                                           \
	F(int, close, (int))                                                                     \
	F(int, close_range, (unsigned, unsigned, int))                                           \
	F(void, closefrom, (int))                                                                \
	F(int, dup, (int))                                                                       \
	F(int, dup2, (int, int))                                                                 \
	F(int, dup3, (int, int, int))                                                            \
	F(int, fcntl, (int, int, ...))                                                           \
	F(int, fcntl64, (int, int, ...))                                                         \
	F(int, ioctl, (int, unsigned long, ...))                                                 \
	F(void *, mmap, (void *, size_t, int, int, int, off_t))                                  \
	F(void *, mmap64, (void *, size_t, int, int, int, off_t))                                \
	F(int, munmap, (void *, size_t))                                                         \
	F(int, poll, (struct pollfd *, nfds_t, int))                                             \
	F(int, ppoll, (struct pollfd *, nfds_t, const struct timespec *, const sigset_t *))      \
	F(int, select, (int, fd_set *, fd_set *, fd_set *, struct timeval *))                    \
	F(int, pselect,                                                                          \
	  (int, fd_set *, fd_set *, fd_set *, const struct timespec *, const sigset_t *))        \
	F(int, epoll_ctl, (int, int, int, struct epoll_event *))                                 \
	F(int, epoll_wait, (int, struct epoll_event *, int, int))                                \
	F(int, epoll_pwait, (int, struct epoll_event *, int, int, const sigset_t *))             \
	F(int, epoll_pwait2,                                                                     \
	  (int, struct epoll_event *, int, const struct timespec *, const sigset_t *))           \
	F(ssize_t, read, (int, void *, size_t))                                                  \
	F(ssize_t, readv, (int, const struct iovec *, int))                                      \
	F(ssize_t, pread, (int, void *, size_t, off_t))                                          \
	F(ssize_t, pread64, (int, void *, size_t, off_t))                                        \
	F(ssize_t, write, (int, const void *, size_t))                                           \
	F(ssize_t, writev, (int, const struct iovec *, int))                                     \
	F(ssize_t, pwrite, (int, const void *, size_t, off_t))                                   \
	F(ssize_t, pwrite64, (int, const void *, size_t, off_t))                                 \
	F(ssize_t, recv, (int, void *, size_t, int))                                             \
	F(ssize_t, recvfrom, (int, void *, size_t, int, struct sockaddr *, socklen_t *))         \
	F(ssize_t, recvmsg, (int, struct msghdr *, int))                                         \
	F(int, recvmmsg, (int, struct mmsghdr *, unsigned, int, struct timespec *))              \
	F(ssize_t, send, (int, const void *, size_t, int))                                       \
	F(ssize_t, sendto, (int, const void *, size_t, int, const struct sockaddr *, socklen_t)) \
	F(ssize_t, sendmsg, (int, const struct msghdr *, int))                                   \
	F(int, sendmmsg, (int, struct mmsghdr *, unsigned, int))                                 \
	F(int, shutdown, (int, int))                                                             \
	F(int, stat, (const char *, struct stat *))                                              \
	F(int, lstat, (const char *, struct stat *))                                             \
	F(int, fstat, (int, struct stat *))                                                      \
	F(int, fstatat, (int, const char *, struct stat *, int))                                 \
	F(int, __xstat, (int, const char *, struct stat *))                                      \
	F(int, __lxstat, (int, const char *, struct stat *))                                     \
	F(int, __fxstat, (int, int, struct stat *))                                              \
	F(int, __fxstatat, (int, int, const char *, struct stat *, int))                         \
	F(int, statx, (int, const char *, int, unsigned, struct statx *))                        \
	F(int, access, (const char *, int))                                                      \
	F(int, euidaccess, (const char *, int))                                                  \
	F(int, faccessat, (int, const char *, int, int))

struct libc {
#define F(type, name, arguments) type(*name) arguments;
	LIBC_FUNCTIONS(F)
#undef F
	uint32_t found; /* set, with release, when they are; NULL: this libc has no such function */
};

extern struct libc libc_functions;
void libc_find(void);

/* Works at any time: other libraries' constructors may run before ours. */
static inline const struct libc *libc(void)
{
	if (__builtin_expect(!load_acquire(&libc_functions.found), 0))
		libc_find();
	return &libc_functions;
}

/* ---- preload_table.c: what is known of file descriptors ---- */

#define TABLE_FDS 65536 /* those with higher numbers are never netmap's */

enum file_kind { FILE_NETMAP, FILE_EPOLL };

/* An open file, as the kernel has them: several file descriptors may stand for one. */
struct file {
	uint64_t state; /* FILE_HOLDER for each fd and mapping, FILE_USER for each call inside */
	uint32_t taken; /* the struct is in use */
	enum file_kind kind;
	uint64_t inode;

	/* A netmap descriptor. */
	void *descriptor; /* the client's, of process `owner`; NULL: to be adopted at its first use
			   */
	void *former; /* the one before it: of another process, or not registered */
	int32_t owner;
	uint32_t flags; /* O_RDWR, O_NONBLOCK ... as fcntl() sees them */

	/* An epoll set with netmap descriptors in it (preload_epoll.c). */
	int poke; /* eventfd in the real set, to have those that wait look again */
	uint32_t waiters;
	uint32_t turn;
};

#define FILE_HOLDER (1ull << 32)
#define FILE_USER 1ull

/* How many entries the table has; 0: nothing to do with netmap here. */
extern uint32_t table_entries;

static inline int table_used(void)
{
	return __builtin_expect(read_once(&table_entries) != 0, 0);
}

/* Whether it is the client's own: not there, as far as the program is concerned. */
int table_is_private(int fd);
/* From here on it is; returns its number, which may be another. */
int table_keep(int fd);
void table_forget(int fd);
/* Closes what was kept. */
void table_close(int fd);

/*
 * Calls that change what a number means happen with the lock held, signals blocked. They must not
 * touch the table in a process that only borrows this memory, as the child of vfork() does:
 * table_borrowed().
 */
void table_lock(void);
void table_unlock(void);
int table_borrowed(void);

/* NULL: none of that kind. Otherwise it stays until file_leave(). */
struct file *file_enter(int fd, enum file_kind kind);
void file_leave(struct file *file);

/* With the lock held: makes `fd` (new, or to be replaced) stand for `file` (NULL: for nothing
 * known). Returns the file that it stood for, to be given to file_release() without the lock. */
struct file *file_set(int fd, struct file *file);
void file_release(struct file *file);
/* With the lock held: an unused struct with one user, or NULL. */
struct file *file_take(enum file_kind kind);
/* With the lock held, of a file that has holders: one more holder, such as a mapping; one more
 * user. */
void file_hold(struct file *file);
void file_share(struct file *file);

/* Whether an fd that nothing is known of is a connection that came from elsewhere; if so it is
 * known from now on, and entered. */
struct file *file_recognise(int fd);

uint64_t inode_of(int fd);

/* The client's descriptor; `fd` stands for the file. 0 or negative errno. */
int file_descriptor(struct file *file, int fd, void **descriptor);
/* As it, for what needs a port: -ENXIO before REGISTER, by whichever process. */
int file_registered(struct file *file, int fd, void **descriptor);

/*
 * Around making and ending connections: fork() waits until it is done, and the thread is not
 * cancelled. What the first returns is for the second.
 */
int work_begin(void);
void work_end(int cancel);

/*
 * Around requests, as well: other processes may have the connection too, and answers come to
 * whoever reads first.
 */
int connection_lock(void *descriptor);
void connection_unlock(void *descriptor, int cancel);

/* ---- the rest ---- */

static inline struct file *netmap_enter(int fd)
{
	return table_used() ? file_enter(fd, FILE_NETMAP) : NULL;
}

/* Whether `path` is the device, once libc's function has had it and returned `rc`. */
static inline int path_is_device(int rc, const char *path)
{
	return (rc >= 0 || errno != EFAULT) && path && !__builtin_strcmp(path, DEVICE);
}

static inline int fails_with(int error)
{
	errno = error;
	return -1;
}

/* preload_epoll.c: the file is gone. With the lock held. */
void epoll_forget(struct file *file);
void epoll_discard(struct file *set);

/* preload_request.c, preload_legacy.c: the ioctls with an argument. 0 or negative errno. */
int request_new(void *descriptor, void *argument);
int request_legacy(void *descriptor, uint32_t number, void *argument);
/* The program's memory, which may not be there: 0 or -EFAULT. */
int program_read(void *to, uint64_t from, size_t bytes);
int program_write(uint64_t to, const void *from, size_t bytes);

#endif
