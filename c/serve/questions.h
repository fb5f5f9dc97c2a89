/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef VALET_QUESTIONS_H
#define VALET_QUESTIONS_H

#include "server.h"

/* As valet_serve_wait() and valet_serve_answer(). */
int question_wait(struct server *server, uint32_t *id, void *text, uint32_t size,
		  int32_t timeout_ms);
int question_answer(struct server *server, uint32_t id, const void *text, uint32_t bytes);

#endif
