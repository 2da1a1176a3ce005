/* Texts that are JSON: the body as a string, the body in canonical form. */

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "form.h"
#include "jsonpick.h"
#include "scheme_text.h"

enum { DIGITS_MAX = 17 /* that tell two numbers apart */ };

/* Append a string as JavaScript's JSON.stringify() and RFC 8785 write it,
 * without the quotes; it is UTF-8. */
static void
add_string(const char *s, size_t len, struct buf *out)
{
	static const char shorts[] = "\bb\tt\nn\ff\rr\"\"\\\\";

	for (size_t i = 0; i < len; i++) {
		const char *found = NULL;

		for (size_t k = 0; k < sizeof(shorts) - 1; k += 2)
			if (shorts[k] == s[i])
				found = &shorts[k + 1];
		if (found)
			(void)buf_printf(out, "\\%c", *found);
		else if ((unsigned char)s[i] < 0x20)
			(void)buf_printf(out, "\\u%04x", (unsigned)s[i]);
		else
			(void)buf_add_char(out, s[i]);
	}
}

enum scheme_result
scheme_make_json_body(
    struct scheme_look *look, const struct scheme_words *words, struct buf *out)
{
	const char *body = look->request->body;
	size_t len = look->request->body_len;

	(void)words;
	if (!jsonpick_is_utf8(body, len))
		return SCHEME_BAD_FORMAT;
	add_string(body, len, out);
	return SCHEME_OK;
}

/* ---- a form as Python's json.dumps() writes it ---- */

/* The next character of UTF-8 text. */
static unsigned
next_rune(const char **p)
{
	const unsigned char *c = (const unsigned char *)*p;
	unsigned more = c[0] >= 0xf0 ? 3 : c[0] >= 0xe0 ? 2 : c[0] >= 0xc0;
	unsigned rune = more > 0 ? c[0] & (0x3fU >> more) : c[0];

	for (unsigned i = 1; i <= more; i++)
		rune = rune << 6 | (c[i] & 0x3fU);
	*p += more + 1;
	return rune;
}

/* As add_string(), and all that is not ASCII escaped as UTF-16. */
static int
add_ascii(const struct form_text *text, struct buf *out)
{
	const char *p = text->p;
	const char *end = p + text->len;

	if (!jsonpick_is_utf8(p, text->len))
		return -1;
	(void)buf_add_char(out, '"');
	while (p < end) {
		const char *start = p;
		unsigned rune = next_rune(&p);

		if (rune < 0x7f) {
			add_string(start, 1, out);
			continue;
		}
		if (rune > 0xffff) {
			rune -= 0x10000;
			(void)buf_printf(out, "\\u%04x", 0xd800 | rune >> 10);
			rune = 0xdc00 | (rune & 0x3ff);
		}
		(void)buf_printf(out, "\\u%04x", rune);
	}
	return buf_add_char(out, '"');
}

static int
add_pair(void *arg, const struct form_text *name, const struct form_text *value)
{
	struct buf *out = arg;

	if (out->len > 1)
		(void)buf_add_str(out, ", ");
	if (add_ascii(name, out) || buf_add_str(out, ": "))
		return -1;
	return add_ascii(value, out);
}

enum scheme_result
scheme_make_form_json(
    struct scheme_look *look, const struct scheme_words *words, struct buf *out)
{
	const struct scheme_request *request = look->request;

	(void)words;
	(void)buf_add_char(out, '{');
	if (form_each(request->body, request->body_len, add_pair, out))
		return SCHEME_BAD_FORMAT;
	(void)buf_add_char(out, '}');
	return SCHEME_OK;
}

/* ---- RFC 8785 ---- */

/* The shortest digits that read back as the number (ECMAScript,
 * Number::toString): "d.ddde±xx".  Their number. */
static int
shortest(double number, char text[32])
{
	int n = 1;

	do
		(void)snprintf(text, 32, "%.*e", n - 1, number);
	while (strtod(text, NULL) != number && ++n <= DIGITS_MAX);
	return n;
}

static void
add_number(double number, struct buf *out)
{
	char text[32], digits[DIGITS_MAX + 1] = "";
	int n, exponent, k = 0;

	if (number == 0) {
		(void)buf_add_char(out, '0');
		return;
	}
	if (number < 0)
		(void)buf_add_char(out, '-');
	n = shortest(fabs(number), text);
	for (const char *c = text; *c != 'e'; c++)
		if (*c != '.')
			digits[k++] = *c;
	exponent = (int)strtol(strchr(text, 'e') + 1, NULL, 10) +
		   1; /* 0.DIGITS * 10^it */
	if (n <= exponent && exponent <= 21) {
		(void)buf_add(out, digits, (size_t)n);
		for (; n < exponent; n++)
			(void)buf_add_char(out, '0');
	} else if (0 < exponent && exponent <= 21) {
		(void)buf_printf(out, "%.*s.%.*s", exponent, digits,
		    n - exponent, digits + exponent);
	} else if (-6 < exponent && exponent <= 0) {
		(void)buf_printf(
		    out, "0.%.*s%.*s", -exponent, "000000", n, digits);
	} else {
		(void)buf_printf(out, "%c%s%.*se%+d", digits[0],
		    n > 1 ? "." : "", n - 1, digits + 1, exponent - 1);
	}
}

/* UTF-8 in the order of UTF-16: it differs from the bytes' own only between
 * U+E000 to U+FFFF (EE, EF) and what is above (F0 and up). */
static int
compare_names(const void *a, const void *b)
{
	const unsigned char *x = *(const unsigned char *const *)a;
	const unsigned char *y = *(const unsigned char *const *)b;

	while (*x != '\0' && *x == *y) {
		x++;
		y++;
	}
	if (*x >= 0xee && *y >= 0xee && (*x >= 0xf0) != (*y >= 0xf0))
		return *x >= 0xf0 ? -1 : 1;
	return (*x > *y) - (*x < *y);
}

/* The depth is bounded: jsonpick_scan() has read the text before. */
/* NOLINTBEGIN(misc-no-recursion) */
static int add_value(const json_t *value, struct buf *out);

static int
add_object(json_t *object, struct buf *out)
{
	size_t n = 0;
	const char **names =
	    calloc(json_object_size(object) + 1, sizeof(*names));
	int rc = names ? 0 : -1;

	for (void *i = json_object_iter(object); i && names;
	     i = json_object_iter_next(object, i))
		names[n++] = json_object_iter_key(i);
	if (n > 1)
		qsort(names, n, sizeof(*names), compare_names);
	(void)buf_add_char(out, '{');
	for (size_t i = 0; i < n && rc == 0; i++) {
		(void)buf_add_str(out, i > 0 ? ",\"" : "\"");
		add_string(names[i], strlen(names[i]), out);
		(void)buf_add_str(out, "\":");
		rc = add_value(json_object_get(object, names[i]), out);
	}
	(void)buf_add_char(out, '}');
	free(names);
	return rc;
}

static int
add_array(const json_t *array, struct buf *out)
{
	int rc = 0;

	(void)buf_add_char(out, '[');
	for (size_t i = 0; i < json_array_size(array) && rc == 0; i++) {
		if (i > 0)
			(void)buf_add_char(out, ',');
		rc = add_value(json_array_get(array, i), out);
	}
	(void)buf_add_char(out, ']');
	return rc;
}

static int
add_value(const json_t *value, struct buf *out)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return add_object((json_t *)(uintptr_t)value, out);
	case JSON_ARRAY:
		return add_array(value, out);
	case JSON_STRING:
		(void)buf_add_char(out, '"');
		add_string(
		    json_string_value(value), json_string_length(value), out);
		return buf_add_char(out, '"');
	case JSON_INTEGER:
	case JSON_REAL:
		add_number(json_number_value(value), out);
		return out->failed ? -1 : 0;
	case JSON_TRUE:
		return buf_add_str(out, "true");
	case JSON_FALSE:
		return buf_add_str(out, "false");
	case JSON_NULL:
		break;
	}
	return buf_add_str(out, "null");
}

/* NOLINTEND(misc-no-recursion) */

enum scheme_result
scheme_make_canonical_json(
    struct scheme_look *look, const struct scheme_words *words, struct buf *out)
{
	const char *body = look->request->body;
	size_t len = look->request->body_len;
	json_t *root;
	int rc;

	(void)words;
	if (jsonpick_scan(body, len, NULL, 0, NULL))
		return SCHEME_BAD_FORMAT;
	root = json_loadb(body, len,
	    JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL |
		JSON_ALLOW_NUL,
	    NULL);
	if (!root)
		return SCHEME_BAD_FORMAT;
	rc = add_value(root, out);
	json_decref(root);
	return rc ? SCHEME_ERROR : SCHEME_OK;
}
