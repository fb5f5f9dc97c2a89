/*
 * An interface of a network namespace that this process may not enter is refused with the system's
 * error, and not looked for in the process's own.
 */
#define _GNU_SOURCE /* unshare */
#include "t.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

/* From here on no file can be opened: EPERM. */
static void forbid_open(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(filter) / sizeof(filter[0]), filter };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		SKIP("this system has no seccomp filters: %s", strerror(errno));
}

int main(void)
{
	struct port_handle port = open_port("vale0:p", SLOTS(64));
	struct valet_req_attach body = { .attach.reg.nr_mode = NR_REG_ALL_NIC,
					 .device = VALET_DEVICE_AF_PACKET };

	if (geteuid() == 0 && unshare(CLONE_NEWNET) == 0 &&
	    system("ip link add v type veth peer name w") != 0)
		SKIP("cannot make an interface");
	strcpy(body.netns, "none");
	EQUAL(request(port.handle, VALET_REQ_ATTACH, "vale0:v", &body), -ENOENT);
	forbid_open();
	EQUAL(request(port.handle, VALET_REQ_ATTACH, "vale0:v", &body), -EPERM);
	EQUAL(list_index(port.handle, "vale0:v"), 255);
	close_port(&port);
	return 0;
}
