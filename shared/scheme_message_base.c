#include <ctype.h>
#include <string.h>

#include "form.h"
#include "scheme_message.h"

enum { NAME_MAX_LEN = 128 };

typedef enum scheme_result value_fn(struct scheme_look *look, struct buf *out);

/* ---- the target ---- */

/* Of the public URL where it is known, since that is what the sender called;
 * else as the request came. */
struct target {
	const char *scheme;
	size_t scheme_len; /* 0: not known */
	const char *authority;
	size_t authority_len;
	const char *path;
	size_t path_len;
	const char *query; /* behind the `?`, "" */
};

static void
find_target(const struct scheme_request *request, struct target *target)
{
	const char *colon = strstr(request->url, "://");

	*target = (struct target){.authority = "", .path = request->path};
	target->path_len = strlen(request->path);
	target->query = request->query;
	if (scheme_look_count(request, "host") == 1)
		target->authority = scheme_look_header(request, "host", 0);
	target->authority_len = strlen(target->authority);
	if (!colon)
		return;
	target->scheme = request->url;
	target->scheme_len = (size_t)(colon - request->url);
	target->authority = colon + 3;
	target->authority_len = strcspn(target->authority, "/?#");
	target->path = target->authority + target->authority_len;
	target->path_len = strcspn(target->path, "?#");
	target->query = target->path + target->path_len;
	target->query += *target->query == '?';
}

static bool
ends_with(const char *p, size_t len, const char *end)
{
	size_t n = strlen(end);

	return len > n && memcmp(p + len - n, end, n) == 0;
}

static enum scheme_result
add_lower(const char *p, size_t len, struct buf *out)
{
	for (size_t i = 0; i < len; i++)
		(void)buf_add_char(out, (char)tolower((unsigned char)p[i]));
	return len > 0 ? SCHEME_OK : SCHEME_HEADER_MISSING;
}

static enum scheme_result
add_method(struct scheme_look *look, struct buf *out)
{
	(void)buf_add_str(out, look->request->method);
	return SCHEME_OK;
}

static enum scheme_result
add_uri(struct scheme_look *look, struct buf *out)
{
	(void)buf_add_str(out, look->request->url);
	return *look->request->url != '\0' ? SCHEME_OK : SCHEME_HEADER_MISSING;
}

/* In lower case, without the port that is usual; a Host header alone does not
 * say which of the two that is, and nobody has the other's. */
static enum scheme_result
add_authority(struct scheme_look *look, struct buf *out)
{
	struct target target;
	size_t len;
	bool plain;

	find_target(look->request, &target);
	len = target.authority_len;
	plain = target.scheme_len == 4;
	if (ends_with(target.authority, len, ":443") && !plain)
		len -= 4;
	else if (ends_with(target.authority, len, ":80") &&
		 (plain || target.scheme_len == 0))
		len -= 3;
	return add_lower(target.authority, len, out);
}

static enum scheme_result
add_scheme(struct scheme_look *look, struct buf *out)
{
	struct target target;

	find_target(look->request, &target);
	return add_lower(target.scheme, target.scheme_len, out);
}

static enum scheme_result
add_path(struct scheme_look *look, struct buf *out)
{
	struct target target;

	find_target(look->request, &target);
	if (target.path_len == 0)
		(void)buf_add_char(out, '/');
	(void)buf_add(out, target.path, target.path_len);
	return SCHEME_OK;
}

static enum scheme_result
add_query(struct scheme_look *look, struct buf *out)
{
	struct target target;

	find_target(look->request, &target);
	(void)buf_printf(out, "?%s", target.query);
	return SCHEME_OK;
}

static enum scheme_result
add_request_target(struct scheme_look *look, struct buf *out)
{
	struct target target;

	find_target(look->request, &target);
	(void)add_path(look, out);
	if (*target.query != '\0')
		(void)buf_printf(out, "?%s", target.query);
	return SCHEME_OK;
}

/* ---- a parameter of the query (RFC 9421, 2.2.8) ---- */

/* A name without its escapes, as a C string.  0 or -1. */
static int
unescape(struct buf *name)
{
	char *to = name->p;
	size_t n = 0;

	for (size_t i = 0; i < name->len; i++, n++) {
		int high, low;

		to[n] = name->p[i];
		if (to[n] != '%')
			continue;
		high = i + 2 < name->len ? codec_hex_digit(name->p[i + 1]) : -1;
		low = high >= 0 ? codec_hex_digit(name->p[i + 2]) : -1;
		if (low < 0 || high * 16 + low == 0)
			return -1;
		to[n] = (char)(high * 16 + low);
		i += 2;
	}
	name->len = n;
	return buf_str(name) ? 0 : -1;
}

static enum scheme_result
add_escaped(const struct buf *value, struct buf *out)
{
	for (size_t i = 0; i < value->len; i++) {
		unsigned char c = (unsigned char)value->p[i];

		(void)buf_printf(out,
		    c < 0x80 && (isalnum(c) || (c != 0 && strchr("*-._", c)))
			? "%c"
			: "%%%02X",
		    c);
	}
	return SCHEME_OK;
}

static enum scheme_result
add_parameter(
    struct scheme_look *look, const struct sfv_node *param, struct buf *out)
{
	struct target target;
	struct buf name = {0};
	struct buf value = {0};
	enum scheme_result result = SCHEME_BAD_FORMAT;

	find_target(look->request, &target);
	if (param->type == SFV_STRING && param->len > 0 &&
	    param->len <= NAME_MAX_LEN && sfv_text(param, &name) == 0 &&
	    buf_str(&name) && unescape(&name) == 0) {
		switch (form_get(
		    target.query, strlen(target.query), name.p, &value)) {
		case FORM_FOUND:
			result = add_escaped(&value, out);
			break;
		case FORM_TWICE:
			result = SCHEME_HEADER_TWICE;
			break;
		case FORM_MISSING:
			result = SCHEME_HEADER_MISSING;
			break;
		case FORM_ERROR:
			result = SCHEME_ERROR;
			break;
		}
	}
	if (name.failed || value.failed)
		result = SCHEME_ERROR;
	buf_clear(&name);
	buf_clear(&value);
	return result;
}

/* ---- components ---- */

/* A field: its values, without blanks around them, with a comma between. */
static enum scheme_result
add_field(
    const struct scheme_request *request, const char *name, struct buf *out)
{
	size_t n = scheme_look_count(request, name);

	for (size_t i = 0; i < n; i++) {
		const char *p = scheme_look_header(request, name, i);
		size_t len;

		p += strspn(p, " \t");
		len = strlen(p);
		while (len > 0 && (p[len - 1] == ' ' || p[len - 1] == '\t'))
			len--;
		if (i > 0)
			(void)buf_add_str(out, ", ");
		(void)buf_add(out, p, len);
	}
	return n > 0 ? SCHEME_OK : SCHEME_HEADER_MISSING;
}

enum scheme_result
scheme_message_value(
    struct scheme_look *look, const char *name, struct buf *out)
{
	static const struct {
		const char *name;
		value_fn *add;
	} rows[] = {
	    {"@method", add_method},
	    {"@target-uri", add_uri},
	    {"@authority", add_authority},
	    {"@scheme", add_scheme},
	    {"@request-target", add_request_target},
	    {"@path", add_path},
	    {"@query", add_query},
	};

	if (*name != '@')
		return add_field(look->request, name, out);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(rows[i].name, name) == 0)
			return rows[i].add(look, out);
	return SCHEME_BAD_FORMAT;
}

static enum scheme_result
add_value(struct scheme_look *look, const struct sfv *field,
    const struct sfv_node *item, struct buf *out)
{
	const struct sfv_node *param = sfv_params(field, item);
	char name[NAME_MAX_LEN + 1];

	if (item->type != SFV_STRING || item->len == 0 ||
	    item->len > NAME_MAX_LEN)
		return SCHEME_BAD_FORMAT;
	memcpy(name, item->p, item->len);
	name[item->len] = '\0';
	if (!param)
		return scheme_message_value(look, name, out);
	if (strcmp(name, "@query-param") != 0 || sfv_next(field, param) ||
	    param != sfv_param(field, item, "name"))
		return SCHEME_BAD_FORMAT;
	return add_parameter(look, param, out);
}

/* Whether a line of the text begins so. */
static bool
has_line(const struct buf *text, const struct buf *start)
{
	const char *p = text->p;
	const char *end = p ? p + text->len : p;

	while (p && p < end) {
		if ((size_t)(end - p) >= start->len &&
		    memcmp(p, start->p, start->len) == 0)
			return true;
		p = memchr(p, '\n', (size_t)(end - p));
		p = p ? p + 1 : NULL;
	}
	return false;
}

/* One line: nothing may be there twice (2.5), and nothing may end it early. */
static enum scheme_result
add_line(struct scheme_look *look, const struct sfv *field,
    const struct sfv_node *item, struct buf *out)
{
	struct buf line = {0};
	enum scheme_result result = SCHEME_ERROR;

	if (sfv_write(field, item, &line) || buf_add_str(&line, ": "))
		goto out;
	if (has_line(out, &line))
		result = SCHEME_BAD_FORMAT;
	else
		result = add_value(look, field, item, &line);
	if (result == SCHEME_OK &&
	    (memchr(line.p, '\n', line.len) || memchr(line.p, '\r', line.len)))
		result = SCHEME_BAD_FORMAT;
	if (result == SCHEME_OK && (line.failed || buf_add_char(&line, '\n') ||
				       buf_add(out, line.p, line.len)))
		result = SCHEME_ERROR;
out:
	buf_clear(&line);
	return result;
}

enum scheme_result
scheme_message_base(struct scheme_look *look, const struct sfv *field,
    const struct sfv_node *input, struct buf *out)
{
	const struct sfv_node *item = sfv_inner(field, input);
	size_t n = 0;

	for (; item; item = sfv_next(field, item)) {
		enum scheme_result result =
		    n++ == SCHEME_MESSAGE_COMPONENTS_MAX
			? SCHEME_BAD_FORMAT
			: add_line(look, field, item, out);

		if (result != SCHEME_OK)
			return result;
	}
	if (buf_add_str(out, "\"@signature-params\": ") ||
	    sfv_write(field, input, out))
		return SCHEME_ERROR;
	return SCHEME_OK;
}
