/*
 * Ports come and go, attach and detach, while other threads forward over the same bridge: their
 * frames all arrive.
 */
#include "t.h"

enum { CHANGES = 300 };

static struct port_handle from[2], to[2];
static uint32_t stop;

static uint32_t received[2], sent[2];

/* Unicast to a partner that never goes; broadcasts to whoever is there. */
static void *forward(void *argument)
{
	uint32_t n = (uint32_t)(uintptr_t)argument, next = 0;
	struct frame frame;

	while (!load_acquire(&stop)) {
		for (uint32_t i = 0; i < 20; i++)
			put_frame(&from[n], 0, STATION(10 + n), STATION(20 + n), sent[n]++, 60);
		put_frame(&from[n], 0, EVERYBODY, STATION(20 + n), 0xffffffff, 60);
		EQUAL(valet_txsync(from[n].handle), 0);
		EQUAL(valet_rxsync(to[n].handle), 0);
		while (take_frame(&to[n], 0, &frame)) {
			if (frame.tag == 0xffffffff)
				continue;
			EQUAL(frame.from, STATION(20 + n));
			CHECK(frame.tag >= next && frame.tag < sent[n]);
			next = frame.tag + 1;
			received[n]++;
		}
		EQUAL(valet_rxsync(to[n].handle), 0);
	}
	return NULL;
}

/* What did not arrive found no room, others' broadcasts having been there first. */
static void check_received(uint32_t n)
{
	char name[16];
	struct valet_req_port count;
	struct frame frame;

	EQUAL(valet_rxsync(to[n].handle), 0);
	while (take_frame(&to[n], 0, &frame))
		received[n] += frame.tag != 0xffffffff;
	snprintf(name, sizeof(name), "vale0:to%u", n);
	count = counters(to[n].handle, name);
	CHECK(received[n] > 0 && received[n] <= sent[n]);
	CHECK(sent[n] - received[n] <= count.drops[VALET_DROP_RING_FULL]);
	EQUAL(drops_of(&count), count.drops[VALET_DROP_RING_FULL]);
}

static void *change_ephemeral(void *unused)
{
	(void)unused;
	for (int i = 0; i < CHANGES; i++) {
		struct port_handle port = open_port("vale0:come", SLOTS(16)), second, pipe;

		second = open_port("vale0:come", SLOTS(16));
		send_frame(&port, EVERYBODY, STATION(30), 0xffffffff);
		close_port(&port);
		EQUAL(valet_rxsync(second.handle), 0);
		pipe = open_port("vale0:come{1", SLOTS(4));
		close_port(&second);
		close_port(&pipe);
	}
	return NULL;
}

static void *change_persistent(void *unused)
{
	int32_t handle = open_handle();

	(void)unused;
	EQUAL(newif(handle, "vi0", 16), 0);
	for (int i = 0; i < CHANGES; i++) {
		struct port_handle port;
		int32_t rc;

		/*
		 * A sender that was interrupted in the middle may hold on to the port for a while.
		 */
		while ((rc = attach(handle, "vale0:vi0")) == -EBUSY)
			sched_yield();
		EQUAL(rc, 0);
		port = open_port("vi0", REG());
		send_frame(&port, EVERYBODY, STATION(40), 0xffffffff);
		EQUAL(valet_rxsync(port.handle), 0);
		close_port(&port);
		EQUAL(detach(handle, "vale0:vi0"), 0);
	}
	EQUAL(delif(handle, "vi0"), 0);
	EQUAL(valet_close(handle), 0);
	return NULL;
}

static void *watch(void *unused)
{
	int32_t handle = open_handle();

	(void)unused;
	while (!load_acquire(&stop)) {
		struct valet_req_table table = { 0 };
		struct valet_req_bridge bridge = bridge_of(handle, "vale0");
		struct valet_req_port port = counters(handle, "vale0:from0");

		CHECK(bridge.ports >= 4 && bridge.ports <= 6);
		/*
		 * It reads no broadcasts, which fill its ring; what it sends is lost for no reason.
		 */
		EQUAL(drops_of(&port), port.drops[VALET_DROP_RING_FULL]);
		EQUAL(request(handle, VALET_REQ_TABLE_GET, "vale0", &table), 0);
		sched_yield();
	}
	EQUAL(valet_close(handle), 0);
	return NULL;
}

int main(void)
{
	pthread_t forwarding[2], changing[2], watching;
	struct frame frame;
	char name[16];

	for (uint32_t i = 0; i < 2; i++) {
		snprintf(name, sizeof(name), "vale0:from%u", i);
		from[i] = open_port(name, SLOTS(64));
		snprintf(name, sizeof(name), "vale0:to%u", i);
		to[i] = open_port(name, SLOTS(512));
	}
	for (uint32_t i = 0; i < 2; i++)
		send_frame(&to[i], EVERYBODY, STATION(10 + i), 0xffffffff);
	for (uint32_t i = 0; i < 2; i++) {
		EQUAL(valet_rxsync(to[i].handle), 0);
		while (take_frame(&to[i], 0, &frame))
			continue;
		EQUAL(valet_rxsync(to[i].handle), 0);
		forwarding[i] = start(forward, (void *)(uintptr_t)i);
	}
	watching = start(watch, NULL);
	changing[0] = start(change_ephemeral, NULL);
	changing[1] = start(change_persistent, NULL);
	join(changing[0]);
	join(changing[1]);
	store_release(&stop, 1);
	for (uint32_t i = 0; i < 2; i++)
		join(forwarding[i]);
	join(watching);
	EQUAL(bridge_of(from[0].handle, "vale0").ports, 4);
	for (uint32_t i = 0; i < 2; i++) {
		check_received(i);
		close_port(&from[i]);
		close_port(&to[i]);
	}
	return 0;
}
