#include "multipart.h"

#include <string.h>
#include <strings.h>

/* A body being read: what is left of it. */
struct reader {
	const char *p;
	const char *end;
	const char *boundary; /* with its two dashes */
	size_t boundary_len;
};

/* Take a line and its CR LF.  False where there is none. */
static bool
next_line(struct reader *r, const char **line, size_t *len)
{
	const char *stop = memmem(r->p, (size_t)(r->end - r->p), "\r\n", 2);

	if (!stop)
		return false;
	*line = r->p;
	*len = (size_t)(stop - r->p);
	r->p = stop + 2;
	return true;
}

bool
multipart_is(const char *p, size_t len)
{
	return len > 2 && memcmp(p, "--", 2) == 0;
}

static bool
begin(struct reader *r)
{
	return multipart_is(r->p, (size_t)(r->end - r->p)) &&
	       next_line(r, &r->boundary, &r->boundary_len) &&
	       r->boundary_len > 2 &&
	       r->boundary_len <= MULTIPART_BOUNDARY_MAX + 2;
}

/* Whether a header line is the disposition of a field of that name:
 * `form-data; name="NAME"`, with or without a file name. */
static bool
is_named(const char *line, size_t len, const char *name)
{
	static const char head[] = "Content-Disposition: form-data; name=\"";
	size_t skip = strlen(head);
	size_t n = strlen(name);

	return len > skip + n && strncasecmp(line, head, skip) == 0 &&
	       memcmp(line + skip, name, n) == 0 && line[skip + n] == '"' &&
	       (len == skip + n + 1 || line[skip + n + 1] == ';');
}

/* The header lines of a part.  1: of the field, 0: of another one, -1: broken.
 */
static int
read_head(struct reader *r, const char *name)
{
	const char *line;
	size_t len;
	int found = 0;

	while (next_line(r, &line, &len)) {
		if (len == 0)
			return found;
		found |= is_named(line, len, name);
	}
	return -1;
}

/* The content of a part, up to the next boundary.  1: another part follows, 0:
 * it was the last and the body ends, -1: broken. */
static int
read_content(struct reader *r, const char **content, size_t *len)
{
	const char *p = r->p;
	const char *stop;

	*content = r->p;
	while ((stop = memmem(p, (size_t)(r->end - p), "\r\n--", 4))) {
		size_t left = (size_t)(r->end - stop) - 2;

		p = stop + 2;
		if (left < r->boundary_len + 2 ||
		    memcmp(p, r->boundary, r->boundary_len) != 0)
			continue;
		*len = (size_t)(stop - *content);
		r->p = p + r->boundary_len + 2;
		if (memcmp(r->p - 2, "\r\n", 2) == 0)
			return 1;
		if (memcmp(r->p - 2, "--", 2) != 0)
			return -1;
		left = (size_t)(r->end - r->p);
		return left == 0 || (left == 2 && memcmp(r->p, "\r\n", 2) == 0)
			   ? 0
			   : -1;
	}
	return -1;
}

bool
multipart_get(const char *p, size_t len, const char *name, const char **value,
    size_t *value_len)
{
	struct reader r = {.p = p, .end = p + len};
	unsigned n = 0;
	int more = begin(&r) ? 1 : -1;

	for (unsigned i = 0; more == 1; i++) {
		const char *content;
		size_t content_len = 0;
		int head = i < MULTIPART_PARTS_MAX ? read_head(&r, name) : -1;

		if (head < 0)
			return false;
		more = read_content(&r, &content, &content_len);
		if (head == 1) {
			*value = content;
			*value_len = content_len;
			n++;
		}
	}
	return more == 0 && n == 1;
}
