/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bpf(2), and instructions for it: Documentation/bpf/standardization/instruction-set.rst of Linux.
 */
#ifndef VALET_DEVICE_BPF_H
#define VALET_DEVICE_BPF_H

#include <errno.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BPF_SIZED(size, code_, to, from, offset_)                                             \
	((struct bpf_insn){ .code = (code_) | BPF_MEM | (size), .dst_reg = (to),              \
			    .src_reg = (from), .off = (offset_) })
#define LOAD(to, from, offset_) BPF_SIZED(BPF_W, BPF_LDX, to, from, offset_)
#define STORE(to, offset_, from) BPF_SIZED(BPF_W, BPF_STX, to, from, offset_)
#define LOAD_HALF(to, from, offset_) BPF_SIZED(BPF_H, BPF_LDX, to, from, offset_)
#define STORE_HALF(to, offset_, from) BPF_SIZED(BPF_H, BPF_STX, to, from, offset_)
#define STORE_DOUBLE(to, offset_, from) BPF_SIZED(BPF_DW, BPF_STX, to, from, offset_)
#define COPY(to, from) \
	((struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = (to), .src_reg = (from) })
#define SET(to, value) \
	((struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = (to), .imm = (value) })
#define ADD(to, value) \
	((struct bpf_insn){ .code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = (to), .imm = (value) })
/* The unsigned value, for a comparison of 32 bits. */
#define SET_WORD(to, value)                                                     \
	((struct bpf_insn){ .code = BPF_ALU | BPF_MOV | BPF_K, .dst_reg = (to), \
			    .imm = (int32_t)(value) })
/* Of 32 bits. */
#define SUBTRACT(to, value)                                                     \
	((struct bpf_insn){ .code = BPF_ALU | BPF_SUB | BPF_K, .dst_reg = (to), \
			    .imm = (int32_t)(value) })
#define TO_NETWORK_HALF(to) \
	((struct bpf_insn){ .code = BPF_ALU | BPF_END | BPF_TO_BE, .dst_reg = (to), .imm = 16 })
#define IF_NOT_EQUAL(a, b, jump)                                                              \
	((struct bpf_insn){ .code = BPF_JMP | BPF_JNE | BPF_X, .dst_reg = (a), .src_reg = (b), \
			    .off = (jump) })
#define IF_NOT(a, value, jump)                                                         \
	((struct bpf_insn){ .code = BPF_JMP | BPF_JNE | BPF_K, .dst_reg = (a), .imm = (value), \
			    .off = (jump) })
#define IF_ABOVE(a, b, jump)                                                                  \
	((struct bpf_insn){ .code = BPF_JMP | BPF_JGT | BPF_X, .dst_reg = (a), .src_reg = (b), \
			    .off = (jump) })
#define IF_NOT_BELOW(a, limit, jump)                                                  \
	((struct bpf_insn){ .code = BPF_JMP | BPF_JGE | BPF_K, .dst_reg = (a),        \
			    .imm = (int32_t)(limit), .off = (jump) })
#define CALL(function) ((struct bpf_insn){ .code = BPF_JMP | BPF_CALL, .imm = (function) })
/* A function of the kernel that is no helper, by its number in the kernel's BTF. */
#define CALL_KERNEL(function)                                                        \
	((struct bpf_insn){ .code = BPF_JMP | BPF_CALL, .src_reg = 2 /* _KFUNC_CALL */, \
			    .imm = (function) })
/* Two instructions: the address of a map, or of its first value. */
#define SET_MAP(to, fd)                                                                       \
	((struct bpf_insn){ .code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = (to),               \
			    .src_reg = BPF_PSEUDO_MAP_FD, .imm = (fd) }),                     \
		((struct bpf_insn){ 0 })
#define SET_MAP_VALUE(to, fd)                                                                 \
	((struct bpf_insn){ .code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = (to),               \
			    .src_reg = BPF_PSEUDO_MAP_VALUE, .imm = (fd) }),                  \
		((struct bpf_insn){ 0 })
#define ADD_ATOMICALLY(to, from)                                                              \
	((struct bpf_insn){ .code = BPF_STX | 0xc0 /* BPF_ATOMIC */ | BPF_DW, .dst_reg = (to), \
			    .src_reg = (from), .imm = BPF_ADD })
#define EXIT() ((struct bpf_insn){ .code = BPF_JMP | BPF_EXIT })

/* A descriptor, 0, or negative. The kernel takes attributes that are shorter than its own. */
static inline int bpf_call(int command, const void *attributes, unsigned int bytes)
{
	long rc = syscall(SYS_bpf, command, attributes, bytes);

	return rc < 0 ? -errno : (int)rc;
}

/* Loads a program. What is special about it is in the attributes. */
static inline int bpf_load(union bpf_attr *attributes, const struct bpf_insn *instructions,
			   size_t bytes)
{
	attributes->insns = (uintptr_t)instructions;
	attributes->insn_cnt = (uint32_t)(bytes / sizeof(*instructions));
	attributes->license = (uintptr_t) "Dual BSD/GPL";
	memcpy(attributes->prog_name, "valet", sizeof("valet"));
	return bpf_call(BPF_PROG_LOAD, attributes, sizeof(*attributes));
}

/* Attaches a program, and closes it: the link holds it. */
static inline int bpf_attach(int program, const void *attributes, unsigned int bytes)
{
	int fd = bpf_call(BPF_LINK_CREATE, attributes, bytes);

	close(program);
	return fd;
}

#endif
