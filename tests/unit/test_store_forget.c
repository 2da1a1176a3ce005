/* Forgetting an event, for every implementation of worker/store.h; and what is
 * left of it in the files. */

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "stores.h"

enum { HOUR = 3600000, DAY = 24 * HOUR, BODY = 9000 };

/* ---- events ---- */

/* Event n; its own word, WORDn-, is all over its body, headers and key. */
struct sample {
	struct event event;
	char key[32];
	char headers[64];
	char body[BODY + 1];
};

static void
make(struct sample *s, unsigned n)
{
	size_t len = 0;

	memset(s, 0, sizeof *s);
	snprintf(s->key, sizeof s->key, "key-%u", n);
	snprintf(s->headers, sizeof s->headers, "{\"x\":\"word%u-\"}", n);
	while (len < BODY - 16)
		len += (size_t)snprintf(s->body + len, 16, "word%u-", n);
	s->event = (struct event){
	    .id = {1, [14] = (uint8_t)(n >> 8), [15] = (uint8_t)n},
	    .received_at_ms = stores_now.wall_ms,
	    .source = "shop",
	    .key = s->key,
	    .type = "order.paid",
	    .remote = "203.0.113.9",
	    .method = "POST",
	    .path = "/hooks/shop",
	    .query = "",
	    .content_type = "text/plain",
	    .headers = s->headers,
	    .scheme = "none",
	    .dedup = EVENT_DEDUP_KEY,
	    .body = s->body,
	    /* some fit into a page, others do not */
	    .body_len = n % 2 == 0 ? len : 100};
	EVP_Digest(s->event.body, s->event.body_len, s->event.sha256, NULL,
	    EVP_sha256(), NULL);
}

static struct store_put_result
put(struct stores *f, unsigned n)
{
	struct store_put_result result;
	struct sample s;

	make(&s, n);
	stores_begin(f);
	assert_int_equal(
	    f->ops->put(f->store, &s.event, stores_now.wall_ms, &result),
	    STORE_OK);
	stores_commit(f);
	buf_clear(&result.revived);
	return result;
}

/* A new event on these routes; with none it is unmatched. */
static int64_t
add(struct stores *f, unsigned n, const char *const *routes, size_t n_routes)
{
	struct store_put_result result = put(f, n);
	struct store_target targets[4];

	assert_int_equal(result.what, STORE_PUT_NEW);
	for (size_t i = 0; i < n_routes; i++)
		targets[i] = (struct store_target){
		    .route = routes[i], .state = DELIVERY_PENDING};
	stores_begin(f);
	assert_int_equal(
	    f->ops->route(f->store, result.seq, targets, n_routes, true),
	    STORE_OK);
	stores_commit(f);
	return result.seq;
}

static void
settle(struct stores *f, int64_t seq, const char *route,
    enum delivery_state state, const char *output)
{
	const struct store_attempt attempt = {.at_ms = ++stores_now.wall_ms,
	    .ms = 1,
	    .outcome = "exit:1",
	    .detail = output,
	    .output = output,
	    .output_len = strlen(output)};
	const struct store_settle s = {.seq = seq,
	    .route = route,
	    .state = state,
	    .due_ms = stores_now.wall_ms,
	    .now_ms = stores_now.wall_ms,
	    .reason = state == DELIVERY_EXHAUSTED ? "final" : NULL,
	    .attempt = &attempt};

	stores_begin(f);
	assert_int_equal(f->ops->settle(f->store, &s), STORE_OK);
	stores_commit(f);
}

/* Take the delivery that is due on the route and end the attempt so. */
static void
try(struct stores *f, const char *route, enum delivery_state state,
    const char *output)
{
	const struct store_claim what = {route, 1, stores_now.wall_ms, HOUR};
	struct store_delivery *d;
	int64_t seq;

	stores_begin(f);
	assert_int_equal(f->ops->claim(f->store, &what, &d), STORE_OK);
	stores_commit(f);
	assert_non_null(d);
	seq = d->seq;
	store_delivery_free(d);
	settle(f, seq, route, state, output);
	if (state != DELIVERY_EXHAUSTED)
		return;
	stores_begin(f);
	assert_int_equal(f->ops->bury(f->store, seq, route, 0), STORE_OK);
	stores_commit(f);
}

static enum store_result
forget(struct stores *f, unsigned n)
{
	enum store_result result;
	struct sample s;

	make(&s, n);
	stores_begin(f);
	result = f->ops->forget(f->store, s.event.id);
	if (result == STORE_OK)
		stores_commit(f);
	return result;
}

static void
erase_all(struct stores *f)
{
	unsigned steps = 0;
	bool more;

	do {
		assert_int_equal(f->ops->erase(f->store, &more), STORE_OK);
		assert_true(++steps < 1000);
	} while (more);
}

static void
count_row(void *arg, const struct store_row *row)
{
	(void)row;
	++*(unsigned *)arg;
}

static unsigned
rows(struct stores *f, unsigned n)
{
	enum store_result result;
	unsigned found = 0;
	struct sample s;

	make(&s, n);
	result = f->ops->show(f->store, s.event.id, count_row, &found);
	assert_true(result == STORE_OK || result == STORE_NONE);
	return found;
}

/* All deliveries counted, and the unmatched events. */
static int64_t
counted(struct stores *f, int64_t *unmatched)
{
	struct store_count *counts;
	int64_t unrouted, sum = 0;
	size_t n;

	assert_int_equal(
	    f->ops->counts(f->store, &counts, &n, &unrouted, unmatched),
	    STORE_OK);
	assert_int_equal(unrouted, 0);
	for (size_t i = 0; i < n; i++)
		for (int state = 0; state < DELIVERY__MAX; state++)
			sum += counts[i].n[state];
	free(counts);
	return sum;
}

static const char *const three[] = {"a", "b", "c"};

/* Event 1: delivered on a, dead on b, waiting on c. */
static int64_t
add_tried(struct stores *f)
{
	int64_t seq = add(f, 1, three, 3);

	try(f, "a", DELIVERY_DELIVERED, "word1- done");
	try(f, "b", DELIVERY_EXHAUSTED, "word1- not");
	try(f, "c", DELIVERY_WAITING, "word1- later");
	return seq;
}

/* ---- the same for every implementation ---- */

static void
forgets_one_event(void **state)
{
	struct stores *f = *state;
	int64_t unmatched;

	add_tried(f);
	add(f, 2, three, 2);
	add(f, 3, NULL, 0);
	assert_int_equal(forget(f, 1), STORE_OK);
	assert_int_equal(rows(f, 1), 0);
	assert_int_equal(rows(f, 2), 2);
	assert_int_equal(counted(f, &unmatched), 2);
	assert_int_equal(unmatched, 1);
	assert_int_equal(forget(f, 3), STORE_OK);
	assert_int_equal(counted(f, &unmatched), 2);
	assert_int_equal(unmatched, 0);
	assert_int_equal(forget(f, 1), STORE_NONE);
	try(f, "a", DELIVERY_DELIVERED, "");
}

/* The provider's copy does not bring it back, nor the gateway's. */
static void
knows_its_key(void **state)
{
	struct stores *f = *state;
	struct store_put_result result;
	struct sample s;

	add_tried(f);
	assert_int_equal(forget(f, 1), STORE_OK);
	result = put(f, 1);
	assert_int_equal(result.what, STORE_PUT_SAME);
	assert_int_equal(result.seq, 0);
	make(&s, 1);
	s.event.id[0] = 9;
	stores_begin(f);
	assert_int_equal(
	    f->ops->put(f->store, &s.event, stores_now.wall_ms, &result),
	    STORE_OK);
	stores_commit(f);
	buf_clear(&result.revived);
	assert_int_equal(result.what, STORE_PUT_DUPLICATE);
	assert_int_equal(result.seq, 0);
	assert_int_equal(rows(f, 1), 0);
}

/* What the dispatcher still says about it changes nothing. */
static void
takes_late_answers(void **state)
{
	struct stores *f = *state;
	const struct store_target target = {
	    .route = "a", .state = DELIVERY_PENDING};
	int64_t seq = add_tried(f), unmatched;

	assert_int_equal(forget(f, 1), STORE_OK);
	settle(f, seq, "c", DELIVERY_DELIVERED, "word1-");
	stores_begin(f);
	assert_int_equal(f->ops->bury(f->store, seq, "b", 0), STORE_OK);
	assert_int_equal(
	    f->ops->route(f->store, seq, &target, 1, true), STORE_OK);
	stores_commit(f);
	assert_int_equal(rows(f, 1), 0);
	assert_int_equal(counted(f, &unmatched), 0);
}

static void
rolls_back(void **state)
{
	struct stores *f = *state;
	int64_t unmatched;
	struct sample s;

	add_tried(f);
	make(&s, 1);
	stores_begin(f);
	assert_int_equal(f->ops->forget(f->store, s.event.id), STORE_OK);
	f->ops->rollback(f->store);
	assert_int_equal(rows(f, 1), 3);
	assert_int_equal(counted(f, &unmatched), 3);
	assert_int_not_equal(f->ops->forget(f->store, s.event.id), STORE_OK);
	assert_int_equal(rows(f, 1), 3);
}

/* ---- what is in the files ---- */

/* In how many of the store's files a text stands. */
static unsigned
files_with(const struct stores *f, const char *text)
{
	DIR *dir = opendir(f->dir);
	const struct dirent *entry;
	unsigned found = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL) {
		char *path, *bytes;
		size_t len;

		if (entry->d_name[0] == '.')
			continue;
		path = support_path(f->dir, entry->d_name);
		bytes = support_read(path, &len);
		found += memmem(bytes, len, text, strlen(text)) != NULL;
		free(bytes);
		free(path);
	}
	closedir(dir);
	return found;
}

static void
leaves_no_bytes(void **state)
{
	struct stores *f = *state;

	add_tried(f);
	assert_true(files_with(f, "word1-") > 0);
	assert_int_equal(forget(f, 1), STORE_OK);
	erase_all(f);
	assert_int_equal(files_with(f, "word1-"), 0);
}

/* Many events, tried many times, some purged: pages were split, joined, freed
 * and used again. */
static void
leaves_no_bytes_among_others(void **state)
{
	enum { EVENTS = 90, ROUNDS = 12 };

	static const char *const route[] = {"a"};
	struct stores *f = *state;
	char text[3000], word[16];
	bool more = true;

	for (unsigned n = 1; n <= EVENTS; n++)
		add(f, n, route, 1);
	for (unsigned i = 0; i < ROUNDS; i++)
		for (unsigned n = 1; n <= EVENTS; n++) {
			memset(text, 'x', sizeof text - 1);
			text[sizeof text - 1] = '\0';
			text[(n * 37 + i * 211) % sizeof text] = '\0';
			memcpy(text, word,
			    (size_t)snprintf(word, sizeof word, "word%u-", n));
			try(f, "a",
			    i + 1 < ROUNDS ? DELIVERY_WAITING
			    : n % 3 != 0   ? DELIVERY_DELIVERED
					   : DELIVERY_EXHAUSTED,
			    text);
		}
	stores_now.boot_ms += 8 * (int64_t)DAY;
	while (more) {
		stores_begin(f);
		assert_int_equal(
		    f->ops->purge(f->store, stores_now.wall_ms, &more),
		    STORE_OK);
		stores_commit(f);
	}
	assert_int_equal(rows(f, 4), 0);
	for (unsigned n = 9; n <= EVENTS; n += 9) {
		snprintf(word, sizeof word, "word%u-", n);
		assert_int_equal(forget(f, n), STORE_OK);
		erase_all(f);
		if (files_with(f, word) != 0)
			fail_msg("%s is left", word);
	}
	assert_int_equal(files_with(f, "word33-"), 1);
}

/* Numbers of what is gone are not given again, after a restart either. */
static void
gives_no_number_twice(void **state)
{
	struct stores *f = *state;
	int64_t seq = add(f, 1, NULL, 0);

	assert_int_equal(forget(f, 1), STORE_OK);
	f->ops->close(f->store);
	stores_open(f);
	assert_true(add(f, 2, NULL, 0) > seq);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    STORES_BOTH(forgets_one_event),
	    STORES_BOTH(knows_its_key),
	    STORES_BOTH(takes_late_answers),
	    STORES_BOTH(rolls_back),
	    cmocka_unit_test_setup_teardown(
		leaves_no_bytes, stores_sqlite, stores_teardown),
	    cmocka_unit_test_setup_teardown(
		leaves_no_bytes_among_others, stores_sqlite, stores_teardown),
	    cmocka_unit_test_setup_teardown(
		gives_no_number_twice, stores_sqlite, stores_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
