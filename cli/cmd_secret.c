/* gaff secret: a new random secret. */

#include <stdio.h>
#include <string.h>

#include <jansson.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "../shared/codec.h"
#include "../shared/scheme.h"
#include "cmd.h"
#include "offline.h"
#include "out.h"

enum { SECRET_BYTES = 32 };

static const char *scheme_given;
static bool json;

static const struct option_spec specs[] = {
    {"scheme", OPTION_TEXT, &scheme_given, "NAME",
	"in the form this scheme wants"},
    {"json", OPTION_FLAG, &json, NULL, "print JSON"},
    {NULL},
};

static const struct options options = {
    .verb = "secret",
    .operands = "",
    .about = "Print a new secret of 32 random bytes: hexadecimal, or in the "
	     "form of a scheme.",
    .specs = specs,
};

static bool
is(const struct scheme *scheme, const char *key, const char *value)
{
	const char *is = scheme ? scheme_get(scheme, key) : NULL;

	return is && strcmp(is, value) == 0;
}

/* Write the bytes as a secret of the scheme (NULL: of none).  0 or -1. */
static int
write_secret(
    const struct scheme *scheme, const unsigned char *bytes, struct buf *out)
{
	const char *prefix =
	    scheme ? scheme_get(scheme, "secret_prefix") : NULL;
	enum codec codec = CODEC_HEX;

	if (is(scheme, "secret_encoding", "base64"))
		codec = CODEC_BASE64;
	else if (is(scheme, "secret_encoding", "base64url"))
		codec = CODEC_BASE64URL;
	if (is(scheme, "kind", "basic"))
		(void)buf_add_str(out, "gaff:");
	(void)buf_add_str(out, prefix ? prefix : "");
	(void)codec_encode(codec, bytes, SECRET_BYTES, out);
	return buf_str(out) ? 0 : -1;
}

static int
print_secret(const struct scheme *scheme)
{
	unsigned char bytes[SECRET_BYTES];
	struct buf out = {0};
	int status = CMD_FAILED;

	if (RAND_bytes(bytes, sizeof(bytes)) != 1 ||
	    write_secret(scheme, bytes, &out)) {
		fprintf(stderr, "gaff secret: no randomness or memory\n");
		goto out;
	}
	if (json) {
		json_t *object = json_pack("{s:s}", "secret", buf_str(&out));

		out_json(object);
		json_decref(object);
	} else {
		puts(buf_str(&out));
	}
	status = CMD_DONE;
out:
	OPENSSL_cleanse(bytes, sizeof(bytes));
	if (out.p)
		OPENSSL_cleanse(out.p, out.cap);
	buf_clear(&out);
	return status;
}

int
cmd_secret(int argc, char **argv)
{
	const struct scheme *scheme = NULL;
	struct config *config = NULL;
	int first = options_read(&options, argc, argv);
	int status = CMD_FAILED;

	if (first <= 0)
		return options_exit(first);
	if (scheme_given) {
		scheme = offline_scheme("secret", scheme_given, &config);
		if (!scheme)
			goto out;
	}
	if (is(scheme, "kind", "ed25519") || is(scheme, "kind", "ecdsa") ||
	    is(scheme, "kind", "rsa") || is(scheme, "kind", "none")) {
		fprintf(stderr,
		    "gaff secret: %s has no secret; `openssl genpkey` makes "
		    "key pairs\n",
		    scheme_given);
		goto out;
	}
	status = print_secret(scheme);
out:
	config_unref(config);
	return status;
}
