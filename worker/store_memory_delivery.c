#include <stdlib.h>
#include <string.h>

#include "attempts.h"
#include "store_memory.h"

static bool
is_due(const struct store_memory_delivery *d, const struct store_claim *what)
{
	return d->due <= what->now_ms ||
	       (what->horizon_ms < INT64_MAX - what->now_ms &&
		   d->due > what->now_ms + what->horizon_ms);
}

/* Order of due times, those of a clock that was ahead last as they are. */
static struct store_memory_delivery *
next_claim(struct store *store, size_t r, const struct store_claim *what)
{
	struct store_memory_delivery *best = NULL;

	for (size_t i = 0; i < store->now.n_deliveries; i++) {
		struct store_memory_delivery *d = &store->now.deliveries[i];

		if (d->route == r &&
		    (d->state == DELIVERY_PENDING ||
			d->state == DELIVERY_WAITING) &&
		    is_due(d, what) && (best == NULL || d->due < best->due))
			best = d;
	}
	return best;
}

struct store_delivery *
store_memory_hand_out(
    const struct store *store, const struct store_memory_delivery *d)
{
	const struct store_memory_event *e =
	    store_memory_event(&store->now, d->seq);
	struct store_delivery *out = calloc(1, sizeof *out);

	if (out == NULL)
		return NULL;
	out->seq = d->seq;
	out->replay = (uint32_t)d->replay;
	out->attempt = (uint32_t)d->attempt;
	out->first_at_ms = d->first_at;
	out->died_at_ms = d->died_at;
	out->route = strdup(store->now.routes[d->route].name);
	out->reason = d->reason != NULL ? strdup(d->reason) : NULL;
	out->attempts = strdup(d->attempts != NULL ? d->attempts : "[]");
	out->event = event_copy(e->shared->event);
	if (out->route != NULL && out->attempts != NULL && out->event != NULL &&
	    (d->reason == NULL || out->reason != NULL))
		return out;
	store_delivery_free(out);
	return NULL;
}

void
store_memory_free_list(struct store_delivery **list)
{
	while (*list != NULL) {
		struct store_delivery *next = (*list)->next;

		store_delivery_free(*list);
		*list = next;
	}
}

enum store_result
store_memory_claim(struct store *store, const struct store_claim *what,
    struct store_delivery **out)
{
	unsigned n = what->n < STORE_CLAIM_MAX ? what->n : STORE_CLAIM_MAX;
	size_t r = store_memory_route(&store->now, what->route);
	struct store_delivery **tail = out;
	struct store_memory_delivery *d;
	size_t bytes = 0;

	*out = NULL;
	if (!store->batch)
		return STORE_FULL;
	for (; n > 0 && bytes < STORE_CLAIM_BYTES; n--, tail = &(*tail)->next) {
		const struct store_memory_route *route;
		int64_t paused;

		d = next_claim(store, r, what);
		if (d == NULL)
			break;
		route = &store->now.routes[r];
		d->attempt++;
		*tail = store_memory_hand_out(store, d);
		if (*tail == NULL) {
			store_memory_free_list(out);
			return store_memory_finish(store, STORE_FULL);
		}
		bytes += (*tail)->event->body_len;
		paused = route->paused_ms - d->paused_ms;
		if (route->paused_at != 0)
			paused += store_memory_clock(store) - route->paused_at;
		if (d->first_at != 0)
			(*tail)->first_at_ms += paused;
		else
			d->paused_ms = route->paused_ms;
		d->first_at = d->first_at != 0 ? d->first_at : what->now_ms;
		d->state = DELIVERY_RUNNING;
		d->due = what->now_ms;
	}
	return STORE_OK;
}

static int
replace_text(char **text, const char *value)
{
	char *copy = value != NULL ? strdup(value) : NULL;

	if (value != NULL && copy == NULL)
		return -1;
	free(*text);
	*text = copy;
	return 0;
}

static int
add_attempt(struct store_memory_delivery *d, const struct store_attempt *a)
{
	struct buf attempts = {0};
	int bad;

	if (a == NULL)
		return 0;
	bad = attempts_add(&attempts, d->attempts, a);
	if (bad == 0)
		bad = replace_text(&d->attempts, buf_str(&attempts));
	buf_clear(&attempts);
	return bad != 0 ? -1 : store_memory_keep_output(d, a);
}

static int
change(struct store *store, struct store_memory_delivery *d,
    const struct store_settle *s)
{
	if (d->state == DELIVERY_CANCELLED && s->state != DELIVERY_DELIVERED) {
		d->aged = store_memory_clock(store);
		return add_attempt(d, s->attempt);
	}
	if (s->state == DELIVERY_PENDING) {
		d->attempt -= d->attempt > 0;
		d->first_at = d->attempt == 0 ? 0 : d->first_at;
	}
	if (s->state == DELIVERY_PENDING || s->state == DELIVERY_WAITING)
		d->due = s->due_ms;
	if (s->state == DELIVERY_EXHAUSTED) {
		d->died_at = s->now_ms;
		if (replace_text(&d->reason, s->reason) != 0)
			return -1;
	}
	if (s->state == DELIVERY_DELIVERED) {
		d->aged = store_memory_clock(store);
		replace_text(&d->reason, NULL);
	}
	d->state = s->state;
	return add_attempt(d, s->attempt);
}

enum store_result
store_memory_settle(struct store *store, const struct store_settle *s)
{
	struct store_memory_delivery *d = store_memory_delivery(&store->now,
	    s->seq, store_memory_route(&store->now, s->route), s->replay);

	if (!store->batch)
		return STORE_FULL;
	if (d == NULL ||
	    (d->state != DELIVERY_RUNNING && d->state != DELIVERY_CANCELLED))
		return STORE_OK;
	return store_memory_finish(
	    store, change(store, d, s) == 0 ? STORE_OK : STORE_FULL);
}

enum store_result
store_memory_bury(
    struct store *store, int64_t seq, const char *name, uint32_t replay)
{
	struct store_memory_delivery *d = store_memory_delivery(
	    &store->now, seq, store_memory_route(&store->now, name), replay);

	if (!store->batch)
		return STORE_FULL;
	if (d != NULL && d->state == DELIVERY_EXHAUSTED) {
		d->state = DELIVERY_DEAD;
		d->aged = store_memory_clock(store);
	}
	return STORE_OK;
}
