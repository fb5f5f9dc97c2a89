/*
 * Lookups that a client in C has on the daemon's bridges: many of one thread that waits in a poll, one that
 * hangs, and owners that die in the middle of a batch.
 */
#include "daemon.h"

enum { BRIDGES = 70, ROUNDS = 20, FRAMES = 8 };

/* What the processes tell each other. */
struct shared {
	uint32_t ready, stop, calls, hang;
};

static struct shared *shared;

static int32_t to_1(uint32_t batch_id, uint32_t region_id, uint32_t count, uint32_t source)
{
	struct valet_packet *packets = valet_batch_address(batch_id);

	(void)region_id, (void)source;
	__atomic_add_fetch(&shared->calls, 1, __ATOMIC_SEQ_CST);
	while (load_acquire(&shared->hang))
		nap();
	for (uint32_t i = 0; i < count; i++)
		packets[i].destination = 1;
	return 0;
}

static const char *bridge_name(int number)
{
	static char name[16];

	snprintf(name, sizeof(name), "vale%d", number);
	return name;
}

static const char *port_name(int bridge, char port)
{
	static char name[24];

	snprintf(name, sizeof(name), "vale%d:%c", bridge, port);
	return name;
}

static void set(int32_t handle, int bridge)
{
	CHECK(set_lookup(handle, bridge_name(bridge), VALET_LOOKUP_SCRIPT, (void *)(uintptr_t)to_1,
			 NULL) >= 0);
}

/* Sets them all and waits in a poll, for a packet that only comes at the end. */
static void own_all(void *unused)
{
	struct port_handle wake = open_port("vale200:wake", SLOTS(16));

	(void)unused;
	for (int i = 0; i < BRIDGES; i++)
		set(wake.handle, i);
	store_release(&shared->ready, 1);
	EQUAL(valet_poll(wake.handle, POLLIN, -1), POLLIN);
	close_port(&wake);
}

static void many_of_a_thread_in_a_poll(void)
{
	static struct port_handle from[BRIDGES], to[BRIDGES];
	struct port_handle wake;
	int64_t start_ms;
	pid_t owner;

	for (int i = 0; i < BRIDGES; i++) {
		from[i] = open_port(port_name(i, 'a'), SLOTS(16));
		to[i] = open_port(port_name(i, 'b'), SLOTS(16));
	}
	wake = open_port("vale200:a", SLOTS(16));
	owner = spawn(own_all, NULL);
	WAIT_FOR(load_acquire(&shared->ready));
	start_ms = test_now_ms();
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < BRIDGES; i++) {
			send_frame(&from[i], EVERYBODY, STATION(1), (uint32_t)round);
			TAGS(&to[i], (uint32_t)round);
		}
	}
	fprintf(stderr, "%d batches in %lld ms\n", ROUNDS * BRIDGES,
		(long long)(test_now_ms() - start_ms));
	EQUAL(shared->calls, ROUNDS * BRIDGES);
	send_frame(&wake, EVERYBODY, STATION(1), 1);
	reap(owner);
	for (int i = 0; i < BRIDGES; i++) {
		EQUAL(counters(from[i].handle, port_name(i, 'a')).drops[VALET_DROP_FAILED], 0);
		close_port(&from[i]);
		close_port(&to[i]);
	}
	close_port(&wake);
}

static void own_one(void *unused)
{
	int32_t handle = open_handle();

	(void)unused;
	set(handle, 0);
	store_release(&shared->ready, 1);
	WAIT_FOR(load_acquire(&shared->stop));
}

static pid_t start_owner(uint32_t hang)
{
	pid_t pid;

	*shared = (struct shared){ .hang = hang };
	pid = spawn(own_one, NULL);
	WAIT_FOR(load_acquire(&shared->ready));
	return pid;
}

/* Its packets are dropped until it answers, and are as good as any before and after. */
static void one_that_hangs(const struct port_handle *a, const struct port_handle *b)
{
	pid_t owner = start_owner(0);
	int64_t start_ms;

	send_frame(a, EVERYBODY, STATION(1), 1);
	TAGS(b, 1);
	store_release(&shared->hang, 1);
	start_ms = test_now_ms();
	put_frame(a, 0, EVERYBODY, STATION(1), 2, 60);
	EQUAL(valet_txsync(a->handle), -ECANCELED);
	CHECK(test_now_ms() - start_ms >= 1000);
	/* The next ones do not wait for it. */
	for (uint32_t i = 0; i < 50; i++) {
		put_frame(a, 0, EVERYBODY, STATION(1), 3, 60);
		EQUAL(valet_txsync(a->handle), -ECANCELED);
	}
	EQUAL(shared->calls, 2);
	TAGS(b);
	EQUAL(counters(a->handle, "vale0:a").drops[VALET_DROP_FAILED], 51);
	EQUAL(bridge_of(a->handle, "vale0").lookup, VALET_LOOKUP_SCRIPT);
	store_release(&shared->hang, 0);
	WAIT_FOR((put_frame(a, 0, EVERYBODY, STATION(1), 4, 60), valet_txsync(a->handle) == 0));
	TAGS(b, 4);
	store_release(&shared->stop, 1);
	reap(owner);
}

struct sender {
	const struct port_handle *port;
	int32_t rc;
};

static void *send_batch(void *argument)
{
	struct sender *sender = argument;

	for (uint32_t i = 0; i < FRAMES; i++)
		put_frame(sender->port, 0, EVERYBODY, STATION(1), i, 60);
	sender->rc = valet_txsync(sender->port->handle);
	return NULL;
}

/* The batch is the learning bridge's to decide. */
static void owners_that_die(const struct port_handle *a, const struct port_handle *b)
{
	for (int round = 0; round < ROUNDS; round++) {
		struct sender sender = { .port = a };
		pid_t owner = start_owner(1);
		pthread_t thread = start(send_batch, &sender);

		WAIT_FOR(load_acquire(&shared->calls));
		kill_now(owner);
		join(thread);
		EQUAL(sender.rc, 0);
		TAGS(b, 0, 1, 2, 3, 4, 5, 6, 7);
		EQUAL(bridge_of(a->handle, "vale0").lookup, VALET_LOOKUP_LEARNING);
	}
}

int main(void)
{
	struct port_handle a, b;
	struct daemon daemon;

	daemon_folder();
	shared = shared_memory(sizeof(*shared));
	daemon = daemon_start(2);
	many_of_a_thread_in_a_poll();
	a = open_port("vale0:a", SLOTS(16));
	b = open_port("vale0:b", SLOTS(16));
	one_that_hangs(&a, &b);
	owners_that_die(&a, &b);
	close_port(&a);
	close_port(&b);
	daemon_settle(&daemon, 0);
	daemon_stop(&daemon);
	return 0;
}
