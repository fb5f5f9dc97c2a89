/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory ordering and the spin lock, in one place.
 *
 * Fields that another thread or the application may change at any time are only touched through
 * these. All of them are C11 atomics, so that ThreadSanitizer sees what is meant.
 */
#ifndef VALET_BARRIER_H
#define VALET_BARRIER_H

#include <sched.h>
#include <stdint.h>

/* One load or store, done once, ordered with nothing: for values that are checked after reading. */
#define read_once(p) __atomic_load_n((p), __ATOMIC_RELAXED)
#define write_once(p, value) __atomic_store_n((p), (value), __ATOMIC_RELAXED)

/*
 * What the other side stored before its store_release() is visible after our load_acquire() of it.
 */
#define load_acquire(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define store_release(p, value) __atomic_store_n((p), (value), __ATOMIC_RELEASE)

/*
 * For "I write mine, then read yours" on both sides: at least one of the two sees the other's
 * write.
 */
#define load_ordered(p) __atomic_load_n((p), __ATOMIC_SEQ_CST)
#define store_ordered(p, value) ((void)__atomic_exchange_n((p), (value), __ATOMIC_SEQ_CST))

/* Tells the core that this is a spin loop. */
static inline void spin_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ __volatile__("yield");
#endif
}

struct spinlock {
	uint32_t held;
};

static inline int spin_try(struct spinlock *lock)
{
	return !read_once(&lock->held) && !__atomic_exchange_n(&lock->held, 1, __ATOMIC_ACQUIRE);
}

/*
 * The holder does a bounded amount of work; it yields the core only to a holder that was preempted.
 */
static inline void spin_lock(struct spinlock *lock)
{
	for (unsigned spins = 1; !spin_try(lock); spins++) {
		if (spins % 128 == 0)
			sched_yield();
		else
			spin_pause();
	}
}

static inline void spin_unlock(struct spinlock *lock)
{
	store_release(&lock->held, 0);
}

#endif
