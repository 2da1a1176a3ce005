/*
 * keyring - keys from the network, as this process has them
 *
 * A worker fetches them; the link's thread asks it and brings what it says.
 * Those at a keys_url of the configuration are asked for as soon as there is a
 * link, and again before they are stale, so that no request waits for them.
 * A thread that verifies waits when keys have not come yet, or when a request
 * names one that is not there: then a look for newer ones is due, at most once
 * in KEYRING_AGAIN_MS for a URL.  Keys that cannot be refreshed go on being
 * used until they are WIRE_BLOB_OLD_MS old.
 */

#ifndef FCGI_KEYRING_H
#define FCGI_KEYRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../shared/config.h"
#include "../shared/scheme.h"
#include "link.h"

enum {
	KEYRING_URLS_MAX = 128, /* the one used least is forgotten */
	KEYRING_AGAIN_MS = 60000,
	KEYRING_FAILED_MS = 5000, /* after a failure nobody waits */
	KEYRING_RETRY_MS = 15000, /* and it is asked for again */
	KEYRING_ANSWER_MS = 1500, /* then another worker is asked */
};

struct keyring;

/* `waiting`: how many threads may wait at once.  NULL without memory. */
struct keyring *keyring_new(size_t waiting);
void keyring_free(struct keyring *keyring); /* NULL is fine */

/* The keys of this configuration are wanted from now on. */
void keyring_use(struct keyring *keyring, const struct config *config);

/* What one request wants. */
struct keyring_want {
	struct keyring *keyring;
	char *url; /* NULL: nothing to wait for; keyring_forget() frees it */
	uint64_t seen; /* answers about it so far */
	bool waited;   /* it has: what is there now is all there is */
};

/* A scheme_fetch_fn; `arg` is a struct keyring_want. */
struct scheme_fetched *keyring_give(void *arg, const char *url, bool again);

/* Wait for an answer about want->url, which is asked for by the next call of
 * keyring_ask().  Whether one came; verifying again is worth a try then. */
bool keyring_wait(struct keyring_want *want, int64_t deadline_boot_ms);
void keyring_forget(struct keyring_want *want);

/* The link's thread: ask for what is due (link_asks_fn), and take an answer
 * (link_blob_fn).  `arg` is the keyring. */
void keyring_ask(void *arg, struct link *link);
void keyring_take(void *arg, const struct wire_blob *blob);

#endif
