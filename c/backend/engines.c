/* SPDX-License-Identifier: BSD-2-Clause */
#include "engines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct engine_entry {
	struct engine *engine;
	struct engine_entry *next;
};

static struct engine *engine_get(struct engines *engines, const char *name)
{
	struct engine_entry *entry;

	for (entry = engines->first; entry; entry = entry->next)
		if (!strcmp(entry->engine->name, name))
			return entry->engine;
	entry = malloc(sizeof(*entry));
	if (!entry)
		return NULL;
	entry->engine = engine_create(name, engines->host);
	if (!entry->engine) {
		free(entry);
		return NULL;
	}
	entry->next = engines->first;
	engines->first = entry;
	return entry->engine;
}

static void engine_drop_idle(struct engines *engines, struct engine *engine)
{
	struct engine_entry **at = &engines->first, *entry;

	if (!engine_idle(engine))
		return;
	while ((*at)->engine != engine)
		at = &(*at)->next;
	entry = *at;
	*at = entry->next;
	engine_destroy(engine);
	free(entry);
}

int engines_open(struct engines *engines, const char *name, struct descriptor *descriptor)
{
	struct engine *engine;

	if (strnlen(name, ENGINE_NAME_BYTES) == ENGINE_NAME_BYTES)
		return -EINVAL;
	pthread_mutex_lock(&engines->lock);
	engine = engine_get(engines, name);
	if (engine)
		descriptor_open(engine, descriptor);
	pthread_mutex_unlock(&engines->lock);
	return engine ? 0 : -ENOMEM;
}

void engines_close(struct engines *engines, struct descriptor *descriptor)
{
	struct engine *engine = descriptor->engine;

	pthread_mutex_lock(&engines->lock);
	descriptor_close(descriptor);
	engine_drop_idle(engines, engine);
	pthread_mutex_unlock(&engines->lock);
}

void engines_clear(struct engines *engines)
{
	pthread_mutex_lock(&engines->lock);
	for (struct engine_entry *entry = engines->first, *next; entry; entry = next) {
		next = entry->next;
		engine_remove_interfaces(entry->engine);
		engine_drop_idle(engines, entry->engine);
	}
	pthread_mutex_unlock(&engines->lock);
}

void engines_count(struct engines *engines, uint32_t *count, uint32_t *interfaces)
{
	*count = *interfaces = 0;
	pthread_mutex_lock(&engines->lock);
	for (struct engine_entry *entry = engines->first; entry; entry = entry->next) {
		(*count)++;
		*interfaces += engine_interfaces(entry->engine);
	}
	pthread_mutex_unlock(&engines->lock);
}
