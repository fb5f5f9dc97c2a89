/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE /* pipe2, ppoll */
#include "pump.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

#include "../engine/monitor.h"

enum {
	FULL_WAIT_NS = 1000000, /* before another try, when the device takes no more */
	DOWN_WAIT_NS = 100000000, /* between looks whether an interface is up again, or gone */
	HELP_FRAMES = 64, /* at most; waking somebody is a small part of what more of them cost */
	HELP_TURNS = 4, /* then it has to go on itself: others keep sending there */
	HELPERS_WAIT_US = 50,
	RUSH_WINDOW_NS = 200000,
	RUSH_NS = 20000, /* a frame, at most */
	NAP_NS = 50000, /* as cards wait before they interrupt */
};

/* ---- out ---- */

/* Lists whole packets that the bridge has delivered; *end is the slot after them. */
static uint32_t collect(struct pump *pump, uint32_t tail, uint32_t *end)
{
	struct ring *ring = pump->rx;
	uint32_t at = read_once(&ring->hwcur), count = 0, whole = 0;

	*end = at;
	while (at != tail && count < PUMP_PARTS) {
		struct slot_view slot = slot_read(&ring->shared->slot[at]);
		int more = (slot.flags & NS_MOREFRAG) != 0;

		at = ring_next(ring, at);
		/* Room that a sender had leased and did not need is an empty packet. */
		if (slot.length && buffer_valid(ring, slot.buffer) &&
		    slot.length <= ring->buffer_bytes)
			pump->parts[count++] = (struct device_part){
				.data = buffer_at(ring, slot.buffer),
				.length = slot.length,
				.more = (uint32_t)more,
			};
		if (!more) {
			whole = count;
			*end = at;
		}
	}
	return whole;
}

/* The slot after the first `parts` that were collected. */
static uint32_t slot_after(const struct ring *ring, uint32_t parts)
{
	uint32_t at = read_once(&ring->hwcur);

	while (parts) {
		parts -= slot_read(&ring->shared->slot[at]).length != 0;
		at = ring_next(ring, at);
	}
	return at;
}

/* How many parts of frames went out; -EAGAIN: the device takes no more now. */
static int pump_out(struct pump *pump)
{
	struct ring *ring = pump->rx;
	/* Pairs with lease_finish(): slots are filled, and who sleeps after this is seen waiting. */
	uint32_t tail = load_ordered(&ring->hwtail), end;
	uint32_t count = collect(pump, tail, &end);
	uint64_t lost = 0;
	int done = 0;

	if (count)
		done = pump->device->ops->send(pump->device, pump->queue, pump->parts, count,
					       &lost);
	if (lost)
		ring_drop(ring, VALET_DROP_INTERFACE, lost);
	if (done != (int)count)
		end = slot_after(ring, (uint32_t)done);
	if (ring_is_exchanged(ring))
		monitors_exchange(ring, ring->hwcur, end);
	/* Pairs with the sender's load in lease_take(): we have read what lies before. */
	store_release(&ring->hwcur, end);
	return done == (int)count ? done : -EAGAIN;
}

/*
 * As pump_out(), unless somebody is at it, who will look again: 0. Ordered after the store of what
 * is to be sent.
 */
static int pump_try_out(struct pump *pump)
{
	int out;

	if (__atomic_exchange_n(&pump->sending, 1, __ATOMIC_SEQ_CST))
		return 0;
	out = pump_out(pump);
	/* Ordered before the look whether there is more: who found it taken has shown its packets. */
	store_ordered(&pump->sending, 0);
	return out;
}

static int has_to_send(const struct pump *pump)
{
	return load_ordered(&pump->rx->hwtail) != load_acquire(&pump->rx->hwcur);
}

/* ---- in ---- */

/* The pump of this thread, while it forwards. */
static __thread struct pump *forwarding;

static struct pump *pump_of(struct waiter *waiter)
{
	return (struct pump *)((uint8_t *)waiter - offsetof(struct pump, waiter));
}

/* struct waiter's take_over: of a pump that sleeps, which cannot end before this has returned. */
static int pump_take_over(struct waiter *waiter)
{
	struct pump *pump = pump_of(waiter), *mine = forwarding;

	if (!mine)
		return 0;
	for (uint32_t i = 0; i < mine->helped_count; i++)
		if (mine->helped[i] == pump)
			return 1;
	if (mine->helped_count == PUMP_HELPED)
		return 0;
	/* Pairs with await_helpers(). */
	__atomic_add_fetch(&pump->helpers, 1, __ATOMIC_ACQ_REL);
	mine->helped[mine->helped_count++] = pump;
	return 1;
}

void pump_wake(const struct pump *pump)
{
	if (write(pump->waiter.event_fd, "", 1) < 0)
		return; /* full of rings that it has not heard yet */
}

/* What this one has taken over. What the device does not take is the other's to wait for. */
static void pump_help(struct pump *pump)
{
	for (uint32_t i = 0; i < pump->helped_count; i++) {
		struct pump *other = pump->helped[i];
		int turns = 0, out = 0;

		while (has_to_send(other) && out >= 0 && !load_ordered(&other->sending) &&
		       turns++ < HELP_TURNS)
			out = pump_try_out(other);
		if (out < 0 || turns > HELP_TURNS)
			pump_wake(other);
		/* Pairs with await_helpers(): it is not touched any more. */
		__atomic_sub_fetch(&other->helpers, 1, __ATOMIC_RELEASE);
	}
	pump->helped_count = 0;
}

/* How many frames came; negative as the device's. */
static int pump_in(struct pump *pump)
{
	uint64_t lost = 0;
	int count = pump->device->ops->receive(pump->device, pump->queue, pump->frames,
					       PUMP_FRAMES, &lost);

	if (lost)
		ring_drop(pump->tx, VALET_DROP_INTERFACE, lost);
	for (int i = 0; i < count; i++)
		pump->fragments[i] = (struct fragment){ pump->frames[i].data,
							pump->frames[i].length };
	if (count <= 0 || bridge_forward_allowed() < 0)
		return count;
	for (uint32_t at = 0; at < (uint32_t)count;) {
		/* More are worth waking somebody, who may have a CPU of his own. */
		forwarding = count <= HELP_FRAMES ? pump : NULL;
		at += bridge_forward_frames(pump->tx, pump->fragments + at, (uint32_t)count - at);
		forwarding = NULL;
		pump_help(pump);
	}
	return count;
}

/* ---- a pump's life ---- */

static int is_ending(const struct pump *pump)
{
	return load_acquire(&pump->orders->ending) != 0;
}

/* Senders cut long packets by it. */
static void show_mtu(struct port *port, struct device *device)
{
	uint32_t mtu = device->ops->mtu ? device->ops->mtu(device) : UINT16_MAX;

	if (mtu)
		write_once(&port->mtu, mtu);
}

/* At the interface. 0: it does not exist any more. */
static int pump_look(struct pump *pump)
{
	enum device_state state = pump->device->ops->state(pump->device);

	pump->is_down = state == DEVICE_DOWN;
	show_mtu(pump->rx->port, pump->device);
	return state != DEVICE_GONE;
}

static int64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/*
 * Whether frames come fast: woken for each few of them it would do little else, and keep who sends
 * them from going on where both share a CPU (0.12 -> 0.17 Mpps).
 */
static int pump_is_rushed(struct pump *pump)
{
	int64_t now_ns = clock_ns(), passed_ns = now_ns - pump->since_ns;

	if (passed_ns < RUSH_WINDOW_NS)
		return pump->is_rushed;
	pump->is_rushed = passed_ns < pump->came * (int64_t)RUSH_NS;
	pump->since_ns = now_ns;
	pump->came = 0;
	return pump->is_rushed;
}

static void bell_silence(int fd)
{
	char rings[256];

	while (read(fd, rings, sizeof(rings)) == sizeof(rings))
		;
}

/* What the pump waits for, in this order; when it only naps, for the first two. */
enum { BELL, WATCH, DEVICE, FDS };

static int poll_for(struct pollfd *fds, nfds_t count, int64_t longest_ns)
{
	const struct timespec longest = { .tv_sec = longest_ns / 1000000000,
					  .tv_nsec = longest_ns % 1000000000 };

	return ppoll(fds, count, longest_ns < 0 ? NULL : &longest, NULL);
}

/*
 * Until there is something to do. While the device takes no more, or is down, the pump looks again
 * after a while. 0: the interface does not exist any more.
 */
static int pump_sleep(struct pump *pump, int is_full)
{
	struct device *device = pump->device;
	struct pollfd fds[FDS] = {
		[BELL] = { .fd = pump->bell, .events = POLLIN },
		[WATCH] = { .fd = device->ops->watch ? device->ops->watch(device) : -1,
			    .events = POLLIN },
		[DEVICE] = { .fd = device->ops->fd(device, pump->queue), .events = POLLIN },
	};
	int is_down = pump->is_down || fds[DEVICE].fd < 0;
	int naps = pump_is_rushed(pump) && !is_full && !is_down;
	int64_t longest_ns = is_down ? DOWN_WAIT_NS : naps ? NAP_NS : -1;
	struct waiter_link link;

	if (is_full && device->tells_room)
		fds[DEVICE].events |= POLLOUT;
	else if (is_full)
		longest_ns = FULL_WAIT_NS;
	waiter_enter(&link, pump->rx, &pump->waiter);
	/*
	 * Entered first, then looked: whoever sends after the look sees us waiting, and whoever is
	 * seen to send now will look again.
	 */
	if ((is_full || load_ordered(&pump->sending) || !has_to_send(pump)) && !is_ending(pump) &&
	    poll_for(fds, naps ? DEVICE : FDS, longest_ns) > 0 && fds[BELL].revents)
		bell_silence(pump->bell);
	waiter_leave(&link);
	if (is_down || fds[DEVICE].revents & (POLLERR | POLLHUP | POLLNVAL) || fds[WATCH].revents)
		return pump_look(pump);
	return 1;
}

/* Instead of sleeping. 0 as above. */
static int pump_idle(struct pump *pump, uint32_t turns)
{
	enum { TURNS_BETWEEN_LOOKS = 10000 };

	sched_yield();
	return turns % TURNS_BETWEEN_LOOKS ? 1 : pump_look(pump);
}

/* It has left its ring: there will be no further helpers. */
static void await_helpers(struct pump *pump)
{
	store_release(&pump->is_leaving, 1);
	while (load_acquire(&pump->helpers))
		usleep(HELPERS_WAIT_US);
}

int pump_run(struct pump *pump)
{
	uint32_t idle = 0;
	int exists = pump_look(pump);

	while (exists && !is_ending(pump)) {
		int in = pump_in(pump);
		int out = pump_try_out(pump);

		if (in > 0)
			pump->came += (uint32_t)in;
		if (in > 0 || out > 0)
			idle = 0;
		else if (load_acquire(&pump->orders->polling))
			exists = pump_idle(pump, ++idle);
		else
			exists = pump_sleep(pump, out == -EAGAIN);
	}
	await_helpers(pump);
	return exists;
}

/* ---- opening and closing ---- */

int pump_open(struct pump *pump)
{
	int ends[2];

	pump->host = pump->rx->port->engine->host;
	pump->bell = -1;
	if (pump->device->sends_apart)
		pump->waiter.take_over = pump_take_over;
	show_mtu(pump->rx->port, pump->device);
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	pump->bell = ends[0];
	pump->waiter.event_fd = ends[1];
	return 0;
}

void pump_close(struct pump *pump)
{
	if (pump->host->wake_never)
		pump->host->wake_never(&pump->waiter);
	if (pump->bell < 0)
		return;
	close(pump->waiter.event_fd);
	close(pump->bell);
}
