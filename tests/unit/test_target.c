/* Paths and queries, by the strict grammar. */

#include <stdlib.h>
#include <string.h>

#include "../../fcgi/target.h"
#include "support.h"

static void
test_good(void **state)
{
	static const struct {
		const char *uri;
		const char *path;
		const char *query;
	} rows[] = {
	    {"/", "/", ""},
	    {"/hooks/github", "/hooks/github", ""},
	    {"/hooks/github/", "/hooks/github/", ""},
	    {"/hooks/a?", "/hooks/a", ""},
	    {"/hooks/a?b=c&d=%2F//..", "/hooks/a", "b=c&d=%2F//.."},
	    {"/a-b_c.d~e/...", "/a-b_c.d~e/...", ""},
	    {"http://example.com/hooks/a?x", "/hooks/a", "x"},
	    {"HTTPS://example.com:443/hooks/a", "/hooks/a", ""},
	};
	struct target target;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_int_equal(target_read(&target, rows[i].uri), 0);
		assert_string_equal(target.path, rows[i].path);
		assert_string_equal(target.query, rows[i].query);
	}
}

static void
test_bad(void **state)
{
	static const char *const uris[] = {"", "hooks", "*", "?a", "//",
	    "//hooks", "/hooks//a", "/./a", "/a/.", "/a/..", "/../a",
	    "/a/../b?x", "/%61", "/a%2Fb", "/a b", "/a\\b", "/a;b", "/a:b",
	    "/a#b", "/a?b#c", "/a?b c", "/a?\xc3\xa4", "/\xc3\xa4", "/a\n",
	    "http://", "http://host", "http://host?x", "ftp://host/a"};
	struct target target;

	(void)state;
	for (size_t i = 0; i < sizeof uris / sizeof *uris; i++) {
		if (target_read(&target, uris[i]) != -1)
			fail_msg("accepted: %s", uris[i]);
		assert_string_equal(target.path, "");
		assert_string_equal(target.query, "");
	}
}

static void
test_limits(void **state)
{
	char uri[TARGET_PATH_MAX + TARGET_QUERY_MAX + 4];
	struct target target;

	(void)state;
	memset(uri, 'a', sizeof uri);
	uri[0] = '/';
	uri[TARGET_PATH_MAX] = '\0';
	assert_int_equal(target_read(&target, uri), 0);
	assert_int_equal(strlen(target.path), TARGET_PATH_MAX);
	uri[TARGET_PATH_MAX] = 'a';
	uri[TARGET_PATH_MAX + 1] = '\0';
	assert_int_equal(target_read(&target, uri), -1);
	memset(uri, 'a', sizeof uri);
	memcpy(uri, "/a?", 3);
	uri[3 + TARGET_QUERY_MAX] = '\0';
	assert_int_equal(target_read(&target, uri), 0);
	uri[3 + TARGET_QUERY_MAX] = 'a';
	uri[4 + TARGET_QUERY_MAX] = '\0';
	assert_int_equal(target_read(&target, uri), -1);
}

static void
test_blank(void **state)
{
	static const struct {
		const char *query;
		const char *stored;
	} rows[] = {
	    {"", ""},
	    {"a=b", "a=b"},
	    {"token=secret", "token=-"},
	    {"a=b&token=secret&c", "a=b&token=-&c"},
	    {"%74ok%65n=secret", "%74ok%65n=-"},
	    {"token", "token"},
	    {"token=", "token="},
	    {"token=a&token=b", "token=-&token=-"},
	    {"&&", "&&"},
	    {"tokens=a", "tokens=a"},
	};
	struct scheme *scheme = scheme_new("t", NULL);
	char error[SCHEME_ERROR_SIZE];
	struct buf out = {0};

	(void)state;
	assert_non_null(scheme);
	assert_int_equal(scheme_set(scheme, "kind", "token", error), 0);
	assert_int_equal(
	    scheme_set(scheme, "signature", "query:token", error), 0);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		buf_reset(&out);
		assert_int_equal(target_blank(scheme, rows[i].query, &out), 0);
		assert_string_equal(buf_str(&out), rows[i].stored);
	}
	buf_clear(&out);
	scheme_free(scheme);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_good),
	    cmocka_unit_test(test_bad),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_blank),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
