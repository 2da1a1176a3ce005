/*
 * offline - a scheme, its secrets and a request, out of a verb's options
 *
 * What `gaff sign` and `gaff verify` work on.  Nothing is sent or received.
 */

#ifndef CLI_OFFLINE_H
#define CLI_OFFLINE_H

#include <jansson.h>

#include "../shared/buf.h"
#include "../shared/config.h"
#include "../shared/scheme.h"
#include "options.h"

struct offline_options {
	const char *scheme;
	struct option_list secret; /* file:… env:… base64:… or bare */
	struct option_list public_key;
	struct option_list param; /* NAME=VALUE */
	struct option_list set;   /* KEY=VALUE of the scheme language */
	struct option_list header;
	const char *method;
	const char *url;
	const char *at; /* seconds since 1970, or NULL: now */
	const char *body;
	bool json;
};

/* Their rows in a table of options; `o` is a struct offline_options. */
#define OFFLINE_SPECS(o)                                                       \
	{"scheme", OPTION_TEXT, &(o).scheme, "NAME", "see gaff schemes"},      \
	    {"secret", OPTION_LIST, &(o).secret, "SECRET",                     \
		"list; file:… env:… base64:… or bare"},                        \
	    {"public-key", OPTION_LIST, &(o).public_key, "KEY",                \
		"list; for schemes with public keys"},                         \
	    {"param", OPTION_LIST, &(o).param, "NAME=VALUE",                   \
		"list; a {param:NAME} of the scheme"},                         \
	    {"set", OPTION_LIST, &(o).set, "KEY=VALUE",                        \
		"list; override a key of the scheme"},                         \
	    {"method", OPTION_TEXT, &(o).method, "METHOD", "default POST"},    \
	    {"url", OPTION_TEXT, &(o).url, "URL",                              \
		"the public URL, where it is signed"},                         \
	    {"header", OPTION_LIST, &(o).header, "'NAME: VALUE'", "list"},     \
	    {"at", OPTION_TEXT, &(o).at, "SECONDS",                            \
		"time since 1970; default now"},                               \
	    {"body", OPTION_TEXT, &(o).body, "FILE", "- is standard input"},   \
	{                                                                      \
		"json", OPTION_FLAG, &(o).json, NULL, "print JSON"             \
	}

struct offline {
	struct config *config; /* owns the two below, or NULL: they are ours */
	struct scheme *scheme;
	struct scheme_keys *keys;
	size_t n_secrets;
	struct scheme_request request;

	struct scheme_header headers[OPTION_LIST_MAX];
	char *texts[OPTION_LIST_MAX]; /* hold names and values */
	char *path;
	struct buf body;
};

/*
 * A scheme by its name: of the configuration where one is named or the name is
 * not built in.  *config keeps it alive and is unref'd by the caller.  NULL
 * after a sentence on standard error.
 */
const struct scheme *
offline_scheme(const char *verb, const char *name, struct config **config);

/* A secret (file:… env:… base64:… or bare) as keys of a scheme; NULL after a
 * sentence. */
struct scheme_keys *
offline_keys(const char *verb, const struct scheme *scheme, const char *secret);

/* Fill `offline` in.  CMD_DONE, or CMD_FAILED or CMD_USAGE after a sentence on
 * standard error.  To be cleared either way. */
int offline_open(const struct options *options,
    const struct offline_options *given, struct offline *offline);
/* The same out of a refused request as the worker tells of it (WIRE.md,
 * rejected_show), with the scheme and secrets its source has now. */
int offline_rejected(const json_t *item, struct offline *offline);
void offline_clear(struct offline *offline);

#endif
