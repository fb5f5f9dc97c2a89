/* A fresh port's objects lie where the kernel puts them, with the values that it writes. */
#include "t.h"

static void check_ring(struct port_handle *port, struct netmap_ring *ring, uint32_t place,
		       uint32_t first_buffer, uint32_t slots, uint32_t ringid, uint32_t dir)
{
	uint64_t offset = (uint64_t)((uint8_t *)ring - port->base);

	EQUAL(offset, 12288 + place * 20480u);
	EQUAL(ring->num_slots, slots);
	EQUAL(ring->nr_buf_size, 2048);
	EQUAL(ring->ringid, ringid);
	EQUAL(ring->dir, dir);
	EQUAL(ring->head, 0);
	EQUAL(ring->cur, 0);
	EQUAL(ring->tail, dir == NR_DIR_TX ? slots - 1 : 0);
	EQUAL(ring->flags, 0);
	EQUAL(ring->ts.tv_sec, 0);
	EQUAL(ring->offset_mask, 0);
	EQUAL(ring->buf_align, 0);
	for (uint32_t i = 0; i < slots; i++) {
		EQUAL(ring->slot[i].buf_idx, first_buffer + i);
		EQUAL(ring->slot[i].len, 2048);
		EQUAL(ring->slot[i].flags, 0);
		EQUAL(ring->slot[i].ptr, 0);
	}
}

static void default_port(void)
{
	struct port_handle a = open_port("vale0:a", REG()), b, c;

	EQUAL(a.reg.nr_offset, 0);
	CHECK(!strcmp(a.nifp->ni_name, "vale0:a"));
	EQUAL(a.nifp->ni_version, 0);
	EQUAL(a.nifp->ni_flags, NI_PRIV_MEM);
	EQUAL(a.nifp->ni_tx_rings, 1);
	EQUAL(a.nifp->ni_rx_rings, 1);
	EQUAL(a.nifp->ni_bufs_head, 0);
	EQUAL(a.nifp->ni_host_tx_rings, 1);
	EQUAL(a.nifp->ni_host_rx_rings, 1);
	EQUAL(a.nifp->ring_ofs[0], 32768);
	EQUAL(a.nifp->ring_ofs[1], 0);
	EQUAL(a.nifp->ring_ofs[2], 12288);
	EQUAL(a.nifp->ring_ofs[3], 0);
	EQUAL(rx_ring(&a, 0)->buf_ofs, 409600);
	EQUAL(tx_ring(&a, 0)->buf_ofs, 389120);
	check_ring(&a, rx_ring(&a, 0), 0, 2, 1024, 0, NR_DIR_RX);
	check_ring(&a, tx_ring(&a, 0), 1, 1026, 1024, 0, NR_DIR_TX);

	/* Each descriptor has its own netmap_if, the lowest free one, over the same rings. */
	b = open_port("vale0:a", SLOTS(64));
	c = open_port("vale0:a", REG(.nr_tx_rings = 5));
	EQUAL(b.reg.nr_offset, 1024);
	EQUAL(c.reg.nr_offset, 2048);
	EQUAL(b.reg.nr_tx_slots, 1024);
	EQUAL(c.reg.nr_tx_rings, 1);
	EQUAL(b.nifp->ring_ofs[0], 32768 - 1024);
	close_port(&b);
	b = open_port("vale0:a", REG());
	EQUAL(b.reg.nr_offset, 1024);
	close_port(&a);
	close_port(&b);
	close_port(&c);
}

static void several_rings(void)
{
	struct nmreq_register shape = REG(.nr_tx_rings = 2, .nr_rx_rings = 3, .nr_tx_slots = 16,
					  .nr_rx_slots = 32);
	struct port_handle a = open_port("vale0:a", shape), one;

	for (uint32_t i = 0; i < 3; i++)
		check_ring(&a, rx_ring(&a, i), i, 2 + 32 * i, 32, i, NR_DIR_RX);
	for (uint32_t i = 0; i < 2; i++)
		check_ring(&a, tx_ring(&a, i), 3 + i, 98 + 16 * i, 16, i, NR_DIR_TX);
	shape.nr_mode = NR_REG_ONE_NIC;
	shape.nr_ringid = 2;
	one = open_port("vale0:a", shape); /* too few tx rings: the first */
	EQUAL(one.reg.nr_ringid, 2);
	CHECK(one.nifp->ring_ofs[0]);
	EQUAL(one.nifp->ring_ofs[1], 0);
	EQUAL(one.nifp->ring_ofs[3], 0);
	EQUAL(one.nifp->ring_ofs[4], 0);
	CHECK(rx_ring(&one, 2) == rx_ring(&a, 2));
	close_port(&one);
	shape.nr_mode = NR_REG_ALL_NIC;
	shape.nr_flags = NR_RX_RINGS_ONLY | NR_TX_RINGS_ONLY;
	one = open_port("vale0:a", shape);
	for (uint32_t i = 0; i < 7; i++)
		EQUAL(one.nifp->ring_ofs[i], 0);
	close_port(&one);
	close_port(&a);
}

/* An interface object each, of which a region has 12. */
static void opens_of_one_port(void)
{
	struct port_handle port[13];

	for (int i = 0; i < 12; i++)
		port[i] = open_port("vale0:a", SLOTS(16));
	EQUAL(try_open("vale0:a", SLOTS(16), &port[12]), -ENOMEM);
	EQUAL(counters(port[0].handle, "vale0:a").opens, 12);
	for (int i = 0; i < 12; i++)
		close_port(&port[i]);
}

static uint32_t follow(const struct port_handle *port, uint32_t *list, uint32_t most)
{
	uint32_t n = 0;

	for (uint32_t at = port->nifp->ni_bufs_head; at && n < most; n++) {
		list[n] = at;
		memcpy(&at, buffer(rx_ring(port, 0), at), sizeof(at));
	}
	return n;
}

static void extra_buffers(void)
{
	struct nmreq_register shape = SLOTS(16);
	struct port_handle a, b, c;
	uint32_t list[8];

	shape.nr_extra_bufs = 5;
	a = open_port("vale0:a", shape);
	EQUAL(follow(&a, list, 8), 5);
	for (uint32_t i = 0; i < 5; i++)
		EQUAL(list[i], 38 - i);
	/* More than there are: what there is, then none. */
	shape.nr_extra_bufs = 5000;
	b = open_port("vale0:a", shape);
	EQUAL(b.reg.nr_extra_bufs, 4098 - 2 - 32 - 5);
	shape.nr_extra_bufs = 10;
	c = open_port("vale0:a", shape);
	EQUAL(c.reg.nr_extra_bufs, 0);
	EQUAL(c.nifp->ni_bufs_head, 0);
	close_port(&b);
	/* What a closed descriptor had is there again. */
	b = open_port("vale0:a", shape);
	EQUAL(b.reg.nr_extra_bufs, 10);
	close_port(&a);
	close_port(&b);
	close_port(&c);
}

/*
 * Both ends name the same buffers; the end that is opened first takes them, its receive ring's
 * first.
 */
static void pipe_rings(void)
{
	struct port_handle master = open_port("vale0:p{1", SLOTS(8));
	struct port_handle slave = open_port("vale0:p}1", REG());
	struct port_handle second = open_port("vale0:p{2", REG());
	struct port_handle parent = open_port("vale0:p", REG());

	EQUAL(slave.reg.nr_offset, 1024);
	CHECK(!strcmp(slave.nifp->ni_name, "vale0:p}1"));
	check_ring(&master, rx_ring(&master, 0), 0, 2, 8, 0, NR_DIR_RX);
	check_ring(&master, tx_ring(&master, 0), 1, 10, 8, 0, NR_DIR_TX);
	check_ring(&slave, rx_ring(&slave, 0), 2, 10, 8, 0, NR_DIR_RX);
	check_ring(&slave, tx_ring(&slave, 0), 3, 2, 8, 0, NR_DIR_TX);
	EQUAL(second.reg.nr_tx_slots, 8);
	check_ring(&second, rx_ring(&second, 0), 4, 18, 8, 0, NR_DIR_RX);
	check_ring(&second, tx_ring(&second, 0), 5, 26, 8, 0, NR_DIR_TX);
	check_ring(&parent, rx_ring(&parent, 0), 8, 34, 8, 0, NR_DIR_RX);
	check_ring(&parent, tx_ring(&parent, 0), 9, 42, 8, 0, NR_DIR_TX);
	EQUAL(slave.reg.nr_mem_id, parent.reg.nr_mem_id);
	close_port(&master);
	close_port(&second);
	/*
	 * The closed pipe's buffers are free again, the first pipe's are not: its other end is
	 * open.
	 */
	second = open_port("vale0:p{3", REG());
	check_ring(&second, rx_ring(&second, 0), 4, 18, 8, 0, NR_DIR_RX);
	close_port(&slave);
	slave = open_port("vale0:p}4", REG());
	check_ring(&slave, rx_ring(&slave, 0), 0, 2, 8, 0, NR_DIR_RX);
	close_port(&second);
	close_port(&slave);
	close_port(&parent);
}

static void slave_first(void)
{
	struct port_handle slave, master;

	slave = open_port("pp}x", REG(.nr_tx_slots = 4, .nr_rx_slots = 6));
	EQUAL(slave.reg.nr_tx_slots, 6);
	EQUAL(slave.reg.nr_rx_slots, 4);
	master = open_port("pp{x", REG());
	EQUAL(master.reg.nr_tx_slots, 4);
	EQUAL(master.reg.nr_rx_slots, 6);
	close_port(&slave);
	close_port(&master);
}

static void names_are_cut(void)
{
	struct port_handle long_name = open_port("vale0:123456789012345", SLOTS(2));
	struct port_handle pipe = open_port("p{abcdefghijklmnopqrstuvwxyz", SLOTS(2));

	CHECK(!strcmp(long_name.nifp->ni_name, "vale0:123456789"));
	CHECK(!strcmp(pipe.nifp->ni_name, "p{abcdefghijklm"));
	close_port(&long_name);
	close_port(&pipe);
}

int main(void)
{
	int32_t handle = use_netmap_sizes();

	default_port();
	several_rings();
	opens_of_one_port();
	extra_buffers();
	pipe_rings();
	slave_first();
	names_are_cut();
	EQUAL(valet_close(handle), 0);
	return 0;
}
