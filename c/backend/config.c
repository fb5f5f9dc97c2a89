/* SPDX-License-Identifier: BSD-2-Clause */
/* NIOCCONFIG where the engine is: a message, and waiting for its answer. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "sleeper.h"

/* Who serves a bridge may be slow; who is stuck is given up. */
enum { ANSWER_MS = 3000 };

int config_send(int (*control)(void *descriptor, struct nmreq_header *header), void *descriptor,
		struct nm_ifreq *request)
{
	struct valet_req_config body = { .wait_ms = VALET_CONFIG_WAIT_MS_MAX };
	int64_t end_ms = now_ms() + ANSWER_MS;
	int rc;

	memcpy(body.data, request->data, sizeof(body.data));
	do {
		struct nmreq_header header = {
			.nr_version = NETMAP_API,
			.nr_reqtype = VALET_REQ_CONFIG_SEND,
			.nr_body = (uintptr_t)&body,
		};

		memcpy(header.nr_name, request->nifr_name, sizeof(request->nifr_name) - 1);
		/* With `done` set it is forgotten: -ETIMEDOUT. */
		body.done = now_ms() > end_ms;
		rc = control(descriptor, &header);
	} while (rc == 0 && !body.done);
	if (rc < 0)
		return rc;
	memcpy(request->data, body.data, sizeof(body.data));
	return body.result;
}
