// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Requests of processes: programs come and go, counters are read. */
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/nsproxy.h>
#include <linux/percpu.h>
#include <linux/user_namespace.h>

#include "lookup.h"

/* A program of type XDP that a bridge can run. */
static struct bpf_prog *get_program(int fd)
{
	struct bpf_prog *program = bpf_prog_get_type(fd, BPF_PROG_TYPE_XDP);

	if (IS_ERR(program))
		/* EINVAL would read as a bridge that we do not have */
		return PTR_ERR(program) == -EINVAL ? ERR_PTR(-ENOEXEC) : program;
	/* Those for a map's entries may read a device to send to, and there is none. */
	if (bpf_prog_is_dev_bound(program->aux) ||
	    program->expected_attach_type == BPF_XDP_DEVMAP ||
	    program->expected_attach_type == BPF_XDP_CPUMAP) {
		bpf_prog_put(program);
		return ERR_PTR(-EOPNOTSUPP);
	}
	return program;
}

/* Exchanges the program; returns the old one's number. */
static u32 set_program(struct lookup_bridge *hook, struct bpf_prog *program)
{
	struct bpf_prog *old = unrcu_pointer(xchg(&hook->program, RCU_INITIALIZER(program)));
	u32 id = old ? old->aux->id : 0;

	if (program)
		atomic_inc(&hook->loads);
	if (old)
		bpf_prog_put(old);
	return id;
}

static int execute(struct lookup_bridge *hook, struct valet_module_request *request)
{
	struct user_namespace *owner = hook->net->user_ns;
	struct bpf_prog *program;

	switch (request->command) {
	case VALET_MODULE_STATS:
		return 0;
	case VALET_MODULE_LOAD:
		if (!ns_capable(owner, CAP_NET_ADMIN))
			return -EPERM;
		program = get_program(request->program_fd);
		if (IS_ERR(program))
			return PTR_ERR(program);
		request->replaced_id = set_program(hook, program);
		return 0;
	case VALET_MODULE_UNLOAD:
		if (!ns_capable(owner, CAP_NET_ADMIN))
			return -EPERM;
		request->replaced_id = set_program(hook, NULL);
		return request->replaced_id ? 0 : -ENOENT;
	}
	return -ENOTTY;
}

static void describe(struct lookup_bridge *hook, struct valet_module_request *request)
{
	const struct bpf_prog *program;
	int cpu, i;

	request->loads = atomic_read(&hook->loads);
	rcu_read_lock();
	program = rcu_dereference(hook->program);
	if (program) {
		request->program_id = program->aux->id;
		strscpy(request->program_name, program->aux->name, sizeof(request->program_name));
	}
	rcu_read_unlock();
	for_each_possible_cpu(cpu)
		for (i = 0; i < VALET_MODULE_COUNTERS; i++)
			request->counters[i] +=
				READ_ONCE(per_cpu_ptr(hook->counters, cpu)->packets[i]);
}

/*
 * NIOCCONFIG. netmap gives the request and not the bridge, so it is looked for by name; netmap has
 * found it by the same, but that may be a while ago. Errors are positive, as netmap's are.
 */
int request_config(struct nm_ifreq *message)
{
	struct valet_module_request in, out = { .version = VALET_MODULE_VERSION };
	struct lookup_bridge *hook;
	char name[IFNAMSIZ];
	int error = -EPROTONOSUPPORT;

	memcpy(&in, message->data, sizeof(in));
	strscpy(name, message->nifr_name, sizeof(name));
	if (strchr(name, ':'))
		strchr(name, ':')[1] = '\0';
	if (in.version == VALET_MODULE_VERSION) {
		hook = bridge_get(name);
		error = -ENXIO;
		if (hook) {
			out.command = in.command;
			out.program_fd = in.program_fd;
			error = execute(hook, &out);
			describe(hook, &out);
			bridge_put(hook);
		}
	}
	memcpy(message->data, &out, sizeof(out));
	return -error;
}
