/* gaff schemes: list and explain how providers sign. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "../shared/scheme.h"
#include "cmd.h"
#include "explain.h"
#include "offline.h"
#include "out.h"

enum { TEMPLATE_WIDTH = 40 };

static bool json, markdown;

static const struct option_spec specs[] = {
    {"json", OPTION_FLAG, &json, NULL, "print JSON"},
    {"markdown", OPTION_FLAG, &markdown, NULL,
	"print the page docs/PROVIDERS.md of the built-in ones"},
    {NULL},
};

static const struct options options = {
    .verb = "schemes",
    .operands = "[NAME]",
    .about = "List the signature schemes, those of [scheme] sections of -c "
	     "FILE too;\nor explain one and print what to paste.",
    .specs = specs,
    .max_operands = 1,
};

static const char *
get(const struct scheme *scheme, const char *key, const char *otherwise)
{
	const char *value = scheme_get(scheme, key);

	return value ? value : otherwise;
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

/* What is signed, as far as there is room; `gaff schemes NAME` has all. */
static void
cell_template(struct out_table *table, const char *text)
{
	if (strlen(text) <= TEMPLATE_WIDTH)
		out_cell(table, text);
	else
		out_cellf(table, "%.*s...", TEMPLATE_WIDTH - 3, text);
}

static void
add_row(struct out_table *table, const struct scheme *scheme)
{
	int64_t tolerance_ms = scheme_tolerance_ms(scheme);
	struct buf kind = {0};

	explain_kind(scheme, &kind);
	out_cell(table, scheme_name(scheme));
	out_cell(table, buf_str(&kind) ? kind.p : "?");
	cell_template(table, get(scheme, "template", "-"));
	if (tolerance_ms > 0)
		out_cellf(table, "%llds", (long long)(tolerance_ms / 1000));
	else
		out_cell(table, "-");
	out_cell(table, get(scheme, "evidence", "-"));
	out_cell(table, get(scheme, "title", ""));
	buf_clear(&kind);
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

static int
print(struct buf *text)
{
	bool whole = buf_str(text) != NULL;

	if (whole)
		(void)fwrite(text->p, 1, text->len, stdout);
	else
		fputs("gaff schemes: no memory\n", stderr);
	buf_clear(text);
	return whole ? CMD_DONE : CMD_FAILED;
}

static int
explain(const struct scheme *scheme)
{
	struct buf text = {0};

	if (json) {
		json_t *object = scheme_json(scheme);

		out_json(object);
		json_decref(object);
		return CMD_DONE;
	}
	(void)buf_printf(&text, "%s: %s\n\n", scheme_name(scheme),
	    get(scheme, "title", "a scheme of your own"));
	explain_scheme(scheme, &text);
	(void)buf_add_str(&text, "\nTo use it, in gaff.conf:\n\n");
	explain_source(scheme, &text);
	(void)buf_add_str(&text, "\nThe rule; a source may override any key, "
				 "and a section like this one of\nanother name "
				 "is a scheme of your own:\n\n");
	scheme_print(scheme, &text);
	return print(&text);
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
	if (markdown) {
		struct buf page = {0};

		explain_page(&page);
		return print(&page);
	}
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
