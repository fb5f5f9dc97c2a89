/* SPDX-License-Identifier: BSD-2-Clause */
/* Questions to the program that hosts the daemon: clients ask, its threads wait and answer. */
#include "questions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int question_ask(struct session *session, uint32_t id, const void *text, uint32_t bytes)
{
	struct server *server = session->server;
	void *copy = malloc(bytes + 1);

	if (!copy)
		return -ENOMEM;
	memcpy(copy, text, bytes);
	pthread_mutex_lock(&server->lock);
	/* One at a time: who asks again does not want the answer to the first. */
	free(session->question_text);
	session->question = ++server->last_question;
	if (!session->question)
		session->question = ++server->last_question;
	session->question_id = id;
	session->question_text = copy;
	session->question_bytes = bytes;
	pthread_cond_signal(&server->asked);
	pthread_mutex_unlock(&server->lock);
	return bytes ? 0 : -EPROTO;
}

/* The one that waits longest. Caller holds the lock. */
static struct session *next_question(struct server *server)
{
	struct session *next = NULL;

	for (struct session *session = server->sessions; session; session = session->next)
		if (session->question && session->question_bytes &&
		    (!next || (int32_t)(session->question - next->question) < 0))
			next = session;
	return next;
}

/* Caller holds the lock. */
static int answer(struct session *session, int result, const void *text, uint32_t bytes)
{
	struct wire_part part = { text, bytes };
	struct wire_header header = {
		.magic = WIRE_MAGIC,
		.version = WIRE_VERSION,
		.type = WIRE_ASK,
		.id = session->question_id,
		.result = result,
	};
	int rc;

	session->question = 0;
	rc = wire_send(session->socket, &header, &part, 1, NULL, 0);
	return rc == -EPIPE || rc == -ECONNRESET ? -ENOENT : rc;
}

int question_wait(struct server *server, uint32_t *id, void *text, uint32_t size,
		  int32_t timeout_ms)
{
	struct timespec end;
	struct session *session;
	int rc = 0, bytes = 0;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += timeout_ms / 1000;
	end.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
	if (end.tv_nsec >= 1000000000) {
		end.tv_sec++;
		end.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&server->lock);
	for (;;) {
		while (!(session = next_question(server)) && !server->stopping && rc == 0)
			rc = timeout_ms < 0
				     ? pthread_cond_wait(&server->asked, &server->lock)
				     : pthread_cond_timedwait(&server->asked, &server->lock, &end);
		if (!session || session->question_bytes <= size || server->stopping)
			break;
		answer(session, -EMSGSIZE, NULL, 0);
	}
	if (server->stopping) {
		bytes = -EBADF;
	} else if (session) {
		bytes = (int)session->question_bytes;
		memcpy(text, session->question_text, session->question_bytes);
		*id = session->question;
		session->question_bytes = 0;
	}
	pthread_mutex_unlock(&server->lock);
	return bytes;
}

int question_answer(struct server *server, uint32_t id, const void *text, uint32_t bytes)
{
	int rc = -ENOENT;

	if (bytes > WIRE_BYTES_MAX - sizeof(struct wire_header))
		return -EMSGSIZE;
	pthread_mutex_lock(&server->lock);
	for (struct session *session = server->sessions; id && session; session = session->next) {
		if (session->question == id) {
			rc = answer(session, 0, text, bytes);
			break;
		}
	}
	pthread_mutex_unlock(&server->lock);
	return rc;
}
