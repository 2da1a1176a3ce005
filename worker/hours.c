#include "hours.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

struct series {
	enum store_tally_kind kind;
	char name[CONFIG_NAME_MAX + 1];
	int64_t total;   /* the counter as it was fed last */
	int64_t hour;    /* the latest with a number */
	int64_t unsaved; /* of unsaved_hour */
	int64_t unsaved_hour;
	uint32_t n[HOURS_N]; /* by hour modulo HOURS_N */
};

struct hours {
	void *tree; /* of struct series */
	size_t n;
	struct series **unsaved; /* HOURS_SERIES_MAX of them fit */
	size_t n_unsaved;
};

static int
compare(const void *a, const void *b)
{
	const struct series *x = a, *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return strcmp(x->name, y->name);
}

static struct series *
find(const struct hours *hours, enum store_tally_kind kind, const char *name)
{
	struct series wanted = {.kind = kind};
	struct series *const *found;

	if (memccpy(wanted.name, name, '\0', sizeof(wanted.name)) == NULL)
		return NULL;
	found = tfind(&wanted, &hours->tree, compare);
	return found != NULL ? *found : NULL;
}

/* The series, made when there is none.  NULL: there is no room. */
static struct series *
get(struct hours *hours, enum store_tally_kind kind, const char *name)
{
	struct series *series = find(hours, kind, name);

	if (series != NULL)
		return series;
	if (hours->n == HOURS_SERIES_MAX || strlen(name) > CONFIG_NAME_MAX ||
	    (series = calloc(1, sizeof(*series))) == NULL)
		return NULL;
	series->kind = kind;
	(void)memccpy(series->name, name, '\0', sizeof(series->name));
	if (tsearch(series, &hours->tree, compare) == NULL) {
		free(series);
		return NULL;
	}
	hours->n++;
	return series;
}

/* Add to an hour; one that is too old is left out. */
static void
add(struct series *series, int64_t hour, int64_t n)
{
	if (hour <= series->hour - HOURS_N)
		return;
	for (int i = 0; i < HOURS_N && series->hour < hour; i++)
		series->n[++series->hour % HOURS_N] = 0;
	if (series->hour < hour)
		series->hour = hour;
	series->n[hour % HOURS_N] += (uint32_t)n;
}

struct hours *
hours_new(void)
{
	struct hours *hours = calloc(1, sizeof(*hours));

	if (hours == NULL)
		return NULL;
	hours->unsaved =
	    reallocarray(NULL, HOURS_SERIES_MAX, sizeof(*hours->unsaved));
	if (hours->unsaved != NULL)
		return hours;
	free(hours);
	return NULL;
}

void
hours_free(struct hours *hours)
{
	if (hours == NULL)
		return;
	tdestroy(hours->tree, free);
	free(hours->unsaved);
	free(hours);
}

static void
take_back(void *arg, const struct store_tally *tally)
{
	struct series *series = get(arg, tally->kind, tally->name);

	if (series != NULL)
		add(series, tally->hour, tally->n);
}

enum store_result
hours_load(struct hours *hours, const struct store_ops *ops,
    struct store *store, int64_t wall_ms)
{
	return ops->tallies(
	    store, wall_ms / STORE_HOUR_MS - HOURS_N + 1, take_back, hours);
}

void
hours_feed(
    struct hours *hours, const struct store_tally *total, int64_t wall_ms)
{
	int64_t hour = wall_ms / STORE_HOUR_MS, more;
	struct series *series;

	if (total->n == 0)
		return;
	series = get(hours, total->kind, total->name);
	if (series == NULL || total->n == series->total)
		return;
	more = total->n - (total->n > series->total ? series->total : 0);
	series->total = total->n;
	add(series, hour, more);
	/* what could not be saved yet keeps its hour */
	if (series->unsaved == 0) {
		series->unsaved_hour = hour;
		hours->unsaved[hours->n_unsaved++] = series;
	}
	series->unsaved += more;
}

bool
hours_unsaved(const struct hours *hours)
{
	return hours->n_unsaved > 0;
}

enum store_result
hours_save(
    struct hours *hours, const struct store_ops *ops, struct store *store)
{
	enum store_result result = STORE_OK;

	for (size_t i = 0; i < hours->n_unsaved && result == STORE_OK; i++) {
		const struct series *series = hours->unsaved[i];
		const struct store_tally row = {series->unsaved_hour,
		    series->kind, series->name, series->unsaved};

		result = ops->tally(store, &row, 1);
	}
	return result;
}

void
hours_saved(struct hours *hours)
{
	for (size_t i = 0; i < hours->n_unsaved; i++)
		hours->unsaved[i]->unsaved = 0;
	hours->n_unsaved = 0;
}

int64_t
hours_sum(const struct hours *hours, enum store_tally_kind kind,
    const char *name, struct hours_span span)
{
	const struct series *series = find(hours, kind, name);
	int64_t sum = 0, last = span.wall_ms / STORE_HOUR_MS, hour;

	if (series == NULL)
		return 0;
	for (hour = last - span.n + 1; hour <= last; hour++)
		if (hour <= series->hour && hour > series->hour - HOURS_N)
			sum += series->n[hour % HOURS_N];
	return sum;
}
