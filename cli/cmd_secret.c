/* gaff secret: a new random secret. */

#include <stdio.h>
#include <string.h>

#include <jansson.h>
#include <openssl/crypto.h>

#include "../shared/scheme.h"
#include "cmd.h"
#include "newsecret.h"
#include "offline.h"
#include "out.h"

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

static int
print_secret(const struct scheme *scheme)
{
	struct buf out = {0};
	int status = CMD_FAILED;

	if (newsecret_make(scheme, &out) != 0) {
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
	if (scheme && !newsecret_fits(scheme)) {
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
