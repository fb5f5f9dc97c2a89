/*
 * valet_hook.h - what a lookup hook in C is written with.
 *
 * A hook is one source file that is compiled into a shared object and set as a bridge's lookup. It
 * ends with one of two lines that say which of its functions decides:
 *
 *     static uint32_t next_port(struct valet_packet *packet, uint32_t source)
 *     {
 *             return valet_u16(packet, 12) == 0x0800 ? source + 1 : VALET_BROADCAST;
 *     }
 *     VALET_LOOKUP_PACKET(next_port)
 *
 * or, for all packets of a batch at once, VALET_LOOKUP_BATCH(function) with a function of the type
 * valet_lookup_function.
 *
 * Packets lie in memory that their sender may write at any time: a value that is read twice may
 * differ.
 */
#ifndef VALET_HOOK_H
#define VALET_HOOK_H

#include "valet_lookup.h"

/* The lookup's exported name. */
#define VALET_LOOKUP_ENTRY valet_hook_entry

#define VALET_LOOKUP_EXPORT(function)                                                          \
	__attribute__((visibility("default"))) valet_lookup_function VALET_LOOKUP_ENTRY(void); \
	valet_lookup_function VALET_LOOKUP_ENTRY(void)                                         \
	{                                                                                      \
		return function;                                                               \
	}

/* Exports int32_t function(struct valet_batch *batch, void *context). */
#define VALET_LOOKUP_BATCH(function) VALET_LOOKUP_EXPORT(function)

/*
 * Exports uint32_t function(struct valet_packet *packet, uint32_t source): it returns a port index,
 * VALET_BROADCAST, VALET_DROP or VALET_LEARN, and may set packet->ring and packet->copy_to.
 */
#define VALET_LOOKUP_PACKET(function)                                             \
	static int32_t valet_hook_batch(struct valet_batch *batch, void *context) \
	{                                                                         \
		struct valet_packet *packet = batch->packets;                     \
		const uint32_t count = batch->count, source = batch->source;      \
                                                                                  \
		(void)context;                                                    \
		for (uint32_t i = 0; i < count; i++)                              \
			packet[i].destination = function(&packet[i], source);     \
		return 0;                                                         \
	}                                                                         \
	VALET_LOOKUP_EXPORT(valet_hook_batch)

/*
 * The same for a function that uses `number` tables of valet_table.h, which it gets as a third
 * argument. Exports as well what makes the lookup's context of the tables' addresses. It is never
 * freed: a thread of the engine may be inside the lookup when the script that has set it is long
 * gone.
 */
#define VALET_LOOKUP_TABLES(function, number)                                         \
	static int32_t valet_hook_batch(struct valet_batch *batch, void *context)     \
	{                                                                             \
		struct valet_packet *packet = batch->packets;                         \
		const uint32_t packets = batch->count, source = batch->source;        \
		struct valet_table *const *tables = context;                          \
                                                                                      \
		for (uint32_t i = 0; i < packets; i++)                                \
			packet[i].destination = function(&packet[i], source, tables); \
		return 0;                                                             \
	}                                                                             \
	__attribute__((visibility("default"))) void *valet_hook_context(              \
		const uint64_t *addresses);                                           \
	void *valet_hook_context(const uint64_t *addresses)                           \
	{                                                                             \
		void **tables = __builtin_malloc((number) * sizeof(*tables));         \
                                                                                      \
		for (uint32_t i = 0; tables && i < (number); i++)                     \
			tables[i] = (void *)(uintptr_t)addresses[i];                  \
		return tables;                                                        \
	}                                                                             \
	VALET_LOOKUP_EXPORT(valet_hook_batch)

/*
 * Big-endian numbers of `data`, of which `readable` bytes are there; 0 for what is not there as a
 * whole. They are read once: the compiler does not read them again after a check.
 */
struct valet_unaligned_u16 {
	uint16_t value;
} __attribute__((packed, may_alias));

struct valet_unaligned_u32 {
	uint32_t value;
} __attribute__((packed, may_alias));

static inline uint64_t valet_u8_at(const uint8_t *data, int64_t readable, int64_t at)
{
	if (at < 0 || at >= readable)
		return 0;
	return *(const volatile uint8_t *)(data + at);
}

static inline uint64_t valet_u16_at(const uint8_t *data, int64_t readable, int64_t at)
{
	if (at < 0 || at + 2 > readable)
		return 0;
	return __builtin_bswap16(((const volatile struct valet_unaligned_u16 *)(data + at))->value);
}

static inline uint64_t valet_u32_at(const uint8_t *data, int64_t readable, int64_t at)
{
	if (at < 0 || at + 4 > readable)
		return 0;
	return __builtin_bswap32(((const volatile struct valet_unaligned_u32 *)(data + at))->value);
}

/* A MAC address. */
static inline uint64_t valet_u48_at(const uint8_t *data, int64_t readable, int64_t at)
{
	if (at < 0 || at + 6 > readable)
		return 0;
	return valet_u16_at(data, readable, at) << 32 | valet_u32_at(data, readable, at + 2);
}

/* Writes the low bits of a number, big-endian; nothing where it would not fit as a whole. */
static inline void valet_set_u8_at(uint8_t *data, int64_t readable, int64_t at, int64_t value)
{
	if (at >= 0 && at < readable)
		*(volatile uint8_t *)(data + at) = (uint8_t)value;
}

static inline void valet_set_u16_at(uint8_t *data, int64_t readable, int64_t at, int64_t value)
{
	if (at >= 0 && at + 2 <= readable)
		((volatile struct valet_unaligned_u16 *)(data + at))->value =
			__builtin_bswap16((uint16_t)value);
}

static inline void valet_set_u32_at(uint8_t *data, int64_t readable, int64_t at, int64_t value)
{
	if (at >= 0 && at + 4 <= readable)
		((volatile struct valet_unaligned_u32 *)(data + at))->value =
			__builtin_bswap32((uint32_t)value);
}

/* The same of a packet: of its first fragment, as lookups in TypeScript see it. */
static inline uint32_t valet_u8(const struct valet_packet *packet, uint32_t at)
{
	return (uint32_t)valet_u8_at(packet->data, packet->first_length, at);
}

static inline uint32_t valet_u16(const struct valet_packet *packet, uint32_t at)
{
	return (uint32_t)valet_u16_at(packet->data, packet->first_length, at);
}

static inline uint32_t valet_u32(const struct valet_packet *packet, uint32_t at)
{
	return (uint32_t)valet_u32_at(packet->data, packet->first_length, at);
}

static inline uint64_t valet_u48(const struct valet_packet *packet, uint32_t at)
{
	return valet_u48_at(packet->data, packet->first_length, at);
}

static inline void valet_set_u8(const struct valet_packet *packet, uint32_t at, uint32_t value)
{
	valet_set_u8_at(packet->data, packet->first_length, at, value);
}

static inline void valet_set_u16(const struct valet_packet *packet, uint32_t at, uint32_t value)
{
	valet_set_u16_at(packet->data, packet->first_length, at, value);
}

static inline void valet_set_u32(const struct valet_packet *packet, uint32_t at, uint32_t value)
{
	valet_set_u32_at(packet->data, packet->first_length, at, value);
}

/* What compiled hooks compute with; see hook/ir.ts. */
static inline int64_t valet_imul(int64_t a, int64_t b)
{
	return (int32_t)((uint32_t)a * (uint32_t)b);
}

static inline int64_t valet_shl(int64_t value, int64_t count)
{
	return (int64_t)((uint64_t)value << count);
}

static inline int64_t valet_min(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static inline int64_t valet_max(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

#endif
