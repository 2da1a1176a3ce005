#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../shared/clock.h"
#include "../shared/log.h"
#include "journal_impl.h"

enum { ZERO_BYTES = 256 << 10 }; /* written at once */

/* ---- parts of it ---- */

int
journal_failed(const struct journal *journal, const char *what)
{
	int error = errno;

	log_error("journal_failed", log_str("path", journal->path),
	    log_str("reason", what), log_str("error", strerror(error)),
	    log_str("hint", "check the disk"));
	errno = error;
	return -1;
}

off_t
journal_half_at(unsigned half)
{
	return (off_t)half * JOURNAL_HALF;
}

void
journal_note(
    struct journal_half *half, size_t at, const struct entry_head *head)
{
	size_t size = entry_size(head->n, head->bytes);

	half->entries[half->n++] = (struct journal_place){.at = (uint32_t)at,
	    .bytes = (uint32_t)size,
	    .last = head->first + head->n - 1};
	half->used = at + size;
	if (half->last < half->entries[half->n - 1].last)
		half->last = half->entries[half->n - 1].last;
}

void
journal_forget_left(struct journal *journal)
{
	free(journal->left.bytes);
	journal->left.bytes = NULL;
}

/* Never written to: it has no memory of its own. */
static _Alignas(ENTRY_BLOCK) unsigned char zeros[ZERO_BYTES];

int
journal_zero(const struct journal *journal, off_t at, size_t len)
{
	size_t part;

	for (; len > 0; len -= part, at += (off_t)part) {
		part = len < ZERO_BYTES ? len : ZERO_BYTES;
		if (writers_put(journal->fd, zeros, part, at) != 0)
			return journal_failed(journal, "it cannot be written");
	}
	return 0;
}

/* ---- what an earlier life left ---- */

/* The first entry with this frame or a later one; NULL: there is none. */
static const unsigned char *
find_entry(
    const struct journal *journal, uint64_t number, struct entry_head *head)
{
	const unsigned char *found = NULL;
	uint64_t last = UINT64_MAX;

	for (unsigned i = 0; i < JOURNAL_HALVES; i++) {
		const struct journal_half *half = &journal->halves[i];

		for (size_t j = 0; j < half->n; j++) {
			const struct journal_place *entry = &half->entries[j];

			if (entry->last < number || entry->last >= last)
				continue;
			last = entry->last;
			found = journal->left.bytes + journal_half_at(i) +
				entry->at;
		}
	}
	if (found != NULL)
		memcpy(head, found, sizeof *head);
	return found;
}

/* How many of those before an entry an entry that is there knows of: they were
 * on the disk. */
static uint64_t
lost_before(const struct journal *journal, uint64_t first)
{
	uint64_t most = 0, from, to;
	struct entry_head head;

	for (unsigned i = 0; i < JOURNAL_HALVES; i++) {
		const struct journal_half *half = &journal->halves[i];

		for (size_t j = 0; j < half->n; j++) {
			memcpy(&head,
			    journal->left.bytes + journal_half_at(i) +
				half->entries[j].at,
			    sizeof head);
			from = head.synced_from > journal->left.number
				   ? head.synced_from
				   : journal->left.number;
			to =
			    head.synced_to < first ? head.synced_to + 1 : first;
			if (to > from && to - from > most)
				most = to - from;
		}
	}
	return most;
}

/* Some before this one are not there. */
static void
pass_hole(struct journal *journal, uint64_t first)
{
	uint64_t lost = lost_before(journal, first);

	if (lost > 0)
		log_error("journal_gap", log_str("path", journal->path),
		    log_int("events", (int64_t)lost),
		    log_str("reason", "they cannot be read, or the store is an "
				      "older copy"));
	journal->left.number = first;
	journal->no_hole_from = first;
}

bool
journal_left(
    struct journal *journal, uint64_t *number, struct journal_frame *frame)
{
	struct journal_left *left = &journal->left;
	const unsigned char *p;
	struct entry_head head;

	if (left->bytes == NULL)
		return false;
	p = find_entry(journal, left->number, &head);
	if (p == NULL) {
		journal_forget_left(journal);
		return false;
	}
	if (left->number < head.first)
		pass_hole(journal, head.first);
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
has_room(const struct journal_half *half, size_t size)
{
	return half->n < JOURNAL_ENTRIES && half->used + size <= JOURNAL_HALF;
}

bool
journal_fits(const struct journal *journal, size_t n, size_t bytes)
{
	size_t size = entry_size(n, bytes);

	return journal->whole && !journal->broken && n <= JOURNAL_FRAMES &&
	       size <= JOURNAL_ENTRY &&
	       (has_room(&journal->halves[journal->now], size) ||
		   is_free(journal, 1 - journal->now));
}

static struct journal_half *
half_for(struct journal *journal, size_t size)
{
	struct journal_half *half = &journal->halves[journal->now];

	if (has_room(half, size))
		return half;
	journal->now = 1 - journal->now;
	half = &journal->halves[journal->now];
	half->n = 0;
	half->used = 0;
	return half;
}

int64_t
journal_wait_us(const struct journal *journal, int64_t boot_us)
{
	bool all_fly = true;
	int64_t since_us, wait_us = 0;

	for (size_t i = 0; i < JOURNAL_FLIGHTS; i++) {
		if (journal->flights[i].first == 0) {
			all_fly = false;
			continue;
		}
		since_us = boot_us - journal->flights[i].began_us;
		if (JOURNAL_APART_US - since_us > wait_us)
			wait_us = JOURNAL_APART_US - since_us;
	}
	return all_fly ? -1 : wait_us;
}

/* The last of those that are on the disk, and all before them. */
static uint64_t
synced_to(const struct journal *journal)
{
	uint64_t first = journal->next;

	for (size_t i = 0; i < JOURNAL_FLIGHTS; i++)
		if (journal->flights[i].first > 0 &&
		    journal->flights[i].first < first)
			first = journal->flights[i].first;
	return first - 1;
}

uint64_t
journal_begin(
    struct journal *journal, const struct journal_frame *frames, size_t n)
{
	struct entry_head head = {.store = journal->store,
	    .first = journal->next,
	    .synced_from = journal->no_hole_from,
	    .synced_to = synced_to(journal)};
	unsigned writer = 0;
	struct journal_half *half;
	size_t size;

	while (journal->flights[writer].first > 0)
		writer++;
	size = entry_make(journal->hasher, &head, frames, n,
	    writers_buffer(journal->writers, writer));
	if (size == 0) {
		errno = ENOMEM;
		(void)journal_failed(journal, "no digest");
		return 0;
	}
	half = half_for(journal, size);
	writers_begin(journal->writers, writer, size,
	    journal_half_at(journal->now) + (off_t)half->used);
	journal_note(half, half->used, &head);
	journal->flights[writer] = (struct journal_flight){
	    .first = head.first, .began_us = clock_boot_us()};
	journal->next += n;
	return head.first;
}

int
journal_fd(const struct journal *journal)
{
	return writers_fd(journal->writers);
}

size_t
journal_ended(struct journal *journal, struct journal_end ends[JOURNAL_FLIGHTS])
{
	struct writers_end ended[WRITERS];
	size_t n = writers_ended(journal->writers, ended);

	for (size_t i = 0; i < n; i++) {
		struct journal_flight *flight =
		    &journal->flights[ended[i].writer];

		ends[i] = (struct journal_end){.first = flight->first,
		    .failed = ended[i].error != 0,
		    .took_us = ended[i].took_us};
		flight->first = 0;
		if (!ends[i].failed)
			continue;
		journal->broken = true;
		errno = ended[i].error;
		(void)journal_failed(journal, "it cannot be written");
	}
	return n;
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
	const struct journal_half *half;
	size_t at, j;
	int result = 0;

	for (unsigned i = 0; i < JOURNAL_HALVES && result == 0; i++) {
		half = &journal->halves[i];
		at = 0;
		/* Also what lies behind the last entry: of an earlier round. */
		for (j = 0; j < half->n && result == 0; j++) {
			if (half->entries[j].last <= journal->upto)
				continue;
			result = journal_zero(journal,
			    journal_half_at(i) + (off_t)at,
			    half->entries[j].at - at);
			at = half->entries[j].at + half->entries[j].bytes;
		}
		if (result == 0)
			result = journal_zero(journal,
			    journal_half_at(i) + (off_t)at, JOURNAL_HALF - at);
	}
	return result;
}
