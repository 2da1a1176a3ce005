/* What the store knows of the journal beside it: meta rows "journal_…". */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>

#include "store_sqlite.h"

/* Which store it is: a copy of it is the same, a new one another. */
static const char whose[] = "journal_store";
static const char upto_name[] = "journal_upto";

static enum store_result
get(struct store *store, const char *name, uint64_t *number)
{
	int64_t value = 0;
	enum store_result result =
	    sql_value(sql_bind(&store->sql, SQL_META_GET, "t", name), &value);

	*number = (uint64_t)value;
	return result;
}

static enum store_result
set(struct store *store, const char *name, uint64_t number)
{
	return sql_run(
	    sql_bind(&store->sql, SQL_META_SET, "ti", name, (int64_t)number));
}

static enum store_result
begin_new(struct store *store)
{
	unsigned char bytes[sizeof store->journal_store - 1];

	if (RAND_bytes(bytes, sizeof bytes) != 1)
		return STORE_FULL;
	memcpy(&store->journal_store, bytes, sizeof bytes);
	return set(store, whose, store->journal_store);
}

enum store_result
store_sqlite_journal_load(struct store *store)
{
	const char *path = store_sqlite_file_path(store->file);
	enum store_result result = get(store, whose, &store->journal_store);

	if (asprintf(&store->journal_path, "%s-intake", path) < 0)
		return STORE_FULL;
	if (result == STORE_NONE)
		result = begin_new(store);
	if (result == STORE_OK)
		result = get(store, upto_name, &store->journal_upto);
	return result == STORE_NONE ? STORE_OK : result;
}

void
store_sqlite_journal(struct store *store, struct store_journal *journal)
{
	*journal = (struct store_journal){.path = store->journal_path,
	    .store = store->journal_store,
	    .upto = store->journal_upto};
}

enum store_result
store_sqlite_journaled(struct store *store, uint64_t upto)
{
	if (!store->batch)
		return store_sqlite_no_batch(store);
	return store_sqlite_end(store, set(store, upto_name, upto));
}

struct known *
store_sqlite_known(struct store *store)
{
	return store->known;
}
