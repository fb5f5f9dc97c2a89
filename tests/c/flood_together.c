/*
 * A batch that is all broadcasts reaches each of many receivers whole and in order, whatever else is
 * true of them: rings of several sizes, which end at different places, with different room left, and
 * with slots that their owners have spoilt.
 */
#include "t.h"

enum { RECEIVERS_MAX = 9, ROUNDS = 300, BYTES_MAX = 2048, FRAMES_MAX = 60 };

struct receiver {
	struct port_handle port;
	char name[32];
	uint32_t room; /* slots that the engine has */
	uint64_t full, spoilt, packets; /* as it should have counted */
};

static struct port_handle sender;
static struct receiver receivers[RECEIVERS_MAX];
static uint32_t state = 7;

struct sent {
	uint32_t tag;
	uint16_t length;
};

static uint8_t byte_of(uint32_t tag, uint32_t at)
{
	return (uint8_t)(tag * 31 + at);
}

static struct sent put_random(uint32_t tag)
{
	static const uint16_t some[] = { FRAME_BYTES_MIN, 60, 63, 64, 65, 128, 1000, 1024, 1500, BYTES_MAX };
	struct netmap_ring *tx = tx_ring(&sender, 0);
	/* Most rounds have short frames only. */
	uint32_t kinds = tag / 1000 % 3 ? 4 : COUNT(some);
	struct sent sent = { tag, some[random_next(&state) % kinds] };
	uint8_t *data = buffer(tx, tx->slot[tx->head].buf_idx);

	for (uint32_t i = FRAME_BYTES_MIN; i < sent.length; i++)
		data[i] = byte_of(tag, i);
	put_frame(&sender, 0, EVERYBODY, STATION(1), tag, sent.length);
	return sent;
}

/* Takes all that has come: `sent` from number `first` on, but for the spoilt one, which is empty. */
static void take(struct receiver *receiver, const struct sent *sent, uint32_t count, uint32_t spoilt)
{
	struct netmap_ring *rx = rx_ring(&receiver->port, 0);

	EQUAL(valet_rxsync(receiver->port.handle), 0);
	for (uint32_t i = 0; i < count; i++) {
		struct netmap_slot *slot = &rx->slot[rx->head];
		const uint8_t *data = buffer(rx, slot->buf_idx);
		uint32_t tag;

		CHECK(available(rx) > 0);
		if (i == spoilt) {
			EQUAL(slot->len, 0);
		} else {
			EQUAL(slot->len, sent[i].length);
			memcpy(&tag, data + 14, sizeof(tag));
			EQUAL(tag, sent[i].tag);
			for (uint32_t at = FRAME_BYTES_MIN; at < slot->len; at++)
				EQUAL(data[at], byte_of(tag, at));
		}
		set_head(rx, next_slot(rx, rx->head));
	}
	EQUAL(available(rx), 0);
}

static void one_round(uint32_t number, uint32_t count, uint32_t round)
{
	struct sent sent[FRAMES_MAX];
	uint32_t spoilt[RECEIVERS_MAX], good[RECEIVERS_MAX];

	for (uint32_t i = 0; i < count; i++)
		sent[i] = put_random(round * 1000 + i);
	for (uint32_t r = 0; r < number; r++) {
		struct receiver *receiver = &receivers[r];
		struct netmap_ring *rx = rx_ring(&receiver->port, 0);
		uint32_t came = count < receiver->room ? count : receiver->room;

		spoilt[r] = UINT32_MAX;
		if (came && random_next(&state) % 4 == 0) {
			struct netmap_slot *slot;

			spoilt[r] = random_next(&state) % came;
			slot = &rx->slot[(rx->head + spoilt[r]) % rx->num_slots];
			good[r] = slot->buf_idx;
			slot->buf_idx = random_next(&state) % 2 ? 0 : UINT32_MAX;
		}
	}
	EQUAL(valet_txsync(sender.handle), 0);
	for (uint32_t r = 0; r < number; r++) {
		struct receiver *receiver = &receivers[r];
		struct netmap_ring *rx = rx_ring(&receiver->port, 0);
		uint32_t came = count < receiver->room ? count : receiver->room;

		if (spoilt[r] != UINT32_MAX)
			rx->slot[(rx->head + spoilt[r]) % rx->num_slots].buf_idx = good[r];
		take(receiver, sent, came, spoilt[r]);
		receiver->full += count - came;
		receiver->spoilt += spoilt[r] != UINT32_MAX;
		receiver->packets += came - (spoilt[r] != UINT32_MAX);
		/* Those that do not sync again still have these slots when the next batch comes. */
		receiver->room = rx->num_slots - 1 - came;
		if (random_next(&state) % 3) {
			EQUAL(valet_rxsync(receiver->port.handle), 0);
			receiver->room = rx->num_slots - 1;
		}
	}
}

static void check_counters(const struct receiver *receiver)
{
	struct valet_req_port port = counters(sender.handle, receiver->name);

	EQUAL(port.rx_packets, receiver->packets);
	EQUAL(port.drops[VALET_DROP_RING_FULL], receiver->full);
	EQUAL(port.drops[VALET_DROP_RECEIVE_BUFFER], receiver->spoilt);
}

int main(void)
{
	static const uint32_t slots[] = { 64, 16, 100, 64, 33, 8, 128, 64, 50 };

	for (uint32_t number = 1; number <= RECEIVERS_MAX; number++) {
		sender = open_port("vale0:s", SLOTS(64));
		for (uint32_t r = 0; r < number; r++) {
			receivers[r] = (struct receiver){ .room = 0 };
			snprintf(receivers[r].name, sizeof(receivers[r].name), "vale0:r%u", r);
			receivers[r].port = open_port(receivers[r].name, SLOTS(slots[r]));
			receivers[r].room = rx_ring(&receivers[r].port, 0)->num_slots - 1;
		}
		for (uint32_t round = 0; round < ROUNDS; round++)
			one_round(number, 1 + random_next(&state) % FRAMES_MAX, round);
		for (uint32_t r = 0; r < number; r++) {
			check_counters(&receivers[r]);
			close_port(&receivers[r].port);
		}
		close_port(&sender);
	}
	return 0;
}
