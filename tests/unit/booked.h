/*
 * booked - a journal, and what was put into it: what its tests share
 *
 * Helpers fail the running test when they cannot do their work.
 */

#ifndef TESTS_UNIT_BOOKED_H
#define TESTS_UNIT_BOOKED_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "../../worker/journal.h"

enum {
	BOOKED_BLOCK = 4096,
	BOOKED_FILE = 2 * JOURNAL_HALF,
	BOOKED_HEAD = 64, /* before the lengths */
	BOOKED_NUMBERS = 1 << 16,
	BOOKED_STORE = 0x1234,
};

/* The bytes of a frame follow from its number. */
extern struct booked {
	char *dir;
	char *path;
	struct journal *journal;
	uint64_t added; /* the last number */
	uint32_t len[BOOKED_NUMBERS];
	uint64_t random;
	struct journal_end ends[JOURNAL_FLIGHTS]; /* not looked at yet */
	size_t n_ends;
} booked;

/* Of each test. */
int booked_setup(void **state);
int booked_teardown(void **state);

uint32_t booked_any(uint32_t below);
/* Eight bytes of it say which frame it is. */
void booked_fill(unsigned char *out, uint64_t number, size_t len);

/* Close it, if it is open, and open it. */
void booked_open(uint64_t upto);

/* Begin an entry of the next n frames, of these lengths; its number. */
uint64_t booked_begin(size_t n, const uint32_t *lens);
/* Wait until one ends. */
struct journal_end booked_ended(void);
/* Both. */
void booked_add(size_t n, const uint32_t *lens);
void booked_add_one(uint32_t len);
/* Four entries of 1, 3, 1 and 3 frames, in 1, 5, 1 and 5 blocks. */
void booked_add_four(void);

/* The next one left is this one; there is none; there are these alone. */
void booked_expect_one(uint64_t number);
void booked_expect_none(void);
void booked_expect(uint64_t first, uint64_t last);

/* Its file: overwrite a part, change a bit of a byte; whether it has a frame.
 */
void booked_poke(off_t at, const void *p, size_t len);
void booked_flip(off_t at);
bool booked_has(uint64_t number);

#endif
