#include "explain_text.h"

#include <stdio.h>
#include <string.h>

const char *
explain_text_find(
    const struct explain_word *words, const char *name, size_t len)
{
	for (; words->name; words++)
		if (strlen(words->name) == len &&
		    memcmp(words->name, name, len) == 0)
			return words->text;
	return NULL;
}

/* header:x as "header x"; what is no place stays as it is. */
static void
put_place(struct buf *out, const char *text, size_t len)
{
	static const struct {
		const char *prefix;
		const char *before;
		const char *behind;
	} rows[] = {
	    {"header:", "header ", ""},
	    {"query:", "", " of the query"},
	    {"form:", "field ", " of the form"},
	    {"json:", "", " of the JSON body"},
	    {"signature:", "", " of the signature"},
	    {"param:", "your param ", ""},
	    {"jose_headers:", "the headers that the token lists: ", ""},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t skip = strlen(rows[i].prefix);

		if (len <= skip || memcmp(text, rows[i].prefix, skip) != 0)
			continue;
		(void)buf_printf(out, "%s%.*s%s", rows[i].before,
		    (int)(len - skip), text + skip, rows[i].behind);
		return;
	}
	(void)buf_add(out, text, len);
}

/* The places of an id or type: those behind the first are joined by a dot. */
static void
put_joined(struct buf *out, const char *text)
{
	const char *between = "";

	while (*text != '\0') {
		size_t len = strcspn(text, " ");
		bool optional = len > 0 && text[len - 1] == '?';

		(void)buf_add_str(out, between);
		put_place(out, text, optional ? len - 1 : len);
		if (optional)
			(void)buf_add_str(out, " (where it is there)");
		text += len + strspn(text + len, " ");
		between = ", a dot, ";
	}
}

void
explain_text_places(struct buf *out, const struct scheme *scheme,
    const char *key, const char *between)
{
	const char *value;

	for (size_t i = 0; (value = scheme_value(scheme, key, i)); i++) {
		(void)buf_add_str(out, i > 0 ? between : "");
		put_joined(out, value);
	}
}

static void
put_part(struct buf *out, const char *name, size_t len)
{
	static const struct explain_word words[] = {
	    {"body", "the body as it came"},
	    {"timestamp", "the time as it stands"},
	    {"id", "the id"},
	    {"method", "the method"},
	    {"url", "the public URL with its query"},
	    {"url_no_query", "the public URL without its query"},
	    {"path", "the path"},
	    {"path_query", "the path with the query"},
	    {"secret", "the secret"},
	    {"sorted_form_params", "the form's fields, sorted"},
	    {"sha256hex_body", "the body's SHA-256 in hex"},
	    {"sha256_body", "the body's SHA-256"},
	    {"json_body", "the body as a JSON string"},
	    {"canonical_json", "the JSON body in its canonical form"},
	    {"crc32_body", "the body's CRC-32 in decimal"},
	    {"php_form", "the form's fields as PHP serializes them"},
	    {"form_json", "the form's fields as a JSON object"},
	    {"sorted_query", "the query, sorted"},
	    {"url_with_port", "the public URL with its port"},
	    {"url_without_port", "the public URL without its port"},
	    {"contentful_path", "the path as Contentful writes it"},
	    {NULL, NULL},
	};
	static const char lines[] = "name_lines:";
	const char *text = explain_text_find(words, name, len);
	size_t skip = strlen(lines);

	if (text)
		(void)buf_add_str(out, text);
	else if (len > skip && memcmp(name, lines, skip) == 0)
		(void)buf_printf(out,
		    "a line each for the name and text of %.*s",
		    (int)(len - skip), name + skip);
	else
		put_place(out, name, len);
}

void
explain_text_template(struct buf *out, const char *p)
{
	const char *between = "";

	while (*p != '\0') {
		size_t len = strcspn(p, "{");

		/* \{ is a literal brace */
		while (p[len] == '{' && len > 0 && p[len - 1] == '\\')
			len += 1 + strcspn(p + len + 1, "{");
		(void)buf_add_str(out, between);
		between = ", ";
		if (len > 0) {
			(void)buf_printf(out, "`%.*s`", (int)len, p);
			p += len;
			continue;
		}
		len = strcspn(p, "}");
		put_part(out, p + 1, len - 1);
		p += len + (p[len] == '}');
	}
}

/* ---- params ---- */

/* Whether the scheme gives the param a value. */
static bool
has_param(const struct scheme *scheme, const char *name)
{
	size_t len = strlen(name);
	const char *value;

	for (size_t i = 0; (value = scheme_value(scheme, "param", i)); i++)
		if (strncmp(value, name, len) == 0 && value[len] == '=')
			return true;
	return false;
}

/* The next param that a value names; none of a handshake's answer, which is
 * left out where it is not given. */
static const char *
next_param(const char *key, const char *value)
{
	const char *arrow =
	    strcmp(key, "handshake") == 0 ? strstr(value, "-> ") : NULL;
	const char *found = strstr(value, "{param:");

	return found && (!arrow || found < arrow) ? found : NULL;
}

size_t
explain_text_params(const struct scheme *scheme,
    char names[EXPLAIN_PARAMS_MAX][EXPLAIN_PARAM_SIZE])
{
	const char *key, *value;
	size_t n = 0, k;

	for (size_t at = 0; (key = scheme_key(at)); at++) {
		for (size_t i = 0; (value = scheme_value(scheme, key, i));
		     i++) {
			while (n < EXPLAIN_PARAMS_MAX &&
			       (value = next_param(key, value))) {
				value += strlen("{param:");
				(void)snprintf(names[n], EXPLAIN_PARAM_SIZE,
				    "%.*s", (int)strcspn(value, "}"), value);
				for (k = 0; strcmp(names[k], names[n]) != 0;)
					k++;
				n += k == n && !has_param(scheme, names[n]);
			}
		}
	}
	return n;
}
