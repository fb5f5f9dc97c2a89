/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netmap's CSB mode: head and cur come from memory of the application's choice instead of the ring,
 * and a sync loop does the syncs. The loop and that memory are the host's; what the engine has of
 * them is which descriptors are in the mode, and a sync of one ring with a head and cur given.
 */
#ifndef VALET_CSB_MODE_H
#define VALET_CSB_MODE_H

#include "engine.h"

/*
 * Addresses of the application say nothing to the engine, which may be in another process. In their
 * place the host puts how far they are from the alignment that they need, and how many entries from
 * there on can be read and written.
 */
#define CSB_ENTRY_BYTES 64u
#define CSB_PLACE(misaligned, entries) ((uint64_t)(entries) << 6 | (misaligned))

/*
 * What the option asks for, of the rings bound to the descriptor, not all of which may have been
 * published. Writes its status. -EINVAL: not NR_EXCLUSIVE, or badly aligned; -EFAULT.
 */
int csb_mode_enter(struct descriptor *descriptor, struct port *port, struct nmreq_opt_csb *option);
void csb_mode_leave(struct descriptor *descriptor, struct port *port);
/* CSB_ENABLE. */
int control_csb_enable(struct descriptor *descriptor, struct nmreq_header *header);

/* Of the `index`th of the rings that are bound in the direction. */
void csb_mode_look(struct descriptor *descriptor, enum direction direction, uint32_t index,
		   struct ring_pointers *out);
/* As ring_txsync(); one at a time for each ring. */
int csb_mode_sync(struct descriptor *descriptor, enum direction direction, uint32_t index,
		  struct ring_pointers *pointers);

#endif
