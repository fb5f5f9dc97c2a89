/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Control requests with anything in them, options included: half of the time on the engine here, half
 * on a daemon's. Other ports of the same engine work on, and at the end everything can be taken apart.
 */
#include "fuzz.h"

static const char *const names[] = {
	"vale0:a", "vale0:b", "vale1:a", "vale0:", "vale0", "vale", "", "vi0", "vi1", "vale0:vi0",
	"vale1:vi1", "vale0:a{1", "vale0:a}1", "p{1", "p}1", "p{", "{", "}", "vi%d", "vale0:a{1{2",
	"a/b", "vale0:123456789012345", "vale0:1234567890123456", "vale0:a/x", "vale3:mon",
};

static const uint16_t types[] = {
	NETMAP_REQ_REGISTER, NETMAP_REQ_REGISTER, NETMAP_REQ_REGISTER, NETMAP_REQ_PORT_INFO_GET,
	NETMAP_REQ_VALE_ATTACH, NETMAP_REQ_VALE_DETACH, NETMAP_REQ_VALE_LIST, NETMAP_REQ_PORT_HDR_SET,
	NETMAP_REQ_PORT_HDR_GET, NETMAP_REQ_VALE_NEWIF, NETMAP_REQ_VALE_DELIF,
	NETMAP_REQ_VALE_POLLING_ENABLE, NETMAP_REQ_VALE_POLLING_DISABLE, NETMAP_REQ_POOLS_INFO_GET,
	NETMAP_REQ_SYNC_KLOOP_START, NETMAP_REQ_SYNC_KLOOP_STOP, NETMAP_REQ_CSB_ENABLE,
	VALET_REQ_BRIDGE_GET, VALET_REQ_BRIDGE_SET, VALET_REQ_TABLE_GET, VALET_REQ_TABLE_FLUSH,
	VALET_REQ_PORT_GET,
};

enum { MESSAGE_BYTES = 12 * 1024, HANDLES = 16, MEMORY_BYTES = 8 << 20 };

/* What options may point to: the program's own, and not used by anything else. */
static uint8_t *memory;

static uint64_t some_address(void)
{
	switch (some(6)) {
	case 0:
		return 0;
	case 1:
		return 0x10;
	case 2:
		return 0x1000; /* nothing is there */
	case 3:
		return (uintptr_t)memory + some(MEMORY_BYTES);
	default:
		return (uintptr_t)memory + some(MEMORY_BYTES / 4096) * 4096;
	}
}

/* Any of the fields of 32 bits. */
static void some_fields(uint8_t *at, uint32_t bytes)
{
	for (uint32_t i = 0; i + 4 <= bytes; i += 4) {
		uint32_t value = (uint32_t)(some(3) ? some(4) * some(2) : some_number());

		memcpy(at + i, &value, sizeof(value));
	}
}

/* An option, nearly right. Returns its bytes. */
static uint32_t some_option(struct nmreq_option *option, uint64_t next)
{
	uint32_t type = some(8) ? 1 + some(5) : (uint32_t)some_number(), bytes;

	*option = (struct nmreq_option){ .nro_reqtype = type,
					 .nro_next = next,
					 .nro_size = some(4) ? 24 + 8 * some(5) : some_number() };
	bytes = (uint32_t)(option->nro_size > 1024 ? 24 : request_option_bytes(type, option->nro_size));
	some_fields((uint8_t *)(option + 1), bytes - sizeof(*option));
	if (type == NETMAP_REQ_OPT_EXTMEM) {
		struct nmreq_opt_extmem *extmem = (void *)option;

		extmem->nro_usrptr = some_address();
		extmem->nro_info.nr_memsize = some(2) ? some(MEMORY_BYTES / 2) : some_number();
	} else if (type == NETMAP_REQ_OPT_CSB) {
		struct nmreq_opt_csb *csb = (void *)option;

		csb->csb_atok = some_address();
		csb->csb_ktoa = some_address();
	} else if (type == NETMAP_REQ_OPT_OFFSETS) {
		struct nmreq_opt_offsets *offsets = (void *)option;

		offsets->nro_max_offset = some_number();
		offsets->nro_initial_offset = some(2) ? some(2048) : some_number();
	}
	return (bytes + 7) & ~7u;
}

/* Returns its length. */
static uint32_t some_message(uint8_t *message)
{
	struct nmreq_header *header = (void *)message;
	uint32_t body, at = sizeof(*header), options = some(3) ? 0 : some(5);
	uint64_t *link = &header->nr_options;
	int known;

	memset(message, 0, MESSAGE_BYTES);
	header->nr_version = some(40) ? NETMAP_API + some(2) : (uint16_t)some_number();
	header->nr_reqtype = some(40) ? types[some(COUNT(types))] : (uint16_t)some(200);
	header->nr_reserved = some(40) ? 0 : (uint32_t)some_number();
	if (some(8))
		strcpy(header->nr_name, names[some(COUNT(names))]);
	else
		for (uint32_t i = 0; i < sizeof(header->nr_name); i++)
			header->nr_name[i] = "vale0:{}a1\xff%/\0"[some(14)];
	known = request_body_bytes(header->nr_reqtype);
	body = some(40) && known >= 0 ? (uint32_t)known : some(200) & ~7u;
	some_fields(message + at, body);
	if (header->nr_reqtype == NETMAP_REQ_REGISTER) {
		struct nmreq_register *reg = (void *)(message + at);

		reg->nr_extra_bufs %= 1000; /* half a million would take their time */
		reg->nr_mode = some(3) ? NR_REG_ALL_NIC : reg->nr_mode;
		reg->nr_flags = some(2) ? 0 : (some_number() | (some(2) ? NR_EXCLUSIVE : 0));
		reg->nr_mem_id = some(3) ? 0 : reg->nr_mem_id;
	}
	header->nr_body = body || !some(40) ? at : 0;
	at += (body + 7) & ~7u;
	for (uint32_t i = 0; i < options && at < MESSAGE_BYTES - 2048; i++) {
		struct nmreq_option *option = (void *)(message + at);
		uint32_t bytes = some_option(option, 0);

		*link = at;
		link = &option->nro_next;
		at += bytes;
	}
	if (options && !some(10))
		*link = some(at); /* a loop, or nonsense */
	return some(40) ? at : some(at + 100);
}

static int32_t handles[HANDLES];

/* One that starts a loop has it end at once: it was told to before. */
static int32_t make_request(int32_t handle, void *message, uint32_t size)
{
	const struct nmreq_header *header = message;

	if (size >= sizeof(*header) && header->nr_reqtype == NETMAP_REQ_SYNC_KLOOP_START)
		request(handle, NETMAP_REQ_SYNC_KLOOP_STOP, "", NULL);
	return valet_control(handle, message, size);
}

static void one_round(uint64_t *answered)
{
	static uint8_t draft[MESSAGE_BYTES];
	uint32_t size = some_message(draft), which = some(HANDLES);
	/* Of its exact size, so that a byte beyond it is seen. */
	void *message = malloc(size ? size : 1);

	CHECK(message);
	memcpy(message, draft, size);
	*answered += make_request(handles[which], message, size) == 0;
	free(message);
	if (some(4) == 0) {
		valet_txsync(handles[which]);
		valet_rxsync(handles[which]);
		valet_poll(handles[which], POLLIN | POLLOUT, 0);
	}
	if (some(3) == 0) {
		EQUAL(valet_close(handles[which]), 0);
		handles[which] = open_handle();
	}
}

/* What NEWIF has made goes, and then there is nothing left. */
static void take_apart(void)
{
	int32_t handle = open_handle();
	char name[NETMAP_REQ_IFNAMSIZ];

	for (uint32_t index = 0; index < 256; index++) {
		struct nmreq_vale_list body = { .nr_bridge_idx = (uint16_t)index };
		struct nmreq_vale_detach port;

		memset(name, 0, sizeof(name));
		while (request_named(handle, NETMAP_REQ_VALE_LIST, name, &body) == 0) {
			EQUAL(request(handle, NETMAP_REQ_VALE_DETACH, name, &port), 0);
			memset(name, 0, sizeof(name));
			body = (struct nmreq_vale_list){ 0 };
		}
	}
	EQUAL(valet_close(handle), 0);
}

static void fuzz(const char *where, int64_t end_ms)
{
	struct bystanders *bystanders = bystanders_start(strcmp(where, "embedded"));
	uint64_t rounds = 0, answered = 0;
	uint32_t bystander_rounds;

	for (int i = 0; i < HANDLES; i++)
		handles[i] = open_handle();
	while (test_now_ms() < end_ms)
		for (int i = 0; i < 100; i++, rounds++)
			one_round(&answered);
	for (int i = 0; i < HANDLES; i++)
		EQUAL(valet_close(handles[i]), 0);
	bystander_rounds = bystanders_stop(bystanders);
	take_apart();
	printf("control, %s: %llu requests, %llu of them done; bystanders: %u rounds\n", where,
	       (unsigned long long)rounds, (unsigned long long)answered, bystander_rounds);
	if (answered < rounds / 50)
		FAIL("too few of them were good");
}

int main(int argc, char **argv)
{
	struct daemon daemon;

	fuzz_begin("control", argc > 1 ? argv[1] : NULL, argc > 2 ? argv[2] : NULL);
	memory = mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(memory != MAP_FAILED);
	fuzz("embedded", test_now_ms() + (fuzz_end_ms - test_now_ms()) / 2);
	daemon_folder();
	daemon = daemon_start(2);
	fuzz("daemon", fuzz_end_ms);
	daemon_stop(&daemon);
	return 0;
}
