/*
 * store_memory - inside the store without a disk
 *
 * The reference the tests compare the others with: plain arrays, searched from
 * end to end.  A batch works on the arrays; beginning one copies them, and
 * rolling back takes the copy.
 */

#ifndef WORKER_STORE_MEMORY_H
#define WORKER_STORE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keys.h"
#include "store.h"

enum { STORE_MEMORY_OUTPUTS = 10 };

/* Where an event stands in the routing step. */
enum store_memory_step {
	STEP_TODO,
	STEP_FILTERS, /* only routes with a filter are left */
	STEP_ROUTED,
	STEP_UNMATCHED,
};

/* An event's bytes, shared by a state and its copy. */
struct store_memory_shared {
	unsigned refs;
	struct event *event;
};

struct store_memory_event {
	int64_t seq;
	struct store_memory_shared *shared;
	enum store_memory_step step;
	int64_t due;
	int64_t stored_at;
	int64_t aged; /* boot clock */
};

struct store_memory_output {
	int64_t at_ms;
	char *text;
	size_t len;
};

struct store_memory_delivery {
	int64_t seq;
	size_t route;
	int64_t replay;
	enum delivery_state state;
	int64_t due;
	int64_t attempt;
	int64_t first_at;
	int64_t paused_ms;
	int64_t died_at;
	int64_t aged;
	char *reason;
	char *attempts;
	struct store_memory_output outputs[STORE_MEMORY_OUTPUTS];
	size_t n_outputs;
};

struct store_memory_key {
	uint8_t key[KEYS_LEN];
	uint8_t id[EVENT_ID_LEN];
	int64_t day;
};

struct store_memory_route {
	char name[CONFIG_NAME_MAX + 1];
	int64_t paused_at;
	int64_t paused_ms;
};

struct store_memory_tally {
	int64_t hour;
	enum store_tally_kind kind;
	char name[CONFIG_NAME_MAX + 1];
	int64_t n;
};

struct store_memory_blob {
	char name[STORE_BLOB_NAME_MAX + 1];
	char bytes[STORE_BLOB_MAX];
	size_t len;
};

struct store_memory_state {
	struct store_memory_event *events; /* by seq */
	size_t n_events;
	struct store_memory_delivery *deliveries; /* by seq, route, replay */
	size_t n_deliveries;
	struct store_memory_key *keys;
	size_t n_keys;
	struct store_memory_route *routes;
	size_t n_routes;
	struct store_memory_tally *tallies;
	size_t n_tallies;
	struct store_memory_blob *blobs;
	size_t n_blobs;
	int64_t next_seq;
};

struct store {
	struct store_memory_state now;
	struct store_memory_state before; /* the batch */
	const struct config_store *config;
	int64_t (*revive_after_ms)(void *arg, const char *route); /* or NULL */
	void *revive_arg;
	struct keys_hasher *hasher;
	bool batch;
	int64_t clock_base_ms;
	int64_t clock_boot_ms;
};

/* -- store_memory_state.c -- */

/* 0, or -1 with nothing in `copy`. */
int store_memory_copy(
    struct store_memory_state *copy, const struct store_memory_state *state);
void store_memory_clear(struct store_memory_state *state);

/* NULL when there is none. */
struct store_memory_event *
store_memory_event(const struct store_memory_state *state, int64_t seq);
struct store_memory_event *store_memory_event_by_id(
    const struct store_memory_state *state, const uint8_t id[EVENT_ID_LEN]);
struct store_memory_key *store_memory_key(
    const struct store_memory_state *state, const uint8_t key[KEYS_LEN]);
struct store_memory_delivery *
store_memory_delivery(const struct store_memory_state *state, int64_t seq,
    size_t route, int64_t replay);
/* The number of a route, n_routes when it is unknown. */
size_t
store_memory_route(const struct store_memory_state *state, const char *name);
/* The last replay of an event on a route. */
struct store_memory_delivery *store_memory_newest(
    const struct store_memory_state *state, int64_t seq, size_t route);

/* Each: the new element, zeroed but for what is given, or NULL. */
struct store_memory_event *store_memory_add_event(
    struct store_memory_state *state, const struct event *event);
struct store_memory_delivery *
store_memory_add_delivery(struct store_memory_state *state, int64_t seq,
    size_t route, int64_t replay);
struct store_memory_key *store_memory_add_key(struct store_memory_state *state);
/* An old one, or a new one; n_routes without memory. */
size_t
store_memory_add_route(struct store_memory_state *state, const char *name);

/* An old one, or a new one; NULL without memory. */
struct store_memory_tally *
store_memory_add_tally(struct store_memory_state *state, int64_t hour,
    enum store_tally_kind kind, const char *name);
/* Remove those of earlier hours. */
void
store_memory_remove_tallies(struct store_memory_state *state, int64_t before);

/* Remove an event with its deliveries. */
void store_memory_remove_event(struct store_memory_state *state, int64_t seq);
void store_memory_remove_key(struct store_memory_state *state, size_t index);

/* Keep an attempt's output, the last ones only.  0 or -1. */
int store_memory_keep_output(struct store_memory_delivery *delivery,
    const struct store_attempt *attempt);

/* -- store_memory.c -- */

int64_t store_memory_clock(const struct store *store);
/* After a change: rolls the batch back unless the result is STORE_OK. */
enum store_result
store_memory_finish(struct store *store, enum store_result result);

/* -- store_memory_delivery.c: as in struct store_ops -- */

/* A copy for the caller, or NULL. */
struct store_delivery *store_memory_hand_out(
    const struct store *store, const struct store_memory_delivery *d);
void store_memory_free_list(struct store_delivery **list);
enum store_result store_memory_claim(struct store *store,
    const struct store_claim *what, struct store_delivery **out);
enum store_result
store_memory_settle(struct store *store, const struct store_settle *s);
enum store_result store_memory_bury(
    struct store *store, int64_t seq, const char *route, uint32_t replay);

/* -- store_memory_read.c: the reading half of struct store_ops -- */

enum store_result
store_memory_unrouted(struct store *store, struct store_unrouted *page);
enum store_result
store_memory_next_due(struct store *store, const char *route, int64_t *due_ms);
enum store_result store_memory_exhausted(
    struct store *store, unsigned n, struct store_delivery **out);
enum store_result store_memory_list(struct store *store,
    const struct store_query *query, store_row_fn *fn, void *arg);
enum store_result store_memory_show(struct store *store,
    const uint8_t id[EVENT_ID_LEN], store_row_fn *fn, void *arg);
enum store_result store_memory_find(struct store *store, const char *part,
    uint8_t ids[2][EVENT_ID_LEN], unsigned *found);
enum store_result
store_memory_counts(struct store *store, struct store_count **counts, size_t *n,
    int64_t *unrouted, int64_t *unmatched);
bool store_memory_paused(struct store *store, const char *route);
enum store_result store_memory_tallies(
    struct store *store, int64_t from_hour, store_tally_fn *fn, void *arg);
enum store_result
store_memory_space(struct store *store, struct store_space *space);
bool store_memory_idle(struct store *store, bool quiet);

/* -- store_memory_blob.c -- */

enum store_result store_memory_keep(struct store *store,
    const struct store_blob *blob, int64_t now_ms, bool *is_new);
enum store_result
store_memory_kept(struct store *store, const char *name, struct buf *out);
enum store_result store_memory_unkeep(struct store *store, const char *name);

#endif
