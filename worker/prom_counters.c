#include "prom_counters.h"

#include "../shared/counters.h"

enum { BOUNDS_MAX = COUNTERS_DURATIONS };

void
prom_counters_map(
    const struct prom *prom, const char *source, json_t *map, const char *label)
{
	void *i = json_object_iter(map);

	for (; i != NULL; i = json_object_iter_next(map, i))
		prom_number(prom,
		    PROM_LABELS(
			{"source", source}, {label, json_object_iter_key(i)}),
		    json_integer_value(json_object_iter_value(i)));
}

static void
put(const struct prom *prom, const char *source, const json_t *counted,
    struct prom_histogram histogram, const int64_t *int_bounds)
{
	const json_t *n = json_object_get(counted, "n");
	uint64_t counts[BOUNDS_MAX + 1];
	double bounds[BOUNDS_MAX];
	size_t i;

	for (i = 0; i < histogram.n_bounds; i++)
		bounds[i] = (double)int_bounds[i];
	for (i = 0; i <= histogram.n_bounds; i++)
		counts[i] = (uint64_t)json_integer_value(json_array_get(n, i));
	histogram.bounds = bounds;
	histogram.n = counts;
	histogram.sum =
	    (double)json_integer_value(json_object_get(counted, "sum"));
	prom_histogram(prom, PROM_LABELS({"source", source}), &histogram);
}

void
prom_counters_durations(
    const struct prom *prom, const char *source, const json_t *counted)
{
	const struct prom_histogram shape = {
	    .n_bounds = COUNTERS_DURATIONS, .scale = 1e-6};

	put(prom, source, counted, shape, counters_durations_us);
}

void
prom_counters_sizes(
    const struct prom *prom, const char *source, const json_t *counted)
{
	const struct prom_histogram shape = {
	    .n_bounds = COUNTERS_SIZES, .scale = 1};

	put(prom, source, counted, shape, counters_sizes);
}
