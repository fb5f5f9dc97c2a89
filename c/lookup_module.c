/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's lookup module as valet.h offers it. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "uapi/valet_module.h"
#include "valet.h"

int32_t valet_module_take(const char *bridge)
{
	int fd = open(VALET_MODULE_BRIDGES, O_WRONLY | O_CLOEXEC);
	size_t length = strlen(bridge);
	int32_t rc = 0;

	if (fd < 0)
		return errno == ENOENT ? -ENOPKG : -errno;
	/* A '-' would give it back, a ',' begin another one. */
	if (strncmp(bridge, "vale", 4) || strpbrk(bridge, ", \n"))
		rc = -EINVAL;
	else if (write(fd, bridge, length) != (ssize_t)length)
		rc = -errno;
	close(fd);
	return rc;
}
