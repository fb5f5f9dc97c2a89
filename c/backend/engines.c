/* SPDX-License-Identifier: BSD-2-Clause */
#include "engines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct engine_entry {
	struct engine *engine;
	/* Of the network namespace that it is for, which lives as long; -1: for all. */
	int netns_fd;
	struct engine_entry *next;
};

static int same_netns(int a, int b)
{
	struct stat one, other;

	if (a < 0 || b < 0)
		return a < 0 && b < 0;
	return fstat(a, &one) == 0 && fstat(b, &other) == 0 && one.st_dev == other.st_dev &&
	       one.st_ino == other.st_ino;
}

static void entry_free(struct engine_entry *entry)
{
	if (entry->netns_fd >= 0)
		close(entry->netns_fd);
	free(entry);
}

static struct engine *engine_get(struct engines *engines, const char *name, int netns_fd)
{
	struct engine_entry *entry;

	for (entry = engines->first; entry; entry = entry->next)
		if (!strcmp(entry->engine->name, name) && same_netns(entry->netns_fd, netns_fd))
			return entry->engine;
	entry = malloc(sizeof(*entry));
	if (!entry)
		return NULL;
	entry->netns_fd = netns_fd < 0 ? -1 : fcntl(netns_fd, F_DUPFD_CLOEXEC, 0);
	entry->engine = netns_fd >= 0 && entry->netns_fd < 0 ? NULL
							      : engine_create(name, engines->host);
	if (!entry->engine) {
		entry_free(entry);
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
	entry_free(entry);
}

int engines_open(struct engines *engines, const char *name, int netns_fd,
		 struct descriptor *descriptor)
{
	struct engine *engine;

	if (strnlen(name, ENGINE_NAME_BYTES) == ENGINE_NAME_BYTES)
		return -EINVAL;
	pthread_mutex_lock(&engines->lock);
	engine = engine_get(engines, name, netns_fd);
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
