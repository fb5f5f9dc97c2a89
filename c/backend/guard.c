/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include "guard.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>

#include "../engine/barrier.h"

enum { GUARDS = 4096, PAGE_BYTES = 4096 };

/* Read by the handler, in any thread; `end` is written last and cleared first. */
static struct guard {
	uintptr_t start, end; /* end 0: unused */
	uint32_t hit;
} guards[GUARDS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct sigaction before;
static int installed;

static int replace_page(uintptr_t address)
{
	for (int i = 0; i < GUARDS; i++) {
		uintptr_t end = load_acquire(&guards[i].end);
		uintptr_t page = address & ~(uintptr_t)(PAGE_BYTES - 1);

		if (address < read_once(&guards[i].start) || address >= end)
			continue;
		write_once(&guards[i].hit, 1);
		return mmap((void *)page, PAGE_BYTES, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED;
	}
	return 0;
}

static void handle(int signal, siginfo_t *info, void *context)
{
	int error = errno;

	if (replace_page((uintptr_t)info->si_addr)) {
		errno = error;
		return;
	}
	/* Not ours: as it was before us. The access is repeated, and meets that. */
	if (before.sa_flags & SA_SIGINFO)
		before.sa_sigaction(signal, info, context);
	else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN)
		before.sa_handler(signal);
	else
		sigaction(signal, &before, NULL);
}

static void install(void)
{
	struct sigaction action = { .sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_ONSTACK };

	if (installed)
		return;
	sigemptyset(&action.sa_mask);
	installed = sigaction(SIGBUS, &action, &before) == 0;
}

int guard_add(const void *base, uint64_t bytes)
{
	int rc = -ENOMEM;

	pthread_mutex_lock(&lock);
	install();
	for (int i = 0; i < GUARDS && rc < 0; i++) {
		if (guards[i].end)
			continue;
		write_once(&guards[i].start, (uintptr_t)base);
		write_once(&guards[i].hit, 0);
		store_release(&guards[i].end, (uintptr_t)base + bytes);
		rc = 0;
	}
	pthread_mutex_unlock(&lock);
	return rc;
}

static struct guard *guard_of(const void *base)
{
	for (int i = 0; i < GUARDS; i++)
		if (guards[i].end && guards[i].start == (uintptr_t)base)
			return &guards[i];
	return NULL;
}

void guard_remove(const void *base)
{
	struct guard *guard;

	pthread_mutex_lock(&lock);
	guard = guard_of(base);
	if (guard)
		store_release(&guard->end, 0);
	pthread_mutex_unlock(&lock);
}

int guard_was_hit(const void *base)
{
	struct guard *guard;
	int hit;

	pthread_mutex_lock(&lock);
	guard = guard_of(base);
	hit = guard && read_once(&guard->hit);
	pthread_mutex_unlock(&lock);
	return hit;
}
