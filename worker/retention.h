/*
 * retention - counts a directory of dead letters and removes old ones, in steps
 */

#ifndef WORKER_RETENTION_H
#define WORKER_RETENTION_H

#include <stdbool.h>
#include <stdint.h>

struct retention;

/* NULL without memory. */
struct retention *retention_new(void);
void retention_free(struct retention *retention);

/* Begin a walk over all of `directory`: count, and remove what is older than
 * keep_ms.  A walk that is under way begins anew. */
void retention_begin(
    struct retention *retention, const char *directory, int64_t keep_ms);
/* Take one step of it; false when it is over (or none is under way). */
bool retention_walk(struct retention *retention);

/* Remove some of the replayed or, without those, the oldest letters; false
 * when there are none. */
bool retention_remove(struct retention *retention, const char *directory);

/* Bytes of all letters as of the last walk and since; -1: not walked yet. */
int64_t retention_used(const struct retention *retention);
void retention_written(struct retention *retention, int64_t bytes);

#endif
