/*
 * Tables that threads share: nothing is lost, what is read belongs to its key, and entries that come
 * and go never show another key's value.
 */
#include "t.h"
#include "valet_table.h"

enum { THREADS = 4, ROUNDS = 20000, KEYS = 32 };

static struct valet_table *make(enum valet_table_kind kind, uint32_t capacity, uint32_t burst)
{
	uint64_t address = 0;

	EQUAL(valet_table_make(kind, 2, capacity, 0, burst, &address), 0);
	return (struct valet_table *)(uintptr_t)address;
}

/* A value that tells its key. */
static uint32_t value_of(uint32_t key, uint32_t round)
{
	return key << 24 | (round & 0xffffff);
}

static struct valet_table *values, *hits, *buckets;
static uint32_t taken;

static void *work(void *argument)
{
	uint32_t seed = (uint32_t)(uintptr_t)argument * 2654435761u + 1;

	for (uint32_t round = 0; round < ROUNDS; round++) {
		uint32_t key[2];
		int64_t found;

		seed = seed * 1664525 + 1013904223;
		key[0] = (seed >> 16) % KEYS;
		key[1] = ~key[0];
		valet_table_count(hits, key, 1);
		if (valet_table_take(buckets, key, 1))
			__atomic_fetch_add(&taken, 1, __ATOMIC_RELAXED);
		if (round % 3 == 0)
			valet_table_set(values, key, value_of(key[0], round));
		else if (round % 7 == 0)
			valet_table_delete_entry(values, key);
		found = valet_table_get(values, key);
		if (found >= 0)
			EQUAL((long long)(found >> 24), key[0]);
	}
	return NULL;
}

int main(void)
{
	pthread_t threads[THREADS];
	uint32_t cursor = 0, key[2], entries = 0;
	double value, sum = 0;

	values = make(VALET_TABLE_VALUES, KEYS / 2, 0);
	hits = make(VALET_TABLE_COUNTERS, KEYS, 0);
	buckets = make(VALET_TABLE_BUCKETS, KEYS, 1000);
	for (uintptr_t i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, work, (void *)(i + 1));
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	while ((cursor = (uint32_t)valet_table_next(hits, cursor, key, &value))) {
		EQUAL(key[1], ~key[0]);
		sum += value;
	}
	EQUAL((long long)sum, (long long)THREADS * ROUNDS);
	CHECK(taken <= KEYS * 1000);
	cursor = 0;
	while ((cursor = (uint32_t)valet_table_next(values, cursor, key, &value))) {
		EQUAL((long long)value >> 24, key[0]);
		entries++;
	}
	EQUAL(valet_table_used(values), entries);
	EQUAL(entries <= KEYS / 2, 1);
	valet_table_free(values);
	valet_table_free(hits);
	valet_table_free(buckets);
	return 0;
}
