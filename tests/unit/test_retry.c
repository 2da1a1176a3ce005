#include <string.h>

#include "../../worker/retry.h"
#include "support.h"

enum { SECOND = 1000, HOUR = 3600 * SECOND };

/* DESIGN's defaults. */
static struct config_route
a_route(void)
{
	return (struct config_route){.give_up_ms = 72 * HOUR,
	    .backoff_ms = 5 * SECOND,
	    .backoff_max_ms = 6 * HOUR};
}

static void
test_doubled(void **state)
{
	struct config_route route = a_route();
	int64_t ms = 5 * SECOND;

	(void)state;
	for (unsigned n = 1; n < 40; n++) {
		assert_int_equal(retry_delay_ms(&route, n), ms);
		ms = ms * 2 < route.backoff_max_ms ? ms * 2
						   : route.backoff_max_ms;
	}
	assert_int_equal(
	    retry_delay_ms(&route, UINT32_MAX), route.backoff_max_ms);
	route.backoff_max_ms = INT64_MAX;
	assert_true(retry_delay_ms(&route, 1000) > 0);
	route.backoff_ms = 0;
	route.backoff_max_ms = 0;
	assert_int_equal(retry_delay_ms(&route, 3), RETRY_DELAY_MIN_MS);
}

static void
test_attempts(void **state)
{
	struct config_route route = a_route();
	struct retry_input input = {.attempt = 3};
	struct retry_decision decision;

	(void)state;
	route.attempts = 3;
	assert_true(retry_delay_ms(&route, 2) > 0);
	assert_int_equal(retry_delay_ms(&route, 3), -1);
	decision = retry_decide(&route, &input);
	assert_false(decision.again);
	assert_string_equal(decision.reason, "attempts");
	assert_int_equal(retry_count(&route), 3);
}

static void
test_schedule(void **state)
{
	int64_t schedule[] = {5 * SECOND, 60 * SECOND, HOUR};
	struct config_route route = a_route();
	/* As it stands: no jitter, no give_up. */
	struct retry_input input = {
	    .attempt = 2, .now_ms = 1000 * (int64_t)HOUR, .random = 400};
	struct retry_decision decision;

	(void)state;
	route.schedule_ms = schedule;
	route.n_schedule = 3;
	decision = retry_decide(&route, &input);
	assert_true(decision.again);
	assert_int_equal(decision.due_ms, input.now_ms + 60 * SECOND);
	input.attempt = 4;
	decision = retry_decide(&route, &input);
	assert_false(decision.again);
	assert_string_equal(decision.reason, "attempts");
	assert_int_equal(retry_count(&route), 4);
	route.attempts = 2;
	assert_int_equal(retry_count(&route), 2);
}

/* 0.8 to 1.2 of the delay, whatever the random number. */
static void
test_jitter(void **state)
{
	struct config_route route = a_route();
	struct retry_input input = {
	    .attempt = 1, .first_at_ms = 1000, .now_ms = 1000};
	int64_t least = INT64_MAX, most = 0, delay;

	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		input.random = i * 4294967U;
		delay = retry_decide(&route, &input).due_ms - 1000;
		least = delay < least ? delay : least;
		most = delay > most ? delay : most;
	}
	assert_in_range(least, 4000, 4100);
	assert_in_range(most, 5900, 6000);
}

/* It dies only directly after a failed attempt, and the last one is made when
 * give_up has passed, not before. */
static void
test_give_up(void **state)
{
	struct config_route route = a_route();
	struct retry_input input = {.attempt = 12, .random = 200};
	struct retry_decision decision;

	(void)state;
	route.give_up_ms = HOUR;
	input.now_ms = HOUR - 60 * SECOND;
	decision = retry_decide(&route, &input);
	assert_true(decision.again);
	assert_int_equal(decision.due_ms, HOUR);
	input.now_ms = HOUR;
	decision = retry_decide(&route, &input);
	assert_false(decision.again);
	assert_string_equal(decision.reason, "expired");
	/* Time the route was paused does not count. */
	input.paused_ms = 30 * SECOND;
	decision = retry_decide(&route, &input);
	assert_true(decision.again);
	assert_int_equal(decision.due_ms, HOUR + 30 * SECOND);
	/* The clock was set back. */
	input.paused_ms = 0;
	input.now_ms = -5 * (int64_t)HOUR;
	decision = retry_decide(&route, &input);
	assert_true(decision.again);
}

static void
test_retry_after(void **state)
{
	struct config_route route = a_route();
	struct retry_input input = {
	    .attempt = 1, .retry_after_ms = HOUR, .random = 200};

	(void)state;
	assert_int_equal(retry_decide(&route, &input).due_ms, HOUR);
	/* Shorter than the delay: the delay holds. */
	input.retry_after_ms = SECOND;
	assert_int_equal(retry_decide(&route, &input).due_ms, 5 * SECOND);
	/* Capped by backoff_max, and by give_up. */
	input.retry_after_ms = 1000 * (int64_t)HOUR;
	assert_int_equal(retry_decide(&route, &input).due_ms, 6 * HOUR);
	route.give_up_ms = 2 * HOUR;
	assert_int_equal(retry_decide(&route, &input).due_ms, 2 * HOUR);
}

static void
test_count(void **state)
{
	struct config_route route = a_route();

	(void)state;
	/* 5 10 20 40 s: 75 s; the fifth is moved up to 100 s. */
	route.give_up_ms = 100 * SECOND;
	assert_int_equal(retry_count(&route), 6);
	route.give_up_ms = 75 * SECOND;
	assert_int_equal(retry_count(&route), 5);
	route.give_up_ms = INT64_MAX;
	assert_int_equal(retry_count(&route), RETRY_COUNT_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_doubled),
	    cmocka_unit_test(test_attempts),
	    cmocka_unit_test(test_schedule),
	    cmocka_unit_test(test_jitter),
	    cmocka_unit_test(test_give_up),
	    cmocka_unit_test(test_retry_after),
	    cmocka_unit_test(test_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
