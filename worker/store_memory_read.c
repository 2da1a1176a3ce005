#include <stdlib.h>
#include <string.h>

#include "../shared/pattern.h"
#include "attempts.h"
#include "store_memory.h"

enum { STATE_ANY = -1, STATE_UNMATCHED = -2 };

enum store_result
store_memory_unrouted(struct store *store, struct store_unrouted *page)
{
	enum store_memory_step step = page->filtered ? STEP_FILTERS : STEP_TODO;
	unsigned n =
	    page->n < STORE_UNROUTED_MAX ? page->n : STORE_UNROUTED_MAX;
	size_t bytes = 0;

	page->found = 0;
	for (size_t i = 0; i < store->now.n_events && page->found < n &&
			   bytes < STORE_READ_BYTES;
	     i++) {
		const struct store_memory_event *e = &store->now.events[i];
		struct event *event;

		if (e->step != step || e->seq <= page->after)
			continue;
		event = event_copy(e->shared->event);
		if (event == NULL) {
			while (page->found > 0)
				event_free(page->events[--page->found]);
			return STORE_FULL;
		}
		bytes += event_size(event);
		page->events[page->found] = event;
		page->seqs[page->found++] = e->seq;
	}
	return STORE_OK;
}

enum store_result
store_memory_next_due(struct store *store, const char *route, int64_t *due_ms)
{
	size_t r = store_memory_route(&store->now, route);

	*due_ms = INT64_MAX;
	for (size_t i = 0; i < store->now.n_deliveries; i++) {
		const struct store_memory_delivery *d =
		    &store->now.deliveries[i];

		if (d->route == r &&
		    (d->state == DELIVERY_PENDING ||
			d->state == DELIVERY_WAITING) &&
		    d->due < *due_ms)
			*due_ms = d->due;
	}
	return STORE_OK;
}

enum store_result
store_memory_exhausted(
    struct store *store, unsigned n, struct store_delivery **out)
{
	struct store_delivery **tail = out;

	*out = NULL;
	for (size_t i = 0; i < store->now.n_deliveries && n > 0; i++) {
		const struct store_memory_delivery *d =
		    &store->now.deliveries[i];

		if (d->state != DELIVERY_EXHAUSTED)
			continue;
		*tail = store_memory_hand_out(store, d);
		if (*tail == NULL) {
			store_memory_free_list(out);
			return STORE_FULL;
		}
		tail = &(*tail)->next;
		n--;
	}
	return STORE_OK;
}

/* -- rows -- */

static void
fill_row(const struct store *store, const struct store_memory_delivery *d,
    struct store_row *row)
{
	row->route = store->now.routes[d->route].name;
	row->replay = (uint32_t)d->replay;
	row->state = d->state;
	row->attempts = (uint32_t)d->attempt;
	row->due_ms = d->due;
	row->died_at_ms = d->died_at;
	row->reason = d->reason;
}

static bool
is_routed(const struct store_memory_event *e)
{
	return e->step == STEP_ROUTED || e->step == STEP_UNMATCHED;
}

static const char *
find_output(void *arg, int64_t at_ms, size_t *len)
{
	const struct store_memory_delivery *d = arg;

	for (size_t i = 0; i < d->n_outputs; i++) {
		if (d->outputs[i].at_ms != at_ms)
			continue;
		*len = d->outputs[i].len;
		return d->outputs[i].text;
	}
	return NULL;
}

enum store_result
store_memory_show(struct store *store, const uint8_t id[EVENT_ID_LEN],
    store_row_fn *fn, void *arg)
{
	const struct store_memory_event *e =
	    store_memory_event_by_id(&store->now, id);
	struct store_row row = {0};
	bool any = false;

	if (e == NULL)
		return STORE_NONE;
	row.event = e->shared->event;
	row.seq = e->seq;
	row.routed = is_routed(e);
	for (size_t i = 0; i < store->now.n_deliveries; i++) {
		struct store_memory_delivery *d = &store->now.deliveries[i];
		struct buf attempts = {0};
		int bad;

		if (d->seq != e->seq)
			continue;
		any = true;
		fill_row(store, d, &row);
		bad = attempts_merge(&attempts, d->attempts, find_output, d);
		row.attempts_json = buf_str(&attempts);
		if (bad == 0)
			fn(arg, &row);
		buf_clear(&attempts);
		if (bad != 0)
			return STORE_FULL;
	}
	if (!any)
		fn(arg, &row);
	return STORE_OK;
}

static bool
is_any(const char *text)
{
	return text == NULL || text[0] == '\0';
}

static bool
wants_event(const struct store_query *q, const struct store_memory_event *e)
{
	const struct event *event = e->shared->event;

	return event->received_at_ms >= q->since_ms &&
	       (q->state != STATE_UNMATCHED || e->step == STEP_UNMATCHED) &&
	       (is_any(q->source) || strcmp(q->source, event->source) == 0) &&
	       (is_any(q->type) || pattern_match(q->type, event->type, true));
}

/* The rows of one event; returns how many. */
static unsigned
list_event(const struct store *store, const struct store_query *q,
    const struct store_memory_event *e, store_row_fn *fn, void *arg)
{
	struct event head = *e->shared->event;
	struct store_row row = {
	    .event = &head, .seq = e->seq, .routed = is_routed(e)};
	unsigned told = 0;
	bool any = false;

	head.body = NULL;
	for (size_t i = 0; i < store->now.n_deliveries; i++) {
		const struct store_memory_delivery *d =
		    &store->now.deliveries[i];

		if (d->seq != e->seq)
			continue;
		any = true;
		fill_row(store, d, &row);
		if (q->state == STATE_UNMATCHED ||
		    (!is_any(q->route) && strcmp(q->route, row.route) != 0) ||
		    (q->state != STATE_ANY && q->state != (int)d->state))
			continue;
		fn(arg, &row);
		told++;
	}
	if (any || !is_any(q->route) || q->state >= 0)
		return told;
	fn(arg, &row);
	return 1;
}

enum store_result
store_memory_list(struct store *store, const struct store_query *q,
    store_row_fn *fn, void *arg)
{
	unsigned limit = q->limit < STORE_PAGE_MAX ? q->limit : STORE_PAGE_MAX;
	size_t n = store->now.n_events;
	int64_t next = 0, last = 0;
	unsigned told = 0;

	for (size_t i = 0; i < n; i++) {
		const struct store_memory_event *e =
		    &store->now.events[q->oldest_first ? i : n - 1 - i];

		if (q->oldest_first
			? e->seq <= q->before_seq
			: q->before_seq > 0 && e->seq >= q->before_seq)
			continue;
		if (last != 0 && told >= limit) {
			next = last;
			break;
		}
		last = e->seq;
		if (wants_event(q, e))
			told += list_event(store, q, e, fn, arg);
	}
	if (q->next_seq != NULL)
		*q->next_seq = next;
	return STORE_OK;
}

static void
find_ids(const struct store *store, const char *part, bool prefix,
    uint8_t ids[2][EVENT_ID_LEN], unsigned *found)
{
	char text[EVENT_ID_TEXT_SIZE];

	for (size_t i = 0; i < store->now.n_events && *found < 2; i++) {
		const struct event *event = store->now.events[i].shared->event;
		const char *at;

		event_id_format(event->id, text);
		at = strstr(text, part);
		if (at != NULL && (!prefix || at == text))
			memcpy(ids[(*found)++], event->id, EVENT_ID_LEN);
	}
}

enum store_result
store_memory_find(struct store *store, const char *part,
    uint8_t ids[2][EVENT_ID_LEN], unsigned *found)
{
	*found = 0;
	find_ids(store, part, true, ids, found);
	if (*found == 0)
		find_ids(store, part, false, ids, found);
	return STORE_OK;
}

static void
count_route(const struct store *store, size_t r, struct store_count *count)
{
	memcpy(count->route, store->now.routes[r].name, sizeof count->route);
	count->paused = store->now.routes[r].paused_at != 0;
	for (size_t i = 0; i < store->now.n_deliveries; i++) {
		const struct store_memory_delivery *d =
		    &store->now.deliveries[i];

		if (d->route != r)
			continue;
		count->n[d->state]++;
		if (d->state < DELIVERY_DELIVERED && count->oldest_ms == 0)
			count->oldest_ms =
			    store_memory_event(&store->now, d->seq)
				->shared->event->received_at_ms;
	}
}

enum store_result
store_memory_counts(struct store *store, struct store_count **counts, size_t *n,
    int64_t *unrouted, int64_t *unmatched)
{
	*counts = calloc(store->now.n_routes + 1, sizeof **counts);
	*n = 0;
	*unrouted = *unmatched = 0;
	if (*counts == NULL)
		return STORE_FULL;
	for (; *n < store->now.n_routes; ++*n)
		count_route(store, *n, &(*counts)[*n]);
	for (size_t i = 0; i < store->now.n_events; i++) {
		const struct store_memory_event *e = &store->now.events[i];

		*unmatched += e->step == STEP_UNMATCHED;
		*unrouted += !is_routed(e);
	}
	return STORE_OK;
}

bool
store_memory_paused(struct store *store, const char *route)
{
	size_t r = store_memory_route(&store->now, route);

	return r < store->now.n_routes && store->now.routes[r].paused_at != 0;
}

enum store_result
store_memory_tallies(
    struct store *store, int64_t from_hour, store_tally_fn *fn, void *arg)
{
	for (size_t i = 0; i < store->now.n_tallies; i++) {
		const struct store_memory_tally *t = &store->now.tallies[i];
		const struct store_tally tally = {
		    t->hour, t->kind, t->name, t->n};

		if (t->hour >= from_hour)
			fn(arg, &tally);
	}
	return STORE_OK;
}

enum store_result
store_memory_space(struct store *store, struct store_space *space)
{
	*space = (struct store_space){.free_bytes = INT64_MAX};
	for (size_t i = 0; i < store->now.n_events; i++)
		space->used_bytes +=
		    (int64_t)event_size(store->now.events[i].shared->event);
	return STORE_OK;
}

bool
store_memory_idle(struct store *store, bool quiet)
{
	(void)quiet;
	(void)store;
	return false;
}
