/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE /* accept4 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "framing.h"
#include "socket_device.h"
#include "unix_place.h"

enum {
	VECTORS = 1024, /* in one call, as many as it takes (IOV_MAX) */
	/* One that waits for its turn knows by its connection; others would not. */
	BACKLOG = 1,
};

struct stream {
	struct device device;
	struct unix_place place; /* where we listen, or connect to */
	int listener; /* -1: we connect */
	int connection; /* -1: nobody is there */
	struct framing_reader reader;
	/* Bytes that the socket has taken of the next frame to send, its length included. */
	uint32_t begun;
	struct iovec vectors[VECTORS];
	uint8_t lengths[VECTORS][FRAMING_LENGTH_BYTES];
};

static struct stream *of(struct device *device)
{
	return (struct stream *)device;
}

static void begin(struct stream *stream, int connection)
{
	stream->connection = connection;
	stream->reader.begin = stream->reader.end = stream->begun = 0;
}

/* What has come of a frame is lost with the rest of it. */
static void hang_up(struct stream *stream, uint64_t *lost)
{
	*lost += stream->reader.begin != stream->reader.end;
	close(stream->connection);
	begin(stream, -1);
}

/* Who waits for it at the listener; or whom we connect to. 0 or negative: nobody is there. */
static int meet(struct stream *stream)
{
	int fd;

	if (stream->listener >= 0) {
		fd = accept4(stream->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		fd = fd < 0 ? -errno : fd;
	} else {
		fd = unix_place_connect(&stream->place, SOCK_STREAM);
	}
	if (fd < 0)
		return fd;
	begin(stream, fd);
	return 0;
}

/* ---- receiving ---- */

/* Takes what has come. 0: there may be frames; 1: the connection is no more. */
static int read_more(struct stream *stream)
{
	uint32_t room;
	uint8_t *to = framing_room(&stream->reader, &room);
	ssize_t bytes = recv(stream->connection, to, room, 0);

	if (bytes > 0)
		framing_filled(&stream->reader, (uint32_t)bytes);
	return bytes == 0 || (bytes < 0 && errno != EAGAIN && errno != EINTR);
}

/* Those that have come as a whole. -EPROTO: what comes then is no frame. */
static int take_frames(struct stream *stream, struct device_frame *frames, uint32_t most,
		       uint32_t *count)
{
	int rc = 1;

	while (*count < most && rc > 0) {
		rc = framing_next(&stream->reader, &frames[*count]);
		*count += rc > 0;
	}
	return rc < 0 ? rc : 0;
}

static int stream_receive(struct device *device, uint32_t queue, struct device_frame *frames,
			  uint32_t most, uint64_t *lost)
{
	struct stream *stream = of(device);
	uint32_t count = 0;
	int is_over = 0, rc;

	(void)queue;
	if (stream->connection < 0 && (stream->listener < 0 || meet(stream) < 0))
		return 0;
	rc = take_frames(stream, frames, most, &count);
	if (rc == 0 && !count) {
		is_over = read_more(stream);
		rc = take_frames(stream, frames, most, &count);
	}
	/* Only after the frames before that: the reader keeps what they lie in until then. */
	if ((rc < 0 || is_over) && !count)
		hang_up(stream, lost);
	return (int)count;
}

/* ---- sending ---- */

static uint32_t frame_parts(const struct device_part *parts, uint32_t count, uint32_t *length)
{
	uint32_t pieces = 0;
	int more;

	*length = 0;
	do {
		*length += parts[pieces].length;
		more = parts[pieces++].more != 0;
	} while (more && pieces < count);
	return pieces;
}

static uint32_t count_frames(const struct device_part *parts, uint32_t count)
{
	uint32_t frames = 0, length;

	for (uint32_t at = 0; at < count; frames++)
		at += frame_parts(parts + at, count - at, &length);
	return frames;
}

/*
 * Lists frames, each behind its length, as far as the vectors go, without those that are too long.
 * *parts_listed: the parts looked at. Returns the vectors.
 */
static uint32_t list_frames(struct stream *stream, const struct device_part *parts, uint32_t count,
			    uint32_t *parts_listed)
{
	uint32_t used = 0, at = 0, frames = 0;

	while (at < count) {
		uint32_t length, pieces = frame_parts(parts + at, count - at, &length);

		if (used + 1 + pieces > VECTORS)
			break;
		if (length > SOCKET_FRAME_BYTES_MAX) {
			at += pieces;
			continue;
		}
		framing_put_length(stream->lengths[frames], length);
		stream->vectors[used++] = (struct iovec){ stream->lengths[frames++],
							  FRAMING_LENGTH_BYTES };
		for (; pieces; pieces--, at++)
			stream->vectors[used++] = (struct iovec){
				(void *)(uintptr_t)parts[at].data, parts[at].length
			};
	}
	*parts_listed = at;
	return used;
}

/*
 * How many of the parts are done with when so many bytes of what was listed have been sent. Adds to
 * *lost those that were not listed.
 */
static uint32_t parts_sent(struct stream *stream, const struct device_part *parts, uint32_t listed,
			   size_t sent, uint64_t *lost)
{
	uint32_t at = 0;

	while (at < listed) {
		uint32_t length, pieces = frame_parts(parts + at, listed - at, &length);
		size_t bytes = FRAMING_LENGTH_BYTES + (size_t)length;

		if (length > SOCKET_FRAME_BYTES_MAX)
			(*lost)++;
		else if (sent < bytes)
			break;
		else
			sent -= bytes;
		at += pieces;
	}
	stream->begun = (uint32_t)sent;
	return at;
}

/* The first vectors without the bytes that have been sent before. Returns how many to leave out. */
static uint32_t skip_begun(struct stream *stream)
{
	uint32_t left = stream->begun, v = 0;

	while (left >= stream->vectors[v].iov_len)
		left -= (uint32_t)stream->vectors[v++].iov_len;
	stream->vectors[v].iov_base = (uint8_t *)stream->vectors[v].iov_base + left;
	stream->vectors[v].iov_len -= left;
	return v;
}

/* As many as go into one call. How many parts are done with, or negative. */
static int send_some(struct stream *stream, const struct device_part *parts, uint32_t count,
		     uint64_t *lost)
{
	uint32_t listed, skipped, vectors = list_frames(stream, parts, count, &listed);
	struct msghdr message = { .msg_iov = stream->vectors };
	ssize_t sent = 0;

	if (vectors) {
		skipped = skip_begun(stream);
		message.msg_iov += skipped;
		message.msg_iovlen = vectors - skipped;
		sent = sendmsg(stream->connection, &message, MSG_NOSIGNAL);
	}
	if (sent < 0)
		return socket_is_full(errno) ? -EAGAIN : -errno;
	return (int)parts_sent(stream, parts, listed, stream->begun + (size_t)sent, lost);
}

static int stream_send(struct device *device, uint32_t queue, const struct device_part *parts,
		       uint32_t count, uint64_t *lost)
{
	struct stream *stream = of(device);
	uint32_t done = 0;
	int rc = 1;

	(void)queue;
	while (done < count && rc > 0 && stream->connection >= 0) {
		rc = send_some(stream, parts + done, count - done, lost);
		if (rc == -EAGAIN)
			return (int)done;
		if (rc < 0)
			hang_up(stream, lost);
		else
			done += (uint32_t)rc;
	}
	if (stream->connection >= 0)
		return (int)done;
	*lost += count_frames(parts + done, count - done);
	return (int)count;
}

/* ---- opening and closing ---- */

static int stream_fd(struct device *device, uint32_t queue)
{
	struct stream *stream = of(device);

	(void)queue;
	return stream->connection >= 0 ? stream->connection : stream->listener;
}

/* Down: there is nobody to hear from, or to wait for. Then this tries again. */
static enum device_state stream_state(struct device *device)
{
	struct stream *stream = of(device);

	if (stream->connection < 0 && stream->listener < 0)
		meet(stream);
	return stream_fd(device, 0) >= 0 ? DEVICE_UP : DEVICE_DOWN;
}

static void stream_close(struct device *device)
{
	struct stream *stream = of(device);

	if (stream->connection >= 0)
		close(stream->connection);
	unix_place_leave(&stream->place);
	if (stream->listener >= 0)
		close(stream->listener);
	framing_free(&stream->reader);
	free(stream);
}

static const struct device_ops operations = {
	.name = "stream",
	.kind = DEVICE_STREAM,
	.receive = stream_receive,
	.send = stream_send,
	.fd = stream_fd,
	.state = stream_state,
	.close = stream_close,
};

/* Nobody is there yet. */
static int is_absent(int rc)
{
	return rc == -ENOENT || rc == -ECONNREFUSED || rc == -EAGAIN;
}

static int listen_at(struct stream *stream)
{
	int fd = unix_place_bind(&stream->place, SOCK_STREAM);

	if (fd < 0)
		return fd;
	stream->listener = fd;
	return listen(fd, BACKLOG) < 0 ? -errno : 0;
}

int stream_device_open(const char *socket, const char *peer, struct device **out)
{
	struct stream *stream;
	int rc;

	if (!socket[0] == !peer[0])
		return -EINVAL;
	stream = calloc(1, sizeof(*stream));
	if (!stream)
		return -ENOMEM;
	stream->device = (struct device){ .ops = &operations, .queues = 1, .tells_room = 1 };
	stream->listener = stream->connection = -1;
	rc = framing_make(&stream->reader);
	if (rc == 0)
		rc = unix_place_parse(socket[0] ? socket : peer, &stream->place);
	if (rc == 0)
		rc = socket[0] ? listen_at(stream) : meet(stream);
	if (rc < 0 && (socket[0] || !is_absent(rc))) {
		stream_close(&stream->device);
		return rc;
	}
	*out = &stream->device;
	return 0;
}
