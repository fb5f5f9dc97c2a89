/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random frames and the Internet checksum, a byte at a time: slow, and nothing of it is the library's,
 * which it is compared with.
 */
#ifndef FRAME_BYTES_H
#define FRAME_BYTES_H

#include "t.h"

static uint32_t seed = 1;

static uint32_t number(uint32_t below)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % below;
}

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static uint32_t sum(const uint8_t *at, uint32_t bytes)
{
	uint32_t total = 0;

	for (uint32_t i = 0; i < bytes; i++)
		total += i & 1 ? at[i] : (uint32_t)at[i] << 8;
	return total;
}

static uint32_t fold(uint32_t total)
{
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return total;
}

#endif
