/* gaff secret: a new random secret, or the one that a handshake delivered. */

#include <stdio.h>
#include <string.h>

#include <jansson.h>
#include <openssl/crypto.h>

#include "../shared/scheme.h"
#include "call.h"
#include "cmd.h"
#include "newsecret.h"
#include "offline.h"
#include "out.h"

static const char *scheme_given, *source, *worker;
static bool json, forget;

static const struct option_spec specs[] = {
    {"scheme", OPTION_TEXT, &scheme_given, "NAME",
	"in the form this scheme wants"},
    {"source", OPTION_TEXT, &source, "NAME",
	"the one that this source's provider delivered"},
    {"forget", OPTION_FLAG, &forget, NULL,
	"let go of that one: the next handshake's is kept"},
    {"worker", OPTION_TEXT, &worker, "NAME", "which keeps it"},
    {"json", OPTION_FLAG, &json, NULL, "print JSON"},
    {NULL},
};

static const struct options options = {
    .verb = "secret",
    .operands = "",
    .about = "Print a new secret of 32 random bytes: hexadecimal, or in the "
	     "form of a scheme.\nWith --source: the one that a handshake "
	     "delivered and the worker keeps.",
    .specs = specs,
};

static void
put(const char *secret)
{
	if (json) {
		json_t *object = json_pack("{s:s}", "secret", secret);

		out_json(object);
		json_decref(object);
	} else {
		puts(secret);
	}
}

static int
print_kept(void)
{
	struct call *call = call_open(worker);
	json_t *data;
	int status = CMD_FAILED;

	if (call == NULL)
		return CMD_FAILED;
	data =
	    call_ask(call, "kept", json_pack("{s:s}", "source", source), NULL);
	if (data != NULL && out_member(data, "secret")[0] != '\0') {
		put(out_member(data, "secret"));
		status = CMD_DONE;
	}
	json_decref(data);
	call_close(call);
	return status;
}

static int
forget_kept(void)
{
	struct call *call = call_open(worker);
	json_t *data;
	int status = CMD_FAILED;

	if (call == NULL)
		return CMD_FAILED;
	data = call_ask(
	    call, "unkeep", json_pack("{s:s}", "source", source), NULL);
	if (data != NULL)
		status = CMD_DONE;
	if (data != NULL && json)
		out_json(data);
	else if (data != NULL)
		printf("forgotten: the next handshake of %s delivers its "
		       "secret\n",
		    source);
	json_decref(data);
	call_close(call);
	return status;
}

static int
print_secret(const struct scheme *scheme)
{
	struct buf out = {0};
	int status = CMD_FAILED;

	if (newsecret_make(scheme, &out) != 0) {
		fprintf(stderr, "gaff secret: no randomness or memory\n");
		goto out;
	}
	put(buf_str(&out));
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
	if (source && scheme_given)
		return options_complain(
		    &options, "--source and --scheme are for different things");
	if (forget && !source)
		return options_complain(
		    &options, "--forget needs --source NAME");
	if (source)
		return forget ? forget_kept() : print_kept();
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
