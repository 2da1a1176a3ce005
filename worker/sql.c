#include "sql.h"

#include <stdarg.h>
#include <string.h>

#include "../shared/clock.h"
#include "../shared/log.h"

/* No IN: SQLite builds a table for its list each time the statement runs, and
 * for that of an index each time a row changes. */

/* docs/DESIGN.md explains the tables.  Times are wall milliseconds, `aged` is
 * the store's own clock (store_sqlite.h). */
static const char schema[] =
    "CREATE TABLE meta(name TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    "CREATE TABLE event("
    "  seq INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE,"
    "  received_at INTEGER NOT NULL, stored_at INTEGER NOT NULL,"
    "  aged INTEGER NOT NULL, source TEXT NOT NULL, key TEXT NOT NULL,"
    "  type TEXT NOT NULL, remote TEXT NOT NULL, method TEXT NOT NULL,"
    "  path TEXT NOT NULL, query TEXT NOT NULL, content_type TEXT NOT NULL,"
    "  headers TEXT NOT NULL, scheme TEXT NOT NULL, dedup INTEGER NOT NULL,"
    /* probe: bit 0, and the flags of event.h behind it */
    "  probe INTEGER NOT NULL, sha256 BLOB NOT NULL,"
    "  body_len INTEGER NOT NULL, body BLOB NOT NULL);"
    /* Events not routed yet, beside those behind the last routed one;
     * filtered: only routes with a filter are left. */
    "CREATE TABLE todo(filtered INTEGER NOT NULL, seq INTEGER NOT NULL,"
    "  due INTEGER NOT NULL, PRIMARY KEY(filtered, seq)) WITHOUT ROWID;"
    "CREATE TABLE unmatched(seq INTEGER PRIMARY KEY, due INTEGER NOT NULL,"
    "  aged INTEGER NOT NULL);"
    "CREATE TABLE route(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
    "  paused_at INTEGER NOT NULL DEFAULT 0,"
    "  paused_ms INTEGER NOT NULL DEFAULT 0);"
    "CREATE TABLE count(route INTEGER NOT NULL, state INTEGER NOT NULL,"
    "  n INTEGER NOT NULL, PRIMARY KEY(route, state)) WITHOUT ROWID;"
    /* open: 1 until the delivery has ended; `paused_ms` is the route's at the
     * first attempt. */
    "CREATE TABLE delivery("
    "  event INTEGER NOT NULL, route INTEGER NOT NULL,"
    "  replay INTEGER NOT NULL, state INTEGER NOT NULL,"
    "  open INTEGER NOT NULL, due INTEGER NOT NULL,"
    "  attempt INTEGER NOT NULL, first_at INTEGER NOT NULL,"
    "  paused_ms INTEGER NOT NULL, died_at INTEGER NOT NULL,"
    "  aged INTEGER NOT NULL, reason TEXT, attempts TEXT,"
    "  PRIMARY KEY(event, route, replay)) WITHOUT ROWID;"
    "CREATE INDEX delivery_due ON delivery(route, due)"
    "  WHERE state = 0 OR state = 2;"
    "CREATE INDEX delivery_open ON delivery(route, event) WHERE open = 1;"
    "CREATE INDEX delivery_kept ON delivery(state, event)"
    "  WHERE state = 1 OR state = 3 OR state > 4;"
    "CREATE TABLE output(event INTEGER NOT NULL, route INTEGER NOT NULL,"
    "  replay INTEGER NOT NULL, at INTEGER NOT NULL, output BLOB NOT NULL,"
    "  PRIMARY KEY(event, route, replay, at)) WITHOUT ROWID;"
    /* One table keys_YYYYMMDD for each row: days since 1970. */
    "CREATE TABLE day(day INTEGER PRIMARY KEY, n INTEGER NOT NULL);";

/* Steps that were released stay as they are. */
const char *const sql_steps[SQL_VERSION] = {
    [0] = schema,
    [1] = "CREATE TABLE tally(hour INTEGER NOT NULL, kind INTEGER NOT NULL,"
	  "  name TEXT NOT NULL, n INTEGER NOT NULL,"
	  "  PRIMARY KEY(hour, kind, name)) WITHOUT ROWID;",
    [2] = "CREATE TABLE blob(name TEXT PRIMARY KEY, bytes BLOB NOT NULL,"
	  "  kept_at INTEGER NOT NULL) WITHOUT ROWID;",
    /* The format of keys_ tables from the next day on: store_sqlite_keys.c. */
    [3] = "INSERT OR REPLACE INTO meta(name, value) SELECT 'both_until', day "
	  "FROM day"
	  "  ORDER BY day DESC LIMIT 1;",
    /* Keys of the last day that are not in its table yet. */
    [4] = "CREATE TABLE recent(n INTEGER PRIMARY KEY, k BLOB NOT NULL,"
	  "  id BLOB NOT NULL);",
};

#define EVENT_HEAD                                                             \
	"seq, id, received_at, source, key, type, remote, method, path, "      \
	"query, content_type, headers, scheme, dedup, probe, sha256, "         \
	"body_len, stored_at"
#define ONE_DELIVERY " WHERE event = ?1 AND route = ?2 AND replay = ?3"
#define ROW_COLUMNS  "event, route, replay, state"
#define DUE_STATES   "(state = 0 OR state = 2)"
#define KEPT_STATES  "(state = 1 OR state = 3 OR state > 4)"

static const char *const texts[SQL__MAX] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
    [SQL_META_GET] = "SELECT value FROM meta WHERE name = ?1",
    [SQL_META_SET] = "INSERT OR REPLACE INTO meta(name, value) VALUES(?1, ?2)",
    [SQL_FREE_PAGES] = "PRAGMA freelist_count",
    [SQL_ALL_PAGES] = "PRAGMA page_count",
    [SQL_VACUUM] = "PRAGMA incremental_vacuum(64)",

    [SQL_EVENT_INSERT] =
	"INSERT INTO event VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, "
	"?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20) "
	"ON CONFLICT(id) DO NOTHING",
    [SQL_EVENT_GET] = "SELECT " EVENT_HEAD ", body FROM event WHERE seq = ?1",
    [SQL_EVENT_HEAD] = "SELECT " EVENT_HEAD " FROM event WHERE seq = ?1",
    [SQL_EVENT_SEQ] = "SELECT seq FROM event WHERE id = ?1",
    [SQL_EVENT_LAST] = "SELECT max(seq) FROM event",
    [SQL_EVENT_AGED] =
	"SELECT seq, aged FROM event WHERE seq >= ?1 ORDER BY seq LIMIT 1",
    [SQL_EVENT_DELETE] = "DELETE FROM event WHERE seq = ?1",
    [SQL_EVENT_PREFIX] = "SELECT id FROM event WHERE id >= ?1 AND id <= ?2 "
			 "ORDER BY id LIMIT 2",
    [SQL_EVENT_IDS] = "SELECT id FROM event ORDER BY id DESC LIMIT ?1",
    [SQL_EVENT_RECEIVED] = "SELECT received_at FROM event WHERE seq = ?1",

    [SQL_EVENT_STORED] = "SELECT stored_at FROM event WHERE seq = ?1",
    [SQL_EVENT_BEHIND] =
	"SELECT seq FROM event WHERE seq > ?1 ORDER BY seq LIMIT ?2",

    [SQL_EVENT_BODIES] = "SELECT seq, aged, source, sha256, dedup FROM event "
			 "WHERE seq < ?1 ORDER BY seq DESC LIMIT ?2",

    [SQL_TODO_PASSED] = "INSERT INTO todo(filtered, seq, due) "
			"SELECT 0, seq, stored_at FROM event "
			"WHERE seq > ?1 AND seq < ?2",
    [SQL_TODO_INSERT] =
	"INSERT OR REPLACE INTO todo(filtered, seq, due) VALUES(?1, ?2, ?3)",
    [SQL_TODO_GET] =
	"SELECT filtered, due FROM todo WHERE filtered = 0 AND seq = ?1 "
	"UNION ALL "
	"SELECT filtered, due FROM todo WHERE filtered = 1 AND seq = ?1",
    [SQL_TODO_DELETE] = "DELETE FROM todo WHERE filtered = ?1 AND seq = ?2",
    [SQL_TODO_LIST] = "SELECT seq FROM todo WHERE filtered = ?1 AND seq > ?2 "
		      "ORDER BY seq LIMIT ?3",
    [SQL_UNMATCHED_INSERT] = "INSERT OR REPLACE INTO unmatched(seq, due, aged) "
			     "SELECT seq, ?2, aged FROM event WHERE seq = ?1",
    [SQL_UNMATCHED_DELETE] = "DELETE FROM unmatched WHERE seq = ?1",
    [SQL_UNMATCHED_LIST] = "SELECT seq, due, aged FROM unmatched "
			   "WHERE seq > ?1 AND aged > ?2 ORDER BY seq LIMIT ?3",
    [SQL_UNMATCHED_OLD] =
	"SELECT seq FROM unmatched WHERE aged <= ?1 ORDER BY seq LIMIT ?2",

    [SQL_ROUTE_INSERT] = "INSERT INTO route(id, name) VALUES(?1, ?2)",
    [SQL_ROUTE_LIST] =
	"SELECT id, name, paused_at, paused_ms FROM route ORDER BY id",
    [SQL_ROUTE_PAUSE] =
	"UPDATE route SET paused_at = ?2, paused_ms = ?3 WHERE id = ?1",
    [SQL_COUNT_LIST] = "SELECT route, state, n FROM count",
    [SQL_COUNT_SET] =
	"INSERT OR REPLACE INTO count(route, state, n) VALUES(?1, ?2, ?3)",

    [SQL_DELIVERY_INSERT] =
	"INSERT OR IGNORE INTO delivery(event, route, replay, state, open, due,"
	" attempt, first_at, paused_ms, died_at, aged, reason, attempts) "
	"VALUES(?1, ?2, ?3, ?4, 1, ?5, 0, 0, 0, ?6, 0, ?7, ?8)",
    [SQL_DELIVERY_GET] = "SELECT state, due, attempt, first_at, paused_ms, "
			 "died_at, reason, attempts FROM delivery" ONE_DELIVERY,
    [SQL_DELIVERY_ANY] = "SELECT 1 FROM delivery WHERE event = ?1 LIMIT 1",
    [SQL_DELIVERY_OF] =
	"SELECT " ROW_COLUMNS ", attempt, due, died_at, reason, attempts "
	"FROM delivery WHERE event = ?1 ORDER BY route, replay",
    [SQL_DELIVERY_NEWEST] =
	"SELECT route, replay, state, first_at, died_at FROM delivery "
	"WHERE event = ?1 ORDER BY route, replay",
    /* With all that a claim needs: one statement for all it takes. */
    [SQL_DELIVERY_DUE] =
	"SELECT " EVENT_HEAD ", body, event, replay, state, attempt, "
	"first_at, paused_ms, reason, attempts "
	"FROM delivery LEFT JOIN event ON seq = event "
	"WHERE route = ?1 AND due BETWEEN ?2 AND ?3 AND " DUE_STATES
	" ORDER BY due, event, replay LIMIT ?4",
    [SQL_DELIVERY_NEXT] =
	"SELECT due FROM delivery WHERE route = ?1 AND " DUE_STATES
	" ORDER BY due LIMIT 1",
    [SQL_DELIVERY_OPEN] =
	"SELECT event, replay FROM delivery WHERE route = ?1 AND open = 1 "
	"AND state <> 3 ORDER BY event, replay LIMIT ?2",
    [SQL_DELIVERY_OLDEST] = "SELECT event FROM delivery WHERE route = ?1 "
			    "AND open = 1 ORDER BY event LIMIT 1",
    [SQL_DELIVERY_KEPT] = "SELECT event, route, replay FROM delivery "
			  "WHERE state = ?1 AND " KEPT_STATES
			  " ORDER BY event, route, replay LIMIT ?2",
    [SQL_DELIVERY_CLAIM] =
	"UPDATE delivery SET state = 1, due = ?4, attempt = ?5, first_at = ?6, "
	"paused_ms = ?7" ONE_DELIVERY,
    [SQL_DELIVERY_END] =
	"UPDATE delivery SET state = ?4, open = ?5, due = ?6, attempt = ?7, "
	"first_at = ?8, died_at = ?9, aged = ?10, reason = ?11, "
	"attempts = ?12" ONE_DELIVERY,
    /* What ends well at once, most often: the row need not be read. */
    [SQL_DELIVERY_OK] =
	"UPDATE delivery SET state = 4, open = 0, aged = ?4, reason = NULL, "
	"attempts = ?5" ONE_DELIVERY " AND state = 1 AND attempts IS NULL",
    [SQL_DELIVERY_AGED] =
	"SELECT event, route, state, open, aged FROM delivery "
	"WHERE event > ?1 AND event <= ?2 ORDER BY event LIMIT ?3",
    [SQL_DELIVERY_DELETE] = "DELETE FROM delivery WHERE event = ?1",
    [SQL_OUTPUT_INSERT] =
	"INSERT OR REPLACE INTO output(event, route, replay, at, output) "
	"VALUES(?1, ?2, ?3, ?4, ?5)",
    [SQL_OUTPUT_TRIM] = "DELETE FROM output" ONE_DELIVERY
			" AND at <= (SELECT at FROM output" ONE_DELIVERY
			" ORDER BY at DESC LIMIT 1 OFFSET 10)",
    [SQL_OUTPUT_GET] = "SELECT output FROM output" ONE_DELIVERY " AND at = ?4",
    [SQL_OUTPUT_DELETE] = "DELETE FROM output WHERE event = ?1",

    [SQL_DAY_LIST] = "SELECT day, n FROM day ORDER BY day",
    [SQL_DAY_INSERT] = "INSERT INTO day(day, n) VALUES(?1, 0)",
    [SQL_DAY_COUNT] = "UPDATE day SET n = ?2 WHERE day = ?1",
    [SQL_DAY_DELETE] = "DELETE FROM day WHERE day = ?1",
    [SQL_RECENT_LIST] = "SELECT n, k, id FROM recent",
    [SQL_RECENT_INSERT] = "INSERT INTO recent(k, id) VALUES(?1, ?2)",
    [SQL_RECENT_DELETE] = "DELETE FROM recent WHERE n = ?1",
    [SQL_RECENT_CLEAR] = "DELETE FROM recent",

    [SQL_TALLY_ADD] = "INSERT INTO tally(hour, kind, name, n) "
		      "VALUES(?1, ?2, ?3, ?4) "
		      "ON CONFLICT DO UPDATE SET n = n + excluded.n",
    [SQL_TALLY_LIST] = "SELECT hour, kind, name, n FROM tally WHERE hour >= ?1",
    [SQL_TALLY_OLDEST] = "SELECT hour, kind FROM tally WHERE hour < ?1 "
			 "ORDER BY hour, kind LIMIT 1",
    [SQL_TALLY_DELETE] = "DELETE FROM tally WHERE hour = ?1 AND kind = ?2",

    [SQL_BLOB_INSERT] = "INSERT INTO blob(name, bytes, kept_at) "
			"VALUES(?1, ?2, ?3)",
    [SQL_BLOB_GET] = "SELECT bytes FROM blob WHERE name = ?1",
    [SQL_BLOB_COUNT] = "SELECT count(*) FROM blob",
    [SQL_BLOB_DELETE] = "DELETE FROM blob WHERE name = ?1",

    /* ?1 cursor, ?2 state or route.  Columns: event, route, state. */
    [SQL_WALK_EVENT] = "SELECT seq FROM event WHERE seq < ?1 AND ?2 = ?2 "
		       "ORDER BY seq DESC",
    [SQL_WALK_EVENT_UP] = "SELECT seq FROM event WHERE seq > ?1 AND ?2 = ?2 "
			  "ORDER BY seq",
    [SQL_WALK_UNMATCHED] = "SELECT seq FROM unmatched WHERE seq < ?1 "
			   "AND ?2 = ?2 ORDER BY seq DESC",
    [SQL_WALK_UNMATCHED_UP] = "SELECT seq FROM unmatched WHERE seq > ?1 "
			      "AND ?2 = ?2 ORDER BY seq",
    [SQL_WALK_KEPT] = "SELECT event, route, state FROM delivery "
		      "WHERE event < ?1 AND state = ?2 AND " KEPT_STATES
		      " ORDER BY event DESC",
    [SQL_WALK_KEPT_UP] =
	"SELECT event, route, state FROM delivery "
	"WHERE event > ?1 AND state = ?2 AND " KEPT_STATES " ORDER BY event",
    [SQL_WALK_OPEN] = "SELECT event, route, state FROM delivery "
		      "WHERE event < ?1 AND route = ?2 AND open = 1 "
		      "ORDER BY event DESC",
    [SQL_WALK_OPEN_UP] = "SELECT event, route, state FROM delivery "
			 "WHERE event > ?1 AND route = ?2 AND open = 1 "
			 "ORDER BY event",
    [SQL_WALK_ALL] = "SELECT event, route, state FROM delivery "
		     "WHERE event < ?1 AND ?2 = ?2 ORDER BY event DESC",
    [SQL_WALK_ALL_UP] = "SELECT event, route, state FROM delivery "
			"WHERE event > ?1 AND ?2 = ?2 ORDER BY event",
};

int
sql_open(struct sql *sql, sqlite3 *db)
{
	*sql = (struct sql){.db = db};
	for (int i = 0; i < SQL__MAX; i++) {
		int rc = sqlite3_prepare_v3(db, texts[i], -1,
		    SQLITE_PREPARE_PERSISTENT, &sql->statements[i], NULL);

		if (rc != SQLITE_OK) {
			log_error("store_prepare", log_str("sql", texts[i]),
			    log_str("error", sqlite3_errmsg(db)));
			sql_close(sql);
			return -1;
		}
	}
	return 0;
}

void
sql_close(struct sql *sql)
{
	for (int i = 0; i < SQL__MAX; i++) {
		sqlite3_finalize(sql->statements[i]);
		sql->statements[i] = NULL;
	}
}

int
sql_exec(sqlite3 *db, const char *text)
{
	return sqlite3_exec(db, text, NULL, NULL, NULL);
}

sqlite3_stmt *
sql_bind(struct sql *sql, enum sql_id id, const char *types, ...)
{
	sqlite3_stmt *statement = sql->statements[id];
	const void *p;
	va_list ap;

	/* Binding fails only for values of over 1 GB, refused long before. */
	va_start(ap, types);
	for (int i = 0; types[i] != '\0'; i++) {
		switch (types[i]) {
		case 'i':
			sqlite3_bind_int64(
			    statement, i + 1, va_arg(ap, int64_t));
			break;
		case 't':
			sqlite3_bind_text(statement, i + 1,
			    va_arg(ap, const char *), -1, SQLITE_STATIC);
			break;
		default:
			/* An empty blob is no null. */
			p = va_arg(ap, const void *);
			sqlite3_bind_blob64(statement, i + 1,
			    p != NULL ? p : "", va_arg(ap, size_t),
			    SQLITE_STATIC);
			break;
		}
	}
	va_end(ap);
	return statement;
}

/* A full disk says so for as long as it is full. */
static void
log_full(sqlite3 *db, int rc)
{
	static struct log_limit limit;
	unsigned suppressed;

	if (log_allow(&limit, LOG_LINES, clock_boot_ms(), &suppressed))
		log_error("store_full", log_str("error", sqlite3_errmsg(db)),
		    log_int("code", rc), log_suppressed(suppressed));
}

enum store_result
sql_result(sqlite3 *db, int rc)
{
	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return STORE_OK;
	case SQLITE_FULL:
	case SQLITE_NOMEM:
	case SQLITE_TOOBIG:
		log_full(db, rc);
		return STORE_FULL;
	default:
		log_error("store_failed", log_str("error", sqlite3_errmsg(db)),
		    log_int("code", rc),
		    log_int("errno", sqlite3_system_errno(db)));
		return STORE_BROKEN;
	}
}

bool
sql_row(sqlite3_stmt *statement, enum store_result *result)
{
	int rc = sqlite3_step(statement);

	if (rc == SQLITE_ROW) {
		*result = STORE_OK;
		return true;
	}
	*result = sql_result(sqlite3_db_handle(statement), rc);
	sqlite3_reset(statement);
	return false;
}

enum store_result
sql_run(sqlite3_stmt *statement)
{
	enum store_result result;

	while (sql_row(statement, &result))
		continue;
	return result;
}

enum store_result
sql_value(sqlite3_stmt *statement, int64_t *value)
{
	enum store_result result;

	if (!sql_row(statement, &result))
		return result == STORE_OK ? STORE_NONE : result;
	if (sqlite3_column_type(statement, 0) == SQLITE_NULL)
		result = STORE_NONE;
	else
		*value = sqlite3_column_int64(statement, 0);
	sqlite3_reset(statement);
	return result;
}
