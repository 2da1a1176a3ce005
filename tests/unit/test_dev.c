/* The pure parts of `gaff dev`: what it writes, and lines of logs in words. */

#include <string.h>

#include <jansson.h>

#include "../../cli/dev.h"
#include "../../cli/dev_line.h"
#include "../../cli/words.h"
#include "support.h"

static void
test_lines(void **state)
{
	static const struct {
		const char *record, *line;
	} rows[] = {
	    {"{\"level\":\"info\",\"msg\":\"accepted\",\"id\":"
	     "\"01a203d1-7e3c-7786-ad4f-8b7bdfff8de5\",\"source\":\"github\","
	     "\"type\":\"push\",\"bytes\":589,\"ms\":3.1}",
		"accepted   dfff8de5  push  589 bytes  3.1 ms"},
	    {"{\"level\":\"warn\",\"msg\":\"refused\",\"status\":401,"
	     "\"reason\":\"too_old\",\"skew\":\"-412s\"}",
		"refused              401  too_old  clock off by -412s"},
	    {"{\"level\":\"warn\",\"msg\":\"failed\",\"id\":\"12345678\","
	     "\"attempt\":2,\"outcome\":\"exit:1\",\"ms\":8,\"last\":\"no\"}",
		"failed     12345678  try 2  exit:1  8 ms  no"},
	    {"{\"level\":\"error\",\"msg\":\"store_full\",\"path\":\"/x\"}",
		"error      store_full  path=/x"},
	    {"{\"level\":\"info\",\"msg\":\"started\",\"version\":\"1\"}", ""},
	    {"{}", "           "},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *record = json_loads(rows[i].record, 0, NULL);
		struct buf out = {0};

		assert_int_equal(dev_line(record, &out), 0);
		assert_string_equal(buf_str(&out), rows[i].line);
		buf_clear(&out);
		json_decref(record);
	}
}

static void
test_words(void **state)
{
	static const struct {
		const char *word, *quoted;
	} rows[] = {
	    {"/usr/bin/x-1", "/usr/bin/x-1"},
	    {"", "''"},
	    {"a b", "'a b'"},
	    {"it's", "'it'\\''s'"},
	    {"$HOME", "'$HOME'"},
	    {"~x", "'~x'"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf out = {0};

		assert_int_equal(words_quote(&out, rows[i].word), 0);
		assert_string_equal(buf_str(&out), rows[i].quoted);
		buf_clear(&out);
	}
}

static void
expect(const struct dev_setup *setup, const char *part, bool there)
{
	struct buf out = {0};

	assert_int_equal(dev_config(setup, &out), 0);
	if ((strstr(buf_str(&out), part) != NULL) != there)
		fail_msg("%s %s:\n%s", there ? "expected" : "not expected",
		    part, buf_str(&out));
	buf_clear(&out);
}

static void
test_config(void **state)
{
	char error[SCHEME_ERROR_SIZE];
	struct dev_setup setup = {.directory = "/tmp/a b",
	    .port = 8000,
	    .scheme = scheme_builtin("github"),
	    .cwd = "/srv",
	    .path = "/bin"};
	struct scheme *own = scheme_new("acme", scheme_builtin("hmac"));

	(void)state;
	expect(&setup,
	    "[source github]\nscheme = github\nsecret = file:secret\n"
	    "public_url = http://127.0.0.1:8000/hooks/github\n",
	    true);
	expect(&setup, "[route", false);
	expect(&setup, "[scheme", false);
	expect(&setup, "unverified", false);
	setup.run = "true";
	expect(&setup,
	    "run = /bin/sh '/tmp/a b'/handler\ndirectory = /srv\n"
	    "env = PATH=/bin\n",
	    true);
	setup.run = NULL;
	setup.forward = "http://127.0.0.1:3000/in";
	expect(&setup, "post = http://127.0.0.1:3000/in\n", true);
	setup.scheme = scheme_builtin("none");
	expect(&setup, "scheme = none\nunverified = yes\n", true);
	expect(&setup, "secret =", false);
	assert_int_equal(
	    scheme_set(own, "signature", "header:x-acme", error), 0);
	setup.scheme = own;
	expect(&setup, "\n[scheme acme]\n", true);
	expect(&setup, "signature = header:x-acme\n", true);
	scheme_free(own);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_lines),
	    cmocka_unit_test(test_words),
	    cmocka_unit_test(test_config),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
