/* Rules as jq. */

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "import_impl.h"

enum { DEPTH_MAX = 32 };

/* As a jq string: JSON's escapes are jq's, and it has no `\(`. */
static int
add_string(struct buf *out, const char *text)
{
	json_t *string = json_string(text);
	char *json = json_dumps(string, JSON_ENCODE_ANY);
	int result = -1;

	if (json != NULL)
		result = buf_add_str(out, json);
	free(json);
	json_decref(string);
	return result;
}

static bool
is_identifier(const char *text, size_t len)
{
	if (len == 0 || isdigit((unsigned char)text[0]))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)text[i]) && text[i] != '_')
			return false;
	return true;
}

/* head_commit.0.id is .head_commit[0].id */
void
import_payload_path(const char *name, struct buf *out)
{
	bool first = true;

	while (*name != '\0') {
		size_t len = strcspn(name, "."), digits;
		char part[256];

		digits = strspn(name, "0123456789");
		if (len >= sizeof(part))
			len = sizeof(part) - 1;
		memcpy(part, name, len);
		part[len] = '\0';
		if (is_identifier(name, len)) {
			(void)buf_printf(out, ".%s", part);
		} else {
			(void)buf_add_str(out, first ? ".[" : "[");
			if (digits == len && len > 0 && len < 9)
				(void)buf_add_str(out, part);
			else
				(void)add_string(out, part);
			(void)buf_add_char(out, ']');
		}
		first = false;
		name += len + (name[len] == '.');
	}
}

/* The value a rule looks at; -1: jq does not see it. */
static int
add_value(const json_t *parameter, struct buf *out)
{
	static const char *const unseen[] = {"authorization", "cookie",
	    "proxy-authorization", "x-hub-signature", "x-hub-signature-256"};
	const char *source = import_text(parameter, "source");
	const char *name = import_text(parameter, "name");
	char lower[256] = "";

	if (name[0] == '\0')
		return -1;
	if (strcmp(source, "payload") == 0) {
		(void)buf_add_str(out, "try ");
		import_payload_path(name, out);
		return buf_add_str(out, " catch null");
	}
	if (strcmp(source, "url") == 0 || strcmp(source, "query") == 0) {
		(void)buf_add_str(out, "$query[");
		(void)add_string(out, name);
		return buf_add_char(out, ']');
	}
	if (strcmp(source, "header") != 0 || strlen(name) >= sizeof(lower))
		return -1;
	for (size_t i = 0; name[i] != '\0'; i++)
		lower[i] = (char)tolower((unsigned char)name[i]);
	for (size_t i = 0; i < sizeof(unseen) / sizeof(unseen[0]); i++)
		if (strcmp(unseen[i], lower) == 0)
			return -1;
	(void)buf_add_str(out, "$headers[");
	(void)add_string(out, lower);
	return buf_add_char(out, ']');
}

/* A value that is missing matches nothing, and `not` of it nothing either. */
static int
add_match(const json_t *match, bool negated, struct buf *out)
{
	const char *type = import_text(match, "type");
	bool regex = strcmp(type, "regex") == 0;

	/* a filter is no place for a secret */
	if ((!regex && strcmp(type, "value") != 0) || import_is_proof(match))
		return -1;
	(void)buf_add_char(out, '(');
	if (add_value(json_object_get(match, "parameter"), out) != 0)
		return -1;
	(void)buf_add_str(out, " | . != null and (tostring | ");
	if (regex) {
		(void)buf_add_str(out, "test(");
		(void)add_string(out, import_text(match, "regex"));
		(void)buf_add_str(out, negated ? ") | not))" : ")))");
	} else {
		(void)buf_add_str(out, negated ? ". != " : ". == ");
		(void)add_string(out, import_text(match, "value"));
		(void)buf_add_str(out, "))");
	}
	return out->failed ? -1 : 0;
}

/* NOLINTBEGIN(misc-no-recursion): rules are trees, no deeper than DEPTH_MAX */

static int add_rule(const json_t *rule, unsigned depth, struct buf *out);

static int
add_list(
    const json_t *list, const char *between, unsigned depth, struct buf *out)
{
	const json_t *rule;
	size_t i;

	if (json_array_size(list) == 0)
		return -1;
	(void)buf_add_char(out, '(');
	json_array_foreach(list, i, rule)
	{
		if (i > 0)
			(void)buf_add_str(out, between);
		if (add_rule(rule, depth, out) != 0)
			return -1;
	}
	return buf_add_char(out, ')');
}

static int
add_not(const json_t *rule, unsigned depth, struct buf *out)
{
	const json_t *match = json_object_get(rule, "match");

	if (match != NULL && json_object_size(rule) == 1)
		return add_match(match, true, out);
	(void)buf_add_char(out, '(');
	if (add_rule(rule, depth, out) != 0)
		return -1;
	return buf_add_str(out, " | not)");
}

static int
add_rule(const json_t *rule, unsigned depth, struct buf *out)
{
	const json_t *part;

	if (depth == DEPTH_MAX)
		return -1;
	if ((part = json_object_get(rule, "and")) != NULL)
		return add_list(part, " and ", depth + 1, out);
	if ((part = json_object_get(rule, "or")) != NULL)
		return add_list(part, " or ", depth + 1, out);
	if ((part = json_object_get(rule, "not")) != NULL)
		return add_not(part, depth + 1, out);
	if ((part = json_object_get(rule, "match")) != NULL)
		return add_match(part, false, out);
	return -1;
}

/* NOLINTEND(misc-no-recursion) */

int
import_filter(const json_t *rule, struct buf *out)
{
	size_t before = out->len;

	if (add_rule(rule, 0, out) == 0)
		return 0;
	out->len = before;
	return -1;
}
