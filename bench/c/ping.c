/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Round trips between two processes: through the daemon, as pkt-gen's ping and pong do, and, to compare with, with
 * nothing between them but what they wait by: an eventfd each way, or a word of memory each way.
 */
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "../../c/engine/barrier.h"
#include "meeting.h"
#include "port.h"
#include "row.h"

enum { FRAME_BYTES = 60, SAMPLES = 1 << 20 };

struct trip {
	struct bench_meeting *meeting;
	pid_t pong;
	int spins; /* both look again and again; else both sleep until something comes */
	uint8_t from[6], to[6];
	struct bench_port port;
	int events[2]; /* there, and back */
	void (*go)(struct trip *trip); /* once */
	uint32_t nanoseconds[SAMPLES];
};

static struct trip *trip_make(char **arguments)
{
	struct trip *trip = calloc(1, sizeof(*trip));

	if (!trip)
		fail("get memory", -ENOMEM);
	trip->spins = !strcmp(arguments[0], "spin");
	if (!trip->spins && strcmp(arguments[0], "sleep"))
		fail(arguments[0], -EINVAL);
	trip->meeting = bench_meeting_open(NULL);
	return trip;
}

/* ---- through the daemon ---- */

/* Until a frame has come, or the measurement is over. */
static uint32_t await_frame(struct bench_port *port, int spins, const uint32_t *running)
{
	while (spins && read_once(running)) {
		if (valet_rxsync(port->handle) < 0)
			fail("sync a receive ring", -EIO);
		if (port->rx->head != port->rx->tail)
			return 1;
		spin_pause();
	}
	if (valet_poll(port->handle, POLLIN, -1) < 0)
		fail("poll", -EIO);
	return port->rx->head != port->rx->tail;
}

static uint32_t take_frames(struct netmap_ring *ring)
{
	uint32_t frames = 0, head, tail = ring->tail;

	for (head = ring->head; head != tail; head = bench_next(ring, head))
		frames += ring->slot[head].len == FRAME_BYTES;
	ring->head = ring->cur = head;
	return frames;
}

static void pong(struct bench_meeting *meeting, void *context)
{
	struct trip *trip = context;
	struct bench_port port = bench_port_open_in("daemon", "vale0:pong", 0);
	uint8_t frame[2048];

	bench_frame_make(frame, trip->from, trip->to);
	bench_port_fill(&port, frame, FRAME_BYTES);
	/* To somebody who is not there yet: it makes this address known. */
	bench_port_send(&port, 1, FRAME_BYTES);
	store_release(&meeting->is_ready, 1);
	for (;;) {
		if (await_frame(&port, trip->spins, &meeting->is_running) && take_frames(port.rx))
			bench_port_send(&port, 1, FRAME_BYTES);
	}
}

static void daemon_go(struct trip *trip)
{
	static const uint32_t always = 1;

	bench_port_send(&trip->port, 1, FRAME_BYTES);
	while (!await_frame(&trip->port, trip->spins, &always))
		;
	if (take_frames(trip->port.rx) != 1)
		fail("receive one answer", -EBADMSG);
}

static void *daemon_open(char **arguments)
{
	struct trip *trip = trip_make(arguments);
	uint8_t frame[2048];

	bench_mac_next(trip->from);
	bench_mac_next(trip->to);
	trip->pong = bench_second(pong, trip->meeting, trip);
	trip->port = bench_port_open_in("daemon", "vale0:ping", 0);
	trip->go = daemon_go;
	bench_frame_make(frame, trip->to, trip->from);
	bench_port_fill(&trip->port, frame, FRAME_BYTES);
	return trip;
}

/* ---- and without it ---- */

static void await_word(struct trip *trip, const uint32_t *word, uint32_t value)
{
	while (load_acquire(word) != value) {
		/* Between two measurements nobody spins. */
		if (!read_once(&trip->meeting->is_running))
			usleep(1000);
		spin_pause();
	}
}

static void pass_event(int mine, int there)
{
	uint64_t one = 1;

	if (write(mine, &one, sizeof(one)) < 0 || read(there, &one, sizeof(one)) < 0)
		fail("pass an event", -errno);
}

static void answer(struct bench_meeting *meeting, void *context)
{
	struct trip *trip = context;
	uint64_t one;

	store_release(&meeting->is_ready, 1);
	if (!trip->spins && read(trip->events[0], &one, sizeof(one)) < 0)
		fail("wait for an event", -errno);
	for (uint32_t turn = 1;; turn++) {
		if (!trip->spins) {
			pass_event(trip->events[1], trip->events[0]);
			continue;
		}
		await_word(trip, &meeting->there, turn);
		store_release(&meeting->back, turn);
	}
}

static void limit_go(struct trip *trip)
{
	struct bench_meeting *meeting = trip->meeting;

	if (!trip->spins) {
		pass_event(trip->events[0], trip->events[1]);
		return;
	}
	store_release(&meeting->there, meeting->there + 1);
	await_word(trip, &meeting->back, meeting->there);
}

static void *limit_open(char **arguments)
{
	struct trip *trip = trip_make(arguments);

	for (int i = 0; i < 2; i++) {
		trip->events[i] = eventfd(0, EFD_CLOEXEC);
		if (trip->events[i] < 0)
			fail("make an eventfd", -errno);
	}
	trip->pong = bench_second(answer, trip->meeting, trip);
	trip->go = limit_go;
	return trip;
}

/* ---- both ---- */

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Microseconds that 50, 90, 99 and 99.9 % of the round trips take at most. */
static uint32_t trip_measure(void *state, double seconds, double *out)
{
	static const double parts[] = { 0.5, 0.9, 0.99, 0.999 };
	struct trip *trip = state;
	int64_t start_ns = bench_clock_ns(), last_ns, now_ns = start_ns;
	int64_t length_ns = (int64_t)(seconds * 1e9), begin_ns = start_ns + length_ns / 4;
	uint32_t count = 0;

	bench_second_check(trip->pong);
	store_release(&trip->meeting->is_running, 1);
	/* One at least, however long it takes. */
	while ((now_ns - begin_ns < length_ns || count == 0) && count < SAMPLES) {
		last_ns = now_ns;
		trip->go(trip);
		now_ns = bench_clock_ns();
		if (last_ns >= begin_ns)
			trip->nanoseconds[count++] = (uint32_t)(now_ns - last_ns);
	}
	store_release(&trip->meeting->is_running, 0);
	qsort(trip->nanoseconds, count, sizeof(trip->nanoseconds[0]), by_size);
	for (uint32_t i = 0; i < 4; i++)
		out[i] = trip->nanoseconds[(uint32_t)(parts[i] * (count - 1))] / 1e3;
	return 4;
}

const struct bench_scene bench_ping_scenes[] = {
	{ "ping", 1, daemon_open, trip_measure }, /* sleep or spin */
	{ "limit.ping", 1, limit_open, trip_measure },
	{ 0 },
};
