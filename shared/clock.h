/*
 * clock - the two times gaff knows
 *
 * Wall time is for what is stored and for signed timestamps; the boot clock
 * (it counts on through suspend and is never set) is for waiting.
 */

#ifndef SHARED_CLOCK_H
#define SHARED_CLOCK_H

#include <stddef.h>
#include <stdint.h>

enum { CLOCK_TEXT_SIZE = 25 }; /* 2026-11-22T03:14:40.123Z and its NUL */

/* Milliseconds since 1970-01-01 UTC. */
int64_t clock_wall_ms(void);

/* Milliseconds and microseconds since boot. */
int64_t clock_boot_ms(void);
int64_t clock_boot_us(void);

/* Write wall_ms as RFC 3339 in UTC with milliseconds. */
void clock_format(int64_t wall_ms, char out[CLOCK_TEXT_SIZE]);

/*
 * Read an RFC 3339 date-time (any offset, up to nine digits of fraction).
 * 0 and *wall_ms set, or -1 when the text is not one.
 */
int clock_parse(const char *text, int64_t *wall_ms);

/* The same of a Date header: IMF-fixdate (RFC 9110, 5.6.7) and nothing else. */
int clock_parse_http(const char *text, int64_t *wall_ms);

enum { CLOCK_HTTP_SIZE = 40 };

/* Write wall_ms so, cut to seconds. */
void clock_format_http(int64_t wall_ms, char out[CLOCK_HTTP_SIZE]);

/* The same of a time as people write it: RFC 3339, a day (2026-11-22), or how
 * long ago it was (6h). */
int clock_parse_since(const char *text, int64_t *wall_ms);

/* Tests only: both clocks return these values until called with NULL. */
struct clock_fake {
	int64_t wall_ms;
	int64_t boot_ms;
};

void clock_set_fake(const struct clock_fake *fake);

#endif
