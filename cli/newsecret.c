#include "newsecret.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "../shared/codec.h"

enum { SECRET_BYTES = 32 };

static bool
is(const struct scheme *scheme, const char *key, const char *value)
{
	const char *is = scheme ? scheme_get(scheme, key) : NULL;

	return is && strcmp(is, value) == 0;
}

bool
newsecret_fits(const struct scheme *scheme)
{
	return !is(scheme, "kind", "ed25519") && !is(scheme, "kind", "ecdsa") &&
	       !is(scheme, "kind", "rsa") && !is(scheme, "kind", "none");
}

int
newsecret_make(const struct scheme *scheme, struct buf *out)
{
	const char *prefix =
	    scheme ? scheme_get(scheme, "secret_prefix") : NULL;
	unsigned char bytes[SECRET_BYTES];
	enum codec codec = CODEC_HEX;

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return -1;
	if (is(scheme, "secret_encoding", "base64"))
		codec = CODEC_BASE64;
	else if (is(scheme, "secret_encoding", "base64url"))
		codec = CODEC_BASE64URL;
	if (is(scheme, "kind", "basic"))
		(void)buf_add_str(out, "gaff:");
	(void)buf_add_str(out, prefix ? prefix : "");
	(void)codec_encode(codec, bytes, SECRET_BYTES, out);
	OPENSSL_cleanse(bytes, sizeof(bytes));
	return buf_str(out) ? 0 : -1;
}
