/*
 * A thread that sends once more while it ends does not share its working memory with another
 * thread.
 */
#include "t.h"

#include "engine/batch.h"

static pthread_key_t key;

static void *other_thread(void *unused)
{
	(void)unused;
	return batch_mine();
}

/*
 * Runs after the library has put the thread's batch aside for others: keys end in the order of
 * their making.
 */
static void at_end(void *unused)
{
	struct batch *mine = batch_mine();
	void *other = join(start(other_thread, NULL));

	(void)unused;
	CHECK(mine && other);
	CHECK(mine != other);
}

static void *run(void *unused)
{
	(void)unused;
	EQUAL(pthread_setspecific(key, &key), 0);
	CHECK(batch_mine());
	return NULL;
}

int main(void)
{
	struct batch *first;

	CHECK(batch_mine()); /* makes the library's key first */
	EQUAL(pthread_key_create(&key, at_end), 0);
	for (int i = 0; i < 3; i++)
		join(start(run, NULL));
	/* Batches are used again: as many threads as one likes, one after the other. */
	first = join(start(other_thread, NULL));
	for (int i = 0; i < 5000; i++)
		CHECK(join(start(other_thread, NULL)));
	CHECK(first->id < 16);
	CHECK(batch_by_id(first->id) == first);
	CHECK(!batch_by_id(16));
	return 0;
}
