/*
 * CSB mode and the sync loop on a daemon: the loop runs in the client, whose memory and eventfds are
 * the application's. When the daemon goes, so does the loop.
 */
#include "sync_loop.h"

int main(void)
{
	struct daemon daemon;

	daemon_folder();
	daemon = daemon_start(2);
	loop_errors();
	loop_options();
	loop_packets(0, 0);
	loop_packets(1, 0);
	loop_packets(1, NM_OPT_SYNC_KLOOP_DIRECT_TX | NM_OPT_SYNC_KLOOP_DIRECT_RX);
	library_loop(0, 100);
	library_loop(VALET_SYNC_LOOP_BY_EVENT, 0);
	library_loop_closed();
	library_loop_daemon_gone(&daemon, 0);
	daemon = daemon_start(2);
	library_loop_daemon_gone(&daemon, VALET_SYNC_LOOP_BY_EVENT);
	return 0;
}
