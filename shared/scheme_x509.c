#include "scheme_x509.h"

#include <ctype.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "scheme_parse.h"

enum {
	RSA_BITS_MIN = 2048,
	RSA_BITS_MAX = 8192,
	EC_BITS = 256,
	SECURITY_LEVEL = 2, /* 112 bits: no SHA-1, no RSA below 2048 */
};

static const char fingerprint_word[] = "sha256:";
static const char system_word[] = "system-ca";

/* ---- reading ---- */

/* One certificate, the whole of the bytes, onto the stack: 0 or -1. */
static int
push_der(STACK_OF(X509) * stack, const void *der, size_t len)
{
	const unsigned char *p = der;
	X509 *certificate = d2i_X509(NULL, &p, (long)len);

	if (certificate && p == (const unsigned char *)der + len &&
	    sk_X509_push(stack, certificate) > 0)
		return 0;
	X509_free(certificate);
	return -1;
}

/* All certificates of a text in PEM, up to `max`; other parts are left out. */
static int
push_pem(STACK_OF(X509) * stack, const void *p, size_t len, int max)
{
	BIO *bio = BIO_new_mem_buf(p, (int)len);
	X509 *certificate;
	int rc = bio ? 0 : -1;

	while (rc == 0 &&
	       (certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
		if (sk_X509_num(stack) < max &&
		    sk_X509_push(stack, certificate) > 0)
			continue;
		X509_free(certificate);
		rc = -1;
	}
	/* the last error is about the end, or something that is broken */
	if (rc == 0 &&
	    ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		rc = -1;
	BIO_free(bio);
	return rc == 0 && sk_X509_num(stack) > 0 ? 0 : -1;
}

static STACK_OF(X509) * read_all(const void *p, size_t len, int max)
{
	STACK_OF(X509) *stack = sk_X509_new_null();

	ERR_clear_error();
	if (stack &&
	    (memmem(p, len, "-----BEGIN", 10) ? push_pem(stack, p, len, max)
					      : push_der(stack, p, len)) != 0) {
		sk_X509_pop_free(stack, X509_free);
		stack = NULL;
	}
	ERR_clear_error();
	return stack;
}

STACK_OF(X509) * scheme_x509_read(const void *p, size_t len)
{
	return len <= SCHEME_X509_TEXT_MAX
		   ? read_all(p, len, SCHEME_X509_CHAIN_MAX)
		   : NULL;
}

/* One text of x5c: base64, not base64url (RFC 7515, 4.1.6). */
static int
push_base64(STACK_OF(X509) * stack, const struct jsonpick_value *value)
{
	struct buf text = {0}, der = {0};
	int rc = -1;

	if (value->kind == JSONPICK_STRING &&
	    jsonpick_text(value, &text) == 0 &&
	    codec_decode(CODEC_BASE64, text.p, text.len, &der) == 0 &&
	    der.len <= SCHEME_X509_SIZE_MAX)
		rc = push_der(stack, der.p, der.len);
	buf_clear(&text);
	buf_clear(&der);
	return rc;
}

STACK_OF(X509) * scheme_x509_x5c(const struct buf *header)
{
	/* one more than may be there */
	struct jsonpick_pointer pointers[SCHEME_X509_CHAIN_MAX + 1];
	struct jsonpick_value values[SCHEME_X509_CHAIN_MAX + 1];
	STACK_OF(X509) *stack = sk_X509_new_null();
	size_t n = 0;

	for (size_t i = 0; i <= SCHEME_X509_CHAIN_MAX; i++) {
		char name[] = {'/', 'x', '5', 'c', '/', (char)('0' + i), '\0'};

		(void)jsonpick_compile(name, &pointers[i]);
	}
	if (stack && jsonpick_scan(header->p, header->len, pointers,
			 SCHEME_X509_CHAIN_MAX + 1, values) == 0)
		while (n < SCHEME_X509_CHAIN_MAX &&
		       values[n].kind != JSONPICK_NONE &&
		       push_base64(stack, &values[n]) == 0)
			n++;
	ERR_clear_error();
	if (n > 0 && values[n].kind == JSONPICK_NONE)
		return stack;
	sk_X509_pop_free(stack, X509_free);
	return NULL;
}

/* ---- what is trusted ---- */

static int
read_fingerprint(const struct scheme_key *key, struct scheme_trust *trust)
{
	size_t skip = strlen(fingerprint_word);
	const char *p = (const char *)key->p + skip;
	struct buf text = {0}, bytes = {0};
	int rc = -1;

	/* with colons, as openssl writes it, or without */
	for (size_t i = 0; i < key->len - skip; i++)
		if (p[i] != ':')
			(void)buf_add_char(&text, p[i]);
	if (buf_str(&text) &&
	    codec_decode(CODEC_HEX, text.p, text.len, &bytes) == 0 &&
	    bytes.len == (size_t)EVP_MD_get_size(EVP_sha256())) {
		memcpy(trust->fingerprint, bytes.p, bytes.len);
		trust->has_fingerprint = true;
		rc = 0;
	}
	buf_clear(&text);
	buf_clear(&bytes);
	return rc;
}

static int
read_system(struct scheme_trust *trust)
{
	trust->system = X509_STORE_new();
	return trust->system && X509_STORE_set_default_paths(trust->system) == 1
		   ? 0
		   : -1;
}

static bool
is_word(const struct scheme_key *key, const char *word)
{
	size_t len = strlen(word);

	return key->len >= len && memcmp(key->p, word, len) == 0;
}

int
scheme_x509_trust_system(struct scheme_key *key)
{
	key->trust = calloc(1, sizeof(*key->trust));
	return key->trust ? read_system(key->trust) : -1;
}

int
scheme_x509_prepare(struct scheme_key *key, const char **fault)
{
	struct scheme_trust *trust = key->trust =
	    calloc(1, sizeof(*key->trust));

	*fault = "could not be prepared";
	if (!trust)
		return -1;
	if (key->len == strlen(system_word) && is_word(key, system_word))
		return read_system(trust);
	*fault = "is no SHA-256 fingerprint";
	if (is_word(key, fingerprint_word))
		return read_fingerprint(key, trust);
	*fault = "is no certificate, no sha256:FINGERPRINT and no system-ca";
	trust->certificates =
	    read_all(key->p, key->len, SCHEME_X509_TRUSTED_MAX);
	return trust->certificates ? 0 : -1;
}

void
scheme_x509_clear(struct scheme_key *key)
{
	sk_X509_pop_free(key->chain, X509_free);
	key->chain = NULL;
	if (!key->trust)
		return;
	sk_X509_pop_free(key->trust->certificates, X509_free);
	X509_STORE_free(key->trust->system);
	free(key->trust);
	key->trust = NULL;
}

/* ---- a signer ---- */

static bool
has_fit_key(const struct scheme_rules *rules, const X509 *certificate)
{
	const EVP_PKEY *pkey = X509_get0_pubkey(certificate);
	int type = pkey ? EVP_PKEY_get_base_id(pkey) : EVP_PKEY_NONE;
	int bits = pkey ? EVP_PKEY_get_bits(pkey) : 0;

	if (rules->kind == SCHEME_KIND_RSA)
		return type == EVP_PKEY_RSA && bits >= RSA_BITS_MIN &&
		       bits <= RSA_BITS_MAX;
	if (rules->kind == SCHEME_KIND_ECDSA)
		return type == EVP_PKEY_EC && bits == EC_BITS;
	if (rules->kind == SCHEME_KIND_ED25519)
		return type == EVP_PKEY_ED25519;
	/* of a token the algorithm chooses */
	return pkey != NULL;
}

static bool
is_valid_at(const X509 *certificate, int64_t now_ms)
{
	time_t now_s = (time_t)(now_ms / 1000);

	return X509_cmp_time(X509_get0_notBefore(certificate), &now_s) < 0 &&
	       X509_cmp_time(X509_get0_notAfter(certificate), &now_s) > 0;
}

static bool
has_name(const struct scheme_rules *rules, X509 *certificate)
{
	for (size_t i = 0; i < rules->n_certificate_names; i++)
		if (X509_check_host(certificate, rules->certificate_names[i], 0,
			X509_CHECK_FLAG_NO_WILDCARDS, NULL) == 1)
			return true;
	return rules->n_certificate_names == 0;
}

/* Whether the i-th of a chain has the extension it must have. */
static bool
has_oid(const struct scheme_rules *rules, const X509 *certificate, size_t i)
{
	ASN1_OBJECT *oid;
	bool has;

	if (i >= rules->n_certificate_oids)
		return true;
	oid = OBJ_txt2obj(rules->certificate_oids[i], 1);
	has = oid && X509_get_ext_by_OBJ(certificate, oid, -1) >= 0;
	ASN1_OBJECT_free(oid);
	return has;
}

static bool
is_signer(const struct scheme_proof *proof, X509 *certificate)
{
	return certificate &&
	       is_valid_at(certificate, proof->look.request->now_ms) &&
	       (X509_get_key_usage(certificate) & KU_DIGITAL_SIGNATURE) != 0 &&
	       has_fit_key(proof->rules, certificate) &&
	       has_name(proof->rules, certificate);
}

/* ---- the way up ---- */

/* Of a chain those that are trusted by their fingerprint. */
static STACK_OF(X509) *
    find_pinned(const struct scheme_trust *trust, STACK_OF(X509) * chain)
{
	STACK_OF(X509) *found = sk_X509_new_null();

	for (int i = 0; found && i < sk_X509_num(chain); i++) {
		X509 *certificate = sk_X509_value(chain, i);
		unsigned char digest[EVP_MAX_MD_SIZE];
		unsigned len;

		if (X509_digest(certificate, EVP_sha256(), digest, &len) != 1 ||
		    CRYPTO_memcmp(digest, trust->fingerprint, len) != 0)
			continue;
		/* it stays the chain's */
		if (sk_X509_push(found, certificate) <= 0) {
			sk_X509_free(found);
			return NULL;
		}
	}
	return found;
}

static enum scheme_result
walk_up(const struct scheme_proof *proof, X509_STORE_CTX *ctx)
{
	X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
	STACK_OF(X509) * way;
	size_t n;

	X509_VERIFY_PARAM_set_time(
	    param, (time_t)(proof->look.request->now_ms / 1000));
	(void)X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
	X509_VERIFY_PARAM_set_depth(param, SCHEME_X509_CHAIN_MAX);
	X509_VERIFY_PARAM_set_auth_level(param, SECURITY_LEVEL);
	if (X509_verify_cert(ctx) != 1)
		return X509_STORE_CTX_get_error(ctx) == X509_V_ERR_OUT_OF_MEM
			   ? SCHEME_ERROR
			   : SCHEME_BAD_CERTIFICATE;
	way = X509_STORE_CTX_get0_chain(ctx);
	n = (size_t)sk_X509_num(way);
	if (n < proof->rules->n_certificate_oids)
		return SCHEME_BAD_CERTIFICATE;
	for (size_t i = 0; i < n; i++)
		if (!has_oid(proof->rules, sk_X509_value(way, (int)i), i))
			return SCHEME_BAD_CERTIFICATE;
	return SCHEME_OK;
}

static enum scheme_result
lead_up(const struct scheme_proof *proof, const struct scheme_trust *trust,
    STACK_OF(X509) * chain)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	STACK_OF(X509) *pinned =
	    trust->has_fingerprint ? find_pinned(trust, chain) : NULL;
	enum scheme_result result = SCHEME_ERROR;

	if (!ctx || (trust->has_fingerprint && !pinned) ||
	    X509_STORE_CTX_init(
		ctx, trust->system, sk_X509_value(chain, 0), chain) != 1)
		goto out;
	if (!trust->system)
		X509_STORE_CTX_set0_trusted_stack(
		    ctx, pinned ? pinned : trust->certificates);
	result = walk_up(proof, ctx);
out:
	X509_STORE_CTX_free(ctx);
	sk_X509_free(pinned);
	ERR_clear_error();
	return result;
}

enum scheme_result
scheme_x509_check(const struct scheme_proof *proof,
    const struct scheme_key *key, STACK_OF(X509) * chain)
{
	enum scheme_result result = SCHEME_BAD_CERTIFICATE;

	if (chain && is_signer(proof, sk_X509_value(chain, 0)))
		result = key && key->trust ? lead_up(proof, key->trust, chain)
					   : SCHEME_OK;
	ERR_clear_error();
	return result;
}

size_t
scheme_x509_count(const struct scheme_key *key)
{
	return key->trust && key->trust->certificates
		   ? (size_t)sk_X509_num(key->trust->certificates)
		   : 0;
}

EVP_PKEY *
scheme_x509_signer(
    const struct scheme_proof *proof, const struct scheme_key *key, size_t i)
{
	X509 *certificate = sk_X509_value(key->trust->certificates, (int)i);
	bool good = is_signer(proof, certificate) &&
		    has_oid(proof->rules, certificate, 0);

	ERR_clear_error();
	return good ? X509_get0_pubkey(certificate) : NULL;
}

/* ---- the language ---- */

int
scheme_parse_certificate_name(struct scheme_parse *p, const char *value)
{
	struct scheme_rules *rules = p->rules;
	size_t len = strlen(value);

	if (rules->n_certificate_names == SCHEME_RULES_MAX)
		return scheme_fault(p, "at most %d", SCHEME_RULES_MAX);
	if (strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789-.") < len ||
	    !strchr(value, '.'))
		return scheme_fault(
		    p, "`%s` is no name of a host in lower case", value);
	rules->certificate_names[rules->n_certificate_names] =
	    scheme_copy(p, value, len);
	return rules->certificate_names[rules->n_certificate_names++] ? 0 : -1;
}

int
scheme_parse_certificate_oid(struct scheme_parse *p, const char *value)
{
	struct scheme_rules *rules = p->rules;
	ASN1_OBJECT *oid = OBJ_txt2obj(value, 1);
	bool good = oid != NULL;

	ASN1_OBJECT_free(oid);
	ERR_clear_error();
	if (!good)
		return scheme_fault(p, "`%s` is no OID (1.2.840.1)", value);
	if (rules->n_certificate_oids == SCHEME_RULES_MAX)
		return scheme_fault(p, "at most %d", SCHEME_RULES_MAX);
	rules->certificate_oids[rules->n_certificate_oids] =
	    scheme_copy(p, value, strlen(value));
	return rules->certificate_oids[rules->n_certificate_oids++] ? 0 : -1;
}

int
scheme_parse_certificate_chain(struct scheme_parse *p, const char *value)
{
	static const char *const words[] = {"no", "yes", NULL};
	int word = scheme_parse_word(p, words, value);

	p->rules->certificate_chain = word == 1;
	return word < 0 ? -1 : 0;
}

int
scheme_parse_keys_at(struct scheme_parse *p, const char *value)
{
	if (strncmp(value, "signature:", 10) == 0)
		return scheme_fault(p, "signature: is for timestamps");
	p->rules->has_keys_at = true;
	return scheme_parse_place(p, value, strlen(value), &p->rules->keys_at);
}
