/* SPDX-License-Identifier: BSD-2-Clause */
/* What all files can be asked, a netmap descriptor answers as a device does, not as a socket. */
#include "p.h"

#include <sys/uio.h>

static void reading(int fd)
{
	char bytes[8] = { 0 };
	struct iovec part = { bytes, sizeof(bytes) };
	int only;

	FAILS(read(fd, bytes, sizeof(bytes)), EINVAL);
	FAILS(write(fd, bytes, sizeof(bytes)), EINVAL);
	FAILS(readv(fd, &part, 1), EINVAL);
	FAILS(writev(fd, &part, 1), EINVAL);
	FAILS(pread(fd, bytes, sizeof(bytes), 0), EINVAL);
	FAILS(pwrite(fd, bytes, sizeof(bytes), 0), EINVAL);
	FAILS(lseek(fd, 0, SEEK_SET), ESPIPE);
	only = open("/dev/netmap", O_RDONLY);
	FAILS(write(only, bytes, sizeof(bytes)), EBADF);
	FAILS(read(only, bytes, sizeof(bytes)), EINVAL);
	EQUAL(close(only), 0);
}

static void sockets(int fd)
{
	char bytes[8] = { 0 };
	struct iovec part = { bytes, sizeof(bytes) };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	struct mmsghdr several = { .msg_hdr = message };

	FAILS(recv(fd, bytes, sizeof(bytes), 0), ENOTSOCK);
	FAILS(send(fd, bytes, sizeof(bytes), 0), ENOTSOCK);
	FAILS(recvfrom(fd, bytes, sizeof(bytes), 0, NULL, NULL), ENOTSOCK);
	FAILS(sendto(fd, bytes, sizeof(bytes), 0, NULL, 0), ENOTSOCK);
	FAILS(recvmsg(fd, &message, 0), ENOTSOCK);
	FAILS(sendmsg(fd, &message, 0), ENOTSOCK);
	FAILS(recvmmsg(fd, &several, 1, 0, NULL), ENOTSOCK);
	FAILS(sendmmsg(fd, &several, 1, 0), ENOTSOCK);
	FAILS(shutdown(fd, SHUT_RDWR), ENOTSOCK);
}

/* Not waiting is the program's affair: control requests go on as before. */
static void flags(int fd)
{
	int on = 1;

	EQUAL(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDWR);
	EQUAL(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	EQUAL(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	EQUAL(fcntl(fd, F_GETFL) & (O_NONBLOCK | O_ACCMODE), O_NONBLOCK | O_RDWR);
	for (int i = 0; i < 100; i++) {
		struct nmreq_port_info_get info = { 0 };

		EQUAL(request(fd, NETMAP_REQ_PORT_INFO_GET, "vale0:a", &info), 0);
	}
	EQUAL(fcntl(fd, F_SETFL, 0), 0);
	EQUAL(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	EQUAL(ioctl(fd, FIONBIO, &on), 0);
	EQUAL(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	FAILS(ioctl(fd, FIONBIO, (void *)8), EFAULT);
	EQUAL(fcntl(fd, F_SETFD, FD_CLOEXEC), 0);
	EQUAL(fcntl(fd, F_GETFD), FD_CLOEXEC);
	EQUAL(ioctl(fd, FIONCLEX), 0);
	EQUAL(fcntl(fd, F_GETFD), 0);
	EQUAL(ioctl(fd, FIOCLEX), 0);
	EQUAL(fcntl(fd, F_GETFD), FD_CLOEXEC);
}

static void ioctls(int fd)
{
	struct nm_ifreq config = { .nifr_name = "vale0:" };
	struct nmreq_vale_list list = { 0 };
	int ordinary = open("/dev/null", O_RDWR), pair[2];

	FAILS(ioctl(fd, 0x5401 /* TCGETS */, NULL), EOPNOTSUPP);
	FAILS(ioctl(fd, FIONREAD, NULL), EOPNOTSUPP);
	FAILS(ioctl(fd, NIOCCONFIG, NULL), EINVAL);
	FAILS(ioctl(fd, NIOCCONFIG, (void *)8), EFAULT);
	FAILS(ioctl(fd, NIOCCONFIG, &config), EINVAL);
	/* Netmap's numbers mean nothing to other files. */
	FAILS(request(ordinary, NETMAP_REQ_VALE_LIST, "", &list), ENOTTY);
	EQUAL(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	EQUAL(request(pair[0], NETMAP_REQ_VALE_LIST, "", &list), -1);
	FAILS(request(-1, NETMAP_REQ_VALE_LIST, "", &list), EBADF);
	FAILS(request(9999, NETMAP_REQ_VALE_LIST, "", &list), EBADF);
	close(ordinary);
	close(pair[0]);
	close(pair[1]);
}

int main(void)
{
	int fd = open_netmap();
	struct nmreq_vale_list list = { 0 };

	reading(fd);
	sockets(fd);
	flags(fd);
	ioctls(fd);
	/* Nothing of it has hurt the descriptor. */
	FAILS(request(fd, NETMAP_REQ_VALE_LIST, "", &list), ENOENT);
	EQUAL(close(fd), 0);
	return 0;
}
