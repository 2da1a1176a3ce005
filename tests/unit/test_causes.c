/* causes: at most one telling per cause and five minutes. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../worker/causes.h"

enum { WALL_MS = 1000000 }; /* what the wall clock is ahead */

static int
setup(void **state)
{
	*state = causes_new();
	return *state != NULL ? 0 : -1;
}

static int
teardown(void **state)
{
	causes_free(*state);
	return 0;
}

static int
note(struct causes *causes, int kind, const char *subject, int64_t boot_ms)
{
	const struct causes_time now = {boot_ms, boot_ms + WALL_MS};

	return causes_note(causes, kind, subject,
	    json_pack("{s:I}", "at", (json_int_t)boot_ms), &now);
}

/* Exactly this is to be told then: a subject and a count, NULL: nothing. */
static const struct cause *
expect(
    struct causes *causes, int64_t boot_ms, const char *subject, unsigned count)
{
	const struct cause *cause;
	size_t at = 0;

	cause = causes_next(causes, &at, boot_ms);
	if (subject == NULL) {
		assert_null(cause);
		assert_true(causes_due_ms(causes) > boot_ms);
		return NULL;
	}
	assert_non_null(cause);
	assert_true(causes_due_ms(causes) <= boot_ms);
	assert_string_equal(cause->subject, subject);
	assert_int_equal(cause->count, count);
	assert_null(causes_next(causes, &at, boot_ms));
	return cause;
}

static int64_t
fact(const struct cause *cause)
{
	return json_integer_value(json_object_get(cause->facts, "at"));
}

static void
test_first_at_once_then_together(void **state)
{
	struct causes *causes = *state;
	const struct cause *cause;
	const int64_t over = 10 + CAUSES_PAUSE_MS;

	assert_int_equal(causes_due_ms(causes), INT64_MAX);
	note(causes, 0, "paid", 10);
	cause = expect(causes, 10, "paid", 1);
	assert_int_equal(cause->since_ms, 10 + WALL_MS);
	causes_told(causes, 10);
	expect(causes, 10, NULL, 0);
	note(causes, 0, "paid", 11);
	note(causes, 0, "paid", 12);
	assert_int_equal(causes_due_ms(causes), over);
	expect(causes, over - 1, NULL, 0);
	cause = expect(causes, over, "paid", 2);
	/* Since the first of the two, with the facts of the latest. */
	assert_int_equal(cause->since_ms, 11 + WALL_MS);
	assert_int_equal(fact(cause), 12);
	causes_told(causes, over);
	/* The pause begins anew. */
	note(causes, 0, "paid", over + 1);
	expect(causes, over + CAUSES_PAUSE_MS - 1, NULL, 0);
	expect(causes, over + CAUSES_PAUSE_MS, "paid", 1);
}

static void
test_quiet_is_forgotten(void **state)
{
	struct causes *causes = *state;

	note(causes, 0, "paid", 10);
	causes_told(causes, 10);
	expect(causes, 10 + CAUSES_PAUSE_MS, NULL, 0);
	note(causes, 0, "paid", 10 + CAUSES_PAUSE_MS);
	expect(causes, 10 + CAUSES_PAUSE_MS, "paid", 1);
}

/* The commit failed: nothing is told yet, and what comes meanwhile counts. */
static void
test_not_told(void **state)
{
	struct causes *causes = *state;
	const struct cause *cause;

	note(causes, 0, "paid", 10);
	expect(causes, 10, "paid", 1);
	note(causes, 0, "paid", 20);
	cause = expect(causes, 20, "paid", 2);
	assert_int_equal(cause->since_ms, 10 + WALL_MS);
}

static void
test_kind_and_subject_make_a_cause(void **state)
{
	struct causes *causes = *state;
	size_t at = 0;

	note(causes, 0, "paid", 10);
	note(causes, 0, "mirror", 10);
	note(causes, 1, "paid", 10);
	while (causes_next(causes, &at, 10) != NULL)
		;
	assert_int_equal(at, 3);
	causes_told(causes, 10);
	note(causes, 1, "paid", 11);
	assert_int_equal(
	    expect(causes, 10 + CAUSES_PAUSE_MS, "paid", 1)->kind, 1);
}

static void
test_long_subject(void **state)
{
	struct causes *causes = *state;
	char name[200];

	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	note(causes, 0, name, 10);
	note(causes, 0, name, 10);
	name[CAUSES_SUBJECT_SIZE - 1] = '\0';
	expect(causes, 10, name, 2);
}

/* More causes than there is room for are refused, until some are told and
 * their pause is over. */
static void
test_bounded(void **state)
{
	struct causes *causes = *state;
	const int64_t over = 10 + CAUSES_PAUSE_MS;
	char name[16];
	int i;

	for (i = 0; i < CAUSES_MAX; i++) {
		(void)snprintf(name, sizeof(name), "r%d", i);
		assert_int_equal(note(causes, 0, name, 10), 0);
	}
	assert_int_equal(note(causes, 0, "more", 10), -1);
	assert_int_equal(note(causes, 0, "r7", 10), 0);
	causes_told(causes, 10);
	assert_int_equal(note(causes, 0, "more", over - 1), -1);
	assert_int_equal(note(causes, 0, "r7", over - 1), 0);
	assert_int_equal(note(causes, 0, "more", over), 0);
	causes_told(causes, over);
	expect(causes, over, NULL, 0);
}

static void
test_without_facts(void **state)
{
	struct causes *causes = *state;
	const struct causes_time now = {10, 10};

	assert_int_equal(causes_note(causes, 0, "paid", NULL, &now), -1);
	expect(causes, 10, NULL, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_first_at_once_then_together),
	    TEST(test_quiet_is_forgotten),
	    TEST(test_not_told),
	    TEST(test_kind_and_subject_make_a_cause),
	    TEST(test_long_subject),
	    TEST(test_bounded),
	    TEST(test_without_facts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
