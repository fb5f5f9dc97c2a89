/*
 * AddressSanitizer is on in the library: a frame that is shorter than its descriptor says is
 * caught.
 */
#include "t.h"

#include "engine/table.h"

int main(void)
{
	struct table *table = calloc(1, sizeof(*table));
	uint8_t *frame = malloc(11);
	struct valet_packet packet = { .data = frame, .length = 14, .first_length = 14 };
	struct valet_batch batch = { .packets = &packet, .count = 1 };

	memset(frame, 0, 11);
	table_lookup(&batch, table);
	free(frame);
	free(table);
	return 0;
}
