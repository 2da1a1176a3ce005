/* Rendezvous hashing: copies meet the same worker, a lost one moves only its
 * own events. */

#include <stdio.h>
#include <string.h>

#include "../../fcgi/rank.h"
#include "support.h"

enum { WORKERS = 5, EVENTS = 2000 };

static const char *const names[WORKERS] = {"wk1", "wk2", "wk3", "a", "local"};

static uint64_t ranks[WORKERS];

static int
setup(void **state)
{
	(void)state;
	for (size_t i = 0; i < WORKERS; i++)
		ranks[i] = rank_worker(names[i]);
	return 0;
}

static uint64_t
event_hash(const char *source, const char *key, unsigned id)
{
	struct event event = {.source = source, .key = key};

	memcpy(event.id, &id, sizeof id);
	return rank_event(&event);
}

static void
test_key_decides(void **state)
{
	(void)state;
	assert_int_equal(event_hash("s", "k", 1), event_hash("s", "k", 2));
	assert_int_not_equal(event_hash("s", "k", 1), event_hash("s", "l", 1));
	assert_int_not_equal(event_hash("s", "k", 1), event_hash("t", "k", 1));
	/* the border between source and key counts */
	assert_int_not_equal(
	    event_hash("s", "tk", 1), event_hash("st", "k", 1));
	/* without a key each event goes its own way */
	assert_int_not_equal(event_hash("s", "", 1), event_hash("s", "", 2));
}

static void
test_body_decides(void **state)
{
	struct event a = {.source = "s", .key = "k", .sha256 = {1}};
	struct event b = {.source = "s", .key = "l", .sha256 = {1}};

	(void)state;
	assert_int_not_equal(rank_event(&a), rank_event(&b));
	a.dedup = b.dedup = EVENT_DEDUP_KEY_BODY;
	assert_int_equal(rank_event(&a), rank_event(&b));
	a.dedup = b.dedup = EVENT_DEDUP_BODY;
	assert_int_equal(rank_event(&a), rank_event(&b));
	b.sha256[31] = 1;
	assert_int_not_equal(rank_event(&a), rank_event(&b));
}

static void
test_every_place_once(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		uint64_t event = event_hash("s", "", i);
		unsigned seen = 0;

		for (size_t place = 0; place < WORKERS; place++)
			seen |= 1U << rank_pick(event, ranks, WORKERS, place);
		assert_int_equal(seen, (1U << WORKERS) - 1);
	}
}

static void
test_lost_worker_moves_its_own(void **state)
{
	(void)state;
	for (unsigned i = 0; i < EVENTS; i++) {
		uint64_t event = event_hash("s", "", i);
		size_t before = rank_pick(event, ranks, WORKERS, 0);
		size_t after = rank_pick(event, ranks, WORKERS - 1, 0);

		if (before != WORKERS - 1)
			assert_int_equal(before, after);
		else
			assert_int_equal(
			    after, rank_pick(event, ranks, WORKERS, 1));
	}
}

static void
test_order_of_the_file_does_not_count(void **state)
{
	const uint64_t turned[] = {ranks[2], ranks[1], ranks[0]};

	(void)state;
	for (unsigned i = 0; i < EVENTS; i++) {
		uint64_t event = event_hash("s", "", i);

		assert_int_equal(ranks[rank_pick(event, ranks, 3, 0)],
		    turned[rank_pick(event, turned, 3, 0)]);
	}
}

static void
test_even(void **state)
{
	unsigned counts[WORKERS] = {0};
	char key[16];

	(void)state;
	for (unsigned i = 0; i < EVENTS; i++) {
		(void)snprintf(key, sizeof key, "evt_%u", i);
		counts[rank_pick(
		    event_hash("stripe", key, 0), ranks, WORKERS, 0)]++;
	}
	for (size_t i = 0; i < WORKERS; i++)
		assert_in_range(counts[i], EVENTS / WORKERS * 3 / 4,
		    EVENTS / WORKERS * 5 / 4);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_body_decides),
	    cmocka_unit_test(test_key_decides),
	    cmocka_unit_test(test_every_place_once),
	    cmocka_unit_test(test_lost_worker_moves_its_own),
	    cmocka_unit_test(test_order_of_the_file_does_not_count),
	    cmocka_unit_test(test_even),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
