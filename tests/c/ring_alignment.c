/*
 * Rings of a size that leaves the next one at no multiple of 128 bytes, where netmap's module has it
 * too, are used like any other.
 */
#include "t.h"

int main(void)
{
	struct port_handle port = open_port("vale0:a", REG(.nr_tx_slots = 1300, .nr_rx_slots = 1300,
							   .nr_tx_rings = 2, .nr_rx_rings = 2));
	struct port_handle other = open_port("vale0:b", SLOTS(16));
	int odd = 0;

	for (uint32_t i = 0; i < 2; i++) {
		odd += (uintptr_t)tx_ring(&port, i) % 128 != 0;
		put_frame(&port, i, EVERYBODY, STATION(1), i, 60);
	}
	EQUAL(odd, 1);
	EQUAL(valet_txsync(port.handle), 0);
	TAGS(&other, 0, 1);
	close_port(&other);
	close_port(&port);
	return 0;
}
