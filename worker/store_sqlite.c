#include "store_sqlite.h"

#include "../shared/clock.h"

enum {
	PAGE_BYTES = 4096,
	LOG_FORCED_PAGES = (64 << 20) / PAGE_BYTES,
};

int64_t
store_sqlite_clock(const struct store *store)
{
	int64_t gone = clock_boot_ms() - store->clock_boot_ms;

	return store->clock_base_ms + (gone > 0 ? gone : 0);
}

static enum store_result
load(struct store *store)
{
	enum store_result result = store_sqlite_counts_load(store);

	if (result == STORE_OK)
		result = store_sqlite_keys_load(store);
	return result;
}

static void
undo(struct store *store)
{
	if (!store->batch)
		return;
	store->batch = false;
	store->next_seq = store->batch_seq;
	bodies_undo(store->bodies);
	/* Some errors have rolled back already. */
	if (sqlite3_get_autocommit(store->db) == 0 &&
	    sql_run(sql_bind(&store->sql, SQL_ROLLBACK, "")) != STORE_OK)
		store->broken = true;
	if (!store->broken && load(store) != STORE_OK)
		store->broken = true;
}

enum store_result
store_sqlite_end(struct store *store, enum store_result result)
{
	if (result == STORE_BROKEN)
		store->broken = true;
	if (result != STORE_OK)
		undo(store);
	return result;
}

enum store_result
store_sqlite_no_batch(const struct store *store)
{
	return store->broken ? STORE_BROKEN : STORE_FULL;
}

static enum store_result
begin(struct store *store)
{
	enum store_result result = STORE_OK;

	if (store->broken)
		return STORE_BROKEN;
	/* Here, not behind a commit: that one's answer stays clear. */
	if (store->wal_pages - store->wal_done >= LOG_FORCED_PAGES)
		result = store_sqlite_checkpoint(store, LOG_FORCED_PAGES);
	if (result == STORE_BROKEN)
		return store_sqlite_end(store, result);
	result = sql_run(sql_bind(&store->sql, SQL_BEGIN, ""));
	if (result != STORE_OK)
		return store_sqlite_end(store, result);
	store->batch = true;
	store->batch_seq = store->next_seq;
	return STORE_OK;
}

static enum store_result
commit(struct store *store)
{
	enum store_result result;

	/* A change has failed and rolled the batch back. */
	if (!store->batch)
		return store_sqlite_no_batch(store);
	result = store_sqlite_counts_save(store);
	if (result == STORE_OK)
		result = store_sqlite_keys_save(store);
	if (result == STORE_OK &&
	    store_sqlite_clock(store) >=
		store->clock_written_ms + STORE_SQLITE_CLOCK_MS)
		result = store_sqlite_save_clock(store);
	if (result == STORE_OK)
		result = sql_run(sql_bind(&store->sql, SQL_COMMIT, ""));
	if (result != STORE_OK)
		return store_sqlite_end(store, result);
	store->batch = false;
	bodies_keep(store->bodies);
	return STORE_OK;
}

const struct store_ops store_sqlite = {
    .scheme = "sqlite",
    .open = store_sqlite_open,
    .close = store_sqlite_close,
    .begin = begin,
    .commit = commit,
    .rollback = undo,
    .put = store_sqlite_put,
    .route = store_sqlite_route_event,
    .claim = store_sqlite_claim,
    .settle = store_sqlite_settle,
    .bury = store_sqlite_bury,
    .replay = store_sqlite_replay,
    .cancel = store_sqlite_cancel,
    .unmatch = store_sqlite_unmatch,
    .pause = store_sqlite_pause,
    .tally = store_sqlite_tally,
    .keep = store_sqlite_keep,
    .unkeep = store_sqlite_unkeep,
    .purge = store_sqlite_purge,
    .forget = store_sqlite_forget,
    .erase = store_sqlite_erase,
    .journaled = store_sqlite_journaled,
    .journal = store_sqlite_journal,
    .known = store_sqlite_known,
    .backup = store_sqlite_backup,
    .backup_step = store_sqlite_backup_step,
    .unrouted = store_sqlite_unrouted,
    .next_due = store_sqlite_next_due,
    .exhausted = store_sqlite_exhausted,
    .list = store_sqlite_list,
    .show = store_sqlite_show,
    .find = store_sqlite_find,
    .counts = store_sqlite_counts,
    .paused = store_sqlite_paused,
    .tallies = store_sqlite_tallies,
    .kept = store_sqlite_kept,
    .space = store_sqlite_space,
    .idle = store_sqlite_idle,
};
