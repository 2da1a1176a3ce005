#include "keyring.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../shared/clock.h"
#include "../shared/log.h"

struct entry {
	char *url;                      /* NULL: free */
	bool fixed;                     /* of the configuration */
	struct scheme_fetched *fetched; /* or NULL */
	int64_t fetched_ms;             /* when a worker had it from there */
	int64_t due_ms; /* when to ask anew, if it is used at all */
	int64_t used_ms;
	bool wanted;        /* by somebody who may wait */
	bool newer;         /* what is there will not do */
	int64_t asked_ms;   /* 0: no answer is outstanding */
	size_t asked;       /* how many times without an answer */
	int64_t checked_ms; /* last look for newer ones that had an answer */
	bool failed;        /* as the last answer says */
	int64_t failed_ms;
	uint64_t answers;
};

struct keyring {
	pthread_mutex_t mutex;
	pthread_cond_t answered;
	size_t waiting;
	size_t waiting_max;
	struct log_limit limit;
	struct entry entries[KEYRING_URLS_MAX];
};

struct keyring *
keyring_new(size_t waiting)
{
	struct keyring *keyring = calloc(1, sizeof *keyring);
	pthread_condattr_t attr;

	if (keyring == NULL)
		return NULL;
	(void)pthread_mutex_init(&keyring->mutex, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&keyring->answered, &attr);
	(void)pthread_condattr_destroy(&attr);
	keyring->waiting_max = waiting > 0 ? waiting : 1;
	return keyring;
}

static void
entry_clear(struct entry *e)
{
	free(e->url);
	scheme_fetched_unref(e->fetched);
	*e = (struct entry){0};
}

void
keyring_free(struct keyring *keyring)
{
	if (keyring == NULL)
		return;
	for (size_t i = 0; i < KEYRING_URLS_MAX; i++)
		entry_clear(&keyring->entries[i]);
	(void)pthread_cond_destroy(&keyring->answered);
	(void)pthread_mutex_destroy(&keyring->mutex);
	free(keyring);
}

/* ---- entries: under the mutex ---- */

static struct entry *
find(struct keyring *keyring, const char *url)
{
	for (size_t i = 0; i < KEYRING_URLS_MAX; i++) {
		struct entry *e = &keyring->entries[i];

		if (e->url != NULL && strcmp(e->url, url) == 0)
			return e;
	}
	return NULL;
}

/* Which of two is rather forgotten: one without keys, then the one used
 * least. */
static bool
is_worse(const struct entry *a, const struct entry *b)
{
	if (b == NULL || (a->fetched == NULL) != (b->fetched == NULL))
		return b == NULL || a->fetched == NULL;
	return a->used_ms < b->used_ms;
}

/* The one of a URL, new if need be; NULL when there is no room. */
static struct entry *
get(struct keyring *keyring, const char *url)
{
	struct entry *e = find(keyring, url);
	struct entry *worst = NULL;

	for (size_t i = 0; e == NULL && i < KEYRING_URLS_MAX; i++) {
		struct entry *other = &keyring->entries[i];

		if (other->url == NULL)
			e = other;
		else if (!other->fixed && is_worse(other, worst))
			worst = other;
	}
	if (e == NULL)
		e = worst;
	if (e == NULL || (e->url != NULL && strcmp(e->url, url) == 0))
		return e;
	entry_clear(e);
	e->url = strdup(url);
	return e->url != NULL ? e : NULL;
}

static bool
has_keys(const struct entry *e, int64_t now_ms)
{
	return e->fetched != NULL && now_ms - e->fetched_ms < WIRE_BLOB_OLD_MS;
}

static void
use_source(struct keyring *keyring, const struct config_source *source)
{
	const char *url;

	for (size_t i = 0; (url = scheme_keys_url(source->scheme, i)) != NULL;
	     i++) {
		struct entry *e = get(keyring, url);

		if (e != NULL)
			e->fixed = true;
		else
			log_error("no_memory", log_str("for", "keys"));
	}
}

void
keyring_use(struct keyring *keyring, const struct config *config)
{
	(void)pthread_mutex_lock(&keyring->mutex);
	for (size_t i = 0; i < KEYRING_URLS_MAX; i++)
		keyring->entries[i].fixed = false;
	for (size_t i = 0; i < config->n_sources; i++)
		if (config->sources[i].n_secrets == 0)
			use_source(keyring, &config->sources[i]);
	(void)pthread_mutex_unlock(&keyring->mutex);
}

/* ---- requests ---- */

/* Keys that are not there, or not new enough: shall they be waited for? */
static void
want(struct entry *e, struct keyring_want *request, int64_t now_ms)
{
	if (request->waited ||
	    (e->failed && now_ms - e->failed_ms < KEYRING_FAILED_MS))
		return;
	free(request->url);
	request->url = strdup(e->url);
	request->seen = e->answers;
	e->newer = e->newer || has_keys(e, now_ms);
	e->wanted = true;
}

/* Whether the keys that are there are all that is to be had for now. */
static bool
is_newest(
    const struct entry *e, const struct keyring_want *request, int64_t now_ms)
{
	if (!has_keys(e, now_ms) || e->failed)
		return false;
	return request->waited ||
	       (e->checked_ms != 0 &&
		   now_ms - e->checked_ms < KEYRING_AGAIN_MS);
}

struct scheme_fetched *
keyring_give(void *arg, const char *url, bool again)
{
	struct keyring_want *request = arg;
	struct keyring *keyring = request->keyring;
	struct scheme_fetched *fetched = NULL;
	int64_t now_ms = clock_boot_ms();
	struct entry *e;

	(void)pthread_mutex_lock(&keyring->mutex);
	e = get(keyring, url);
	if (e != NULL) {
		e->used_ms = now_ms;
		if (again ? is_newest(e, request, now_ms) : has_keys(e, now_ms))
			fetched = scheme_fetched_ref(e->fetched);
		else if (again)
			want(e, request, now_ms);
		/* stale ones do, but not for long */
		if (fetched != NULL && now_ms >= e->due_ms)
			e->wanted = true;
	}
	(void)pthread_mutex_unlock(&keyring->mutex);
	return fetched;
}

/* Until an answer, or the deadline.  Under the mutex. */
static bool
wait_until(const struct keyring_want *request, int64_t deadline_boot_ms)
{
	struct keyring *keyring = request->keyring;
	const struct entry *e;
	struct timespec until;
	int64_t ms;

	while ((e = find(keyring, request->url)) != NULL &&
	       e->answers == request->seen) {
		ms = deadline_boot_ms - clock_boot_ms();
		if (ms <= 0)
			return false;
		(void)clock_gettime(CLOCK_MONOTONIC, &until);
		ms += until.tv_nsec / 1000000;
		until.tv_sec += ms / 1000;
		until.tv_nsec = ms % 1000 * 1000000;
		(void)pthread_cond_timedwait(
		    &keyring->answered, &keyring->mutex, &until);
	}
	return e != NULL;
}

bool
keyring_wait(struct keyring_want *request, int64_t deadline_boot_ms)
{
	struct keyring *keyring = request->keyring;
	bool answered = false;

	(void)pthread_mutex_lock(&keyring->mutex);
	if (keyring->waiting < keyring->waiting_max) {
		keyring->waiting++;
		answered = wait_until(request, deadline_boot_ms);
		keyring->waiting--;
	}
	(void)pthread_mutex_unlock(&keyring->mutex);
	request->waited = true;
	return answered;
}

void
keyring_forget(struct keyring_want *request)
{
	free(request->url);
	request->url = NULL;
}

/* ---- the link's thread ---- */

/* Ask a worker, and the next one when that does not answer. */
static void
ask(struct entry *e, struct link *link, int64_t now_ms)
{
	struct wire_ask what = {
	    .how = WIRE_FETCH, .name = e->url, .max_age_ms = INT64_MAX};
	struct buf frame = {0};

	if (e->newer && e->fetched != NULL)
		what.max_age_ms = now_ms - e->fetched_ms - 1;
	if (wire_put_ask(&frame, &what) == 0 &&
	    link_ask(link, &frame, e->asked) == 0) {
		e->asked_ms = now_ms;
		e->asked++;
	}
	buf_clear(&frame);
}

void
keyring_ask(void *arg, struct link *link)
{
	struct keyring *keyring = arg;
	int64_t now_ms = clock_boot_ms();

	(void)pthread_mutex_lock(&keyring->mutex);
	for (size_t i = 0; i < KEYRING_URLS_MAX; i++) {
		struct entry *e = &keyring->entries[i];
		bool due = e->wanted || (e->fixed && now_ms >= e->due_ms);

		if (e->url != NULL && due &&
		    (e->asked_ms == 0 ||
			now_ms - e->asked_ms >= KEYRING_ANSWER_MS))
			ask(e, link, now_ms);
	}
	(void)pthread_mutex_unlock(&keyring->mutex);
}

static void
note_keys(struct entry *e, const struct wire_blob *blob,
    struct scheme_fetched *fetched, int64_t now_ms)
{
	scheme_fetched_unref(e->fetched);
	e->fetched = scheme_fetched_ref(fetched);
	e->fetched_ms = now_ms - blob->age_ms;
}

/* Under the mutex. */
static void
note(struct entry *e, const struct wire_blob *blob,
    struct scheme_fetched *fetched, int64_t now_ms)
{
	bool here = blob->status == WIRE_BLOB_HERE && fetched != NULL;

	/* older ones do for who has none */
	if (here || (fetched != NULL && !has_keys(e, now_ms)))
		note_keys(e, blob, fetched, now_ms);
	e->failed = !here;
	if (!here) {
		e->failed_ms = now_ms;
		e->due_ms = now_ms + KEYRING_RETRY_MS;
	} else {
		e->due_ms = now_ms + blob->fresh_ms;
	}
	if (e->newer)
		e->checked_ms = now_ms;
	e->wanted = e->newer = false;
	e->asked_ms = 0;
	e->asked = 0;
	e->answers++;
}

static void
log_answer(
    struct keyring *keyring, const struct wire_blob *blob, const char *error)
{
	unsigned suppressed;

	if (log_allow(&keyring->limit, LOG_LINES, clock_boot_ms(), &suppressed))
		log_warn("keys_missing", log_str("url", blob->name),
		    log_str("error", error), log_suppressed(suppressed));
}

void
keyring_take(void *arg, const struct wire_blob *blob)
{
	struct keyring *keyring = arg;
	char error[SCHEME_ERROR_SIZE] = "";
	struct scheme_fetched *fetched = NULL;
	struct entry *e;

	if (blob->how != WIRE_FETCH)
		return;
	if (blob->len > 0)
		fetched = scheme_fetched_new(blob->bytes, blob->len, error);
	/* of keys that only grow old the worker's log tells */
	if (fetched == NULL)
		log_answer(keyring, blob,
		    blob->error[0] != '\0' ? blob->error : error);
	(void)pthread_mutex_lock(&keyring->mutex);
	e = find(keyring, blob->name);
	if (e != NULL) {
		note(e, blob, fetched, clock_boot_ms());
		(void)pthread_cond_broadcast(&keyring->answered);
	}
	(void)pthread_mutex_unlock(&keyring->mutex);
	scheme_fetched_unref(fetched);
}
