/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A daemon is for its user alone: the process of another one cannot connect, by the folder's mode, by the
 * socket's, and when both let it through, because the daemon asks who it is. And nobody takes the daemon
 * of another for their own.
 */
#include "daemon.h"

enum { OTHER = 65534, THIRD = 65533 };

static void become(uint32_t user)
{
	EQUAL(setresgid(user, user, user), 0);
	EQUAL(setresuid(user, user, user), 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* was reset */
}

static void cannot_enter(void *unused)
{
	char answer[8];
	int32_t handle;

	(void)unused;
	become(OTHER);
	EQUAL(valet_open("daemon", NULL), -EACCES);
	EQUAL(valet_daemon_ask("hello", 5, answer, sizeof(answer), HANGS_MS), -EACCES);
	/* The automatic choice goes on to the next. */
	handle = valet_open("auto", NULL);
	CHECK(handle > 0);
	CHECK(valet_backend(handle) != VALET_BACKEND_DAEMON);
}

/* Connected, and thrown out before a word is said or heard. */
static void is_thrown_out(void *unused)
{
	struct wire_header header;
	int fd;

	(void)unused;
	become(OTHER);
	fd = raw_connect();
	EQUAL(wire_receive(fd, &header, NULL, 0, NULL, NULL), -ECONNRESET);
}

static void other_users(void)
{
	struct daemon daemon = daemon_start(1);
	const char *path = getenv("VALET_SOCKET");
	struct port_handle port = open_port("vale0:a", SLOTS(16));

	EQUAL(chmod(test_folder, 0700), 0);
	reap(spawn(cannot_enter, NULL));
	EQUAL(chmod(test_folder, 0711), 0);
	reap(spawn(cannot_enter, NULL));
	EQUAL(daemon_figure(&daemon, VALET_SERVE_REFUSED), 0);
	EQUAL(chmod(path, 0666), 0);
	reap(spawn(is_thrown_out, NULL));
	WAIT_FOR(daemon_figure(&daemon, VALET_SERVE_REFUSED) == 1);
	/* Our own client does not even try. */
	reap(spawn(cannot_enter, NULL));
	EQUAL(daemon_figure(&daemon, VALET_SERVE_CONNECTIONS), 1);
	/* Its user is not concerned. */
	EQUAL(list_index(port.handle, "vale0:a"), 0);
	close_port(&port);
	daemon_stop(&daemon);
}

/* ---- squatters ---- */

static uint32_t *listens;

/* Sits on the path, and would answer anything. */
static void squat(void *user)
{
	struct sockaddr_un address;
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	become((uint32_t)(uintptr_t)user);
	EQUAL(wire_address(NULL, &address), 0);
	unlink(address.sun_path);
	EQUAL(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	EQUAL(chmod(address.sun_path, 0777), 0);
	EQUAL(listen(fd, 16), 0);
	store_release(listens, 1);
	for (;;) {
		struct wire_hello hello = { .pid = 1 };
		struct wire_part part = { &hello, sizeof(hello) };
		struct wire_header header;
		int one = accept(fd, NULL, NULL);
		int bytes = wire_receive(one, &header, &hello, sizeof(hello), NULL, NULL);

		/* It is not told anything. */
		EQUAL(bytes, -ECONNRESET);
		wire_send(one, &header, &part, 1, NULL, 0);
		close(one);
	}
}

static void meets_a_squatter(void *user)
{
	char answer[8];
	int32_t handle;

	if ((uintptr_t)user)
		become((uint32_t)(uintptr_t)user);
	EQUAL(valet_open("daemon", NULL), -EACCES);
	EQUAL(valet_daemon_ask("secret", 6, answer, sizeof(answer), HANGS_MS), -EACCES);
	handle = valet_open(NULL, NULL);
	CHECK(handle > 0);
	CHECK(valet_backend(handle) != VALET_BACKEND_DAEMON);
}

static void squatters(void)
{
	pid_t pid;

	listens = shared_memory(sizeof(*listens));
	EQUAL(chmod(test_folder, 0777), 0);
	pid = spawn(squat, (void *)OTHER);
	WAIT_FOR(load_acquire(listens));
	reap(spawn(meets_a_squatter, NULL));
	reap(spawn(meets_a_squatter, (void *)THIRD));
	/* A daemon does not sit down beside it either. */
	EQUAL(daemon_try(NULL, 1).rc, -EACCES);
	kill_now(pid);
	EQUAL(chmod(test_folder, 0700), 0);
}

int main(void)
{
	if (geteuid() != 0)
		SKIP("only root can be several users");
	unsetenv("VALET_BACKEND");
	daemon_folder();
	other_users();
	squatters();
	return 0;
}
