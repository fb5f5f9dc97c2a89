/*
 * A thread whose lookup loops, or that is busy with something else, holds nobody up for longer than a second:
 * its packets are dropped and counted as failed until it comes around, and meanwhile all else goes on. What
 * it does with a batch that was given up reaches nobody.
 */
#include "t.h"

static struct port_handle a, b, second;
static uint32_t loops = 1, is_busy, stop, calls, turns, is_set;
static int32_t busy = -1; /* from inside */

static int32_t to_1(uint32_t batch_id, uint32_t region_id, uint32_t count, uint32_t source)
{
	struct valet_packet *packets = valet_batch_address(batch_id);
	uint64_t region[2];

	(void)source;
	store_release(&calls, load_acquire(&calls) + 1);
	while (load_acquire(&loops))
		sched_yield();
	/* Who has given up has closed its port by now. */
	EQUAL(valet_region_address(region_id, region), 0);
	for (uint32_t i = 0; i < count; i++) {
		packets[i].destination = 1;
		CHECK((uintptr_t)packets[i].data - region[0] + packets[i].first_length <= region[1]);
		packets[i].data[59] = 0x77;
	}
	if (busy < 0)
		busy = set_lookup(b.handle, "vale0", VALET_LOOKUP_LEARNING, NULL, NULL);
	return 0;
}

static void take_up(void)
{
	EQUAL(set_lookup(b.handle, "vale0", VALET_LOOKUP_SCRIPT, (void *)(uintptr_t)to_1, NULL), 0);
	store_release(&is_set, 1);
}

static void *own(void *unused)
{
	int fd = valet_loop_open();

	CHECK(fd >= 0);
	take_up();
	while (!load_acquire(&stop)) {
		struct pollfd wait = { .fd = fd, .events = POLLIN };
		char bytes[64];

		if (!load_acquire(&is_set))
			take_up();
		/* Its loop does not come around while it has something else to do. */
		if (poll(&wait, 1, 1) <= 0 || load_acquire(&is_busy))
			continue;
		CHECK(read(fd, bytes, sizeof(bytes)) > 0);
		CHECK(valet_loop_serve() >= 0);
		store_release(&turns, load_acquire(&turns) + 1);
	}
	EQUAL(valet_loop_close(), 0);
	close(fd);
	return unused;
}

static void *fail_to_send(void *port)
{
	put_frame(port, 0, EVERYBODY, STATION(1), 1, 60);
	EQUAL(valet_txsync(((struct port_handle *)port)->handle), -ECANCELED);
	return NULL;
}

static uint64_t failed(const char *name)
{
	return counters(b.handle, name).drops[VALET_DROP_FAILED];
}

static void until_called(uint32_t wanted)
{
	while (load_acquire(&calls) < wanted)
		sched_yield();
}

/* Two wait, one whom it serves, and one after that. */
static void loops_for_ever(void)
{
	pthread_t thread[2];

	thread[0] = start(fail_to_send, &a);
	until_called(1);
	thread[1] = start(fail_to_send, &second);
	EQUAL(list_index(b.handle, "vale0:a"), 0);
	EQUAL(bridge_of(b.handle, "vale0").lookup, VALET_LOOKUP_SCRIPT);
	join(thread[0]);
	join(thread[1]);
	EQUAL(failed("vale0:a"), 1);
	EQUAL(failed("vale0:t"), 1);
	/* Nobody waits for it now, or these would take longer than any test may. */
	for (int i = 0; i < 200; i++)
		fail_to_send(&second);
	EQUAL(failed("vale0:t"), 201);
	EQUAL(calls, 1);
	/* Its buffers were in the batch. */
	close_port(&a);
}

/* Somebody else takes the lookup back; its thread sets it once more when it comes around. */
static void replaced_meanwhile(void)
{
	EQUAL(set_lookup(b.handle, "vale0", VALET_LOOKUP_LEARNING, NULL, NULL), 0);
	a = open_port("vale0:a", SLOTS(16));
	send_frame(&a, EVERYBODY, STATION(1), 2);
	TAGS(&b, 2);
	TAGS(&second, 2);
	store_release(&loops, 0);
	while (load_acquire(&turns) < 1)
		sched_yield();
	EQUAL(busy, 1);
	EQUAL(bridge_of(b.handle, "vale0").lookup, VALET_LOOKUP_LEARNING);
	store_release(&is_set, 0);
	while (!load_acquire(&is_set))
		sched_yield();
	send_frame(&a, EVERYBODY, STATION(1), 3);
	TAGS(&b, 3);
	TAGS(&second);
	EQUAL(failed("vale0:a"), 0);
}

/* It is not in a lookup, and does not come around either. */
static void busy_elsewhere(void)
{
	uint32_t before = load_acquire(&calls), turns_before;

	store_release(&is_busy, 1);
	join(start(fail_to_send, &a));
	EQUAL(failed("vale0:a"), 1);
	EQUAL(load_acquire(&calls), before);
	turns_before = load_acquire(&turns);
	store_release(&is_busy, 0);
	while (load_acquire(&turns) == turns_before)
		sched_yield();
	send_frame(&a, EVERYBODY, STATION(1), 4);
	TAGS(&b, 4);
	EQUAL(load_acquire(&calls), before + 1);
}

/* The bridge goes with its ports while the lookup loops. */
static void closed_meanwhile(pthread_t owner)
{
	uint32_t before = load_acquire(&calls);

	store_release(&loops, 1);
	join(start(fail_to_send, &a));
	close_port(&a);
	close_port(&second);
	a = open_port("vale1:a", SLOTS(16));
	second = open_port("vale1:c", SLOTS(16));
	send_frame(&a, EVERYBODY, STATION(1), 5);
	TAGS(&second, 5);
	EQUAL(load_acquire(&calls), before + 1);
	store_release(&stop, 1);
	store_release(&loops, 0);
	join(owner);
}

int main(void)
{
	pthread_t owner;

	a = open_port("vale0:a", SLOTS(16));
	b = open_port("vale0:b", SLOTS(16));
	second = open_port("vale0:t", SLOTS(16));
	owner = start(own, NULL);
	while (!load_acquire(&is_set))
		sched_yield();
	loops_for_ever();
	replaced_meanwhile();
	busy_elsewhere();
	closed_meanwhile(owner);
	close_port(&a);
	close_port(&b);
	close_port(&second);
	return 0;
}
