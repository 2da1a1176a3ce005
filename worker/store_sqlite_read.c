#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "../shared/clock.h"
#include "../shared/log.h"
#include "attempts.h"
#include "store_sqlite.h"

enum {
	FIND_IDS = 20000, /* newest events whose ids find() compares */
	BODY_COLUMN = 18,
};

/* Text columns of SQL_EVENT_HEAD, which come in this order from 3 on. */
static const size_t text_columns[] = {
    offsetof(struct event, source),
    offsetof(struct event, key),
    offsetof(struct event, type),
    offsetof(struct event, remote),
    offsetof(struct event, method),
    offsetof(struct event, path),
    offsetof(struct event, query),
    offsetof(struct event, content_type),
    offsetof(struct event, headers),
    offsetof(struct event, scheme),
};

static bool
blob_at(sqlite3_stmt *row, int column, uint8_t *out, int len)
{
	if (sqlite3_column_bytes(row, column) != len)
		return false;
	memcpy(out, sqlite3_column_blob(row, column), (size_t)len);
	return true;
}

static bool
read_body(struct store *store, sqlite3_stmt *row, struct event *event)
{
	uint8_t sha256[EVENT_SHA256_LEN];

	event->body = sqlite3_column_blob(row, BODY_COLUMN);
	event->body_len = (size_t)sqlite3_column_bytes(row, BODY_COLUMN);
	if (event->body == NULL)
		event->body = "";
	if (event->body_len != (size_t)sqlite3_column_int64(row, 16))
		return false;
	return keys_sha256(
		   store->hasher, event->body, event->body_len, sha256) == 0 &&
	       memcmp(sha256, event->sha256, sizeof sha256) == 0;
}

bool
store_sqlite_event(
    struct store *store, sqlite3_stmt *row, struct event *event, bool body)
{
	char id[EVENT_ID_TEXT_SIZE];
	bool whole = true;

	*event = (struct event){
	    .received_at_ms = sqlite3_column_int64(row, 2),
	    .dedup = (enum event_dedup)sqlite3_column_int(row, 13),
	    .probe = (sqlite3_column_int(row, 14) & 1) != 0,
	    .flags = (unsigned)sqlite3_column_int(row, 14) >> 1,
	    .body_len = (size_t)sqlite3_column_int64(row, 16),
	};
	whole = blob_at(row, 1, event->id, EVENT_ID_LEN) &&
		blob_at(row, 15, event->sha256, EVENT_SHA256_LEN);
	for (size_t i = 0; i < sizeof text_columns / sizeof *text_columns;
	     i++) {
		const char *text =
		    (const char *)sqlite3_column_text(row, 3 + (int)i);

		whole = whole && text != NULL;
		*(const char **)(void *)((char *)event + text_columns[i]) =
		    text != NULL ? text : "";
	}
	if (body)
		whole = read_body(store, row, event) && whole;
	if (!whole) {
		event_id_format(event->id, id);
		log_error("event_damaged", log_str("id", id),
		    log_int("seq", sqlite3_column_int64(row, 0)),
		    log_str("hint", "check the disk"));
	}
	return whole;
}

void
store_sqlite_event_missing(int64_t seq)
{
	log_error("event_missing", log_int("seq", seq),
	    log_str("hint", "the store is damaged; check the disk"));
}

enum store_result
store_sqlite_event_copy(
    struct store *store, int64_t seq, struct event **out, bool *damaged)
{
	sqlite3_stmt *row = sql_bind(&store->sql, SQL_EVENT_GET, "i", seq);
	enum store_result result;
	struct event event;

	if (!sql_row(row, &result)) {
		if (result != STORE_OK)
			return result;
		store_sqlite_event_missing(seq);
		return STORE_NONE;
	}
	*damaged = !store_sqlite_event(store, row, &event, true);
	*out = event_copy(&event);
	sqlite3_reset(row);
	return *out != NULL ? STORE_OK : STORE_FULL;
}

/* -- events that wait for the routing step -- */

enum store_result
store_sqlite_unrouted(struct store *store, struct store_unrouted *page)
{
	enum store_result result = store_sqlite_list_todo(store, page);
	unsigned listed = page->found;
	size_t bytes = 0;
	bool damaged;

	page->found = 0;
	for (unsigned i = 0; i < listed && bytes < STORE_READ_BYTES; i++) {
		struct event *event = NULL;

		if (result == STORE_OK)
			result = store_sqlite_event_copy(
			    store, page->seqs[i], &event, &damaged);
		if (result == STORE_NONE) {
			result = STORE_OK;
			continue;
		}
		if (result != STORE_OK)
			break;
		bytes += event_size(event);
		page->seqs[page->found] = page->seqs[i];
		page->events[page->found++] = event;
	}
	if (result == STORE_OK)
		return STORE_OK;
	while (page->found > 0)
		event_free(page->events[--page->found]);
	return result;
}

/* -- one event -- */

struct outputs {
	struct store *store;
	struct store_sqlite_key key;
	enum store_result result;
};

/* The statement stands on its row until the next call or the caller's reset. */
static const char *
find_output(void *arg, int64_t at_ms, size_t *len)
{
	struct outputs *o = arg;
	sqlite3_stmt *row;

	sqlite3_reset(o->store->sql.statements[SQL_OUTPUT_GET]);
	row = sql_bind(&o->store->sql, SQL_OUTPUT_GET, "iiii", o->key.seq,
	    o->key.route, o->key.replay, at_ms);
	if (o->result != STORE_OK || !sql_row(row, &o->result))
		return NULL;
	*len = (size_t)sqlite3_column_bytes(row, 0);
	return sqlite3_column_blob(row, 0);
}

static enum store_result
tell_delivery(struct store *store, sqlite3_stmt *s, struct store_row *row,
    store_row_fn *fn, void *arg)
{
	struct buf attempts = {0};
	struct outputs outputs = {
	    .store = store,
	    .key = {row->seq, sqlite3_column_int64(s, 1),
		sqlite3_column_int64(s, 2)},
	};
	int bad;

	bad = attempts_merge(&attempts, (const char *)sqlite3_column_text(s, 8),
	    find_output, &outputs);
	sqlite3_reset(store->sql.statements[SQL_OUTPUT_GET]);
	if (bad != 0)
		outputs.result = STORE_FULL;
	row->route = store_sqlite_route_name(store, outputs.key.route);
	row->replay = (uint32_t)outputs.key.replay;
	row->state = (enum delivery_state)sqlite3_column_int(s, 3);
	row->attempts = (uint32_t)sqlite3_column_int64(s, 4);
	row->due_ms = sqlite3_column_int64(s, 5);
	row->died_at_ms = sqlite3_column_int64(s, 6);
	row->reason = (const char *)sqlite3_column_text(s, 7);
	row->attempts_json = buf_str(&attempts);
	if (outputs.result == STORE_OK)
		fn(arg, row);
	buf_clear(&attempts);
	return outputs.result;
}

static enum store_result
tell_deliveries(
    struct store *store, struct store_row *row, store_row_fn *fn, void *arg)
{
	sqlite3_stmt *s = sql_bind(&store->sql, SQL_DELIVERY_OF, "i", row->seq);
	enum store_result result, told = STORE_OK;
	bool any = false;

	while (sql_row(s, &result)) {
		any = true;
		told = tell_delivery(store, s, row, fn, arg);
		if (told == STORE_OK)
			continue;
		sqlite3_reset(s);
		return told;
	}
	if (result == STORE_OK && !any)
		fn(arg, row);
	return result;
}

enum store_result
store_sqlite_show(struct store *store, const uint8_t id[EVENT_ID_LEN],
    store_row_fn *fn, void *arg)
{
	struct store_row row = {0};
	struct event *event = NULL;
	bool damaged, todo;
	enum store_result result;

	result = sql_value(sql_bind(&store->sql, SQL_EVENT_SEQ, "b",
			       (const void *)id, (size_t)EVENT_ID_LEN),
	    &row.seq);
	if (result == STORE_OK)
		result =
		    store_sqlite_event_copy(store, row.seq, &event, &damaged);
	if (result == STORE_OK)
		result = store_sqlite_is_todo(store, row.seq, &todo);
	if (result == STORE_OK) {
		row.event = event;
		row.routed = !todo;
		result = tell_deliveries(store, &row, fn, arg);
	}
	event_free(event);
	return result;
}

/* -- by a part of the id -- */

/* The range of ids whose text begins with `part`: false when it is none. */
static bool
prefix_range(
    const char *part, uint8_t low[EVENT_ID_LEN], uint8_t high[EVENT_ID_LEN])
{
	static const char lowest[] = "00000000-0000-0000-0000-000000000000";
	static const char highest[] = "ffffffff-ffff-ffff-ffff-ffffffffffff";
	size_t len = strlen(part);
	char text[EVENT_ID_TEXT_SIZE];

	if (len >= sizeof text)
		return false;
	for (size_t i = 0; i < len; i++) {
		if ((part[i] == '-') != (lowest[i] == '-') ||
		    (part[i] != '-' && !isxdigit((unsigned char)part[i])))
			return false;
	}
	memcpy(text, part, len);
	memcpy(text + len, lowest + len, sizeof text - len);
	if (event_id_parse(text, low) != 0)
		return false;
	memcpy(text + len, highest + len, sizeof text - len);
	return event_id_parse(text, high) == 0;
}

static enum store_result
find_prefix(struct store *store, const char *part, uint8_t ids[2][EVENT_ID_LEN],
    unsigned *found)
{
	uint8_t low[EVENT_ID_LEN], high[EVENT_ID_LEN];
	enum store_result result;
	sqlite3_stmt *row;

	if (!prefix_range(part, low, high))
		return STORE_OK;
	row = sql_bind(&store->sql, SQL_EVENT_PREFIX, "bb", (const void *)low,
	    (size_t)EVENT_ID_LEN, (const void *)high, (size_t)EVENT_ID_LEN);
	while (sql_row(row, &result)) {
		if (*found < 2 && blob_at(row, 0, ids[*found], EVENT_ID_LEN))
			++*found;
	}
	return result;
}

enum store_result
store_sqlite_find(struct store *store, const char *part,
    uint8_t ids[2][EVENT_ID_LEN], unsigned *found)
{
	const int64_t end = clock_boot_us() + STORE_SQLITE_BUDGET_US;
	char text[EVENT_ID_TEXT_SIZE];
	uint8_t id[EVENT_ID_LEN];
	enum store_result result;
	sqlite3_stmt *row;

	*found = 0;
	result = find_prefix(store, part, ids, found);
	if (result != STORE_OK || *found > 0)
		return result;
	row = sql_bind(&store->sql, SQL_EVENT_IDS, "i", (int64_t)FIND_IDS);
	while (*found < 2 && clock_boot_us() < end && sql_row(row, &result)) {
		if (!blob_at(row, 0, id, EVENT_ID_LEN))
			continue;
		event_id_format(id, text);
		if (strstr(text, part) != NULL)
			memcpy(ids[(*found)++], id, EVENT_ID_LEN);
	}
	sqlite3_reset(row);
	return result;
}
