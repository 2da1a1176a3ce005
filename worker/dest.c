#include "dest.h"

#include <string.h>

static const struct dest_ops *const kinds[] = {
    [CONFIG_DEST_RUN] = &dest_run,
    [CONFIG_DEST_POST] = &dest_post,
};

const struct dest_ops *
dest_pick(enum config_dest kind)
{
	return kinds[kind];
}

static bool
is_blank(char c)
{
	return (unsigned char)c <= ' ' || c == 0x7f;
}

void
dest_last_line(char detail[DEST_DETAIL_SIZE], const char *text, size_t len)
{
	size_t from, n;

	while (len > 0 && is_blank(text[len - 1]))
		len--;
	for (from = len; from > 0 && text[from - 1] != '\n'; from--)
		;
	while (from < len && is_blank(text[from]))
		from++;
	n = len - from;
	if (n >= DEST_DETAIL_SIZE) {
		n = DEST_DETAIL_SIZE - 1;
		/* Not in the middle of a UTF-8 character. */
		while (n > 0 && ((unsigned char)text[from + n] & 0xc0) == 0x80)
			n--;
	}
	for (size_t i = 0; i < n; i++)
		detail[i] = is_blank(text[from + i]) ? ' ' : text[from + i];
	detail[n] = '\0';
}

void
dest_final_set(struct dest_final *final, const struct config_route *route)
{
	_Static_assert(sizeof(final->codes) == sizeof(route->final), "all");
	memcpy(final->codes, route->final, sizeof(final->codes));
	final->n = route->n_final;
}

bool
dest_final_has(const struct dest_final *final, int64_t code)
{
	for (size_t i = 0; i < final->n; i++)
		if (final->codes[i] == code)
			return true;
	return false;
}

char *
dest_describe(const struct config_route *route)
{
	struct buf text = {0};
	char *part = NULL;
	CURLU *url;

	if (route == NULL)
		return NULL;
	if (route->dest == CONFIG_DEST_RUN) {
		for (size_t i = 0; i < route->argc; i++)
			buf_printf(
			    &text, "%s%s", i > 0 ? " " : "", route->argv[i]);
		return buf_take(&text);
	}
	url = curl_url();
	if (url != NULL &&
	    curl_url_set(url, CURLUPART_URL, route->url, 0) == CURLUE_OK &&
	    curl_url_set(url, CURLUPART_USER, NULL, 0) == CURLUE_OK &&
	    curl_url_set(url, CURLUPART_PASSWORD, NULL, 0) == CURLUE_OK &&
	    curl_url_get(url, CURLUPART_URL, &part, 0) == CURLUE_OK)
		buf_add_str(&text, part);
	curl_free(part);
	curl_url_cleanup(url);
	return buf_take(&text);
}
