#include "sfv.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "codec.h"

enum {
	INTEGER_DIGITS = 15,
	WHOLE_DIGITS = 12, /* of a decimal */
	FRACTION_DIGITS = 3,
};

/* What is left to read. */
struct reader {
	const char *p, *end;
	struct sfv *out;
};

/* ---- characters ---- */

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool
is_alpha(char c)
{
	return is_lower(c) || (c >= 'A' && c <= 'Z');
}

static bool
is_one_of(const char *set, char c)
{
	return c != '\0' && strchr(set, c) != NULL;
}

static bool
is_key(char c)
{
	return is_lower(c) || is_digit(c) || is_one_of("_-.*", c);
}

static bool
is_token(char c)
{
	return is_alpha(c) || is_digit(c) || is_one_of("!#$%&'*+-.^_`|~:/", c);
}

static bool
at(const struct reader *r, char c)
{
	return r->p < r->end && *r->p == c;
}

static bool
skip(struct reader *r, char c)
{
	bool is_there = at(r, c);

	r->p += is_there;
	return is_there;
}

static void
skip_spaces(struct reader *r)
{
	while (skip(r, ' '))
		;
}

static void
skip_blanks(struct reader *r)
{
	while (skip(r, ' ') || skip(r, '\t'))
		;
}

/* ---- nodes ---- */

/* A new node: its number, or 0. */
static size_t
add_node(struct sfv *out)
{
	if (out->n == SFV_NODES_MAX)
		return 0;
	out->v[out->n] = (struct sfv_node){.type = SFV_BOOLEAN, .number = 1};
	return out->n++;
}

static bool
has_key(const struct sfv_node *node, const char *key, size_t len)
{
	return node->key && node->key_len == len &&
	       memcmp(node->key, key, len) == 0;
}

/* Add a node behind the others of *first; one of the same key is taken again.
 * Its number, or 0. */
static size_t
add_keyed(struct sfv *out, size_t *first, const char *key, size_t len)
{
	size_t *link = first;

	while (*link != 0 && !has_key(&out->v[*link], key, len))
		link = &out->v[*link].next;
	if (*link != 0) {
		size_t next = out->v[*link].next;

		out->v[*link] = (struct sfv_node){
		    .type = SFV_BOOLEAN, .number = 1, .next = next};
	} else {
		*link = add_node(out);
	}
	if (*link != 0) {
		out->v[*link].key = key;
		out->v[*link].key_len = len;
	}
	return *link;
}

/* ---- bare items ---- */

static int
read_number(struct reader *r, struct sfv_node *node)
{
	bool minus = skip(r, '-');
	size_t whole = 0, fraction = 0;
	int64_t number = 0;

	for (; r->p < r->end && is_digit(*r->p); r->p++) {
		if (++whole > INTEGER_DIGITS)
			return -1;
		number = number * 10 + (*r->p - '0');
	}
	if (whole == 0)
		return -1;
	node->type = SFV_INTEGER;
	if (skip(r, '.')) {
		node->type = SFV_DECIMAL;
		for (; r->p < r->end && is_digit(*r->p); r->p++) {
			if (++fraction > FRACTION_DIGITS)
				return -1;
			number = number * 10 + (*r->p - '0');
		}
		if (whole > WHOLE_DIGITS || fraction == 0)
			return -1;
		for (; fraction < FRACTION_DIGITS; fraction++)
			number *= 10;
	}
	node->number = minus ? -number : number;
	return 0;
}

static int
read_string(struct reader *r, struct sfv_node *node)
{
	node->type = SFV_STRING;
	node->p = ++r->p;
	for (; r->p < r->end; r->p++) {
		if (*r->p == '"') {
			node->len = (size_t)(r->p++ - node->p);
			return 0;
		}
		if (*r->p == '\\' &&
		    (++r->p == r->end || !is_one_of("\"\\", *r->p)))
			return -1;
		if (*r->p < 0x20 || *r->p > 0x7e)
			return -1;
	}
	return -1;
}

static int
read_token(struct reader *r, struct sfv_node *node)
{
	node->type = SFV_TOKEN;
	node->p = r->p;
	while (r->p < r->end && is_token(*r->p))
		r->p++;
	node->len = (size_t)(r->p - node->p);
	return 0;
}

static int
read_bytes(struct reader *r, struct sfv_node *node)
{
	node->type = SFV_BYTES;
	node->p = ++r->p;
	while (r->p < r->end &&
	       (is_alpha(*r->p) || is_digit(*r->p) || is_one_of("+/=", *r->p)))
		r->p++;
	node->len = (size_t)(r->p - node->p);
	return skip(r, ':') ? 0 : -1;
}

static int
read_boolean(struct reader *r, struct sfv_node *node)
{
	r->p++;
	node->type = SFV_BOOLEAN;
	node->number = at(r, '1');
	return skip(r, '1') || skip(r, '0') ? 0 : -1;
}

static int
read_date(struct reader *r, struct sfv_node *node)
{
	r->p++;
	if (read_number(r, node) || node->type != SFV_INTEGER)
		return -1;
	node->type = SFV_DATE;
	return 0;
}

static int
read_bare(struct reader *r, struct sfv_node *node)
{
	if (r->p == r->end)
		return -1;
	switch (*r->p) {
	case '"':
		return read_string(r, node);
	case ':':
		return read_bytes(r, node);
	case '?':
		return read_boolean(r, node);
	case '@':
		return read_date(r, node);
	default:
		break;
	}
	if (is_alpha(*r->p) || *r->p == '*')
		return read_token(r, node);
	return read_number(r, node);
}

/* ---- what is made of them ---- */

/* A key, which becomes a node behind the others of *first: its number or 0. */
static size_t
read_key(struct reader *r, size_t *first)
{
	const char *key = r->p;

	if (r->p == r->end || (!is_lower(*r->p) && *r->p != '*'))
		return 0;
	while (r->p < r->end && is_key(*r->p))
		r->p++;
	return add_keyed(r->out, first, key, (size_t)(r->p - key));
}

static int
read_params(struct reader *r, struct sfv_node *node)
{
	while (skip(r, ';')) {
		size_t i;

		skip_spaces(r);
		i = read_key(r, &node->first_param);
		if (i == 0 || (skip(r, '=') && read_bare(r, &r->out->v[i])))
			return -1;
	}
	return 0;
}

static int
read_item(struct reader *r, struct sfv_node *node)
{
	return read_bare(r, node) || read_params(r, node) ? -1 : 0;
}

static int
read_inner(struct reader *r, struct sfv_node *list)
{
	size_t *link = &list->first_item;

	list->type = SFV_INNER_LIST;
	for (r->p++; r->p < r->end;) {
		skip_spaces(r);
		if (skip(r, ')'))
			return read_params(r, list);
		*link = add_node(r->out);
		if (*link == 0 || read_item(r, &r->out->v[*link]) ||
		    (!at(r, ' ') && !at(r, ')')))
			return -1;
		link = &r->out->v[*link].next;
	}
	return -1;
}

static int
read_either(struct reader *r, struct sfv_node *node)
{
	return at(r, '(') ? read_inner(r, node) : read_item(r, node);
}

/* Behind a member: 1 when another one follows, 0 at the end, or -1. */
static int
read_comma(struct reader *r)
{
	skip_blanks(r);
	if (r->p == r->end)
		return 0;
	if (!skip(r, ','))
		return -1;
	skip_blanks(r);
	return r->p == r->end ? -1 : 1;
}

static struct reader
begin(const char *text, size_t len, struct sfv *out)
{
	struct reader r = {text, text + len, out};

	out->n = 1;
	out->v[0] = (struct sfv_node){.type = SFV_INNER_LIST};
	while (r.p < r.end && r.end[-1] == ' ')
		r.end--;
	skip_spaces(&r);
	return r;
}

int
sfv_item(const char *text, size_t len, struct sfv *out)
{
	struct reader r = begin(text, len, out);

	out->v[0].first_item = add_node(out);
	return read_item(&r, &out->v[1]) || r.p != r.end ? -1 : 0;
}

int
sfv_list(const char *text, size_t len, struct sfv *out)
{
	struct reader r = begin(text, len, out);
	size_t *link = &out->v[0].first_item;
	int more = r.p < r.end;

	while (more > 0) {
		*link = add_node(out);
		if (*link == 0 || read_either(&r, &out->v[*link]))
			return -1;
		link = &out->v[*link].next;
		more = read_comma(&r);
	}
	return more;
}

int
sfv_dictionary(const char *text, size_t len, struct sfv *out)
{
	struct reader r = begin(text, len, out);
	int more = r.p < r.end;

	while (more > 0) {
		size_t i = read_key(&r, &out->v[0].first_item);

		if (i == 0 || (skip(&r, '=') ? read_either(&r, &out->v[i])
					     : read_params(&r, &out->v[i])))
			return -1;
		more = read_comma(&r);
	}
	return more;
}

/* ---- looking ---- */

static const struct sfv_node *
at_number(const struct sfv *field, size_t i)
{
	return i != 0 ? &field->v[i] : NULL;
}

const struct sfv_node *
sfv_first(const struct sfv *field)
{
	return at_number(field, field->v[0].first_item);
}

const struct sfv_node *
sfv_inner(const struct sfv *field, const struct sfv_node *list)
{
	return at_number(field, list->first_item);
}

const struct sfv_node *
sfv_next(const struct sfv *field, const struct sfv_node *node)
{
	return at_number(field, node->next);
}

const struct sfv_node *
sfv_params(const struct sfv *field, const struct sfv_node *node)
{
	return at_number(field, node->first_param);
}

const struct sfv_node *
sfv_member(const struct sfv *field, const char *key, size_t len)
{
	const struct sfv_node *node = sfv_first(field);

	while (node && !has_key(node, key, len))
		node = sfv_next(field, node);
	return node;
}

const struct sfv_node *
sfv_param(const struct sfv *field, const struct sfv_node *node, const char *key)
{
	const struct sfv_node *param = sfv_params(field, node);

	while (param && !has_key(param, key, strlen(key)))
		param = sfv_next(field, param);
	return param;
}

int
sfv_text(const struct sfv_node *node, struct buf *out)
{
	if (node->type == SFV_TOKEN)
		return buf_add(out, node->p, node->len);
	if (node->type != SFV_STRING)
		return -1;
	for (size_t i = 0; i < node->len; i++) {
		i += node->p[i] == '\\';
		if (buf_add_char(out, node->p[i]))
			return -1;
	}
	return 0;
}

int
sfv_bytes(const struct sfv_node *node, struct buf *out)
{
	if (node->type != SFV_BYTES)
		return -1;
	return codec_decode(CODEC_BASE64, node->p, node->len, out);
}

/* ---- writing ---- */

static void
write_decimal(int64_t thousandths, struct buf *out)
{
	int64_t size = thousandths < 0 ? -thousandths : thousandths;
	int digits = FRACTION_DIGITS;
	int64_t fraction = size % 1000;

	for (; digits > 1 && fraction % 10 == 0; digits--)
		fraction /= 10;
	(void)buf_printf(out, "%s%" PRId64 ".%0*" PRId64,
	    thousandths < 0 ? "-" : "", size / 1000, digits, fraction);
}

static void
write_bare(const struct sfv_node *node, struct buf *out)
{
	switch (node->type) {
	case SFV_INTEGER:
		(void)buf_printf(out, "%" PRId64, node->number);
		break;
	case SFV_DATE:
		(void)buf_printf(out, "@%" PRId64, node->number);
		break;
	case SFV_DECIMAL:
		write_decimal(node->number, out);
		break;
	case SFV_BOOLEAN:
		(void)buf_add_str(out, node->number ? "?1" : "?0");
		break;
	case SFV_TOKEN:
		(void)buf_add(out, node->p, node->len);
		break;
	case SFV_STRING:
		/* what had to be escaped is, and nothing else could be */
		(void)buf_printf(out, "\"%.*s\"", (int)node->len, node->p);
		break;
	case SFV_BYTES:
		(void)buf_printf(out, ":%.*s:", (int)node->len, node->p);
		break;
	case SFV_INNER_LIST:
		break;
	}
}

static void
write_params(
    const struct sfv *field, const struct sfv_node *node, struct buf *out)
{
	const struct sfv_node *param = sfv_params(field, node);

	for (; param; param = sfv_next(field, param)) {
		(void)buf_add_char(out, ';');
		(void)buf_add(out, param->key, param->key_len);
		if (param->type == SFV_BOOLEAN && param->number)
			continue;
		(void)buf_add_char(out, '=');
		write_bare(param, out);
	}
}

int
sfv_write(const struct sfv *field, const struct sfv_node *node, struct buf *out)
{
	if (node->type == SFV_INNER_LIST) {
		const struct sfv_node *item = sfv_inner(field, node);

		(void)buf_add_char(out, '(');
		for (; item; item = sfv_next(field, item)) {
			write_bare(item, out);
			write_params(field, item, out);
			if (item->next != 0)
				(void)buf_add_char(out, ' ');
		}
		(void)buf_add_char(out, ')');
	} else {
		write_bare(node, out);
	}
	write_params(field, node, out);
	return out->failed ? -1 : 0;
}
