#include "store_sqlite.h"

enum store_result
store_sqlite_tally(
    struct store *store, const struct store_tally *rows, size_t n)
{
	enum store_result result = STORE_OK;

	if (!store->batch)
		return store_sqlite_no_batch(store);
	for (size_t i = 0; i < n && result == STORE_OK; i++)
		result = sql_run(
		    sql_bind(&store->sql, SQL_TALLY_ADD, "iiti", rows[i].hour,
			(int64_t)rows[i].kind, rows[i].name, rows[i].n));
	return store_sqlite_end(store, result);
}

enum store_result
store_sqlite_tallies(
    struct store *store, int64_t from_hour, store_tally_fn *fn, void *arg)
{
	sqlite3_stmt *row =
	    sql_bind(&store->sql, SQL_TALLY_LIST, "i", from_hour);
	enum store_result result;
	struct store_tally tally;
	int64_t kind;

	while (sql_row(row, &result)) {
		kind = sqlite3_column_int64(row, 1);
		tally.hour = sqlite3_column_int64(row, 0);
		tally.name = (const char *)sqlite3_column_text(row, 2);
		tally.n = sqlite3_column_int64(row, 3);
		if (kind < 0 || kind >= TALLY__MAX || tally.name == NULL)
			continue;
		tally.kind = (enum store_tally_kind)kind;
		fn(arg, &tally);
	}
	return result;
}

enum store_result
store_sqlite_tally_purge(struct store *store, bool *more)
{
	int64_t before =
	    store_sqlite_clock(store) / STORE_HOUR_MS - STORE_TALLY_HOURS;
	sqlite3_stmt *row =
	    sql_bind(&store->sql, SQL_TALLY_OLDEST, "i", before);
	enum store_result result;
	int64_t hour, kind;

	if (!sql_row(row, &result))
		return result;
	hour = sqlite3_column_int64(row, 0);
	kind = sqlite3_column_int64(row, 1);
	sqlite3_reset(row);
	*more = true;
	return sql_run(
	    sql_bind(&store->sql, SQL_TALLY_DELETE, "ii", hour, kind));
}
