#include "attempts.h"

#include <stdbool.h>
#include <string.h>

#include "../shared/clock.h"

static const char at_name[] = "{\"at\":\"";

/* The end of the object that starts at p, or NULL: braces count outside
 * strings only. */
static const char *
object_end(const char *p)
{
	bool quoted = false;

	for (; *p != '\0'; p++) {
		if (quoted && *p == '\\' && p[1] != '\0')
			p++;
		else if (*p == '"')
			quoted = !quoted;
		else if (!quoted && *p == '}')
			return p + 1;
	}
	return NULL;
}

/* The next element at or behind *cursor; NULL at the end. */
static const char *
next_element(const char **cursor, size_t *len)
{
	const char *start, *end;

	if (*cursor == NULL || (start = strchr(*cursor, '{')) == NULL)
		return NULL;
	if ((end = object_end(start)) == NULL)
		return NULL;
	*cursor = end;
	*len = (size_t)(end - start);
	return start;
}

static size_t
count_elements(const char *list)
{
	size_t n = 0, len;

	while (next_element(&list, &len) != NULL)
		n++;
	return n;
}

/* Copy the elements of `list` but those that have to make room for one. */
static void
copy_capped(struct buf *out, const char *list)
{
	size_t n = count_elements(list), i = 0, len;
	size_t drop = n < ATTEMPTS_MAX ? 0 : n - (ATTEMPTS_MAX - 1);
	const char *element;

	for (; (element = next_element(&list, &len)) != NULL; i++) {
		if (i >= 1 && i <= drop)
			continue;
		buf_add(out, element, len);
		buf_add_char(out, ',');
	}
}

/* Not by buf_printf(): this runs once an attempt, beside the commit. */
static void
add_number(struct buf *out, int64_t number)
{
	char text[24], *p = text + sizeof text;
	uint64_t rest = number < 0 ? 0 : (uint64_t)number;

	do {
		*--p = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest > 0);
	buf_add(out, p, (size_t)(text + sizeof text - p));
}

static void
add_text(struct buf *out, const char *name, const char *text, size_t max)
{
	buf_add_str(out, name);
	if (text != NULL)
		buf_add_json(out, text, strnlen(text, max));
	buf_add_char(out, '"');
}

int
attempts_add(
    struct buf *out, const char *old, const struct store_attempt *attempt)
{
	char at[CLOCK_TEXT_SIZE];

	clock_format(attempt->at_ms, at);
	buf_add_char(out, '[');
	copy_capped(out, old);
	buf_add_str(out, at_name);
	buf_add_str(out, at);
	buf_add_str(out, "\",\"ms\":");
	add_number(out, attempt->ms);
	add_text(out, ",\"outcome\":\"", attempt->outcome, 64);
	add_text(out, ",\"detail\":\"", attempt->detail, ATTEMPTS_DETAIL_MAX);
	buf_add_str(out, "}]");
	return out->failed ? -1 : 0;
}

/* When the element says its attempt began; -1 when it does not. */
static int64_t
element_at(const char *element, size_t len)
{
	const size_t skip = sizeof at_name - 1, text = CLOCK_TEXT_SIZE - 1;
	char at[CLOCK_TEXT_SIZE];
	int64_t at_ms;

	if (len < skip + text || memcmp(element, at_name, skip) != 0)
		return -1;
	memcpy(at, element + skip, text);
	at[text] = '\0';
	return clock_parse(at, &at_ms) == 0 ? at_ms : -1;
}

int
attempts_merge(
    struct buf *out, const char *list, attempts_output_fn *fn, void *arg)
{
	const char *element, *output;
	size_t len, output_len;
	bool first = true;

	buf_add_char(out, '[');
	while ((element = next_element(&list, &len)) != NULL) {
		if (!first)
			buf_add_char(out, ',');
		first = false;
		buf_add(out, element, len - 1);
		output = fn(arg, element_at(element, len), &output_len);
		if (output != NULL) {
			buf_add_str(out, ",\"output\":\"");
			buf_add_json(out, output, output_len);
			buf_add_char(out, '"');
		}
		buf_add_char(out, '}');
	}
	buf_add_char(out, ']');
	return out->failed ? -1 : 0;
}
