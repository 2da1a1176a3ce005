/*
 * scheme_jwt - tokens that are signed: JWT in the compact form of JWS
 *
 * RFC 7515, 7517 to 7519, 8725.  The algorithms are the scheme's, and each goes
 * with one type of key, so that a token chooses nothing; `none` does not exist
 * here.  Of the header only alg, kid and crit are read, of the payload nothing
 * before the signature is right.
 *
 * A secret is a public key (PEM), a set of them (JWK set, RFC 7517) of which
 * the token's kid chooses one, or anything else the key of an HMAC.  Keys that
 * come over the network are one of the first two.  Where secrets are
 * certificates (scheme_x509.h) the token brings its own along, in x5c.
 */

#ifndef SHARED_SCHEME_JWT_H
#define SHARED_SCHEME_JWT_H

#include "scheme_impl.h"

enum {
	SCHEME_JWT_MAX = 16384,       /* bytes of a token */
	SCHEME_JWT_HEADER_MAX = 4096, /* of its header */
	SCHEME_JWT_CHAIN_MAX = 65536, /* of a token with certificates */
	SCHEME_JWT_X5C_MAX = 32768,   /* of its header */
	SCHEME_JWKS_MAX = 32,         /* keys of a set */
};

/* The algorithms, in the order of scheme_jwt_words. */
enum scheme_jwt_algorithm {
	SCHEME_HS256,
	SCHEME_HS384,
	SCHEME_HS512,
	SCHEME_RS256,
	SCHEME_RS384,
	SCHEME_RS512,
	SCHEME_PS256,
	SCHEME_PS384,
	SCHEME_PS512,
	SCHEME_ES256,
	SCHEME_ES384,
	SCHEME_ES512,
	SCHEME_EDDSA,
	SCHEME_JWT__MAX
};

extern const char *const scheme_jwt_words[]; /* ended by NULL */

bool scheme_jwt_is_hmac(enum scheme_jwt_algorithm algorithm);
/* Whether a key is of the algorithm's own type and size. */
bool scheme_jwt_fits(enum scheme_jwt_algorithm algorithm, const EVP_PKEY *pkey);

/* Prepare a key for the scheme's algorithms: 0, or -1 with what it is not ("is
 * no …") in *fault. */
int scheme_jwt_prepare(const struct scheme_rules *rules, struct scheme_key *key,
    const char **fault);
/* The same of public keys for any scheme; which algorithms count is seen when
 * one is used. */
int scheme_jwt_public(struct scheme_key *key);
void scheme_jwt_clear(struct scheme_key *key);

/* Check one token under one secret. */
enum scheme_result scheme_jwt_check(struct scheme_proof *proof,
    const struct scheme_key *key, const struct scheme_signature *token);

/* ---- scheme_jws.c ---- */

/* A text and how it is signed. */
struct scheme_jws {
	enum scheme_jwt_algorithm algorithm;
	const char *text;
	size_t text_len;
};

/* SCHEME_OK, SCHEME_WRONG_LENGTH, SCHEME_MISMATCH or SCHEME_ERROR.  The key is
 * of the algorithm's type; an ECDSA signature is r and s (RFC 7518, 3.4). */
enum scheme_result scheme_jws_check_hmac(const struct scheme_jws *jws,
    const struct scheme_key *key, const struct buf *signature);
enum scheme_result scheme_jws_check(
    const struct scheme_jws *jws, EVP_PKEY *pkey, const struct buf *signature);
/* Append the signature under a private key or the secret of an HMAC: 0 or -1.
 */
int scheme_jws_sign(const struct scheme_jws *jws, const struct scheme_key *key,
    struct buf *out);

/* ---- scheme_jwt.c ---- */

/* A claim of a token that has been verified, the first of the proof's
 * signatures: SCHEME_OK or not there. */
enum scheme_result scheme_jwt_claim(
    const struct scheme_proof *proof, const char *name, struct buf *out);

#endif
