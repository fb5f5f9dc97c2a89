/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the windows of lookups are mapped, and what scripts find there by number. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "daemon_lookup.h"

enum { PLACES_MAX = 4096 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct place *places[PLACES_MAX], *free_places;
static uint32_t place_count;

struct place *place_take(int fd)
{
	struct place *place = NULL;
	void *window;

	pthread_mutex_lock(&lock);
	if (free_places) {
		place = free_places;
		free_places = place->next;
	} else if (place_count < PLACES_MAX) {
		place = calloc(1, sizeof(*place));
	}
	if (place) {
		window = mmap(place->window, sizeof(*place->window), PROT_READ | PROT_WRITE,
			      MAP_SHARED | (place->window ? MAP_FIXED : 0), fd, 0);
		if (window == MAP_FAILED) {
			if (place->window) {
				place->next = free_places;
				free_places = place;
			} else {
				free(place);
			}
			place = NULL;
		} else if (!place->window) {
			place->window = window;
			place->id = LOOKUP_ID_BASE + place_count;
			store_release(&places[place_count], place);
			place_count++;
		}
	}
	pthread_mutex_unlock(&lock);
	return place;
}

void place_give(struct place *place)
{
	/* Its pages go; should that fail, the old window stays until the next takes its place. */
	if (mmap(place->window, sizeof(*place->window), PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED)
		return;
	pthread_mutex_lock(&lock);
	place->next = free_places;
	free_places = place;
	pthread_mutex_unlock(&lock);
}

static struct place *place_of(uint32_t id)
{
	uint32_t index = id - LOOKUP_ID_BASE;

	return index < PLACES_MAX ? load_acquire(&places[index]) : NULL;
}

struct valet_packet *lookup_batch_address(uint32_t id)
{
	struct place *place = place_of(id);

	return place ? place->window->copy.packets : NULL;
}

int lookup_region_address(uint32_t id, uint64_t *out)
{
	struct place *place = place_of(id);

	if (!place)
		return -ENOENT;
	out[0] = (uintptr_t)place->window;
	out[1] = sizeof(*place->window);
	return 0;
}
