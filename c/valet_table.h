/*
 * valet_table.h - tables that a lookup and a script share while traffic flows.
 *
 * An open-addressed hash table in one block of memory: keys of a few 32-bit words, and a 64-bit
 * value: a number, a counter, or a token bucket. Looking up takes no lock; making and deleting
 * entries takes one. Entries are never moved, and nothing is evicted: where there is no room,
 * nothing changes.
 *
 * Everything is here in the header, so that lookups compiled by themselves need no library.
 */
#ifndef VALET_TABLE_H
#define VALET_TABLE_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

enum valet_table_kind {
	VALET_TABLE_VALUES,
	VALET_TABLE_COUNTERS,
	VALET_TABLE_BUCKETS,
};

#define VALET_TABLE_KEY_WORDS_MAX 8
#define VALET_TABLE_CAPACITY_MAX (1u << 20)
#define VALET_TABLE_COUNTER_MASK ((1ull << 53) - 1) /* what a script can hold exactly */

/* The table's memory: this, then `slots` entries of `entry_bytes` each. */
struct valet_table {
	uint32_t kind; /* enum valet_table_kind */
	uint32_t key_words;
	uint32_t capacity; /* entries */
	uint32_t slots; /* a power of two, at least twice the capacity */
	uint32_t entry_bytes;
	uint32_t used;
	uint32_t lock;
	uint32_t reserved;
	uint64_t rate_q; /* buckets: tokens a tick, in 2^-24 */
	uint64_t burst_q; /* buckets: the most tokens, in 2^-16 */
	uint64_t reserved2[2];
};

enum valet_table_state { VALET_ENTRY_EMPTY, VALET_ENTRY_USED, VALET_ENTRY_DELETED };

struct valet_table_slot {
	uint32_t sequence; /* odd while somebody changes the entry, its value too */
	uint32_t state; /* enum valet_table_state */
	uint64_t value;
	uint32_t key[]; /* key_words */
};

static inline struct valet_table_slot *valet_table_slot(struct valet_table *table, uint32_t index)
{
	return (struct valet_table_slot *)(void *)((uint8_t *)(table + 1) +
						   (size_t)(index & (table->slots - 1)) *
							   table->entry_bytes);
}

static inline uint32_t valet_table_hash(const struct valet_table *table, const uint32_t *key)
{
	uint64_t hash = 0x9e3779b97f4a7c15ull;

	for (uint32_t i = 0; i < table->key_words; i++) {
		hash = (hash ^ key[i]) * 0xff51afd7ed558ccdull;
		hash ^= hash >> 32;
	}
	return (uint32_t)hash;
}

static inline int valet_table_has_key(const struct valet_table *table,
				      const struct valet_table_slot *slot, const uint32_t *key)
{
	for (uint32_t i = 0; i < table->key_words; i++)
		if (__atomic_load_n(&slot->key[i], __ATOMIC_ACQUIRE) != key[i])
			return 0;
	return 1;
}

/*
 * The entry of a key, or NULL; *sequence is what it was found with. Who changes an entry makes the
 * sequence odd, changes it, and makes it even again: what was read between two equal, even numbers
 * belongs together.
 */
static inline struct valet_table_slot *valet_table_find(struct valet_table *table,
							const uint32_t *key, uint32_t *sequence)
{
	uint32_t hash = valet_table_hash(table, key);

	for (uint32_t probe = 0; probe < table->slots; probe++) {
		struct valet_table_slot *slot = valet_table_slot(table, hash + probe);
		uint32_t before, state;
		int is_it;

		do {
			before = __atomic_load_n(&slot->sequence, __ATOMIC_ACQUIRE);
			state = __atomic_load_n(&slot->state, __ATOMIC_ACQUIRE);
			is_it = state == VALET_ENTRY_USED && valet_table_has_key(table, slot, key);
		} while (before & 1 ||
			 before != __atomic_load_n(&slot->sequence, __ATOMIC_RELAXED));
		if (is_it) {
			*sequence = before;
			return slot;
		}
		if (state == VALET_ENTRY_EMPTY)
			return NULL;
	}
	return NULL;
}

static inline void valet_table_lock(struct valet_table *table)
{
	while (__atomic_exchange_n(&table->lock, 1, __ATOMIC_ACQUIRE))
		while (__atomic_load_n(&table->lock, __ATOMIC_RELAXED))
			;
}

static inline void valet_table_unlock(struct valet_table *table)
{
	__atomic_store_n(&table->lock, 0, __ATOMIC_RELEASE);
}

/*
 * Has the entry to oneself, if it is as it was with that sequence: it may have been deleted since, and
 * be another key's. Whoever has it changes it at once, and lets go.
 */
static inline int valet_table_hold(struct valet_table_slot *slot, uint32_t sequence)
{
	return __atomic_compare_exchange_n(&slot->sequence, &sequence, sequence + 1, 0,
					   __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static inline void valet_table_let_go(struct valet_table_slot *slot)
{
	uint32_t sequence = __atomic_load_n(&slot->sequence, __ATOMIC_RELAXED);

	__atomic_store_n(&slot->sequence, sequence + 1, __ATOMIC_RELEASE);
}

/* Caller holds the lock. */
static inline void valet_table_change(struct valet_table_slot *slot, uint32_t state,
				      const uint32_t *key, uint32_t key_words, uint64_t value)
{
	/*
	 * Odd before, even after what readers look at, in that order: each store releases the ones
	 * before it, each load of theirs acquires before the next. See valet_table_find().
	 */
	while (!valet_table_hold(slot, __atomic_load_n(&slot->sequence, __ATOMIC_RELAXED) & ~1u))
		;
	for (uint32_t i = 0; i < key_words; i++)
		__atomic_store_n(&slot->key[i], key[i], __ATOMIC_RELEASE);
	__atomic_store_n(&slot->value, value, __ATOMIC_RELEASE);
	__atomic_store_n(&slot->state, state, __ATOMIC_RELEASE);
	valet_table_let_go(slot);
}

/* The entry of a key, made with `value` if it is not there; NULL: there is no room. */
static inline struct valet_table_slot *valet_table_entry(struct valet_table *table,
							 const uint32_t *key, uint64_t value,
							 uint32_t *sequence)
{
	uint32_t hash = valet_table_hash(table, key);
	struct valet_table_slot *found = valet_table_find(table, key, sequence);

	if (found)
		return found;
	valet_table_lock(table);
	found = valet_table_find(table, key, sequence);
	for (uint32_t probe = 0; !found && table->used < table->capacity && probe < table->slots;
	     probe++) {
		struct valet_table_slot *slot = valet_table_slot(table, hash + probe);

		if (slot->state == VALET_ENTRY_USED)
			continue;
		valet_table_change(slot, VALET_ENTRY_USED, key, table->key_words, value);
		__atomic_store_n(&table->used, table->used + 1, __ATOMIC_RELAXED);
		found = valet_table_find(table, key, sequence);
	}
	valet_table_unlock(table);
	return found;
}

/* The same, to oneself until valet_table_let_go(). */
static inline struct valet_table_slot *valet_table_entry_held(struct valet_table *table,
							      const uint32_t *key, uint64_t value)
{
	struct valet_table_slot *slot;
	uint32_t sequence;

	do
		slot = valet_table_entry(table, key, value, &sequence);
	while (slot && !valet_table_hold(slot, sequence));
	return slot;
}

/* A value or counter; -1: there is none. */
static inline int64_t valet_table_read(struct valet_table *table, const uint32_t *key)
{
	for (;;) {
		uint32_t sequence;
		struct valet_table_slot *slot = valet_table_find(table, key, &sequence);
		uint64_t value;

		if (!slot)
			return -1;
		value = __atomic_load_n(&slot->value, __ATOMIC_ACQUIRE);
		if (sequence == __atomic_load_n(&slot->sequence, __ATOMIC_RELAXED))
			return (int64_t)(value & VALET_TABLE_COUNTER_MASK);
	}
}

/* What a lookup gets: the same within 32 bits. */
static inline int64_t valet_table_get(struct valet_table *table, const uint32_t *key)
{
	int64_t value = valet_table_read(table, key);

	return value > (int64_t)UINT32_MAX ? (int64_t)UINT32_MAX : value;
}

/* 0: there is no room. */
static inline int valet_table_set(struct valet_table *table, const uint32_t *key, uint32_t value)
{
	struct valet_table_slot *slot = valet_table_entry_held(table, key, value);

	if (!slot)
		return 0;
	__atomic_store_n(&slot->value, value, __ATOMIC_RELEASE);
	valet_table_let_go(slot);
	return 1;
}

/* 0: there is no room. */
static inline int valet_table_count(struct valet_table *table, const uint32_t *key, uint32_t amount)
{
	struct valet_table_slot *slot = valet_table_entry_held(table, key, 0);

	if (!slot)
		return 0;
	__atomic_store_n(&slot->value, slot->value + amount, __ATOMIC_RELEASE);
	valet_table_let_go(slot);
	return 1;
}

/*
 * A bucket is one number: tokens in 2^-16 in the lower 40 bits, above them the time of its last
 * refill, in ticks of 2^20 ns, modulo 2^24.
 */
#define VALET_BUCKET_TIME_SHIFT 40
#define VALET_BUCKET_TIME_MASK 0xffffffull
#define VALET_BUCKET_TOKENS_MASK ((1ull << VALET_BUCKET_TIME_SHIFT) - 1)

static inline uint64_t valet_bucket_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return ((uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec) >> 20 &
	       VALET_BUCKET_TIME_MASK;
}

/* The bucket as it is after a take; *taken says whether there was enough. */
static inline uint64_t valet_bucket_after(const struct valet_table *table, uint64_t bucket,
					  uint64_t now, uint32_t amount, int *taken)
{
	uint64_t tokens = bucket & VALET_BUCKET_TOKENS_MASK;
	uint64_t time = bucket >> VALET_BUCKET_TIME_SHIFT;
	uint64_t add = ((now - time) & VALET_BUCKET_TIME_MASK) * table->rate_q >> 8;

	if (add) {
		tokens = tokens + add < table->burst_q ? tokens + add : table->burst_q;
		time = now;
	}
	*taken = tokens >= (uint64_t)amount << 16;
	if (*taken)
		tokens -= (uint64_t)amount << 16;
	return time << VALET_BUCKET_TIME_SHIFT | tokens;
}

/* 1, or 0 if there were too few tokens, or no room for a bucket. */
static inline int64_t valet_table_take(struct valet_table *table, const uint32_t *key,
				       uint32_t amount)
{
	uint64_t now = valet_bucket_now();
	uint64_t full = now << VALET_BUCKET_TIME_SHIFT | table->burst_q;
	struct valet_table_slot *slot = valet_table_entry_held(table, key, full);
	int taken;

	if (!slot)
		return 0;
	__atomic_store_n(&slot->value, valet_bucket_after(table, slot->value, now, amount, &taken),
			 __ATOMIC_RELEASE);
	valet_table_let_go(slot);
	return taken;
}

#endif
