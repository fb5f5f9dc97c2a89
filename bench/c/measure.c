/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "port.h"
#include "row.h"

#define WARM_UP 0.1 /* of the time that is measured */

/* Whether a name is what the pattern stands for, and the numbers in it; 0: those that it has not. */
static int is_named(const char *pattern, const char *name, uint32_t numbers[BENCH_NUMBERS_MAX])
{
	uint32_t count = 0;

	memset(numbers, 0, BENCH_NUMBERS_MAX * sizeof(*numbers));
	for (; *pattern; pattern++) {
		char *end;

		if (*pattern != '#') {
			if (*pattern != *name++)
				return 0;
			continue;
		}
		if (*name < '0' || *name > '9' || count == BENCH_NUMBERS_MAX)
			return 0;
		numbers[count++] = (uint32_t)strtoul(name, &end, 10);
		name = end;
	}
	return !*name;
}

const struct bench_row *bench_row_find(const char *name, uint32_t numbers[BENCH_NUMBERS_MAX])
{
	static const struct bench_row *const all[] = { bench_limit_rows, bench_engine_rows,
						       bench_mac_rows, bench_region_rows };

	for (uint32_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		for (const struct bench_row *row = all[i]; row->name; row++)
			if (is_named(row->name, name, numbers))
				return row;
	return NULL;
}

double bench_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void bench_pin(uint32_t index)
{
	static cpu_set_t allowed; /* before anybody was pinned */
	static uint32_t count;
	uint32_t nth;
	cpu_set_t one;

	if (!count && sched_getaffinity(0, sizeof(allowed), &allowed) == 0)
		count = (uint32_t)CPU_COUNT(&allowed);
	if (count < 2)
		return;
	nth = count - 1 - index % count;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &allowed) || nth-- > 0)
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		/* Where it is not allowed the measurement is noisier, no more. */
		sched_setaffinity(0, sizeof(one), &one);
		return;
	}
}

double bench_measure(const struct bench_row *row, void *state, double seconds)
{
	uint64_t packets = 0;
	double start = bench_now(), now;

	while (bench_now() - start < seconds * WARM_UP)
		row->round(state);
	start = bench_now();
	do {
		packets += row->round(state);
		now = bench_now();
	} while (now - start < seconds);
	return (double)packets / (now - start) / 1e6;
}

struct runner {
	pthread_t thread;
	pthread_barrier_t *start;
	const struct bench_row *row;
	void *state;
	uint32_t index;
	int pin;
	double seconds, mpps;
};

static void *run(void *context)
{
	struct runner *runner = context;

	if (runner->pin)
		bench_pin(runner->index);
	pthread_barrier_wait(runner->start);
	runner->mpps = bench_measure(runner->row, runner->state, runner->seconds);
	return NULL;
}

double bench_measure_threads(const struct bench_row *row, void *const *states, uint32_t threads,
			     double seconds, int pin)
{
	struct runner *runners = calloc(threads, sizeof(*runners));
	pthread_barrier_t start;
	double mpps = 0;

	if (!runners)
		fail("get memory", -ENOMEM);
	pthread_barrier_init(&start, NULL, threads);
	for (uint32_t i = 0; i < threads; i++) {
		int rc;

		runners[i] = (struct runner){ .start = &start, .row = row, .state = states[i],
					      .index = i, .pin = pin, .seconds = seconds };
		rc = pthread_create(&runners[i].thread, NULL, run, &runners[i]);
		if (rc)
			fail("start a thread", -rc);
	}
	for (uint32_t i = 0; i < threads; i++) {
		pthread_join(runners[i].thread, NULL);
		mpps += runners[i].mpps;
	}
	pthread_barrier_destroy(&start);
	free(runners);
	return mpps;
}
