/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "control.h"

enum { MESSAGES_MAX = 64 }; /* that wait at one bridge */

enum state { QUEUED, SERVED, DONE };

struct config_message {
	struct config_message *next; /* oldest first */
	const struct descriptor *sender;
	uint32_t ticket;
	enum state state;
	int32_t result;
	uint8_t data[VALET_CONFIG_BYTES];
};

/* Those who wait look again. */
static void changed(struct engine *engine)
{
	pthread_cond_broadcast(&engine->config_changed);
}

static void forget(struct config_message **at)
{
	struct config_message *message = *at;

	*at = message->next;
	free(message);
}

/* ---- sending ---- */

static int send_new(struct descriptor *descriptor, struct bridge *bridge,
		    struct valet_req_config *body)
{
	struct engine *engine = descriptor->engine;
	struct config_message **at, *message;
	uint32_t count = 0;

	/* As the kernel answers where there is no bridge, or no config function. */
	if (!bridge || !bridge->config_server)
		return -EINVAL;
	for (at = &bridge->config_messages; *at; at = &(*at)->next)
		count++;
	if (count == MESSAGES_MAX)
		return -ENOBUFS;
	message = calloc(1, sizeof(*message));
	if (!message)
		return -ENOMEM;
	if (++engine->config_tickets == 0)
		engine->config_tickets++;
	message->sender = descriptor;
	message->ticket = body->ticket = engine->config_tickets;
	memcpy(message->data, body->data, sizeof(message->data));
	*at = message;
	body->done = 0;
	changed(engine);
	return 0;
}

/* A message of the descriptor's, wherever it waits. NULL: nobody answers it any more. */
static struct config_message **sent(struct descriptor *descriptor, uint32_t ticket)
{
	struct engine *engine = descriptor->engine;

	for (uint32_t i = 0; i < engine->bridge_limit; i++)
		for (struct config_message **at = &engine->bridges[i].config_messages; *at;
		     at = &(*at)->next)
			if ((*at)->ticket == ticket && (*at)->sender == descriptor)
				return at;
	return NULL;
}

static int send_again(struct descriptor *descriptor, struct valet_req_config *body)
{
	struct config_message **at = sent(descriptor, body->ticket);

	if (!at)
		return -EINVAL;
	if (body->done && (*at)->state != DONE) {
		forget(at);
		return -ETIMEDOUT;
	}
	body->done = (*at)->state == DONE;
	if (!body->done)
		return 0;
	body->result = (*at)->result;
	memcpy(body->data, (*at)->data, sizeof(body->data));
	forget(at);
	return 0;
}

/* ---- serving ---- */

static void answer(struct bridge *bridge, const struct valet_req_config *body)
{
	for (struct config_message *message = bridge->config_messages; message;
	     message = message->next) {
		if (message->ticket != body->ticket || message->state != SERVED)
			continue;
		message->state = DONE;
		message->result = body->result > 0 ? 0 : body->result;
		memcpy(message->data, body->data, sizeof(message->data));
		changed(bridge->engine);
	}
}

/* Nobody serves any more. What has been answered waits for who asked. */
static void refuse_rest(struct bridge *bridge)
{
	struct config_message **at = &bridge->config_messages;

	bridge->config_server = NULL;
	while (*at)
		if ((*at)->state == DONE)
			at = &(*at)->next;
		else
			forget(at);
	changed(bridge->engine);
}

/* What an earlier server has not answered is served again. */
static void take_over(struct bridge *bridge, const struct descriptor *server)
{
	if (bridge->config_server == server)
		return;
	bridge->config_server = server;
	for (struct config_message *message = bridge->config_messages; message;
	     message = message->next)
		if (message->state == SERVED)
			message->state = QUEUED;
}

static int serve(struct descriptor *descriptor, struct bridge *bridge,
		 struct valet_req_config *body)
{
	struct config_message *message;

	if (!bridge)
		return -ENXIO;
	if (!bridge_admits(bridge, descriptor))
		return -EACCES;
	if (body->done == VALET_CONFIG_BEGIN)
		take_over(bridge, descriptor);
	else if (bridge->config_server != descriptor)
		return -ESTALE;
	else if (body->ticket)
		answer(bridge, body);
	if (body->done == VALET_CONFIG_END) {
		refuse_rest(bridge);
		return 0;
	}
	body->ticket = 0;
	for (message = bridge->config_messages; message; message = message->next) {
		if (message->state != QUEUED)
			continue;
		message->state = SERVED;
		body->ticket = message->ticket;
		memcpy(body->data, message->data, sizeof(body->data));
		break;
	}
	return 0;
}

int control_config(struct descriptor *descriptor, struct nmreq_header *header,
		   struct bridge *bridge)
{
	struct valet_req_config *body = request_body(header);

	if (header->nr_reqtype == VALET_REQ_CONFIG_SERVE)
		return serve(descriptor, bridge, body);
	return body->ticket ? send_again(descriptor, body) : send_new(descriptor, bridge, body);
}

int config_waits(const struct nmreq_header *header)
{
	const struct valet_req_config *body = request_body(header);

	if (header->nr_reqtype == VALET_REQ_CONFIG_SEND)
		return !body->done;
	return header->nr_reqtype == VALET_REQ_CONFIG_SERVE && body->done == VALET_CONFIG_GO_ON &&
	       !body->ticket;
}

uint32_t config_wait_ms(const struct nmreq_header *header)
{
	const struct valet_req_config *body = request_body(header);

	return body->wait_ms < VALET_CONFIG_WAIT_MS_MAX ? body->wait_ms : VALET_CONFIG_WAIT_MS_MAX;
}

/* ---- ends ---- */

void config_clear(struct bridge *bridge)
{
	bridge->config_server = NULL;
	while (bridge->config_messages) {
		forget(&bridge->config_messages);
		changed(bridge->engine);
	}
}

void config_leave(struct descriptor *descriptor)
{
	struct engine *engine = descriptor->engine;

	for (uint32_t i = 0; i < engine->bridge_limit; i++) {
		struct bridge *bridge = &engine->bridges[i];
		struct config_message **at = &bridge->config_messages;

		if (bridge->config_server == descriptor)
			refuse_rest(bridge);
		while (*at)
			if ((*at)->sender == descriptor)
				forget(at);
			else
				at = &(*at)->next;
	}
}
