/*
 * counters - the histograms a gateway keeps of each source
 *
 * What the members `duration_us` and `body_bytes` of a BEAT's counters mean
 * (docs/WIRE.md): n[i] counts the values up to the i-th bound and over the one
 * before, the last one those above all.  Pure.
 */

#ifndef SHARED_COUNTERS_H
#define SHARED_COUNTERS_H

#include <stddef.h>
#include <stdint.h>

enum { COUNTERS_DURATIONS = 11, COUNTERS_SIZES = 8 };

/* 1 ms to 10 s. */
extern const int64_t counters_durations_us[COUNTERS_DURATIONS];
/* 256 bytes to 10 MiB. */
extern const int64_t counters_sizes[COUNTERS_SIZES];

/* Where a value is counted: 0 to `n_bounds`. */
size_t counters_bucket(const int64_t *bounds, size_t n_bounds, int64_t value);

#endif
