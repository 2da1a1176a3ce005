#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "../../cli/options.h"
#include "../../cli/pace.h"
#include "../../cli/samples.h"
#include "../../cli/status.h"
#include "../../shared/clock.h"
#include "support.h"

enum { NOW_S = 1790000000 };

static const struct clock_fake now = {
    .wall_ms = NOW_S * INT64_C(1000), .boot_ms = 5000};

static int
freeze(void **state)
{
	(void)state;
	clock_set_fake(&now);
	return 0;
}

static int
thaw(void **state)
{
	(void)state;
	clock_set_fake(NULL);
	return 0;
}

/* ---- options ---- */

static bool yes;
static const char *name;
static struct option_list list;
static int64_t limit, age_ms, since_ms;

static const struct option_spec specs[] = {
    {"yes", OPTION_FLAG, &yes, NULL, "yes"},
    {"name", OPTION_TEXT, &name, "NAME", "name"},
    {"list", OPTION_LIST, &list, "TEXT", "list"},
    {"limit", OPTION_NUMBER, &limit, "N", "limit"},
    {"age", OPTION_DURATION, &age_ms, "TIME", "age"},
    {"since", OPTION_TIME, &since_ms, "TIME", "since"},
    {0},
};

static const struct options options = {
    .verb = "test",
    .operands = "ID",
    .about = "Tests.",
    .specs = specs,
    .min_operands = 1,
    .max_operands = 1,
};

/* Run the words of a line through the parser. */
static int
read_line(const char *line)
{
	static char copy[512];
	char *argv[32] = {NULL}, *word, *rest;
	int argc = 0;

	yes = false;
	name = NULL;
	limit = age_ms = since_ms = 0;
	list.n = 0;
	snprintf(copy, sizeof(copy), "%s", line);
	for (word = strtok_r(copy, " ", &rest); word != NULL;
	     word = strtok_r(NULL, " ", &rest))
		argv[argc++] = word;
	return options_read(&options, argc, argv);
}

static void
test_options(void **state)
{
	(void)state;
	assert_int_equal(read_line("test --yes id --name a --list x "
				   "--list=y --limit 7 --age 2h"),
	    11);
	assert_true(yes);
	assert_string_equal(name, "a");
	assert_int_equal(list.n, 2);
	assert_string_equal(list.items[1], "y");
	assert_int_equal(limit, 7);
	assert_int_equal(age_ms, 7200000);
	assert_int_equal(read_line("test -- --yes"), 2);
	assert_false(yes);
}

static void
test_option_times(void **state)
{
	(void)state;
	assert_true(read_line("test id --since 6h") > 0);
	assert_int_equal(since_ms, now.wall_ms - 6 * 3600000);
	assert_true(read_line("test id --since 2026-09-21") > 0);
	assert_int_equal(since_ms, INT64_C(1789948800000));
	assert_true(read_line("test id --since 2026-09-21T01:00:00Z") > 0);
	assert_int_equal(since_ms, INT64_C(1789952400000));
}

static void
test_bad_options(void **state)
{
	static const struct {
		const char *line;
		const char *says;
	} rows[] = {
	    {"test", "ID is missing"},
	    {"test a b", "\"b\" is too much"},
	    {"test a --what", "unknown option --what"},
	    {"test a --name", "--name needs a value"},
	    {"test a --limit 0", "--limit takes a number"},
	    {"test a --limit x", "--limit takes a number"},
	    {"test a --age 5", "--age takes a duration"},
	    {"test a --since soon", "--since takes a time"},
	    {"test a --yes=1", "--yes"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *said;
		int result;

		support_stderr_begin();
		result = read_line(rows[i].line);
		said = support_stderr_end();
		assert_int_equal(result, -1);
		support_contains(said, rows[i].says);
		support_contains(said, "usage: gaff test");
		free(said);
	}
	assert_int_equal(options_exit(-1), 2);
	assert_int_equal(options_exit(0), 0);
}

/* ---- pace ---- */

static void
test_pace(void **state)
{
	struct pace pace = pace_start(4);

	(void)state;
	assert_int_equal(pace_left_us(&pace), 0);
	pace_count(&pace);
	assert_int_equal(pace_left_us(&pace), 250000);
	pace_count(&pace);
	assert_int_equal(pace_left_us(&pace), 500000);
	pace = pace_start(0);
	pace_count(&pace);
	assert_int_equal(pace_left_us(&pace), 0);
}

/* ---- samples ---- */

/* Every sample is JSON, and its scheme finds the id and type put into it. */
static void
test_samples(void **state)
{
	static const char *const schemes[] = {
	    "github", "stripe", "slack", "shopify", "standard-webhooks", "x"};
	char key[SAMPLE_KEY_SIZE], again[SAMPLE_KEY_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		const char *scheme = schemes[i];
		struct buf body = {0};
		json_t *value;

		assert_int_equal(sample_key(scheme, key), 0);
		assert_int_equal(sample_key(scheme, again), 0);
		assert_string_not_equal(key, again);
		assert_int_equal(sample_body(scheme, sample_type(scheme), key,
				     now.wall_ms, &body),
		    0);
		value = json_loadb(body.p, body.len, 0, NULL);
		if (value == NULL)
			fail_msg("%s: %s", scheme, buf_str(&body));
		json_decref(value);
		buf_clear(&body);
	}
}

static void
test_sample_values(void **state)
{
	struct buf body = {0};
	json_t *value;

	(void)state;
	sample_body("stripe", "a\"b", "evt_1", now.wall_ms, &body);
	value = json_loadb(body.p, body.len, 0, NULL);
	assert_string_equal(
	    json_string_value(json_object_get(value, "type")), "a\"b");
	assert_string_equal(
	    json_string_value(json_object_get(value, "id")), "evt_1");
	assert_int_equal(
	    json_integer_value(json_object_get(value, "created")), NOW_S);
	json_decref(value);
	buf_reset(&body);
	sample_body("github", "pull_request.opened", "x", 0, &body);
	value = json_loadb(body.p, body.len, 0, NULL);
	assert_string_equal(
	    json_string_value(json_object_get(value, "action")), "opened");
	json_decref(value);
	buf_clear(&body);
}

/* ---- status ---- */

static const char good_status[] =
    "{\"worker\":\"local\",\"version\":\"1\",\"state\":\"accepting\","
    "\"config\":\"aa\",\"store\":{\"free_bytes\":100,\"reserve_bytes\":10},"
    "\"gateways\":[{\"host\":\"web1\",\"pid\":7,\"version\":\"1\","
    "\"config\":\"aa\"},"
    "{\"host\":\"web2\",\"pid\":8,\"version\":\"1\",\"config\":\"aa\"}],"
    "\"sources\":{\"stripe\":{\"accepted\":7,\"refused\":1,"
    "\"last_accepted_ms\":9,\"last_refused_ms\":5,"
    "\"reason\":\"mismatch\"},\"idle\":{}},"
    "\"routes\":[{\"route\":\"paid\",\"pending\":2,\"waiting\":1,"
    "\"running\":1,\"dead\":4,\"exhausted\":0,"
    "\"oldest_at\":\"2026-09-21T14:13:00.000Z\"}]}";

static json_t *
status_with(const char *path, const char *member, json_t *value)
{
	json_t *status = json_loads(good_status, 0, NULL);
	json_t *object =
	    path[0] != '\0' ? json_object_get(status, path) : status;

	assert_non_null(status);
	if (json_is_array(object))
		object = json_array_get(object, 0);
	if (value != NULL)
		json_object_set_new(object, member, value);
	return status;
}

/* The one problem must have `part` in it; NULL: there must be none. */
static void
assert_problem(json_t *status, const char *part)
{
	json_t *problems = status_problems(status);
	char *all = json_dumps(problems, 0);

	if (json_array_size(problems) != (part != NULL))
		fail_msg("%s", all);
	if (part != NULL)
		support_contains(all, part);
	free(all);
	json_decref(problems);
	json_decref(status);
}

static void
test_problems(void **state)
{
	(void)state;
	assert_problem(status_with("", "", NULL), NULL);
	assert_problem(
	    status_with("", "state", json_string("full")), "is full");
	assert_problem(status_with("store", "free_bytes", json_integer(15)),
	    "nearly full");
	assert_problem(
	    status_with("", "gateways", json_array()), "no gateway is linked");
	assert_problem(status_with("gateways", "config", json_string("bb")),
	    "web1[7] runs configuration bb");
	assert_problem(status_with("gateways", "version", json_string("2")),
	    "web1[7] is gaff 2");
	assert_problem(status_with("routes", "oldest_at",
			   json_string("2026-09-21T13:00:00.000Z")),
	    "3 waiting, oldest 1h13m");
	assert_problem(
	    status_with("routes", "orphaned", json_true()), "not configured");
	assert_problem(status_with("routes", "exhausted", json_integer(1)),
	    "could not be written");
}

static void
test_sums(void **state)
{
	json_t *status = status_with("", "", NULL);
	struct status_source source;
	struct status_sums sums;

	(void)state;
	status_sum(status, &sums);
	assert_int_equal(sums.running, 1);
	assert_int_equal(sums.waiting, 3);
	assert_int_equal(sums.dead, 4);
	status_source(
	    json_object_get(json_object_get(status, "sources"), "stripe"),
	    &source);
	assert_int_equal(source.accepted, 7);
	assert_int_equal(source.refused, 1);
	assert_int_equal(source.last_accepted_ms, 9);
	assert_string_equal(source.reason, "mismatch");
	status_source(
	    json_object_get(json_object_get(status, "sources"), "idle"),
	    &source);
	assert_int_equal(source.accepted, 0);
	assert_string_equal(source.reason, "");
	json_decref(status);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_options),
	    cmocka_unit_test(test_option_times),
	    cmocka_unit_test(test_bad_options),
	    cmocka_unit_test(test_pace),
	    cmocka_unit_test(test_samples),
	    cmocka_unit_test(test_sample_values),
	    cmocka_unit_test(test_problems),
	    cmocka_unit_test(test_sums),
	};

	return cmocka_run_group_tests(tests, freeze, thaw);
}
