/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The daemon's client gives it memory of this process that no file is behind, shared and private, and
 * memory of a file: at the same addresses, with the same contents, packets come and go in it.
 */
#include "daemon.h"

#include "engine/region.h"

enum { SLOTS_EACH = 16, MEMORY_BYTES = 128 * 4096 };

static struct nmreq_opt_extmem option_for(const void *memory, uint64_t bytes)
{
	return (struct nmreq_opt_extmem){
		.nro_opt.nro_reqtype = NETMAP_REQ_OPT_EXTMEM,
		.nro_usrptr = (uintptr_t)memory,
		.nro_info = { .nr_memsize = bytes,
			      .nr_if_pool_objtotal = 4,
			      .nr_ring_pool_objtotal = 8,
			      .nr_ring_pool_objsize = 512,
			      .nr_buf_pool_objtotal = 100 },
	};
}

static int enter(void *descriptor, const char *name, struct nmreq_opt_extmem *option,
		 struct nmreq_register *reg)
{
	struct nmreq_header header = { .nr_version = NETMAP_API,
				       .nr_reqtype = NETMAP_REQ_REGISTER,
				       .nr_options = (uintptr_t)option,
				       .nr_body = (uintptr_t)reg };

	*reg = (struct nmreq_register){ .nr_mode = NR_REG_ALL_NIC,
					.nr_tx_slots = SLOTS_EACH,
					.nr_rx_slots = SLOTS_EACH };
	strcpy(header.nr_name, name);
	return backend_daemon.control(descriptor, &header);
}

static struct netmap_ring *ring_of(uint8_t *memory, const struct nmreq_register *reg, int which)
{
	struct netmap_if *nifp = (struct netmap_if *)(memory + reg->nr_offset);

	return (struct netmap_ring *)((uint8_t *)nifp + nifp->ring_ofs[which]);
}

/* A port in that memory gets what another port sends, in that memory. */
static void packets_arrive(uint8_t *memory)
{
	struct nmreq_opt_extmem option = option_for(memory, MEMORY_BYTES);
	struct nmreq_register reg;
	struct netmap_ring *rx;
	struct port_handle sender;
	void *descriptor;

	/* The last bytes are no ring's: what is in them stays. */
	memset(memory + MEMORY_BYTES - BUFFER_STRIDE, 0x5a, BUFFER_STRIDE);
	EQUAL(backend_daemon.open("", &descriptor), 0);
	EQUAL(enter(descriptor, "vale0:x", &option, &reg), 0);
	EQUAL(option.nro_opt.nro_status, 0);
	EQUAL(option.nro_usrptr, (uintptr_t)memory);
	EQUAL(option.nro_info.nr_buf_pool_objsize, BUFFER_STRIDE);
	EQUAL(option.nro_info.nr_if_pool_offset, 0);
	EQUAL(reg.nr_memsize, MEMORY_BYTES);
	for (int i = 0; i < BUFFER_STRIDE; i++)
		EQUAL(memory[MEMORY_BYTES - BUFFER_STRIDE + i], 0x5a);
	sender = open_port("vale0:y", SLOTS(SLOTS_EACH));
	send_frame(&sender, EVERYBODY, STATION(1), 77);
	EQUAL(backend_daemon.rxsync(descriptor), 0);
	rx = ring_of(memory, &reg, 2);
	EQUAL(rx->tail, 1);
	CHECK(!memcmp((uint8_t *)rx + rx->buf_ofs + rx->slot[0].buf_idx * BUFFER_STRIDE,
		      "\xff\xff\xff\xff\xff\xff", 6));
	close_port(&sender);
	backend_daemon.close(descriptor);
}

static void refused(void)
{
	struct nmreq_opt_extmem option = option_for((void *)4096, MEMORY_BYTES);
	uint8_t *read_only = mmap(NULL, MEMORY_BYTES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct nmreq_register reg;
	void *descriptor;

	EQUAL(backend_daemon.open("", &descriptor), 0);
	EQUAL(enter(descriptor, "vale0:x", &option, &reg), -EFAULT);
	EQUAL(option.nro_opt.nro_status, EFAULT);
	option = option_for(read_only, MEMORY_BYTES);
	EQUAL(enter(descriptor, "vale0:x", &option, &reg), -EFAULT);
	option = option_for(read_only + 64, MEMORY_BYTES);
	EQUAL(enter(descriptor, "vale0:x", &option, &reg), -EINVAL);
	backend_daemon.close(descriptor);
	munmap(read_only, MEMORY_BYTES);
}

int main(void)
{
	int modes[] = { MAP_SHARED | MAP_ANONYMOUS, MAP_PRIVATE | MAP_ANONYMOUS };
	char path[] = "/tmp/valet-extmem-XXXXXX";
	struct daemon daemon;
	uint8_t *memory;
	int fd;

	daemon_folder();
	daemon = daemon_start(2);
	for (size_t i = 0; i < COUNT(modes); i++) {
		memory = mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, modes[i], -1, 0);
		CHECK(memory != MAP_FAILED);
		packets_arrive(memory);
		packets_arrive(memory);
		munmap(memory, MEMORY_BYTES);
	}
	fd = mkstemp(path);
	EQUAL(ftruncate(fd, MEMORY_BYTES), 0);
	memory = mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	packets_arrive(memory);
	/* Neither its name nor a descriptor of it is needed. */
	unlink(path);
	packets_arrive(memory);
	close(fd);
	munmap(memory, MEMORY_BYTES);
	refused();
	daemon_stop(&daemon);
	return 0;
}
