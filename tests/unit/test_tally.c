/* What became of each source's requests. */

#include <stdio.h>

#include "../../fcgi/tally.h"
#include "../../shared/clock.h"
#include "support.h"

static json_int_t
number(const json_t *all, const char *source, const char *name)
{
	return json_integer_value(
	    json_object_get(json_object_get(all, source), name));
}

static void
test_counts(void **state)
{
	struct tallies *tallies = tallies_new();
	struct tally *tally = tallies_get(tallies, "shop");
	const struct clock_fake fake = {.wall_ms = 9000, .boot_ms = 1};
	unsigned suppressed;
	json_t *all;

	(void)state;
	clock_set_fake(&fake);
	assert_ptr_equal(tallies_get(tallies, "shop"), tally);
	assert_ptr_not_equal(tallies_get(tallies, "other"), tally);
	tally_accepted(tally, false, 5000);
	tally_accepted(tally, false, 6000);
	tally_accepted(tally, true, 7000);
	(void)tally_refused(tally, REFUSAL_TOO_OLD, &suppressed);
	(void)tally_refused(tally, REFUSAL_NO_WORKER, &suppressed);
	all = tallies_json(tallies);
	assert_int_equal(json_object_size(all), 1); /* none of "other" */
	assert_int_equal(number(all, "shop", "accepted"), 2);
	assert_int_equal(number(all, "shop", "duplicate"), 1);
	assert_int_equal(number(all, "shop", "refused"), 1);
	assert_int_equal(number(all, "shop", "unavailable"), 1);
	assert_int_equal(number(all, "shop", "last_accepted_ms"), 7000);
	assert_int_equal(number(all, "shop", "last_refused_ms"), 9000);
	assert_string_equal(json_string_value(json_object_get(
				json_object_get(all, "shop"), "reason")),
	    "too_old");
	json_decref(all);
	clock_set_fake(NULL);
	tallies_free(tallies);
}

static void
test_lines(void **state)
{
	struct tallies *tallies = tallies_new();
	struct tally *tally = tallies_get(tallies, "shop");
	struct clock_fake fake = {.boot_ms = 1000};
	unsigned suppressed;

	(void)state;
	clock_set_fake(&fake);
	for (int i = 0; i < 100; i++)
		assert_int_equal(
		    tally_refused(tally, REFUSAL_MISMATCH, &suppressed),
		    i < TALLY_LINES);
	/* another reason has lines of its own */
	assert_true(tally_refused(tally, REFUSAL_TOO_OLD, &suppressed));
	assert_true(tally_plain(tally, &suppressed));
	assert_false(tally_plain(tally, &suppressed));
	fake.boot_ms += 60000;
	clock_set_fake(&fake);
	assert_true(tally_refused(tally, REFUSAL_MISMATCH, &suppressed));
	assert_int_equal(suppressed, 100 - TALLY_LINES);
	clock_set_fake(NULL);
	tallies_free(tallies);
}

/* More sources than one BEAT has room for come in turns. */
static void
test_turns(void **state)
{
	enum { SOURCES = TALLY_JSON_SOURCES + 100 };

	struct tallies *tallies = tallies_new();
	json_t *first;
	json_t *second;
	char name[16];

	(void)state;
	for (int i = 0; i < SOURCES; i++) {
		(void)snprintf(name, sizeof name, "s%d", i);
		tally_accepted(tallies_get(tallies, name), false, 1);
	}
	first = tallies_json(tallies);
	second = tallies_json(tallies);
	assert_int_equal(json_object_size(first), TALLY_JSON_SOURCES);
	assert_int_equal(json_object_update(first, second), 0);
	assert_int_equal(json_object_size(first), SOURCES);
	json_decref(first);
	json_decref(second);
	tallies_free(tallies);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_counts),
	    cmocka_unit_test(test_lines),
	    cmocka_unit_test(test_turns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
