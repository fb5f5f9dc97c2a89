/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What comes over the socket of a virtual machine that has gone mad: frames, garbage, halves, cut anywhere,
 * and a connection that ends at any time. Whole frames before the first wrong length arrive, in order; the
 * port stays, and other ports of the engine lose nothing. The framing by itself is checked against a
 * model, which knows where each frame begins.
 */
#include "fuzz.h"

#include "device/framing.h"

enum { STREAM_BYTES = 1 << 20, FRAMES_MAX = 4096 };

static uint8_t stream[STREAM_BYTES];
static uint32_t begins[FRAMES_MAX], lengths[FRAMES_MAX];

struct made {
	uint32_t bytes, frames;
	uint32_t good_bytes; /* up to the first wrong length */
	int is_wrong; /* there is one */
};

static uint32_t some_length(void)
{
	switch (some(8)) {
	case 0:
		return some(20);
	case 1:
		return some(SOCKET_FRAME_BYTES_MAX + 1);
	case 2:
		return SOCKET_FRAME_BYTES_MAX - some(3);
	default:
		return 14 + some(1500);
	}
}

/* Frames, and perhaps a wrong length with anything behind it. */
static struct made make_stream(void)
{
	struct made made = { 0 };
	uint32_t frames = some(200);

	while (made.frames < frames) {
		uint32_t length = some_length();

		if (made.bytes + FRAMING_LENGTH_BYTES + length > STREAM_BYTES / 2)
			break;
		framing_put_length(stream + made.bytes, length);
		begins[made.frames] = made.bytes + FRAMING_LENGTH_BYTES;
		lengths[made.frames++] = length;
		made.bytes += FRAMING_LENGTH_BYTES + length;
	}
	for (uint32_t i = 0; i < made.frames; i++)
		for (uint32_t at = 0; at < lengths[i]; at += 1 + some(400))
			stream[begins[i] + at] = (uint8_t)some64();
	made.good_bytes = made.bytes;
	made.is_wrong = some(2) != 0;
	if (!made.is_wrong)
		return made;
	framing_put_length(stream + made.bytes, SOCKET_FRAME_BYTES_MAX + 1 + (uint32_t)some64() / 2);
	made.bytes += FRAMING_LENGTH_BYTES;
	for (uint32_t i = 0, more = some(5000); i < more; i++)
		stream[made.bytes++] = (uint8_t)some64();
	return made;
}

/* Fed in pieces, the reader finds exactly the frames of the model. */
static void framing_round(void)
{
	const struct made made = make_stream();
	struct framing_reader reader;
	uint32_t fed = 0, found = 0;
	int rc = 0;

	EQUAL(framing_make(&reader), 0);
	while (fed < made.bytes && rc >= 0) {
		struct device_frame frame;
		uint32_t room, part;
		uint8_t *to = framing_room(&reader, &room);

		CHECK(room > SOCKET_FRAME_BYTES_MAX);
		part = some(4) ? 1 + some(2000) : 1 + some(room);
		part = part < room ? part : room;
		part = part < made.bytes - fed ? part : made.bytes - fed;
		memcpy(to, stream + fed, part);
		framing_filled(&reader, part);
		fed += part;
		while ((rc = framing_next(&reader, &frame)) > 0) {
			CHECK(found < made.frames);
			EQUAL(frame.length, lengths[found]);
			EQUAL(memcmp(frame.data, stream + begins[found], frame.length), 0);
			found++;
		}
	}
	EQUAL(found, made.frames);
	EQUAL(rc, made.is_wrong ? -EPROTO : 0);
	if (!made.is_wrong)
		EQUAL(reader.begin, reader.end);
	framing_free(&reader);
}

/* ---- through a port ---- */

static struct port_handle port;
static struct sockaddr_un place = { .sun_family = AF_UNIX };

static int meet(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK(fd >= 0);
	EQUAL(connect(fd, (struct sockaddr *)&place, sizeof(place)), 0);
	return fd;
}

static uint64_t taken(void)
{
	return counters(port.handle, "vale_vm:s").tx_packets;
}

static void drain(void)
{
	struct frame frame;

	EQUAL(valet_rxsync(port.handle), 0);
	while (take_frame(&port, 0, &frame))
		;
}

/* What the port says, now and then; the other end does not always read. */
static void talk_back(int fd)
{
	static uint8_t bytes[4096];

	send_frame(&port, EVERYBODY, STATION(7), 1);
	while (some(3) && recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
}

/* All frames before the wrong length have been forwarded, when the port did not lose the connection early. */
static void port_round(void)
{
	const struct made made = make_stream();
	uint32_t end = some(4) ? made.bytes : some(made.bytes + 1), whole = 0;
	uint64_t before = taken();
	int fd = meet();

	for (uint32_t at = 0; at < end;) {
		uint32_t part = some(4) ? 1 + some(3000) : 1 + some(100000);
		ssize_t sent;

		part = part < end - at ? part : end - at;
		sent = send(fd, stream + at, part, MSG_NOSIGNAL);
		if (sent < 0) /* it has hung up */
			break;
		at += (uint32_t)sent;
		drain();
		if (!some(8))
			talk_back(fd);
	}
	while (whole < made.frames && begins[whole] + lengths[whole] <= end)
		whole++;
	shutdown(fd, SHUT_WR);
	WAIT_FOR((drain(), taken() - before >= whole));
	EQUAL(taken() - before, whole);
	close(fd);
}

int main(int argc, char **argv)
{
	struct valet_req_attach body = { .attach.reg.nr_mode = NR_REG_ALL_NIC,
					 .device = VALET_DEVICE_STREAM };
	struct bystanders *all;
	uint32_t rounds = 0;

	fuzz_begin("sockets", argc > 1 ? argv[1] : NULL, argc > 2 ? argv[2] : NULL);
	all = bystanders_start(0);
	port = open_port("vale_vm:p", SLOTS(1024));
	snprintf(place.sun_path, sizeof(place.sun_path), "/tmp/valet-fuzz-%d", getpid());
	strcpy(body.socket, place.sun_path);
	EQUAL(request(port.handle, VALET_REQ_ATTACH, "vale_vm:s", &body), 0);
	for (; fuzz_goes_on(); rounds++) {
		framing_round();
		port_round();
	}
	EQUAL(detach(port.handle, "vale_vm:s"), 0);
	CHECK(access(place.sun_path, F_OK) < 0);
	close_port(&port);
	printf("sockets: %u rounds, bystanders %u\n", rounds, bystanders_stop(all));
	return 0;
}
