/* poll() finds what netmap's finds, syncs what netmap's syncs, and waits as long as it is told. */
#include "t.h"

#include <time.h>

static struct port_handle a, b;

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void reading(void)
{
	struct netmap_ring *rx = rx_ring(&b, 0);
	int64_t start = now_ms();

	EQUAL(valet_poll(b.handle, POLLIN, 0), 0);
	EQUAL(valet_poll(b.handle, POLLIN, 50), 0);
	CHECK(now_ms() - start >= 50);
	EQUAL(valet_poll(b.handle, 0, 0), 0);
	EQUAL(valet_poll(b.handle, POLLOUT, -1), POLLOUT);
	EQUAL(valet_poll(b.handle, POLLIN | POLLOUT, -1), POLLOUT);
	send_frame(&a, EVERYBODY, STATION(1), 1);
	EQUAL(valet_poll(b.handle, POLLOUT, 0), POLLOUT);
	EQUAL(available(rx), 0); /* only what looks for input syncs it */
	EQUAL(valet_poll(b.handle, POLLIN, -1), POLLIN);
	EQUAL(available(rx), 1);
	EQUAL(valet_poll(b.handle, POLLIN | POLLOUT, -1), POLLIN | POLLOUT);
	/* cur is where it waits: what is before it was seen. */
	write_once(&rx->cur, rx->tail);
	EQUAL(valet_poll(b.handle, POLLIN, 0), 0);
	send_frame(&a, EVERYBODY, STATION(1), 2);
	EQUAL(valet_poll(b.handle, POLLIN, -1), POLLIN);
	TAGS(&b, 1, 2);
}

/* Any poll sends what is pending, unless the descriptor was opened with NR_NO_TX_POLL. */
static void sending(void)
{
	static const uint32_t events[] = { 0, POLLIN, POLLOUT, POLLIN | POLLOUT };
	struct nmreq_register shape = SLOTS(8);
	struct port_handle quiet;

	for (uint32_t i = 0; i < COUNT(events); i++) {
		put_frame(&a, 0, EVERYBODY, STATION(1), i, 60);
		EQUAL(valet_poll(a.handle, events[i], 0), events[i] & POLLOUT);
		TAGS(&b, i);
	}
	while (available(tx_ring(&a, 0)))
		put_frame(&a, 0, EVERYBODY, STATION(1), 9, 60);
	EQUAL(valet_poll(a.handle, POLLOUT, -1), POLLOUT);
	TAGS(&b, 9, 9, 9, 9, 9, 9, 9);
	shape.nr_flags = NR_NO_TX_POLL;
	quiet = open_port("vale0:quiet", shape);
	put_frame(&quiet, 0, EVERYBODY, STATION(3), 20, 60);
	EQUAL(valet_poll(quiet.handle, 0, 0), 0);
	EQUAL(valet_poll(quiet.handle, POLLIN, 0), 0);
	TAGS(&b);
	EQUAL(valet_poll(quiet.handle, POLLOUT, 0), POLLOUT);
	TAGS(&b, 20);
	TAGS(&a, 20);
	close_port(&quiet);
}

static void errors(void)
{
	write_once(&tx_ring(&a, 0)->head, 8);
	EQUAL(valet_poll(a.handle, POLLOUT, -1), POLLERR | POLLOUT);
	EQUAL(valet_poll(a.handle, POLLOUT, -1), POLLOUT);
	write_once(&rx_ring(&a, 0)->cur, 99);
	EQUAL(valet_poll(a.handle, POLLIN, -1), POLLERR);
	EQUAL(valet_poll(a.handle, POLLIN, 0), 0);
}

/* A wake ends the poll that comes next, once. */
static void waking(void)
{
	EQUAL(valet_wake(b.handle), 0);
	EQUAL(valet_wake(b.handle), 0);
	EQUAL(valet_poll(b.handle, POLLIN, -1), 0);
	EQUAL(valet_poll(b.handle, POLLIN, 10), 0);
	EQUAL(valet_wake(b.handle), 0);
	send_frame(&a, EVERYBODY, STATION(1), 1);
	EQUAL(valet_poll(b.handle, POLLIN, -1), POLLIN);
	TAGS(&b, 1);
}

int main(void)
{
	a = open_port("vale0:a", SLOTS(8));
	b = open_port("vale0:b", SLOTS(8));
	reading();
	sending();
	errors();
	waking();
	close_port(&a);
	close_port(&b);
	return 0;
}
