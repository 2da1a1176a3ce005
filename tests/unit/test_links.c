/* links: the gateways a worker hears from. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../worker/links.h"

static const char one[] = "Gaaaaaaaaaaaaaaaa";
static const char two[] = "Gbbbbbbbbbbbbbbbb";

static json_t *
hello(const char *host, const char *source, int accepted)
{
	return json_pack("{s:s, s:i, s:{s:{s:i}}}", "host", host, "pid", 7,
	    "counters", source, "accepted", accepted);
}

static bool
heard(struct links *links, const char *id, json_t *object, int64_t now_ms)
{
	bool is_new = links_heard(links, id, WIRE_LINK_LEN, object, now_ms);

	json_decref(object);
	return is_new;
}

static void
test_new_and_silent(void **state)
{
	struct links *links = links_new();

	(void)state;
	assert_non_null(links);
	assert_true(heard(links, one, hello("a", "s", 1), 1000));
	assert_false(heard(links, one, hello("a", "s", 2), 2000));
	assert_true(heard(links, two, hello("b", "s", 1), 3000));
	assert_int_equal(links_count(links), 2);
	/* The first was last heard at 2000. */
	assert_int_equal(links_expire(links, 2000 + LINK_DEAD_MS - 1), 2);
	assert_int_equal(links_expire(links, 2000 + LINK_DEAD_MS), 1);
	assert_true(heard(links, one, hello("a", "s", 3), 6000));
	links_free(links);
}

/* A beat tells only what has changed; the rest stays known. */
static void
test_counters_add_up(void **state)
{
	struct links *links = links_new();
	json_t *all, *sources;

	(void)state;
	(void)heard(links, one, hello("a", "s", 1), 1000);
	(void)heard(links, one, hello("a", "t", 5), 2000);
	(void)heard(links, one, hello("a", "s", 2), 3000);
	all = links_json(links, 4000);
	assert_int_equal(json_array_size(all), 1);
	sources = json_object_get(json_array_get(all, 0), "sources");
	assert_int_equal(2, json_integer_value(json_object_get(
				json_object_get(sources, "s"), "accepted")));
	assert_int_equal(5, json_integer_value(json_object_get(
				json_object_get(sources, "t"), "accepted")));
	assert_int_equal(1000, json_integer_value(json_object_get(
				   json_array_get(all, 0), "heard_ms")));
	json_decref(all);
	links_free(links);
}

static void
test_bounded(void **state)
{
	struct links *links = links_new();
	char id[WIRE_LINK_LEN] = "G";
	json_t *object = json_object();
	uint32_t i;

	(void)state;
	for (i = 0; i < LINKS_MAX + 10; i++) {
		memcpy(id + 1, &i, sizeof(i));
		(void)links_heard(links, id, sizeof(id), object, 1000);
	}
	assert_int_equal(links_count(links), LINKS_MAX);
	json_decref(object);
	links_free(links);
}

/* A longer routing id is no gateway's. */
static void
test_long_id(void **state)
{
	struct links *links = links_new();
	json_t *object = json_object();

	(void)state;
	assert_false(links_heard(
	    links, "Gxxxxxxxxxxxxxxxxx", WIRE_LINK_LEN + 1, object, 1000));
	assert_int_equal(links_count(links), 0);
	json_decref(object);
	links_free(links);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_new_and_silent),
	    cmocka_unit_test(test_counters_add_up),
	    cmocka_unit_test(test_bounded),
	    cmocka_unit_test(test_long_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
