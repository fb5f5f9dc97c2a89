/* SPDX-License-Identifier: BSD-2-Clause */
#include "program.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <stddef.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "bpf.h"
#include "device.h"

/* linux/bpf.h of Linux 6.6; older headers lack them. */
enum {
	ATTACH_TCX_INGRESS = 46,
	ATTACH_TCX_EGRESS = 47,
	VERDICT_NEXT = -1, /* whoever else has a program there */
	VERDICT_DROP = 2,
};

/* ---- instructions ---- */

enum {
	MARK = offsetof(struct __sk_buff, mark),
	TYPE = offsetof(struct __sk_buff, pkt_type),
	QUEUE = offsetof(struct __sk_buff, queue_mapping),
};

/* "If the packet has that mark, take it off and let it pass": falls through otherwise. */
#define PASS_MARKED(mark)                                                                 \
	LOAD(2, 1, MARK), SET_WORD(3, mark), IF_NOT_EQUAL(2, 3, 4), SET(2, 0), STORE(1, MARK, 2), \
		SET(0, VERDICT_NEXT), EXIT()
/* "If it has one of the marks from that on, send it by the queue": falls through otherwise. */
#define PASS_TO_QUEUE(first_mark)                                                             \
	LOAD(2, 1, MARK), SUBTRACT(2, first_mark), IF_NOT_BELOW(2, DEVICE_QUEUES_MAX, 6),     \
		SUBTRACT(2, -1) /* 0: none is chosen */, STORE(1, QUEUE, 2), SET(2, 0),       \
		STORE(1, MARK, 2), SET(0, VERDICT_NEXT), EXIT()
#define DROP() SET(0, VERDICT_DROP), EXIT()
/* "Give it that mark and send it to that interface." */
#define REDIRECT(mark, index, flags)                                        \
	SET_WORD(2, mark), STORE(1, MARK, 2), SET(1, (int32_t)(index)), SET(2, flags), \
		CALL(BPF_FUNC_redirect), EXIT()

/* ---- loading ---- */

/* union bpf_attr of Linux 6.6, as far as needed; a kernel takes a shorter one. */
struct link_attributes {
	uint32_t program, target_index, attach_type, flags;
	uint32_t relative, padding;
	uint64_t revision;
};

static int load(const struct bpf_insn *instructions, size_t bytes)
{
	union bpf_attr attributes;

	memset(&attributes, 0, sizeof(attributes));
	attributes.prog_type = BPF_PROG_TYPE_SCHED_CLS;
	return bpf_load(&attributes, instructions, bytes);
}

static int attach(const struct bpf_insn *instructions, size_t bytes, uint32_t index,
		  uint32_t attach_type)
{
	struct link_attributes attributes = { .target_index = index, .attach_type = attach_type };
	int program = load(instructions, bytes);
	int fd;

	if (program < 0)
		return program;
	attributes.program = (uint32_t)program;
	fd = bpf_attach(program, &attributes, sizeof(attributes));
	return fd == -EINVAL ? -EOPNOTSUPP : fd;
}

int program_marks_make(struct program_marks *marks)
{
	const uint32_t queues = DEVICE_QUEUES_MAX - 1; /* those of `sent` differ in these bits */

	/* Hard to guess, so that nobody's packets look like ours by chance or on purpose. */
	do {
		if (getrandom(marks, sizeof(*marks), 0) != sizeof(*marks))
			return -EIO;
		marks->sent &= ~queues;
	} while (!marks->sent || !marks->to_host || !marks->from_host ||
		 marks->sent == (marks->to_host & ~queues) ||
		 marks->sent == (marks->from_host & ~queues));
	return 0;
}

int program_on_ingress(uint32_t index, const struct program_marks *marks)
{
	const struct bpf_insn program[] = { PASS_MARKED(marks->to_host), DROP() };

	return attach(program, sizeof(program), index, ATTACH_TCX_INGRESS);
}

int program_on_egress(uint32_t index, uint32_t to_index, const struct program_marks *marks)
{
	const struct bpf_insn lonely[] = { PASS_TO_QUEUE(marks->sent), DROP() };
	const struct bpf_insn program[] = { PASS_TO_QUEUE(marks->sent),
					    REDIRECT(marks->from_host, to_index, 0) };

	if (!to_index)
		return attach(lonely, sizeof(lonely), index, ATTACH_TCX_EGRESS);
	return attach(program, sizeof(program), index, ATTACH_TCX_EGRESS);
}

int program_to_us(uint32_t index, const struct program_marks *marks)
{
	const struct bpf_insn program[] = { PASS_MARKED(marks->from_host), DROP() };

	return attach(program, sizeof(program), index, ATTACH_TCX_EGRESS);
}

int program_to_host(uint32_t index, uint32_t to_index, const struct program_marks *marks)
{
	/*
	 * A redirected packet counts as one for this host, whomever it is for: those that the
	 * bridge floods and that are for others have to stop here.
	 */
	const struct bpf_insn program[] = {
		LOAD(2, 1, TYPE),
		SET(3, PACKET_OTHERHOST),
		IF_NOT_EQUAL(2, 3, 2),
		DROP(),
		REDIRECT(marks->to_host, to_index, BPF_F_INGRESS),
	};

	return attach(program, sizeof(program), index, ATTACH_TCX_INGRESS);
}
