#include <string.h>

#include <jansson.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "scheme_jwt.h"

enum {
	RSA_BITS_MIN = 2048,
	RSA_BITS_MAX = 8192,
	COORDINATE_MAX = 66,
	ED25519_LEN = 32
};

const char *const scheme_jwt_words[] = {
    [SCHEME_HS256] = "HS256",
    [SCHEME_HS384] = "HS384",
    [SCHEME_HS512] = "HS512",
    [SCHEME_RS256] = "RS256",
    [SCHEME_RS384] = "RS384",
    [SCHEME_RS512] = "RS512",
    [SCHEME_PS256] = "PS256",
    [SCHEME_PS384] = "PS384",
    [SCHEME_PS512] = "PS512",
    [SCHEME_ES256] = "ES256",
    [SCHEME_ES384] = "ES384",
    [SCHEME_ES512] = "ES512",
    [SCHEME_EDDSA] = "EdDSA",
    [SCHEME_JWT__MAX] = NULL,
};

_Static_assert((int)SCHEME_JWT_ALGORITHMS == (int)SCHEME_JWT__MAX, "all");

bool
scheme_jwt_is_hmac(enum scheme_jwt_algorithm algorithm)
{
	return algorithm <= SCHEME_HS512;
}

bool
scheme_jwt_fits(enum scheme_jwt_algorithm algorithm, const EVP_PKEY *pkey)
{
	int type = EVP_PKEY_get_base_id(pkey);
	int bits = EVP_PKEY_get_bits(pkey);

	switch (algorithm) {
	case SCHEME_RS256:
	case SCHEME_RS384:
	case SCHEME_RS512:
	case SCHEME_PS256:
	case SCHEME_PS384:
	case SCHEME_PS512:
		return type == EVP_PKEY_RSA && bits >= RSA_BITS_MIN &&
		       bits <= RSA_BITS_MAX;
	case SCHEME_ES256:
		return type == EVP_PKEY_EC && bits == 256;
	case SCHEME_ES384:
		return type == EVP_PKEY_EC && bits == 384;
	case SCHEME_ES512:
		return type == EVP_PKEY_EC && bits == 521;
	case SCHEME_EDDSA:
		return type == EVP_PKEY_ED25519;
	case SCHEME_HS256:
	case SCHEME_HS384:
	case SCHEME_HS512:
	case SCHEME_JWT__MAX:
		break;
	}
	return false;
}

/* ---- JWK ---- */

/* A member's bytes, base64url.  Their number; 0: none there. */
static size_t
member(const json_t *jwk, const char *name, unsigned char *out, size_t out_size)
{
	const char *text = json_string_value(json_object_get(jwk, name));
	struct buf bytes = {0};
	size_t len = 0;

	if (text &&
	    codec_decode(CODEC_BASE64URL, text, strlen(text), &bytes) == 0 &&
	    bytes.len <= out_size) {
		memcpy(out, bytes.p, bytes.len);
		len = bytes.len;
	}
	buf_clear(&bytes);
	return len;
}

static EVP_PKEY *
from_params(const char *type, OSSL_PARAM *params)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *pkey = NULL;

	if (ctx && params && EVP_PKEY_fromdata_init(ctx) == 1 &&
	    EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
		pkey = NULL;
	EVP_PKEY_CTX_free(ctx);
	return pkey;
}

static EVP_PKEY *
read_rsa(const json_t *jwk)
{
	unsigned char n[RSA_BITS_MAX / 8 + 1], e[8];
	size_t n_len = member(jwk, "n", n, sizeof(n));
	size_t e_len = member(jwk, "e", e, sizeof(e));
	BIGNUM *modulus = BN_bin2bn(n, (int)n_len, NULL);
	BIGNUM *exponent = BN_bin2bn(e, (int)e_len, NULL);
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	OSSL_PARAM *params = NULL;
	EVP_PKEY *pkey = NULL;

	if (n_len > 0 && e_len > 0 && builder &&
	    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, modulus) ==
		1 &&
	    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, exponent) ==
		1)
		params = OSSL_PARAM_BLD_to_param(builder);
	pkey = from_params("RSA", params);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(builder);
	BN_free(modulus);
	BN_free(exponent);
	return pkey;
}

static EVP_PKEY *
read_ec(const json_t *jwk)
{
	static const struct {
		const char *crv, *group;
		size_t size;
	} curves[] = {{"P-256", "prime256v1", 32}, {"P-384", "secp384r1", 48},
	    {"P-521", "secp521r1", 66}};

	const char *crv = json_string_value(json_object_get(jwk, "crv"));
	unsigned char point[1 + 2 * COORDINATE_MAX] = {4};

	for (size_t i = 0; crv && i < sizeof(curves) / sizeof(*curves); i++) {
		size_t size = curves[i].size;
		char group[16];
		OSSL_PARAM params[3];

		if (strcmp(curves[i].crv, crv) != 0)
			continue;
		if (member(jwk, "x", point + 1, size) != size ||
		    member(jwk, "y", point + 1 + size, size) != size)
			return NULL;
		memcpy(group, curves[i].group, strlen(curves[i].group) + 1);
		params[0] = OSSL_PARAM_construct_utf8_string(
		    OSSL_PKEY_PARAM_GROUP_NAME, group, 0);
		params[1] = OSSL_PARAM_construct_octet_string(
		    OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * size);
		params[2] = OSSL_PARAM_construct_end();
		return from_params("EC", params);
	}
	return NULL;
}

static EVP_PKEY *
read_jwk(const json_t *jwk)
{
	const char *kty = json_string_value(json_object_get(jwk, "kty"));
	const char *crv = json_string_value(json_object_get(jwk, "crv"));
	unsigned char x[32];

	if (!kty)
		return NULL;
	if (strcmp(kty, "RSA") == 0)
		return read_rsa(jwk);
	if (strcmp(kty, "EC") == 0)
		return read_ec(jwk);
	if (strcmp(kty, "OKP") != 0 || !crv || strcmp(crv, "Ed25519") != 0 ||
	    member(jwk, "x", x, sizeof(x)) != sizeof(x))
		return NULL;
	return EVP_PKEY_new_raw_public_key(
	    EVP_PKEY_ED25519, NULL, x, sizeof(x));
}

/* Whether the scheme (NULL: any) has use for a key: of a type that one of its
 * algorithms takes. */
static bool
is_useful(const struct scheme_rules *rules, const EVP_PKEY *pkey)
{
	for (size_t i = 0; i < SCHEME_JWT__MAX; i++)
		if ((!rules || rules->jwt_algorithms[i]) &&
		    scheme_jwt_fits((enum scheme_jwt_algorithm)i, pkey))
			return true;
	return false;
}

/* Add a key of a set.  Others than signature keys, and types that nobody here
 * knows, are left out: sets are shared with other users. */
static int
add_jwk(
    const struct scheme_rules *rules, struct scheme_key *key, const json_t *jwk)
{
	const char *use = json_string_value(json_object_get(jwk, "use"));
	const char *kid = json_string_value(json_object_get(jwk, "kid"));
	const char *alg = json_string_value(json_object_get(jwk, "alg"));
	struct scheme_jwk *to = &key->jwks[key->n_jwks];
	EVP_PKEY *pkey = NULL;

	if (!use || strcmp(use, "sig") == 0)
		pkey = read_jwk(jwk);
	ERR_clear_error();
	if (!pkey || !is_useful(rules, pkey)) {
		EVP_PKEY_free(pkey);
		return 0;
	}
	to->pkey = pkey;
	key->n_jwks++;
	to->kid = kid ? strdup(kid) : NULL;
	to->alg = alg ? strdup(alg) : NULL;
	return (kid && !to->kid) || (alg && !to->alg) ? -1 : 0;
}

static int
read_set(const struct scheme_rules *rules, struct scheme_key *key)
{
	json_t *root = json_loadb(
	    (const char *)key->p, key->len, JSON_REJECT_DUPLICATES, NULL);
	const json_t *list = json_object_get(root, "keys");
	size_t n = list ? json_array_size(list) : 1;
	int rc = 0;

	key->jwks = calloc(SCHEME_JWKS_MAX, sizeof(*key->jwks));
	if (!root || !key->jwks || n > SCHEME_JWKS_MAX)
		rc = -1;
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = add_jwk(rules, key, list ? json_array_get(list, i) : root);
	json_decref(root);
	return rc == 0 && key->n_jwks > 0 ? 0 : -1;
}

/* ---- other forms ---- */

/* A public key, or a private one to sign with. */
static EVP_PKEY *
load_pem(struct scheme_key *key)
{
	BIO *bio = BIO_new_mem_buf(key->p, (int)key->len);
	EVP_PKEY *pkey =
	    bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;

	if (bio && !pkey && BIO_reset(bio) == 1) {
		/* "" as pass phrase: an encrypted key is refused, not asked
		 * for */
		char none[] = "";

		pkey = PEM_read_bio_PrivateKey(bio, NULL, NULL, none);
		key->can_sign = pkey != NULL;
	}
	BIO_free(bio);
	return pkey;
}

/* SubjectPublicKeyInfo, or the bytes of an Ed25519 key. */
static EVP_PKEY *
load_der(const struct scheme_key *key)
{
	const unsigned char *p = key->p;
	EVP_PKEY *pkey;

	if (key->len == ED25519_LEN)
		return EVP_PKEY_new_raw_public_key(
		    EVP_PKEY_ED25519, NULL, key->p, key->len);
	pkey = d2i_PUBKEY(NULL, &p, (long)key->len);
	if (pkey && p == key->p + key->len)
		return pkey;
	EVP_PKEY_free(pkey);
	return NULL;
}

static int
read_one(
    const struct scheme_rules *rules, struct scheme_key *key, EVP_PKEY *pkey)
{
	ERR_clear_error();
	key->jwks = calloc(1, sizeof(*key->jwks));
	if (!key->jwks || !pkey) {
		EVP_PKEY_free(pkey);
		return -1;
	}
	key->jwks[0].pkey = pkey;
	key->n_jwks = 1;
	return is_useful(rules, pkey) ? 0 : -1;
}

static bool
has_hmac(const struct scheme_rules *rules, bool hmac)
{
	for (size_t i = 0; i < SCHEME_JWT__MAX; i++)
		if (rules->jwt_algorithms[i] &&
		    scheme_jwt_is_hmac((enum scheme_jwt_algorithm)i) == hmac)
			return true;
	return false;
}

int
scheme_jwt_prepare(const struct scheme_rules *rules, struct scheme_key *key,
    const char **fault)
{
	bool public = has_hmac(rules, false);

	/* what looks like a public key is never the secret of an HMAC */
	if (key->len > 10 && memcmp(key->p, "-----BEGIN", 10) == 0) {
		*fault = "is no public key for the scheme's algorithms";
		return public ? read_one(rules, key, load_pem(key)) : -1;
	}
	if (public && key->p[0] == '{') {
		*fault = "is no JWK set with a key for the scheme's algorithms";
		return read_set(rules, key);
	}
	*fault = "is no public key in PEM and no JWK set";
	if (has_hmac(rules, true))
		return 0;
	/* other forms are as good where they cannot be taken for a secret */
	return rules->secret_encoding != SCHEME_SECRET_TEXT
		   ? read_one(rules, key, load_der(key))
		   : -1;
}

int
scheme_jwt_public(struct scheme_key *key)
{
	if (key->len > 10 && memcmp(key->p, "-----BEGIN", 10) == 0)
		return read_one(NULL, key, load_pem(key)) || key->can_sign ? -1
									   : 0;
	return read_set(NULL, key);
}

void
scheme_jwt_clear(struct scheme_key *key)
{
	for (size_t i = 0; i < key->n_jwks; i++) {
		EVP_PKEY_free(key->jwks[i].pkey);
		free(key->jwks[i].kid);
		free(key->jwks[i].alg);
	}
	free(key->jwks);
}
