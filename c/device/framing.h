/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames in a stream of bytes: in front of each its length, 4 bytes, big endian. So do QEMU's
 * `-netdev stream` and `-netdev socket`, and passt (qemu(1), passt(1)).
 */
#ifndef VALET_DEVICE_FRAMING_H
#define VALET_DEVICE_FRAMING_H

#include <stdint.h>

#include "socket_device.h"

enum { FRAMING_LENGTH_BYTES = 4 };

struct framing_reader {
	uint8_t *area;
	uint32_t begin, end; /* bytes of the area that have been read and not been taken */
};

/* 0 or -ENOMEM. */
int framing_make(struct framing_reader *reader);
void framing_free(struct framing_reader *reader);

/*
 * Where to read more to, and how many bytes at most; there is room for a whole frame always. Frames
 * that were taken are gone. framing_filled() says how many have been read.
 */
uint8_t *framing_room(struct framing_reader *reader, uint32_t *bytes);
void framing_filled(struct framing_reader *reader, uint32_t bytes);
/* 1: the next frame; 0: it has not come as a whole; -EPROTO: that is no length of a frame. */
int framing_next(struct framing_reader *reader, struct device_frame *frame);

void framing_put_length(uint8_t to[FRAMING_LENGTH_BYTES], uint32_t length);

#endif
