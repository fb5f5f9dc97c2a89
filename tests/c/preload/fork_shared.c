/* SPDX-License-Identifier: BSD-2-Clause */
/* A child has its parent's descriptors: both use them, and the port goes with the last. */
#include "p.h"

#include <spawn.h>

extern char **environ;
static struct port port, other;
static struct turns turns;

/* The child sends on the parent's port, and maps it anew. */
static void child_sends(void *argument)
{
	struct port mine = port;

	(void)argument;
	send_frame(&port, 1);
	map_port(&mine);
	CHECK(mine.base != port.base);
	put_frame(&mine, 2);
	EQUAL(ioctl(mine.fd, NIOCTXSYNC, NULL), 0);
	pass(turns.to_parent);
	/* The parent has closed it; here it still is. */
	await(turns.to_child);
	CHECK(exists("vale0:a"));
	send_frame(&port, 3);
	pass(turns.to_parent);
	await(turns.to_child);
	EQUAL(munmap(mine.base, mine.bytes), 0);
	close_port(&port);
	CHECK(!exists("vale0:a"));
}

static void shared(void)
{
	pid_t child;

	turns = turns_make();
	port = open_port("vale0:a");
	other = open_port("vale0:b");
	child = child_of(child_sends, NULL);
	await(turns.to_parent);
	EQUAL(receive_frame(&other), 1);
	EQUAL(receive_frame(&other), 2);
	/* It was only the child that sent: the ring is the same one. */
	send_frame(&port, 9);
	EQUAL(receive_frame(&other), 9);
	close_port(&port);
	pass(turns.to_child);
	await(turns.to_parent);
	EQUAL(receive_frame(&other), 3);
	pass(turns.to_child);
	join_child(child);
	CHECK(!exists("vale0:a"));
	close_port(&other);
}

static void child_exits(void *argument)
{
	(void)argument;
}

/* A child that does nothing with it, and closes or just ends. */
static void idle_children(void)
{
	port = open_port("vale0:a");
	for (int i = 0; i < 20; i++) {
		join_child(child_of(child_exits, NULL));
		CHECK(exists("vale0:a"));
		EQUAL(ioctl(port.fd, NIOCTXSYNC, NULL), 0);
	}
	close_port(&port);
	CHECK(!exists("vale0:a"));
}

static void child_registers(void *argument)
{
	struct nmreq_register reg = { .nr_tx_slots = SLOTS, .nr_rx_slots = SLOTS };

	EQUAL(register_with(*(int *)argument, "vale0:r", &reg), 0);
}

/* It is one descriptor: what the child registers is registered for the parent. */
static void registered_by_child(void)
{
	struct nmreq_register reg = { .nr_tx_slots = SLOTS, .nr_rx_slots = SLOTS };
	int fd = open_netmap();

	join_child(child_of(child_registers, &fd));
	CHECK(exists("vale0:r"));
	FAILS(register_with(fd, "vale0:s", &reg), EBUSY);
	EQUAL(ioctl(fd, NIOCTXSYNC, NULL), 0);
	EQUAL(ioctl(fd, NIOCRXSYNC, NULL), 0);
	port.fd = fd;
	port.reg.nr_memsize = 8192;
	port.reg.nr_offset = 0;
	map_port(&port);
	close_port(&port);
	CHECK(!exists("vale0:r"));
}

enum { REQUESTS = 500 };

static void ask_often(void *argument)
{
	int fd = *(int *)argument;

	for (int i = 0; i < REQUESTS; i++) {
		struct nmreq_port_info_get info = { .nr_tx_slots = (uint32_t)(100 + i) };

		EQUAL(request(fd, NETMAP_REQ_PORT_INFO_GET, "vale5:x", &info), 0);
		EQUAL(info.nr_tx_slots, 100 + i);
	}
}

/* Several processes at once on one descriptor: each gets its own answers. */
static void at_once(void)
{
	int fd = open_netmap();
	pid_t children[4];

	for (uint32_t i = 0; i < COUNT(children); i++)
		children[i] = child_of(ask_often, &fd);
	ask_often(&fd);
	for (uint32_t i = 0; i < COUNT(children); i++)
		join_child(children[i]);
	EQUAL(close(fd), 0);
}

static void child_waits(void *argument)
{
	struct pollfd one = { .fd = port.fd, .events = POLLIN };

	(void)argument;
	pass(turns.to_parent);
	EQUAL(poll(&one, 1, 10000), 1);
	EQUAL(one.revents, POLLIN);
	EQUAL(receive_frame(&port), 5);
	pass(turns.to_parent);
}

/* A child sleeps on what its parent opened. */
static void child_sleeps(void)
{
	pid_t child;

	port = open_port("vale0:a");
	other = open_port("vale0:b");
	child = child_of(child_waits, NULL);
	await(turns.to_parent);
	usleep(20 * 1000);
	send_frame(&other, 5);
	await(turns.to_parent);
	join_child(child);
	close_port(&port);
	close_port(&other);
}

/* Numbers are the child's own, though its memory is not: the parent's stay. */
static void borrowed_memory(void)
{
	posix_spawn_file_actions_t actions;
	char *const arguments[] = { "true", NULL };
	pid_t child;
	int fd;

	port = open_port("vale0:a");
	fd = port.fd;
	child = vfork();
	if (child == 0) {
		close(fd);
		dup2(0, fd);
		close_range(3, ~0u, 0);
		_exit(0);
	}
	join_child(child);
	EQUAL(ioctl(port.fd, NIOCTXSYNC, NULL), 0);
	CHECK(exists("vale0:a"));
	EQUAL(posix_spawn_file_actions_init(&actions), 0);
	EQUAL(posix_spawn_file_actions_addclose(&actions, port.fd), 0);
	EQUAL(posix_spawnp(&child, "true", &actions, NULL, arguments, environ), 0);
	posix_spawn_file_actions_destroy(&actions);
	join_child(child);
	EQUAL(system("exit 0"), 0);
	EQUAL(ioctl(port.fd, NIOCTXSYNC, NULL), 0);
	close_port(&port);
	CHECK(!exists("vale0:a"));
}

/* A background process as daemon() makes one. */
static void daemonized(void *argument)
{
	(void)argument;
	EQUAL(daemon(1, 1), 0);
	EQUAL(ioctl(port.fd, NIOCTXSYNC, NULL), 0);
	await(turns.to_child);
	pass(turns.to_parent);
	await(turns.to_child);
}

static void backgrounds(void)
{
	port = open_port("vale0:a");
	join_child(child_of(daemonized, NULL));
	close_port(&port);
	CHECK(exists("vale0:a"));
	pass(turns.to_child);
	await(turns.to_parent);
	CHECK(exists("vale0:a"));
	pass(turns.to_child);
	while (exists("vale0:a"))
		usleep(1000);
}

int main(void)
{
	shared();
	idle_children();
	registered_by_child();
	at_once();
	child_sleeps();
	borrowed_memory();
	backgrounds();
	return 0;
}
