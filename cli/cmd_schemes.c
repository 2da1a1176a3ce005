/* gaff schemes: list and explain how providers sign. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "../shared/scheme.h"
#include "cmd.h"
#include "offline.h"
#include "out.h"

static bool json;

static const struct option_spec specs[] = {
    {"json", OPTION_FLAG, &json, NULL, "print JSON"},
    {NULL},
};

static const struct options options = {
    .verb = "schemes",
    .operands = "[NAME]",
    .about = "List the signature schemes, those of [scheme] sections of -c "
	     "FILE too;\nor explain one and print its section.",
    .specs = specs,
    .max_operands = 1,
};

static const char *
get(const struct scheme *scheme, const char *key, const char *otherwise)
{
	const char *value = scheme_get(scheme, key);

	return value ? value : otherwise;
}

static bool
is(const struct scheme *scheme, const char *key, const char *value)
{
	return strcmp(get(scheme, key, ""), value) == 0;
}

/* All values of a key with `between` between them. */
static void
print_all(const struct scheme *scheme, const char *key, const char *between)
{
	const char *value;

	for (size_t i = 0; (value = scheme_value(scheme, key, i)); i++)
		printf("%s%s", i > 0 ? between : "", value);
}

/* ---- all ---- */

static json_t *
scheme_json(const struct scheme *scheme)
{
	const char *key;
	json_t *out = json_pack("{s:s}", "name", scheme_name(scheme));

	for (size_t i = 0; (key = scheme_key(i)); i++) {
		const char *value = scheme_get(scheme, key);
		json_t *list;

		if (!value)
			continue;
		if (!scheme_key_is_list(key)) {
			json_object_set_new(out, key, json_string(value));
			continue;
		}
		list = json_array();
		for (size_t k = 0; (value = scheme_value(scheme, key, k)); k++)
			json_array_append_new(list, json_string(value));
		json_object_set_new(out, key, list);
	}
	json_object_set_new(
	    out, "id_signed", json_boolean(scheme_key_signed(scheme)));
	return out;
}

static void
add_row(struct out_table *table, const struct scheme *scheme)
{
	const char *kind = get(scheme, "kind", "");
	int64_t tolerance_ms = scheme_tolerance_ms(scheme);

	out_cell(table, scheme_name(scheme));
	if (strcmp(kind, "hmac") == 0)
		out_cellf(table, "hmac-%s", get(scheme, "hash", "sha256"));
	else
		out_cell(table, kind);
	out_cell(table, get(scheme, "template", "-"));
	if (tolerance_ms > 0)
		out_cellf(table, "%llds", (long long)(tolerance_ms / 1000));
	else
		out_cell(table, "-");
	out_cell(table, get(scheme, "evidence", "-"));
	out_cell(table, get(scheme, "title", ""));
}

/* The i-th of the configuration's schemes and then of the built-in ones that
 * it does not replace; NULL after the last, and *skip set for one that is. */
static const struct scheme *
nth(const struct config *config, size_t i, bool *skip)
{
	size_t own = config ? config->n_schemes : 0;
	const char *name;

	*skip = false;
	if (i < own)
		return config->schemes[i];
	name = scheme_builtin_name(i - own);
	for (size_t k = 0; name && k < own; k++)
		*skip |= strcmp(scheme_name(config->schemes[k]), name) == 0;
	return name ? scheme_builtin(name) : NULL;
}

static int
list(const struct config *config)
{
	static const char *const headers[] = {
	    "NAME", "KIND", "SIGNED", "TIME", "EVIDENCE", "TITLE"};
	struct out_table *table = json ? NULL : out_table_new(headers, 6);
	json_t *array = json ? json_array() : NULL;
	const struct scheme *scheme;
	bool skip;

	for (size_t i = 0; (scheme = nth(config, i, &skip)); i++) {
		if (skip)
			continue;
		if (json)
			json_array_append_new(array, scheme_json(scheme));
		else
			add_row(table, scheme);
	}
	if (!json)
		return out_table_print(table) == 0 ? CMD_DONE : CMD_FAILED;
	out_json(array);
	json_decref(array);
	return CMD_DONE;
}

/* ---- one, in words ---- */

static void
explain_signature(const struct scheme *scheme)
{
	static const struct {
		const char *kind;
		const char *text;
	} rows[] = {
	    {"hmac",
		"The sender makes an HMAC (%s) under the shared secret of"},
	    {"hash",
		"The sender makes a digest (%s, with the secret in it) of"},
	    {"ed25519", "The sender signs with its Ed25519 key"},
	    {"ecdsa", "The sender signs with its ECDSA P-256 key (%s)"},
	    {"rsa", "The sender signs with its RSA key (%s)"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const char *s = strstr(rows[i].text, "%s");

		if (!is(scheme, "kind", rows[i].kind))
			continue;
		if (s)
			printf("%.*s%s%s\n", (int)(s - rows[i].text),
			    rows[i].text, get(scheme, "hash", "sha256"), s + 2);
		else
			puts(rows[i].text);
		printf("    %s\n", get(scheme, "template", ""));
		printf(
		    "and sends it as %s in ", get(scheme, "encoding", "hex"));
		print_all(scheme, "signature", " or ");
		if (scheme_get(scheme, "prefix"))
			printf(", behind `%s`", get(scheme, "prefix", ""));
		if (scheme_get(scheme, "signature_key")) {
			printf(", as ");
			print_all(scheme, "signature_key", " or ");
			printf(" in a list of pairs");
		}
		puts(".");
		return;
	}
	if (is(scheme, "kind", "none")) {
		puts("Nothing is verified: a source needs `allow` or "
		     "`unverified = yes`.");
		return;
	}
	printf("The sender gives the %s itself in ",
	    is(scheme, "kind", "basic") ? "user and password" : "secret");
	print_all(scheme, "signature", " or ");
	if (!is(scheme, "kind", "basic") && scheme_get(scheme, "auth_scheme"))
		printf(" (in authorization behind `%s`)",
		    get(scheme, "auth_scheme", ""));
	puts(".  The body is not signed.");
}

static void
explain_secret(const struct scheme *scheme)
{
	const char *encoding = get(scheme, "secret_encoding", "text");

	if (strcmp(encoding, "text") != 0) {
		printf("The secret is %s", encoding);
		if (scheme_get(scheme, "secret_prefix"))
			printf(
			    " behind `%s`", get(scheme, "secret_prefix", ""));
		puts(".");
	} else if (is(scheme, "kind", "basic")) {
		puts("The secret is written user:password.");
	} else if (!scheme_is_none(scheme)) {
		puts("The secret is taken as it stands.");
	}
}

static void
explain_time(const struct scheme *scheme)
{
	int64_t tolerance_ms = scheme_tolerance_ms(scheme);

	if (scheme_is_none(scheme))
		return;
	if (tolerance_ms == 0) {
		puts("No time is checked: who has seen a request can send it "
		     "again.");
		return;
	}
	printf("The time in ");
	print_all(scheme, "timestamp", " or ");
	printf(" may differ from the clock by %lld s%s.\n",
	    (long long)(tolerance_ms / 1000),
	    is(scheme, "direction", "past") ? " into the past"
					    : " in either direction");
}

static void
explain_event(const struct scheme *scheme)
{
	if (scheme_get(scheme, "id")) {
		printf("The event's id is ");
		print_all(scheme, "id", ", else ");
		puts(scheme_key_signed(scheme)
			 ? "; it is signed."
			 : "; it is not signed, so a\ncopy is an event with "
			   "the same id and the same body.");
	} else {
		puts("Events have no id: every request is one of its own.");
	}
	if (scheme_get(scheme, "type")) {
		printf("Its type is ");
		print_all(scheme, "type", ", else ");
		puts(".");
	}
	if (scheme_get(scheme, "handshake")) {
		printf("Answered at once: ");
		print_all(scheme, "handshake", "\n    and ");
		puts("");
	}
}

static int
explain(const struct scheme *scheme)
{
	struct buf section = {0};

	if (json) {
		json_t *object = scheme_json(scheme);

		out_json(object);
		json_decref(object);
		return CMD_DONE;
	}
	printf("%s: %s\n\n", scheme_name(scheme),
	    get(scheme, "title", "a scheme of your own"));
	explain_signature(scheme);
	explain_secret(scheme);
	explain_time(scheme);
	explain_event(scheme);
	scheme_print(scheme, &section);
	if (!buf_str(&section))
		return CMD_FAILED;
	printf("\n%s", buf_str(&section));
	buf_clear(&section);
	return CMD_DONE;
}

/* The configuration, where one is named.  0, or -1 after its faults. */
static int
load(struct config **config)
{
	struct buf errors = {0};

	*config = NULL;
	if (!getenv("GAFF_CONFIG"))
		return 0;
	*config =
	    config_load(config_path(NULL), CONFIG_ROLE_NONE, &errors, NULL);
	if (!*config && buf_str(&errors))
		fputs(buf_str(&errors), stderr);
	buf_clear(&errors);
	return *config ? 0 : -1;
}

int
cmd_schemes(int argc, char **argv)
{
	struct config *config = NULL;
	const struct scheme *scheme;
	int first = options_read(&options, argc, argv);
	int status = CMD_FAILED;

	if (first <= 0)
		return options_exit(first);
	if (first < argc) {
		scheme = offline_scheme("schemes", argv[first], &config);
		if (scheme)
			status = explain(scheme);
	} else if (load(&config) == 0) {
		status = list(config);
	}
	config_unref(config);
	return status;
}
