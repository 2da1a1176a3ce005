#include "offline.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../shared/clock.h"
#include "../shared/secret.h"
#include "../shared/units.h"
#include "cmd.h"
#include "file.h"

enum { SECRETS_MAX = 2 * OPTION_LIST_MAX };

#define AT_MAX INT64_C(253402300799) /* the last second of the year 9999 */

static void
complain_scheme(const char *verb, const struct config *config, const char *name)
{
	const char *nearest = config_scheme_nearest(config, name);

	fprintf(stderr,
	    "gaff %s: no scheme %s%s%s%s; `gaff schemes` lists them\n", verb,
	    name, nearest ? " (" : "", nearest ? nearest : "",
	    nearest ? "?)" : "");
}

const struct scheme *
offline_scheme(const char *verb, const char *name, struct config **config)
{
	const struct scheme *scheme = scheme_builtin(name);
	struct buf errors = {0};

	*config = NULL;
	if (scheme && !getenv("GAFF_CONFIG"))
		return scheme;
	*config =
	    config_load(config_path(NULL), CONFIG_ROLE_NONE, &errors, NULL);
	if (*config)
		scheme = config_scheme(*config, name);
	else if (getenv("GAFF_CONFIG"))
		scheme = NULL;
	if (!scheme && !*config && getenv("GAFF_CONFIG"))
		fprintf(stderr, "%s", errors.len > 0 ? buf_str(&errors) : "");
	else if (!scheme)
		complain_scheme(verb, *config, name);
	buf_clear(&errors);
	return scheme;
}

/* A copy of the scheme that the options may change. */
static int
open_scheme(const struct options *options, const struct offline_options *given,
    struct offline *offline)
{
	struct config *config;
	const struct scheme *scheme =
	    offline_scheme(options->verb, given->scheme, &config);

	if (scheme)
		offline->scheme = scheme_new(scheme_name(scheme), scheme);
	config_unref(config);
	return offline->scheme ? CMD_DONE : CMD_FAILED;
}

static int
set_key(const struct options *options, struct offline *offline, const char *key,
    const char *value)
{
	char error[SCHEME_ERROR_SIZE];

	if (scheme_set(offline->scheme, key, value, error) == 0)
		return CMD_DONE;
	return options_complain(options, "%s", error);
}

static int
set_keys(const struct options *options, const struct offline_options *given,
    struct offline *offline)
{
	char error[SCHEME_ERROR_SIZE];
	int status = CMD_DONE;

	for (size_t i = 0; i < given->param.n && status == CMD_DONE; i++)
		status =
		    set_key(options, offline, "param", given->param.items[i]);
	for (size_t i = 0; i < given->set.n && status == CMD_DONE; i++) {
		char *key = strdup(given->set.items[i]);
		char *equals = key ? strchr(key, '=') : NULL;

		if (equals) {
			*equals = '\0';
			status = set_key(options, offline, key, equals + 1);
		} else {
			status = options_complain(options,
			    "--set takes KEY=VALUE, not \"%s\"",
			    given->set.items[i]);
		}
		free(key);
	}
	if (status == CMD_DONE && scheme_check(offline->scheme, error))
		status = options_complain(options, "%s", error);
	if (status == CMD_DONE && scheme_wanted_signed(offline->scheme))
		status = options_complain(options,
		    "this scheme needs --param %s=VALUE",
		    scheme_wanted_signed(offline->scheme));
	return status;
}

/* ---- secrets ---- */

static int
read_secrets(const char *verb, const struct option_list *texts,
    struct secret *secrets, size_t *n)
{
	char error[SECRET_ERROR_SIZE];

	for (size_t i = 0; i < texts->n; i++, (*n)++) {
		if (secret_read(texts->items[i], ".", 0, &secrets[*n], error)) {
			fprintf(stderr, "gaff %s: %s\n", verb, error);
			return CMD_FAILED;
		}
	}
	return CMD_DONE;
}

static int
open_keys(const struct options *options, const struct offline_options *given,
    struct offline *offline)
{
	struct secret secrets[SECRETS_MAX] = {0};
	struct scheme_secret bytes[SECRETS_MAX];
	char error[SCHEME_ERROR_SIZE];
	size_t n = 0;
	int status = read_secrets(options->verb, &given->secret, secrets, &n);

	if (status == CMD_DONE)
		status = read_secrets(
		    options->verb, &given->public_key, secrets, &n);
	for (size_t i = 0; i < n; i++)
		bytes[i] = (struct scheme_secret){secrets[i].p, secrets[i].len};
	if (status == CMD_DONE) {
		offline->keys =
		    scheme_keys_new(offline->scheme, bytes, n, error);
		offline->n_secrets = n;
		if (!offline->keys) {
			fprintf(stderr, "gaff %s: %s\n", options->verb, error);
			status = n == 0 ? CMD_USAGE : CMD_FAILED;
		}
	}
	for (size_t i = 0; i < n; i++)
		secret_clear(&secrets[i]);
	return status;
}

struct scheme_keys *
offline_keys(const char *verb, const struct scheme *scheme, const char *secret)
{
	char error[SCHEME_ERROR_SIZE];
	struct scheme_keys *keys = NULL;
	struct secret bytes = {0};
	struct scheme_secret view;

	if (secret_read(secret, ".", 0, &bytes, error) == 0) {
		view = (struct scheme_secret){bytes.p, bytes.len};
		keys = scheme_keys_new(scheme, &view, 1, error);
	}
	secret_clear(&bytes);
	if (keys == NULL)
		fprintf(stderr, "gaff %s: --secret: %s\n", verb, error);
	return keys;
}

/* ---- the request ---- */

static int
read_header(
    const struct options *options, const char *text, struct offline *offline)
{
	size_t i = offline->request.n_headers;
	char *copy = strdup(text);
	char *colon = copy ? strchr(copy, ':') : NULL;
	char *end;

	if (!colon || colon == copy) {
		free(copy);
		return options_complain(
		    options, "--header takes 'NAME: VALUE', not \"%s\"", text);
	}
	*colon++ = '\0';
	for (char *c = copy; *c != '\0'; c++)
		*c = (char)tolower((unsigned char)*c);
	colon += strspn(colon, " \t");
	end = colon + strlen(colon);
	while (end > colon && strchr(" \t\r\n", end[-1]))
		*--end = '\0';
	offline->texts[i] = copy;
	offline->headers[i] = (struct scheme_header){copy, colon};
	if (strcmp(copy, "content-type") == 0)
		offline->request.content_type = colon;
	offline->request.n_headers++;
	return CMD_DONE;
}

static int
read_url(const char *url, struct offline *offline)
{
	const char *host = strstr(url, "://");
	const char *path = host ? strchr(host + 3, '/') : url;
	char *query;

	offline->path = strdup(path ? path : "/");
	if (!offline->path)
		return CMD_FAILED;
	query = strchr(offline->path, '?');
	if (query)
		*query++ = '\0';
	offline->request.url = url;
	offline->request.path = offline->path;
	offline->request.query = query ? query : "";
	return CMD_DONE;
}

static int
read_request(const struct options *options, const struct offline_options *given,
    struct offline *offline)
{
	struct scheme_request *request = &offline->request;
	int64_t at;

	request->method = given->method ? given->method : "POST";
	request->content_type = "";
	request->headers = offline->headers;
	request->now_ms = clock_wall_ms();
	if (given->at) {
		if (units_number(given->at, 0, AT_MAX, &at))
			return options_complain(options,
			    "--at takes seconds since 1970, not \"%s\"",
			    given->at);
		request->now_ms = at * 1000;
	}
	for (size_t i = 0; i < given->header.n; i++) {
		int status =
		    read_header(options, given->header.items[i], offline);

		if (status != CMD_DONE)
			return status;
	}
	if (read_url(given->url ? given->url : "", offline) != CMD_DONE ||
	    file_read(given->body, &offline->body))
		return CMD_FAILED;
	request->body = offline->body.p ? offline->body.p : "";
	request->body_len = offline->body.len;
	return CMD_DONE;
}

int
offline_open(const struct options *options, const struct offline_options *given,
    struct offline *offline)
{
	int status;

	memset(offline, 0, sizeof(*offline));
	if (!given->scheme)
		return options_complain(options, "--scheme is missing");
	if (!given->body)
		return options_complain(options, "--body is missing");
	status = open_scheme(options, given, offline);
	if (status == CMD_DONE)
		status = set_keys(options, given, offline);
	if (status == CMD_DONE && scheme_needs_url(offline->scheme) &&
	    !given->url)
		status = options_complain(options,
		    "%s signs the URL: give it with --url", given->scheme);
	if (status == CMD_DONE)
		status = read_request(options, given, offline);
	if (status == CMD_DONE)
		status = open_keys(options, given, offline);
	return status;
}

void
offline_clear(struct offline *offline)
{
	if (offline->config == NULL) {
		scheme_keys_free(offline->keys);
		scheme_free(offline->scheme);
	}
	config_unref(offline->config);
	for (size_t i = 0; i < offline->request.n_headers; i++)
		free(offline->texts[i]);
	free(offline->path);
	buf_clear(&offline->body);
}
