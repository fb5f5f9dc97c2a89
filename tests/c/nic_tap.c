/*
 * The other end of a TAP interface, which is made or was there, and the host's side of an interface, as
 * ports: see nic_way.h.
 */
#define _GNU_SOURCE /* unshare */
#include "nic_way.h"

static const struct way made = { VALET_DEVICE_TAP, NR_REG_ALL_NIC, .port = "vale0:v", .wire = "v",
				 .header_bytes = 10, .make = "true", .raise = "ip link set v up" };
static const struct way there = { VALET_DEVICE_TAP, NR_REG_ALL_NIC, .port = "vale0:v", .wire = "v",
				  .make = "ip tuntap add dev v mode tap",
				  .raise = "ip link set v up", .stays = 1 };
static const struct way host_side = { VALET_DEVICE_AF_PACKET, NR_REG_NIC_SW, .port = "vale0:v^",
				      .wire = "v", .header_bytes = 10, VETH };

int main(void)
{
	int32_t rc;

	move_out();
	rc = through(&made);
	if (rc == -EPERM || rc == -EPROTONOSUPPORT)
		SKIP("this system has no TAP interfaces: %s", strerror(-rc));
	CHECK(rc >= 0);
	CHECK(through(&there) >= 0);
	rc = through(&host_side);
	CHECK(rc >= 0 || rc == -EOPNOTSUPP);
	return 0;
}
