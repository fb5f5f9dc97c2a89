/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench ROW [THREADS]          for each line on stdin, a number of seconds, measures so long and
 *                              prints millions of packets a second
 * bench SCENE ARGUMENT ...     the same with several processes; prints one or more figures
 * bench rounds ROW COUNT       runs so many rounds in bench_rounds(), for tools that count what a
 *                              function does, as callgrind; prints how many packets that were
 * bench cross INTERFACE OTHER  carries frames between the two until it is ended
 * bench memory SLOTS PORTS     opens so many ports and prints what one took
 * With BENCH_PIN=0 in the environment threads are not bound to CPUs.
 */
#include "port.h"
#include "row.h"

enum { THREADS_MAX = 64 };

static int is_pinned(void)
{
	const char *setting = getenv("BENCH_PIN");

	return !setting || strcmp(setting, "0");
}

static int measure(const char *name, uint32_t threads)
{
	uint32_t numbers[BENCH_NUMBERS_MAX];
	const struct bench_row *row = bench_row_find(name, numbers);
	int pin = is_pinned();
	void *states[THREADS_MAX];
	double seconds;

	if (!row || threads < 1 || threads > THREADS_MAX) {
		fprintf(stderr, "Cannot measure \"%s\" with %u threads\n", name, threads);
		return 2;
	}
	if (pin)
		bench_pin(0);
	for (uint32_t i = 0; i < threads; i++)
		states[i] = row->open(i, numbers);
	while (scanf("%lf", &seconds) == 1) {
		double mpps = threads == 1 ?
				      bench_measure(row, states[0], seconds) :
				      bench_measure_threads(row, states, threads, seconds, pin);

		printf("%.6f\n", mpps);
		fflush(stdout);
	}
	return 0;
}

/* By its name, callgrind knows what to count: all else is setting up. */
__attribute__((noinline)) uint64_t bench_rounds(const struct bench_row *row, void *state,
						uint32_t count)
{
	uint64_t packets = 0;

	while (count--)
		packets += row->round(state);
	return packets;
}

/* Once around before what is counted: pages and stations are known from then on. */
static int rounds(const char *name, uint32_t count)
{
	uint32_t numbers[BENCH_NUMBERS_MAX];
	const struct bench_row *row = bench_row_find(name, numbers);
	void *state;

	if (!row || !count) {
		fprintf(stderr, "Cannot run %u rounds of \"%s\"\n", count, name);
		return 2;
	}
	state = row->open(0, numbers);
	row->round(state);
	printf("%llu\n", (unsigned long long)bench_rounds(row, state, count));
	return 0;
}

static const struct bench_scene *scene_find(const char *name, int arguments)
{
	static const struct bench_scene *const all[] = { bench_daemon_scenes, bench_frame_scenes,
							 bench_idle_scenes, bench_nic_scenes,
							 bench_ping_scenes };

	for (uint32_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		for (const struct bench_scene *scene = all[i]; scene->name; scene++)
			if (!strcmp(scene->name, name) && scene->arguments == arguments)
				return scene;
	return NULL;
}

static int play(const struct bench_scene *scene, char **arguments)
{
	void *state = scene->open(arguments);
	double seconds;

	while (scanf("%lf", &seconds) == 1) {
		double figures[BENCH_FIGURES_MAX];
		uint32_t count = scene->measure(state, seconds, figures);

		for (uint32_t i = 0; i < count; i++)
			printf("%.6f%c", figures[i], i + 1 < count ? ' ' : '\n');
		fflush(stdout);
	}
	return 0;
}

int main(int argc, char **argv)
{
	const struct bench_scene *scene = argc > 1 ? scene_find(argv[1], argc - 2) : NULL;

	if (scene)
		return play(scene, argv + 2);
	if (argc == 4 && !strcmp(argv[1], "memory")) {
		bench_memory((uint32_t)atoi(argv[2]), (uint32_t)atoi(argv[3]));
		return 0;
	}
	if (argc == 4 && !strcmp(argv[1], "cross"))
		bench_cross(argv[2], argv[3]);
	if (argc == 4 && !strcmp(argv[1], "rounds"))
		return rounds(argv[2], (uint32_t)atoi(argv[3]));
	if (argc == 2 || argc == 3)
		return measure(argv[1], argc == 3 ? (uint32_t)atoi(argv[2]) : 1);
	fprintf(stderr, "usage: bench ROW [THREADS] | bench SCENE ... | bench rounds ROW COUNT | "
			"bench cross INTERFACE OTHER | bench memory SLOTS PORTS\n");
	return 2;
}
