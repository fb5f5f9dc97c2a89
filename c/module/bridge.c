// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Which bridges are ours. They come and go, and netmap does not say so. */
#include <linux/list.h>
#include <linux/module.h>
#include <linux/nsproxy.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "lookup.h"

static LIST_HEAD(bridges); /* changed under both locks */
static DEFINE_SPINLOCK(bridges_lock);
DEFINE_MUTEX(bridges_control);
static struct workqueue_struct *workers;

static struct lookup_bridge *find_bridge(const char *name, const struct net *net)
{
	struct lookup_bridge *hook;

	list_for_each_entry(hook, &bridges, entry)
		if (net_eq(hook->net, net) && !strcmp(hook->name, name))
			return hook;
	return NULL;
}

void bridge_put(struct lookup_bridge *hook)
{
	struct bpf_prog *program;
	bool holds_module;

	if (!refcount_dec_and_test(&hook->users))
		return;
	program = rcu_dereference_protected(hook->program, true);
	if (program)
		bpf_prog_put(program);
	free_percpu(hook->counters);
	put_net(hook->net);
	holds_module = hook->holds_module;
	kfree(hook);
	/* Whoever comes here is waited for by the module's end. */
	if (holds_module)
		module_put(THIS_MODULE);
}

struct lookup_bridge *bridge_get(const char *name)
{
	struct lookup_bridge *hook;

	spin_lock(&bridges_lock);
	hook = find_bridge(name, current->nsproxy->net_ns);
	if (hook)
		refcount_inc(&hook->users);
	spin_unlock(&bridges_lock);
	return hook;
}

/*
 * A port leaves, perhaps the last one, and with that the bridge: netmap says nothing about it. Runs
 * under netmap's locks, so what there is to find out is left to a worker.
 */
static void leaving(const struct netmap_vp_adapter *port)
{
	struct nm_bridge *bridge = port->na_bdg;
	struct lookup_bridge *hook = bridge->private_data;

	/* Another module may have put its lookup and its data over ours. */
	if (bridge->bdg_ops.lookup != packet_lookup)
		return;
	WRITE_ONCE(hook->bridge, bridge);
	refcount_inc(&hook->users);
	if (!queue_work(workers, &hook->check))
		refcount_dec(&hook->users); /* never the last: the queued work has one */
}

static struct netmap_bdg_ops operations = {
	.lookup = packet_lookup,
	.config = request_config,
	.dtor = leaving,
};

struct is_ours {
	const struct lookup_bridge *hook;
	bool yes;
};

static void *compare_private(void *private, void *data, int *error)
{
	struct is_ours *ours = data;

	ours->yes = private == ours->hook;
	return private;
}

/*
 * Whether the bridge of the name in this process's namespace is the one that we know. When it
 * returns, whoever was inside netmap's control lock before has left it.
 */
static bool still_ours(const struct lookup_bridge *hook)
{
	struct is_ours ours = { .hook = hook };

	netmap_bdg_update_private_data(hook->name, compare_private, &ours, NULL);
	return ours.yes;
}

/*
 * After netmap_bdg_regops(): the table is empty, but a port enters a source into it only when it
 * differs from the one before, so make all differ. And if another module has put its lookup over
 * ours and left us the rest, take that back.
 */
static void clean_up(struct nm_bridge *bridge)
{
	int i;

	down_write(&bridge->bdg_lock);
	for (i = 0; i < NM_BDG_MAXPORTS; i++)
		if (bridge->bdg_ports[i])
			bridge->bdg_ports[i]->last_smac = ~0ull;
	if (bridge->bdg_ops.lookup != packet_lookup) {
		if (bridge->bdg_ops.config == request_config)
			bridge->bdg_ops.config = bridge->bdg_saved_ops.config;
		if (bridge->bdg_ops.dtor == leaving)
			bridge->bdg_ops.dtor = bridge->bdg_saved_ops.dtor;
	}
	up_write(&bridge->bdg_lock);
}

static void unlist(struct lookup_bridge *hook)
{
	lockdep_assert_held(&bridges_control);
	spin_lock(&bridges_lock);
	list_del(&hook->entry);
	spin_unlock(&bridges_lock);
}

/* Gives the bridge its learning back. In a process of the bridge's namespace. */
static void detach(struct lookup_bridge *hook)
{
	struct nm_bridge *bridge;

	unlist(hook);
	if (still_ours(hook))
		netmap_bdg_regops(hook->name, NULL, NULL, NULL);
	/* Its memory belongs to the namespace, which we hold. */
	bridge = READ_ONCE(hook->bridge);
	if (bridge)
		clean_up(bridge);
	bridge_put(hook);
}

/* Whether the bridge calls us on behalf of `hook`. Under its lock. */
static bool calls_us(const struct nm_bridge *bridge, const struct lookup_bridge *hook)
{
	if (bridge->bdg_ops.lookup == packet_lookup)
		return bridge->private_data == hook;
	return bridge->bdg_ops.config == request_config || bridge->bdg_ops.dtor == leaving;
}

/* Lets go of a bridge that is gone. */
static void check_bridge(struct work_struct *work)
{
	struct lookup_bridge *hook = container_of(work, struct lookup_bridge, check);
	struct nm_bridge *bridge = READ_ONCE(hook->bridge);
	bool gone;

	mutex_lock(&bridges_control);
	/* The port has left and netmap has cleaned up, wherever this looks for the name. */
	still_ours(hook);
	/* And after this, so has a request that had found the bridge before. */
	down_write(&bridge->bdg_lock);
	gone = !calls_us(bridge, hook);
	up_write(&bridge->bdg_lock);
	if (gone && find_bridge(hook->name, hook->net) == hook) {
		unlist(hook);
		bridge_put(hook);
	}
	mutex_unlock(&bridges_control);
	bridge_put(hook);
}

/*
 * The module's end takes bridges back from a worker, which sees the first namespace only. So those
 * of others keep the module in use until they are gone or taken back there.
 */
static void hold_module(struct lookup_bridge *hook)
{
	if (net_eq(hook->net, &init_net))
		return;
	__module_get(THIS_MODULE);
	hook->holds_module = true;
}

int bridge_attach(const char *name)
{
	struct lookup_bridge *hook;
	int error;

	lockdep_assert_held(&bridges_control);
	hook = find_bridge(name, current->nsproxy->net_ns);
	if (hook) {
		if (still_ours(hook))
			return 0;
		unlist(hook);
		bridge_put(hook);
	}
	hook = kzalloc(sizeof(*hook), GFP_KERNEL);
	if (!hook)
		return -ENOMEM;
	hook->counters = alloc_percpu(struct lookup_counters);
	if (!hook->counters) {
		kfree(hook);
		return -ENOMEM;
	}
	refcount_set(&hook->users, 1);
	strscpy(hook->name, name, sizeof(hook->name));
	INIT_WORK(&hook->check, check_bridge);
	hook->net = get_net(current->nsproxy->net_ns);
	hold_module(hook);
	spin_lock(&bridges_lock);
	list_add_tail(&hook->entry, &bridges);
	spin_unlock(&bridges_lock);
	/* From here on packets may be in packet_lookup(). */
	error = netmap_bdg_regops(name, &operations, hook, NULL);
	if (error) {
		unlist(hook);
		bridge_put(hook);
	}
	return -error;
}

int bridge_detach(const char *name)
{
	struct lookup_bridge *hook;

	lockdep_assert_held(&bridges_control);
	hook = find_bridge(name, current->nsproxy->net_ns);
	if (!hook)
		return -ENOENT;
	detach(hook);
	return 0;
}

void bridges_detach(void)
{
	struct lookup_bridge *hook, *next;

	mutex_lock(&bridges_control);
	list_for_each_entry_safe(hook, next, &bridges, entry)
		if (net_eq(hook->net, current->nsproxy->net_ns))
			detach(hook);
	mutex_unlock(&bridges_control);
}

int bridges_print(char *buffer, size_t size)
{
	struct lookup_bridge *hook;
	int at = 0;

	spin_lock(&bridges_lock);
	list_for_each_entry(hook, &bridges, entry)
		if (net_eq(hook->net, current->nsproxy->net_ns))
			at += scnprintf(buffer + at, size - at, "%s%.*s", at ? "," : "",
					(int)strlen(hook->name) - 1, hook->name);
	spin_unlock(&bridges_lock);
	return at;
}

static void detach_first_namespace(struct work_struct *work)
{
	bridges_detach();
}

static DECLARE_WORK(detach_work, detach_first_namespace);

int bridges_init(void)
{
	workers = alloc_workqueue("valet_lookup", 0, 0);
	return workers ? 0 : -ENOMEM;
}

void bridges_exit(void)
{
	/* A kernel thread is in the first namespace, whoever removes the module. */
	queue_work(workers, &detach_work);
	/* From here on no port that leaves has anything checked. */
	flush_work(&detach_work);
	/* Waits for what is being checked. */
	destroy_workqueue(workers);
}
