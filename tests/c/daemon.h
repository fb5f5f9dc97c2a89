/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of the daemon share: a daemon in a process of its own, in a folder of its own, and
 * client processes. Everything ends with the test, however that ends.
 */
#ifndef TEST_DAEMON_H
#define TEST_DAEMON_H

#define _GNU_SOURCE /* struct ucred, seals */

#include "t.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "backend/backend.h"
#include "backend/daemon.h"
#include "engine/csb.h"
#include "handle.h"
#include "wire.h"

/* ---- processes ---- */

/* Runs body in a process of its own, which then ends with 0. */
HELPER pid_t spawn(void (*body)(void *), void *argument)
{
	pid_t parent = getpid(), pid;

	fflush(NULL);
	pid = fork();
	CHECK(pid >= 0);
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	body(argument);
	_exit(0);
}

/* Waits for its end, which must be a good one. */
HELPER void reap(pid_t pid)
{
	int status;

	EQUAL(waitpid(pid, &status, 0), pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		FAIL("a process ended with %s %d", WIFEXITED(status) ? "status" : "signal",
		     WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}

HELPER void kill_now(pid_t pid)
{
	int status;

	EQUAL(kill(pid, SIGKILL), 0);
	EQUAL(waitpid(pid, &status, 0), pid);
	if (!WIFSIGNALED(status))
		FAIL("a process ended by itself, with %d", WEXITSTATUS(status));
}

/* Memory that a test shares with the processes that it starts. */
HELPER void *shared_memory(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	CHECK(memory != MAP_FAILED);
	return memory;
}

/* ---- the daemon ---- */

struct daemon {
	pid_t pid;
	int line; /* to it: a byte is a question for its figures, the end ends it */
	int32_t rc; /* of its start; < 0: it has ended again */
};

/* Of the test's first process, which removes it; its daemons forget it. */
static char test_folder[32];

HELPER void remove_folder(void)
{
	char path[64];

	if (!test_folder[0])
		return;
	snprintf(path, sizeof(path), "%s/valet.sock", test_folder);
	unlink(path);
	snprintf(path, sizeof(path), "%s/valet.sock.lock", test_folder);
	unlink(path);
	rmdir(test_folder);
}

/* A folder for the socket; the daemon's clients in this process and its children look there. */
HELPER void daemon_folder(void)
{
	char path[64];

	test_backend = "daemon";
	strcpy(test_folder, "/tmp/valet-c-XXXXXX");
	CHECK(mkdtemp(test_folder));
	snprintf(path, sizeof(path), "%s/valet.sock", test_folder);
	setenv("VALET_SOCKET", path, 1);
	atexit(remove_folder);
}

HELPER void daemon_serve(int line, const char *path, uint32_t threads)
{
	int32_t rc = valet_serve_start(path, threads);
	uint64_t figures[VALET_SERVE_FIGURES];
	char byte;

	CHECK(write(line, &rc, sizeof(rc)) == sizeof(rc));
	while (rc == 0 && read(line, &byte, 1) == 1) {
		EQUAL(valet_serve_status(figures), 0);
		CHECK(write(line, figures, sizeof(figures)) == sizeof(figures));
	}
	if (rc == 0)
		EQUAL(valet_serve_stop(), 0);
}

/* Descriptors that the daemons may have that are started from now on; 0: no matter. */
static uint32_t test_fds_max;

/* The process forks a daemon. Caller: has no other thread. */
HELPER struct daemon daemon_try(const char *path, uint32_t threads)
{
	struct daemon daemon;
	int line[2];

	fflush(NULL);
	EQUAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, line), 0);
	daemon.pid = fork();
	CHECK(daemon.pid >= 0);
	if (!daemon.pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(line[0]);
		test_folder[0] = '\0';
		if (test_fds_max)
			setrlimit(RLIMIT_NOFILE, &(struct rlimit){ test_fds_max, test_fds_max });
		daemon_serve(line[1], path, threads);
		exit(0); /* the leak checker looks now */
	}
	close(line[1]);
	daemon.line = line[0];
	CHECK(read(daemon.line, &daemon.rc, sizeof(daemon.rc)) == sizeof(daemon.rc));
	if (daemon.rc < 0) {
		close(daemon.line);
		reap(daemon.pid);
	}
	return daemon;
}

HELPER struct daemon daemon_start(uint32_t threads)
{
	struct daemon daemon = daemon_try(NULL, threads);

	EQUAL(daemon.rc, 0);
	return daemon;
}

/* It must end by itself, with no leak. */
HELPER void daemon_stop(struct daemon *daemon)
{
	close(daemon->line);
	reap(daemon->pid);
}

/* When it returns, no thread of the daemon runs any more, until SIGCONT. */
HELPER void daemon_halt(const struct daemon *daemon)
{
	int status;

	EQUAL(kill(daemon->pid, SIGSTOP), 0);
	EQUAL(waitpid(daemon->pid, &status, WUNTRACED), daemon->pid);
	CHECK(WIFSTOPPED(status));
}

HELPER void daemon_kill(struct daemon *daemon)
{
	kill_now(daemon->pid);
	close(daemon->line);
}

HELPER uint64_t daemon_figure(const struct daemon *daemon, int which)
{
	uint64_t figures[VALET_SERVE_FIGURES];
	size_t got = 0;

	CHECK(write(daemon->line, "?", 1) == 1);
	while (got < sizeof(figures)) {
		ssize_t n = read(daemon->line, (char *)figures + got, sizeof(figures) - got);

		if (n <= 0)
			FAIL("the daemon is gone");
		got += (size_t)n;
	}
	return figures[which];
}

/* ---- what a process has ---- */

HELPER uint32_t entries_of(pid_t pid, const char *what)
{
	char path[64];
	uint32_t count = 0;
	DIR *folder;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, what);
	folder = opendir(path);
	CHECK(folder);
	for (struct dirent *entry; (entry = readdir(folder));)
		count += entry->d_name[0] != '.';
	closedir(folder);
	return count;
}

HELPER uint32_t fds_of(pid_t pid)
{
	return entries_of(pid, "fd");
}

HELPER uint32_t threads_of(pid_t pid)
{
	return entries_of(pid, "task");
}

/* Bytes in memory. */
HELPER uint64_t resident_of(pid_t pid)
{
	unsigned long long all, resident;
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
	file = fopen(path, "r");
	CHECK(file);
	EQUAL(fscanf(file, "%llu %llu", &all, &resident), 2);
	fclose(file);
	return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

/*
 * Until that many connections of other processes are left, and whatever else the daemon's control
 * thread was at is done.
 */
HELPER void daemon_settle(const struct daemon *daemon, uint64_t connections)
{
	int32_t handle = open_handle();

	EQUAL(valet_close(handle), 0);
	WAIT_FOR(daemon_figure(daemon, VALET_SERVE_CONNECTIONS) == connections);
}

/* ---- clients ---- */

/* A connection, before anything has been said. */
HELPER int raw_connect(void)
{
	struct sockaddr_un address;
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	CHECK(fd >= 0);
	EQUAL(wire_address(NULL, &address), 0);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		FAIL("connect: %s", strerror(errno));
	return fd;
}

/* A request of any kind and its answer: the bytes of its payload, or negative. */
HELPER int raw_ask(int fd, uint16_t type, const void *payload, uint32_t bytes, void *answer,
		   uint32_t size, int *result)
{
	struct wire_header header = { WIRE_MAGIC, WIRE_VERSION, type, 77, 0 };
	struct wire_part part = { payload, bytes };
	int rc = wire_send(fd, &header, &part, 1, NULL, 0);

	*result = 0;
	if (rc == 0)
		rc = wire_receive(fd, &header, answer, size, NULL, NULL);
	if (rc >= 0) {
		EQUAL(header.id, 77);
		EQUAL(header.type, type);
		*result = header.result;
	}
	return rc;
}

HELPER void raw_hello(int fd)
{
	struct wire_hello hello = { .pid = 0 };
	int result;

	EQUAL(raw_ask(fd, WIRE_HELLO, &hello, sizeof(hello), &hello, sizeof(hello), &result),
	      sizeof(hello));
	EQUAL(result, 0);
}

/* The client's descriptor behind a handle. It stays open as long as the handle. */
HELPER void *descriptor_of(int32_t number)
{
	struct handle *handle = handle_enter(number);
	void *descriptor;

	CHECK(handle);
	descriptor = handle->descriptor;
	handle_leave(handle);
	return descriptor;
}

/* Frames that have come and whose tags count up from *next. Gives the slots back. */
HELPER uint32_t take_in_order(const struct port_handle *port, uint32_t *next)
{
	struct frame frame;
	uint32_t count = 0;

	EQUAL(valet_rxsync(port->handle), 0);
	for (; take_frame(port, 0, &frame); count++)
		EQUAL(frame.tag, (*next)++);
	if (count)
		EQUAL(valet_rxsync(port->handle), 0);
	return count;
}

/* Is the name free, for one who wants it alone? Asks with a handle of its own. */
HELPER int32_t try_alone(const char *name)
{
	struct port_handle port;
	int32_t rc = try_open(name,
			      REG(.nr_mode = NR_REG_ALL_NIC, .nr_flags = NR_EXCLUSIVE,
				  .nr_tx_slots = 16, .nr_rx_slots = 16),
			      &port);

	if (rc == 0)
		close_port(&port);
	return rc;
}

#endif
