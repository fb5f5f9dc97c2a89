/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "meeting.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../c/engine/barrier.h"
#include "port.h"

enum { PATIENCE_MS = 10000, PAGE = 4096 };

int64_t bench_clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

struct bench_meeting *bench_meeting_open(const char *path)
{
	int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
	void *page;

	if (path && (fd < 0 || ftruncate(fd, PAGE) < 0))
		fail(path, -errno);
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		    path ? MAP_SHARED : MAP_SHARED | MAP_ANONYMOUS, fd, 0);
	if (page == MAP_FAILED)
		fail("map a page", -errno);
	if (fd >= 0)
		close(fd);
	return page;
}

void bench_second_check(pid_t pid)
{
	if (pid && waitpid(pid, NULL, WNOHANG) == pid)
		fail("measure: the other process has ended", -ESRCH);
}

void bench_meeting_wait(const struct bench_meeting *meeting, pid_t pid)
{
	int64_t end_ns = bench_clock_ns() + PATIENCE_MS * (int64_t)1000000;

	while (!load_acquire(&meeting->is_ready)) {
		bench_second_check(pid);
		if (bench_clock_ns() > end_ns)
			fail("start the other process", -ETIMEDOUT);
		usleep(1000);
	}
}

void bench_end_with_parent(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

pid_t bench_second(void (*run)(struct bench_meeting *, void *), struct bench_meeting *meeting,
		   void *context)
{
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid < 0)
		fail("start a process", -errno);
	if (pid == 0) {
		bench_end_with_parent();
		if (getppid() != parent)
			_exit(1);
		run(meeting, context);
		_exit(1);
	}
	bench_meeting_wait(meeting, pid);
	return pid;
}
