/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The engine's half of a ring. The application's half, struct netmap_ring, is in shared memory and
 * may hold anything at any time; what the engine relies on is here.
 *
 * In the order of the ring: hwcur ... head ... tail ... and round to hwcur again. The application
 * owns head to tail - 1, the engine the rest; hwcur is the head of the last sync.
 */
#ifndef VALET_RING_H
#define VALET_RING_H

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "../uapi/netmap.h"
#include "../uapi/valet_requests.h"
#include "barrier.h"
#include "line.h"

struct port;
struct waiter_link;

enum direction { RX, TX };

/* Senders that copy into one ring at the same time; a further one waits for the first to finish. */
#define RING_LEASES 32

struct lease {
	uint32_t end; /* first slot after it */
	uint32_t done;
};

/*
 * Where a ring's last batch went, which is where the next one likely goes. Addresses to ask for and
 * nothing else: what was there may be gone.
 */
struct forecast {
	const struct port *port;
	const struct ring *ring; /* NULL: nowhere yet */
	const struct netmap_slot *slot; /* the first that the next batch fills */
	const void *shown; /* where its application, */
	const void *reader; /* and its sync look */
};

/*
 * By who touches it, in cache lines: of a port that has been silent each costs its time anew, and a
 * batch needs three of its own ring and three of each ring that it goes to.
 */
struct ring {
	/* Fixed once the rings are made, but for the last three, which hardly ever change. */
	struct netmap_ring *shared __attribute__((aligned(LINE_BYTES)));
	struct port *port;
	struct ring *peer; /* pipes: the ring at the other end */
	uint8_t *buffers; /* buffer 0 */
	uint32_t buffer_bytes, buffer_count;
	uint32_t slots;
	uint16_t index; /* among the port's rings of its direction */
	uint8_t direction; /* enum direction */
	uint8_t remote; /* the application is another process: see csb.h */
	/* See offsets.h. Set under the control lock, the mask last; the packets' path. */
	uint64_t offset_mask; /* of slot.ptr: the offset. 0: packets begin where buffers do */
	uint32_t monitored; /* MONITORED_*: what `monitor_lock` guards is worth a look */
	/* Sleepers. Remote rings: those who can be signalled; csb->appl_need_kick says whether to. */
	uint32_t waiting; /* how many */

	/* For the one who syncs. */
	struct spinlock busy __attribute__((aligned(LINE_BYTES)));
	uint32_t hwcur; /* RX: read by senders, with acquire */
	uint32_t opens; /* descriptors bound to it; written under the control lock */
	uint32_t csb_mode; /* head and cur are those below, of the one who syncs */
	uint32_t csb_head, csb_cur;
	uint32_t handed_over; /* TX of an interface opened by name: head of the last sync */
	uint32_t in_script; /* TX: the holder of `busy` waits for a script's lookup */
	uint64_t packets, bytes; /* TX: taken. RX: delivered, under `lease` */
	const void *reader; /* RX: the descriptor that synced it last, an address only */

	/* RX: for those who send to it. Pipes: written by the other end. */
	struct spinlock lease __attribute__((aligned(LINE_BYTES)));
	uint32_t hwtail; /* first slot not filled yet */
	uint32_t leased; /* first slot that no sender has leased */
	uint32_t lease_first, lease_count;
	union {
		struct lease leases[RING_LEASES];
		struct forecast forecast; /* TX */
	};

	/* What is not looked at for every batch. */
	uint64_t resets; /* times that head or cur was not legal; under `busy` */
	uint64_t drops[VALET_DROP_CAUSES];
	uint64_t offset_max; /* bytes; a larger one is taken for this */
	struct waiter_link *waiters;
	struct spinlock waiting_lock;

	/* Remote: the last request that was served, and who is serving. */
	struct spinlock serving;
	uint32_t served;

	/* Those that watch, see monitor.c. Taken inside `busy` and `lease`. */
	struct spinlock monitor_lock;
	struct ring *copies; /* a list, by next_copy[direction of the one that is watched] */
	struct ring *next_copy[2];
	struct ring *exchange; /* the first zero-copy monitor's */

	/* Under the control lock, set while nobody can sync; see buffers.h. */
	uint32_t *own; /* the buffer that each slot began with; NULL: it has none, or the peer's */
	struct ring *next_in_region;
	uint32_t exclusive; /* a descriptor will not share it */
};

/* What a sync is about, where a sync loop does it: see csb_mode.h. */
struct ring_pointers {
	uint32_t head, cur; /* in: the application's */
	uint32_t hwcur, hwtail; /* out: the engine's */
	uint32_t slots; /* out */
};

/*
 * Asks for what a batch touches of a ring, before it waits for any of it. With the order of the fields
 * above: 6 % more packets between 1,000 ports that take turns.
 */
static inline void ring_fetch(const struct ring *ring)
{
	__builtin_prefetch(ring, 1);
	__builtin_prefetch(&ring->busy, 1);
	__builtin_prefetch(&ring->lease, 1);
}

/* Slots from `from` forward to `to`. */
static inline uint32_t ring_distance(const struct ring *ring, uint32_t from, uint32_t to)
{
	return to >= from ? to - from : to + ring->slots - from;
}

static inline uint32_t ring_next(const struct ring *ring, uint32_t slot)
{
	return slot + 1 == ring->slots ? 0 : slot + 1;
}

static inline uint32_t ring_previous(const struct ring *ring, uint32_t slot)
{
	return slot == 0 ? ring->slots - 1 : slot - 1;
}

/*
 * The application's head, if hwcur <= head <= cur <= tail in ring order. Otherwise the ring is put
 * back to where the engine has it, which costs the application what it wrote there, and -EINVAL.
 * Caller holds `busy`.
 */
int64_t ring_check(struct ring *ring, uint32_t tail);

/*
 * Shows the application its new tail. Pairs with its load of tail: slots before it are filled.
 * Another process takes it from the csb, and keeps the ring's header in its core's cache; in CSB
 * mode it is the sync loop that shows it.
 */
static inline void ring_show_tail(struct ring *ring, uint32_t tail)
{
	if (!ring->remote && !read_once(&ring->csb_mode))
		store_release(&ring->shared->tail, tail);
}

/* Moves hwtail, for the application to see. ring_notify() comes after it. */
void ring_set_hwtail(struct ring *ring, uint32_t tail);

/* Counters have one writer at a time (the holder of `busy` or `lease`) and readers at any time. */
static inline void count_add(uint64_t *counter, uint64_t n)
{
	write_once(counter, read_once(counter) + n);
}

static inline void ring_drop(struct ring *ring, enum valet_drop cause, uint64_t packets)
{
	__atomic_fetch_add(&ring->drops[cause], packets, __ATOMIC_RELAXED);
}

/* What matters of a slot; the same layout as its first 8 bytes, so that one load reads it once. */
struct slot_view {
	uint32_t buffer;
	uint16_t length;
	uint16_t flags;
};

typedef uint64_t __attribute__((may_alias)) slot_word;
typedef uint32_t __attribute__((may_alias)) slot_half;

static inline struct slot_view slot_read(const struct netmap_slot *slot)
{
	slot_word word = read_once((const slot_word *)&slot->buf_idx);
	struct slot_view view;

	memcpy(&view, &word, sizeof(view));
	return view;
}

/* Length and flags in one store; the buffer stays. */
static inline void slot_write(struct netmap_slot *slot, uint16_t length, uint16_t flags)
{
	const uint16_t both[2] = { length, flags };
	slot_half half;

	memcpy(&half, both, sizeof(half));
	write_once((slot_half *)&slot->len, half);
}

/* Everything, the buffer included. */
static inline void slot_put(struct netmap_slot *slot, struct slot_view view, uint64_t ptr)
{
	slot_word word;

	memcpy(&word, &view, sizeof(word));
	write_once((slot_word *)&slot->buf_idx, word);
	write_once(&slot->ptr, ptr);
}

/*
 * Where a ring's buffers are. A loop over slots works with a copy: for all that the compiler knows,
 * each of its stores changes the ring, whose fields it would load again for every packet.
 */
struct buffer_space {
	uint8_t *buffers; /* buffer 0 */
	uint32_t bytes; /* of each */
	uint32_t usable; /* how many: from number 2 on */
};

static inline struct buffer_space buffers_of(const struct ring *ring)
{
	return (struct buffer_space){
		.buffers = ring->buffers,
		.bytes = ring->buffer_bytes,
		.usable = ring->buffer_count > 2 ? ring->buffer_count - 2 : 0,
	};
}

static inline int space_has(struct buffer_space space, uint32_t buffer)
{
	return buffer - 2 < space.usable; /* below 2 it is a huge number */
}

static inline uint8_t *space_at(struct buffer_space space, uint32_t buffer)
{
	return space.buffers + (uint64_t)buffer * space.bytes;
}

static inline int buffer_valid(const struct ring *ring, uint32_t buffer)
{
	return space_has(buffers_of(ring), buffer);
}

static inline uint8_t *buffer_at(const struct ring *ring, uint32_t buffer)
{
	return space_at(buffers_of(ring), buffer);
}

/* Bytes between the beginning of a slot's buffer and that of its packet. */
static inline uint32_t slot_offset(const struct ring *ring, const struct netmap_slot *slot)
{
	/* Pairs with the release of who sets it: the maximum is there. */
	uint64_t mask = load_acquire(&ring->offset_mask), offset, max;

	if (!mask)
		return 0;
	offset = read_once(&slot->ptr) & mask;
	max = read_once(&ring->offset_max);
	return (uint32_t)(offset < max ? offset : max);
}

static inline void slot_put_offset(struct netmap_slot *slot, uint64_t mask, uint64_t offset)
{
	write_once(&slot->ptr, (read_once(&slot->ptr) & ~mask) | offset);
}

/* Wakes who waits on the ring. Call after the ordered store of what they wait for. */
void ring_notify(struct ring *ring);
/* The same for new packets: soon, as more may follow, unless they fill the ring. */
void ring_notify_soon(struct ring *ring);

/* Empties the ring for a new owner: indices to their start, slots with these buffers. */
void ring_reset(struct ring *ring, const uint32_t *buffers);

/* The syncs. Caller holds no lock. 0; 1 if the ring had to be set back; negative as in valet.h. */
int ring_txsync(struct ring *ring);
int ring_rxsync(struct ring *ring);

#endif
