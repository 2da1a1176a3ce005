/* What became of each source's requests. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../fcgi/tally.h"
#include "../../shared/clock.h"
#include "../../shared/log.h"
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
	struct tally_cursor cursor = {0};
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
	all = tallies_json(tallies, &cursor);
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
		    i < LOG_LINES);
	/* another reason has lines of its own */
	assert_true(tally_refused(tally, REFUSAL_TOO_OLD, &suppressed));
	assert_true(tally_plain(tally, &suppressed));
	assert_false(tally_plain(tally, &suppressed));
	fake.boot_ms += 60000;
	clock_set_fake(&fake);
	assert_true(tally_refused(tally, REFUSAL_MISMATCH, &suppressed));
	assert_int_equal(suppressed, 100 - LOG_LINES);
	clock_set_fake(NULL);
	tallies_free(tallies);
}

static unsigned left_out;
static enum refusal left_refusal;

static void
on_left_out(const char *source, enum refusal refusal, unsigned suppressed)
{
	assert_string_equal(source, "shop");
	left_out += suppressed;
	left_refusal = refusal;
}

/* Lines that are left out are told of, even when no other one comes. */
static void
test_left_out(void **state)
{
	struct tallies *tallies = tallies_new();
	struct tally *tally = tallies_get(tallies, "shop");
	struct clock_fake fake = {.boot_ms = 1000};
	unsigned suppressed;

	(void)state;
	clock_set_fake(&fake);
	for (int i = 0; i < 100; i++)
		(void)tally_refused(tally, REFUSAL_MISMATCH, &suppressed);
	left_out = 0;
	tallies_left_out(tallies, 60999, on_left_out);
	assert_int_equal(left_out, 0);
	tallies_left_out(tallies, 61000, on_left_out);
	assert_int_equal(left_out, 100 - LOG_LINES);
	assert_int_equal(left_refusal, REFUSAL_MISMATCH);
	tallies_left_out(tallies, 62000, on_left_out);
	assert_int_equal(left_out, 100 - LOG_LINES);
	for (int i = 0; i < 2 * LOG_LINES; i++)
		assert_true(
		    tally_handshake(tally, &suppressed) == (i < LOG_LINES));
	clock_set_fake(NULL);
	tallies_free(tallies);
}

/* Every answer is counted by its code, its time and its body; what is zero is
 * left out. */
static void
test_answers(void **state)
{
	const struct tally_answer answers[] = {{200, 800, 300},
	    {200, 1000, 256}, {401, 4200, 2118}, {413, 11000000, -1}};
	struct tallies *tallies = tallies_new();
	struct tally *tally = tallies_get(tallies, "shop");
	const struct clock_fake fake = {.wall_ms = 9000, .boot_ms = 1};
	struct tally_cursor cursor = {0};
	unsigned suppressed;
	json_t *all;
	char *text;

	(void)state;
	clock_set_fake(&fake);
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
		tally_answered(tally, &answers[i]);
	(void)tally_refused(tally, REFUSAL_MISMATCH, &suppressed);
	all = tallies_json(tallies, &cursor);
	text = json_dumps(all, JSON_COMPACT);
	assert_string_equal(text,
	    "{\"shop\":{\"since_ms\":9000,\"refused\":1,"
	    "\"last_refused_ms\":9000,\"reason\":\"mismatch\","
	    "\"codes\":{\"200\":2,\"401\":1,\"413\":1},"
	    "\"reasons\":{\"mismatch\":1},\"duration_us\":{\"sum\":11006000,"
	    "\"n\":[2,0,1,0,0,0,0,0,0,0,0,1]},\"body_bytes\":{\"sum\":2674,"
	    "\"n\":[1,1,1,0,0,0,0,0,0]}}}");
	free(text);
	json_decref(all);
	clock_set_fake(NULL);
	tallies_free(tallies);
}

/* Tell until all is told; how many sources that were, and in how many
 * frames. */
static size_t
tell(struct tallies *tallies, struct tally_cursor *cursor, int *frames)
{
	size_t told = 0;

	*frames = 0;
	do {
		json_t *some = tallies_json(tallies, cursor);

		assert_true(json_dumpb(some, NULL, 0, JSON_COMPACT) <=
			    TALLY_JSON_BYTES + 2);
		told += json_object_size(some);
		(*frames)++;
		json_decref(some);
	} while (cursor->next != NULL);
	return told;
}

/* All that a source can count, in numbers of the greatest length. */
static void
count_much(struct tally *tally)
{
	static const int codes[] = {
	    200, 400, 401, 403, 404, 405, 413, 415, 422, 429, 503, 202};
	unsigned suppressed;

	tally_accepted(tally, false, INT64_MAX);
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
		const struct tally_answer answer = {
		    codes[i], INT64_MAX / 16, INT64_MAX / 16};

		tally_answered(tally, &answer);
	}
	for (int i = 1; i < REFUSAL__MAX; i++)
		(void)tally_refused(tally, (enum refusal)i, &suppressed);
}

/* More sources than one frame has room for come in the next ones; each
 * listener hears of every change once. */
static void
test_turns(void **state)
{
	enum { SOURCES = 1000 };

	struct tallies *tallies = tallies_new();
	struct tally_cursor one = {0}, two = {0};
	char name[80];
	int frames;

	(void)state;
	for (int i = 0; i < SOURCES; i++) {
		(void)snprintf(name, sizeof name, "%060d", i);
		count_much(tallies_get(tallies, name));
	}
	(void)tallies_get(tallies, "idle");
	assert_int_equal(tell(tallies, &one, &frames), SOURCES);
	assert_true(frames > 1);
	assert_int_equal(tell(tallies, &one, &frames), 0);
	assert_int_equal(frames, 1);
	tally_accepted(tallies_get(tallies, "new"), false, 1);
	tally_accepted(tallies_get(tallies, name), false, 1);
	assert_int_equal(tell(tallies, &one, &frames), 2);
	assert_int_equal(tell(tallies, &two, &frames), SOURCES + 1);
	assert_int_equal(tell(tallies, &one, &frames), 0);
	tallies_free(tallies);
}

/* What changes while a round is under way is told in it or in the next. */
static void
test_change_meanwhile(void **state)
{
	enum { SOURCES = 1000 };

	struct tallies *tallies = tallies_new();
	struct tally_cursor cursor = {0};
	char name[80], first[80];
	json_t *some;
	int frames;

	(void)state;
	for (int i = 0; i < SOURCES; i++) {
		(void)snprintf(name, sizeof name, "%060d", i);
		count_much(tallies_get(tallies, name));
		if (i == 0)
			memcpy(first, name, sizeof first);
	}
	some = tallies_json(tallies, &cursor);
	assert_non_null(json_object_get(some, name)); /* told */
	assert_null(json_object_get(some, first));    /* not yet */
	json_decref(some);
	tally_accepted(tallies_get(tallies, name), false, 1);
	tally_accepted(tallies_get(tallies, first), false, 1);
	tally_accepted(tallies_get(tallies, "new"), false, 1);
	(void)tell(tallies, &cursor, &frames);
	assert_int_equal(tell(tallies, &cursor, &frames), 3);
	assert_int_equal(tell(tallies, &cursor, &frames), 0);
	tallies_free(tallies);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_counts),
	    cmocka_unit_test(test_lines),
	    cmocka_unit_test(test_left_out),
	    cmocka_unit_test(test_answers),
	    cmocka_unit_test(test_turns),
	    cmocka_unit_test(test_change_meanwhile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
