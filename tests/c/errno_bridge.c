/*
 * NEWIF, DELIF, ATTACH, DETACH and the questions about ports are answered with the kernel's errors.
 */
#include "t.h"

static int32_t handle;

static void new_and_gone(void)
{
	struct nmreq_vale_newif body = { .nr_tx_slots = 9000, .nr_rx_slots = 1, .nr_tx_rings = 40,
					 .nr_rx_rings = 3 };
	struct port_handle port;

	EQUAL(request(handle, NETMAP_REQ_VALE_NEWIF, "vi2", &body), 0);
	EQUAL(body.nr_tx_slots, 4096);
	EQUAL(body.nr_rx_slots, 1);
	EQUAL(body.nr_tx_rings, 16);
	EQUAL(body.nr_rx_rings, 3);
	EQUAL(newif(handle, "abcdefghijklmno", 16), 0);
	EQUAL(newif(handle, "vi2", 16), -EEXIST);
	EQUAL(newif(handle, "abcdefghijklmnop", 16), -EINVAL);
	EQUAL(newif(handle, "vale0:x", 16), -EINVAL);
	EQUAL(newif(handle, "valex", 16), -EINVAL);
	EQUAL(newif(handle, "a/b", 16), -EINVAL);
	EQUAL(newif(handle, "a b", 16), -EINVAL);
	EQUAL(newif(handle, "x:y", 16), -EINVAL);
	EQUAL(newif(handle, ".", 16), -EINVAL);
	body = (struct nmreq_vale_newif){ .nr_mem_id = 55 };
	EQUAL(request(handle, NETMAP_REQ_VALE_NEWIF, "vi3", &body), -EINVAL);
	EQUAL(body.nr_mem_id, 55);
	EQUAL(body.nr_tx_slots, 0);

	EQUAL(delif(handle, "vi2"), 0);
	EQUAL(delif(handle, "vi2"), -ENXIO);
	EQUAL(delif(handle, "nosuch"), -ENXIO);
	EQUAL(delif(handle, "vale0:a"), -ENXIO);
	port = open_port("abcdefghijklmno", REG());
	EQUAL(delif(handle, "abcdefghijklmno"), -EBUSY);
	close_port(&port);
	port = open_port("abcdefghijklmno{1", REG());
	EQUAL(delif(handle, "abcdefghijklmno"), -EBUSY);
	close_port(&port);
	EQUAL(delif(handle, "abcdefghijklmno"), 0);
	/* Made for a pipe, not by NEWIF: it goes with the pipe. */
	port = open_port("pp{1", SLOTS(2));
	EQUAL(delif(handle, "pp"), -EINVAL);
	EQUAL(attach(handle, "vale0:pp"), -EBUSY);
	close_port(&port);
	EQUAL(delif(handle, "pp"), -ENXIO);
}

static void attaching(void)
{
	struct nmreq_vale_attach body = { 0 };
	struct port_handle port;

	EQUAL(newif(handle, "vi4", 16), 0);
	EQUAL(attach(handle, "vale0:nosuch"), -EINVAL);
	EQUAL(list_index(handle, "vale0:nosuch"), -ENOENT); /* no bridge stays */
	EQUAL(attach(handle, "nosuch"), -EINVAL);
	EQUAL(attach(handle, "vi4"), -EINVAL);
	EQUAL(attach(handle, "foo0:vi4"), -EINVAL);
	EQUAL(attach(handle, "vale0"), -ENOMEM);
	EQUAL(attach(handle, "vale0:"), -EINVAL);
	EQUAL(attach(handle, "vale0:vi4{1"), -EINVAL);
	EQUAL(try_open("vale0:vi4", SLOTS(16), &port), -EINVAL);
	/* The mode does not matter. */
	for (body.reg.nr_mode = 0; body.reg.nr_mode <= 8; body.reg.nr_mode++) {
		EQUAL(request(handle, NETMAP_REQ_VALE_ATTACH, "vale0:vi4", &body), 0);
		EQUAL(body.port_index, 0);
		EQUAL(detach(handle, "vale0:vi4"), 0);
	}
	EQUAL(attach(handle, "vale0:vi4"), 0);
	EQUAL(attach(handle, "vale0:vi4"), -EBUSY);
	EQUAL(attach(handle, "vale1:vi4"), -EBUSY); /* the kernel attaches it twice */
	EQUAL(delif(handle, "vi4"), -EBUSY);
	EQUAL(detach(handle, "vi4"), -EINVAL);
	EQUAL(detach(handle, "vale0:vi4{1"), -ENXIO); /* a pipe of it, not the port */
	EQUAL(detach(handle, "vale1:vi4"), -ENXIO);
	EQUAL(list_index(handle, "vale0:vi4"), 0);

	/*
	 * Open it is, by either name; then it is not detached, and afterwards it is (the kernel
	 * never can).
	 */
	port = open_port("vale0:vi4", REG());
	CHECK(!strcmp(port.nifp->ni_name, "vi4"));
	EQUAL(detach(handle, "vale0:vi4"), -EBUSY);
	close_port(&port);
	port = open_port("vi4", REG());
	EQUAL(detach(handle, "vale0:vi4"), -EBUSY);
	close_port(&port);
	EQUAL(detach(handle, "vale0:vi4"), 0);
	EQUAL(detach(handle, "vale0:vi4"), -ENXIO);
	/* An open one is not attached, and not half attached either. */
	port = open_port("vi4", REG());
	EQUAL(attach(handle, "vale0:vi4"), -EBUSY);
	EQUAL(list_index(handle, "vale0:vi4"), -ENOENT);
	close_port(&port);
	EQUAL(attach(handle, "vale0:vi4"), 0);
	EQUAL(detach(handle, "vale0:vi4"), 0);
	EQUAL(delif(handle, "vi4"), 0);
}

static void ephemeral(void)
{
	struct port_handle e = open_port("vale0:e", SLOTS(16)), again;

	EQUAL(attach(handle, "vale0:e"), -EBUSY);
	EQUAL(detach(handle, "vale0:e"), -EBUSY);
	EQUAL(newif(handle, "e", 16), 0);
	EQUAL(attach(handle, "vale0:e"), -EBUSY);
	again = open_port("vale0:e", REG());
	EQUAL(again.reg.nr_mem_id, e.reg.nr_mem_id);
	close_port(&again);
	close_port(&e);
	EQUAL(attach(handle, "vale0:e"), 0);
	EQUAL(detach(handle, "vale0:e"), 0);
	EQUAL(delif(handle, "e"), 0);
	EQUAL(detach(handle, "vale0:nosuch"), -ENXIO);
	EQUAL(detach(handle, "vale7:x"), -ENXIO);
	EQUAL(detach(handle, "x"), -EINVAL);
	EQUAL(detach(handle, "vale0:"), -ENXIO);
	EQUAL(detach(handle, "vale0"), -ENXIO);
}

static int32_t header_set(const char *name, uint32_t bytes)
{
	struct nmreq_port_hdr body = { .nr_hdr_len = bytes };

	return request(handle, NETMAP_REQ_PORT_HDR_SET, name, &body);
}

static int32_t header_get(const char *name)
{
	struct nmreq_port_hdr body = { .nr_hdr_len = 99 };
	int32_t rc = request(handle, NETMAP_REQ_PORT_HDR_GET, name, &body);

	return rc < 0 ? rc : (int32_t)body.nr_hdr_len;
}

/* The lengths that headers may have, and whose. */
static void headers(void)
{
	struct port_handle port = open_port("vale0:a", SLOTS(16)), same;

	EQUAL(newif(handle, "vi0", 16), 0);
	EQUAL(header_set("vale0:a", 0), 0);
	EQUAL(header_set("vale0:a", 10), 0);
	EQUAL(header_get("vale0:a"), 10);
	EQUAL(header_set("vale0:a", 12), 0);
	EQUAL(header_get("vale0:a"), 12);
	EQUAL(try_open("vale0:a", SLOTS(16), &same), -EIO);
	EQUAL(try_open("vale0:a", REG(.nr_flags = NR_ACCEPT_VNET_HDR), &same), 0);
	close_port(&same);
	EQUAL(header_set("vale0:a", 0), 0);
	for (uint32_t bytes = 1; bytes < 64; bytes++)
		if (bytes != 10 && bytes != 12)
			EQUAL(header_set("vale0:a", bytes), -EINVAL);
	EQUAL(header_get("vale0:a"), 0);
	EQUAL(header_get("vi0"), 0);
	EQUAL(header_set("vi0", 10), -ENXIO);
	EQUAL(header_set("vale0:nope", 10), -ENXIO);
	EQUAL(header_get("vale0:nope"), -ENXIO);
	EQUAL(header_get("vale9:nope"), -ENXIO);
	EQUAL(header_set("vale0:a{1", 10), -ENXIO);
	EQUAL(header_get("vale0:a{1"), -ENODEV);
	EQUAL(delif(handle, "vi0"), 0);
	close_port(&port);
}

static struct nmreq_port_info_get info(const char *name, struct nmreq_port_info_get body, int32_t rc)
{
	EQUAL(request(handle, NETMAP_REQ_PORT_INFO_GET, name, &body), rc);
	return body;
}

static void information(void)
{
	const struct nmreq_port_info_get nothing = { 0 };
	struct nmreq_port_info_get body;
	struct nmreq_pools_info pools = { 0 };
	struct port_handle port;

	body = info("vale0:new", nothing, 0);
	EQUAL(body.nr_memsize, 42369024);
	EQUAL(body.nr_tx_slots, 1024);
	EQUAL(body.nr_tx_rings, 1);
	EQUAL(body.nr_host_tx_rings, 0);
	EQUAL(body.nr_mem_id, 2);
	EQUAL(list_index(handle, "vale0:new"), -ENOENT);
	body = info("vale0:new", (struct nmreq_port_info_get){ .nr_tx_slots = 256, .nr_rx_slots = 128,
							       .nr_tx_rings = 2, .nr_rx_rings = 3 },
		    0);
	EQUAL(body.nr_memsize, 9400320);
	EQUAL(info("vale0:", nothing, 0).nr_memsize, 42369024);
	info("vale0", nothing, -ENOMEM);
	info("vale", nothing, -ENOMEM);
	info("nosuch", nothing, -ENXIO);
	info("vale0:new", (struct nmreq_port_info_get){ .nr_mem_id = 99 }, -EINVAL);
	info("", (struct nmreq_port_info_get){ .nr_mem_id = 99 }, -EINVAL);
	EQUAL(request(handle, NETMAP_REQ_POOLS_INFO_GET, "", &pools), -ENXIO);
	pools.nr_mem_id = 99;
	EQUAL(request(handle, NETMAP_REQ_POOLS_INFO_GET, "", &pools), -EINVAL);
	pools.nr_mem_id = 0;
	EQUAL(request(handle, NETMAP_REQ_POOLS_INFO_GET, "vale0", &pools), -ENOMEM);
	EQUAL(request(handle, NETMAP_REQ_POOLS_INFO_GET, "nosuch", &pools), -ENXIO);

	port = open_port("vale0:a", REG(.nr_tx_slots = 8, .nr_rx_slots = 9));
	body = info("vale0:a", (struct nmreq_port_info_get){ .nr_tx_slots = 500 }, 0);
	EQUAL(body.nr_tx_slots, 8);
	EQUAL(body.nr_rx_slots, 9);
	info("vale0:a", (struct nmreq_port_info_get){ .nr_mem_id = 99 }, -EINVAL);
	body = info("", (struct nmreq_port_info_get){ .nr_mem_id = 2 }, 0);
	EQUAL(body.nr_memsize, port.reg.nr_memsize);
	/* A pipe's are in the terms of the end that is named. */
	EQUAL(info("vale0:a}1", nothing, 0).nr_tx_slots, 9);
	close_port(&port);
}

static void polling(void)
{
	struct nmreq_vale_polling body = { .nr_mode = NETMAP_POLLING_MODE_SINGLE_CPU };
	struct port_handle port = open_port("vale0:a", SLOTS(2));

	EQUAL(request(handle, NETMAP_REQ_VALE_POLLING_ENABLE, "vale0:a", &body), -EOPNOTSUPP);
	EQUAL(request(handle, NETMAP_REQ_VALE_POLLING_DISABLE, "vale0:a", &body), -EOPNOTSUPP);
	EQUAL(request(handle, NETMAP_REQ_VALE_POLLING_ENABLE, "vale0:b", &body), -ENXIO);
	EQUAL(request(handle, NETMAP_REQ_VALE_POLLING_ENABLE, "a", &body), -EINVAL);
	close_port(&port);
}

int main(void)
{
	handle = use_netmap_sizes();
	new_and_gone();
	attaching();
	ephemeral();
	headers();
	information();
	polling();
	EQUAL(valet_close(handle), 0);
	return 0;
}
