/* SPDX-License-Identifier: BSD-2-Clause */
/* The only file that knows all backends. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend.h"

/* In the order in which they are tried. */
static const struct backend *const backends[] = { &backend_kernel, &backend_daemon,
						  &backend_embedded };

enum { BACKENDS = sizeof(backends) / sizeof(backends[0]) };

/* The name, or NULL when it leaves the choice open. */
static const char *named(const char *name)
{
	return name && *name && strcmp(name, "auto") ? name : NULL;
}

/* The name to go by, with the environment taken into account; NULL = automatic. */
static const char *wanted(const char *name)
{
	return named(name) ? name : named(getenv("VALET_BACKEND"));
}

int backend_select(const char *name, const struct backend **out)
{
	name = wanted(name);
	for (int i = 0; i < BACKENDS; i++) {
		if (name ? !strcmp(name, backends[i]->name) : backends[i]->probe() == 0) {
			*out = backends[i];
			return 0;
		}
	}
	return -EINVAL;
}

static const char *kernel_reason(int rc)
{
	switch (-rc) {
	case 0:
		return "/dev/netmap opens";
	case ENOENT:
	case ENXIO:
	case ENODEV:
		return "there is no /dev/netmap: the netmap module is not loaded";
	case EACCES:
	case EPERM:
		return "/dev/netmap may not be opened by this user: be root, or change its mode";
	default:
		return "/dev/netmap does not open";
	}
}

static const char *daemon_reason(int rc)
{
	switch (-rc) {
	case 0:
		return "one answers";
	case ENOENT:
	case ECONNREFUSED:
		return "none runs; \"valet daemon start\" starts one";
	case EACCES:
	case EPERM:
		return "the one that listens is another user's";
	default:
		return "its socket cannot be used: see VALET_SOCKET";
	}
}

int backend_reason(const char *name, char *text, uint32_t size)
{
	const struct backend *chosen = NULL;
	int rc = backend_select(name, &chosen);
	const char *asked = wanted(name);
	char line[512];
	int length;

	if (rc < 0)
		length = snprintf(
			line, sizeof(line),
			"%.100s: no such backend; there are kernel, daemon, embedded and auto\n",
			asked);
	else
		length = snprintf(line, sizeof(line), "%s: taken, %s\n", chosen->name,
				  asked ? named(name) ? "as asked for" : "as VALET_BACKEND says"
					: "the first that can be had");
	if (!chosen || chosen->id != VALET_BACKEND_KERNEL)
		length += snprintf(line + length, sizeof(line) - (size_t)length, "kernel: %s\n",
				   kernel_reason(backend_kernel.probe()));
	if (!chosen || chosen->id != VALET_BACKEND_DAEMON)
		length += snprintf(line + length, sizeof(line) - (size_t)length, "daemon: %s\n",
				   daemon_reason(backend_daemon.probe()));
	if (!chosen || chosen->id != VALET_BACKEND_EMBEDDED)
		length += snprintf(line + length, sizeof(line) - (size_t)length,
				   "embedded: always there\n");
	if (size)
		snprintf(text, size, "%s", line);
	return length;
}
