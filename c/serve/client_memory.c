/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files of clients. They are named by process and descriptor instead of being sent: what is sent may be
 * anything, and closing it can take time that the control thread does not have.
 */
#include "client_memory.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../engine/option.h"

static int is_plain_file(int rc, const struct stat *status)
{
	return rc == 0 && S_ISREG(status->st_mode);
}

int memory_of_client(const struct nmreq_header *header)
{
	const struct nmreq_opt_extmem *option;
	struct stat status;
	char path[64];
	uint64_t where;
	int fd;

	if (header->nr_reqtype != NETMAP_REQ_REGISTER)
		return -1;
	option = option_find(header, NETMAP_REQ_OPT_EXTMEM);
	if (!option)
		return -1;
	where = option->nro_info.nr_if_pool_offset;
	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/fd/%" PRIu32, (uint32_t)(where >> 32),
		 (uint32_t)where);
	if (!is_plain_file(stat(path, &status), &status))
		return -1;
	fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd >= 0 && !is_plain_file(fstat(fd, &status), &status)) {
		close(fd);
		fd = -1;
	}
	return fd < 0 ? -1 : fd;
}
