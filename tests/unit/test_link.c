/* Links, waiters and their sends. */

#include <stdlib.h>
#include <string.h>

#include "played.h"

static void
test_comes_up(void **state)
{
	struct played_link *f = *state;
	struct played *p = &f->played[0];

	played_pass(f, 100);
	assert_int_equal(p->hellos, 1);
	assert_false(peer_accepts(f->peers[0]));
	played_say(p,
	    &(struct played_words){WIRE_WELCOME, 7, "accepting", 512, 1 << 20});
	played_read(f, 0);
	/* not before a PROBE has gone through data */
	assert_false(peer_accepts(f->peers[0]));
	played_hear(p, false);
	played_read(f, 0);
	assert_false(peer_accepts(f->peers[0]));
	played_pass(f, 1000);
	played_hear(p, true);
	played_read(f, 0);
	assert_true(peer_accepts(f->peers[0]));
	assert_true(waiters_ready(&f->waiters));
	/* beats go out each second */
	played_beat(p, 7);
	played_pass(f, 1000);
	assert_in_range(p->beats, 1, 2);
}

/* Reads what poll() found, and asks not to wait where it may have missed
 * something. */
static void
test_reads_when_told(void **state)
{
	struct played_link *f = *state;
	struct pollfd items[PEER_POLL];

	/* new sockets are silent until they have been read */
	assert_true(peer_poll(f->peers[0], items));
	played_up_plain(f, 0, 7);
	played_read(f, 0);
	assert_false(peer_poll(f->peers[0], items));
	played_beat(&f->played[0], 7);
	assert_int_equal(poll(items, 1, 5000), 1);
	assert_int_equal(items[0].fd != -1, 1);
	/* what it sends may hide that something has come */
	peer_tick(f->peers[0], f->now_ms + 1000);
	assert_true(peer_poll(f->peers[0], items));
	for (size_t i = 0; i < PEER_POLL; i++)
		items[i].revents = 0;
	played_say(&f->played[0],
	    &(struct played_words){WIRE_BEAT, 7, "full", 512, 1 << 20});
	peer_read(f->peers[0], items, f->now_ms);
	assert_false(peer_accepts(f->peers[0]));
	assert_false(peer_poll(f->peers[0], items));
}

/* Who is linked says goodbye; who never was has nothing to say. */
static void
test_says_goodbye(void **state)
{
	struct played_link *f = *state;

	played_up_plain(f, 0, 7);
	played_pass(f, 1000);
	assert_string_equal(f->played[0].said, "");
	peer_farewell(f->peers[0]);
	peer_farewell(f->peers[1]);
	played_hear(&f->played[0], false);
	played_hear(&f->played[1], false);
	assert_string_equal(f->played[0].said, "leaving");
	assert_int_equal(f->played[1].beats, 0);
}

static void
test_stored(void **state)
{
	struct played_link *f = *state;

	played_up_plain(f, 0, 7);
	played_push(&f, 1, 10);
	played_expect(f, 0, 1);
	assert_int_equal(f->played[0].target.boot, 7);
	assert_memory_equal(
	    f->played[0].target.link, f->played[0].link, WIRE_LINK_LEN);
	assert_int_equal(f->answers, 0);
	played_ack(f, 0,
	    &(struct played_ack){7, f->played[0].target.seq, WIRE_STORED, 1});
	assert_int_equal(f->answers, 1);
	assert_int_equal(f->last.result, LINK_STORED);
	assert_int_equal(f->last.id[15], 1);
	assert_string_equal(f->last_worker, "w0");
	assert_ptr_equal(f->last_owner, &f);
	assert_int_equal(peer_credit(f->peers[0])->events, 0);
	assert_int_equal(peer_credit(f->peers[0])->bytes, 0);
}

static void
test_duplicate(void **state)
{
	struct played_link *f = *state;

	played_up_plain(f, 0, 7);
	played_push(&f, 1, 10);
	played_expect(f, 0, 1);
	played_ack(f, 0,
	    &(struct played_ack){
		7, f->played[0].target.seq, WIRE_DUPLICATE, 9});
	assert_int_equal(f->last.result, LINK_DUPLICATE);
	assert_int_equal(f->last.id[15], 9);
	/* its own id: it was stored by an earlier send */
	played_push(&f, 2, 10);
	played_expect(f, 0, 2);
	played_ack(f, 0,
	    &(struct played_ack){
		7, f->played[0].target.seq, WIRE_DUPLICATE, 2});
	assert_int_equal(f->last.result, LINK_STORED);
}

/* A worker has decided: no other one is asked. */
static void
test_refused(void **state)
{
	struct played_link *f = *state;

	played_up_plain(f, 0, 7);
	played_push(&f, 1, 10);
	played_expect(f, 0, 1);
	played_ack(f, 0,
	    &(struct played_ack){7, f->played[0].target.seq, WIRE_REFUSED, 1});
	assert_int_equal(f->answers, 1);
	assert_int_equal(f->last.result, LINK_REFUSED);
	assert_int_equal(peer_credit(f->peers[0])->events, 0);
	assert_int_equal(peer_credit(f->peers[0])->bytes, 0);
}

/* Nothing but an ACK of this worker, start and number gives an answer. */
static void
test_foreign_acks(void **state)
{
	struct played_link *f = *state;
	uint64_t seq;

	played_both_up(f);
	played_push(&f, 1, 10);
	played_expect(f, 0, 1);
	seq = f->played[0].target.seq;
	played_ack(f, 0, &(struct played_ack){6, seq, WIRE_STORED, 1});
	played_ack(f, 0, &(struct played_ack){7, seq + 1, WIRE_STORED, 1});
	played_ack(f, 0, &(struct played_ack){7, seq + 4096, WIRE_STORED, 1});
	played_ack(f, 0, &(struct played_ack){7, 0, WIRE_STORED, 1});
	played_ack(f, 1, &(struct played_ack){7, seq, WIRE_STORED, 1});
	played_ack(f, 1, &(struct played_ack){8, seq, WIRE_STORED, 1});
	assert_int_equal(f->answers, 0);
	assert_int_equal(f->waiters.late_acks, 6);
	played_ack(f, 0, &(struct played_ack){7, seq, WIRE_STORED, 1});
	/* again: nobody waits any more */
	played_ack(f, 0, &(struct played_ack){7, seq, WIRE_STORED, 1});
	assert_int_equal(f->answers, 1);
	assert_int_equal(f->waiters.late_acks, 7);
}

static void
test_refused_goes_to_the_next(void **state)
{
	struct played_link *f = *state;

	played_both_up(f);
	played_push(&f, 1, 10);
	played_expect(f, 0, 1);
	played_ack(f, 0,
	    &(struct played_ack){
		7, f->played[0].target.seq, WIRE_UNAVAILABLE, 1});
	played_expect(f, 1, 1);
	played_ack(f, 1,
	    &(struct played_ack){
		8, f->played[1].target.seq, WIRE_UNAVAILABLE, 1});
	/* all were asked: again after a pause, from the first on */
	played_pass(f, LINK_PAUSE_MS / 2);
	played_expect(f, 0, 1);
	played_pass(f, LINK_PAUSE_MS);
	played_expect(f, 0, 2);
	played_ack(f, 0,
	    &(struct played_ack){7, f->played[0].target.seq, WIRE_STORED, 1});
	assert_int_equal(f->answers, 1);
	assert_memory_equal(f->played[0].id, f->played[1].id, EVENT_ID_LEN);
}

static void
test_refused_until_the_end(void **state)
{
	struct played_link *f = *state;

	played_up_plain(f, 0, 7);
	played_push(&f, 1, 10);
	for (int i = 0; i < PLAYED_TIME_MS / 150; i++) {
		unsigned before = f->played[0].events;

		played_hear(&f->played[0], true);
		if (f->played[0].events != before)
			played_ack(f, 0,
			    &(struct played_ack){7, f->played[0].target.seq,
				WIRE_UNAVAILABLE, 1});
		played_beat(&f->played[0], 7);
		played_pass(f, 150);
	}
	played_hear(&f->played[0], true);
	assert_int_equal(f->answers, 1);
	assert_int_equal(f->last.result, LINK_UNAVAILABLE);
	assert_false(f->last.no_worker);
	assert_in_range(f->played[0].events, 10, 30);
}

static void
test_invalid_is_final(void **state)
{
	struct played_link *f = *state;

	played_up_plain(f, 0, 7);
	played_push(&f, 1, 10);
	played_expect(f, 0, 1);
	support_stderr_begin();
	played_ack(f, 0,
	    &(struct played_ack){7, f->played[0].target.seq, WIRE_INVALID, 1});
	free(support_stderr_end());
	assert_int_equal(f->last.result, LINK_UNAVAILABLE);
	assert_int_equal(peer_credit(f->peers[0])->events, 0);
}

/* Slow: after a third of its time the next worker gets it too; the first that
 * has stored it answers, the other only gives its credit back. */
static void
test_slow_worker(void **state)
{
	struct played_link *f = *state;

	played_both_up(f);
	played_push(&f, 1, 10);
	played_expect(f, 0, 1);
	played_beat(&f->played[0], 7);
	played_beat(&f->played[1], 8);
	played_pass(f, PLAYED_TIME_MS / 3 - 10);
	played_expect(f, 1, 0);
	played_pass(f, 10);
	played_expect(f, 1, 1);
	assert_memory_equal(f->played[0].id, f->played[1].id, EVENT_ID_LEN);
	assert_int_not_equal(f->played[0].target.seq, f->played[1].target.seq);
	played_ack(f, 0,
	    &(struct played_ack){7, f->played[0].target.seq, WIRE_STORED, 1});
	assert_int_equal(f->answers, 1);
	assert_string_equal(f->last_worker, "w0");
	assert_int_equal(peer_credit(f->peers[1])->events, 1);
	played_ack(f, 1,
	    &(struct played_ack){8, f->played[1].target.seq, WIRE_STORED, 1});
	assert_int_equal(f->answers, 1);
	assert_int_equal(peer_credit(f->peers[1])->events, 0);
}

static void
test_silence_at_the_end_is_unavailable(void **state)
{
	struct played_link *f = *state;

	played_up_plain(f, 0, 7);
	played_push(&f, 1, 10);
	for (int ms = 0; ms < PLAYED_TIME_MS - LINK_EARLY_MS; ms += 10) {
		assert_int_equal(f->answers, 0);
		played_beat(&f->played[0], 7);
		played_pass(f, 10);
		played_hear(&f->played[0], true);
	}
	assert_int_equal(f->answers, 1);
	assert_int_equal(f->last.result, LINK_UNAVAILABLE);
	assert_int_equal(f->played[0].events, 1); /* only asked once */
	/* the ACK never came: its credit is back after a while */
	assert_int_equal(peer_credit(f->peers[0])->events, 1);
	for (int ms = 0; ms <= LINK_ORPHAN_MS; ms += 1000) {
		played_beat(&f->played[0], 7);
		played_pass(f, 1000);
		played_hear(&f->played[0], true);
	}
	assert_int_equal(peer_credit(f->peers[0])->events, 0);
}

/* Another start of the worker: the event goes there again, and what the
 * earlier one still says counts too. */
static void
test_new_boot(void **state)
{
	struct played_link *f = *state;
	uint64_t old_seq;

	played_up_plain(f, 0, 7);
	played_push(&f, 1, 10);
	played_push(&f, 2, 10);
	played_expect(f, 0, 2);
	old_seq = f->played[0].target.seq;
	played_beat(&f->played[0], 70);
	played_pass(f, 10);
	assert_false(peer_accepts(f->peers[0]));
	assert_int_equal(peer_credit(f->peers[0])->events, 0);
	played_hear(&f->played[0], true);
	played_pass(f, 10);
	played_expect(f, 0, 4);
	assert_int_equal(f->played[0].target.boot, 70);
	assert_true(f->played[0].target.seq > old_seq);
	played_ack(f, 0, &(struct played_ack){7, old_seq, WIRE_STORED, 2});
	assert_int_equal(f->answers, 1);
	assert_int_equal(f->last.id[15], 2);
	/* of the other event the earlier start knows nothing good */
	played_ack(
	    f, 0, &(struct played_ack){7, old_seq - 1, WIRE_UNAVAILABLE, 1});
	assert_int_equal(f->answers, 1);
	played_ack(f, 0, &(struct played_ack){70, old_seq + 1, WIRE_STORED, 1});
	assert_int_equal(f->answers, 2);
	assert_int_equal(f->last.id[15], 1);
	played_ack(f, 0, &(struct played_ack){70, old_seq + 2, WIRE_STORED, 2});
	assert_int_equal(peer_credit(f->peers[0])->events, 0);
}

/* Three seconds without a word: new sockets, another id, everything again. */
static void
test_silent_worker(void **state)
{
	struct played_link *f = *state;
	uint8_t old_link[WIRE_LINK_LEN];

	played_up_plain(f, 0, 7);
	played_pass(f, 2000);
	played_hear(&f->played[0], false);
	played_push(&f, 1, 10);
	played_expect(f, 0, 1);
	memcpy(old_link, f->played[0].link, WIRE_LINK_LEN);
	support_stderr_begin();
	played_pass(f, 1100);
	free(support_stderr_end());
	assert_false(peer_accepts(f->peers[0]));
	assert_int_equal(peer_credit(f->peers[0])->events, 0);
	played_up_plain(f, 0, 7);
	assert_memory_not_equal(old_link, f->played[0].link, WIRE_LINK_LEN);
	played_pass(f, 10);
	played_expect(f, 0, 2);
	assert_memory_equal(
	    f->played[0].target.link, f->played[0].link, WIRE_LINK_LEN);
	played_ack(f, 0,
	    &(struct played_ack){7, f->played[0].target.seq, WIRE_STORED, 1});
	assert_int_equal(f->answers, 1);
	assert_int_equal(f->last.result, LINK_STORED);
}

/* Beats come, but nothing passes data. */
static void
test_dead_data(void **state)
{
	struct played_link *f = *state;
	unsigned hellos;

	played_up_plain(f, 0, 7);
	hellos = f->played[0].hellos;
	support_stderr_begin();
	for (int i = 0; i < 6 && f->played[0].hellos == hellos; i++) {
		played_beat(&f->played[0], 7);
		played_pass(f, 1000);
		played_pass(f, 100);
	}
	free(support_stderr_end());
	assert_int_equal(f->played[0].hellos, hellos + 1);
	assert_false(peer_accepts(f->peers[0]));
}

static void
test_breaking_event_is_given_up(void **state)
{
	struct played_link *f = *state;
	unsigned i;

	played_up_plain(f, 0, 7);
	played_push(&f, 1, 10);
	for (i = 1; f->answers == 0; i++) {
		played_expect(f, 0, i);
		assert_true(i <= LINK_LOST_MAX);
		/* what happens when its connection breaks */
		waiters_lost(&f->waiters, f->peers[0], true, f->now_ms);
		waiters_scan(&f->waiters, f->now_ms);
	}
	assert_int_equal(f->last.result, LINK_UNAVAILABLE);
	assert_int_equal(i, LINK_LOST_MAX + 1);
}

static void
test_credit_in_events(void **state)
{
	struct played_link *f = *state;

	played_up(f, 0,
	    &(struct played_words){WIRE_WELCOME, 7, "accepting", 2, 1 << 20});
	for (uint8_t id = 1; id <= 3; id++)
		played_push(&f, id, 10);
	played_expect(f, 0, 2);
	assert_int_equal(f->waiters.n_unsent, 1);
	played_ack(f, 0,
	    &(struct played_ack){7, f->played[0].target.seq, WIRE_STORED, 2});
	assert_true(f->waiters.kicked);
	waiters_scan(&f->waiters, f->now_ms);
	played_expect(f, 0, 3);
	assert_int_equal(f->played[0].id[0], 3);
	for (uint64_t seq = 1; seq <= 3; seq++)
		played_ack(f, 0, &(struct played_ack){7, seq, WIRE_STORED, 0});
	assert_int_equal(f->answers, 3);
}

static void
test_credit_in_bytes(void **state)
{
	struct played_link *f = *state;

	played_up(f, 0,
	    &(struct played_words){WIRE_WELCOME, 7, "accepting", 512, 5000});
	/* larger than all credit: it goes alone */
	played_push(&f, 1, 90000);
	played_push(&f, 2, 10);
	played_expect(f, 0, 1);
	played_ack(f, 0, &(struct played_ack){7, 1, WIRE_STORED, 1});
	waiters_scan(&f->waiters, f->now_ms);
	played_expect(f, 0, 2);
	played_push(&f, 3, 90000);
	played_expect(f, 0, 2);
	played_ack(f, 0, &(struct played_ack){7, 2, WIRE_STORED, 2});
	waiters_scan(&f->waiters, f->now_ms);
	played_expect(f, 0, 3);
	played_ack(f, 0, &(struct played_ack){7, 3, WIRE_STORED, 3});
	assert_int_equal(f->answers, 3);
}

static void
test_no_worker_is_half_of_the_time(void **state)
{
	struct played_link *f = *state;

	f->waiters.n_peers = 0;
	played_push(&f, 1, 10);
	played_pass(f, PLAYED_TIME_MS / 2 - 10);
	assert_int_equal(f->answers, 0);
	played_pass(f, 10);
	assert_int_equal(f->answers, 1);
	assert_int_equal(f->last.result, LINK_UNAVAILABLE);
	assert_true(f->last.no_worker);
}

static void
test_parked_until_a_worker_comes(void **state)
{
	struct played_link *f = *state;

	played_push(&f, 1, 10);
	played_pass(f, PLAYED_TIME_MS / 3);
	assert_int_equal(f->answers, 0);
	played_up_plain(f, 0, 7);
	played_pass(f, 10);
	played_expect(f, 0, 1);
	played_ack(f, 0, &(struct played_ack){7, 1, WIRE_STORED, 1});
	assert_int_equal(f->last.result, LINK_STORED);
}

static void
test_full_worker(void **state)
{
	struct played_link *f = *state;

	played_both_up(f);
	played_say(&f->played[0],
	    &(struct played_words){WIRE_BEAT, 7, "full", 512, 1 << 20});
	played_pass(f, 10);
	assert_false(peer_accepts(f->peers[0]));
	assert_true(waiters_ready(&f->waiters));
	played_push(&f, 1, 10);
	played_expect(f, 0, 0);
	played_expect(f, 1, 1);
	played_ack(f, 1,
	    &(struct played_ack){8, f->played[1].target.seq, WIRE_STORED, 1});
	played_beat(&f->played[0], 7);
	played_pass(f, 10);
	assert_true(peer_accepts(f->peers[0]));
}

/* A waiter remembers only its latest sends; what it forgot is late. */
static void
test_forgets_the_oldest(void **state)
{
	struct played_link *f = *state;
	uint64_t seqs[LINK_SENDS_MAX + 1];

	played_up_plain(f, 0, 7);
	played_push(&f, 1, 10);
	for (uint64_t i = 0; i <= LINK_SENDS_MAX; i++) {
		played_expect(f, 0, (unsigned)i + 1);
		seqs[i] = f->played[0].target.seq;
		if (i == LINK_SENDS_MAX)
			break;
		played_beat(&f->played[0], 100 + i);
		played_pass(f, 10);
		played_hear(&f->played[0], true);
		played_pass(f, 10);
	}
	played_ack(f, 0, &(struct played_ack){7, seqs[0], WIRE_STORED, 1});
	assert_int_equal(f->answers, 0);
	played_ack(f, 0, &(struct played_ack){100, seqs[1], WIRE_STORED, 1});
	assert_int_equal(f->answers, 1);
	played_ack(f, 0,
	    &(struct played_ack){100 + LINK_SENDS_MAX - 1, seqs[LINK_SENDS_MAX],
		WIRE_STORED, 1});
	assert_int_equal(peer_credit(f->peers[0])->events, 0);
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, played_setup, played_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_comes_up),
	    TEST(test_reads_when_told),
	    TEST(test_says_goodbye),
	    TEST(test_stored),
	    TEST(test_duplicate),
	    TEST(test_refused),
	    TEST(test_foreign_acks),
	    TEST(test_refused_goes_to_the_next),
	    TEST(test_refused_until_the_end),
	    TEST(test_invalid_is_final),
	    TEST(test_slow_worker),
	    TEST(test_silence_at_the_end_is_unavailable),
	    TEST(test_new_boot),
	    TEST(test_silent_worker),
	    TEST(test_dead_data),
	    TEST(test_breaking_event_is_given_up),
	    TEST(test_credit_in_events),
	    TEST(test_credit_in_bytes),
	    TEST(test_no_worker_is_half_of_the_time),
	    TEST(test_parked_until_a_worker_comes),
	    TEST(test_full_worker),
	    TEST(test_forgets_the_oldest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
