/*
 * One end of a veth pair as a port, through AF_XDP and through packet sockets: see nic_way.h.
 */
#define _GNU_SOURCE /* unshare */
#include "nic_way.h"

static void refusals(void)
{
	port = open_port("vale0:p", SLOTS(1024));
	EQUAL(attach(port.handle, "vale0:none"), -EINVAL);
	EQUAL(attach(port.handle, "vale0:lo"), -EOPNOTSUPP);
	EQUAL(attach_by(VALET_DEVICES, NR_REG_ALL_NIC, "v"), -EINVAL);
	EQUAL(attach_by(VALET_DEVICE_AF_XDP, NR_REG_ALL_NIC, "lo"), -EOPNOTSUPP);
	close_port(&port);
}

static const struct way packet = { VALET_DEVICE_AF_PACKET, NR_REG_ALL_NIC, .port = "vale0:v",
				   .wire = "w", .header_bytes = 10, VETH };
static const struct way xdp = { VALET_DEVICE_AF_XDP, NR_REG_ALL_NIC, .port = "vale0:v", .wire = "w",
				VETH };

int main(void)
{
	int32_t rc;

	move_out();
	refusals();
	rc = through(&packet);
	if (rc == -EPERM || rc == -EOPNOTSUPP)
		SKIP("this system attaches no interfaces: %s", strerror(-rc));
	CHECK(rc >= 0);
	rc = through(&xdp);
	CHECK(rc >= 0 || rc == -EPFNOSUPPORT);
	return 0;
}
