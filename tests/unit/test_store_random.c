/* Random calls to the SQLite store and the one in memory: the same answers. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "../../shared/clock.h"
#include "../../worker/store.h"
#include "support.h"

enum { SECOND = 1000, HOUR = 3600 * SECOND, DAY = 24 * HOUR };

enum { ROUNDS = 12, BATCHES = 250, STORES = 2 };

static const char *const route_names[] = {"a", "b", "c"};

static struct clock_fake now;

/* Both stores, and what each has said since the last comparison. */
static struct world {
	const struct store_ops *ops[STORES];
	struct store *stores[STORES];
	struct buf said[STORES];
	struct config_store configs[STORES];
	char *dir;
	uint64_t random;
	unsigned ids;
	/* deliveries that run: the memory store's idea of it */
	struct store_delivery *running;
} w;

/* What all rounds have met. */
static struct {
	unsigned flagged[1 << EVENT_FLAGS], refused;
} met;

static uint32_t
any(uint32_t below)
{
	w.random = w.random * UINT64_C(6364136223846793005) +
		   UINT64_C(1442695040888963407);
	return (uint32_t)(w.random >> 33) % below;
}

static const char *
any_route(void)
{
	return route_names[any(3)];
}

static void
pass(int64_t ms)
{
	now.wall_ms += ms;
	now.boot_ms += ms;
	clock_set_fake(&now);
}

/* ---- one call each; parameters are chosen before, the same for both ---- */

struct call {
	uint32_t kind, n, state, key, body, dedup;
	int64_t seq, due_ms;
	const char *route;
	bool whole;
	const struct store_delivery *delivery;
	uint8_t id[EVENT_ID_LEN];
};

static enum store_result
call_put(int i, const struct call *c, struct buf *said)
{
	struct store_put_result found;
	char key[16], body[16], id[EVENT_ID_TEXT_SIZE];
	enum store_result result;
	struct event event = {
	    .received_at_ms = now.wall_ms,
	    .source = c->key % 2 == 0 ? "even" : "odd",
	    .key = key,
	    .type = c->key % 3 == 0 ? "order.paid" : "push",
	    .remote = "",
	    .method = "POST",
	    .path = "/",
	    .query = "",
	    .content_type = "",
	    .headers = "{}",
	    .scheme = "none",
	    .dedup = (enum event_dedup)c->dedup,
	    .strict_replay = c->body % 8 == 0,
	    .body = body,
	};

	memcpy(event.id, c->id, EVENT_ID_LEN);
	snprintf(key, sizeof key, "%" PRIu32, c->key);
	event.body_len =
	    (size_t)snprintf(body, sizeof body, "%" PRIu32, c->body / 2);
	EVP_Digest(
	    body, event.body_len, event.sha256, NULL, EVP_sha256(), NULL);
	result = w.ops[i]->put(w.stores[i], &event, now.wall_ms, &found);
	event_id_format(found.id, id);
	buf_printf(said, "put %d %" PRId64 " %s %s %d %u", (int)found.what,
	    found.seq, id, buf_str(&found.revived), found.rerouted,
	    found.flags);
	met.flagged[found.flags]++;
	met.refused += found.what == STORE_PUT_REFUSED;
	buf_clear(&found.revived);
	return result;
}

static enum store_result
call_route(int i, const struct call *c, struct buf *said)
{
	const struct store_target targets[] = {
	    {.route = c->route,
		.state = c->state == 0 ? DELIVERY_EXHAUSTED : DELIVERY_PENDING,
		.reason = "filter_error",
		.detail = "x"},
	    {.route = "c", .state = DELIVERY_PENDING},
	};

	(void)said;
	return w.ops[i]->route(
	    w.stores[i], c->seq, targets, c->n % 3, c->whole);
}

static void
say_deliveries(const struct store_delivery *d, struct buf *said)
{
	for (; d != NULL; d = d->next)
		buf_printf(said,
		    " [%" PRId64 " %s %" PRIu32 " %" PRIu32 " %" PRId64
		    " %" PRId64 " %s %s %.*s]",
		    d->seq, d->route, d->replay, d->attempt, d->first_at_ms,
		    d->died_at_ms, d->reason != NULL ? d->reason : "-",
		    d->attempts, (int)d->event->body_len,
		    (const char *)d->event->body);
}

static void
free_list(struct store_delivery *d)
{
	while (d != NULL) {
		struct store_delivery *next = d->next;

		store_delivery_free(d);
		d = next;
	}
}

static enum store_result
call_claim(int i, const struct call *c, struct buf *said)
{
	const struct store_claim what = {
	    c->route, c->n, now.wall_ms, 12 * (int64_t)HOUR};
	struct store_delivery *list, **end;
	enum store_result result = w.ops[i]->claim(w.stores[i], &what, &list);

	buf_add_str(said, "claim");
	say_deliveries(list, said);
	if (i > 0) {
		free_list(list);
		return result;
	}
	for (end = &w.running; *end != NULL; end = &(*end)->next)
		continue;
	*end = list;
	return result;
}

static enum store_result
call_settle(int i, const struct call *c, struct buf *said)
{
	static const enum delivery_state ends[] = {DELIVERY_DELIVERED,
	    DELIVERY_WAITING, DELIVERY_WAITING, DELIVERY_EXHAUSTED,
	    DELIVERY_EXHAUSTED, DELIVERY_PENDING};
	const struct store_attempt attempt = {.at_ms = now.wall_ms,
	    .ms = c->key,
	    .outcome = "exit:1",
	    .detail = "why \"not\"",
	    .output = c->key % 2 == 0 ? "output" : NULL,
	    .output_len = 6};
	const struct store_settle s = {
	    .seq = c->delivery->seq,
	    .route = c->delivery->route,
	    .replay = c->delivery->replay,
	    .state = ends[c->state],
	    .due_ms = c->due_ms,
	    .now_ms = now.wall_ms,
	    .reason = "expired",
	    .attempt = ends[c->state] == DELIVERY_PENDING ? NULL : &attempt,
	};

	(void)said;
	return w.ops[i]->settle(w.stores[i], &s);
}

static enum store_result
call_bury(int i, const struct call *c, struct buf *said)
{
	struct store_delivery *list;
	enum store_result result =
	    w.ops[i]->exhausted(w.stores[i], c->n, &list);

	buf_add_str(said, "exhausted");
	say_deliveries(list, said);
	for (const struct store_delivery *d = list;
	     d != NULL && result == STORE_OK; d = d->next)
		result =
		    w.ops[i]->bury(w.stores[i], d->seq, d->route, d->replay);
	free_list(list);
	return result;
}

static enum store_result
call_replay(int i, const struct call *c, struct buf *said)
{
	const struct store_replay what = {
	    .seq = c->seq,
	    .route = c->whole ? NULL : c->route,
	    .states = 1U << DELIVERY_DEAD | 1U << DELIVERY_CANCELLED,
	    .now_ms = now.wall_ms,
	};
	unsigned n;
	enum store_result result = w.ops[i]->replay(w.stores[i], &what, &n);

	buf_printf(said, "replay %d %u", (int)result, n);
	return result;
}

static enum store_result
call_cancel(int i, const struct call *c, struct buf *said)
{
	unsigned n;
	enum store_result result =
	    w.ops[i]->cancel(w.stores[i], c->route, c->n, &n);

	buf_printf(said, "cancel %u", n);
	return result;
}

static enum store_result
call_unmatch(int i, const struct call *c, struct buf *said)
{
	int64_t after = c->seq - 5;
	unsigned n;
	enum store_result result =
	    w.ops[i]->unmatch(w.stores[i], &after, c->n, &n);

	buf_printf(said, "unmatch %u", n);
	return result;
}

static enum store_result
call_pause(int i, const struct call *c, struct buf *said)
{
	buf_printf(said, "paused %d", w.ops[i]->paused(w.stores[i], c->route));
	return w.ops[i]->pause(w.stores[i], c->route, c->whole);
}

typedef enum store_result
call_fn(int i, const struct call *c, struct buf *said);

static call_fn *const calls[] = {call_put, call_put, call_put, call_put,
    call_route, call_route, call_route, call_route, call_claim, call_claim,
    call_settle, call_settle, call_settle, call_bury, call_replay, call_cancel,
    call_unmatch, call_pause};

enum { CALLS = sizeof calls / sizeof *calls };

static struct call
any_call(void)
{
	struct call c = {
	    .kind = any(CALLS),
	    .n = any(6),
	    .state = any(6),
	    .key = any(60),
	    .body = any(60),
	    .dedup = any(2 * EVENT_DEDUP__MAX),
	    .seq = 1 + any(w.ids + 2),
	    .due_ms = now.wall_ms + any(3 * HOUR),
	    .route = any_route(),
	    .whole = any(3) > 0,
	};
	unsigned id = any(8) == 0 ? any(w.ids + 1) : ++w.ids;

	if (c.dedup >= EVENT_DEDUP__MAX)
		c.dedup = EVENT_DEDUP_KEY_BODY;

	c.id[0] = 1;
	c.id[14] = (uint8_t)(id >> 8);
	c.id[15] = (uint8_t)id;
	if (calls[c.kind] == call_settle) {
		if (w.running == NULL)
			c.kind = 0;
		c.delivery = w.running;
	}
	/* Seldom routes are cancelled or events taken up again. */
	if (calls[c.kind] == call_cancel && any(4) > 0)
		c.kind = 0;
	return c;
}

/* What both have said since the last time; a failure shows from where on they
 * differ. */
static void
compare(void)
{
	const char *a = buf_str(&w.said[0]), *b = buf_str(&w.said[1]);
	size_t i = 0, line = 0;

	assert_true(a != NULL && b != NULL);
	for (; a[i] != '\0' && a[i] == b[i]; i++)
		line = a[i] == '\n' ? i + 1 : line;
	if (a[i] != b[i])
		fail_msg("memory: %.300s\nsqlite: %.300s", a + line, b + line);
	buf_reset(&w.said[0]);
	buf_reset(&w.said[1]);
}

/* ---- the whole store as text ---- */

static void
say_row(void *arg, const struct store_row *row)
{
	struct buf *said = arg;
	char id[EVENT_ID_TEXT_SIZE];

	event_id_format(row->event->id, id);
	buf_printf(said,
	    "%" PRId64 " %s %s %s/%" PRIu32 " %d %" PRIu32 " %" PRId64
	    " %" PRId64 " %s %s %d %u\n",
	    row->seq, id, row->event->type,
	    row->route != NULL ? row->route : "-", row->replay, (int)row->state,
	    row->attempts,
	    row->state == DELIVERY_PENDING || row->state == DELIVERY_WAITING
		? row->due_ms
		: 0,
	    row->died_at_ms, row->reason != NULL ? row->reason : "-",
	    row->attempts_json != NULL ? row->attempts_json : "-", row->routed,
	    row->event->flags);
}

static void
say_list(int i, struct store_query query)
{
	int64_t next = 0;

	query.next_seq = &next;
	do {
		assert_int_equal(
		    w.ops[i]->list(w.stores[i], &query, say_row, &w.said[i]),
		    STORE_OK);
		query.before_seq = next;
	} while (next != 0);
}

static void
say_counts(int i)
{
	struct store_count *counts;
	int64_t unrouted, unmatched, due;
	size_t n;

	assert_int_equal(
	    w.ops[i]->counts(w.stores[i], &counts, &n, &unrouted, &unmatched),
	    STORE_OK);
	buf_printf(&w.said[i], "unrouted %" PRId64 " unmatched %" PRId64,
	    unrouted, unmatched);
	for (size_t r = 0; r < n; r++) {
		buf_printf(&w.said[i], "\n%s oldest %" PRId64, counts[r].route,
		    counts[r].oldest_ms);
		for (int s = 0; s < DELIVERY__MAX; s++)
			buf_printf(&w.said[i], " %" PRId64, counts[r].n[s]);
		assert_int_equal(
		    w.ops[i]->next_due(w.stores[i], counts[r].route, &due),
		    STORE_OK);
		buf_printf(&w.said[i], " due %" PRId64, due);
	}
	free(counts);
}

static void
say_unrouted(int i)
{
	struct store_unrouted page = {.n = 50};

	for (int filtered = 0; filtered < 2; filtered++) {
		page.filtered = filtered != 0;
		assert_int_equal(
		    w.ops[i]->unrouted(w.stores[i], &page), STORE_OK);
		for (unsigned e = 0; e < page.found; e++) {
			buf_printf(&w.said[i], " %" PRId64, page.seqs[e]);
			event_free(page.events[e]);
		}
	}
}

static void
compare_all(void)
{
	struct store_query query = {
	    .state = (int)any(DELIVERY__MAX + 2) - 2,
	    .route = any(2) == 0 ? any_route() : NULL,
	    .type = any(2) == 0 ? "order" : NULL,
	    .source = any(3) == 0 ? "odd" : NULL,
	    .limit = 1 + any(30),
	    .since_ms = any(2) == 0 ? now.wall_ms - (int64_t)any(5 * DAY) : 0,
	    .oldest_first = any(2) == 0,
	};
	uint8_t id[EVENT_ID_LEN] = {1};

	for (int i = 0; i < STORES; i++) {
		say_list(i, (struct store_query){.state = -1, .limit = 500});
		say_list(i, query);
		say_counts(i);
		say_unrouted(i);
	}
	compare();
	for (unsigned n = 1; n <= w.ids; n += 7) {
		id[14] = (uint8_t)(n >> 8);
		id[15] = (uint8_t)n;
		for (int i = 0; i < STORES; i++)
			buf_printf(&w.said[i], "%d ",
			    (int)w.ops[i]->show(
				w.stores[i], id, say_row, &w.said[i]));
		compare();
	}
}

/* ---- a run ---- */

static void
purge(void)
{
	pass(DAY / 100); /* the shortest time between two passes */
	for (int i = 0; i < STORES; i++) {
		bool more = true;

		while (more) {
			assert_int_equal(
			    w.ops[i]->begin(w.stores[i]), STORE_OK);
			assert_int_equal(
			    w.ops[i]->purge(w.stores[i], now.wall_ms, &more),
			    STORE_OK);
			assert_int_equal(
			    w.ops[i]->commit(w.stores[i]), STORE_OK);
		}
	}
}

static void
drop_first_running(void)
{
	struct store_delivery *d = w.running;

	w.running = d->next;
	store_delivery_free(d);
}

/* Some calls, then a commit; or a rollback after which nothing was. */
static void
batch(void)
{
	unsigned n = 1 + any(8), ids = w.ids;
	bool undo = any(8) == 0, open = true;

	for (int i = 0; i < STORES; i++)
		assert_int_equal(w.ops[i]->begin(w.stores[i]), STORE_OK);
	while (n-- > 0 && open) {
		const struct call c = any_call();
		enum store_result results[STORES];

		/* What is taken back must not be claimed for good. */
		if (undo && (calls[c.kind] == call_claim ||
				calls[c.kind] == call_settle))
			continue;
		for (int i = 0; i < STORES; i++)
			results[i] = calls[c.kind](i, &c, &w.said[i]);
		if (calls[c.kind] == call_settle)
			drop_first_running();
		assert_int_equal(results[0], results[1]);
		open = results[0] == STORE_OK;
		compare();
	}
	for (int i = 0; i < STORES; i++) {
		if (undo || !open)
			w.ops[i]->rollback(w.stores[i]);
		else
			assert_int_equal(
			    w.ops[i]->commit(w.stores[i]), STORE_OK);
	}
	if (undo)
		w.ids = ids;
}

static int64_t
revive_after(void *arg, const char *route)
{
	(void)arg;
	return route[0] == 'a' ? DAY : HOUR;
}

static void
open_world(uint64_t seed)
{
	char *url;

	w = (struct world){
	    .ops = {&store_memory, &store_sqlite}, .random = seed};
	now = (struct clock_fake){1795305600000, HOUR};
	clock_set_fake(&now);
	w.dir = support_dir();
	assert_true(asprintf(&url, "sqlite:%s/s.db", w.dir) > 0);
	for (int i = 0; i < STORES; i++) {
		const struct store_options options = {.config = &w.configs[i],
		    .worker = "test",
		    .now_ms = now.wall_ms,
		    .revive_after_ms = revive_after};

		w.configs[i] = (struct config_store){
		    .url = i == 0 ? (char[]){"memory:"} : url,
		    .dedup_ms = 3 * (int64_t)DAY,
		    .keep_delivered_ms = DAY,
		    .keep_unmatched_ms = 2 * (int64_t)DAY,
		    .keep_dead_ms = 4 * (int64_t)DAY,
		};
		w.stores[i] = w.ops[i]->open(&options);
		assert_non_null(w.stores[i]);
	}
	free(url);
}

static void
close_world(void)
{
	for (int i = 0; i < STORES; i++) {
		w.ops[i]->close(w.stores[i]);
		buf_clear(&w.said[i]);
	}
	free_list(w.running);
	support_dir_remove(w.dir);
	clock_set_fake(NULL);
}

static void
both_say_the_same(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
		open_world(seed);
		for (int i = 0; i < BATCHES; i++) {
			batch();
			pass(any(10) == 0 ? any(8 * HOUR) : any(HOUR / 4));
			w.ops[1]->idle(w.stores[1], true);
			if (i % 10 == 9)
				purge();
			if (i % 10 == 9)
				compare_all();
		}
		close_world();
	}
	for (unsigned flags = 0; flags < 1 << EVENT_FLAGS; flags++)
		assert_true(met.flagged[flags] > 50);
	assert_true(met.refused > 50);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(both_say_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
