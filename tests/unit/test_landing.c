/* Landing events: what is acknowledged when, and what the store's thread gets.
 */

#include <errno.h>
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

/* ---- what is acknowledged ---- */

static void
new_event_is_acknowledged_before_it_is_taken(void **state)
{
	struct landed_gateway *g = landed.gateways;
	struct event event = landed_make_event("one"), got;
	struct wire_target target;
	struct landing_counts counts;

	(void)state;
	landed_start(0);
	event.body = "body";
	event.body_len = 4;
	landed_send_event(g, &event);
	landed_wait_acks(g, 1);
	assert_int_equal(g->last.seq, 1);
	assert_int_equal(g->last.status, WIRE_STORED);
	assert_memory_equal(g->last.id, event.id, EVENT_ID_LEN);
	landed_take(1);
	assert_int_equal(wire_get_event(zmq_msg_data(&landed.message),
			     zmq_msg_size(&landed.message), &target, &got),
	    0);
	assert_memory_equal(got.id, event.id, EVENT_ID_LEN);
	assert_memory_equal(got.body, "body", 4);
	assert_int_equal(landing_came(landed.landing), 1);
	assert_int_equal(landing_gone(landed.landing), 0);
	landed_done(1);
	assert_int_equal(landing_gone(landed.landing), 1);
	landing_count(landed.landing, &counts);
	assert_int_equal(counts.journal, 1);
	assert_int_equal(counts.store, 0);
	assert_true(counts.sync_us >= 0);
}

static void
each_gateway_gets_its_own(void **state)
{
	(void)state;
	landed_start(0);
	for (unsigned i = 1; i <= 50; i++) {
		landed_send_new(&landed.gateways[0], 1, 10);
		landed_send_new(&landed.gateways[1], 2, 10);
	}
	landed_wait_acks(&landed.gateways[0], 50);
	landed_wait_acks(&landed.gateways[1], 100);
	for (unsigned i = 1; i <= 150; i++)
		landed_take(i);
}

static void
a_copy_is_left_to_the_store(void **state)
{
	static const uint8_t other[EVENT_SHA256_LEN] = {1};
	struct landed_gateway *g = landed.gateways;
	struct event event = landed_make_event("one"),
		     copy = landed_make_event("one");

	(void)state;
	landed_start(0);
	for (int dedup = EVENT_DEDUP_KEY; dedup < EVENT_DEDUP__MAX; dedup++) {
		event.dedup = copy.dedup = (enum event_dedup)dedup;
		/* Where the key is not signed, whatever the body. */
		if (dedup == EVENT_DEDUP_KEY_BODY)
			memcpy(copy.sha256, other, sizeof other);
		else
			memcpy(copy.sha256, event.sha256, sizeof other);
		landed_send_event(g, &event);
		landed_take((uint64_t)dedup);
		landed_wait_acks(g, (unsigned)dedup);
		landed_send_event(g, &copy);
		landed_expect_left(g);
	}
	/* One of another source is none. */
	event.source = "other";
	landed_send_event(g, &event);
	landed_take(EVENT_DEDUP__MAX);
}

static void
without_dedup_there_are_no_copies(void **state)
{
	struct event event = landed_make_event("one");

	(void)state;
	landed_start(0);
	event.dedup = EVENT_DEDUP_NONE;
	landed_send_event(landed.gateways, &event);
	landed_send_event(landed.gateways, &event);
	landed_take(1);
	landed_take(2);
	landed_wait_acks(landed.gateways, 2);
}

static void
what_the_store_must_look_at_is_left_to_it(void **state)
{
	static const char *const garbage[] = {"", "GAF", "GAF1", "GAF2\4xyz",
	    "GAF1\3{}" /* a PROBE */, "GAF1\4garbage"};
	static char body[JOURNAL_FRAME_BYTES];
	struct landed_gateway *g = landed.gateways;
	struct event strict = landed_make_event("strict"),
		     large = landed_make_event("large");
	struct landing_counts counts;

	(void)state;
	landed_start(0);
	for (size_t i = 0; i < sizeof garbage / sizeof *garbage; i++) {
		landed_send_frame(g, garbage[i], strlen(garbage[i]));
		landed_expect_left(g);
	}
	strict.dedup = EVENT_DEDUP_KEY_BODY;
	strict.strict_replay = true;
	landed_send_event(g, &strict);
	landed_expect_left(g);
	large.body = body;
	large.body_len = sizeof body;
	landed_send_event(g, &large);
	landed_expect_left(g);
	landing_count(landed.landing, &counts);
	assert_int_equal(counts.journal, 0);
	assert_int_equal(counts.store, 8);
	/* What came with it is no obstacle. */
	landed_send_new(g, 1, 1);
	landed_take(1);
}

static void
several_frames_are_malformed(void **state)
{
	struct landing_counts counts;
	struct landed_gateway *g = landed.gateways;

	(void)state;
	landed_start(0);
	landed_wait_for(g->data, ZMQ_POLLOUT);
	assert_int_equal(
	    zmq_send(g->data, "a", 1, ZMQ_SNDMORE | ZMQ_DONTWAIT), 1);
	assert_int_equal(zmq_send(g->data, "b", 1, ZMQ_DONTWAIT), 1);
	landed_send_new(g, 1, 1);
	landed_take(1);
	landing_count(landed.landing, &counts);
	assert_int_equal(counts.malformed, 1);
}

static void
without_a_journal_all_is_left_to_the_store(void **state)
{
	struct landing_options options = landed_make_options();

	(void)state;
	landed_start_with(&options);
	landed_send_new(landed.gateways, 1, 1);
	landed_expect_left(landed.gateways);
	assert_int_equal(landing_scrub(landed.landing), 0);
}

static void
without_known_keys_all_with_a_key_is(void **state)
{
	struct landing_options options = landed_make_options();
	struct event event = landed_make_event("");

	(void)state;
	options.known = NULL;
	landed_open_journal(&options, 0);
	landed_start_with(&options);
	landed_send_new(landed.gateways, 1, 1);
	landed_expect_left(landed.gateways);
	event.dedup = EVENT_DEDUP_NONE;
	landed_send_event(landed.gateways, &event);
	landed_take(1);
}

static void
held_events_are_left_to_the_store(void **state)
{
	struct landed_gateway *g = landed.gateways;

	(void)state;
	landed_start(0);
	landed_send_new(g, 1, 1);
	landed_take(1);
	landed_wait_acks(g, 1);
	for (int i = 0; i < 3; i++) {
		landing_hold(landed.landing, true);
		landed_send_new(g, 1, 1);
		landed_expect_left(g);
		landing_hold(landed.landing, false);
		landed_send_new(g, 1, 1);
		landed_take((uint64_t)i + 2);
		landed_wait_acks(g, (unsigned)i + 2);
	}
}

/* ---- how much, and in which order ---- */

static void
no_more_than_so_many_are_held(void **state)
{
	struct landed_gateway *g = landed.gateways;
	uint64_t seq = 0;

	(void)state;
	landed_start(0);
	landed_send_new(g, LANDING_EVENTS + 100, 10);
	for (unsigned i = 0; i < LANDING_EVENTS; i++) {
		landed_take(++seq);
		assert_int_equal(landed_taken_seq(), seq);
	}
	for (unsigned held = 0; held < 3; held++) {
		/* Twice round its loop: it could have read. */
		landed_say(g, "round");
		landed_say(g, "round");
		assert_int_equal(
		    landing_came(landed.landing), LANDING_EVENTS + held);
		assert_false(landing_take(
		    landed.landing, &landed.message, &landed.number));
		landed_done(held + 1);
		landed_take(++seq);
	}
	while (seq < LANDING_EVENTS + 100) {
		landed_done(seq - LANDING_EVENTS);
		landed_take(++seq);
		assert_int_equal(landed_taken_seq(), seq);
	}
	landed_wait_acks(g, LANDING_EVENTS + 100);
}

static void
no_more_than_so_many_bytes_are_held(void **state)
{
	const size_t bytes = LANDING_BYTES / 4;
	struct landed_gateway *g = landed.gateways;

	(void)state;
	landed_start(0);
	landed_send_new(g, 8, bytes);
	for (int i = 0; i < 4; i++)
		landed_take(0);
	for (unsigned held = 0; held < 3; held++) {
		landed_say(g, "round");
		landed_say(g, "round");
		assert_int_equal(landing_came(landed.landing), 4 + held);
		landed_done(0);
		landed_take(0);
	}
}

/* The journal is full as long as the store has nothing of it. */
static void
a_full_journal_leaves_them_to_the_store(void **state)
{
	struct landed_gateway *g = landed.gateways;
	uint64_t number = 0, store = 0;

	(void)state;
	landed_start(0);
	/* With what stands around them they have 50 blocks of 4096. */
	for (int i = 0; i < 2 * (JOURNAL_HALF / 204800); i++) {
		landed_send_new(g, 1, 200000);
		landed_take(number + 1);
		number++;
		landed_done(0);
	}
	landed_wait_acks(g, (unsigned)number);
	for (; store < 3; store++) {
		landed_send_new(g, 1, 200000);
		landed_expect_left(g);
	}
	landing_done(landed.landing, 0, 0, number);
	landed_say(g, "round");
	landed_send_new(g, 1, 200000);
	landed_take(number + 1);
	landed_wait_acks(g, (unsigned)number + 1);
}

static void
control_goes_both_ways(void **state)
{
	char word[32];

	(void)state;
	landed_start(0);
	for (int i = 0; i < 600; i++) {
		struct landed_gateway *g =
		    &landed.gateways[i % LANDED_GATEWAYS];

		(void)snprintf(word, sizeof word, "word %d", i);
		landed_say(g, word);
		landed_tell(g, word);
	}
	/* To one that is gone: nothing happens. */
	assert_int_equal(zsock_send_to(landing_control(landed.landing),
			     "Gnobody__________", WIRE_LINK_LEN, "x", 1),
	    0);
	landed_say(landed.gateways, "still there");
}

#define TEST(t)                                                                \
	cmocka_unit_test_setup_teardown(t, landed_setup, landed_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(new_event_is_acknowledged_before_it_is_taken),
	    TEST(each_gateway_gets_its_own),
	    TEST(a_copy_is_left_to_the_store),
	    TEST(without_dedup_there_are_no_copies),
	    TEST(what_the_store_must_look_at_is_left_to_it),
	    TEST(several_frames_are_malformed),
	    TEST(without_a_journal_all_is_left_to_the_store),
	    TEST(without_known_keys_all_with_a_key_is),
	    TEST(held_events_are_left_to_the_store),
	    TEST(no_more_than_so_many_are_held),
	    TEST(no_more_than_so_many_bytes_are_held),
	    TEST(a_full_journal_leaves_them_to_the_store),
	    TEST(control_goes_both_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
