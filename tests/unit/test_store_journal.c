/* The journal beside an SQLite store: up to where the store has it; and which
 * keys it may have, as other threads see it. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "stores.h"

enum { HOUR_MS = 3600000, DAY_MS = 24 * HOUR_MS, KEYS = 64 };

static struct keys_hasher *hasher;
static uint64_t random_state;

static uint32_t
any(uint32_t below)
{
	random_state = random_state * UINT64_C(6364136223846793005) +
		       UINT64_C(1442695040888963407);
	return (uint32_t)(random_state >> 33) % below;
}

static int
setup(void **state)
{
	hasher = keys_hasher_new();
	assert_non_null(hasher);
	return stores_sqlite(state);
}

static int
teardown(void **state)
{
	keys_hasher_free(hasher);
	return stores_teardown(state);
}

static void
reopen(struct stores *f)
{
	f->ops->close(f->store);
	stores_open(f);
}

static void
idle(struct stores *f)
{
	while (f->ops->idle(f->store, true))
		continue;
}

static struct store_journal
journal(struct stores *f)
{
	struct store_journal journal;

	f->ops->journal(f->store, &journal);
	return journal;
}

/* ---- the journal's number ---- */

static void
outside_a_batch_it_fails(void **state)
{
	struct stores *f = *state;

	assert_int_not_equal(f->ops->journaled(f->store, 5), STORE_OK);
	stores_begin(f);
	stores_commit(f);
	assert_int_not_equal(f->ops->journaled(f->store, 6), STORE_OK);
	reopen(f);
	assert_int_equal(journal(f).upto, 0);
}

static void
what_is_committed_is_read_again(void **state)
{
	const uint64_t numbers[] = {1, 77, UINT64_C(1) << 40};
	struct stores *f = *state;

	assert_int_equal(journal(f).upto, 0);
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		stores_begin(f);
		assert_int_equal(
		    f->ops->journaled(f->store, numbers[i]), STORE_OK);
		stores_commit(f);
		reopen(f);
		assert_int_equal(journal(f).upto, numbers[i]);
		stores_begin(f);
		assert_int_equal(
		    f->ops->journaled(f->store, numbers[i] + 1), STORE_OK);
		f->ops->rollback(f->store);
		reopen(f);
		assert_int_equal(journal(f).upto, numbers[i]);
	}
}

static void
each_store_has_its_own(void **state)
{
	struct stores *f = *state, *other;
	struct store_journal one = journal(f);
	char *path = support_path(f->dir, "s.db-intake");

	assert_string_equal(one.path, path);
	free(path);
	assert_true(one.store != 0);
	other = stores_new(&store_sqlite);
	assert_true(journal(other).store != one.store);
	stores_free(other);
	stores_clock(STORES_START_MS, 1000000);
	for (int i = 0; i < 3; i++) {
		reopen(f);
		assert_true(journal(f).store == one.store);
	}
}

/* ---- keys ---- */

/* Of a few keys; `n` says which, and with which body. */
static struct event
make_event(struct stores *f, uint32_t n, char key[16])
{
	struct event event = {.received_at_ms = stores_now.wall_ms,
	    .source = "shop",
	    .key = key,
	    .type = "",
	    .remote = "",
	    .method = "POST",
	    .path = "/",
	    .query = "",
	    .content_type = "",
	    .headers = "{}",
	    .scheme = "none",
	    .dedup = n % 2 == 0 ? EVENT_DEDUP_KEY : EVENT_DEDUP_KEY_BODY,
	    .body = ""};

	event.id[0] = 1;
	f->n_events++;
	memcpy(event.id + 12, &f->n_events, sizeof f->n_events);
	(void)snprintf(key, 16, "%u", n);
	event.sha256[0] = (uint8_t)(f->n_events % 3);
	return event;
}

static bool
maybe(struct stores *f, uint32_t n)
{
	char key[16];
	struct event event = make_event(f, n, key);
	uint8_t hash[KEYS_LEN];

	assert_int_equal(keys_hash_first(hasher, &event, hash), 0);
	return known_maybe(f->ops->known(f->store), hash);
}

/* How many of these, which never came, may have. */
static unsigned
strangers(struct stores *f)
{
	unsigned found = 0;

	for (uint32_t n = 0; n < 400; n++)
		found += maybe(f, 1000000 + n);
	return found;
}

static enum store_put
put(struct stores *f, uint32_t n)
{
	struct store_put_result found;
	char key[16];
	struct event event = make_event(f, n, key);

	assert_int_equal(
	    f->ops->put(f->store, &event, stores_now.wall_ms, &found),
	    STORE_OK);
	buf_clear(&found.revived);
	return found.what;
}

static void
put_all(struct stores *f, uint32_t from, uint32_t n)
{
	stores_begin(f);
	while (n-- > 0)
		(void)put(f, from++);
	stores_commit(f);
}

static void
expect_all(struct stores *f, uint32_t from, uint32_t n)
{
	while (n-- > 0)
		assert_true(maybe(f, from++));
}

static void
what_is_put_is_known(void **state)
{
	struct stores *f = *state;

	assert_int_equal(strangers(f), 0);
	put_all(f, 0, 100);
	expect_all(f, 0, 100);
	assert_true(strangers(f) < 20);
}

static void
after_a_start_the_store_reads_first(void **state)
{
	struct stores *f = *state;

	put_all(f, 0, 3000);
	reopen(f);
	assert_int_equal(strangers(f), 400);
	idle(f);
	assert_true(strangers(f) < 20);
	expect_all(f, 0, 3000);
	/* And what comes after. */
	put_all(f, 3000, 100);
	expect_all(f, 0, 3100);
	assert_true(strangers(f) < 20);
}

/* It comes while the store reads. */
static void
what_comes_while_it_reads_is_known(void **state)
{
	struct stores *f = *state;

	for (int round = 0; round < 2; round++) {
		uint32_t from = (uint32_t)round * 10000, n = from + 5000;

		put_all(f, from, 5000);
		reopen(f);
		do {
			put_all(f, n, 10);
			n += 10;
			expect_all(f, from, n - from);
			/* The day ends meanwhile. */
			if (round == 1 && n == from + 5020)
				stores_pass(DAY_MS);
		} while (f->ops->idle(f->store, true));
		assert_true(strangers(f) < 20);
		expect_all(f, 0, 5000);
	}
}

static void
another_day_begins(void **state)
{
	struct stores *f = *state;
	unsigned found = 0;

	for (uint32_t day = 0; day < 35; day++) {
		put_all(f, day * 50, 50);
		expect_all(f, day * 50, 50);
		if (day % 3 == 0)
			idle(f);
		for (uint32_t old = day < 29 ? 0 : day - 29; old < day; old++)
			expect_all(f, old * 50, 50);
		if (day % 3 == 0)
			assert_true(strangers(f) < 200);
		stores_pass(DAY_MS);
	}
	/* Those of days outside the window are let go of. */
	idle(f);
	for (uint32_t n = 0; n < 50; n++)
		found += maybe(f, n);
	assert_true(found < 40);
}

static void
a_day_that_is_taken_back(void **state)
{
	struct stores *f = *state;

	put_all(f, 0, 50);
	stores_pass(DAY_MS);
	for (int i = 0; i < 3; i++) {
		stores_begin(f);
		(void)put(f, 100);
		f->ops->rollback(f->store);
		expect_all(f, 0, 50);
		idle(f);
		expect_all(f, 0, 50);
	}
	put_all(f, 200, 50);
	idle(f);
	expect_all(f, 0, 50);
	expect_all(f, 200, 50);
	assert_true(strangers(f) < 20);
}

/* ---- whatever happens ---- */

static void
purge(struct stores *f)
{
	bool more = true;

	stores_pass(DAY_MS / 50);
	while (more) {
		stores_begin(f);
		assert_int_equal(
		    f->ops->purge(f->store, stores_now.wall_ms, &more),
		    STORE_OK);
		/* Once more: that one never was. */
		if (any(4) == 0)
			f->ops->rollback(f->store);
		else
			stores_commit(f);
	}
}

static struct {
	unsigned puts, copies, sure;
} met;

static void
batch(struct stores *f)
{
	stores_begin(f);
	for (uint32_t n = any(6); n > 0; n--) {
		uint32_t key = any(KEYS);
		bool may = maybe(f, key);
		bool copy = put(f, key) == STORE_PUT_DUPLICATE;

		assert_true(may || !copy);
		assert_true(maybe(f, key));
		met.puts++;
		met.copies += copy;
		met.sure += !may;
	}
	if (any(5) == 0)
		f->ops->rollback(f->store);
	else
		stores_commit(f);
}

static void
no_copy_is_ever_surely_new(void **state)
{
	struct stores *f = *state;

	memset(&met, 0, sizeof met);
	f->config.dedup_ms = 2 * (int64_t)DAY_MS;
	random_state = 5;
	for (int i = 0; i < 4000; i++) {
		batch(f);
		stores_pass(any(20) == 0 ? any(3 * DAY_MS / 2) : any(HOUR_MS));
		for (uint32_t n = any(4); n > 0; n--)
			(void)f->ops->idle(f->store, true);
		if (any(30) == 0)
			purge(f);
		if (any(60) == 0)
			reopen(f);
	}
	assert_true(met.puts > 5000);
	assert_true(met.copies > 500);
	assert_true(met.sure > 500);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(outside_a_batch_it_fails),
	    TEST(what_is_committed_is_read_again),
	    TEST(each_store_has_its_own),
	    TEST(what_is_put_is_known),
	    TEST(after_a_start_the_store_reads_first),
	    TEST(what_comes_while_it_reads_is_known),
	    TEST(another_day_begins),
	    TEST(a_day_that_is_taken_back),
	    TEST(no_copy_is_ever_surely_new),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
