/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests that wait for another client: those of NIOCCONFIG. Control does not wait with them; it
 * keeps them, and looks at each again when it has done something, and when its time is up.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../engine/config.h"
#include "../message.h"
#include "server.h"

struct parked {
	struct wire_header request;
	int64_t until_ms;
	uint32_t bytes;
	_Alignas(8) uint8_t message[]; /* with offsets */
};

int parked_keep(struct session *session, const struct wire_header *request,
		uint32_t wait_ms, const void *message, uint32_t bytes)
{
	struct parked *parked;

	parked = malloc(sizeof(*parked) + bytes);
	if (!parked)
		return -ENOMEM;
	parked->request = *request;
	parked->until_ms = now_ms() + wait_ms;
	parked->bytes = bytes;
	memcpy(parked->message, message, bytes);
	session->parked = parked;
	session->server->parked++;
	return 0;
}

void parked_forget(struct session *session)
{
	if (!session->parked)
		return;
	free(session->parked);
	session->parked = NULL;
	session->server->parked--;
}

/* The request once more: it is answered, or stays. */
static void look_again(struct session *session, int64_t now)
{
	struct parked *parked = session->parked;
	struct nmreq_header *header = (struct nmreq_header *)parked->message;
	int rc = message_to_pointers(parked->message, parked->bytes), waits;

	if (rc == 0)
		rc = descriptor_control(&session->descriptor, header);
	waits = rc == 0 && config_waits(header);
	message_to_offsets(parked->message);
	if (waits && now < parked->until_ms)
		return;
	/* Who does not take it finds its connection closed by what it asks next. */
	session_answer_control(session, &parked->request, rc, parked->message, parked->bytes);
	parked_forget(session);
}

void parked_look(struct server *server)
{
	int64_t now = now_ms();

	for (struct session *session = server->sessions; session && server->parked;
	     session = session->next)
		if (session->parked && !session->ending)
			look_again(session, now);
}

int parked_timeout(const struct server *server)
{
	int64_t soonest = INT64_MAX, now = now_ms();

	if (!server->parked)
		return -1;
	for (struct session *session = server->sessions; session; session = session->next)
		if (session->parked && session->parked->until_ms < soonest)
			soonest = session->parked->until_ms;
	return soonest <= now ? 0 : (int)(soonest - now);
}
