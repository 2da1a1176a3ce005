/* Refused requests that a worker keeps. */

#include <stdlib.h>
#include <string.h>

#include "../../worker/rejected.h"
#include "support.h"

static char one[] = "one", two[] = "two", none[] = "none";

static struct config_source sources[] = {{.name = one, .keep_rejected = 3},
    {.name = two, .keep_rejected = 1000}, {.name = none}};

static struct config config = {.sources = sources, .n_sources = 3};

static void
add(struct rejected *rejected, const char *source, unsigned n, size_t body_len)
{
	static char body[65536];
	const struct wire_rejected request = {
	    .event = {.id = {1, [14] = (uint8_t)(n >> 8), [15] = (uint8_t)n},
		.source = source,
		.key = "",
		.type = "",
		.remote = "",
		.method = "POST",
		.path = "/",
		.query = "",
		.content_type = "",
		.headers = "{}",
		.scheme = "github",
		.body = body,
		.body_len = body_len},
	    .reason = "mismatch",
	    .status = 401,
	    .body_len = 70000};

	rejected_add(rejected, &config, &request);
}

/* The numbers of those that are kept, newest first: "3 2 1 ". */
static char *
list(const struct rejected *rejected)
{
	const struct rejected_item *item = rejected_first(rejected);
	struct buf text = {0};

	for (; item != NULL; item = item->next)
		buf_printf(&text, "%d ",
		    item->event->id[14] << 8 | item->event->id[15]);
	return buf_take(&text);
}

static void
expect(const struct rejected *rejected, const char *want)
{
	char *text = list(rejected);

	assert_string_equal(text, want);
	free(text);
}

static void
keeps_the_last_of_each_source(void **state)
{
	struct rejected *rejected = rejected_new();
	const struct rejected_item *item;

	(void)state;
	for (unsigned n = 1; n <= 5; n++)
		add(rejected, "one", n, 10);
	add(rejected, "two", 6, 10);
	add(rejected, "none", 7, 10);
	add(rejected, "unknown", 8, 10);
	add(rejected, "one", 9, 10);
	expect(rejected, "9 6 5 4 ");
	item = rejected_first(rejected);
	assert_string_equal(item->reason, "mismatch");
	assert_int_equal(item->status, 401);
	assert_int_equal(item->body_len, 70000);
	assert_int_equal(item->event->body_len, 10);
	rejected_free(rejected);
}

static void
keeps_within_its_bytes(void **state)
{
	struct rejected *rejected = rejected_new();
	const struct rejected_item *item;
	unsigned n = 0;

	(void)state;
	add(rejected, "one", 1000, 10);
	for (unsigned i = 1; i <= 300; i++)
		add(rejected, "two", i, 65536);
	for (item = rejected_first(rejected); item != NULL; item = item->next)
		n++;
	assert_in_range(n, 110, 128);
	assert_int_equal(rejected_first(rejected)->event->id[15], 300 & 0xff);
	rejected_free(rejected);
}

static void
follows_a_reload(void **state)
{
	struct rejected *rejected = rejected_new();

	(void)state;
	for (unsigned n = 1; n <= 3; n++) {
		add(rejected, "one", n, 10);
		add(rejected, "two", 10 + n, 10);
	}
	sources[0].keep_rejected = 0;
	sources[1].keep_rejected = 2;
	rejected_trim(rejected, &config);
	expect(rejected, "13 12 ");
	sources[0].keep_rejected = 3;
	sources[1].keep_rejected = 1000;
	rejected_free(rejected);
}

static void
forgets_one(void **state)
{
	const uint8_t id[EVENT_ID_LEN] = {1, [15] = 2};
	struct rejected *rejected = rejected_new();

	(void)state;
	for (unsigned n = 1; n <= 3; n++)
		add(rejected, "one", n, 10);
	assert_true(rejected_forget(rejected, id));
	assert_false(rejected_forget(rejected, id));
	expect(rejected, "3 1 ");
	rejected_free(rejected);
}

static void
without_memory_nothing_is_kept(void **state)
{
	struct rejected *rejected = rejected_new();
	unsigned n = 0;

	(void)state;
	do {
		support_fail_alloc(++n);
		add(rejected, "one", 1, 10);
		support_fail_alloc(0);
	} while (rejected_first(rejected) == NULL);
	assert_true(n > 2);
	rejected_free(rejected);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(keeps_the_last_of_each_source),
	    cmocka_unit_test(keeps_within_its_bytes),
	    cmocka_unit_test(follows_a_reload),
	    cmocka_unit_test(forgets_one),
	    cmocka_unit_test(without_memory_nothing_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
