/*
 * A lookup may call the library: control requests work, ports open and close, and sending from it
 * is refused.
 */
#include "t.h"

static struct port_handle a, b, late;
static int calls;

static int32_t other(struct valet_batch *batch, void *context)
{
	(void)context;
	for (uint32_t i = 0; i < batch->count; i++)
		batch->packets[i].destination = 1;
	return 0;
}

static int32_t nested(struct valet_batch *batch, void *context)
{
	struct valet_req_bridge bridge;

	(void)context;
	calls++;
	for (uint32_t i = 0; i < batch->count; i++)
		batch->packets[i].destination = VALET_BROADCAST;
	EQUAL(valet_txsync(a.handle), -EDEADLK);
	EQUAL(valet_txsync(b.handle), -EDEADLK);
	EQUAL(valet_poll(b.handle, POLLOUT, 0), -EDEADLK);
	EQUAL(valet_rxsync(b.handle), 0);
	EQUAL(valet_poll(b.handle, POLLIN, 0), 0);
	bridge = bridge_of(b.handle, "vale0");
	EQUAL(bridge.lookup, VALET_LOOKUP_NATIVE);
	EQUAL(counters(b.handle, "vale0:a").tx_packets, 3);
	/*
	 * It replaces itself while it runs: it is said to be busy, and this batch is still its own.
	 */
	EQUAL(set_native(b.handle, "vale0", other, NULL), 1);
	late = open_port("vale0:late", SLOTS(16));
	EQUAL(newif(b.handle, "vi0", 16), 0);
	EQUAL(attach(b.handle, "vale0:vi0"), 0);
	EQUAL(detach(b.handle, "vale0:vi0"), 0);
	return 0;
}

static int32_t closes_itself(struct valet_batch *batch, void *context)
{
	(void)context;
	batch->packets[0].destination = 1;
	EQUAL(valet_close(a.handle), 0);
	EQUAL(valet_close(a.handle), -EBADF);
	return 0;
}

static int32_t detaches(struct valet_batch *batch, void *context)
{
	(void)context;
	batch->packets[0].destination = 1;
	EQUAL(detach(b.handle, "vale0:vi0"), 0);
	EQUAL(attach(b.handle, "vale0:vi0"), -EBUSY); /* this very sender still sees it */
	return 0;
}

int main(void)
{
	struct frame frame;

	a = open_port("vale0:a", SLOTS(16));
	b = open_port("vale0:b", SLOTS(16));
	EQUAL(set_native(a.handle, "vale0", nested, NULL), 0);
	for (uint32_t i = 0; i < 3; i++)
		put_frame(&a, 0, EVERYBODY, STATION(1), i, 60);
	EQUAL(valet_txsync(a.handle), 0);
	EQUAL(calls, 1);
	TAGS(&b, 0, 1, 2);
	TAGS(&late); /* it came in the middle of the batch */
	send_frame(&a, EVERYBODY, STATION(1), 3);
	EQUAL(calls, 1);
	TAGS(&b, 3);
	TAGS(&late);
	/* Nobody is inside any more. */
	EQUAL(set_native(a.handle, "vale0", other, NULL), 0);

	/* A port that left while a sender was in a lookup can be attached again afterwards. */
	EQUAL(attach(b.handle, "vale0:vi0"), 0);
	EQUAL(set_native(a.handle, "vale0", detaches, NULL), 0);
	send_frame(&a, EVERYBODY, STATION(1), 4);
	TAGS(&b, 4);
	EQUAL(attach(b.handle, "vale0:vi0"), 0);
	EQUAL(detach(b.handle, "vale0:vi0"), 0);
	EQUAL(delif(b.handle, "vi0"), 0);

	/*
	 * A handle that is closed from inside is closed when its sync is done; the frame goes out.
	 */
	EQUAL(set_native(b.handle, "vale0", closes_itself, NULL), 0);
	put_frame(&a, 0, EVERYBODY, STATION(1), 5, 60);
	EQUAL(valet_txsync(a.handle), 0);
	EQUAL(valet_txsync(a.handle), -EBADF);
	EQUAL(list_index(b.handle, "vale0:a"), 255);
	EQUAL(valet_rxsync(b.handle), 0);
	EQUAL(take_frame(&b, 0, &frame), 1);
	EQUAL(frame.tag, 5);
	close_port(&b);
	close_port(&late);
	return 0;
}
