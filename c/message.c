/* SPDX-License-Identifier: BSD-2-Clause */
#include "message.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "engine/option.h"
#include "engine/request.h"

/* More than netmap lets a request have: whoever has that many is answered by what comes first. */
#define OPTIONS_MAX (NETMAP_REQ_MAXSIZE / sizeof(struct nmreq_option))

/*
 * A part of the message. No two may overlap: results written into one would spoil offsets in the
 * other.
 */
struct span {
	uint64_t start, end;
};

/*
 * Whether the part lies in the message and apart from the `count` spans so far; then it is noted as
 * next.
 */
static int claim(struct span *spans, uint32_t count, uint32_t size, uint64_t start, uint64_t bytes)
{
	if (start < sizeof(struct nmreq_header) || start % 8 || start > size ||
	    bytes > size - start)
		return 0;
	for (uint32_t i = 0; i < count; i++)
		if (start < spans[i].end && spans[i].start < start + bytes)
			return 0;
	spans[count] = (struct span){ start, start + bytes };
	return 1;
}

static struct nmreq_option *option_at(void *message, uint64_t offset)
{
	return (struct nmreq_option *)((uint8_t *)message + offset);
}

/* Of one that is too large the rest is never looked at. */
static uint64_t option_bytes(const struct nmreq_option *option)
{
	uint64_t bytes = request_option_bytes(option->nro_reqtype, option->nro_size);

	return bytes <= NETMAP_REQ_MAXSIZE ? bytes : sizeof(*option);
}

/* A chain may lead back to where it has been: that is for whoever executes the request to say. */
static int is_known(const struct span *spans, uint32_t count, uint64_t start)
{
	for (uint32_t i = 0; i < count; i++)
		if (spans[i].start == start)
			return 1;
	return 0;
}

static int check(void *message, uint32_t size)
{
	const struct nmreq_header *header = message;
	const struct nmreq_option *option;
	struct span spans[1 + OPTIONS_MAX];
	uint32_t count = 0, first;
	int body_bytes;

	/* Addresses and offsets are told apart by their values. */
	if (!message || size < sizeof(*header) || (uintptr_t)message % 8 ||
	    (uintptr_t)message < size)
		return -EINVAL;
	/* An unknown request is the backend's to refuse; its body is whatever there is. */
	body_bytes = request_body_bytes(header->nr_reqtype);
	if (header->nr_body && !claim(spans, count++, size, header->nr_body,
				      body_bytes > 0 ? (uint64_t)body_bytes : 0))
		return -EINVAL;
	first = count;
	for (uint64_t at = header->nr_options; at; at = option->nro_next) {
		if (is_known(spans + first, count - first, at))
			break;
		if (count == sizeof(spans) / sizeof(spans[0]))
			return -EMSGSIZE;
		if (!claim(spans, count, size, at, sizeof(*option)))
			return -EINVAL;
		option = option_at(message, at);
		if (!claim(spans, count++, size, at, option_bytes(option)))
			return -EINVAL;
	}
	return 0;
}

int message_to_pointers(void *message, uint32_t size)
{
	struct nmreq_header *header = message;
	uintptr_t base = (uintptr_t)message;
	uint64_t *link;
	int rc = check(message, size);

	if (rc < 0)
		return rc;
	if (header->nr_body)
		header->nr_body += base;
	/* An address is a link that has been here before. */
	for (link = &header->nr_options; *link && *link < base;
	     link = &((struct nmreq_option *)(uintptr_t)*link)->nro_next)
		*link += base;
	return 0;
}

void message_to_offsets(void *message)
{
	struct nmreq_header *header = message;
	uintptr_t base = (uintptr_t)message;
	uint64_t *link = &header->nr_options;

	if (header->nr_body)
		header->nr_body -= base;
	while (*link >= base) {
		uint64_t *next = &((struct nmreq_option *)(uintptr_t)*link)->nro_next;

		*link -= base;
		link = next;
	}
}

static void *pointer(uint64_t address)
{
	return (void *)(uintptr_t)address;
}

static uint32_t aligned(uint64_t bytes)
{
	return (uint32_t)((bytes + 7) & ~7ull);
}

/* Appends a part. Returns its offset, or -EMSGSIZE. */
static int64_t append(void *message, uint32_t size, uint32_t *at, const void *part, uint64_t bytes)
{
	uint32_t offset = *at;

	if (bytes > size || aligned(bytes) > size - offset)
		return -EMSGSIZE;
	memset((uint8_t *)message + offset, 0, aligned(bytes));
	memcpy((uint8_t *)message + offset, part, bytes);
	*at += aligned(bytes);
	return offset;
}

int message_gather(const struct nmreq_header *header, void *message, uint32_t size)
{
	int body_bytes = request_body_bytes(header->nr_reqtype);
	struct nmreq_header *copy = message;
	uint64_t *link = &copy->nr_options;
	struct option_chain chain;
	uint32_t at = sizeof(*copy);
	int refused = 0;
	int64_t offset;

	if ((body_bytes < 0 && header->nr_body) || size < sizeof(*copy))
		return -EINVAL;
	*copy = *header;
	/* A request without a body that has one is the daemon's to refuse. */
	if (header->nr_body) {
		offset = append(message, size, &at, pointer(header->nr_body), (uint64_t)body_bytes);
		if (offset < 0)
			return (int)offset;
		copy->nr_body = (uint64_t)offset;
	}
	/* Up to the one that the other side refuses, since what follows may be a loop. */
	option_chain_start(&chain, body_bytes > 0 ? (uint32_t)body_bytes : 0);
	for (const struct nmreq_option *option = pointer(header->nr_options); option && !refused;
	     option = pointer(option->nro_next)) {
		refused = option_chain_next(&chain) < 0 || option_chain_take(&chain, option) < 0;
		offset = append(message, size, &at, option, option_bytes(option));
		if (offset < 0)
			return (int)offset;
		*link = (uint64_t)offset;
		link = &option_at(message, (uint64_t)offset)->nro_next;
	}
	*link = 0;
	return (int)at;
}

void message_scatter(const void *message, struct nmreq_header *header)
{
	const struct nmreq_header *copy = message;
	int body_bytes = request_body_bytes(header->nr_reqtype);
	uint64_t at = copy->nr_options;

	memcpy(header->nr_name, copy->nr_name, sizeof(header->nr_name));
	if (header->nr_body && body_bytes > 0)
		memcpy(pointer(header->nr_body), (const uint8_t *)message + copy->nr_body,
		       (size_t)body_bytes);
	for (struct nmreq_option *option = pointer(header->nr_options); option && at;
	     option = pointer(option->nro_next)) {
		const struct nmreq_option *from = (const void *)((const uint8_t *)message + at);
		uint64_t next = option->nro_next;

		memcpy(option, from, option_bytes(option));
		option->nro_next = next;
		at = from->nro_next;
	}
}
