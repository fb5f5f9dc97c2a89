/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What rows written in TypeScript need from C: a row's loop on the script's own thread, a receiver,
 * the clock. Built into libbench.so only.
 */
#include "../../c/engine/barrier.h"
#include "meeting.h"
#include "port.h"
#include "row.h"

static const struct bench_row *row;
static void *state;
static struct bench_port receiver;
static struct bench_meeting *meeting;

VALET_API double bench_script_now(void);
VALET_API void bench_script_pin(void);
VALET_API int32_t bench_script_row_open(const char *name);
VALET_API double bench_script_row_run(double seconds);
VALET_API void bench_script_receiver_open(const char *name);
VALET_API double bench_script_receiver_drain(void);
VALET_API void bench_script_end_with_parent(void);
VALET_API void bench_script_meeting_open(const char *path);
VALET_API void bench_script_meeting_wait(void);
VALET_API void bench_script_meeting_ready(void);
VALET_API void bench_script_meeting_add(uint32_t packets);
VALET_API double bench_script_meeting_packets(void);
VALET_API double bench_script_clock(void);

double bench_script_now(void)
{
	return bench_now();
}

void bench_script_pin(void)
{
	bench_pin(0);
}

/* -1: there is no such row. */
int32_t bench_script_row_open(const char *name)
{
	uint32_t numbers[BENCH_NUMBERS_MAX];

	row = bench_row_find(name, numbers);
	if (!row)
		return -1;
	state = row->open(0, numbers);
	return 0;
}

/* Millions of packets a second. */
double bench_script_row_run(double seconds)
{
	return bench_measure(row, state, seconds);
}

void bench_script_receiver_open(const char *name)
{
	receiver = bench_port_open(name, 0);
}

/* Reads the lengths of what came and gives the slots back at once. The sum in bytes. */
double bench_script_receiver_drain(void)
{
	uint64_t bytes = bench_port_receive(&receiver);

	if (valet_rxsync(receiver.handle) != 0)
		fail("sync a receive ring", -EIO);
	return (double)bytes;
}

void bench_script_end_with_parent(void)
{
	bench_end_with_parent();
}

/* For a row of two scripts: the page that both have, in a file. */
void bench_script_meeting_open(const char *path)
{
	meeting = bench_meeting_open(path);
}

/* The first one: until the second is ready. */
void bench_script_meeting_wait(void)
{
	bench_meeting_wait(meeting, 0);
}

/* The second one: it is. */
void bench_script_meeting_ready(void)
{
	store_release(&meeting->is_ready, 1);
}

/* The second one has received so many more. */
void bench_script_meeting_add(uint32_t packets)
{
	write_once(&meeting->packets, meeting->packets + packets);
}

double bench_script_meeting_packets(void)
{
	return (double)read_once(&meeting->packets);
}

/* Seconds, of time that passes. */
double bench_script_clock(void)
{
	return (double)bench_clock_ns() * 1e-9;
}
