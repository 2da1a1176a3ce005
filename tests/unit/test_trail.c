#include <stdio.h>
#include <string.h>

#include "../../worker/trail.h"
#include "support.h"

static char route[] = "paid", died[] = "expired";
static struct event event = {
    .id = {1, 2, 3}, .source = "shop", .type = "order.paid"};
static struct store_delivery delivery = {.route = route,
    .reason = died,
    .attempt = 3,
    .died_at_ms = 1790000000000,
    .event = &event};
static const struct store_attempt attempt = {.at_ms = 1790000000000,
    .ms = 88,
    .outcome = "exit:1",
    .detail = "gone away"};

static void
note(struct trail *trail, enum delivery_state state)
{
	struct task task = {.kind = TASK_SETTLE, .delivery = &delivery};

	task.settle = (struct store_settle){.state = state,
	    .now_ms = attempt.at_ms + attempt.ms,
	    .due_ms = 1790000060000,
	    .attempt = &attempt};
	if (state == DELIVERY_DEAD)
		task.kind = TASK_BURIED;
	trail_note(trail, &task);
}

/* The answer as text without blanks; the number of attempts in it. */
static size_t
ask(const struct trail *trail, struct trail_query query, json_int_t *cursor,
    char *text, size_t size)
{
	json_t *answer = trail_json(trail, &query);
	const json_t *list = json_object_get(answer, "attempts");
	size_t n = json_array_size(list);
	char *dump = json_dumps(answer, JSON_COMPACT);

	assert_non_null(dump);
	snprintf(text, size, "%s", dump);
	*cursor = json_integer_value(json_object_get(answer, "cursor"));
	free(dump);
	json_decref(answer);
	return n;
}

static void
tells_what_came_since(void **state)
{
	struct trail *trail = trail_new();
	struct trail_query query = {.source = "", .type = "", .after = -1};
	json_int_t cursor;
	char text[2000];

	(void)state;
	note(trail, DELIVERY_DELIVERED);
	assert_int_equal(ask(trail, query, &cursor, text, sizeof(text)), 0);
	assert_int_equal(cursor, 1);
	query.after = cursor;
	assert_int_equal(ask(trail, query, &cursor, text, sizeof(text)), 0);
	note(trail, DELIVERY_WAITING);
	note(trail, DELIVERY_DEAD);
	assert_int_equal(ask(trail, query, &cursor, text, sizeof(text)), 2);
	assert_int_equal(cursor, 3);
	support_contains(text,
	    "{\"n\":2,\"at\":\"2026-09-21T14:13:20.088Z\","
	    "\"id\":\"01020300-0000-0000-0000-000000000000\","
	    "\"source\":\"shop\",\"type\":\"order.paid\",\"route\":\"paid\","
	    "\"replay\":0,\"attempt\":3,\"state\":\"waiting\",\"ms\":88,"
	    "\"outcome\":\"exit:1\",\"detail\":\"gone away\","
	    "\"due_at\":\"2026-09-21T14:14:20.000Z\"}");
	support_contains(text, "\"state\":\"dead\",\"reason\":\"expired\"}");
	trail_free(trail);
}

static void
filters(void **state)
{
	static const struct {
		const char *source;
		const char *type;
		size_t n;
	} rows[] = {
	    {"shop", "", 1},
	    {"other", "", 0},
	    {"", "order", 1},
	    {"", "order.*", 1},
	    {"shop", "push", 0},
	};
	struct trail *trail = trail_new();
	json_int_t cursor;
	char text[2000];

	(void)state;
	note(trail, DELIVERY_DELIVERED);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct trail_query query = {
		    rows[i].source, rows[i].type, 0};

		assert_int_equal(
		    ask(trail, query, &cursor, text, sizeof(text)), rows[i].n);
		assert_int_equal(cursor, 1);
	}
	trail_free(trail);
}

/* Pages, what the ring has lost, and a number of an earlier worker. */
static void
is_bounded(void **state)
{
	struct trail *trail = trail_new();
	struct trail_query query = {.source = "", .type = "", .after = 0};
	size_t n, all = 0;
	json_int_t cursor;
	char text[2000];

	(void)state;
	for (int i = 0; i < TRAIL_MAX + 10; i++)
		note(trail, DELIVERY_DELIVERED);
	n = ask(trail, query, &cursor, text, sizeof(text));
	assert_int_equal(n, TRAIL_PAGE);
	support_contains(text, "\"missed\":10,\"more\":true");
	for (; n > 0; query.after = cursor) {
		all += n;
		query.after = cursor;
		n = ask(trail, query, &cursor, text, sizeof(text));
	}
	assert_int_equal(all, TRAIL_MAX);
	assert_int_equal(cursor, TRAIL_MAX + 10);
	support_contains(text, "\"missed\":0,\"more\":false");
	query.after = cursor + 1;
	assert_int_equal(
	    ask(trail, query, &cursor, text, sizeof(text)), TRAIL_PAGE);
	trail_free(trail);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(tells_what_came_since),
	    cmocka_unit_test(filters),
	    cmocka_unit_test(is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
