/*
 * A receive ring with NR_TIMESTAMP is stamped with the wall clock at each rxsync, one without is
 * not.
 */
#include "t.h"

#include <sys/time.h>

static int64_t us(struct timeval t)
{
	return (int64_t)t.tv_sec * 1000000 + t.tv_usec;
}

static void check(const char *name)
{
	struct port_handle port = open_port(name, SLOTS(8));
	struct netmap_ring *ring = rx_ring(&port, 0);
	struct timeval before, after;

	EQUAL(valet_rxsync(port.handle), 0);
	EQUAL(us(ring->ts), 0);
	ring->flags |= NR_TIMESTAMP;
	gettimeofday(&before, NULL);
	EQUAL(valet_rxsync(port.handle), 0);
	gettimeofday(&after, NULL);
	CHECK(us(before) <= us(ring->ts) && us(ring->ts) <= us(after));
	ring->ts = (struct timeval){ 0 };
	EQUAL(valet_poll(port.handle, POLLIN, 0), 0);
	CHECK(us(ring->ts) >= us(after));
	close_port(&port);
}

int main(void)
{
	check("vale0:a");
	check("p{1");
	return 0;
}
