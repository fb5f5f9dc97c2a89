/* SPDX-License-Identifier: BSD-2-Clause */
/* What can be measured, and how long it is measured. */
#ifndef BENCH_ROW_H
#define BENCH_ROW_H

#include <stdint.h>

#define BENCH_BATCH 256 /* packets a sync */
#define BENCH_BATCHES 16 /* batches a round: between two looks at the clock */
#define BENCH_PAIR_SLOTS 256 /* of rows with many ports: slots a ring, */
#define BENCH_PAIR_TURN 64 /* and packets a turn, unless their names say otherwise */
#define BENCH_BIG_BYTES 65520 /* a frame of 64 KB, in as many slots as it takes */

#define BENCH_NUMBERS_MAX 3 /* in a row's name */

struct bench_row {
	const char *name; /* each # in it stands for a number */
	/*
	 * Sets up one more of it, for another thread; `index` counts them from 0. `numbers` are those
	 * in the name that was asked for. Exits if it cannot.
	 */
	void *(*open)(uint32_t index, const uint32_t *numbers);
	/* Sends and receives some packets, and exits if one is lost. Returns how many were sent. */
	uint64_t (*round)(void *state);
};

/* Each ends with a NULL name. */
extern const struct bench_row bench_limit_rows[], bench_engine_rows[], bench_mac_rows[],
	bench_region_rows[];

/* The row, and the numbers in its name. NULL: there is no such row. */
const struct bench_row *bench_row_find(const char *name, uint32_t numbers[BENCH_NUMBERS_MAX]);

/*
 * Seconds of the calling thread's CPU time: other programs on the machine do not count. Nothing that is
 * measured sleeps, waiting for a lock is spinning, so on an idle machine it is the time that passes.
 */
double bench_now(void);

/*
 * Keeps the calling thread on one of the CPUs that it may use, if there are several: the last one
 * for index 0, the one before for index 1 and so on.
 */
void bench_pin(uint32_t index);

/* Repeats rounds for so long in this thread, after a warm-up. Millions of packets a second. */
double bench_measure(const struct bench_row *row, void *state, double seconds);

/* The same in several threads at once, each pinned if `pin` is set; the sum of their rates. */
double bench_measure_threads(const struct bench_row *row, void *const *states, uint32_t threads,
			     double seconds, int pin);

/*
 * The next MAC address that shares its bucket of the learning table with none before; exits when all
 * of them are taken.
 */
void bench_mac_next(uint8_t mac[6]);

/* An IPv4 frame as far as its first 14 bytes say, the rest is 0. */
void bench_frame_make(uint8_t frame[2048], const uint8_t to[6], const uint8_t from[6]);

/* What several processes do; the first of them is this one, and starts the others when it is opened. */
struct bench_scene {
	const char *name;
	int arguments; /* that open() takes */
	void *(*open)(char **arguments); /* exits if it cannot */
	/* Measures for so long. Writes its figures to `out`, and returns how many. */
	uint32_t (*measure)(void *state, double seconds, double *out);
};

#define BENCH_FIGURES_MAX 8

/* Each ends with a NULL name. */
extern const struct bench_scene bench_daemon_scenes[], bench_frame_scenes[], bench_idle_scenes[],
	bench_nic_scenes[], bench_ping_scenes[];

/* Memory that a port of so many slots a ring touches when it is opened; prints one JSON line. */
void bench_memory(uint32_t slots, uint32_t ports);

/* Carries frames between two interfaces, for ever. Prints "attached" before. */
void bench_cross(const char *a, const char *b);

#endif
