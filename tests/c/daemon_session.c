/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connections to a daemon: a port belongs to its connection, whatever process has that, and its name
 * is free when the last one has gone; a wrong message ends the connection that it came by, no other;
 * one daemon a path.
 */
#include "daemon.h"

static struct daemon daemon_;

/* ---- ports and processes ---- */

static void in_one_client(void)
{
	struct port_handle a = open_port("vale0:a", SLOTS(16)), b = open_port("vale0:b", SLOTS(16));
	struct frame frame;

	EQUAL(valet_backend(a.handle), VALET_BACKEND_DAEMON);
	CHECK(!strcmp(a.nifp->ni_name, "vale0:a"));
	send_frame(&a, EVERYBODY, STATION(1), 1);
	put_frame(&a, 0, EVERYBODY, STATION(1), 2, 1500);
	put_frame(&a, 0, EVERYBODY, STATION(1), 3, 2048);
	EQUAL(valet_txsync(a.handle), 0);
	EQUAL(available(tx_ring(&a, 0)), 15);
	TAGS(&b, 1, 2, 3);
	EQUAL(counters(a.handle, "vale0:a").tx_packets, 3);
	EQUAL(counters(a.handle, "vale0:b").rx_bytes, 60 + 1500 + 2048);
	/* poll() both ways. */
	EQUAL(valet_poll(b.handle, POLLIN, 0), 0);
	EQUAL(valet_poll(b.handle, POLLIN | POLLOUT, -1), POLLOUT);
	send_frame(&a, STATION(2), STATION(1), 4);
	EQUAL(valet_poll(b.handle, POLLIN, -1), POLLIN);
	CHECK(take_frame(&b, 0, &frame));
	EQUAL(frame.tag, 4);
	EQUAL(daemon_figure(&daemon_, VALET_SERVE_PORTS), 2);
	EQUAL(daemon_figure(&daemon_, VALET_SERVE_CONNECTIONS), 2);
	EQUAL(daemon_figure(&daemon_, VALET_SERVE_IDLE_MS), 0);
	close_port(&a);
	close_port(&b);
	daemon_settle(&daemon_, 0);
	EQUAL(daemon_figure(&daemon_, VALET_SERVE_PORTS), 0);
	EQUAL(daemon_figure(&daemon_, VALET_SERVE_ENGINES), 0);
}

static void echo(void *unused)
{
	struct port_handle b = open_port("vale0:b", SLOTS(64));
	uint32_t next = 0;
	struct frame frame;

	(void)unused;
	send_frame(&b, EVERYBODY, STATION(2), 0);
	while (next < 1000) {
		CHECK(valet_poll(b.handle, POLLIN, HANGS_MS) == POLLIN);
		while (take_frame(&b, 0, &frame)) {
			EQUAL(frame.tag, next++);
			put_frame(&b, 0, STATION(1), STATION(2), frame.tag, 60);
		}
		/* Room first, then what lets the other end send more. */
		EQUAL(valet_rxsync(b.handle), 0);
		EQUAL(valet_txsync(b.handle), 0);
	}
	/* No close: its end will do. */
}

static void two_processes(void)
{
	struct port_handle a = open_port("vale0:a", SLOTS(64));
	pid_t pid = spawn(echo, NULL);
	struct frame frame;

	/* Its first frame says that it is there. */
	EQUAL(valet_poll(a.handle, POLLIN, HANGS_MS), POLLIN);
	CHECK(take_frame(&a, 0, &frame));
	EQUAL(frame.from, STATION(2));
	for (uint32_t sent = 0, back = 0; back < 1000;) {
		while (sent < 1000 && sent - back < 60)
			put_frame(&a, 0, STATION(2), STATION(1), sent++, 60);
		EQUAL(valet_txsync(a.handle), 0);
		CHECK(valet_poll(a.handle, POLLIN, HANGS_MS) == POLLIN);
		while (take_frame(&a, 0, &frame))
			EQUAL(frame.tag, back++);
		EQUAL(valet_rxsync(a.handle), 0);
	}
	reap(pid);
	EQUAL(list_index(a.handle, "vale0:b"), 255);
	close_port(&a);
}

/* ---- names ---- */

static void die_with_ports(void *how)
{
	struct port_handle port = open_port("vale0:x", REG(.nr_flags = NR_EXCLUSIVE, .nr_tx_slots = 16));
	struct port_handle pipe = open_port("vale0:x{1", SLOTS(16));

	send_frame(&port, EVERYBODY, STATION(1), 1);
	if (how) {
		close_port(&pipe);
		close_port(&port);
		_exit(0);
	}
	kill(getpid(), SIGKILL);
}

/* Whatever ends a process, who asks after it can have the name. */
static void names_are_free_again(void)
{
	struct port_handle other = open_port("vale0:other", SLOTS(16));
	uint32_t fds, next;

	daemon_settle(&daemon_, 1);
	fds = fds_of(daemon_.pid);
	for (int i = 0; i < 30; i++) {
		pid_t pid = spawn(die_with_ports, i % 2 ? &i : NULL);
		int status;

		EQUAL(waitpid(pid, &status, 0), pid);
		CHECK(i % 2 ? status == 0 : WIFSIGNALED(status));
		EQUAL(try_alone("vale0:x"), 0);
		EQUAL(list_index(other.handle, "vale0:x"), 255);
		/* The index is free again as well. */
		EQUAL(bridge_of(other.handle, "vale0").ports, 1);
		EQUAL(list_index(other.handle, "vale0:other"), 0);
		next = 1;
		EQUAL(take_in_order(&other, &next), 1);
	}
	daemon_settle(&daemon_, 1);
	EQUAL(fds_of(daemon_.pid), fds);
	close_port(&other);
}

static void make_persistent(void *unused)
{
	int32_t handle = open_handle();

	(void)unused;
	EQUAL(newif(handle, "vi0", 64), 0);
	EQUAL(attach(handle, "vale1:vi0"), 0);
	kill(getpid(), SIGKILL);
}

static void persistent_ones_stay(void)
{
	struct port_handle port;
	int32_t handle;
	int status;

	EQUAL(waitpid(spawn(make_persistent, NULL), &status, 0) > 0, 1);
	daemon_settle(&daemon_, 0);
	EQUAL(daemon_figure(&daemon_, VALET_SERVE_PERSISTENT), 1);
	EQUAL(daemon_figure(&daemon_, VALET_SERVE_ENGINES), 1);
	handle = open_handle();
	EQUAL(newif(handle, "vi0", 64), -EEXIST);
	EQUAL(list_index(handle, "vale1:vi0"), 0);
	port = open_port("vale1:vi0", REG(.nr_flags = NR_EXCLUSIVE));
	EQUAL(port.reg.nr_tx_slots, 64);
	close_port(&port);
	EQUAL(detach(handle, "vale1:vi0"), 0);
	EQUAL(delif(handle, "vi0"), 0);
	EQUAL(daemon_figure(&daemon_, VALET_SERVE_PERSISTENT), 0);
	EQUAL(valet_close(handle), 0);
}

/* ---- connections that are handed over ---- */

static void send_fd(int line, int fd)
{
	struct wire_header header = { .magic = WIRE_MAGIC };

	EQUAL(wire_send(line, &header, NULL, 0, &fd, 1), 0);
}

static int receive_fd(int line)
{
	struct wire_header header;
	uint32_t count = 1;
	int fd;

	EQUAL(wire_receive(line, &header, NULL, 0, &fd, &count), 0);
	EQUAL(count, 1);
	return fd;
}

static void take_over(void *argument)
{
	int fd = receive_fd(*(int *)argument);
	struct port_handle port = { 0 };
	uint64_t map[2], offset;
	void *descriptor;
	uint32_t next = 10;

	CHECK(daemon_is_connection(fd));
	CHECK(!daemon_is_connection(*(int *)argument));
	EQUAL(daemon_adopt(fd, &descriptor), 0);
	EQUAL(daemon_socket(descriptor), fd);
	port.handle = handle_make(&backend_daemon, descriptor);
	CHECK(port.handle > 0);
	EQUAL(valet_map(port.handle, map), 0);
	/* The descriptor's netmap_if is the first in its region. */
	port.nifp = (void *)(uintptr_t)map[0];
	CHECK(!strcmp(port.nifp->ni_name, "vale0:a"));
	EQUAL(take_in_order(&port, &next), 3);
	send_frame(&port, EVERYBODY, STATION(1), 20);
	/* It gets memory and requests as who opened it. */
	CHECK(fcntl(daemon_region(descriptor, &offset), F_GET_SEALS) & F_SEAL_SHRINK);
	EQUAL(counters(port.handle, "vale0:a").opens, 1);
	/* Until the parent has let go of it. */
	EQUAL(valet_poll(port.handle, POLLIN, HANGS_MS), POLLIN);
	next = 30;
	EQUAL(take_in_order(&port, &next), 1);
	kill(getpid(), SIGKILL);
}

static void adoption(void)
{
	struct port_handle a = open_port("vale0:a", SLOTS(16)), b = open_port("vale0:b", SLOTS(16));
	int line[2], status;
	uint32_t next = 20;
	pid_t pid;

	EQUAL(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, line), 0);
	for (uint32_t i = 0; i < 3; i++)
		send_frame(&b, EVERYBODY, STATION(2), 10 + i);
	pid = spawn(take_over, &line[1]);
	send_fd(line[0], daemon_socket(descriptor_of(a.handle)));
	EQUAL(valet_poll(b.handle, POLLIN, HANGS_MS), POLLIN);
	EQUAL(take_in_order(&b, &next), 1);
	/*
	 * Gone from here, and there still. (The handle is leaked: closing it would end the port for both.
	 * The leak is the test's, and small.)
	 */
	daemon_leave(descriptor_of(a.handle));
	EQUAL(bridge_of(b.handle, "vale0").ports, 2);
	send_frame(&b, EVERYBODY, STATION(2), 30);
	EQUAL(waitpid(pid, &status, 0), pid);
	if (!WIFSIGNALED(status))
		FAIL("the process that took over ended with %d", WEXITSTATUS(status));
	EQUAL(try_alone("vale0:a"), 0);
	EQUAL(bridge_of(b.handle, "vale0").ports, 1);
	close_port(&b);
	close(line[0]);
	close(line[1]);
}

/* An unregistered one can be handed over, too. */
static void adoption_before_register(void)
{
	int32_t handle = open_handle(), other;
	int fd = dup(daemon_socket(descriptor_of(handle)));
	struct nmreq_register reg = REG(.nr_mode = NR_REG_ALL_NIC, .nr_tx_slots = 8);
	void *descriptor;
	uint64_t map[2], offset;

	EQUAL(daemon_adopt(fd, &descriptor), 0);
	EQUAL(daemon_region(descriptor, &offset), -ENXIO);
	EQUAL(daemon_event(descriptor, POLLIN), -1);
	other = handle_make(&backend_daemon, descriptor);
	EQUAL(valet_map(other, map), -ENXIO);
	EQUAL(request(other, NETMAP_REQ_REGISTER, "vale0:late", &reg), 0);
	EQUAL(valet_map(other, map), 0);
	EQUAL(valet_map(handle, map), -ENXIO);
	EQUAL(request(handle, NETMAP_REQ_REGISTER, "vale0:late", &reg), -EBUSY);
	EQUAL(valet_close(other), 0);
	EQUAL(list_index(handle, "vale0:late"), -ECONNRESET);
	EQUAL(valet_close(handle), 0);
}

/* ---- messages ---- */

/* What came back last by the connection; then it must have ended. */
static int last_result(int fd)
{
	struct wire_header header = { .result = 1 };
	uint8_t rest[64];
	int result = 1, rc;

	while ((rc = wire_receive(fd, &header, rest, sizeof(rest), NULL, NULL)) >= 0)
		result = header.result;
	EQUAL(rc, -ECONNRESET);
	return result;
}

static void ends(int said_hello, const void *bytes, size_t count, int result)
{
	uint64_t refused = daemon_figure(&daemon_, VALET_SERVE_REFUSED);
	int fd = raw_connect();

	if (said_hello)
		raw_hello(fd);
	EQUAL(send(fd, bytes, count, 0), count);
	EQUAL(last_result(fd), result);
	WAIT_FOR(daemon_figure(&daemon_, VALET_SERVE_REFUSED) == refused + 1);
	close(fd);
}

struct message {
	struct wire_header header;
	uint8_t payload[WIRE_BYTES_MAX];
};

static struct message message(uint32_t magic, uint16_t version, uint16_t type)
{
	return (struct message){ .header = { magic, version, type, 1, 0 } };
}

#define OF(type) message(WIRE_MAGIC, WIRE_VERSION, type)

static void wrong_messages(void)
{
	struct port_handle a = open_port("vale0:a", SLOTS(16)), b = open_port("vale0:b", SLOTS(16));
	const size_t header = sizeof(struct wire_header), hello = header + sizeof(struct wire_hello);
	const size_t lookup = header + sizeof(struct wire_lookup);
	static struct message m;

	m = message(WIRE_MAGIC + 1, WIRE_VERSION, WIRE_HELLO);
	ends(0, &m, hello, 1);
	m = message(WIRE_MAGIC, WIRE_VERSION + 1, WIRE_HELLO);
	ends(0, &m, hello, -EPROTO);
	m = OF(0);
	ends(0, &m, header, 1);
	m = OF(0xffff);
	ends(1, &m, header, 1);
	m = OF(WIRE_HELLO);
	ends(0, &m, hello - 1, 1);
	ends(0, &m, hello + 1, 1);
	ends(0, &m, header, 1);
	ends(1, &m, hello, 1);
	m = OF(WIRE_CONTROL);
	ends(0, &m, header + sizeof(struct nmreq_header), 1);
	m = OF(WIRE_LOOKUP);
	ends(0, &m, lookup, 1);
	ends(1, &m, lookup - 1, 1);
	ends(1, &m, lookup + 1, 1);
	m = OF(WIRE_ASK);
	ends(0, &m, header, 1);
	m = OF(WIRE_CONTROL);
	ends(1, &m, sizeof(m), 1); /* longer than any may be */
	ends(1, &m, header - 1, 1);
	ends(1, &m, 1, 1);
	/* Nobody else has noticed. */
	send_frame(&a, EVERYBODY, STATION(1), 1);
	TAGS(&b, 1);
	close_port(&a);
	close_port(&b);
}

/* These are answered, and the connection goes on. */
static void refused_requests(void)
{
	struct {
		struct nmreq_header header;
		uint64_t body[8];
	} control = { .header = { .nr_version = NETMAP_API, .nr_reqtype = 1 } };
	struct {
		struct wire_port port;
		uint64_t message[64];
	} answer;
	struct wire_lookup lookup = { "vale7", 0, 0 };
	int fd = raw_connect(), result;

	raw_hello(fd);
	EQUAL(raw_ask(fd, WIRE_ADOPT, NULL, 0, &answer, sizeof(answer), &result), 0);
	EQUAL(result, -ENXIO);
	EQUAL(raw_ask(fd, WIRE_EVENTS, NULL, 0, &answer, sizeof(answer), &result), 0);
	EQUAL(result, -ENXIO);
	EQUAL(raw_ask(fd, WIRE_LOOKUP, &lookup, sizeof(lookup), &answer, sizeof(answer), &result),
	      sizeof(lookup));
	EQUAL(result, -ENXIO);
	/* Nothing, too little, a body that leaves the message, a function in this process. */
	EQUAL(raw_ask(fd, WIRE_CONTROL, NULL, 0, &answer, sizeof(answer), &result),
	      sizeof(answer.port));
	EQUAL(result, -EINVAL);
	EQUAL(raw_ask(fd, WIRE_CONTROL, &control, 8, &answer, sizeof(answer), &result),
	      sizeof(answer.port) + 8);
	EQUAL(result, -EINVAL);
	control.header.nr_body = sizeof(control.header);
	EQUAL(raw_ask(fd, WIRE_CONTROL, &control, sizeof(control.header) + 8, &answer,
		      sizeof(answer), &result),
	      sizeof(answer.port) + sizeof(control.header) + 8);
	EQUAL(result, -EINVAL);
	control.header.nr_reqtype = VALET_REQ_LOOKUP_SET;
	control.body[0] = VALET_LOOKUP_NATIVE;
	control.body[1] = (uintptr_t)refused_requests;
	EQUAL(raw_ask(fd, WIRE_CONTROL, &control, sizeof(control), &answer, sizeof(answer), &result),
	      sizeof(answer.port) + sizeof(control));
	EQUAL(result, -EOPNOTSUPP);
	/* CLOSE of what is not registered, and a new HELLO after it. */
	EQUAL(raw_ask(fd, WIRE_CLOSE, NULL, 0, &answer, sizeof(answer), &result), 0);
	EQUAL(result, 0);
	raw_hello(fd);
	close(fd);
	daemon_settle(&daemon_, 0);
}

/* ---- starting ---- */

static int32_t start_at(const char *path)
{
	struct daemon daemon = daemon_try(path, 1);

	if (daemon.rc == 0)
		daemon_stop(&daemon);
	return daemon.rc;
}

static void one_daemon_a_path(void)
{
	EQUAL(start_at(NULL), -EADDRINUSE);
	/* Not disturbed by that. */
	EQUAL(try_alone("vale0:a"), 0);
}

static void stale_socket(void)
{
	struct port_handle port = open_port("vale0:a", SLOTS(16));
	struct stat status;

	daemon_kill(&daemon_);
	EQUAL(lstat(getenv("VALET_SOCKET"), &status), 0);
	EQUAL(valet_open("daemon", NULL), -ECONNREFUSED);
	daemon_ = daemon_start(2);
	EQUAL(lstat(getenv("VALET_SOCKET"), &status), 0);
	CHECK(S_ISSOCK(status.st_mode));
	EQUAL(status.st_mode & 0777, 0600);
	EQUAL(try_alone("vale0:a"), 0);
	/* The old connection does not lead to the new one. */
	EQUAL(list_index(port.handle, "vale0:a"), -ECONNRESET);
	close_port(&port);
}

static void folders(void)
{
	char folder[64], path[128], link_[64];
	struct stat status;
	int fd;

	snprintf(folder, sizeof(folder), "%s/f", test_folder);
	snprintf(link_, sizeof(link_), "%s/link", test_folder);
	snprintf(path, sizeof(path), "%s/v.sock", folder);
	/* Made, for this user alone. */
	EQUAL(start_at(path), 0);
	EQUAL(stat(folder, &status), 0);
	EQUAL(status.st_mode & 0777, 0700);
	EQUAL(stat(path, &status), -1);
	EQUAL(chmod(folder, 0755), 0);
	EQUAL(start_at(path), 0);
	EQUAL(chmod(folder, 0777), 0);
	EQUAL(start_at(path), -EACCES);
	EQUAL(chmod(folder, 0720), 0);
	EQUAL(start_at(path), -EACCES);
	EQUAL(chmod(folder, 0700), 0);
	/* By a link of one's own. */
	EQUAL(symlink(folder, link_), 0);
	snprintf(path, sizeof(path), "%s/v.sock", link_);
	EQUAL(start_at(path), 0);
	if (geteuid() == 0) {
		EQUAL(lchown(link_, 65534, 65534), 0);
		EQUAL(start_at(path), -EACCES);
		EQUAL(chown(folder, 65534, 65534), 0);
		snprintf(path, sizeof(path), "%s/v.sock", folder);
		EQUAL(start_at(path), -EACCES);
		EQUAL(chown(folder, 0, 0), 0);
	}
	EQUAL(unlink(link_), 0);
	snprintf(path, sizeof(path), "%s/no/no/v.sock", folder);
	EQUAL(start_at(path), -ENOENT);
	/* What is a file is no folder. */
	snprintf(path, sizeof(path), "%s/file", folder);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	CHECK(fd >= 0);
	close(fd);
	strcat(path, "/v.sock");
	EQUAL(start_at(path), -ENOTDIR);
	snprintf(path, sizeof(path), "%s/file", folder);
	EQUAL(unlink(path), 0);
	/* A folder of which only the name is given. */
	EQUAL(chdir(folder), 0);
	EQUAL(start_at("v.sock"), 0);
	EQUAL(chmod(folder, 0777), 0);
	EQUAL(start_at("v.sock"), -EACCES);
	EQUAL(chdir("/"), 0);
	snprintf(path, sizeof(path), "%s/v.sock.lock", folder);
	EQUAL(unlink(path), 0);
	EQUAL(rmdir(folder), 0);
}

static void long_paths(void)
{
	char path[256], line[256];

	memset(path, 'x', sizeof(path) - 1);
	path[0] = '/';
	path[108] = '\0';
	EQUAL(start_at(path), -ENAMETOOLONG);
	setenv("VALET_SOCKET", path, 1);
	EQUAL(valet_open("daemon", NULL), -ENAMETOOLONG);
	EQUAL(valet_daemon_path(line, 108), -ENAMETOOLONG);
	EQUAL(valet_daemon_path(line, 109), 108);
	/* The longest that there can be. */
	snprintf(path, sizeof(path), "%s/%.*s", test_folder, 107 - (int)strlen(test_folder) - 1,
		 "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"
		 "yyyyyyyyyyyyyyyyyyyy");
	EQUAL(strlen(path), 107);
	EQUAL(start_at(path), 0);
	strcat(path, ".lock");
	EQUAL(unlink(path), 0);
	snprintf(path, sizeof(path), "%s/valet.sock", test_folder);
	setenv("VALET_SOCKET", path, 1);
}

/* ---- server and clients in one process ---- */

static void in_one_process(void)
{
	struct port_handle a, b;
	uint64_t figures[VALET_SERVE_FIGURES];

	EQUAL(valet_serve_status(figures), -EBADF);
	EQUAL(valet_serve_stop(), -EBADF);
	EQUAL(valet_serve_start(NULL, 2), 0);
	EQUAL(valet_serve_start(NULL, 2), -EADDRINUSE);
	a = open_port("vale0:a", SLOTS(16));
	b = open_port("vale0:b", SLOTS(16));
	send_frame(&a, EVERYBODY, STATION(1), 1);
	TAGS(&b, 1);
	EQUAL(newif(a.handle, "vi0", 16), 0);
	/* Its own connections do not keep it from being idle. */
	EQUAL(valet_serve_status(figures), 0);
	EQUAL(figures[VALET_SERVE_CONNECTIONS], 0);
	EQUAL(figures[VALET_SERVE_PORTS], 2);
	EQUAL(figures[VALET_SERVE_PERSISTENT], 1);
	EQUAL(valet_serve_stop(), 0);
	put_frame(&a, 0, EVERYBODY, STATION(1), 2, 60);
	EQUAL(valet_txsync(a.handle), -ECONNRESET);
	EQUAL(list_index(b.handle, "vale0:a"), -ECONNRESET);
	close_port(&a);
	close_port(&b);
	/* Again, with nothing left of the first time. */
	EQUAL(valet_serve_start(NULL, 1), 0);
	EQUAL(try_alone("vale0:a"), 0);
	EQUAL(valet_serve_status(figures), 0);
	EQUAL(figures[VALET_SERVE_PERSISTENT], 0);
	EQUAL(valet_serve_stop(), 0);
}

int main(void)
{
	daemon_folder();
	EQUAL(valet_open("daemon", NULL), -ENOENT);
	daemon_ = daemon_start(2);
	in_one_client();
	two_processes();
	names_are_free_again();
	persistent_ones_stay();
	adoption();
	adoption_before_register();
	wrong_messages();
	refused_requests();
	one_daemon_a_path();
	stale_socket();
	folders();
	long_paths();
	daemon_stop(&daemon_);
	in_one_process();
	return 0;
}
