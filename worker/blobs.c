#include "blobs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ERROR_SIZE = 256, MINUTE_MS = 60000 };

struct entry {
	char *url;   /* NULL: free */
	char *bytes; /* NULL: none yet */
	size_t len;
	int64_t fetched_ms; /* when they came */
	int64_t fresh_ms;   /* until when they are fresh */
	int64_t used_ms;
	int64_t again_ms; /* last fetch of fresh ones; 0: never */
	bool failed;      /* the last fetch did */
	int64_t failed_ms;
	char error[ERROR_SIZE];
	bool fetching;
	size_t n_waiters;
	uint8_t waiters[BLOBS_WAITERS_MAX][WIRE_LINK_LEN];
};

struct blobs {
	struct entry entries[BLOBS_URLS_MAX];
	struct blobs_counts counts;
	int64_t minute_ms;  /* when this minute began */
	unsigned in_minute; /* fetches of URLs that requests named */
};

struct blobs *
blobs_new(void)
{
	return calloc(1, sizeof(struct blobs));
}

static void
entry_clear(struct entry *e)
{
	free(e->url);
	free(e->bytes);
	*e = (struct entry){0};
}

void
blobs_free(struct blobs *blobs)
{
	if (blobs == NULL)
		return;
	for (size_t i = 0; i < BLOBS_URLS_MAX; i++)
		entry_clear(&blobs->entries[i]);
	free(blobs);
}

const struct blobs_counts *
blobs_counts(const struct blobs *blobs)
{
	return &blobs->counts;
}

void
blobs_refused(struct blobs *blobs)
{
	blobs->counts.refused++;
}

/* ---- entries ---- */

static struct entry *
find(struct blobs *blobs, const char *url)
{
	for (size_t i = 0; i < BLOBS_URLS_MAX; i++) {
		struct entry *e = &blobs->entries[i];

		if (e->url != NULL && strcmp(e->url, url) == 0)
			return e;
	}
	return NULL;
}

/* Whether `a` is a better one to be forgotten than `b`: without bytes first,
 * then by the last use. */
static bool
is_worse(const struct entry *a, const struct entry *b)
{
	if (b == NULL || (a->bytes == NULL) != (b->bytes == NULL))
		return b == NULL || a->bytes == NULL;
	return a->used_ms < b->used_ms;
}

/* A new one, in the place of another if need be.  NULL: none is to be had. */
static struct entry *
add(struct blobs *blobs, const char *url)
{
	struct entry *best = NULL;

	for (size_t i = 0; i < BLOBS_URLS_MAX; i++) {
		struct entry *e = &blobs->entries[i];

		if (e->url == NULL) {
			best = e;
			break;
		}
		if (!e->fetching && is_worse(e, best))
			best = e;
	}
	if (best == NULL)
		return NULL;
	entry_clear(best);
	best->url = strdup(url);
	return best->url != NULL ? best : NULL;
}

static bool
has_bytes(const struct entry *e, int64_t now_ms)
{
	return e->bytes != NULL && now_ms - e->fetched_ms < WIRE_BLOB_OLD_MS;
}

/* ---- answers ---- */

static struct wire_blob
here(const struct entry *e, int64_t now_ms)
{
	return (struct wire_blob){.how = WIRE_FETCH,
	    .name = e->url,
	    .status = WIRE_BLOB_HERE,
	    .age_ms = now_ms - e->fetched_ms,
	    .fresh_ms = e->fresh_ms - now_ms,
	    .error = "",
	    .bytes = e->bytes,
	    .len = e->len};
}

static struct wire_blob
failed(const char *url, const char *error)
{
	return (struct wire_blob){.how = WIRE_FETCH,
	    .name = url,
	    .status = WIRE_BLOB_FAILED,
	    .error = error,
	    .bytes = ""};
}

/* What there is when nothing new can be had. */
static struct wire_blob
without_fetch(const struct entry *e, const char *error, int64_t now_ms)
{
	struct wire_blob answer;

	if (!has_bytes(e, now_ms))
		return failed(e->url, error);
	answer = here(e, now_ms);
	/* bytes that are fresh are the newest, as far as one may know */
	if (e->failed || e->fresh_ms <= now_ms) {
		answer.status = WIRE_BLOB_FAILED;
		answer.error = error;
	}
	return answer;
}

/* ---- asking ---- */

/* Why nothing may be fetched now; NULL: it may. */
static const char *
limit(struct blobs *blobs, const struct entry *e,
    const struct blobs_asker *asker, int64_t now_ms)
{
	if (e->failed && now_ms - e->failed_ms < BLOBS_FAILED_MS)
		return e->error;
	if (has_bytes(e, now_ms) && now_ms < e->fresh_ms && e->again_ms != 0 &&
	    now_ms - e->again_ms < BLOBS_AGAIN_MS)
		return "asked a moment ago";
	/* what has had keys before was not made up */
	if (asker->fixed || has_bytes(e, now_ms))
		return NULL;
	if (now_ms - blobs->minute_ms >= MINUTE_MS) {
		blobs->minute_ms = now_ms;
		blobs->in_minute = 0;
	}
	if (blobs->in_minute >= BLOBS_PER_MINUTE)
		return "too many URLs are asked for";
	blobs->in_minute++;
	return NULL;
}

/* Remember who waits; false: too many do. */
static bool
wait_for(struct entry *e, const void *id)
{
	for (size_t i = 0; i < e->n_waiters; i++)
		if (memcmp(e->waiters[i], id, WIRE_LINK_LEN) == 0)
			return true;
	if (e->n_waiters == BLOBS_WAITERS_MAX)
		return false;
	memcpy(e->waiters[e->n_waiters++], id, WIRE_LINK_LEN);
	return true;
}

static enum blobs_say
ask_fetch(struct blobs *blobs, struct entry *e, const struct blobs_asker *asker,
    int64_t now_ms, struct wire_blob *answer)
{
	const char *why = NULL;
	bool fetching = e->fetching;

	if (!fetching)
		why = limit(blobs, e, asker, now_ms);
	if (why == NULL && !wait_for(e, asker->id))
		why = "too many wait";
	if (why != NULL) {
		blobs->counts.limited++;
		*answer = without_fetch(e, why, now_ms);
		return BLOBS_ANSWER;
	}
	if (fetching)
		return BLOBS_WAIT;
	if (has_bytes(e, now_ms) && now_ms < e->fresh_ms)
		e->again_ms = now_ms;
	e->fetching = true;
	return BLOBS_FETCH;
}

enum blobs_say
blobs_ask(struct blobs *blobs, const struct wire_ask *ask,
    const struct blobs_asker *asker, int64_t now_ms, struct wire_blob *answer)
{
	struct entry *e = find(blobs, ask->name);

	if (e == NULL)
		e = add(blobs, ask->name);
	if (e == NULL) {
		*answer = failed(ask->name, "no room");
		return BLOBS_ANSWER;
	}
	e->used_ms = now_ms;
	if (has_bytes(e, now_ms) && now_ms < e->fresh_ms &&
	    now_ms - e->fetched_ms <= ask->max_age_ms) {
		blobs->counts.hits++;
		*answer = here(e, now_ms);
		return BLOBS_ANSWER;
	}
	return ask_fetch(blobs, e, asker, now_ms, answer);
}

/* ---- what came ---- */

static void
note_failed(struct entry *e, const char *error, int64_t now_ms)
{
	e->failed = true;
	e->failed_ms = now_ms;
	(void)snprintf(e->error, sizeof(e->error), "%s", error);
}

static void
note_bytes(struct entry *e, const struct blobs_result *result, int64_t now_ms)
{
	char *bytes = malloc(result->len + 1);

	if (bytes == NULL) {
		note_failed(e, "no memory", now_ms);
		return;
	}
	memcpy(bytes, result->bytes, result->len);
	free(e->bytes);
	e->bytes = bytes;
	e->len = result->len;
	e->fetched_ms = now_ms;
	e->fresh_ms = now_ms + result->fresh_ms;
	e->failed = false;
}

void
blobs_fetched(struct blobs *blobs, const struct blobs_result *result,
    int64_t now_ms, blobs_tell_fn *tell, void *arg)
{
	struct entry *e = find(blobs, result->url);
	struct wire_blob answer;

	if (result->error != NULL)
		blobs->counts.failed++;
	else
		blobs->counts.fetched++;
	if (e == NULL)
		return;
	e->fetching = false;
	if (result->error != NULL)
		note_failed(e, result->error, now_ms);
	else
		note_bytes(e, result, now_ms);
	answer =
	    e->failed ? without_fetch(e, e->error, now_ms) : here(e, now_ms);
	for (size_t i = 0; i < e->n_waiters; i++)
		tell(arg, e->waiters[i], &answer);
	e->n_waiters = 0;
}
