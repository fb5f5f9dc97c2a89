/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The small eBPF programs that keep an interface's traffic apart from the host's network stack.
 * All are attached through links (bpf(2), BPF_LINK_CREATE): they leave with the file descriptor, so
 * with the process, however it ends.
 */
#ifndef VALET_DEVICE_PROGRAM_H
#define VALET_DEVICE_PROGRAM_H

#include <stdint.h>

/* Marks on packets (skb->mark) that tell the programs whose they are. They are taken off again. */
struct program_marks {
	uint32_t sent; /* by us, to leave by the interface's queue 0; + 1: by its queue 1; ... */
	uint32_t to_host; /* by us, for the host's stack, to enter by the interface */
	uint32_t from_host; /* by the host's stack, on its way to us */
};

int program_marks_make(struct program_marks *marks);

/* All return the descriptor of a link, or negative; -EOPNOTSUPP: Linux before 6.6. */

/* What an interface receives: for us only, but what we give to the host's stack. */
int program_on_ingress(uint32_t index, const struct program_marks *marks);
/*
 * What is sent through an interface: ours passes, to the queue that its mark says (unless the
 * system's XPS chooses by the CPU); the host stack's goes to the interface `to_index`, or nowhere
 * when that is 0.
 */
int program_on_egress(uint32_t index, uint32_t to_index, const struct program_marks *marks);
/*
 * The two ends of the host's side: what leaves by `index` is what program_on_egress() sent there,
 * and what it receives enters the host's stack as if it had come by the interface `to_index`.
 */
int program_to_us(uint32_t index, const struct program_marks *marks);
int program_to_host(uint32_t index, uint32_t to_index, const struct program_marks *marks);

#endif
