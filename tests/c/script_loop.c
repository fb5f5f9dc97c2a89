/*
 * A thread with an event loop calls its lookups itself, whoever sends and wherever it sleeps; when it ends,
 * in the middle of whatever, the bridge learns and nobody waits for it.
 */
#include "t.h"

enum { ROUNDS = 40, SENDERS = 2, CROSSED = 500 };

struct owner {
	pthread_t thread;
	uint32_t set, stop, calls;
	int closes; /* its lookup and loop, before it ends */
};

static struct port_handle a, b, from[SENDERS];
static __thread struct owner *me;
static uint32_t stop;

/* Everything to port 1. */
static int32_t script(uint32_t batch_id, uint32_t region_id, uint32_t count, uint32_t source)
{
	struct valet_packet *packets = valet_batch_address(batch_id);

	(void)region_id, (void)source;
	CHECK(me); /* called by its own thread only */
	me->calls++;
	for (uint32_t i = 0; i < count; i++)
		packets[i].destination = 1;
	return 0;
}

static int32_t open_loop(const char *bridge)
{
	int32_t fd = valet_loop_open();

	CHECK(fd >= 0);
	EQUAL(valet_loop_open(), -EBUSY);
	CHECK(set_lookup(a.handle, bridge, VALET_LOOKUP_SCRIPT, (void *)(uintptr_t)script, NULL) >= 0);
	return fd;
}

static void turn_loop(int fd, int timeout_ms)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	char bytes[64];

	if (poll(&wait, 1, timeout_ms) > 0) {
		CHECK(read(fd, bytes, sizeof(bytes)) > 0);
		CHECK(valet_loop_serve() >= 0);
	}
}

static void *own(void *argument)
{
	struct owner *owner = argument;
	int fd;

	me = owner;
	fd = open_loop("vale0");
	store_release(&owner->set, 1);
	while (!load_acquire(&owner->stop))
		turn_loop(fd, 1);
	if (owner->closes) {
		/* Whoever is inside is served before. */
		while (set_lookup(a.handle, "vale0", VALET_LOOKUP_LEARNING, NULL, NULL) == 1)
			turn_loop(fd, 1);
		EQUAL(valet_loop_close(), 0);
		EQUAL(valet_loop_close(), -EBADF);
	}
	close(fd);
	return NULL;
}

static void start_owner(struct owner *owner, int closes)
{
	*owner = (struct owner){ .closes = closes };
	owner->thread = start(own, owner);
	while (!load_acquire(&owner->set))
		sched_yield();
}

static void end_owner(struct owner *owner)
{
	store_release(&owner->stop, 1);
	join(owner->thread);
}

static void one_thread(void)
{
	struct owner owner;

	start_owner(&owner, 1);
	for (uint32_t i = 0; i < 20; i++) {
		send_frame(&a, EVERYBODY, STATION(1), i);
		TAGS(&b, i);
	}
	end_owner(&owner);
	EQUAL(owner.calls, 20);
	EQUAL(bridge_of(a.handle, "vale0").lookup, VALET_LOOKUP_LEARNING);
}

static void *keep_sending(void *argument)
{
	struct port_handle *port = argument;

	while (!load_acquire(&stop)) {
		for (uint32_t i = 0; i < 8; i++)
			put_frame(port, 0, EVERYBODY, STATION(9), i, 60);
		EQUAL(valet_txsync(port->handle), 0);
	}
	return NULL;
}

static void owners_that_end(void)
{
	pthread_t thread[SENDERS];
	uint64_t sent[SENDERS];
	struct owner owner;

	for (int i = 0; i < SENDERS; i++) {
		from[i] = open_port(i ? "vale0:t" : "vale0:s", SLOTS(16));
		thread[i] = start(keep_sending, &from[i]);
	}
	for (int round = 0; round < ROUNDS; round++) {
		start_owner(&owner, round % 4 == 0);
		end_owner(&owner);
		EQUAL(bridge_of(a.handle, "vale0").lookup, VALET_LOOKUP_LEARNING);
		for (int i = 0; i < SENDERS; i++) {
			const char *name = i ? "vale0:t" : "vale0:s";

			sent[i] = counters(a.handle, name).tx_packets;
			while (counters(a.handle, name).tx_packets < sent[i] + 64)
				sched_yield();
		}
	}
	store_release(&stop, 1);
	for (int i = 0; i < SENDERS; i++) {
		join(thread[i]);
		EQUAL(counters(a.handle, i ? "vale0:t" : "vale0:s").drops[VALET_DROP_FAILED], 0);
		close_port(&from[i]);
	}
}

/* Each sends on the bridge that the other decides about, and its loop does not come around. */
static void *send_crossed(void *argument)
{
	static uint32_t ready, done;
	int is_first = argument == &from[0];
	struct owner self = { .set = 1 };
	int fd;

	me = &self;
	fd = open_loop(is_first ? "vale1" : "vale2");
	__atomic_add_fetch(&ready, 1, __ATOMIC_ACQ_REL);
	while (load_acquire(&ready) < 2)
		sched_yield();
	for (uint32_t i = 0; i < CROSSED; i++) {
		put_frame(argument, 0, EVERYBODY, STATION(1), i, 60);
		EQUAL(valet_txsync(((struct port_handle *)argument)->handle), 0);
	}
	__atomic_add_fetch(&done, 1, __ATOMIC_ACQ_REL);
	while (load_acquire(&done) < 2)
		turn_loop(fd, 1);
	EQUAL(self.calls, CROSSED);
	close(fd);
	return NULL;
}

static void crossed(void)
{
	pthread_t thread[2];

	from[0] = open_port("vale2:x", SLOTS(16));
	from[1] = open_port("vale1:y", SLOTS(16));
	for (int i = 0; i < 2; i++)
		thread[i] = start(send_crossed, &from[i]);
	for (int i = 0; i < 2; i++)
		join(thread[i]);
	close_port(&from[0]);
	close_port(&from[1]);
}

static void *send_once(void *unused)
{
	send_frame(&a, EVERYBODY, STATION(1), 5);
	return unused;
}

/* It waits for a packet that waits for its lookup. */
static void *wait_for_own(void *unused)
{
	struct owner self = { .set = 1 };
	pthread_t sender;
	int fd;

	me = &self;
	fd = open_loop("vale0");
	sender = start(send_once, NULL);
	EQUAL(valet_poll(b.handle, POLLIN, -1), POLLIN);
	join(sender);
	TAGS(&b, 5);
	EQUAL(self.calls, 1);
	close(fd);
	return unused;
}

int main(void)
{
	struct frame frame;

	a = open_port("vale0:a", SLOTS(16));
	b = open_port("vale0:b", SLOTS(16));
	EQUAL(valet_loop_close(), -EBADF);
	EQUAL(valet_loop_serve(), 0);
	one_thread();
	owners_that_end();
	EQUAL(valet_rxsync(b.handle), 0);
	while (take_frame(&b, 0, &frame))
		continue;
	EQUAL(valet_rxsync(b.handle), 0);
	crossed();
	join(start(wait_for_own, NULL));
	close_port(&a);
	close_port(&b);
	return 0;
}
