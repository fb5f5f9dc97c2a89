/* REGISTER and the request header are answered with the kernel's errors. */
#include "t.h"

static int32_t attempt(const char *name, struct nmreq_register reg)
{
	int32_t handle = open_handle();
	int32_t rc = request(handle, NETMAP_REQ_REGISTER, name, &reg);

	EQUAL(valet_close(handle), 0);
	return rc;
}

static void nothing_stayed(void)
{
	char name[NETMAP_REQ_IFNAMSIZ] = { 0 };
	struct nmreq_vale_list list = { 0 };
	int32_t handle = open_handle();

	EQUAL(request_named(handle, NETMAP_REQ_VALE_LIST, name, &list), -ENOENT);
	EQUAL(valet_close(handle), 0);
}

static void modes(void)
{
	for (uint32_t mode = 0; mode <= 10; mode++) {
		int good = mode == NR_REG_ALL_NIC || mode == NR_REG_ONE_NIC;

		EQUAL(attempt("vale0:a", REG(.nr_mode = mode, .nr_tx_slots = 16, .nr_rx_slots = 16)),
		      good ? 0 : -EINVAL);
	}
	for (uint16_t ring = 0; ring < 4; ring++)
		EQUAL(attempt("vale0:a", REG(.nr_mode = NR_REG_ONE_NIC, .nr_ringid = ring,
					     .nr_tx_rings = 2, .nr_rx_rings = 3)),
		      ring < 3 ? 0 : -EINVAL);
	EQUAL(attempt("vale0:a{1", REG(.nr_mode = NR_REG_SW)), -EINVAL);
	EQUAL(attempt("p{1", REG(.nr_mode = NR_REG_NIC_SW)), -EINVAL);
	nothing_stayed();
}

/* What is not an answer comes back as it was sent, and a failure changes nothing. */
static void written_back(void)
{
	struct nmreq_register reg = REG(.nr_mode = NR_REG_ALL_NIC, .nr_ringid = 77,
					.nr_flags = 0xffffffffffff0000ull, .nr_tx_slots = 16),
			      before;
	struct nmreq_vale_list list = { .nr_bridge_idx = 3, .nr_port_idx = 5 };
	struct nmreq_vale_attach attached = { .port_index = 77 };
	int32_t handle = open_handle();

	EQUAL(request(handle, NETMAP_REQ_REGISTER, "vale0:a", &reg), 0);
	EQUAL(reg.nr_ringid, 77);
	CHECK(reg.nr_flags == 0xffffffffffff0000ull);
	EQUAL(valet_close(handle), 0);

	handle = open_handle();
	reg = before = REG(.nr_mode = 9, .nr_extra_bufs = 4000000000u, .nr_tx_slots = 9000,
			   .nr_rx_rings = 99);
	EQUAL(request(handle, NETMAP_REQ_REGISTER, "vale0:a", &reg), -EINVAL);
	CHECK(!memcmp(&reg, &before, sizeof(reg)));
	EQUAL(request(handle, NETMAP_REQ_VALE_LIST, "vale77:a", &list), -ENOENT);
	EQUAL(list.nr_bridge_idx, 3);
	EQUAL(list.nr_port_idx, 5);
	EQUAL(request(handle, NETMAP_REQ_VALE_ATTACH, "vale0:nosuch", &attached), -EINVAL);
	EQUAL(attached.port_index, 77);
	EQUAL(valet_close(handle), 0);
}

/* A descriptor is bound once, and before anything else is asked about. */
static void twice(void)
{
	struct port_handle port = open_port("vale0:a", SLOTS(16));
	struct nmreq_register reg = REG(.nr_mode = NR_REG_ALL_NIC);

	EQUAL(request(port.handle, NETMAP_REQ_REGISTER, "vale0:a", &reg), -EBUSY);
	EQUAL(request(port.handle, NETMAP_REQ_REGISTER, "vale0:b", &reg), -EBUSY);
	reg.nr_mode = 0;
	EQUAL(request(port.handle, NETMAP_REQ_REGISTER, "vale0:b", &reg), -EBUSY);
	close_port(&port);
}

struct name_row {
	const char *name;
	int32_t rc;
};

static void names(void)
{
	static const struct name_row rows[] = {
		{ "", -ENXIO },
		{ "a", -ENXIO },
		{ "nosuch0", -ENXIO },
		{ "VALE0:a", -ENXIO },
		{ "vale", -ENOMEM },
		{ "vale0", -ENOMEM },
		{ "vale-1:a", -ENOMEM },
		{ "vale 0:a", -ENOMEM },
		{ "vale0:", 0 },
		{ "vale:x", 0 },
		{ "vale1:a:b", 0 },
		{ "vale_1:a", 0 },
		{ "vale0:a b", 0 },
		{ "vale0:a/b", 0 },
		{ "vale0:a.b_c-1", 0 },
		{ "vale0:\xff", 0 },
		{ "valexyz:a", 0 },
		{ "vale01234567890:a", 0 }, /* 15 characters */
		{ "vale012345678901:a", -ENOMEM },
		{ "vale0:123456789012345", 0 },
		{ "vale0:1234567890123456", -ENOMEM },
		{ "vale0:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", -ENOMEM },
		{ "vale0:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", -ENOMEM },
		{ "p{", -EINVAL },
		{ "p}", -EINVAL },
		{ "{1", -EINVAL },
		{ "}1", -EINVAL },
		{ "thisnameislongerthan15{1", -ENXIO },
		{ "vale0{1", -ENOMEM },
		{ "p{1", 0 },
		{ "p{1}2", 0 },
		{ "p{abcdefghijklmnopqrstuvwxyz", 0 },
		{ "vale0:a{x{y", 0 },
		{ "vale0:a{a b", 0 },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		int32_t rc = attempt(rows[i].name, REG(.nr_mode = NR_REG_ALL_NIC, .nr_tx_slots = 16,
						       .nr_rx_slots = 16));

		if (rc != rows[i].rc)
			FAIL("\"%s\" is answered with %d, not %d", rows[i].name, rc, rows[i].rc);
	}
	nothing_stayed();
}

/* Two names with a common start are two ports, though netmap_if shows the same. */
static void long_names(void)
{
	struct port_handle a = open_port("vale0:123456789012345", SLOTS(2));
	struct port_handle b = open_port("vale0:123456789012344", SLOTS(2));

	CHECK(a.base != b.base);
	EQUAL(list_index(a.handle, "vale0:123456789012345"), 0);
	EQUAL(list_index(a.handle, "vale0:123456789012344"), 1);
	close_port(&a);
	close_port(&b);
}

static void exclusive(void)
{
	struct nmreq_register shared = REG(.nr_tx_rings = 2, .nr_rx_rings = 2, .nr_tx_slots = 16,
					   .nr_rx_slots = 16),
			      alone = shared, ring = shared;
	struct port_handle a, b, c;

	alone.nr_flags = NR_EXCLUSIVE;
	ring.nr_flags = NR_EXCLUSIVE;
	ring.nr_mode = NR_REG_ONE_NIC;

	a = open_port("vale0:a", shared);
	EQUAL(try_open("vale0:a", alone, &b), -EBUSY);
	close_port(&a);
	a = open_port("vale0:a", alone);
	EQUAL(try_open("vale0:a", shared, &b), -EBUSY);
	EQUAL(try_open("vale0:a", alone, &b), -EBUSY);
	close_port(&a);

	a = open_port("vale0:a", ring);
	ring.nr_ringid = 1;
	b = open_port("vale0:a", ring);
	EQUAL(try_open("vale0:a", shared, &c), -EBUSY);
	close_port(&b);
	ring.nr_flags = 0;
	b = open_port("vale0:a", ring);
	c = open_port("vale0:a", ring);
	close_port(&a);
	close_port(&b);
	close_port(&c);

	alone.nr_flags = NR_EXCLUSIVE | NR_TX_RINGS_ONLY;
	a = open_port("vale0:a", alone);
	alone.nr_flags = NR_EXCLUSIVE | NR_RX_RINGS_ONLY;
	b = open_port("vale0:a", alone);
	shared.nr_flags = NR_TX_RINGS_ONLY;
	EQUAL(try_open("vale0:a", shared, &c), -EBUSY);
	close_port(&a);
	c = open_port("vale0:a", shared);
	close_port(&b);
	close_port(&c);

	/* On a pipe for each end; a parent of which only pipes are open is not open. */
	alone = SLOTS(2);
	alone.nr_flags = NR_EXCLUSIVE;
	a = open_port("vale0:p{1", alone);
	b = open_port("vale0:p}1", alone);
	EQUAL(try_open("vale0:p{1", SLOTS(2), &c), -EBUSY);
	c = open_port("vale0:p", alone);
	close_port(&a);
	close_port(&b);
	close_port(&c);
	nothing_stayed();
}

/* What a header or the shape of a message may not be. */
static int32_t raw(uint16_t version, uint16_t type, uint32_t reserved, int with_body, const char *name)
{
	struct {
		struct nmreq_header header;
		uint8_t body[2048];
	} message = { .header = { .nr_version = version, .nr_reqtype = type,
				  .nr_reserved = reserved } };
	struct nmreq_register *reg = (void *)message.body;
	int32_t handle = open_handle(), rc;

	if (type == NETMAP_REQ_REGISTER)
		reg->nr_mode = NR_REG_ALL_NIC;
	strcpy(message.header.nr_name, name);
	message.header.nr_body = with_body ? sizeof(message.header) : 0;
	rc = valet_control(handle, &message, sizeof(message));
	EQUAL(message.header.nr_reserved, reserved);
	EQUAL(message.header.nr_version, version);
	EQUAL(valet_close(handle), 0);
	return rc;
}

static void headers(void)
{
	static const uint16_t unknown[] = { 0, 16, 17, 100, 255, 65535, VALET_REQ_BRIDGE_GET - 1,
					    VALET_REQ_INTERFACES_GET + 1, VALET_REQ_MEMORY_GET - 1,
					    VALET_REQ_SHORTAGE_GET + 1 };

	for (uint16_t version = 0; version < 20; version++)
		EQUAL(raw(version, NETMAP_REQ_REGISTER, 0, 1, "vale0:a"),
		      version == 14 || version == 15 ? 0 : -EINVAL);
	EQUAL(raw(14, NETMAP_REQ_REGISTER, 1, 1, "vale0:a"), -EINVAL);
	for (size_t i = 0; i < COUNT(unknown); i++) {
		EQUAL(raw(14, unknown[i], 0, 0, "vale0:a"), -EINVAL);
		EQUAL(raw(14, unknown[i], 0, 1, "vale0:a"), -EINVAL);
	}
	for (uint16_t type = 1; type <= 13; type++)
		EQUAL(raw(14, type, 0, type == NETMAP_REQ_VALE_DELIF, "zzz"), -EINVAL);
	for (uint16_t type = 14; type <= 15; type++)
		EQUAL(raw(14, type, 0, 1, "zzz"), -EINVAL);
	EQUAL(raw(14, NETMAP_REQ_CSB_ENABLE, 0, 0, "zzz"), -EINVAL);
	nothing_stayed();
}

/* The empty name, request by request. */
static void no_name(void)
{
	EQUAL(raw(14, NETMAP_REQ_REGISTER, 0, 1, ""), -ENXIO);
	EQUAL(raw(14, NETMAP_REQ_VALE_ATTACH, 0, 1, ""), -EINVAL);
	EQUAL(raw(14, NETMAP_REQ_VALE_DETACH, 0, 1, ""), -EINVAL);
	EQUAL(raw(14, NETMAP_REQ_VALE_LIST, 0, 1, ""), -ENOENT);
	EQUAL(raw(14, NETMAP_REQ_PORT_HDR_SET, 0, 1, ""), -ENXIO);
	EQUAL(raw(14, NETMAP_REQ_PORT_HDR_GET, 0, 1, ""), -ENXIO);
	EQUAL(raw(14, NETMAP_REQ_VALE_NEWIF, 0, 1, ""), -EINVAL);
	EQUAL(raw(14, NETMAP_REQ_VALE_DELIF, 0, 0, ""), -ENXIO);
	EQUAL(raw(14, NETMAP_REQ_VALE_POLLING_ENABLE, 0, 1, ""), -EINVAL);
	EQUAL(raw(14, NETMAP_REQ_VALE_POLLING_DISABLE, 0, 1, ""), -EINVAL);
	EQUAL(raw(14, NETMAP_REQ_POOLS_INFO_GET, 0, 1, ""), -ENXIO);
}

struct options_message {
	struct nmreq_header header;
	struct nmreq_register reg;
	uint8_t room[2 * NETMAP_REQ_MAXSIZE];
};

struct option_row {
	uint32_t type[3]; /* of up to three options; the end is NO_OPTION */
	uint64_t size[3]; /* their nro_size */
	int32_t rc;
	uint32_t status[3];
};

#define NO_OPTION UINT32_MAX

enum { OPTIONS_AT = offsetof(struct options_message, room), OPTION_EACH = 2048, STATUS = 77 };

static struct nmreq_option *option_of(struct options_message *message, int i)
{
	return (void *)(message->room + i * OPTION_EACH);
}

static void option_row(const struct option_row *row)
{
	struct options_message message = {
		.header = { .nr_version = NETMAP_API, .nr_reqtype = NETMAP_REQ_REGISTER,
			    .nr_name = "vale0:a", .nr_body = sizeof(struct nmreq_header),
			    .nr_options = OPTIONS_AT },
		.reg = { .nr_mode = NR_REG_ALL_NIC },
	};
	int32_t handle = open_handle();
	uint64_t *link = &message.header.nr_options;

	for (int i = 0; i < 3 && row->type[i] != NO_OPTION; i++) {
		struct nmreq_option *option = option_of(&message, i);

		*option = (struct nmreq_option){ .nro_reqtype = row->type[i],
						 .nro_status = STATUS, .nro_size = row->size[i] };
		*link = OPTIONS_AT + (uint64_t)i * OPTION_EACH;
		link = &option->nro_next;
	}
	EQUAL(valet_control(handle, &message, sizeof(message)), row->rc);
	for (int i = 0; i < 3 && row->type[i] != NO_OPTION; i++)
		EQUAL(option_of(&message, i)->nro_status, row->status[i]);
	/* The same descriptor can then do without. */
	nothing_stayed();
	message.header.nr_options = 0;
	EQUAL(valet_control(handle, &message, sizeof(message)), 0);
	EQUAL(valet_close(handle), 0);
}

static void options(void)
{
	static const struct option_row rows[] = {
		{ { 50, NO_OPTION }, { 0 }, -EOPNOTSUPP, { EOPNOTSUPP } },
		{ { 50, 51, 50 }, { 0 }, -EOPNOTSUPP, { EOPNOTSUPP, EOPNOTSUPP, EOPNOTSUPP } },
		{ { 50, NO_OPTION }, { ~0ull }, -EOPNOTSUPP, { EOPNOTSUPP } },
		{ { 0, NO_OPTION }, { 0 }, -EINVAL, { EINVAL } },
		{ { 50, 0, 51 }, { 0 }, -EINVAL, { 0, EINVAL, STATUS } },
		{ { 4, 50, 4 }, { 0 }, -EINVAL, { EINVAL, 0, EINVAL } },
		{ { 4, 4, 50 }, { 0 }, -EINVAL, { EINVAL, EINVAL, STATUS } },
		/* An option that belongs to another request. */
		{ { 4, NO_OPTION }, { 0 }, -EOPNOTSUPP, { EOPNOTSUPP } },
		{ { 2, NO_OPTION }, { 0 }, -EOPNOTSUPP, { EOPNOTSUPP } },
		{ { 2, NO_OPTION }, { 1024 }, -EOPNOTSUPP, { EOPNOTSUPP } },
		{ { 2, NO_OPTION }, { 4097 }, -EMSGSIZE, { 0 } },
		{ { 50, 4, 51 }, { 0, ~0ull, 0 }, -EMSGSIZE, { 0, 0, STATUS } },
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		option_row(&rows[i]);
}

/* How many options a request may have: the module's copy of it has room for 127. */
static void many_options(int count, int32_t rc)
{
	struct options_message message = {
		.header = { .nr_version = NETMAP_API, .nr_reqtype = NETMAP_REQ_REGISTER,
			    .nr_name = "vale0:a", .nr_body = sizeof(struct nmreq_header),
			    .nr_options = OPTIONS_AT },
		.reg = { .nr_mode = NR_REG_ALL_NIC },
	};
	struct nmreq_option *option = (void *)message.room;
	int32_t handle = open_handle();

	for (int i = 0; i < count; i++) {
		option[i].nro_reqtype = 50;
		option[i].nro_next = i + 1 < count ? OPTIONS_AT + (i + 1) * sizeof(*option) : 0;
	}
	EQUAL(valet_control(handle, &message, sizeof(message)), rc);
	EQUAL(option[count - 1].nro_status, rc == -EMSGSIZE ? 0 : EOPNOTSUPP);
	EQUAL(valet_close(handle), 0);
}

/* Requests that know nothing of options do what they do. */
static void options_ignored(void)
{
	struct {
		struct nmreq_header header;
		struct nmreq_vale_list list;
		struct nmreq_option option;
	} message = { .header = { .nr_version = NETMAP_API, .nr_reqtype = NETMAP_REQ_VALE_LIST,
				  .nr_body = sizeof(struct nmreq_header),
				  .nr_options = sizeof(struct nmreq_header) +
						sizeof(struct nmreq_vale_list) },
		      .option = { .nro_reqtype = 50 } };
	struct port_handle port = open_port("vale0:a", SLOTS(16));

	EQUAL(valet_control(port.handle, &message, sizeof(message)), 0);
	EQUAL(message.option.nro_status, EOPNOTSUPP);
	CHECK(!strcmp(message.header.nr_name, "vale0:a"));
	close_port(&port);
}

int main(void)
{
	modes();
	written_back();
	twice();
	names();
	long_names();
	exclusive();
	headers();
	no_name();
	options();
	many_options(127, -EOPNOTSUPP);
	many_options(128, -EMSGSIZE);
	options_ignored();
	return 0;
}
