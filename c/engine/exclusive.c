/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exclusive bridges, netmap_vale_create() of the kernel for programs: made with no ports, there
 * until they are destroyed, and only who has the token attaches and detaches interfaces and changes
 * the lookup and the learning table. A descriptor presents a token once, and has it from then on.
 * Ports that are made by opening them come and go as on every bridge.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control.h"

int bridge_admits(const struct bridge *bridge, const struct descriptor *descriptor)
{
	if (!bridge->token)
		return 1;
	for (uint32_t i = 0; i < descriptor->token_count; i++)
		if (descriptor->tokens[i] == bridge->token)
			return 1;
	return 0;
}

/* So many tokens are enough for all bridges. */
static int present(struct descriptor *descriptor, uint64_t token)
{
	uint64_t *tokens;

	for (uint32_t i = 0; i < descriptor->token_count; i++)
		if (descriptor->tokens[i] == token)
			return 0;
	if (descriptor->token_count == BRIDGES_MAX)
		return -ENOSPC;
	tokens = realloc(descriptor->tokens, (descriptor->token_count + 1) * sizeof(*tokens));
	if (!tokens)
		return -ENOMEM;
	tokens[descriptor->token_count++] = token;
	descriptor->tokens = tokens;
	return 0;
}

/*
 * Hard to hit by accident, which is all that a token of one user's own processes is for. Scripts have
 * it as a number: below 2^53.
 */
static uint64_t new_token(const struct bridge *bridge)
{
	struct timespec now;
	uint64_t x;

	clock_gettime(CLOCK_MONOTONIC, &now);
	x = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	x += (uint64_t)(uintptr_t)bridge * 0x9e3779b97f4a7c15u;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	x = (x ^ x >> 31) >> 11;
	return x ? x : 1;
}

static int create(struct descriptor *descriptor, const char *name, struct valet_req_token *body)
{
	struct port_path path;
	struct bridge *bridge;
	char port[2 * NETMAP_REQ_IFNAMSIZ];
	uint64_t token;
	int rc;

	/* The rules for a bridge's name are those of its ports' names. */
	if (strlen(name) >= NM_BDG_IFNAMSIZ)
		return -EINVAL;
	strcpy(port, name);
	strcat(port, name[0] && name[strlen(name) - 1] == ':' ? "p" : ":p");
	if (vale_path_parse(port, &path) < 0 || path.pipe)
		return -EINVAL;
	if (bridge_find(descriptor->engine, path.bridge))
		return -EEXIST;
	rc = bridge_find_or_make(descriptor->engine, path.bridge, &bridge);
	if (rc < 0)
		return rc;
	token = new_token(bridge);
	rc = present(descriptor, token);
	if (rc == 0)
		rc = bridge_keep(bridge, token);
	if (rc == 0)
		body->token = token;
	return rc;
}

static int destroy(struct descriptor *descriptor, struct bridge *bridge)
{
	if (!bridge)
		return -ENXIO;
	if (!bridge_admits(bridge, descriptor))
		return -EACCES;
	if (!bridge->token)
		return -EINVAL;
	if (bridge->count)
		return -EBUSY;
	bridge_let_go(bridge);
	return 0;
}

int control_exclusive(struct descriptor *descriptor, struct nmreq_header *header,
		      struct bridge *bridge)
{
	struct valet_req_token *body = request_body(header);

	switch (header->nr_reqtype) {
	case VALET_REQ_BRIDGE_CREATE:
		return create(descriptor, header->nr_name, body);
	case VALET_REQ_BRIDGE_DESTROY:
		return destroy(descriptor, bridge);
	default: /* VALET_REQ_BRIDGE_TOKEN */
		if (!bridge)
			return -ENXIO;
		if (!bridge->token || bridge->token != body->token)
			return -EACCES;
		return present(descriptor, body->token);
	}
}
