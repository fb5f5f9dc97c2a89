/* With all 65,534 region numbers in use the next region is refused, not looked for without end. */
#include "t.h"

#include "engine/engine.h"

static void nobody(struct waiter *waiter)
{
	(void)waiter;
}

static int no_memory(struct region *region, uint64_t buffers_offset)
{
	(void)region, (void)buffers_offset;
	return -ENOMEM;
}

static const struct engine_host host = { .region_map = no_memory, .wake = nobody };

int main(void)
{
	enum { FIRST = 2, LAST = 65535 };
	const struct port_shape shape = { .count = { 1, 1 }, .slots = { 1, 1 } };
	struct engine *engine = engine_create("", &host);
	struct region taken = { .mem_id = FIRST }, *region;

	CHECK(engine);
	for (uint32_t id = FIRST; id <= LAST; id++)
		engine->region[id] = &taken;
	engine->regions = &taken;
	EQUAL(engine_region_create(engine, &shape, &region), -ENOMEM);
	engine->regions = NULL;
	engine_destroy(engine);
	return 0;
}
