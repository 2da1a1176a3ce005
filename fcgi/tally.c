#include "tally.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "../shared/clock.h"
#include "../shared/log.h"

struct tally {
	struct tally *next;
	char *name;
	pthread_mutex_t mutex; /* of all below */
	int64_t accepted;
	int64_t duplicate;
	int64_t refused;
	int64_t unavailable;
	int64_t last_accepted_ms;
	int64_t last_refused_ms;
	enum refusal reason;
	struct log_limit limits[REFUSAL__MAX]; /* NONE: plain HTTP */
};

struct tallies {
	pthread_mutex_t mutex; /* of the list */
	struct tally *first;
	struct tally *resume; /* where the next tallies_json() begins */
};

struct tallies *
tallies_new(void)
{
	struct tallies *tallies = calloc(1, sizeof *tallies);

	if (tallies != NULL)
		(void)pthread_mutex_init(&tallies->mutex, NULL);
	return tallies;
}

static void
tally_free(struct tally *tally)
{
	(void)pthread_mutex_destroy(&tally->mutex);
	free(tally->name);
	free(tally);
}

void
tallies_free(struct tallies *tallies)
{
	if (tallies == NULL)
		return;
	while (tallies->first != NULL) {
		struct tally *tally = tallies->first;

		tallies->first = tally->next;
		tally_free(tally);
	}
	(void)pthread_mutex_destroy(&tallies->mutex);
	free(tallies);
}

static struct tally *
tally_new(const char *name)
{
	struct tally *tally = calloc(1, sizeof *tally);

	if (tally == NULL)
		return NULL;
	tally->name = strdup(name);
	if (tally->name == NULL) {
		free(tally);
		return NULL;
	}
	(void)pthread_mutex_init(&tally->mutex, NULL);
	return tally;
}

struct tally *
tallies_get(struct tallies *tallies, const char *name)
{
	struct tally *tally;

	(void)pthread_mutex_lock(&tallies->mutex);
	for (tally = tallies->first; tally != NULL; tally = tally->next) {
		if (strcmp(tally->name, name) == 0)
			break;
	}
	if (tally == NULL) {
		tally = tally_new(name);
		if (tally != NULL) {
			tally->next = tallies->first;
			tallies->first = tally;
		}
	}
	(void)pthread_mutex_unlock(&tallies->mutex);
	return tally;
}

void
tally_accepted(struct tally *tally, bool duplicate, int64_t wall_ms)
{
	(void)pthread_mutex_lock(&tally->mutex);
	if (duplicate)
		tally->duplicate++;
	else
		tally->accepted++;
	tally->last_accepted_ms = wall_ms;
	(void)pthread_mutex_unlock(&tally->mutex);
}

bool
tally_refused(struct tally *tally, enum refusal refusal, unsigned *suppressed)
{
	int allowed;

	(void)pthread_mutex_lock(&tally->mutex);
	if (refusal_row(refusal)->status == 503) {
		tally->unavailable++;
	} else {
		tally->refused++;
		tally->last_refused_ms = clock_wall_ms();
		tally->reason = refusal;
	}
	allowed = log_allow(
	    &tally->limits[refusal], TALLY_LINES, clock_boot_ms(), suppressed);
	(void)pthread_mutex_unlock(&tally->mutex);
	return allowed != 0;
}

bool
tally_plain(struct tally *tally, unsigned *suppressed)
{
	int allowed;

	(void)pthread_mutex_lock(&tally->mutex);
	allowed = log_allow(
	    &tally->limits[REFUSAL_NONE], 1, clock_boot_ms(), suppressed);
	(void)pthread_mutex_unlock(&tally->mutex);
	return allowed != 0;
}

/* Add one source's numbers; 1 when there are some, 0, or -1. */
static int
add_json(json_t *object, struct tally *tally)
{
	json_t *numbers;

	(void)pthread_mutex_lock(&tally->mutex);
	if (tally->accepted + tally->duplicate + tally->refused +
		tally->unavailable ==
	    0) {
		(void)pthread_mutex_unlock(&tally->mutex);
		return 0;
	}
	numbers = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:s}", "accepted",
	    (json_int_t)tally->accepted, "duplicate",
	    (json_int_t)tally->duplicate, "refused", (json_int_t)tally->refused,
	    "unavailable", (json_int_t)tally->unavailable, "last_accepted_ms",
	    (json_int_t)tally->last_accepted_ms, "last_refused_ms",
	    (json_int_t)tally->last_refused_ms, "reason",
	    tally->refused > 0 ? refusal_row(tally->reason)->reason : "");
	(void)pthread_mutex_unlock(&tally->mutex);
	return json_object_set_new(object, tally->name, numbers) == 0 ? 1 : -1;
}

json_t *
tallies_json(struct tallies *tallies)
{
	json_t *object = json_object();
	struct tally *tally;
	int n = 0;

	(void)pthread_mutex_lock(&tallies->mutex);
	tally = tallies->resume != NULL ? tallies->resume : tallies->first;
	while (object != NULL && tally != NULL && n < TALLY_JSON_SOURCES) {
		int added = add_json(object, tally);

		if (added == -1) {
			json_decref(object);
			object = NULL;
		}
		n += added == 1;
		tally = tally->next;
	}
	tallies->resume = tally;
	(void)pthread_mutex_unlock(&tallies->mutex);
	return object;
}
