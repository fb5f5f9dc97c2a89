/*
 * Whichever allocation fails, opening, registering, attaching, sending and waiting fail cleanly,
 * and work right after.
 */
#include "t.h"

#include <sys/mman.h>

/* The library's calls come here. The count-down runs for this thread only: 0 = off. */
static __thread int until_failure;
static __thread int for_good; /* not this one only, but all that follow too */
static __thread int failed;

static int fails(void)
{
	if (until_failure == 0)
		return 0;
	if (until_failure > 1) {
		until_failure--;
		return 0;
	}
	if (!for_good)
		until_failure = 0;
	failed = 1;
	errno = ENOMEM;
	return 1;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__real_mmap(void *at, size_t length, int protection, int flags, int fd, off_t offset);
int __real_eventfd(unsigned int value, int flags);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
void *__wrap_mmap(void *at, size_t length, int protection, int flags, int fd, off_t offset);
int __wrap_eventfd(unsigned int value, int flags);

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
	return fails() ? NULL : __real_aligned_alloc(alignment, size);
}

void *__wrap_mmap(void *at, size_t length, int protection, int flags, int fd, off_t offset)
{
	return fails() ? MAP_FAILED : __real_mmap(at, length, protection, flags, fd, offset);
}

int __wrap_eventfd(unsigned int value, int flags)
{
	return fails() ? -1 : __real_eventfd(value, flags);
}

static struct port_handle a, b;

static int32_t lookup(struct valet_batch *batch, void *context)
{
	(void)context;
	for (uint32_t i = 0; i < batch->count; i++)
		batch->packets[i].destination = VALET_BROADCAST;
	return 0;
}

/* Each of these does something, undoes it, and answers 0 or what failed. */

static int32_t opening(const char *name)
{
	struct nmreq_register reg = REG(.nr_mode = NR_REG_ALL_NIC, .nr_tx_slots = 8, .nr_rx_slots = 8,
					.nr_extra_bufs = 2);
	int32_t handle = valet_open("embedded", NULL), rc;

	if (handle < 0)
		return handle;
	rc = request(handle, NETMAP_REQ_REGISTER, name, &reg);
	EQUAL(valet_close(handle), 0);
	return rc;
}

static int32_t open_new_bridge(void)
{
	return opening("vale1:x");
}

static int32_t open_new_port(void)
{
	return opening("vale0:x");
}

static int32_t open_pipe(void)
{
	return opening("vale0:x{1");
}

static int32_t open_pipe_alone(void)
{
	return opening("pp}1");
}

static int32_t open_again(void)
{
	return opening("vale0:b");
}

static int32_t new_engine(void)
{
	int32_t handle = valet_open("embedded", "another");

	if (handle > 0)
		EQUAL(valet_close(handle), 0);
	return handle > 0 ? 0 : handle;
}

static int32_t persistent(void)
{
	int32_t rc = newif(b.handle, "vi0", 8);

	if (rc < 0)
		return rc;
	rc = attach(b.handle, "vale0:vi0");
	if (rc == 0)
		EQUAL(detach(b.handle, "vale0:vi0"), 0);
	EQUAL(delif(b.handle, "vi0"), 0);
	return rc;
}

static int32_t questions(void)
{
	struct nmreq_port_info_get info = { 0 };

	return request(b.handle, NETMAP_REQ_PORT_INFO_GET, "vale2:new", &info);
}

static int32_t set_and_reset(void)
{
	int32_t rc = set_native(b.handle, "vale0", lookup, NULL);

	if (rc < 0)
		return rc;
	return set_lookup(b.handle, "vale0", VALET_LOOKUP_LEARNING, NULL, NULL);
}

static int32_t wait_a_little(void)
{
	return valet_poll(b.handle, POLLIN, 1);
}

/* On a thread that has not sent before: its working memory is made at the first send. */
static int32_t send_one(void)
{
	int32_t rc;

	put_frame(&a, 0, EVERYBODY, STATION(1), 7, 60);
	rc = valet_txsync(a.handle);
	until_failure = 0;
	if (rc == -ENOMEM) {
		/* Nothing was taken; the next try takes it. */
		TAGS(&b);
		EQUAL(valet_txsync(a.handle), 0);
	}
	TAGS(&b, 7);
	return rc;
}

static int32_t (*const steps[])(void) = { open_new_bridge, open_new_port, open_pipe, open_pipe_alone,
					  open_again, new_engine, persistent, questions, set_and_reset,
					  wait_a_little, send_one };

static void nothing_changed(void)
{
	EQUAL(bridge_of(b.handle, "vale0").ports, 2);
	EQUAL(list_index(b.handle, "vale1:x"), -ENOENT);
	EQUAL(list_index(b.handle, "vale0:x"), 255);
	EQUAL(delif(b.handle, "vi0"), -ENXIO);
	EQUAL(delif(b.handle, "pp"), -ENXIO);
}

static int which_step, lasting;

/* The n-th allocation of the step fails, for each n until none is left to fail. */
static void *run(void *unused)
{
	int32_t (*step)(void) = steps[which_step];
	int failures = 0;

	(void)unused;
	for (int n = 1;; n++) {
		int32_t rc;

		failed = 0;
		for_good = lasting;
		until_failure = n;
		rc = step();
		until_failure = 0;
		nothing_changed();
		if (!failed) {
			EQUAL(rc, 0);
			break;
		}
		/* 0: it could do without, as with extra buffers. */
		if (rc != 0 && rc != -ENOMEM)
			FAIL("step %d, allocation %d: %d", which_step, n, rc);
		failures++;
		failed = 0;
		CHECK(n < 1000);
		EQUAL(step(), 0);
		nothing_changed();
	}
	return (void *)(intptr_t)failures;
}

/* Where the port leaves, and there is no memory for the bridge without it. */
static void leaving(void)
{
	struct port_handle c = open_port("vale0:c", SLOTS(8)), d;

	for_good = 1;
	until_failure = 1;
	EQUAL(valet_close(c.handle), 0);
	until_failure = 0;
	EQUAL(list_index(b.handle, "vale0:c"), 255);
	EQUAL(bridge_of(b.handle, "vale0").ports, 2);
	send_frame(&a, EVERYBODY, STATION(1), 1);
	TAGS(&b, 1);
	d = open_port("vale0:d", SLOTS(8));
	send_frame(&a, EVERYBODY, STATION(1), 2);
	TAGS(&b, 2);
	TAGS(&d, 2);
	/* The last two likewise. */
	until_failure = 1;
	EQUAL(valet_close(d.handle), 0);
	until_failure = 1;
	EQUAL(valet_close(a.handle), 0);
	until_failure = 0;
	EQUAL(valet_close(b.handle), 0);
}

int main(void)
{
	a = open_port("vale0:a", SLOTS(8));
	b = open_port("vale0:b", SLOTS(8));
	for (lasting = 1; lasting >= 0; lasting--) {
		for (which_step = 0; which_step < (int)COUNT(steps); which_step++) {
			/* A thread of its own: it has not sent before. */
			intptr_t failures = (intptr_t)join(start(run, NULL));

			/*
			 * The one before has left its working memory to send_one() of the second
			 * round.
			 */
			if (!failures && !(steps[which_step] == send_one && !lasting))
				FAIL("step %d allocates nothing", which_step);
		}
	}
	leaving();
	return 0;
}
