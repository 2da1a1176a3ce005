#include "store_sqlite.h"

/* The deliveries of an event are not counted any more. */
static enum store_result
uncount(struct store *store, int64_t seq)
{
	sqlite3_stmt *row =
	    sql_bind(&store->sql, SQL_DELIVERY_NEWEST, "i", seq);
	enum store_result result;

	while (sql_row(row, &result))
		store_sqlite_count(store, sqlite3_column_int64(row, 0),
		    (unsigned)sqlite3_column_int(row, 2), -1);
	return result;
}

static enum store_result
remove_event(struct store *store, int64_t seq)
{
	enum store_result result = uncount(store, seq);

	if (result == STORE_OK)
		result = store_sqlite_remove_unmatched(store, seq);
	if (result == STORE_OK || result == STORE_NONE)
		result = store_sqlite_delete_event(store, seq);
	return result == STORE_OK ? store_sqlite_save_seq(store) : result;
}

/* Zeroes take the place of what is deleted, pages that become free included. */
static enum store_result
overwrite(struct store *store, bool all)
{
	return sql_result(store->db,
	    sql_exec(store->db, all ? "PRAGMA secure_delete = ON"
				    : "PRAGMA secure_delete = FAST"));
}

enum store_result
store_sqlite_forget(struct store *store, const uint8_t id[EVENT_ID_LEN])
{
	enum store_result result, restored;
	int64_t seq = 0;

	if (!store->batch)
		return store_sqlite_no_batch(store);
	result = sql_value(
	    sql_bind(&store->sql, SQL_EVENT_SEQ, "b", id, (size_t)EVENT_ID_LEN),
	    &seq);
	if (result == STORE_OK)
		result = overwrite(store, true);
	if (result == STORE_OK) {
		result = remove_event(store, seq);
		restored = overwrite(store, false);
		if (result == STORE_OK)
			result = restored;
	}
	return store_sqlite_end(store, result);
}

/*
 * Free pages may hold older copies: they are taken out of the database, whose
 * end fills their places.  The log holds copies of everything: it is emptied
 * last.
 */
enum store_result
store_sqlite_erase(struct store *store, bool *more)
{
	int64_t free_pages = 0;
	enum store_result result;

	*more = false;
	if (store->broken || store->batch)
		return store_sqlite_no_batch(store);
	result =
	    sql_value(sql_bind(&store->sql, SQL_FREE_PAGES, ""), &free_pages);
	if (result == STORE_OK && free_pages > 0) {
		*more = true;
		result = sql_run(sql_bind(&store->sql, SQL_VACUUM, ""));
	} else if (result == STORE_OK) {
		result = store_sqlite_empty_log(store);
	}
	return store_sqlite_end(store, result);
}
