/* SPDX-License-Identifier: BSD-2-Clause */
#include "link.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if_arp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int ask(const struct link *link, unsigned long what, struct ifreq *request)
{
	memset(request, 0, sizeof(*request));
	memcpy(request->ifr_name, link->name, sizeof(request->ifr_name));
	return ioctl(link->fd, what, request) < 0 ? -errno : 0;
}

/*
 * An abstract name can be bound once in a network namespace, and goes with its socket: nobody has
 * to clean up after a process that died.
 */
static int claim(const struct link *link)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int length = snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1,
			      "valet/interface/%u", link->index);

	if (bind(link->fd, (struct sockaddr *)&address,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length)) == 0)
		return 0;
	return errno == EADDRINUSE ? -EBUSY : -errno;
}

static int look_up(struct link *link)
{
	struct ifreq request;
	int rc = ask(link, SIOCGIFINDEX, &request);

	if (rc < 0)
		return rc;
	link->index = (uint32_t)request.ifr_ifindex;
	rc = ask(link, SIOCGIFHWADDR, &request);
	if (rc < 0)
		return rc;
	if (request.ifr_hwaddr.sa_family != ARPHRD_ETHER)
		return -EOPNOTSUPP;
	memcpy(link->mac, request.ifr_hwaddr.sa_data, sizeof(link->mac));
	rc = ask(link, SIOCGIFMTU, &request);
	link->mtu = (uint32_t)request.ifr_mtu;
	return rc;
}

/* A socket of the namespace, and what the name is there. */
static int find(struct link *link, const char *name)
{
	memset(link, 0, sizeof(*link));
	link->fd = -1;
	if (strlen(name) >= sizeof(link->name))
		return -ENODEV;
	strcpy(link->name, name);
	link->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return link->fd < 0 ? -errno : look_up(link);
}

int link_look(struct link *link, const char *name)
{
	int rc = find(link, name);

	if (rc < 0)
		link_release(link);
	return rc;
}

void link_release(struct link *link)
{
	if (link->fd >= 0)
		close(link->fd);
	link->fd = -1;
}

enum device_state link_state(const struct link *link)
{
	struct ifreq request = { .ifr_ifindex = (int)link->index };

	/* It may have another name by now. */
	if (ioctl(link->fd, SIOCGIFNAME, &request) < 0 ||
	    ioctl(link->fd, SIOCGIFFLAGS, &request) < 0)
		return DEVICE_GONE;
	return request.ifr_flags & IFF_UP ? DEVICE_UP : DEVICE_DOWN;
}

/* ethtool(8)'s questions. */
static int ask_driver(const struct link *link, void *question)
{
	struct ifreq request = { .ifr_data = question };

	memcpy(request.ifr_name, link->name, sizeof(request.ifr_name));
	return ioctl(link->fd, SIOCETHTOOL, &request) < 0 ? -errno : 0;
}

int link_is_virtual(const struct link *link)
{
	struct ethtool_drvinfo driver = { .cmd = ETHTOOL_GDRVINFO };

	/* A card is on a bus. */
	return ask_driver(link, &driver) < 0 || !driver.bus_info[0] ||
	       strcmp(driver.driver, "tun") == 0;
}

int link_is_veth(const struct link *link)
{
	struct ethtool_drvinfo driver = { .cmd = ETHTOOL_GDRVINFO };

	return ask_driver(link, &driver) == 0 && strcmp(driver.driver, "veth") == 0;
}

static uint32_t at_least_one(uint32_t number)
{
	return number ? number : 1;
}

struct link_queues link_queues(const struct link *link)
{
	struct ethtool_channels channels = { .cmd = ETHTOOL_GCHANNELS };
	struct link_queues queues;

	if (ask_driver(link, &channels) < 0)
		return (struct link_queues){ 1, 1, 1 };
	queues.receive = at_least_one(channels.rx_count + channels.combined_count);
	queues.transmit = at_least_one(channels.tx_count + channels.combined_count);
	queues.most = queues.receive > queues.transmit ? queues.receive : queues.transmit;
	return queues;
}

uint32_t link_offloads(const struct link *link)
{
	struct ethtool_value flags = { .cmd = ETHTOOL_GFLAGS }, joining = { .cmd = ETHTOOL_GGRO };
	uint32_t offloads = 0;

	if (ask_driver(link, &flags) == 0 && flags.data & ETH_FLAG_RXVLAN)
		offloads |= LINK_TAKES_TAGS_OFF;
	if (ask_driver(link, &joining) == 0 && joining.data)
		offloads |= LINK_JOINS_FRAMES;
	return offloads;
}

uint32_t link_mtu(const struct link *link)
{
	struct ifreq request = { .ifr_ifindex = (int)link->index };

	/* It may have another name by now. */
	if (ioctl(link->fd, SIOCGIFNAME, &request) < 0 ||
	    ioctl(link->fd, SIOCGIFMTU, &request) < 0)
		return 0;
	return (uint32_t)request.ifr_mtu;
}

int link_promiscuous(const struct link *link)
{
	const struct packet_mreq all = { .mr_ifindex = (int)link->index,
					 .mr_type = PACKET_MR_PROMISC };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	/* Counted by the kernel, and taken back when the socket is closed. */
	if (fd >= 0 &&
	    setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all)) == 0)
		return fd;
	if (fd >= 0) {
		int rc = -errno;

		close(fd);
		return rc;
	}
	return -errno;
}

/* ---- changes ---- */

int link_watch(void)
{
	const struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	int rc;

	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

/* More than it has room for is a change as well. */
int link_changed(int watch)
{
	char first;

	return recv(watch, &first, sizeof(first), MSG_PEEK | MSG_DONTWAIT) >= 0 ||
	       errno == ENOBUFS;
}

void link_seen(int watch)
{
	char first;

	while (recv(watch, &first, sizeof(first), MSG_DONTWAIT) >= 0 || errno == ENOBUFS)
		;
}

/*
 * Large receive offload: packets are merged, and nothing says how to part them again, so the system
 * gives none of them to anybody who asks for headers. (GRO's say it.) What is turned off here would
 * stay so after a crash: that is for who owns the interface to do.
 */
static int merges_packets(const struct link *link)
{
	struct ethtool_value flags = { .cmd = ETHTOOL_GFLAGS };

	return ask_driver(link, &flags) == 0 && flags.data & ETH_FLAG_LRO;
}

int link_take(struct link *link, const char *name)
{
	int rc = find(link, name);

	if (rc == 0 && merges_packets(link))
		rc = -EMSGSIZE;
	if (rc == 0)
		rc = claim(link);
	if (rc < 0)
		link_release(link);
	return rc;
}

/* ---- drops ---- */

/* The counter; 0 when the interface does not exist any more. */
static uint64_t read_drops(const struct link_drops *drops)
{
	struct {
		struct nlmsghdr header;
		struct if_stats_msg body;
	} question = {
		.header = { .nlmsg_len = sizeof(question),
			    .nlmsg_type = RTM_GETSTATS,
			    .nlmsg_flags = NLM_F_REQUEST },
		.body = { .ifindex = drops->index,
			  .filter_mask = IFLA_STATS_FILTER_BIT(IFLA_STATS_LINK_64) },
	};
	struct {
		struct nlmsghdr header;
		struct if_stats_msg body;
		struct nlattr attribute;
		struct rtnl_link_stats64 statistics;
	} answer;
	ssize_t bytes;

	/* The kernel answers before send() returns. */
	if (send(drops->fd, &question, sizeof(question), 0) < 0)
		return 0;
	bytes = recv(drops->fd, &answer, sizeof(answer), MSG_DONTWAIT);
	if (bytes < (ssize_t)(offsetof(typeof(answer), statistics) +
			      offsetof(struct rtnl_link_stats64, multicast)) ||
	    answer.header.nlmsg_type != RTM_NEWSTATS ||
	    answer.attribute.nla_type != IFLA_STATS_LINK_64)
		return 0;
	return answer.statistics.tx_dropped;
}

int link_drops_open(struct link_drops *drops, const char *name)
{
	struct link link = { .fd = -1 };
	int rc;

	memset(drops, 0, sizeof(*drops));
	drops->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (drops->fd < 0)
		return -errno;
	strcpy(link.name, name);
	link.fd = drops->fd; /* any socket will do */
	rc = look_up(&link);
	drops->index = link.index;
	drops->seen = read_drops(drops);
	return rc;
}

uint64_t link_drops_take(struct link_drops *drops)
{
	uint64_t now = read_drops(drops), before = drops->seen;

	if (now <= before)
		return 0;
	drops->seen = now;
	return now - before;
}

void link_drops_close(struct link_drops *drops)
{
	if (drops->fd >= 0)
		close(drops->fd);
	drops->fd = -1;
}
