/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Monitors: ports that see what another port sends and receives. Ring i of a monitor gets the
 * traffic of transmit ring i and of receive ring i, what was sent with NS_TXMON.
 *
 * A copy monitor has a region of its own, and sees a frame before whoever it is for: a sent one
 * before it is forwarded, a received one before the application is shown it. A zero-copy monitor
 * lives in the region of the port, and gets the buffer itself in exchange for one of its own, when
 * the slot is released: a sent frame when the engine has done with it, a received one when the
 * application has. A second zero-copy monitor sees what the first one releases.
 *
 * Rings without monitors pay for one look at ring->monitored in each sync. Reference: netmap(4),
 * "MONITORS".
 */
#ifndef VALET_MONITOR_H
#define VALET_MONITOR_H

#include "ring.h"

struct descriptor;
struct engine;
struct fragment;
struct nmreq_register;
struct port;

/*
 * What is in ring->monitored. The last: a receive ring of an interface opened by name, which looks
 * at what is released for packets to pass on to its other side (NR_FORWARD).
 */
enum { MONITORED_COPY = 1, MONITORED_ZERO_COPY = 2, MONITORED_FORWARD = 4 };

/* ---- the packets' path ---- */

/*
 * Shows the slots from `first` to `end` - 1 to the ring's copy monitors. They are the engine's
 * until this returns.
 */
void monitors_copy(struct ring *ring, uint32_t first, uint32_t end);
/* Exchanges the buffers of released slots with those of the ring's first zero-copy monitor. */
void monitors_exchange(struct ring *ring, uint32_t first, uint32_t end);

/*
 * Shows frames that lie in no slot, and are being sent by that ring, to all of its monitors: there
 * is no buffer to exchange, so a zero-copy one gets a copy too.
 */
void monitors_copy_frames(struct ring *ring, const struct fragment *frames, uint32_t count);

static inline int ring_is_copied(const struct ring *ring)
{
	return __builtin_expect(read_once(&ring->monitored) & MONITORED_COPY, 0);
}

static inline int ring_is_exchanged(const struct ring *ring)
{
	return __builtin_expect(read_once(&ring->monitored) & MONITORED_ZERO_COPY, 0);
}

/* For ring_released(). */
void monitors_release(struct ring *ring, uint32_t first, uint32_t end);

/*
 * The application has given back the slots of a receive ring from `first` to `end` - 1. Before hwcur
 * moves behind them.
 */
static inline void ring_released(struct ring *ring, uint32_t first, uint32_t end)
{
	enum { RELEASES_HEARD = MONITORED_ZERO_COPY | MONITORED_FORWARD };

	if (__builtin_expect(read_once(&ring->monitored) & RELEASES_HEARD, 0))
		monitors_release(ring, first, end);
}

/* ---- control, under the engine's control lock ---- */

static inline int register_asks_monitor(uint64_t flags)
{
	return (flags & (NR_MONITOR_TX | NR_MONITOR_RX | NR_ZCOPY_MON)) != 0;
}

/*
 * A monitor of `port`, for one descriptor; it keeps a reference to the port. -EINVAL: nobody has
 * the port open; -ENOMEM.
 */
int monitor_create(struct port *port, const struct nmreq_register *reg, struct port **out);
/* Begins to watch with the rings that are bound. */
void monitor_start(const struct descriptor *descriptor, struct port *monitor);
/* Leaves the port that it watches. Once it has returned nobody writes into the monitor's rings. */
void monitor_stop(struct port *monitor);
/* Nobody has the port open any more: its monitors see nothing from now on, and are told. */
void monitors_end(struct port *port);

#endif
