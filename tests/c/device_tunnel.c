/*
 * Long packets in tunnels are cut into frames whose lengths, numbers and sums are right in every layer,
 * and nothing is read or written beyond what there is, whatever a frame holds.
 */
#include "frame_bytes.h"

#include "device/tunnel.h"

enum { FRAME_BYTES = 8192, PAYLOAD_BYTES = 5000, SIZE = 1001, ROUNDS = 30000, SEQUENCE = 0xfffffc00 };

static uint32_t get16(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

static uint32_t get32(const uint8_t *at)
{
	return get16(at) << 16 | get16(at + 2);
}

/*
 * A frame, by its layers: e Ethernet, t with a VLAN tag, 4 and 6 IP, h a hop-by-hop extension, u and z UDP
 * with and without a checksum, v VXLAN, g GENEVE with an option, r GRE with checksum and key, T TCP,
 * D datagrams.
 */
struct packet {
	const char *layers;
	uint8_t bytes[FRAME_BYTES];
	uint32_t at[16]; /* of each layer */
	uint32_t length, headers;
	struct virtio_net_hdr header;
};

static uint32_t type_of(char layer)
{
	return layer == '4' ? 0x0800 : layer == '6' ? 0x86dd : 0x6558;
}

static uint8_t protocol_of(char layer)
{
	switch (layer) {
	case 'T':
		return 6;
	case 'r':
		return 47;
	case '4':
		return 4;
	case '6':
		return 41;
	case 'h':
		return 0;
	default:
		return 17;
	}
}

static uint32_t layer_put(uint8_t *at, char layer, char next)
{
	switch (layer) {
	case 'e':
		put16(at + 12, type_of(next));
		return 14;
	case 't':
		put16(at + 12, 0x8100);
		put16(at + 16, type_of(next));
		return 18;
	case '4':
		at[0] = 0x46; /* with an option */
		put16(at + 4, 0xffff);
		at[9] = protocol_of(next);
		return 24;
	case '6':
		at[0] = 0x60;
		at[6] = protocol_of(next);
		return 40;
	case 'h':
		at[0] = protocol_of(next);
		at[1] = 0;
		return 8;
	case 'u':
	case 'z':
		put16(at + 6, layer == 'u');
		return 8;
	case 'v':
		memset(at, 0, 8); /* no GENEVE */
		at[0] = 8;
		return 8;
	case 'g':
		memset(at, 0, 8);
		at[0] = 2;
		put16(at + 2, type_of(next));
		return 16;
	case 'r':
		put16(at, 0xa000);
		put16(at + 2, type_of(next));
		return 12;
	case 'T':
		put16(at + 4, SEQUENCE >> 16);
		put16(at + 6, SEQUENCE & 0xffff);
		at[12] = 0x80;
		at[13] = 0x99; /* CWR, ACK, PSH, FIN */
		return 32;
	default:
		return 8;
	}
}

static void make(struct packet *packet, const char *layers)
{
	uint32_t at = 0, last = (uint32_t)strlen(layers) - 1;

	packet->layers = layers;
	for (uint32_t i = 0; i < FRAME_BYTES; i++)
		packet->bytes[i] = (uint8_t)number(256);
	for (uint32_t i = 0; layers[i]; i++) {
		packet->at[i] = at;
		at += layer_put(packet->bytes + at, layers[i], layers[i + 1]);
	}
	packet->headers = at;
	packet->length = at + PAYLOAD_BYTES;
	packet->header = (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = layers[last] == 'D' ? 5 : VIRTIO_NET_HDR_GSO_TCPV4,
		.gso_size = SIZE,
		.csum_start = (uint16_t)packet->at[last],
	};
}

/* With the pseudo header of the IP layer before. */
static void check_sum(const struct packet *packet, const uint8_t *frame, uint32_t bytes, uint32_t i,
		      uint32_t protocol)
{
	uint32_t ip = i, pseudo;

	while (packet->layers[ip] != '4' && packet->layers[ip] != '6')
		ip--;
	pseudo = packet->layers[ip] == '4' ? sum(frame + packet->at[ip] + 12, 8)
					   : sum(frame + packet->at[ip] + 8, 32);
	EQUAL(fold(pseudo + bytes + protocol + sum(frame + packet->at[i], bytes)), 0xffff);
}

static void check_layer(const struct packet *packet, const uint8_t *frame, uint32_t length,
			uint32_t i, uint32_t done)
{
	const uint8_t *at = frame + packet->at[i];
	uint32_t rest = length - packet->at[i], before = done * SIZE;
	int is_last = length < packet->headers + SIZE;

	switch (packet->layers[i]) {
	case '4':
		EQUAL(get16(at + 2), rest);
		EQUAL(get16(at + 4), (0xffff + done) & 0xffff);
		EQUAL(fold(sum(at, 24)), 0xffff);
		break;
	case '6':
		EQUAL(get16(at + 4), rest - 40);
		break;
	case 'z':
		EQUAL(get16(at + 4), rest);
		EQUAL(get16(at + 6), 0);
		break;
	case 'u':
	case 'D':
		EQUAL(get16(at + 4), rest);
		CHECK(get16(at + 6) != 0);
		check_sum(packet, frame, rest, i, 17);
		break;
	case 'r':
		EQUAL(fold(sum(at, rest)), 0xffff);
		break;
	case 'T':
		EQUAL(get32(at + 4), SEQUENCE + before);
		EQUAL(at[13], (done ? 0 : 0x80) | 0x10 | (is_last ? 9 : 0));
		check_sum(packet, frame, rest, i, 6);
	}
}

static void cut(const char *layers)
{
	static struct packet packet;
	struct tunnel_cut cutting;
	uint32_t done = 0, bytes;

	make(&packet, layers);
	EQUAL(tunnel_cut_start(&cutting, &packet.header, packet.bytes, packet.length), 1);
	for (; (bytes = tunnel_cut_bytes(&cutting)); done++) {
		uint32_t from = packet.headers + done * SIZE;
		uint8_t *frame = malloc(bytes);

		CHECK(frame != NULL);
		tunnel_cut_next(&cutting, frame);
		EQUAL(bytes, from + SIZE < packet.length ? packet.headers + SIZE
							 : packet.headers + packet.length - from);
		CHECK(!memcmp(frame + packet.headers, packet.bytes + from, bytes - packet.headers));
		for (uint32_t i = 0; layers[i]; i++)
			check_layer(&packet, frame, bytes, i, done);
		free(frame);
	}
	EQUAL(done, (PAYLOAD_BYTES + SIZE - 1) / SIZE);
}

/* Packets that a receiver can cut by itself, and what nobody can. */
static void leave(const char *layers, int expected)
{
	static struct packet packet;
	struct tunnel_cut cutting;

	make(&packet, layers);
	EQUAL(tunnel_cut_start(&cutting, &packet.header, packet.bytes, packet.length), expected);
	packet.header.gso_type = 0;
	EQUAL(tunnel_cut_start(&cutting, &packet.header, packet.bytes, packet.length), 0);
}

/* Frames that are cut off, and whose bytes are anything: the sanitizer watches their ends. */
static void spoilt(const char *layers)
{
	static struct packet packet;
	struct tunnel_cut cutting;
	uint32_t length, bytes;
	uint8_t *frame;

	make(&packet, layers);
	length = 1 + number(number(2) ? packet.headers + 10 : packet.length);
	frame = malloc(length);
	CHECK(frame != NULL);
	memcpy(frame, packet.bytes, length);
	for (uint32_t i = number(4); i--;)
		frame[number(length)] = (uint8_t)number(256);
	if (!number(4))
		packet.header.csum_start = (uint16_t)number(length + 20);
	packet.header.gso_size = (uint16_t)number(3000);
	if (tunnel_cut_start(&cutting, &packet.header, frame, length) == 1) {
		while ((bytes = tunnel_cut_bytes(&cutting))) {
			uint8_t *to = malloc(bytes);

			CHECK(to != NULL);
			tunnel_cut_next(&cutting, to);
			free(to);
		}
	}
	free(frame);
}

int main(void)
{
	static const char *const tunnels[] = {
		"e4zve4T", "t4uvt4T", "e6uve6T", "e4zve6D", "e6uve4D", "e4uge4T", "e6zg6T",
		"e4re4T",  "e4r4T",   "e6r6D",   "e44T",    "e64T",       "e46T",    "e4zve4zve4T",
		"e6hT",    "t6hD",    "e4uve6hT",
	};
	enum { COUNT = sizeof(tunnels) / sizeof(tunnels[0]) };

	for (uint32_t i = 0; i < COUNT; i++)
		cut(tunnels[i]);
	leave("e4T", 0);
	leave("t6T", 0);
	leave("e4D", 0);
	leave("e4zvT", -EINVAL);
	leave("e4444444444444T", -EINVAL); /* deeper than anybody would */
	for (uint32_t i = 0; i < ROUNDS; i++)
		spoilt(tunnels[number(COUNT)]);
	return 0;
}
