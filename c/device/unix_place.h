/* SPDX-License-Identifier: BSD-2-Clause */
/* Places of Unix sockets: a path, or "@name" for a name of the network namespace (unix(7)). */
#ifndef VALET_DEVICE_UNIX_PLACE_H
#define VALET_DEVICE_UNIX_PLACE_H

#include <sys/socket.h>
#include <sys/un.h>

struct unix_place {
	struct sockaddr_un address;
	socklen_t bytes; /* 0: nowhere */
	dev_t device; /* of the file that binding has made */
	ino_t inode; /* 0: none */
	struct unix_place *next; /* of those that this process has bound */
};

/* "": nowhere. -ENAMETOOLONG. */
int unix_place_parse(const char *text, struct unix_place *place);
/*
 * Binds a new socket there, in place of one that nobody listens to any more. The descriptor, or
 * -EADDRINUSE: somebody does, or there is something else; and others. Until unix_place_leave() the
 * place stays where it is: the end of the process removes the file as well, unless it is killed.
 */
int unix_place_bind(struct unix_place *place, int type);
/* Removes what binding has made, unless somebody has replaced it. */
void unix_place_leave(struct unix_place *place);
/*
 * Connects a new socket. The descriptor; -ENOENT, -ECONNREFUSED, -EAGAIN: nobody listens there now;
 * -ENOTSOCK: nobody ever will; and others.
 */
int unix_place_connect(const struct unix_place *place, int type);

#endif
