/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rings with anything in them: heads, slots, status blocks, netmap_if and buffers are written over
 * before the rings are synced, and by another thread meanwhile; in the engine here and then in a
 * daemon's. Other ports, of another process then, work on. What a client can do to a daemon that
 * heeds no rule of the library is in tests/c/daemon_hostile_rings.c.
 */
#include "fuzz.h"

#include "engine/region.h"

enum { RINGS_MAX = 16, ATTACKED = 6, SPOILED_FOR_GOOD = 1000 };

struct attacked {
	const char *name;
	struct nmreq_register reg;
	struct port_handle port;
	struct netmap_ring *ring[RINGS_MAX];
	uint32_t slots[RINGS_MAX];
	int64_t buffers[RINGS_MAX];
	uint32_t rings;
	uint32_t *csb; /* of a sync loop, or NULL */
	uint32_t csb_words;
	pthread_mutex_t mapped; /* held while its memory is written to, or comes or goes */
};

static struct attacked attacked[ATTACKED] = {
	{ .name = "vale0:x", .reg = { .nr_tx_rings = 2, .nr_rx_rings = 3, .nr_tx_slots = 64,
				      .nr_rx_slots = 32 } },
	{ .name = "vale0:y", .reg = { .nr_tx_slots = 16, .nr_rx_slots = 1024, .nr_extra_bufs = 20 } },
	{ .name = "vale0:z{1", .reg = { .nr_tx_slots = 16, .nr_rx_slots = 16 } },
	{ .name = "vale0:z}1", .reg = { .nr_tx_slots = 16, .nr_rx_slots = 16 } },
	{ .name = "vale0:x", .reg = { .nr_flags = NR_MONITOR_TX | NR_MONITOR_RX } },
	{ .name = "vale0:loop", .reg = { .nr_flags = NR_EXCLUSIVE, .nr_tx_slots = 32,
					 .nr_rx_slots = 32 } },
};

static void attack_open(struct attacked *target)
{
	struct netmap_if *nifp;
	uint64_t out[2];

	target->rings = 0;
	target->csb = NULL;
	if (try_open(target->name, target->reg, &target->port) < 0) {
		target->port.handle = -1;
		return;
	}
	nifp = target->port.nifp;
	for (uint32_t i = 0; i < nifp->ni_tx_rings + nifp->ni_rx_rings + 2; i++)
		if (nifp->ring_ofs[i] && target->rings < RINGS_MAX)
			target->ring[target->rings++] =
				(void *)((uint8_t *)nifp + nifp->ring_ofs[i]);
	/* What is in the memory is not to be believed: a monitor may have kept the port alive. */
	for (uint32_t i = 0; i < target->rings; i++) {
		target->slots[i] = i < target->port.reg.nr_tx_rings ? target->port.reg.nr_tx_slots
								    : target->port.reg.nr_rx_slots;
		target->buffers[i] = read_once(&target->ring[i]->buf_ofs);
	}
	if (target->reg.nr_flags & NR_EXCLUSIVE &&
	    valet_sync_loop_start(target->port.handle, (uint32_t)target->port.reg.nr_offset, some(200),
				  some(2), out) == 0) {
		target->csb = (uint32_t *)(uintptr_t)out[0];
		target->csb_words = (uint32_t)(out[1] / 4 - 16); /* not the loop's status */
	}
}

static void attack_close(struct attacked *target)
{
	if (target->port.handle > 0)
		EQUAL(valet_close(target->port.handle), 0);
	target->port.handle = -1;
}

static void attack_anew(struct attacked *target)
{
	pthread_mutex_lock(&target->mapped);
	attack_close(target);
	attack_open(target);
	pthread_mutex_unlock(&target->mapped);
}

/* In the rings, a number that is near to what is legal is more of a test. */
static uint32_t near(uint32_t slots)
{
	return some(4) ? some(slots + 2) : (uint32_t)some_number();
}

static void spoil_slot(struct attacked *target, uint32_t i)
{
	struct netmap_slot *slot = &target->ring[i]->slot[some(target->slots[i])];

	if (some(3) == 0)
		write_once(&slot->buf_idx, some(3) ? some(5000) : (uint32_t)some_number());
	if (some(2))
		write_once(&slot->len, (uint16_t)(some(2) ? some(1600) : some_number()));
	if (some(2))
		write_once(&slot->flags, (uint16_t)(some(3) ? some(2) * NS_MOREFRAG : some_number()));
	if (some(8) == 0)
		write_once(&slot->ptr, some_number());
}

/*
 * Any word of the header, of the csb too. A sync whose words are spoiled ends, but it takes up to a
 * second: these are mostly put right again.
 */
static void spoil_word(struct netmap_ring *ring)
{
	struct csb *csb = csb_of(ring);
	uint32_t *word = (uint32_t *)ring + some(64);

	write_once(word, (uint32_t)some_number());
	for (uint32_t i = some(300); i > 0; i--)
		spin_pause();
	if ((uint8_t *)word < ring->sem || some(SPOILED_FOR_GOOD) == 0)
		return;
	write_once(&csb->atok.lock, 0);
	write_once(&csb->atok.appl_need_kick, 0);
	write_once(&csb->atok.request, read_once(&csb->ktoa.done));
}

static void spoil_header(struct attacked *target, uint32_t i)
{
	struct netmap_ring *ring = target->ring[i];

	switch (some(8)) {
	case 0:
		spoil_word(ring);
		break;
	case 1:
		write_once(&ring->cur, near(target->slots[i]));
		break;
	default: {
		/* As one sends who means it. */
		uint32_t head = read_once(&ring->head) % target->slots[i];
		uint32_t to = (head + some(target->slots[i])) % target->slots[i];

		write_once(&ring->cur, some(8) ? to : near(target->slots[i]));
		store_release(&ring->head, some(8) ? to : near(target->slots[i]));
	}
	}
}

/* A frame that may be learned from, with a virtio-net header or what else it may be taken for. */
static void spoil_buffer(struct attacked *target, uint32_t i)
{
	uint64_t offset = (uint64_t)((uint8_t *)target->ring[i] - target->port.base) +
			  (uint64_t)target->buffers[i] + (2 + some(3000)) * (uint64_t)BUFFER_STRIDE;
	uint8_t *at;

	if (offset > target->port.bytes - BUFFER_STRIDE)
		return;
	at = target->port.base + offset;
	for (uint32_t k = some(64); k > 0; k--)
		at[some(128)] = (uint8_t)some_number();
	if (some(2))
		write_frame(at, some(2) ? EVERYBODY : STATION(some(4)), STATION(some(4)), some64() & 0xffff);
}

static void spoil_if(struct attacked *target)
{
	uint32_t *words = (uint32_t *)target->port.nifp;

	write_once(&words[some(32)], (uint32_t)some_number());
}

static void attack(struct attacked *target)
{
	uint32_t i = some(target->rings);

	if (!target->rings) {
		attack_anew(target);
		return;
	}
	for (uint32_t k = some(10); k > 0; k--)
		spoil_slot(target, i);
	spoil_header(target, i);
	if (some(4) == 0)
		spoil_buffer(target, i);
	if (some(50) == 0)
		spoil_if(target);
	if (target->csb)
		write_once(&target->csb[some(target->csb_words)],
			   some(3) ? some(32) : (uint32_t)some_number());
	valet_txsync(target->port.handle);
	if (some(2))
		valet_rxsync(target->port.handle);
	if (some(8) == 0)
		valet_poll(target->port.handle, POLLIN | POLLOUT, 0);
	if (some(2000) == 0)
		attack_anew(target);
}

/* ---- the other thread ---- */

static struct {
	uint32_t stop, seed;
} meddler;

/* Not the words of the csb: the other thread waits by them. */
static void meddle(struct attacked *target)
{
	uint32_t i = some(target->rings);

	for (uint32_t k = some(20); target->rings && k > 0; k--) {
		spoil_slot(target, i);
		if (some(20) == 0)
			write_once((uint32_t *)target->ring[i] +
					   some(offsetof(struct netmap_ring, sem) / 4),
				   (uint32_t)some_number());
	}
}

static void *meddler_main(void *unused)
{
	(void)unused;
	fuzz_state = meddler.seed;
	while (!load_acquire(&meddler.stop)) {
		struct attacked *target = &attacked[some(ATTACKED)];

		pthread_mutex_lock(&target->mapped);
		meddle(target);
		pthread_mutex_unlock(&target->mapped);
		if (some(16) == 0)
			nanosleep(&(struct timespec){ .tv_nsec = 50000 }, NULL);
	}
	return NULL;
}

/* Lengths of headers differ now and then, so that frames are converted. */
static void change_headers(void)
{
	static const uint32_t lengths[] = { 0, 10, 12 };
	struct nmreq_port_hdr body = { .nr_hdr_len = lengths[some(3)] };
	int32_t handle = open_handle();

	request(handle, NETMAP_REQ_PORT_HDR_SET, some(2) ? "vale0:x" : "vale0:y", &body);
	EQUAL(valet_close(handle), 0);
}

static void fuzz(const char *where, int64_t end_ms)
{
	struct bystanders *bystanders = bystanders_start(strcmp(where, "embedded"));
	uint64_t rounds = 0;
	pthread_t thread;

	for (int i = 0; i < ATTACKED; i++) {
		pthread_mutex_init(&attacked[i].mapped, NULL);
		attacked[i].reg.nr_flags |= NR_ACCEPT_VNET_HDR;
		attack_open(&attacked[i]);
		CHECK(attacked[i].rings);
	}
	meddler.stop = 0;
	meddler.seed = some(UINT32_MAX) + 1;
	thread = start(meddler_main, NULL);
	while (test_now_ms() < end_ms) {
		for (int i = 0; i < 100 && test_now_ms() < end_ms; i++, rounds++)
			attack(&attacked[some(ATTACKED)]);
		if (some(20) == 0)
			change_headers();
	}
	store_release(&meddler.stop, 1);
	join(thread);
	for (int i = 0; i < ATTACKED; i++)
		attack_close(&attacked[i]);
	printf("rings, %s: %llu attacks; bystanders: %u rounds\n", where, (unsigned long long)rounds,
	       bystanders_stop(bystanders));
}

int main(int argc, char **argv)
{
	struct daemon daemon;

	fuzz_begin("rings", argc > 1 ? argv[1] : NULL, argc > 2 ? argv[2] : NULL);
	fuzz("embedded", test_now_ms() + (fuzz_end_ms - test_now_ms()) / 2);
	daemon_folder();
	daemon = daemon_start(2);
	fuzz("daemon", fuzz_end_ms);
	daemon_stop(&daemon);
	return 0;
}
