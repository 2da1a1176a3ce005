/*
 * The keys that came last in the SQLite store: whatever became of them they are
 * found, and with the first id.
 *
 * Turns red when: keys are lost on their way to the table of their day, at a
 * rollback, over a restart or a day's turn; when one that was taken back is
 * still known; when more than RECENT_MAX stand in order of arrival; when other
 * threads are told that one of an earlier life has not come.
 */

#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#include "../../worker/store_sqlite.h"
#include "stores.h"

enum { DAY_MS = 86400000, BATCH = 500 };

static void
make_key(uint32_t n, uint8_t key[KEYS_LEN], uint8_t id[EVENT_ID_LEN])
{
	uint8_t digest[EVENT_SHA256_LEN];

	EVP_Digest(&n, sizeof n, digest, NULL, EVP_sha256(), NULL);
	memcpy(key, digest, KEYS_LEN);
	memcpy(id, digest + KEYS_LEN, EVENT_ID_LEN);
}

/* What the store says of key `n`, asked with another id when it is `again`. */
static enum store_result
add_one(struct stores *f, uint32_t n, bool again)
{
	uint8_t key[KEYS_LEN], id[EVENT_ID_LEN], first[EVENT_ID_LEN];
	uint8_t other[EVENT_ID_LEN] = {0};
	enum store_result result;

	make_key(n, key, id);
	result =
	    store_sqlite_known_add(f->store, key, again ? other : id, first);
	if (result == STORE_NONE)
		assert_memory_equal(first, id, EVENT_ID_LEN);
	return result;
}

static void
add(struct stores *f, uint32_t from, uint32_t n)
{
	for (uint32_t i = from; i < from + n; i++) {
		if ((i - from) % BATCH == 0)
			stores_begin(f);
		assert_int_equal(add_one(f, i, false), STORE_OK);
		if ((i - from) % BATCH == BATCH - 1 || i + 1 == from + n)
			stores_commit(f);
	}
}

static void
must_know(struct stores *f, uint32_t from, uint32_t n)
{
	stores_begin(f);
	for (uint32_t i = from; i < from + n; i++)
		assert_int_equal(add_one(f, i, true), STORE_NONE);
	stores_commit(f);
}

static enum store_result
take_back(struct stores *f, uint32_t n)
{
	uint8_t key[KEYS_LEN], id[EVENT_ID_LEN];

	make_key(n, key, id);
	return store_sqlite_keys_remove(f->store, key);
}

static int64_t
count_recent(const struct stores *f)
{
	sqlite3_stmt *row;
	int64_t n;

	assert_int_equal(sqlite3_prepare_v2(f->store->db,
			     "SELECT count(*) FROM recent", -1, &row, NULL),
	    SQLITE_OK);
	assert_int_equal(sqlite3_step(row), SQLITE_ROW);
	n = sqlite3_column_int64(row, 0);
	sqlite3_finalize(row);
	return n;
}

static void
finds_all(void **state)
{
	const uint32_t n = 2 * RECENT_MAX + 1000;
	struct stores *f = *state;

	add(f, 0, n);
	assert_int_equal(count_recent(f), 1000);
	must_know(f, 0, n);
	stores_begin(f);
	assert_int_equal(add_one(f, n, false), STORE_OK);
	stores_commit(f);
}

/* How many of these other threads are told of. */
static uint32_t
count_told(struct stores *f, uint32_t from, uint32_t n)
{
	uint8_t key[KEYS_LEN], id[EVENT_ID_LEN];
	uint32_t told = 0;

	for (uint32_t i = from; i < from + n; i++) {
		make_key(i, key, id);
		told += known_maybe(f->ops->known(f->store), key);
	}
	return told;
}

static void
finds_all_after_a_restart(void **state)
{
	const uint32_t n = RECENT_MAX + 100;
	struct stores *f = *state;

	add(f, 0, n);
	f->ops->close(f->store);
	stores_open(f);
	while (f->ops->idle(f->store, true))
		;
	assert_int_equal(count_told(f, 0, n), n);
	assert_in_range(count_told(f, n, n), 0, n / 10);
	must_know(f, 0, n);
	add(f, n, RECENT_MAX);
	assert_int_equal(count_recent(f), 100);
	must_know(f, 0, n + RECENT_MAX);
}

/* The batch in which they went to the table is rolled back. */
static void
finds_all_after_a_rollback(void **state)
{
	const uint32_t n = RECENT_MAX - 5;
	struct stores *f = *state;

	add(f, 0, n);
	stores_begin(f);
	for (uint32_t i = n; i < n + 10; i++)
		assert_int_equal(add_one(f, i, false), STORE_OK);
	assert_int_equal(count_recent(f), 5);
	f->ops->rollback(f->store);
	assert_int_equal(count_recent(f), n);
	must_know(f, 0, n);
	add(f, n, 10);
	must_know(f, 0, n + 10);
}

static void
finds_all_after_a_day(void **state)
{
	struct stores *f = *state;

	add(f, 0, 50);
	stores_pass(DAY_MS);
	add(f, 50, 10);
	assert_int_equal(count_recent(f), 10);
	must_know(f, 0, 60);
	while (f->ops->idle(f->store, true))
		;
	must_know(f, 0, 60);
}

static void
forgets_what_is_taken_back(void **state)
{
	struct stores *f = *state;

	add(f, 0, 10);
	stores_begin(f);
	assert_int_equal(take_back(f, 3), STORE_OK);
	stores_commit(f);
	assert_int_equal(count_recent(f), 9);
	add(f, 3, 1);
	must_know(f, 0, 10);

	stores_begin(f);
	assert_int_equal(take_back(f, 4), STORE_OK);
	assert_int_equal(store_sqlite_recent_merge(f->store), STORE_OK);
	assert_int_equal(take_back(f, 5), STORE_OK);
	stores_commit(f);
	assert_int_equal(count_recent(f), 0);
	add(f, 4, 2);
	must_know(f, 0, 10);
}

#define TEST(test)                                                             \
	cmocka_unit_test_setup_teardown(test, stores_sqlite, stores_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(finds_all),
	    TEST(finds_all_after_a_restart),
	    TEST(finds_all_after_a_rollback),
	    TEST(finds_all_after_a_day),
	    TEST(forgets_what_is_taken_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
