/*
 * journal - events that are on disk before they are in the store
 *
 * A file of a fixed size beside the store, in two halves that are written in
 * turn.  Each entry has some frames, is written over what was there, and is
 * synced: one call that changes no size is the cheapest way to a disk.  Frames
 * are numbered from 1; the store says up to which number it has them, and those
 * behind it are what an earlier life left to be put.
 * One thread owns a journal.
 */

#ifndef WORKER_JOURNAL_H
#define WORKER_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct journal;

enum {
	JOURNAL_HALF = 4 << 20,         /* bytes; the file has two */
	JOURNAL_FRAMES = 256,           /* in an entry, at most */
	JOURNAL_FRAME_BYTES = 512 << 10 /* of one, at most */
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
void journal_close(struct journal *journal); /* NULL is fine */

/* The next frame that an earlier life left, in order; it is the journal's until
 * the next call.  False: there is none (any more).  Ask before anything is
 * added. */
bool journal_left(
    struct journal *journal, uint64_t *number, struct journal_frame *frame);

/* Whether an entry of so many frames and bytes of them has room now. */
bool journal_fits(const struct journal *journal, size_t n, size_t bytes);

/* Write an entry that fits and sync it.  The number of its first frame; 0,
 * logged: the disk failed, and nothing is known of what is on it. */
uint64_t journal_add(
    struct journal *journal, const struct journal_frame *frames, size_t n);

/* The store has all up to this number. */
void journal_upto(struct journal *journal, uint64_t upto);

/* Overwrite and sync what the store has of it.  0, or -1, logged. */
int journal_scrub(struct journal *journal);

#endif
