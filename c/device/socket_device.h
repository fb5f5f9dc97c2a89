/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unix sockets that virtual machines and user-space network stacks send their frames through. None
 * of them takes any privilege. The other program may be there or not: until it is, and while it is
 * away, what is sent to it is lost and counted.
 */
#ifndef VALET_DEVICE_SOCKET_DEVICE_H
#define VALET_DEVICE_SOCKET_DEVICE_H

#include <errno.h>

#include "device.h"

/* What QEMU takes; with more than that it ends a connection, and so do we. */
enum { SOCKET_FRAME_BYTES_MAX = 4096 + 65536 };

/* Whether what a socket has not taken is worth another try. EAGAIN: the other's queue is full. */
static inline int socket_is_full(int error)
{
	return error == EAGAIN || error == EINTR || error == ENOBUFS || error == ENOMEM;
}

/*
 * A stream, as QEMU's `-netdev stream`: at `socket` we listen, for one program at a time; to `peer`
 * we connect, again when the connection is lost. One of the two has to be given, else -EINVAL.
 * -EADDRINUSE: somebody listens there already.
 */
int stream_device_open(const char *socket, const char *peer, struct device **out);

/*
 * Datagrams, one a frame, as QEMU's `-netdev dgram`: ours is `socket`, which has to be given
 * (-EINVAL), the other's `peer`; "": whoever has sent last.
 */
int dgram_device_open(const char *socket, const char *peer, struct device **out);

#endif
