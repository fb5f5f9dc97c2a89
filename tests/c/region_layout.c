/* Regions have the sizes and offsets that the kernel's have, row by row. */
#include "t.h"

#include "engine/port.h"

struct row {
	const char *name;
	struct nmreq_register asked;
	uint32_t tx_rings, rx_rings, tx_slots, rx_slots, extra; /* granted */
	uint64_t memsize;
	uint32_t rings, ring_bytes, buffers;
};

#define ASK(tr, rr, ts, rs, extra)                                                              \
	REG(.nr_tx_rings = (tr), .nr_rx_rings = (rr), .nr_tx_slots = (ts), .nr_rx_slots = (rs), \
	    .nr_extra_bufs = (extra))

/* What the module answered on a fresh system. */
static const struct row rows[] = {
	{ "vale0:a", ASK(0, 0, 0, 0, 0), 1, 1, 1024, 1024, 0, 42369024, 20, 20480, 20482 },
	{ "vale0:a", ASK(0, 0, 256, 256, 0), 1, 1, 256, 256, 0, 10911744, 20, 20480, 5122 },
	{ "vale0:a", ASK(0, 0, 1, 1, 0), 1, 1, 1, 1, 0, 8814592, 20, 20480, 4098 },
	{ "vale0:a", ASK(0, 0, 2, 2, 0), 1, 1, 2, 2, 0, 8814592, 20, 20480, 4098 },
	{ "vale0:a", ASK(0, 0, 16, 16, 0), 1, 1, 16, 16, 0, 8814592, 20, 20480, 4098 },
	{ "vale0:a", ASK(0, 0, 64, 64, 0), 1, 1, 64, 64, 0, 8814592, 20, 20480, 4098 },
	{ "vale0:a", ASK(0, 0, 2048, 2048, 0), 1, 1, 2048, 2048, 0, 84959232, 32, 33024, 40962 },
	{ "vale0:a", ASK(0, 0, 4096, 4096, 0), 1, 1, 4096, 4096, 0, 169893888, 32, 65792, 81922 },
	{ "vale0:a", ASK(0, 0, 9000, 9000, 0), 1, 1, 4096, 4096, 0, 169893888, 32, 65792, 81922 },
	{ "vale0:a", ASK(0, 0, 64, 1024, 0), 1, 1, 64, 1024, 0, 22708224, 20, 20480, 10882 },
	{ "vale0:a", ASK(0, 0, 1024, 64, 0), 1, 1, 1024, 64, 0, 22708224, 20, 20480, 10882 },
	{ "vale0:a", ASK(2, 2, 1024, 1024, 0), 2, 2, 1024, 1024, 0, 46604288, 22, 20480, 22530 },
	{ "vale0:a", ASK(2, 2, 256, 256, 0), 2, 2, 256, 256, 0, 12001280, 22, 20480, 5634 },
	{ "vale0:a", ASK(4, 4, 1024, 1024, 0), 4, 4, 1024, 1024, 0, 55074816, 26, 20480, 26626 },
	{ "vale0:a", ASK(4, 4, 256, 256, 0), 4, 4, 256, 256, 0, 14180352, 26, 20480, 6658 },
	{ "vale0:a", ASK(16, 16, 0, 0, 0), 16, 16, 1024, 1024, 0, 105897984, 50, 20480, 51202 },
	{ "vale0:a", ASK(40, 40, 0, 0, 0), 16, 16, 1024, 1024, 0, 105897984, 50, 20480, 51202 },
	{ "vale0:a", ASK(16, 16, 256, 256, 0), 16, 16, 256, 256, 0, 27254784, 50, 20480, 12802 },
	{ "vale0:a", ASK(16, 16, 4096, 4096, 0), 16, 16, 4096, 4096, 0, 423657472, 64, 65792, 204802 },
	{ "vale0:a", ASK(4, 3, 200, 300, 0), 4, 3, 200, 300, 0, 13225984, 25, 20480, 6202 },
	{ "vale0:a", ASK(0, 0, 0, 0, 10), 1, 1, 1024, 1024, 10, 42389504, 20, 20480, 20492 },
	{ "vale0:a", ASK(0, 0, 0, 0, 1000), 1, 1, 1024, 1024, 1000, 44417024, 20, 20480, 21482 },
	{ "vale0:a", ASK(0, 0, 16, 16, 10), 1, 1, 16, 16, 10, 8814592, 20, 20480, 4098 },
	{ "vale0:a", ASK(0, 0, 16, 16, 1000), 1, 1, 16, 16, 1000, 8814592, 20, 20480, 4098 },
	{ "vale0:a", ASK(0, 0, 256, 256, 100), 1, 1, 256, 256, 100, 11116544, 20, 20480, 5222 },
	{ "vale0:a{1", ASK(0, 0, 0, 0, 0), 1, 1, 1024, 1024, 0, 42369024, 20, 20480, 20482 },
	{ "vale0:a{1", ASK(0, 0, 256, 256, 0), 1, 1, 256, 256, 0, 10911744, 20, 20480, 5122 },
	{ "vale0:a{1", ASK(2, 3, 64, 128, 0), 2, 3, 64, 128, 0, 8876032, 23, 20480, 4098 },
	{ "vale0:a}1", ASK(0, 0, 64, 128, 0), 1, 1, 128, 64, 0, 8814592, 20, 20480, 4098 },
	{ "vale0:a{1", ASK(0, 0, 9000, 9000, 0), 1, 1, 4096, 4096, 0, 169893888, 32, 65792, 81922 },
	{ "pp{1", ASK(0, 0, 0, 0, 0), 1, 1, 1024, 1024, 0, 42369024, 20, 20480, 20482 },
	{ "pp{1", ASK(0, 0, 256, 256, 0), 1, 1, 256, 256, 0, 10911744, 20, 20480, 5122 },
	{ "pp{1", ASK(2, 2, 256, 256, 0), 2, 2, 256, 256, 0, 12001280, 22, 20480, 5634 },
	{ "pp}1", ASK(0, 0, 16, 16, 0), 1, 1, 16, 16, 0, 8814592, 20, 20480, 4098 },
	{ "pp{1", ASK(0, 0, 16, 16, 1000), 1, 1, 16, 16, 1000, 8814592, 20, 20480, 4098 },
};

static void check_pools(int32_t handle, const char *name, const struct row *row)
{
	struct nmreq_pools_info pools = { 0 };

	EQUAL(request(handle, NETMAP_REQ_POOLS_INFO_GET, name, &pools), 0);
	EQUAL(pools.nr_memsize, row->memsize);
	EQUAL(pools.nr_if_pool_offset, 0);
	EQUAL(pools.nr_if_pool_objtotal, 12);
	EQUAL(pools.nr_if_pool_objsize, 1024);
	EQUAL(pools.nr_ring_pool_offset, 12288);
	EQUAL(pools.nr_ring_pool_objtotal, row->rings);
	EQUAL(pools.nr_ring_pool_objsize, row->ring_bytes);
	EQUAL(pools.nr_buf_pool_offset, 12288 + (uint64_t)row->rings * row->ring_bytes);
	EQUAL(pools.nr_buf_pool_objtotal, row->buffers);
	EQUAL(pools.nr_buf_pool_objsize, 2048);
	EQUAL(pools.nr_mem_id, 2);
}

static void check_row(const struct row *row)
{
	struct port_handle port;

	port = open_port(row->name, row->asked);
	EQUAL(port.reg.nr_tx_rings, row->tx_rings);
	EQUAL(port.reg.nr_rx_rings, row->rx_rings);
	EQUAL(port.reg.nr_tx_slots, row->tx_slots);
	EQUAL(port.reg.nr_rx_slots, row->rx_slots);
	EQUAL(port.reg.nr_host_tx_rings, 0);
	EQUAL(port.reg.nr_host_rx_rings, 0);
	EQUAL(port.reg.nr_extra_bufs, row->extra);
	EQUAL(port.reg.nr_memsize, row->memsize);
	EQUAL(port.reg.nr_mem_id, 2);
	check_pools(port.handle, row->name, row);
	close_port(&port);
}

/* Sizes at netmap's limits, without taking them. */
static int64_t layout(const struct region_request *want, struct pool pool[POOLS])
{
	struct memory_parameters netmaps = memory_parameters_default;
	struct pool_size sizes[POOLS];
	int rc;

	netmaps.alone[POOL_BUFFER].object_bytes = 2048;
	rc = region_sizes(&netmaps, want, sizes);
	return rc < 0 ? rc : (int64_t)region_layout(sizes, pool);
}

static void limits(void)
{
	struct pool pool[POOLS];
	struct region_request want = { 1, 1, 256, 256, 524288 };

	EQUAL(layout(&want, pool), 1084653568);
	EQUAL(pool[POOL_BUFFER].objects, 529410);
	want = (struct region_request){ 1, 1, 16, 16, 524288 };
	EQUAL(layout(&want, pool), 1074823168);
	EQUAL(pool[POOL_BUFFER].objects, 524610);
	want = (struct region_request){ 1, 1, 4096, 4096, 1000000 };
	EQUAL(layout(&want, pool), -EINVAL);
	want = (struct region_request){ 1, 1, 16384, 16, 0 };
	EQUAL(layout(&want, pool), -EINVAL);
	want = (struct region_request){ 600, 600, 1, 1, 0 };
	EQUAL(layout(&want, pool), -EINVAL);
}

/* What is asked for beyond netmap's limits is cut to them; 0 is the default. */
static void bounds(void)
{
	struct port_shape shape = { .count = { 300, 0 }, .slots = { 0, 9000 },
				    .extra_buffers = 4000000000u };

	port_shape_bound(&shape, PORT_RINGS_MAX, PORT_SLOTS_DEFAULT, 77);
	EQUAL(shape.count[RX], 16);
	EQUAL(shape.count[TX], 1);
	EQUAL(shape.slots[RX], 77);
	EQUAL(shape.slots[TX], 4096);
	EQUAL(shape.extra_buffers, 524288);
}

static void pipe_in_parents_region(void)
{
	static const uint32_t slots[][2] = { { 0, 256 }, { 64, 64 }, { 1024, 1024 } };
	struct port_handle parent = open_port("vale0:a", SLOTS(256)), pipe;

	for (size_t i = 0; i < COUNT(slots); i++) {
		pipe = open_port("vale0:a{1", SLOTS(slots[i][0]));
		EQUAL(pipe.reg.nr_tx_slots, slots[i][1]);
		EQUAL(pipe.reg.nr_rx_slots, slots[i][1]);
		EQUAL(pipe.reg.nr_memsize, 10911744);
		EQUAL(pipe.reg.nr_mem_id, parent.reg.nr_mem_id);
		close_port(&pipe);
	}
	EQUAL(try_open("vale0:a{1", SLOTS(2000), &pipe), -ENOMEM);
	close_port(&parent);
}

/* What NEWIF made stays, whatever is asked for when it is opened. */
static void persistent(void)
{
	static const struct row big = { .memsize = 42369024, .rings = 20, .ring_bytes = 20480,
					.buffers = 20482 };
	struct nmreq_vale_newif body = { 0 };
	struct port_handle port;
	int32_t handle = open_handle();

	EQUAL(request(handle, NETMAP_REQ_VALE_NEWIF, "vi0", &body), 0);
	EQUAL(body.nr_tx_slots, 1024);
	EQUAL(body.nr_rx_slots, 1024);
	EQUAL(body.nr_tx_rings, 1);
	EQUAL(body.nr_rx_rings, 1);
	EQUAL(body.nr_mem_id, 2);
	check_pools(handle, "vi0", &big);
	port = open_port("vi0", ASK(2, 2, 256, 256, 100));
	EQUAL(port.reg.nr_memsize, 42369024);
	EQUAL(port.reg.nr_tx_slots, 1024);
	EQUAL(port.reg.nr_rx_slots, 1024);
	EQUAL(port.reg.nr_tx_rings, 1);
	EQUAL(port.reg.nr_rx_rings, 1);
	EQUAL(port.reg.nr_extra_bufs, 100);
	close_port(&port);
	body = (struct nmreq_vale_newif){ .nr_tx_slots = 256, .nr_rx_slots = 256 };
	EQUAL(request(handle, NETMAP_REQ_VALE_NEWIF, "vi1", &body), 0);
	EQUAL(body.nr_mem_id, 3);
	port = open_port("vi1", REG());
	EQUAL(port.reg.nr_memsize, 10911744);
	EQUAL(port.reg.nr_tx_slots, 256);
	close_port(&port);
	EQUAL(delif(handle, "vi0"), 0);
	EQUAL(delif(handle, "vi1"), 0);
	EQUAL(valet_close(handle), 0);
}

int main(void)
{
	struct port_handle port;
	int32_t handle = use_netmap_sizes();

	for (size_t i = 0; i < COUNT(rows); i++)
		check_row(&rows[i]);
	EQUAL(try_open("vale0:a{1", ASK(300, 300, 8, 8, 0), &port), -ENOMEM);
	limits();
	bounds();
	pipe_in_parents_region();
	persistent();
	EQUAL(valet_close(handle), 0);
	return 0;
}
