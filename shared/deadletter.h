/*
 * deadletter - the file a given-up delivery becomes
 *
 * DIRECTORY/YYYY-MM-DD/EVENTID.ROUTE.REPLAY.dead, mode 0640: one line of JSON
 * (docs/DESIGN.md lists its members), a newline, then the raw body.
 * Names never hold text of a provider.  A replayed one moves to
 * DIRECTORY/replayed/.  Links below DIRECTORY are not followed.
 */

#ifndef SHARED_DEADLETTER_H
#define SHARED_DEADLETTER_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "event.h"

enum {
	DEADLETTER_FORMAT = 1,
	DEADLETTER_NAME_MAX = 160,
	DEADLETTER_DAY_SIZE = 11, /* 2026-11-22 and a NUL */
};

#define DEADLETTER_SUFFIX   ".dead"
#define DEADLETTER_TEMP     ".tmp-" /* temporary files begin with it */
#define DEADLETTER_REPLAYED "replayed"

struct deadletter {
	const struct event *event;
	const char *route;
	uint32_t replay;
	const char *worker;
	const char *reason;   /* expired, final, attempts, filter_error, … */
	const char *attempts; /* JSON array of {at, ms, outcome, detail} */
	const char *deliver; /* what was tried: argv, or URL without userinfo */
	int64_t died_at_ms;
};

/* The file's name below the directory: "2026-11-22/ID.ROUTE.0.dead". */
void
deadletter_name(const struct deadletter *letter, char out[DEADLETTER_NAME_MAX]);

/* How a write ended. */
enum deadletter_result {
	DEADLETTER_WRITTEN,
	DEADLETTER_FULL,   /* no room; not logged */
	DEADLETTER_FAILED, /* logged */
};

/*
 * Write it: temporary name, sync, rename, sync of the directories.  A file of
 * that name that is complete already (same hash) is done.  `group` is -1 to
 * leave it.  After anything but WRITTEN at most a temporary file is left.  The
 * directory itself is made if only it is missing.
 */
enum deadletter_result deadletter_write(
    const char *directory, gid_t group, const struct deadletter *letter);

/* Bytes the file of a letter takes, about. */
int64_t deadletter_size(const struct deadletter *letter);

/* Remove temporary files an earlier process left.  0, or -1 with errno. */
int deadletter_sweep(const char *directory);

/* Whether a name is that of a day's folder, or of a dead letter. */
bool deadletter_is_day(const char *name);
bool deadletter_is_letter(const char *name);

/*
 * Read a file: *head is its first line (a new reference); *body and *body_len
 * its bytes, malloc()ed.  Checks length and hash.  0, or -1 with a sentence in
 * `error`.
 */
int deadletter_read(const char *path, json_t **head, void **body,
    size_t *body_len, char error[256]);

/* Called with the path of each dead letter, oldest day first, in a day in the
 * order of the names; a return of non-zero stops the walk and is returned.
 * 0, or -1 with errno when something could not be read. */
typedef int deadletter_fn(void *arg, const char *path);
int deadletter_each(const char *directory, deadletter_fn *fn, void *arg);

/* Move a replayed file to DIRECTORY/replayed/.  0 or -1, logged. */
int deadletter_retire(const char *directory, const char *path);

#endif
