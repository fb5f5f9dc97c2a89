/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A client's sync ends although somebody has written over the words that it and the daemon meet by: the
 * program itself, by mistake, or another one that has the region too. Each is spoiled while the client
 * waits for a daemon that is stopped. Nor does it follow a header that speaks of more slots than there
 * is memory.
 */
#include "daemon.h"

static struct daemon daemon_;
static struct port_handle a;
static uint32_t returned;

static struct csb *csb(void)
{
	return csb_of(tx_ring(&a, 0));
}

static void *sync_a(void *unused)
{
	int32_t rc = valet_txsync(a.handle);

	(void)unused;
	store_release(&returned, 1);
	return (void *)(intptr_t)rc;
}

/* ---- what is done to the words; `request` is what the client waits for ---- */

static void nobody_sleeps(uint32_t request)
{
	(void)request;
	write_once(&csb()->atok.appl_need_kick, 0);
}

static void nothing_is_asked(uint32_t request)
{
	write_once(&csb()->atok.request, request - 1);
}

static void numbers_are_moved(uint32_t request)
{
	write_once(&csb()->atok.request, request + 0x80000000);
}

/* In the client's favour or not: it ends. */
static void nothing_is_done(uint32_t request)
{
	write_once(&csb()->atok.appl_need_kick, 0);
	EQUAL(kill(daemon_.pid, SIGCONT), 0);
	/* Or a later one: the client may have asked again. */
	WAIT_FOR((int32_t)(read_once(&csb()->ktoa.done) - request) >= 0);
	write_once(&csb()->ktoa.done, request - 1);
}

static void nothing(uint32_t request)
{
	(void)request;
}

static void try_spoil(void (*spoil)(uint32_t), uint32_t need_kick, const struct port_handle *b,
		      uint32_t tag)
{
	uint32_t sleepers = read_once(&csb()->atok.appl_need_kick), before, next = tag;
	pthread_t thread;

	/* The daemon sleeps. */
	WAIT_FOR(read_once(&csb()->ktoa.kern_need_kick) == 1);
	EQUAL(sleepers, 0);
	before = read_once(&csb()->atok.request);
	daemon_halt(&daemon_);
	write_once(&csb()->ktoa.kern_need_kick, need_kick);
	put_frame(&a, 0, EVERYBODY, STATION(1), tag, 60);
	store_release(&returned, 0);
	thread = start(sync_a, NULL);
	WAIT_FOR(read_once(&csb()->atok.appl_need_kick) == 1);
	spoil(before + 1);
	EQUAL(kill(daemon_.pid, SIGCONT), 0);
	WAIT_FOR(load_acquire(&returned));
	EQUAL((intptr_t)join(thread), 0);
	WAIT_FOR(take_in_order(b, &next));
	EQUAL(next, tag + 1);
	/* As if nothing had been. */
	write_once(&csb()->atok.appl_need_kick, 0);
}

/* Marks of given back slots are cleared (CSB_FORWARDS), of a billion slots of which 16 are there. */
static void try_more_slots_than_memory(struct port_handle *b)
{
	struct netmap_ring *ring = rx_ring(b, 0);
	struct csb *words = csb_of(ring);

	daemon_halt(&daemon_);
	write_once(&words->ktoa.by_request, CSB_FORWARDS);
	write_once(&words->atok.head, 0);
	write_once(&words->ktoa.hwtail, 1u << 30);
	write_once((uint32_t *)&ring->num_slots, 1u << 31);
	ring->head = ring->cur = 1u << 30;
	EQUAL(valet_rxsync(b->handle), 0);
	EQUAL(kill(daemon_.pid, SIGCONT), 0);
}

int main(void)
{
	static void (*const spoils[])(uint32_t) = { nobody_sleeps, nothing_is_asked,
						    numbers_are_moved, nothing_is_done };
	struct port_handle b;

	daemon_folder();
	daemon_ = daemon_start(1);
	a = open_port("vale0:a", SLOTS(16));
	b = open_port("vale0:b", SLOTS(16));
	/* It has what to sleep with before the daemon is stopped. */
	EQUAL(valet_poll(a.handle, POLLIN, 1), 0);
	for (uint32_t i = 0; i < COUNT(spoils); i++)
		try_spoil(spoils[i], 1, &b, 1 + i);
	/* The daemon says that it is awake, and sleeps. */
	try_spoil(nothing, 0, &b, 10);
	try_more_slots_than_memory(&b);
	close_port(&b);
	close_port(&a);
	daemon_stop(&daemon_);
	return 0;
}
