/* The signatures of scheme_jwt.h's algorithms. */

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>

#include "scheme_jwt.h"

static const EVP_MD *
digest_of(enum scheme_jwt_algorithm algorithm)
{
	if (algorithm == SCHEME_EDDSA)
		return NULL;
	switch (algorithm % 3) {
	case 0:
		return EVP_sha256();
	case 1:
		return EVP_sha384();
	default:
		return EVP_sha512();
	}
}

static bool
is_pss(enum scheme_jwt_algorithm algorithm)
{
	return algorithm >= SCHEME_PS256 && algorithm <= SCHEME_PS512;
}

static size_t
half_size(const EVP_PKEY *pkey)
{
	return ((size_t)EVP_PKEY_get_bits(pkey) + 7) / 8;
}

static int
pad(const struct scheme_jws *jws, EVP_PKEY_CTX *how)
{
	if (!is_pss(jws->algorithm))
		return 0;
	return EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PSS_PADDING) == 1 &&
		       EVP_PKEY_CTX_set_rsa_pss_saltlen(
			   how, RSA_PSS_SALTLEN_DIGEST) == 1
		   ? 0
		   : -1;
}

/* ---- checking ---- */

enum scheme_result
scheme_jws_check_hmac(const struct scheme_jws *jws,
    const struct scheme_key *key, const struct buf *signature)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	enum scheme_result result = SCHEME_MISMATCH;
	unsigned len;

	if (!HMAC(digest_of(jws->algorithm), key->p, (int)key->len,
		(const unsigned char *)jws->text, jws->text_len, mac, &len))
		return SCHEME_ERROR;
	if (signature->len != len)
		result = SCHEME_WRONG_LENGTH;
	else if (CRYPTO_memcmp(mac, signature->p, len) == 0)
		result = SCHEME_OK;
	OPENSSL_cleanse(mac, sizeof(mac));
	return result;
}

/* From r and s in equal halves (RFC 7518, 3.4) to DER, which OpenSSL takes. */
static enum scheme_result
to_der(const struct buf *halves, const EVP_PKEY *pkey, struct buf *out)
{
	size_t size = half_size(pkey);
	const unsigned char *p = (const unsigned char *)halves->p;
	ECDSA_SIG *pair = ECDSA_SIG_new();
	BIGNUM *r, *s;
	unsigned char *der = NULL;
	int len = -1;

	if (halves->len != 2 * size) {
		ECDSA_SIG_free(pair);
		return SCHEME_WRONG_LENGTH;
	}
	r = BN_bin2bn(p, (int)size, NULL);
	s = BN_bin2bn(p + size, (int)size, NULL);
	if (pair && r && s && ECDSA_SIG_set0(pair, r, s) == 1) {
		len = i2d_ECDSA_SIG(pair, &der);
	} else {
		BN_free(r);
		BN_free(s);
	}
	ECDSA_SIG_free(pair);
	if (len > 0)
		(void)buf_add(out, der, (size_t)len);
	OPENSSL_free(der);
	return len > 0 && !out->failed ? SCHEME_OK : SCHEME_ERROR;
}

static enum scheme_result
verify(
    const struct scheme_jws *jws, EVP_PKEY *pkey, const struct buf *signature)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *how = NULL;
	enum scheme_result result = SCHEME_ERROR;

	if (!ctx || EVP_DigestVerifyInit(
			ctx, &how, digest_of(jws->algorithm), NULL, pkey) != 1)
		goto out;
	if (pad(jws, how))
		goto out;
	result = EVP_DigestVerify(ctx, (const unsigned char *)signature->p,
		     signature->len, (const unsigned char *)jws->text,
		     jws->text_len) == 1
		     ? SCHEME_OK
		     : SCHEME_MISMATCH;
out:
	ERR_clear_error();
	EVP_MD_CTX_free(ctx);
	return result;
}

enum scheme_result
scheme_jws_check(
    const struct scheme_jws *jws, EVP_PKEY *pkey, const struct buf *signature)
{
	struct buf der = {0};
	enum scheme_result result;

	if (EVP_PKEY_get_base_id(pkey) != EVP_PKEY_EC)
		return verify(jws, pkey, signature);
	result = to_der(signature, pkey, &der);
	if (result == SCHEME_OK)
		result = verify(jws, pkey, &der);
	buf_clear(&der);
	return result;
}

/* ---- signing ---- */

static int
sign_hmac(
    const struct scheme_jws *jws, const struct scheme_key *key, struct buf *out)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned len;

	if (!HMAC(digest_of(jws->algorithm), key->p, (int)key->len,
		(const unsigned char *)jws->text, jws->text_len, mac, &len))
		return -1;
	return buf_add(out, mac, len);
}

/* From DER to r and s in equal halves. */
static int
from_der(const EVP_PKEY *pkey, struct buf *signature)
{
	const unsigned char *der = (const unsigned char *)signature->p;
	ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)signature->len);
	size_t size = half_size(pkey);
	int rc = -1;

	if (pair && buf_reserve(signature, 2 * size) == 0) {
		unsigned char *p = (unsigned char *)signature->p;

		if (BN_bn2binpad(ECDSA_SIG_get0_r(pair), p, (int)size) > 0 &&
		    BN_bn2binpad(ECDSA_SIG_get0_s(pair), p + size, (int)size) >
			0)
			rc = 0;
		signature->len = 2 * size;
	}
	ECDSA_SIG_free(pair);
	return rc;
}

int
scheme_jws_sign(
    const struct scheme_jws *jws, const struct scheme_key *key, struct buf *out)
{
	const unsigned char *text = (const unsigned char *)jws->text;
	EVP_PKEY *pkey = key->n_jwks > 0 ? key->jwks[0].pkey : NULL;
	EVP_MD_CTX *ctx = NULL;
	EVP_PKEY_CTX *how = NULL;
	size_t len = 0;
	int rc = -1;

	if (!pkey)
		return sign_hmac(jws, key, out);
	ctx = EVP_MD_CTX_new();
	if (key->can_sign && ctx &&
	    EVP_DigestSignInit(
		ctx, &how, digest_of(jws->algorithm), NULL, pkey) == 1 &&
	    pad(jws, how) == 0 &&
	    EVP_DigestSign(ctx, NULL, &len, text, jws->text_len) == 1 &&
	    buf_reserve(out, len) == 0 &&
	    EVP_DigestSign(ctx, (unsigned char *)out->p + out->len, &len, text,
		jws->text_len) == 1) {
		out->len += len;
		rc = EVP_PKEY_get_base_id(pkey) == EVP_PKEY_EC
			 ? from_der(pkey, out)
			 : 0;
	}
	ERR_clear_error();
	EVP_MD_CTX_free(ctx);
	return rc;
}
