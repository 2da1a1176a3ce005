/* Headers that the header of a token names (TrueLayer's tl_headers). */

#include <string.h>
#include <strings.h>

#include "scheme_text.h"

enum { HEADERS_MAX = 32 };

static bool
lists(const char *list, const char *name)
{
	while (*list != '\0') {
		size_t len = strcspn(list, ",");

		if (strlen(name) == len && strncasecmp(list, name, len) == 0)
			return true;
		list += len + (list[len] == ',');
	}
	return false;
}

/* "Name: value", the name as the list has it. */
static enum scheme_result
add_one(struct scheme_look *look, const char *name, size_t len, struct buf *out)
{
	char lower[SCHEME_LISTED_SIZE];
	const char *value;
	enum scheme_result result =
	    scheme_look_listed(look->request, name, len, lower, &value);

	if (result != SCHEME_OK)
		return result;
	(void)buf_printf(out, "%.*s: %s\n", (int)len, name, value);
	return SCHEME_OK;
}

static enum scheme_result
add_all(struct scheme_look *look, const struct scheme_words *words,
    const char *list, struct buf *out)
{
	enum scheme_result result = SCHEME_OK;

	for (size_t i = 0; i < words->n_names; i++)
		if (!lists(list, words->names[i]))
			return SCHEME_HEADER_MISSING;
	for (size_t n = 0; *list != '\0' && result == SCHEME_OK; n++) {
		size_t len = strcspn(list, ",");

		result = n == HEADERS_MAX ? SCHEME_BAD_FORMAT
					  : add_one(look, list, len, out);
		list += len + (list[len] == ',');
	}
	return result;
}

enum scheme_result
scheme_make_jose_headers(
    struct scheme_look *look, const struct scheme_words *words, struct buf *out)
{
	struct jsonpick_pointer pointer;
	struct jsonpick_value value = {0};
	struct buf list = {0};
	enum scheme_result result = SCHEME_BAD_FORMAT;

	if (!look->jose || jsonpick_compile(words->member, &pointer))
		return SCHEME_HEADER_MISSING;
	(void)jsonpick_scan(
	    look->jose->p, look->jose->len, &pointer, 1, &value);
	if (value.kind == JSONPICK_STRING &&
	    jsonpick_text(&value, &list) == 0 && buf_str(&list) &&
	    strlen(list.p) == list.len)
		result = add_all(look, words, list.p, out);
	if (list.failed)
		result = SCHEME_ERROR;
	buf_clear(&list);
	return result;
}
