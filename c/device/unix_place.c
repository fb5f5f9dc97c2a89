/* SPDX-License-Identifier: BSD-2-Clause */
#include "unix_place.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int unix_place_parse(const char *text, struct unix_place *place)
{
	size_t length = strlen(text), before = offsetof(struct sockaddr_un, sun_path);

	memset(place, 0, sizeof(*place));
	if (!length)
		return 0;
	if (length >= sizeof(place->address.sun_path))
		return -ENAMETOOLONG;
	place->address.sun_family = AF_UNIX;
	memcpy(place->address.sun_path, text, length);
	place->bytes = (socklen_t)(before + length);
	if (text[0] == '@')
		place->address.sun_path[0] = '\0';
	else
		place->bytes++; /* the end of the path */
	return 0;
}

static int is_file(const struct unix_place *place)
{
	return place->address.sun_path[0] != '\0';
}

int unix_place_connect(const struct unix_place *place, int type)
{
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), rc;
	struct stat status;

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&place->address, place->bytes) == 0)
		return fd;
	rc = -errno;
	close(fd);
	if (rc == -ECONNREFUSED && is_file(place) &&
	    stat(place->address.sun_path, &status) == 0 && !S_ISSOCK(status.st_mode))
		return -ENOTSOCK;
	return rc;
}

/* ---- what this process has bound ---- */

static pthread_mutex_t bound_lock = PTHREAD_MUTEX_INITIALIZER;
static struct unix_place *bound;
static pid_t bound_by; /* a child has the list, not the sockets */

static void remove_file(const struct unix_place *place)
{
	struct stat status;

	if (lstat(place->address.sun_path, &status) == 0 && status.st_dev == place->device &&
	    status.st_ino == place->inode)
		unlink(place->address.sun_path);
}

static void remove_all(void)
{
	pthread_mutex_lock(&bound_lock);
	for (const struct unix_place *place = bound; place && bound_by == getpid();
	     place = place->next)
		remove_file(place);
	pthread_mutex_unlock(&bound_lock);
}

static void remember(struct unix_place *place)
{
	struct stat status;

	if (!is_file(place) || lstat(place->address.sun_path, &status) < 0)
		return;
	place->device = status.st_dev;
	place->inode = status.st_ino;
	pthread_mutex_lock(&bound_lock);
	if (!bound_by)
		atexit(remove_all);
	bound_by = getpid();
	place->next = bound;
	bound = place;
	pthread_mutex_unlock(&bound_lock);
}

void unix_place_leave(struct unix_place *place)
{
	if (!place->inode)
		return;
	pthread_mutex_lock(&bound_lock);
	for (struct unix_place **at = &bound; *at; at = &(*at)->next)
		if (*at == place) {
			*at = place->next;
			break;
		}
	pthread_mutex_unlock(&bound_lock);
	remove_file(place);
}

int unix_place_bind(struct unix_place *place, int type)
{
	const struct sockaddr *address = (const struct sockaddr *)&place->address;
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), other;
	int rc = 0;

	if (fd < 0)
		return -errno;
	if (bind(fd, address, place->bytes) < 0)
		rc = -errno;
	if (rc == -EADDRINUSE && is_file(place)) {
		other = unix_place_connect(place, type);
		if (other >= 0)
			close(other);
		/* Its owner has died without removing it. */
		if (other == -ECONNREFUSED && unlink(place->address.sun_path) == 0)
			rc = bind(fd, address, place->bytes) < 0 ? -errno : 0;
	}
	if (rc < 0) {
		close(fd);
		return rc;
	}
	remember(place);
	return fd;
}
