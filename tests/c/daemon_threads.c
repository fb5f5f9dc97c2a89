/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads on a daemon: a server and its clients in one process (for the thread sanitizer), several
 * threads on one descriptor, and several descriptors on one ring. None takes another's wake-up away.
 */
#include "daemon.h"

static uint32_t stop;

/* ---- one descriptor ---- */

static struct port_handle shared;

/* Sleeps all the time: head moves below, cur stays where the ring ends. */
static void *sleep_on(void *unused)
{
	while (!load_acquire(&stop)) {
		int32_t found = valet_poll(shared.handle, POLLIN, -1);

		if (found != 0 && found != POLLIN)
			FAIL("poll: %d", found);
		if (found == POLLIN)
			sched_yield();
	}
	return unused;
}

/*
 * While a thread sleeps for more, another gives slots of a pipe back, one by one. Each takes the daemon,
 * which has mostly gone to sleep, so that this thread sleeps as well; and what wakes it is for it alone.
 */
static void sleepers_on_one_descriptor(void)
{
	struct port_handle from = open_port("vale0:p{1", SLOTS(256));
	pthread_t thread[2];

	shared = open_port("vale0:p}1", SLOTS(256));
	stop = 0;
	for (int round = 0; round < 4; round++) {
		struct netmap_ring *ring = rx_ring(&shared, 0);

		EQUAL(valet_txsync(from.handle), 0); /* what came back */
		for (uint32_t i = 0; i < 200; i++)
			put_frame(&from, 0, EVERYBODY, STATION(1), i, 60);
		EQUAL(valet_txsync(from.handle), 0);
		EQUAL(valet_rxsync(shared.handle), 0);
		EQUAL(available(ring), 200);
		write_once(&ring->cur, tail_of(ring));
		if (round == 0)
			for (int i = 0; i < 2; i++)
				thread[i] = start(sleep_on, NULL);
		for (uint32_t i = 0; i < 200; i++) {
			store_release(&ring->head, next_slot(ring, ring->head));
			EQUAL(valet_rxsync(shared.handle), 0);
			if (i % 8 == 0)
				nap(); /* the daemon goes to sleep */
		}
	}
	store_release(&stop, 1);
	put_frame(&from, 0, EVERYBODY, STATION(1), 0, 60);
	EQUAL(valet_txsync(from.handle), 0);
	for (int i = 0; i < 2; i++)
		join(thread[i]);
	close_port(&shared);
	close_port(&from);
}

/* ---- one ring ---- */

/* Sends what is in the next slot. The other does the same, so that head need not be a legal one. */
static void send_next(const struct port_handle *port)
{
	struct netmap_ring *ring = tx_ring(port, 0);
	uint32_t head = next_slot(ring, read_once(&ring->head));

	write_once(&ring->cur, head);
	store_release(&ring->head, head);
	CHECK(valet_txsync(port->handle) >= 0);
}

static void *come_and_go(void *unused)
{
	while (!load_acquire(&stop)) {
		struct port_handle again = open_port("vale0:both", SLOTS(64));

		send_next(&again);
		close_port(&again);
	}
	return unused;
}

/*
 * A ring that two descriptors have: while one was looked at by its daemon thread the other needed no
 * kick; when the one goes, the other is not left waiting.
 */
static void descriptors_on_one_ring(void)
{
	struct port_handle first = open_port("vale0:both", SLOTS(64));
	pthread_t thread;

	stop = 0;
	thread = start(come_and_go, NULL);
	for (int i = 0; i < 3000; i++)
		send_next(&first);
	store_release(&stop, 1);
	join(thread);
	close_port(&first);
}

/* ---- senders, receivers, and those who come and go ---- */

enum { FRAMES = 20000, PAIRS = 3 };

struct pair {
	struct port_handle from, to;
	uint32_t number;
};

static void *exchange(void *argument)
{
	struct pair *pair = argument;
	uint32_t sent = 0, received = 0;

	while (received < FRAMES) {
		for (int i = 0; i < 50 && sent < FRAMES && sent - received < 63; i++)
			put_frame(&pair->from, 0, STATION(2 * pair->number + 1),
				  STATION(2 * pair->number), sent++, 60);
		EQUAL(valet_txsync(pair->from.handle), 0);
		take_in_order(&pair->to, &received);
	}
	return NULL;
}

static void *open_and_close(void *argument)
{
	uint32_t mine = *(uint32_t *)argument, random = mine;
	char name[16];

	while (!load_acquire(&stop)) {
		struct port_handle port;

		snprintf(name, sizeof(name), "vale0:x%u_%u", mine, random_next(&random) % 4);
		port = open_port(name, SLOTS(16));
		valet_poll(port.handle, POLLIN, 1);
		/* To one who does not read it, and from nobody that could be learned. */
		send_frame(&port, STATION(0), 0, 0);
		close_port(&port);
	}
	return NULL;
}

static void *ask(void *unused)
{
	uint64_t figures[VALET_SERVE_FIGURES];
	int32_t handle = open_handle();

	while (!load_acquire(&stop)) {
		EQUAL(bridge_of(handle, "vale0").lookup, VALET_LOOKUP_LEARNING);
		EQUAL(valet_serve_status(figures), 0);
		CHECK(figures[VALET_SERVE_PORTS] >= 2 * PAIRS);
	}
	EQUAL(valet_close(handle), 0);
	return unused;
}

static void many(void)
{
	static struct pair pair[PAIRS];
	pthread_t worker[PAIRS], other[3];
	uint32_t seed[2] = { 1, 2 };
	char name[16];

	for (uint32_t i = 0; i < PAIRS; i++) {
		struct frame frame;

		pair[i].number = i;
		snprintf(name, sizeof(name), "vale0:from%u", i);
		pair[i].from = open_port(name, SLOTS(64));
		snprintf(name, sizeof(name), "vale0:to%u", i);
		pair[i].to = open_port(name, SLOTS(64));
		/* So that all are known, and nothing else comes later. */
		send_frame(&pair[i].from, EVERYBODY, STATION(2 * i), 0);
		send_frame(&pair[i].to, EVERYBODY, STATION(2 * i + 1), 0);
		for (uint32_t k = 0; k <= i; k++) {
			EQUAL(valet_rxsync(pair[k].from.handle), 0);
			EQUAL(valet_rxsync(pair[k].to.handle), 0);
			while (take_frame(&pair[k].from, 0, &frame) ||
			       take_frame(&pair[k].to, 0, &frame))
				continue;
			EQUAL(valet_rxsync(pair[k].from.handle), 0);
			EQUAL(valet_rxsync(pair[k].to.handle), 0);
		}
	}
	stop = 0;
	for (int i = 0; i < 2; i++)
		other[i] = start(open_and_close, &seed[i]);
	other[2] = start(ask, NULL);
	for (int i = 0; i < PAIRS; i++)
		worker[i] = start(exchange, &pair[i]);
	for (int i = 0; i < PAIRS; i++)
		join(worker[i]);
	store_release(&stop, 1);
	for (int i = 0; i < 3; i++)
		join(other[i]);
	for (int i = 0; i < PAIRS; i++) {
		close_port(&pair[i].from);
		close_port(&pair[i].to);
	}
}

/* ---- questions ---- */

static void *host(void *unused)
{
	char text[64];
	uint32_t id;
	int32_t rc;

	while ((rc = valet_serve_wait(&id, text, sizeof(text), -1)) >= 0) {
		text[0]++;
		rc = valet_serve_answer(id, text, (uint32_t)rc);
		CHECK(rc == 0 || rc == -ENOENT);
	}
	EQUAL(rc, -EBADF);
	return unused;
}

static void hard_questions(void)
{
	static char long_[WIRE_BYTES_MAX];
	char answer[128];

	/* Nobody answers yet. */
	EQUAL(valet_daemon_ask("Q", 1, answer, sizeof(answer), 0), -ETIMEDOUT);
	EQUAL(valet_daemon_ask("Q", 1, answer, sizeof(answer), 10), -ETIMEDOUT);
	EQUAL(valet_daemon_ask(long_, sizeof(long_), answer, sizeof(answer), 10), -EMSGSIZE);
	EQUAL(valet_daemon_ask("Q", 0, answer, sizeof(answer), HANGS_MS), -ECONNRESET);
}

/* The hosts take 64 bytes: who asks more does not keep others from asking. */
static void long_questions(void)
{
	static char long_[WIRE_BYTES_MAX - sizeof(struct wire_header)] = "Q";
	char answer[128] = "";

	EQUAL(valet_daemon_ask(long_, 65, answer, sizeof(answer), HANGS_MS), -EMSGSIZE);
	EQUAL(valet_daemon_ask(long_, sizeof(long_), answer, sizeof(answer), HANGS_MS), -EMSGSIZE);
	EQUAL(valet_daemon_ask(long_, 64, answer, sizeof(answer), HANGS_MS), 64);
	EQUAL(answer[0], 'R');
	EQUAL(valet_daemon_ask(long_, 64, answer, 63, HANGS_MS), -EMSGSIZE);
}

static void *questioner(void *unused)
{
	for (int i = 0; i < 300; i++) {
		char answer[8] = "";

		EQUAL(valet_daemon_ask("Aaa", 4, answer, sizeof(answer), HANGS_MS), 4);
		CHECK(!strcmp(answer, "Baa"));
	}
	return unused;
}

int main(void)
{
	pthread_t hosts[2], questioners[2];

	daemon_folder();
	EQUAL(valet_serve_start(NULL, 2), 0);
	sleepers_on_one_descriptor();
	descriptors_on_one_ring();
	many();
	hard_questions();
	for (int i = 0; i < 2; i++) {
		hosts[i] = start(host, NULL);
		questioners[i] = start(questioner, NULL);
	}
	for (int i = 0; i < 2; i++)
		join(questioners[i]);
	long_questions();
	EQUAL(valet_serve_stop(), 0);
	for (int i = 0; i < 2; i++)
		join(hosts[i]);
	return 0;
}
