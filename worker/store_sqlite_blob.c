#include <string.h>

#include "store_sqlite.h"

enum store_result
store_sqlite_kept(struct store *store, const char *name, struct buf *out)
{
	sqlite3_stmt *row = sql_bind(&store->sql, SQL_BLOB_GET, "t", name);
	enum store_result result;
	int len;

	if (!sql_row(row, &result))
		return result == STORE_OK ? STORE_NONE : result;
	len = sqlite3_column_bytes(row, 0);
	if (buf_add(out, sqlite3_column_blob(row, 0), (size_t)len) != 0)
		result = STORE_FULL;
	sqlite3_reset(row);
	return result;
}

/* Whether there is room for one more. */
static enum store_result
count(struct store *store)
{
	int64_t n = 0;
	enum store_result result =
	    sql_value(sql_bind(&store->sql, SQL_BLOB_COUNT, ""), &n);

	return result == STORE_OK && n >= STORE_BLOBS_MAX ? STORE_NONE : result;
}

enum store_result
store_sqlite_keep(struct store *store, const struct store_blob *blob,
    int64_t now_ms, bool *is_new)
{
	struct buf kept = {0};
	enum store_result result;

	*is_new = false;
	if (!store->batch)
		return store_sqlite_no_batch(store);
	if (!store_blob_fits(blob))
		return store_sqlite_end(store, STORE_NONE);
	result = store_sqlite_kept(store, blob->name, &kept);
	buf_clear(&kept);
	if (result != STORE_NONE)
		return store_sqlite_end(store, result);
	result = count(store);
	if (result == STORE_OK)
		result = sql_run(sql_bind(&store->sql, SQL_BLOB_INSERT, "tbi",
		    blob->name, blob->p, blob->len, now_ms));
	*is_new = result == STORE_OK;
	return store_sqlite_end(store, result);
}

enum store_result
store_sqlite_unkeep(struct store *store, const char *name)
{
	struct buf kept = {0};
	enum store_result result;

	if (!store->batch)
		return store_sqlite_no_batch(store);
	result = store_sqlite_kept(store, name, &kept);
	buf_clear(&kept);
	if (result == STORE_OK)
		result =
		    sql_run(sql_bind(&store->sql, SQL_BLOB_DELETE, "t", name));
	return store_sqlite_end(store, result);
}
