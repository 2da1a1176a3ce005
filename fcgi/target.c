#include "target.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* What RFC 3986 calls unreserved: needs no escape, means itself. */
static bool
is_path_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' ||
	       c == '~';
}

/* The URI behind `scheme://host`, which some servers leave in front. */
static const char *
strip_origin(const char *uri)
{
	static const char *const schemes[] = {"http://", "https://"};

	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
		size_t len = strlen(schemes[i]);

		if (strncasecmp(uri, schemes[i], len) == 0) {
			uri += len;
			return uri + strcspn(uri, "/?#");
		}
	}
	return uri;
}

/* Length of the segment at `p`, or -1 when it is not allowed. */
static int
segment_len(const char *p)
{
	int n = 0;

	while (is_path_char(p[n]) && n < TARGET_PATH_MAX)
		n++;
	if ((n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
		return -1;
	return n;
}

/* Length of the path at `uri`, or -1. */
static int
path_len(const char *uri)
{
	const char *p = uri;

	while (*p == '/' && p - uri < TARGET_PATH_MAX) {
		int n = segment_len(p + 1);

		/* an empty segment is right only at the end */
		if (n == -1 || (n == 0 && p[1] == '/'))
			return -1;
		p += 1 + n;
	}
	if (p == uri || (*p != '\0' && *p != '?') || p - uri > TARGET_PATH_MAX)
		return -1;
	return (int)(p - uri);
}

static bool
is_query(const char *query)
{
	size_t len = 0;

	for (; query[len] != '\0'; len++) {
		if (query[len] <= ' ' || query[len] > '~' || query[len] == '#')
			return false;
	}
	return len <= TARGET_QUERY_MAX;
}

int
target_read(struct target *target, const char *uri)
{
	int len;

	target->path[0] = '\0';
	target->query = "";
	uri = strip_origin(uri);
	len = path_len(uri);
	if (len == -1)
		return -1;
	if (uri[len] == '?') {
		if (!is_query(uri + len + 1))
			return -1;
		target->query = uri + len + 1;
	}
	memcpy(target->path, uri, (size_t)len);
	target->path[len] = '\0';
	return 0;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Undo the escapes of a parameter's name as forms have them. */
static void
decode_name(char *out, size_t size, const char *p, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len && n + 1 < size; i++) {
		int high = -1;
		int low = -1;

		if (p[i] == '%' && i + 2 < len) {
			high = hex_digit(p[i + 1]);
			low = hex_digit(p[i + 2]);
		}
		if (high >= 0 && low >= 0) {
			out[n++] = (char)(high * 16 + low);
			i += 2;
		} else {
			out[n++] = p[i] == '+' ? ' ' : p[i];
		}
	}
	out[n] = '\0';
}

static bool
is_secret(const struct scheme *scheme, const char *name)
{
	return scheme_hides_query(scheme, name) &&
	       !scheme_shows_query(scheme, name);
}

typedef bool hides_fn(const struct scheme *scheme, const char *name);

static int
blank(const struct scheme *scheme, const char *query, hides_fn *hides,
    struct buf *out)
{
	char name[256];

	while (*query != '\0') {
		size_t len = strcspn(query, "&");
		const char *equals = memchr(query, '=', len);
		size_t name_len =
		    equals != NULL ? (size_t)(equals - query) : len;

		decode_name(name, sizeof name, query, name_len);
		/* an empty value stays, so that the text never grows */
		if (equals != NULL && name_len + 1 < len &&
		    hides(scheme, name)) {
			(void)buf_add(out, query, name_len + 1);
			(void)buf_add_char(out, '-');
		} else {
			(void)buf_add(out, query, len);
		}
		query += len;
		if (*query == '&') {
			(void)buf_add_char(out, '&');
			query++;
		}
	}
	return out->failed ? -1 : 0;
}

int
target_blank(const struct scheme *scheme, const char *query, struct buf *out)
{
	return blank(scheme, query, scheme_hides_query, out);
}

int
target_blank_rejected(
    const struct scheme *scheme, const char *query, struct buf *out)
{
	return blank(scheme, query, is_secret, out);
}
