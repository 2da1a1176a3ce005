/*
 * pace - so many a second
 *
 * The k-th pace_wait() returns k / rate seconds after the first one, or at
 * once when that is past.
 */

#ifndef CLI_PACE_H
#define CLI_PACE_H

#include <stdint.h>

struct pace {
	int64_t rate; /* a second; 0: no limit */
	int64_t start_us;
	int64_t n;
};

struct pace pace_start(int64_t rate);
void pace_wait(struct pace *pace);
/* Microseconds until the next one may go, without counting it; 0: now. */
int64_t pace_left_us(const struct pace *pace);
/* Count one without waiting. */
void pace_count(struct pace *pace);

#endif
