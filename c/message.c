/* SPDX-License-Identifier: BSD-2-Clause */
#include "message.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "engine/request.h"

/* netmap limits the bytes of body and options, and so how many options there can be. */
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

static int check(void *message, uint32_t size)
{
	const struct nmreq_header *header = message;
	const struct nmreq_option *option;
	struct span spans[1 + OPTIONS_MAX];
	uint32_t count = 0;
	int body_bytes;

	if (!message || size < sizeof(*header) || (uintptr_t)message % 8)
		return -EINVAL;
	/* An unknown request is the backend's to refuse; its body is whatever there is. */
	body_bytes = request_body_bytes(header->nr_reqtype);
	if (header->nr_body && !claim(spans, count++, size, header->nr_body,
				      body_bytes > 0 ? (uint64_t)body_bytes : 0))
		return -EINVAL;
	for (uint64_t at = header->nr_options; at; at = option->nro_next) {
		for (uint32_t i = header->nr_body != 0; i < count; i++)
			if (spans[i].start == at)
				return -EMSGSIZE;
		if (count == sizeof(spans) / sizeof(spans[0]))
			return -EMSGSIZE;
		if (!claim(spans, count, size, at, sizeof(*option)))
			return -EINVAL;
		option = option_at(message, at);
		if (!claim(spans, count++, size, at,
			   request_option_bytes(option->nro_reqtype, option->nro_size)))
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
	for (link = &header->nr_options; *link;
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
	while (*link) {
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
	uint32_t at = sizeof(*copy);
	int64_t offset;

	if (body_bytes < 0 || size < sizeof(*copy))
		return -EINVAL;
	*copy = *header;
	/* A request without a body that has one is the daemon's to refuse. */
	if (header->nr_body) {
		offset = append(message, size, &at, pointer(header->nr_body), (uint64_t)body_bytes);
		if (offset < 0)
			return (int)offset;
		copy->nr_body = (uint64_t)offset;
	}
	for (const struct nmreq_option *option = pointer(header->nr_options); option;
	     option = pointer(option->nro_next)) {
		offset = append(message, size, &at, option,
				request_option_bytes(option->nro_reqtype, option->nro_size));
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

		memcpy(option, from, request_option_bytes(option->nro_reqtype, option->nro_size));
		option->nro_next = next;
		at = from->nro_next;
	}
}
