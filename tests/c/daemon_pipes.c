/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pipes between processes, whose two ends may be served by two threads of the daemon: with rings so
 * small that both ends sleep as often as can be, nothing is lost and nobody sleeps on.
 */
#include "daemon.h"

enum { PIPES = 4, FRAMES = 20000, SLOTS_EACH = 3 };

static struct daemon daemon_;

static struct port_handle open_end(int number, char end)
{
	char name[16];

	snprintf(name, sizeof(name), "vale%d:p%c1", number, end);
	return open_port(name, SLOTS(SLOTS_EACH));
}

static void receive_all(void *number)
{
	struct port_handle port = open_end((int)(intptr_t)number, '}');
	struct netmap_ring *ring = rx_ring(&port, 0);
	struct frame frame;

	for (uint32_t next = 0; next < FRAMES;) {
		int32_t found = valet_poll(port.handle, POLLIN, HANGS_MS);

		if (found != POLLIN)
			FAIL("poll for frame %u: %d (head %u cur %u tail %u)", next, found,
			     ring->head, ring->cur, ring->tail);
		/* One at a time now and then: the sender waits for this very slot. */
		do {
			CHECK(take_frame(&port, 0, &frame));
			EQUAL(frame.tag, next++);
		} while (next % 3 && available(ring));
		EQUAL(valet_rxsync(port.handle), 0);
	}
	close_port(&port);
}

static void send_all(void *number)
{
	struct port_handle port = open_end((int)(intptr_t)number, '{');
	struct netmap_ring *ring = tx_ring(&port, 0);
	pid_t pid = spawn(receive_all, number);

	for (uint32_t next = 0; next < FRAMES;) {
		int32_t found = valet_poll(port.handle, POLLOUT, HANGS_MS);

		if (found != POLLOUT)
			FAIL("poll to send frame %u: %d (head %u cur %u tail %u)", next, found,
			     ring->head, ring->cur, ring->tail);
		while (next < FRAMES && available(ring))
			put_frame(&port, 0, EVERYBODY, STATION(1), next++, 60);
		EQUAL(valet_txsync(port.handle), 0);
	}
	reap(pid);
	close_port(&port);
}

int main(void)
{
	pid_t pid[PIPES];

	daemon_folder();
	daemon_ = daemon_start(4);
	for (intptr_t i = 0; i < PIPES; i++)
		pid[i] = spawn(send_all, (void *)i);
	for (int i = 0; i < PIPES; i++)
		reap(pid[i]);
	daemon_stop(&daemon_);
	return 0;
}
