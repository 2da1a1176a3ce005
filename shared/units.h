/*
 * units - durations, sizes and numbers as gaff.conf writes them
 *
 * `500ms 5s 10m 1h 30d`, `64k 25M 1G` (binary).  A number without its unit is
 * an error, a plain 0 included.
 */

#ifndef SHARED_UNITS_H
#define SHARED_UNITS_H

#include <stddef.h>
#include <stdint.h>

/* Each: 0 and the value set, or -1 when the text is not one or out of range. */
int units_duration_ms(const char *text, int64_t *ms);
int units_size(const char *text, int64_t *bytes);
int units_number(const char *text, int64_t min, int64_t max, int64_t *value);

/* Short text for people: 212ms 5s 10m 3d; 41 MB.  Returns `out`. */
char *units_format_ms(int64_t ms, char *out, size_t size);
char *units_format_bytes(int64_t bytes, char *out, size_t size);

#endif
