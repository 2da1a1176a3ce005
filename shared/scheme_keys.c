#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "scheme_jwt.h"
#include "scheme_x509.h"

enum { RSA_BITS_MIN = 2048, ED25519_KEY_LEN = 32, EC_BITS = 256 };

static int fault(char error[SCHEME_ERROR_SIZE], size_t i, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static int
fault(char error[SCHEME_ERROR_SIZE], size_t i, const char *fmt, ...)
{
	int n = snprintf(error, SCHEME_ERROR_SIZE, "secret %zu ", i + 1);
	va_list ap;

	va_start(ap, fmt);
	if (n > 0 && n < SCHEME_ERROR_SIZE)
		(void)vsnprintf(
		    error + n, (size_t)(SCHEME_ERROR_SIZE - n), fmt, ap);
	va_end(ap);
	return -1;
}

const EVP_MD *
scheme_md(enum scheme_hash hash)
{
	switch (hash) {
	case SCHEME_HASH_SHA256:
		return EVP_sha256();
	case SCHEME_HASH_SHA1:
		return EVP_sha1();
	case SCHEME_HASH_SHA384:
		return EVP_sha384();
	case SCHEME_HASH_SHA512:
		return EVP_sha512();
	case SCHEME_HASH_MD5:
		return EVP_md5();
	case SCHEME_HASH__MAX:
		break;
	}
	return NULL;
}

/* ---- secrets ---- */

static void
clear_bytes(struct buf *bytes)
{
	if (bytes->p)
		OPENSSL_cleanse(bytes->p, bytes->cap);
	buf_clear(bytes);
}

/* Whether the keys are those of scheme_jwt.h. */
static bool
has_jwks(const struct scheme_rules *rules)
{
	return rules->kind == SCHEME_KIND_JWT ||
	       rules->kind == SCHEME_KIND_MESSAGE;
}

/* Whether a secret is taken as it stands: text, and keys in PEM for any kind
 * that has some. */
static bool
is_plain(const struct scheme_rules *rules, const char *p, size_t len)
{
	if (rules->secret_encoding == SCHEME_SECRET_TEXT ||
	    rules->secret_encoding == SCHEME_SECRET_PEM ||
	    rules->secret_encoding == SCHEME_SECRET_CERTIFICATE)
		return true;
	if (has_jwks(rules) && len > 0 && *p == '{')
		return true;
	return (scheme_is_asymmetric(rules->kind) || has_jwks(rules)) &&
	       len > 10 && memcmp(p, "-----BEGIN", 10) == 0;
}

/* How much of a secret its prefix is: literal text, a `*` in it standing for a
 * word of letters, digits and _. */
static size_t
prefix_len(const char *prefix, const char *p, size_t len)
{
	size_t i = 0;

	for (; *prefix != '\0'; prefix++) {
		size_t start = i;

		if (*prefix != '*') {
			if (i == len || p[i++] != *prefix)
				return 0;
			continue;
		}
		while (i < len && (isalnum((unsigned char)p[i]) || p[i] == '_'))
			i++;
		if (i == start)
			return 0;
	}
	return i;
}

/* A key that is the digest of the secret. */
static int
hash_secret(const struct scheme_rules *rules, struct buf *bytes)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	int rc = -1;

	if (buf_reserve(bytes, sizeof(digest)) == 0 &&
	    EVP_Digest(bytes->p, bytes->len, digest, &len,
		scheme_md(rules->secret_hash), NULL) == 1) {
		OPENSSL_cleanse(bytes->p, bytes->len);
		bytes->len = 0;
		rc = buf_add(bytes, digest, len);
	}
	OPENSSL_cleanse(digest, sizeof(digest));
	return rc;
}

/* The secret's bytes, prefix cut, decoded, suffix added.  0 or -1. */
static int
decode(const struct scheme_rules *rules, const struct scheme_secret *secret,
    struct scheme_key *key)
{
	static const enum codec codecs[SCHEME_SECRET__MAX] = {
	    [SCHEME_SECRET_BASE64] = CODEC_BASE64_OPEN,
	    [SCHEME_SECRET_BASE64URL] = CODEC_BASE64URL,
	    [SCHEME_SECRET_HEX] = CODEC_HEX,
	};

	size_t suffix = strlen(rules->secret_suffix);
	const char *p = (const char *)secret->p;
	size_t prefix = prefix_len(rules->secret_prefix, p, secret->len);
	size_t len = secret->len - prefix;
	struct buf bytes = {0};
	int rc;

	p += prefix;
	/* room for all at once: growing would leave copies behind */
	rc = buf_reserve(&bytes, len + suffix + EVP_MAX_MD_SIZE);
	if (rc == 0 && is_plain(rules, p, len))
		rc = buf_add(&bytes, p, len);
	else if (rc == 0)
		rc = codec_decode(
		    codecs[rules->secret_encoding], p, len, &bytes);
	if (rc == 0 && bytes.len > 0 && suffix > 0)
		rc = buf_add(&bytes, rules->secret_suffix, suffix);
	if (rc == 0 && bytes.len > 0 && rules->secret_hashed)
		rc = hash_secret(rules, &bytes);
	if (rc) {
		clear_bytes(&bytes);
		return -1;
	}
	key->len = bytes.len;
	key->p = (unsigned char *)bytes.p;
	return 0;
}

/* ---- keyed contexts ---- */

static EVP_MAC_CTX *
keyed(EVP_MAC *hmac, enum scheme_hash hash, const struct scheme_key *key)
{
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(hmac);
	char name[16];
	OSSL_PARAM params[2];

	(void)snprintf(
	    name, sizeof(name), "%s", EVP_MD_get0_name(scheme_md(hash)));
	params[0] =
	    OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0);
	params[1] = OSSL_PARAM_construct_end();
	if (ctx && EVP_MAC_init(ctx, key->p, key->len, params) == 1)
		return ctx;
	EVP_MAC_CTX_free(ctx);
	return NULL;
}

static struct scheme_mac *
mac_new(EVP_MAC *hmac, enum scheme_hash hash, const struct scheme_key *key)
{
	struct scheme_mac *mac = calloc(1, sizeof(*mac));

	if (mac == NULL)
		return NULL;
	atomic_init(&mac->spare, NULL);
	mac->keyed = keyed(hmac, hash, key);
	if (mac->keyed != NULL)
		return mac;
	free(mac);
	return NULL;
}

static void
mac_free(struct scheme_mac *mac)
{
	if (mac == NULL)
		return;
	EVP_MAC_CTX_free(mac->keyed);
	EVP_MAC_CTX_free(atomic_load(&mac->spare));
	free(mac);
}

static int
add_macs(
    const struct scheme_rules *rules, EVP_MAC *hmac, struct scheme_key *key)
{
	for (size_t hash = 0; hash < SCHEME_HASH__MAX; hash++) {
		if (rules->has_algorithms ? !rules->algorithms[hash]
					  : hash != rules->hash)
			continue;
		key->mac[hash] = mac_new(hmac, (enum scheme_hash)hash, key);
		if (!key->mac[hash])
			return -1;
	}
	return 0;
}

/* ---- public keys ---- */

/* A public key, or a private one to sign with. */
static EVP_PKEY *
read_pem(struct scheme_key *key)
{
	BIO *bio = BIO_new_mem_buf(key->p, (int)key->len);
	EVP_PKEY *pkey = NULL;

	if (!bio)
		return NULL;
	pkey = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
	if (!pkey && BIO_reset(bio) == 1) {
		/* "" as pass phrase: an encrypted key is refused, not asked
		 * for */
		char none[] = "";

		pkey = PEM_read_bio_PrivateKey(bio, NULL, NULL, none);
		key->can_sign = pkey != NULL;
	}
	BIO_free(bio);
	ERR_clear_error();
	return pkey;
}

static EVP_PKEY *
read_public(const struct scheme_rules *rules, struct scheme_key *key)
{
	const unsigned char *p = key->p;
	EVP_PKEY *pkey;

	if (is_plain(rules, (const char *)key->p, key->len))
		return read_pem(key);
	if (rules->kind == SCHEME_KIND_ED25519 && key->len == ED25519_KEY_LEN)
		return EVP_PKEY_new_raw_public_key(
		    EVP_PKEY_ED25519, NULL, key->p, key->len);
	pkey = d2i_PUBKEY(NULL, &p, (long)key->len);
	ERR_clear_error();
	if (pkey && p == key->p + key->len)
		return pkey;
	EVP_PKEY_free(pkey);
	return NULL;
}

/* Algorithm confusion ends here: the key is of the scheme's own kind. */
static int
check_public(const struct scheme_rules *rules, const EVP_PKEY *pkey,
    char error[SCHEME_ERROR_SIZE], size_t i)
{
	int bits = EVP_PKEY_get_bits(pkey);

	switch (rules->kind) {
	case SCHEME_KIND_ED25519:
		if (EVP_PKEY_get_base_id(pkey) != EVP_PKEY_ED25519)
			return fault(error, i, "is no Ed25519 key");
		return 0;
	case SCHEME_KIND_ECDSA:
		if (EVP_PKEY_get_base_id(pkey) != EVP_PKEY_EC ||
		    bits != EC_BITS)
			return fault(error, i, "is no P-256 key");
		return 0;
	case SCHEME_KIND_RSA:
		if (EVP_PKEY_get_base_id(pkey) != EVP_PKEY_RSA)
			return fault(error, i, "is no RSA key");
		if (bits < RSA_BITS_MIN)
			return fault(error, i, "has %d bits, needs %d", bits,
			    RSA_BITS_MIN);
		return 0;
	case SCHEME_KIND_UNSET:
	case SCHEME_KIND_HMAC:
	case SCHEME_KIND_HASH:
	case SCHEME_KIND_JWT:
	case SCHEME_KIND_MESSAGE:
	case SCHEME_KIND_TOKEN:
	case SCHEME_KIND_BASIC:
	case SCHEME_KIND_NONE:
	case SCHEME_KIND__MAX:
		break;
	}
	return fault(error, i, "is of no use to this kind");
}

/* ---- all together ---- */

/* Whether a secret says what certificates are trusted; one public key in PEM,
 * or a private one to sign with, may stand in for them. */
static bool
is_certificate(const struct scheme_rules *rules, const struct scheme_key *key)
{
	static const char key_end[] = " KEY-----";

	if (rules->secret_encoding != SCHEME_SECRET_CERTIFICATE)
		return false;
	return !scheme_is_asymmetric(rules->kind) ||
	       !memmem(key->p, key->len, key_end, strlen(key_end));
}

/* Make a secret the next key.  `i` is its number, for the error. */
static int
prepare(const struct scheme_rules *rules, struct scheme_keys *keys,
    const struct scheme_secret *secret, size_t i, char error[SCHEME_ERROR_SIZE])
{
	static const char *const names[] = {
	    [SCHEME_SECRET_TEXT] = "text",
	    [SCHEME_SECRET_BASE64] = "base64",
	    [SCHEME_SECRET_BASE64URL] = "base64url",
	    [SCHEME_SECRET_HEX] = "hex",
	    [SCHEME_SECRET_PEM] = "PEM",
	    [SCHEME_SECRET_CERTIFICATE] = "a certificate",
	};
	struct scheme_key *key = &keys->v[keys->n];
	const char *after = rules->secret_prefix;

	if (decode(rules, secret, key))
		return fault(error, i, "is not %s%s%s",
		    names[rules->secret_encoding], *after ? " behind " : "",
		    after);
	if (key->len == 0)
		return fault(error, i, "is empty");
	if (rules->kind == SCHEME_KIND_BASIC && !memchr(key->p, ':', key->len))
		return fault(error, i, "is not user:password");
	if (is_certificate(rules, key)) {
		if (scheme_x509_prepare(key, &after))
			return fault(error, i, "%s", after);
	} else if (rules->kind == SCHEME_KIND_HMAC) {
		if (add_macs(rules, keys->hmac, key))
			return fault(error, i, "could not be prepared");
	} else if (has_jwks(rules)) {
		if (scheme_jwt_prepare(rules, key, &after))
			return fault(error, i, "%s", after);
	} else if (scheme_is_asymmetric(rules->kind)) {
		key->pkey = read_public(rules, key);
		if (!key->pkey)
			return fault(error, i, "is no readable key");
		return check_public(rules, key->pkey, error, i);
	}
	return 0;
}

static void
clear_key(struct scheme_key *key)
{
	for (size_t hash = 0; hash < SCHEME_HASH__MAX; hash++)
		mac_free(key->mac[hash]);
	EVP_PKEY_free(key->pkey);
	scheme_jwt_clear(key);
	scheme_x509_clear(key);
	if (key->p)
		OPENSSL_cleanse(key->p, key->len);
	free(key->p);
	*key = (struct scheme_key){0};
}

/* The keys of one scheme. */
static void
free_set(struct scheme_keys *keys)
{
	for (size_t i = 0; i < keys->n; i++)
		clear_key(&keys->v[i]);
	EVP_MAC_free(keys->hmac);
	free(keys->v);
	free(keys);
}

/* The secrets of a source, and which of them some scheme can use. */
struct given {
	const struct scheme_secret *secrets;
	size_t n;
	bool *used;
};

/* The keys of one scheme: of those secrets that it can use.  NULL without
 * memory; `error` is about the first that nobody can use so far. */
static struct scheme_keys *
open_keys(const struct scheme_rules *rules, const struct given *given,
    char error[SCHEME_ERROR_SIZE])
{
	struct scheme_keys *keys = calloc(1, sizeof(*keys));
	char ignored[SCHEME_ERROR_SIZE];
	bool told = false;

	if (!keys)
		return NULL;
	keys->fetched = given->n == 0 && scheme_rules_fetch(rules) &&
			!rules->certificate_chain;
	keys->awaited = given->n == 0 && rules->keeps;
	keys->v = calloc(given->n + 1, sizeof(*keys->v));
	keys->hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	if (!keys->v || !keys->hmac) {
		free_set(keys);
		return NULL;
	}
	/* without a secret a chain leads to what this system trusts */
	if (given->n == 0 && rules->certificate_chain &&
	    scheme_x509_trust_system(&keys->v[keys->n++]) != 0) {
		free_set(keys);
		return NULL;
	}
	for (size_t i = 0; i < given->n; i++) {
		bool tell = !told && !given->used[i];

		if (prepare(rules, keys, &given->secrets[i], i,
			tell ? error : ignored) == 0) {
			keys->n++;
			given->used[i] = true;
		} else {
			clear_key(&keys->v[keys->n]);
			told = told || tell;
		}
	}
	return keys;
}

/* The keys of a scheme and of those it is linked with. */
static struct scheme_keys *
open_all(const struct scheme *scheme, const struct given *given,
    char error[SCHEME_ERROR_SIZE])
{
	size_t n = scheme->n_others, i;
	struct scheme_keys **others = calloc(n + 1, sizeof(*others));
	struct scheme_keys *keys = NULL;
	char ignored[SCHEME_ERROR_SIZE];

	if (!others)
		return NULL;
	for (i = 0; i < n; i++) {
		others[i] = open_keys(scheme->others[i]->rules, given, ignored);
		if (!others[i])
			goto fail;
	}
	/* last, so that `error` is about what no other one can use */
	keys = open_keys(scheme->rules, given, error);
	if (!keys)
		goto fail;
	keys->others = others;
	keys->n_others = n;
	return keys;
fail:
	while (i-- > 0)
		free_set(others[i]);
	free(others);
	return NULL;
}

static bool
all_used(const struct given *given)
{
	for (size_t i = 0; i < given->n; i++)
		if (!given->used[i])
			return false;
	return true;
}

struct scheme_keys *
scheme_keys_new(const struct scheme *scheme,
    const struct scheme_secret *secrets, size_t n,
    char error[SCHEME_ERROR_SIZE])
{
	struct given given = {secrets, n, NULL};
	struct scheme_keys *keys = NULL;

	if (n == 0 && scheme->rules->kind != SCHEME_KIND_NONE &&
	    !scheme_fetches(scheme) && !scheme_keeps(scheme)) {
		(void)snprintf(error, SCHEME_ERROR_SIZE, "no secret is given");
		return NULL;
	}
	given.used = calloc(n + 1, sizeof(*given.used));
	if (given.used)
		keys = open_all(scheme, &given, error);
	if (!keys)
		(void)snprintf(
		    error, SCHEME_ERROR_SIZE, "no memory for the secrets");
	if (keys && !all_used(&given)) {
		scheme_keys_free(keys);
		keys = NULL;
	}
	free(given.used);
	return keys;
}

bool
scheme_keys_have(const struct scheme_keys *keys, const void *p, size_t len)
{
	for (size_t i = 0; keys && i < keys->n; i++)
		if (keys->v[i].len == len &&
		    CRYPTO_memcmp(keys->v[i].p, p, len) == 0)
			return true;
	return false;
}

void
scheme_keys_free(struct scheme_keys *keys)
{
	if (!keys)
		return;
	for (size_t i = 0; i < keys->n_others; i++)
		free_set(keys->others[i]);
	free(keys->others);
	free_set(keys);
}
