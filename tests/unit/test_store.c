/* One conformance suite for every implementation of worker/store.h. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <openssl/evp.h>

#include "stores.h"

enum { SECOND = 1000, HOUR = 3600 * SECOND, DAY = 24 * HOUR };

static const int64_t horizon_ms = 12 * (int64_t)HOUR;

/* ---- events ---- */

static void
make_id(unsigned n, uint8_t id[EVENT_ID_LEN])
{
	memset(id, 0, EVENT_ID_LEN);
	id[0] = 1;
	id[4] = (uint8_t)(n >> 8);
	id[5] = (uint8_t)n;
	id[14] = (uint8_t)(n * 7);
	id[15] = (uint8_t)n;
}

static struct event
make_event(unsigned n, const char *key)
{
	struct event event = {
	    .received_at_ms = stores_now.wall_ms,
	    .source = "shop",
	    .key = key,
	    .type = "order.paid",
	    .remote = "203.0.113.9",
	    .method = "POST",
	    .path = "/hooks/shop",
	    .query = "a=1",
	    .content_type = "application/json",
	    .headers = "{\"x\":\"y\"}",
	    .scheme = "none",
	    .dedup = EVENT_DEDUP_KEY,
	    .body = "{\"n\":\0001}",
	    .body_len = 8,
	};

	make_id(n, event.id);
	EVP_Digest(
	    event.body, event.body_len, event.sha256, NULL, EVP_sha256(), NULL);
	return event;
}

static struct store_put_result
put_in_batch(struct stores *f, const struct event *event)
{
	struct store_put_result result;

	assert_int_equal(
	    f->ops->put(f->store, event, stores_now.wall_ms, &result),
	    STORE_OK);
	return result;
}

/* One event in a batch of its own; the revived routes must be `revived`. */
static struct store_put_result
put_event(struct stores *f, const struct event *event, const char *revived)
{
	struct store_put_result result;

	stores_begin(f);
	result = put_in_batch(f, event);
	stores_commit(f);
	assert_string_equal(buf_str(&result.revived), revived);
	buf_clear(&result.revived);
	return result;
}

/* A new event with a key of its own. */
static int64_t
put_new(struct stores *f)
{
	char key[32];
	struct event event;
	struct store_put_result result;

	snprintf(key, sizeof key, "key-%u", ++f->n_events);
	event = make_event(f->n_events, key);
	result = put_event(f, &event, "");
	assert_int_equal(result.what, STORE_PUT_NEW);
	return result.seq;
}

static void
route_to(struct stores *f, int64_t seq, const char *route, bool whole)
{
	const struct store_target target = {
	    .route = route, .state = DELIVERY_PENDING};

	stores_begin(f);
	assert_int_equal(
	    f->ops->route(f->store, seq, &target, route != NULL, whole),
	    STORE_OK);
	stores_commit(f);
}

static struct store_delivery *
claim(struct stores *f, const char *route, unsigned n)
{
	const struct store_claim what = {
	    route, n, stores_now.wall_ms, horizon_ms};
	struct store_delivery *list;

	stores_begin(f);
	assert_int_equal(f->ops->claim(f->store, &what, &list), STORE_OK);
	stores_commit(f);
	return list;
}

static void
free_list(struct store_delivery *list)
{
	while (list != NULL) {
		struct store_delivery *next = list->next;

		store_delivery_free(list);
		list = next;
	}
}

/* Claim and forget; returns how many there were. */
static unsigned
claim_n(struct stores *f, const char *route, unsigned n)
{
	struct store_delivery *list = claim(f, route, n);
	unsigned found = 0;

	for (const struct store_delivery *d = list; d != NULL; d = d->next)
		found++;
	free_list(list);
	return found;
}

struct outcome {
	int64_t seq;
	const char *route;
	uint32_t replay;
	enum delivery_state state;
	int64_t due_ms;
	const char *output;
};

static void
settle(struct stores *f, const struct outcome *o)
{
	const struct store_attempt attempt = {
	    .at_ms = stores_now.wall_ms,
	    .ms = 12,
	    .outcome = o->state == DELIVERY_DELIVERED ? "ok" : "exit:1",
	    .detail = "said \"no\"",
	    .output = o->output,
	    .output_len = o->output != NULL ? strlen(o->output) : 0,
	};
	const struct store_settle s = {
	    .seq = o->seq,
	    .route = o->route,
	    .replay = o->replay,
	    .state = o->state,
	    .due_ms = o->due_ms,
	    .now_ms = stores_now.wall_ms,
	    .reason = o->state == DELIVERY_EXHAUSTED ? "expired" : NULL,
	    .attempt = o->state == DELIVERY_PENDING ? NULL : &attempt,
	};

	stores_begin(f);
	assert_int_equal(f->ops->settle(f->store, &s), STORE_OK);
	stores_commit(f);
}

static void
bury(struct stores *f, int64_t seq, const char *route, uint32_t replay)
{
	stores_begin(f);
	assert_int_equal(f->ops->bury(f->store, seq, route, replay), STORE_OK);
	stores_commit(f);
}

/* Claim the one delivery that is due and end it so. */
static void
run_one(struct stores *f, const char *route, enum delivery_state state,
    int64_t due_ms)
{
	struct store_delivery *d = claim(f, route, 1);

	assert_non_null(d);
	settle(f,
	    &(struct outcome){d->seq, route, d->replay, state, due_ms, NULL});
	free_list(d);
}

/* The one delivery that is due dies. */
static void
kill_one(struct stores *f, const char *route)
{
	struct store_delivery *d = claim(f, route, 1);

	assert_non_null(d);
	settle(f, &(struct outcome){
		      d->seq, route, d->replay, DELIVERY_EXHAUSTED, 0, NULL});
	bury(f, d->seq, route, d->replay);
	free_list(d);
}

static unsigned
replay(struct stores *f, int64_t seq, const char *route, unsigned states)
{
	const struct store_replay what = {
	    seq, route, states, stores_now.wall_ms};
	unsigned n;

	stores_begin(f);
	assert_int_equal(f->ops->replay(f->store, &what, &n), STORE_OK);
	stores_commit(f);
	return n;
}

/* ---- what is in it ---- */

struct counts {
	struct store_count *list;
	size_t n;
	int64_t unrouted, unmatched;
};

static struct counts
get_counts(struct stores *f)
{
	struct counts c;

	assert_int_equal(
	    f->ops->counts(f->store, &c.list, &c.n, &c.unrouted, &c.unmatched),
	    STORE_OK);
	return c;
}

static int64_t
count_of(struct stores *f, const char *route, enum delivery_state state)
{
	struct counts c = get_counts(f);
	int64_t n = 0;

	for (size_t i = 0; i < c.n; i++) {
		if (strcmp(c.list[i].route, route) == 0)
			n = c.list[i].n[state];
	}
	free(c.list);
	return n;
}

static void
expect_events(struct stores *f, int64_t unrouted, int64_t unmatched)
{
	struct counts c = get_counts(f);

	free(c.list);
	assert_int_equal(c.unrouted, unrouted);
	assert_int_equal(c.unmatched, unmatched);
}

static void
add_row(void *arg, const struct store_row *row)
{
	char id[EVENT_ID_TEXT_SIZE];

	event_id_format(row->event->id, id);
	assert_null(row->event->body);
	buf_printf(arg,
	    "%" PRId64 " %s %s %zu %s/%" PRIu32 " %s %" PRIu32 " %" PRId64
	    " %" PRId64 " %s %d\n",
	    row->seq, id, row->event->type, row->event->body_len,
	    row->route != NULL ? row->route : "-", row->replay,
	    row->route != NULL ? delivery_state_name(row->state) : "-",
	    row->attempts, row->due_ms, row->died_at_ms,
	    row->reason != NULL ? row->reason : "-", row->routed);
}

/* All rows of a query as text, page by page; the caller frees it. */
static char *
list_text(struct stores *f, struct store_query query)
{
	struct buf text = {0};
	int64_t next = 0;

	query.next_seq = &next;
	do {
		assert_int_equal(
		    f->ops->list(f->store, &query, add_row, &text), STORE_OK);
		query.before_seq = next;
	} while (next != 0);
	return buf_take(&text);
}

struct tally {
	int64_t n[DELIVERY__MAX];
	int64_t unrouted, none;
	int64_t last_unrouted;
	const char *route;
};

static void
tally_row(void *arg, const struct store_row *row)
{
	struct tally *t = arg;

	if (!row->routed && row->seq != t->last_unrouted) {
		t->unrouted++;
		t->last_unrouted = row->seq;
	}
	if (row->route == NULL)
		t->none += row->routed;
	else if (strcmp(row->route, t->route) == 0)
		t->n[row->state]++;
}

static struct tally
recount(struct stores *f, const char *route)
{
	struct tally t = {.route = route};
	int64_t next = 0;
	struct store_query query = {
	    .state = -1, .limit = STORE_PAGE_MAX, .next_seq = &next};

	do {
		assert_int_equal(
		    f->ops->list(f->store, &query, tally_row, &t), STORE_OK);
		query.before_seq = next;
	} while (next != 0);
	return t;
}

/* The kept numbers are those of the rows. */
static void
expect_counts_true(struct stores *f)
{
	struct counts c = get_counts(f);

	for (size_t i = 0; i < c.n; i++) {
		struct tally t = recount(f, c.list[i].route);

		for (int s = 0; s < DELIVERY__MAX; s++)
			assert_int_equal(c.list[i].n[s], t.n[s]);
		assert_int_equal(c.unrouted, t.unrouted);
		assert_int_equal(c.unmatched, t.none);
	}
	free(c.list);
}

static void
keep_attempts(void *arg, const struct store_row *row)
{
	char **text = arg;

	if (row->attempts_json == NULL)
		return;
	free(*text);
	*text = strdup(row->attempts_json);
}

/* The attempts of the last delivery of the n-th event; the caller frees. */
static json_t *
attempts_of(struct stores *f, unsigned n)
{
	uint8_t id[EVENT_ID_LEN];
	char *text = NULL;
	json_t *list;

	make_id(n, id);
	assert_int_equal(
	    f->ops->show(f->store, id, keep_attempts, &text), STORE_OK);
	assert_non_null(text);
	list = json_loads(text, 0, NULL);
	free(text);
	assert_true(json_is_array(list));
	return list;
}

static const char *
attempt_text(const json_t *list, size_t i, const char *name)
{
	return json_string_value(
	    json_object_get(json_array_get(list, i), name));
}

/* Purge until nothing is left to do. */
static void
purge_all(struct stores *f)
{
	bool more = true;

	for (int i = 0; more; i++) {
		assert_true(i < 1000);
		stores_begin(f);
		assert_int_equal(
		    f->ops->purge(f->store, stores_now.wall_ms, &more),
		    STORE_OK);
		stores_commit(f);
	}
}

static bool
is_stored(struct stores *f, unsigned n)
{
	uint8_t id[EVENT_ID_LEN];
	char *text = NULL;
	enum store_result result;

	make_id(n, id);
	result = f->ops->show(f->store, id, keep_attempts, &text);
	free(text);
	assert_true(result == STORE_OK || result == STORE_NONE);
	return result == STORE_OK;
}

/* Events that wait for the routing step, behind `after`; how many. */
static unsigned
get_unrouted(struct stores *f, struct store_unrouted *page, int64_t after)
{
	page->after = after;
	assert_int_equal(f->ops->unrouted(f->store, page), STORE_OK);
	assert_true(page->found <= page->n);
	for (unsigned i = 0; i < page->found; i++)
		assert_true(page->seqs[i] > after);
	return page->found;
}

static void
free_unrouted(struct store_unrouted *page)
{
	while (page->found > 0)
		event_free(page->events[--page->found]);
}

/* ---- put ---- */

static void
puts_and_reads_back(void **state)
{
	struct stores *f = *state;
	struct event event = make_event(1, "k1");
	struct store_put_result result = put_event(f, &event, "");
	struct store_unrouted page = {.n = 1};
	const struct event *got;

	assert_int_equal(result.what, STORE_PUT_NEW);
	assert_int_equal(result.seq, 1);
	assert_memory_equal(result.id, event.id, EVENT_ID_LEN);
	assert_int_equal(get_unrouted(f, &page, 0), 1);
	assert_int_equal(page.seqs[0], 1);
	got = page.events[0];
	assert_memory_equal(got->id, event.id, EVENT_ID_LEN);
	assert_memory_equal(got->sha256, event.sha256, EVENT_SHA256_LEN);
	assert_int_equal(got->received_at_ms, event.received_at_ms);
	assert_string_equal(got->source, event.source);
	assert_string_equal(got->key, event.key);
	assert_string_equal(got->type, event.type);
	assert_string_equal(got->remote, event.remote);
	assert_string_equal(got->method, event.method);
	assert_string_equal(got->path, event.path);
	assert_string_equal(got->query, event.query);
	assert_string_equal(got->content_type, event.content_type);
	assert_string_equal(got->headers, event.headers);
	assert_string_equal(got->scheme, event.scheme);
	assert_int_equal(got->dedup, event.dedup);
	assert_int_equal(got->body_len, event.body_len);
	assert_memory_equal(got->body, event.body, event.body_len);
	free_unrouted(&page);
}

static void
tells_copies(void **state)
{
	struct stores *f = *state;
	struct event first = make_event(1, "k"), second = make_event(2, "k");
	struct event other = make_event(3, "other");
	struct store_put_result result;

	put_event(f, &first, "");
	result = put_event(f, &first, "");
	assert_int_equal(result.what, STORE_PUT_SAME);
	assert_int_equal(result.seq, 1);
	assert_memory_equal(result.id, first.id, EVENT_ID_LEN);
	result = put_event(f, &second, "");
	assert_int_equal(result.what, STORE_PUT_DUPLICATE);
	assert_int_equal(result.seq, 1);
	assert_memory_equal(result.id, first.id, EVENT_ID_LEN);
	assert_false(result.rerouted);
	other.source = "elsewhere";
	other.key = "k";
	result = put_event(f, &other, "");
	assert_int_equal(result.what, STORE_PUT_NEW);
	assert_int_equal(result.seq, 2);
	expect_events(f, 2, 0);
}

static void
tells_copies_in_one_batch(void **state)
{
	struct stores *f = *state;
	struct event first = make_event(1, "k"), second = make_event(2, "k");
	struct event third = make_event(3, "");

	stores_begin(f);
	assert_int_equal(put_in_batch(f, &first).what, STORE_PUT_NEW);
	assert_int_equal(put_in_batch(f, &first).what, STORE_PUT_SAME);
	assert_int_equal(put_in_batch(f, &second).what, STORE_PUT_DUPLICATE);
	assert_int_equal(put_in_batch(f, &third).what, STORE_PUT_NEW);
	assert_int_equal(put_in_batch(f, &third).what, STORE_PUT_SAME);
	stores_commit(f);
	expect_events(f, 2, 0);
}

/* The same id under another key is the same; its key is not kept. */
static void
same_id_under_another_key(void **state)
{
	struct stores *f = *state;
	struct event first = make_event(1, "a"), again = make_event(1, "b");
	struct event later = make_event(2, "b");
	struct store_put_result result;

	put_event(f, &first, "");
	result = put_event(f, &again, "");
	assert_int_equal(result.what, STORE_PUT_SAME);
	assert_int_equal(result.seq, 1);
	assert_int_equal(put_event(f, &later, "").what, STORE_PUT_NEW);
}

static void
compares_what_dedup_says(void **state)
{
	struct stores *f = *state;
	struct event a = make_event(1, "k"), b = make_event(2, "k");

	b.sha256[0] ^= 1; /* another body, as far as keys know */
	b.body = "{\"n\":\0002}";
	EVP_Digest(b.body, b.body_len, b.sha256, NULL, EVP_sha256(), NULL);
	a.dedup = b.dedup = EVENT_DEDUP_KEY_BODY;
	assert_int_equal(put_event(f, &a, "").what, STORE_PUT_NEW);
	assert_int_equal(put_event(f, &b, "").what, STORE_PUT_NEW);
	make_id(3, a.id);
	assert_int_equal(put_event(f, &a, "").what, STORE_PUT_DUPLICATE);
	a.dedup = EVENT_DEDUP_BODY;
	assert_int_equal(put_event(f, &a, "").what, STORE_PUT_NEW);
	make_id(4, a.id);
	a.key = "something else";
	assert_int_equal(put_event(f, &a, "").what, STORE_PUT_DUPLICATE);
	a.dedup = EVENT_DEDUP_NONE;
	assert_int_equal(put_event(f, &a, "").what, STORE_PUT_NEW);
	make_id(5, a.id);
	assert_int_equal(put_event(f, &a, "").what, STORE_PUT_NEW);
}

static void
rolls_back(void **state)
{
	struct stores *f = *state;
	struct event event = make_event(7, "seven");
	struct store_put_result result;
	int64_t seq = put_new(f);
	const struct store_target target = {
	    .route = "fresh", .state = DELIVERY_PENDING};

	stores_begin(f);
	result = put_in_batch(f, &event);
	assert_int_equal(result.seq, seq + 1);
	assert_int_equal(
	    f->ops->route(f->store, seq, &target, 1, true), STORE_OK);
	f->ops->rollback(f->store);
	expect_events(f, 1, 0);
	assert_int_equal(count_of(f, "fresh", DELIVERY_PENDING), 0);
	assert_false(is_stored(f, 7));
	assert_int_equal(claim_n(f, "fresh", 5), 0);
	/* Key and number are free again. */
	result = put_event(f, &event, "");
	assert_int_equal(result.what, STORE_PUT_NEW);
	assert_int_equal(result.seq, seq + 1);
	f->ops->rollback(f->store); /* no batch: nothing */
	expect_counts_true(f);
}

static void
refuses_changes_outside_a_batch(void **state)
{
	struct stores *f = *state;
	struct event event = make_event(1, "k");
	struct store_put_result result;

	assert_int_not_equal(
	    f->ops->put(f->store, &event, stores_now.wall_ms, &result),
	    STORE_OK);
	assert_int_not_equal(f->ops->commit(f->store), STORE_OK);
	assert_false(is_stored(f, 1));
	stores_begin(f);
	stores_commit(f);
}

static void
forgets_keys_outside_the_window(void **state)
{
	struct stores *f = *state;
	struct event event = make_event(1, "k"), copy = make_event(2, "k");

	put_event(f, &event, "");
	stores_pass(30 * (int64_t)DAY);
	assert_int_equal(put_event(f, &copy, "").what, STORE_PUT_DUPLICATE);
	stores_pass(DAY);
	assert_int_equal(put_event(f, &copy, "").what, STORE_PUT_NEW);
	make_id(3, event.id);
	assert_int_equal(put_event(f, &event, "").what, STORE_PUT_DUPLICATE);
}

static void
finds_keys_of_old_days(void **state)
{
	struct stores *f = *state;
	struct event event;
	char key[16];

	for (unsigned day = 0; day < 20; day++) {
		for (unsigned i = 0; i < 10; i++) {
			snprintf(key, sizeof key, "%u-%u", day, i);
			event = make_event(day * 10 + i + 1, key);
			put_event(f, &event, "");
		}
		/* With filters, without and in between. */
		if (day % 3 == 0)
			f->ops->idle(f->store, true);
		stores_pass(DAY);
	}
	for (int i = 0; i < 100 && f->ops->idle(f->store, true); i++)
		continue;
	for (unsigned day = 0; day < 20; day++) {
		for (unsigned i = 0; i < 10; i++) {
			snprintf(key, sizeof key, "%u-%u", day, i);
			event = make_event(1000 + day, key);
			assert_int_equal(
			    put_event(f, &event, "").what, STORE_PUT_DUPLICATE);
		}
	}
	expect_events(f, 200, 0);
}

/* ---- revival ---- */

static void
revives_the_dead(void **state)
{
	struct stores *f = *state;
	struct event event = make_event(1, "k"), copy = make_event(2, "k");
	struct store_put_result result;
	struct store_delivery *d;

	put_event(f, &event, "");
	route_to(f, 1, "a", false);
	route_to(f, 1, "b", false);
	route_to(f, 1, "c", true);
	kill_one(f, "a");
	kill_one(f, "b");
	run_one(f, "c", DELIVERY_DELIVERED, 0);
	/* The first time at once. */
	result = put_event(f, &copy, "a,b");
	assert_int_equal(result.what, STORE_PUT_DUPLICATE);
	assert_int_equal(result.seq, 1);
	assert_memory_equal(result.id, event.id, EVENT_ID_LEN);
	/* Under way: at most once. */
	put_event(f, &copy, "");
	d = claim(f, "a", 5);
	assert_non_null(d);
	assert_null(d->next);
	assert_int_equal(d->replay, 1);
	assert_int_equal(d->attempt, 1);
	free_list(d);
	settle(f, &(struct outcome){1, "a", 1, DELIVERY_DELIVERED, 0, NULL});
	kill_one(f, "b");
	stores_pass(HOUR - 1);
	put_event(f, &copy, "");
	stores_pass(1);
	put_event(f, &copy, "b");
	assert_int_equal(count_of(f, "b", DELIVERY_DEAD), 2);
	assert_int_equal(count_of(f, "b", DELIVERY_PENDING), 1);
	assert_int_equal(count_of(f, "c", DELIVERY_DELIVERED), 1);
	expect_counts_true(f);
}

/* An event with a dead delivery on each of two routes. */
static void
put_dead(struct stores *f, const struct event *event)
{
	put_event(f, event, "");
	route_to(f, 1, "a", false);
	route_to(f, 1, "slow", true);
	kill_one(f, "a");
	kill_one(f, "slow");
}

static void
revives_by_the_time_of_the_route(void **state)
{
	struct stores *f = *state;
	struct event event = make_event(1, "k"), copy = make_event(2, "k");

	put_dead(f, &event);
	put_event(f, &copy, "a,slow");
	kill_one(f, "a");
	kill_one(f, "slow");
	stores_pass(HOUR);
	put_event(f, &copy, "a");
	kill_one(f, "a");
	stores_pass(2 * HOUR - 1);
	put_event(f, &copy, "a");
	kill_one(f, "a");
	stores_pass(1);
	put_event(f, &copy, "slow");
	/* A route's time may change. */
	f->revive_ms = 1;
	put_event(f, &copy, "a");
	expect_counts_true(f);
}

/* One that was tried for long enough is revived when it has died. */
static void
revives_by_the_first_attempt(void **state)
{
	struct stores *f = *state;
	struct event event = make_event(1, "k"), copy = make_event(2, "k");

	put_dead(f, &event);
	put_event(f, &copy, "a,slow");
	run_one(f, "a", DELIVERY_WAITING, stores_now.wall_ms + HOUR);
	run_one(f, "slow", DELIVERY_WAITING, stores_now.wall_ms + HOUR);
	stores_pass(HOUR);
	kill_one(f, "a");
	kill_one(f, "slow");
	put_event(f, &copy, "a");
	kill_one(f, "a");
	put_event(f, &copy, "");
	/* What was replayed by hand was begun anew, too. */
	stores_pass(HOUR);
	assert_int_equal(replay(f, 1, "a", 1U << DELIVERY_DEAD), 1);
	kill_one(f, "a");
	put_event(f, &copy, "");
	/* It is later than it was. */
	stores_clock(stores_now.wall_ms - 5 * HOUR, stores_now.boot_ms);
	put_event(f, &copy, "a,slow");
}

static void
revives_always_untold(void **state)
{
	struct stores *f = *state;
	struct event event = make_event(1, "k"), copy = make_event(2, "k");

	f->ops->close(f->store);
	f->revive_ms = 0;
	stores_open(f);
	put_dead(f, &event);
	for (int i = 0; i < 3; i++) {
		put_event(f, &copy, "a,slow");
		kill_one(f, "a");
		kill_one(f, "slow");
	}
}

static void
revives_nothing_that_is_being_buried(void **state)
{
	struct stores *f = *state;
	struct event event = make_event(1, "k"), copy = make_event(2, "k");

	put_event(f, &event, "");
	route_to(f, 1, "a", true);
	run_one(f, "a", DELIVERY_EXHAUSTED, 0);
	stores_pass(2 * HOUR);
	put_event(f, &copy, "");
	bury(f, 1, "a", 0);
	put_event(f, &copy, "a");
}

static void
reroutes_what_matched_nothing(void **state)
{
	struct stores *f = *state;
	struct event event = make_event(1, "k"), copy = make_event(2, "k");
	struct store_put_result result;

	put_event(f, &event, "");
	route_to(f, 1, NULL, true);
	expect_events(f, 0, 1);
	result = put_event(f, &copy, "");
	assert_true(result.rerouted);
	assert_int_equal(result.seq, 1);
	expect_events(f, 1, 0);
	assert_false(put_event(f, &copy, "").rerouted);
	route_to(f, 1, "a", true);
	assert_int_equal(count_of(f, "a", DELIVERY_PENDING), 1);
	expect_counts_true(f);
}

/* ---- the routing step ---- */

static unsigned
unrouted_n(struct stores *f, bool filtered, int64_t after)
{
	struct store_unrouted page = {.filtered = filtered, .n = 10};
	unsigned found = get_unrouted(f, &page, after);

	free_unrouted(&page);
	return found;
}

static void
routes_in_two_steps(void **state)
{
	struct stores *f = *state;
	int64_t seq = put_new(f);

	put_new(f);
	assert_int_equal(unrouted_n(f, false, 0), 2);
	assert_int_equal(unrouted_n(f, false, 1), 1);
	route_to(f, seq, "plain", false);
	assert_int_equal(unrouted_n(f, false, 0), 1);
	assert_int_equal(unrouted_n(f, true, 0), 1);
	route_to(f, seq, NULL, false); /* again: still the same */
	assert_int_equal(unrouted_n(f, true, 0), 1);
	route_to(f, seq, "filtered", true);
	assert_int_equal(unrouted_n(f, true, 0), 0);
	assert_int_equal(count_of(f, "plain", DELIVERY_PENDING), 1);
	assert_int_equal(count_of(f, "filtered", DELIVERY_PENDING), 1);
	/* Nothing is made twice, nothing is unmatched behind deliveries. */
	route_to(f, seq, "plain", true);
	assert_int_equal(count_of(f, "plain", DELIVERY_PENDING), 1);
	expect_events(f, 1, 0);
	route_to(f, 4711, "plain", true);
	assert_int_equal(count_of(f, "plain", DELIVERY_PENDING), 1);
	expect_counts_true(f);
}

static void
routes_to_the_end(void **state)
{
	struct stores *f = *state;
	const struct store_target target = {
	    .route = "r",
	    .state = DELIVERY_EXHAUSTED,
	    .reason = "filter_error",
	    .detail = "no such thing",
	};
	struct store_delivery *d;
	json_t *attempts;

	put_new(f);
	stores_begin(f);
	assert_int_equal(
	    f->ops->route(f->store, 1, &target, 1, true), STORE_OK);
	stores_commit(f);
	assert_int_equal(f->ops->exhausted(f->store, 5, &d), STORE_OK);
	assert_non_null(d);
	assert_null(d->next);
	assert_string_equal(d->reason, "filter_error");
	assert_int_equal(d->died_at_ms, stores_now.wall_ms);
	assert_int_equal(d->event->body_len, 8);
	attempts = json_loads(d->attempts, 0, NULL);
	assert_int_equal(json_array_size(attempts), 1);
	assert_string_equal(
	    attempt_text(attempts, 0, "detail"), "no such thing");
	json_decref(attempts);
	free_list(d);
	bury(f, 1, "r", 0);
	bury(f, 1, "r", 0); /* once is enough */
	assert_int_equal(count_of(f, "r", DELIVERY_DEAD), 1);
	expect_counts_true(f);
}

static void
unmatches_after_a_reload(void **state)
{
	struct stores *f = *state;
	int64_t after = 0;
	unsigned n;

	for (int i = 0; i < 5; i++)
		route_to(f, put_new(f), NULL, true);
	stores_pass(20 * (int64_t)DAY);
	for (int i = 0; i < 5; i++)
		route_to(f, put_new(f), NULL, true);
	stores_pass(11 * (int64_t)DAY);
	stores_begin(f);
	assert_int_equal(f->ops->unmatch(f->store, &after, 3, &n), STORE_OK);
	assert_int_equal(n, 3);
	assert_int_equal(f->ops->unmatch(f->store, &after, 3, &n), STORE_OK);
	assert_int_equal(n, 2);
	assert_int_equal(f->ops->unmatch(f->store, &after, 3, &n), STORE_OK);
	assert_int_equal(n, 0);
	stores_commit(f);
	expect_events(f, 5, 5);
}

/* ---- claim and settle ---- */

static void
claims_in_order(void **state)
{
	struct stores *f = *state;
	struct store_delivery *d;

	for (int i = 0; i < 4; i++) {
		route_to(f, put_new(f), "r", true);
		stores_pass(SECOND);
	}
	/* The first is to wait, behind the others but for the last. */
	run_one(f, "r", DELIVERY_WAITING, STORES_START_MS + 2500);
	stores_pass(SECOND);
	d = claim(f, "r", 3);
	assert_int_equal(d->seq, 2);
	assert_int_equal(d->next->seq, 3);
	assert_int_equal(d->next->next->seq, 1);
	assert_int_equal(d->next->next->attempt, 2);
	assert_int_equal(d->next->next->first_at_ms, STORES_START_MS + 4000);
	assert_int_equal(d->first_at_ms, 0);
	assert_null(d->next->next->next);
	free_list(d);
	assert_int_equal(count_of(f, "r", DELIVERY_RUNNING), 3);
	assert_int_equal(claim_n(f, "r", 9), 1);
	assert_int_equal(claim_n(f, "r", 9), 0);
	assert_int_equal(claim_n(f, "unknown", 9), 0);
	expect_counts_true(f);
}

/* Only so many large ones at once, and one in any case. */
static void
claims_large_ones(void **state)
{
	struct stores *f = *state;
	char *body = calloc(1, STORE_CLAIM_BYTES);
	const size_t lens[] = {STORE_CLAIM_BYTES, STORE_CLAIM_BYTES - 1, 1, 1};
	char key[32];
	struct event event;

	assert_non_null(body);
	for (size_t i = 0; i < 4; i++) {
		snprintf(key, sizeof key, "key-%u", ++f->n_events);
		event = make_event(f->n_events, key);
		event.body = body;
		event.body_len = lens[i];
		EVP_Digest(
		    body, lens[i], event.sha256, NULL, EVP_sha256(), NULL);
		route_to(f, put_event(f, &event, "").seq, "r", true);
	}
	assert_int_equal(claim_n(f, "r", 9), 1);
	assert_int_equal(claim_n(f, "r", 9), 2);
	assert_int_equal(claim_n(f, "r", 9), 1);
	free(body);
}

static void
waits_until_due(void **state)
{
	struct stores *f = *state;
	int64_t due;

	route_to(f, put_new(f), "r", true);
	assert_int_equal(f->ops->next_due(f->store, "r", &due), STORE_OK);
	assert_int_equal(due, STORES_START_MS);
	run_one(f, "r", DELIVERY_WAITING, STORES_START_MS + HOUR);
	assert_int_equal(f->ops->next_due(f->store, "r", &due), STORE_OK);
	assert_int_equal(due, STORES_START_MS + HOUR);
	assert_int_equal(claim_n(f, "r", 1), 0);
	stores_pass(HOUR - 1);
	assert_int_equal(claim_n(f, "r", 1), 0);
	stores_pass(1);
	assert_int_equal(claim_n(f, "r", 1), 1);
	assert_int_equal(f->ops->next_due(f->store, "r", &due), STORE_OK);
	assert_true(due == INT64_MAX);
	assert_int_equal(f->ops->next_due(f->store, "none", &due), STORE_OK);
	assert_true(due == INT64_MAX);
}

/* The wall clock is set back: nobody waits until it is there again. */
static void
claims_beyond_the_horizon(void **state)
{
	struct stores *f = *state;

	route_to(f, put_new(f), "r", true);
	run_one(f, "r", DELIVERY_WAITING, stores_now.wall_ms + HOUR);
	stores_clock(stores_now.wall_ms - 11 * HOUR, stores_now.boot_ms);
	assert_int_equal(claim_n(f, "r", 1), 0);
	stores_clock(stores_now.wall_ms - 1, stores_now.boot_ms);
	assert_int_equal(claim_n(f, "r", 1), 1);
}

static void
settles(void **state)
{
	struct stores *f = *state;
	struct store_delivery *d;
	json_t *attempts;

	route_to(f, put_new(f), "r", true);
	/* Cut short: as if it had not begun. */
	run_one(f, "r", DELIVERY_PENDING, stores_now.wall_ms);
	stores_pass(SECOND);
	d = claim(f, "r", 1);
	assert_int_equal(d->attempt, 1);
	assert_int_equal(d->first_at_ms, 0);
	assert_string_equal(d->attempts, "[]");
	free_list(d);
	settle(f, &(struct outcome){1, "r", 0, DELIVERY_WAITING,
		      stores_now.wall_ms, "first output\n"});
	stores_pass(SECOND);
	d = claim(f, "r", 1);
	assert_int_equal(d->attempt, 2);
	assert_int_equal(d->first_at_ms, STORES_START_MS + SECOND);
	free_list(d);
	settle(f, &(struct outcome){1, "r", 0, DELIVERY_DELIVERED, 0, "done"});
	attempts = attempts_of(f, 1);
	assert_int_equal(json_array_size(attempts), 2);
	assert_string_equal(
	    attempt_text(attempts, 0, "at"), "2026-11-22T00:00:01.000Z");
	assert_string_equal(attempt_text(attempts, 0, "outcome"), "exit:1");
	assert_string_equal(attempt_text(attempts, 0, "detail"), "said \"no\"");
	assert_string_equal(
	    attempt_text(attempts, 0, "output"), "first output\n");
	assert_string_equal(attempt_text(attempts, 1, "output"), "done");
	json_decref(attempts);
	/* It is not running: nothing changes. */
	settle(f, &(struct outcome){1, "r", 0, DELIVERY_WAITING, 0, NULL});
	settle(f, &(struct outcome){9, "r", 0, DELIVERY_WAITING, 0, NULL});
	settle(f, &(struct outcome){1, "s", 0, DELIVERY_WAITING, 0, NULL});
	assert_int_equal(count_of(f, "r", DELIVERY_DELIVERED), 1);
	expect_counts_true(f);
}

static void
exhausts_and_buries(void **state)
{
	struct stores *f = *state;
	struct store_delivery *d;
	char *text;

	route_to(f, put_new(f), "r", true);
	route_to(f, put_new(f), "r", true);
	run_one(f, "r", DELIVERY_EXHAUSTED, 0);
	stores_pass(SECOND);
	run_one(f, "r", DELIVERY_EXHAUSTED, 0);
	assert_int_equal(f->ops->exhausted(f->store, 1, &d), STORE_OK);
	assert_int_equal(d->seq, 1);
	assert_int_equal(d->attempt, 1);
	assert_int_equal(d->died_at_ms, STORES_START_MS);
	assert_string_equal(d->reason, "expired");
	assert_string_equal(d->route, "r");
	assert_null(d->next);
	free_list(d);
	bury(f, 1, "r", 0);
	assert_int_equal(f->ops->exhausted(f->store, 9, &d), STORE_OK);
	assert_int_equal(d->seq, 2);
	assert_null(d->next);
	free_list(d);
	bury(f, 2, "r", 0);
	text = list_text(
	    f, (struct store_query){.state = DELIVERY_DEAD, .limit = 10});
	support_contains(text, " r/0 dead 1 ");
	support_contains(text, " expired 1\n");
	free(text);
	expect_counts_true(f);
}

static void
bounds_the_attempts(void **state)
{
	struct stores *f = *state;
	json_t *attempts;
	char output[16];

	route_to(f, put_new(f), "r", true);
	for (int i = 1; i <= 130; i++) {
		free_list(claim(f, "r", 1));
		snprintf(output, sizeof output, "out %d", i);
		settle(f, &(struct outcome){1, "r", 0, DELIVERY_WAITING,
			      stores_now.wall_ms, output});
		stores_pass(SECOND);
	}
	attempts = attempts_of(f, 1);
	assert_int_equal(json_array_size(attempts), 100);
	assert_string_equal(
	    attempt_text(attempts, 0, "at"), "2026-11-22T00:00:00.000Z");
	assert_string_equal(
	    attempt_text(attempts, 1, "at"), "2026-11-22T00:00:31.000Z");
	assert_string_equal(
	    attempt_text(attempts, 99, "at"), "2026-11-22T00:02:09.000Z");
	assert_null(attempt_text(attempts, 89, "output"));
	assert_string_equal(attempt_text(attempts, 90, "output"), "out 121");
	assert_string_equal(attempt_text(attempts, 99, "output"), "out 130");
	json_decref(attempts);
}

static void
leaves_pauses_out(void **state)
{
	struct stores *f = *state;
	struct store_delivery *d;

	route_to(f, put_new(f), "r", true);
	run_one(f, "r", DELIVERY_WAITING, stores_now.wall_ms + SECOND);
	assert_false(f->ops->paused(f->store, "r"));
	stores_begin(f);
	assert_int_equal(f->ops->pause(f->store, "r", true), STORE_OK);
	stores_commit(f);
	assert_true(f->ops->paused(f->store, "r"));
	assert_false(f->ops->paused(f->store, "s"));
	stores_pass(5 * HOUR);
	stores_begin(f);
	assert_int_equal(f->ops->pause(f->store, "r", true), STORE_OK);
	assert_int_equal(f->ops->pause(f->store, "r", false), STORE_OK);
	stores_commit(f);
	assert_false(f->ops->paused(f->store, "r"));
	stores_pass(HOUR);
	d = claim(f, "r", 1);
	assert_int_equal(d->first_at_ms, STORES_START_MS + 5 * HOUR);
	free_list(d);
}

/* ---- by hand ---- */

static void
replays(void **state)
{
	struct stores *f = *state;
	const unsigned dead = 1U << DELIVERY_DEAD;
	const unsigned delivered = 1U << DELIVERY_DELIVERED;
	const struct store_replay unknown = {
	    99, NULL, dead, stores_now.wall_ms};
	unsigned n;

	put_new(f);
	route_to(f, 1, "a", false);
	route_to(f, 1, "b", true);
	kill_one(f, "a");
	run_one(f, "b", DELIVERY_DELIVERED, 0);
	assert_int_equal(replay(f, 1, NULL, dead), 1);
	assert_int_equal(replay(f, 1, NULL, dead), 0);
	assert_int_equal(replay(f, 1, "b", dead), 0);
	assert_int_equal(replay(f, 1, "none", dead | delivered), 0);
	assert_int_equal(replay(f, 1, "b", delivered), 1);
	kill_one(f, "a");
	kill_one(f, "b");
	assert_int_equal(replay(f, 1, NULL, dead | delivered), 2);
	stores_begin(f);
	assert_int_equal(f->ops->replay(f->store, &unknown, &n), STORE_NONE);
	f->ops->rollback(f->store);
	expect_counts_true(f);
}

static unsigned
cancel(struct stores *f, const char *route, unsigned limit)
{
	unsigned n;

	stores_begin(f);
	assert_int_equal(f->ops->cancel(f->store, route, limit, &n), STORE_OK);
	stores_commit(f);
	return n;
}

static void
cancels(void **state)
{
	struct stores *f = *state;

	for (int i = 0; i < 5; i++)
		route_to(f, put_new(f), "r", true);
	run_one(f, "r", DELIVERY_EXHAUSTED, 0);
	run_one(f, "r", DELIVERY_WAITING, stores_now.wall_ms + HOUR);
	assert_int_equal(claim_n(f, "r", 2), 2); /* 3 and 4 */
	assert_int_equal(cancel(f, "r", 3), 3);
	assert_int_equal(cancel(f, "r", 9), 1);
	assert_int_equal(cancel(f, "r", 9), 0);
	assert_int_equal(cancel(f, "none", 9), 0);
	assert_int_equal(count_of(f, "r", DELIVERY_CANCELLED), 4);
	assert_int_equal(count_of(f, "r", DELIVERY_EXHAUSTED), 1);
	/* What was running ends: a success is one. */
	settle(f, &(struct outcome){3, "r", 0, DELIVERY_WAITING, 1, NULL});
	settle(f, &(struct outcome){4, "r", 0, DELIVERY_DELIVERED, 0, NULL});
	assert_int_equal(count_of(f, "r", DELIVERY_CANCELLED), 3);
	assert_int_equal(count_of(f, "r", DELIVERY_DELIVERED), 1);
	stores_pass(2 * HOUR);
	assert_int_equal(claim_n(f, "r", 9), 0);
	expect_counts_true(f);
}

/* ---- reading ---- */

static void
fill(struct stores *f)
{
	for (int i = 0; i < 12; i++) {
		int64_t seq = put_new(f);

		if (i % 4 == 0)
			route_to(f, seq, NULL, true);
		if (i % 4 >= 1)
			route_to(f, seq, "a", i % 4 == 1);
		if (i % 4 >= 2)
			route_to(f, seq, "b", i % 4 == 2);
		stores_pass(SECOND);
	}
	kill_one(f, "a");
	run_one(f, "b", DELIVERY_DELIVERED, 0);
}

static size_t
count_lines(const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text++)
		n += *text == '\n';
	return n;
}

static size_t
list_n(struct stores *f, struct store_query query)
{
	char *text = list_text(f, query);
	size_t n = count_lines(text);

	free(text);
	return n;
}

static void
lists(void **state)
{
	struct stores *f = *state;
	char *whole, *pages;

	fill(f);
	assert_int_equal(
	    list_n(f, (struct store_query){.state = -1, .limit = 50}), 18);
	assert_int_equal(
	    list_n(f, (struct store_query){.state = -2, .limit = 50}), 3);
	assert_int_equal(
	    list_n(f,
		(struct store_query){.state = -1, .route = "a", .limit = 50}),
	    9);
	assert_int_equal(
	    list_n(f,
		(struct store_query){.state = -1, .route = "z", .limit = 50}),
	    0);
	assert_int_equal(
	    list_n(f,
		(struct store_query){
		    .state = DELIVERY_PENDING, .route = "b", .limit = 50}),
	    5);
	assert_int_equal(
	    list_n(f,
		(struct store_query){.state = DELIVERY_PENDING, .limit = 50}),
	    13);
	assert_int_equal(
	    list_n(f,
		(struct store_query){.state = DELIVERY_DELIVERED, .limit = 50}),
	    1);
	assert_int_equal(list_n(f, (struct store_query){.state = DELIVERY_DEAD,
				       .limit = 50}),
	    1);
	assert_int_equal(list_n(f, (struct store_query){.state = -1,
				       .since_ms = STORES_START_MS + 8 * SECOND,
				       .limit = 50}),
	    6);
	assert_int_equal(list_n(f, (struct store_query){.state = -1,
				       .type = "order.*",
				       .source = "shop",
				       .limit = 50}),
	    18);
	assert_int_equal(list_n(f, (struct store_query){.state = -1,
				       .type = "payment.*",
				       .limit = 50}) +
			     list_n(f,
				 (struct store_query){
				     .state = -1, .source = "x", .limit = 50}),
	    0);
	/* Pages tell the same in the same order. */
	whole = list_text(f, (struct store_query){.state = -1, .limit = 50});
	pages = list_text(f, (struct store_query){.state = -1, .limit = 1});
	assert_string_equal(whole, pages);
	assert_int_equal(strncmp(whole, "12 ", 3), 0);
	free(whole);
	whole =
	    list_text(f, (struct store_query){
			     .state = -1, .limit = 3, .oldest_first = true});
	assert_int_equal(strncmp(whole, "1 ", 2), 0);
	assert_int_equal(count_lines(whole), 18);
	free(whole);
	free(pages);
}

static unsigned
find_n(struct stores *f, const char *part, uint8_t ids[2][EVENT_ID_LEN])
{
	unsigned found;

	assert_int_equal(f->ops->find(f->store, part, ids, &found), STORE_OK);
	return found;
}

static void
finds(void **state)
{
	struct stores *f = *state;
	uint8_t ids[2][EVENT_ID_LEN], id[EVENT_ID_LEN];

	fill(f);
	assert_int_equal(find_n(f, "01000000", ids), 2);
	assert_int_equal(find_n(f, "01000000-0003-0000-0000-00000000", ids), 1);
	make_id(3, id);
	assert_memory_equal(ids[0], id, EVENT_ID_LEN);
	assert_int_equal(find_n(f, "1503", ids), 1); /* its end */
	assert_memory_equal(ids[0], id, EVENT_ID_LEN);
	assert_int_equal(find_n(f, "000-0000-0000", ids), 2);
	assert_int_equal(find_n(f, "abcdef", ids), 0);
	assert_int_equal(find_n(f, "x", ids), 0);
}

static void
counts_the_oldest(void **state)
{
	struct stores *f = *state;
	struct counts c;

	route_to(f, put_new(f), "r", true);
	stores_pass(SECOND);
	route_to(f, put_new(f), "r", true);
	c = get_counts(f);
	assert_int_equal(c.n, 1);
	assert_string_equal(c.list[0].route, "r");
	assert_int_equal(c.list[0].oldest_ms, STORES_START_MS);
	free(c.list);
	run_one(f, "r", DELIVERY_DELIVERED, 0);
	c = get_counts(f);
	assert_int_equal(c.list[0].oldest_ms, STORES_START_MS + SECOND);
	free(c.list);
	run_one(f, "r", DELIVERY_EXHAUSTED, 0);
	c = get_counts(f);
	assert_int_equal(c.list[0].oldest_ms, STORES_START_MS + SECOND);
	free(c.list);
	bury(f, 2, "r", 0);
	c = get_counts(f);
	assert_int_equal(c.list[0].oldest_ms, 0);
	free(c.list);
}

static void
tells_space(void **state)
{
	struct stores *f = *state;
	struct store_space space;

	put_new(f);
	assert_int_equal(f->ops->space(f->store, &space), STORE_OK);
	assert_true(space.used_bytes > 0);
	assert_true(space.free_bytes > 0);
}

static void
unrouted_is_bounded_by_bytes(void **state)
{
	struct stores *f = *state;
	const size_t len = 6 << 20;
	struct store_unrouted page = {.n = 10};
	struct event event;
	char key[8];
	void *body = calloc(1, len);

	assert_non_null(body);
	for (unsigned i = 1; i <= 5; i++) {
		snprintf(key, sizeof key, "%u", i);
		event = make_event(i, key);
		event.body = body;
		event.body_len = len;
		EVP_Digest(body, len, event.sha256, NULL, EVP_sha256(), NULL);
		put_event(f, &event, "");
	}
	free(body);
	assert_int_equal(get_unrouted(f, &page, 0), 3);
	free_unrouted(&page);
	assert_int_equal(get_unrouted(f, &page, page.seqs[2]), 2);
	assert_int_equal(page.seqs[1], 5);
	free_unrouted(&page);
}

/* A page holds no more than its arrays, whatever it is asked. */
static void
unrouted_is_bounded_by_the_page(void **state)
{
	struct stores *f = *state;
	struct store_unrouted page = {.n = 5 * STORE_UNROUTED_MAX};

	for (int i = 0; i < 4 * STORE_UNROUTED_MAX; i++)
		put_new(f);
	/* Out of the table and from behind the last routed one. */
	route_to(f, 2, "r", true);
	assert_int_equal(get_unrouted(f, &page, 0), STORE_UNROUTED_MAX);
	assert_int_equal(page.seqs[0], 1);
	assert_int_equal(page.seqs[1], 3);
	free_unrouted(&page);
	assert_int_equal(get_unrouted(f, &page, 4 * STORE_UNROUTED_MAX - 2), 2);
	free_unrouted(&page);
}

/* ---- retention ---- */

static void
purges_what_is_over(void **state)
{
	struct stores *f = *state;

	route_to(f, put_new(f), "r", true); /* 1 delivered */
	run_one(f, "r", DELIVERY_DELIVERED, 0);
	route_to(f, put_new(f), "r", true); /* 2 dead */
	kill_one(f, "r");
	route_to(f, put_new(f), NULL, true); /* 3 unmatched */
	put_new(f);                          /* 4 not routed */
	route_to(f, put_new(f), "r", true);  /* 5 open */
	route_to(f, put_new(f), "a", false); /* 6 delivered and open */
	route_to(f, 6, "b", true);
	run_one(f, "a", DELIVERY_DELIVERED, 0);
	route_to(f, put_new(f), "c", true); /* 7 cancelled */
	cancel(f, "c", 9);
	stores_pass(7 * (int64_t)DAY - 1);
	purge_all(f);
	assert_true(is_stored(f, 1));
	stores_pass(HOUR);
	purge_all(f);
	assert_false(is_stored(f, 1));
	assert_false(is_stored(f, 7));
	for (unsigned i = 2; i <= 6; i++)
		assert_true(is_stored(f, i));
	expect_counts_true(f);
	run_one(f, "b", DELIVERY_DELIVERED, 0);
	stores_pass(7 * (int64_t)DAY + HOUR);
	purge_all(f);
	assert_false(is_stored(f, 6));
	stores_pass(30 * (int64_t)DAY);
	purge_all(f);
	assert_false(is_stored(f, 2));
	assert_false(is_stored(f, 3));
	assert_true(is_stored(f, 4));
	assert_true(is_stored(f, 5));
	expect_counts_true(f);
	assert_int_equal(count_of(f, "r", DELIVERY_DEAD), 0);
}

static void
purges_many(void **state)
{
	struct stores *f = *state;

	for (int i = 0; i < 600; i++)
		route_to(f, put_new(f), i % 3 == 0 ? NULL : "r", true);
	for (int i = 0; i < 300; i++)
		run_one(f, "r", DELIVERY_DELIVERED, 0);
	stores_pass(31 * (int64_t)DAY);
	purge_all(f);
	expect_events(f, 0, 0);
	assert_int_equal(count_of(f, "r", DELIVERY_DELIVERED), 0);
	assert_int_equal(count_of(f, "r", DELIVERY_PENDING), 100);
	expect_counts_true(f);
	/* Numbers are not given twice. */
	assert_int_equal(put_new(f), 601);
}

/* A key outlives its event; a copy then runs nothing. */
static void
keys_outlive_events(void **state)
{
	struct stores *f = *state;
	struct event event = make_event(1, "k"), copy = make_event(2, "k");
	struct store_put_result result;

	put_event(f, &event, "");
	route_to(f, 1, "r", true);
	run_one(f, "r", DELIVERY_DELIVERED, 0);
	stores_pass(8 * (int64_t)DAY);
	purge_all(f);
	assert_false(is_stored(f, 1));
	result = put_event(f, &copy, "");
	assert_int_equal(result.what, STORE_PUT_DUPLICATE);
	assert_int_equal(result.seq, 0);
	assert_memory_equal(result.id, event.id, EVENT_ID_LEN);
	result = put_event(f, &event, "");
	assert_int_equal(result.what, STORE_PUT_SAME);
	assert_int_equal(result.seq, 0);
	stores_pass(23 * (int64_t)DAY);
	purge_all(f);
	assert_int_equal(put_event(f, &copy, "").what, STORE_PUT_NEW);
}

/* A wall clock that jumps makes nothing older. */
static void
jumps_purge_nothing(void **state)
{
	struct stores *f = *state;
	struct event copy = make_event(9, "key-1");

	route_to(f, put_new(f), "r", true);
	run_one(f, "r", DELIVERY_DELIVERED, 0);
	route_to(f, put_new(f), NULL, true);
	stores_clock(stores_now.wall_ms + 3650 * (int64_t)DAY,
	    stores_now.boot_ms + SECOND);
	purge_all(f);
	assert_true(is_stored(f, 1));
	assert_true(is_stored(f, 2));
	assert_int_equal(put_event(f, &copy, "").what, STORE_PUT_DUPLICATE);
	stores_clock(STORES_START_MS - 3650 * (int64_t)DAY,
	    stores_now.boot_ms + 8 * (int64_t)DAY);
	purge_all(f);
	assert_false(is_stored(f, 1));
	assert_true(is_stored(f, 2));
}

/* ---- memory ---- */

/* Every allocation of a batch fails in turn: all of it happens, or nothing. */
static void
survives_failing_allocations(void **state)
{
	struct stores *f = *state;
	struct event event = make_event(1, "k");
	const struct store_target targets[] = {
	    {.route = "new", .state = DELIVERY_PENDING},
	    {.route = "bad", .state = DELIVERY_EXHAUSTED, .reason = "overflow"},
	};
	const struct store_claim what = {
	    "new", 1, stores_now.wall_ms, horizon_ms};
	struct store_put_result put;
	struct store_delivery *d;
	enum store_result result;
	unsigned n = 0;

	do {
		support_fail_alloc(++n);
		d = NULL;
		put = (struct store_put_result){0};
		result = f->ops->begin(f->store);
		if (result == STORE_OK)
			result = f->ops->put(
			    f->store, &event, stores_now.wall_ms, &put);
		if (result == STORE_OK)
			result =
			    f->ops->route(f->store, put.seq, targets, 2, true);
		if (result == STORE_OK)
			result = f->ops->claim(f->store, &what, &d);
		if (result == STORE_OK)
			result = f->ops->commit(f->store);
		support_fail_alloc(0);
		free_list(d);
		if (result != STORE_OK)
			assert_false(is_stored(f, 1));
		assert_true(n < 1000);
	} while (result != STORE_OK);
	assert_true(n > 5);
	assert_int_equal(count_of(f, "new", DELIVERY_RUNNING), 1);
	assert_int_equal(count_of(f, "bad", DELIVERY_EXHAUSTED), 1);
	expect_counts_true(f);
}

/* ---- the same for every implementation ---- */

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    STORES_BOTH(puts_and_reads_back),
	    STORES_BOTH(tells_copies),
	    STORES_BOTH(tells_copies_in_one_batch),
	    STORES_BOTH(same_id_under_another_key),
	    STORES_BOTH(compares_what_dedup_says),
	    STORES_BOTH(rolls_back),
	    STORES_BOTH(refuses_changes_outside_a_batch),
	    STORES_BOTH(forgets_keys_outside_the_window),
	    STORES_BOTH(finds_keys_of_old_days),
	    STORES_BOTH(revives_the_dead),
	    STORES_BOTH(revives_by_the_time_of_the_route),
	    STORES_BOTH(revives_by_the_first_attempt),
	    STORES_BOTH(revives_always_untold),
	    STORES_BOTH(revives_nothing_that_is_being_buried),
	    STORES_BOTH(reroutes_what_matched_nothing),
	    STORES_BOTH(routes_in_two_steps),
	    STORES_BOTH(routes_to_the_end),
	    STORES_BOTH(unmatches_after_a_reload),
	    STORES_BOTH(claims_in_order),
	    STORES_BOTH(claims_large_ones),
	    STORES_BOTH(waits_until_due),
	    STORES_BOTH(claims_beyond_the_horizon),
	    STORES_BOTH(settles),
	    STORES_BOTH(exhausts_and_buries),
	    STORES_BOTH(bounds_the_attempts),
	    STORES_BOTH(leaves_pauses_out),
	    STORES_BOTH(replays),
	    STORES_BOTH(cancels),
	    STORES_BOTH(lists),
	    STORES_BOTH(finds),
	    STORES_BOTH(counts_the_oldest),
	    STORES_BOTH(tells_space),
	    STORES_BOTH(unrouted_is_bounded_by_bytes),
	    STORES_BOTH(unrouted_is_bounded_by_the_page),
	    STORES_BOTH(purges_what_is_over),
	    STORES_BOTH(purges_many),
	    STORES_BOTH(keys_outlive_events),
	    STORES_BOTH(jumps_purge_nothing),
	    STORES_BOTH(survives_failing_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
