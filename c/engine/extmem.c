/* SPDX-License-Identifier: BSD-2-Clause */
#include "extmem.h"

#include <string.h>

#include "control.h"
#include "option.h"

enum { PAGE_BYTES = 4096, OBJECT_ALIGN = 64, BUFFER_BYTES_MAX = 65536 };

/* What the option leaves open is as in a region of a port's own. Written back, as the kernel does. */
static void fill_in(struct nmreq_pools_info *info, const struct pool_size defaults[POOLS])
{
	uint32_t *const fields[POOLS][2] = {
		{ &info->nr_if_pool_objsize, &info->nr_if_pool_objtotal },
		{ &info->nr_ring_pool_objsize, &info->nr_ring_pool_objtotal },
		{ &info->nr_buf_pool_objsize, &info->nr_buf_pool_objtotal },
	};

	for (int i = 0; i < POOLS; i++) {
		if (!*fields[i][0])
			*fields[i][0] = defaults[i].object_bytes;
		if (!*fields[i][1])
			*fields[i][1] = defaults[i].objects;
	}
}

/* The pools one after the other, each page aligned; what is left over are buffers. */
static int lay_out(const struct nmreq_pools_info *info, struct pool pool[POOLS])
{
	const uint32_t sizes[POOLS][2] = {
		{ info->nr_if_pool_objsize, info->nr_if_pool_objtotal },
		{ info->nr_ring_pool_objsize, info->nr_ring_pool_objtotal },
		{ info->nr_buf_pool_objsize, info->nr_buf_pool_objtotal },
	};
	uint64_t left = info->nr_memsize, end = 0;
	uint64_t pages_bytes = (info->nr_memsize + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;

	memset(pool, 0, POOLS * sizeof(*pool));
	for (int i = 0; i < POOLS; i++) {
		if (sizes[i][0] % OBJECT_ALIGN ||
		    (i == POOL_BUFFER && sizes[i][0] > BUFFER_BYTES_MAX))
			return -EINVAL;
		if ((uint64_t)sizes[i][0] * sizes[i][1] > left)
			return -ENOMEM;
		left -= (uint64_t)sizes[i][0] * sizes[i][1];
	}
	for (int i = 0; i < POOLS; i++) {
		uint64_t wanted = sizes[i][1], fit = (pages_bytes - end) / sizes[i][0];

		if (i == POOL_BUFFER)
			wanted += (left + sizes[i][0] - 1) / sizes[i][0];
		wanted = wanted < fit ? wanted : fit;
		if (wanted <= (i == POOL_BUFFER ? RESERVED_BUFFERS : 0) || wanted > UINT32_MAX)
			return -ENOMEM;
		pool[i].offset = end;
		pool[i].object_bytes = sizes[i][0];
		pool[i].objects = (uint32_t)wanted;
		end += wanted * sizes[i][0];
		end = (end + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
	}
	return 0;
}

static int region_at(struct descriptor *descriptor, struct nmreq_opt_extmem *option,
		     struct region **out)
{
	struct engine *engine = descriptor->engine;
	struct memory_source source = {
		.address = option->nro_usrptr,
		.bytes = option->nro_info.nr_memsize,
		.fd = descriptor->memory_fd,
	};
	struct pool pool[POOLS];
	int rc;

	fill_in(&option->nro_info, engine->parameters.alone);
	if (source.bytes > UINT64_MAX - PAGE_BYTES || source.address % PAGE_BYTES)
		return -EINVAL;
	source.bytes = (source.bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
	rc = engine->host->region_identify(&source);
	if (rc < 0)
		return rc;
	*out = engine_region_of(engine, &source);
	if (*out)
		return 0;
	rc = lay_out(&option->nro_info, pool);
	return rc < 0 ? rc : engine_region_adopt(engine, &source, pool, out);
}

int extmem_region(struct descriptor *descriptor, const struct nmreq_header *header,
		  struct region **out)
{
	struct nmreq_opt_extmem *option = option_find(header, NETMAP_REQ_OPT_EXTMEM);
	int rc;

	*out = NULL;
	if (!option)
		return 0;
	rc = region_at(descriptor, option, out);
	option->nro_opt.nro_status = (uint32_t)-rc;
	return rc;
}
