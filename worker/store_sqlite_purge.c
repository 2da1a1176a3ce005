#include <string.h>

#include "../shared/clock.h"
#include "../shared/log.h"
#include "store_sqlite.h"

enum {
	STEP_ROWS = 1000,  /* deliveries looked at in one step */
	STEP_EVENTS = 100, /* events deleted in one step */
	PASS_MS = 600000,  /* between two passes, at most */
	PAGE_BYTES = 4096,
	QUIET_PAGES = (1 << 20) / PAGE_BYTES,  /* of the log: worth emptying */
	LOG_PAGES = (16 << 20) / PAGE_BYTES,   /* worth a copy beside events */
	SLACK_PAGES = (16 << 20) / PAGE_BYTES, /* free pages that stay */
};

enum phase { PHASE_REST, PHASE_DELIVERIES, PHASE_UNMATCHED };

/* Rows of one event, gathered until the next one begins. */
struct group {
	int64_t seq;
	int64_t end_us; /* of the step */
	bool keep;
	unsigned n;

	struct {
		int64_t route;
		unsigned state;
	} rows[STEP_ROWS];
};

static int64_t
least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t
shortest_keep(const struct config_store *config)
{
	return least(least(config->keep_delivered_ms, config->keep_dead_ms),
	    config->keep_unmatched_ms);
}

/* The last event stored at or before `aged`, by halving: 0 when none was. */
static enum store_result
find_boundary(struct store *store, int64_t aged, int64_t *boundary)
{
	int64_t low = 0, high = store->next_seq, middle, seq;
	enum store_result result;
	sqlite3_stmt *row;

	/* Events up to low are old enough, those from high on are not. */
	while (high - low > 1) {
		middle = low + (high - low) / 2;
		row = sql_bind(&store->sql, SQL_EVENT_AGED, "i", middle);
		if (!sql_row(row, &result)) {
			if (result != STORE_OK)
				return result;
			high = middle;
			continue;
		}
		seq = sqlite3_column_int64(row, 0);
		if (sqlite3_column_int64(row, 1) <= aged)
			low = seq;
		else
			high = middle;
		sqlite3_reset(row);
	}
	*boundary = low;
	return STORE_OK;
}

static enum store_result
begin_pass(struct store *store)
{
	int64_t keep = shortest_keep(store->config);
	int64_t now = store_sqlite_clock(store);
	enum store_result result;

	if (store->purge_phase != PHASE_REST || now < store->purge_next_ms)
		return STORE_OK;
	result = find_boundary(store, now - keep, &store->purge_end);
	if (result != STORE_OK)
		return result;
	store->purge_next_ms = now + least(keep / 100, PASS_MS);
	store->purge_cursor = 0;
	store->purge_phase = PHASE_DELIVERIES;
	return STORE_OK;
}

enum store_result
store_sqlite_delete_event(struct store *store, int64_t seq)
{
	static const enum sql_id statements[] = {
	    SQL_DELIVERY_DELETE, SQL_OUTPUT_DELETE, SQL_EVENT_DELETE};
	enum store_result result = STORE_OK;

	for (size_t i = 0;
	     i < sizeof statements / sizeof *statements && result == STORE_OK;
	     i++)
		result =
		    sql_run(sql_bind(&store->sql, statements[i], "i", seq));
	return result;
}

enum store_result
store_sqlite_save_seq(struct store *store)
{
	return sql_run(sql_bind(
	    &store->sql, SQL_META_SET, "ti", "seq", store->next_seq - 1));
}

/* The gathered event goes unless something of it must stay. */
static enum store_result
end_group(struct store *store, const struct group *group, unsigned *deleted)
{
	enum store_result result = STORE_OK;
	bool todo = false;

	if (group->seq == 0 || group->keep)
		return STORE_OK;
	/* Routes with a filter may be left to decide. */
	if (store->routes[0]->n[COUNT_UNROUTED] > 0)
		result = store_sqlite_is_todo(store, group->seq, &todo);
	if (result != STORE_OK || todo)
		return result;
	for (unsigned i = 0; i < group->n; i++)
		store_sqlite_count(
		    store, group->rows[i].route, group->rows[i].state, -1);
	++*deleted;
	return store_sqlite_delete_event(store, group->seq);
}

static bool
must_stay(const struct store *store, sqlite3_stmt *row)
{
	int state = sqlite3_column_int(row, 2);
	int64_t keep = state == DELIVERY_DEAD
			   ? store->config->keep_dead_ms
			   : store->config->keep_delivered_ms;

	return sqlite3_column_int(row, 3) != 0 ||
	       store_sqlite_clock(store) - sqlite3_column_int64(row, 4) < keep;
}

static void
add_row(const struct store *store, struct group *group, sqlite3_stmt *row)
{
	group->keep = group->keep || must_stay(store, row);
	group->rows[group->n].route = sqlite3_column_int64(row, 1);
	group->rows[group->n++].state = (unsigned)sqlite3_column_int(row, 2);
}

/* Take the next row; *spent when the step has done enough at its event's
 * beginning. */
static enum store_result
take_row(struct store *store, sqlite3_stmt *row, struct group *group,
    unsigned *deleted, bool *spent)
{
	int64_t seq = sqlite3_column_int64(row, 0);
	enum store_result result;

	if (seq != group->seq) {
		result = end_group(store, group, deleted);
		if (result != STORE_OK)
			return result;
		if (group->seq != 0)
			store->purge_cursor = group->seq;
		group->seq = seq;
		group->keep = false;
		group->n = 0;
		*spent =
		    *deleted >= STEP_EVENTS || clock_boot_us() >= group->end_us;
	}
	add_row(store, group, row);
	return STORE_OK;
}

/*
 * One step over deliveries.  A step that ends inside an event begins with that
 * event the next time; one of over STEP_ROWS deliveries stays for ever.
 */
static enum store_result
purge_deliveries(struct store *store, unsigned *deleted)
{
	sqlite3_stmt *row = sql_bind(&store->sql, SQL_DELIVERY_AGED, "iii",
	    store->purge_cursor, store->purge_end, (int64_t)STEP_ROWS);
	struct group group = {0};
	enum store_result result, taken = STORE_OK;
	bool spent = false;
	unsigned n = 0;

	group.end_us = clock_boot_us() + STORE_SQLITE_BUDGET_US;
	while (taken == STORE_OK && !spent && sql_row(row, &result)) {
		n++;
		taken = take_row(store, row, &group, deleted, &spent);
	}
	sqlite3_reset(row);
	if (taken != STORE_OK || result != STORE_OK)
		return taken != STORE_OK ? taken : result;
	if (spent)
		return STORE_OK;
	if (n == STEP_ROWS) {
		if (group.n == STEP_ROWS)
			store->purge_cursor = group.seq;
		return STORE_OK;
	}
	store->purge_cursor = 0;
	store->purge_phase = PHASE_UNMATCHED;
	return end_group(store, &group, deleted);
}

static enum store_result
purge_unmatched(struct store *store, unsigned *deleted)
{
	int64_t oldest =
	    store_sqlite_clock(store) - store->config->keep_unmatched_ms;
	int64_t seqs[STEP_EVENTS];
	enum store_result result;
	sqlite3_stmt *row;

	row = sql_bind(
	    &store->sql, SQL_UNMATCHED_OLD, "ii", oldest, (int64_t)STEP_EVENTS);
	while (sql_row(row, &result))
		seqs[(*deleted)++] = sqlite3_column_int64(row, 0);
	for (unsigned i = 0; i < *deleted && result == STORE_OK; i++) {
		result = sql_run(
		    sql_bind(&store->sql, SQL_UNMATCHED_DELETE, "i", seqs[i]));
		if (result == STORE_OK)
			result = store_sqlite_delete_event(store, seqs[i]);
		store_sqlite_count(store, 0, COUNT_UNMATCHED, -1);
	}
	if (*deleted < STEP_EVENTS)
		store->purge_phase = PHASE_REST;
	return result;
}

static enum store_result
purge_events(struct store *store)
{
	enum store_result result = begin_pass(store);
	unsigned deleted = 0;

	if (result != STORE_OK)
		return result;
	if (store->purge_phase == PHASE_DELIVERIES)
		result = purge_deliveries(store, &deleted);
	else if (store->purge_phase == PHASE_UNMATCHED)
		result = purge_unmatched(store, &deleted);
	if (result == STORE_OK && deleted > 0)
		result = store_sqlite_save_seq(store);
	return result;
}

enum store_result
store_sqlite_purge(struct store *store, int64_t now_ms, bool *more)
{
	enum store_result result;

	(void)now_ms;
	*more = false;
	if (!store->batch)
		return store_sqlite_no_batch(store);
	result = store_sqlite_keys_purge(store, more);
	if (result == STORE_OK && !*more)
		result = store_sqlite_tally_purge(store, more);
	if (result == STORE_OK && !*more)
		result = purge_events(store);
	if (result == STORE_OK && store->purge_phase != PHASE_REST)
		*more = true;
	if (result != STORE_OK)
		store->purge_phase = PHASE_REST;
	return store_sqlite_end(store, result);
}

enum store_result
store_sqlite_checkpoint(struct store *store, int64_t pages)
{
	int all = 0, done = 0, rc;

	if (store->wal_pages - store->wal_done < pages)
		return STORE_OK;
	rc = sqlite3_wal_checkpoint_v2(
	    store->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &all, &done);
	if (rc != SQLITE_OK)
		return sql_result(store->db, rc);
	/* Copied whole, the log begins again with the next commit. */
	store->wal_pages = all == done ? 0 : all;
	store->wal_done = all == done ? 0 : done;
	return STORE_OK;
}

enum store_result
store_sqlite_empty_log(struct store *store)
{
	int rc = sqlite3_wal_checkpoint_v2(
	    store->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);

	if (rc == SQLITE_OK)
		store->wal_pages = store->wal_done = store->wal_top = 0;
	return sql_result(store->db, rc);
}

/* Give free pages back once they are many, and a tenth of the file. */
static bool
vacuum(struct store *store)
{
	int64_t free_pages = 0, all = 0;

	if (sql_value(sql_bind(&store->sql, SQL_FREE_PAGES, ""), &free_pages) !=
		STORE_OK ||
	    sql_value(sql_bind(&store->sql, SQL_ALL_PAGES, ""), &all) !=
		STORE_OK ||
	    free_pages < SLACK_PAGES || free_pages < all / 10)
		return false;
	return store_sqlite_end(store,
		   sql_run(sql_bind(&store->sql, SQL_VACUUM, ""))) == STORE_OK;
}

bool
store_sqlite_idle(struct store *store, bool quiet)
{
	if (store->broken || store->batch)
		return false;
	if (quiet && store->wal_top >= QUIET_PAGES)
		return store_sqlite_end(store, store_sqlite_empty_log(store)) ==
		       STORE_OK;
	if (store->wal_pages - store->wal_done >= LOG_PAGES)
		return store_sqlite_end(store, store_sqlite_checkpoint(store,
						   LOG_PAGES)) == STORE_OK;
	if (store_sqlite_keys_idle(store) || store_sqlite_bodies_idle(store))
		return true;
	if (vacuum(store)) {
		store->vacuumed = true;
		return true;
	}
	/* The file itself shrinks when the log is copied. */
	if (store->vacuumed)
		store_sqlite_end(store, store_sqlite_checkpoint(store, 1));
	store->vacuumed = false;
	return false;
}

enum store_result
store_sqlite_space(struct store *store, struct store_space *space)
{
	int64_t pages = 0;
	enum store_result result;

	if (store_sqlite_file_space(store->file, space) != 0) {
		log_error("store_space",
		    log_str("path", store_sqlite_file_path(store->file)));
		return STORE_BROKEN;
	}
	result = sql_value(sql_bind(&store->sql, SQL_FREE_PAGES, ""), &pages);
	space->free_bytes += pages * PAGE_BYTES;
	return result;
}
