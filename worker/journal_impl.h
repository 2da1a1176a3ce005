/*
 * journal_impl - what journal_open.c and journal.c (its frames) share
 */

#ifndef WORKER_JOURNAL_IMPL_H
#define WORKER_JOURNAL_IMPL_H

#include <sys/types.h>

#include "entry.h"
#include "journal.h"
#include "keys.h"

enum {
	JOURNAL_HALVES = 2,
	JOURNAL_FILE = JOURNAL_HALVES * JOURNAL_HALF,
	JOURNAL_ENTRIES = JOURNAL_HALF / ENTRY_BLOCK, /* in a half */
};

struct journal_place {
	uint32_t at;    /* in its half */
	uint32_t bytes; /* with all that is before and behind the frames */
	uint64_t last;  /* number of its last frame */
};

struct journal_half {
	struct journal_place entries[JOURNAL_ENTRIES];
	size_t n;
	size_t used;   /* bytes */
	uint64_t last; /* number of its last frame */
};

/* What an earlier life left, read whole. */
struct journal_left {
	unsigned char *bytes; /* of both halves; NULL: nothing is left */
	uint64_t number;      /* looked for next */
	uint64_t last;
};

/* An entry that a writer has. */
struct journal_flight {
	uint64_t first; /* number of its first frame; 0: the writer rests */
	int64_t began_us;
};

struct journal {
	char *path;
	int fd;
	uint64_t store;
	uint64_t upto;
	uint64_t next; /* number of the next frame */
	unsigned now;  /* the half that is written */
	bool whole;    /* all of its blocks are there: it may be written */
	bool no_room;  /* it could not be made */
	bool broken;   /* a write failed */
	uint64_t no_hole_from; /* frames from here on are all there */
	struct journal_half halves[JOURNAL_HALVES];
	struct journal_left left;
	struct writers *writers;
	struct journal_flight flights[JOURNAL_FLIGHTS];
	struct keys_hasher *hasher;
};

/* Logged, with errno; -1. */
int journal_failed(const struct journal *journal, const char *what);

/* Where a half begins. */
off_t journal_half_at(unsigned half);

/* An entry stands there, or will. */
void journal_note(
    struct journal_half *half, size_t at, const struct entry_head *head);

/* Overwrite and sync.  0, or -1, logged. */
int journal_zero(const struct journal *journal, off_t at, size_t len);

/* What an earlier life left is of no use any more. */
void journal_forget_left(struct journal *journal);

#endif
