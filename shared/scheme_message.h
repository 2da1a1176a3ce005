/*
 * scheme_message - HTTP message signatures
 *
 * RFC 9421 with the Content-Digest of RFC 9530, and the draft before it
 * (draft-cavage-http-signatures), which some still use.  The sender names what
 * it has signed; the scheme names what must be among that, and a body must be
 * there with its digest.  The algorithm is the scheme's: a message may name it,
 * but chooses nothing.  Keys are those of kind jwt (scheme_jwt.h).
 *
 * Not understood, and so refused: component parameters but the name of
 * @query-param (sf, key, bs, tr, req).
 */

#ifndef SHARED_SCHEME_MESSAGE_H
#define SHARED_SCHEME_MESSAGE_H

#include "scheme_jwt.h"
#include "sfv.h"

enum {
	SCHEME_MESSAGE_SIGNATURES_MAX = 8, /* of one request */
	SCHEME_MESSAGE_COMPONENTS_MAX = 32,
};

/* What scheme_message_words name, in their order: algorithms of RFC 9421. */
extern const char *const scheme_message_words[]; /* ended by NULL */
enum scheme_jwt_algorithm scheme_message_algorithm(size_t word);

/* One signature of a request, ready to be checked under a key.  A zeroed one
 * is empty; nothing of it is trusted. */
struct scheme_message {
	struct buf base;      /* the text that is signed */
	struct buf signature; /* its bytes */
	struct buf keyid;     /* "": none */
	struct buf algorithm; /* as the message names it; "": it does not */
	bool covers_digest;   /* of the body */
	bool has_created, has_expires;
	int64_t created_s, expires_s;
};

void scheme_message_clear(struct scheme_message *message);

/* Check the request's signatures under one secret; any will do. */
enum scheme_result scheme_message_check(struct scheme_proof *proof,
    const struct scheme_key *key, const struct scheme_signature *signature);

/* Check one that has been read: time, algorithm, signature, digest. */
enum scheme_result scheme_message_try(struct scheme_proof *proof,
    const struct scheme_key *key, const struct scheme_message *message);

/* The algorithm that a key of the scheme signs with, SCHEME_JWT__MAX for none;
 * pkey NULL: an HMAC. */
enum scheme_jwt_algorithm
scheme_message_choose(const struct scheme_rules *rules, const EVP_PKEY *pkey);
/* What a message of the scheme's syntax calls it. */
const char *scheme_message_name(
    const struct scheme_rules *rules, enum scheme_jwt_algorithm algorithm);

/* The header with the body's digest. */
const char *scheme_message_digest_name(const struct scheme_rules *rules);
/* Whether a header is under every signature that passes. */
bool scheme_message_covers_header(
    const struct scheme_rules *rules, const char *name);
bool scheme_message_covers_query(const struct scheme_rules *rules);
bool scheme_message_needs_url(const struct scheme_rules *rules);

/* ---- scheme_message_base.c ---- */

/* Append the value of a component that has no parameters: "@method", a
 * header's name.  SCHEME_OK or why there is none. */
enum scheme_result scheme_message_value(
    struct scheme_look *look, const char *name, struct buf *out);
/* Append the signature base (RFC 9421, 2.5) of an inner list of components. */
enum scheme_result scheme_message_base(struct scheme_look *look,
    const struct sfv *field, const struct sfv_node *input, struct buf *out);

/* ---- scheme_message_digest.c ---- */

/* Whether the header with the digest fits the body. */
enum scheme_result scheme_message_digest(struct scheme_look *look);
/* Append such a header's value. */
int scheme_message_put_digest(const struct scheme_rules *rules,
    const struct scheme_request *request, struct buf *out);

/* ---- scheme_message_cavage.c ---- */

/* Read a signature of the draft.  SCHEME_OK, or why not and *where. */
enum scheme_result scheme_message_cavage(struct scheme_look *look,
    const struct scheme_signature *signature, struct scheme_message *message,
    const char **where);
/* Append the text of these components, each ended by a blank or the end. */
enum scheme_result scheme_message_cavage_base(struct scheme_look *look,
    const char *names, const struct scheme_message *message, struct buf *out);

/* ---- scheme_message_sign.c ---- */

/* Make what goes into the Signature header, and put the other headers that
 * belong to it into the request by `fn`.  0, or -1 with a sentence. */
struct scheme_message_making {
	const struct scheme_rules *rules;
	const struct scheme_key *key;
	struct scheme_look *look; /* of the request that `add` adds to */
	int (*add)(void *arg, const char *name, const char *value);
	void *arg;
};

int scheme_message_make(const struct scheme_message_making *making,
    struct buf *out, const char **fault);

#endif
