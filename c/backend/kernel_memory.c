/* SPDX-License-Identifier: BSD-2-Clause */
/* The memory parameters of netmap's kernel module: files in /sys, of which only root may write. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel_memory.h"

static int parameter_open(const char *name, int flags)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/sys/module/netmap/parameters/%s", name);
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int parameter_read(const char *name, uint32_t *value)
{
	int fd = parameter_open(name, O_RDONLY);
	char text[32];
	ssize_t bytes;

	if (fd < 0)
		return fd;
	bytes = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (bytes <= 0)
		return -EIO;
	text[bytes] = '\0';
	*value = (uint32_t)strtoul(text, NULL, 10);
	return 0;
}

static int parameter_write(const char *name, uint32_t value)
{
	int fd = parameter_open(name, O_WRONLY);
	char text[32];
	int length = snprintf(text, sizeof(text), "%u\n", value), rc;

	if (fd < 0)
		return fd;
	rc = write(fd, text, (size_t)length) == length ? 0 : -errno;
	close(fd);
	return rc;
}

enum { FIGURES = 6 };

/* The figures of a pool in a request, in the order of their names. */
static void figures_of(struct valet_req_memory *body, int pool, uint32_t *figure[FIGURES])
{
	struct valet_pool_parameters *global = &body->global[pool];

	figure[0] = &global->size;
	figure[1] = &global->num;
	figure[2] = &body->priv[pool].size;
	figure[3] = &body->priv[pool].num;
	figure[4] = &global->curr_size;
	figure[5] = &global->curr_num;
}

static const char *const pools[3] = { "if", "ring", "buf" };
static const char *const names[FIGURES] = { "%s_size",	    "%s_num",	    "priv_%s_size",
					    "priv_%s_num", "%s_curr_size", "%s_curr_num" };

static int each(struct valet_req_memory *body, int is_write)
{
	int rc = 0;

	for (int pool = 0; pool < 3; pool++) {
		uint32_t *figure[FIGURES];

		figures_of(body, pool, figure);
		for (int i = 0; i < (is_write ? 4 : FIGURES) && rc == 0; i++) {
			char name[32];

			snprintf(name, sizeof(name), names[i], pools[pool]);
			if (!is_write)
				rc = parameter_read(name, figure[i]);
			else if (*figure[i])
				rc = parameter_write(name, *figure[i]);
		}
	}
	return rc;
}

int kernel_memory(uint16_t type, struct valet_req_memory *body)
{
	int rc = type == VALET_REQ_MEMORY_SET ? each(body, 1) : 0;

	memset(body, 0, sizeof(*body));
	return rc < 0 ? rc : each(body, 0);
}
