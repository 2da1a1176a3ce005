/*
 * deadletter - the file a given-up delivery becomes
 *
 * DIRECTORY/YYYY-MM-DD/EVENTID.ROUTE.REPLAY.dead, mode 0640: one line of JSON
 * (docs/DESIGN.md lists its members), a newline, then the raw body.
 * Names never hold text of a provider.
 */

#ifndef SHARED_DEADLETTER_H
#define SHARED_DEADLETTER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <jansson.h>

#include "event.h"

enum { DEADLETTER_FORMAT = 1, DEADLETTER_NAME_MAX = 160 };

struct deadletter {
	const struct event *event;
	const char *route;
	uint32_t replay;
	const char *worker;
	const char *reason;   /* expired, final, attempts, filter_error, … */
	const char *attempts; /* JSON array of {at, ms, outcome, detail} */
	const char *deliver;  /* what was tried: argv, or URL without userinfo */
	int64_t died_at_ms;
};

/* The file's name below the directory: "2026-11-22/ID.ROUTE.0.dead". */
void deadletter_name(const struct deadletter *letter, char out[DEADLETTER_NAME_MAX]);

/*
 * Write it: temporary name, sync, rename, sync of the directories.  A file of
 * that name that is complete already (same hash) is done.  `group` is -1 to
 * leave it.  0, or -1, logged, and nothing but a temporary file is left.
 */
int deadletter_write(
    const char *directory, gid_t group, const struct deadletter *letter);

/* Remove temporary files an earlier process left.  0 or -1. */
int deadletter_sweep(const char *directory);

/*
 * Read a file: *head is its first line (a new reference); *body and *body_len
 * its bytes, malloc()ed.  Checks length and hash.  0, or -1 with a sentence in
 * `error`.
 */
int deadletter_read(const char *path, json_t **head, void **body,
    size_t *body_len, char error[256]);

/* Called with the path of each dead letter, oldest day first; a return of
 * non-zero stops the walk. */
typedef int deadletter_fn(void *arg, const char *path);
int deadletter_each(const char *directory, deadletter_fn *fn, void *arg);

/* Move a replayed file to DIRECTORY/replayed/.  0 or -1, logged. */
int deadletter_retire(const char *directory, const char *path);

#endif
