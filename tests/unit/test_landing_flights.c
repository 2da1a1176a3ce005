/* Landing events while several entries of the journal are being written. */

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "../../shared/clock.h"
#include "booked.h"
#include "landed.h"
#include "platter.h"
#include "support.h"

/* Two slow writes make the third another thread's; each of these entries has a
 * block. */
enum { BEFORE = 2 };

static off_t
block(unsigned entry)
{
	return (off_t)(BEFORE + entry) * BOOKED_BLOCK;
}

/* From now on nothing ends by itself. */
static struct landed_gateway *
start_held(void)
{
	struct landed_gateway *g = landed.gateways;

	landed_start(0);
	platter_slow(true);
	for (unsigned i = 1; i <= BEFORE; i++) {
		landed_send_new(g, 1, 10);
		landed_take(i);
		landed_done(i);
		landed_wait_acks(g, i);
	}
	platter_hold(true);
	return g;
}

/* Entries of one event each, from this one on. */
static void
send_entries(struct landed_gateway *g, unsigned from, unsigned n)
{
	for (unsigned i = from; i < from + n; i++) {
		landed_send_new(g, 1, 10);
		platter_expect(block(i));
	}
}

static bool
can_take(void)
{
	bool can =
	    landing_take(landed.landing, &landed.message, &landed.number);

	assert_false(can);
	return can;
}

static void
acknowledged_when_its_own_write_has_ended(void **state)
{
	struct landed_gateway *g = start_held();

	(void)state;
	send_entries(g, 0, 3);
	landed_expect_silence(g);
	platter_let(block(1), 0);
	landed_wait_acks(g, BEFORE + 1);
	assert_int_equal(g->last.seq, BEFORE + 2);
	landed_expect_silence(g);
	/* They are handed over in order. */
	assert_false(can_take());
	platter_let(block(0), 0);
	landed_wait_acks(g, BEFORE + 2);
	assert_int_equal(g->last.seq, BEFORE + 1);
	for (unsigned i = 1; i <= 2; i++) {
		landed_take(BEFORE + i);
		assert_int_equal(landed_taken_seq(), BEFORE + i);
	}
	assert_false(can_take());
	platter_let(block(2), 0);
	landed_take(BEFORE + 3);
	landed_wait_acks(g, BEFORE + 3);
}

static void
events_wait_for_a_place_and_go_together(void **state)
{
	struct landed_gateway *g = start_held();

	(void)state;
	send_entries(g, 0, JOURNAL_FLIGHTS);
	landed_send_new(g, 3, 10);
	/* What gateways and the store say is no event, and does not wait. */
	landed_say(g, "round");
	landed_say(g, "round");
	assert_int_equal(
	    landing_came(landed.landing), BEFORE + JOURNAL_FLIGHTS);
	platter_let(block(2), 0);
	platter_expect(block(JOURNAL_FLIGHTS));
	landed_wait_acks(g, BEFORE + 1);
	platter_let(block(JOURNAL_FLIGHTS), 0);
	landed_wait_acks(g, BEFORE + 1 + 3);
	assert_int_equal(
	    landing_came(landed.landing), BEFORE + JOURNAL_FLIGHTS + 3);
	for (unsigned i = 0; i < JOURNAL_FLIGHTS; i++)
		if (i != 2)
			platter_let(block(i), 0);
	for (unsigned i = 1; i <= JOURNAL_FLIGHTS + 3; i++) {
		landed_take(BEFORE + i);
		assert_int_equal(landed_taken_seq(), BEFORE + i);
	}
	landed_wait_acks(g, BEFORE + JOURNAL_FLIGHTS + 3);
}

static void
what_does_not_land_keeps_its_place(void **state)
{
	struct landed_gateway *g = start_held();
	struct event event = landed_make_event("one");

	(void)state;
	landed_send_event(g, &event);
	platter_expect(block(0));
	landed_send_event(g, &event);
	send_entries(g, 1, 1);
	platter_let(block(1), 0);
	landed_wait_acks(g, BEFORE + 1);
	assert_false(can_take());
	platter_let(block(0), 0);
	landed_take(BEFORE + 1);
	landed_take(0);
	assert_int_equal(landed_taken_seq(), BEFORE + 2);
	landed_take(BEFORE + 2);
	landed_wait_acks(g, BEFORE + 2);
}

static void *
let_first(void *arg)
{
	(void)arg;
	platter_let(block(0), 0);
	return NULL;
}

static void
settled_when_all_may_be_taken(void **state)
{
	struct landed_gateway *g = start_held();
	pthread_t thread;

	(void)state;
	send_entries(g, 0, 2);
	platter_let(block(1), 0);
	landed_wait_acks(g, BEFORE + 1);
	assert_false(can_take());
	assert_int_equal(pthread_create(&thread, NULL, let_first, NULL), 0);
	assert_int_equal(landing_settle(landed.landing), BEFORE + 2);
	for (unsigned i = 1; i <= 2; i++) {
		assert_true(landing_take(
		    landed.landing, &landed.message, &landed.number));
		assert_int_equal(landed.number, BEFORE + i);
	}
	(void)pthread_join(thread, NULL);
	/* There is nothing to wait for. */
	assert_int_equal(landing_settle(landed.landing), BEFORE + 2);
}

static void
drained_when_all_have_ended(void **state)
{
	struct landed_gateway *g = start_held();
	int64_t until_ms = clock_boot_ms() + LANDED_WAIT_MS;

	(void)state;
	send_entries(g, 0, 2);
	landing_drain(landed.landing);
	for (unsigned i = 0; i < 2; i++) {
		landed_say(g, "round");
		landed_say(g, "round");
		assert_false(landing_drained(landed.landing));
		platter_let(block(1 - i), 0);
		landed_wait_acks(g, BEFORE + 1 + i);
	}
	while (!landing_drained(landed.landing)) {
		assert_true(clock_boot_ms() < until_ms);
		landed_say(g, "round");
	}
	assert_int_equal(landing_came(landed.landing), BEFORE + 2);
}

static void
what_is_written_at_the_end_is_acknowledged(void **state)
{
	struct landed_gateway *g = start_held();
	pthread_t thread;

	(void)state;
	send_entries(g, 0, 1);
	assert_int_equal(pthread_create(&thread, NULL, let_first, NULL), 0);
	landing_stop(landed.landing);
	landed.landing = NULL;
	(void)pthread_join(thread, NULL);
	landed_wait_acks(g, BEFORE + 1);
	landed_stop();
	platter_reset();
	landed_start(BEFORE);
	landed_take(BEFORE + 1);
}

static void
nothing_is_acknowledged_after_a_failure(void **state)
{
	struct landed_gateway *g = start_held();
	char *said;

	(void)state;
	send_entries(g, 0, 3);
	platter_let(block(0), 0);
	landed_wait_acks(g, BEFORE + 1);
	support_stderr_begin();
	platter_let(block(1), EIO);
	while (!landing_failed(landed.landing))
		landed_wait_wake();
	platter_let(block(2), 0);
	landed_say(g, "round");
	landed_say(g, "round");
	landed_expect_silence(g);
	said = support_stderr_end();
	support_contains(said, "journal_failed");
	support_contains(said, "Input/output error");
	free(said);
	/* Those before it are the store's. */
	landed_take(BEFORE + 1);
	assert_false(can_take());
	/* Nobody waits for what will not come. */
	assert_int_equal(landing_settle(landed.landing), BEFORE + 3);
}

static void
what_is_being_written_is_not_scrubbed(void **state)
{
	struct landed_gateway *g = start_held();

	(void)state;
	send_entries(g, 0, 2);
	platter_hold(false);
	assert_int_equal(landing_scrub(landed.landing), 0);
	platter_let(block(0), 0);
	platter_let(block(1), 0);
	landed_wait_acks(g, BEFORE + 2);
	landed_stop();
	landed_forget_keys();
	landed_start(BEFORE);
	for (unsigned i = 1; i <= 2; i++)
		landed_take(BEFORE + i);
}

#define TEST(t)                                                                \
	cmocka_unit_test_setup_teardown(t, landed_setup, landed_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(acknowledged_when_its_own_write_has_ended),
	    TEST(events_wait_for_a_place_and_go_together),
	    TEST(what_does_not_land_keeps_its_place),
	    TEST(settled_when_all_may_be_taken),
	    TEST(drained_when_all_have_ended),
	    TEST(what_is_written_at_the_end_is_acknowledged),
	    TEST(nothing_is_acknowledged_after_a_failure),
	    TEST(what_is_being_written_is_not_scrubbed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
