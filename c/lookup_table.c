/* SPDX-License-Identifier: BSD-2-Clause */
/* valet_table.h for bindings. */
#include "valet_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "valet.h"

static uint32_t slots_for(uint32_t capacity)
{
	uint32_t slots = 4;

	while (slots < 2 * capacity)
		slots *= 2;
	return slots;
}

int32_t valet_table_make(uint32_t kind, uint32_t key_words, uint32_t capacity, double rate_per_s,
			 uint32_t burst, uint64_t *out)
{
	uint32_t entry_bytes = (uint32_t)sizeof(struct valet_table_slot) + (key_words + 1) / 2 * 8;
	uint32_t slots;
	struct valet_table *table;
	size_t bytes;

	if (kind > VALET_TABLE_BUCKETS || key_words == 0 || key_words > VALET_TABLE_KEY_WORDS_MAX ||
	    capacity == 0 || capacity > VALET_TABLE_CAPACITY_MAX)
		return -EINVAL;
	if (!(rate_per_s >= 0 && rate_per_s <= 1 << 25) || burst >= 1 << 24 ||
	    (kind == VALET_TABLE_BUCKETS && burst == 0))
		return -EINVAL;
	slots = slots_for(capacity);
	bytes = sizeof(*table) + (size_t)slots * entry_bytes;
	table = aligned_alloc(64, (bytes + 63) / 64 * 64);
	if (!table)
		return -ENOMEM;
	memset(table, 0, bytes);
	table->kind = kind;
	table->key_words = key_words;
	table->capacity = capacity;
	table->slots = slots;
	table->entry_bytes = entry_bytes;
	table->rate_q = (uint64_t)(rate_per_s * (double)(1ull << 44) / 1e9 + 0.5);
	table->burst_q = (uint64_t)burst << 16;
	*out = (uintptr_t)table;
	return 0;
}

void valet_table_free(void *table)
{
	free(table);
}

double valet_table_get_entry(void *table, const uint32_t *key)
{
	return (double)valet_table_read(table, key);
}

int32_t valet_table_set_entry(void *table, const uint32_t *key, uint32_t value)
{
	return valet_table_set(table, key, value);
}

int32_t valet_table_count_entry(void *table, const uint32_t *key, uint32_t amount)
{
	return valet_table_count(table, key, amount);
}

int32_t valet_table_take_entry(void *table, const uint32_t *key, uint32_t amount)
{
	return (int32_t)valet_table_take(table, key, amount);
}

static uint32_t index_of(struct valet_table *table, const struct valet_table_slot *slot)
{
	return (uint32_t)(((const uint8_t *)slot - (const uint8_t *)(table + 1)) /
			  table->entry_bytes);
}

/*
 * A deleted entry lets searches go on to what lies behind it. Where nothing does, it is empty, and
 * those in front of it are: deleted ones would make searches long. Caller holds the lock.
 */
static void sweep(struct valet_table *table, uint32_t index)
{
	if (valet_table_slot(table, index + 1)->state != VALET_ENTRY_EMPTY)
		return;
	for (; valet_table_slot(table, index)->state == VALET_ENTRY_DELETED; index--)
		valet_table_change(valet_table_slot(table, index), VALET_ENTRY_EMPTY, NULL, 0, 0);
}

int32_t valet_table_delete_entry(void *at, const uint32_t *key)
{
	struct valet_table *table = at;
	struct valet_table_slot *slot;
	uint32_t sequence;

	valet_table_lock(table);
	slot = valet_table_find(table, key, &sequence);
	if (slot) {
		valet_table_change(slot, VALET_ENTRY_DELETED, NULL, 0, 0);
		__atomic_store_n(&table->used, table->used - 1, __ATOMIC_RELAXED);
		sweep(table, index_of(table, slot));
	}
	valet_table_unlock(table);
	return slot != NULL;
}

void valet_table_clear(void *at)
{
	struct valet_table *table = at;

	valet_table_lock(table);
	for (uint32_t i = 0; i < table->slots; i++)
		if (valet_table_slot(table, i)->state != VALET_ENTRY_EMPTY)
			valet_table_change(valet_table_slot(table, i), VALET_ENTRY_EMPTY, NULL, 0,
					   0);
	__atomic_store_n(&table->used, 0, __ATOMIC_RELAXED);
	valet_table_unlock(table);
}

uint32_t valet_table_used(const void *table)
{
	return __atomic_load_n(&((const struct valet_table *)table)->used, __ATOMIC_RELAXED);
}

int32_t valet_table_next(void *at, uint32_t cursor, uint32_t *key, double *value)
{
	struct valet_table *table = at;

	for (; cursor < table->slots; cursor++) {
		struct valet_table_slot *slot = valet_table_slot(table, cursor);
		uint32_t before, state;
		uint64_t number;

		do {
			before = __atomic_load_n(&slot->sequence, __ATOMIC_ACQUIRE);
			state = __atomic_load_n(&slot->state, __ATOMIC_ACQUIRE);
			for (uint32_t i = 0; i < table->key_words; i++)
				key[i] = __atomic_load_n(&slot->key[i], __ATOMIC_ACQUIRE);
			number = __atomic_load_n(&slot->value, __ATOMIC_ACQUIRE);
		} while (before & 1 ||
			 before != __atomic_load_n(&slot->sequence, __ATOMIC_RELAXED));
		if (state != VALET_ENTRY_USED)
			continue;
		*value = table->kind == VALET_TABLE_BUCKETS
				 ? (double)(number & VALET_BUCKET_TOKENS_MASK) / 65536
				 : (double)(number & VALET_TABLE_COUNTER_MASK);
		return (int32_t)cursor + 1;
	}
	return 0;
}
