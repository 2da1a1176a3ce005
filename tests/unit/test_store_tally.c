/* The store's counters by the hour, for every implementation; and an SQLite
 * store of an older version. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "../../worker/sql.h"
#include "stores.h"

enum { DAY_MS = 86400000, HOUR = STORES_START_MS / STORE_HOUR_MS };

/* ---- adding and reading ---- */

static void
add(struct stores *f, const struct store_tally *rows, size_t n)
{
	stores_begin(f);
	assert_int_equal(f->ops->tally(f->store, rows, n), STORE_OK);
	stores_commit(f);
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
value(struct stores *f, int64_t hour, enum store_tally_kind kind,
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
	struct stores *f = *state;
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
	struct stores *f = *state;

	assert_int_not_equal(f->ops->tally(f->store, &row, 1), STORE_OK);
	add(f, &row, 1);
	stores_begin(f);
	assert_int_equal(f->ops->tally(f->store, &row, 1), STORE_OK);
	f->ops->rollback(f->store);
	assert_int_equal(value(f, HOUR, TALLY_STORED, "shop", NULL), 3);
}

/* ---- retention ---- */

static void
purge_all(struct stores *f)
{
	bool more = true;

	for (int i = 0; more; i++) {
		assert_true(i < 100);
		stores_begin(f);
		assert_int_equal(
		    f->ops->purge(f->store, stores_now.wall_ms, &more),
		    STORE_OK);
		stores_commit(f);
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
	struct stores *f = *state;
	unsigned all;

	add(f, rows, 6);
	purge_all(f);
	(void)value(f, 0, TALLY_STORED, "a", &all);
	assert_int_equal(all, 2);
	/* a wall clock that jumps takes nothing */
	stores_clock(stores_now.wall_ms + 3650 * (int64_t)DAY_MS,
	    stores_now.boot_ms + 1);
	purge_all(f);
	(void)value(f, 0, TALLY_STORED, "a", &all);
	assert_int_equal(all, 2);
}

/* ---- SQLite ---- */

static void
reopen(struct stores *f)
{
	f->ops->close(f->store);
	stores_open(f);
}

static void
outlives_the_worker(void **state)
{
	static const struct store_tally row = {HOUR, TALLY_FAILED, "r", 3};
	struct stores *f = *state;

	add(f, &row, 1);
	reopen(f);
	assert_int_equal(value(f, HOUR, TALLY_FAILED, "r", NULL), 3);
}

/* Make the closed store one of version 1. */
static void
make_old(const struct stores *f)
{
	char path[256];
	sqlite3 *db;

	snprintf(path, sizeof path, "%s/s.db", f->dir);
	assert_int_equal(
	    sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	assert_int_equal(sql_exec(db, "DROP TABLE tally; DROP TABLE blob; "
				      "DROP TABLE recent; "
				      "PRAGMA user_version = 1"),
	    SQLITE_OK);
	sqlite3_close(db);
}

static void
upgrades_an_old_store(void **state)
{
	static const struct store_tally row = {HOUR, TALLY_FAILED, "r", 3};
	struct stores *f = *state;

	stores_begin(f);
	assert_int_equal(f->ops->pause(f->store, "kept", true), STORE_OK);
	stores_commit(f);
	f->ops->close(f->store);
	make_old(f);
	stores_open(f);
	assert_true(f->ops->paused(f->store, "kept"));
	add(f, &row, 1);
	reopen(f);
	assert_int_equal(value(f, HOUR, TALLY_FAILED, "r", NULL), 3);
	assert_true(f->ops->paused(f->store, "kept"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    STORES_BOTH(adds_and_reads_back),
	    STORES_BOTH(rolls_back),
	    STORES_BOTH(purges_old_hours),
	    cmocka_unit_test_setup_teardown(
		outlives_the_worker, stores_sqlite, stores_teardown),
	    cmocka_unit_test_setup_teardown(
		upgrades_an_old_store, stores_sqlite, stores_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
