/* The worker's cache of keys: who gets what, and when anything is fetched. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../worker/blobs.h"
#include "../../worker/fetch.h"
#include "support.h"

#define URL   "https://keys.example/set"
#define OTHER "https://keys.example/other"

enum { T0 = 1000000, HOUR_MS = 3600000 };

static const char one[WIRE_LINK_LEN] = "Gone", two[WIRE_LINK_LEN] = "Gtwo";

static int
open_blobs(void **state)
{
	*state = blobs_new();
	return *state != NULL ? 0 : -1;
}

static int
close_blobs(void **state)
{
	blobs_free(*state);
	return 0;
}

static enum blobs_say
ask_as(struct blobs *blobs, const char *url, const void *id, bool fixed,
    int64_t now_ms, struct wire_blob *answer)
{
	const struct wire_ask ask = {
	    .how = WIRE_FETCH, .name = url, .max_age_ms = INT64_MAX};
	const struct blobs_asker asker = {id, fixed};

	return blobs_ask(blobs, &ask, &asker, now_ms, answer);
}

static enum blobs_say
ask(struct blobs *blobs, int64_t now_ms, struct wire_blob *answer)
{
	return ask_as(blobs, URL, one, true, now_ms, answer);
}

/* Ask for something newer than what came `age_ms` ago. */
static enum blobs_say
ask_newer(struct blobs *blobs, int64_t age_ms, int64_t now_ms,
    struct wire_blob *answer)
{
	const struct wire_ask newer = {
	    .how = WIRE_FETCH, .name = URL, .max_age_ms = age_ms - 1};
	const struct blobs_asker asker = {one, true};

	return blobs_ask(blobs, &newer, &asker, now_ms, answer);
}

static struct {
	unsigned n, of_one, of_two;
	enum wire_blob_status status;
	char bytes[64];
	char error[64];
} told;

static void
tell(void *arg, const void *id, const struct wire_blob *answer)
{
	(void)arg;
	told.n++;
	told.of_one += memcmp(id, one, sizeof one) == 0;
	told.of_two += memcmp(id, two, sizeof two) == 0;
	told.status = answer->status;
	assert_int_equal(answer->how, WIRE_FETCH);
	(void)snprintf(told.bytes, sizeof told.bytes, "%.*s", (int)answer->len,
	    (const char *)answer->bytes);
	(void)snprintf(told.error, sizeof told.error, "%s", answer->error);
}

static void
came(struct blobs *blobs, const char *url, const char *bytes, int64_t now_ms)
{
	const struct blobs_result result = {.url = url,
	    .bytes = bytes,
	    .len = strlen(bytes),
	    .fresh_ms = HOUR_MS};

	memset(&told, 0, sizeof told);
	blobs_fetched(blobs, &result, now_ms, tell, NULL);
}

static void
failed(struct blobs *blobs, const char *url, int64_t now_ms)
{
	const struct blobs_result result = {.url = url, .error = "status:500"};

	memset(&told, 0, sizeof told);
	blobs_fetched(blobs, &result, now_ms, tell, NULL);
}

static void
must_be(const struct wire_blob *answer, enum wire_blob_status status,
    const char *bytes)
{
	assert_int_equal(answer->status, status);
	assert_int_equal(answer->len, strlen(bytes));
	assert_memory_equal(answer->bytes, bytes, answer->len);
}

static void
test_one_fetch_for_all(void **state)
{
	struct blobs *blobs = *state;
	struct wire_blob answer;

	assert_int_equal(ask(blobs, T0, &answer), BLOBS_FETCH);
	assert_int_equal(
	    ask_as(blobs, URL, two, true, T0 + 1, &answer), BLOBS_WAIT);
	/* one that asks again is told once */
	assert_int_equal(ask(blobs, T0 + 2, &answer), BLOBS_WAIT);
	came(blobs, URL, "keys", T0 + 100);
	assert_int_equal(told.n, 2);
	assert_int_equal(told.of_one, 1);
	assert_int_equal(told.of_two, 1);
	assert_int_equal(told.status, WIRE_BLOB_HERE);
	assert_string_equal(told.bytes, "keys");
	assert_int_equal(ask(blobs, T0 + 600, &answer), BLOBS_ANSWER);
	must_be(&answer, WIRE_BLOB_HERE, "keys");
	assert_int_equal(answer.age_ms, 500);
	assert_int_equal(answer.fresh_ms, HOUR_MS - 500);
	/* and nobody waits any more */
	came(blobs, URL, "others", T0 + 700);
	assert_int_equal(told.n, 0);
	assert_int_equal(blobs_counts(blobs)->hits, 1);
	assert_int_equal(blobs_counts(blobs)->fetched, 2);
}

static void
test_stale(void **state)
{
	struct blobs *blobs = *state;
	struct wire_blob answer;
	const int64_t later = T0 + HOUR_MS;

	(void)ask(blobs, T0, &answer);
	came(blobs, URL, "keys", T0);
	assert_int_equal(ask(blobs, later - 1, &answer), BLOBS_ANSWER);
	assert_int_equal(ask(blobs, later, &answer), BLOBS_FETCH);
	/* the old ones go on when the new ones do not come */
	failed(blobs, URL, later + 10);
	assert_int_equal(told.status, WIRE_BLOB_FAILED);
	assert_string_equal(told.bytes, "keys");
	assert_string_equal(told.error, "status:500");
	assert_int_equal(
	    ask(blobs, later + BLOBS_FAILED_MS, &answer), BLOBS_ANSWER);
	must_be(&answer, WIRE_BLOB_FAILED, "keys");
	assert_int_equal(
	    ask(blobs, later + 10 + BLOBS_FAILED_MS, &answer), BLOBS_FETCH);
	failed(blobs, URL, later + BLOBS_FAILED_MS + 20);
	/* but not for ever */
	assert_int_equal(
	    ask(blobs, T0 + WIRE_BLOB_OLD_MS, &answer), BLOBS_FETCH);
	failed(blobs, URL, T0 + WIRE_BLOB_OLD_MS);
	assert_int_equal(told.status, WIRE_BLOB_FAILED);
	assert_string_equal(told.bytes, "");
}

static void
test_failed(void **state)
{
	struct blobs *blobs = *state;
	struct wire_blob answer;

	(void)ask(blobs, T0, &answer);
	failed(blobs, URL, T0 + 10);
	assert_int_equal(told.status, WIRE_BLOB_FAILED);
	for (int i = 0; i < 100; i++)
		assert_int_equal(ask(blobs, T0 + 11, &answer), BLOBS_ANSWER);
	must_be(&answer, WIRE_BLOB_FAILED, "");
	assert_string_equal(answer.error, "status:500");
	assert_int_equal(
	    ask(blobs, T0 + 10 + BLOBS_FAILED_MS, &answer), BLOBS_FETCH);
	assert_int_equal(blobs_counts(blobs)->limited, 100);
}

static void
test_unknown_key(void **state)
{
	struct blobs *blobs = *state;
	struct wire_blob answer;

	(void)ask(blobs, T0, &answer);
	came(blobs, URL, "old", T0);
	/* at once, however new it is … */
	assert_int_equal(ask_newer(blobs, 100, T0 + 100, &answer), BLOBS_FETCH);
	came(blobs, URL, "new", T0 + 200);
	assert_string_equal(told.bytes, "new");
	/* … then it is what there is, for those that have older ones too */
	assert_int_equal(
	    ask_newer(blobs, 300, T0 + 300, &answer), BLOBS_ANSWER);
	must_be(&answer, WIRE_BLOB_HERE, "new");
	for (int i = 0; i < 100; i++)
		assert_int_equal(
		    ask_newer(blobs, 1, T0 + 99 + BLOBS_AGAIN_MS, &answer),
		    BLOBS_ANSWER);
	must_be(&answer, WIRE_BLOB_HERE, "new");
	assert_int_equal(
	    ask_newer(blobs, 1, T0 + 100 + BLOBS_AGAIN_MS, &answer),
	    BLOBS_FETCH);
	failed(blobs, URL, T0 + 200 + BLOBS_AGAIN_MS);
	assert_int_equal(told.status, WIRE_BLOB_FAILED);
	assert_string_equal(told.bytes, "new");
}

/* Requests can name ever new URLs; keys that are known beforehand come still.
 */
static void
test_many_urls(void **state)
{
	struct blobs *blobs = *state;
	struct wire_blob answer;
	unsigned fetches = 0;
	char url[64];

	(void)ask(blobs, T0, &answer);
	came(blobs, URL, "keys", T0);
	for (int i = 0; i < 10 * BLOBS_URLS_MAX; i++) {
		(void)snprintf(url, sizeof url, OTHER "%d", i);
		if (ask_as(blobs, url, one, false, T0 + i, &answer) !=
		    BLOBS_FETCH)
			continue;
		fetches++;
		failed(blobs, url, T0 + i);
	}
	assert_int_equal(fetches, BLOBS_PER_MINUTE);
	assert_int_equal(ask(blobs, T0 + 9999, &answer), BLOBS_ANSWER);
	must_be(&answer, WIRE_BLOB_HERE, "keys");
	assert_int_equal(ask(blobs, T0 + HOUR_MS, &answer), BLOBS_FETCH);
	assert_int_equal(
	    ask_as(blobs, OTHER, one, false, T0 + HOUR_MS, &answer),
	    BLOBS_FETCH);
}

/* What requests make up neither drives keys out nor keeps them from being
 * refreshed. */
static void
test_made_up(void **state)
{
	struct wire_blob answer;
	int64_t now = T0 + HOUR_MS - 1;
	unsigned fetches = 0;
	char url[64];

	assert_int_equal(
	    ask_as(*state, OTHER, one, false, T0, &answer), BLOBS_FETCH);
	came(*state, OTHER, "keys", T0);
	for (int i = 0; i < 10 * BLOBS_URLS_MAX; i++) {
		(void)snprintf(
		    url, sizeof url, "https://keys.example/made-up-%d", i);
		if (ask_as(*state, url, one, false, now, &answer) !=
		    BLOBS_FETCH)
			continue;
		fetches++;
		failed(*state, url, now);
	}
	assert_int_equal(fetches, BLOBS_PER_MINUTE);
	assert_int_equal(
	    ask_as(*state, OTHER, one, false, now, &answer), BLOBS_ANSWER);
	must_be(&answer, WIRE_BLOB_HERE, "keys");
	/* an hour has passed: stale, and the minute is not over */
	assert_int_equal(
	    ask_as(*state, OTHER, one, false, now + 2, &answer), BLOBS_FETCH);
	came(*state, OTHER, "newer", now + 2);
	assert_string_equal(told.bytes, "newer");
}

static void
test_many_wait(void **state)
{
	struct blobs *blobs = *state;
	char id[WIRE_LINK_LEN] = "G";
	struct wire_blob answer;

	assert_int_equal(ask(blobs, T0, &answer), BLOBS_FETCH);
	for (int i = 1; i < BLOBS_WAITERS_MAX; i++) {
		id[1] = (char)i;
		assert_int_equal(
		    ask_as(blobs, URL, id, true, T0, &answer), BLOBS_WAIT);
	}
	id[1] = 0;
	id[2] = 1;
	assert_int_equal(
	    ask_as(blobs, URL, id, true, T0, &answer), BLOBS_ANSWER);
	must_be(&answer, WIRE_BLOB_FAILED, "");
	came(blobs, URL, "keys", T0);
	assert_int_equal(told.n, BLOBS_WAITERS_MAX);
}

/* All are being fetched: nobody is forgotten, one more is told so. */
static void
test_no_room(void **state)
{
	struct blobs *blobs = *state;
	struct wire_blob answer;
	char url[64];

	for (int i = 0; i < BLOBS_URLS_MAX; i++) {
		(void)snprintf(url, sizeof url, OTHER "%d", i);
		assert_int_equal(
		    ask_as(blobs, url, one, true, T0, &answer), BLOBS_FETCH);
	}
	assert_int_equal(ask(blobs, T0, &answer), BLOBS_ANSWER);
	must_be(&answer, WIRE_BLOB_FAILED, "");
	came(blobs, OTHER "7", "keys", T0);
	assert_int_equal(told.n, 1);
}

static void
test_cache_control(void **state)
{
	static const struct {
		const char *header;
		int64_t ms;
	} rows[] = {
	    {NULL, FETCH_DEFAULT_MS},
	    {"", FETCH_DEFAULT_MS},
	    {"public", FETCH_DEFAULT_MS},
	    {"max-age=7200", 7200000},
	    {"public, max-age=19845, must-revalidate, no-transform", 19845000},
	    {"Public ,MAX-AGE=600 ", 600000},
	    {"max-age=0", FETCH_MIN_MS},
	    {"max-age=1", FETCH_MIN_MS},
	    {"max-age=", FETCH_DEFAULT_MS},
	    {"max-age=x", FETCH_MIN_MS},
	    {"s-max-age=7200", FETCH_DEFAULT_MS},
	    {"max-age=99999999999999999999999999", FETCH_MAX_MS},
	    {"max-age=7200, no-store", FETCH_MIN_MS},
	    {"no-cache", FETCH_MIN_MS},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(fetch_fresh_ms(rows[i].header), rows[i].ms);
}

#define TEST(test)                                                             \
	cmocka_unit_test_setup_teardown(test, open_blobs, close_blobs)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_one_fetch_for_all),
	    TEST(test_stale),
	    TEST(test_failed),
	    TEST(test_unknown_key),
	    TEST(test_many_urls),
	    TEST(test_made_up),
	    TEST(test_many_wait),
	    TEST(test_no_room),
	    cmocka_unit_test(test_cache_control),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
