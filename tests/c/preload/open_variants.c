/* SPDX-License-Identifier: BSD-2-Clause */
/* Every way to open /dev/netmap gives the number that the kernel would, and to look for it works.
 */
#include "p.h"

#include <sys/sysmacros.h>

int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int folder, const char *path, int flags);
int __openat64_2(int folder, const char *path, int flags);

static int lowest_free(void)
{
	int fd = dup(0);

	CHECK(fd >= 0);
	EQUAL(close(fd), 0);
	return fd;
}

static void check_opened(const char *what, int fd, int wanted, int close_on_exec)
{
	struct nmreq_vale_list list = { 0 };

	if (fd != wanted)
		FAIL("%s gives %d, not %d (errno %d)", what, fd, wanted, errno);
	EQUAL(fcntl(fd, F_GETFD), close_on_exec ? FD_CLOEXEC : 0);
	FAILS(request(fd, NETMAP_REQ_VALE_LIST, "", &list), ENOENT);
	EQUAL(close(fd), 0);
	FAILS(close(fd), EBADF);
	FAILS(fcntl(fd, F_GETFD), EBADF);
}

#define OPENED(call) check_opened(#call, call, free_fd, 0)

static void variants(void)
{
	int free_fd = lowest_free();
	int folder, next;

	OPENED(open("/dev/netmap", O_RDWR));
	OPENED(open64("/dev/netmap", O_RDWR));
	OPENED(openat(AT_FDCWD, "/dev/netmap", O_RDWR));
	OPENED(openat64(AT_FDCWD, "/dev/netmap", O_RDWR));
	OPENED(__open_2("/dev/netmap", O_RDWR));
	OPENED(__open64_2("/dev/netmap", O_RDWR));
	OPENED(__openat_2(AT_FDCWD, "/dev/netmap", O_RDWR));
	OPENED(__openat64_2(AT_FDCWD, "/dev/netmap", O_RDWR));
	OPENED(open("/dev/netmap", O_RDWR | O_CREAT, 0600));
	check_opened("O_CLOEXEC", open("/dev/netmap", O_RDWR | O_CLOEXEC), free_fd, 1);
	folder = open("/", O_RDONLY | O_DIRECTORY);
	EQUAL(folder, free_fd);
	next = lowest_free();
	check_opened("openat", openat(folder, "/dev/netmap", O_RDWR), next, 0);
	EQUAL(close(folder), 0);
	FAILS(open("/dev/netmap", O_RDONLY | O_DIRECTORY), ENOTDIR);
	FAILS(open("/dev/netmapx", O_RDWR), ENOENT);
	FAILS(open(NULL, O_RDWR), EFAULT);
	FAILS(open((const char *)8, O_RDWR | O_CREAT, 0600), EFAULT);
}

/* As the kernel gives them: the lowest that is free. */
static void numbers(void)
{
	int wanted[20], fds[20];

	for (int i = 0; i < 20; i++)
		CHECK((wanted[i] = dup(0)) >= 0);
	for (int i = 0; i < 20; i++)
		EQUAL(close(wanted[i]), 0);
	for (int i = 0; i < 20; i++)
		EQUAL(fds[i] = open_netmap(), wanted[i]);
	EQUAL(close(fds[7]), 0);
	EQUAL(lowest_free(), fds[7]);
	EQUAL(open_netmap(), fds[7]);
	for (int i = 0; i < 20; i++)
		EQUAL(close(fds[i]), 0);
	EQUAL(lowest_free(), wanted[0]);
}

static void check_device(const struct stat *status)
{
	CHECK(S_ISCHR(status->st_mode));
	EQUAL(status->st_mode & 0777, 0600);
	EQUAL(major(status->st_rdev), 10);
}

static void looking(void)
{
	int fd = open_netmap();
	struct stat status;
	struct statx more;

	EQUAL(stat("/dev/netmap", &status), 0);
	check_device(&status);
	EQUAL(lstat("/dev/netmap", &status), 0);
	check_device(&status);
	EQUAL(fstatat(AT_FDCWD, "/dev/netmap", &status, 0), 0);
	check_device(&status);
	EQUAL(fstat(fd, &status), 0);
	check_device(&status);
	EQUAL(fstatat(fd, "", &status, AT_EMPTY_PATH), 0);
	check_device(&status);
	EQUAL(statx(AT_FDCWD, "/dev/netmap", 0, STATX_BASIC_STATS, &more), 0);
	CHECK(S_ISCHR(more.stx_mode));
	EQUAL(statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &more), 0);
	CHECK(S_ISCHR(more.stx_mode));
	EQUAL(access("/dev/netmap", F_OK), 0);
	EQUAL(access("/dev/netmap", R_OK | W_OK), 0);
	FAILS(access("/dev/netmap", X_OK), EACCES);
	EQUAL(faccessat(AT_FDCWD, "/dev/netmap", R_OK, 0), 0);
	FAILS(stat("/dev/netmapx", &status), ENOENT);
	FAILS(access("/dev/netmapx", F_OK), ENOENT);
	EQUAL(stat("/", &status), 0);
	CHECK(S_ISDIR(status.st_mode));
	EQUAL(close(fd), 0);
}

/* A successful call leaves errno alone. */
static void errors(void)
{
	struct stat status;
	int fd;

	errno = EXDEV;
	fd = open_netmap();
	EQUAL(errno, EXDEV);
	EQUAL(stat("/dev/netmap", &status), 0);
	EQUAL(errno, EXDEV);
	EQUAL(close(fd), 0);
	EQUAL(errno, EXDEV);
}

int main(void)
{
	variants();
	numbers();
	looking();
	errors();
	return 0;
}
