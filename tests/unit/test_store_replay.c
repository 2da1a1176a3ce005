/*
 * Events whose key is not signed: another body under a known key, and a known
 * body under another key.
 */

#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#include "../../worker/bodies.h"
#include "../../worker/store_sqlite.h"
#include "stores.h"
#include "support.h"

enum { HOUR = 3600000, DAY = 24 * HOUR };

static unsigned last_id;

static struct event
make(const char *key, const char *body, bool strict)
{
	struct event event = {.received_at_ms = stores_now.wall_ms,
	    .source = "github",
	    .key = key,
	    .type = "push",
	    .remote = "",
	    .method = "POST",
	    .path = "/",
	    .query = "",
	    .content_type = "",
	    .headers = "{}",
	    .scheme = "github",
	    .dedup = EVENT_DEDUP_KEY_BODY,
	    .strict_replay = strict,
	    .body = body,
	    .body_len = strlen(body)};

	last_id++;
	event.id[0] = 1;
	event.id[13] = (uint8_t)(last_id >> 16);
	event.id[14] = (uint8_t)(last_id >> 8);
	event.id[15] = (uint8_t)last_id;
	EVP_Digest(
	    body, event.body_len, event.sha256, NULL, EVP_sha256(), NULL);
	return event;
}

static struct store_put_result
put_event(struct stores *f, const struct event *event)
{
	struct store_put_result result;

	stores_begin(f);
	assert_int_equal(
	    f->ops->put(f->store, event, stores_now.wall_ms, &result),
	    STORE_OK);
	stores_commit(f);
	buf_clear(&result.revived);
	return result;
}

/* A new event of its own with these flags. */
static void
takes(struct stores *f, const char *key, const char *body, bool strict,
    unsigned flags)
{
	struct event event = make(key, body, strict);
	struct store_put_result result = put_event(f, &event);

	assert_int_equal(result.what, STORE_PUT_NEW);
	assert_int_equal(result.flags, flags);
	assert_memory_equal(result.id, event.id, EVENT_ID_LEN);
}

static void
says(struct stores *f, const char *key, const char *body, bool strict,
    enum store_put what)
{
	struct event event = make(key, body, strict);

	assert_int_equal(put_event(f, &event).what, what);
}

static void
flags_what_is_odd(void **state)
{
	struct stores *f = *state;
	const unsigned both = EVENT_CHANGED_BODY | EVENT_REPLAYED_BODY;

	takes(f, "k1", "one", false, 0);
	says(f, "k1", "one", false, STORE_PUT_DUPLICATE);
	takes(f, "k1", "two", false, EVENT_CHANGED_BODY);
	takes(f, "k2", "one", false, EVENT_REPLAYED_BODY);
	takes(f, "k2", "two", false, both);
	takes(f, "k1", "three", false, EVENT_CHANGED_BODY);
	/* each of them is known now */
	says(f, "k1", "two", false, STORE_PUT_DUPLICATE);
	says(f, "k2", "one", false, STORE_PUT_DUPLICATE);
	says(f, "k2", "two", false, STORE_PUT_DUPLICATE);
	says(f, "k1", "three", false, STORE_PUT_DUPLICATE);
	takes(f, "k3", "four", false, 0);
}

static void
keeps_sources_apart(void **state)
{
	struct stores *f = *state;
	struct event event;

	takes(f, "k1", "one", true, 0);
	event = make("k2", "one", true);
	event.source = "gitlab";
	assert_int_equal(put_event(f, &event).flags, 0);
	/* nor are other ways to deduplicate looked at */
	event = make("k3", "one", false);
	event.dedup = EVENT_DEDUP_KEY;
	assert_int_equal(put_event(f, &event).flags, 0);
	event = make("", "one", false);
	event.dedup = EVENT_DEDUP_NONE;
	assert_int_equal(put_event(f, &event).flags, 0);
}

static void
refuses_where_strict(void **state)
{
	struct stores *f = *state;
	struct event event;
	struct store_put_result result;

	takes(f, "k1", "one", true, 0);
	says(f, "k1", "one", true, STORE_PUT_DUPLICATE);
	event = make("k2", "one", true);
	for (int i = 0; i < 3; i++) {
		result = put_event(f, &event);
		assert_int_equal(result.what, STORE_PUT_REFUSED);
		assert_int_equal(result.flags, EVENT_REPLAYED_BODY);
		assert_int_equal(result.seq, 0);
	}
	/* nothing of it stayed: its key is free, the first is as it was */
	takes(f, "k2", "two", true, 0);
	says(f, "k1", "one", true, STORE_PUT_DUPLICATE);
	takes(f, "k1", "three", true, EVENT_CHANGED_BODY);
	says(f, "k2", "three", true, STORE_PUT_REFUSED);
	/* a source that is strict no more takes it, flagged */
	takes(f, "k4", "one", false, EVENT_REPLAYED_BODY);
}

static void
rolls_back(void **state)
{
	struct stores *f = *state;
	struct event event = make("k1", "one", true);
	struct store_put_result result;

	for (int i = 0; i < 4; i++) {
		event.strict_replay = i % 2 == 0;
		stores_begin(f);
		assert_int_equal(
		    f->ops->put(f->store, &event, stores_now.wall_ms, &result),
		    STORE_OK);
		assert_int_equal(result.what, STORE_PUT_NEW);
		assert_int_equal(result.flags, 0);
		f->ops->rollback(f->store);
	}
	takes(f, "k2", "one", true, 0);
}

static void
counts_inside_the_window(void **state)
{
	struct stores *f = *state;

	takes(f, "k1", "one", true, 0);
	stores_pass(20 * (int64_t)DAY);
	takes(f, "k1", "two", true, EVENT_CHANGED_BODY);
	stores_pass(15 * (int64_t)DAY);
	/* the first is over, the second is not */
	takes(f, "k2", "one", true, 0);
	takes(f, "k1", "one", false, EVENT_CHANGED_BODY | EVENT_REPLAYED_BODY);
	says(f, "k3", "two", true, STORE_PUT_REFUSED);
	stores_pass(40 * (int64_t)DAY);
	takes(f, "k1", "one", true, 0);
	takes(f, "k3", "two", true, 0);
}

/* ---- SQLite ---- */

static void
reopen(struct stores *f)
{
	f->ops->close(f->store);
	stores_open(f);
}

static void
remembers_over_a_restart(void **state)
{
	struct stores *f = *state;

	takes(f, "k1", "one", true, 0);
	takes(f, "k2", "two", false, 0);
	reopen(f);
	/* at once what is strict, the rest when it has been read */
	says(f, "k3", "one", true, STORE_PUT_REFUSED);
	takes(f, "k1", "other", false, EVENT_CHANGED_BODY);
	while (f->ops->idle(f->store, true))
		;
	takes(f, "k4", "one", false, EVENT_REPLAYED_BODY);
	takes(f, "k4", "two", false, EVENT_CHANGED_BODY | EVENT_REPLAYED_BODY);
}

static struct store_row shown;

static void
note_row(void *arg, const struct store_row *row)
{
	(void)arg;
	shown = *row;
	assert_int_equal(row->event->flags, EVENT_REPLAYED_BODY);
	assert_true(row->event->probe);
}

static void
keeps_the_flags(void **state)
{
	struct stores *f = *state;
	struct event event;

	takes(f, "k1", "one", false, 0);
	event = make("k2", "one", false);
	event.probe = true;
	assert_int_equal(put_event(f, &event).what, STORE_PUT_NEW);
	if (f->dir != NULL)
		reopen(f);
	shown = (struct store_row){0};
	assert_int_equal(
	    f->ops->show(f->store, event.id, note_row, NULL), STORE_OK);
	assert_int_equal(shown.seq, 2);
}

/* Rows as they were before: one for key and body, none for the key alone. */
static void
reads_the_earlier_format(void **state)
{
	struct stores *f = *state;
	struct event event = make("k1", "one", false);
	uint8_t both[KEYS_LEN], bare[KEYS_LEN], first[EVENT_ID_LEN];
	char text[128];
	sqlite3 *db;

	assert_int_equal(
	    keys_hash(f->store->hasher, &event, KEYS_BOTH, both), 0);
	assert_int_equal(put_event(f, &event).what, STORE_PUT_NEW);
	assert_int_equal(
	    keys_hash(f->store->hasher, &event, KEYS_BARE, bare), 0);
	stores_begin(f);
	assert_int_equal(store_sqlite_keys_remove(f->store, bare), STORE_OK);
	assert_int_equal(
	    store_sqlite_known_add(f->store, both, event.id, first), STORE_OK);
	assert_int_equal(store_sqlite_recent_merge(f->store), STORE_OK);
	stores_commit(f);
	f->ops->close(f->store);
	snprintf(text, sizeof text, "%s/s.db", f->dir);
	assert_int_equal(sqlite3_open(text, &db), SQLITE_OK);
	assert_int_equal(
	    sql_exec(db, "DROP TABLE recent; PRAGMA user_version = 3"),
	    SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	stores_open(f);
	says(f, "k1", "one", false, STORE_PUT_DUPLICATE);
	takes(f, "k2", "two", false, 0);
	stores_pass(DAY);
	says(f, "k1", "one", false, STORE_PUT_DUPLICATE);
	while (f->ops->idle(f->store, true))
		;
	says(f, "k1", "one", false, STORE_PUT_DUPLICATE);
	says(f, "k2", "two", false, STORE_PUT_DUPLICATE);
}

/* What the others cost that have no such key. */
static void
costs_others_nothing(void **state)
{
	struct stores *f = *state;
	struct event event = make("k1", "one", false);
	enum store_result result;
	sqlite3_stmt *row;

	event.dedup = EVENT_DEDUP_KEY;
	assert_int_equal(put_event(f, &event).what, STORE_PUT_NEW);
	event = make("k2", "one", false);
	assert_int_equal(put_event(f, &event).what, STORE_PUT_NEW);
	event = make("k3", "two", true);
	assert_int_equal(put_event(f, &event).what, STORE_PUT_NEW);
	event = make("", "two", true);
	assert_int_equal(put_event(f, &event).what, STORE_PUT_NEW);
	/* rows of keys: one, one, and two where it is strict */
	row = sql_bind(&f->store->sql, SQL_DAY_LIST, "");
	assert_true(sql_row(row, &result));
	assert_int_equal(sqlite3_column_int(row, 1), 4);
	sqlite3_reset(row);
}

/* ---- the bodies in memory ---- */

static const uint8_t *
body_of(uint32_t n)
{
	static uint8_t body[KEYS_LEN];
	uint8_t digest[32];

	EVP_Digest(&n, sizeof n, digest, NULL, EVP_sha256(), NULL);
	memcpy(body, digest, KEYS_LEN);
	return body;
}

static void
knows_the_last_bodies(void **state)
{
	const uint32_t all = 5 * BODIES_MIN + 1000;
	struct bodies *bodies = bodies_new();

	(void)state;
	assert_non_null(bodies);
	for (uint32_t i = 0; i < all; i++) {
		assert_false(bodies_has(bodies, body_of(i), 0));
		bodies_add(bodies, body_of(i), 100);
		if (i % 500 == 499)
			bodies_keep(bodies);
	}
	for (uint32_t i = all - BODIES_MIN; i < all; i++) {
		assert_true(bodies_has(bodies, body_of(i), 100));
		assert_false(bodies_has(bodies, body_of(i), 101));
	}
	assert_false(bodies_has(bodies, body_of(0), 0));
	/* a batch that is taken back leaves what was there */
	bodies_keep(bodies);
	for (uint32_t i = all - 300; i < all + 300; i++)
		bodies_add(bodies, body_of(i), 200);
	bodies_undo(bodies);
	for (uint32_t i = all - BODIES_MIN; i < all; i++)
		assert_true(bodies_has(bodies, body_of(i), 100));
	for (uint32_t i = all - 300; i < all + 300; i++)
		assert_false(bodies_has(bodies, body_of(i), 200));
	bodies_free(bodies);
}

static void
reads_older_bodies(void **state)
{
	struct bodies *bodies = bodies_new();
	uint32_t n = 0;

	(void)state;
	assert_non_null(bodies);
	bodies_add(bodies, body_of(0), 9);
	while (bodies_add_old(bodies, body_of(n), 8))
		n++;
	/* the one that is known already takes no room */
	assert_int_equal(n, BODIES_MIN + 1);
	assert_true(bodies_has(bodies, body_of(0), 9));
	for (uint32_t i = 0; i < n; i++)
		assert_true(bodies_has(bodies, body_of(i), 8));
	bodies_free(bodies);
}

#define SQLITE(test)                                                           \
	cmocka_unit_test_setup_teardown(test, stores_sqlite, stores_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    STORES_BOTH(flags_what_is_odd),
	    STORES_BOTH(keeps_sources_apart),
	    STORES_BOTH(refuses_where_strict),
	    STORES_BOTH(rolls_back),
	    STORES_BOTH(counts_inside_the_window),
	    STORES_BOTH(keeps_the_flags),
	    SQLITE(remembers_over_a_restart),
	    SQLITE(reads_the_earlier_format),
	    SQLITE(costs_others_nothing),
	    cmocka_unit_test(knows_the_last_bodies),
	    cmocka_unit_test(reads_older_bodies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
