/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The learning table: which station (MAC address) is behind which port.
 *
 * Direct-mapped, one station a bucket, with netmap's hash: a station that falls into another's
 * bucket takes it over. A bucket is one word, so readers and writers on any thread need no lock: a
 * packet sees an entry as it was or as it is. Unlike netmap, a zero bucket matches nothing, and a
 * station that moves is learned at its new port.
 */
#ifndef VALET_TABLE_H
#define VALET_TABLE_H

#include <stdint.h>

#include "../valet_lookup.h"

#define TABLE_BUCKETS 1024

struct table {
	uint64_t
		bucket[TABLE_BUCKETS]; /* MAC in the low 48 bits as it lies in memory, port above */
	uint32_t heard_ms[TABLE_BUCKETS]; /* kept only while ageing is on */
	uint32_t ageing_ms; /* 0: entries stay */
};

/* The bucket of a MAC address: Bob Jenkins' mix as BSD's bridges use it. */
uint32_t table_bucket(uint64_t mac);

/*
 * Fills in destinations, and learns sources if it `learns`: from packets with NS_NO_LEARN nothing is
 * to be learned. Returns whether all packets have one destination: nobody has to look at them again
 * to know, which took 9 instructions a packet.
 */
int table_decide(struct table *table, const struct valet_batch *batch, int learns);
/* A valet_lookup_function that learns; context is the table. */
int32_t table_lookup(struct valet_batch *batch, void *context);

/* Forgets all stations behind a port, or all (UINT32_MAX). */
void table_forget(struct table *table, uint32_t port);

/* Counts every station's age from now: for when ageing is switched on. */
void table_refresh(struct table *table);

/* Entry of a bucket: 0 when empty or too old, with its age. */
uint64_t table_entry(struct table *table, uint32_t bucket, uint32_t *age_ms);

#define TABLE_MAC(entry) ((entry)&0xffffffffffffull)
#define TABLE_PORT(entry) ((uint32_t)((entry) >> 48))

#endif
