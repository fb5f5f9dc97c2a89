/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef VALET_DEVICE_BTF_H
#define VALET_DEVICE_BTF_H

#include <stdint.h>

/*
 * The number that the kernel's type information has for one of its functions, which eBPF programs
 * call it by (Documentation/bpf/btf.rst, kfuncs.rst of Linux). -ENOENT: it has none, or tells nothing.
 */
int32_t btf_kernel_function(const char *name);

#endif
