/*
 * A poll that waits ends by another thread's sync, by a wake, or by a close; several wait at once,
 * each for its own.
 */
#include "t.h"

static struct port_handle a, b;

struct wait {
	int32_t handle;
	uint32_t events;
	int32_t timeout_ms, result;
	uint32_t started, ended;
};

static void *waiter(void *argument)
{
	struct wait *wait = argument;

	store_release(&wait->started, 1);
	wait->result = valet_poll(wait->handle, wait->events, wait->timeout_ms);
	store_release(&wait->ended, 1);
	return NULL;
}

static pthread_t wait_in_thread(struct wait *wait)
{
	pthread_t thread = start(waiter, wait);

	while (!load_acquire(&wait->started))
		sched_yield();
	return thread;
}

static void by_sync(void)
{
	for (uint32_t i = 0; i < 300; i++) {
		struct wait wait = { .handle = b.handle, .events = POLLIN, .timeout_ms = -1 };
		pthread_t thread = wait_in_thread(&wait);

		/* Now and then it sleeps by the time that the frame comes. */
		if (i % 10 == 0)
			usleep(1000);
		send_frame(&a, EVERYBODY, STATION(1), i);
		join(thread);
		EQUAL(wait.result, POLLIN);
		EQUAL(available(rx_ring(&b, 0)), 1); /* synced already */
		TAGS(&b, i);
	}
}

static void by_wake(void)
{
	for (uint32_t i = 0; i < 100; i++) {
		struct wait wait = { .handle = b.handle, .events = POLLIN, .timeout_ms = -1 };
		pthread_t thread = wait_in_thread(&wait);

		if (i % 10 == 0)
			usleep(1000);
		EQUAL(valet_wake(b.handle), 0);
		join(thread);
		EQUAL(wait.result, 0);
	}
}

/* Whether they sleep already, are about to, or have not begun. */
static void by_close(void)
{
	for (uint32_t i = 0; i < 100; i++) {
		struct port_handle c = open_port("vale0:c", SLOTS(8));
		struct wait wait[3];
		pthread_t thread[3];

		for (int k = 0; k < 3; k++) {
			wait[k] = (struct wait){ .handle = c.handle, .events = POLLIN, .timeout_ms = -1 };
			thread[k] = wait_in_thread(&wait[k]);
		}
		if (i % 10 == 0)
			usleep(1000);
		close_port(&c);
		for (int k = 0; k < 3; k++) {
			join(thread[k]);
			CHECK(wait[k].result == 0 || wait[k].result == -EBADF);
		}
		EQUAL(list_index(a.handle, "vale0:c"), 255);
	}
}

/* One waits to read, which does not come; another on the same handle to write, which does. */
static void two_on_a_pipe(void)
{
	struct port_handle master = open_port("p{1", SLOTS(4)), slave = open_port("p}1", SLOTS(4));
	struct wait reads = { .handle = master.handle, .events = POLLIN, .timeout_ms = -1 };
	struct wait writes = { .handle = master.handle, .events = POLLOUT, .timeout_ms = -1 };
	struct wait briefly = { .handle = master.handle, .events = POLLIN, .timeout_ms = 20 };
	pthread_t reading, writing;
	uint32_t i;

	for (i = 0; i < 3; i++)
		send_frame(&master, STATION(1), STATION(2), i);
	reading = wait_in_thread(&reads);
	usleep(2000);
	join(wait_in_thread(&briefly));
	EQUAL(briefly.result, 0);
	writing = wait_in_thread(&writes);
	usleep(2000);
	TAGS(&slave, 0, 1, 2);
	join(writing);
	EQUAL(writes.result, POLLOUT);
	EQUAL(load_acquire(&reads.ended), 0);
	send_frame(&slave, STATION(2), STATION(1), 9);
	join(reading);
	EQUAL(reads.result, POLLIN);
	TAGS(&master, 9);
	close_port(&master);
	close_port(&slave);
}

/* A frame back and forth, each side asleep while the other has it. */
static struct port_handle player[2];

static void *play(void *argument)
{
	uint32_t n = (uint32_t)(uintptr_t)argument;
	struct frame frame;

	for (uint32_t i = n; i < 2000; i += 2) {
		if (i > 0) {
			EQUAL(valet_poll(player[n].handle, POLLIN, -1), POLLIN);
			EQUAL(take_frame(&player[n], 0, &frame), 1);
			EQUAL(frame.tag, i - 1);
		}
		put_frame(&player[n], 0, EVERYBODY, STATION(n), i, 60);
		EQUAL(valet_txsync(player[n].handle), 0);
	}
	return NULL;
}

static void ping_pong(const char *one, const char *other)
{
	pthread_t thread[2];

	player[0] = open_port(one, SLOTS(4));
	player[1] = open_port(other, SLOTS(4));
	for (uintptr_t i = 0; i < 2; i++)
		thread[i] = start(play, (void *)i);
	join(thread[0]);
	join(thread[1]);
	close_port(&player[0]);
	close_port(&player[1]);
}

int main(void)
{
	a = open_port("vale0:a", SLOTS(8));
	b = open_port("vale0:b", SLOTS(8));
	by_sync();
	by_wake();
	by_close();
	two_on_a_pipe();
	close_port(&a);
	close_port(&b);
	ping_pong("vale0:x", "vale0:y");
	ping_pong("p{1", "p}1");
	return 0;
}
