#include "form.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "codec.h"

/* One pair as it stands in the text. */
struct raw_pair {
	const char *name;
	size_t name_len;
	const char *value;
	size_t value_len;
};

/* One pair decoded: where name and value lie in a shared buffer. */
struct pair {
	const char *bytes;
	size_t name_len;
	size_t value_len;
};

/* The next pair of *text, which is moved on; false at the end. */
static bool
next_pair(const char **text, const char *end, struct raw_pair *pair)
{
	while (*text < end && **text == '&')
		(*text)++;
	if (*text == end)
		return false;

	const char *start = *text;
	const char *stop = memchr(start, '&', (size_t)(end - start));
	if (!stop)
		stop = end;
	const char *equals = memchr(start, '=', (size_t)(stop - start));
	const char *name_end = equals ? equals : stop;

	pair->name = start;
	pair->name_len = (size_t)(name_end - start);
	pair->value = equals ? equals + 1 : stop;
	pair->value_len = (size_t)(stop - pair->value);
	*text = stop;
	return true;
}

/* The byte at *p, decoded, moving *p on; -1 for a broken escape. */
static int
next_byte(const char **p, const char *end)
{
	char c = *(*p)++;

	if (c == '+')
		return ' ';
	if (c != '%')
		return (unsigned char)c;
	if (end - *p < 2)
		return -1;

	int high = codec_hex_digit((*p)[0]);
	int low = codec_hex_digit((*p)[1]);
	if (high < 0 || low < 0)
		return -1;
	*p += 2;
	return high << 4 | low;
}

static bool
is_well_formed(const char *p, size_t len)
{
	const char *end = p + len;

	while (p < end)
		if (next_byte(&p, end) < 0)
			return false;
	return true;
}

static bool
is_name(const struct raw_pair *pair, const char *name)
{
	const char *p = pair->name;
	const char *end = p + pair->name_len;

	while (p < end) {
		int byte = next_byte(&p, end);

		if (byte <= 0 || (unsigned char)*name++ != byte)
			return false;
	}
	return *name == '\0';
}

/* Append the decoded bytes; the text is well-formed. */
static int
add_decoded(const char *p, size_t len, struct buf *out)
{
	const char *end = p + len;

	if (buf_reserve(out, len))
		return -1;
	while (p < end)
		out->p[out->len++] = (char)next_byte(&p, end);
	return 0;
}

enum form_result
form_get(const char *text, size_t len, const char *name, struct buf *value)
{
	const char *end = text + len;
	struct raw_pair pair;
	struct raw_pair found = {0};

	while (next_pair(&text, end, &pair)) {
		if (!is_name(&pair, name) ||
		    !is_well_formed(pair.value, pair.value_len))
			continue;
		if (found.name)
			return FORM_TWICE;
		found = pair;
	}
	if (!found.name)
		return FORM_MISSING;
	if (add_decoded(found.value, found.value_len, value))
		return FORM_ERROR;
	return FORM_FOUND;
}

int
form_each(const char *text, size_t len, form_pair_fn *fn, void *arg)
{
	const char *end = text + len;
	struct raw_pair raw;
	struct buf both = {0};
	size_t n = 0;
	int rc = 0;

	while (rc == 0 && next_pair(&text, end, &raw)) {
		struct form_text name, value;

		buf_reset(&both);
		if (++n > FORM_PAIRS_MAX ||
		    !is_well_formed(raw.name, raw.name_len) ||
		    !is_well_formed(raw.value, raw.value_len) ||
		    add_decoded(raw.name, raw.name_len, &both)) {
			rc = -1;
			break;
		}
		name.len = both.len;
		rc = add_decoded(raw.value, raw.value_len, &both);
		name.p = both.p;
		value.p = both.p + name.len;
		value.len = both.len - name.len;
		if (rc == 0 && fn(arg, &name, &value))
			rc = -1;
	}
	buf_clear(&both);
	return rc;
}

static int
compare_bytes(const char *a, size_t a_len, const char *b, size_t b_len)
{
	int order = memcmp(a, b, a_len < b_len ? a_len : b_len);

	if (order != 0)
		return order;
	return (a_len > b_len) - (a_len < b_len);
}

static int
compare_pairs(const void *a, const void *b)
{
	const struct pair *x = a;
	const struct pair *y = b;
	int order = compare_bytes(x->bytes, x->name_len, y->bytes, y->name_len);

	if (order != 0)
		return order;
	return compare_bytes(x->bytes + x->name_len, x->value_len,
	    y->bytes + y->name_len, y->value_len);
}

/* Decode all pairs: bytes into `bytes` (which must not move: its room is taken
 * at once), places into `pairs`.  The number of pairs, or -1. */
static int
decode_pairs(
    const char *text, size_t len, struct buf *bytes, struct pair *pairs)
{
	const char *end = text + len;
	struct raw_pair raw;
	int n = 0;

	if (buf_reserve(bytes, len + 1))
		return -1;
	while (next_pair(&text, end, &raw)) {
		if (n == FORM_PAIRS_MAX ||
		    !is_well_formed(raw.name, raw.name_len) ||
		    !is_well_formed(raw.value, raw.value_len))
			return -1;
		struct pair *pair = &pairs[n++];
		size_t start = bytes->len;

		pair->bytes = bytes->p + start;
		if (add_decoded(raw.name, raw.name_len, bytes))
			return -1;
		pair->name_len = bytes->len - start;
		if (add_decoded(raw.value, raw.value_len, bytes))
			return -1;
		pair->value_len = bytes->len - start - pair->name_len;
	}
	return n;
}

int
form_sorted(const char *text, size_t len, struct buf *out)
{
	struct buf bytes = {0};
	struct pair *pairs = calloc(FORM_PAIRS_MAX, sizeof(*pairs));
	int rc = -1;

	if (!pairs) {
		out->failed = true;
		return -1;
	}
	int n = decode_pairs(text, len, &bytes, pairs);
	if (n < 0)
		goto out;
	qsort(pairs, (size_t)n, sizeof(*pairs), compare_pairs);
	for (int i = 0; i < n; i++) {
		if (i > 0 && compare_pairs(&pairs[i - 1], &pairs[i]) == 0)
			continue;
		if (buf_add(out, pairs[i].bytes,
			pairs[i].name_len + pairs[i].value_len))
			goto out;
	}
	rc = 0;
out:
	out->failed |= bytes.failed;
	buf_clear(&bytes);
	free(pairs);
	return rc;
}

int
form_spread(const char *text, size_t len, const char *equals,
    const char *between, struct buf *out)
{
	struct buf bytes = {0};
	struct pair *pairs = calloc(FORM_PAIRS_MAX, sizeof(*pairs));
	int n = pairs ? decode_pairs(text, len, &bytes, pairs) : -1;

	if (n > 0)
		qsort(pairs, (size_t)n, sizeof(*pairs), compare_pairs);
	for (int i = 0; i < n; i++) {
		const struct pair *pair = &pairs[i];

		(void)buf_add_str(out, i > 0 ? between : "");
		(void)buf_add(out, pair->bytes, pair->name_len);
		(void)buf_add_str(out, equals);
		(void)buf_add(
		    out, pair->bytes + pair->name_len, pair->value_len);
	}
	out->failed |= bytes.failed || !pairs;
	buf_clear(&bytes);
	free(pairs);
	return n < 0 || out->failed ? -1 : 0;
}

static int
compare_raw(const void *a, const void *b)
{
	const struct raw_pair *x = a;
	const struct raw_pair *y = b;
	int order = compare_bytes(x->name, x->name_len, y->name, y->name_len);

	if (order != 0)
		return order;
	return (x->name > y->name) - (x->name < y->name);
}

int
form_ordered(const char *text, size_t len, struct buf *out)
{
	struct raw_pair *pairs = calloc(FORM_PAIRS_MAX, sizeof(*pairs));
	const char *end = text + len;
	struct raw_pair pair;
	size_t n = 0;

	if (!pairs) {
		out->failed = true;
		return -1;
	}
	while (next_pair(&text, end, &pair)) {
		if (n == FORM_PAIRS_MAX) {
			free(pairs);
			return -1;
		}
		pairs[n++] = pair;
	}
	qsort(pairs, n, sizeof(*pairs), compare_raw);
	for (size_t i = 0; i < n; i++) {
		const char *stop = pairs[i].value + pairs[i].value_len;

		if (i > 0)
			(void)buf_add_char(out, '&');
		(void)buf_add(
		    out, pairs[i].name, (size_t)(stop - pairs[i].name));
	}
	free(pairs);
	return out->failed ? -1 : 0;
}

static void
add_escaped(const char *p, size_t len, struct buf *out)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)p[i];

		if (c < 0x80 && (isalnum(c) || (c && strchr("-._~", c))))
			(void)buf_add_char(out, p[i]);
		else
			(void)buf_printf(out, "%%%02X", c);
	}
}

static bool
same_name(const struct pair *a, const struct pair *b)
{
	return compare_bytes(a->bytes, a->name_len, b->bytes, b->name_len) == 0;
}

int
form_canonical(const char *text, size_t len, const char *skip, struct buf *out)
{
	struct pair left_out = {skip, strlen(skip), 0};
	struct buf bytes = {0};
	struct pair *pairs = calloc(FORM_PAIRS_MAX, sizeof(*pairs));
	const struct pair *last = NULL;
	int n = pairs ? decode_pairs(text, len, &bytes, pairs) : -1;

	if (n > 0)
		qsort(pairs, (size_t)n, sizeof(*pairs), compare_pairs);
	for (int i = 0; i < n; i++) {
		const struct pair *pair = &pairs[i];

		if (same_name(pair, &left_out))
			continue;
		if (last && same_name(pair, last)) {
			(void)buf_add_char(out, ',');
		} else {
			(void)buf_add_str(out, last ? "&" : "");
			add_escaped(pair->bytes, pair->name_len, out);
			(void)buf_add_char(out, '=');
		}
		add_escaped(pair->bytes + pair->name_len, pair->value_len, out);
		last = pair;
	}
	out->failed |= bytes.failed || !pairs;
	buf_clear(&bytes);
	free(pairs);
	return n < 0 || out->failed ? -1 : 0;
}

/* ---- forms in the syntax of a language ---- */

static bool
is_word(const struct pair *pair)
{
	for (size_t i = 0; i < pair->name_len; i++) {
		unsigned char c = (unsigned char)pair->bytes[i];

		if (c != '_' && (c >= 0x80 || !isalnum(c)))
			return false;
	}
	return pair->name_len > 0 && !isdigit((unsigned char)pair->bytes[0]);
}

static void
add_php(struct buf *out, const char *p, size_t len)
{
	(void)buf_printf(out, "s:%zu:\"", len);
	(void)buf_add(out, p, len);
	(void)buf_add_str(out, "\";");
}

/* The pairs, sorted: PHP's ksort() of names that are no numbers. */
static int
add_php_array(
    struct pair *pairs, size_t n, const struct pair *left_out, struct buf *out)
{
	size_t left = 0;

	qsort(pairs, n, sizeof(*pairs), compare_pairs);
	for (size_t i = 0; i < n; i++) {
		if (!is_word(&pairs[i]) ||
		    (i > 0 && same_name(&pairs[i - 1], &pairs[i])))
			return -1;
		left += same_name(&pairs[i], left_out);
	}
	(void)buf_printf(out, "a:%zu:{", n - left);
	for (size_t i = 0; i < n; i++) {
		const struct pair *pair = &pairs[i];

		if (same_name(pair, left_out))
			continue;
		add_php(out, pair->bytes, pair->name_len);
		add_php(out, pair->bytes + pair->name_len, pair->value_len);
	}
	return buf_add_char(out, '}');
}

int
form_php(const char *text, size_t len, const char *skip, struct buf *out)
{
	struct pair left_out = {skip, strlen(skip), 0};
	struct buf bytes = {0};
	struct pair *pairs = calloc(FORM_PAIRS_MAX, sizeof(*pairs));
	int n = pairs ? decode_pairs(text, len, &bytes, pairs) : -1;
	int rc = n < 0 ? -1 : add_php_array(pairs, (size_t)n, &left_out, out);

	out->failed |= bytes.failed || !pairs;
	buf_clear(&bytes);
	free(pairs);
	return rc;
}
