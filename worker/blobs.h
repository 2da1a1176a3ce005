/*
 * blobs - keys from the network, as this worker has them for all its gateways
 *
 * A bounded cache by URL, who waits for which fetch, and whether one may be
 * started at all.  Decisions only: times are boot milliseconds and come as
 * arguments, the caller fetches and sends.  A request may make gateways ask, so
 * a URL is fetched
 *
 *	once at a time, whoever asks;
 *	not within BLOBS_FAILED_MS of a failure;
 *	not while it is fresh, but once in BLOBS_AGAIN_MS when somebody has met
 *	a key that is not there;
 *	and those that requests name, and that have had no keys yet, all
 *	together BLOBS_PER_MINUTE times.
 *
 * Bytes that cannot be refreshed go on being used until they are
 * WIRE_BLOB_OLD_MS old.
 */

#ifndef WORKER_BLOBS_H
#define WORKER_BLOBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../shared/wire.h"

enum {
	BLOBS_URLS_MAX = 128,   /* forgotten: without keys, then least used */
	BLOBS_WAITERS_MAX = 64, /* of one fetch */
	BLOBS_FAILED_MS = 15000,
	BLOBS_AGAIN_MS = 60000,
	BLOBS_PER_MINUTE = 30,
};

struct blobs_counts {
	uint64_t fetched;
	uint64_t failed;
	uint64_t hits;    /* asked for, and given at once */
	uint64_t limited; /* not fetched for one of the reasons above */
	uint64_t refused; /* not allowed */
};

struct blobs;

struct blobs *blobs_new(void); /* NULL without memory */
void blobs_free(struct blobs *blobs);

/* Somebody asks. */
struct blobs_asker {
	const void *id; /* routing id, WIRE_LINK_LEN bytes */
	bool fixed;     /* the URL is a keys_url: no request has named it */
};

enum blobs_say {
	BLOBS_ANSWER, /* *answer is to be sent now */
	BLOBS_WAIT,   /* blobs_fetched() will tell */
	BLOBS_FETCH,  /* the same, and the fetch is to be started */
};

/* `ask` is a WIRE_FETCH of a URL that is allowed.  *answer points into `blobs`
 * and `ask` until the next call. */
enum blobs_say blobs_ask(struct blobs *blobs, const struct wire_ask *ask,
    const struct blobs_asker *asker, int64_t now_ms, struct wire_blob *answer);

/* Count one that is not allowed. */
void blobs_refused(struct blobs *blobs);

/* How a fetch has ended. */
struct blobs_result {
	const char *url;
	const char *error; /* NULL: there are bytes, which are copied */
	const void *bytes;
	size_t len;
	int64_t fresh_ms;
};

/* Called for each that waited; all it gets lives for the call. */
typedef void
blobs_tell_fn(void *arg, const void *id, const struct wire_blob *answer);
void blobs_fetched(struct blobs *blobs, const struct blobs_result *result,
    int64_t now_ms, blobs_tell_fn *tell, void *arg);

const struct blobs_counts *blobs_counts(const struct blobs *blobs);

#endif
