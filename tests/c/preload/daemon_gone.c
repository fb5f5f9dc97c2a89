/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When the daemon is gone, every call says so at once, and none waits for ever. Says "waiting" when
 * the daemon may be killed; with an argument: there is none, and the device cannot be opened.
 */
#include "p.h"

#include <sys/epoll.h>

static void no_daemon(void)
{
	struct stat status;

	EQUAL(open("/dev/netmap", O_RDWR), -1);
	CHECK(errno == ENOENT || errno == ECONNREFUSED);
	FAILS(stat("/dev/netmap", &status), ENOENT);
	FAILS(access("/dev/netmap", F_OK), ENOENT);
}

static void *sleep_in_epoll(void *argument)
{
	struct epoll_event event = { .events = EPOLLIN };
	int set = epoll_create1(0);

	EQUAL(epoll_ctl(set, EPOLL_CTL_ADD, *(int *)argument, &event), 0);
	EQUAL(epoll_wait(set, &event, 1, 30000), 1);
	CHECK(event.events & EPOLLERR);
	return NULL;
}

int main(int count, char **arguments)
{
	struct nmreq_port_info_get info = { 0 };
	struct port port;
	struct pollfd one;
	pthread_t thread;
	int idle;

	(void)arguments;
	if (count > 1) {
		no_daemon();
		return 0;
	}
	port = open_port("vale0:a");
	idle = open_netmap();
	one = (struct pollfd){ .fd = port.fd, .events = POLLIN };
	EQUAL(pthread_create(&thread, NULL, sleep_in_epoll, &port.fd), 0);
	puts("waiting");
	fflush(stdout);
	EQUAL(poll(&one, 1, 30000), 1);
	CHECK(one.revents & POLLERR);
	EQUAL(pthread_join(thread, NULL), 0);
	EQUAL(poll(&one, 1, -1), 1);
	put_frame(&port, 1);
	FAILS(ioctl(port.fd, NIOCTXSYNC, NULL), ECONNRESET);
	FAILS(request(port.fd, NETMAP_REQ_PORT_INFO_GET, "vale0:a", &info), ECONNRESET);
	FAILS(request(idle, NETMAP_REQ_PORT_INFO_GET, "vale0:a", &info), ECONNRESET);
	no_daemon();
	close_port(&port);
	EQUAL(close(idle), 0);
	return 0;
}
