/* SPDX-License-Identifier: BSD-2-Clause */
/* TAP interfaces of the host: what a program writes, the host's network stack receives (tun(4)). */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../valet.h"
#include "tap_open.h"

int tap_open(const char *name, int flags, char *actual)
{
	struct ifreq request = { .ifr_flags = (short)(IFF_TAP | IFF_NO_PI | flags) };
	size_t length = name ? strlen(name) : 0;
	int fd, rc;

	if (length >= sizeof(request.ifr_name))
		return -ENAMETOOLONG;
	if (length)
		memcpy(request.ifr_name, name, length);
	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (ioctl(fd, TUNSETIFF, &request) < 0) {
		rc = -errno;
		close(fd);
		return rc;
	}
	memcpy(actual, request.ifr_name, sizeof(request.ifr_name));
	actual[sizeof(request.ifr_name) - 1] = '\0';
	return fd;
}

int32_t valet_tap_open(const char *name, char *actual)
{
	return tap_open(name, 0, actual);
}

/* One frame, or 0 when the time is up. */
int32_t valet_tap_read(int32_t fd, void *frame, uint32_t size, int32_t timeout_ms)
{
	struct pollfd event = { .fd = fd, .events = POLLIN };
	ssize_t bytes = read(fd, frame, size);

	if (bytes < 0 && errno == EAGAIN && timeout_ms) {
		if (poll(&event, 1, timeout_ms) < 0)
			return errno == EINTR ? 0 : -errno;
		bytes = read(fd, frame, size);
	}
	if (bytes >= 0)
		return (int32_t)bytes;
	return errno == EAGAIN || errno == EINTR ? 0 : -errno;
}

int32_t valet_tap_write(int32_t fd, const void *frame, uint32_t bytes)
{
	return write(fd, frame, bytes) < 0 ? -errno : 0;
}

int32_t valet_tap_close(int32_t fd)
{
	return close(fd) < 0 ? -errno : 0;
}
