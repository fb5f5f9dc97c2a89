/* SPDX-License-Identifier: BSD-2-Clause */
/* libc's own functions, and what the daemon's client inside this library calls in their place. */
#include "preload.h"

#include <dlfcn.h>
#include <string.h>
#include <sys/eventfd.h>

struct libc libc_functions;

void libc_find(void)
{
	int error = errno;

#define F(type, name, arguments) *(void **)(void *)&libc_functions.name = dlsym(RTLD_NEXT, #name);
	LIBC_FUNCTIONS(F)
#undef F
	/* Whoever comes here at the same time finds the same. */
	store_release(&libc_functions.found, 1);
	errno = error;
}

/* ---- for the client: linked with --wrap ---- */

int __wrap_close(int fd);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout_ms);
ssize_t __wrap_read(int fd, void *to, size_t bytes);
ssize_t __wrap_write(int fd, const void *from, size_t bytes);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *message, int flags);
void *__wrap_mmap(void *address, size_t bytes, int protection, int flags, int fd, off_t offset);
int __wrap_munmap(void *address, size_t bytes);
int __wrap_socket(int domain, int type, int protocol);
int __wrap_eventfd(unsigned initial, int flags);
int __real_socket(int domain, int type, int protocol);
int __real_eventfd(unsigned initial, int flags);

int __wrap_close(int fd)
{
	table_forget(fd);
	return libc()->close(fd);
}

int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
	return libc()->poll(fds, count, timeout_ms);
}

ssize_t __wrap_read(int fd, void *to, size_t bytes)
{
	return libc()->read(fd, to, bytes);
}

ssize_t __wrap_write(int fd, const void *from, size_t bytes)
{
	return libc()->write(fd, from, bytes);
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
	return libc()->sendmsg(fd, message, flags);
}

ssize_t __wrap_recvmsg(int fd, struct msghdr *message, int flags)
{
	ssize_t got = libc()->recvmsg(fd, message, flags);
	int error = errno;

	if (got < 0)
		return got;
	for (struct cmsghdr *at = CMSG_FIRSTHDR(message); at; at = CMSG_NXTHDR(message, at)) {
		size_t count = (at->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (at->cmsg_level != SOL_SOCKET || at->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < count; i++) {
			unsigned char *place = CMSG_DATA(at) + i * sizeof(int);
			int kept;

			memcpy(&kept, place, sizeof(kept));
			kept = table_keep(kept);
			memcpy(place, &kept, sizeof(kept));
		}
	}
	errno = error;
	return got;
}

void *__wrap_mmap(void *address, size_t bytes, int protection, int flags, int fd, off_t offset)
{
	return libc()->mmap(address, bytes, protection, flags, fd, offset);
}

int __wrap_munmap(void *address, size_t bytes)
{
	return libc()->munmap(address, bytes);
}

int __wrap_socket(int domain, int type, int protocol)
{
	int fd = __real_socket(domain, type, protocol);

	return fd < 0 ? fd : table_keep(fd);
}

int __wrap_eventfd(unsigned initial, int flags)
{
	int fd = __real_eventfd(initial, flags);

	return fd < 0 ? fd : table_keep(fd);
}
