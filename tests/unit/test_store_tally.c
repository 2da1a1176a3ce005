/* The store's counters by the hour, for every implementation; and an SQLite
 * store of an older version. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "../../shared/clock.h"
#include "../../worker/sql.h"
#include "../../worker/store.h"
#include "support.h"

enum { DAY_MS = 86400000, HOUR = 400000 };

struct fixture {
	const struct store_ops *ops;
	struct store *store;
	struct config_store config;
	char *dir; /* NULL: memory */
	char url[256];
};

static struct clock_fake now;

static void
set_clock(int64_t wall_ms, int64_t boot_ms)
{
	now = (struct clock_fake){wall_ms, boot_ms};
	clock_set_fake(&now);
}

static void
open_store(struct fixture *f)
{
	const struct store_options options = {
	    .config = &f->config, .worker = "test", .now_ms = now.wall_ms};

	f->store = f->ops->open(&options);
	assert_non_null(f->store);
}

static int
setup(void **state, const struct store_ops *ops)
{
	struct fixture *f = calloc(1, sizeof *f);

	assert_non_null(f);
	f->ops = ops;
	f->config = (struct config_store){
	    .url = f->url,
	    .dedup_ms = DAY_MS,
	    .keep_delivered_ms = DAY_MS,
	    .keep_unmatched_ms = DAY_MS,
	    .keep_dead_ms = DAY_MS,
	};
	if (ops == &store_sqlite)
		f->dir = support_dir();
	snprintf(f->url, sizeof f->url, "%s:%s/s.db", ops->scheme,
	    f->dir != NULL ? f->dir : "");
	set_clock((int64_t)HOUR * STORE_HOUR_MS, DAY_MS);
	open_store(f);
	*state = f;
	return 0;
}

static int
setup_sqlite(void **state)
{
	return setup(state, &store_sqlite);
}

static int
setup_memory(void **state)
{
	return setup(state, &store_memory);
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	f->ops->close(f->store);
	support_dir_remove(f->dir);
	free(f);
	clock_set_fake(NULL);
	return 0;
}

/* ---- adding and reading ---- */

static void
add(struct fixture *f, const struct store_tally *rows, size_t n)
{
	assert_int_equal(f->ops->begin(f->store), STORE_OK);
	assert_int_equal(f->ops->tally(f->store, rows, n), STORE_OK);
	assert_int_equal(f->ops->commit(f->store), STORE_OK);
}

struct wanted {
	struct store_tally row;
	unsigned found;
	unsigned all;
};

static void
look(void *arg, const struct store_tally *tally)
{
	struct wanted *wanted = arg;

	wanted->all++;
	if (tally->hour != wanted->row.hour ||
	    tally->kind != wanted->row.kind ||
	    strcmp(tally->name, wanted->row.name) != 0)
		return;
	wanted->row.n = tally->n;
	wanted->found++;
}

/* The counter's value, 0 when there is none; *all: how many counters there are
 * from the hour on. */
static int64_t
value(struct fixture *f, int64_t hour, enum store_tally_kind kind,
    const char *name, unsigned *all)
{
	struct wanted wanted = {.row = {hour, kind, name, 0}};

	assert_int_equal(
	    f->ops->tallies(f->store, hour, look, &wanted), STORE_OK);
	assert_true(wanted.found <= 1);
	if (all != NULL)
		*all = wanted.all;
	return wanted.row.n;
}

static void
adds_and_reads_back(void **state)
{
	static const struct store_tally rows[] = {
	    {HOUR, TALLY_STORED, "shop", 3},
	    {HOUR, TALLY_STORED, "shop", 4},
	    {HOUR, TALLY_DEAD, "shop", 1},
	    {HOUR, TALLY_STORED, "other", 5},
	    {HOUR - 1, TALLY_STORED, "shop", 9},
	};
	struct fixture *f = *state;
	unsigned all;

	add(f, rows, 5);
	add(f, rows, 1);
	assert_int_equal(value(f, HOUR, TALLY_STORED, "shop", &all), 10);
	assert_int_equal(all, 3);
	assert_int_equal(value(f, HOUR, TALLY_DEAD, "shop", NULL), 1);
	assert_int_equal(value(f, HOUR, TALLY_STORED, "other", NULL), 5);
	assert_int_equal(value(f, HOUR - 1, TALLY_STORED, "shop", &all), 9);
	assert_int_equal(all, 4);
	assert_int_equal(value(f, HOUR + 1, TALLY_STORED, "shop", &all), 0);
	assert_int_equal(all, 0);
}

static void
rolls_back(void **state)
{
	static const struct store_tally row = {HOUR, TALLY_STORED, "shop", 3};
	struct fixture *f = *state;

	assert_int_not_equal(f->ops->tally(f->store, &row, 1), STORE_OK);
	add(f, &row, 1);
	assert_int_equal(f->ops->begin(f->store), STORE_OK);
	assert_int_equal(f->ops->tally(f->store, &row, 1), STORE_OK);
	f->ops->rollback(f->store);
	assert_int_equal(value(f, HOUR, TALLY_STORED, "shop", NULL), 3);
}

/* ---- retention ---- */

static void
purge_all(struct fixture *f)
{
	bool more = true;

	for (int i = 0; more; i++) {
		assert_true(i < 100);
		assert_int_equal(f->ops->begin(f->store), STORE_OK);
		assert_int_equal(
		    f->ops->purge(f->store, now.wall_ms, &more), STORE_OK);
		assert_int_equal(f->ops->commit(f->store), STORE_OK);
	}
}

static void
purges_old_hours(void **state)
{
	static const struct store_tally rows[] = {
	    {HOUR - STORE_TALLY_HOURS - 1, TALLY_STORED, "a", 1},
	    {HOUR - STORE_TALLY_HOURS - 1, TALLY_STORED, "b", 1},
	    {HOUR - STORE_TALLY_HOURS - 1, TALLY_DEAD, "a", 1},
	    {HOUR - STORE_TALLY_HOURS - 9, TALLY_DEAD, "a", 1},
	    {HOUR - STORE_TALLY_HOURS, TALLY_STORED, "a", 1},
	    {HOUR, TALLY_STORED, "a", 1},
	};
	struct fixture *f = *state;
	unsigned all;

	add(f, rows, 6);
	purge_all(f);
	(void)value(f, 0, TALLY_STORED, "a", &all);
	assert_int_equal(all, 2);
	/* a wall clock that jumps takes nothing */
	set_clock(now.wall_ms + 3650 * (int64_t)DAY_MS, now.boot_ms + 1);
	purge_all(f);
	(void)value(f, 0, TALLY_STORED, "a", &all);
	assert_int_equal(all, 2);
}

/* ---- SQLite ---- */

static void
reopen(struct fixture *f)
{
	f->ops->close(f->store);
	open_store(f);
}

static void
outlives_the_worker(void **state)
{
	static const struct store_tally row = {HOUR, TALLY_FAILED, "r", 3};
	struct fixture *f = *state;

	add(f, &row, 1);
	reopen(f);
	assert_int_equal(value(f, HOUR, TALLY_FAILED, "r", NULL), 3);
}

/* Make the closed store one of version 1. */
static void
make_old(const struct fixture *f)
{
	char path[256];
	sqlite3 *db;

	snprintf(path, sizeof path, "%s/s.db", f->dir);
	assert_int_equal(
	    sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	assert_int_equal(
	    sql_exec(db, "DROP TABLE tally; PRAGMA user_version = 1"),
	    SQLITE_OK);
	sqlite3_close(db);
}

static void
upgrades_an_old_store(void **state)
{
	static const struct store_tally row = {HOUR, TALLY_FAILED, "r", 3};
	struct fixture *f = *state;

	assert_int_equal(f->ops->begin(f->store), STORE_OK);
	assert_int_equal(f->ops->pause(f->store, "kept", true), STORE_OK);
	assert_int_equal(f->ops->commit(f->store), STORE_OK);
	f->ops->close(f->store);
	make_old(f);
	open_store(f);
	assert_true(f->ops->paused(f->store, "kept"));
	add(f, &row, 1);
	reopen(f);
	assert_int_equal(value(f, HOUR, TALLY_FAILED, "r", NULL), 3);
	assert_true(f->ops->paused(f->store, "kept"));
}

#define BOTH(test)                                                             \
	{#test " (memory)", test, setup_memory, teardown, NULL},               \
	{                                                                      \
#test " (sqlite)", test, setup_sqlite, teardown, NULL          \
	}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    BOTH(adds_and_reads_back),
	    BOTH(rolls_back),
	    BOTH(purges_old_hours),
	    cmocka_unit_test_setup_teardown(
		outlives_the_worker, setup_sqlite, teardown),
	    cmocka_unit_test_setup_teardown(
		upgrades_an_old_store, setup_sqlite, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
