/* SPDX-License-Identifier: BSD-2-Clause */
/* Two processes of a row, and the page that both have mapped. */
#ifndef BENCH_MEETING_H
#define BENCH_MEETING_H

#include <stdint.h>
#include <sys/types.h>

struct bench_meeting {
	/* Written by the second process; */
	uint64_t packets __attribute__((aligned(64))); /* that it has received */
	uint32_t is_ready; /* to receive */
	uint32_t back __attribute__((aligned(64))); /* raised to pass a turn back */
	/* by the first one. */
	uint32_t is_running __attribute__((aligned(64))); /* a measurement is going on */
	uint32_t there __attribute__((aligned(64))); /* raised to pass a turn there */
};

/* The page in a file, which is made if need be; path NULL: for who is forked from now on. */
struct bench_meeting *bench_meeting_open(const char *path);

/*
 * Starts the second process in `run`, which never returns. It ends with this one. Returns when it
 * is ready.
 */
pid_t bench_second(void (*run)(struct bench_meeting *, void *), struct bench_meeting *meeting,
		   void *context);

/* This process gets SIGKILL when its parent ends. */
void bench_end_with_parent(void);

/* Waits until the second process is ready. pid: fails when it has ended; 0: it is no child. */
void bench_meeting_wait(const struct bench_meeting *meeting, pid_t pid);

/* Fails if the second process has ended. */
void bench_second_check(pid_t pid);

/* Nanoseconds: time that passes, as more than one process works. */
int64_t bench_clock_ns(void);

#endif
