/* alarms: each goes off once, until it was right again. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../worker/alarms.h"

static void
test_silence(void **state)
{
	struct alarm_silence alarm = {.known = true, .heard_ms = 1000};

	(void)state;
	assert_false(alarm_silent(&alarm, 0, 500, 1499));
	assert_false(alarm.heard);
	assert_true(alarm_silent(&alarm, 0, 500, 1500));
	assert_false(alarm_silent(&alarm, 0, 500, 1501));
	assert_false(alarm_silent(&alarm, 0, 500, 999999));
	/* An event ends it; then it may begin anew. */
	assert_false(alarm_silent(&alarm, 1, 500, 1000000));
	assert_true(alarm.heard);
	assert_false(alarm_silent(&alarm, 1, 500, 1000499));
	assert_true(alarm_silent(&alarm, 1, 500, 1000500));
	/* So does a longer limit. */
	assert_false(alarm_silent(&alarm, 1, 600, 1000501));
	assert_true(alarm_silent(&alarm, 1, 600, 1000600));
}

static void
test_silence_unknown(void **state)
{
	struct alarm_silence alarm = {.heard_ms = 1000};

	(void)state;
	assert_false(alarm_silent(&alarm, 0, 500, 999999));
	alarm.known = true;
	assert_true(alarm_silent(&alarm, 0, 500, 999999));
	alarm = (struct alarm_silence){.heard_ms = 1000};
	assert_false(alarm_silent(&alarm, 1, 500, 5000));
	assert_true(alarm_silent(&alarm, 1, 500, 5500));
}

static bool
look(struct alarm_failing *alarm, uint64_t made, uint64_t failed, int64_t ms)
{
	const struct alarm_attempts all = {made, failed};
	struct alarm_attempts recent;

	return alarm_failing(alarm, &all, 10, ms, &recent);
}

static void
test_failing_share(void **state)
{
	struct alarm_failing alarm = {0};

	(void)state;
	/* Fewer than ten say nothing, ten do; 10 % is not over 10 %. */
	assert_false(look(&alarm, 9, 9, 1000));
	alarm = (struct alarm_failing){0};
	assert_false(look(&alarm, 10, 1, 1000));
	assert_false(look(&alarm, 20, 2, 2000));
	assert_true(look(&alarm, 20, 3, 3000));
	assert_false(look(&alarm, 21, 4, 4000));
	/* Over 5 % it goes on, without a second telling. */
	assert_false(look(&alarm, 79, 4, 5000));
	assert_false(look(&alarm, 79, 12, 6000));
	/* At 5 % it is over, and may begin anew. */
	assert_false(look(&alarm, 240, 12, 7000));
	assert_true(look(&alarm, 270, 42, 8000));
}

static void
test_failing_never(void **state)
{
	const struct alarm_attempts all = {50, 50};
	struct alarm_failing alarm = {0};
	struct alarm_attempts recent;

	(void)state;
	assert_false(alarm_failing(&alarm, &all, 100, 1000, &recent));
	assert_int_equal(recent.made, 50);
	assert_int_equal(recent.failed, 50);
}

/* What lies behind the window does not count, and quiet ends nothing. */
static void
test_failing_window(void **state)
{
	const struct alarm_attempts all = {30, 30};
	struct alarm_failing alarm;
	struct alarm_attempts recent;
	int64_t now = 1000000;

	(void)state;
	alarm_failing_begin(&alarm, &all, now);
	assert_false(look(&alarm, 30, 30, now));
	assert_false(look(&alarm, 39, 39, now));
	assert_true(look(&alarm, 40, 40, now));
	assert_false(look(&alarm, 40, 40, now + ALARM_WINDOW_MS));
	assert_true(alarm.on);
	/* One that succeeds ends it. */
	assert_false(look(&alarm, 41, 40, now + ALARM_WINDOW_MS + 1));
	assert_false(alarm.on);
	/* Nine failures, and nine more when the first are behind the window. */
	now += ALARM_WINDOW_MS * 2;
	assert_false(look(&alarm, 50, 49, now));
	now += ALARM_WINDOW_MS;
	assert_false(look(&alarm, 50, 49, now));
	assert_false(look(&alarm, 59, 58, now + ALARM_SLOT_MS));
	assert_true(look(&alarm, 60, 59, now + ALARM_SLOT_MS * 2));
	assert_false(alarm_failing(&alarm, &(struct alarm_attempts){61, 60}, 10,
	    now + ALARM_SLOT_MS * 2, &recent));
	assert_int_equal(recent.made, 11);
	assert_int_equal(recent.failed, 11);
}

/* A look each second, an attempt in each: the window holds what it says. */
static void
test_failing_looks(void **state)
{
	struct alarm_failing alarm = {0};
	struct alarm_attempts all = {0, 0}, recent;
	int64_t now;

	(void)state;
	for (now = 0; now < 4 * ALARM_WINDOW_MS; now += 1000) {
		all.made++;
		assert_false(alarm_failing(&alarm, &all, 10, now, &recent));
	}
	assert_in_range(recent.made, (ALARM_WINDOW_MS - ALARM_SLOT_MS) / 1000,
	    ALARM_WINDOW_MS / 1000);
}

static void
test_low(void **state)
{
	enum alarm_room room = ALARM_ROOM_FINE;

	(void)state;
	assert_false(alarm_low(&room, 200, 100, false));
	assert_true(alarm_low(&room, 199, 100, false));
	assert_false(alarm_low(&room, 150, 100, false));
	/* Full is worse, and told; then nothing until there is room. */
	assert_true(alarm_low(&room, 99, 100, true));
	assert_false(alarm_low(&room, 101, 100, false));
	assert_false(alarm_low(&room, 99, 100, true));
	assert_false(alarm_low(&room, 249, 100, false));
	assert_false(alarm_low(&room, 99, 100, true));
	assert_false(alarm_low(&room, 250, 100, false));
	assert_int_equal(room, ALARM_ROOM_FINE);
	assert_true(alarm_low(&room, 99, 100, true));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_silence),
	    cmocka_unit_test(test_silence_unknown),
	    cmocka_unit_test(test_failing_share),
	    cmocka_unit_test(test_failing_never),
	    cmocka_unit_test(test_failing_window),
	    cmocka_unit_test(test_failing_looks),
	    cmocka_unit_test(test_low),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
