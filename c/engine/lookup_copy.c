/* SPDX-License-Identifier: BSD-2-Clause */
#include "lookup_copy.h"

#include <stdlib.h>
#include <string.h>

#include "barrier.h"

enum { PLACES_MAX = 4096 };

static struct lookup_place *all[PLACES_MAX];
static struct lookup_place *unused;
static uint32_t places;
static struct spinlock lock;

/* Where the next frame starts. */
static uint64_t after(uint64_t at, uint32_t length_bytes)
{
	return at + ((length_bytes + 63u) & ~63u);
}

void lookup_copy_show(struct lookup_copy *copy, const struct valet_batch *batch, uintptr_t frames)
{
	uint64_t at = 0;

	for (uint32_t i = 0; i < batch->count; i++) {
		struct valet_packet packet = batch->packets[i];

		if (packet.first_length > sizeof(copy->frames) - at)
			packet.first_length = 0;
		memcpy(copy->frames + at, packet.data, packet.first_length);
		packet.data = (uint8_t *)(frames + at);
		copy->packets[i] = packet;
		at = after(at, packet.first_length);
	}
}

void lookup_copy_take(const struct lookup_copy *copy, const struct valet_batch *batch)
{
	uint64_t at = 0;

	for (uint32_t i = 0; i < batch->count; i++) {
		struct valet_packet *packet = &batch->packets[i];
		uint32_t length = packet->first_length;

		packet->destination = read_once(&copy->packets[i].destination);
		packet->ring = read_once(&copy->packets[i].ring);
		packet->copy_to = read_once(&copy->packets[i].copy_to);
		if (length > sizeof(copy->frames) - at)
			length = 0;
		if (memcmp(packet->data, copy->frames + at, length))
			memcpy(packet->data, copy->frames + at, length);
		at = after(at, length);
	}
}

struct lookup_place *lookup_place_take(void)
{
	struct lookup_place *place = NULL;

	spin_lock(&lock);
	if (unused) {
		place = unused;
		unused = place->next;
	} else if (places < PLACES_MAX) {
		/* Its pages are touched as batches need them. */
		place = aligned_alloc(_Alignof(struct lookup_place), sizeof(*place));
		if (place) {
			place->id = LOOKUP_COPY_ID_BASE + places;
			/* Pairs with the load of who asks for it by its number. */
			store_release(&all[places], place);
			places++;
		}
	}
	spin_unlock(&lock);
	return place;
}

void lookup_place_give(struct lookup_place *place)
{
	spin_lock(&lock);
	place->next = unused;
	unused = place;
	spin_unlock(&lock);
}

struct lookup_copy *lookup_copy_by_id(uint32_t id)
{
	struct lookup_place *place;

	if (id < LOOKUP_COPY_ID_BASE || id - LOOKUP_COPY_ID_BASE >= PLACES_MAX)
		return NULL;
	place = load_acquire(&all[id - LOOKUP_COPY_ID_BASE]);
	return place ? &place->copy : NULL;
}
