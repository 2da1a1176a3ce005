/* dest_run, and what is common to all destinations: real programs. */

#include <stdlib.h>
#include <string.h>

#include "support.h"
#include "tries.h"

/* A route that runs `sh -c script`. */
struct script {
	char *argv[4];
	struct config_route route;
};

static char sh[] = "/bin/sh", dash_c[] = "-c";

static struct config_route *
script_of(struct script *script, const char *text)
{
	free(script->argv[2]);
	script->argv[0] = sh;
	script->argv[1] = dash_c;
	script->argv[2] = strdup(text);
	script->route.argv = script->argv;
	script->route.argc = 3;
	script->route.timeout_ms = 20000;
	return &script->route;
}

static void
test_run_outcomes(void **state)
{
	struct script script = {0};
	struct tries bench;

	(void)state;
	tries_open(&bench, CONFIG_DEST_RUN);
	tries_try(&bench, script_of(&script, "echo fine; exit 0"));
	tries_expect(&bench, DEST_DELIVERED, "ok");
	assert_string_equal(bench.last.detail, "fine");
	tries_try(&bench, script_of(&script, "echo a; echo '  bad\tthing ' >&2;"
					     "echo; exit 7"));
	tries_expect(&bench, DEST_RETRY, "exit:7");
	assert_string_equal(bench.last.detail, "bad thing");
	assert_string_equal(bench.output, "a\n  bad\tthing \n\n");
	tries_try(&bench, script_of(&script, "exit 100"));
	tries_expect(&bench, DEST_FINAL, "exit:100");
	script.route.final[0] = 65;
	script.route.n_final = 1;
	tries_try(&bench, script_of(&script, "exit 65"));
	tries_expect(&bench, DEST_FINAL, "exit:65");
	tries_try(&bench, script_of(&script, "kill -11 $$"));
	tries_expect(&bench, DEST_RETRY, "signal:11");
	script_of(&script, "echo begun; sleep 60")->timeout_ms = 50;
	tries_try(&bench, &script.route);
	tries_expect(&bench, DEST_RETRY, "timeout");
	assert_string_equal(bench.last.detail, "begun");
	/* Even one that says it is fine. */
	script_of(&script, "trap 'exit 0' TERM; sleep 60 & wait")->timeout_ms =
	    300;
	tries_try(&bench, &script.route);
	tries_expect(&bench, DEST_RETRY, "timeout");
	tries_close(&bench);
	free(script.argv[2]);
}

static void
test_run_cannot(void **state)
{
	char program[] = "/nonexistent/program", *argv[] = {program, NULL};
	char directory[] = "/nonexistent";
	struct config_route route = {
	    .argv = argv, .argc = 1, .timeout_ms = 1000};
	struct script script = {0};
	struct tries bench;
	char *text = calloc(1, SPAWN_ARGS_MAX + 1);

	(void)state;
	tries_open(&bench, CONFIG_DEST_RUN);
	tries_try(&bench, &route);
	tries_expect(&bench, DEST_RETRY, "exec_failed");
	assert_string_equal(bench.last.detail,
	    "/nonexistent/program: No such file or directory");
	script_of(&script, "true")->directory = directory;
	tries_try(&bench, &script.route);
	tries_expect(&bench, DEST_RETRY, "exec_failed");
	assert_string_equal(bench.last.detail,
	    "directory /nonexistent: No such file or directory");
	script.route.directory = NULL;
	memset(text, '#', SPAWN_ARGS_MAX);
	assert_int_equal(bench.ops->start(bench.dest, script_of(&script, text),
			     tries_delivery("", 0)),
	    0);
	tries_wait(&bench, 3);
	tries_expect(&bench, DEST_RETRY, "exec_failed");
	support_contains(bench.last.detail, "Argument list too long");
	tries_close(&bench);
	free(script.argv[2]);
	free(text);
}

/* Everything a handler is told, and nothing else. */
static void
test_run_surroundings(void **state)
{
	char own[] = "OWN=a b", lang[] = "LANG=de";
	char *env[] = {own, lang};
	struct script script = {0};
	struct tries bench;
	static const char *const lines[] = {
	    "GAFF_EVENT_ID=01000000-0000-0000-0000-000000000000\n",
	    "GAFF_SOURCE=github\n",
	    "GAFF_TYPE=push\n",
	    "GAFF_KEY=k-1\n",
	    "GAFF_FLAGS=\n",
	    "GAFF_ROUTE=deploy\n",
	    "GAFF_ATTEMPT=3\n",
	    "GAFF_REPLAY=1\n",
	    "GAFF_RECEIVED_AT=2026-11-22T03:34:40.123Z\n",
	    "GAFF_CONTENT_TYPE=application/json\n",
	    "GAFF_TIMEOUT=20\n",
	    "GAFF_HEADERS={\"x-one\":\"1\"",
	    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:"
	    "/bin\n",
	    "HOME=/",
	    "USER=",
	    "LOGNAME=",
	    "SHELL=/",
	    "OWN=a b\n",
	    "LANG=de\n",
	};

	(void)state;
	setenv("GAFF_SECRET_CANARY", "canary", 1);
	setenv("HTTP_PROXY", "canary", 1);
	tries_open(&bench, CONFIG_DEST_RUN);
	script_of(&script, "cat /proc/self/environ | tr '\\0' '\\n'");
	script.route.env = (struct config_list){env, 2};
	tries_try(&bench, &script.route);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		support_contains(bench.output, lines[i]);
	assert_null(strstr(bench.output, "canary"));
	assert_null(strstr(bench.output, "LANG=C"));
	/* The body, from its beginning, seekable, and nobody can change it. */
	script.route.timeout_ms = 1500;
	tries_try(&bench, script_of(&script, "cat; cat < /proc/self/fd/0;"
					     "echo x >&0 || echo sealed;"
					     "ls /proc/self/fd | tr -d '\\n'"));
	support_contains(bench.output, "{\"a\":1}\n{\"a\":1}\n");
	support_contains(bench.output, "sealed");
	support_contains(bench.output, "0123");
	tries_close(&bench);
	unsetenv("GAFF_SECRET_CANARY");
	unsetenv("HTTP_PROXY");
	free(script.argv[2]);
}

/* A handler that never reads, with a body no pipe would hold. */
static void
test_run_large(void **state)
{
	size_t len = 4 * 1024 * 1024;
	char *body = malloc(len);
	struct script script = {0};
	struct tries bench;

	(void)state;
	memset(body, 'x', len);
	tries_open(&bench, CONFIG_DEST_RUN);
	assert_int_equal(
	    bench.ops->start(bench.dest, script_of(&script, "true"),
		tries_delivery(body, len)),
	    0);
	tries_wait(&bench, 1);
	tries_expect(&bench, DEST_DELIVERED, "ok");
	assert_int_equal(
	    bench.ops->start(bench.dest, script_of(&script, "wc -c"),
		tries_delivery(body, len)),
	    0);
	tries_wait(&bench, 2);
	assert_string_equal(bench.last.detail, "4194304");
	tries_close(&bench);
	free(script.argv[2]);
	free(body);
}

static void
test_run_cut(void **state)
{
	struct script script = {0};
	struct tries bench;

	(void)state;
	tries_open(&bench, CONFIG_DEST_RUN);
	for (int i = 0; i < 3; i++)
		assert_int_equal(
		    bench.ops->start(bench.dest, script_of(&script, "sleep 60"),
			tries_delivery("", 0)),
		    0);
	bench.ops->cut(bench.dest);
	tries_wait(&bench, 3);
	assert_int_equal(bench.last.verdict, DEST_CUT);
	tries_close(&bench);
	free(script.argv[2]);
}

/* ---- details ---- */

static void
test_last_line(void **state)
{
	char detail[DEST_DETAIL_SIZE], text[600];

	(void)state;
	dest_last_line(detail, "", 0);
	assert_string_equal(detail, "");
	dest_last_line(detail, " \n\n\t", 4);
	assert_string_equal(detail, "");
	dest_last_line(detail, "one\ntwo\x1b[31m\r\n", 13);
	assert_string_equal(detail, "two [31m");
	/* Cut at a whole character: 255 bytes would end inside of one. */
	for (size_t i = 0; i < sizeof(text); i += 2)
		memcpy(text + i, "\xc3\xa4", 2);
	dest_last_line(detail, text, sizeof(text));
	assert_int_equal(strlen(detail), 254);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_run_outcomes),
	    cmocka_unit_test(test_run_cannot),
	    cmocka_unit_test(test_run_surroundings),
	    cmocka_unit_test(test_run_large),
	    cmocka_unit_test(test_run_cut),
	    cmocka_unit_test(test_last_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
