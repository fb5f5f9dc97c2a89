// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* What happens to each packet. */
#include <linux/etherdevice.h>
#include <linux/filter.h>
#include <linux/netdevice.h>
#include <linux/percpu.h>
#include <net/xdp.h>

#include "lookup.h"

/* What a program sees its packet through, on one CPU. */
struct lookup_context {
	struct xdp_rxq_info rxq;
	struct net_device *device; /* never registered: carries a number and a namespace */
};

static DEFINE_PER_CPU(struct lookup_context, contexts);

/* What ingress_ifindex says: see valet_module.h. */
static u32 describe_frame(const struct nm_bdg_fwd *ft, u32 ring)
{
	u32 length = ft->ft_len - ft->ft_offset, fragments = 1;

	ring = min(ring + 1, 0x3fu);
	if (likely(!(ft->ft_flags & NS_MOREFRAG)))
		return ring;
	/* netmap ends each packet with an entry without the flag. */
	while (ft->ft_flags & NS_MOREFRAG) {
		length += (++ft)->ft_len;
		fragments++;
	}
	return min(length, 0x7ffffu) << 13 | min(fragments, 0x7fu) << 6 | ring;
}

static u32 run_program(const struct bpf_prog *program, const struct lookup_bridge *hook,
		       const struct nm_bdg_fwd *ft, u32 port, u32 ring)
{
	struct lookup_context *context = this_cpu_ptr(&contexts);
	u8 *data = (u8 *)ft->ft_buf + ft->ft_offset;
	/*
	 * There is no room around the packet, which lies in memory of the sender's: helpers that
	 * ask for some are refused (frame_sz is 0), and there is no metadata (it begins behind the
	 * data).
	 */
	struct xdp_buff xdp = {
		.data = data,
		.data_end = data + ft->ft_len - ft->ft_offset,
		.data_meta = data + 1,
		.data_hard_start = data,
		.rxq = &context->rxq,
	};
	u32 result;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
	/* Where bpf_redirect() leaves its wish, which nobody fulfils. */
	struct bpf_net_context own, *outer = bpf_net_ctx_set(&own);
#endif

	context->rxq.queue_index = port;
	context->device->ifindex = describe_frame(ft, ring);
	dev_net_set(context->device, hook->net);
	/* Not bpf_prog_run_xdp(): that gives the result 3 a meaning for bonded devices. */
	result = bpf_prog_run(program, &xdp);
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
	bpf_net_ctx_clear(outer);
#endif
	return result;
}

/* netmap_vale_learning(), which is not exported, with the table that it had. */
static u32 learn(struct nm_bdg_fwd *ft, u8 *ring, struct netmap_vp_adapter *port)
{
	struct nm_bridge *bridge = port->na_bdg;

	return bridge->bdg_saved_ops.lookup(ft, ring, port, bridge->ht);
}

/* What to count of a program's result. */
static int classify(u32 result, const struct netmap_vp_adapter *port)
{
	u32 index = result & VALET_MODULE_RESULT_MASK;
	const struct netmap_vp_adapter *receiver;

	if (index > VALET_MODULE_LEARN)
		return VALET_MODULE_GARBAGE;
	if (index == VALET_MODULE_LEARN)
		return VALET_MODULE_LEARNED;
	if (index == VALET_MODULE_BROADCAST)
		return VALET_MODULE_BROADCASTS;
	if (index == VALET_MODULE_DROP)
		return VALET_MODULE_DROPPED;
	receiver = port->na_bdg->bdg_ports[index];
	return receiver && receiver != port ? VALET_MODULE_UNICAST : VALET_MODULE_NO_PORT;
}

/* The ring that a program has chosen + 1; 0: none. */
static u32 ring_code_of(u32 result)
{
	return result >> (result & VALET_MODULE_COPY_FLAG ? VALET_MODULE_COPY_RING_SHIFT :
							    VALET_MODULE_RING_SHIFT);
}

/* The copy that a program has asked for, of a packet that goes to `to`. */
static void copy(u32 result, u32 to, const struct nm_bdg_fwd *ft, u8 ring,
		 struct netmap_vp_adapter *port, struct lookup_counters __percpu *counters)
{
	u32 index = VALET_MODULE_COPY_PORT(result);
	struct netmap_vp_adapter *receiver =
		index < NM_BDG_BROADCAST ? port->na_bdg->bdg_ports[index] : NULL;
	int class = VALET_MODULE_COPIES_LOST;

	if (to == index || (to == NM_BDG_BROADCAST && receiver && receiver != port))
		return; /* it gets the packet itself */
	if (receiver && receiver != port &&
	    packet_copy(ft, ring_code_of(result) ? ring_code_of(result) - 1 : ring, port, receiver))
		class = VALET_MODULE_COPIES;
	this_cpu_inc(counters->packets[class]);
}

/* Where the packet goes, for netmap. */
static u32 destination(int class, u32 result, struct nm_bdg_fwd *ft, u8 *ring,
		       struct netmap_vp_adapter *port)
{
	const struct netmap_vp_adapter *receiver;
	u32 index, ring_code = ring_code_of(result);

	switch (class) {
	case VALET_MODULE_BROADCASTS:
		return NM_BDG_BROADCAST;
	case VALET_MODULE_UNICAST:
		index = result & VALET_MODULE_RESULT_MASK;
		break;
	case VALET_MODULE_LEARNED:
		index = learn(ft, ring, port);
		break;
	default:
		return NM_BDG_NOPORT;
	}
	receiver = index < NM_BDG_MAXPORTS ? port->na_bdg->bdg_ports[index] : NULL;
	/* netmap has room for 16 rings of each port: it takes ring 16 for ring 0 of the next one.
	 */
	if (receiver && ring_code)
		*ring = (ring_code - 1) % clamp(receiver->up.num_rx_rings, 1u, 16u);
	return index;
}

u32 packet_lookup(struct nm_bdg_fwd *ft, u8 *ring, struct netmap_vp_adapter *port, void *private)
{
	struct lookup_bridge *hook = private;
	const struct bpf_prog *program;
	u32 to, result = VALET_MODULE_LEARN;
	u8 from_ring = *ring;
	int class;

	if (unlikely(!READ_ONCE(hook->bridge)))
		WRITE_ONCE(hook->bridge, port->na_bdg);
	/* Programs expect to run as in a driver's receive function. */
	local_bh_disable();
	rcu_read_lock();
	program = rcu_dereference(hook->program);
	if (!program) {
		class = VALET_MODULE_LEARNED;
		goto out;
	}
	if (ft->ft_flags & NS_INDIRECT) {
		class = VALET_MODULE_UNSUPPORTED;
	} else {
		result = run_program(program, hook, ft, port->bdg_port, *ring);
		class = classify(result, port);
	}
	__this_cpu_inc(hook->counters->packets[VALET_MODULE_PACKETS]);
	__this_cpu_inc(hook->counters->packets[class]);
out:
	rcu_read_unlock();
	local_bh_enable();
	/* Outside: the learning of an indirect frame may sleep. */
	to = destination(class, result, ft, ring, port);
	if (unlikely(result & VALET_MODULE_COPY_FLAG))
		copy(result, to, ft, from_ring, port, hook->counters);
	return to;
}

void packet_exit(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct lookup_context *context = per_cpu_ptr(&contexts, cpu);

		if (context->device)
			free_netdev(context->device);
		context->device = NULL;
	}
}

int packet_init(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct lookup_context *context = per_cpu_ptr(&contexts, cpu);

		context->device = alloc_netdev(0, "valet", NET_NAME_UNKNOWN, ether_setup);
		if (!context->device) {
			packet_exit();
			return -ENOMEM;
		}
		context->rxq.dev = context->device;
	}
	return 0;
}
