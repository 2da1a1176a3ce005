#include "journal.h"

#include <sys/stat.h>
#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../shared/log.h"
#include "disk.h"
#include "entry.h"
#include "keys.h"

enum {
	HALVES = 2,
	FILE_BYTES = HALVES * JOURNAL_HALF,
	ENTRIES_MAX = JOURNAL_HALF / ENTRY_BLOCK, /* in a half */
	ZERO_BYTES = 256 << 10,                   /* written at once */
};

struct place {
	uint32_t at;    /* in its half */
	uint32_t bytes; /* with all that is before and behind the frames */
	uint64_t last;  /* number of its last frame */
};

struct half {
	struct place entries[ENTRIES_MAX];
	size_t n;
	size_t used;   /* bytes */
	uint64_t last; /* number of its last frame */
};

/* What an earlier life left, read whole. */
struct left {
	unsigned char *bytes; /* of both halves; NULL: nothing is left */
	uint64_t number;      /* looked for next */
	uint64_t last;
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
	struct half halves[HALVES];
	struct left left;
	unsigned char *buffer; /* of an entry; pages it never needs stay away */
	struct keys_hasher *hasher;
};

static int
failed(const struct journal *journal, const char *what)
{
	int error = errno;

	log_error("journal_failed", log_str("path", journal->path),
	    log_str("reason", what), log_str("error", strerror(error)),
	    log_str("hint", "check the disk"));
	errno = error;
	return -1;
}

static off_t
half_at(unsigned half)
{
	return (off_t)half * JOURNAL_HALF;
}

/* ---- opening ---- */

static int
read_all(const struct journal *journal, unsigned char *bytes, size_t size)
{
	size_t done = 0;
	ssize_t got;

	while (done < size) {
		got =
		    pread(journal->fd, bytes + done, size - done, (off_t)done);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			errno = got == 0 ? EIO : errno;
			return -1;
		}
		done += (size_t)got;
	}
	return 0;
}

static void
note_entry(struct half *half, size_t at, const struct entry_head *head)
{
	size_t size = entry_size(head->n, head->bytes);

	half->entries[half->n++] = (struct place){.at = (uint32_t)at,
	    .bytes = (uint32_t)size,
	    .last = head->first + head->n - 1};
	half->used = at + size;
	if (half->last < half->entries[half->n - 1].last)
		half->last = half->entries[half->n - 1].last;
}

/* Among those the store has not stand older ones, which a later round has not
 * reached. */
static bool
is_left(const struct journal *journal, const struct entry_head *head)
{
	return head->store == journal->store &&
	       head->first + head->n - 1 > journal->upto;
}

/* Whose entries are there: also what looks like one in the rest of a frame. */
struct owners {
	bool own;
	uint64_t other;
};

static void
look_at_half(struct journal *journal, unsigned number, struct owners *owners)
{
	const unsigned char *p = journal->left.bytes + half_at(number);
	struct half *half = &journal->halves[number];
	struct entry_head head;
	size_t at = 0;

	while (at < JOURNAL_HALF) {
		if (!entry_read(
			journal->hasher, p + at, JOURNAL_HALF - at, &head)) {
			at += ENTRY_BLOCK;
			continue;
		}
		if (is_left(journal, &head))
			note_entry(half, at, &head);
		if (head.store == journal->store)
			owners->own = true;
		else
			owners->other = head.store;
		at += entry_size(head.n, head.bytes);
	}
	if (half->last > journal->left.last) {
		journal->left.last = half->last;
		journal->now = number;
	}
}

static int
set_aside(struct journal *journal, uint64_t other)
{
	char name[4096];

	(void)snprintf(
	    name, sizeof name, "%s.%016" PRIx64, journal->path, other);
	if (rename(journal->path, name) != 0)
		return failed(journal, "it is another store's and stays there");
	log_warn("journal_set_aside", log_str("path", journal->path),
	    log_str("as", name),
	    log_str("reason",
		"it is another store's: what that one had not taken from it "
		"is in there"));
	return 0;
}

/* Written and synced by one call. */
static int
write_entry(const struct journal *journal, size_t size, off_t at)
{
	struct iovec part = {.iov_base = journal->buffer, .iov_len = size};
	ssize_t done;

	while (part.iov_len > 0) {
		done = pwritev2(journal->fd, &part, 1, at, RWF_DSYNC);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return failed(journal, "it cannot be written");
		at += done;
		part.iov_base = (char *)part.iov_base + done;
		part.iov_len -= (size_t)done;
	}
	return 0;
}

static int
zero(const struct journal *journal, off_t at, size_t len)
{
	size_t part;

	memset(journal->buffer, 0, len < ZERO_BYTES ? len : ZERO_BYTES);
	for (; len > 0; len -= part, at += (off_t)part) {
		part = len < ZERO_BYTES ? len : ZERO_BYTES;
		if (write_entry(journal, part, at) != 0)
			return -1;
	}
	return 0;
}

/* All of its blocks: later a full disk takes nothing from it. */
static int
make_whole(struct journal *journal)
{
	struct stat st;

	if (fstat(journal->fd, &st) != 0)
		return failed(journal, "it cannot be looked at");
	errno = posix_fallocate(journal->fd, 0, FILE_BYTES);
	journal->whole = errno == 0;
	if (errno != 0 && errno != ENOSPC && errno != EDQUOT)
		return failed(journal, "it has no size");
	/* A copy with holes may have what the store has not. */
	journal->no_room = !journal->whole && st.st_size == 0;
	if (journal->no_room)
		return -1;
	/* Blocks that were never written cost more the first time. */
	if (journal->whole)
		return st.st_size > 0 ? 0 : zero(journal, 0, FILE_BYTES);
	log_warn("journal_not_whole", log_str("path", journal->path),
	    log_str("reason", "there is no room: it is only read"));
	if (st.st_size < FILE_BYTES && ftruncate(journal->fd, FILE_BYTES) != 0)
		return failed(journal, "it has no size");
	return 0;
}

/* 0; -1, logged unless there is no room. */
static int
make_file(struct journal *journal)
{
	const int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW;

	/* Past the page cache, where the file system can. */
	journal->fd = open(journal->path, flags | O_DIRECT, 0600);
	if (journal->fd == -1 && errno == EINVAL)
		journal->fd = open(journal->path, flags, 0600);
	if (journal->fd == -1)
		return failed(journal, "it cannot be opened");
	if (make_whole(journal) != 0)
		return -1;
	if (fsync(journal->fd) != 0 || disk_sync_directory(journal->path) != 0)
		return failed(journal, "it cannot be synced");
	return 0;
}

static int
look(struct journal *journal)
{
	struct owners owners = {false, journal->store};

	journal->left.bytes = aligned_alloc(ENTRY_BLOCK, FILE_BYTES);
	if (journal->left.bytes == NULL ||
	    read_all(journal, journal->left.bytes, FILE_BYTES) != 0)
		return failed(journal, "it cannot be read");
	journal->left.last = journal->upto;
	for (unsigned i = 0; i < HALVES; i++)
		look_at_half(journal, i, &owners);
	journal->left.number = journal->upto + 1;
	journal->next = journal->left.last + 1;
	if (owners.own || owners.other == journal->store)
		return 0;
	/* Of this store nothing is in it. */
	(void)close(journal->fd);
	journal->fd = -1;
	return set_aside(journal, owners.other) == 0 ? make_file(journal) : -1;
}

static void
forget_left(struct journal *journal)
{
	free(journal->left.bytes);
	journal->left.bytes = NULL;
}

static struct journal *
new_journal(const char *path, uint64_t store, uint64_t upto)
{
	struct journal *journal = calloc(1, sizeof *journal);

	if (journal == NULL)
		return NULL;
	journal->fd = -1;
	journal->store = store;
	journal->upto = upto;
	journal->path = strdup(path);
	journal->buffer = aligned_alloc(ENTRY_BLOCK, JOURNAL_HALF);
	journal->hasher = keys_hasher_new();
	if (journal->path != NULL && journal->buffer != NULL &&
	    journal->hasher != NULL)
		return journal;
	journal_close(journal);
	return NULL;
}

/* Without it everything works, and costs more. */
static int
no_room(struct journal *journal)
{
	log_warn("journal_not_made", log_str("path", journal->path),
	    log_str("reason", "there is no room for it"),
	    log_int("bytes", FILE_BYTES));
	(void)unlink(journal->path);
	journal_close(journal);
	return 0;
}

int
journal_open(
    const char *path, uint64_t store, uint64_t upto, struct journal **out)
{
	struct journal *journal = new_journal(path, store, upto);
	int result;

	*out = NULL;
	if (journal == NULL) {
		log_error("cannot_start", log_str("error", "no memory"));
		return -1;
	}
	result = make_file(journal);
	if (result == 0)
		result = look(journal);
	if (result != 0 && journal->no_room)
		return no_room(journal);
	if (result != 0) {
		journal_close(journal);
		return -1;
	}
	if (journal->left.last == upto)
		forget_left(journal);
	*out = journal;
	return 0;
}

void
journal_close(struct journal *journal)
{
	if (journal == NULL)
		return;
	if (journal->fd != -1)
		(void)close(journal->fd);
	forget_left(journal);
	free(journal->buffer);
	keys_hasher_free(journal->hasher);
	free(journal->path);
	free(journal);
}

/* ---- what an earlier life left ---- */

/* The first entry with this frame or a later one; NULL: there is none. */
static const unsigned char *
find_entry(
    const struct journal *journal, uint64_t number, struct entry_head *head)
{
	const unsigned char *found = NULL;
	uint64_t last = UINT64_MAX;

	for (unsigned i = 0; i < HALVES; i++) {
		const struct half *half = &journal->halves[i];

		for (size_t j = 0; j < half->n; j++) {
			const struct place *entry = &half->entries[j];

			if (entry->last < number || entry->last >= last)
				continue;
			last = entry->last;
			found = journal->left.bytes + half_at(i) + entry->at;
		}
	}
	if (found != NULL)
		memcpy(head, found, sizeof *head);
	return found;
}

bool
journal_left(
    struct journal *journal, uint64_t *number, struct journal_frame *frame)
{
	struct left *left = &journal->left;
	const unsigned char *p;
	struct entry_head head;

	if (left->bytes == NULL)
		return false;
	p = find_entry(journal, left->number, &head);
	if (p == NULL) {
		forget_left(journal);
		return false;
	}
	if (left->number < head.first) {
		log_error("journal_gap", log_str("path", journal->path),
		    log_int("events", (int64_t)(head.first - left->number)),
		    log_str("reason", "they cannot be read, or the store is an "
				      "older copy"));
		left->number = head.first;
	}
	*frame = entry_frame(p, left->number);
	*number = left->number++;
	return true;
}

/* ---- adding ---- */

static bool
is_free(const struct journal *journal, unsigned half)
{
	return journal->halves[half].last <= journal->upto;
}

static bool
has_room(const struct half *half, size_t size)
{
	return half->n < ENTRIES_MAX && half->used + size <= JOURNAL_HALF;
}

bool
journal_fits(const struct journal *journal, size_t n, size_t bytes)
{
	size_t size = entry_size(n, bytes);

	return journal->whole && n <= JOURNAL_FRAMES && size <= JOURNAL_HALF &&
	       (has_room(&journal->halves[journal->now], size) ||
		   is_free(journal, 1 - journal->now));
}

static struct half *
half_for(struct journal *journal, size_t size)
{
	struct half *half = &journal->halves[journal->now];

	if (has_room(half, size))
		return half;
	journal->now = 1 - journal->now;
	half = &journal->halves[journal->now];
	half->n = 0;
	half->used = 0;
	return half;
}

uint64_t
journal_add(
    struct journal *journal, const struct journal_frame *frames, size_t n)
{
	struct entry_head head = {
	    .store = journal->store, .first = journal->next};
	size_t size =
	    entry_make(journal->hasher, &head, frames, n, journal->buffer);
	struct half *half;

	if (size == 0) {
		errno = ENOMEM;
		(void)failed(journal, "no digest");
		return 0;
	}
	half = half_for(journal, size);
	if (write_entry(
		journal, size, half_at(journal->now) + (off_t)half->used) != 0)
		return 0;
	note_entry(half, half->used, &head);
	journal->next += n;
	return head.first;
}

void
journal_upto(struct journal *journal, uint64_t upto)
{
	if (upto > journal->upto)
		journal->upto = upto;
}

/* ---- overwriting ---- */

int
journal_scrub(struct journal *journal)
{
	const struct half *half;
	size_t at, j;
	int result = 0;

	for (unsigned i = 0; i < HALVES && result == 0; i++) {
		half = &journal->halves[i];
		at = 0;
		/* Also what lies behind the last entry: of an earlier round. */
		for (j = 0; j < half->n && result == 0; j++) {
			if (half->entries[j].last <= journal->upto)
				continue;
			result = zero(journal, half_at(i) + (off_t)at,
			    half->entries[j].at - at);
			at = half->entries[j].at + half->entries[j].bytes;
		}
		if (result == 0)
			result = zero(
			    journal, half_at(i) + (off_t)at, JOURNAL_HALF - at);
	}
	return result;
}
