/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE /* struct ucred */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "server.h"

/* "." for a path without a folder. */
static void folder_of(const char *path, char *folder, size_t size)
{
	char *slash;

	snprintf(folder, size, "%s", path);
	slash = strrchr(folder, '/');
	if (!slash)
		strcpy(folder, ".");
	else if (slash == folder)
		slash[1] = '\0';
	else
		*slash = '\0';
}

/* The socket's folder, made if need be: the usual one in /tmp is not there at first. */
static int check_folder(const char *path)
{
	char folder[sizeof(((struct sockaddr_un *)0)->sun_path)];
	struct stat status;

	folder_of(path, folder, sizeof(folder));
	if (mkdir(folder, 0700) < 0 && errno != EEXIST)
		return -errno;
	if (lstat(folder, &status) < 0)
		return -errno;
	if (S_ISLNK(status.st_mode)) {
		/* Another user's could lead elsewhere at any time. */
		if (status.st_uid != geteuid() && status.st_uid != 0)
			return -EACCES;
		if (stat(folder, &status) < 0)
			return -errno;
	}
	if (!S_ISDIR(status.st_mode))
		return -ENOTDIR;
	/* Others could put a socket of theirs in its place. */
	return status.st_uid == geteuid() && !(status.st_mode & (S_IWGRP | S_IWOTH)) ? 0 : -EACCES;
}

/* One daemon a path, whoever starts at the same time: the lock goes with the process. */
static int take_lock(const char *path)
{
	char name[sizeof(((struct sockaddr_un *)0)->sun_path) + 8];
	int fd, rc;

	snprintf(name, sizeof(name), "%s.lock", path);
	fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	rc = errno == EWOULDBLOCK ? -EADDRINUSE : -errno;
	close(fd);
	return rc;
}

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83 /* Linux 6.16 */
#endif

/*
 * Clients have no descriptors to send. Closing one can take its time (a TCP socket that lingers),
 * and would take it from the control thread. An older kernel cannot refuse them.
 */
static void refuse_fds(int fd)
{
	int no = 0;

	setsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &no, sizeof(no));
}

static int listen_at(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int rc;

	if (fd < 0)
		return -errno;
	refuse_fds(fd);
	/* The lock is ours, so whoever listened here is gone. */
	unlink(address->sun_path);
	/* On Linux the socket file gets the mode that the socket has. */
	if (fchmod(fd, 0600) == 0 &&
	    bind(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 &&
	    listen(fd, 1024) == 0)
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

int listener_open(struct server *server, const char *path)
{
	int rc;

	server->address = calloc(1, sizeof(*server->address));
	if (!server->address)
		return -ENOMEM;
	rc = wire_address(path, server->address);
	if (rc == 0)
		rc = check_folder(server->address->sun_path);
	if (rc == 0)
		rc = server->lock_fd = take_lock(server->address->sun_path);
	if (rc < 0)
		goto free_address;
	rc = server->listener = listen_at(server->address);
	if (rc >= 0)
		return 0;
	close(server->lock_fd);
free_address:
	free(server->address);
	return rc;
}

void listener_close(struct server *server)
{
	unlink(server->address->sun_path);
	close(server->listener);
	close(server->lock_fd);
	free(server->address);
}

int listener_admits(int socket, uint32_t *pid)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || peer.uid != geteuid())
		return 0;
	*pid = (uint32_t)peer.pid;
	return 1;
}
