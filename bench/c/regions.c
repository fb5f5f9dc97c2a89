/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What memory that two ports share saves: a - b on one bridge, c - d on another, and what b receives is
 * passed on through c, on the calling thread. In regions of their own that is a copy, in one region
 * the slots exchange their buffers.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "port.h"
#include "row.h"

enum { SLOTS_EACH = 1024, FRAME_BYTES = 1500, FILE_BYTES = 16 << 20 };

struct relay {
	struct bench_port a, b, c, d;
	int copies;
};

/* In the region of that number, or in that memory; 0: in one of its own. */
static struct bench_port open_in(const char *name, uint16_t mem_id, const uint64_t *memory,
				 uint16_t *found)
{
	struct {
		struct nmreq_header header;
		struct nmreq_register reg;
		struct nmreq_opt_extmem option;
	} message = { .header = { .nr_version = NETMAP_API,
				  .nr_reqtype = NETMAP_REQ_REGISTER,
				  .nr_body = sizeof(message.header) },
		      .reg = { .nr_mode = NR_REG_ALL_NIC,
			       .nr_tx_slots = SLOTS_EACH,
			       .nr_rx_slots = SLOTS_EACH,
			       .nr_mem_id = mem_id },
		      .option = { .nro_opt.nro_reqtype = NETMAP_REQ_OPT_EXTMEM } };
	struct bench_port port = { .handle = valet_open("embedded", BENCH_INSTANCE) };
	struct netmap_if *nifp;
	uint64_t map[2];
	int32_t rc = port.handle;

	snprintf(message.header.nr_name, sizeof(message.header.nr_name), "%s", name);
	if (memory) {
		message.header.nr_options = sizeof(message.header) + sizeof(message.reg);
		message.option.nro_usrptr = memory[0];
		message.option.nro_info.nr_memsize = memory[1];
	}
	if (rc > 0)
		rc = valet_control(port.handle, &message, sizeof(message));
	if (rc == 0)
		rc = valet_map(port.handle, map);
	if (rc < 0)
		fail(name, rc);
	*found = message.reg.nr_mem_id;
	nifp = (struct netmap_if *)(map[0] + message.reg.nr_offset);
	port.tx = (struct netmap_ring *)((char *)nifp + nifp->ring_ofs[0]);
	port.rx = (struct netmap_ring *)((char *)nifp + nifp->ring_ofs[2]);
	return port;
}

static void *relay_open(uint32_t index, int copies, const uint64_t *memory)
{
	static const uint8_t everyone[6] = { 255, 255, 255, 255, 255, 255 };
	struct relay *relay = calloc(1, sizeof(*relay));
	uint8_t from[6], frame[2048];
	char name[4][32];
	uint16_t id, unused;

	if (!relay)
		fail("get memory", -ENOMEM);
	for (int i = 0; i < 4; i++)
		snprintf(name[i], sizeof(name[i]), "vale%c%u:%c", i < 2 ? 'x' : 'y', index, 'a' + i);
	relay->copies = copies;
	relay->a = open_in(name[0], 0, NULL, &unused);
	relay->b = open_in(name[1], 0, memory, &id);
	relay->c = open_in(name[2], copies ? 0 : id, NULL, &unused);
	relay->d = open_in(name[3], 0, NULL, &unused);
	bench_mac_next(from);
	bench_frame_make(frame, everyone, from);
	bench_port_fill(&relay->a, frame, FRAME_BYTES);
	return relay;
}

static void *private_open(uint32_t index, const uint32_t *numbers)
{
	(void)numbers;
	return relay_open(index, 1, NULL);
}

static void *shared_open(uint32_t index, const uint32_t *numbers)
{
	(void)numbers;
	return relay_open(index, 0, NULL);
}

/* The file has no name any more when this returns. */
static void *file_open(uint32_t index, const uint32_t *numbers)
{
	uint64_t range[2] = { 0, FILE_BYTES };
	char path[64];
	int32_t rc;

	(void)numbers;
	snprintf(path, sizeof(path), "/tmp/valet-bench-%d-%u", (int)getpid(), index);
	rc = valet_memory_open(path, VALET_MEMORY_CREATE, range);
	unlink(path);
	if (rc < 0)
		fail("make a file", rc);
	return relay_open(index, 0, range);
}

static void pass_on(struct relay *relay)
{
	struct netmap_ring *rx = relay->b.rx, *tx = relay->c.tx;
	uint32_t from = rx->head, to = tx->head;

	for (; from != rx->tail; from = bench_next(rx, from), to = bench_next(tx, to)) {
		struct netmap_slot *in = &rx->slot[from], *out = &tx->slot[to];

		if (relay->copies) {
			memcpy(bench_buffer(tx, to), bench_buffer(rx, from), in->len);
		} else {
			uint32_t buffer = out->buf_idx;

			out->buf_idx = in->buf_idx;
			in->buf_idx = buffer;
		}
		out->len = in->len;
		out->flags = in->flags = NS_BUF_CHANGED;
	}
	rx->head = rx->cur = from;
	tx->head = tx->cur = to;
}

static uint64_t relay_round(void *state)
{
	struct relay *relay = state;

	for (uint32_t i = 0; i < BENCH_BATCHES; i++) {
		bench_port_send(&relay->a, BENCH_BATCH, FRAME_BYTES);
		if (valet_rxsync(relay->b.handle) != 0)
			fail("sync a receive ring", -EIO);
		pass_on(relay);
		if (valet_txsync(relay->c.handle) != 0)
			fail("sync a transmit ring", -EIO);
		if (bench_port_receive(&relay->d) != (uint64_t)BENCH_BATCH * FRAME_BYTES)
			fail("receive all packets that were sent", -EIO);
	}
	return BENCH_BATCHES * BENCH_BATCH;
}

const struct bench_row bench_region_rows[] = {
	{ "relay.private.1500", private_open, relay_round },
	{ "relay.shared.1500", shared_open, relay_round },
	{ "relay.file.1500", file_open, relay_round },
	{ 0 },
};
