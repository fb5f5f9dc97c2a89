/* Regions are numbered as in the kernel, can be shared by number, and run out where its own do. */
#include "t.h"

static struct port_handle named(char letter)
{
	char name[] = "vale0:_";

	name[6] = letter;
	return open_port(name, SLOTS(2));
}

static void numbers(void)
{
	struct port_handle a = named('a'), b = named('b'), c = named('c'), d = named('d'), e, f;

	EQUAL(a.reg.nr_mem_id, 2);
	EQUAL(b.reg.nr_mem_id, 3);
	EQUAL(c.reg.nr_mem_id, 4);
	EQUAL(d.reg.nr_mem_id, 5);
	close_port(&b);
	b = named('b');
	e = named('e');
	EQUAL(b.reg.nr_mem_id, 6);
	EQUAL(e.reg.nr_mem_id, 7);
	close_port(&a);
	close_port(&d);
	a = named('a');
	d = named('d');
	EQUAL(a.reg.nr_mem_id, 8);
	EQUAL(d.reg.nr_mem_id, 9);
	close_port(&a);
	close_port(&b);
	close_port(&c);
	close_port(&d);
	close_port(&e);
	f = named('f');
	EQUAL(f.reg.nr_mem_id, 2);
	close_port(&f);
}

static void by_number(void)
{
	struct nmreq_register shape = SLOTS(16);
	struct port_handle a = open_port("vale0:a", shape), b, c;

	shape.nr_mem_id = a.reg.nr_mem_id;
	b = open_port("vale0:b", shape);
	EQUAL(b.reg.nr_offset, 1024);
	EQUAL(b.reg.nr_mem_id, 2);
	CHECK(b.base == a.base);
	EQUAL(rx_ring(&b, 0)->slot[0].buf_idx, 34);
	EQUAL(tx_ring(&b, 0)->slot[0].buf_idx, 50);
	shape.nr_mem_id = 99;
	EQUAL(try_open("vale0:c", shape, &c), -EINVAL);
	/* A port that is there keeps its own, but the number must exist. */
	EQUAL(try_open("vale0:a", shape, &c), -EINVAL);
	/* The region is for 16 slots: 1024 fit its rings, 2000 do not. */
	shape = REG(.nr_mem_id = 2);
	c = open_port("vale0:c", shape);
	close_port(&c);
	shape = SLOTS(2000);
	shape.nr_mem_id = 2;
	EQUAL(try_open("vale0:c", shape, &c), -ENOMEM);
	/* It lives as long as one of its ports. */
	close_port(&a);
	send_frame(&b, EVERYBODY, STATION(1), 1);
	close_port(&b);
	shape.nr_mem_id = 2;
	EQUAL(try_open("vale0:c", shape, &c), -EINVAL);
}

/* Ring objects: 20, of which a port takes 2 and a pipe 4. */
static void exhaustion(void)
{
	struct nmreq_register shape = SLOTS(2);
	struct port_handle port[11];
	char name[16];
	int n;

	for (n = 0; n < 10; n++) {
		snprintf(name, sizeof(name), "vale0:p%d", n);
		port[n] = open_port(name, shape);
		shape.nr_mem_id = port[0].reg.nr_mem_id;
	}
	EQUAL(try_open("vale0:p10", shape, &port[10]), -ENOMEM);
	EQUAL(list_index(port[0].handle, "vale0:p10"), 255);
	close_port(&port[4]);
	port[4] = open_port("vale0:p10", shape);
	for (n = 0; n < 10; n++)
		close_port(&port[n]);

	port[0] = open_port("vale0:a", SLOTS(2));
	for (n = 1; n < 5; n++) {
		snprintf(name, sizeof(name), "vale0:a{%d", n);
		port[n] = open_port(name, REG());
	}
	EQUAL(try_open("vale0:a{5", REG(), &port[5]), -ENOMEM);
	for (n = 0; n < 5; n++)
		close_port(&port[n]);
}

int main(void)
{
	numbers();
	by_number();
	exhaustion();
	return 0;
}
