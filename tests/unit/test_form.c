/* Forms: what has a value, and what has none. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../shared/form.h"
#include "support.h"

static void
check(const char *text, const char *name, enum form_result result,
    const char *value)
{
	struct buf out = {0};
	enum form_result got = form_get(text, strlen(text), name, &out);

	if (got != result)
		fail_msg("%s in `%s`: %d, not %d", name, text, got, result);
	assert_string_equal(buf_str(&out), value);
	buf_clear(&out);
}

static void
test_get(void **state)
{
	(void)state;
	check("a=1&b=2", "a", FORM_FOUND, "1");
	check("a=1&b=2", "b", FORM_FOUND, "2");
	check("a=1&b=2", "c", FORM_MISSING, "");
	check("", "a", FORM_MISSING, "");
	check("a", "a", FORM_FOUND, "");
	check("a=", "a", FORM_FOUND, "");
	check("=1", "", FORM_FOUND, "1");
	check("&&a=1&&", "a", FORM_FOUND, "1");
	check("a=b=c", "a", FORM_FOUND, "b=c");
	check("a=x+y%20z%2B", "a", FORM_FOUND, "x y z+");
	check("%61=1", "a", FORM_FOUND, "1");
	check("hub.mode=subscribe", "hub.mode", FORM_FOUND, "subscribe");
	check("ab=1", "a", FORM_MISSING, "");
	check("a=1", "ab", FORM_MISSING, "");
	check("A=1", "a", FORM_MISSING, "");
	check("a=%e2%99%a5", "a", FORM_FOUND, "\xe2\x99\xa5");
}

static void
test_twice(void **state)
{
	(void)state;
	check("a=1&a=1", "a", FORM_TWICE, "");
	check("a=1&b=2&%61=3", "a", FORM_TWICE, "");
	check("a&a", "a", FORM_TWICE, "");
}

/* A pair with a broken escape is no pair, the others stay. */
static void
test_broken(void **state)
{
	static const char *const values[] = {
	    "%", "%4", "%4g", "%g4", "x%", "%-1", "%+1", "% 1"};
	char text[32];

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		(void)snprintf(text, sizeof(text), "a=%s&b=2", values[i]);
		check(text, "a", FORM_MISSING, "");
		check(text, "b", FORM_FOUND, "2");
	}
	check("a%=1", "a", FORM_MISSING, "");
	check("a%00b=1", "a", FORM_MISSING, "");
}

static void
check_sorted(const char *text, const char *wanted)
{
	struct buf out = {0};

	assert_int_equal(form_sorted(text, strlen(text), &out), 0);
	assert_string_equal(buf_str(&out), wanted);
	buf_clear(&out);
}

static void
test_sorted(void **state)
{
	struct buf out = {0};
	char *many;

	(void)state;
	check_sorted("", "");
	check_sorted("b=2&a=1", "a1b2");
	check_sorted("b=2&a=1&aa=3", "a1aa3b2");
	check_sorted("a=2&a=1&a=2", "a1a2");
	check_sorted("To=%2B1&From=x+y&A", "AFromx yTo+1");
	assert_int_equal(form_sorted("a=%", 3, &out), -1);
	assert_false(out.failed);

	many = calloc(FORM_PAIRS_MAX + 1, 2);
	for (size_t i = 0; i <= FORM_PAIRS_MAX; i++)
		memcpy(many + 2 * i, "a&", 2);
	assert_int_equal(form_sorted(many, 2 * FORM_PAIRS_MAX, &out), 0);
	assert_string_equal(buf_str(&out), "a");
	buf_reset(&out);
	assert_int_equal(form_sorted(many, 2 * (FORM_PAIRS_MAX + 1), &out), -1);
	free(many);
	buf_clear(&out);
}

static void
test_no_memory(void **state)
{
	struct buf out = {0};

	(void)state;
	support_fail_alloc(1);
	assert_int_equal(form_get("a=1", 3, "a", &out), FORM_ERROR);
	buf_clear(&out);
	for (unsigned n = 1;; n++) {
		int rc;

		support_fail_alloc(n);
		rc = form_sorted("b=2&a=1", 7, &out);
		support_fail_alloc(0);
		assert_true(rc == 0 || out.failed);
		buf_clear(&out);
		if (rc == 0)
			break;
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_get),
	    cmocka_unit_test(test_twice),
	    cmocka_unit_test(test_broken),
	    cmocka_unit_test(test_sorted),
	    cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
