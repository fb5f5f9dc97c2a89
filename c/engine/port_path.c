/* SPDX-License-Identifier: BSD-2-Clause */
#include <ctype.h>
#include <string.h>

#include "control.h"

static int is_vale(const char *name)
{
	return !strncmp(name, NM_BDG_NAME, strlen(NM_BDG_NAME));
}

/* "vale0:port": letters, digits and '_' before the ':', both parts at most 15 characters. */
static int split_vale(struct port_path *path)
{
	size_t length = 0;

	while (isalnum((unsigned char)path->base[length]) || path->base[length] == '_')
		length++;
	if (path->base[length] != ':' || length >= sizeof(path->bridge) ||
	    strlen(path->base + length + 1) >= NM_BDG_IFNAMSIZ)
		return -ENOMEM;
	memcpy(path->bridge, path->base, length);
	strcpy(path->port, path->base + length + 1);
	return 0;
}

int port_path_parse(const char *name, struct port_path *out)
{
	const char *brace = strrchr(name, '{');

	memset(out, 0, sizeof(*out));
	if (strnlen(name, NETMAP_REQ_IFNAMSIZ) == NETMAP_REQ_IFNAMSIZ)
		return -ENOMEM;
	if (!brace)
		brace = strrchr(name, '}');
	strcpy(out->base, name);
	if (brace) {
		if (brace == name || !brace[1])
			return -EINVAL;
		out->pipe = *brace;
		strcpy(out->pipe_id, brace + 1);
		out->base[brace - name] = '\0';
	}
	if (is_vale(out->base))
		return split_vale(out);
	strcpy(out->port, out->base);
	return 0;
}

int vale_path_parse(const char *name, struct port_path *out)
{
	return is_vale(name) ? port_path_parse(name, out) : -EINVAL;
}
