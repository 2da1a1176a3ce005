/* links: the gateways a worker hears from. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../shared/clock.h"
#include "../../worker/links.h"

static const char one[] = "Gaaaaaaaaaaaaaaaa";
static const char two[] = "Gbbbbbbbbbbbbbbbb";

enum { STARTED_MS = 100000 }; /* wall time of the worker's start */

/* A BEAT of the process on `host`; the source began after the worker. */
static json_t *
hello(const char *host, const char *source, int accepted)
{
	return json_pack("{s:s, s:s, s:i, s:i, s:{s:{s:i, s:i}}}", "instance",
	    host, "host", host, "pid", 7, "parked", 3, "counters", source,
	    "since_ms", STARTED_MS + 1, "accepted", accepted);
}

/* The same of a source that began before the worker. */
static json_t *
older(const char *host, const char *source, int accepted)
{
	json_t *object = hello(host, source, accepted);

	json_object_set_new(
	    json_object_get(json_object_get(object, "counters"), source),
	    "since_ms", json_integer(STARTED_MS));
	return object;
}

static json_int_t
total(const struct links *links, const char *source)
{
	json_t *totals = links_totals(links);
	json_int_t n = json_integer_value(
	    json_object_get(json_object_get(totals, source), "accepted"));

	json_decref(totals);
	return n;
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
	struct links *links = links_new(STARTED_MS);

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

static void
count_down(void *arg, const json_t *gone, int64_t silent_ms)
{
	unsigned *n = arg;

	assert_string_equal(
	    json_string_value(json_object_get(gone, "host")), "a");
	assert_true(silent_ms >= LINK_DEAD_MS);
	++*n;
}

static json_t *
gateway(const char *instance, const char *state)
{
	return json_pack("{s:s, s:s, s:s*}", "host", "a", "instance", instance,
	    "state", state);
}

/* Down is who goes silent; not who said goodbye, or has made a new link. */
static void
test_down(void **state)
{
	struct links *links = links_new(STARTED_MS);
	unsigned downs = 0;

	(void)state;
	links_on_down(links, count_down, &downs);
	(void)heard(links, one, gateway("i1", NULL), 1000);
	(void)heard(links, two, gateway("i2", NULL), 1000);
	(void)heard(links, two, gateway("i2", "leaving"), 1000);
	assert_int_equal(links_expire(links, 1000 + LINK_DEAD_MS), 0);
	assert_int_equal(downs, 1);
	(void)heard(links, one, gateway("i1", NULL), 10000);
	(void)heard(links, two, gateway("i1", NULL), 10001);
	assert_int_equal(links_expire(links, 10000 + LINK_DEAD_MS), 1);
	assert_int_equal(downs, 1);
	assert_int_equal(links_expire(links, 10001 + LINK_DEAD_MS), 0);
	assert_int_equal(downs, 2);
	links_free(links);
}

/* A beat tells only what has changed; the rest stays known. */
static void
test_counters_add_up(void **state)
{
	struct links *links = links_new(STARTED_MS);
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
	assert_int_equal(3, json_integer_value(json_object_get(
				json_array_get(all, 0), "parked")));
	json_decref(all);
	links_free(links);
}

/* Processes are added up, whatever their links, those that ended too. */
static void
test_totals(void **state)
{
	struct links *links = links_new(STARTED_MS);

	(void)state;
	(void)heard(links, one, hello("a", "s", 1), 1000);
	(void)heard(links, two, hello("b", "s", 10), 1000);
	assert_int_equal(total(links, "s"), 11);
	(void)heard(links, one, hello("a", "s", 3), 2000);
	assert_int_equal(total(links, "s"), 13);
	/* The same process by another link tells all again. */
	(void)heard(links, "Gccccccccccccccc1", hello("a", "s", 4), 2500);
	assert_int_equal(total(links, "s"), 14);
	assert_int_equal(links_expire(links, 2000 + LINK_DEAD_MS), 1);
	assert_int_equal(links_expire(links, 60000), 0);
	assert_int_equal(total(links, "s"), 14);
	/* It was only cut off. */
	(void)heard(links, two, hello("b", "s", 15), 61000);
	assert_int_equal(total(links, "s"), 19);
	links_free(links);
}

/* A worker that was restarted begins at zero. */
static void
test_older(void **state)
{
	struct links *links = links_new(STARTED_MS);

	(void)state;
	(void)heard(links, one, older("a", "s", 500), 1000);
	assert_int_equal(total(links, "s"), 0);
	(void)heard(links, one, older("a", "s", 502), 2000);
	assert_int_equal(total(links, "s"), 2);
	links_free(links);
}

/* One that was forgotten is not counted twice. */
static void
test_forgotten(void **state)
{
	const struct clock_fake fake = {
	    .wall_ms = STARTED_MS + 2 * LINKS_REMEMBER_MS};
	struct links *links = links_new(STARTED_MS);

	(void)state;
	clock_set_fake(&fake);
	(void)heard(links, one, hello("a", "s", 7), 1000);
	(void)links_expire(links, 1000 + LINKS_REMEMBER_MS);
	(void)heard(links, one, hello("a", "s", 8), LINKS_REMEMBER_MS + 2000);
	assert_int_equal(total(links, "s"), 7);
	(void)heard(links, one, hello("a", "s", 9), LINKS_REMEMBER_MS + 3000);
	assert_int_equal(total(links, "s"), 8);
	clock_set_fake(NULL);
	links_free(links);
}

/* More processes than are remembered: the first that ended make room. */
static void
test_many_processes(void **state)
{
	const struct clock_fake fake = {.wall_ms = STARTED_MS};
	struct links *links = links_new(STARTED_MS);
	char name[16];

	(void)state;
	clock_set_fake(&fake);
	for (int i = 0; i < LINKS_MAX + 10; i++) {
		(void)snprintf(name, sizeof(name), "p%d", i);
		(void)heard(links, one, hello(name, "s", 1), i);
		(void)links_expire(links, i + LINK_DEAD_MS);
	}
	assert_int_equal(total(links, "s"), LINKS_MAX + 10);
	/* The last is still known. */
	(void)heard(links, one, hello(name, "s", 2), LINKS_MAX + 10);
	assert_int_equal(total(links, "s"), LINKS_MAX + 11);
	clock_set_fake(NULL);
	links_free(links);
}

static void
test_names_are_bounded(void **state)
{
	struct links *links = links_new(STARTED_MS);
	json_t *totals;
	char name[100];

	(void)state;
	for (int i = 0; i < LINKS_NAMES_MAX + 10; i++) {
		(void)snprintf(name, sizeof(name), "s%d", i);
		(void)heard(links, one, hello("a", name, 1), 1000);
	}
	totals = links_totals(links);
	assert_int_equal(json_object_size(totals), LINKS_NAMES_MAX);
	json_decref(totals);
	links_free(links);
}

static void
test_bounded(void **state)
{
	struct links *links = links_new(STARTED_MS);
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
	struct links *links = links_new(STARTED_MS);
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
	    cmocka_unit_test(test_down),
	    cmocka_unit_test(test_counters_add_up),
	    cmocka_unit_test(test_totals),
	    cmocka_unit_test(test_older),
	    cmocka_unit_test(test_forgotten),
	    cmocka_unit_test(test_many_processes),
	    cmocka_unit_test(test_names_are_bounded),
	    cmocka_unit_test(test_bounded),
	    cmocka_unit_test(test_long_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
