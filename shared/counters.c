#include "counters.h"

const int64_t counters_durations_us[COUNTERS_DURATIONS] = {1000, 2000, 5000,
    10000, 25000, 50000, 100000, 250000, 1000000, 2500000, 10000000};

const int64_t counters_sizes[COUNTERS_SIZES] = {
    256, 1024, 4096, 16384, 65536, 262144, 1048576, 10485760};

size_t
counters_bucket(const int64_t *bounds, size_t n_bounds, int64_t value)
{
	size_t i = 0;

	while (i < n_bounds && value > bounds[i])
		i++;
	return i;
}
