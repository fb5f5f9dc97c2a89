/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unix sockets as ports: the other program here speaks as QEMU does. Frames arrive whole and in order
 * however the stream is cut up, and what does not arrive is counted, also when the other program does
 * not read; it may go and come back, and a length that cannot be ends the connection, not the port.
 */
#include "t.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

enum { FRAMES = 3000, LONGEST = 9000 };

static struct port_handle port;
static char folder[64];

static const char *path_of(const char *name)
{
	static char paths[8][100];
	static uint32_t at;
	char *path = paths[at++ % COUNT(paths)];

	snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
	return path;
}

static int32_t attach_socket(const char *name, uint32_t device, const char *socket, const char *peer)
{
	struct valet_req_attach body = { .attach.reg.nr_mode = NR_REG_ALL_NIC, .device = device };
	char full[NETMAP_REQ_IFNAMSIZ];

	snprintf(full, sizeof(full), "vale0:%s", name);
	snprintf(body.socket, sizeof(body.socket), "%s", socket ? socket : "");
	snprintf(body.peer, sizeof(body.peer), "%s", peer ? peer : "");
	return request(port.handle, VALET_REQ_ATTACH, full, &body);
}

static void detach_socket(const char *name)
{
	char full[NETMAP_REQ_IFNAMSIZ];

	snprintf(full, sizeof(full), "vale0:%s", name);
	EQUAL(detach(port.handle, full), 0);
}

/* ---- the other program ---- */

static struct sockaddr_un address_of(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	return address;
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = address_of(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK(fd >= 0);
	EQUAL(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static int bind_to(const char *path, int type)
{
	struct sockaddr_un address = address_of(path);
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	CHECK(fd >= 0);
	unlink(path);
	EQUAL(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	if (type == SOCK_STREAM)
		EQUAL(listen(fd, 1), 0);
	return fd;
}

static void write_all(int fd, const void *data, size_t bytes)
{
	for (const uint8_t *at = data; bytes;) {
		ssize_t sent = send(fd, at, bytes, MSG_NOSIGNAL);

		CHECK(sent > 0);
		at += sent;
		bytes -= (size_t)sent;
	}
}

/* 0: the connection has ended. */
static int read_all(int fd, void *data, size_t bytes)
{
	for (uint8_t *at = data; bytes;) {
		ssize_t got = read(fd, at, bytes);

		if (got <= 0)
			return 0;
		at += got;
		bytes -= (size_t)got;
	}
	return 1;
}

static uint32_t length_of(uint32_t tag)
{
	return tag % 50 ? 60 + tag % 1400 : LONGEST;
}

static uint32_t make_frame(uint8_t *frame, uint32_t tag)
{
	write_frame(frame, EVERYBODY, STATION(1), tag);
	for (uint32_t i = FRAME_BYTES_MIN; i < length_of(tag); i++)
		frame[i] = (uint8_t)(tag + i);
	return length_of(tag);
}

static void check_body(const uint8_t *frame, uint32_t tag, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++)
		EQUAL(frame[i - from], (uint8_t)(tag + i));
}

static void stream_send(int fd, uint32_t tag)
{
	uint8_t bytes[4 + LONGEST];
	uint32_t length = make_frame(bytes + 4, tag), prefix = htonl(length);

	memcpy(bytes, &prefix, sizeof(prefix));
	write_all(fd, bytes, 4 + length);
}

/* The tag of the next frame, whose contents are right; -1: the connection has ended. */
static int64_t stream_receive(int fd)
{
	uint8_t frame[LONGEST];
	uint32_t length, tag;

	if (!read_all(fd, &length, sizeof(length)))
		return -1;
	length = ntohl(length);
	CHECK(length <= sizeof(frame));
	CHECK(read_all(fd, frame, length));
	memcpy(&tag, frame + 14, sizeof(tag));
	EQUAL(length, length_of(tag));
	check_body(frame + FRAME_BYTES_MIN, tag, FRAME_BYTES_MIN, length);
	return tag;
}

/* ---- the bridge's own port ---- */

static uint64_t dropped(void)
{
	struct valet_req_port own = counters(port.handle, "vale0:p");
	uint64_t all = drops_of(&own);

	for (const char *const *name = (const char *const[]){ "vale0:s", "vale0:d", NULL }; *name; name++)
		if (list_index(port.handle, *name) != 255) {
			struct valet_req_port other = counters(port.handle, *name);

			all += drops_of(&other);
		}
	return all;
}

static uint64_t dropped_by(const char *name, enum valet_drop cause)
{
	return counters(port.handle, name).drops[cause];
}

/* A frame in as many slots as it takes. */
static void bridge_put(uint32_t tag)
{
	struct netmap_ring *tx = tx_ring(&port, 0);
	uint8_t frame[LONGEST];
	uint32_t length = make_frame(frame, tag), at = 0;

	while (at < length) {
		uint32_t part = length - at < tx->nr_buf_size ? length - at : tx->nr_buf_size;

		memcpy(buffer(tx, tx->slot[tx->head].buf_idx), frame + at, part);
		at += part;
		put_slot(tx, (uint16_t)part, at < length ? NS_MOREFRAG : 0);
	}
}

static void bridge_send(uint32_t tag)
{
	bridge_put(tag);
	EQUAL(valet_txsync(port.handle), 0);
}

/* The tag of the next frame, whose contents are right; -1: there is none yet. */
static int64_t bridge_receive(void)
{
	struct netmap_ring *rx = rx_ring(&port, 0);
	struct frame frame;
	uint32_t bytes;

	EQUAL(valet_rxsync(port.handle), 0);
	if (!take_frame(&port, 0, &frame))
		return -1;
	bytes = frame.length;
	check_body(buffer(rx, rx->slot[frame.slot].buf_idx) + FRAME_BYTES_MIN, frame.tag,
		   FRAME_BYTES_MIN, bytes);
	while (frame.flags & NS_MOREFRAG) {
		uint32_t tag = frame.tag;

		CHECK(take_frame(&port, 0, &frame));
		frame.tag = tag;
		check_body(buffer(rx, rx->slot[frame.slot].buf_idx), tag, bytes, bytes + frame.length);
		bytes += frame.length;
	}
	EQUAL(bytes, length_of(frame.tag));
	return frame.tag;
}

static void bridge_expect(uint32_t tag)
{
	int64_t got;

	WAIT_FOR((got = bridge_receive()) >= 0);
	EQUAL(got, tag);
}

static void wait_for_drops(const char *name, enum valet_drop cause, uint64_t count)
{
	WAIT_FOR(dropped_by(name, cause) >= count);
	EQUAL(dropped_by(name, cause), count);
}

/* Until the port sends to somebody. */
static void wait_until_met(int fd)
{
	struct pollfd event = { .fd = fd, .events = POLLIN };

	do
		bridge_send(7);
	while (poll(&event, 1, 5) <= 0);
}

/* ---- tests ---- */

static void *send_many(void *argument)
{
	int fd = *(int *)argument;

	for (uint32_t tag = 0; tag < FRAMES; tag++)
		stream_send(fd, tag);
	return NULL;
}

/* Both directions; in order, and each frame arrives or is counted. */
static void stream_carries(int fd)
{
	pthread_t sender = start(send_many, &fd);
	uint64_t before = dropped();
	uint32_t next = 0, received = 0;

	while (received + dropped() - before < FRAMES) {
		int64_t tag = bridge_receive();

		if (tag < 0) {
			sched_yield();
			continue;
		}
		CHECK(tag >= next);
		next = (uint32_t)tag + 1;
		received++;
	}
	join(sender);
	CHECK(received > 0);
}

/* Behind a frame in the device's memory is another one, of which its receiver gets nothing. */
static void stream_shows_no_more(int fd)
{
	struct netmap_ring *rx = rx_ring(&port, 0);
	uint32_t slot = rx->head;
	uint8_t untouched[64];

	memset(untouched, 0x11, sizeof(untouched));
	for (uint32_t i = 0; i < rx->num_slots; i++)
		memset(buffer(rx, rx->slot[i].buf_idx), 0x11, 256);
	stream_send(fd, 1);
	bridge_expect(1);
	CHECK(!memcmp(buffer(rx, rx->slot[slot].buf_idx) + length_of(1), untouched,
		      sizeof(untouched)));
}

static void *receive_many(void *argument)
{
	int fd = *(int *)argument;
	uint32_t received = 0;
	int64_t next = 0, tag;

	while ((tag = stream_receive(fd)) != FRAMES) {
		CHECK(tag >= next);
		next = tag + 1;
		received++;
	}
	return (void *)(uintptr_t)received;
}

static void stream_is_fed(int fd)
{
	uint64_t before = dropped_by("vale0:s", VALET_DROP_RING_FULL);
	pthread_t receiver = start(receive_many, &fd);
	void *received;

	for (uint32_t tag = 0; tag < FRAMES; tag++) {
		bridge_put(tag);
		if (tag % 16 == 15)
			EQUAL(valet_txsync(port.handle), 0);
	}
	/* The last one says that it is over: until it has had room. */
	for (uint64_t full = UINT64_MAX; full != dropped_by("vale0:s", VALET_DROP_RING_FULL);) {
		full = dropped_by("vale0:s", VALET_DROP_RING_FULL);
		bridge_send(FRAMES);
		usleep(1000);
	}
	EQUAL(pthread_join(receiver, &received), 0);
	CHECK((uintptr_t)received > 0);
	CHECK((uintptr_t)received + dropped_by("vale0:s", VALET_DROP_RING_FULL) - before >= FRAMES);
}

/* Cut anywhere, the length as well. */
static void stream_in_pieces(int fd)
{
	uint8_t bytes[3 * (4 + LONGEST)];
	uint32_t used = 0, state = 1;

	for (uint32_t tag = 49; tag < 52; tag++) {
		uint32_t length = make_frame(bytes + used + 4, tag), prefix = htonl(length);

		memcpy(bytes + used, &prefix, sizeof(prefix));
		used += 4 + length;
	}
	for (uint32_t at = 0; at < used;) {
		uint32_t part = at < 8 ? 1 : 1 + random_next(&state) % 700;

		part = part < used - at ? part : used - at;
		write_all(fd, bytes + at, part);
		at += part;
		usleep(100);
	}
	for (uint32_t tag = 49; tag < 52; tag++)
		bridge_expect(tag);
}

static void expect_end(int fd)
{
	while (stream_receive(fd) >= 0)
		;
	close(fd);
}

/* Each ends the connection and is counted once; the frames before it arrive. */
static void stream_of_garbage(const char *path)
{
	static const uint32_t lengths[] = { 0xffffffff, 69633, 0x7fffffff };
	uint64_t before = dropped_by("vale0:s", VALET_DROP_INTERFACE);

	for (uint32_t i = 0; i < COUNT(lengths); i++) {
		uint32_t prefix = htonl(lengths[i]);
		int fd = connect_to(path);

		stream_send(fd, 7);
		write_all(fd, &prefix, sizeof(prefix));
		expect_end(fd);
		bridge_expect(7);
		wait_for_drops("vale0:s", VALET_DROP_INTERFACE, before + i + 1);
	}
}

/* A frame of no bytes, or of too few for an address, is one, and harms nobody. */
static void stream_of_short_frames(int fd)
{
	const uint8_t bytes[] = { 0, 0, 0, 0, 0, 0, 0, 1, 0xff };
	uint64_t before = dropped();

	write_all(fd, bytes, sizeof(bytes));
	stream_send(fd, 8);
	bridge_expect(8);
	EQUAL(dropped() - before, 2);
}

/* Half of a frame is lost with its sender, who may come back. */
static void stream_comes_back(const char *path)
{
	const uint8_t half[] = { 0, 0, 0, 60, 1, 2, 3 };
	uint64_t before = dropped_by("vale0:s", VALET_DROP_INTERFACE);
	int fd = connect_to(path), waiting;

	write_all(fd, half, sizeof(half));
	close(fd);
	wait_for_drops("vale0:s", VALET_DROP_INTERFACE, before + 1);
	bridge_send(7); /* to nobody */
	wait_for_drops("vale0:s", VALET_DROP_INTERFACE, before + 2);
	fd = connect_to(path);
	stream_send(fd, 9);
	bridge_expect(9);
	waiting = connect_to(path); /* until the first has gone */
	stream_send(waiting, 10);
	stream_send(fd, 11);
	bridge_expect(11);
	EQUAL(bridge_receive(), -1);
	close(fd);
	bridge_expect(10);
	bridge_send(12);
	EQUAL(stream_receive(waiting), 12);
	close(waiting);
}

/* Who does not read costs frames, which are counted, and nobody else's time. */
static void stream_does_not_read(const char *path)
{
	int fd = connect_to(path);
	uint64_t before, full;
	int64_t tag, next = 0;
	uint32_t sent = 0, received = 0;

	stream_send(fd, 7);
	bridge_expect(7); /* it is connected */
	before = full = dropped_by("vale0:s", VALET_DROP_RING_FULL);
	for (; full < before + 100; sent++) {
		bridge_send(sent);
		full = dropped_by("vale0:s", VALET_DROP_RING_FULL);
	}
	for (; received + full - before < sent; next = tag + 1, received++) {
		tag = stream_receive(fd);
		CHECK(tag >= next);
	}
	bridge_send(13);
	EQUAL(stream_receive(fd), 13);
	close(fd);
}

static void stream_that_listens(void)
{
	const char *path = path_of("listens");
	struct stat status;
	int fd;

	EQUAL(attach_socket("s", VALET_DEVICE_STREAM, path, path), -EINVAL);
	EQUAL(attach_socket("s", VALET_DEVICE_STREAM, NULL, NULL), -EINVAL);
	EQUAL(attach_socket("s", VALET_DEVICE_STREAM, path_of("no/such"), NULL), -ENOENT);
	close(bind_to(path, SOCK_STREAM)); /* left over by somebody who died */
	CHECK(attach_socket("s", VALET_DEVICE_STREAM, path, NULL) >= 0);
	EQUAL(attach_socket("t", VALET_DEVICE_STREAM, path, NULL), -EADDRINUSE);
	EQUAL(attach_socket("s", VALET_DEVICE_STREAM, path_of("other"), NULL), -EBUSY);
	EQUAL(counters(port.handle, "vale0:s").device, VALET_DEVICE_STREAM);
	fd = connect_to(path);
	stream_carries(fd);
	stream_shows_no_more(fd);
	stream_is_fed(fd);
	stream_in_pieces(fd);
	stream_of_short_frames(fd);
	close(fd);
	stream_of_garbage(path);
	stream_comes_back(path);
	stream_does_not_read(path);
	fd = connect_to(path);
	detach_socket("s");
	expect_end(fd);
	CHECK(lstat(path, &status) < 0);
}

static void stream_that_connects(void)
{
	const char *path = path_of("peer"), *file = path_of("file");
	int listener, fd;

	close(open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	EQUAL(attach_socket("s", VALET_DEVICE_STREAM, NULL, file), -ENOTSOCK);
	CHECK(attach_socket("s", VALET_DEVICE_STREAM, NULL, path) >= 0);
	bridge_send(1);
	wait_for_drops("vale0:s", VALET_DROP_INTERFACE, 1);
	for (int round = 0; round < 2; round++) {
		listener = bind_to(path, SOCK_STREAM);
		fd = accept(listener, NULL, NULL);
		CHECK(fd >= 0);
		stream_send(fd, 2);
		bridge_expect(2);
		bridge_send(3);
		EQUAL(stream_receive(fd), 3);
		close(listener);
		close(fd);
	}
	detach_socket("s");
	unlink(file);
	unlink(path);
}

static void datagrams(const char *peer)
{
	const char *path = path_of("dgram"), *other = path_of("other");
	struct sockaddr_un to = address_of(path);
	uint8_t frame[LONGEST];
	uint64_t before;
	int fd;

	EQUAL(attach_socket("d", VALET_DEVICE_DGRAM, NULL, other), -EINVAL);
	CHECK(attach_socket("d", VALET_DEVICE_DGRAM, path, peer) >= 0);
	bridge_send(0);
	wait_for_drops("vale0:d", VALET_DROP_INTERFACE, 1);
	for (int round = 0; round < 2; round++) { /* it goes and comes back */
		fd = bind_to(other, SOCK_DGRAM);
		for (uint32_t tag = 48; tag < 52; tag++) {
			uint32_t length = make_frame(frame, tag);

			EQUAL(sendto(fd, frame, length, 0, (struct sockaddr *)&to, sizeof(to)), length);
			bridge_expect(tag);
		}
		for (uint32_t tag = 48; tag < 52; tag++) {
			bridge_send(tag);
			EQUAL(recv(fd, frame, sizeof(frame), 0), length_of(tag));
			check_body(frame + FRAME_BYTES_MIN, tag, FRAME_BYTES_MIN, length_of(tag));
		}
		before = dropped_by("vale0:d", VALET_DROP_INTERFACE);
		if (round)
			wait_until_met(fd); /* there is room again, after what does not fit */
		close(fd);
		bridge_send(5);
		wait_for_drops("vale0:d", VALET_DROP_INTERFACE, before + 1);
	}
	detach_socket("d");
	unlink(other);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	snprintf(folder, sizeof(folder), "/tmp/valet-sockets-XXXXXX");
	CHECK(mkdtemp(folder));
	port = open_port("vale0:p", SLOTS(1024));
	stream_that_listens();
	stream_that_connects();
	datagrams(path_of("other"));
	datagrams(NULL);
	close_port(&port);
	EQUAL(rmdir(folder), 0);
	return 0;
}
