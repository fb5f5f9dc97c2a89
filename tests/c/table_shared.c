/*
 * Tables that threads share: nothing is lost, what is read belongs to its key, and entries that come
 * and go never show another key's value.
 */
#include "t.h"
#include "valet_table.h"

enum { THREADS = 4, ROUNDS = 20000, KEYS = 32, RIVALS = 4 };

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

/* An amount that tells its key: counted some times, no other key's amount was among them. */
static uint32_t amount_of(uint32_t key)
{
	return 1000003 + 2 * key;
}

static struct valet_table *values, *places, *sums, *hits, *buckets;
static uint32_t taken;

/* Keys of one place, for which a table of one entry has room: as soon as one is deleted it is another's. */
static uint32_t rival[RIVALS][2];

static void find_rivals(const struct valet_table *table)
{
	uint32_t count = 0;

	for (uint32_t number = 0; count < RIVALS; number++) {
		const uint32_t key[2] = { number, 0 };

		if (valet_table_hash(table, key) % table->slots == 0)
			memcpy(rival[count++], key, sizeof(key));
	}
}

static void come_and_go(uint32_t random)
{
	const uint32_t number = random % RIVALS, *key = rival[number];
	int64_t found;

	if (random & RIVALS) {
		valet_table_count(sums, key, amount_of(number));
		valet_table_set(places, key, value_of(number, random));
	} else {
		valet_table_delete_entry(sums, key);
		valet_table_delete_entry(places, key);
	}
	found = valet_table_read(sums, key);
	if (found >= 0)
		EQUAL((long long)(found % amount_of(number)), 0);
	found = valet_table_get(places, key);
	if (found >= 0)
		EQUAL((long long)(found >> 24), number);
}

/* For a while: what goes wrong then does so where a thread has lost its CPU in the middle of something. */
static void *come_and_go_for_long(void *argument)
{
	enum { LONG_MS = 400, ROUNDS_AT_ONCE = 500 };
	uint32_t state = 1 + (uint32_t)(uintptr_t)argument;
	int64_t end_ms = test_now_ms() + LONG_MS;

	while (test_now_ms() < end_ms)
		for (uint32_t i = 0; i < ROUNDS_AT_ONCE; i++)
			come_and_go(random_next(&state) >> 8);
	return NULL;
}

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

static void in_threads(void *(*body)(void *))
{
	pthread_t threads[THREADS];

	for (uintptr_t i = 0; i < THREADS; i++)
		threads[i] = start(body, (void *)(i + 1));
	for (uint32_t i = 0; i < THREADS; i++)
		join(threads[i]);
}

int main(void)
{
	uint32_t cursor = 0, key[2], entries = 0;
	double value, sum = 0;

	values = make(VALET_TABLE_VALUES, KEYS / 2, 0);
	places = make(VALET_TABLE_VALUES, 1, 0);
	sums = make(VALET_TABLE_COUNTERS, 1, 0);
	hits = make(VALET_TABLE_COUNTERS, KEYS, 0);
	buckets = make(VALET_TABLE_BUCKETS, KEYS, 1000);
	find_rivals(places);
	in_threads(work);
	in_threads(come_and_go_for_long);
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
	valet_table_free(places);
	valet_table_free(sums);
	valet_table_free(hits);
	valet_table_free(buckets);
	return 0;
}
