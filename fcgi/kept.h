/*
 * kept - secrets that handshakes delivered, as this process has them
 *
 * A source without a secret whose scheme has a handshake that delivers it
 * (scheme_keeps()) waits for that.  What has come is kept by a worker, under
 * the source's name, for good; all gateways ask for it, and the first that
 * comes stays.  The link's thread asks; a thread that has a request in its
 * hands waits for the answer.
 *
 * With several workers each is asked, and one that is not there may be the one
 * that has it: nothing is known then.  A first secret goes to the first worker
 * of the configuration that is there.
 */

#ifndef FCGI_KEPT_H
#define FCGI_KEPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../shared/config.h"
#include "../shared/scheme.h"
#include "ingest.h"
#include "link.h"

enum {
	KEPT_ANSWER_MS = 1500, /* a worker that takes longer is not there */
	KEPT_AGAIN_MS = 200,   /* for so long nothing kept is an answer */
};

struct kept;

/* `waiting`: how many threads may wait at once.  NULL without memory. */
struct kept *kept_new(size_t waiting);
void kept_free(struct kept *kept); /* NULL is fine */

/* The sources of this configuration wait from now on.  0, or -1 without
 * memory: nothing has changed. */
int kept_use(struct kept *kept, struct config *config);

/* Whether a source is one that waits for its secret. */
bool kept_awaits(const struct config_source *source);

/* Keys made of a secret: counted. */
struct kept_keys;
const struct scheme_keys *kept_scheme_keys(const struct kept_keys *keys);
void kept_unref(struct kept_keys *keys); /* NULL is fine */

enum kept_result {
	KEPT_HERE,
	KEPT_NONE,    /* no worker keeps one */
	KEPT_UNKNOWN, /* not all could say */
};

/* What to ask for. */
struct kept_ask {
	struct link *link; /* NULL: only what is known already */
	const char *source;
	const void *secret; /* to be kept if nothing is, or NULL */
	size_t len;
	int64_t deadline_boot_ms;
};

/* The keys of a source: with KEPT_HERE a reference in *keys, which may be of
 * another secret than the given one. */
enum kept_result kept_look(
    struct kept *kept, const struct kept_ask *ask, struct kept_keys **keys);

/* ---- one request (kept_turn.c) ---- */

struct kept_turn {
	struct kept *kept;
	struct link *link;
	struct ingest *ingest;  /* of a source that was found */
	struct kept_keys *keys; /* it verifies by; to be given back */
	int64_t deadline_boot_ms;
};

/* Before the body is judged: give it the keys that are known. */
void kept_begin(struct kept_turn *turn);

/*
 * After that: where the secret is not known yet, look for it and judge again;
 * where a handshake delivers one, have it kept.  The handshake is to be
 * answered only if this still says INGEST_HANDSHAKE: what it delivered is the
 * secret in use.
 */
enum ingest_step kept_go_on(struct kept_turn *turn, enum ingest_step step,
    const void *body, size_t len);

/* ---- the link's thread ---- */

/* Ask for what is due (link_asks_fn), and take an answer
 * (link_blob_fn).  `arg` is the kept. */
void kept_ask(void *arg, struct link *link);
void kept_take(void *arg, const struct wire_blob *blob);

#endif
