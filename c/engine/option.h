/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The options of a request: what a chain of them may be, and how a request comes to those that it
 * understands. An option's nro_status says what became of it: 0, an errno value, or EOPNOTSUPP when
 * nobody asked for it.
 */
#ifndef VALET_OPTION_H
#define VALET_OPTION_H

#include <stdint.h>

#include "../uapi/netmap.h"

/*
 * Whether options may follow each other, as netmap's kernel module decides it: what it copies of a
 * request has an end, which is also how it notices a loop.
 */
struct option_chain {
	uint32_t bytes; /* of body and options so far */
	uint32_t room; /* taken of the module's copy */
	uint32_t seen; /* types, a bit for each */
};

void option_chain_start(struct option_chain *chain, uint32_t body_bytes);
/* -EMSGSIZE: no further option, a loop perhaps: nothing is written back to any of them. */
int option_chain_next(struct option_chain *chain);
/*
 * Takes the option, of which only the head need be there. -EINVAL: its type is 0, or one that has
 * been there before; -EMSGSIZE: too large.
 */
int option_chain_take(struct option_chain *chain, const struct nmreq_option *option);

/*
 * Checks the options of a request, before anything of it is done: as above, and those at fault have
 * the status EINVAL. On success each has the status EOPNOTSUPP.
 */
int options_check(const struct nmreq_header *header, uint32_t body_bytes);

/*
 * Everything that a request must be before anybody looks at what it wants: version, reserved field,
 * a body exactly where there is to be one, and the above.
 */
int request_check(const struct nmreq_header *header);

/*
 * The option of that type, for a request that understands it, whose part it is to write nro_status.
 * NULL: there is none. After options_check() only.
 */
void *option_find(const struct nmreq_header *header, uint32_t type);

/* Its status is 0: it has been done. */
void option_done(const struct nmreq_header *header, uint32_t type);

/*
 * -EOPNOTSUPP: an option is left that nobody has written the status of. REGISTER fails then, and is
 * undone; other requests do not mind.
 */
int options_left(const struct nmreq_header *header);

#endif
