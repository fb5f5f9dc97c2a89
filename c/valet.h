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
 * For lookups in a script (valet_lookup_script): the descriptors of a batch, and a region's memory
 * (out as in valet_map). Both stay valid to read for the life of the process.
 */
VALET_API struct valet_packet *valet_batch_address(uint32_t batch_id);
VALET_API int32_t valet_region_address(uint32_t region_id, uint64_t *out);

#ifdef __cplusplus
}
#endif

#endif
