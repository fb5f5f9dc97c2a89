/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon_lookup.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "../engine/thread_life.h"
#include "thread.h"

/* Who is calling the function, or may: taken by compare-exchange. */
enum claim {
	NOBODY,
	TRYING, /* the service thread, for a moment: it looks whether it may */
	SERVICE,
	OWNER,
	DEAD, /* it is not called again */
};

/* A thread that sets lookups. */
struct owner {
	uint32_t references; /* the thread's own, and those of channels */
	uint32_t ended;
	int bell; /* eventfd: something is to be decided by the thread, which waits for the daemon
		   */
};

struct channel {
	struct place *place;
	int bell; /* the daemon's questions, our answers; its end is the lookup's */
	int stop; /* eventfd: wakes the service thread */
	const struct client *client; /* as a name for it only */
	char instance[WIRE_INSTANCE_BYTES];
	char bridge[NETMAP_REQ_IFNAMSIZ];
	valet_lookup_script function;
	struct owner *owner;
	struct thread_life *thread; /* the owner's */
	uint32_t claimed; /* enum claim */
	uint32_t owner_waits; /* how deep the owner waits for the daemon */
	uint32_t owner_sleeps; /* how deep it does so asleep; its own */
	uint32_t retired; /* the function is not to be called again */
	struct channel *next; /* of all */
	struct channel *next_mine; /* of the owner's */
	uint32_t forgotten; /* by the owner */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct channel *channels;
static __thread struct owner *me;
static __thread struct channel *mine; /* set by this thread; dead ones are cleared out by it */
static __thread int inside;
static __thread uint32_t waits; /* how deep this thread waits for the daemon */

static struct lookup_window *window_of(const struct channel *channel)
{
	return channel->place->window;
}

/* ---- a call ---- */

static int is_asked(const struct channel *channel)
{
	/* Pairs with the daemon's store: packets and frames are there. */
	return load_ordered(&window_of(channel)->call) != read_once(&window_of(channel)->answered);
}

static void answer(struct channel *channel, int32_t result)
{
	struct lookup_window *window = window_of(channel);

	write_once(&window->result, result);
	/* Pairs with the daemon's look, which sleeps only after raising daemon_sleeps. */
	store_ordered(&window->answered, read_once(&window->call));
	if (load_ordered(&window->daemon_sleeps))
		wire_ring(channel->bell);
}

/* Caller has claimed the channel. */
static void serve(struct channel *channel)
{
	struct lookup_window *window = window_of(channel);
	uint32_t count = window->count;
	int32_t result;

	if (count > VALET_BATCH_PACKETS) {
		answer(channel, -ECANCELED);
		return;
	}
	/* Unanswered, the batch is decided by whoever comes after: see unclaim(). */
	if (load_acquire(&channel->owner->ended)) {
		store_ordered(&channel->retired, 1);
		return;
	}
	for (uint32_t i = 0; i < count; i++)
		window->copy.packets[i].data =
			(uint8_t *)window + (uintptr_t)window->copy.packets[i].data;
	inside++;
	result = channel->function(channel->place->id, channel->place->id, count, window->source);
	inside--;
	/* A script that is ending may no longer be able to. */
	if (result >= 0 || !load_ordered(&channel->retired))
		answer(channel, result);
}

static int claim(struct channel *channel, enum claim who)
{
	uint32_t nobody = NOBODY;

	return __atomic_compare_exchange_n(&channel->claimed, &nobody, who, 0, __ATOMIC_SEQ_CST,
					   __ATOMIC_SEQ_CST);
}

/* The function will not be called again. */
static void die(struct channel *channel)
{
	store_ordered(&channel->claimed, DEAD);
	store_ordered(&window_of(channel)->closed, 1);
	wire_ring(channel->bell);
	event_signal(channel->stop);
}

/* Gives back a claim. Retired meanwhile: nobody is to get it again. */
static void unclaim(struct channel *channel)
{
	store_ordered(&channel->claimed, NOBODY);
	if (load_ordered(&channel->retired) && claim(channel, SERVICE))
		die(channel);
}

/* The function is not to be called again. 1: somebody is inside, who sees to it. */
static int retire_one(struct channel *channel)
{
	store_ordered(&channel->retired, 1);
	if (claim(channel, OWNER))
		die(channel);
	return load_ordered(&channel->claimed) != DEAD;
}

/* ---- the owner ---- */

static void owner_put(struct owner *owner)
{
	if (__atomic_sub_fetch(&owner->references, 1, __ATOMIC_ACQ_REL))
		return;
	close(owner->bell);
	free(owner);
}

static pthread_key_t thread_end;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* What the thread has set goes with it. */
static void end(void *argument)
{
	struct owner *owner = argument;

	pthread_mutex_lock(&lock);
	for (struct channel *channel = mine; channel; channel = channel->next_mine)
		retire_one(channel);
	store_release(&owner->ended, 1);
	for (struct channel *channel = mine; channel; channel = channel->next_mine)
		event_signal(channel->stop);
	pthread_mutex_unlock(&lock);
	mine = NULL;
	me = NULL;
	owner_put(owner);
}

/* The channels are the parent's: it is its threads that answer. */
static void forget_all(void)
{
	pthread_mutex_init(&lock, NULL);
	channels = mine = NULL;
	me = NULL;
	waits = 0;
	inside = 0;
}

static void make_key(void)
{
	pthread_key_create(&thread_end, end);
	pthread_atfork(NULL, NULL, forget_all);
}

/* This thread's; NULL: no memory, or no descriptor. */
static struct owner *owner_mine(void)
{
	if (me)
		return me;
	pthread_once(&once, make_key);
	me = calloc(1, sizeof(*me));
	if (!me)
		return NULL;
	me->references = 1;
	me->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (me->bell < 0) {
		free(me);
		return me = NULL;
	}
	pthread_setspecific(thread_end, me);
	return me;
}

int lookup_is_inside(void)
{
	return inside > 0;
}

/* A dead one is the service thread's to free, once the owner has let go of it. */
static void forget_dead(void)
{
	for (struct channel **at = &mine; *at;) {
		struct channel *channel = *at;

		if (load_acquire(&channel->claimed) == DEAD && !channel->owner_waits) {
			*at = channel->next_mine;
			/* It frees the channel under the lock. */
			pthread_mutex_lock(&lock);
			store_release(&channel->forgotten, 1);
			event_signal(channel->stop);
			pthread_mutex_unlock(&lock);
		} else {
			at = &channel->next_mine;
		}
	}
}

static void count_asleep(struct channel *channel, int32_t change)
{
	__atomic_add_fetch(&window_of(channel)->client_sleeps, (uint32_t)change, __ATOMIC_SEQ_CST);
}

/*
 * The service thread counts as asleep all the time but this one: an owner that looks by itself
 * should not have it woken for every batch.
 */
static void owner_waits(struct channel *channel, int32_t change)
{
	uint32_t before = channel->owner_waits;

	store_ordered(&channel->owner_waits, before + (uint32_t)change);
	if (!before || !channel->owner_waits)
		count_asleep(channel, -change);
	if (!channel->owner_waits && is_asked(channel))
		event_signal(channel->stop); /* it is the service thread's to answer now */
}

/* Whether the service thread is inside, once it knows. */
static int is_busy(const struct channel *channel)
{
	uint32_t who;

	while ((who = load_ordered(&channel->claimed)) == TRYING)
		sched_yield();
	return who == SERVICE;
}

int lookup_wait_begin(void)
{
	forget_dead();
	for (struct channel *channel = mine; channel; channel = channel->next_mine) {
		owner_waits(channel, 1);
		/* Of the service thread and us, one sees the other. */
		if (!is_busy(channel))
			continue;
		for (struct channel *undo = mine; undo != channel->next_mine;
		     undo = undo->next_mine)
			owner_waits(undo, -1);
		return -EBUSY;
	}
	waits++;
	return 0;
}

void lookup_wait_end(void)
{
	waits--;
	for (struct channel *channel = mine; channel; channel = channel->next_mine)
		owner_waits(channel, -1);
}

uint32_t lookup_serve_mine(void)
{
	uint32_t batches = 0;

	for (struct channel *channel = mine; channel; channel = channel->next_mine) {
		if (!is_asked(channel) || !claim(channel, OWNER))
			continue;
		if (is_asked(channel)) {
			serve(channel);
			batches++;
		}
		unclaim(channel);
	}
	return batches;
}

/* For who asks from now on, this thread is asleep, or no more. */
static void go_to_sleep(void)
{
	for (struct channel *channel = mine; channel; channel = channel->next_mine) {
		channel->owner_sleeps++;
		count_asleep(channel, 1);
	}
}

/* Some may have been set meanwhile, by a lookup. */
static void wake_up(void)
{
	for (struct channel *channel = mine; channel; channel = channel->next_mine) {
		if (!channel->owner_sleeps)
			continue;
		channel->owner_sleeps--;
		count_asleep(channel, -1);
	}
}

int lookup_poll(struct pollfd *fds, uint32_t count, int32_t timeout_ms)
{
	enum { OTHERS_MAX = 8, BELLS = 8 };
	struct pollfd all[OTHERS_MAX + 1 + BELLS];
	uint32_t n = count;
	int found;

	if (!mine || count > OTHERS_MAX)
		return poll(fds, count, timeout_ms);
	memcpy(all, fds, count * sizeof(*fds));
	all[n++] = (struct pollfd){ .fd = me->bell, .events = POLLIN };
	/* Without the way over the service thread, where they are few. */
	for (struct channel *channel = mine; channel && n < OTHERS_MAX + 1 + BELLS;
	     channel = channel->next_mine)
		all[n++] = (struct pollfd){ .fd = channel->bell, .events = POLLIN };
	/* Raised, then looked: the daemon stores `call` and then looks at this. */
	go_to_sleep();
	lookup_serve_mine();
	found = poll(all, n, timeout_ms);
	wake_up();
	for (uint32_t i = count; found > 0 && i < n; i++) {
		if (!(all[i].revents & POLLIN))
			continue;
		if (i == count)
			event_take(all[i].fd);
		else
			wire_silence(all[i].fd);
	}
	lookup_serve_mine();
	for (uint32_t i = 0; i < count; i++)
		fds[i].revents = found > 0 ? all[i].revents : 0;
	return found;
}

/* ---- the service thread ---- */

/*
 * Calls the function, which takes the owner's event loop, unless the owner waits for the daemon and
 * will do it itself.
 */
static void serve_for_owner(struct channel *channel)
{
	if (!claim(channel, TRYING))
		return;
	/* Of the owner and us, one sees the other. */
	if (!load_ordered(&channel->owner_waits) && is_asked(channel)) {
		store_ordered(&channel->claimed, SERVICE);
		serve(channel);
	}
	unclaim(channel);
}

static void channel_free(struct channel *channel)
{
	struct channel **at = &channels;

	pthread_mutex_lock(&lock);
	while (*at != channel)
		at = &(*at)->next;
	*at = channel->next;
	pthread_mutex_unlock(&lock);
	place_give(channel->place);
	close(channel->bell);
	close(channel->stop);
	owner_put(channel->owner);
	thread_life_put(channel->thread);
	free(channel);
}

/* The owner has let go of it, or is no more. */
static int is_forgotten(struct channel *channel)
{
	return load_acquire(&channel->forgotten) || load_acquire(&channel->owner->ended);
}

static void *service(void *argument)
{
	struct channel *channel = argument;
	struct pollfd fds[2] = {
		{ .fd = channel->bell, .events = POLLIN },
		{ .fd = channel->stop, .events = POLLIN },
	};

	/* What was asked before we counted as asleep came without a signal: to look at once. */
	event_signal(channel->stop);
	while (load_ordered(&channel->claimed) != DEAD) {
		if (poll(fds, 2, -1) > 0) {
			if (fds[0].revents)
				wire_silence(channel->bell);
			if (fds[1].revents)
				event_take(channel->stop);
		}
		if (fds[0].revents & (POLLHUP | POLLERR)) {
			/* The daemon, or the connection, is gone, or the lookup replaced. */
			retire_one(channel);
			fds[0] = (struct pollfd){ .fd = -1 };
		}
		if (!is_asked(channel))
			continue;
		/* It answers in its event loop, or while it waits; or else we do. */
		if (!thread_life_ring(channel->thread))
			serve_for_owner(channel);
		/* Its signal may be the one that we took. */
		if (is_asked(channel) && load_ordered(&channel->owner_waits))
			event_signal(channel->owner->bell);
	}
	while (!is_forgotten(channel))
		if (poll(&fds[1], 1, -1) > 0)
			event_take(channel->stop);
	channel_free(channel);
	return NULL;
}

/* ---- setting ---- */

static struct channel *channel_make(struct client *client, const char *bridge,
				    valet_lookup_script function, const int *fds)
{
	struct channel *channel = calloc(1, sizeof(*channel));

	if (!channel)
		return NULL;
	channel->client = client;
	memcpy(channel->instance, client->instance, sizeof(channel->instance));
	strncpy(channel->bridge, bridge, sizeof(channel->bridge) - 1);
	channel->bridge[strcspn(channel->bridge, ":")] = '\0';
	channel->function = function;
	channel->bell = fds[WIRE_FD_BELL];
	channel->owner = owner_mine();
	channel->thread = thread_life_mine();
	channel->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	channel->place = place_take(fds[WIRE_FD_WINDOW]);
	if (channel->owner && channel->thread && channel->stop >= 0 && channel->place) {
		thread_life_get(channel->thread);
		__atomic_add_fetch(&channel->owner->references, 1, __ATOMIC_RELAXED);
		return channel;
	}
	if (channel->place)
		place_give(channel->place);
	if (channel->stop >= 0)
		close(channel->stop);
	free(channel);
	return NULL;
}

static void channel_enter(struct channel *channel)
{
	pthread_mutex_lock(&lock);
	channel->next = channels;
	channels = channel;
	pthread_mutex_unlock(&lock);
	channel->next_mine = mine;
	mine = channel;
	/* Set from inside a lookup, it is part of the wait that this runs in. */
	channel->owner_waits = waits;
	if (!waits)
		count_asleep(channel, 1);
}

static int channel_start(struct channel *channel)
{
	pthread_t thread;
	int rc;

	channel_enter(channel);
	rc = thread_start(&thread, service, channel);
	if (rc == 0) {
		pthread_detach(thread);
		return 0;
	}
	/* The daemon notices when the bell is closed: the bridge learns. */
	mine = channel->next_mine;
	channel_free(channel);
	return rc;
}

/*
 * Those of the bridge, whichever client has set them: but `except`, and only with `function` unless
 * that is NULL. 1: somebody is inside.
 */
static int retire(const struct client *client, const char *bridge, const struct channel *except,
		  valet_lookup_script function)
{
	size_t length = strcspn(bridge, ":");
	int busy = 0;

	pthread_mutex_lock(&lock);
	for (struct channel *channel = channels; channel; channel = channel->next)
		if (channel != except && (!function || channel->function == function) &&
		    !strcmp(channel->instance, client->instance) &&
		    !strncmp(channel->bridge, bridge, length) && !channel->bridge[length])
			busy |= retire_one(channel);
	pthread_mutex_unlock(&lock);
	forget_dead();
	return busy;
}

int lookup_retire(const struct client *client, const char *bridge)
{
	return retire(client, bridge, NULL, NULL);
}

void lookup_retire_client(const struct client *client)
{
	pthread_mutex_lock(&lock);
	for (struct channel *channel = channels; channel; channel = channel->next)
		if (channel->client == client)
			retire_one(channel);
	pthread_mutex_unlock(&lock);
	forget_dead();
}

int lookup_set(struct client *client, const char *bridge, struct valet_req_lookup *body)
{
	struct wire_lookup request = { .busy = 0 };
	struct wire_part part = { &request, sizeof(request) };
	uint32_t fd_count = WIRE_LOOKUP_FDS;
	int fds[WIRE_LOOKUP_FDS];
	struct channel *channel;
	int rc, result;

	if (!body->function)
		return -EINVAL;
	strncpy(request.bridge, bridge, sizeof(request.bridge) - 1);
	rc = client_ask(client, WIRE_LOOKUP, &part, &request, sizeof(request), fds, &fd_count,
			&result);
	if (rc < 0 || result < 0)
		return rc < 0 ? rc : result;
	if (fd_count != WIRE_LOOKUP_FDS) {
		wire_close_fds(fds, &fd_count);
		return -EMFILE;
	}
	channel = channel_make(client, bridge, (valet_lookup_script)(uintptr_t)body->function, fds);
	close(fds[WIRE_FD_WINDOW]);
	if (!channel) {
		close(fds[WIRE_FD_BELL]);
		return -ENOMEM;
	}
	body->busy = (uint32_t)retire(client, bridge, channel, NULL);
	return channel_start(channel);
}

int lookup_take_back(struct client *client, const char *bridge, uint64_t function)
{
	int busy = retire(client, bridge, NULL, (valet_lookup_script)(uintptr_t)function);
	int rc, result;

	rc = client_ask(client, WIRE_LOOKUP_END, NULL, NULL, 0, NULL, NULL, &result);
	if (rc < 0 || result < 0)
		return rc < 0 ? rc : result;
	return busy;
}
