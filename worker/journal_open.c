#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../shared/log.h"
#include "disk.h"
#include "journal_impl.h"

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
	const unsigned char *p = journal->left.bytes + journal_half_at(number);
	struct journal_half *half = &journal->halves[number];
	struct entry_head head;
	size_t at = 0;

	while (at < JOURNAL_HALF) {
		if (!entry_read(
			journal->hasher, p + at, JOURNAL_HALF - at, &head)) {
			at += ENTRY_BLOCK;
			continue;
		}
		if (is_left(journal, &head))
			journal_note(half, at, &head);
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
		return journal_failed(
		    journal, "it is another store's and stays there");
	log_warn("journal_set_aside", log_str("path", journal->path),
	    log_str("as", name),
	    log_str("reason",
		"it is another store's: what that one had not taken from it "
		"is in there"));
	return 0;
}

/* All of its blocks: later a full disk takes nothing from it. */
static int
make_whole(struct journal *journal)
{
	struct stat st;

	if (fstat(journal->fd, &st) != 0)
		return journal_failed(journal, "it cannot be looked at");
	errno = posix_fallocate(journal->fd, 0, JOURNAL_FILE);
	journal->whole = errno == 0;
	if (errno != 0 && errno != ENOSPC && errno != EDQUOT)
		return journal_failed(journal, "it has no size");
	/* A copy with holes may have what the store has not. */
	journal->no_room = !journal->whole && st.st_size == 0;
	if (journal->no_room)
		return -1;
	/* Blocks that were never written cost more the first time. */
	if (journal->whole)
		return st.st_size > 0 ? 0
				      : journal_zero(journal, 0, JOURNAL_FILE);
	log_warn("journal_not_whole", log_str("path", journal->path),
	    log_str("reason", "there is no room: it is only read"));
	if (st.st_size < JOURNAL_FILE &&
	    ftruncate(journal->fd, JOURNAL_FILE) != 0)
		return journal_failed(journal, "it has no size");
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
		return journal_failed(journal, "it cannot be opened");
	if (make_whole(journal) != 0)
		return -1;
	if (fsync(journal->fd) != 0 || disk_sync_directory(journal->path) != 0)
		return journal_failed(journal, "it cannot be synced");
	return 0;
}

static int
look(struct journal *journal)
{
	struct owners owners = {false, journal->store};

	journal->left.bytes = aligned_alloc(ENTRY_BLOCK, JOURNAL_FILE);
	if (journal->left.bytes == NULL ||
	    read_all(journal, journal->left.bytes, JOURNAL_FILE) != 0)
		return journal_failed(journal, "it cannot be read");
	journal->left.last = journal->upto;
	for (unsigned i = 0; i < JOURNAL_HALVES; i++)
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
	journal->no_hole_from = 1;
	journal->hasher = keys_hasher_new();
	if (journal->path != NULL && journal->hasher != NULL)
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
	    log_int("bytes", JOURNAL_FILE));
	(void)unlink(journal->path);
	journal_close(journal);
	return 0;
}

static int
start_writers(struct journal *journal)
{
	journal->writers = writers_start(journal->fd, JOURNAL_ENTRY);
	if (journal->writers != NULL)
		return 0;
	log_error(
	    "cannot_start", log_str("error", "no thread for the journal"));
	return -1;
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
	if (result == 0)
		result = start_writers(journal);
	if (result != 0) {
		journal_close(journal);
		return -1;
	}
	if (journal->left.last == upto)
		journal_forget_left(journal);
	*out = journal;
	return 0;
}

void
journal_close(struct journal *journal)
{
	if (journal == NULL)
		return;
	writers_stop(journal->writers);
	if (journal->fd != -1)
		(void)close(journal->fd);
	journal_forget_left(journal);
	keys_hasher_free(journal->hasher);
	free(journal->path);
	free(journal);
}
