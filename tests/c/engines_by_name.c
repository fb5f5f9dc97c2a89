/*
 * Engines of one name are one, of two names two; one goes with its last descriptor and persistent
 * port.
 */
#include "t.h"

static int32_t on(const char *instance)
{
	int32_t handle = valet_open("embedded", instance);

	CHECK(handle > 0);
	return handle;
}

int main(void)
{
	static const char too_long[] = "12345678901234567890123456789012";
	struct nmreq_register reg = REG(.nr_mode = NR_REG_ALL_NIC, .nr_tx_slots = 8);
	int32_t one = on("one"), again = on("one"), two = on("two"), usual = on(""), null = on(NULL);

	EQUAL(request(one, NETMAP_REQ_REGISTER, "vale0:a", &reg), 0);
	EQUAL(list_index(again, "vale0:a"), 0);
	EQUAL(list_index(two, "vale0:a"), -ENOENT);
	reg.nr_mem_id = 0;
	EQUAL(request(usual, NETMAP_REQ_REGISTER, "vale0:b", &reg), 0);
	EQUAL(list_index(null, "vale0:b"), 0);
	EQUAL(list_index(one, "vale0:b"), 255);

	/* A persistent port keeps its engine, closing all descriptors does not remove it. */
	EQUAL(newif(two, "vi0", 8), 0);
	EQUAL(valet_close(two), 0);
	two = on("two");
	EQUAL(newif(two, "vi0", 8), -EEXIST);
	EQUAL(delif(two, "vi0"), 0);
	EQUAL(valet_close(two), 0);
	two = on("two");
	EQUAL(newif(two, "vi0", 8), 0);
	EQUAL(delif(two, "vi0"), 0);

	EQUAL(valet_open("embedded", too_long), -EINVAL);
	EQUAL(valet_close(on(too_long + 1)), 0);
	EQUAL(valet_close(one), 0);
	EQUAL(valet_close(again), 0);
	EQUAL(valet_close(two), 0);
	EQUAL(valet_close(usual), 0);
	EQUAL(valet_close(null), 0);
	return 0;
}
