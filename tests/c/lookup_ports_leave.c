/*
 * Ports that leave a bridge while a sender is in a lookup: their indices are nobody else's until it has
 * left, however many have come and gone meanwhile, and what is for them is counted as dropped.
 */
#include "t.h"

enum { LEAVERS = 5, COMERS = 3 };

static struct port_handle from, leaver[LEAVERS], comer[COMERS];

static uint32_t index_of(const char *name)
{
	return (uint32_t)list_index(from.handle, name);
}

static int32_t change_ports(struct valet_batch *batch, void *context)
{
	char name[NETMAP_REQ_IFNAMSIZ];

	(void)context;
	for (uint32_t i = 0; i < LEAVERS; i++) {
		close_port(&leaver[i]);
		if (i < COMERS) {
			snprintf(name, sizeof(name), "vale0:new%u", i);
			comer[i] = open_port(name, SLOTS(4));
			EQUAL(index_of(name), 1 + LEAVERS + i);
		}
	}
	for (uint32_t i = 0; i < batch->count; i++)
		batch->packets[i].destination = 1 + i % (LEAVERS + COMERS);
	return 0;
}

int main(void)
{
	char name[NETMAP_REQ_IFNAMSIZ];
	struct valet_req_port counted;

	from = open_port("vale0:from", SLOTS(16));
	for (uint32_t i = 0; i < LEAVERS; i++) {
		snprintf(name, sizeof(name), "vale0:old%u", i);
		leaver[i] = open_port(name, SLOTS(4));
		EQUAL(index_of(name), 1 + i);
	}
	EQUAL(set_native(from.handle, "vale0", change_ports, NULL), 0);
	for (uint32_t i = 0; i < LEAVERS + COMERS; i++)
		put_frame(&from, 0, EVERYBODY, STATION(1), i, 60);
	EQUAL(valet_txsync(from.handle), 0);
	/* It forwards as things were when it began: the new ones were not there. */
	counted = counters(from.handle, "vale0:from");
	EQUAL(counted.drops[VALET_DROP_NO_PORT], COMERS);
	EQUAL(counted.tx_packets, LEAVERS + COMERS);
	for (uint32_t i = 0; i < COMERS; i++)
		TAGS(&comer[i]);

	/* The sender has left: the indices are free, the one given back last is taken first. */
	for (uint32_t i = 0; i < LEAVERS; i++) {
		snprintf(name, sizeof(name), "vale0:again%u", i);
		leaver[i] = open_port(name, SLOTS(4));
		EQUAL(index_of(name), LEAVERS - i);
	}
	EQUAL(bridge_of(from.handle, "vale0").ports, 1 + LEAVERS + COMERS);
	for (uint32_t i = 0; i < LEAVERS; i++)
		close_port(&leaver[i]);
	for (uint32_t i = 0; i < COMERS; i++)
		close_port(&comer[i]);
	close_port(&from);
	return 0;
}
