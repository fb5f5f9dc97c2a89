/* SPDX-License-Identifier: BSD-2-Clause */
/* ioctl() on a netmap descriptor. */
#include "preload.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <sys/ioctl.h>

#include "../uapi/netmap_legacy.h"

/* Numbers that only netmap has, for descriptors that nothing is known of yet. */
static int is_netmaps(uint32_t number)
{
	switch (number) {
	case NIOCGINFO:
	case NIOCREGIF:
	case NIOCTXSYNC:
	case NIOCRXSYNC:
	case NIOCCONFIG:
	case NIOCCTRL:
		return 1;
	default:
		return 0;
	}
}

static int configure(void *descriptor, void *argument)
{
	struct nm_ifreq request;
	int rc;

	if (!argument)
		return -EINVAL;
	if (program_read(&request, (uintptr_t)argument, sizeof(request)) < 0)
		return -EFAULT;
	rc = backend_daemon.config(descriptor, &request);
	if (rc == 0 && program_write((uintptr_t)argument, &request, sizeof(request)) < 0)
		return -EFAULT;
	return rc;
}

/* The kernel does it for all files. */
static int set_nonblocking(struct file *file, void *argument)
{
	uint32_t flags = read_once(&file->flags) & ~(uint32_t)O_NONBLOCK;
	int on;

	if (program_read(&on, (uintptr_t)argument, sizeof(on)) < 0)
		return -EFAULT;
	write_once(&file->flags, on ? flags | O_NONBLOCK : flags);
	return 0;
}

static int netmap_ioctl(struct file *file, int fd, uint32_t number, void *argument)
{
	int is_sync = number == NIOCTXSYNC || number == NIOCRXSYNC;
	void *descriptor;
	int rc;

	if (number == FIONBIO)
		return set_nonblocking(file, argument);
	if (!is_netmaps(number))
		return -EOPNOTSUPP;
	rc = is_sync ? file_registered(file, fd, &descriptor)
		     : file_descriptor(file, fd, &descriptor);
	if (rc < 0)
		return rc;
	switch (number) {
	case NIOCTXSYNC:
		rc = backend_daemon.txsync(descriptor);
		break;
	case NIOCRXSYNC:
		rc = backend_daemon.rxsync(descriptor);
		break;
	case NIOCCTRL:
		return request_new(descriptor, argument);
	case NIOCCONFIG:
		return configure(descriptor, argument);
	default:
		return request_legacy(descriptor, number, argument);
	}
	/* A ring that was set back is no failure to the kernel. */
	return rc > 0 ? 0 : rc;
}

PRELOAD_EXPORT int ioctl(int fd, unsigned long number, ...)
{
	struct file *file = netmap_enter(fd);
	int before = errno;
	void *argument;
	va_list more;
	int rc;

	/* As libc does: read whether or not it is there. */
	va_start(more, number);
	argument = va_arg(more, void *);
	va_end(more);
	if (!file && is_netmaps((uint32_t)number))
		file = file_recognise(fd);
	if (!file && table_used() && table_is_private(fd))
		return fails_with(EBADF);
	if (!file || number == FIOCLEX || number == FIONCLEX) {
		rc = libc()->ioctl(fd, number, argument);
	} else {
		int cancel;

		/* Which ioctl() cannot be, whatever it does here. */
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
		rc = netmap_ioctl(file, fd, (uint32_t)number, argument);
		pthread_setcancelstate(cancel, NULL);
		errno = rc < 0 ? -rc : before;
		rc = rc < 0 ? -1 : 0;
	}
	if (file)
		file_leave(file);
	return rc;
}
