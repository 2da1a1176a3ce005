#include "kept.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/crypto.h>

#include "../shared/clock.h"
#include "../shared/log.h"

struct kept_keys {
	atomic_uint refs;
	struct scheme_keys *keys;
};

/* A source that waits, or waited. */
struct entry {
	const struct config_source *source; /* of the configuration in use */
	struct buf secret;                  /* what is kept; empty: unknown */
	struct kept_keys *keys;             /* of that, or NULL */
	struct buf put;                     /* what is to be kept, or empty */

	/* one round: every worker is asked, then the first to keep `put` */
	bool wanted;
	bool putting;
	bool unsure;      /* somebody could not say */
	size_t place;     /* of the worker to ask, or asked */
	int64_t asked_ms; /* 0: no answer is outstanding */

	size_t waiters;
	uint64_t rounds; /* that have ended */
	enum kept_result result;
	int64_t ended_ms; /* boot clock; 0: never */
};

struct kept {
	pthread_mutex_t mutex;
	pthread_cond_t ended;
	size_t waiting;
	size_t waiting_max;
	struct config *config; /* entries point into it */
	struct link *link;     /* whose thread has asked */
	struct entry *entries;
	size_t n;
};

struct kept *
kept_new(size_t waiting)
{
	struct kept *kept = calloc(1, sizeof *kept);
	pthread_condattr_t attr;

	if (kept == NULL)
		return NULL;
	(void)pthread_mutex_init(&kept->mutex, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&kept->ended, &attr);
	(void)pthread_condattr_destroy(&attr);
	kept->waiting_max = waiting > 0 ? waiting : 1;
	return kept;
}

/* ---- keys ---- */

const struct scheme_keys *
kept_scheme_keys(const struct kept_keys *keys)
{
	return keys->keys;
}

void
kept_unref(struct kept_keys *keys)
{
	if (keys == NULL || atomic_fetch_sub(&keys->refs, 1) != 1)
		return;
	scheme_keys_free(keys->keys);
	free(keys);
}

/* NULL, logged: the secret is none for this scheme. */
static struct kept_keys *
make_keys(const struct config_source *source, const struct buf *secret)
{
	const struct scheme_secret bytes = {
	    (const unsigned char *)secret->p, secret->len};
	struct kept_keys *keys = calloc(1, sizeof *keys);
	char error[SCHEME_ERROR_SIZE] = "no memory";

	if (keys != NULL)
		keys->keys = scheme_keys_new(source->scheme, &bytes, 1, error);
	if (keys == NULL || keys->keys == NULL) {
		log_error("secret_unusable", log_str("source", source->name),
		    log_str("error", error));
		free(keys);
		return NULL;
	}
	atomic_init(&keys->refs, 1);
	return keys;
}

static struct kept_keys *
ref(struct kept_keys *keys)
{
	atomic_fetch_add(&keys->refs, 1);
	return keys;
}

/* ---- entries: under the mutex ---- */

static void
cleanse(struct buf *secret)
{
	if (secret->p != NULL)
		OPENSSL_cleanse(secret->p, secret->cap);
	buf_clear(secret);
}

static void
entries_free(struct entry *entries, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		cleanse(&entries[i].secret);
		cleanse(&entries[i].put);
		kept_unref(entries[i].keys);
	}
	free(entries);
}

void
kept_free(struct kept *kept)
{
	if (kept == NULL)
		return;
	entries_free(kept->entries, kept->n);
	config_unref(kept->config);
	(void)pthread_cond_destroy(&kept->ended);
	(void)pthread_mutex_destroy(&kept->mutex);
	free(kept);
}

static struct entry *
find(struct kept *kept, const char *source)
{
	for (size_t i = 0; i < kept->n; i++)
		if (strcmp(kept->entries[i].source->name, source) == 0)
			return &kept->entries[i];
	return NULL;
}

bool
kept_awaits(const struct config_source *source)
{
	return source->n_secrets == 0 && scheme_keeps(source->scheme);
}

/* A source that goes on waiting, or has its secret, under new rules. */
static int
carry_over(struct kept *kept, struct entry *e)
{
	const struct entry *old = find(kept, e->source->name);

	e->wanted = true;
	if (old == NULL || old->secret.len == 0)
		return 0;
	if (buf_add(&e->secret, old->secret.p, old->secret.len) != 0)
		return -1;
	e->wanted = false;
	e->keys = make_keys(e->source, &e->secret);
	return 0;
}

int
kept_use(struct kept *kept, struct config *config)
{
	struct entry *entries = calloc(config->n_sources + 1, sizeof *entries);
	struct entry *old;
	struct config *was;
	size_t n = 0, n_old;
	int rc = entries != NULL ? 0 : -1;

	(void)pthread_mutex_lock(&kept->mutex);
	for (size_t i = 0; i < config->n_sources && rc == 0; i++) {
		if (!kept_awaits(&config->sources[i]))
			continue;
		entries[n].source = &config->sources[i];
		rc = carry_over(kept, &entries[n++]);
	}
	old = rc == 0 ? kept->entries : entries;
	n_old = rc == 0 ? kept->n : n;
	was = rc == 0 ? kept->config : NULL;
	if (rc == 0) {
		kept->entries = entries;
		kept->n = n;
		kept->config = config_ref(config);
	}
	(void)pthread_cond_broadcast(&kept->ended);
	(void)pthread_mutex_unlock(&kept->mutex);
	if (old != NULL)
		entries_free(old, n_old);
	config_unref(was);
	return rc;
}

static void
end_round(struct kept *kept, struct entry *e, enum kept_result result)
{
	e->result = result;
	e->ended_ms = clock_boot_ms();
	e->rounds++;
	e->wanted = e->putting = e->unsure = false;
	e->place = 0;
	e->asked_ms = 0;
	cleanse(&e->put);
	(void)pthread_cond_broadcast(&kept->ended);
}

/* ---- requests ---- */

/* Until the round ends; NULL: too late, or it is not this entry any more. */
static struct entry *
wait_round(struct kept *kept, struct entry *e, const struct kept_ask *ask)
{
	const struct config *config = kept->config;
	uint64_t rounds = e->rounds;
	struct timespec until;
	int64_t ms;

	while (kept->config == config && e->rounds == rounds) {
		ms = ask->deadline_boot_ms - clock_boot_ms();
		if (ms <= 0)
			return NULL;
		(void)clock_gettime(CLOCK_MONOTONIC, &until);
		ms += until.tv_nsec / 1000000;
		until.tv_sec += ms / 1000;
		until.tv_nsec = ms % 1000 * 1000000;
		(void)pthread_cond_timedwait(
		    &kept->ended, &kept->mutex, &until);
	}
	return kept->config == config ? e : NULL;
}

/* Wait for a round that has begun.  Whoever gives up is told that nothing is
 * kept; so nothing is to be kept later, unless a worker has it in its hands. */
static struct entry *
wait_for(struct kept *kept, struct entry *e, const struct kept_ask *ask)
{
	const struct config *config = kept->config;
	struct entry *ended;

	kept->waiting++;
	e->waiters++;
	ended = wait_round(kept, e, ask);
	kept->waiting--;
	if (kept->config != config)
		return NULL;
	e->waiters--;
	if (ended == NULL && e->waiters == 0 &&
	    !(e->putting && e->asked_ms != 0))
		end_round(kept, e, KEPT_UNKNOWN);
	return ended;
}

/* Whether the last answer still counts. */
static bool
is_fresh(const struct entry *e, const struct kept_ask *ask)
{
	return e->keys != NULL || ask->link == NULL ||
	       (ask->secret == NULL && e->ended_ms != 0 &&
		   e->result == KEPT_NONE &&
		   clock_boot_ms() - e->ended_ms < KEPT_AGAIN_MS);
}

/* Begin a round; false where another secret is just being put. */
static bool
begin(struct entry *e, const struct kept_ask *ask)
{
	if (ask->secret != NULL && e->put.len > 0 &&
	    (e->put.len != ask->len ||
		memcmp(e->put.p, ask->secret, ask->len) != 0))
		return false;
	if (ask->secret != NULL && e->put.len == 0 &&
	    buf_add(&e->put, ask->secret, ask->len) != 0)
		return false;
	e->wanted = true;
	return true;
}

enum kept_result
kept_look(
    struct kept *kept, const struct kept_ask *ask, struct kept_keys **keys)
{
	enum kept_result result = KEPT_UNKNOWN;
	struct entry *e;

	*keys = NULL;
	(void)pthread_mutex_lock(&kept->mutex);
	e = find(kept, ask->source);
	if (e != NULL && !is_fresh(e, ask)) {
		if (kept->waiting < kept->waiting_max && begin(e, ask)) {
			link_poke(ask->link);
			e = wait_for(kept, e, ask);
		} else {
			e = NULL;
		}
	}
	if (e != NULL && e->keys != NULL) {
		*keys = ref(e->keys);
		result = KEPT_HERE;
	} else if (e != NULL && e->ended_ms != 0) {
		result = e->result;
	}
	(void)pthread_mutex_unlock(&kept->mutex);
	return result;
}

/* ---- the link's thread ---- */

/* Send the ASK to the worker at e->place.  0 or -1. */
static int
send_ask(struct entry *e, struct link *link, int64_t now_ms)
{
	struct buf name = {0}, frame = {0};
	struct wire_ask ask = {.how = e->putting ? WIRE_PUT : WIRE_GET,
	    .bytes = "",
	    .max_age_ms = INT64_MAX};
	int rc = -1;

	(void)buf_printf(&name, WIRE_KEPT "%s", e->source->name);
	if (e->putting) {
		ask.bytes = e->put.p;
		ask.len = e->put.len;
	}
	ask.name = buf_str(&name);
	if (ask.name != NULL && wire_put_ask(&frame, &ask) == 0)
		rc = link_ask_at(link, &frame, e->place);
	if (rc == 0)
		e->asked_ms = now_ms;
	cleanse(&frame);
	buf_clear(&name);
	return rc;
}

/* Ask the next worker that is there; false: no other is. */
static bool
ask_next(struct entry *e, struct link *link, int64_t now_ms)
{
	for (; e->place < link_workers(link); e->place++) {
		if (send_ask(e, link, now_ms) == 0)
			return true;
		e->unsure = true;
	}
	return false;
}

/* The next question of a round, or its end. */
static void
go_on(struct kept *kept, struct entry *e, struct link *link, int64_t now_ms)
{
	bool begins = e->place == 0 && !e->putting;

	if (ask_next(e, link, now_ms))
		return;
	if (begins) {
		/* nobody at all: those that wait have their time */
		e->place = 0;
		e->unsure = false;
		link_poke(link);
		return;
	}
	if (!e->unsure && !e->putting && e->put.len > 0) {
		e->putting = true;
		e->place = 0;
		if (ask_next(e, link, now_ms))
			return;
	}
	end_round(kept, e, e->unsure || e->putting ? KEPT_UNKNOWN : KEPT_NONE);
}

/* The worker that was asked does not know, or is not there.  One that may have
 * kept something is asked for it another time. */
static void
no_answer(struct kept *kept, struct entry *e)
{
	e->unsure = true;
	e->asked_ms = 0;
	e->place++;
	if (e->putting)
		end_round(kept, e, KEPT_UNKNOWN);
}

void
kept_ask(void *arg, struct link *link)
{
	struct kept *kept = arg;
	int64_t now_ms = clock_boot_ms();

	(void)pthread_mutex_lock(&kept->mutex);
	kept->link = link;
	for (size_t i = 0; i < kept->n; i++) {
		struct entry *e = &kept->entries[i];

		if (e->wanted && e->asked_ms != 0 &&
		    now_ms - e->asked_ms >= KEPT_ANSWER_MS)
			no_answer(kept, e);
		if (e->wanted && e->asked_ms == 0)
			go_on(kept, e, link, now_ms);
	}
	(void)pthread_mutex_unlock(&kept->mutex);
}

/* What is kept has come. */
static void
have(struct kept *kept, struct entry *e, const void *p, size_t len)
{
	if (buf_add(&e->secret, p, len) != 0) {
		end_round(kept, e, KEPT_UNKNOWN);
		return;
	}
	e->keys = make_keys(e->source, &e->secret);
	end_round(kept, e, e->keys != NULL ? KEPT_HERE : KEPT_UNKNOWN);
}

static void
log_failed(const struct entry *e, const struct wire_blob *blob)
{
	static struct log_limit limit;
	unsigned suppressed;

	if (log_allow(&limit, LOG_LINES, clock_boot_ms(), &suppressed))
		log_error("secret_not_kept", log_str("source", e->source->name),
		    log_str("error", blob->error), log_suppressed(suppressed));
}

static void
note(struct kept *kept, struct entry *e, const struct wire_blob *blob)
{
	switch (blob->status) {
	case WIRE_BLOB_HERE:
	case WIRE_BLOB_EXISTS:
		have(kept, e, blob->bytes, blob->len);
		break;
	case WIRE_BLOB_STORED:
		if (e->putting)
			have(kept, e, e->put.p, e->put.len);
		break;
	case WIRE_BLOB_NONE:
		e->asked_ms = 0;
		e->place++;
		link_poke(kept->link);
		break;
	case WIRE_BLOB_FAILED:
	case WIRE_BLOB_STATUS__MAX:
		log_failed(e, blob);
		no_answer(kept, e);
		link_poke(kept->link);
		break;
	}
}

/* It has been let go of: whoever delivers one next is taken. */
static void
let_go(struct entry *e)
{
	kept_unref(e->keys);
	e->keys = NULL;
	cleanse(&e->secret);
	e->ended_ms = 0;
	log_info("secret_forgotten", log_str("source", e->source->name));
}

void
kept_take(void *arg, const struct wire_blob *blob)
{
	struct kept *kept = arg;
	struct entry *e = NULL;

	if (blob->how == WIRE_FETCH ||
	    strncmp(blob->name, WIRE_KEPT, strlen(WIRE_KEPT)) != 0)
		return;
	(void)pthread_mutex_lock(&kept->mutex);
	e = find(kept, blob->name + strlen(WIRE_KEPT));
	if (e != NULL && e->keys == NULL && e->asked_ms != 0 &&
	    (blob->how == WIRE_PUT) == e->putting)
		note(kept, e, blob);
	else if (e != NULL && e->keys != NULL && blob->how == WIRE_GET &&
		 blob->status == WIRE_BLOB_NONE)
		let_go(e);
	(void)pthread_mutex_unlock(&kept->mutex);
}
