/*
 * platter - the disk of unit tests: in the place of the library's calls
 *
 * Nothing waits for a real disk, but for who asked for it here.
 */

#ifndef TESTS_UNIT_PLATTER_H
#define TESTS_UNIT_PLATTER_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

/* All as if it were new: it works. */
void platter_reset(void);

/* Synced writes fail from now on, 0: work; so does making room. */
void platter_fail(int error);
void platter_fail_room(int error);
/* It takes so many bytes at once; 0: all. */
void platter_take(size_t bytes);
/* Synced writes last longer than the writers' WRITERS_SLOW_US. */
void platter_slow(bool slow);
/* Synced writes since the last reset. */
unsigned platter_writes(void);

/* From now on what is written is there, and its sync does not end; those are
 * slow.  Without it those before still wait. */
void platter_hold(bool hold);
/* Wait until what is written there waits for its sync. */
void platter_expect(off_t at);
/* Let it end, with this error or 0. */
void platter_let(off_t at, int error);

#endif
