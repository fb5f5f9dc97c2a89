/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A daemon for the tests: says "ready" when it listens, and ends when its standard input does. By
 * then nobody must be connected and nothing must be left, else it fails.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "valet.h"

enum { LIMIT_MS = 5000 }; /* for the ends of connections to be noticed */

/* Whether there is anything. */
static int is_in_use(uint64_t *figures)
{
	return valet_serve_status(figures) < 0 || figures[VALET_SERVE_CONNECTIONS] ||
	       figures[VALET_SERVE_PORTS] || figures[VALET_SERVE_PERSISTENT] ||
	       figures[VALET_SERVE_ENGINES];
}

int main(void)
{
	int rc = valet_serve_start(NULL, 0), left = LIMIT_MS;
	uint64_t figures[VALET_SERVE_FIGURES];
	char byte;

	if (rc < 0) {
		fprintf(stderr, "Cannot serve: %s\n", strerror(-rc));
		return 1;
	}
	puts("ready");
	fflush(stdout);
	while (read(0, &byte, 1) > 0)
		;
	while (is_in_use(figures) && left--)
		usleep(1000);
	if (is_in_use(figures)) {
		fprintf(stderr, "Left: %d connections, %d ports, %d persistent, %d engines\n",
			(int)figures[VALET_SERVE_CONNECTIONS], (int)figures[VALET_SERVE_PORTS],
			(int)figures[VALET_SERVE_PERSISTENT], (int)figures[VALET_SERVE_ENGINES]);
		return 1;
	}
	return valet_serve_stop() < 0;
}
