/* Landing events: what an earlier life left, the end, and faults. */

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../shared/clock.h"
#include "../../shared/zsock.h"
#include "landed.h"
#include "platter.h"
#include "support.h"

/* ---- another life ---- */

static void
what_is_not_done_comes_first(void **state)
{
	struct landed_gateway *g = landed.gateways;
	struct event event = landed_make_event("left");

	(void)state;
	landed_start(0);
	landed_send_new(g, 4, 10);
	landed_send_event(g, &event);
	for (unsigned i = 1; i <= 5; i++)
		landed_take(i);
	landed_wait_acks(g, 5);
	landed_stop();
	for (int round = 0; round < 2; round++) {
		landed_forget_keys();
		landed_start(2);
		/* The store has not its key yet; it will. */
		event.id[1]++;
		landed_send_event(g, &event);
		for (uint64_t i = 3; i <= 5; i++) {
			landed_take(i);
			assert_int_equal(landed_taken_seq(), i);
		}
		landed_expect_left(g);
		landed_stop();
	}
	landed_start(5);
	landed_send_new(g, 1, 10);
	landed_take(6);
}

static void
more_is_left_than_is_held(void **state)
{
	struct landed_gateway *g = landed.gateways;
	const uint64_t n = LANDING_EVENTS + 50;

	(void)state;
	landed_start(0);
	for (uint64_t i = 1; i <= n; i++) {
		landed_send_new(g, 1, 10);
		landed_take(i);
		landed_done(0);
	}
	landed_stop();
	landed_start(0);
	landed_send_new(g, 1, 10);
	for (uint64_t i = 1; i <= LANDING_EVENTS; i++)
		landed_take(i);
	landed_say(g, "round");
	assert_int_equal(landing_came(landed.landing), LANDING_EVENTS);
	for (uint64_t i = LANDING_EVENTS + 1; i <= n + 1; i++) {
		landed_done(i - LANDING_EVENTS);
		landed_take(i);
	}
}

static void
wait_drained(void)
{
	int64_t until_ms = clock_boot_ms() + LANDED_WAIT_MS;

	while (!landing_drained(landed.landing)) {
		assert_true(clock_boot_ms() < until_ms);
		(void)poll(NULL, 0, 1);
	}
}

static void
drained_is_what_was_sent_before(void **state)
{
	struct landed_gateway *g = landed.gateways;
	const uint64_t n = LANDING_EVENTS + 100;

	(void)state;
	landed_start(0);
	landed_send_new(g, n, 10);
	landing_drain(landed.landing);
	for (uint64_t i = 1; i <= n; i++) {
		landed_take(i);
		landed_done(i);
	}
	wait_drained();
	landed_wait_acks(g, (unsigned)n);
	/* Nothing more is read. */
	landed_send_new(g, 1, 10);
	landed_say(g, "round");
	landed_say(g, "round");
	assert_int_equal(landing_came(landed.landing), n);
	landed_expect_silence(g);
}

static void
nothing_to_drain_is_drained(void **state)
{
	(void)state;
	landed_start(0);
	assert_false(landing_drained(landed.landing));
	landing_drain(landed.landing);
	wait_drained();
}

static void
stopped_with_frames_that_nobody_took(void **state)
{
	(void)state;
	landed_start(0);
	landed_send_new(landed.gateways, 300, 1000);
	landed_wait_acks(landed.gateways, 300);
	landed_take(1);
	landed_stop();
	/* None is lost. */
	landed_start(1);
	for (unsigned i = 2; i <= 300; i++)
		landed_take(i);
}

/* ---- faults ---- */

static void
nothing_is_acknowledged_by_a_failing_disk(void **state)
{
	struct landed_gateway *g = landed.gateways;
	char *said;

	(void)state;
	landed_start(0);
	landed_send_new(g, 1, 10);
	landed_take(1);
	landed_wait_acks(g, 1);
	assert_false(landing_failed(landed.landing));
	support_stderr_begin();
	platter_fail(EIO);
	landed_send_new(g, 3, 10);
	while (!landing_failed(landed.landing))
		landed_wait_wake();
	landed_expect_silence(g);
	platter_fail(0);
	landed_send_new(g, 3, 10);
	landed_say(g, "round");
	landed_say(g, "round");
	landed_expect_silence(g);
	said = support_stderr_end();
	support_contains(said, "journal_failed");
	free(said);
	assert_false(
	    landing_take(landed.landing, &landed.message, &landed.number));
	assert_int_equal(landing_gone(landed.landing), 0);
}

static void
scrubbed_when_the_store_has_it(void **state)
{
	static const char mark[] = "a body that is to go";
	struct event event = landed_make_event("x");
	size_t len;
	char *bytes;

	(void)state;
	landed_start(0);
	event.body = mark;
	event.body_len = strlen(mark);
	landed_send_event(landed.gateways, &event);
	landed_take(1);
	for (int gone = 0; gone < 2; gone++) {
		assert_int_equal(landing_scrub(landed.landing), 0);
		bytes = support_read(landed.path, &len);
		assert_int_equal(
		    memmem(bytes, len, mark, strlen(mark)) == NULL, gone);
		free(bytes);
		landed_done(1);
	}
	platter_fail(EIO);
	support_stderr_begin();
	assert_int_equal(landing_scrub(landed.landing), -1);
	free(support_stderr_end());
}

static void
without_memory_it_takes_its_sockets(void **state)
{
	struct landing_options options;
	unsigned n;

	(void)state;
	for (n = 1; landed.landing == NULL; n++) {
		char *said;

		/* Bound again: those before were closed. */
		options = landed_make_options();
		landed_open_journal(&options, 0);
		support_stderr_begin();
		support_fail_alloc(n);
		landed.landing = landing_start(&options);
		support_fail_alloc(0);
		said = support_stderr_end();
		if (landed.landing == NULL)
			support_contains(said, "cannot_start");
		free(said);
	}
	assert_true(n > 2);
}

static void
none_may_be_stopped(void **state)
{
	(void)state;
	landing_stop(NULL);
}

#define TEST(t)                                                                \
	cmocka_unit_test_setup_teardown(t, landed_setup, landed_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(what_is_not_done_comes_first),
	    TEST(more_is_left_than_is_held),
	    TEST(drained_is_what_was_sent_before),
	    TEST(nothing_to_drain_is_drained),
	    TEST(stopped_with_frames_that_nobody_took),
	    TEST(nothing_is_acknowledged_by_a_failing_disk),
	    TEST(scrubbed_when_the_store_has_it),
	    TEST(without_memory_it_takes_its_sockets),
	    TEST(none_may_be_stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
