/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The daemon is killed while its clients wait for it in every way that there is: each hears of it at
 * once, none waits on, and a new daemon can be started at the same path and used.
 */
#include "daemon.h"

static struct daemon daemon_;

/* What a client and the test tell each other. */
static struct {
	uint32_t ready; /* the client is about to wait */
	uint32_t go; /* it may: the daemon is stopped */
	uint32_t gone; /* it does; when it sleeps now, it waits */
	uint32_t inside; /* a lookup is being called */
	uint32_t leave; /* it may answer */
} *shared;

static void get_ready(void)
{
	store_release(&shared->ready, 1);
	WAIT_FOR(load_acquire(&shared->go));
	store_release(&shared->gone, 1);
}

static int32_t decide(uint32_t batch_id, uint32_t region_id, uint32_t count, uint32_t source)
{
	(void)batch_id, (void)region_id, (void)count, (void)source;
	store_release(&shared->inside, 1);
	WAIT_FOR(load_acquire(&shared->leave));
	return 0;
}

/* ---- clients; what they wait for never comes ---- */

static void in_txsync(void)
{
	struct port_handle a = open_port("vale0:a", SLOTS(16));

	get_ready();
	put_frame(&a, 0, EVERYBODY, STATION(1), 1, 60);
	EQUAL(valet_txsync(a.handle), -ECONNRESET);
	EQUAL(valet_txsync(a.handle), -ECONNRESET);
	EQUAL(valet_poll(a.handle, POLLIN, -1), -ECONNRESET);
	EQUAL(list_index(a.handle, "vale0:a"), -ECONNRESET);
	/* The memory is there until it is closed. */
	CHECK(!strcmp(a.nifp->ni_name, "vale0:a"));
	close_port(&a);
}

static void in_txsync_that_slept_before(void)
{
	struct port_handle a = open_port("vale0:a", SLOTS(16));

	EQUAL(valet_poll(a.handle, POLLIN, 1), 0);
	get_ready();
	put_frame(&a, 0, EVERYBODY, STATION(1), 1, 60);
	EQUAL(valet_txsync(a.handle), -ECONNRESET);
	close_port(&a);
}

static void in_poll(void)
{
	struct port_handle a = open_port("vale0:a", SLOTS(16));
	int32_t rc, looks = 0;

	get_ready();
	EQUAL(valet_poll(a.handle, POLLIN, -1), -ECONNRESET);
	EQUAL(valet_poll(a.handle, POLLIN, -1), -ECONNRESET);
	/* There is room in the ring, which it may say for a while. */
	while ((rc = valet_poll(a.handle, POLLOUT, 1000)) == POLLOUT && looks++ < 100)
		continue;
	EQUAL(rc, -ECONNRESET);
	close_port(&a);
}

static void in_poll_that_slept_before(void)
{
	struct port_handle a = open_port("vale0:a", SLOTS(16));

	EQUAL(valet_poll(a.handle, POLLIN, 1), 0);
	get_ready();
	EQUAL(valet_poll(a.handle, POLLIN, -1), -ECONNRESET);
	close_port(&a);
}

static void in_poll_of_a_full_pipe(void)
{
	struct port_handle pipe = open_port("vale0:a{1", SLOTS(4));

	while (available(tx_ring(&pipe, 0)))
		put_frame(&pipe, 0, EVERYBODY, STATION(1), 1, 60);
	EQUAL(valet_txsync(pipe.handle), 0);
	EQUAL(valet_poll(pipe.handle, POLLOUT, 1), 0);
	get_ready();
	EQUAL(valet_poll(pipe.handle, POLLOUT, -1), -ECONNRESET);
	close_port(&pipe);
}

static void *poll_for_ever(void *argument)
{
	return (void *)(intptr_t)valet_poll(*(int32_t *)argument, POLLIN, -1);
}

static void in_poll_of_several_threads(void)
{
	struct port_handle a = open_port("vale0:a", SLOTS(16));
	pthread_t thread[4];

	for (int i = 0; i < 4; i++)
		thread[i] = start(poll_for_ever, &a.handle);
	get_ready();
	for (int i = 0; i < 4; i++)
		EQUAL((intptr_t)join(thread[i]), -ECONNRESET);
	close_port(&a);
}

/* Looks, and never sleeps: a stopped daemon is no reason to wait, a dead one is one to end. */
static void in_rxsync(void)
{
	struct port_handle a = open_port("vale0:a", SLOTS(16));
	int32_t rc;

	get_ready();
	while ((rc = valet_rxsync(a.handle)) == 0)
		continue;
	EQUAL(rc, -ECONNRESET);
	close_port(&a);
}

static void in_poll_without_waiting(void)
{
	struct port_handle a = open_port("vale0:a", SLOTS(16));
	int32_t rc;

	get_ready();
	while ((rc = valet_poll(a.handle, POLLIN, 0)) == 0)
		continue;
	EQUAL(rc, -ECONNRESET);
	close_port(&a);
}

static void in_a_request(void)
{
	int32_t handle = open_handle();

	get_ready();
	EQUAL(list_index(handle, "vale0:a"), -ECONNRESET);
	EQUAL(list_index(handle, "vale0:a"), -ECONNRESET);
	EQUAL(valet_close(handle), 0);
}

static void in_register(void)
{
	struct nmreq_register reg = REG(.nr_mode = NR_REG_ALL_NIC, .nr_tx_slots = 8);
	int32_t handle = open_handle();
	uint64_t map[2];

	get_ready();
	EQUAL(request(handle, NETMAP_REQ_REGISTER, "vale0:a", &reg), -ECONNRESET);
	EQUAL(valet_map(handle, map), -ENXIO);
	EQUAL(valet_txsync(handle), -ENXIO);
	EQUAL(valet_close(handle), 0);
}

static void in_open(void)
{
	get_ready();
	EQUAL(valet_open("daemon", NULL), -ECONNRESET);
}

static void in_close(void)
{
	struct port_handle a = open_port("vale0:a", SLOTS(16));

	get_ready();
	EQUAL(valet_close(a.handle), 0);
}

static void in_a_question(void)
{
	char answer[8];

	get_ready();
	EQUAL(valet_daemon_ask("?", 1, answer, sizeof(answer), -1), -ECONNRESET);
}

static void in_set_lookup(void)
{
	struct port_handle a = open_port("vale0:a", SLOTS(16));

	get_ready();
	EQUAL(set_lookup(a.handle, "vale0", VALET_LOOKUP_SCRIPT, (void *)(uintptr_t)decide, NULL),
	      -ECONNRESET);
	close_port(&a);
}

/* The owner of a lookup that nobody asks. */
static void with_an_idle_lookup(void)
{
	struct port_handle a = open_port("vale0:a", SLOTS(16));

	EQUAL(set_lookup(a.handle, "vale0", VALET_LOOKUP_SCRIPT, (void *)(uintptr_t)decide, NULL), 0);
	get_ready();
	EQUAL(valet_poll(a.handle, POLLIN, -1), -ECONNRESET);
	close_port(&a);
}

static const struct {
	const char *name;
	void (*body)(void);
	int never_waits; /* it runs on while the daemon stands still */
} cases[] = {
	{ "txsync", in_txsync, 0 },
	{ "txsync again", in_txsync_that_slept_before, 0 },
	{ "poll", in_poll, 0 },
	{ "poll again", in_poll_that_slept_before, 0 },
	{ "poll of a full pipe", in_poll_of_a_full_pipe, 0 },
	{ "poll of several threads", in_poll_of_several_threads, 0 },
	{ "rxsync", in_rxsync, 1 },
	{ "poll without waiting", in_poll_without_waiting, 1 },
	{ "request", in_a_request, 0 },
	{ "register", in_register, 0 },
	{ "open", in_open, 0 },
	{ "close", in_close, 0 },
	{ "question", in_a_question, 0 },
	{ "setting a lookup", in_set_lookup, 0 },
	{ "idle lookup", with_an_idle_lookup, 0 },
};

static void run(void *argument)
{
	cases[*(uint32_t *)argument].body();
}

/* ---- */

static char state_of(pid_t pid)
{
	char path[64], line[256] = "", *end;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "r");
	CHECK(file);
	CHECK(fgets(line, sizeof(line), file));
	fclose(file);
	end = strrchr(line, ')');
	CHECK(end && end[1] == ' ');
	return end[2];
}

/* The client has ended by itself, and soon: what never comes back is what this looks for. */
static void ends_soon(pid_t pid, const char *name)
{
	int64_t begin = test_now_ms();
	int status = 0;

	while (waitpid(pid, &status, WNOHANG) != pid) {
		if (test_now_ms() - begin > HANGS_MS / 4)
			FAIL("%s: it does not come back", name);
		nap();
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		FAIL("%s: it ended with %d", name, status);
}

static void new_daemon(void)
{
	struct port_handle a, b;

	daemon_ = daemon_start(1);
	a = open_port("vale0:a", REG(.nr_flags = NR_EXCLUSIVE, .nr_tx_slots = 16));
	b = open_port("vale0:b", SLOTS(16));
	send_frame(&a, EVERYBODY, STATION(1), 5);
	TAGS(&b, 5);
	close_port(&a);
	close_port(&b);
}

static void killed_while(uint32_t which)
{
	pid_t pid;

	memset(shared, 0, sizeof(*shared));
	pid = spawn(run, &which);
	WAIT_FOR(load_acquire(&shared->ready));
	/* It stands still, so that what the client does now has no end. */
	daemon_halt(&daemon_);
	store_release(&shared->go, 1);
	WAIT_FOR(load_acquire(&shared->gone));
	if (cases[which].never_waits)
		nap();
	else
		WAIT_FOR(state_of(pid) == 'S');
	daemon_kill(&daemon_);
	ends_soon(pid, cases[which].name);
	EQUAL(valet_open("daemon", NULL), -ECONNREFUSED);
	new_daemon();
}

/* ---- in the middle of a lookup ---- */

static void own_a_lookup(void *unused)
{
	struct port_handle a = open_port("vale0:a", SLOTS(16));

	(void)unused;
	EQUAL(set_lookup(a.handle, "vale0", VALET_LOOKUP_SCRIPT, (void *)(uintptr_t)decide, NULL), 0);
	store_release(&shared->ready, 1);
	/* Called from in here. */
	EQUAL(valet_poll(a.handle, POLLIN, -1), -ECONNRESET);
	EQUAL(shared->inside, 1);
	close_port(&a);
}

static void send_through_it(void *unused)
{
	struct port_handle b = open_port("vale0:b", SLOTS(16));

	(void)unused;
	put_frame(&b, 0, EVERYBODY, STATION(2), 1, 60);
	EQUAL(valet_txsync(b.handle), -ECONNRESET);
	close_port(&b);
}

static void killed_in_a_lookup(void)
{
	pid_t owner, sender;

	memset(shared, 0, sizeof(*shared));
	owner = spawn(own_a_lookup, NULL);
	WAIT_FOR(load_acquire(&shared->ready));
	sender = spawn(send_through_it, NULL);
	WAIT_FOR(load_acquire(&shared->inside));
	daemon_kill(&daemon_);
	ends_soon(sender, "a sender whose frame is being looked up");
	/* The lookup has to come back first, as the function is the client's own. */
	store_release(&shared->leave, 1);
	ends_soon(owner, "the owner of a lookup, inside");
	new_daemon();
}

int main(void)
{
	daemon_folder();
	shared = shared_memory(sizeof(*shared));
	new_daemon();
	for (uint32_t i = 0; i < COUNT(cases); i++)
		killed_while(i);
	killed_in_a_lookup();
	daemon_stop(&daemon_);
	return 0;
}
