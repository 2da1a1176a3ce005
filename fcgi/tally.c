#include "tally.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../shared/clock.h"
#include "../shared/counters.h"
#include "../shared/log.h"

struct tally {
	struct tally *next;
	char *name;
	atomic_uint_fast64_t *changes; /* of all tallies, counted */
	pthread_mutex_t mutex;         /* of all below */
	uint64_t changed;              /* its latest change; 0: none */
	int64_t since_ms;              /* wall time of the first */
	int64_t accepted;
	int64_t duplicate;
	int64_t refused;
	int64_t unavailable;
	int64_t last_accepted_ms;
	int64_t last_refused_ms;
	enum refusal reason;

	struct {
		int code;
		int64_t n;
	} codes[TALLY_CODES];

	int64_t reasons[REFUSAL__MAX];
	int64_t duration_us;
	int64_t durations[COUNTERS_DURATIONS + 1];
	int64_t body_bytes;
	int64_t sizes[COUNTERS_SIZES + 1];
	int64_t kept_ms; /* boot clock: the last copy of a refused one; 0 */
	struct log_limit limits[REFUSAL__MAX];
	struct log_limit plain;
	struct log_limit handshake;
};

struct tallies {
	pthread_mutex_t mutex; /* of the list, which only grows at its head */
	struct tally *first;
	atomic_uint_fast64_t changes;
};

struct tallies *
tallies_new(void)
{
	struct tallies *tallies = calloc(1, sizeof *tallies);

	if (tallies == NULL)
		return NULL;
	(void)pthread_mutex_init(&tallies->mutex, NULL);
	atomic_init(&tallies->changes, 0);
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
			tally->changes = &tallies->changes;
			tally->next = tallies->first;
			tallies->first = tally;
		}
	}
	(void)pthread_mutex_unlock(&tallies->mutex);
	return tally;
}

/* The tally is about to change; its mutex is held. */
static void
touch(struct tally *tally)
{
	tally->changed = atomic_fetch_add(tally->changes, 1) + 1;
	if (tally->since_ms == 0)
		tally->since_ms = clock_wall_ms();
}

void
tally_accepted(struct tally *tally, bool duplicate, int64_t wall_ms)
{
	(void)pthread_mutex_lock(&tally->mutex);
	touch(tally);
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
	touch(tally);
	tally->reasons[refusal]++;
	if (refusal_row(refusal)->status == 503) {
		tally->unavailable++;
	} else {
		tally->refused++;
		tally->last_refused_ms = clock_wall_ms();
		tally->reason = refusal;
	}
	allowed = log_allow(
	    &tally->limits[refusal], LOG_LINES, clock_boot_ms(), suppressed);
	(void)pthread_mutex_unlock(&tally->mutex);
	return allowed != 0;
}

static void
count_code(struct tally *tally, int code)
{
	for (size_t i = 0; i < TALLY_CODES; i++) {
		if (tally->codes[i].n == 0)
			tally->codes[i].code = code;
		if (tally->codes[i].code == code) {
			tally->codes[i].n++;
			break;
		}
	}
}

void
tally_answered(struct tally *tally, const struct tally_answer *answer)
{
	(void)pthread_mutex_lock(&tally->mutex);
	touch(tally);
	count_code(tally, answer->code);
	tally->duration_us += answer->us;
	tally->durations[counters_bucket(
	    counters_durations_us, COUNTERS_DURATIONS, answer->us)]++;
	if (answer->body_size >= 0) {
		tally->body_bytes += answer->body_size;
		tally->sizes[counters_bucket(
		    counters_sizes, COUNTERS_SIZES, answer->body_size)]++;
	}
	(void)pthread_mutex_unlock(&tally->mutex);
}

bool
tally_plain(struct tally *tally, unsigned *suppressed)
{
	return log_allow(&tally->plain, 1, clock_boot_ms(), suppressed) != 0;
}

bool
tally_handshake(struct tally *tally, unsigned *suppressed)
{
	return log_allow(&tally->handshake, LOG_LINES, clock_boot_ms(),
		   suppressed) != 0;
}

void
tallies_left_out(struct tallies *tallies, int64_t now_ms, tally_left_out_fn *fn)
{
	struct tally *tally;

	(void)pthread_mutex_lock(&tallies->mutex);
	tally = tallies->first;
	(void)pthread_mutex_unlock(&tallies->mutex);
	for (; tally != NULL; tally = tally->next) {
		for (int i = 0; i < REFUSAL__MAX; i++) {
			unsigned suppressed =
			    log_left_out(&tally->limits[i], now_ms);

			if (suppressed > 0)
				fn(tally->name, (enum refusal)i, suppressed);
		}
	}
}

bool
tally_keep(struct tally *tally)
{
	int64_t now_ms = clock_boot_ms();
	bool may;

	(void)pthread_mutex_lock(&tally->mutex);
	may = tally->kept_ms == 0 || now_ms - tally->kept_ms >= TALLY_KEEP_MS;
	if (may)
		tally->kept_ms = now_ms;
	(void)pthread_mutex_unlock(&tally->mutex);
	return may;
}

/* ---- as JSON ---- */

/* A member that is left out when it is zero. */
static void
add_number(json_t *object, const char *name, int64_t n)
{
	if (n != 0)
		(void)json_object_set_new(object, name, json_integer(n));
}

/* A member that is left out when it is empty. */
static void
add_map(json_t *object, const char *name, json_t *map)
{
	if (json_object_size(map) > 0)
		(void)json_object_set(object, name, map);
	json_decref(map);
}

static json_t *
codes_json(const struct tally *tally)
{
	json_t *map = json_object();
	char name[12];

	for (size_t i = 0; i < TALLY_CODES; i++) {
		(void)snprintf(name, sizeof name, "%d", tally->codes[i].code);
		add_number(map, name, tally->codes[i].n);
	}
	return map;
}

static json_t *
reasons_json(const struct tally *tally)
{
	json_t *map = json_object();

	for (int i = 0; i < REFUSAL__MAX; i++)
		add_number(map, refusal_row((enum refusal)i)->reason,
		    tally->reasons[i]);
	return map;
}

/* {sum, n: […]}, or nothing when nothing was counted. */
static json_t *
histogram_json(int64_t sum, const int64_t *n, size_t len)
{
	json_t *map = json_object();
	json_t *counts = json_array();
	int64_t all = 0;

	for (size_t i = 0; i < len; i++) {
		all += n[i];
		(void)json_array_append_new(counts, json_integer(n[i]));
	}
	if (all > 0) {
		(void)json_object_set_new(map, "sum", json_integer(sum));
		(void)json_object_set(map, "n", counts);
	}
	json_decref(counts);
	return map;
}

/* Its numbers, if they changed after `known`; a new reference or NULL. */
static json_t *
tally_json(struct tally *tally, uint64_t known)
{
	json_t *object = NULL;

	(void)pthread_mutex_lock(&tally->mutex);
	if (tally->changed > known)
		object = json_object();
	if (object != NULL) {
		add_number(object, "since_ms", tally->since_ms);
		add_number(object, "accepted", tally->accepted);
		add_number(object, "duplicate", tally->duplicate);
		add_number(object, "refused", tally->refused);
		add_number(object, "unavailable", tally->unavailable);
		add_number(object, "last_accepted_ms", tally->last_accepted_ms);
		add_number(object, "last_refused_ms", tally->last_refused_ms);
		if (tally->refused > 0)
			(void)json_object_set_new(object, "reason",
			    json_string(refusal_row(tally->reason)->reason));
		add_map(object, "codes", codes_json(tally));
		add_map(object, "reasons", reasons_json(tally));
		add_map(object, "duration_us",
		    histogram_json(tally->duration_us, tally->durations,
			COUNTERS_DURATIONS + 1));
		add_map(object, "body_bytes",
		    histogram_json(
			tally->body_bytes, tally->sizes, COUNTERS_SIZES + 1));
	}
	(void)pthread_mutex_unlock(&tally->mutex);
	return object;
}

static void
begin_round(struct tallies *tallies, struct tally_cursor *cursor)
{
	/* in this order: a source that is new belongs to the next round */
	cursor->round = atomic_load(&tallies->changes);
	(void)pthread_mutex_lock(&tallies->mutex);
	cursor->next = tallies->first;
	(void)pthread_mutex_unlock(&tallies->mutex);
}

json_t *
tallies_json(struct tallies *tallies, struct tally_cursor *cursor)
{
	json_t *object = json_object();
	size_t used = 0;

	if (object == NULL)
		return NULL;
	if (cursor->next == NULL)
		begin_round(tallies, cursor);
	for (; cursor->next != NULL; cursor->next = cursor->next->next) {
		json_t *numbers = tally_json(cursor->next, cursor->known);

		if (numbers == NULL)
			continue;
		/* "NAME":{…}, */
		used += strlen(cursor->next->name) + 4 +
			json_dumpb(numbers, NULL, 0, JSON_COMPACT);
		if (used > TALLY_JSON_BYTES) {
			json_decref(numbers);
			return object;
		}
		(void)json_object_set_new(object, cursor->next->name, numbers);
	}
	cursor->known = cursor->round;
	return object;
}
