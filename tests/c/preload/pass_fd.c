/* SPDX-License-Identifier: BSD-2-Clause */
/* A descriptor that is sent to another program by SCM_RIGHTS is a netmap descriptor there. */
#include "p.h"

#include <sys/epoll.h>

static const char *myself;

static void send_fd(int socket, int fd, const void *data, size_t bytes)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} rights = { 0 };
	struct iovec part = { (void *)(uintptr_t)data, bytes };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = rights.bytes,
				  .msg_controllen = sizeof(rights) };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	EQUAL(sendmsg(socket, &message, 0), bytes);
}

static int receive_fd(int socket, void *data, size_t bytes)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} rights = { 0 };
	struct iovec part = { data, bytes };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = rights.bytes,
				  .msg_controllen = sizeof(rights) };
	int fd;

	EQUAL(recvmsg(socket, &message, 0), bytes);
	CHECK(CMSG_FIRSTHDR(&message));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	return fd;
}

/* ---- the other program ---- */

static struct port receive_port(int socket)
{
	struct port port;

	memset(&port, 0, sizeof(port));
	port.fd = receive_fd(socket, &port.reg, sizeof(port.reg));
	return port;
}

static void other_sends(int socket)
{
	struct port port = receive_port(socket);
	struct stat status;

	EQUAL(fstat(port.fd, &status), 0);
	CHECK(S_ISCHR(status.st_mode));
	FAILS(write(port.fd, "x", 1), EINVAL);
	map_port(&port);
	send_frame(&port, 1234);
	close_port(&port);
}

static void other_waits(int socket, int with_epoll)
{
	struct port port = receive_port(socket);

	EQUAL(write(socket, "x", 1), 1);
	if (with_epoll) {
		struct epoll_event event = { .events = EPOLLIN };
		int set = epoll_create1(0);

		EQUAL(epoll_ctl(set, EPOLL_CTL_ADD, port.fd, &event), 0);
		EQUAL(epoll_wait(set, &event, 1, 10000), 1);
	} else {
		struct pollfd one = { .fd = port.fd, .events = POLLIN };

		EQUAL(poll(&one, 1, 10000), 1);
	}
	map_port(&port);
	EQUAL(receive_frame(&port), 55);
	EQUAL(close(port.fd), 0);
}

/* Not registered by who opened it. */
static void other_registers(int socket)
{
	struct port port = receive_port(socket);
	struct nmreq_register reg = { .nr_tx_slots = SLOTS, .nr_rx_slots = SLOTS };

	FAILS(ioctl(port.fd, NIOCTXSYNC, NULL), ENXIO);
	EQUAL(register_with(port.fd, "vale0:late", &reg), 0);
	EQUAL(write(socket, &reg, sizeof(reg)), sizeof(reg));
	EQUAL(close(port.fd), 0);
}

static void other_keeps(int socket)
{
	struct port port = receive_port(socket);
	char byte;

	EQUAL(write(socket, "x", 1), 1);
	EQUAL(read(socket, &byte, 1), 1);
	EQUAL(ioctl(port.fd, NIOCTXSYNC, NULL), 0);
}

static int other(const char *what, int socket)
{
	if (!strcmp(what, "sends"))
		other_sends(socket);
	else if (!strcmp(what, "polls"))
		other_waits(socket, 0);
	else if (!strcmp(what, "epolls"))
		other_waits(socket, 1);
	else if (!strcmp(what, "registers"))
		other_registers(socket);
	else
		other_keeps(socket);
	return 0;
}

/* ---- this one ---- */

static pid_t start_other(const char *what, int *socket)
{
	int pair[2];
	pid_t pid;

	EQUAL(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	pid = fork();
	if (pid == 0) {
		char number[16];

		fcntl(pair[1], F_SETFD, 0);
		snprintf(number, sizeof(number), "%d", pair[1]);
		execl(myself, myself, what, number, NULL);
		_exit(99);
	}
	close(pair[1]);
	*socket = pair[0];
	return pid;
}

static void sends(void)
{
	struct port a = open_port("vale0:a"), b = open_port("vale0:b");
	int socket;
	pid_t pid = start_other("sends", &socket);

	send_fd(socket, a.fd, &a.reg, sizeof(a.reg));
	join_child(pid);
	EQUAL(receive_frame(&b), 1234);
	/* The other one has closed it; this one has not. */
	CHECK(exists("vale0:a"));
	send_frame(&a, 4);
	EQUAL(receive_frame(&b), 4);
	close_port(&a);
	CHECK(!exists("vale0:a"));
	close_port(&b);
	close(socket);
}

static void waits(const char *what)
{
	struct port a = open_port("vale0:a"), b = open_port("vale0:b");
	int socket;
	pid_t pid = start_other(what, &socket);
	char byte;

	send_fd(socket, b.fd, &b.reg, sizeof(b.reg));
	close_port(&b);
	EQUAL(read(socket, &byte, 1), 1);
	usleep(20 * 1000);
	send_frame(&a, 55);
	join_child(pid);
	CHECK(!exists("vale0:b"));
	close_port(&a);
	close(socket);
}

static void registers(void)
{
	struct port port = { .fd = open_netmap() };
	int socket;
	pid_t pid = start_other("registers", &socket);

	send_fd(socket, port.fd, &port.reg, sizeof(port.reg));
	EQUAL(read(socket, &port.reg, sizeof(port.reg)), sizeof(port.reg));
	join_child(pid);
	CHECK(exists("vale0:late"));
	map_port(&port);
	EQUAL(ioctl(port.fd, NIOCRXSYNC, NULL), 0);
	close_port(&port);
	CHECK(!exists("vale0:late"));
	close(socket);
}

/* In flight, or with the other program only, it is open. */
static void keeps(void)
{
	struct port a = open_port("vale0:a");
	int socket;
	pid_t pid = start_other("keeps", &socket);
	char byte;

	send_fd(socket, a.fd, &a.reg, sizeof(a.reg));
	close_port(&a);
	CHECK(exists("vale0:a"));
	EQUAL(read(socket, &byte, 1), 1);
	CHECK(exists("vale0:a"));
	EQUAL(write(socket, "x", 1), 1);
	join_child(pid);
	CHECK(!exists("vale0:a"));
	close(socket);
}

int main(int count, char **arguments)
{
	myself = arguments[0];
	if (count == 3)
		return other(arguments[1], atoi(arguments[2]));
	sends();
	waits("polls");
	waits("epolls");
	registers();
	keeps();
	return 0;
}
