/* SPDX-License-Identifier: BSD-2-Clause */
/* What a daemon costs while its clients have nothing to do. */
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include "../../c/engine/barrier.h"
#include "meeting.h"
#include "port.h"
#include "row.h"

struct idle {
	pid_t daemon, sleeper;
	struct bench_port port;
	uint8_t from[6], to[6];
	struct bench_meeting *meeting;
};

static void sleep_in_poll(struct bench_meeting *meeting, void *context)
{
	struct idle *idle = context;
	struct bench_port port = bench_port_open_in("daemon", "vale0:sleeper", 0);
	uint8_t frame[2048];

	bench_frame_make(frame, idle->to, idle->to);
	bench_port_fill(&port, frame, 60);
	bench_port_send(&port, 1, 60);
	store_release(&meeting->is_ready, 1);
	while (valet_poll(port.handle, POLLIN, -1) >= 0)
		write_once(&meeting->packets, meeting->packets + bench_port_receive(&port) / 60);
	fail("poll", -EIO);
}

static void *idle_open(char **arguments)
{
	struct idle *idle = calloc(1, sizeof(*idle));
	uint8_t frame[2048];

	if (!idle)
		fail("get memory", -ENOMEM);
	idle->daemon = atoi(arguments[0]);
	bench_mac_next(idle->from);
	bench_mac_next(idle->to);
	idle->meeting = bench_meeting_open(NULL);
	idle->sleeper = bench_second(sleep_in_poll, idle->meeting, idle);
	idle->port = bench_port_open_in("daemon", "vale0:idle", 0);
	bench_frame_make(frame, idle->to, idle->from);
	bench_port_fill(&idle->port, frame, 60);
	return idle;
}

/* Seconds of CPU time that a process has used. */
static double cpu_of(pid_t pid)
{
	struct timespec t;
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &t) < 0)
		fail("read a process's CPU time", -ESRCH);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/*
 * CPU seconds a second: of the daemon, of the clients. They have just exchanged a packet, and
 * `seconds` / 4 to calm down.
 */
static uint32_t idle_measure(void *state, double seconds, double *out)
{
	struct idle *idle = state;
	uint64_t packets = read_once(&idle->meeting->packets);
	double daemon, clients;
	int64_t start_ns;

	bench_second_check(idle->sleeper);
	bench_port_send(&idle->port, 1, 60);
	usleep((useconds_t)(seconds * 1e6 / 4));
	if (read_once(&idle->meeting->packets) == packets)
		fail("wake the other client", -ETIMEDOUT);
	start_ns = bench_clock_ns();
	daemon = cpu_of(idle->daemon);
	clients = cpu_of(idle->sleeper) + cpu_of(getpid());
	usleep((useconds_t)(seconds * 1e6));
	daemon = cpu_of(idle->daemon) - daemon;
	clients = cpu_of(idle->sleeper) + cpu_of(getpid()) - clients;
	seconds = (double)(bench_clock_ns() - start_ns) * 1e-9;
	out[0] = daemon / seconds;
	out[1] = clients / seconds;
	return 2;
}

const struct bench_scene bench_idle_scenes[] = {
	{ "idle", 1, idle_open, idle_measure }, /* process of the daemon */
	{ 0 },
};
