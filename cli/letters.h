/*
 * letters - the dead letters of a worker, by their heads
 *
 * Reads the first line of each file only; a file that cannot be read is said
 * on standard error and left out.
 */

#ifndef CLI_LETTERS_H
#define CLI_LETTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

struct letter {
	char *path;
	json_t *head;
	int64_t died_at_ms;
	bool replayed; /* it is in replayed/ */
};

/* What is not given is any. */
struct letters_filter {
	const char *source; /* patterns */
	const char *type;
	const char *route;
	int64_t since_ms; /* died at or after */
	int64_t until_ms; /* died before */
	char *const *ids; /* parts of ids, or paths of files */
	size_t n_ids;
	bool replayed; /* those replayed already, too */
};

struct letters {
	struct letter *items; /* oldest first */
	size_t n;
	unsigned bad; /* files that could not be read */
};

/*
 * Fill in the dead letters below `directory` that pass.  0, or -1 after a
 * sentence: the directory cannot be read, an id is in no or in several events'
 * ids, or no memory.  Cleared by the caller in any case.
 */
int letters_read(const char *directory, const struct letters_filter *filter,
    struct letters *letters);
void letters_clear(struct letters *letters);

#endif
