/*
 * stores - a store under test, of any implementation, and the clock it sees
 *
 * For the suites that every implementation of worker/store.h passes.  There is
 * one clock; it begins at STORES_START_MS with each store.
 */

#ifndef TESTS_UNIT_STORES_H
#define TESTS_UNIT_STORES_H

#include "../../shared/clock.h"
#include "../../worker/store.h"
#include "support.h"

#define STORES_START_MS INT64_C(1795305600000) /* 2026-11-22T00:00:00Z */

struct stores {
	const struct store_ops *ops;
	struct store *store;
	struct config_store config;
	char *dir; /* NULL: memory */
	char *url;
	int64_t revive_ms; /* three times that on the route "slow"; 0: the store
			      is not told */
	unsigned n_events; /* the test's own */
};

extern struct clock_fake stores_now;

void stores_clock(int64_t wall_ms, int64_t boot_ms);
/* Time passes as it should. */
void stores_pass(int64_t ms);

/* A new, open store for tests that are not the suite's own. */
struct stores *stores_new(const struct store_ops *ops);
void stores_free(struct stores *s);
/* For cmocka: *state is a struct stores. */
int stores_memory(void **state);
int stores_sqlite(void **state);
int stores_teardown(void **state);

/* Open it (again). */
void stores_open(struct stores *s);
void stores_begin(struct stores *s);
void stores_commit(struct stores *s);

/* A test of the suite, for each implementation. */
#define STORES_BOTH(test)                                                      \
	{#test " (memory)", test, stores_memory, stores_teardown, NULL},       \
	{                                                                      \
#test " (sqlite)", test, stores_sqlite, stores_teardown, NULL  \
	}

#endif
