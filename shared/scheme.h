/*
 * scheme - how a provider proves a request is its own, and where it puts
 * id and type
 *
 * A scheme is data: the keys of a `[scheme NAME]` section, which a source may
 * override one by one.  The schemes of conf/schemes.conf are built into the
 * library; its head explains the language.  Everything here but
 * scheme_builtin_*() is pure: time and request come as arguments.
 */

#ifndef SHARED_SCHEME_H
#define SHARED_SCHEME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

struct scheme;

/* ---- building one: used by config ---- */

enum { SCHEME_ERROR_SIZE = 256 };

/* A scheme built into the library, or NULL.  Belongs to the library. */
const struct scheme *scheme_builtin(const char *name);
/* Its names in order; NULL after the last. */
const char *scheme_builtin_name(size_t i);

/* A new scheme, empty or (base) a copy; lists it inherits are replaced, not
 * extended, by the first scheme_set() of their key.  NULL without memory. */
struct scheme *scheme_new(const char *name, const struct scheme *base);
void scheme_free(struct scheme *scheme);
const char *scheme_name(const struct scheme *scheme);

/* The keys of the language, in order; NULL after the last.  For "unknown key"
 * messages and to tell a source's own keys from its scheme's. */
const char *scheme_key(size_t i);
/* Whether the key may be given more than once. */
bool scheme_key_is_list(const char *key);

/* Set one key.  0, or -1 with a sentence in `error`. */
int scheme_set(struct scheme *scheme, const char *key, const char *value,
    char error[SCHEME_ERROR_SIZE]);

/*
 * A provider may have several schemes: an old and a new one, a token beside
 * signatures.  Look up those that the key `also` names, and copy them; after
 * the last scheme_set().  0, or -1 with a sentence.
 */
typedef const struct scheme *scheme_lookup_fn(void *arg, const char *name);
int scheme_link(struct scheme *scheme, scheme_lookup_fn *lookup, void *arg,
    char error[SCHEME_ERROR_SIZE]);

/* Check the whole: 0, or -1 with what is missing or contradictory. */
int scheme_check(const struct scheme *scheme, char error[SCHEME_ERROR_SIZE]);

/* ---- facts the gateway and the command line need ---- */

bool scheme_is_none(const struct scheme *scheme); /* verifies nothing */
/* The name of a {param:…} that its rules use and nobody has given, for a source
 * to give (param = NAME=VALUE); NULL: none.  The second: that is signed. */
const char *scheme_wanted_param(const struct scheme *scheme);
const char *scheme_wanted_signed(const struct scheme *scheme);
/* It, or one it is linked with, signs the public URL. */
bool scheme_needs_url(const struct scheme *scheme);
bool scheme_key_signed(const struct scheme *scheme);
/* The same of all it is linked with, too. */
bool scheme_keys_signed(const struct scheme *scheme);
int64_t scheme_tolerance_ms(const struct scheme *scheme); /* 0: no timestamp */
int64_t scheme_max_body(const struct scheme *scheme);     /* 0: no own limit */
/* "stripe (hmac-sha256, 300s)": what `gaff check` shows. */
void scheme_describe(const struct scheme *scheme, struct buf *out);
/* The section as text, to paste. */
void scheme_print(const struct scheme *scheme, struct buf *out);
/* One value of a key as text (first of a list), or NULL: title, docs, kind… */
const char *scheme_get(const struct scheme *scheme, const char *key);
/* The i-th value of a list key; NULL after the last. */
const char *
scheme_value(const struct scheme *scheme, const char *key, size_t i);

/* Whether the value of this header (lower case) or query parameter is secret
 * or a signature, here or in a scheme it is linked with, so that it is never
 * stored, logged or handed on. */
bool scheme_hides_header(const struct scheme *scheme, const char *name);
bool scheme_hides_query(const struct scheme *scheme, const char *name);

/* Of those the signature, where it gives no secret away (HMACs, digests, public
 * keys): a refused request that is kept for a look has it. */
bool scheme_shows_header(const struct scheme *scheme, const char *name);
bool scheme_shows_query(const struct scheme *scheme, const char *name);
/* Whether the body itself holds what proves a request (a token in a field). */
bool scheme_hides_body(const struct scheme *scheme);

/* ---- keys: what a source's secrets become ---- */

struct scheme_secret {
	const unsigned char *p;
	size_t len;
};

struct scheme_keys;

/*
 * Decode the secrets as the scheme says (prefix, base64, PEM …) and prepare
 * them.  Of linked schemes each uses those it can; a secret that none can use
 * is a fault.  Secrets are copied; the copies are cleansed by
 * scheme_keys_free().
 * NULL with a sentence (never the value) in `error`.  Usable from any number
 * of threads at once.
 */
struct scheme_keys *scheme_keys_new(const struct scheme *scheme,
    const struct scheme_secret *secrets, size_t n,
    char error[SCHEME_ERROR_SIZE]);
void scheme_keys_free(struct scheme_keys *keys);

/* Whether this is one of the secrets. */
bool
scheme_keys_have(const struct scheme_keys *keys, const void *p, size_t len);

/* Whether a handshake of the scheme delivers its secret.  A source of it may go
 * without one: then it waits for that, and verifies nothing before. */
bool scheme_keeps(const struct scheme *scheme);

/* ---- keys that come from the network ---- */

enum { SCHEME_URL_MAX = 512 };

/* Whether a source of this scheme may go without a secret: keys_url or
 * keys_from say where its keys come from.  With a secret nothing is fetched,
 * but see scheme_fetches_always(). */
bool scheme_fetches(const struct scheme *scheme);
/* Whether it fetches with a secret, too, which then says what certificates are
 * trusted. */
bool scheme_fetches_always(const struct scheme *scheme);

/* The URLs that are known beforehand, of it and those it is linked with; NULL
 * after the last. */
const char *scheme_keys_url(const struct scheme *scheme, size_t i);
/* Where others may come from, HOST/PATH with `*`; NULL after the last. */
const char *scheme_keys_from(const struct scheme *scheme, size_t i);

/* Whether keys may come from a URL: it is one of those, or one of its patterns
 * matches all of it. */
bool scheme_url_allowed(const struct scheme *scheme, const char *url);

/* What a URL had, read once: a JWK set, a public key or certificates in PEM.
 * Counted, and usable from any number of threads at once. */
struct scheme_fetched;

/* With one reference.  NULL with a sentence about what it is not. */
struct scheme_fetched *scheme_fetched_new(
    const void *bytes, size_t len, char error[SCHEME_ERROR_SIZE]);
struct scheme_fetched *scheme_fetched_ref(struct scheme_fetched *fetched);
void scheme_fetched_unref(struct scheme_fetched *fetched); /* NULL is fine */

/*
 * What the caller has of a URL, which is allowed: a reference, or NULL.
 * `again`: what it gave before has not got the key that a request names; then
 * NULL means that it wants to look whether there is something newer, and the
 * same as before that there is not.
 */
typedef struct scheme_fetched *
scheme_fetch_fn(void *arg, const char *url, bool again);

/* ---- verifying ---- */

/* A request header; `name` is lower case.  A header that came twice is here
 * twice. */
struct scheme_header {
	const char *name;
	const char *value;
};

struct scheme_request {
	const char *method;
	const char *url;   /* the public URL with query, or "" when unknown */
	const char *path;  /* path of the request, without query */
	const char *query; /* raw, without `?` */
	const char *content_type;
	const struct scheme_header *headers;
	size_t n_headers;
	const void *body;
	size_t body_len;
	int64_t now_ms;         /* wall time */
	scheme_fetch_fn *fetch; /* NULL: there are no keys of URLs */
	void *fetch_arg;
};

enum scheme_result {
	SCHEME_OK,
	SCHEME_HEADER_MISSING,
	SCHEME_HEADER_TWICE,
	SCHEME_BAD_FORMAT,
	SCHEME_BAD_ENCODING,
	SCHEME_WRONG_LENGTH,
	SCHEME_MISMATCH,
	SCHEME_TOO_OLD,
	SCHEME_TOO_NEW,
	SCHEME_BAD_TOKEN,
	SCHEME_NO_SUCH_KEY,
	SCHEME_BAD_CERTIFICATE, /* none that may sign this, now */
	SCHEME_ERROR,           /* no memory: nothing is known */
	SCHEME_NO_KEY_YET,      /* `fetch` had none, or too old ones: nothing is
				   known */
	SCHEME__MAX
};

/* "header_missing" …: the closed list of reasons that logs and metrics use. */
const char *scheme_result_name(enum scheme_result result);

/* Measured facts about a verification, for the log; never values. */
struct scheme_verdict {
	enum scheme_result result;
	bool has_skew;
	int64_t skew_ms; /* signed time minus now */
	unsigned secrets_tried;
	const char *where; /* header or field the result is about, or "" */
	/* Whose rules the request came under: id and type are found by them. */
	const struct scheme *scheme;
};

/* Verify before anything is parsed.  Of linked schemes the first with a secret
 * whose signature is there decides alone.  Returns verdict->result. */
enum scheme_result
scheme_verify(const struct scheme *scheme, const struct scheme_keys *keys,
    const struct scheme_request *request, struct scheme_verdict *verdict);

/* ---- id, type and handshakes of a verified request ---- */

struct scheme_facts {
	struct buf key; /* "" when none was found */
	struct buf type;
	bool probe; /* the provider's probe (GitHub's ping) */
};

/* Find key and type; text over the limits of event.h, with control bytes or
 * not UTF-8 counts as not found.  0, or -1 without memory. */
int scheme_find(const struct scheme *scheme,
    const struct scheme_request *request, struct scheme_facts *facts);
void scheme_facts_clear(struct scheme_facts *facts);

struct scheme_answer {
	int status;
	struct buf headers; /* lines, each ended by CR LF */
	struct buf type;    /* content type */
	struct buf body;
	struct buf keep; /* the secret that it delivers: the answer is given
			    once that is kept, and to no second one */
};

/*
 * A provider's handshake (Slack's url_verification, a GET challenge).  Rules
 * marked `signed` match only when `verified`.  Returns 1 with the answer to
 * give, 0 when this is no handshake, -1 without memory.  `keys` may be NULL
 * where no rule makes an HMAC.
 */
int scheme_handshake(const struct scheme *scheme,
    const struct scheme_keys *keys, const struct scheme_request *request,
    bool verified, struct scheme_answer *answer);
/* Whether a rule could match this method: one that names it, or any where no
 * signature is needed. */
bool scheme_takes_method(const struct scheme *scheme, const char *method);
void scheme_answer_clear(struct scheme_answer *answer);

/* ---- events that a GET confirms (a subscription) ---- */

enum scheme_confirming {
	SCHEME_CONFIRM_NOT,     /* no such event */
	SCHEME_CONFIRM_GET,     /* the URL is to be asked for */
	SCHEME_CONFIRM_REFUSED, /* it has none, or one on a host that confirm_at
				   does not have */
};

/*
 * Whether an event that was verified under the rules of the scheme named
 * `under` (this one, or one it is linked with; else SCHEME_CONFIRM_NOT) is one,
 * and the URL that it names, appended to *url.  Of the request content type and
 * body count.
 */
enum scheme_confirming scheme_confirm(const struct scheme *scheme,
    const char *under, const struct scheme_request *request, struct buf *url);

/* Whether this one, or one it is linked with, has such events. */
bool scheme_confirms(const struct scheme *scheme);

/* The hosts at which, with `*`; NULL after the last, or without `confirm`. */
const char *scheme_confirm_host(const struct scheme *scheme, size_t i);

/* ---- signing, for `gaff send`, `gaff sign` and signed `post` ---- */

typedef void scheme_header_fn(void *arg, const char *name, const char *value);

/* What is to be signed, and where its headers go. */
struct scheme_signing {
	const struct scheme_request *request;
	const char *id; /* of the message, where the scheme has one in a header
			   (webhook-id); or NULL */
	scheme_header_fn *fn;
	void *arg;
	/* Told of a proof that stands in no header: "query:NAME", "form:NAME",
	 * "json:/POINTER" and what to put there.  NULL: such a scheme does not
	 * sign. */
	scheme_header_fn *put;
};

/*
 * Call `fn` with each header to add so that scheme_verify() of the request
 * plus these succeeds.  Uses the first secret.  0, or -1 with a sentence.
 */
int scheme_sign(const struct scheme *scheme, const struct scheme_keys *keys,
    const struct scheme_signing *signing, char error[SCHEME_ERROR_SIZE]);

/* Headers that carry id and type for `gaff send` (X-GitHub-Event …); nothing
 * is called for a scheme that has them in the body. */
void scheme_describe_event(const struct scheme *scheme, const char *key,
    const char *type, scheme_header_fn *fn, void *arg);

#endif
