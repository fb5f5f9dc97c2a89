/* With ageing on, a station that was silent for so long is forgotten; one that speaks is not. */
#include "t.h"

#include <time.h>

static struct port_handle a, b, c;

static void sleep_ms(uint32_t ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

static uint32_t set_ageing(uint32_t ms)
{
	struct valet_req_bridge body = { .ageing_ms = ms };

	EQUAL(request(a.handle, VALET_REQ_BRIDGE_SET, "vale0", &body), 0);
	EQUAL(body.ageing_ms, ms);
	return body.table_entries;
}

/* Whether a frame for b's station goes to b alone. */
static int known(void)
{
	struct frame frame;
	int to_c;

	send_frame(&a, STATION(2), STATION(1), 1);
	EQUAL(valet_rxsync(b.handle), 0);
	EQUAL(take_frame(&b, 0, &frame), 1);
	EQUAL(valet_rxsync(c.handle), 0);
	to_c = take_frame(&c, 0, &frame);
	EQUAL(valet_rxsync(b.handle), 0);
	EQUAL(valet_rxsync(c.handle), 0);
	return !to_c;
}

static void hear(void)
{
	struct frame frame;

	send_frame(&b, EVERYBODY, STATION(2), 0);
	EQUAL(valet_rxsync(a.handle), 0);
	EQUAL(valet_rxsync(c.handle), 0);
	EQUAL(take_frame(&a, 0, &frame) + take_frame(&c, 0, &frame), 2);
	EQUAL(valet_rxsync(a.handle), 0);
	EQUAL(valet_rxsync(c.handle), 0);
}

int main(void)
{
	enum { AGE_MS = 120 };
	int waited;

	a = open_port("vale0:a", SLOTS(16));
	b = open_port("vale0:b", SLOTS(16));
	c = open_port("vale0:c", SLOTS(16));
	hear();
	sleep_ms(2 * AGE_MS);
	CHECK(known()); /* off at first: as netmap, for ever */

	/* Switched on, ages count from then, for those that were known before. */
	EQUAL(set_ageing(3600000), 2);
	CHECK(known());
	EQUAL(set_ageing(AGE_MS), 2);
	for (waited = 0; known(); waited += 10) {
		CHECK(waited < 5000);
		sleep_ms(10);
	}
	CHECK(waited >= 50);
	sleep_ms(AGE_MS + 20); /* a has been heard just now */
	EQUAL(bridge_of(a.handle, "vale0").table_entries, 0);

	/* Heard again it is known again, and stays so while it speaks. */
	for (int i = 0; i < 8; i++) {
		hear();
		CHECK(known());
		sleep_ms(AGE_MS / 4);
	}
	set_ageing(0);
	sleep_ms(2 * AGE_MS);
	CHECK(known());
	close_port(&a);
	close_port(&b);
	close_port(&c);
	return 0;
}
