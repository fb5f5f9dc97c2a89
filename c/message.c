/* SPDX-License-Identifier: BSD-2-Clause */
#include "message.h"

#include <errno.h>
#include <stddef.h>

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
