/*
 * CSB mode and the sync loop on the engine in this process: the answers, the loop by time and by
 * event, the direct modes, and the one that the library runs.
 */
#include "sync_loop.h"

int main(void)
{
	loop_errors();
	loop_options();
	loop_packets(0, 0);
	loop_packets(1, 0);
	loop_packets(1, NM_OPT_SYNC_KLOOP_DIRECT_TX);
	loop_packets(1, NM_OPT_SYNC_KLOOP_DIRECT_RX);
	loop_packets(1, NM_OPT_SYNC_KLOOP_DIRECT_TX | NM_OPT_SYNC_KLOOP_DIRECT_RX);
	loop_turns();
	library_loop(0, 100);
	library_loop(VALET_SYNC_LOOP_BY_EVENT, 0);
	library_loop_closed();
	return 0;
}
