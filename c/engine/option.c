/* SPDX-License-Identifier: BSD-2-Clause */
#include "option.h"

#include <errno.h>
#include <stddef.h>

#include "request.h"

enum {
	POINTER_BYTES = 8,
	/* Of the module's copy: two pointers, one to an option of each type, body and options. */
	TABLE_BYTES = NETMAP_REQ_OPT_MAX * POINTER_BYTES,
	COPY_BYTES = 2 * POINTER_BYTES + TABLE_BYTES + NETMAP_REQ_MAXSIZE + TABLE_BYTES,
	/* Each option has a pointer in front. */
	HEAD_ROOM = POINTER_BYTES + sizeof(struct nmreq_option),
};

void option_chain_start(struct option_chain *chain, uint32_t body_bytes)
{
	*chain = (struct option_chain){
		.bytes = body_bytes,
		.room = 2 * POINTER_BYTES + body_bytes + TABLE_BYTES,
	};
}

int option_chain_next(struct option_chain *chain)
{
	return chain->room + HEAD_ROOM > COPY_BYTES ? -EMSGSIZE : 0;
}

int option_chain_take(struct option_chain *chain, const struct nmreq_option *option)
{
	uint32_t type = option->nro_reqtype;
	uint64_t rest;

	chain->bytes += sizeof(*option);
	chain->room += HEAD_ROOM;
	if (type == 0)
		return -EINVAL;
	/* The module knows nothing of its size, and counts it by the room alone. */
	if (type >= NETMAP_REQ_OPT_MAX)
		return 0;
	if (chain->seen >> type & 1)
		return -EINVAL;
	chain->seen |= 1u << type;
	rest = request_option_bytes(type, option->nro_size) - sizeof(*option);
	if (option->nro_size > NETMAP_REQ_MAXSIZE || chain->bytes + rest > NETMAP_REQ_MAXSIZE ||
	    chain->room + rest > COPY_BYTES)
		return -EMSGSIZE;
	chain->bytes += (uint32_t)rest;
	chain->room += (uint32_t)rest;
	return 0;
}

static struct nmreq_option *option_at(uint64_t address)
{
	return (struct nmreq_option *)(uintptr_t)address;
}

#define ANY_TYPE UINT32_MAX

/* Of the first `count` options, those of the type get the status. */
static void set_status(const struct nmreq_header *header, uint32_t count, uint32_t type,
		       uint32_t status)
{
	struct nmreq_option *option = option_at(header->nr_options);

	for (uint32_t i = 0; option && i < count; i++, option = option_at(option->nro_next))
		if (type == ANY_TYPE || option->nro_reqtype == type)
			option->nro_status = status;
}

int options_check(const struct nmreq_header *header, uint32_t body_bytes)
{
	struct nmreq_option *option = option_at(header->nr_options);
	struct option_chain chain;
	uint32_t count = 0;
	int rc = 0;

	option_chain_start(&chain, body_bytes);
	for (; option && rc == 0; option = option_at(option->nro_next)) {
		rc = option_chain_next(&chain);
		if (rc < 0)
			return rc;
		rc = option_chain_take(&chain, option);
		count++;
		if (rc < 0) {
			set_status(header, count, ANY_TYPE, 0);
			if (rc == -EINVAL)
				set_status(header, count, option->nro_reqtype, EINVAL);
		}
	}
	if (rc == 0)
		set_status(header, count, ANY_TYPE, EOPNOTSUPP);
	return rc;
}

int request_check(const struct nmreq_header *header)
{
	int body_bytes = request_body_bytes(header->nr_reqtype);
	uint32_t expected = body_bytes > 0 ? (uint32_t)body_bytes : 0;

	if (header->nr_version < NETMAP_MIN_API || header->nr_version > NETMAP_MAX_API ||
	    header->nr_reserved || (expected > 0) != (header->nr_body != 0))
		return -EINVAL;
	return options_check(header, expected);
}

void *option_find(const struct nmreq_header *header, uint32_t type)
{
	struct nmreq_option *option = option_at(header->nr_options);

	while (option && option->nro_reqtype != type)
		option = option_at(option->nro_next);
	return option;
}

void option_done(const struct nmreq_header *header, uint32_t type)
{
	set_status(header, UINT32_MAX, type, 0);
}

int options_left(const struct nmreq_header *header)
{
	const struct nmreq_option *option = option_at(header->nr_options);

	while (option && option->nro_status != EOPNOTSUPP)
		option = option_at(option->nro_next);
	return option ? -EOPNOTSUPP : 0;
}
