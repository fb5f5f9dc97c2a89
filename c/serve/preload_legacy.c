/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NIOCREGIF and NIOCGINFO: old programs' struct nmreq is turned into the request of today that says
 * the same, and the results are turned back. As the kernel module does: uapi/netmap_legacy.h has
 * what corresponds to what.
 */
#include "preload.h"

#include <stdio.h>
#include <string.h>

#include "../uapi/netmap_legacy.h"

/* A request of today, with room for any of the bodies. */
struct today {
	struct nmreq_header header;
	union {
		struct nmreq_register reg;
		struct nmreq_port_info_get info;
		struct nmreq_vale_attach attach;
		struct nmreq_vale_detach detach;
		struct nmreq_vale_list list;
		struct nmreq_port_hdr hdr;
		struct nmreq_vale_newif newif;
		struct nmreq_vale_polling polling;
	} body;
};

static void set_type(struct today *today, uint16_t type, int has_body)
{
	today->header.nr_reqtype = type;
	today->header.nr_body = has_body ? (uintptr_t)&today->body : 0;
}

static uint32_t mode_of(const struct nmreq *old)
{
	uint32_t mode = old->nr_flags & NR_REG_MASK;

	if (mode != NR_REG_DEFAULT)
		return mode;
	if (old->nr_ringid & NETMAP_SW_RING)
		return NR_REG_SW;
	return old->nr_ringid & NETMAP_HW_RING ? NR_REG_ONE_NIC : NR_REG_ALL_NIC;
}

/* Also the first part of an attach. -ENOMEM: the name has no room for the pipe's. */
static int from_register(const struct nmreq *old, struct nmreq_header *header,
			 struct nmreq_register *reg)
{
	*reg = (struct nmreq_register){
		.nr_offset = old->nr_offset,
		.nr_memsize = old->nr_memsize,
		.nr_tx_slots = old->nr_tx_slots,
		.nr_rx_slots = old->nr_rx_slots,
		.nr_tx_rings = old->nr_tx_rings,
		.nr_rx_rings = old->nr_rx_rings,
		.nr_mem_id = old->nr_arg2,
		.nr_ringid = old->nr_ringid & NETMAP_RING_MASK,
		.nr_mode = mode_of(old),
		.nr_extra_bufs = old->nr_arg3,
		.nr_flags = old->nr_flags & ~(uint32_t)NR_REG_MASK,
	};
	if (old->nr_ringid & NETMAP_NO_TX_POLL)
		reg->nr_flags |= NR_NO_TX_POLL;
	if (old->nr_ringid & NETMAP_DO_RX_POLL)
		reg->nr_flags |= NR_DO_RX_POLL;
	if (reg->nr_mode == NR_REG_PIPE_MASTER || reg->nr_mode == NR_REG_PIPE_SLAVE) {
		size_t length = strlen(header->nr_name), room = sizeof(header->nr_name) - length;

		if ((size_t)snprintf(header->nr_name + length, room, "%c%u",
				     reg->nr_mode == NR_REG_PIPE_MASTER ? '{' : '}',
				     (unsigned)reg->nr_ringid) >= room)
			return -ENOMEM;
		reg->nr_mode = NR_REG_ALL_NIC;
		reg->nr_ringid = 0;
	}
	return 0;
}

static void from_polling(const struct nmreq *old, struct nmreq_vale_polling *polling)
{
	uint32_t mode = old->nr_flags & NR_REG_MASK;

	*polling = (struct nmreq_vale_polling){
		.nr_mode = mode == NR_REG_ONE_NIC   ? NETMAP_POLLING_MODE_MULTI_CPU
			   : mode == NR_REG_ALL_NIC ? NETMAP_POLLING_MODE_SINGLE_CPU
						    : 0,
		.nr_first_cpu_id = old->nr_ringid & NETMAP_RING_MASK,
		.nr_num_polling_cpus = old->nr_arg1,
	};
}

static int from_regif(const struct nmreq *old, struct today *today)
{
	int rc;

	switch (old->nr_cmd) {
	case 0:
		set_type(today, NETMAP_REQ_REGISTER, 1);
		return from_register(old, &today->header, &today->body.reg);
	case NETMAP_BDG_ATTACH:
		set_type(today, NETMAP_REQ_VALE_ATTACH, 1);
		rc = from_register(old, &today->header, &today->body.attach.reg);
		today->body.attach.reg.nr_mode =
			old->nr_arg1 & NETMAP_BDG_HOST ? NR_REG_NIC_SW : NR_REG_ALL_NIC;
		return rc;
	case NETMAP_BDG_DETACH:
		set_type(today, NETMAP_REQ_VALE_DETACH, 1);
		return 0;
	case NETMAP_BDG_VNET_HDR:
	case NETMAP_VNET_HDR_GET:
		set_type(today,
			 old->nr_cmd == NETMAP_BDG_VNET_HDR ? NETMAP_REQ_PORT_HDR_SET
							    : NETMAP_REQ_PORT_HDR_GET,
			 1);
		today->body.hdr.nr_hdr_len = old->nr_arg1;
		return 0;
	case NETMAP_BDG_NEWIF:
		set_type(today, NETMAP_REQ_VALE_NEWIF, 1);
		today->body.newif = (struct nmreq_vale_newif){
			.nr_tx_slots = old->nr_tx_slots,
			.nr_rx_slots = old->nr_rx_slots,
			.nr_tx_rings = old->nr_tx_rings,
			.nr_rx_rings = old->nr_rx_rings,
			.nr_mem_id = old->nr_arg2,
		};
		return 0;
	case NETMAP_BDG_DELIF:
		set_type(today, NETMAP_REQ_VALE_DELIF, 0);
		return 0;
	case NETMAP_BDG_POLLING_ON:
	case NETMAP_BDG_POLLING_OFF:
		set_type(today,
			 old->nr_cmd == NETMAP_BDG_POLLING_ON ? NETMAP_REQ_VALE_POLLING_ENABLE
							      : NETMAP_REQ_VALE_POLLING_DISABLE,
			 1);
		from_polling(old, &today->body.polling);
		return 0;
	case NETMAP_PT_HOST_CREATE:
	case NETMAP_PT_HOST_DELETE:
		return -ENOMEM; /* the module's word for "not any more" */
	default:
		return -EINVAL;
	}
}

static int from_ginfo(const struct nmreq *old, struct today *today)
{
	if (old->nr_cmd == NETMAP_BDG_LIST) {
		set_type(today, NETMAP_REQ_VALE_LIST, 1);
		today->body.list.nr_bridge_idx = old->nr_arg1;
		today->body.list.nr_port_idx = old->nr_arg2;
		return 0;
	}
	set_type(today, NETMAP_REQ_PORT_INFO_GET, 1);
	today->body.info = (struct nmreq_port_info_get){
		.nr_memsize = old->nr_memsize,
		.nr_tx_slots = old->nr_tx_slots,
		.nr_rx_slots = old->nr_rx_slots,
		.nr_tx_rings = old->nr_tx_rings,
		.nr_rx_rings = old->nr_rx_rings,
		.nr_mem_id = old->nr_arg2,
	};
	return 0;
}

static void to_register(const struct nmreq_register *reg, struct nmreq *old)
{
	old->nr_offset = (uint32_t)reg->nr_offset;
	old->nr_memsize = (uint32_t)reg->nr_memsize;
	old->nr_tx_slots = reg->nr_tx_slots;
	old->nr_rx_slots = reg->nr_rx_slots;
	old->nr_tx_rings = reg->nr_tx_rings;
	old->nr_rx_rings = reg->nr_rx_rings;
	old->nr_arg2 = reg->nr_mem_id;
	old->nr_arg3 = reg->nr_extra_bufs;
}

static void to_info(const struct nmreq_port_info_get *info, struct nmreq *old)
{
	old->nr_memsize = (uint32_t)info->nr_memsize;
	old->nr_tx_slots = info->nr_tx_slots;
	old->nr_rx_slots = info->nr_rx_slots;
	old->nr_tx_rings = info->nr_tx_rings;
	old->nr_rx_rings = info->nr_rx_rings;
	old->nr_arg2 = info->nr_mem_id;
}

/* Only what old programs expect to be written. */
static void to_old(const struct today *today, struct nmreq *old)
{
	switch (today->header.nr_reqtype) {
	case NETMAP_REQ_REGISTER:
		to_register(&today->body.reg, old);
		break;
	case NETMAP_REQ_VALE_ATTACH:
		to_register(&today->body.attach.reg, old);
		break;
	case NETMAP_REQ_PORT_INFO_GET:
		to_info(&today->body.info, old);
		break;
	case NETMAP_REQ_VALE_LIST:
		snprintf(old->nr_name, sizeof(old->nr_name), "%.15s", today->header.nr_name);
		old->nr_arg1 = today->body.list.nr_bridge_idx;
		old->nr_arg2 = (uint16_t)today->body.list.nr_port_idx;
		break;
	case NETMAP_REQ_PORT_HDR_SET:
	case NETMAP_REQ_PORT_HDR_GET:
		old->nr_arg1 = (uint16_t)today->body.hdr.nr_hdr_len;
		break;
	case NETMAP_REQ_VALE_NEWIF:
		old->nr_tx_slots = today->body.newif.nr_tx_slots;
		old->nr_rx_slots = today->body.newif.nr_rx_slots;
		old->nr_tx_rings = today->body.newif.nr_tx_rings;
		old->nr_rx_rings = today->body.newif.nr_rx_rings;
		old->nr_arg2 = today->body.newif.nr_mem_id;
		break;
	}
}

static int execute(void *descriptor, uint32_t number, struct nmreq *old)
{
	struct today today;
	int cancel, rc;

	if (old->nr_version < NETMAP_MIN_API)
		return -EINVAL;
	memset(&today, 0, sizeof(today));
	old->nr_name[sizeof(old->nr_name) - 1] = '\0';
	memcpy(today.header.nr_name, old->nr_name, sizeof(old->nr_name));
	today.header.nr_version = NETMAP_API;
	rc = number == NIOCREGIF ? from_regif(old, &today) : from_ginfo(old, &today);
	if (rc < 0)
		return rc;
	cancel = connection_lock(descriptor);
	rc = backend_daemon.control(descriptor, &today.header);
	connection_unlock(descriptor, cancel);
	if (rc == 0)
		to_old(&today, old);
	return rc;
}

int request_legacy(void *descriptor, uint32_t number, void *argument)
{
	struct nmreq old;
	int rc;

	if (!argument)
		return -EINVAL;
	if (program_read(&old, (uintptr_t)argument, sizeof(old)) < 0)
		return -EFAULT;
	rc = execute(descriptor, number, &old);
	return program_write((uintptr_t)argument, &old, sizeof(old)) < 0 ? -EFAULT : rc;
}
