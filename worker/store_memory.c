#include "store_memory.h"

#include <stdlib.h>
#include <string.h>

#include "../shared/clock.h"
#include "attempts.h"

enum { DAY_MS = 86400000 };

int64_t
store_memory_clock(const struct store *store)
{
	return store->clock_base_ms + clock_boot_ms() - store->clock_boot_ms;
}

static void
close_store(struct store *store)
{
	if (store == NULL)
		return;
	store_memory_clear(&store->now);
	store_memory_clear(&store->before);
	keys_hasher_free(store->hasher);
	free(store);
}

static struct store *
open_store(const struct store_options *options)
{
	struct store *store = calloc(1, sizeof *store);

	if (store == NULL)
		return NULL;
	store->config = options->config;
	store->revive_after_ms = options->revive_after_ms;
	store->revive_arg = options->arg;
	store->clock_base_ms = options->now_ms;
	store->clock_boot_ms = clock_boot_ms();
	store->now.next_seq = 1;
	store->hasher = keys_hasher_new();
	if (store->hasher != NULL)
		return store;
	close_store(store);
	return NULL;
}

/* -- batches -- */

static enum store_result
begin(struct store *store)
{
	if (store_memory_copy(&store->before, &store->now) != 0)
		return STORE_FULL;
	store->batch = true;
	return STORE_OK;
}

static void
end_batch(struct store *store)
{
	store_memory_clear(&store->before);
	store->batch = false;
}

static void
undo(struct store *store)
{
	struct store_memory_state changed = store->now;

	if (!store->batch)
		return;
	store->now = store->before;
	store->before = changed;
	end_batch(store);
}

static enum store_result
commit(struct store *store)
{
	if (!store->batch)
		return STORE_FULL;
	end_batch(store);
	return STORE_OK;
}

enum store_result
store_memory_finish(struct store *store, enum store_result result)
{
	if (result != STORE_OK)
		undo(store);
	return result;
}

/* -- put -- */

static bool
is_inside(const struct store *store, int64_t day)
{
	return (day + 1) * DAY_MS + store->config->dedup_ms >
	       store_memory_clock(store);
}

static enum store_result
add_delivery(struct store *store, int64_t seq, size_t route, int64_t replay,
    int64_t due_ms)
{
	struct store_memory_delivery *d =
	    store_memory_add_delivery(&store->now, seq, route, replay);

	if (d == NULL)
		return STORE_FULL;
	d->due = due_ms;
	return STORE_OK;
}

static bool
is_revivable(const struct store *store, const struct store_memory_delivery *d,
    int64_t now_ms)
{
	int64_t since, after_ms = 0;

	if (d == NULL || d->state != DELIVERY_DEAD)
		return false;
	if (store->revive_after_ms != NULL)
		after_ms = store->revive_after_ms(
		    store->revive_arg, store->now.routes[d->route].name);
	since = d->first_at != 0 ? d->first_at : d->died_at;
	return d->replay == 0 || since > now_ms || now_ms - since >= after_ms;
}

static enum store_result
revive(struct store *store, int64_t seq, int64_t now_ms,
    struct store_put_result *found)
{
	enum store_result result = STORE_OK;

	for (size_t r = 0; r < store->now.n_routes; r++) {
		const struct store_memory_delivery *d =
		    store_memory_newest(&store->now, seq, r);

		if (!is_revivable(store, d, now_ms))
			continue;
		if (found->revived.len > 0)
			buf_add_char(&found->revived, ',');
		buf_add_str(&found->revived, store->now.routes[r].name);
		result = add_delivery(store, seq, r, d->replay + 1, now_ms);
		if (result != STORE_OK || found->revived.failed)
			return STORE_FULL;
	}
	return STORE_OK;
}

static enum store_result
put_copy(struct store *store, int64_t now_ms, struct store_put_result *found)
{
	struct store_memory_event *e =
	    store_memory_event_by_id(&store->now, found->id);

	found->what = STORE_PUT_DUPLICATE;
	if (e == NULL)
		return STORE_OK;
	found->seq = e->seq;
	if (e->step != STEP_UNMATCHED)
		return revive(store, e->seq, now_ms, found);
	e->step = STEP_TODO;
	e->due = now_ms;
	found->rerouted = true;
	return STORE_OK;
}

static enum store_result
add_key(struct store *store, const struct event *event, enum keys_kind kind)
{
	struct store_memory_key *k = store_memory_add_key(&store->now);

	if (k == NULL || keys_hash(store->hasher, event, kind, k->key) != 0)
		return STORE_FULL;
	memcpy(k->id, event->id, EVENT_ID_LEN);
	k->day = store_memory_clock(store) / DAY_MS;
	return STORE_OK;
}

static enum store_result
add_keys(struct store *store, const struct event *event)
{
	enum store_result result = STORE_OK;

	if (keys_has(event))
		result = add_key(store, event, (enum keys_kind)event->dedup);
	if (result != STORE_OK || event->dedup != EVENT_DEDUP_KEY_BODY)
		return result;
	result = add_key(store, event, KEYS_BARE);
	return result == STORE_OK ? add_key(store, event, KEYS_SEEN) : result;
}

static enum store_result
put_new(struct store *store, const struct event *event, int64_t now_ms,
    struct store_put_result *found)
{
	struct store_memory_event *e;

	if (event->strict_replay && (found->flags & EVENT_REPLAYED_BODY) != 0) {
		found->what = STORE_PUT_REFUSED;
		return STORE_OK;
	}
	e = store_memory_add_event(&store->now, event);
	if (e == NULL)
		return STORE_FULL;
	e->shared->event->flags = found->flags;
	e->due = e->stored_at = now_ms;
	e->aged = store_memory_clock(store);
	found->what = STORE_PUT_NEW;
	found->seq = e->seq;
	return add_keys(store, event);
}

/* The key of some kind, if it is known inside the window. */
static enum store_result
find_key(struct store *store, const struct event *event, enum keys_kind kind,
    const struct store_memory_key **known)
{
	uint8_t key[KEYS_LEN];

	if (keys_hash(store->hasher, event, kind, key) != 0)
		return STORE_FULL;
	*known = store_memory_key(&store->now, key);
	if (*known != NULL && !is_inside(store, (*known)->day))
		*known = NULL;
	return STORE_OK;
}

/* What a new event whose key is not signed has in common with others. */
static enum store_result
find_flags(struct store *store, const struct event *event, unsigned *flags)
{
	const struct store_memory_key *bare = NULL, *body = NULL;
	enum store_result result;

	if (event->dedup != EVENT_DEDUP_KEY_BODY || !keys_has(event))
		return STORE_OK;
	result = find_key(store, event, KEYS_BARE, &bare);
	if (result == STORE_OK)
		result = find_key(store, event, KEYS_SEEN, &body);
	*flags = (bare != NULL ? EVENT_CHANGED_BODY : 0U) |
		 (body != NULL ? EVENT_REPLAYED_BODY : 0U);
	return result;
}

static enum store_result
put(struct store *store, const struct event *event, int64_t now_ms,
    struct store_put_result *found)
{
	const struct store_memory_event *same =
	    store_memory_event_by_id(&store->now, event->id);
	const struct store_memory_key *known = NULL;
	enum store_result result = STORE_OK;

	*found = (struct store_put_result){.flags = event->flags};
	if (!store->batch)
		return STORE_FULL;
	memcpy(found->id, event->id, EVENT_ID_LEN);
	if (keys_has(event))
		result = find_key(
		    store, event, (enum keys_kind)event->dedup, &known);
	if (result != STORE_OK)
		return store_memory_finish(store, result);
	if (same != NULL || (known != NULL && memcmp(known->id, event->id,
						  EVENT_ID_LEN) == 0)) {
		found->what = STORE_PUT_SAME;
		found->flags = 0;
		found->seq = same != NULL ? same->seq : 0;
		return STORE_OK;
	}
	if (known == NULL) {
		result = find_flags(store, event, &found->flags);
		if (result == STORE_OK)
			result = put_new(store, event, now_ms, found);
		return store_memory_finish(store, result);
	}
	memcpy(found->id, known->id, EVENT_ID_LEN);
	return store_memory_finish(store, put_copy(store, now_ms, found));
}

/* -- the routing step -- */

static enum store_result
add_target(struct store *store, int64_t seq, size_t route,
    const struct store_target *target, int64_t due_ms)
{
	struct store_attempt why = {.at_ms = clock_wall_ms(),
	    .outcome = target->reason,
	    .detail = target->detail};
	struct store_memory_delivery *d;
	struct buf attempts = {0};

	if (store_memory_delivery(&store->now, seq, route, 0) != NULL)
		return STORE_OK;
	d = store_memory_add_delivery(&store->now, seq, route, 0);
	if (d == NULL)
		return STORE_FULL;
	d->state = target->state;
	d->due = due_ms;
	if (target->state != DELIVERY_EXHAUSTED)
		return STORE_OK;
	d->died_at = why.at_ms;
	d->reason = strdup(target->reason);
	if (attempts_add(&attempts, NULL, &why) == 0)
		d->attempts = buf_take(&attempts);
	buf_clear(&attempts);
	return d->reason != NULL && d->attempts != NULL ? STORE_OK : STORE_FULL;
}

static bool
has_deliveries(const struct store *store, int64_t seq)
{
	for (size_t i = 0; i < store->now.n_deliveries; i++) {
		if (store->now.deliveries[i].seq == seq)
			return true;
	}
	return false;
}

static bool
is_todo(const struct store_memory_event *e)
{
	return e->step == STEP_TODO || e->step == STEP_FILTERS;
}

static enum store_result
route(struct store *store, int64_t seq, const struct store_target *targets,
    size_t n, bool whole)
{
	struct store_memory_event *e = store_memory_event(&store->now, seq);
	enum store_result result = STORE_OK;

	if (!store->batch)
		return STORE_FULL;
	if (e == NULL)
		return STORE_OK;
	for (size_t i = 0; i < n && result == STORE_OK; i++) {
		size_t r =
		    store_memory_add_route(&store->now, targets[i].route);

		result = r == store->now.n_routes
			     ? STORE_FULL
			     : add_target(store, seq, r, &targets[i],
				   is_todo(e) ? e->due : clock_wall_ms());
	}
	if (result != STORE_OK)
		return store_memory_finish(store, result);
	if (!is_todo(e)) {
		e->step = n > 0 ? STEP_ROUTED : e->step;
		return STORE_OK;
	}
	if (!whole)
		e->step = STEP_FILTERS;
	else
		e->step =
		    has_deliveries(store, seq) ? STEP_ROUTED : STEP_UNMATCHED;
	return STORE_OK;
}

static enum store_result
unmatch(struct store *store, int64_t *after, unsigned limit, unsigned *n)
{
	int64_t oldest =
	    store_memory_clock(store) - store->config->keep_unmatched_ms;

	*n = 0;
	if (!store->batch)
		return STORE_FULL;
	if (limit > STORE_PAGE_MAX)
		limit = STORE_PAGE_MAX;
	for (size_t i = 0; i < store->now.n_events && *n < limit; i++) {
		struct store_memory_event *e = &store->now.events[i];

		if (e->seq <= *after || e->step != STEP_UNMATCHED ||
		    e->aged <= oldest)
			continue;
		e->step = STEP_TODO;
		*after = e->seq;
		++*n;
	}
	return STORE_OK;
}

/* -- by hand -- */

static enum store_result
replay(struct store *store, const struct store_replay *what, unsigned *n)
{
	size_t only = what->route != NULL
			  ? store_memory_route(&store->now, what->route)
			  : 0;
	enum store_result result = STORE_OK;

	*n = 0;
	if (!store->batch)
		return STORE_FULL;
	if (store_memory_event(&store->now, what->seq) == NULL)
		return store_memory_finish(store, STORE_NONE);
	for (size_t r = 0; r < store->now.n_routes && result == STORE_OK; r++) {
		const struct store_memory_delivery *d =
		    store_memory_newest(&store->now, what->seq, r);

		if ((what->route != NULL && r != only) || d == NULL ||
		    (what->states >> d->state & 1) == 0)
			continue;
		result = add_delivery(
		    store, what->seq, r, d->replay + 1, what->now_ms);
		++*n;
	}
	return store_memory_finish(store, result);
}

static enum store_result
cancel(struct store *store, const char *name, unsigned limit, unsigned *n)
{
	size_t r = store_memory_route(&store->now, name);

	*n = 0;
	if (!store->batch)
		return STORE_FULL;
	if (limit > STORE_CLAIM_MAX)
		limit = STORE_CLAIM_MAX;
	for (size_t i = 0; i < store->now.n_deliveries && *n < limit; i++) {
		struct store_memory_delivery *d = &store->now.deliveries[i];

		if (d->route != r || d->state >= DELIVERY_EXHAUSTED)
			continue;
		d->state = DELIVERY_CANCELLED;
		d->aged = store_memory_clock(store);
		++*n;
	}
	return STORE_OK;
}

static enum store_result
set_paused(struct store *store, const char *name, bool paused)
{
	struct store_memory_route *r;
	size_t i;

	if (!store->batch)
		return STORE_FULL;
	i = store_memory_add_route(&store->now, name);
	if (i == store->now.n_routes)
		return store_memory_finish(store, STORE_FULL);
	r = &store->now.routes[i];
	if (paused == (r->paused_at != 0))
		return STORE_OK;
	if (!paused)
		r->paused_ms += store_memory_clock(store) - r->paused_at;
	r->paused_at = paused ? store_memory_clock(store) : 0;
	return STORE_OK;
}

/* -- retention -- */

static bool
is_over(const struct store *store, const struct store_memory_event *e)
{
	int64_t now = store_memory_clock(store), keep;

	if (e->step == STEP_UNMATCHED)
		return now - e->aged >= store->config->keep_unmatched_ms;
	if (e->step != STEP_ROUTED)
		return false;
	for (size_t i = 0; i < store->now.n_deliveries; i++) {
		const struct store_memory_delivery *d =
		    &store->now.deliveries[i];

		if (d->seq != e->seq)
			continue;
		keep = d->state == DELIVERY_DEAD
			   ? store->config->keep_dead_ms
			   : store->config->keep_delivered_ms;
		if (d->state < DELIVERY_DELIVERED || now - d->aged < keep)
			return false;
	}
	return true;
}

static enum store_result
tally(struct store *store, const struct store_tally *rows, size_t n)
{
	struct store_memory_tally *sum;

	if (!store->batch)
		return STORE_FULL;
	for (size_t i = 0; i < n; i++) {
		sum = store_memory_add_tally(
		    &store->now, rows[i].hour, rows[i].kind, rows[i].name);
		if (sum == NULL)
			return store_memory_finish(store, STORE_FULL);
		sum->n += rows[i].n;
	}
	return STORE_OK;
}

static enum store_result
purge(struct store *store, int64_t now_ms, bool *more)
{
	(void)now_ms;
	*more = false;
	if (!store->batch)
		return STORE_FULL;
	for (size_t i = store->now.n_keys; i-- > 0;) {
		if (!is_inside(store, store->now.keys[i].day))
			store_memory_remove_key(&store->now, i);
	}
	for (size_t i = store->now.n_events; i-- > 0;) {
		if (is_over(store, &store->now.events[i]))
			store_memory_remove_event(
			    &store->now, store->now.events[i].seq);
	}
	store_memory_remove_tallies(&store->now,
	    store_memory_clock(store) / STORE_HOUR_MS - STORE_TALLY_HOURS);
	return STORE_OK;
}

static enum store_result
forget(struct store *store, const uint8_t id[EVENT_ID_LEN])
{
	const struct store_memory_event *e =
	    store_memory_event_by_id(&store->now, id);

	if (!store->batch)
		return STORE_FULL;
	if (e == NULL)
		return store_memory_finish(store, STORE_NONE);
	store_memory_remove_event(&store->now, e->seq);
	return STORE_OK;
}

static enum store_result
erase(struct store *store, bool *more)
{
	*more = false;
	return store->batch ? STORE_FULL : STORE_OK;
}

static int
backup(struct store *store, const char *path, const char **error)
{
	(void)store;
	(void)path;
	*error = "a store in memory cannot be copied";
	return -1;
}

static bool
backup_step(struct store *store, struct store_backup *progress)
{
	(void)store;
	*progress = (struct store_backup){.path = "", .error = ""};
	return false;
}

const struct store_ops store_memory = {
    .scheme = "memory",
    .open = open_store,
    .close = close_store,
    .begin = begin,
    .commit = commit,
    .rollback = undo,
    .put = put,
    .route = route,
    .claim = store_memory_claim,
    .settle = store_memory_settle,
    .bury = store_memory_bury,
    .replay = replay,
    .cancel = cancel,
    .unmatch = unmatch,
    .pause = set_paused,
    .tally = tally,
    .keep = store_memory_keep,
    .unkeep = store_memory_unkeep,
    .purge = purge,
    .forget = forget,
    .erase = erase,
    .backup = backup,
    .backup_step = backup_step,
    .unrouted = store_memory_unrouted,
    .next_due = store_memory_next_due,
    .exhausted = store_memory_exhausted,
    .list = store_memory_list,
    .show = store_memory_show,
    .find = store_memory_find,
    .counts = store_memory_counts,
    .paused = store_memory_paused,
    .tallies = store_memory_tallies,
    .kept = store_memory_kept,
    .space = store_memory_space,
    .idle = store_memory_idle,
};
