/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Clients that send rubbish, descriptors, nothing, or too much; that connect a thousand times at once, and
 * until the daemon has no descriptors left; that do what they can to the descriptors that they were
 * given. The daemon stays, and two others that exchange frames meanwhile lose nothing.
 */
#include "daemon_pair.h"

#include "backend/daemon_client.h"

#include <netinet/in.h>
#include <sys/eventfd.h>

static struct daemon daemon_;

/* Ends what would block for ever: the test is about the daemon. */
static void soon(int fd)
{
	struct timeval limit = { .tv_sec = HANGS_MS / 1000 };

	EQUAL(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
	EQUAL(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)), 0);
}

/* It kills itself. */
static void killed(void (*body)(void *), void *argument)
{
	pid_t pid = spawn(body, argument);
	int status;

	EQUAL(waitpid(pid, &status, 0), pid);
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		FAIL("a process ended with %x", status);
}

/* ---- rubbish ---- */

static int some_fd(uint32_t *random)
{
	static int made[5];

	if (!made[0]) {
		made[0] = open("/dev/null", O_RDWR);
		made[1] = memfd_create("rubbish", 0);
		made[2] = eventfd(0, 0);
		made[3] = socket(AF_UNIX, SOCK_STREAM, 0);
		made[4] = raw_connect();
	}
	return made[random_next(random) % COUNT(made)];
}

/* As a good client sends them, if nothing is changed. */
static uint32_t some_payload(uint32_t *random, uint16_t type, uint8_t *at)
{
	static const uint16_t requests[] = {
		NETMAP_REQ_REGISTER,	    NETMAP_REQ_PORT_INFO_GET,	  NETMAP_REQ_VALE_ATTACH,
		NETMAP_REQ_VALE_DETACH,	    NETMAP_REQ_VALE_LIST,	  NETMAP_REQ_PORT_HDR_SET,
		NETMAP_REQ_PORT_HDR_GET,    NETMAP_REQ_VALE_NEWIF,	  NETMAP_REQ_VALE_DELIF,
		NETMAP_REQ_POOLS_INFO_GET,  NETMAP_REQ_SYNC_KLOOP_START, NETMAP_REQ_CSB_ENABLE,
		NETMAP_REQ_VALE_POLLING_ENABLE, VALET_REQ_BRIDGE_GET,	  VALET_REQ_BRIDGE_SET,
		VALET_REQ_TABLE_GET,	    VALET_REQ_TABLE_FLUSH,	  VALET_REQ_LOOKUP_SET,
		VALET_REQ_PORT_GET,
	};
	static const char *const names[] = { "vale1:h", "vale1:h{1", "vale1:", "vale1", "h0",
					     "vale1:h}1", "", "vale9:x" };
	struct nmreq_header *header = (void *)at;
	struct wire_lookup *lookup = (void *)at;
	int body;

	switch (type) {
	case WIRE_HELLO:
		memset(at, 0, sizeof(struct wire_hello));
		return sizeof(struct wire_hello);
	case WIRE_LOOKUP:
		memset(lookup, 0, sizeof(*lookup));
		strcpy(lookup->bridge, "vale1");
		return sizeof(*lookup);
	case WIRE_ASK:
		return random_next(random) % 2000;
	case WIRE_CONTROL:
		memset(header, 0, 4096);
		header->nr_version = NETMAP_API;
		header->nr_reqtype = requests[random_next(random) % COUNT(requests)];
		strcpy(header->nr_name, names[random_next(random) % COUNT(names)]);
		body = request_body_bytes(header->nr_reqtype);
		if (body <= 0)
			return sizeof(*header);
		header->nr_body = sizeof(*header);
		return (uint32_t)sizeof(*header) + (uint32_t)body;
	default:
		return 0;
	}
}

static void spoil(uint32_t *random, uint8_t *at, uint32_t bytes)
{
	for (uint32_t changes = random_next(random) % 6; bytes && changes; changes--)
		at[random_next(random) % bytes] = random_next(random) % 3 ? random_next(random) % 9 :
									    random_next(random);
}

/* Returns the type that it had, or -1: the connection has ended. */
static int send_rubbish(uint32_t *random, int fd)
{
	static uint8_t payload[WIRE_BYTES_MAX] __attribute__((aligned(8)));
	struct wire_header header = { WIRE_MAGIC, WIRE_VERSION, 0, 1, 0 };
	uint32_t fds_count = random_next(random) % 8 ? 0 : random_next(random) % (WIRE_FDS_MAX + 1);
	int fds[WIRE_FDS_MAX];
	struct wire_part part = { payload, 0 };

	header.type = (uint16_t)(random_next(random) % 10);
	part.bytes = some_payload(random, header.type, payload);
	if (random_next(random) % 4 == 0)
		spoil(random, payload, part.bytes);
	if (random_next(random) % 16 == 0)
		spoil(random, (uint8_t *)&header, sizeof(header));
	if (random_next(random) % 32 == 0)
		part.bytes = random_next(random) % (uint32_t)sizeof(payload);
	for (uint32_t i = 0; i < fds_count; i++)
		fds[i] = some_fd(random);
	return wire_send(fd, &header, &part, 1, fds, fds_count) < 0 ? -1 : header.type;
}

/* Whether the connection is there still, as far as can be known soon. */
static int is_answered(int fd)
{
	uint8_t answer[8192];
	struct pollfd event = { .fd = fd, .events = POLLIN };

	/* Not everything is answered. */
	return poll(&event, 1, 20) <= 0 || recv(fd, answer, sizeof(answer), MSG_DONTWAIT) > 0;
}

static void rubbish(void *argument)
{
	uint32_t random = *(uint32_t *)argument;

	for (int i = 0; i < 300; i++) {
		int fd = raw_connect(), type = 0;

		soon(fd);
		if (random_next(&random) % 8)
			raw_hello(fd);
		for (uint32_t n = random_next(&random) % 20; n && type >= 0; n--) {
			type = send_rubbish(&random, fd);
			/* Nobody answers questions here. Of the others, most are waited for. */
			if (type != WIRE_ASK && random_next(&random) % 16 && !is_answered(fd))
				break;
		}
		if (random_next(&random) % 4 == 0)
			shutdown(fd, (int)(random_next(&random) % 3));
		close(fd);
	}
}

/* Something that is no message at all. */
static void noise(void *argument)
{
	uint32_t random = *(uint32_t *)argument;
	uint8_t bytes[512];

	for (int i = 0; i < 300; i++) {
		int fd = raw_connect();
		uint32_t count = random_next(&random) % sizeof(bytes);

		for (uint32_t k = 0; k < count; k++)
			bytes[k] = (uint8_t)random_next(&random);
		CHECK(send(fd, bytes, count, MSG_NOSIGNAL) == (ssize_t)count);
		CHECK(recv(fd, bytes, sizeof(bytes), 0) <= 0);
		close(fd);
	}
}

/* ---- too much, and too slow ---- */

/* Asks and asks, and never reads the answers. */
static void slow_reader(void *unused)
{
	uint8_t message[4096] __attribute__((aligned(8))), answer[8192];
	struct wire_header header = { WIRE_MAGIC, WIRE_VERSION, WIRE_CONTROL, 1, 0 };
	uint32_t random = 99;
	struct wire_part part = { message, sizeof(message) };
	int fd = raw_connect(), rc;

	(void)unused;
	raw_hello(fd);
	some_payload(&random, WIRE_CONTROL, message);
	do {
		rc = wire_send(fd, &header, &part, 1, NULL, 0);
	} while (rc == 0);
	CHECK(rc == -EPIPE || rc == -ECONNRESET);
	/* What had been answered before can still be read. */
	while ((rc = wire_receive(fd, &header, answer, sizeof(answer), NULL, NULL)) >= 0)
		continue;
	EQUAL(rc, -ECONNRESET);
}

/* Does not end its sentence; hears nothing. */
static void half_open(void *unused)
{
	int fd[3];

	(void)unused;
	for (int i = 0; i < 3; i++)
		fd[i] = raw_connect();
	shutdown(fd[1], SHUT_WR);
	shutdown(fd[2], SHUT_RD);
	send(fd[2], "x", 1, MSG_NOSIGNAL);
	/* The first one may stay as long as it likes. */
	WAIT_FOR(recv(fd[1], fd, 1, 0) == 0);
	kill(getpid(), SIGKILL);
}

static void come_and_go(void *unused)
{
	(void)unused;
	for (int i = 0; i < 3000; i++)
		close(raw_connect());
}

enum { CONNECTIONS = 1000 };

static void thousand_at_once(void *unused)
{
	static int32_t handle[CONNECTIONS];

	(void)unused;
	for (int i = 0; i < CONNECTIONS; i++) {
		struct nmreq_register reg = REG(.nr_mode = NR_REG_ALL_NIC, .nr_tx_slots = 8,
						.nr_rx_slots = 8);
		char name[32];

		handle[i] = open_handle();
		snprintf(name, sizeof(name), "vale2:p%d", i);
		EQUAL(request(handle[i], NETMAP_REQ_REGISTER, name, &reg), 0);
	}
	EQUAL(bridge_of(handle[0], "vale2").ports, CONNECTIONS);
	/* All are there, and all at once are gone. */
	kill(getpid(), SIGKILL);
}

/* ---- what a client can do to descriptors that it was given ---- */

static int fds_of_answer(int fd, uint16_t type, const void *payload, uint32_t bytes, int *fds,
			 uint32_t room)
{
	struct wire_header header = { WIRE_MAGIC, WIRE_VERSION, type, 1, 0 };
	struct wire_part part = { payload, bytes };
	uint8_t answer[4096];
	uint32_t count = room;

	EQUAL(wire_send(fd, &header, &part, 1, NULL, 0), 0);
	CHECK(wire_receive(fd, &header, answer, sizeof(answer), fds, &count) >= 0);
	EQUAL(header.result, 0);
	return (int)count;
}

static void fill(int fd)
{
	uint64_t most = 0xfffffffffffffffe;
	char bytes[4096] = "";

	fcntl(fd, F_SETFL, O_NONBLOCK);
	/* An eventfd takes the first, a pipe or socket the others. */
	if (write(fd, &most, sizeof(most)) < 0)
		CHECK(errno == EAGAIN || errno == EBADF || errno == EPIPE);
	while (write(fd, bytes, sizeof(bytes)) > 0)
		continue;
	/* From here on, who shares it would block. */
	fcntl(fd, F_SETFL, 0);
}

static void *steal(void *argument)
{
	int fd = *(int *)argument;
	uint64_t value;

	fcntl(fd, F_SETFL, O_NONBLOCK);
	for (int i = 0; i < 20000; i++)
		if (read(fd, &value, sizeof(value)) < 0 && errno != EAGAIN)
			break;
	return NULL;
}

/*
 * Its port gets frames all the time, and it says that it sleeps; its kick and its bells are full, made to
 * block, and read empty by it again and again.
 */
static void spoil_descriptors(void *argument)
{
	int how = *(int *)argument;
	uint8_t message[256] __attribute__((aligned(8))) = { 0 };
	struct nmreq_header *header = (void *)message;
	struct nmreq_register *reg = (void *)(header + 1);
	int port[WIRE_PORT_FDS], bells[4][WIRE_EVENT_FDS], fd = raw_connect();
	struct netmap_ring *ring;
	uint8_t *base;
	off_t bytes;

	*header = (struct nmreq_header){ .nr_version = NETMAP_API,
					 .nr_reqtype = NETMAP_REQ_REGISTER,
					 .nr_body = sizeof(*header),
					 .nr_name = "vale1:target" };
	*reg = (struct nmreq_register){ .nr_mode = NR_REG_ALL_NIC, .nr_rx_slots = 16, .nr_tx_slots = 16 };
	raw_hello(fd);
	EQUAL(fds_of_answer(fd, WIRE_CONTROL, message, sizeof(*header) + sizeof(*reg), port,
			    WIRE_PORT_FDS),
	      WIRE_PORT_FDS);
	bytes = lseek(port[WIRE_FD_REGION], 0, SEEK_END);
	base = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_SHARED, port[WIRE_FD_REGION], 0);
	CHECK(base != MAP_FAILED);
	for (int i = 0; i < 4; i++)
		EQUAL(fds_of_answer(fd, WIRE_EVENTS, NULL, 0, bells[i], WIRE_EVENT_FDS),
		      WIRE_EVENT_FDS);
	for (int i = 0; i < 4; i++)
		for (int k = 0; k < WIRE_EVENT_FDS; k++)
			fill(bells[i][k]);
	if (how == 1)
		for (int i = 0; i < 4; i++)
			for (int k = 0; k < WIRE_EVENT_FDS; k++)
				close(bells[i][k]);
	/* The netmap_if is first in its region; its receive ring is the third of four. */
	ring = (void *)(base + ((struct netmap_if *)(void *)base)->ring_ofs[2]);
	for (int i = 0; i < 200; i++) {
		/* Sleeps, and gives all back. */
		store_release(&csb_of(ring)->atok.appl_need_kick, 1);
		store_release(&csb_of(ring)->atok.head, load_acquire(&csb_of(ring)->ktoa.hwtail));
		fill(port[WIRE_FD_KICK]);
		if (how == 2)
			join(start(steal, &port[WIRE_FD_KICK]));
		nap();
	}
	/* It ends while the kick is full, or empty, or read from. */
	if (how == 2)
		pthread_detach(start(steal, &port[WIRE_FD_KICK]));
	kill(getpid(), SIGKILL);
}

static void feed(void *argument)
{
	uint32_t *stop = argument;
	struct port_handle port = open_port("vale1:feeder", SLOTS(64));

	while (!load_acquire(stop)) {
		while (available(tx_ring(&port, 0)))
			put_frame(&port, 0, EVERYBODY, STATION(5), 1, 60);
		EQUAL(valet_txsync(port.handle), 0);
		valet_poll(port.handle, POLLIN, 1);
	}
}

static void descriptors_spoilt(void)
{
	uint32_t *stop = shared_memory(sizeof(*stop));
	pid_t feeder = spawn(feed, stop);

	for (int how = 0; how < 3; how++) {
		killed(spoil_descriptors, &how);
		/* It has ended, and its name is free. */
		WAIT_FOR(try_alone("vale1:target") == 0);
	}
	store_release(stop, 1);
	reap(feeder);
}

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83
#endif

/* A TCP socket that takes a minute to close, as nobody reads what it has sent. */
static int lingering(int *other)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	struct linger linger = { 1, 60 };
	socklen_t size = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0);
	char bytes[4096] = "";

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(listener, (struct sockaddr *)&address, size) < 0 || listen(listener, 1) < 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &size) < 0 ||
	    connect(fd, (struct sockaddr *)&address, size) < 0)
		return -1; /* there is no loopback */
	*other = accept(listener, NULL, NULL);
	CHECK(*other >= 0);
	EQUAL(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	while (send(fd, bytes, sizeof(bytes), 0) > 0)
		continue;
	fcntl(fd, F_SETFL, 0);
	close(listener);
	return fd;
}

/* A descriptor that comes with a message must not have the daemon wait while it closes it. */
static void descriptors_that_linger(void)
{
	struct wire_header header = { WIRE_MAGIC, WIRE_VERSION, WIRE_ADOPT, 1, 0 };
	int64_t begin = test_now_ms();
	int connection = raw_connect(), bystander, fd, other, no = 0;

	/* Where the kernel cannot refuse descriptors, there is no help yet. */
	if (setsockopt(connection, SOL_SOCKET, SO_PASSRIGHTS, &no, sizeof(no)) < 0 ||
	    (fd = lingering(&other)) < 0) {
		puts("descriptors that linger: not tried here");
		close(connection);
		return;
	}
	raw_hello(connection);
	EQUAL(wire_send(connection, &header, NULL, 0, &fd, 1), -EPERM);
	raw_hello(bystander = raw_connect());
	close(bystander);
	close(connection);
	close(other);
	close(fd);
	CHECK(test_now_ms() - begin < HANGS_MS);
}

/* ---- regions ---- */

/* What one may do to its own region, which the daemon works in, and what not. */
static void own_region(void *unused)
{
	struct port_handle port = open_port("vale1:own", SLOTS(64));
	struct netmap_ring *ring = tx_ring(&port, 0);
	struct client *client = descriptor_of(port.handle);
	uint64_t offset;
	int fd = daemon_region(client, &offset);
	off_t bytes = lseek(fd, 0, SEEK_END);

	(void)unused;
	EQUAL(bytes, (off_t)port.bytes);
	EQUAL(ftruncate(fd, 0), -1);
	EQUAL(ftruncate(fd, bytes - 4096), -1);
	EQUAL(ftruncate(fd, bytes + 4096), -1);
	EQUAL(fallocate(fd, 0, bytes, 4096), -1);
	EQUAL(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
	/* Holes: the pages go while the daemon reads and writes them, and come back as zeros. */
	for (int i = 0; i < 1000; i++) {
		struct csb_atok *atok = &csb_of(ring)->atok;

		for (uint32_t k = 0; k < 64; k++)
			ring->slot[k] = (struct netmap_slot){ .buf_idx = 2 + k, .len = 60 };
		atok->head = atok->cur = (uint32_t)i * 32 % 64;
		store_release(&atok->request, (uint32_t)i + 1);
		EQUAL(write(client->kick, &(uint64_t){ 1 }, sizeof(uint64_t)), sizeof(uint64_t));
		if (i % 2)
			sched_yield();
		EQUAL(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, bytes), 0);
	}
	kill(getpid(), SIGKILL);
}

/* ---- no descriptors left ---- */

static void without_descriptors(void)
{
	enum { TRIES = 60 };
	static struct port_handle port[TRIES];
	struct daemon daemon;
	char path[64];
	int32_t other[TRIES];
	int opened, others;

	/* In a daemon of its own. */
	snprintf(path, sizeof(path), "%s/few.sock", test_folder);
	test_fds_max = 60;
	daemon = daemon_try(path, 1);
	test_fds_max = 0;
	EQUAL(daemon.rc, 0);
	setenv("VALET_SOCKET", path, 1);
	for (int round = 0; round < 3; round++) {
		int32_t rc = 0, handle;

		for (opened = 0; opened < TRIES && rc == 0; opened++) {
			struct nmreq_register reg = REG(.nr_mode = NR_REG_ALL_NIC, .nr_tx_slots = 8);
			char name[32];

			handle = valet_open("daemon", NULL);
			if (handle < 0) {
				rc = handle;
				break;
			}
			snprintf(name, sizeof(name), "vale0:p%d", opened);
			rc = request(handle, NETMAP_REQ_REGISTER, name, &reg);
			port[opened].handle = handle;
		}
		/* It is told so, and does not wait. */
		EQUAL(rc, -EMFILE);
		CHECK(opened > 3);
		for (others = 0; others < TRIES; others++)
			if ((other[others] = valet_open("daemon", NULL)) < 0)
				break;
		EQUAL(other[others], -EMFILE);
		/* Who is there goes on. */
		EQUAL(valet_txsync(port[0].handle), 0);
		CHECK(bridge_of(port[0].handle, "vale0").ports > 3);
		/* Sleeping takes descriptors as well. */
		rc = valet_poll(port[0].handle, POLLIN, 1);
		CHECK(rc == 0 || rc == -EMFILE);
		while (opened)
			EQUAL(valet_close(port[--opened].handle), 0);
		while (others)
			EQUAL(valet_close(other[--others]), 0);
		WAIT_FOR(try_alone("vale0:p0") == 0);
	}
	daemon_stop(&daemon);
	unlink(path);
	strcat(path, ".lock");
	unlink(path);
	snprintf(path, sizeof(path), "%s/valet.sock", test_folder);
	setenv("VALET_SOCKET", path, 1);
}

/* ---- */

int main(void)
{
	uint32_t seeds[] = { 1, 2, 3, 4 }, fds;
	struct pair pair;
	pid_t pid[8];

	daemon_folder();
	daemon_ = daemon_start(2);
	pair = pair_start();
	daemon_settle(&daemon_, 2);
	fds = fds_of(daemon_.pid);
	for (uint32_t i = 0; i < COUNT(seeds); i++) {
		pid[i] = spawn(rubbish, &seeds[i]);
		pid[i + COUNT(seeds)] = spawn(noise, &seeds[i]);
	}
	reap(spawn(slow_reader, NULL));
	killed(half_open, NULL);
	reap(spawn(come_and_go, NULL));
	for (uint32_t i = 0; i < COUNT(pid); i++)
		reap(pid[i]);
	CHECK(daemon_figure(&daemon_, VALET_SERVE_REFUSED) > 1000);
	killed(thousand_at_once, NULL);
	descriptors_spoilt();
	descriptors_that_linger();
	killed(own_region, NULL);
	/* Rubbish may have made interfaces. */
	{
		int32_t handle = open_handle();

		delif(handle, "h0");
		delif(handle, "h");
		EQUAL(valet_close(handle), 0);
	}
	daemon_settle(&daemon_, 2);
	EQUAL(daemon_figure(&daemon_, VALET_SERVE_PORTS), 2);
	if (fds_of(daemon_.pid) > fds + 4)
		FAIL("the daemon has %u descriptors, and had %u", fds_of(daemon_.pid), fds);
	pair_stop(&pair);
	daemon_stop(&daemon_);
	without_descriptors();
	return 0;
}
