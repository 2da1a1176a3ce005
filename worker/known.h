/*
 * known - keys the store may have, told to another thread
 *
 * Deduplication is the store's, and exact.  This says "surely not" without
 * asking it, from any thread: by the filters (keys.h) the store has read of its
 * days, and by some for what came since the start.  Until the store has said
 * that these are all, and beyond KNOWN_BYTES_MAX, everything is "maybe".
 */

#ifndef WORKER_KNOWN_H
#define WORKER_KNOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keys.h"

enum { KNOWN_BYTES_MAX = 32 << 20 }; /* for what came since the start */

struct known;

struct known *known_new(void); /* NULL without memory */
void known_free(struct known *known);

/* -- any thread -- */

/* This key has come. */
void known_add(struct known *known, const uint8_t key[KEYS_LEN]);
/* False: it has not. */
bool known_maybe(struct known *known, const uint8_t key[KEYS_LEN]);

/* -- the store's thread -- */

/* With what came since the start, these filters have all (`complete`) keys of
 * the store.  They stay the store's: say it again before one is freed. */
void known_use(struct known *known, const struct keys_filter *const *filters,
    size_t n, bool complete);
/* Another day begins … */
void known_turn(struct known *known);
/* … and the store has read filters of all days before it. */
void known_drop(struct known *known);

#endif
