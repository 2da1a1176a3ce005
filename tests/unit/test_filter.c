/* filter, its helper and the check: real processes and libjq. */

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../shared/clock.h"
#include "../../worker/filter.h"
#include "../../worker/filter_helper.h"
#include "support.h"

/* ---- the check ---- */

static void
test_check(void **state)
{
	static const char *const good[] = {
	    ".",
	    ".ref == \"refs/heads/main\"",
	    ".a # with a comment",
	    "def f: .x; f > 1",
	    "$source == \"s\" and $type == $key and ($headers | has(\"a\"))",
	    "$id != \"\" or $query.a == \"1\"",
	    "[.commits[].id] | length > 0",
	};
	char error[FILTER_ERROR_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(filter_check(good[i], error), 0);
}

static void
refused(const char *text, const char *why)
{
	char error[FILTER_ERROR_SIZE] = "";

	assert_int_equal(filter_check(text, error), -1);
	support_contains(error, why);
	assert_null(strchr(error, '\n'));
}

static void
test_check_refuses(void **state)
{
	(void)state;
	refused(".a ==", "syntax error");
	refused("$nobody", "$nobody is not defined");
	refused("nothing(1)", "nothing/1 is not defined");
	refused("true) | (false", "syntax error");
	refused("include \"a\"; .", "module not found");
	refused("import \"a\" as a {search: \"/etc\"}; .", "");
	refused("import \"passwd\" as $p {search: \"/etc\"}; .", "");
	refused("", "");
}

/* ---- the helper ---- */

enum { CASES_MAX = 8 };

struct asked {
	struct spawn *spawn;
	struct filter *filter;
	unsigned done;
	struct filter_job *order[CASES_MAX];
};

static void
note_done(void *arg, struct filter_job *job)
{
	struct asked *asked = arg;

	asked->order[asked->done++] = job;
}

static struct asked
setup(void)
{
	struct asked asked = {.spawn = spawn_open()};

	assert_non_null(asked.spawn);
	return asked;
}

static void
open_filter(struct asked *asked)
{
	asked->filter = filter_open(asked->spawn, note_done, asked);
	assert_non_null(asked->filter);
}

static void
no_drop(struct filter_job *job)
{
	(void)job;
	fail_msg("a job was dropped");
}

static void
teardown(struct asked *asked)
{
	filter_close(asked->filter, no_drop);
	spawn_close(asked->spawn);
}

/* The dispatcher's loop in small, until `n` jobs are done. */
static void
wait_done(struct asked *asked, unsigned n)
{
	int64_t until = clock_boot_ms() + 30000, due;

	for (;;) {
		struct pollfd p[2] = {{.events = POLLIN}, {.events = POLLIN}};

		assert_int_equal(spawn_pump(asked->spawn), 0);
		filter_pump(asked->filter);
		if (asked->done >= n)
			return;
		assert_true(clock_boot_ms() < until);
		p[0].fd = spawn_fd(asked->spawn);
		p[1].fd = filter_fd(asked->filter);
		if (spawn_wants_write(asked->spawn))
			p[0].events |= POLLOUT;
		if (filter_wants_write(asked->filter))
			p[1].events |= POLLOUT;
		due = filter_due_ms(asked->filter) - clock_boot_ms();
		poll(p, 2, due < 1000 ? (due > 0 ? (int)due : 0) : 1000);
	}
}

static struct event
event_of(const char *content_type, const char *body)
{
	return (struct event){.id = {1, 2, 3},
	    .source = "src",
	    .key = "k1",
	    .type = "t.x",
	    .remote = "",
	    .method = "POST",
	    .path = "/",
	    .query = "a=1&b=x%20y",
	    .content_type = content_type,
	    .headers = "{\"x-one\":\"1\"}",
	    .scheme = "none",
	    .body = body,
	    .body_len = strlen(body)};
}

/* What one filter says of one body; the error text goes to `error`. */
static enum filter_verdict
ask(const char *text, const char *type, const char *body,
    char error[FILTER_ERROR_SIZE])
{
	struct asked asked = setup();
	struct event event = event_of(type, body);
	struct filter_case c = {.text = text};
	struct filter_job job = {.event = &event, .cases = &c, .n = 1};

	open_filter(&asked);
	filter_submit(asked.filter, &job, false);
	wait_done(&asked, 1);
	snprintf(
	    error, FILTER_ERROR_SIZE, "%s", c.error != NULL ? c.error : "");
	free(c.error);
	teardown(&asked);
	return c.verdict;
}

static void
test_verdicts(void **state)
{
	static const struct {
		const char *text;
		enum filter_verdict verdict;
	} cases[] = {
	    {".n == 1", FILTER_YES},
	    {".n == 2", FILTER_NO},
	    {".missing", FILTER_NO},
	    {"\"text\"", FILTER_YES},
	    {"0", FILTER_YES},
	    {"empty", FILTER_NO},
	    {"false, true", FILTER_NO},
	    {"range(1e18)", FILTER_YES},
	    {".n.x", FILTER_ERROR},
	    {"error(\"no\")", FILTER_ERROR},
	    {"halt", FILTER_ERROR},
	    {"input", FILTER_ERROR},
	    {"$source == \"src\" and $type == \"t.x\"", FILTER_YES},
	    {"$key == \"k1\" and ($id | length) == 36", FILTER_YES},
	    {"$headers[\"x-one\"] == \"1\"", FILTER_YES},
	    {"$query == {a: \"1\", b: \"x y\"}", FILTER_YES},
	    {"$ENV == {} and env == {}", FILTER_YES},
	    {"(.n | debug | stderr) == 1", FILTER_YES},
	};

	enum { N = sizeof(cases) / sizeof(cases[0]) };
	struct event event = event_of("application/json", "{\"n\": 1}");
	struct asked asked = setup();
	struct filter_case asks[N] = {{0}};
	struct filter_job job = {.event = &event, .cases = asks, .n = N};

	(void)state;
	for (size_t i = 0; i < N; i++)
		asks[i].text = cases[i].text;
	open_filter(&asked);
	filter_submit(asked.filter, &job, false);
	wait_done(&asked, 1);
	for (size_t i = 0; i < N; i++) {
		if (asks[i].verdict != cases[i].verdict)
			fail_msg("%s: %d, not %d (%s)", cases[i].text,
			    (int)asks[i].verdict, (int)cases[i].verdict,
			    asks[i].error != NULL ? asks[i].error : "");
		assert_true((asks[i].error != NULL) ==
			    (asks[i].verdict == FILTER_ERROR));
		free(asks[i].error);
	}
	teardown(&asked);
}

static void
test_bodies(void **state)
{
	const char *form = "Application/x-www-form-urlencoded; charset=utf-8";
	char error[FILTER_ERROR_SIZE];

	(void)state;
	assert_int_equal(ask(". == null", "", "", error), FILTER_YES);
	assert_int_equal(
	    ask(". == {a: \"1 2\", b: [\"x\", \"y\", \"\"], c: \"\"}", form,
		"a=1+2&b=x&c&&b=%79&b=", error),
	    FILTER_YES);
	assert_int_equal(ask("true", "text/plain", "<a>", error), FILTER_ERROR);
	support_contains(error, "the body is not JSON");
	assert_int_equal(ask("true", "", "{} secret", error), FILTER_ERROR);
	support_contains(error, "the body is not JSON");
	/* The payload is not in the message. */
	assert_null(strstr(error, "secret"));
	assert_int_equal(ask("true", "", "{\"a\":", error), FILTER_ERROR);
}

/* One that loops is ended, and only that one is blamed; the same for one that
 * takes all memory. */
static void
test_runaways(void **state)
{
	struct event event = event_of("application/json", "{\"n\": 3}");
	struct asked asked = setup();
	struct filter_case c[5] = {{.text = ".n == 3"}, {.text = "def f: f; f"},
	    {.text = ".n == 4"}, {.text = "[range(1e9)] | length"},
	    {.text = "true"}};
	struct filter_job job = {.event = &event, .cases = c, .n = 5};

	(void)state;
	open_filter(&asked);
	filter_submit(asked.filter, &job, false);
	wait_done(&asked, 1);
	assert_int_equal(c[0].verdict, FILTER_YES);
	assert_int_equal(c[1].verdict, FILTER_ERROR);
	assert_string_equal(c[1].error, "it takes too much time");
	assert_int_equal(c[2].verdict, FILTER_NO);
	assert_int_equal(c[3].verdict, FILTER_ERROR);
	support_contains(c[3].error, "it takes too much ");
	assert_int_equal(c[4].verdict, FILTER_YES);
	assert_true(filter_is_slow(asked.filter, "def f: f; f"));
	assert_false(filter_is_slow(asked.filter, ".n == 3"));
	free(c[1].error);
	free(c[3].error);
	teardown(&asked);
}

/* Slow jobs go behind all others, those that came later too. */
static void
test_slow_last(void **state)
{
	struct event event = event_of("application/json", "{}");
	struct asked asked = setup();
	struct filter_case c[3] = {
	    {.text = "true"}, {.text = "true"}, {.text = "true"}};
	struct filter_job jobs[3] = {{.event = &event, .cases = &c[0], .n = 1},
	    {.event = &event, .cases = &c[1], .n = 1},
	    {.event = &event, .cases = &c[2], .n = 1}};

	(void)state;
	open_filter(&asked);
	filter_submit(asked.filter, &jobs[0], true);
	filter_submit(asked.filter, &jobs[1], true);
	filter_submit(asked.filter, &jobs[2], false);
	assert_int_equal(filter_queued(asked.filter), 3);
	assert_int_equal(filter_queued_slow(asked.filter), 2);
	wait_done(&asked, 3);
	assert_ptr_equal(asked.order[0], &jobs[2]);
	assert_ptr_equal(asked.order[1], &jobs[0]);
	assert_int_equal(filter_queued(asked.filter), 0);
	teardown(&asked);
}

/* A body of megabytes gets more time. */
static void
test_large_body(void **state)
{
	size_t len = 8 * 1024 * 1024;
	char *body = calloc(1, len + 1), error[FILTER_ERROR_SIZE];

	(void)state;
	memset(body, 'x', len);
	body[0] = body[len - 1] = '"';
	assert_int_equal(ask("length > 8000000", "", body, error), FILTER_YES);
	/* Many small values take more memory than there is. */
	for (size_t i = 0; i < len; i += 2)
		memcpy(body + i, "0,", 2);
	body[0] = '[';
	body[1] = '0';
	body[len - 1] = ']';
	(void)ask("length > 1", "", body, error);
	free(body);
}

/* Somebody ends the helper while it waits: the next question is answered. */
static void
test_helper_killed(void **state)
{
	struct event event = event_of("application/json", "{}");
	struct asked asked = setup();
	struct filter_case c[2] = {
	    {.text = "input_line_number"}, {.text = "true"}};
	struct filter_job jobs[2] = {{.event = &event, .cases = &c[0], .n = 1},
	    {.event = &event, .cases = &c[1], .n = 1}};
	char command[128];

	(void)state;
	open_filter(&asked);
	filter_submit(asked.filter, &jobs[0], false);
	wait_done(&asked, 1);
	snprintf(command, sizeof(command),
	    "for p in $(pgrep -P %d); do pkill -9 -P $p; done; true",
	    (int)getpid());
	support_shell(command);
	filter_submit(asked.filter, &jobs[1], false);
	wait_done(&asked, 2);
	assert_int_equal(c[1].verdict, FILTER_YES);
	free(c[0].error);
	teardown(&asked);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_check),
	    cmocka_unit_test(test_check_refuses),
	    cmocka_unit_test(test_verdicts),
	    cmocka_unit_test(test_bodies),
	    cmocka_unit_test(test_runaways),
	    cmocka_unit_test(test_slow_last),
	    cmocka_unit_test(test_large_body),
	    cmocka_unit_test(test_helper_killed),
	};

	if (argc == 2 && strcmp(argv[1], FILTER_HELPER_OPTION) == 0)
		return filter_helper_main();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
