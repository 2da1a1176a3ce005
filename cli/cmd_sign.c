/* gaff sign: the headers that prove a request, offline. */

#include <stdio.h>

#include <jansson.h>

#include "../shared/event.h"
#include "cmd.h"
#include "offline.h"
#include "out.h"

static struct offline_options given;
static const char *given_id;

static const struct option_spec specs[] = {
    OFFLINE_SPECS(given),
    {"id", OPTION_TEXT, &given_id, "ID",
	"the message's id, where it is signed; default a new one"},
    {NULL},
};

static const struct options options = {
    .verb = "sign",
    .operands = "",
    .about = "Sign a request offline: print the headers to add to it, one a "
	     "line.  Schemes\nwith public keys need the private one, in PEM.",
    .specs = specs,
};

static void
print_header(void *arg, const char *name, const char *value)
{
	if (arg)
		json_object_set_new(arg, name, json_string(value));
	else
		printf("%s: %s\n", name, value);
}

static int
sign(const struct offline *offline)
{
	char error[SCHEME_ERROR_SIZE];
	char made[EVENT_ID_TEXT_SIZE];
	uint8_t id[EVENT_ID_LEN];
	const char *use = given_id;
	struct scheme_signing signing;
	json_t *headers = given.json ? json_object() : NULL;
	int status = CMD_FAILED;

	if (!use && event_id_new(offline->request.now_ms, id) == 0) {
		event_id_format(id, made);
		use = made;
	}
	signing = (struct scheme_signing){
	    &offline->request, use, print_header, headers};
	if (scheme_sign(offline->scheme, offline->keys, &signing, error)) {
		fprintf(stderr, "gaff sign: %s\n", error);
		goto out;
	}
	if (headers)
		out_json(headers);
	status = CMD_DONE;
out:
	json_decref(headers);
	return status;
}

int
cmd_sign(int argc, char **argv)
{
	struct offline offline;
	int first = options_read(&options, argc, argv);
	int status;

	if (first <= 0)
		return options_exit(first);
	status = offline_open(&options, &given, &offline);
	if (status == CMD_DONE)
		status = sign(&offline);
	offline_clear(&offline);
	return status;
}
