/*
 * valet_lookup.h - what a lookup sees of the packets that it decides about.
 *
 * A lookup is called once for a batch of packets that one port sent. It reads the descriptors below
 * and writes `destination` (and `ring`, if it cares) of each. The learning bridge, lookups written
 * in TypeScript and native ones all have this one interface.
 */
#ifndef VALET_LOOKUP_H
#define VALET_LOOKUP_H

#include <stdint.h>

#define VALET_BROADCAST 254u /* to every other port; netmap's NM_BDG_BROADCAST */
#define VALET_DROP 255u /* to nobody; netmap's NM_BDG_NOPORT */
#define VALET_LEARN 0xfffffffdu /* as the learning bridge decides, which hears of it */
#define VALET_GARBAGE \
	0xffffffffu /* the lookup's answer was no port number: dropped, and counted apart */
#define VALET_TOO_SHORT \
	0xfffffffeu /* no Ethernet header to decide by: dropped, and counted apart */

#define VALET_BATCH_PACKETS 256 /* the most packets that a lookup is called with at once */

/*
 * One packet, 32 bytes. Everything but `destination`, `ring`, `copy_to` and the bytes at `data` is for
 * reading. What is written at `data`, within `first_length`, is what the receivers get; it is written
 * into the sender's buffer, which shows it afterwards.
 * Port indices 254 and 255 are never given to a port, so that the two constants keep their meaning
 * on bridges with more ports than that.
 */
struct valet_packet {
	uint8_t *data; /* first byte of the frame, in the source port's region */
	uint32_t length; /* of the whole frame, in bytes */
	uint16_t first_length; /* of the first fragment: the bytes readable at `data` */
	uint16_t fragments; /* slots that the frame takes, 1 to NETMAP_MAX_FRAGS */
	uint32_t destination; /* out: port index, VALET_BROADCAST, VALET_LEARN or VALET_DROP (as it
				 is at first) */
	uint32_t ring; /* in: the source's ring; out: the destination's, taken modulo its rings */
	uint32_t more; /* index of the second fragment among the batch's further fragments */
	uint32_t copy_to; /* out: index of a port that gets it as well, or VALET_DROP (as it is at
			     first); once where that port is reached by `destination` too */
};

_Static_assert(sizeof(struct valet_packet) == 32, "ffi/lookup_batch.ts knows this layout");

struct valet_batch {
	struct valet_packet *packets;
	uint32_t count;
	uint32_t source; /* port index of the sender */
};

/*
 * Decides for the whole batch. Negative: it failed, and the packets are dropped and counted as
 * such.
 */
typedef int32_t (*valet_lookup_function)(struct valet_batch *batch, void *context);

/*
 * The same for a function in a script, in numbers that cross the border cheaply: the batch's
 * descriptors are found with valet_batch_address(batch_id), the memory that they point into with
 * valet_region_address(region_id), once for each new id.
 */
typedef int32_t (*valet_lookup_script)(uint32_t batch_id, uint32_t region_id, uint32_t count,
				       uint32_t source);

#endif
