/*
 * causes - what is to be told, each cause at most once in CAUSES_PAUSE_MS
 * (pure)
 *
 * A cause is a kind and a subject.  Its first occurrence is due at once, with
 * those that came before it could be told; later ones are counted, and due
 * together when the pause since it was told last is over.  Then it is
 * forgotten unless something came.  `boot_ms` is the time of the boot clock.
 *
 * Telling is two steps, since the second may not come: causes_next() until
 * NULL, then, once what was told is committed, causes_told() with the same
 * time.  No note may come between the two.
 */

#ifndef WORKER_CAUSES_H
#define WORKER_CAUSES_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

enum {
	CAUSES_MAX = 4096,
	CAUSES_PAUSE_MS = 300000,
	CAUSES_SUBJECT_SIZE = 65, /* longer ones are cut */
};

struct cause {
	int kind;
	char subject[CAUSES_SUBJECT_SIZE];
	uint64_t count;   /* since it was told; 0: nothing to tell */
	int64_t since_ms; /* wall time of the first of those */
	int64_t due_ms;   /* boot clock: not to be told before */
	json_t *facts;    /* of the latest; NULL when count is 0 */
};

struct causes;

struct causes *causes_new(void); /* NULL without memory */
void causes_free(struct causes *causes);

/* When it happened. */
struct causes_time {
	int64_t boot_ms;
	int64_t wall_ms;
};

/* Another occurrence.  Takes the reference to `facts`.  0, or -1: without
 * memory, or CAUSES_MAX causes wait; it is not told. */
int causes_note(struct causes *causes, int kind, const char *subject,
    json_t *facts, const struct causes_time *now);

/* When the next one is to be told; INT64_MAX: none is. */
int64_t causes_due_ms(const struct causes *causes);

/* The next one to be told, from *at on (which begins as 0); NULL: no more. */
const struct cause *
causes_next(const struct causes *causes, size_t *at, int64_t boot_ms);
void causes_told(struct causes *causes, int64_t boot_ms);

#endif
