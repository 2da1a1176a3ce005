/*
 * scheme_impl - what the parts of scheme share
 *
 * A scheme is the text of its keys, and the rules compiled from that text,
 * anew after each scheme_set().  Only scheme*.c includes this.
 */

#ifndef SHARED_SCHEME_IMPL_H
#define SHARED_SCHEME_IMPL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "buf.h"
#include "codec.h"
#include "jsonpick.h"
#include "scheme.h"

enum {
	SCHEME_PLACES_MAX = 16,     /* of one key */
	SCHEME_PARTS_MAX = 32,      /* of one template */
	SCHEME_TEMPLATES_MAX = 4,   /* of one scheme */
	SCHEME_GROUPS_MAX = 4,      /* of one signature's text */
	SCHEME_PAIRS_MAX = 4,       /* of one, that templates name */
	SCHEME_JOINED_MAX = 4,      /* places that make up one id or type */
	SCHEME_JWT_ALGORITHMS = 13, /* SCHEME_JWT__MAX */
	SCHEME_RULES_MAX = 8,       /* handshakes; conditions of one rule */
	SCHEME_HEADERS_MAX = 4,     /* of one handshake's answer */
	SCHEME_SIGNATURES_MAX = 32, /* of one request */
	SCHEME_COVERED_MAX = 4,     /* alternatives of one component */
	SCHEME_CLAIM_MAX = 128,     /* bytes of a claim's name */
	SCHEME_ANSWER_MAX = 2048,   /* bytes a handshake answers at most */
	SCHEME_WORD_MAX = 128,      /* bytes of a scheme_word */
	SCHEME_FROM_MAX = 12,       /* keys_from of one scheme */
	SCHEME_KEEP_MIN = 8,        /* bytes of a secret that is delivered */
	SCHEME_KEEP_MAX = 1024,
};

struct scheme_maker; /* scheme_text.h */
struct scheme_words;
struct scheme_trust; /* scheme_x509.h */

enum scheme_kind {
	SCHEME_KIND_UNSET,
	SCHEME_KIND_HMAC,
	SCHEME_KIND_HASH, /* digest of a text that holds the secret */
	SCHEME_KIND_ED25519,
	SCHEME_KIND_ECDSA,   /* P-256, DER */
	SCHEME_KIND_RSA,     /* PKCS#1 v1.5 */
	SCHEME_KIND_JWT,     /* scheme_jwt.h */
	SCHEME_KIND_MESSAGE, /* scheme_message.h */
	SCHEME_KIND_TOKEN,
	SCHEME_KIND_BASIC,
	SCHEME_KIND_NONE,
	SCHEME_KIND__MAX
};

enum scheme_hash {
	SCHEME_HASH_SHA256,
	SCHEME_HASH_SHA1,
	SCHEME_HASH_SHA384,
	SCHEME_HASH_SHA512,
	SCHEME_HASH_MD5,
	SCHEME_HASH__MAX
};

enum scheme_place_kind {
	SCHEME_PLACE_HEADER,
	SCHEME_PLACE_QUERY,
	SCHEME_PLACE_FORM,
	SCHEME_PLACE_JSON,
	SCHEME_PLACE_CLAIM,     /* of a token that has been verified */
	SCHEME_PLACE_SIGNATURE, /* a key or item of the signature's own text */
	SCHEME_PLACE__MAX
};

struct scheme_place {
	enum scheme_place_kind kind;
	const char *name;
	size_t pointer; /* JSON: index into rules->pointers */
};

struct scheme_places {
	struct scheme_place v[SCHEME_PLACES_MAX];
	size_t n;
};

enum scheme_part_kind {
	SCHEME_PART_TEXT,
	SCHEME_PART_PLACE,
	SCHEME_PART_BODY,
	SCHEME_PART_TIMESTAMP,
	SCHEME_PART_ID,
	SCHEME_PART_METHOD,
	SCHEME_PART_URL,
	SCHEME_PART_URL_NO_QUERY,
	SCHEME_PART_PATH,
	SCHEME_PART_PATH_QUERY,
	SCHEME_PART_SECRET,
	SCHEME_PART_SORTED_FORM,
	SCHEME_PART_SHA256HEX_BODY,
	SCHEME_PART_HMAC, /* of a place, under the first secret */
	SCHEME_PART_MADE, /* by one of scheme_text.h */
	SCHEME_PART__MAX
};

struct scheme_part {
	enum scheme_part_kind kind;
	const char *text; /* TEXT */
	size_t len;
	struct scheme_place place;        /* PLACE, HMAC */
	enum scheme_hash hash;            /* HMAC */
	enum codec codec;                 /* HMAC */
	const struct scheme_maker *maker; /* MADE */
	const struct scheme_words *words; /* MADE */
};

struct scheme_template {
	struct scheme_part v[SCHEME_PARTS_MAX];
	size_t n;
};

/* An id or type: places whose texts are joined by a dot. */
struct scheme_joined {
	struct scheme_place v[SCHEME_JOINED_MAX];
	bool optional[SCHEME_JOINED_MAX];
	size_t n;
};

struct scheme_joins {
	struct scheme_joined v[SCHEME_RULES_MAX];
	size_t n;
};

struct scheme_condition {
	struct scheme_place place;
	const char *value; /* NULL: any that is not empty */
	bool secret;       /* the value came from a param */
	bool absent;       /* nothing may stand there */
	bool body_hash;    /* the value is {sha256hex_body} */
};

struct scheme_conditions {
	struct scheme_condition v[SCHEME_RULES_MAX];
	size_t n;
};

struct scheme_claim {
	const char *name;
	bool unless_empty; /* may be missing where the body is empty */
	const struct scheme_template *template; /* NULL: any value */
};

enum scheme_syntax { SCHEME_SYNTAX_RFC9421, SCHEME_SYNTAX_CAVAGE };

/* A component that message signatures must cover; any of the names will do. */
struct scheme_component {
	const char *names[SCHEME_COVERED_MAX];
	size_t n;
};

struct scheme_answer_header {
	const char *name;
	const struct scheme_template *value;
};

struct scheme_handshake {
	bool unsigned_too;
	bool keeps; /* it delivers the secret, which stands at `keep` */
	struct scheme_place keep;
	bool idle;          /* its answer needs a param that nobody has given */
	const char *method; /* NULL: any */
	struct scheme_conditions when;
	int status;
	struct scheme_answer_header headers[SCHEME_HEADERS_MAX];
	size_t n_headers;
	const char *type;
	const struct scheme_template *body;
};

/* An event that a GET of the URL at a place of it confirms. */
struct scheme_confirm {
	bool none; /* said in so many words: what a source overrides */
	bool used;
	struct scheme_conditions when;
	struct scheme_place at;
	const char *hosts[SCHEME_FROM_MAX];
	size_t n_hosts;
};

enum scheme_unit { SCHEME_UNIT_S, SCHEME_UNIT_MS, SCHEME_UNIT_RFC3339 };

enum scheme_secret_encoding {
	SCHEME_SECRET_TEXT,
	SCHEME_SECRET_BASE64,
	SCHEME_SECRET_BASE64URL,
	SCHEME_SECRET_HEX,
	SCHEME_SECRET_PEM,
	SCHEME_SECRET_CERTIFICATE,
	SCHEME_SECRET__MAX
};

enum scheme_signed {
	SCHEME_SIGNED_FIND_OUT,
	SCHEME_SIGNED_NO,
	SCHEME_SIGNED_YES
};

struct scheme_param {
	const char *name;
	const char *value;
};

/* The compiled form of a scheme.  All it points to is its own. */
struct scheme_rules {
	void **blocks; /* memory, released as one */
	size_t n_blocks;

	enum scheme_kind kind;
	enum scheme_hash hash;
	struct scheme_places signature;
	struct scheme_places hide; /* further proofs, not looked at */
	bool all_candidates;
	const char *auth_scheme; /* "" when there is none */
	const char *prefix;      /* "" */
	bool algorithms[SCHEME_HASH__MAX];
	bool has_algorithms; /* the signature begins ALGORITHM= */
	char pair_separator;
	char key_separator;
	char list_separator; /* '\0': the signature is no list */
	const char *signature_keys[SCHEME_RULES_MAX];
	size_t n_signature_keys;
	enum codec encoding;
	const struct scheme_template *templates[SCHEME_TEMPLATES_MAX];
	size_t n_templates;
	const char *pairs[SCHEME_PAIRS_MAX]; /* {signature:KEY} of them */
	size_t n_pairs;
	char group_separator; /* '\0': the text is one group */

	bool jwt_algorithms[SCHEME_JWT_ALGORITHMS]; /* kind message, too */
	bool names_jwt, names_message;              /* whose words those are */
	enum scheme_syntax syntax;
	struct scheme_component covered[SCHEME_RULES_MAX];
	size_t n_covered;
	const char *tag; /* NULL: any */
	struct scheme_claim claims[SCHEME_RULES_MAX];
	size_t n_claims;
	int64_t max_age_ms;                    /* 0: any */
	const struct scheme_template *payload; /* of a token without, or NULL */

	const char *keys_url; /* NULL: its keys are secrets */
	const char *keys_from[SCHEME_FROM_MAX];
	size_t n_keys_from;
	bool has_keys_at;
	struct scheme_place keys_at; /* of the URL of a certificate */
	bool certificate_chain;
	const char *certificate_names[SCHEME_RULES_MAX];
	size_t n_certificate_names;
	const char *certificate_oids[SCHEME_RULES_MAX];
	size_t n_certificate_oids;

	enum scheme_secret_encoding secret_encoding;
	const char *secret_prefix; /* "" */
	bool secret_hashed;        /* its digest is the key */
	enum scheme_hash secret_hash;
	const char *secret_suffix; /* "" */

	struct scheme_places timestamp;
	enum scheme_unit unit;
	bool no_tolerance;
	int64_t tolerance_ms;
	bool past_only;

	struct scheme_conditions when;
	struct scheme_conditions require;
	const char *json_form; /* form field with the JSON document, or NULL */
	const char *json_multipart; /* the same of a multipart body */
	struct scheme_joins id;
	struct scheme_joins type;
	enum scheme_signed key_signed;
	struct scheme_conditions probe;
	struct scheme_handshake handshakes[SCHEME_RULES_MAX];
	size_t n_handshakes;
	struct scheme_confirm confirm;
	bool signs_words; /* one of them answers anybody with an HMAC */
	bool keeps;       /* one of them delivers the secret */

	struct scheme_param params[SCHEME_PLACES_MAX];
	size_t n_params;
	const char *missing_param;  /* named by a rule, not given; or NULL */
	const char *missing_signed; /* the same, by the template */

	int64_t max_body;

	struct jsonpick_pointer pointers[JSONPICK_MAX];
	const char *pointer_texts[JSONPICK_MAX];
	size_t n_pointers;
};

/* The values of one key, as text. */
struct scheme_setting {
	char **v;
	size_t n;
	bool inherited; /* the next scheme_set() begins a new list */
};

struct scheme {
	char *name;
	struct scheme_setting *settings; /* one per key of the language */
	struct scheme_rules *rules;
	struct scheme **others; /* linked: its own copies */
	size_t n_others;
};

/* ---- scheme_parse.c ---- */

size_t scheme_n_keys(void);
/* The key's number, or scheme_n_keys(). */
size_t scheme_key_index(const char *key);

/* Compile a scheme's settings; NULL with a sentence in `error`. */
struct scheme_rules *
scheme_compile(const struct scheme *scheme, char error[SCHEME_ERROR_SIZE]);
void scheme_rules_free(struct scheme_rules *rules);

/* Whether one of the templates has such a part. */
bool
scheme_has_part(const struct scheme_rules *rules, enum scheme_part_kind kind);
/* Whether one of them has a made part with any of these scheme_covered. */
bool scheme_has_made(const struct scheme_rules *rules, unsigned covers);
/* Whether what stands at a place is under the signature. */
bool scheme_covers(
    const struct scheme_rules *rules, const struct scheme_place *place);
/* The same, under one of the signed texts at least. */
bool scheme_covers_some(
    const struct scheme_rules *rules, const struct scheme_place *place);
bool scheme_is_asymmetric(enum scheme_kind kind);

/* ---- scheme_confirm.c ---- */

int scheme_check_confirm(const struct scheme_rules *rules, char *error);

/* ---- scheme_look.c ---- */

/* Text found in a request; `own` holds it where it had to be made. */
struct scheme_text {
	const char *p;
	size_t len;
	struct buf own;
};

void scheme_text_clear(struct scheme_text *text);

/* A request being looked at. */
struct scheme_look {
	const struct scheme_rules *rules;
	const struct scheme_request *request;
	bool scanned;
	struct buf document; /* JSON out of a form field */

	/* what templates need and verification has found */
	const struct scheme_template *template; /* the one in use */
	struct scheme_text pairs[SCHEME_PAIRS_MAX];
	struct scheme_text timestamp;
	const struct buf *jose;   /* a token's header, JSON, or NULL */
	const unsigned char *key; /* the secret in use */
	size_t key_len;
	bool words_only; /* {hmac:…} makes those of words alone */

	/* not zeroed: they are there once it is `scanned` */
	struct jsonpick_value values[JSONPICK_MAX];
};

void scheme_look_init(struct scheme_look *look,
    const struct scheme_rules *rules, const struct scheme_request *request);
void scheme_look_clear(struct scheme_look *look);

/* What stands at a place, alone there and not empty: SCHEME_OK,
 * SCHEME_HEADER_MISSING, SCHEME_HEADER_TWICE or SCHEME_ERROR.  `text` is
 * zeroed before and cleared by the caller. */
enum scheme_result scheme_look_at(struct scheme_look *look,
    const struct scheme_place *place, struct scheme_text *text);

/* SCHEME_OK where nothing at all stands at a place, SCHEME_BAD_FORMAT where
 * anything does, even if it is no text; or SCHEME_ERROR. */
enum scheme_result
scheme_look_absent(struct scheme_look *look, const struct scheme_place *place);
/* Whether what has no text at a place that was looked at is nothing, null or
 * the empty string, as providers take one for the other. */
bool scheme_look_empty(
    const struct scheme_look *look, const struct scheme_place *place);

/* Number of headers of that (lower case) name, and the value of one. */
size_t
scheme_look_count(const struct scheme_request *request, const char *name);
const char *scheme_look_header(
    const struct scheme_request *request, const char *name, size_t i);

/* A header that the sender names in a list, in any case: its name in lower case
 * and its value.  It must be there once. */
enum { SCHEME_LISTED_SIZE = 128 };
enum scheme_result
scheme_look_listed(const struct scheme_request *request, const char *name,
    size_t len, char lower[SCHEME_LISTED_SIZE], const char **value);

/* Append the first id or type that is there and fit to be stored; nothing when
 * there is none.  0, or -1 without memory. */
int scheme_look_joined(struct scheme_look *look,
    const struct scheme_joins *joins, size_t max, struct buf *out);

/* SCHEME_OK when all hold, else what is wrong with the first that does not
 * (SCHEME_BAD_FORMAT: another value), and where. */
enum scheme_result scheme_look_if(struct scheme_look *look,
    const struct scheme_conditions *conditions, const char **where);

/* Takes the parts of a filled-in template one by one: 0 or -1. */
typedef int scheme_sink_fn(void *arg, const void *p, size_t len);

/* Fill a template in.  SCHEME_OK or why not, with the place in *where. */
enum scheme_result scheme_look_fill(struct scheme_look *look,
    const struct scheme_template *template, scheme_sink_fn *sink, void *arg,
    const char **where);
/* A sink that appends to a struct buf. */
int scheme_sink_buf(void *arg, const void *p, size_t len);

/*
 * A challenge that is answered with an HMAC of it, to anybody who asks, must be
 * a word: letters, digits, `-`, `_`, with `=` at its end, at most
 * SCHEME_WORD_MAX bytes.  And no request whose signed text is such a word is
 * taken: the answer would be its signature.
 */
struct scheme_word {
	size_t len;
	bool ended, other;
};

/* A sink for a struct scheme_word. */
int scheme_sink_word(void *arg, const void *p, size_t len);
bool scheme_is_word(const struct scheme_word *word);

/* ---- scheme_keys.c ---- */

struct scheme_jwk {
	EVP_PKEY *pkey;
	char *kid, *alg; /* or NULL */
};

/* An HMAC with its key.  A context that is done is kept for the next request:
 * to begin it anew costs a fraction of copying the keyed one. */
struct scheme_mac {
	EVP_MAC_CTX *keyed;           /* never used itself */
	_Atomic(EVP_MAC_CTX *) spare; /* NULL: somebody has it */
};

struct scheme_key {
	unsigned char *p; /* decoded secret */
	size_t len;
	/* HMAC: for the hashes used */
	struct scheme_mac *mac[SCHEME_HASH__MAX];
	EVP_PKEY *pkey; /* asymmetric kinds */
	bool can_sign;
	struct scheme_jwk *jwks; /* kinds jwt, message: public keys */
	size_t n_jwks;
	struct scheme_trust *trust; /* certificates as secrets */
	STACK_OF(X509) * chain;     /* of a URL: the signer first */
};

struct scheme_keys {
	EVP_MAC *hmac;
	struct scheme_key *v;
	size_t n;
	struct scheme_keys **others; /* of the linked schemes, in their order */
	size_t n_others;
	bool fetched; /* instead of the above: they come from URLs */
	bool awaited; /* the same: a handshake delivers them */
};

/* ---- scheme_fetched.c ---- */

struct scheme_fetched {
	atomic_uint refs;
	struct scheme_key key; /* `p` and `len`: the bytes; `jwks` or `chain` */
};

/* Whether keys of this scheme itself come from URLs. */
bool scheme_rules_fetch(const struct scheme_rules *rules);

/* Whether a URL is one that keys may come from at all: https, a plain host name
 * with or without a port, a path without a step back. */
bool scheme_is_url(const char *url);
/* Where its path begins, at the `/` behind such a host; NULL: it has none, or
 * is not https. */
const char *scheme_url_path(const char *url);
/* Whether a pattern HOST/PATH matches such a URL: a `*` is one label or less of
 * the host, or of the path one segment or less. */
bool scheme_from_matches(const char *pattern, const char *url);

const EVP_MD *scheme_md(enum scheme_hash hash);

/* ---- scheme_take.c ---- */

struct scheme_signature {
	const char *p;
	size_t len;
	enum scheme_hash hash;
};

/* One verification. */
struct scheme_proof {
	const struct scheme_rules *rules;
	const struct scheme_keys *keys;
	size_t n_texts;
	size_t n_signatures;
	struct scheme_verdict *verdict;
	/* what certificates of a URL must lead to; NULL: the URL is enough */
	const struct scheme_key *trusted;
	size_t group; /* of the signature's text, the one looked at */
	size_t n_groups;

	/* what was signed, made once: however many signatures a sender puts
	 * into a request, its body is gone through once per secret */
	struct buf message; /* asymmetric kinds */
	bool has_message;
	const struct scheme_key *digest_key; /* digest is under this key … */
	enum scheme_hash digest_hash;        /* … with this hash */

	/* not zeroed: to be filled in before they are looked at */
	struct scheme_look look;
	struct scheme_text texts[SCHEME_SIGNATURES_MAX]; /* hold the next */
	struct scheme_signature signatures[SCHEME_SIGNATURES_MAX];
	unsigned char digest[EVP_MAX_MD_SIZE];
};

/* Begin one, by these rules, of a request. */
void scheme_proof_init(struct scheme_proof *proof,
    const struct scheme_rules *rules, const struct scheme_request *request);

/* Find the signatures, and a timestamp among them.  SCHEME_OK with at least
 * one of them, or what is wrong and where. */
enum scheme_result scheme_take(struct scheme_proof *proof);

/* ---- scheme_fetched.c ---- */

/*
 * Check one signature under the keys of a URL that the scheme allows: SCHEME_OK
 * or what is wrong, SCHEME_NO_KEY_YET where it takes keys to know.  `check`
 * says SCHEME_NO_SUCH_KEY where it has no use for the key.
 */
typedef enum scheme_result scheme_check_fn(struct scheme_proof *proof,
    const struct scheme_key *key, const struct scheme_signature *signature);
enum scheme_result
scheme_check_fetched(struct scheme_proof *proof, const char *url,
    scheme_check_fn *check, const struct scheme_signature *signature);

/* ---- scheme_digest.c ---- */

/*
 * The value that verifies the request under a key, by look->template: MAC or
 * digest into `out` (EVP_MAX_MD_SIZE bytes).  For kinds hmac and hash.
 */
enum scheme_result
scheme_digest(struct scheme_look *look, const struct scheme_key *key,
    enum scheme_hash hash, unsigned char *out, const char **where);
/* Its length, 0 for a kind whose signatures vary. */
size_t
scheme_digest_len(const struct scheme_rules *rules, enum scheme_hash hash);

#endif
