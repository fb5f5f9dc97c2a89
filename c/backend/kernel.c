/* SPDX-License-Identifier: BSD-2-Clause */
/* netmap as the kernel module offers it. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../engine/barrier.h"
#include "../engine/option.h"
#include "../engine/request.h"
#include "backend.h"
#include "file_memory.h"
#include "kernel_memory.h"

struct kernel_descriptor {
	int fd;
	int wake_fd;
	struct spinlock mapping;
	uint64_t memory_bytes; /* what REGISTER said; 0 before */
	void *memory; /* NULL before map */
	uint32_t csb_mode; /* there may be a sync loop */
	int is_external; /* it is the application's */
};

static int kernel_probe(void)
{
	int fd = open("/dev/netmap", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int kernel_open(const char *instance, void **descriptor)
{
	struct kernel_descriptor *kernel = calloc(1, sizeof(*kernel));
	int error;

	(void)instance; /* there is one kernel */
	if (!kernel)
		return -ENOMEM;
	kernel->fd = open("/dev/netmap", O_RDWR | O_CLOEXEC);
	if (kernel->fd < 0)
		goto fail;
	kernel->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (kernel->wake_fd < 0)
		goto fail_close;
	*descriptor = kernel;
	return 0;

fail_close:
	error = errno;
	close(kernel->fd);
	errno = error;
fail:
	error = errno;
	free(kernel);
	return -error;
}

/* A port in memory of the application's: it has it mapped already, and /dev/netmap does not. */
static void take_external(struct kernel_descriptor *kernel, const struct nmreq_header *header)
{
	const struct nmreq_opt_extmem *option = option_find(header, NETMAP_REQ_OPT_EXTMEM);

	if (!option)
		return;
	kernel->is_external = 1;
	kernel->memory = (void *)(uintptr_t)option->nro_usrptr;
	file_memory_hold(option->nro_usrptr, 1);
}

static int kernel_control(void *descriptor, struct nmreq_header *header)
{
	struct kernel_descriptor *kernel = descriptor;

	if ((header->nr_reqtype == VALET_REQ_MEMORY_GET ||
	     header->nr_reqtype == VALET_REQ_MEMORY_SET) &&
	    header->nr_body)
		return kernel_memory(header->nr_reqtype, (void *)(uintptr_t)header->nr_body);
	if (request_is_valet(header->nr_reqtype))
		return -EOPNOTSUPP;
	if (ioctl(kernel->fd, NIOCCTRL, header) < 0)
		return -errno;
	if (option_find(header, NETMAP_REQ_OPT_CSB))
		store_release(&kernel->csb_mode, 1);
	if (header->nr_reqtype == NETMAP_REQ_REGISTER) {
		const struct nmreq_register *reg = (void *)(uintptr_t)header->nr_body;

		take_external(kernel, header);
		store_release(&kernel->memory_bytes, reg->nr_memsize);
	}
	return 0;
}

static int kernel_config(void *descriptor, struct nm_ifreq *request)
{
	struct kernel_descriptor *kernel = descriptor;

	return ioctl(kernel->fd, NIOCCONFIG, request) < 0 ? -errno : 0;
}

static int kernel_map(void *descriptor, uint64_t *out)
{
	struct kernel_descriptor *kernel = descriptor;
	uint64_t bytes = load_acquire(&kernel->memory_bytes);
	int rc = 0;

	if (!bytes)
		return -ENXIO;
	spin_lock(&kernel->mapping);
	if (!kernel->memory) {
		void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, kernel->fd, 0);

		if (memory == MAP_FAILED)
			rc = -errno;
		else
			kernel->memory = memory;
	}
	spin_unlock(&kernel->mapping);
	out[0] = (uintptr_t)kernel->memory;
	out[1] = bytes;
	return rc;
}

static int kernel_txsync(void *descriptor)
{
	return ioctl(((struct kernel_descriptor *)descriptor)->fd, NIOCTXSYNC, NULL) < 0 ? -errno
											 : 0;
}

static int kernel_rxsync(void *descriptor)
{
	return ioctl(((struct kernel_descriptor *)descriptor)->fd, NIOCRXSYNC, NULL) < 0 ? -errno
											 : 0;
}

static int kernel_poll(void *descriptor, uint32_t events, int32_t timeout_ms)
{
	struct kernel_descriptor *kernel = descriptor;
	struct pollfd fds[2] = {
		{ .fd = kernel->fd, .events = (short)events },
		{ .fd = kernel->wake_fd, .events = POLLIN },
	};
	int rc = poll(fds, 2, timeout_ms);
	uint64_t woken;

	if (rc < 0)
		return errno == EINTR ? 0 : -errno;
	/*
	 * Of several that sleep on the descriptor, one takes the wake-up; the others find none
	 * left.
	 */
	if (fds[1].revents && read(kernel->wake_fd, &woken, sizeof(woken)) < 0 && errno != EAGAIN)
		return -errno;
	return fds[0].revents;
}

static void kernel_wake(void *descriptor)
{
	struct kernel_descriptor *kernel = descriptor;
	uint64_t one = 1;

	/* Only a counter that is full already fails, and then the poll is awake anyway. */
	if (write(kernel->wake_fd, &one, sizeof(one)) < 0)
		return;
}

static void kernel_closing(void *descriptor)
{
	struct kernel_descriptor *kernel = descriptor;
	struct nmreq_header header = {
		.nr_version = NETMAP_API,
		.nr_reqtype = NETMAP_REQ_SYNC_KLOOP_STOP,
	};

	/* A loop that has yet to begin ends when it does. Without one, nothing is lost. */
	if (load_acquire(&kernel->csb_mode) && ioctl(kernel->fd, NIOCCTRL, &header) < 0)
		return;
}

static void kernel_close(void *descriptor)
{
	struct kernel_descriptor *kernel = descriptor;

	/* A mapping that is left keeps the port open in the kernel. */
	if (kernel->memory && !kernel->is_external)
		munmap(kernel->memory, kernel->memory_bytes);
	close(kernel->wake_fd);
	close(kernel->fd);
	if (kernel->is_external)
		file_memory_hold((uintptr_t)kernel->memory, -1);
	free(kernel);
}

const struct backend backend_kernel = {
	.name = "kernel",
	.id = VALET_BACKEND_KERNEL,
	.probe = kernel_probe,
	.open = kernel_open,
	.control = kernel_control,
	.config = kernel_config,
	.map = kernel_map,
	.txsync = kernel_txsync,
	.rxsync = kernel_rxsync,
	.poll = kernel_poll,
	.wake = kernel_wake,
	.closing = kernel_closing,
	.close = kernel_close,
};
