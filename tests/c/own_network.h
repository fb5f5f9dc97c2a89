/* SPDX-License-Identifier: BSD-2-Clause */
/* Network interfaces for a test, where nobody else has any. */
#ifndef OWN_NETWORK_H
#define OWN_NETWORK_H

#include "t.h"

static void run(const char *command)
{
	if (system(command) != 0)
		SKIP("cannot make what the test needs: %s", command);
}

/* A network namespace, in which nobody but the test sends. */
static void move_out(void)
{
	if (geteuid() != 0)
		SKIP("only root can attach or open network interfaces");
	if (unshare(CLONE_NEWNET) < 0)
		SKIP("there can be no network namespace here: %s", strerror(errno));
	/* Who has no address sends by itself for IPv6 only. */
	run("! cd /proc/sys/net/ipv6/conf/default || echo 1 >disable_ipv6");
}

#endif
