/* SPDX-License-Identifier: BSD-2-Clause */
#include "request.h"

#include <errno.h>

int request_body_bytes(uint16_t type)
{
	switch (type) {
	case NETMAP_REQ_REGISTER:
		return sizeof(struct nmreq_register);
	case NETMAP_REQ_PORT_INFO_GET:
		return sizeof(struct nmreq_port_info_get);
	case NETMAP_REQ_VALE_ATTACH:
		return sizeof(struct nmreq_vale_attach);
	case NETMAP_REQ_VALE_DETACH:
		return sizeof(struct nmreq_vale_detach);
	case NETMAP_REQ_VALE_LIST:
		return sizeof(struct nmreq_vale_list);
	case NETMAP_REQ_PORT_HDR_SET:
	case NETMAP_REQ_PORT_HDR_GET:
		return sizeof(struct nmreq_port_hdr);
	case NETMAP_REQ_VALE_NEWIF:
		return sizeof(struct nmreq_vale_newif);
	case NETMAP_REQ_VALE_POLLING_ENABLE:
	case NETMAP_REQ_VALE_POLLING_DISABLE:
		return sizeof(struct nmreq_vale_polling);
	case NETMAP_REQ_POOLS_INFO_GET:
		return sizeof(struct nmreq_pools_info);
	case NETMAP_REQ_SYNC_KLOOP_START:
		return sizeof(struct nmreq_sync_kloop_start);
	case NETMAP_REQ_VALE_DELIF:
	case NETMAP_REQ_SYNC_KLOOP_STOP:
	case NETMAP_REQ_CSB_ENABLE:
	case VALET_REQ_TABLE_FLUSH:
	case VALET_REQ_BRIDGE_DESTROY:
		return 0;
	case VALET_REQ_CONFIG_SEND:
	case VALET_REQ_CONFIG_SERVE:
		return sizeof(struct valet_req_config);
	case VALET_REQ_BRIDGE_CREATE:
	case VALET_REQ_BRIDGE_TOKEN:
		return sizeof(struct valet_req_token);
	case VALET_REQ_BRIDGE_GET:
	case VALET_REQ_BRIDGE_SET:
		return sizeof(struct valet_req_bridge);
	case VALET_REQ_TABLE_GET:
		return sizeof(struct valet_req_table);
	case VALET_REQ_LOOKUP_SET:
		return sizeof(struct valet_req_lookup);
	case VALET_REQ_PORT_GET:
		return sizeof(struct valet_req_port);
	case VALET_REQ_INTERFACES_GET:
		return sizeof(struct valet_req_interfaces);
	case VALET_REQ_MEMORY_GET:
	case VALET_REQ_MEMORY_SET:
		return sizeof(struct valet_req_memory);
	case VALET_REQ_SHORTAGE_GET:
		return sizeof(struct valet_req_shortage);
	case VALET_REQ_ATTACH:
		return sizeof(struct valet_req_attach);
	default:
		return -EINVAL;
	}
}

uint64_t request_option_bytes(uint32_t type, uint64_t nro_size)
{
	switch (type) {
	case NETMAP_REQ_OPT_EXTMEM:
		return sizeof(struct nmreq_opt_extmem);
	case NETMAP_REQ_OPT_CSB:
		return sizeof(struct nmreq_opt_csb);
	case NETMAP_REQ_OPT_SYNC_KLOOP_MODE:
		return sizeof(struct nmreq_opt_sync_kloop_mode);
	case NETMAP_REQ_OPT_OFFSETS:
		return sizeof(struct nmreq_opt_offsets);
	case VALET_OPT_INTERFACE:
		return sizeof(struct valet_opt_interface);
	case NETMAP_REQ_OPT_SYNC_KLOOP_EVENTFDS:
		/* nro_size is of the whole option. */
		return nro_size > sizeof(struct nmreq_option) ? nro_size
							      : sizeof(struct nmreq_option);
	default:
		return sizeof(struct nmreq_option);
	}
}
