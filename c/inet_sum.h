/* SPDX-License-Identifier: BSD-2-Clause */
/* The Internet checksum (RFC 1071), in the byte order of memory. */
#ifndef VALET_INET_SUM_H
#define VALET_INET_SUM_H

#include <stdint.h>
#include <string.h>

static inline uint64_t inet_sum(const uint8_t *data, uint32_t length)
{
	uint64_t sum = 0;
	uint32_t word;

	for (; length >= sizeof(word); data += sizeof(word), length -= sizeof(word)) {
		memcpy(&word, data, sizeof(word));
		sum += word;
	}
	word = 0;
	memcpy(&word, data, length);
	return sum + word;
}

/* To 16 bits. */
static inline uint16_t inet_fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* What goes into the packet. In UDP 0 would say that there is none; all ones is the same sum. */
static inline uint16_t inet_checksum(uint64_t sum)
{
	uint16_t value = (uint16_t)~inet_fold(sum);

	return value ? value : UINT16_MAX;
}

#endif
