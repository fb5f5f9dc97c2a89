/*
 * A lookup is replaced while others forward; once it is no longer busy, nobody is inside it or its
 * context.
 */
#include "t.h"

enum { CHANGES = 400 };

struct context {
	uint32_t alive;
	uint32_t inside;
};

static struct port_handle from[2], to;
static uint32_t stop;

static int32_t counted(struct valet_batch *batch, void *argument)
{
	struct context *context = argument;

	__atomic_fetch_add(&context->inside, 1, __ATOMIC_RELAXED);
	CHECK(context->alive == 0x600d);
	for (uint32_t i = 0; i < batch->count; i++)
		batch->packets[i].destination = 2;
	__atomic_fetch_sub(&context->inside, 1, __ATOMIC_RELAXED);
	return 0;
}

static void *forward(void *argument)
{
	struct port_handle *port = argument;

	while (!load_acquire(&stop)) {
		for (uint32_t i = 0; i < 30; i++)
			put_frame(port, 0, STATION(3), STATION(1), i, 60);
		EQUAL(valet_txsync(port->handle), 0);
	}
	return NULL;
}

static void *read_all(void *unused)
{
	struct frame frame;

	(void)unused;
	while (!load_acquire(&stop)) {
		EQUAL(valet_rxsync(to.handle), 0);
		while (take_frame(&to, 0, &frame))
			continue;
		sched_yield();
	}
	return NULL;
}

int main(void)
{
	struct context *context = NULL, *old;
	struct valet_req_port count;
	pthread_t thread[3];
	int32_t handle, rc;

	from[0] = open_port("vale0:a", SLOTS(64));
	from[1] = open_port("vale0:b", SLOTS(64));
	to = open_port("vale0:c", SLOTS(64));
	send_frame(&to, EVERYBODY, STATION(3), 0);
	handle = open_handle();
	thread[0] = start(forward, &from[0]);
	thread[1] = start(forward, &from[1]);
	thread[2] = start(read_all, NULL);
	for (int i = 0; i < 2; i++)
		while (!counters(handle, i ? "vale0:b" : "vale0:a").tx_packets)
			sched_yield();
	for (int i = 0; i < CHANGES; i++) {
		old = context;
		context = i % 3 ? calloc(1, sizeof(*context)) : NULL;
		if (context) {
			context->alive = 0x600d;
			rc = set_native(handle, "vale0", counted, context);
		} else {
			rc = set_lookup(handle, "vale0", VALET_LOOKUP_LEARNING, NULL, NULL);
		}
		/* Set again what is set until the one before is free: as its owner has to. */
		while (rc == 1) {
			sched_yield();
			rc = context ? set_native(handle, "vale0", counted, context) :
				       set_lookup(handle, "vale0", VALET_LOOKUP_LEARNING, NULL, NULL);
		}
		EQUAL(rc, 0);
		if (old) {
			EQUAL(old->inside, 0);
			memset(old, 0xdd, sizeof(*old));
			free(old);
		}
	}
	store_release(&stop, 1);
	for (int i = 0; i < 3; i++)
		join(thread[i]);
	free(context);
	for (int i = 0; i < 2; i++) {
		count = counters(handle, i ? "vale0:b" : "vale0:a");
		CHECK(count.tx_packets > 0);
		EQUAL(drops_of(&count), 0);
	}
	close_port(&from[0]);
	close_port(&from[1]);
	close_port(&to);
	EQUAL(valet_close(handle), 0);
	return 0;
}
