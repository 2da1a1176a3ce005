#include <string.h>

#include "../../shared/pattern.h"
#include "support.h"

struct row {
	const char *pattern;
	const char *text;
	bool dotted;
	bool matches;
};

static const struct row rows[] = {
    {"", "", false, true},
    {"", "a", false, false},
    {"a", "", false, false},
    {"push", "push", false, true},
    {"push", "Push", false, false},
    {"push", "pushed", false, false},
    {"*", "", false, true},
    {"*", "anything.at.all", false, true},
    {"order.*", "order.paid", false, true},
    {"order.*", "order.", false, true},
    {"order.*", "order", false, false},
    {"*.paid", "order.paid", false, true},
    {"*.paid", "order.paid.late", false, false},
    {"*.paid", "order.paid.late", true, true},
    {"a*b*c", "axxbyyc", false, true},
    {"a*b*c", "axxbyy", false, false},
    {"*ab", "aaab", false, true},
    {"**a**", "bab", false, true},
    {"pull_request", "pull_request.opened", false, false},
    {"pull_request", "pull_request.opened", true, true},
    {"pull_request", "pull_request", true, true},
    {"pull_request", "pull_request_review", true, false},
    {"a*b", "axb.c", true, true},
    {"a*b", "axbc", true, false},
    {"", ".a", true, true},
    {"?", "a", false, false},
    {"[a]", "a", false, false},
};

static void
test_match(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct row *row = &rows[i];

		if (pattern_match(row->pattern, row->text, row->dotted) !=
		    row->matches)
			fail_msg(
			    "row %zu: <%s> <%s>", i, row->pattern, row->text);
	}
}

/* Backtracking must not explode. */
static void
test_many_stars(void **state)
{
	char text[4001];

	(void)state;
	memset(text, 'a', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	assert_false(pattern_match("*a*a*a*a*a*a*a*a*a*a*b", text, false));
}

static void
test_list(void **state)
{
	char not_test[] = "!order.test";
	char orders[] = "order.*";
	char paid[] = "*.paid";
	char not_ping[] = "!ping";
	char not_star[] = "!star";
	char *mixed[] = {not_test, orders, paid};
	char *excluding[] = {not_ping, not_star};
	const char *by = "unset";

	(void)state;
	assert_true(pattern_list_match(mixed, 0, "anything", true, &by));
	assert_null(by);

	assert_true(pattern_list_match(mixed, 3, "order.paid", true, &by));
	assert_ptr_equal(by, orders);
	assert_false(pattern_list_match(mixed, 3, "order.test", true, &by));
	assert_ptr_equal(by, not_test);
	assert_true(pattern_list_match(mixed, 3, "x.paid.late", true, &by));
	assert_ptr_equal(by, paid);
	assert_false(pattern_list_match(mixed, 3, "x.paid.late", false, &by));
	assert_null(by);

	/* exclusions only: everything else */
	assert_true(pattern_list_match(excluding, 2, "push", true, &by));
	assert_null(by);
	assert_false(
	    pattern_list_match(excluding, 2, "star.created", true, &by));
	assert_ptr_equal(by, not_star);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_match),
	    cmocka_unit_test(test_many_stars),
	    cmocka_unit_test(test_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
