/*
 * A bridge takes 4,350 ports and an engine 256 bridges; one more is refused, one less makes room.
 */
#include "t.h"

enum { PORTS = 4350, BRIDGES = 256 };

int main(void)
{
	static struct port_handle port[PORTS];
	struct nmreq_register shape = SLOTS(2);
	struct port_handle more;
	char name[NETMAP_REQ_IFNAMSIZ];

#ifdef __SANITIZE_THREAD__
	SKIP("one thread only, and slow under ThreadSanitizer");
#endif
	for (int i = 0; i < BRIDGES; i++) {
		snprintf(name, sizeof(name), "vale%d:a", i);
		port[i] = open_port(name, shape);
	}
	EQUAL(try_open("vale256:a", shape, &more), -ENOMEM);
	close_port(&port[77]);
	port[77] = open_port("vale256:a", shape);
	for (int i = 0; i < BRIDGES; i++)
		close_port(&port[i]);

	for (int i = 0; i < PORTS; i++) {
		shape.nr_mem_id = i % 10 ? port[i - 1].reg.nr_mem_id : 0;
		snprintf(name, sizeof(name), "vale0:p%d", i);
		port[i] = open_port(name, shape);
	}
	EQUAL(list_index(port[0].handle, "vale0:p4349"), 4351);
	shape.nr_mem_id = 0;
	EQUAL(try_open("vale0:more", shape, &more), -ENOMEM);
	EQUAL(list_index(port[0].handle, "vale0:more"), 255);
	close_port(&port[77]);
	port[77] = open_port("vale0:more", shape);
	EQUAL(list_index(port[0].handle, "vale0:more"), 77);
	/* A broadcast to all of them. */
	send_frame(&port[0], EVERYBODY, STATION(1), 5);
	for (int i = 1; i < PORTS; i++)
		TAGS(&port[i], 5);
	for (int i = 0; i < PORTS; i++)
		close_port(&port[i]);
	return 0;
}
