/* SPDX-License-Identifier: BSD-2-Clause */
/* Programs that look whether there is a /dev/netmap, or what a descriptor is. */
#include "preload.h"

#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { MISC_MAJOR = 10, DEVICE_MINOR = 124 };

/* As the kernel's: a miscellaneous character device, readable and writable by its owner. */
static int describe(struct stat *out)
{
	memset(out, 0, sizeof(*out));
	out->st_mode = S_IFCHR | 0600;
	out->st_nlink = 1;
	out->st_uid = geteuid();
	out->st_gid = getegid();
	out->st_rdev = makedev(MISC_MAJOR, DEVICE_MINOR);
	out->st_blksize = 4096;
	return 0;
}

static int describe_more(struct statx *out)
{
	memset(out, 0, sizeof(*out));
	out->stx_mask = STATX_TYPE | STATX_MODE | STATX_NLINK | STATX_UID | STATX_GID;
	out->stx_mode = S_IFCHR | 0600;
	out->stx_nlink = 1;
	out->stx_uid = geteuid();
	out->stx_gid = getegid();
	out->stx_rdev_major = MISC_MAJOR;
	out->stx_rdev_minor = DEVICE_MINOR;
	out->stx_blksize = 4096;
	return 0;
}

/* Whether what libc did not find is the device, with a daemon behind it. Keeps errno. */
static int is_served(int rc, const char *path)
{
	int error = errno;
	int served;

	if (__builtin_expect(rc == 0 || !path_is_device(rc, path), 1))
		return 0;
	served = backend_daemon.probe() == 0;
	errno = error;
	return served;
}

/* libc's result, or the device. `before` is the errno that the program had. */
static int answered(int rc, int before, const char *path, struct stat *out)
{
	if (!is_served(rc, path))
		return rc;
	errno = before;
	return describe(out);
}

static int is_netmap(int fd)
{
	struct file *file = netmap_enter(fd);

	if (file)
		file_leave(file);
	return file != NULL;
}

/* For calls that are about the file itself when the path is empty. */
static int is_itself(int fd, const char *path, int flags)
{
	return table_used() && flags & AT_EMPTY_PATH && is_netmap(fd) && (!path || !*path);
}

PRELOAD_EXPORT int stat(const char *path, struct stat *out)
{
	int before = errno;

	return answered(libc()->stat(path, out), before, path, out);
}

PRELOAD_EXPORT int lstat(const char *path, struct stat *out)
{
	int before = errno;

	return answered(libc()->lstat(path, out), before, path, out);
}

PRELOAD_EXPORT int fstat(int fd, struct stat *out)
{
	return is_netmap(fd) ? describe(out) : libc()->fstat(fd, out);
}

PRELOAD_EXPORT int fstatat(int folder, const char *path, struct stat *out, int flags)
{
	int before = errno;

	if (is_itself(folder, path, flags))
		return describe(out);
	return answered(libc()->fstatat(folder, path, out, flags), before, path, out);
}

/* What programs built for glibc before 2.33 call. */
PRELOAD_EXPORT int __xstat(int version, const char *path, struct stat *out);
PRELOAD_EXPORT int __lxstat(int version, const char *path, struct stat *out);
PRELOAD_EXPORT int __fxstat(int version, int fd, struct stat *out);
PRELOAD_EXPORT int __fxstatat(int version, int folder, const char *path, struct stat *out,
			      int flags);

int __xstat(int version, const char *path, struct stat *out)
{
	int before = errno;

	return answered(libc()->__xstat(version, path, out), before, path, out);
}

int __lxstat(int version, const char *path, struct stat *out)
{
	int before = errno;

	return answered(libc()->__lxstat(version, path, out), before, path, out);
}

int __fxstat(int version, int fd, struct stat *out)
{
	return is_netmap(fd) ? describe(out) : libc()->__fxstat(version, fd, out);
}

int __fxstatat(int version, int folder, const char *path, struct stat *out, int flags)
{
	int before = errno;

	if (is_itself(folder, path, flags))
		return describe(out);
	return answered(libc()->__fxstatat(version, folder, path, out, flags), before, path, out);
}

/* struct stat64 is struct stat on 64-bit machines, the only ones that netmap's ABI is ours for. */
_Static_assert(sizeof(struct stat) == sizeof(struct stat64), "");
#define SAME_AS(name) __attribute__((alias(#name), visibility("default")))

SAME_AS(stat) int stat64(const char *path, struct stat64 *out);
SAME_AS(lstat) int lstat64(const char *path, struct stat64 *out);
SAME_AS(fstat) int fstat64(int fd, struct stat64 *out);
SAME_AS(fstatat) int fstatat64(int folder, const char *path, struct stat64 *out, int flags);
SAME_AS(__xstat) int __xstat64(int version, const char *path, struct stat64 *out);
SAME_AS(__lxstat) int __lxstat64(int version, const char *path, struct stat64 *out);
SAME_AS(__fxstat) int __fxstat64(int version, int fd, struct stat64 *out);
SAME_AS(__fxstatat)
int __fxstatat64(int version, int folder, const char *path, struct stat64 *out, int flags);

PRELOAD_EXPORT int statx(int folder, const char *path, int flags, unsigned mask, struct statx *out)
{
	int before = errno;
	int rc;

	if (is_itself(folder, path, flags))
		return describe_more(out);
	rc = libc()->statx(folder, path, flags, mask, out);
	if (!is_served(rc, path))
		return rc;
	errno = before;
	return describe_more(out);
}

/* ---- permission ---- */

static int permitted(int rc, int before, const char *path, int mode)
{
	if (!is_served(rc, path))
		return rc;
	errno = before;
	return mode & X_OK ? fails_with(EACCES) : 0;
}

PRELOAD_EXPORT int access(const char *path, int mode)
{
	int before = errno;

	return permitted(libc()->access(path, mode), before, path, mode);
}

PRELOAD_EXPORT int euidaccess(const char *path, int mode)
{
	int before = errno;

	return permitted(libc()->euidaccess(path, mode), before, path, mode);
}

SAME_AS(euidaccess) int eaccess(const char *path, int mode);

PRELOAD_EXPORT int faccessat(int folder, const char *path, int mode, int flags)
{
	int before = errno;

	return permitted(libc()->faccessat(folder, path, mode, flags), before, path, mode);
}
