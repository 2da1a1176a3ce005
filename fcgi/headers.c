#include "headers.h"

#include <string.h>

/* RFC 9110 7.6.1, credentials, and HTTP_PROXY, which programs mistake for
 * their own setting. */
static const char *const never[] = {
    "authorization",
    "connection",
    "cookie",
    "cookie2",
    "keep-alive",
    "proxy",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
};

/* What becomes of a header. */
enum fate { LEFT_OUT, BLANKED, KEPT };

typedef enum fate fate_fn(const struct scheme *scheme, const char *name);

static enum fate
fate_stored(const struct scheme *scheme, const char *name)
{
	for (size_t i = 0; i < sizeof never / sizeof *never; i++) {
		/* most differ in their first letter */
		if (never[i][0] == name[0] && strcmp(never[i], name) == 0)
			return LEFT_OUT;
	}
	return scheme_hides_header(scheme, name) ? LEFT_OUT : KEPT;
}

static enum fate
fate_rejected(const struct scheme *scheme, const char *name)
{
	if (scheme_shows_header(scheme, name))
		return KEPT;
	return scheme_hides_header(scheme, name) ? BLANKED
						 : fate_stored(scheme, name);
}

/* Whether an earlier header has this name and holds this one's value too. */
static bool
is_repeated(const struct params *params, size_t at)
{
	for (size_t i = 0; i < at; i++) {
		if (strcmp(params->headers[i].name, params->headers[at].name) ==
		    0)
			return true;
	}
	return false;
}

static void
add_header(
    const struct params *params, size_t at, enum fate fate, struct buf *out)
{
	const char *name = params->headers[at].name;

	(void)buf_add_str(out, out->len > 1 ? ",\"" : "\"");
	(void)buf_add_json(out, name, strlen(name));
	(void)buf_add_str(out, "\":\"");
	for (size_t i = at; i < params->n_headers; i++) {
		const char *value =
		    fate == KEPT ? params->headers[i].value : "-";

		if (strcmp(params->headers[i].name, name) != 0)
			continue;
		if (i != at)
			(void)buf_add_str(out, ", ");
		(void)buf_add_json(out, value, strlen(value));
	}
	(void)buf_add_char(out, '"');
}

static int
write_headers(const struct scheme *scheme, const struct params *params,
    fate_fn *fate_of, struct buf *out)
{
	size_t n = 0;

	(void)buf_add_char(out, '{');
	for (size_t i = 0; i < params->n_headers && n < HEADERS_MAX; i++) {
		const char *name = params->headers[i].name;
		enum fate fate = fate_of(scheme, name);
		size_t before = out->len;

		if (*name == '\0' || fate == LEFT_OUT || is_repeated(params, i))
			continue;
		add_header(params, i, fate, out);
		if (out->len + 1 > HEADERS_BYTES_MAX)
			out->len = before;
		else
			n++;
	}
	return buf_add_char(out, '}');
}

int
headers_write(
    const struct scheme *scheme, const struct params *params, struct buf *out)
{
	return write_headers(scheme, params, fate_stored, out);
}

int
headers_write_rejected(
    const struct scheme *scheme, const struct params *params, struct buf *out)
{
	return write_headers(scheme, params, fate_rejected, out);
}
