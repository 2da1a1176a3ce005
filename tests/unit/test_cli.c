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

/* A sample of a scheme, parsed; the caller frees it. */
static json_t *
make_sample(const char *scheme, const char *type, const char *key)
{
	struct buf body = {0};
	struct sample sample;
	json_t *value;

	assert_int_equal(sample_init(&sample, scheme_builtin(scheme)), 0);
	assert_int_equal(
	    sample_body(&sample, type, key, now.wall_ms, &body), 0);
	value = json_loadb(body.p, body.len, 0, NULL);
	assert_non_null(value);
	sample_clear(&sample);
	buf_clear(&body);
	return value;
}

static void
test_sample_keys(void **state)
{
	static const char *const rows[][2] = {
	    {"stripe", "evt_"}, {"telegram", ""}, {"github", ""}};
	char key[SAMPLE_KEY_SIZE], again[SAMPLE_KEY_SIZE];
	struct sample sample;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(
		    sample_init(&sample, scheme_builtin(rows[i][0])), 0);
		assert_int_equal(sample_key(&sample, key), 0);
		assert_int_equal(sample_key(&sample, again), 0);
		assert_string_not_equal(key, again);
		assert_memory_equal(key, rows[i][1], strlen(rows[i][1]));
		sample_clear(&sample);
	}
}

static void
test_sample_values(void **state)
{
	json_t *value = make_sample("stripe", "a\"b", "evt_1");

	(void)state;
	assert_string_equal(
	    json_string_value(json_object_get(value, "type")), "a\"b");
	assert_string_equal(
	    json_string_value(json_object_get(value, "id")), "evt_1");
	assert_int_equal(
	    json_integer_value(json_object_get(value, "created")), NOW_S);
	json_decref(value);
	value = make_sample("github", "pull_request.opened", "x");
	assert_string_equal(
	    json_string_value(json_object_get(value, "action")), "opened");
	json_decref(value);
	/* where there is nothing to say the member is left out */
	value = make_sample("github", "push", "x");
	assert_null(json_object_get(value, "action"));
	json_decref(value);
	value = make_sample("telegram", "message", "17");
	assert_int_equal(
	    json_integer_value(json_object_get(value, "update_id")), 17);
	json_decref(value);
}

/* ---- status ---- */

static const char good_status[] =
    "{\"worker\":\"local\",\"version\":\"1\",\"state\":\"accepting\","
    "\"config\":\"aa\",\"started_at\":\"2026-09-09T14:13:20.000Z\","
    "\"per_second\":12.04,"
    "\"store\":{\"used_bytes\":42991616,\"free_bytes\":19327352832,"
    "\"reserve_bytes\":268435456,\"sync_us\":312},"
    "\"gateways\":[{\"host\":\"web1\",\"pid\":7,\"version\":\"1\","
    "\"config\":\"aa\",\"since_ms\":3600000,\"heard_ms\":400,"
    "\"parked\":2},{\"host\":\"web2\",\"pid\":4711,\"version\":\"1\","
    "\"config\":\"aa\",\"since_ms\":60000,\"heard_ms\":1400}],"
    "\"sources\":{\"stripe\":{\"accepted\":3,\"refused\":1,"
    "\"last_accepted_ms\":1789999986000,"
    "\"last_refused_ms\":1789989200000,\"reason\":\"too_old\","
    "\"day\":{\"accepted\":1204,\"refused\":2,\"duplicate\":9}},"
    "\"github\":{\"day\":{\"accepted\":31}}},"
    "\"routes\":[{\"route\":\"paid\",\"pending\":2,\"waiting\":1,"
    "\"running\":1,\"dead\":4,\"exhausted\":0,\"enabled\":true,"
    "\"failing_over\":10,"
    "\"oldest_at\":\"2026-09-21T14:13:00.000Z\","
    "\"day\":{\"delivered\":1190,\"failed\":40,\"dead\":2},"
    "\"recent\":{\"delivered\":90,\"failed\":10},"
    "\"last_delivered_at\":\"2026-09-21T14:10:00.000Z\","
    "\"last_failure\":{\"at\":\"2026-09-21T14:12:00.000Z\","
    "\"outcome\":\"exit:1\",\"detail\":"
    "\"PDOException: server has gone away\"}},"
    "{\"route\":\"deploy\",\"enabled\":true,\"day\":{\"delivered\":31}}]}";

static const char good_text[] =
    "worker local    accepting   up 12d   gaff 1   config aa   "
    "store 41 MB, 18 GB free, sync 0.3 ms\n"
    "gateways        2 linked, 12/s in, 2 parked\n"
    "queue           1 running  3 waiting  0 held  0 being buried  "
    "4 dead  0 unrouted  0 unmatched (oldest 20s)\n"
    "gateway   pid  linked  heard   version  config\n"
    "web1        7  1h      0s ago  1        aa\n"
    "web2     4711  1m      1s ago  1        aa\n"
    "source  24h accepted  refused  unavailable  duplicate  "
    "last accepted  last refused\n"
    "stripe          1204        2            0          9  "
    "14s ago        3h ago  too_old\n"
    "github            31        0            0          0  "
    "earlier        –\n"
    "route   24h delivered  failed  dead  running  waiting  oldest  "
    "last failure\n"
    "paid             1190      40     2        1        3     20s  "
    "exit:1 PDOException: server has gone away\n"
    "deploy             31       0     0        0        0       –\n";

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
	assert_problem(status_with("", "state", json_string("full")),
	    "the store is full (18 GB free, reserve 256 MB)");
	assert_problem(
	    status_with("", "state", json_string("draining")), "is draining");
	assert_problem(
	    status_with("store", "free_bytes", json_integer(400 << 20)),
	    "nearly full (400 MB free");
	assert_problem(
	    status_with("", "gateways", json_array()), "no gateway is linked");
	assert_problem(status_with("gateways", "config", json_string("bb")),
	    "web1[7] runs config bb, worker local aa; gaff reload");
	assert_problem(status_with("", "config", json_string("bb")),
	    "web1[7] (and 1 more) runs config aa, worker local bb");
	assert_problem(status_with("gateways", "version", json_string("2")),
	    "web1[7] runs version 2, worker local 1; restart");
}

static void
test_route_problems(void **state)
{
	json_t *status;

	(void)state;
	status = status_with(
	    "routes", "oldest_at", json_string("2026-09-21T13:00:00.000Z"));
	assert_problem(json_incref(status),
	    "route paid: 3 waiting, oldest 1h13m; gaff events --route paid");
	json_object_set_new(
	    json_array_get(json_object_get(status, "routes"), 0), "paused",
	    json_true());
	assert_problem(json_incref(status), "it is paused; gaff resume paid");
	json_object_set_new(
	    json_array_get(json_object_get(status, "routes"), 0), "enabled",
	    json_false());
	assert_problem(status, "it is not enabled");
	assert_problem(status_with("routes", "orphaned", json_true()),
	    "3 waiting, but it is not configured");
	assert_problem(status_with("routes", "exhausted", json_integer(1)),
	    "could not be written");
	assert_problem(
	    status_with("routes", "recent",
		json_pack("{s:i, s:i}", "delivered", 89, "failed", 11)),
	    "route paid: 11 of the last 100 attempts failed (exit:1); gaff");
	/* too few to say so */
	assert_problem(
	    status_with("routes", "recent", json_pack("{s:i}", "failed", 2)),
	    NULL);
	status =
	    status_with("routes", "recent", json_pack("{s:i}", "failed", 50));
	json_object_set_new(
	    json_array_get(json_object_get(status, "routes"), 0),
	    "last_delivered_at", json_string("2026-09-21T14:12:30.000Z"));
	assert_problem(status, NULL);
}

static json_t *
silent_stripe(int64_t after_ms, const char *started_at)
{
	json_t *status = status_with("", "started_at", json_string(started_at));

	json_object_set_new(
	    json_object_get(json_object_get(status, "sources"), "stripe"),
	    "silent_after_ms", json_integer(after_ms));
	return status;
}

static void
test_silent_source(void **state)
{
	static const char long_ago[] = "2026-09-01T00:00:00.000Z";

	(void)state;
	assert_problem(silent_stripe(14000, long_ago), NULL);
	assert_problem(silent_stripe(13000, long_ago),
	    "source stripe: no event for 14s (silent_after 13s)");
	/* the worker is younger */
	assert_problem(silent_stripe(13000, "2026-09-21T14:13:10.000Z"), NULL);
}

static void
test_notes(void **state)
{
	json_t *status = status_with("routes", "paused", json_true());
	json_t *notes = status_notes(status);

	(void)state;
	assert_int_equal(json_array_size(notes), 1);
	assert_string_equal(json_string_value(json_array_get(notes, 0)),
	    "route paid is paused, 3 waiting; gaff resume paid");
	json_decref(notes);
	json_decref(status);
}

static void
test_sums(void **state)
{
	json_t *status = status_with("", "", NULL);
	struct status_sums sums;

	(void)state;
	status_sum(status, &sums);
	assert_int_equal(sums.running, 1);
	assert_int_equal(sums.waiting, 3);
	assert_int_equal(sums.held, 0);
	assert_int_equal(sums.dead, 4);
	assert_int_equal(sums.parked, 2);
	json_decref(status);
	status = status_with("routes", "paused", json_true());
	status_sum(status, &sums);
	assert_int_equal(sums.held, 3);
	json_decref(status);
}

/* ---- what people see ---- */

static void
assert_printed(json_t *status, const char *expected)
{
	char *said;

	support_stdout_begin();
	status_print(status);
	said = support_stdout_end();
	assert_string_equal(said, expected);
	free(said);
	json_decref(status);
}

static void
test_printed(void **state)
{
	char expected[sizeof(good_text) + 200];
	json_t *status = status_with("", "", NULL);

	(void)state;
	assert_printed(json_incref(status), good_text);
	json_object_set_new(
	    status, "problems", json_pack("[s]", "route paid: trouble"));
	json_object_set_new(status, "notes", json_pack("[s]", "mind this"));
	snprintf(expected, sizeof(expected),
	    "%snote     mind this\nPROBLEM  route paid: trouble\n", good_text);
	assert_printed(status, expected);
	assert_printed(json_pack("{s:s, s:s, s:[s]}", "worker", "local",
			   "state", "unreachable", "problems", "no answer"),
	    "PROBLEM  no answer\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_options),
	    cmocka_unit_test(test_option_times),
	    cmocka_unit_test(test_bad_options),
	    cmocka_unit_test(test_pace),
	    cmocka_unit_test(test_sample_keys),
	    cmocka_unit_test(test_sample_values),
	    cmocka_unit_test(test_problems),
	    cmocka_unit_test(test_route_problems),
	    cmocka_unit_test(test_silent_source),
	    cmocka_unit_test(test_notes),
	    cmocka_unit_test(test_sums),
	    cmocka_unit_test(test_printed),
	};

	return cmocka_run_group_tests(tests, freeze, thaw);
}
