/*
 * UndefinedBehaviorSanitizer is on in the library: a descriptor array that is not aligned is
 * caught.
 */
#include "t.h"

#include "engine/table.h"

int main(void)
{
	struct table *table = calloc(1, sizeof(*table));
	uint8_t *memory = calloc(2, sizeof(struct valet_packet));
	struct valet_batch batch = { .packets = (struct valet_packet *)(memory + 1), .count = 1 };

	table_lookup(&batch, table);
	free(memory);
	free(table);
	return 0;
}
