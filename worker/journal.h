/*
 * journal - events that are on disk before they are in the store
 *
 * A file of a fixed size beside the store, in two halves that are written in
 * turn.  Each entry has some frames, is written over what was there, and is
 * synced: one call that changes no size is the cheapest way to a disk.  A few
 * entries are written at once (writers.h), so that on a slow disk none waits
 * for the sync of another; where a sync is quick there is one at a time, and
 * what comes meanwhile makes the next.  They may end in any order.
 *
 * Frames are numbered from 1; the store says up to which number it has them,
 * and those behind it are what an earlier life left to be put.
 * One thread owns a journal.
 */

#ifndef WORKER_JOURNAL_H
#define WORKER_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "writers.h"

struct journal;

enum {
	JOURNAL_HALF = 4 << 20,          /* bytes; the file has two */
	JOURNAL_ENTRY = 2 << 20,         /* of an entry, at most */
	JOURNAL_FRAMES = 256,            /* in an entry, at most */
	JOURNAL_FRAME_BYTES = 512 << 10, /* of one, at most */
	JOURNAL_FLIGHTS = WRITERS,       /* entries written at once, at most */
	JOURNAL_APART_US = 1000, /* between their beginnings, at least */
};

struct journal_frame {
	const void *p;
	size_t len;
};

/*
 * Open the journal of the store of this number, or make it; `upto` is the last
 * frame the store has.  One of another store is set aside under another name.
 * 0: *journal is NULL, logged, where there is no room to make one.  -1, logged
 * with what to do.
 */
int journal_open(
    const char *path, uint64_t store, uint64_t upto, struct journal **journal);
/* Waits for what is being written.  NULL is fine. */
void journal_close(struct journal *journal);

/* The next frame that an earlier life left, in order; it is the journal's until
 * the next call.  False: there is none (any more).  Ask before anything is
 * begun.  Where some are missing that were on the disk, it is logged; those
 * whose write had not ended nobody was told of. */
bool journal_left(
    struct journal *journal, uint64_t *number, struct journal_frame *frame);

/* Whether an entry of so many frames and bytes of them has room now. */
bool journal_fits(const struct journal *journal, size_t n, size_t bytes);

/* Microseconds until an entry may begin: 0: now, -1: not before one has ended.
 */
int64_t journal_wait_us(const struct journal *journal, int64_t boot_us);

/* Begin to write an entry that fits, and may begin, and to sync it.  The number
 * of its first frame; 0: it is not begun, logged. */
uint64_t journal_begin(
    struct journal *journal, const struct journal_frame *frames, size_t n);

/* An entry that is on the disk; or the disk failed, which is logged, and
 * nothing is known of what is on it: none fits any more. */
struct journal_end {
	uint64_t first; /* number of its first frame */
	bool failed;
	int64_t took_us;
};

/* Readable when one has ended that had not when it was begun; and all that have
 * since the last call.  Ask after each beginning: where the disk is quick it
 * has ended by then. */
int journal_fd(const struct journal *journal);
size_t journal_ended(
    struct journal *journal, struct journal_end ends[JOURNAL_FLIGHTS]);

/* The store has all up to this number. */
void journal_upto(struct journal *journal, uint64_t upto);

/* Overwrite and sync what the store has of it; what is being written stays.  0,
 * or -1, logged. */
int journal_scrub(struct journal *journal);

#endif
