/*
 * Garbage in control requests is answered, never followed: random messages, half of them nearly
 * right.
 */
#include "t.h"

static uint32_t state = 0x5eed;

static uint32_t some(uint32_t below)
{
	return random_next(&state) % below;
}

static const char *const names[] = {
	"vale0:a", "vale0:b", "vale1:a", "vale0:", "vale0", "vale", "", "vi0",	 "vi1",	 "vale0:vi0",
	"vale0:a{1", "vale0:a}1", "p{1", "p}1", "p{", "{", "}", "vale0:{x", "vale1:vi1", "vi%d",
	"vale0:a{1{2", "vale0:a}1}2", "vale0:a}1{2", "a/b", "vale0:123456789012345",
	"vale0:1234567890123456",
};

static const uint16_t types[] = {
	NETMAP_REQ_REGISTER, NETMAP_REQ_REGISTER, NETMAP_REQ_PORT_INFO_GET, NETMAP_REQ_VALE_ATTACH,
	NETMAP_REQ_VALE_DETACH, NETMAP_REQ_VALE_LIST, NETMAP_REQ_PORT_HDR_SET,
	NETMAP_REQ_PORT_HDR_GET, NETMAP_REQ_VALE_NEWIF, NETMAP_REQ_VALE_DELIF, NETMAP_REQ_VALE_DELIF,
	NETMAP_REQ_VALE_POLLING_ENABLE, NETMAP_REQ_VALE_POLLING_DISABLE, NETMAP_REQ_POOLS_INFO_GET,
	NETMAP_REQ_SYNC_KLOOP_START, NETMAP_REQ_SYNC_KLOOP_STOP, NETMAP_REQ_CSB_ENABLE,
	VALET_REQ_BRIDGE_GET, VALET_REQ_BRIDGE_SET, VALET_REQ_TABLE_GET, VALET_REQ_TABLE_FLUSH,
	VALET_REQ_PORT_GET,
};

static uint64_t some_offset(uint32_t size)
{
	switch (some(6)) {
	case 0:
		return 0;
	case 1:
		return (uint64_t)random_next(&state) << 32 | random_next(&state);
	case 2:
		return some(size + 64);
	default:
		return some(size / 8 + 4) * 8;
	}
}

/* Small numbers mostly: rings, slots, modes, ring ids, mem ids. */
static void some_body(uint8_t *body, uint32_t bytes)
{
	for (uint32_t i = 0; i + 4 <= bytes; i += 4) {
		uint32_t value = some(3) ? some(4) * some(2) : some(8) ? some(300) : random_next(&state);

		memcpy(body + i, &value, sizeof(value));
	}
}

static void some_message(uint8_t *message, uint32_t size)
{
	struct nmreq_header *header = (void *)message;
	int body_bytes;

	some_body(message, size);
	if (size < sizeof(*header))
		return;
	header->nr_version = some(20) ? NETMAP_API : (uint16_t)random_next(&state);
	header->nr_reqtype = some(20) ? types[some(COUNT(types))] : (uint16_t)some(0x5700);
	/* An address that it is told to call, it calls. */
	if (header->nr_reqtype == VALET_REQ_LOOKUP_SET)
		header->nr_reqtype = 0;
	header->nr_reserved = some(20) ? 0 : 1;
	memset(header->nr_name, 0, sizeof(header->nr_name));
	if (some(8))
		strcpy(header->nr_name, names[some(COUNT(names))]);
	else
		for (uint32_t i = 0; i < sizeof(header->nr_name); i++)
			header->nr_name[i] = "vale0:{}a1\xff%/"[some(13)];
	body_bytes = request_body_bytes(header->nr_reqtype);
	if (some(4)) {
		struct nmreq_register *reg = (void *)(header + 1);

		header->nr_body = body_bytes > 0 ? sizeof(*header) : 0;
		header->nr_options = 0;
		if (header->nr_reqtype == NETMAP_REQ_REGISTER && size >= sizeof(*header) + sizeof(*reg)) {
			reg->nr_extra_bufs %= 1000; /* half a million would take their time */
			reg->nr_mode = some(3) ? NR_REG_ALL_NIC : reg->nr_mode;
			reg->nr_mem_id = some(3) ? 0 : reg->nr_mem_id;
		}
	} else {
		header->nr_body = some_offset(size);
		header->nr_options = some_offset(size);
		for (uint64_t at = sizeof(*header); at + 24 <= size; at += 8 * (1 + some(8))) {
			struct nmreq_option *option = (void *)(message + at);

			option->nro_next = some_offset(size);
			option->nro_reqtype = some(8);
			option->nro_size = some(2) ? some(64) : random_next(&state);
		}
	}
}

static int32_t handle[16];

static int32_t fresh(void)
{
	return open_handle();
}

int main(void)
{
	enum { ROUNDS = 60000 };
	uint32_t size, answered = 0, which;
	uint64_t *message;
	char name[NETMAP_REQ_IFNAMSIZ];

	for (size_t i = 0; i < COUNT(handle); i++)
		handle[i] = fresh();
	for (int round = 0; round < ROUNDS; round++) {
		/* Of its exact size, so that a byte beyond it is seen. */
		size = some(10) ? (uint32_t)sizeof(struct nmreq_header) + 80 + 8 * some(150) : some(300);
		message = malloc(size ? size : 1);
		CHECK(message);
		some_message((uint8_t *)message, size);
		which = some(COUNT(handle));
		answered += valet_control(handle[which], message, size) == 0;
		free(message);
		if (some(4) == 0) {
			valet_txsync(handle[which]);
			valet_poll(handle[which], POLLIN | POLLOUT, 0);
		}
		if (some(3) == 0) {
			EQUAL(valet_close(handle[which]), 0);
			handle[which] = fresh();
		}
	}
	if (answered < ROUNDS / 50)
		FAIL("only %u of %d requests were good", answered, ROUNDS);
	for (size_t i = 0; i < COUNT(handle); i++)
		EQUAL(valet_close(handle[i]), 0);
	/* What is left is what NEWIF made; it goes, and the engine is as new. */
	handle[0] = fresh();
	for (uint32_t index = 0; index < 256; index++) {
		struct nmreq_vale_list body = { .nr_bridge_idx = (uint16_t)index };
		struct nmreq_vale_detach port;

		memset(name, 0, sizeof(name));
		while (request_named(handle[0], NETMAP_REQ_VALE_LIST, name, &body) == 0) {
			EQUAL(request(handle[0], NETMAP_REQ_VALE_DETACH, name, &port), 0);
			memset(name, 0, sizeof(name));
			body = (struct nmreq_vale_list){ 0 };
		}
	}
	EQUAL(valet_close(handle[0]), 0);
	return 0;
}
