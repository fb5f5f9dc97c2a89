/* SPDX-License-Identifier: BSD-2-Clause */
/* eBPF as valet.h offers it: bpf(2), and what says why it is refused. */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "valet.h"

/* Since Linux 5.8; older headers do not have them. */
#ifndef CAP_PERFMON
#define CAP_PERFMON 38
#endif
#ifndef CAP_BPF
#define CAP_BPF 39
#endif

static int32_t bpf(int command, union bpf_attr *attributes)
{
	long rc = syscall(SYS_bpf, command, attributes, sizeof(*attributes));

	return rc < 0 ? -errno : (int32_t)rc;
}

/* The kernel refuses what is not 0 and that it does not know, and an initialiser may leave some. */
static void clear(union bpf_attr *attributes)
{
	memset(attributes, 0, sizeof(*attributes));
}

static uint64_t address(const void *pointer)
{
	return (uintptr_t)pointer;
}

static void set_name(char *to, const char *name)
{
	if (name)
		strncpy(to, name, BPF_OBJ_NAME_LEN - 1);
}

int32_t valet_bpf_load(const void *instructions, uint32_t count, const char *name,
		       const char *license, char *log, uint32_t size)
{
	union bpf_attr attributes;
	int32_t rc, again;

	clear(&attributes);
	attributes.prog_type = BPF_PROG_TYPE_XDP;
	attributes.insns = address(instructions);
	attributes.insn_cnt = count;
	attributes.license = address(license);
	set_name(attributes.prog_name, name);
	if (size)
		log[0] = '\0';
	rc = bpf(BPF_PROG_LOAD, &attributes);
	if (rc >= 0 || !size)
		return rc;
	/* Writing the log takes long, so only where there is something to say. */
	attributes.log_buf = address(log);
	attributes.log_size = size;
	attributes.log_level = 1;
	again = bpf(BPF_PROG_LOAD, &attributes);
	/* Too small a log is an error of its own, which hides what was wrong. */
	return again == -ENOSPC ? rc : again;
}

int32_t valet_bpf_run(int32_t fd, void *data, uint32_t size, uint32_t repeat,
		      uint32_t ingress_ifindex, uint32_t rx_queue_index, uint32_t *out)
{
	struct xdp_md context = {
		.data_end = size,
		.ingress_ifindex = ingress_ifindex,
		.rx_queue_index = rx_queue_index,
	};
	union bpf_attr attributes;
	int32_t rc;

	clear(&attributes);
	attributes.test.prog_fd = (uint32_t)fd;
	attributes.test.data_in = attributes.test.data_out = address(data);
	attributes.test.data_size_in = attributes.test.data_size_out = size;
	attributes.test.repeat = repeat;
	if (ingress_ifindex || rx_queue_index) {
		attributes.test.ctx_in = address(&context);
		attributes.test.ctx_size_in = sizeof(context);
	}
	rc = bpf(BPF_PROG_TEST_RUN, &attributes);
	if (rc < 0)
		return rc;
	out[0] = attributes.test.retval;
	out[1] = attributes.test.duration;
	return 0;
}

int32_t valet_bpf_info(int32_t fd, uint32_t *out)
{
	struct bpf_prog_info info;
	union bpf_attr attributes;
	int32_t rc;

	memset(&info, 0, sizeof(info));
	clear(&attributes);
	attributes.info.bpf_fd = (uint32_t)fd;
	attributes.info.info_len = sizeof(info);
	attributes.info.info = address(&info);
	rc = bpf(BPF_OBJ_GET_INFO_BY_FD, &attributes);
	if (rc < 0)
		return rc;
	out[0] = info.id;
	out[1] = info.jited_prog_len;
	out[2] = info.verified_insns;
	return 0;
}

int32_t valet_bpf_map_create(uint32_t type, uint32_t key_bytes, uint32_t value_bytes,
			     uint32_t entries, uint32_t flags, const char *name)
{
	union bpf_attr attributes;

	clear(&attributes);
	attributes.map_type = type;
	attributes.key_size = key_bytes;
	attributes.value_size = value_bytes;
	attributes.max_entries = entries;
	attributes.map_flags = flags;
	set_name(attributes.map_name, name);
	return bpf(BPF_MAP_CREATE, &attributes);
}

static int32_t map_operation(int command, int32_t fd, const void *key, void *value, uint32_t flags)
{
	union bpf_attr attributes;

	clear(&attributes);
	attributes.map_fd = (uint32_t)fd;
	attributes.key = address(key);
	attributes.value = address(value);
	attributes.flags = flags;
	return bpf(command, &attributes);
}

int32_t valet_bpf_map_lookup(int32_t fd, const void *key, void *value)
{
	return map_operation(BPF_MAP_LOOKUP_ELEM, fd, key, value, 0);
}

int32_t valet_bpf_map_update(int32_t fd, const void *key, const void *value, uint32_t flags)
{
	return map_operation(BPF_MAP_UPDATE_ELEM, fd, key, (void *)value, flags);
}

int32_t valet_bpf_map_delete(int32_t fd, const void *key)
{
	return map_operation(BPF_MAP_DELETE_ELEM, fd, key, NULL, 0);
}

int32_t valet_bpf_map_next(int32_t fd, const void *key, void *next)
{
	return map_operation(BPF_MAP_GET_NEXT_KEY, fd, key, next, 0);
}

int32_t valet_bpf_close(int32_t fd)
{
	return close(fd) < 0 ? -errno : 0;
}

/* ---- why not ---- */

static uint32_t missing_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };
	uint64_t has, bpf_like;
	uint32_t missing = 0;

	if (syscall(SYS_capget, &header, data) < 0)
		return 0;
	has = (uint64_t)data[1].effective << 32 | data[0].effective;
	bpf_like = 1ull << CAP_SYS_ADMIN;
	if (!(has & (bpf_like | 1ull << CAP_BPF)))
		missing |= VALET_BPF_NO_CAP_BPF;
	if (!(has & (bpf_like | 1ull << CAP_PERFMON)))
		missing |= VALET_BPF_NO_CAP_PERFMON;
	if (!(has & (bpf_like | 1ull << CAP_NET_ADMIN)))
		missing |= VALET_BPF_NO_CAP_NET_ADMIN;
	return missing;
}

/* The kernel's switch for those without CAP_BPF: 0 allowed, 1 or 2 not. */
static uint32_t unprivileged_switch(void)
{
	int fd = open("/proc/sys/kernel/unprivileged_bpf_disabled", O_RDONLY | O_CLOEXEC);
	char text = '0';

	if (fd < 0)
		return 0;
	if (read(fd, &text, 1) != 1)
		text = '0';
	close(fd);
	return text == '0' ? 0 : VALET_BPF_UNPRIVILEGED_DISABLED;
}

int32_t valet_bpf_probe(uint32_t *why)
{
	struct rlimit limit = { 0 };
	int32_t fd = valet_bpf_map_create(BPF_MAP_TYPE_ARRAY, 4, 8, 1, 0, NULL);

	*why = missing_capabilities() | unprivileged_switch();
	/* Kernels before 5.11 take the memory from this limit. */
	if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur < 1 << 24)
		*why |= VALET_BPF_LITTLE_MEMLOCK;
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}
