/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon_lookup.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../engine/thread_life.h"

/* Who is calling the function, or may: taken by compare-exchange. */
enum claim { NOBODY, SERVICE, OWNER, DEAD };

/*
 * Where windows are mapped. The addresses are never given back, so that a script's stale view of
 * one does not crash.
 */
struct place {
	struct lookup_window *window;
	uint32_t id;
	struct place *next; /* of the free ones */
};

struct channel {
	struct place *place;
	int fds[WIRE_LOOKUP_FDS]; /* WIRE_FD_WINDOW is closed: -1 */
	int connection; /* a duplicate, to hear of its end */
	int stop; /* eventfd: wakes the service thread */
	const struct client *client; /* as a name for it only */
	char instance[WIRE_INSTANCE_BYTES];
	char bridge[NETMAP_REQ_IFNAMSIZ];
	valet_lookup_script function;
	struct thread_life *owner;
	uint32_t claimed; /* enum claim */
	uint32_t owner_waits; /* how deep the owner waits for the daemon */
	uint32_t retired; /* the function is not to be called again */
	struct channel *next; /* of all */
	struct channel *next_mine; /* of the owner's */
};

enum { PLACES_MAX = 4096 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct place *places[PLACES_MAX], *free_places;
static uint32_t place_count;
static struct channel *channels;
static __thread struct channel *mine; /* set by this thread; dead ones are cleared out by it */
static __thread int inside;
static __thread uint32_t waits; /* how deep this thread waits for the daemon */

static struct lookup_window *window_of(const struct channel *channel)
{
	return channel->place->window;
}

/* ---- places ---- */

static struct place *place_take(int fd)
{
	struct place *place = NULL;
	void *window;

	pthread_mutex_lock(&lock);
	if (free_places) {
		place = free_places;
		free_places = place->next;
	} else if (place_count < PLACES_MAX) {
		place = calloc(1, sizeof(*place));
	}
	if (place) {
		window = mmap(place->window, sizeof(*place->window), PROT_READ | PROT_WRITE,
			      MAP_SHARED | (place->window ? MAP_FIXED : 0), fd, 0);
		if (window == MAP_FAILED) {
			if (place->window) {
				place->next = free_places;
				free_places = place;
			} else {
				free(place);
			}
			place = NULL;
		} else if (!place->window) {
			place->window = window;
			place->id = LOOKUP_ID_BASE + place_count;
			store_release(&places[place_count], place);
			place_count++;
		}
	}
	pthread_mutex_unlock(&lock);
	return place;
}

static void place_give(struct place *place)
{
	/* Its pages go; should that fail, the old window stays until the next takes its place. */
	if (mmap(place->window, sizeof(*place->window), PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED)
		return;
	pthread_mutex_lock(&lock);
	place->next = free_places;
	free_places = place;
	pthread_mutex_unlock(&lock);
}

static struct place *place_of(uint32_t id)
{
	uint32_t index = id - LOOKUP_ID_BASE;

	return index < PLACES_MAX ? load_acquire(&places[index]) : NULL;
}

struct valet_packet *lookup_batch_address(uint32_t id)
{
	struct place *place = place_of(id);

	return place ? place->window->packets : NULL;
}

int lookup_region_address(uint32_t id, uint64_t *out)
{
	struct place *place = place_of(id);

	if (!place)
		return -ENOENT;
	out[0] = (uintptr_t)place->window;
	out[1] = sizeof(*place->window);
	return 0;
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
		event_signal(channel->fds[WIRE_FD_ANSWER]);
}

/* Caller has claimed the channel. */
static void serve(struct channel *channel)
{
	struct lookup_window *window = window_of(channel);
	uint32_t count = window->count;

	if (count > VALET_BATCH_PACKETS || load_acquire(&channel->owner->ended)) {
		answer(channel, -ECANCELED);
		return;
	}
	for (uint32_t i = 0; i < count; i++)
		window->packets[i].data = (uint8_t *)window + (uintptr_t)window->packets[i].data;
	inside++;
	answer(channel,
	       channel->function(channel->place->id, channel->place->id, count, window->source));
	inside--;
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
	event_signal(channel->fds[WIRE_FD_ANSWER]);
	event_signal(channel->stop);
}

/* Gives back a claim. Retired meanwhile: nobody is to get it again. */
static void unclaim(struct channel *channel)
{
	store_ordered(&channel->claimed, NOBODY);
	if (load_ordered(&channel->retired) && claim(channel, SERVICE))
		die(channel);
}

/* ---- the owner ---- */

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
			event_signal(channel->stop);
			store_release(&channel->next_mine, channel); /* says so */
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
		event_signal(channel->fds[WIRE_FD_QUESTION]);
}

int lookup_wait_begin(void)
{
	forget_dead();
	for (struct channel *channel = mine; channel; channel = channel->next_mine) {
		owner_waits(channel, 1);
		/* Of the service thread and us, one sees the other. */
		if (load_ordered(&channel->claimed) != SERVICE)
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

void lookup_serve_mine(void)
{
	for (struct channel *channel = mine; channel; channel = channel->next_mine) {
		if (!is_asked(channel) || !claim(channel, OWNER))
			continue;
		if (is_asked(channel))
			serve(channel);
		unclaim(channel);
	}
}

static uint32_t questions(struct pollfd *fds, uint32_t room)
{
	uint32_t count = 0;

	for (struct channel *channel = mine; channel && count < room; channel = channel->next_mine)
		fds[count++] =
			(struct pollfd){ .fd = channel->fds[WIRE_FD_QUESTION], .events = POLLIN };
	return count;
}

int lookup_poll(struct pollfd *fds, uint32_t count, int32_t timeout_ms)
{
	enum { OWN_MAX = 8, MINE_MAX = 56 };
	struct pollfd all[OWN_MAX + MINE_MAX];
	uint32_t asked;
	int found;

	if (!mine || count > OWN_MAX)
		return poll(fds, count, timeout_ms);
	memcpy(all, fds, count * sizeof(*fds));
	asked = questions(all + count, MINE_MAX);
	/* Raised, then looked: the daemon stores `call` and then looks at this. */
	for (struct channel *channel = mine; channel; channel = channel->next_mine)
		count_asleep(channel, 1);
	lookup_serve_mine();
	found = poll(all, count + asked, timeout_ms);
	for (struct channel *channel = mine; channel; channel = channel->next_mine)
		count_asleep(channel, -1);
	for (uint32_t i = 0; found > 0 && i < asked; i++)
		if (all[count + i].revents & POLLIN)
			event_take(all[count + i].fd);
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
	if (!claim(channel, SERVICE))
		return;
	/* Of the owner and us, one sees the other. */
	if (!load_ordered(&channel->owner_waits) && is_asked(channel))
		serve(channel);
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
	close(channel->fds[WIRE_FD_QUESTION]);
	close(channel->fds[WIRE_FD_ANSWER]);
	close(channel->connection);
	close(channel->stop);
	thread_life_put(channel->owner);
	free(channel);
}

/* The owner has let go of it, or is no more. */
static int is_forgotten(struct channel *channel)
{
	return load_acquire(&channel->next_mine) == channel || load_acquire(&channel->owner->ended);
}

static void *service(void *argument)
{
	struct channel *channel = argument;
	struct pollfd fds[3] = {
		{ .fd = channel->fds[WIRE_FD_QUESTION], .events = POLLIN },
		{ .fd = channel->stop, .events = POLLIN },
		{ .fd = channel->connection },
	};

	while (load_ordered(&channel->claimed) != DEAD) {
		int found;

		if (is_asked(channel)) {
			/* The owner's to answer, who may have missed the signal that we took. */
			event_signal(channel->fds[WIRE_FD_QUESTION]);
			found = poll(fds + 1, 2, 1);
			fds[0].revents = 0;
		} else {
			found = poll(fds, 3, -1);
		}
		if (found > 0) {
			if (fds[0].revents)
				event_take(fds[0].fd);
			if (fds[1].revents)
				event_take(fds[1].fd);
			if (fds[2].revents && claim(channel, SERVICE))
				die(channel); /* the daemon, or the connection, is gone */
		}
		if (load_acquire(&channel->owner->ended) && claim(channel, SERVICE))
			die(channel);
		if (is_asked(channel))
			serve_for_owner(channel);
	}
	while (!is_forgotten(channel)) {
		if (poll(&fds[1], 1, 100) > 0)
			event_take(channel->stop);
	}
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
	memcpy(channel->fds, fds, sizeof(channel->fds));
	channel->owner = thread_life_mine();
	channel->connection = dup(client->socket);
	channel->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	channel->place = place_take(fds[WIRE_FD_WINDOW]);
	if (channel->owner && channel->connection >= 0 && channel->stop >= 0 && channel->place) {
		thread_life_get(channel->owner);
		return channel;
	}
	if (channel->place)
		place_give(channel->place);
	if (channel->stop >= 0)
		close(channel->stop);
	if (channel->connection >= 0)
		close(channel->connection);
	free(channel);
	return NULL;
}

static int channel_start(struct channel *channel)
{
	sigset_t all, before;
	pthread_t thread;
	int rc;

	/* Signals are for the program's own threads. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
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
	rc = -pthread_create(&thread, NULL, service, channel);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc == 0)
		pthread_detach(thread);
	return rc;
}

static int retire_one(struct channel *channel)
{
	store_ordered(&channel->retired, 1);
	if (claim(channel, OWNER))
		die(channel);
	return load_ordered(&channel->claimed) != DEAD;
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
		for (uint32_t i = 0; i < fd_count; i++)
			close(fds[i]);
		return -EMFILE;
	}
	channel = channel_make(client, bridge, (valet_lookup_script)(uintptr_t)body->function, fds);
	close(fds[WIRE_FD_WINDOW]);
	if (!channel) {
		close(fds[WIRE_FD_QUESTION]);
		close(fds[WIRE_FD_ANSWER]);
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
