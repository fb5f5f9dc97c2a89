/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Lookup programs in eBPF for the bridges of netmap's VALE.
 *
 * A bridge whose name is written to the parameter `bridges` gets this module's operations. From
 * then on it takes programs over NIOCCONFIG (uapi/valet_module.h) and asks the one that is loaded
 * about each packet. Without one it learns as before.
 *
 * Who may be where:
 *  - lookups and requests run under the bridge's lock, shared. netmap takes it exclusively to
 *    change operations, so once netmap_bdg_regops() has put its own back, nobody is in here.
 *  - `bridges_control` serialises what adds and removes bridges, and is taken before netmap's
 *    locks; so what runs inside those (the three operations) never takes it.
 *  - a program is replaced by exchanging a pointer; the old one is freed after a grace period.
 */
#ifndef VALET_MODULE_LOOKUP_H
#define VALET_MODULE_LOOKUP_H

#include <linux/bpf.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/version.h>
#include <linux/workqueue.h>
#include <net/net_namespace.h>

#include <bsd_glue.h>
#include <net/netmap.h>
#include <dev/netmap/netmap_kern.h>
#include <dev/netmap/netmap_bdg.h>

#include "valet_module.h"

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#error "valet_lookup needs a kernel from 6.1 on"
#endif
#ifndef WITH_VALE
#error "netmap was configured without VALE"
#endif

static_assert(sizeof(((struct nm_ifreq *)0)->data) == sizeof(struct valet_module_request));
static_assert(VALET_MODULE_BROADCAST == NM_BDG_BROADCAST);
static_assert(VALET_MODULE_DROP == NM_BDG_NOPORT);

struct lookup_counters {
	u64 packets[VALET_MODULE_COUNTERS];
};

/* A bridge with our operations; it is the private data of its lookups. */
struct lookup_bridge {
	struct list_head entry;
	refcount_t users;
	char name[IFNAMSIZ]; /* with the colon */
	struct net *net; /* held, and with it the memory of `bridge` */
	struct nm_bridge *bridge; /* NULL until an operation has shown it */
	bool holds_module; /* see hold_module() */
	struct bpf_prog __rcu *program;
	atomic_t loads;
	struct lookup_counters __percpu *counters;
	struct work_struct check;
};

/* packet.c */
int packet_init(void);
void packet_exit(void);
/* The operation `lookup`: where a packet goes. */
u32 packet_lookup(struct nm_bdg_fwd *ft, u8 *ring, struct netmap_vp_adapter *port, void *private);

/* copy.c: puts a copy into a port's receive ring; false where that cannot be. */
bool packet_copy(const struct nm_bdg_fwd *ft, u32 ring, const struct netmap_vp_adapter *from,
		 struct netmap_vp_adapter *to);

/* request.c */
/* The operation `config`: NIOCCONFIG. */
int request_config(struct nm_ifreq *message);

/* bridge.c */
extern struct mutex bridges_control;
int bridges_init(void);
/* Nobody is inside the module, and nothing will call it, when this returns. */
void bridges_exit(void);
/* Takes a bridge of this process's namespace ("vale0:"), or gives it back. */
int bridge_attach(const char *name);
int bridge_detach(const char *name);
/* Gives back all of this process's namespace. */
void bridges_detach(void);
/* Writes the names of this process's namespace, with a comma between them. */
int bridges_print(char *buffer, size_t size);
/* For an operation: a reference, to be given back; NULL if there is none. */
struct lookup_bridge *bridge_get(const char *name);
void bridge_put(struct lookup_bridge *hook);

#endif
