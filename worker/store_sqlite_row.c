#include "store_sqlite.h"

const char *
store_sqlite_text(sqlite3_stmt *statement, int column)
{
	return (const char *)sqlite3_column_text(statement, column);
}

enum store_result
store_sqlite_row_get(struct store *store, const struct store_sqlite_key *key,
    struct store_sqlite_row *row)
{
	sqlite3_stmt *s = sql_bind(&store->sql, SQL_DELIVERY_GET, "iii",
	    key->seq, key->route, key->replay);
	enum store_result result;

	if (!sql_row(s, &result))
		return result == STORE_OK ? STORE_NONE : result;
	*row = (struct store_sqlite_row){
	    .statement = s,
	    .state = (enum delivery_state)sqlite3_column_int(s, 0),
	    .due = sqlite3_column_int64(s, 1),
	    .attempt = sqlite3_column_int64(s, 2),
	    .first_at = sqlite3_column_int64(s, 3),
	    .paused_ms = sqlite3_column_int64(s, 4),
	    .died_at = sqlite3_column_int64(s, 5),
	    .reason = store_sqlite_text(s, 6),
	    .attempts = store_sqlite_text(s, 7),
	};
	return STORE_OK;
}

static bool
is_open(enum delivery_state state)
{
	return state < DELIVERY_DELIVERED;
}

enum store_result
store_sqlite_row_end(struct store *store, const struct store_sqlite_key *key,
    enum delivery_state old, const struct store_sqlite_ending *e)
{
	int64_t open = is_open(e->state);
	enum store_result result;

	result = sql_run(sql_bind(&store->sql, SQL_DELIVERY_END, "iiiiiiiiiitt",
	    key->seq, key->route, key->replay, (int64_t)e->state, open, e->due,
	    e->attempt, e->first_at, e->died_at,
	    open ? (int64_t)0 : store_sqlite_clock(store), e->reason,
	    e->attempts));
	if (result == STORE_OK && old != e->state) {
		store_sqlite_count(store, key->route, (unsigned)old, -1);
		store_sqlite_count(store, key->route, (unsigned)e->state, 1);
	}
	return result;
}

struct store_sqlite_ending
store_sqlite_ending(
    const struct store_sqlite_row *row, enum delivery_state state)
{
	return (struct store_sqlite_ending){
	    .state = state,
	    .due = row->due,
	    .attempt = row->attempt,
	    .first_at = row->first_at,
	    .died_at = row->died_at,
	    .reason = row->reason,
	    .attempts = row->attempts,
	};
}

enum store_result
store_sqlite_list_keys(sqlite3_stmt *row, int64_t route,
    struct store_sqlite_key keys[STORE_CLAIM_MAX], size_t *n)
{
	enum store_result result;

	while (sql_row(row, &result))
		keys[(*n)++] =
		    (struct store_sqlite_key){sqlite3_column_int64(row, 0),
			route, sqlite3_column_int64(row, 1)};
	return result;
}

enum store_result
store_sqlite_list_kept(struct store *store, enum delivery_state state, size_t n,
    struct store_sqlite_key keys[STORE_CLAIM_MAX], size_t *found)
{
	sqlite3_stmt *row = sql_bind(
	    &store->sql, SQL_DELIVERY_KEPT, "ii", (int64_t)state, (int64_t)n);
	enum store_result result;

	*found = 0;
	while (sql_row(row, &result))
		keys[(*found)++] = (struct store_sqlite_key){
		    sqlite3_column_int64(row, 0), sqlite3_column_int64(row, 1),
		    sqlite3_column_int64(row, 2)};
	return result;
}
