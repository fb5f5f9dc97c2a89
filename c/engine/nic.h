/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Network interfaces of the system as ports of a bridge.
 *
 * The engine makes no system calls, so its host opens the interface and has threads that move the
 * frames: what the interface receives they forward with bridge_forward_frames(), as senders like
 * any other; what the bridge delivers into the port's receive rings they send. A NIC has one port,
 * and a second one for its host's side if that is wanted: what the system's own network stack sends
 * through the interface comes out of there.
 */
#ifndef VALET_NIC_H
#define VALET_NIC_H

#include "control.h"

struct nic; /* the host's */
struct nic_port_host;

enum nic_side { NIC_INTERFACE, NIC_HOST, NIC_SIDES };

struct nic_request {
	char name[NETMAP_IFNAMSIZ];
	char netns[VALET_NETNS_BYTES]; /* "": that of `pid` */
	uint32_t pid; /* 0: this process */
	uint32_t device; /* enum valet_device */
	uint32_t rings; /* wanted; 0: as many as it has */
	int host_side; /* wanted */
	char socket[VALET_SOCKET_BYTES], peer[VALET_SOCKET_BYTES]; /* as in valet_req_attach */
};

/* What the host makes of it. */
struct nic_shape {
	uint32_t rings; /* of the interface's port, in each direction; the host's side has one */
	uint32_t header_bytes[NIC_SIDES]; /* virtio-net header in front of each frame */
	uint32_t device[NIC_SIDES]; /* as struct valet_req_port has it */
};

struct nic_host {
	/*
	 * Opens the interface; nothing moves yet. -ENODEV: there
	 * is none of that name; -EBUSY: it is attached somewhere; and others.
	 */
	int (*open)(const struct nic_request *request, struct nic **nic,
		    struct nic_shape *shape);
	/* From here on threads use the ports; that of the host's side may be NULL. 0 or negative. */
	int (*start)(struct nic *nic, struct port *const ports[NIC_SIDES]);
	/*
	 * Ends that, and leaves the interface as it was. Also for one that was not started. 1: a
	 * thread is still in a lookup, and calls nic_released() when it has left. Then and with 0
	 * the nic is gone.
	 */
	int (*stop)(struct nic *nic);
	/* Polls instead of sleeping; NULL: no longer. -EINVAL, -EFAULT as VALE_POLLING_*. */
	int (*poll)(struct nic *nic, const struct nmreq_vale_polling *polling);
	/* Those that are opened by name: see hardware.h. */
	const struct nic_port_host *ports;
};

/* All of these under the engine's control lock. */

/* VALE_ATTACH and VALET_REQ_ATTACH of what is no port yet. */
int nic_attach(struct descriptor *descriptor, const struct port_path *path,
	       struct nmreq_header *header);
/* The request is for a socket, whose name must not be an interface's. */
int nic_is_socket(const struct nmreq_header *header);
/* -EINVAL for the host's side, which leaves with its NIC. */
int nic_detach(struct port *port, uint32_t *index);
/* -EOPNOTSUPP for what is no NIC. */
int nic_polling(struct port *port, const struct nmreq_vale_polling *polling);
/* All that the engine has. */
void nics_detach(struct engine *engine);

/* For the host's threads. They take the control lock. */

/*
 * The interface does not exist any more: takes its ports off their bridge. -EBUSY: somebody has the
 * control lock, who may be waiting for this thread; try again, unless stop() is called meanwhile.
 * 0: the ports are as in nic_released().
 */
int nic_gone(struct port *port);
/* After stop() said 1: the thread does not use the port any more. */
void nic_released(struct port *port);

#endif
