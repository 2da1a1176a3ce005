/*
 * entry - frames as they stand in the journal (no I/O)
 *
 * A head, the lengths of the frames, the frames, and padding up to a multiple
 * of ENTRY_BLOCK, so that none shares a block with another.  Numbers are the
 * machine's own: a journal does not move to another kind.
 */

#ifndef WORKER_ENTRY_H
#define WORKER_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "journal.h"
#include "keys.h"

enum { ENTRY_BLOCK = 4096 };

struct entry_head {
	char magic[8];
	uint8_t check[16]; /* of SHA-256 over all behind it but the padding */
	uint64_t store;
	uint64_t first; /* number of its first frame */
	/* All frames of these numbers were on the disk, or in the store, when
	 * it was made: one of them that is missing is lost. */
	uint64_t synced_from;
	uint64_t synced_to;
	uint32_t n;
	uint32_t bytes; /* of the frames */
};

/* With all that is before and behind the frames. */
size_t entry_size(size_t n, size_t bytes);

/* Write an entry to `p`, which has room for it: `head` says store, first and
 * synced, and gets the rest.  Its size, or 0: no digest. */
size_t entry_make(struct keys_hasher *hasher, struct entry_head *head,
    const struct journal_frame *frames, size_t n, unsigned char *p);

/* Whether `size` bytes begin with a whole entry, whose head is read. */
bool entry_read(struct keys_hasher *hasher, const unsigned char *p, size_t size,
    struct entry_head *head);

/* The frame of this number, which is in the entry. */
struct journal_frame entry_frame(const unsigned char *p, uint64_t number);

#endif
