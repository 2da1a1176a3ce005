/*
 * store_sqlite_log - SQLite's log, written a batch at a time
 *
 * SQLite writes each page of a commit to its write-ahead log by two calls of
 * pwrite(2).  This VFS (sqlite.org/vfs.html) hands everything to the default
 * one, but joins what goes to the end of the log and writes it before the sync:
 * one call a commit, up to STORE_SQLITE_LOG_BYTES.  Whatever was not synced
 * was never promised, so nothing is lost that a crash would not have taken.  A
 * write that fails shows at the sync.
 */

#ifndef WORKER_STORE_SQLITE_LOG_H
#define WORKER_STORE_SQLITE_LOG_H

/* SQLite's own VFS for Unix takes no more than 128 KiB less one in a call. */
enum { STORE_SQLITE_LOG_BYTES = 120 << 10 };

/* Register it over the default VFS of the moment; its name for
 * sqlite3_open_v2(), or NULL when SQLite refuses. */
const char *store_sqlite_log_vfs(void);

#endif
