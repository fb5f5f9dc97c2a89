/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * More of the daemon's client than struct backend has: for the preload library, where a netmap
 * descriptor has to be a file descriptor that a program can wait on and pass on. The file
 * descriptor is the connection itself.
 */
#ifndef VALET_BACKEND_DAEMON_H
#define VALET_BACKEND_DAEMON_H

#include <stdint.h>

/* The connection. It stays the descriptor's, which closes it. */
int daemon_socket(void *descriptor);

/* Whether the file descriptor is a connection to the daemon. */
int daemon_is_connection(int fd);

/*
 * A descriptor for a connection that this process inherited or was handed; registered if it was.
 * From here on it owns `fd`. -ENOTCONN: it is none; negative as valet_open().
 */
int daemon_adopt(int fd, void **descriptor);

/*
 * Before sleeping on file descriptors of one's own choice: does what poll() does first, and returns
 * the events (POLLIN, POLLOUT, POLLERR) that are there now. Unless there are any, whoever fills or
 * empties a ring will signal daemon_event() from now on. Must be followed by daemon_sleep_end()
 * with the same events, on the same thread. Negative: nothing begun.
 */
int daemon_sleep_begin(void *descriptor, uint32_t events);
/* After it: takes the signals, and says what is there. */
int daemon_sleep_end(void *descriptor, uint32_t events);
/*
 * Lets go of the descriptor and its connection in this process. The port lives on if another
 * process has the connection; closing it would end it for all.
 */
void daemon_leave(void *descriptor);
/* The memory of the region, to be mapped; the caller's to close. -ENXIO before REGISTER. */
int daemon_region(void *descriptor, uint64_t *offset);
/*
 * What to wait on (POLLIN) for POLLIN or POLLOUT, on the thread that has begun to sleep; -1
 * otherwise.
 */
int daemon_event(void *descriptor, uint32_t event);

/* Asks the program that hosts the daemon: see valet_daemon_ask(). */
int daemon_ask(const void *question, uint32_t bytes, void *answer, uint32_t size,
	       int32_t timeout_ms);

#endif
