/* SPDX-License-Identifier: BSD-2-Clause */
#include "framing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Some full-sized frames, and many of the usual ones. */
enum { AREA_BYTES = 4 * (FRAMING_LENGTH_BYTES + SOCKET_FRAME_BYTES_MAX) };

int framing_make(struct framing_reader *reader)
{
	*reader = (struct framing_reader){ .area = malloc(AREA_BYTES) };
	return reader->area ? 0 : -ENOMEM;
}

void framing_free(struct framing_reader *reader)
{
	free(reader->area);
	reader->area = NULL;
}

uint8_t *framing_room(struct framing_reader *reader, uint32_t *bytes)
{
	uint32_t left = reader->end - reader->begin;

	memmove(reader->area, reader->area + reader->begin, left);
	reader->begin = 0;
	reader->end = left;
	*bytes = AREA_BYTES - left;
	return reader->area + left;
}

void framing_filled(struct framing_reader *reader, uint32_t bytes)
{
	reader->end += bytes;
}

int framing_next(struct framing_reader *reader, struct device_frame *frame)
{
	const uint8_t *at = reader->area + reader->begin;
	uint32_t left = reader->end - reader->begin, length;

	if (left < FRAMING_LENGTH_BYTES)
		return 0;
	length = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
	if (length > SOCKET_FRAME_BYTES_MAX)
		return -EPROTO;
	if (left - FRAMING_LENGTH_BYTES < length)
		return 0;
	*frame = (struct device_frame){ .data = reader->area + reader->begin + FRAMING_LENGTH_BYTES,
					.length = length };
	reader->begin += FRAMING_LENGTH_BYTES + length;
	return 1;
}

void framing_put_length(uint8_t to[FRAMING_LENGTH_BYTES], uint32_t length)
{
	to[0] = (uint8_t)(length >> 24);
	to[1] = (uint8_t)(length >> 16);
	to[2] = (uint8_t)(length >> 8);
	to[3] = (uint8_t)length;
}
