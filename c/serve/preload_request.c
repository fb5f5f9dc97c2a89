/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NIOCCTRL: the parts of a request are brought together from wherever the program has them, and
 * the results taken back there. The rules for sizes and counts are netmap's, since what lies behind
 * a pointer is not known before it is read.
 */
#include "preload.h"

#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../engine/option.h"
#include "../engine/request.h"

/* ---- the program's memory ---- */

/* Where the system call is not allowed, the pointers are trusted. */
static int is_forbidden(void)
{
	return errno == ENOSYS || errno == EPERM;
}

int program_read(void *to, uint64_t from, size_t bytes)
{
	struct iovec here = { to, bytes }, there = { (void *)(uintptr_t)from, bytes };

	if (process_vm_readv(getpid(), &here, 1, &there, 1, 0) == (ssize_t)bytes)
		return 0;
	if (!is_forbidden())
		return -EFAULT;
	memcpy(to, there.iov_base, bytes);
	return 0;
}

int program_write(uint64_t to, const void *from, size_t bytes)
{
	struct iovec here = { (void *)(uintptr_t)from, bytes };
	struct iovec there = { (void *)(uintptr_t)to, bytes };

	if (process_vm_writev(getpid(), &here, 1, &there, 1, 0) == (ssize_t)bytes)
		return 0;
	if (!is_forbidden())
		return -EFAULT;
	memcpy(there.iov_base, from, bytes);
	return 0;
}

/* ---- gathering ---- */

enum {
	OPTIONS_MAX = NETMAP_REQ_MAXSIZE / sizeof(struct nmreq_option),
	PARTS_BYTES = 3 * NETMAP_REQ_MAXSIZE,
};

/* One option in the program and its copy. */
struct link {
	uint64_t address, next;
	struct nmreq_option *copy;
	uint32_t bytes; /* that the program has of it */
};

struct request {
	struct nmreq_header header; /* the copy */
	uint64_t body, options; /* the program's */
	uint32_t body_bytes;
	uint32_t links;
	struct link link[OPTIONS_MAX];
	uint32_t used; /* of parts */
	uint8_t parts[PARTS_BYTES] __attribute__((aligned(8)));
};

static void *take(struct request *request, uint64_t bytes)
{
	void *part = request->parts + request->used;

	bytes = (bytes + 7) & ~7ull;
	if (bytes > sizeof(request->parts) - request->used)
		return NULL;
	memset(part, 0, bytes);
	request->used += (uint32_t)bytes;
	return part;
}

/* The copy of an option. Of one that is refused, only the head is copied. */
static int gather_option(struct request *request, const struct nmreq_option *option,
			 uint64_t address, int refused)
{
	struct link *link = &request->link[request->links];
	uint64_t bytes = refused ? sizeof(*option)
				 : request_option_bytes(option->nro_reqtype, option->nro_size);

	int rc;

	link->copy = take(request, bytes);
	if (!link->copy)
		return -EMSGSIZE;
	rc = program_read(link->copy, address, bytes);
	/* As read the first time: it was checked. */
	*link->copy = *option;
	link->address = address;
	link->next = option->nro_next;
	link->bytes = (uint32_t)bytes;
	link->copy->nro_next = 0;
	link->copy->nro_status = 0;
	if (request->links)
		link[-1].copy->nro_next = (uintptr_t)link->copy;
	else
		request->header.nr_options = (uintptr_t)link->copy;
	request->links++;
	return rc;
}

/* Marks an option that must not be there, and the one of the same type before it. */
static void mark_invalid(struct request *request)
{
	uint32_t type = request->link[request->links - 1].copy->nro_reqtype;

	for (uint32_t i = 0; i < request->links; i++)
		if (request->link[i].copy->nro_reqtype == type)
			request->link[i].copy->nro_status = EINVAL;
}

static int gather_options(struct request *request)
{
	uint64_t next = request->options;
	struct option_chain chain;
	int rc = 0;

	request->header.nr_options = 0;
	option_chain_start(&chain, request->body_bytes);
	while (next && rc == 0) {
		struct nmreq_option option;
		int copied;

		rc = option_chain_next(&chain);
		if (rc < 0 || request->links == OPTIONS_MAX) {
			/* A loop perhaps: nothing is written back. */
			request->links = 0;
			return -EMSGSIZE;
		}
		rc = program_read(&option, next, sizeof(option));
		if (rc < 0)
			return rc;
		rc = option_chain_take(&chain, &option);
		copied = gather_option(request, &option, next, rc < 0);
		if (rc == -EINVAL)
			mark_invalid(request);
		if (rc == 0)
			rc = copied;
		next = option.nro_next;
	}
	if (rc == 0)
		for (uint32_t i = 0; i < request->links; i++)
			request->link[i].copy->nro_status = EOPNOTSUPP;
	return rc;
}

/* As netmap: the body exactly where there is to be one. */
static int gather(struct request *request)
{
	struct nmreq_header *header = &request->header;
	int bytes = request_body_bytes(header->nr_reqtype);
	void *body;

	if (header->nr_version < NETMAP_MIN_API || header->nr_version > NETMAP_MAX_API ||
	    header->nr_reserved)
		return -EINVAL;
	request->body_bytes = bytes > 0 ? (uint32_t)bytes : 0;
	if ((request->body_bytes > 0) != (header->nr_body != 0))
		return -EINVAL;
	request->body = header->nr_body;
	request->options = header->nr_options;
	if (request->body) {
		body = take(request, request->body_bytes);
		if (program_read(body, request->body, request->body_bytes) < 0)
			return -EFAULT;
		header->nr_body = (uintptr_t)body;
	}
	return gather_options(request);
}

/* ---- scattering ---- */

/* The body when all went well, the head of each option always, the rest of it when it was done. */
static int scatter(struct request *request, int rc)
{
	if (rc == 0 && request->body &&
	    program_write(request->body, (void *)(uintptr_t)request->header.nr_body,
			  request->body_bytes) < 0)
		rc = -EFAULT;
	for (uint32_t i = 0; i < request->links; i++) {
		struct link *link = &request->link[i];
		int all = rc == 0 && link->copy->nro_status == 0;

		link->copy->nro_next = link->next;
		if (program_write(link->address, link->copy,
				  all ? link->bytes : sizeof(*link->copy)) < 0)
			rc = -EFAULT;
	}
	return rc;
}

/* They stay in this process, and one of them lasts until the other comes. */
static int is_of_loop(uint16_t type)
{
	return type == NETMAP_REQ_SYNC_KLOOP_START || type == NETMAP_REQ_SYNC_KLOOP_STOP;
}

int request_new(void *descriptor, void *argument)
{
	struct request request;
	uint64_t address = (uintptr_t)argument;
	int rc;

	if (!argument)
		return -EINVAL;
	request.links = request.used = 0;
	request.body = request.options = 0;
	if (program_read(&request.header, address, sizeof(request.header)) < 0)
		return -EFAULT;
	request.body = request.header.nr_body;
	request.options = request.header.nr_options;
	rc = gather(&request);
	if (rc == 0 && is_of_loop(request.header.nr_reqtype)) {
		rc = backend_daemon.control(descriptor, &request.header);
	} else if (rc == 0) {
		int cancel = connection_lock(descriptor);

		rc = backend_daemon.control(descriptor, &request.header);
		connection_unlock(descriptor, cancel);
	}
	rc = scatter(&request, rc);
	request.header.nr_body = request.body;
	request.header.nr_options = request.options;
	if (program_write(address, &request.header, sizeof(request.header)) < 0)
		return -EFAULT;
	return rc;
}
