/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests of today and old ones with anything in them, wherever the pointers lead: each is answered,
 * and another descriptor works on. Five seconds, and as many more as the first argument says.
 */
#include "p.h"

enum { FDS = 8, PARTS = 64, SECONDS = 5 };

static uint32_t state;
static int fds[FDS];
/* Parts of requests, at the end of which the program has nothing. */
static uint8_t *memory;
enum { MEMORY_BYTES = 4 * 4096 };

static uint32_t some(uint32_t below)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state % below;
}

static uint64_t some_pointer(void)
{
	switch (some(12)) {
	case 0:
		return 0;
	case 1:
		return 8 * some(1000);
	case 2:
		return (uint64_t)some(UINT32_MAX) << 32 | some(UINT32_MAX);
	default:
		return (uintptr_t)memory + some(MEMORY_BYTES / 8) * 8;
	}
}

/* Everything that a pointer may lead to is a bit of everything. */
static void some_memory(void)
{
	uint32_t *words = (uint32_t *)memory;

	for (int i = 0; i < 200; i++)
		words[some(MEMORY_BYTES / 4)] = some(3) ? some(6) : some(UINT32_MAX);
	for (int i = 0; i < 20; i++) {
		struct nmreq_option *option =
			(void *)(memory + some((MEMORY_BYTES - 128) / 8) * 8);

		option->nro_next = some(2) ? 0 : some_pointer();
		option->nro_reqtype = some(8);
		option->nro_size = some(4) ? some(100) : some(UINT32_MAX);
	}
}

static const char *some_name(void)
{
	static const char *const names[] = { "vale0:f", "vale0:g", "vale1:f{1", "vale1:f}1", "vf0",
					     "vale0:vf0", "vale", "", "vale0", "x{1", "vale0:f/z" };

	return names[some(COUNT(names))];
}

static void today(int fd)
{
	struct nmreq_header header = { 0 };

	header.nr_version = some(30) ? NETMAP_API : some(20);
	header.nr_reqtype = some(30) ? 1 + some(15) : some(UINT16_MAX);
	header.nr_reserved = some(30) ? 0 : some(2);
	strcpy(header.nr_name, some_name());
	header.nr_body = some(20) ? some_pointer() : 0;
	header.nr_options = some(3) ? 0 : some_pointer();
	if (header.nr_reqtype == NETMAP_REQ_SYNC_KLOOP_START) {
		struct nmreq_header stop = { .nr_version = NETMAP_API,
					     .nr_reqtype = NETMAP_REQ_SYNC_KLOOP_STOP };

		/* One that was stopped ends at once. */
		if (ioctl(fd, NIOCCTRL, &stop) < 0 && errno != ENXIO)
			FAIL("a stop is answered with errno %d", errno);
	}
	if (ioctl(fd, NIOCCTRL, some(30) ? &header : (void *)(uintptr_t)some_pointer()) < 0)
		CHECK(errno > 0 && errno < 134);
}

static void yesterday(int fd)
{
	struct nmreq old = { 0 };
	uint32_t *words = (uint32_t *)&old;

	for (uint32_t i = 4; i < sizeof(old) / 4; i++)
		words[i] = some(3) ? some(20) * some(2) : some(UINT32_MAX);
	strcpy(old.nr_name, some(2) ? some_name() : "vale0:h");
	old.nr_version = some(20) ? NETMAP_API : some(20);
	old.nr_cmd = some(30) ? some(14) : (uint16_t)some(UINT16_MAX);
	old.nr_arg3 %= 500;
	if (ioctl(fd, some(3) ? NIOCREGIF : NIOCGINFO,
		  some(30) ? &old : (void *)(uintptr_t)some_pointer()) < 0)
		CHECK(errno > 0 && errno < 134);
}

/* Takes away what NEWIF has made. */
static void clean(void)
{
	int fd = open("/dev/netmap", O_RDWR);
	struct nmreq_vale_detach body = { 0 };

	request(fd, NETMAP_REQ_VALE_DETACH, "vale0:vf0", &body);
	request(fd, NETMAP_REQ_VALE_DELIF, "vf0", NULL);
	close(fd);
}

int main(int argc, char **argv)
{
	int64_t end = now_ms() + 1000 * (SECONDS + (argc > 1 ? atoi(argv[1]) : 0));
	struct nmreq_register reg = { .nr_tx_slots = 16, .nr_rx_slots = 16 };
	int other = open("/dev/netmap", O_RDWR);
	uint64_t rounds = 0;

	state = (uint32_t)(argc > 2 ? strtoul(argv[2], NULL, 0) : (unsigned long)getpid() * 2654435761u);
	state |= !state;
	printf("seed 0x%x\n", state);
	/* What is written to by chance is never what the program needs. */
	memory = mmap(NULL, MEMORY_BYTES + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(memory != MAP_FAILED);
	EQUAL(mprotect(memory + MEMORY_BYTES, 4096, PROT_NONE), 0);
	EQUAL(register_with(other, "vale_o:a", &reg), 0);
	for (int i = 0; i < FDS; i++)
		CHECK((fds[i] = open("/dev/netmap", O_RDWR)) >= 0);
	for (; now_ms() < end; rounds++) {
		int which = (int)some(FDS);

		some_memory();
		if (some(3))
			today(fds[which]);
		else
			yesterday(fds[which]);
		if (some(8) == 0) {
			struct pollfd one = { .fd = fds[which], .events = POLLIN | POLLOUT };

			ioctl(fds[which], some(2) ? NIOCTXSYNC : NIOCRXSYNC, NULL);
			poll(&one, 1, 0);
		}
		if (some(4) == 0) {
			EQUAL(close(fds[which]), 0);
			CHECK((fds[which] = open("/dev/netmap", O_RDWR)) >= 0);
		}
		if (rounds % 64 == 0) {
			EQUAL(ioctl(other, NIOCTXSYNC, NULL), 0);
			FAILS(ioctl(other, NIOCREGIF, NULL), EINVAL);
		}
	}
	for (int i = 0; i < FDS; i++)
		EQUAL(close(fds[i]), 0);
	EQUAL(close(other), 0);
	clean();
	printf("%llu requests\n", (unsigned long long)rounds);
	return 0;
}
