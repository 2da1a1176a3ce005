#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store_memory.h"

/* Room for one more element of a list; the list is unchanged on failure. */
static void *
grow(void *list, size_t n, size_t size)
{
	return reallocarray(list, n + 1, size);
}

static void
shared_unref(struct store_memory_shared *shared)
{
	if (shared == NULL || --shared->refs > 0)
		return;
	event_free(shared->event);
	free(shared);
}

static void
delivery_clear(struct store_memory_delivery *d)
{
	for (size_t i = 0; i < d->n_outputs; i++)
		free(d->outputs[i].text);
	free(d->reason);
	free(d->attempts);
}

void
store_memory_clear(struct store_memory_state *state)
{
	for (size_t i = 0; i < state->n_events; i++)
		shared_unref(state->events[i].shared);
	for (size_t i = 0; i < state->n_deliveries; i++)
		delivery_clear(&state->deliveries[i]);
	free(state->events);
	free(state->deliveries);
	free(state->keys);
	free(state->routes);
	free(state->tallies);
	free(state->blobs);
	*state = (struct store_memory_state){0};
}

static void *
copy_list(const void *list, size_t n, size_t size)
{
	void *copy = calloc(n + 1, size);

	if (copy != NULL && n > 0)
		memcpy(copy, list, n * size);
	return copy;
}

static int
copy_text(char **text)
{
	if (*text == NULL)
		return 0;
	*text = strdup(*text);
	return *text != NULL ? 0 : -1;
}

/* The element is a copy byte by byte: give it texts of its own.  On failure it
 * has those it could get and nothing of the original's. */
static int
own_texts(struct store_memory_delivery *d)
{
	int bad = copy_text(&d->reason) | copy_text(&d->attempts);

	for (size_t i = 0; i < d->n_outputs; i++) {
		const char *text = d->outputs[i].text;

		d->outputs[i].text = malloc(d->outputs[i].len + 1);
		if (d->outputs[i].text == NULL)
			bad = -1;
		else
			memcpy(d->outputs[i].text, text, d->outputs[i].len);
	}
	return bad;
}

int
store_memory_copy(
    struct store_memory_state *copy, const struct store_memory_state *state)
{
	int bad = 0;

	*copy = (struct store_memory_state){.next_seq = state->next_seq};
	copy->events =
	    copy_list(state->events, state->n_events, sizeof *state->events);
	copy->deliveries = copy_list(
	    state->deliveries, state->n_deliveries, sizeof *state->deliveries);
	copy->keys = copy_list(state->keys, state->n_keys, sizeof *state->keys);
	copy->routes =
	    copy_list(state->routes, state->n_routes, sizeof *state->routes);
	copy->tallies =
	    copy_list(state->tallies, state->n_tallies, sizeof *state->tallies);
	copy->blobs =
	    copy_list(state->blobs, state->n_blobs, sizeof *state->blobs);
	if (copy->events == NULL || copy->deliveries == NULL ||
	    copy->keys == NULL || copy->routes == NULL ||
	    copy->tallies == NULL || copy->blobs == NULL) {
		store_memory_clear(copy);
		return -1;
	}
	copy->n_events = state->n_events;
	copy->n_deliveries = state->n_deliveries;
	copy->n_keys = state->n_keys;
	copy->n_routes = state->n_routes;
	copy->n_tallies = state->n_tallies;
	copy->n_blobs = state->n_blobs;
	for (size_t i = 0; i < copy->n_events; i++)
		copy->events[i].shared->refs++;
	for (size_t i = 0; i < copy->n_deliveries; i++)
		bad |= own_texts(&copy->deliveries[i]);
	if (bad != 0)
		store_memory_clear(copy);
	return bad;
}

struct store_memory_event *
store_memory_event(const struct store_memory_state *state, int64_t seq)
{
	for (size_t i = 0; i < state->n_events; i++) {
		if (state->events[i].seq == seq)
			return &state->events[i];
	}
	return NULL;
}

struct store_memory_event *
store_memory_event_by_id(
    const struct store_memory_state *state, const uint8_t id[EVENT_ID_LEN])
{
	for (size_t i = 0; i < state->n_events; i++) {
		if (memcmp(state->events[i].shared->event->id, id,
			EVENT_ID_LEN) == 0)
			return &state->events[i];
	}
	return NULL;
}

struct store_memory_key *
store_memory_key(
    const struct store_memory_state *state, const uint8_t key[KEYS_LEN])
{
	/* The newest day first. */
	for (size_t i = state->n_keys; i-- > 0;) {
		if (memcmp(state->keys[i].key, key, KEYS_LEN) == 0)
			return &state->keys[i];
	}
	return NULL;
}

struct store_memory_delivery *
store_memory_delivery(const struct store_memory_state *state, int64_t seq,
    size_t route, int64_t replay)
{
	for (size_t i = 0; i < state->n_deliveries; i++) {
		struct store_memory_delivery *d = &state->deliveries[i];

		if (d->seq == seq && d->route == route && d->replay == replay)
			return d;
	}
	return NULL;
}

size_t
store_memory_route(const struct store_memory_state *state, const char *name)
{
	size_t i = 0;

	while (i < state->n_routes && strcmp(state->routes[i].name, name) != 0)
		i++;
	return i;
}

struct store_memory_delivery *
store_memory_newest(
    const struct store_memory_state *state, int64_t seq, size_t route)
{
	struct store_memory_delivery *newest = NULL;

	for (size_t i = 0; i < state->n_deliveries; i++) {
		struct store_memory_delivery *d = &state->deliveries[i];

		if (d->seq == seq && d->route == route)
			newest = d;
	}
	return newest;
}

struct store_memory_event *
store_memory_add_event(
    struct store_memory_state *state, const struct event *event)
{
	struct store_memory_event *events =
	    grow(state->events, state->n_events, sizeof *events);
	struct store_memory_shared *shared = calloc(1, sizeof *shared);

	if (events != NULL)
		state->events = events;
	if (shared != NULL)
		shared->event = event_copy(event);
	if (shared != NULL)
		shared->refs = 1;
	if (events == NULL || shared == NULL || shared->event == NULL) {
		shared_unref(shared);
		return NULL;
	}
	events[state->n_events] = (struct store_memory_event){
	    .seq = state->next_seq, .shared = shared};
	state->next_seq++;
	return &events[state->n_events++];
}

static bool
is_before(const struct store_memory_delivery *d, int64_t seq, size_t route,
    int64_t replay)
{
	if (d->seq != seq)
		return d->seq < seq;
	if (d->route != route)
		return d->route < route;
	return d->replay < replay;
}

struct store_memory_delivery *
store_memory_add_delivery(
    struct store_memory_state *state, int64_t seq, size_t route, int64_t replay)
{
	struct store_memory_delivery *list =
	    grow(state->deliveries, state->n_deliveries, sizeof *list);
	size_t at = state->n_deliveries;

	if (list == NULL)
		return NULL;
	state->deliveries = list;
	while (at > 0 && !is_before(&list[at - 1], seq, route, replay))
		at--;
	memmove(list + at + 1, list + at,
	    (state->n_deliveries - at) * sizeof *list);
	list[at] = (struct store_memory_delivery){
	    .seq = seq, .route = route, .replay = replay};
	state->n_deliveries++;
	return &list[at];
}

struct store_memory_key *
store_memory_add_key(struct store_memory_state *state)
{
	struct store_memory_key *keys =
	    grow(state->keys, state->n_keys, sizeof *keys);

	if (keys == NULL)
		return NULL;
	state->keys = keys;
	keys[state->n_keys] = (struct store_memory_key){0};
	return &keys[state->n_keys++];
}

size_t
store_memory_add_route(struct store_memory_state *state, const char *name)
{
	size_t i = store_memory_route(state, name);
	struct store_memory_route *routes;

	if (i < state->n_routes)
		return i;
	routes = grow(state->routes, state->n_routes, sizeof *routes);
	if (routes == NULL)
		return i;
	state->routes = routes;
	routes[i] = (struct store_memory_route){0};
	snprintf(routes[i].name, sizeof routes[i].name, "%s", name);
	state->n_routes++;
	return i;
}

struct store_memory_tally *
store_memory_add_tally(struct store_memory_state *state, int64_t hour,
    enum store_tally_kind kind, const char *name)
{
	struct store_memory_tally *list, *tally;

	for (size_t i = 0; i < state->n_tallies; i++) {
		tally = &state->tallies[i];
		if (tally->hour == hour && tally->kind == kind &&
		    strcmp(tally->name, name) == 0)
			return tally;
	}
	list = grow(state->tallies, state->n_tallies, sizeof *list);
	if (list == NULL)
		return NULL;
	state->tallies = list;
	tally = &list[state->n_tallies++];
	*tally = (struct store_memory_tally){.hour = hour, .kind = kind};
	snprintf(tally->name, sizeof tally->name, "%s", name);
	return tally;
}

void
store_memory_remove_tallies(struct store_memory_state *state, int64_t before)
{
	size_t kept = 0;

	for (size_t i = 0; i < state->n_tallies; i++) {
		if (state->tallies[i].hour >= before)
			state->tallies[kept++] = state->tallies[i];
	}
	state->n_tallies = kept;
}

void
store_memory_remove_event(struct store_memory_state *state, int64_t seq)
{
	size_t kept = 0;

	for (size_t i = 0; i < state->n_deliveries; i++) {
		if (state->deliveries[i].seq == seq)
			delivery_clear(&state->deliveries[i]);
		else
			state->deliveries[kept++] = state->deliveries[i];
	}
	state->n_deliveries = kept;
	kept = 0;
	for (size_t i = 0; i < state->n_events; i++) {
		if (state->events[i].seq == seq)
			shared_unref(state->events[i].shared);
		else
			state->events[kept++] = state->events[i];
	}
	state->n_events = kept;
}

void
store_memory_remove_key(struct store_memory_state *state, size_t index)
{
	state->n_keys--;
	memmove(state->keys + index, state->keys + index + 1,
	    (state->n_keys - index) * sizeof *state->keys);
}

/* Room for one more, in order of time; the oldest has to go when all is
 * taken. */
static struct store_memory_output *
output_at(struct store_memory_delivery *d, int64_t at_ms)
{
	struct store_memory_output *o = d->outputs;
	size_t at = 0;

	while (at < d->n_outputs && o[at].at_ms < at_ms)
		at++;
	if (at < d->n_outputs && o[at].at_ms == at_ms) {
		free(o[at].text);
		return &o[at];
	}
	if (d->n_outputs == STORE_MEMORY_OUTPUTS) {
		if (at == 0)
			return NULL;
		free(o[0].text);
		memmove(o, o + 1, --at * sizeof *o);
		return &o[at];
	}
	memmove(o + at + 1, o + at, (d->n_outputs - at) * sizeof *o);
	d->n_outputs++;
	return &o[at];
}

int
store_memory_keep_output(
    struct store_memory_delivery *delivery, const struct store_attempt *attempt)
{
	struct store_memory_output *output;
	char *text;

	if (attempt->output == NULL || attempt->output_len == 0)
		return 0;
	text = malloc(attempt->output_len);
	if (text == NULL)
		return -1;
	memcpy(text, attempt->output, attempt->output_len);
	output = output_at(delivery, attempt->at_ms);
	if (output == NULL) {
		free(text);
		return 0;
	}
	*output = (struct store_memory_output){
	    attempt->at_ms, text, attempt->output_len};
	return 0;
}
