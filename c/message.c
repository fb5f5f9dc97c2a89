/* SPDX-License-Identifier: BSD-2-Clause */
#include "message.h"

#include <errno.h>
#include <stddef.h>

#include "engine/request.h"

static int within(uint32_t size, uint64_t offset, uint64_t bytes)
{
	return offset >= sizeof(struct nmreq_header) && offset % 8 == 0 && offset <= size &&
	       bytes <= size - offset;
}

static struct nmreq_option *option_at(void *message, uint64_t offset)
{
	return (struct nmreq_option *)((uint8_t *)message + offset);
}

static int check(void *message, uint32_t size)
{
	const struct nmreq_header *header = message;
	int body_bytes;
	uint32_t options = 0;

	if (!message || size < sizeof(*header) || (uintptr_t)message % 8)
		return -EINVAL;
	/* An unknown request is the backend's to refuse; its body is whatever there is. */
	body_bytes = request_body_bytes(header->nr_reqtype);
	if (header->nr_body && !within(size, header->nr_body, body_bytes > 0 ? (uint64_t)body_bytes : 0))
		return -EINVAL;
	for (uint64_t at = header->nr_options; at; at = option_at(message, at)->nro_next) {
		const struct nmreq_option *option = option_at(message, at);

		if (!within(size, at, sizeof(*option)) ||
		    !within(size, at, request_option_bytes(option->nro_reqtype, option->nro_size)))
			return -EINVAL;
		if (++options > size / sizeof(*option))
			return -EMSGSIZE;
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
	for (link = &header->nr_options; *link; link = &((struct nmreq_option *)(uintptr_t)*link)->nro_next)
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
