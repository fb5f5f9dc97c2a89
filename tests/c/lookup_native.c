/* Whatever a native lookup answers, each of its packets is delivered or counted under its cause. */
#include "t.h"

enum { PORTS = 3 };

static struct port_handle port[PORTS];

struct answers {
	const uint32_t *destination;
	uint32_t count, calls, packets, source;
	int32_t rc;
};

static int32_t answering(struct valet_batch *batch, void *context)
{
	struct answers *answers = context;

	answers->calls++;
	answers->packets += batch->count;
	answers->source = batch->source;
	CHECK(batch->count <= VALET_BATCH_PACKETS);
	for (uint32_t i = 0; i < batch->count; i++) {
		EQUAL(batch->packets[i].destination, VALET_DROP); /* until it says otherwise */
		EQUAL(batch->packets[i].length, 60);
		EQUAL(batch->packets[i].first_length, 60);
		EQUAL(batch->packets[i].fragments, 1);
		EQUAL(get_mac(batch->packets[i].data), EVERYBODY);
		if (answers->count)
			batch->packets[i].destination = answers->destination[i % answers->count];
	}
	return answers->rc;
}

static uint64_t all_received(void)
{
	uint64_t received = 0;

	for (int i = 0; i < PORTS; i++) {
		char name[16];

		snprintf(name, sizeof(name), "vale0:p%d", i);
		received += counters(port[0].handle, name).rx_packets;
	}
	return received;
}

static void send_some(uint32_t count, int32_t rc)
{
	for (uint32_t i = 0; i < count; i++)
		put_frame(&port[0], 0, EVERYBODY, STATION(1), i, 60);
	EQUAL(valet_txsync(port[0].handle), rc);
	for (int i = 0; i < PORTS; i++) {
		EQUAL(valet_rxsync(port[i].handle), 0);
		set_head(rx_ring(&port[i], 0), rx_ring(&port[i], 0)->tail);
		EQUAL(valet_rxsync(port[i].handle), 0);
	}
}

static void each_answer(void)
{
	static const struct {
		uint32_t destination;
		int cause; /* VALET_DROP_CAUSES: delivered */
		uint32_t receivers;
	} rows[] = {
		{ 1, VALET_DROP_CAUSES, 1 },
		{ 2, VALET_DROP_CAUSES, 1 },
		{ VALET_BROADCAST, VALET_DROP_CAUSES, 2 },
		{ VALET_DROP, VALET_DROP_LOOKUP, 0 },
		{ VALET_GARBAGE, VALET_DROP_GARBAGE, 0 },
		{ 0, VALET_DROP_SAME_PORT, 0 },
		{ 3, VALET_DROP_NO_PORT, 0 },
		{ 253, VALET_DROP_NO_PORT, 0 },
		{ 256, VALET_DROP_NO_PORT, 0 },
		{ 4351, VALET_DROP_NO_PORT, 0 },
		{ 4352, VALET_DROP_NO_PORT, 0 },
		{ 0x7fffffff, VALET_DROP_NO_PORT, 0 },
		{ 0x80000000, VALET_DROP_NO_PORT, 0 },
		{ 0xfffffff0, VALET_DROP_NO_PORT, 0 },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct answers answers = { .destination = &rows[i].destination, .count = 1 };
		struct valet_req_port before = counters(port[0].handle, "vale0:p0"), count;
		uint64_t received = all_received();

		EQUAL(set_native(port[0].handle, "vale0", answering, &answers), 0);
		send_some(10, 0);
		EQUAL(answers.calls, 1);
		EQUAL(answers.packets, 10);
		EQUAL(answers.source, 0);
		EQUAL(all_received() - received, 10 * rows[i].receivers);
		count = counters(port[0].handle, "vale0:p0");
		EQUAL(count.tx_packets - before.tx_packets, 10);
		if (rows[i].cause < VALET_DROP_CAUSES)
			EQUAL(count.drops[rows[i].cause] - before.drops[rows[i].cause], 10);
		EQUAL(drops_of(&count) - drops_of(&before), rows[i].receivers ? 0 : 10);
	}
}

/* All kinds of answers in one go, over several batches. */
static void mixed(void)
{
	static const uint32_t all[] = { 1, 2, VALET_BROADCAST, VALET_DROP, VALET_GARBAGE, 0, 77, 1,
					1, 2 };
	struct answers answers = { .destination = all, .count = COUNT(all) };
	struct valet_req_port before = counters(port[0].handle, "vale0:p0"), count;
	uint64_t received = all_received();

	EQUAL(set_native(port[0].handle, "vale0", answering, &answers), 0);
	send_some(500, 0);
	EQUAL(answers.calls, 2);
	EQUAL(answers.packets, 500);
	count = counters(port[0].handle, "vale0:p0");
	/*
	 * Each batch, of 256 and of 244, starts with the first answer: 26 * 10 - 4 and 24 * 10 + 4
	 * packets.
	 */
	EQUAL(count.drops[VALET_DROP_LOOKUP] - before.drops[VALET_DROP_LOOKUP], 26 + 25);
	EQUAL(count.drops[VALET_DROP_GARBAGE] - before.drops[VALET_DROP_GARBAGE], 26 + 24);
	EQUAL(count.drops[VALET_DROP_SAME_PORT] - before.drops[VALET_DROP_SAME_PORT], 26 + 24);
	EQUAL(count.drops[VALET_DROP_NO_PORT] - before.drops[VALET_DROP_NO_PORT], 25 + 24);
	EQUAL(drops_of(&count) - drops_of(&before), 200);
	EQUAL(all_received() - received, 300 + 26 + 25); /* broadcasts are received twice */
}

static void failing(void)
{
	static const uint32_t one = 1;
	struct answers answers = { .destination = &one, .count = 1, .rc = -5 };
	struct valet_req_port before = counters(port[0].handle, "vale0:p0"), count;
	uint64_t received = all_received();

	EQUAL(set_native(port[0].handle, "vale0", answering, &answers), 0);
	send_some(300, -ECANCELED);
	EQUAL(answers.calls, 2);
	count = counters(port[0].handle, "vale0:p0");
	EQUAL(count.drops[VALET_DROP_FAILED] - before.drops[VALET_DROP_FAILED], 300);
	EQUAL(all_received(), received);
	EQUAL(available(tx_ring(&port[0], 0)), tx_ring(&port[0], 0)->num_slots - 1);
	/* It stays set, and works when it works again. */
	answers.rc = 7;
	send_some(3, 0);
	EQUAL(all_received(), received + 3);
}

static void setting(void)
{
	struct answers answers = { 0 };
	int32_t handle = port[0].handle;

	EQUAL(set_lookup(handle, "vale0", VALET_LOOKUP_NATIVE, NULL, NULL), -EINVAL);
	EQUAL(set_lookup(handle, "vale0", VALET_LOOKUP_SCRIPT, NULL, NULL), -EINVAL);
	EQUAL(set_lookup(handle, "vale0", 3, &answers, NULL), -EINVAL);
	EQUAL(set_native(handle, "vale7", answering, &answers), -ENXIO);
	EQUAL(set_native(handle, "vale0:p0", answering, &answers), -ENXIO);
	EQUAL(set_native(handle, "vale0:", answering, &answers), 0);
	EQUAL(bridge_of(handle, "vale0").lookup, VALET_LOOKUP_NATIVE);
	send_some(1, 0); /* it says nothing: dropped */
	EQUAL(answers.packets, 1);
	EQUAL(set_lookup(handle, "vale0", VALET_LOOKUP_LEARNING, NULL, NULL), 0);
	EQUAL(bridge_of(handle, "vale0").lookup, VALET_LOOKUP_LEARNING);
	send_some(1, 0);
	EQUAL(answers.packets, 1);
}

int main(void)
{
	struct nmreq_register shape = SLOTS(1024);

	for (int i = 0; i < PORTS; i++) {
		char name[16];

		snprintf(name, sizeof(name), "vale0:p%d", i);
		port[i] = open_port(name, shape);
	}
	setting();
	each_answer();
	mixed();
	failing();
	for (int i = 0; i < PORTS; i++)
		close_port(&port[i]);
	return 0;
}
