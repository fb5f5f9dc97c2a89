/* SPDX-License-Identifier: BSD-2-Clause */
/* The option EXTMEM: a region in memory that the application has, of a file perhaps. */
#ifndef VALET_EXTMEM_H
#define VALET_EXTMEM_H

struct descriptor;
struct nmreq_header;
struct region;

/*
 * The region that the option asks for, with one reference: one that is there already, if it is in the
 * same memory, or a new one. *out is NULL without the option. Writes its status. -EFAULT: the memory is
 * not there, or cannot be written; -ENOMEM: it is too small; -EINVAL: it is not page aligned, or the
 * sizes of objects are no multiples of 64.
 */
int extmem_region(struct descriptor *descriptor, const struct nmreq_header *header,
		  struct region **out);

#endif
