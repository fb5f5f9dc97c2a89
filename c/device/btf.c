/* SPDX-License-Identifier: BSD-2-Clause */
#include "btf.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/btf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct file {
	uint8_t *bytes;
	size_t length;
};

static int read_file(const char *path, struct file *file)
{
	struct stat about;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t length = 0;
	ssize_t got = 1;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &about) == 0 && about.st_size > 0)
		file->bytes = malloc((size_t)about.st_size);
	while (file->bytes && length < (size_t)about.st_size && got > 0) {
		got = read(fd, file->bytes + length, (size_t)about.st_size - length);
		length += got > 0 ? (size_t)got : 0;
	}
	close(fd);
	file->length = length;
	return file->bytes ? 0 : -ENOENT;
}

/* Of what follows a type. */
static uint32_t more_bytes(const struct btf_type *type)
{
	uint32_t members = BTF_INFO_VLEN(type->info);

	switch (BTF_INFO_KIND(type->info)) {
	case BTF_KIND_INT:
	case BTF_KIND_VAR:
	case BTF_KIND_DECL_TAG:
		return 4;
	case BTF_KIND_ARRAY:
		return sizeof(struct btf_array);
	case BTF_KIND_ENUM:
	case BTF_KIND_FUNC_PROTO:
		return members * 8;
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
	case BTF_KIND_DATASEC:
	case BTF_KIND_ENUM64:
		return members * 12;
	default:
		return 0;
	}
}

static int32_t find(const struct file *file, const char *name)
{
	const struct btf_header *header = (const void *)file->bytes;
	const size_t wanted = strlen(name) + 1;
	uint64_t at, end, strings;
	int32_t number = 1; /* 0 is void */

	if (file->length < sizeof(*header) || header->magic != BTF_MAGIC)
		return -ENOENT;
	at = (uint64_t)header->hdr_len + header->type_off;
	end = at + header->type_len;
	strings = (uint64_t)header->hdr_len + header->str_off;
	if (end > file->length)
		return -ENOENT;
	for (; at + sizeof(struct btf_type) <= end; number++) {
		const struct btf_type *type = (const void *)(file->bytes + at);
		uint64_t its_name = strings + type->name_off;

		if (BTF_INFO_KIND(type->info) == BTF_KIND_FUNC &&
		    its_name + wanted <= file->length &&
		    memcmp(file->bytes + its_name, name, wanted) == 0)
			return number;
		at += sizeof(*type) + more_bytes(type);
	}
	return -ENOENT;
}

int32_t btf_kernel_function(const char *name)
{
	struct file file = { NULL, 0 };
	int32_t number = read_file("/sys/kernel/btf/vmlinux", &file);

	if (number == 0)
		number = find(&file, name);
	free(file.bytes);
	return number;
}
