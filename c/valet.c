/* SPDX-License-Identifier: BSD-2-Clause */
/* The functions of valet.h: a handle, straight to its backend. */
#include "valet.h"

#include <errno.h>

#include "backend/daemon.h"
#include "backend/daemon_lookup.h"
#include "backend/file_memory.h"
#include "backend/memory.h"
#include "engine/batch.h"
#include "engine/lookup_copy.h"
#include "handle.h"
#include "message.h"
#include "sync_loop.h"
#include "wire.h"

int32_t valet_abi(void)
{
	return VALET_ABI;
}

int32_t valet_open(const char *backend, const char *instance)
{
	const struct backend *chosen;
	void *descriptor;
	int32_t handle;
	int rc = backend_select(backend, &chosen);

	if (rc == 0)
		rc = chosen->open(instance, &descriptor);
	if (rc < 0)
		return rc;
	handle = handle_make(chosen, descriptor);
	if (handle < 0)
		chosen->close(descriptor);
	return handle;
}

int32_t valet_backend(int32_t number)
{
	struct handle *handle = handle_enter(number);
	int32_t id;

	if (!handle)
		return -EBADF;
	id = handle->backend->id;
	handle_leave(handle);
	return id;
}

int32_t valet_reason(const char *backend, char *text, uint32_t size)
{
	return backend_reason(backend, text, size);
}

int32_t valet_control(int32_t number, void *message, uint32_t size)
{
	struct handle *handle = handle_enter(number);
	int32_t rc;

	if (!handle)
		return -EBADF;
	rc = message_to_pointers(message, size);
	if (rc == 0) {
		rc = handle->backend->control(handle->descriptor, message);
		message_to_offsets(message);
	}
	handle_leave(handle);
	return rc;
}

int32_t valet_config(int32_t number, void *request, uint32_t size)
{
	struct handle *handle = handle_enter(number);
	int32_t rc = -EOPNOTSUPP;

	if (!handle)
		return -EBADF;
	if (size != sizeof(struct nm_ifreq))
		rc = -EINVAL;
	else if (handle->backend->config)
		rc = handle->backend->config(handle->descriptor, request);
	handle_leave(handle);
	return rc;
}

int32_t valet_map(int32_t number, uint64_t *out)
{
	struct handle *handle = handle_enter(number);
	int32_t rc;

	if (!handle)
		return -EBADF;
	rc = handle->backend->map(handle->descriptor, out);
	handle_leave(handle);
	return rc;
}

int32_t valet_txsync(int32_t number)
{
	struct handle *handle = handle_enter(number);
	int32_t rc;

	if (!handle)
		return -EBADF;
	rc = handle->backend->txsync(handle->descriptor);
	handle_leave(handle);
	return rc;
}

int32_t valet_rxsync(int32_t number)
{
	struct handle *handle = handle_enter(number);
	int32_t rc;

	if (!handle)
		return -EBADF;
	rc = handle->backend->rxsync(handle->descriptor);
	handle_leave(handle);
	return rc;
}

int32_t valet_poll(int32_t number, uint32_t events, int32_t timeout_ms)
{
	struct handle *handle = handle_enter(number);
	int32_t rc;

	if (!handle)
		return -EBADF;
	rc = handle->backend->poll(handle->descriptor, events, timeout_ms);
	handle_leave(handle);
	return rc;
}

int32_t valet_wake(int32_t number)
{
	struct handle *handle = handle_enter(number);

	if (!handle)
		return -EBADF;
	handle->backend->wake(handle->descriptor);
	library_loop_wake(handle);
	handle_leave(handle);
	return 0;
}

int32_t valet_close(int32_t number)
{
	return handle_close(number);
}

struct valet_packet *valet_batch_address(uint32_t batch_id)
{
	struct lookup_copy *copy;
	struct batch *batch;

	if (batch_id >= LOOKUP_ID_BASE)
		return lookup_batch_address(batch_id);
	copy = lookup_copy_by_id(batch_id);
	if (copy)
		return copy->packets;
	batch = batch_by_id(batch_id);
	return batch ? batch->packet : NULL;
}

int32_t valet_region_address(uint32_t region_id, uint64_t *out)
{
	struct lookup_copy *copy;

	if (region_id >= LOOKUP_ID_BASE)
		return lookup_region_address(region_id, out);
	copy = lookup_copy_by_id(region_id);
	if (copy) {
		out[0] = (uintptr_t)copy->frames;
		out[1] = sizeof(copy->frames);
		return 0;
	}
	return memory_region_address(region_id, out);
}

int32_t valet_daemon_path(char *path, uint32_t size)
{
	return wire_socket_path(path, size);
}

int32_t valet_daemon_ask(const void *question, uint32_t bytes, void *answer, uint32_t size,
			 int32_t timeout_ms)
{
	return daemon_ask(question, bytes, answer, size, timeout_ms);
}

/* ---- files as memory: not the preload library's, which has the same objects ---- */

int32_t valet_memory_open(const char *path, uint32_t flags, uint64_t *range)
{
	return file_memory_open(path, flags, range);
}

int32_t valet_memory_sync(int32_t id, uint64_t *range)
{
	return file_memory_sync(id, range);
}

int32_t valet_memory_close(int32_t id)
{
	return file_memory_close(id);
}
