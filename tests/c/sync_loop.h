/* SPDX-License-Identifier: BSD-2-Clause */
/* CSB mode and its loop: what sync_loop.c tries on the engine here and daemon_sync_loop.c on a daemon's. */
#ifndef TEST_SYNC_LOOP_H
#define TEST_SYNC_LOOP_H

#include "daemon.h"

#include <sys/eventfd.h>

enum { LOOP_SLOTS = 16, LOOP_FRAMES = 2000 };

/* ---- requests ---- */

struct csb_memory {
	struct nm_csb_atok atok[4] __attribute__((aligned(64)));
	struct nm_csb_ktoa ktoa[4] __attribute__((aligned(64)));
};

/* REGISTER or CSB_ENABLE with the option. Returns what the request does; *status is the option's. */
HELPER int32_t csb_request(int32_t handle, uint16_t type, const char *name, struct nmreq_register reg,
			   uint64_t atok, uint64_t ktoa, uint32_t *status)
{
	struct {
		struct nmreq_header header;
		struct nmreq_register reg;
		struct nmreq_opt_csb csb;
	} message = { .header = { .nr_version = NETMAP_API, .nr_reqtype = type,
				  .nr_options = offsetof(__typeof__(message), csb) },
		      .reg = reg,
		      .csb = { .nro_opt.nro_reqtype = NETMAP_REQ_OPT_CSB, .csb_atok = atok,
			       .csb_ktoa = ktoa } };
	int32_t rc;

	strcpy(message.header.nr_name, name);
	if (type == NETMAP_REQ_REGISTER)
		message.header.nr_body = offsetof(__typeof__(message), reg);
	rc = valet_control(handle, &message, sizeof(message));
	EQUAL(message.csb.csb_atok, atok);
	*status = message.csb.nro_opt.nro_status;
	return rc;
}

struct start {
	int32_t handle;
	uint32_t sleep_us, mode;
	int with_mode, with_fds;
	int fds[4][2]; /* ioeventfd, irqfd */
	uint64_t fds_bytes;
	int32_t rc; /* the answers */
	uint32_t mode_status, fds_status;
};

/* SYNC_KLOOP_START. */
HELPER void *run_loop(void *argument)
{
	struct start *with = argument;
	struct {
		struct nmreq_header header;
		struct nmreq_sync_kloop_start body;
		struct nmreq_opt_sync_kloop_mode mode;
		struct nmreq_option fds;
		int32_t fd[8];
		uint8_t room[4096];
	} message = { .header = { .nr_version = NETMAP_API,
				  .nr_reqtype = NETMAP_REQ_SYNC_KLOOP_START,
				  .nr_body = offsetof(__typeof__(message), body) },
		      .body.sleep_us = with->sleep_us,
		      .mode = { .nro_opt.nro_reqtype = NETMAP_REQ_OPT_SYNC_KLOOP_MODE,
				.mode = with->mode },
		      .fds = { .nro_reqtype = NETMAP_REQ_OPT_SYNC_KLOOP_EVENTFDS,
			       .nro_size = with->fds_bytes } };
	uint64_t *link = &message.header.nr_options;

	memcpy(message.fd, with->fds, sizeof(message.fd));
	if (with->with_mode) {
		*link = offsetof(__typeof__(message), mode);
		link = &message.mode.nro_opt.nro_next;
	}
	if (with->with_fds)
		*link = offsetof(__typeof__(message), fds);
	with->rc = valet_control(with->handle, &message, sizeof(message));
	with->mode_status = message.mode.nro_opt.nro_status;
	with->fds_status = message.fds.nro_status;
	return NULL;
}

HELPER int32_t stop_loop(int32_t handle)
{
	return request(handle, NETMAP_REQ_SYNC_KLOOP_STOP, "", NULL);
}

#define ALONE(...) REG(.nr_flags = NR_EXCLUSIVE, .nr_mode = NR_REG_ALL_NIC, ##__VA_ARGS__)

HELPER void loop_errors(void)
{
	static struct csb_memory memory;
	uint64_t atok = (uintptr_t)memory.atok, ktoa = (uintptr_t)memory.ktoa;
	struct nmreq_register reg = ALONE(.nr_tx_slots = 16, .nr_rx_slots = 16), shared = reg;
	struct start with = { .handle = open_handle() };
	int32_t handle = with.handle;
	uint32_t status;
	uint8_t *fixed = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	shared.nr_flags = 0;
	/* Before anything is bound. */
	EQUAL(stop_loop(handle), -ENXIO);
	run_loop(&with);
	EQUAL(with.rc, -ENXIO);
	with.sleep_us = 1000001;
	run_loop(&with);
	EQUAL(with.rc, -EINVAL);
	EQUAL(csb_request(handle, NETMAP_REQ_CSB_ENABLE, "", reg, atok, ktoa, &status), 0);
	EQUAL(status, 0);
	EQUAL(request(handle, NETMAP_REQ_CSB_ENABLE, "", NULL), -EINVAL);
	/* What CSB mode does not go with leaves the descriptor as it was. */
	EQUAL(csb_request(handle, NETMAP_REQ_REGISTER, "vale0:a", shared, atok, ktoa, &status),
	      -EINVAL);
	EQUAL(status, EINVAL);
	EQUAL(csb_request(handle, NETMAP_REQ_REGISTER, "vale0:a", reg, atok + 4, ktoa, &status),
	      -EINVAL);
	EQUAL(csb_request(handle, NETMAP_REQ_REGISTER, "vale0:a", reg, atok, 0x10, &status), -EINVAL);
	EQUAL(csb_request(handle, NETMAP_REQ_REGISTER, "vale0:a", reg, atok, 0x800, &status), -EFAULT);
	EQUAL(status, EFAULT);
	EQUAL(csb_request(handle, NETMAP_REQ_REGISTER, "vale0:a", reg, atok, (uintptr_t)fixed, &status),
	      -EFAULT);
	/* Another port of the name can have it: nothing stayed. */
	EQUAL(request(handle, NETMAP_REQ_REGISTER, "vale0:a", &shared), 0);
	with.sleep_us = 0;
	run_loop(&with);
	EQUAL(with.rc, -EINVAL); /* not in CSB mode */
	EQUAL(csb_request(handle, NETMAP_REQ_CSB_ENABLE, "", reg, atok, ktoa, &status), -EINVAL);
	EQUAL(status, EINVAL);
	EQUAL(valet_txsync(handle), 0);
	EQUAL(valet_close(handle), 0);
	/* With no rings the addresses are nobody's business. */
	handle = open_handle();
	reg.nr_flags = NR_EXCLUSIVE | NR_TX_RINGS_ONLY | NR_RX_RINGS_ONLY;
	EQUAL(csb_request(handle, NETMAP_REQ_REGISTER, "vale0:a", reg, 0, 0, &status), 0);
	EQUAL(status, 0);
	EQUAL(valet_txsync(handle), 0);
	EQUAL(valet_close(handle), 0);
	munmap(fixed, 4096);
}

HELPER void loop_options(void)
{
	static struct csb_memory memory;
	struct nmreq_register reg = ALONE(.nr_tx_slots = 16, .nr_rx_slots = 16);
	struct start with = { .handle = open_handle(), .with_mode = 1 };
	int file = open("/dev/null", O_RDWR | O_CLOEXEC), event = eventfd(0, EFD_CLOEXEC);
	uint32_t status;

	EQUAL(csb_request(with.handle, NETMAP_REQ_REGISTER, "vale0:a", reg, (uintptr_t)memory.atok,
			  (uintptr_t)memory.ktoa, &status), 0);
	EQUAL(status, 0);
	EQUAL(memory.ktoa[0].hwtail, 15);
	EQUAL(memory.ktoa[1].hwtail, 0);
	EQUAL(memory.ktoa[0].kern_need_kick, 1);
	EQUAL(memory.atok[1].appl_need_kick, 1);
	EQUAL(valet_txsync(with.handle), -EBUSY);
	EQUAL(valet_rxsync(with.handle), -EBUSY);
	EQUAL(valet_poll(with.handle, POLLIN | POLLOUT, 1000), POLLERR);
	with.mode = 4;
	run_loop(&with);
	EQUAL(with.rc, -EINVAL);
	EQUAL(with.mode_status, EINVAL);
	with.mode = NM_OPT_SYNC_KLOOP_DIRECT_TX;
	with.with_fds = 1;
	with.fds_bytes = 24 + 8 * 3; /* a ring too many */
	run_loop(&with);
	EQUAL(with.rc, -EINVAL);
	EQUAL(with.mode_status, 0);
	EQUAL(with.fds_status, EINVAL);
	with.fds_bytes = 24 + 8 * 2;
	with.fds[0][0] = -1; /* direct mode is told by it */
	run_loop(&with);
	EQUAL(with.rc, -EINVAL);
	EQUAL(with.fds_status, EINVAL);
	with.fds[0][0] = with.fds[1][0] = event;
	with.fds[0][1] = 9999;
	run_loop(&with);
	EQUAL(with.rc, -EBADF);
	with.fds[0][1] = file; /* no eventfd */
	run_loop(&with);
	EQUAL(with.rc, -EINVAL);
	/* A stop before the start is for the next one. */
	EQUAL(stop_loop(with.handle), 0);
	with.with_mode = with.with_fds = 0;
	run_loop(&with);
	EQUAL(with.rc, 0);
	EQUAL(valet_close(with.handle), 0);
	close(file);
	close(event);
}

/* ---- packets ---- */

struct application {
	struct port_handle port;
	struct csb_memory *memory;
	int kick[2], irq[2]; /* eventfds by ring: transmit, receive; -1: by time */
	uint32_t sent, received;
};

/* The application's turn: sends as much as there is room for, counts what has come. */
HELPER void exchange(struct application *app, uint32_t limit)
{
	struct netmap_ring *tx = tx_ring(&app->port, 0), *rx = rx_ring(&app->port, 0);
	struct nm_csb_atok *atok = app->memory->atok;
	struct nm_csb_ktoa *ktoa = app->memory->ktoa;
	uint32_t head = atok[0].head, tail = load_acquire(&ktoa[0].hwtail);

	while (head != tail && app->sent < limit) {
		write_frame(buffer(tx, tx->slot[head].buf_idx), STATION(2), STATION(1), app->sent++);
		tx->slot[head].len = 60;
		tx->slot[head].flags = 0;
		head = next_slot(tx, head);
	}
	if (head != atok[0].head) {
		write_once(&atok[0].cur, head);
		store_ordered(&atok[0].head, head);
		if (app->kick[0] >= 0 && load_ordered(&ktoa[0].kern_need_kick))
			EQUAL(write(app->kick[0], &(uint64_t){ 1 }, 8), 8);
	}
	head = atok[1].head;
	tail = load_acquire(&ktoa[1].hwtail);
	for (; head != tail; head = next_slot(rx, head), app->received++)
		EQUAL(rx->slot[head].len, 60);
	write_once(&atok[1].cur, head);
	store_ordered(&atok[1].head, head);
	if (app->kick[1] >= 0 && load_ordered(&ktoa[1].kern_need_kick))
		EQUAL(write(app->kick[1], &(uint64_t){ 1 }, 8), 8);
}

/* Both ways at once: what the application sends comes to the other port, and all of it back. */
HELPER void loop_packets(int with_fds, uint32_t mode)
{
	static struct csb_memory memory;
	struct nmreq_register reg = ALONE(.nr_tx_slots = LOOP_SLOTS, .nr_rx_slots = LOOP_SLOTS);
	struct port_handle other = open_port("vale0:b", SLOTS(1024));
	struct application app = { .memory = &memory, .kick = { -1, -1 } };
	struct start with = { .sleep_us = 50, .with_fds = with_fds, .with_mode = mode != 0,
			       .mode = mode, .fds_bytes = 24 + 8 * 2 };
	uint32_t echoed = 0, status;
	struct frame frame;
	int64_t end;
	pthread_t loop;

	CHECK(try_open("vale0:a", reg, &app.port) == 0);
	with.handle = app.port.handle;
	EQUAL(csb_request(with.handle, NETMAP_REQ_CSB_ENABLE, "", reg, (uintptr_t)memory.atok,
			  (uintptr_t)memory.ktoa, &status), 0);
	for (int i = 0; with_fds && i < 2; i++) {
		app.kick[i] = with.fds[i][0] = eventfd(0, EFD_CLOEXEC);
		app.irq[i] = with.fds[i][1] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	}
	loop = start(run_loop, &with);
	end = test_now_ms() + HANGS_MS;
	while (app.received < LOOP_FRAMES) {
		if (test_now_ms() > end)
			FAIL("%u sent, %u echoed, %u received", app.sent, echoed, app.received);
		/*
		 * What is on its way and what the loop may not have given back yet fit in the small
		 * ring: nothing is dropped.
		 */
		if (app.sent - app.received < LOOP_SLOTS / 2 - 1)
			exchange(&app, app.received + LOOP_SLOTS / 2 - 1);
		else
			exchange(&app, 0);
		EQUAL(valet_rxsync(other.handle), 0);
		while (take_frame(&other, 0, &frame)) {
			EQUAL(frame.tag, echoed++);
			send_frame(&other, STATION(1), STATION(2), frame.tag);
		}
		sched_yield();
	}
	EQUAL(stop_loop(with.handle), 0);
	join(loop);
	EQUAL(with.rc, 0);
	for (int i = 0; with_fds && i < 2; i++) {
		close(app.kick[i]);
		close(app.irq[i]);
	}
	close_port(&app.port);
	close_port(&other);
}

HELPER void hand_over(struct nm_csb_atok *atok, uint32_t head)
{
	write_once(&atok->cur, head);
	store_ordered(&atok->head, head);
}

/* An application that never stops: each sync of ring 0 finds the next frame handed over meanwhile. */
HELPER int32_t never_stop(struct valet_batch *batch, void *context)
{
	struct nm_csb_atok *atok = context;

	if (batch->packets[0].ring == 0)
		hand_over(atok, (atok->head + 1) % LOOP_SLOTS);
	return 0;
}

/* A ring that always has something to send leaves the others their turns, and STOP its own. */
HELPER void loop_turns(void)
{
	static struct csb_memory memory;
	struct nmreq_register reg = ALONE(.nr_tx_rings = 2, .nr_tx_slots = LOOP_SLOTS,
					  .nr_rx_slots = LOOP_SLOTS);
	struct start with = { .sleep_us = 50 };
	struct port_handle port;
	uint32_t status;
	pthread_t loop;

	CHECK(try_open("vale0:a", reg, &port) == 0);
	with.handle = port.handle;
	for (uint32_t i = 0; i < 2 * LOOP_SLOTS; i++) {
		struct netmap_ring *tx = tx_ring(&port, i / LOOP_SLOTS);
		struct netmap_slot *slot = &tx->slot[i % LOOP_SLOTS];

		write_frame(buffer(tx, slot->buf_idx), STATION(2), STATION(1), i);
		slot->len = 60;
	}
	EQUAL(csb_request(with.handle, NETMAP_REQ_CSB_ENABLE, "", reg, (uintptr_t)memory.atok,
			  (uintptr_t)memory.ktoa, &status), 0);
	EQUAL(set_native(with.handle, "vale0", never_stop, memory.atok), 0);
	loop = start(run_loop, &with);
	hand_over(&memory.atok[0], 1);
	for (uint32_t i = 1; i < LOOP_SLOTS; i++) {
		hand_over(&memory.atok[1], i);
		WAIT_FOR(load_acquire(&memory.ktoa[1].hwcur) == i);
	}
	EQUAL(stop_loop(with.handle), 0);
	join(loop);
	EQUAL(with.rc, 0);
	close_port(&port);
}

/* ---- the loop in a thread of the library's ---- */

struct loop_view {
	struct port_handle port;
	struct nm_csb_atok *atok;
	struct nm_csb_ktoa *ktoa;
	uint32_t *status; /* running, result */
};

HELPER struct loop_view library_start(uint32_t flags, uint32_t sleep_us)
{
	struct loop_view view;
	uint64_t out[2];

	CHECK(try_open("vale0:a", ALONE(.nr_tx_slots = LOOP_SLOTS, .nr_rx_slots = LOOP_SLOTS),
		       &view.port) == 0);
	EQUAL(valet_sync_loop_wait(view.port.handle, POLLIN, 0), -ENXIO);
	EQUAL(valet_sync_loop_stop(view.port.handle, 1), -ENXIO);
	EQUAL(valet_sync_loop_start(view.port.handle, (uint32_t)view.port.reg.nr_offset, sleep_us,
				    flags, out), 0);
	EQUAL(valet_sync_loop_start(view.port.handle, (uint32_t)view.port.reg.nr_offset, sleep_us,
				    flags, out), -EBUSY);
	EQUAL(out[1], 2 * 128 + 64);
	view.atok = (void *)(uintptr_t)out[0];
	view.ktoa = (void *)(view.atok + 2);
	view.status = (void *)(view.ktoa + 2);
	EQUAL(load_acquire(view.status), 1);
	return view;
}

/* One frame at a time, waiting for each. */
HELPER void library_loop(uint32_t flags, uint32_t sleep_us)
{
	struct port_handle other = open_port("vale0:b", SLOTS(16));
	struct loop_view view = library_start(flags, sleep_us);
	struct netmap_ring *tx = tx_ring(&view.port, 0);
	struct frame frame;
	uint64_t out[2];

	for (uint32_t i = 0; i < 200; i++) {
		uint32_t head = view.atok[0].head, next = next_slot(tx, head);

		if (i == 100) {
			EQUAL(valet_sync_loop_stop(view.port.handle, 1), 0);
			EQUAL(load_acquire(view.status), 0);
			EQUAL(valet_sync_loop_start(view.port.handle, (uint32_t)view.port.reg.nr_offset,
						    sleep_us, flags, out), 0);
		}
		write_frame(buffer(tx, tx->slot[head].buf_idx), STATION(2), STATION(1), i);
		tx->slot[head].len = 60;
		write_once(&view.atok[0].cur, next);
		store_ordered(&view.atok[0].head, next);
		if (load_ordered(&view.ktoa[0].kern_need_kick))
			EQUAL(valet_sync_loop_kick(view.port.handle), 0);
		EQUAL(valet_poll(other.handle, POLLIN, HANGS_MS), POLLIN);
		CHECK(take_frame(&other, 0, &frame));
		EQUAL(frame.tag, i);
		EQUAL(valet_sync_loop_wait(view.port.handle, POLLIN, 0), 0);
		send_frame(&other, STATION(1), STATION(2), i);
		EQUAL(valet_sync_loop_wait(view.port.handle, POLLIN, HANGS_MS), POLLIN);
		next = next_slot(tx, view.atok[1].head);
		EQUAL(load_acquire(&view.ktoa[1].hwtail), next);
		write_once(&view.atok[1].cur, next);
		store_ordered(&view.atok[1].head, next);
		if (load_ordered(&view.ktoa[1].kern_need_kick))
			EQUAL(valet_sync_loop_kick(view.port.handle), 0);
	}
	EQUAL(valet_sync_loop_wait(view.port.handle, POLLOUT, -1), POLLOUT);
	EQUAL(valet_sync_loop_stop(view.port.handle, 0), 0);
	close_port(&view.port);
	/* The name is free when the loop's thread has left. */
	WAIT_FOR(try_alone("vale0:a") == 0);
	close_port(&other);
}

HELPER void *wait_for_ever(void *argument)
{
	struct loop_view *view = argument;
	int32_t rc = valet_sync_loop_wait(view->port.handle, POLLIN, -1);

	CHECK(rc == 0 || rc == -EBADF);
	return NULL;
}

/* Closing ends the loop and who waits for it; the memory can still be read. */
HELPER void library_loop_closed(void)
{
	for (uint32_t flags = 0; flags < 2; flags++) {
		struct loop_view view = library_start(flags, 1000);
		pthread_t thread = start(wait_for_ever, &view);

		EQUAL(valet_close(view.port.handle), 0);
		join(thread);
		WAIT_FOR(load_acquire(view.status) == 0);
		/* The name is free when the loop's thread has left. */
		WAIT_FOR(try_alone("vale0:a") == 0);
	}
}

HELPER void library_loop_daemon_gone(struct daemon *daemon, uint32_t flags)
{
	struct loop_view view = library_start(flags, 100);

	daemon_kill(daemon);
	WAIT_FOR(load_acquire(view.status) == 0);
	EQUAL(valet_sync_loop_stop(view.port.handle, 1), -ECONNRESET);
	close_port(&view.port);
}

#endif
