#include "pretty.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "out.h"

static const char indent[] = "  ";

void
pretty_header(const char *name, const char *value)
{
	fputs(indent, stdout);
	out_text(name);
	fputs(": ", stdout);
	out_text(value);
	putchar('\n');
}

/* The text to print, malloc()ed; NULL when it is no text. */
static char *
text_of(const char *body, size_t len)
{
	json_t *json = json_loadb(body, len, JSON_DECODE_ANY, NULL), *string;
	char *text = NULL;

	if (json != NULL)
		text = json_dumps(json, JSON_INDENT(PRETTY_INDENT) |
					    JSON_ENCODE_ANY |
					    JSON_REAL_PRECISION(15));
	json_decref(json);
	if (text != NULL || memchr(body, '\0', len) != NULL)
		return text;
	string = json_stringn(body, len); /* UTF-8, or NULL */
	if (string != NULL)
		text = strdup(json_string_value(string));
	json_decref(string);
	return text;
}

void
pretty_body(const char *body, size_t len)
{
	char *text;

	if (len == 0)
		return;
	text = len <= PRETTY_MAX ? text_of(body, len) : NULL;
	putchar('\n');
	if (text != NULL)
		out_lines(text, indent);
	else
		printf("%s(%zu bytes)\n", indent, len);
	free(text);
}
