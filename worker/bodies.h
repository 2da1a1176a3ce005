/*
 * bodies - the bodies that came last where the key is not signed, in memory
 *
 * A body is known by KEYS_LEN bytes (keys.h) and the day of the store's clock
 * it was first stored on.  At least the last BODIES_MIN are known.  Takes no
 * memory (5 MiB) before the first one.  No I/O.
 */

#ifndef WORKER_BODIES_H
#define WORKER_BODIES_H

#include <stdbool.h>
#include <stdint.h>

#include "keys.h"

enum { BODIES_MIN = 65536 };

struct bodies;

struct bodies *bodies_new(void); /* NULL without memory */
void bodies_free(struct bodies *bodies);

/* Whether a body came on this day or later. */
bool bodies_has(const struct bodies *bodies, const uint8_t body[KEYS_LEN],
    int64_t since_day);

/* Add one, which bodies_undo() takes back and bodies_keep() does not. Without
 * memory it is not known. */
void
bodies_add(struct bodies *bodies, const uint8_t body[KEYS_LEN], int64_t day);
void bodies_keep(struct bodies *bodies);
void bodies_undo(struct bodies *bodies);

/* Add one that came before all others.  False: they are enough. */
bool bodies_add_old(
    struct bodies *bodies, const uint8_t body[KEYS_LEN], int64_t day);

#endif
