/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int wire_socket_path(char *path, uint32_t size)
{
	const char *given = getenv("VALET_SOCKET");
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	int length;

	if (given && *given)
		length = snprintf(path, size, "%s", given);
	else if (runtime && *runtime)
		length = snprintf(path, size, "%s/valet.sock", runtime);
	else
		length = snprintf(path, size, "/tmp/valet-%u/valet.sock", (unsigned)geteuid());
	return length < 0 || (uint32_t)length >= size ? -ENAMETOOLONG : length;
}

int wire_address(const char *path, struct sockaddr_un *address)
{
	char usual[sizeof(address->sun_path)];
	int rc;

	if (!path || !*path) {
		rc = wire_socket_path(usual, sizeof(usual));
		if (rc < 0)
			return rc;
		path = usual;
	}
	if (strlen(path) >= sizeof(address->sun_path))
		return -ENAMETOOLONG;
	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	strcpy(address->sun_path, path);
	return 0;
}

int wire_send(int socket, const struct wire_header *header, const struct wire_part *parts,
	      uint32_t count, const int *fds, uint32_t fd_count)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(WIRE_FDS_MAX * sizeof(int))];
	} ancillary;
	struct iovec iov[1 + WIRE_PARTS_MAX] = { { (void *)(uintptr_t)header, sizeof(*header) } };
	struct msghdr message = { .msg_iov = iov, .msg_iovlen = 1 + count };
	ssize_t sent;

	for (uint32_t i = 0; i < count; i++)
		iov[1 + i] = (struct iovec){ (void *)(uintptr_t)parts[i].data, parts[i].bytes };
	if (fd_count) {
		struct cmsghdr *rights;

		memset(&ancillary, 0, sizeof(ancillary));
		message.msg_control = ancillary.bytes;
		message.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
		rights = CMSG_FIRSTHDR(&message);
		rights->cmsg_level = SOL_SOCKET;
		rights->cmsg_type = SCM_RIGHTS;
		rights->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
		memcpy(CMSG_DATA(rights), fds, fd_count * sizeof(int));
	}
	do {
		sent = sendmsg(socket, &message, MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0;
}

static void take_fds(struct msghdr *message, int *fds, uint32_t *fd_count)
{
	uint32_t room = *fd_count;

	*fd_count = 0;
	for (struct cmsghdr *at = CMSG_FIRSTHDR(message); at; at = CMSG_NXTHDR(message, at)) {
		uint32_t count = (uint32_t)((at->cmsg_len - CMSG_LEN(0)) / sizeof(int));

		if (at->cmsg_level != SOL_SOCKET || at->cmsg_type != SCM_RIGHTS)
			continue;
		for (uint32_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(at) + i * sizeof(int), sizeof(int));
			if (*fd_count < room)
				fds[(*fd_count)++] = fd;
			else
				close(fd);
		}
	}
}

void wire_close_fds(const int *fds, uint32_t *fd_count)
{
	while (*fd_count)
		close(fds[--*fd_count]);
}

static int receive(int socket, struct wire_header *header, void *payload, uint32_t size, int *fds,
		   uint32_t *fd_count)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(WIRE_FDS_MAX * sizeof(int))];
	} ancillary;
	struct iovec iov[2] = { { header, sizeof(*header) }, { payload, size } };
	struct msghdr message = { .msg_iov = iov, .msg_iovlen = 2 };
	ssize_t got;

	if (*fd_count) {
		message.msg_control = ancillary.bytes;
		message.msg_controllen = sizeof(ancillary);
	}
	do {
		got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		message.msg_controllen = 0;
	take_fds(&message, fds, fd_count);
	if (got < 0)
		return -errno;
	if (got == 0)
		return -ECONNRESET;
	if (got < (ssize_t)sizeof(*header) || header->magic != WIRE_MAGIC)
		return -EPROTO;
	if (message.msg_flags & MSG_TRUNC)
		return -EMSGSIZE;
	return (int)((size_t)got - sizeof(*header));
}

int wire_receive(int socket, struct wire_header *header, void *payload, uint32_t size, int *fds,
		 uint32_t *fd_count)
{
	uint32_t none = 0;
	int rc;

	if (!fd_count)
		fd_count = &none;
	rc = receive(socket, header, payload, size, fds, fd_count);
	if (rc < 0)
		wire_close_fds(fds, fd_count);
	return rc;
}

void wire_ring(int bell)
{
	/* Full: it has not been heard yet. */
	if (send(bell, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return;
}

void wire_silence(int bell)
{
	char bytes[256];

	while (recv(bell, bytes, sizeof(bytes), MSG_DONTWAIT) == sizeof(bytes))
		continue;
}
