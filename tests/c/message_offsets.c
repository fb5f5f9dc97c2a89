/*
 * A message whose offsets leave it, overlap or are not aligned is refused and left as it was; one
 * whose options loop is answered as netmap does.
 */
#include "t.h"

#include "message.h"

struct message {
	struct nmreq_header header;
	struct nmreq_register body;
	struct nmreq_option option[3];
};

enum {
	BODY = offsetof(struct message, body),
	OPTION = offsetof(struct message, option),
	EACH = sizeof(struct nmreq_option),
};

static struct message good(void)
{
	struct message message = {
		.header = { .nr_version = NETMAP_API, .nr_reqtype = NETMAP_REQ_REGISTER,
			    .nr_name = "vale0:a", .nr_options = OPTION, .nr_body = BODY },
		.body = { .nr_mode = NR_REG_ALL_NIC },
		.option = { { .nro_next = OPTION + EACH, .nro_reqtype = 50 },
			    { .nro_next = OPTION + 2 * EACH, .nro_reqtype = 51 },
			    { .nro_next = 0, .nro_reqtype = 52 } },
	};

	return message;
}

static void refuse(const struct message *message, uint32_t size, int wanted)
{
	struct message copy = *message;

	EQUAL(message_to_pointers(&copy, size), wanted);
	CHECK(!memcmp(&copy, message, sizeof(copy)));
}

static void conversion(void)
{
	struct message message = good(), before = message;

	EQUAL(message_to_pointers(&message, sizeof(message)), 0);
	EQUAL(message.header.nr_body, (uintptr_t)&message.body);
	EQUAL(message.header.nr_options, (uintptr_t)&message.option[0]);
	EQUAL(message.option[0].nro_next, (uintptr_t)&message.option[1]);
	EQUAL(message.option[1].nro_next, (uintptr_t)&message.option[2]);
	EQUAL(message.option[2].nro_next, 0);
	message_to_offsets(&message);
	CHECK(!memcmp(&message, &before, sizeof(message)));
	/* Options in any order, before the body too. */
	message.header.nr_options = OPTION + EACH;
	message.option[1].nro_next = OPTION;
	message.option[0].nro_next = 0;
	before = message;
	EQUAL(message_to_pointers(&message, sizeof(message)), 0);
	message_to_offsets(&message);
	CHECK(!memcmp(&message, &before, sizeof(message)));
}

static void bad_offsets(void)
{
	static const uint64_t bad[] = { 1,	    8,		 sizeof(struct nmreq_header) - 8,
					BODY + 4,   BODY + 1,	 sizeof(struct message),
					1ull << 63, ~0ull,	 ~0ull - 7,
					1ull << 32, (1ull << 32) + BODY };
	struct message message;

	for (size_t i = 0; i < COUNT(bad); i++) {
		message = good();
		message.header.nr_body = bad[i];
		refuse(&message, sizeof(message), -EINVAL);
		message = good();
		message.header.nr_options = bad[i];
		refuse(&message, sizeof(message), -EINVAL);
		message = good();
		message.option[1].nro_next = bad[i];
		refuse(&message, sizeof(message), -EINVAL);
	}
}

/*
 * Results written into one part would change another: an option's status lies where the next one's
 * link is.
 */
static void overlaps(void)
{
	struct message message = good();

	message.option[0].nro_next = OPTION + 8;
	refuse(&message, sizeof(message), -EINVAL);
	message = good();
	message.header.nr_options = BODY + 8;
	refuse(&message, sizeof(message), -EINVAL);
	message = good();
	message.header.nr_body = OPTION - 8;
	refuse(&message, sizeof(message), -EINVAL);
	message = good();
	message.option[0].nro_reqtype = NETMAP_REQ_OPT_EXTMEM; /* longer than the place before the next */
	refuse(&message, sizeof(message), -EINVAL);
}

/* The next option of each, as where it is in the message. */
static void loop(uint64_t first, uint64_t second, uint64_t third)
{
	struct message message = good(), before;

	message.option[0].nro_next = first;
	message.option[1].nro_next = second;
	message.option[2].nro_next = third;
	before = message;
	EQUAL(message_to_pointers(&message, sizeof(message)), 0);
	EQUAL(message.option[0].nro_next, first + (uintptr_t)&message);
	EQUAL(message.option[1].nro_next, second + (uintptr_t)&message);
	message_to_offsets(&message);
	CHECK(!memcmp(&message, &before, sizeof(message)));
}

/* Of a loop nothing is written back, unless an option in it cannot be there twice. */
static void loop_answer(uint32_t type, int32_t rc, uint32_t status)
{
	struct message message = good();
	int32_t handle = open_handle();

	message.option[0].nro_reqtype = type;
	message.option[0].nro_status = 77;
	message.option[0].nro_next = OPTION;
	EQUAL(valet_control(handle, &message, sizeof(message)), rc);
	EQUAL(message.option[0].nro_status, status);
	EQUAL(message.option[0].nro_next, OPTION);
	EQUAL(valet_close(handle), 0);
}

static void loops(void)
{
	loop(OPTION + EACH, OPTION + 2 * EACH, OPTION);
	loop(OPTION + EACH, OPTION + 2 * EACH, OPTION + 2 * EACH);
	loop(OPTION + EACH, OPTION + 2 * EACH, OPTION + EACH);
	loop_answer(50, -EMSGSIZE, 77);
	loop_answer(NETMAP_REQ_OPT_SYNC_KLOOP_EVENTFDS, -EINVAL, EINVAL);
	loop_answer(0, -EINVAL, EINVAL);
}

static void too_short(void)
{
	struct message message = good();

	EQUAL(message_to_pointers(NULL, 0), -EINVAL);
	EQUAL(message_to_pointers((uint8_t *)&message + 4, sizeof(message) - 4), -EINVAL);
	for (uint32_t size = 0; size < sizeof(message); size++)
		refuse(&message, size, -EINVAL);
	message.option[1].nro_reqtype = NETMAP_REQ_OPT_CSB;
	message.option[1].nro_next = 0;
	refuse(&message, OPTION + 2 * EACH + 8, -EINVAL);
	EQUAL(message_to_pointers(&message, OPTION + 2 * EACH + 16), 0);
	message = good();
	message.header.nr_options = OPTION;
	message.option[0] = (struct nmreq_option){ .nro_reqtype = NETMAP_REQ_OPT_SYNC_KLOOP_EVENTFDS,
						   .nro_size = OPTION };
	refuse(&message, sizeof(message), -EINVAL);
	/* Too large for netmap, who says so: nobody looks at the rest. */
	message.option[0].nro_size = ~0ull;
	EQUAL(message_to_pointers(&message, sizeof(message)), 0);
}

/* More options than netmap lets a request have. */
static void many(uint32_t count, int wanted)
{
	uint32_t bytes = (uint32_t)sizeof(struct nmreq_header) + count * EACH;
	struct nmreq_header *header = calloc(1, bytes);
	struct nmreq_option *option = (void *)(header + 1);

	CHECK(header);
	header->nr_reqtype = NETMAP_REQ_VALE_DELIF;
	header->nr_options = sizeof(*header);
	for (uint32_t i = 0; i + 1 < count; i++)
		option[i].nro_next = sizeof(*header) + (i + 1) * EACH;
	EQUAL(message_to_pointers(header, bytes), wanted);
	free(header);
}

/* Through the interface: results come back with offsets in their places. */
static void whole(void)
{
	struct message message = good();
	int32_t handle = open_handle();

	EQUAL(valet_control(handle, &message, sizeof(message)), -EOPNOTSUPP);
	EQUAL(message.header.nr_body, BODY);
	EQUAL(message.header.nr_options, OPTION);
	for (int i = 0; i < 3; i++) {
		EQUAL(message.option[i].nro_status, EOPNOTSUPP);
		EQUAL(message.option[i].nro_next, i < 2 ? OPTION + (i + 1) * EACH : 0);
	}
	message.option[2].nro_next = OPTION + 8; /* from the third into the middle of the first */
	EQUAL(valet_control(handle, &message, sizeof(message)), -EINVAL);
	EQUAL(valet_control(handle, NULL, 0), -EINVAL);
	message = good();
	message.header.nr_options = 0;
	EQUAL(valet_control(handle, &message, sizeof(message)), 0);
	EQUAL(message.header.nr_body, BODY);
	EQUAL(message.body.nr_memsize, 43810816);
	EQUAL(valet_close(handle), 0);
}

int main(void)
{
	conversion();
	bad_offsets();
	overlaps();
	loops();
	too_short();
	many(170, 0);
	many(5000, -EMSGSIZE);
	whole();
	return 0;
}
