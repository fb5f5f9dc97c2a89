/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the fuzzers share: time, seeds, and ports that nobody attacks and that must lose nothing
 * meanwhile. usage: PROGRAM [SECONDS [SEED]]; the seed is printed, and repeats a run as far as
 * threads allow. Ends with 0, or says what went wrong; faults of memory are the sanitizers' to find.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include "daemon.h"

static __thread uint32_t fuzz_state;
static int64_t fuzz_end_ms;

HELPER uint32_t some(uint32_t below)
{
	return below ? random_next(&fuzz_state) % below : 0;
}

HELPER uint64_t some64(void)
{
	return (uint64_t)random_next(&fuzz_state) << 32 | random_next(&fuzz_state);
}

/* Mostly small, sometimes at the edges of what fits, sometimes anything. */
HELPER uint64_t some_number(void)
{
	static const uint64_t edges[] = { 0, 1, 63, 64, 65, 255, 256, 1023, 1024, 2047, 2048, 2049,
					  0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000,
					  0xffffffff, 1ull << 32, ~0ull >> 1, ~0ull };

	switch (some(4)) {
	case 0:
		return edges[some(COUNT(edges))];
	case 1:
		return some64();
	default:
		return some(20);
	}
}

static void hangs(int signal)
{
	static const char text[] = "not done long after its time: it hangs\n";

	(void)signal;
	_exit(write(STDERR_FILENO, text, sizeof(text) - 1) < 0 ? 2 : 1);
}

HELPER void fuzz_begin(const char *name, const char *seconds, const char *seed)
{
	struct timespec now;
	uint32_t chosen;

	clock_gettime(CLOCK_REALTIME, &now);
	chosen = seed ? (uint32_t)strtoul(seed, NULL, 0) : (uint32_t)(now.tv_nsec ^ now.tv_sec);
	fuzz_state = chosen ? chosen : 1;
	fuzz_end_ms = test_now_ms() + atoi(seconds ? seconds : "60") * 1000ll;
	signal(SIGALRM, hangs);
	alarm((unsigned)atoi(seconds ? seconds : "60") + 3 * HANGS_MS / 1000);
	printf("%s: seed 0x%x\n", name, fuzz_state);
	fflush(stdout);
}

HELPER int fuzz_goes_on(void)
{
	return test_now_ms() < fuzz_end_ms;
}

/* ---- bystanders ---- */

/*
 * A bridge with two ports and a pipe, in the same engine: in a thread, or in a process of its own where
 * the engine is a daemon's.
 */
struct bystanders {
	struct port_handle from[2], to[2];
	uint32_t stop, rounds;
	pthread_t thread;
	pid_t process;
};

enum { BYSTANDER_FRAMES = 9 };

static void bystander_round(struct port_handle *from, struct port_handle *to, uint32_t *next)
{
	int64_t limit = test_now_ms() + HANGS_MS;
	struct frame frame;
	uint32_t first = *next, got = first;

	for (uint32_t i = 0; i < BYSTANDER_FRAMES; i++, (*next)++)
		put_frame(from, 0, EVERYBODY, STATION(900), *next, (uint16_t)(60 + *next % 1400));
	EQUAL(valet_txsync(from->handle), 0);
	while (got != *next) {
		EQUAL(valet_rxsync(to->handle), 0);
		while (take_frame(to, 0, &frame)) {
			EQUAL(frame.tag, got);
			EQUAL(frame.length, 60 + got++ % 1400);
			EQUAL(frame.from, STATION(900));
		}
		if (test_now_ms() > limit)
			FAIL("a bystander has %u of %u frames", got - first, BYSTANDER_FRAMES);
		if (got != *next)
			sched_yield();
	}
	EQUAL(valet_rxsync(to->handle), 0);
	EQUAL(valet_txsync(from->handle), 0);
}

/* It is answered while others are fuzzed. */
static void bystander_asks(const struct port_handle *port)
{
	int64_t limit = test_now_ms() + HANGS_MS;

	CHECK(counters(port->handle, "vale_by:a").tx_packets >= BYSTANDER_FRAMES);
	if (test_now_ms() > limit)
		FAIL("a bystander's request took %lld ms", (long long)(test_now_ms() - limit + HANGS_MS));
}

static void *bystanders_main(void *argument)
{
	struct bystanders *all = argument;
	uint32_t next[2] = { 0, 0 };

	all->from[0] = open_port("vale_by:a", SLOTS(16));
	all->to[0] = open_port("vale_by:b", SLOTS(16));
	all->from[1] = open_port("vale_by:c{1", SLOTS(16));
	all->to[1] = open_port("vale_by:c}1", SLOTS(16));
	do {
		for (int i = 0; i < 2; i++)
			bystander_round(&all->from[i], &all->to[i], &next[i]);
		bystander_asks(&all->from[0]);
		write_once(&all->rounds, all->rounds + 1);
		nanosleep(&(struct timespec){ .tv_nsec = 200000 }, NULL);
	} while (!load_acquire(&all->stop));
	for (int i = 0; i < 2; i++) {
		close_port(&all->from[i]);
		close_port(&all->to[i]);
	}
	return NULL;
}

static void bystanders_process(void *all)
{
	bystanders_main(all);
}

/* Caller: has no other thread. */
HELPER struct bystanders *bystanders_start(int apart)
{
	struct bystanders *all = shared_memory(sizeof(*all));

	if (apart)
		all->process = spawn(bystanders_process, all);
	else
		all->thread = start(bystanders_main, all);
	return all;
}

/* They have lost nothing, and have not been kept waiting. Returns their rounds. */
HELPER uint32_t bystanders_stop(struct bystanders *all)
{
	uint32_t rounds;

	store_release(&all->stop, 1);
	if (all->process)
		reap(all->process);
	else
		join(all->thread);
	rounds = all->rounds;
	munmap(all, sizeof(*all));
	return rounds;
}

#endif
