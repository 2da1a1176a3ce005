/*
 * recent - the keys that came last, in memory
 *
 * Keys are random, so in a table of their own order each is written on a page
 * of its own.  The last RECENT_MAX stand in a table in order of arrival, and
 * here, where they are looked for; they go to the other table together, by
 * its order, several to a page.  Half a MiB.  No I/O.
 */

#ifndef WORKER_RECENT_H
#define WORKER_RECENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keys.h"

enum {
	RECENT_MAX = 8192,
	RECENT_VALUE_MAX = 24,
};

struct recent_key {
	int64_t row; /* in the table in order of arrival */
	uint8_t key[KEYS_LEN];
	uint8_t value[RECENT_VALUE_MAX];
	uint8_t len; /* of the value */
};

struct recent;

struct recent *recent_new(void); /* NULL without memory */
void recent_free(struct recent *recent);

bool recent_is_full(const struct recent *recent);
/* One that is not there, while it is not full. */
void recent_add(struct recent *recent, const struct recent_key *key);
/* NULL: it is not there.  Valid until the next change. */
const struct recent_key *
recent_find(const struct recent *recent, const uint8_t key[KEYS_LEN]);
/* One that recent_find() has given. */
void recent_remove(struct recent *recent, const struct recent_key *key);

/* All by their keys, *n of them; recent_clear() must be next. */
const struct recent_key *recent_sort(struct recent *recent, size_t *n);
void recent_clear(struct recent *recent);

#endif
