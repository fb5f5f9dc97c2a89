/*
 * valet.h - netmap for scripts: the one header that bindings need.
 *
 * A handle stands for one open netmap descriptor, as open("/dev/netmap") gives one: on the kernel
 * that is what it is, elsewhere the same thing on valet's own engine. Everything after opening is
 * netmap's protocol: NIOCCTRL requests, a mapped region of rings and buffers, txsync, rxsync, poll.
 *
 * Functions return 0, a count or a handle, or a negative errno. They never print and never exit.
 * Any thread may call any function at any time, a handle that another thread closes included: it
 * then answers -EBADF. A number that was never a handle is answered likewise.
 */
#ifndef VALET_H
#define VALET_H

#include <stdint.h>

#include "valet_lookup.h"

#ifdef __cplusplus
extern "C" {
#endif

#define VALET_API __attribute__((visibility("default")))

/* Raised when a function or a struct changes so that older bindings would misread it. */
#define VALET_ABI 1

enum valet_backend {
	VALET_BACKEND_KERNEL = 1, /* /dev/netmap */
	VALET_BACKEND_DAEMON = 2, /* a valet daemon's engine */
	VALET_BACKEND_EMBEDDED = 3, /* the engine in this process */
};

VALET_API int32_t valet_abi(void);

/*
 * Opens a descriptor.
 * backend: "kernel", "embedded", or NULL / "" / "auto" for the environment's VALET_BACKEND, else
 * the first that can be had. instance: engines of one name in one process are one engine; NULL or
 * "" is the usual one; the kernel ignores it. An engine goes away with its last descriptor and
 * persistent port. Returns a handle (> 0). -EINVAL: unknown backend or over-long instance name;
 * -ENOENT, -EACCES, ...: /dev/netmap cannot be opened; -EMFILE, -ENOMEM.
 */
VALET_API int32_t valet_open(const char *backend, const char *instance);

/* enum valet_backend of a handle. */
VALET_API int32_t valet_backend(int32_t handle);

/*
 * Which backends are there and why, for people: one line a backend, the chosen one first. Writes at
 * most `size` bytes with the final NUL into `text`; returns the length without it.
 */
VALET_API int32_t valet_reason(const char *backend, char *text, uint32_t size);

/*
 * NIOCCTRL. The message is struct nmreq_header followed by the body and options, all in `size`
 * bytes; the places where netmap has pointers (nr_body, nr_options, nro_next) hold the offset from
 * the message's start, 0 for NULL. Results are written into the message, as netmap writes them into
 * the structs. -EINVAL also for an offset that leaves the message.
 */
VALET_API int32_t valet_control(int32_t handle, void *message, uint32_t size);

/*
 * NIOCCONFIG: a message to whoever serves a bridge's: on the kernel the module that has given it its
 * lookup, else a program that does VALET_REQ_CONFIG_SERVE. `request` is struct nm_ifreq, 272 bytes:
 * the bridge's name with a colon, and data that netmap does not look at. The answer is written over
 * it. Waits until it is there: not for the thread that serves. -EINVAL: there is no such bridge, or
 * nobody serves it; -ETIMEDOUT: no answer within three seconds; else what was answered. Any handle
 * will do, registered or not, but the one that serves.
 */
VALET_API int32_t valet_config(int32_t handle, void *request, uint32_t size);

/*
 * Where the region of a registered handle is mapped: out[0] = address, out[1] = length in bytes.
 * The memory stays readable and writable until the handle is closed; afterwards the addresses still
 * answer (in this process's engine) but no longer mean anything. -ENXIO before REGISTER.
 */
VALET_API int32_t valet_map(int32_t handle, uint64_t *out);

/*
 * NIOCTXSYNC: takes what lies between the last sync and `head` of each bound transmit ring; on a
 * VALE port forwards it on this thread. NIOCRXSYNC: gives back the slots before `head`, shows new
 * ones by `tail`. -ENXIO before REGISTER. 1: a ring's head or cur was not legal and the ring was
 * set back to where the last sync left it, so that what was written there is lost (the kernel does
 * so silently and returns 0). txsync also: -ECANCELED: a lookup failed during the call (its packets
 * are counted). -EDEADLK: called from inside a lookup. -EBUSY: another thread is syncing the ring,
 * in a lookup in a script; the packets stay in the ring. -ENOMEM: for the thread's first forward;
 * nothing was taken.
 */
VALET_API int32_t valet_txsync(int32_t handle);
VALET_API int32_t valet_rxsync(int32_t handle);

/* Most packets that valet_receive() describes. */
#define VALET_RECEIVED_MAX 256

/* What valet_receive() is to know of a ring, and what it has found there. */
struct valet_received {
	/* Of the ring and its region; from when the port was opened, as others may write to the ring. */
	uint32_t slots;
	uint32_t buffer_bytes; /* from one buffer to the next */
	uint32_t buffer_base; /* where buffer 0 would begin in the region, in bytes */
	uint32_t buffers; /* indices below it are in the region; 0: no packet is plain */
	/* Slots before it are given back; becomes the one behind the packets. */
	uint32_t first;
	uint32_t limit; /* most packets */
	uint32_t is_synced; /* 0: only look at what the last sync has shown */
	uint32_t count; /* packets found, also the return value */
	/* Of each packet that is one in one slot: its place in the region, and its bytes. Else 0 bytes, ... */
	int32_t offset[VALET_RECEIVED_MAX];
	uint32_t bytes[VALET_RECEIVED_MAX];
	/* ... then of all of the batch: bytes in all of a packet's slots, and the first slot. */
	uint32_t length[VALET_RECEIVED_MAX];
	uint32_t slot[VALET_RECEIVED_MAX];
};

/*
 * For loops in a script: gives slots back, does an rxsync, and describes the packets at the beginning
 * of one of the handle's receive rings, in one call. `ring` is where the ring is mapped. Empty packets
 * are passed over. Returns how many there are, or what valet_rxsync() returns if that is an error;
 * -EINVAL: the ring's head or tail is not one of its slots.
 */
VALET_API int32_t valet_receive(int32_t handle, void *ring, struct valet_received *received);

/*
 * poll() as netmap's: events and result are POLLIN, POLLOUT, POLLERR. Syncs as netmap_poll does.
 * Waits up to timeout_ms (-1: for ever) unless valet_wake() is called, or the handle closed.
 * Returns the events, 0 = time is up or woken.
 */
VALET_API int32_t valet_poll(int32_t handle, uint32_t events, int32_t timeout_ms);

/* Ends the poll that waits on the handle, or else the next one, at once. */
VALET_API int32_t valet_wake(int32_t handle);

/* Closes. Work that another thread is in the middle of is finished first, by that thread. */
VALET_API int32_t valet_close(int32_t handle);

/*
 * ---- CSB mode with a thread of the library's ----
 *
 * netmap's sync loop does the syncs, and the program only loads and stores: struct nm_csb_atok and
 * struct nm_csb_ktoa, one of each for each bound ring, transmit rings first. SYNC_KLOOP_START does
 * the same through valet_control(), in the thread that calls it, with memory of the caller's.
 */

enum {
	/* The loop sleeps until it is kicked or a ring has something; else by time. */
	VALET_SYNC_LOOP_BY_EVENT = 1,
};

/*
 * Puts the handle into CSB mode, for good, and starts the loop. if_offset: nr_offset of its
 * REGISTER, which must have been NR_EXCLUSIVE. sleep_us: between rounds, at most 1,000,000, unless
 * by event. out[0]: address, out[1]: bytes of the atok entries, then the ktoa entries, then a word
 * that is 1 as long as the loop runs and one with its result; they stay readable as a region's
 * addresses do. -EINVAL: not exclusive, or a bad argument; -ENXIO before REGISTER; -EBUSY: it runs;
 * -EMFILE, -ENOMEM, -EAGAIN.
 */
VALET_API int32_t valet_sync_loop_start(int32_t handle, uint32_t if_offset, uint32_t sleep_us,
					uint32_t flags, uint64_t *out);

/*
 * Has it end; wait: not 0: waits for that, and returns what SYNC_KLOOP_START did. Its thread may be
 * in a lookup of a script, so do not wait on that script's thread. -ENXIO: there has been none.
 */
VALET_API int32_t valet_sync_loop_stop(int32_t handle, uint32_t wait);

/* Wakes a loop by event, after a look at kern_need_kick. -ENXIO: there has been none. */
VALET_API int32_t valet_sync_loop_kick(int32_t handle);

/*
 * Waits as valet_poll() until a ring of the events has an atok.cur that is not its ktoa.hwtail, or
 * the loop has ended. Returns the events. -ENXIO: there has been none.
 */
VALET_API int32_t valet_sync_loop_wait(int32_t handle, uint32_t events, int32_t timeout_ms);

/*
 * For lookups in a script (valet_lookup_script): the descriptors of a batch, and a region's memory
 * (out as in valet_map). Both stay valid to read for the life of the process.
 */
VALET_API struct valet_packet *valet_batch_address(uint32_t batch_id);
VALET_API int32_t valet_region_address(uint32_t region_id, uint64_t *out);

/*
 * For a thread with an event loop: from now on the lookups in scripts that it sets are called by it
 * alone. Returns a file descriptor, the caller's, that becomes readable when packets of others wait
 * for one of them; then the thread empties it and calls valet_loop_serve(), which calls the lookups
 * and returns for how many batches. Without it such lookups are called by whoever sends, or by a
 * thread of the library. -EBUSY: it has one; -EMFILE; -ENOMEM.
 */
VALET_API int32_t valet_loop_open(void);
VALET_API int32_t valet_loop_serve(void);
/* Before that, take the lookups back. -EBADF: it has none. */
VALET_API int32_t valet_loop_close(void);

/*
 * ---- memory of files, for ports whose memory it shall be: the option EXTMEM ----
 */

enum {
	VALET_MEMORY_CREATE = 1, /* the file must not be there yet; of range[1] bytes, whole pages */
	VALET_MEMORY_LOCK = 2, /* -EBUSY if another process, or this one, has it open so */
};

/*
 * Maps a file, all of its whole pages; path NULL or "": memory without a file, of range[1] bytes.
 * range[0]: where it is, range[1]: bytes. A part that is not there (any more), because the file was cut
 * short, reads as zeros. Returns a number for it. -ENODATA: the file has less than a page; -EINVAL: it
 * is no plain file, or no such size; -EBUSY; -EEXIST, -ENOSPC, ... as open(2) and fallocate(2).
 */
VALET_API int32_t valet_memory_open(const char *path, uint32_t flags, uint64_t *range);

/*
 * Waits until what was written to range[0] (a page's begin) to range[0] + range[1] is on the disk:
 * msync(2). -EIO: a part of the file is not there any more; -EINVAL: no such range.
 */
VALET_API int32_t valet_memory_sync(int32_t id, uint64_t *range);

/*
 * Closes, once no port of this process's engine has it as its memory. The addresses stay readable, and
 * read as zeros then. -EBADF.
 */
VALET_API int32_t valet_memory_close(int32_t id);

/*
 * ---- the daemon: the engine for other processes ----
 */

/*
 * Where the daemon listens: VALET_SOCKET, else valet.sock in XDG_RUNTIME_DIR, else in
 * /tmp/valet-UID. Returns the length of the path, -ENAMETOOLONG.
 */
VALET_API int32_t valet_daemon_path(char *path, uint32_t size);

/*
 * Asks the program that hosts the daemon: a text each way (JSON in valet's). Returns the bytes of
 * the answer. -ENOENT, -ECONNREFUSED: no daemon runs; -EACCES: it is another user's; -ETIMEDOUT;
 * -ECONNRESET: it ended meanwhile; -EMSGSIZE: `size` is too small, or the question too long.
 */
VALET_API int32_t valet_daemon_ask(const void *question, uint32_t bytes, void *answer,
				   uint32_t size, int32_t timeout_ms);

/*
 * Makes this process the daemon: listens, and serves with `threads` forwarding threads (0: as many
 * as fit the machine), all in threads of its own. path: NULL or "" for valet_daemon_path().
 * -EADDRINUSE: a daemon listens there, or this process is one; -EACCES: the folder is not this
 * user's alone; -ENAMETOOLONG; -ENOMEM ...
 */
VALET_API int32_t valet_serve_start(const char *path, uint32_t threads);

/*
 * The next question of a valet_daemon_ask(), when there is one: its number in *id, its text in
 * `question`. Returns the bytes, 0 = the time is up. -EBADF: not serving (any more).
 */
VALET_API int32_t valet_serve_wait(uint32_t *id, void *question, uint32_t size, int32_t timeout_ms);

/* Answers it. -ENOENT: who asked is gone. */
VALET_API int32_t valet_serve_answer(uint32_t id, const void *answer, uint32_t bytes);

enum {
	VALET_SERVE_CONNECTIONS, /* of other processes, those that only ask included */
	VALET_SERVE_PORTS, /* descriptors bound to a port */
	VALET_SERVE_PERSISTENT, /* persistent interfaces in all engines */
	VALET_SERVE_ENGINES,
	VALET_SERVE_IDLE_MS, /* since the last connection ended; 0 while there is one */
	VALET_SERVE_REFUSED, /* connections and messages refused */
	VALET_SERVE_FIGURES
};

/* Writes the figures above to out[0] ... -EBADF: not serving. */
VALET_API int32_t valet_serve_status(uint64_t *out);

/* Ends it: clients get errors, their ports are gone. -EBADF: not serving. */
VALET_API int32_t valet_serve_stop(void);

/*
 * ---- eBPF: what lookups compiled for the kernel need of bpf(2) ----
 *
 * Programs and maps are file descriptors of this process, to be closed with valet_bpf_close(); the
 * kernel keeps what is in use.
 */

/*
 * Loads a program of type XDP: `count` instructions of 8 bytes, maps in them as descriptors. name:
 * at most 15 letters, digits, '_' and '.', or NULL. license: "GPL" and the like give access to all
 * helpers. Returns the descriptor. When it is refused, what the verifier says is in `log`, `size`
 * bytes with the final NUL, as far as there is room. -EACCES, -EINVAL, -E2BIG, ...: the verifier
 * refused; -EPERM: see valet_bpf_probe().
 */
VALET_API int32_t valet_bpf_load(const void *instructions, uint32_t count, const char *name,
				 const char *license, char *log, uint32_t size);

/*
 * Runs a program `repeat` times on the packet in `data` (BPF_PROG_TEST_RUN), which has it as the
 * program left it afterwards. The context has rx_queue_index of the interface of number
 * ingress_ifindex; 0: the first queue of the loopback. out[0]: the result, out[1]: nanoseconds a
 * run. -EINVAL: `size` is below 14 (kernels take no less), or there is no such queue; -ENODEV.
 * Above about 3,500 bytes the program sees a first fragment only, or it is -EINVAL.
 */
VALET_API int32_t valet_bpf_run(int32_t fd, void *data, uint32_t size, uint32_t repeat,
				uint32_t ingress_ifindex, uint32_t rx_queue_index, uint32_t *out);

/* About a program. out[0]: the kernel's number of it; out[1]: bytes of machine code, 0 if it is
 * interpreted; out[2]: instructions that the verifier has walked, 0 before Linux 5.16. */
VALET_API int32_t valet_bpf_info(int32_t fd, uint32_t *out);

/* Makes a map of BPF_MAP_TYPE_... (flags: BPF_F_NO_PREALLOC ...); returns the descriptor. */
VALET_API int32_t valet_bpf_map_create(uint32_t type, uint32_t key_bytes, uint32_t value_bytes,
				       uint32_t entries, uint32_t flags, const char *name);

/* Reads, writes (flags: BPF_ANY ...), removes an entry. -ENOENT: there is none; -E2BIG: full. */
VALET_API int32_t valet_bpf_map_lookup(int32_t fd, const void *key, void *value);
VALET_API int32_t valet_bpf_map_update(int32_t fd, const void *key, const void *value,
				       uint32_t flags);
VALET_API int32_t valet_bpf_map_delete(int32_t fd, const void *key);

/* The key behind `key`, NULL for the first, into `next`. -ENOENT: that was the last. */
VALET_API int32_t valet_bpf_map_next(int32_t fd, const void *key, void *next);

VALET_API int32_t valet_bpf_close(int32_t fd);

/*
 * Has the kernel's lookup module take a bridge ("vale0"), so that it takes programs: see
 * uapi/valet_module.h. -ENOPKG: the module valet_lookup is not loaded; -ENXIO: there is no such
 * bridge; -EACCES: only root may; -EINVAL: the name is none of a bridge.
 */
VALET_API int32_t valet_module_take(const char *bridge);

enum {
	VALET_BPF_NO_CAP_BPF = 1, /* this thread lacks the capability */
	VALET_BPF_NO_CAP_PERFMON = 2,
	VALET_BPF_NO_CAP_NET_ADMIN = 4,
	VALET_BPF_UNPRIVILEGED_DISABLED = 8, /* kernel.unprivileged_bpf_disabled is set */
	VALET_BPF_LITTLE_MEMLOCK = 16, /* RLIMIT_MEMLOCK is below 16 MB: enough since Linux 5.11 */
};

/* 0 if maps can be made, else why not (-EPERM, -ENOSYS, ...); *why: the reasons above. */
VALET_API int32_t valet_bpf_probe(uint32_t *why);

/*
 * ---- tables that scripts share with native lookups: valet_table.h ----
 *
 * A table is an address; its kind is enum valet_table_kind. Keys are `key_words` 32-bit words. Any
 * thread may call any of these, but valet_table_free().
 */

/*
 * capacity: entries, to 2^20. Buckets: rate_per_s tokens a second (to 2^25) up to `burst` (1 to
 * 2^24 - 1). Writes the address to *out. -EINVAL, -ENOMEM.
 */
VALET_API int32_t valet_table_make(uint32_t kind, uint32_t key_words, uint32_t capacity,
				   double rate_per_s, uint32_t burst, uint64_t *out);
/* Nobody may use it any more. */
VALET_API void valet_table_free(void *table);
/* The value or counter (to 2^53 - 1), -1: there is none. */
VALET_API double valet_table_get_entry(void *table, const uint32_t *key);
/* 1; 0: there is no room for another entry. */
VALET_API int32_t valet_table_set_entry(void *table, const uint32_t *key, uint32_t value);
VALET_API int32_t valet_table_count_entry(void *table, const uint32_t *key, uint32_t amount);
/* 1; 0: too few tokens, and none is taken, or no room for another bucket. */
VALET_API int32_t valet_table_take_entry(void *table, const uint32_t *key, uint32_t amount);
/* 1; 0: there was none. */
VALET_API int32_t valet_table_delete_entry(void *table, const uint32_t *key);
VALET_API void valet_table_clear(void *table);
VALET_API uint32_t valet_table_used(const void *table);
/*
 * The entries one after the other, in no order: cursor 0 at first, then what it returned; 0 = that
 * was all. Writes the key's words and the value, counter, or tokens.
 */
VALET_API int32_t valet_table_next(void *table, uint32_t cursor, uint32_t *key, double *value);

/*
 * ---- TAP interfaces of the host ----
 */

/*
 * Opens the TAP interface `name`, making it if there is none; "" or NULL: the kernel picks a name. The
 * name it has goes to actual[16]. One that was made goes with the descriptor. Returns a file
 * descriptor, which is no handle. -ENAMETOOLONG; -EPERM: not root (CAP_NET_ADMIN); -EBUSY: somebody
 * has it open; -EINVAL: it is no TAP interface; -ENOENT: no /dev/net/tun.
 */
VALET_API int32_t valet_tap_open(const char *name, char *actual);

/*
 * Reads one frame that the host sends through the interface; what does not fit in `size` is cut
 * off. Waits up to timeout_ms (-1: for ever). Returns its bytes, 0 = the time is up.
 */
VALET_API int32_t valet_tap_read(int32_t fd, void *frame, uint32_t size, int32_t timeout_ms);

/* Hands the host one frame. -EIO: the interface is down; -EINVAL: shorter than an Ethernet header. */
VALET_API int32_t valet_tap_write(int32_t fd, const void *frame, uint32_t bytes);

/* Closes. Nothing of this may go on in another thread. */
VALET_API int32_t valet_tap_close(int32_t fd);

#ifdef __cplusplus
}
#endif

#endif
