/* gaff register: create a source's webhook at its provider. */

#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "../shared/config_file.h"
#include "call.h"
#include "cmd.h"
#include "options.h"
#include "register.h"
#include "url.h"

static const char *source_name, *token_file;
static struct register_hook hook;

static const struct option_spec specs[] = {
    {"source", OPTION_TEXT, &source_name, "NAME",
	"its public_url and its first secret"},
    {"events", OPTION_TEXT, &hook.events, "LIST",
	"push,issues or *; default push, or what the hook has"},
    {"token-file", OPTION_TEXT, &token_file, "FILE",
	"holds the token of the API; default: the variable GITHUB_TOKEN"},
    {"api", OPTION_TEXT, &hook.api, "URL",
	"of an installation of your own (https://HOST/api/v3)"},
    {0},
};

static const struct options options = {
    .verb = "register",
    .operands = "github OWNER/REPO",
    .about = "Creates a source's webhook through the API of its provider, or "
	     "updates the one that\nhas its URL already.",
    .specs = specs,
    .min_operands = 2,
    .max_operands = 2,
};

static const struct provider {
	const char *name;
	const char *scheme; /* its sources have this one */
	const char *token;  /* variable */
	const char *api;
	register_fn *run;
} providers[] = {
    {"github", "github", "GITHUB_TOKEN", "https://api.github.com",
	register_github},
};

static const struct provider *
find_provider(const char *name)
{
	for (size_t i = 0; i < sizeof(providers) / sizeof(providers[0]); i++)
		if (strcmp(providers[i].name, name) == 0)
			return &providers[i];
	return NULL;
}

/* OWNER/REPO, which goes into a URL as it is. */
static bool
is_place(const char *text)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789-_.";
	size_t owner = strspn(text, letters);
	const char *repo = text + owner + 1;

	return owner > 0 && text[owner] == '/' && repo[0] != '\0' &&
	       repo[strspn(repo, letters)] == '\0' && strcmp(repo, ".") != 0 &&
	       strcmp(repo, "..") != 0;
}

/* A token goes there: in the clear on this machine only. */
static bool
is_safe(const char *url)
{
	static const char *const starts[] = {
	    "https://", "http://127.0.0.1:", "http://localhost:"};

	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
		if (strncmp(url, starts[i], strlen(starts[i])) == 0)
			return true;
	return false;
}

static int
complain(const char *what, const char *name)
{
	fprintf(stderr, "gaff register: source %s %s\n", name, what);
	return -1;
}

/* The URL of the source, once it is one of this provider. */
static int
check_source(const struct provider *provider, struct buf *url)
{
	struct config *config = call_load(CONFIG_ROLE_NONE);
	const struct config_source *source;
	int result = -1;

	if (config == NULL)
		return -1;
	source = config_source(config, source_name);
	if (source == NULL)
		(void)complain("is not in the configuration", source_name);
	else if (strcmp(scheme_name(source->scheme), provider->scheme) != 0)
		(void)complain("has another scheme", source_name);
	else if (source->public_url == NULL)
		(void)complain("needs public_url = https://HOST/PATH: where "
			       "the provider reaches it",
		    source_name);
	else
		result = url_add(url, source->public_url, source->path);
	config_unref(config);
	return result;
}

/* The text of its first secret in the configuration; NULL: it has none. */
static const char *
find_secret(const struct config_text *text)
{
	for (size_t i = 0; i < text->n; i++) {
		const struct config_section *section = &text->sections[i];

		if (strcmp(section->kind, "source") != 0 ||
		    strcmp(section->name, source_name) != 0)
			continue;
		for (size_t j = 0; j < section->n; j++)
			if (strcmp(section->entries[j].key, "secret") == 0)
				return section->entries[j].value;
	}
	return NULL;
}

/* A loaded configuration keeps keys, not secrets: its text has them. */
static int
read_source_secret(struct secret *secret)
{
	const char *path = config_path(NULL);
	struct config_faults faults = {0}, warnings = {0};
	struct config_text text = {0};
	char error[SECRET_ERROR_SIZE], *copy = strdup(path);
	const char *where;
	int result = -1;

	config_text_read(path, &text, &faults, &warnings);
	where = find_secret(&text);
	if (where == NULL || copy == NULL)
		(void)complain("has no secret", source_name);
	else if (secret_read(where, dirname(copy), 1, secret, error) != 0)
		(void)complain(error, source_name);
	else
		result = 0;
	config_text_clear(&text);
	config_faults_clear(&faults);
	config_faults_clear(&warnings);
	free(copy);
	return result;
}

/* From a file or the environment; whatever else would be seen by others. */
static int
read_token(const struct provider *provider, struct secret *token)
{
	char error[SECRET_ERROR_SIZE] = "";
	struct buf where = {0};
	int result = -1;

	if (token_file != NULL)
		(void)buf_printf(&where, "file:%s", token_file);
	else
		(void)buf_printf(&where, "env:%s", provider->token);
	if (where.failed ||
	    secret_read(buf_str(&where), ".", 1, token, error) != 0)
		fprintf(stderr,
		    "gaff register: no token: %s (--token-file FILE, or the "
		    "variable %s)\n",
		    error, provider->token);
	else if (strlen((const char *)token->p) != token->len ||
		 strpbrk((const char *)token->p, "\r\n") != NULL)
		fputs("gaff register: the token is more than a line\n", stderr);
	else
		result = 0;
	buf_clear(&where);
	return result;
}

static int
run(const struct provider *provider)
{
	struct secret secret = {0}, token = {0};
	struct buf url = {0};
	int status = CMD_FAILED;

	if (check_source(provider, &url) == 0 &&
	    read_source_secret(&secret) == 0 &&
	    read_token(provider, &token) == 0) {
		hook.url = buf_str(&url);
		hook.secret = &secret;
		hook.token = &token;
		curl_global_init(CURL_GLOBAL_DEFAULT);
		if (provider->run(&hook) == 0)
			status = CMD_DONE;
		curl_global_cleanup();
	}
	secret_clear(&secret);
	secret_clear(&token);
	buf_clear(&url);
	return status;
}

int
cmd_register(int argc, char **argv)
{
	int first = options_read(&options, argc, argv);
	const struct provider *provider;

	if (first <= 0)
		return options_exit(first);
	provider = find_provider(argv[first]);
	if (provider == NULL)
		return options_complain(&options,
		    "\"%s\" is no provider whose API is known: there is github",
		    argv[first]);
	hook.place = argv[first + 1];
	if (!is_place(hook.place))
		return options_complain(
		    &options, "\"%s\" is not OWNER/REPO", hook.place);
	if (source_name == NULL)
		return options_complain(&options, "--source is missing");
	if (hook.api == NULL)
		hook.api = provider->api;
	if (!is_safe(hook.api))
		return options_complain(&options,
		    "--api takes https://…: the token must not be read on its "
		    "way");
	return run(provider);
}
