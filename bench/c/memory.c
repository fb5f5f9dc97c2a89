/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory that ports take: what the process has resident, before and after opening them. */
#include <inttypes.h>

#include "meeting.h"
#include "port.h"
#include "row.h"

static int64_t resident_bytes(void)
{
	FILE *file = fopen("/proc/self/smaps_rollup", "r");
	char line[256];
	int64_t kib = -1;

	if (!file)
		fail("read /proc/self/smaps_rollup", -errno);
	while (kib < 0 && fgets(line, sizeof(line), file))
		sscanf(line, "Rss: %" SCNd64 " kB", &kib);
	fclose(file);
	if (kib < 0)
		fail("find Rss in /proc/self/smaps_rollup", -EINVAL);
	return kib * 1024;
}

void bench_memory(uint32_t slots, uint32_t ports)
{
	int64_t start, first = 0, all, opening_ns;
	char name[64];

	resident_bytes(); /* the first reading touches memory itself */
	start = resident_bytes();
	opening_ns = bench_clock_ns();
	for (uint32_t i = 0; i < ports; i++) {
		snprintf(name, sizeof(name), "vale0:p%u", i);
		bench_port_open(name, slots);
		if (i == 0)
			first = resident_bytes() - start;
	}
	opening_ns = bench_clock_ns() - opening_ns;
	all = resident_bytes() - start;
	printf("{\"bytes\":%" PRId64 ",\"first_bytes\":%" PRId64 ",\"ports\":%u,"
	       "\"open_us\":%.1f}\n",
	       all / (ports ? ports : 1), first, ports, (double)opening_ns / 1e3 / (ports ? ports : 1));
}
