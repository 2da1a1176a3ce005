/*
 * walcheck - look at a write-ahead log before SQLite does
 *
 * SQLite takes the first frame with a bad checksum for the end of the log, and
 * all behind it is gone without a word.  That is right for what was being
 * written when the power went, and wrong for commits that were synced.
 *
 * A transaction is written only when the one before is synced.  So a bad frame
 * is damage when, behind it, a commit is followed by yet another frame of the
 * same log (frames carry the log's salt); and, where the machine has not been
 * restarted since (a killed process leaves no gaps), when any commit is behind
 * it.  Everything else is a torn tail: never acknowledged.
 * https://www.sqlite.org/fileformat2.html#the_write_ahead_log
 */

#ifndef WORKER_WALCHECK_H
#define WORKER_WALCHECK_H

#include <stdbool.h>
#include <stdint.h>

enum walcheck {
	WALCHECK_EMPTY,   /* no log, or nothing in it */
	WALCHECK_GOOD,    /* every frame of this log is whole */
	WALCHECK_TORN,    /* so are those up to the torn tail */
	WALCHECK_DAMAGED, /* commits that were synced cannot be read */
	WALCHECK_ERROR,   /* it could not be read; errno */
};

struct walcheck_facts {
	int64_t frames; /* readable ones */
	int64_t behind; /* of this log, behind the first unreadable one */
	int64_t bytes;  /* of the file */
};

/* Scan the log at `path`.  `same_boot`: the machine runs since it was
 * written. */
enum walcheck
walcheck(const char *path, bool same_boot, struct walcheck_facts *facts);

#endif
