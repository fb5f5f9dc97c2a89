/* SPDX-License-Identifier: BSD-2-Clause */
/* Two processes exchange frames through a bridge, and through a pipe; nothing is lost or changed.
 */
#include "p.h"

enum { FRAMES = 20000 };

static const char *names[2];

static void wait_for(int fd, short events)
{
	struct pollfd one = { .fd = fd, .events = events };
	int rc = poll(&one, 1, 10000);

	if (rc != 1 || !(one.revents & events))
		FAIL("poll() is %d with %#x (errno %d)", rc, (unsigned)one.revents, errno);
}

/* As many as the other side has room for are under way. */
static void send_all(const struct port *port, struct turns *turns)
{
	uint32_t sent = 0;

	while (sent < FRAMES) {
		uint32_t burst = FRAMES - sent < SLOTS / 2 ? FRAMES - sent : SLOTS / 2;

		while (burst) {
			wait_for(port->fd, POLLOUT);
			for (; burst && available(tx_ring(port, 0)); burst--)
				put_frame(port, sent++);
			EQUAL(ioctl(port->fd, NIOCTXSYNC, NULL), 0);
		}
		await(turns->to_parent);
	}
}

static void receive_all(void *argument)
{
	struct turns *turns = argument;
	struct port port = open_port(names[1]);
	uint32_t got = 0;

	pass(turns->to_parent);
	while (got < FRAMES) {
		int64_t number;

		wait_for(port.fd, POLLIN);
		while ((number = take_frame(&port)) >= 0) {
			EQUAL(number, got);
			got++;
			if (got % (SLOTS / 2) != 0 && got != FRAMES)
				continue;
			/* The slots are given back before more is sent: a bridge drops. */
			EQUAL(ioctl(port.fd, NIOCRXSYNC, NULL), 0);
			pass(turns->to_parent);
		}
	}
	close_port(&port);
}

static void exchange(const char *from, const char *to)
{
	struct turns turns = turns_make();
	struct port port;
	pid_t child;

	names[0] = from;
	names[1] = to;
	child = child_of(receive_all, &turns);
	await(turns.to_parent);
	port = open_port(from);
	send_all(&port, &turns);
	join_child(child);
	close_port(&port);
	turns_end(&turns);
	CHECK(!exists(from) && !exists(to));
}

int main(void)
{
	exchange("vale0:a", "vale0:b");
	exchange("vale1:p{1", "vale1:p}1");
	return 0;
}
