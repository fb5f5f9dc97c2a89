/*
 * Checksums that a network stack has left to "the card": completed where they are incomplete, and
 * nothing else is touched, whatever a frame holds.
 */
#include "frame_bytes.h"

#include <stddef.h>

#include "device/mend.h"

enum { ROUNDS = 20000, FRAME_BYTES = 200, TCP = 6, UDP = 17 };

struct frame_under_test {
	uint8_t bytes[FRAME_BYTES];
	uint32_t length, segment, segment_bytes, check; /* where and how long */
	uint32_t pseudo;
};

/* An IPv4 or IPv6 packet behind `tags` VLAN tags, padded by `padding`; the checksum is left. */
static void make(struct frame_under_test *frame, int version, uint32_t protocol, uint32_t tags,
		 uint32_t padding)
{
	uint32_t at = 12, payload = number(60), header = version == 4 ? 20 : 40;
	uint8_t *ip;

	for (uint32_t i = 0; i < FRAME_BYTES; i++)
		frame->bytes[i] = (uint8_t)number(256);
	for (; tags; tags--, at += 4)
		put16(frame->bytes + at, 0x8100);
	put16(frame->bytes + at, version == 4 ? 0x0800 : 0x86dd);
	ip = frame->bytes + at + 2;
	frame->segment = at + 2 + header;
	frame->segment_bytes = (protocol == TCP ? 20 : 8) + payload;
	frame->check = frame->segment + (protocol == TCP ? 16 : 6);
	frame->length = frame->segment + frame->segment_bytes + padding;
	ip[0] = (uint8_t)(version == 4 ? 0x45 : 0x60);
	if (version == 4) {
		put16(ip + 2, header + frame->segment_bytes);
		put16(ip + 6, 0x4000); /* not to be fragmented */
		ip[9] = (uint8_t)protocol;
		frame->pseudo = sum(ip + 12, 8);
	} else {
		put16(ip + 4, frame->segment_bytes);
		ip[6] = (uint8_t)protocol;
		frame->pseudo = sum(ip + 8, 32);
	}
	put16(frame->bytes + frame->segment + 2, 9); /* the port of no tunnel */
	frame->pseudo = fold(frame->pseudo + protocol + frame->segment_bytes);
	put16(frame->bytes + frame->check, frame->pseudo);
}

static uint32_t whole_sum(const struct frame_under_test *frame)
{
	return fold(frame->pseudo + sum(frame->bytes + frame->segment, frame->segment_bytes));
}

static void one(int version, uint32_t protocol)
{
	struct frame_under_test frame, before;

	make(&frame, version, protocol, number(3), number(20));
	before = frame;
	mend_checksum(frame.bytes, frame.length);
	EQUAL(whole_sum(&frame), 0xffff);
	CHECK(frame.bytes[frame.check] || frame.bytes[frame.check + 1]);
	memcpy(before.bytes + frame.check, frame.bytes + frame.check, 2);
	CHECK(!memcmp(before.bytes, frame.bytes, FRAME_BYTES));
	/* Again: it is complete. */
	mend_checksum(frame.bytes, frame.length);
	CHECK(!memcmp(before.bytes, frame.bytes, FRAME_BYTES));
	/* One that is wrong is not ours to correct. */
	put16(frame.bytes + frame.check, frame.pseudo ^ (1 + number(0xfffe)));
	before = frame;
	mend_checksum(frame.bytes, frame.length);
	CHECK(!memcmp(before.bytes, frame.bytes, FRAME_BYTES));
}

/* RFC 9260's checksum of a packet whose other bytes are known; from RFC 3720, B.4: 32 zeroes. */
static void sctp(void)
{
	struct frame_under_test frame;
	uint8_t *packet;

	make(&frame, 4, 132, 0, 0);
	packet = frame.bytes + frame.segment;
	memset(packet, 0, 32);
	put16(frame.bytes + 16, 20 + 32);
	mend_checksum(frame.bytes, frame.segment + 32);
	EQUAL(packet[8], 0xaa);
	EQUAL(packet[9], 0x36);
	EQUAL(packet[10], 0x91);
	EQUAL(packet[11], 0x8a);
}

/* Lengths that lie: the sanitizer watches the frame's ends. */
static void garbage(void)
{
	static const uint8_t types[][2] = { { 0x08, 0 }, { 0x86, 0xdd }, { 0x81, 0 } };
	uint32_t length = 1 + number(120);
	uint8_t *frame = malloc(length);

	CHECK(frame != NULL);
	for (uint32_t i = 0; i < length; i++)
		frame[i] = (uint8_t)number(number(2) ? 256 : 8);
	if (length > 24) {
		memcpy(frame + 12, types[number(3)], 2);
		frame[14] = (uint8_t)(number(2) ? 0x40 | number(16) : 0x60);
		frame[20 + number(4)] = number(2) ? TCP : UDP;
	}
	mend_checksum(frame, length);
	free(frame);
}

int main(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		one(number(2) ? 4 : 6, number(2) ? TCP : UDP);
		garbage();
	}
	sctp();
	return 0;
}
