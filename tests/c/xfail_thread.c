/* ThreadSanitizer is on in the library: two threads in a pool that has no lock are caught. */
#include "t.h"

#include "engine/region.h"

static uint64_t bits[1];
static struct region region = { .pool[POOL_IF] = { .objects = 64, .object_bytes = 1, .taken = bits } };

static void *taker(void *unused)
{
	(void)unused;
	region_take(&region, POOL_IF, 1);
	return NULL;
}

int main(void)
{
	pthread_t a = start(taker, NULL), b = start(taker, NULL);

	join(a);
	join(b);
	return 0;
}
