#include "jsonpick.h"

#include <string.h>

struct scan {
	const unsigned char *p;
	const unsigned char *end;
	const struct jsonpick_pointer *pointers;
	struct jsonpick_value *values;
	size_t n;

	size_t depth;                  /* open objects and arrays */
	char open[JSONPICK_DEPTH];     /* '{' or '[' each */
	int32_t index[JSONPICK_DEPTH]; /* next index of an array */
	bool first;                    /* nothing read in the innermost yet */

	/* Per pointer: its tokens that the way to here has matched, the tokens
	 * whose name was met already (a bit each), and whether one was twice.
	 */
	uint8_t live[JSONPICK_MAX];
	size_t live_max; /* no pointer has more */
	uint16_t seen[JSONPICK_MAX];
	bool twice[JSONPICK_MAX];
};

/* ---- pointers ---- */

static int32_t
array_index(const char *token, size_t len)
{
	int32_t index = 0;

	if (len == 0 || len > 9 || (len > 1 && token[0] == '0'))
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (token[i] < '0' || token[i] > '9')
			return -1;
		index = index * 10 + (token[i] - '0');
	}
	return index;
}

int
jsonpick_compile(const char *text, struct jsonpick_pointer *pointer)
{
	size_t used = 0;

	if (strlen(text) > JSONPICK_POINTER_MAX)
		return -1;
	memset(pointer, 0, sizeof(*pointer));
	while (*text != '\0') {
		size_t i = pointer->n;
		size_t start = used;

		if (*text != '/' || i == JSONPICK_TOKENS)
			return -1;
		for (text++; *text != '\0' && *text != '/'; text++) {
			char c = *text;

			if (c == '~') {
				c = *++text;
				if (c != '0' && c != '1')
					return -1;
				c = c == '0' ? '~' : '/';
			}
			pointer->names[used++] = c;
		}
		pointer->start[i] = (uint8_t)start;
		pointer->len[i] = (uint8_t)(used - start);
		pointer->index[i] =
		    array_index(pointer->names + start, used - start);
		pointer->n++;
	}
	return 0;
}

/* ---- strings ---- */

static int
hex4(const unsigned char *p, const unsigned char *end)
{
	int value = 0;

	if (end - p < 4)
		return -1;
	for (size_t i = 0; i < 4; i++) {
		int c = p[i];

		if (c >= '0' && c <= '9')
			c -= '0';
		else if ((c | 32) >= 'a' && (c | 32) <= 'f')
			c = (c | 32) - 'a' + 10;
		else
			return -1;
		value = value << 4 | c;
	}
	return value;
}

static size_t
put_utf8(int32_t c, char out[4])
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 63));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 63));
		out[2] = (char)(0x80 | (c & 63));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 63));
	out[2] = (char)(0x80 | (c >> 6 & 63));
	out[3] = (char)(0x80 | (c & 63));
	return 4;
}

/* The character of \uXXXX, the u being at *p, which is moved behind it; -1 for
 * half a surrogate pair. */
static int32_t
unicode_escape(const unsigned char **p, const unsigned char *end)
{
	int32_t high = hex4(*p + 1, end);

	*p += 5;
	if (high < 0xd800 || high > 0xdfff)
		return high;
	if (high > 0xdbff || end - *p < 6 || (*p)[0] != '\\' || (*p)[1] != 'u')
		return -1;

	int32_t low = hex4(*p + 2, end);
	if (low < 0xdc00 || low > 0xdfff)
		return -1;
	*p += 6;
	return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

/* Decode one character of a checked string at *p, which is moved on; bytes
 * put into `out`, 0 for half a surrogate pair. */
static size_t
next_char(const unsigned char **p, const unsigned char *end, char out[4])
{
	static const char from[] = "\"\\/bfnrt";
	static const char to[] = "\"\\/\b\f\n\r\t";

	if (**p != '\\') {
		out[0] = (char)*(*p)++;
		return 1;
	}
	(*p)++;
	if (**p == 'u') {
		int32_t c = unicode_escape(p, end);

		return c < 0 ? 0 : put_utf8(c, out);
	}
	out[0] = to[strchr(from, *(*p)++) - from];
	return 1;
}

/* Bytes of the UTF-8 character at p, which is not ASCII; 0 for none. */
static size_t
utf8_len(const unsigned char *p, const unsigned char *end)
{
	/* limits of the second byte keep out long forms and surrogates */
	unsigned char low = 0x80;
	unsigned char high = 0xbf;
	size_t len;

	if (p[0] >= 0xc2 && p[0] <= 0xdf) {
		len = 2;
	} else if ((p[0] & 0xf0) == 0xe0) {
		len = 3;
		low = p[0] == 0xe0 ? 0xa0 : 0x80;
		high = p[0] == 0xed ? 0x9f : 0xbf;
	} else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
		len = 4;
		low = p[0] == 0xf0 ? 0x90 : 0x80;
		high = p[0] == 0xf4 ? 0x8f : 0xbf;
	} else {
		return 0;
	}
	if ((size_t)(end - p) < len || p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

bool
jsonpick_is_utf8(const char *p, size_t len)
{
	const unsigned char *s = (const unsigned char *)p;
	const unsigned char *end = s + len;

	while (s < end) {
		size_t n = *s < 0x80 ? 1 : utf8_len(s, end);

		if (n == 0)
			return false;
		s += n;
	}
	return true;
}

/* Check an escape at s->p and go behind it.  0 or -1. */
static int
skip_escape(struct scan *s)
{
	if (s->end - s->p < 2)
		return -1;
	if (s->p[1] == 'u') {
		if (hex4(s->p + 2, s->end) < 0)
			return -1;
		s->p += 6;
		return 0;
	}
	if (s->p[1] == '\0' || !strchr("\"\\/bfnrt", s->p[1]))
		return -1;
	s->p += 2;
	return 0;
}

/* Bytes of a word, 0x80 in each whose value is 0, below n, or 0x80 and more;
 * exact up to the first such byte (Mycroft's test). */
#define EACH(byte)     (UINT64_C(0x0101010101010101) * (byte))
#define BELOW(word, n) (((word)-EACH(n)) & ~(word)&EACH(0x80))
#define IS(word, byte) BELOW((word) ^ EACH(byte), 1)

/* The first byte from p on that is not a character of its own. */
static const unsigned char *
skip_plain(const unsigned char *p, const unsigned char *end)
{
	uint64_t word;

	for (; end - p >= (ptrdiff_t)sizeof word; p += sizeof word) {
		memcpy(&word, p, sizeof word);
		if (((word & EACH(0x80)) | BELOW(word, 0x20) | IS(word, '"') |
			IS(word, '\\')) != 0)
			break;
	}
	while (p < end && *p >= 0x20 && *p < 0x80 && *p != '"' && *p != '\\')
		p++;
	return p;
}

/* Read the string whose quote is at s->p; *value is its inside, *escaped says
 * whether there are escapes in it.  0 or -1. */
static int
string(struct scan *s, struct jsonpick_value *value, bool *escaped)
{
	const unsigned char *start = ++s->p;

	*escaped = false;
	for (;;) {
		s->p = skip_plain(s->p, s->end);
		if (s->p == s->end || *s->p < 0x20)
			return -1;
		if (*s->p == '"')
			break;
		if (*s->p == '\\') {
			*escaped = true;
			if (skip_escape(s))
				return -1;
		} else {
			size_t len = utf8_len(s->p, s->end);

			if (len == 0)
				return -1;
			s->p += len;
		}
	}
	value->kind = JSONPICK_STRING;
	value->p = (const char *)start;
	value->len = (size_t)(s->p++ - start);
	return 0;
}

/* ---- the other scalars ---- */

static int
digits(struct scan *s)
{
	const unsigned char *start = s->p;

	while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
		s->p++;
	return s->p == start ? -1 : 0;
}

static int
number(struct scan *s, struct jsonpick_value *value)
{
	const unsigned char *start = s->p;

	if (*s->p == '-')
		s->p++;
	const unsigned char *integer = s->p;
	if (digits(s) || (*integer == '0' && s->p - integer > 1))
		return -1;
	if (s->p < s->end && *s->p == '.') {
		s->p++;
		if (digits(s))
			return -1;
	}
	if (s->p < s->end && (*s->p | 32) == 'e') {
		s->p++;
		if (s->p < s->end && (*s->p == '+' || *s->p == '-'))
			s->p++;
		if (digits(s))
			return -1;
	}
	value->kind = JSONPICK_NUMBER;
	value->p = (const char *)start;
	value->len = (size_t)(s->p - start);
	return 0;
}

static int
literal(struct scan *s, struct jsonpick_value *value)
{
	static const struct {
		const char *text;
		size_t len;
		enum jsonpick_kind kind;
	} literals[] = {
	    {"true", 4, JSONPICK_TRUE},
	    {"false", 5, JSONPICK_FALSE},
	    {"null", 4, JSONPICK_NULL},
	};

	for (size_t i = 0; i < sizeof(literals) / sizeof(*literals); i++) {
		if ((size_t)(s->end - s->p) < literals[i].len ||
		    memcmp(s->p, literals[i].text, literals[i].len) != 0)
			continue;
		value->kind = literals[i].kind;
		value->p = (const char *)s->p;
		value->len = literals[i].len;
		s->p += literals[i].len;
		return 0;
	}
	return -1;
}

/* ---- the way through the text ---- */

static void
skip_blanks(struct scan *s)
{
	const unsigned char *p = s->p;

	while (
	    p < s->end && (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r'))
		p++;
	s->p = p;
}

static bool
is_token(const struct jsonpick_value *name, bool escaped, const char *token,
    size_t len)
{
	if (!escaped)
		return name->len == len && memcmp(name->p, token, len) == 0;

	const unsigned char *p = (const unsigned char *)name->p;
	const unsigned char *end = p + name->len;
	while (p < end) {
		char bytes[4];
		size_t n = next_char(&p, end, bytes);

		if (n == 0 || n > len || memcmp(bytes, token, n) != 0)
			return false;
		token += n;
		len -= n;
	}
	return len == 0;
}

/* Pointer i has matched up to here: see whether it goes on. */
static void
match(struct scan *s, size_t i, const struct jsonpick_value *name, bool escaped)
{
	const struct jsonpick_pointer *to = &s->pointers[i];
	size_t level = s->depth - 1;

	if (!name) {
		if (to->index[level] == s->index[level])
			s->live[i]++;
		return;
	}
	if (!is_token(
		name, escaped, to->names + to->start[level], to->len[level]))
		return;
	if (s->seen[i] & 1U << level)
		s->twice[i] = true;
	s->seen[i] |= (uint16_t)(1U << level);
	s->live[i]++;
}

/* A member begins: see which pointers go on through it.  `name` is NULL in an
 * array. */
static void
enter(struct scan *s, const struct jsonpick_value *name, bool escaped)
{
	size_t level = s->depth - 1;

	/* most of a text is deeper than any pointer has matched */
	if (s->live_max < level)
		return;
	s->live_max = 0;
	for (size_t i = 0; i < s->n; i++) {
		const struct jsonpick_pointer *to = &s->pointers[i];

		if (s->live[i] > level)
			s->live[i] = (uint8_t)level;
		if (s->live[i] == level && to->n > level)
			match(s, i, name, escaped);
		if (s->live[i] > s->live_max)
			s->live_max = s->live[i];
	}
}

static void
note(struct scan *s, const struct jsonpick_value *value, size_t level)
{
	for (size_t i = 0; level <= s->live_max && i < s->n; i++)
		if (s->pointers[i].n == level && s->live[i] == level)
			s->values[i] = *value;
}

/* Read a scalar whole, or the opening of an object or array.  0 or -1. */
static int
value(struct scan *s)
{
	struct jsonpick_value value = {0};
	size_t level = s->depth;
	bool escaped;
	int rc;

	skip_blanks(s);
	if (s->p == s->end)
		return -1;
	unsigned char c = *s->p;
	if (c == '{' || c == '[') {
		if (s->depth == JSONPICK_DEPTH)
			return -1;
		value.kind = c == '{' ? JSONPICK_OBJECT : JSONPICK_ARRAY;
		s->open[s->depth] = (char)c;
		s->index[s->depth++] = 0;
		s->first = true;
		s->p++;
		rc = 0;
	} else if (c == '"') {
		rc = string(s, &value, &escaped);
	} else if (c == '-' || (c >= '0' && c <= '9')) {
		rc = number(s, &value);
	} else {
		rc = literal(s, &value);
	}
	if (rc == 0)
		note(s, &value, level);
	return rc;
}

static int
name_and_colon(struct scan *s)
{
	struct jsonpick_value name;
	bool escaped;

	skip_blanks(s);
	if (s->p == s->end || *s->p != '"' || string(s, &name, &escaped))
		return -1;
	skip_blanks(s);
	if (s->p == s->end || *s->p != ':')
		return -1;
	s->p++;
	enter(s, &name, escaped);
	return 0;
}

/* One member of the innermost object or array, or its end.  0 or -1. */
static int
step(struct scan *s)
{
	bool in_object = s->open[s->depth - 1] == '{';

	skip_blanks(s);
	if (s->p == s->end)
		return -1;
	if (*s->p == (in_object ? '}' : ']')) {
		s->p++;
		s->depth--;
		s->first = false;
		return 0;
	}
	if (!s->first) {
		if (*s->p != ',')
			return -1;
		s->p++;
	}
	s->first = false;
	if (in_object) {
		if (name_and_colon(s))
			return -1;
	} else {
		enter(s, NULL, false);
		s->index[s->depth - 1]++;
	}
	return value(s);
}

int
jsonpick_scan(const void *text, size_t len,
    const struct jsonpick_pointer *pointers, size_t n,
    struct jsonpick_value *values)
{
	struct scan s;
	int rc;

	s.p = text;
	s.end = s.p + len;
	s.pointers = pointers;
	s.values = values;
	s.n = n;
	s.depth = 0;
	s.first = false;
	s.live_max = 0;
	memset(s.live, 0, sizeof(s.live));
	memset(s.seen, 0, sizeof(s.seen));
	memset(s.twice, 0, sizeof(s.twice));
	if (n > 0)
		memset(values, 0, n * sizeof(*values));

	rc = value(&s);
	while (rc == 0 && s.depth > 0)
		rc = step(&s);
	skip_blanks(&s);
	if (s.p != s.end)
		rc = -1;
	for (size_t i = 0; i < n; i++)
		if (rc || s.twice[i])
			values[i] = (struct jsonpick_value){
			    .kind = rc ? JSONPICK_NONE : JSONPICK_TWICE};
	return rc;
}

int
jsonpick_text(const struct jsonpick_value *value, struct buf *out)
{
	size_t start = out->len;

	if (value->kind == JSONPICK_NUMBER || value->kind == JSONPICK_TRUE ||
	    value->kind == JSONPICK_FALSE)
		return buf_add(out, value->p, value->len);
	if (value->kind != JSONPICK_STRING)
		return -1;

	const unsigned char *p = (const unsigned char *)value->p;
	const unsigned char *end = p + value->len;
	if (!memchr(p, '\\', value->len))
		return buf_add(out, p, value->len);
	while (p < end) {
		char bytes[4];
		size_t n = next_char(&p, end, bytes);

		if (n == 0 || buf_add(out, bytes, n)) {
			out->len = start;
			return -1;
		}
	}
	return 0;
}
