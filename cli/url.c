#include "url.h"

#include <string.h>

static bool
is_origin(const char *url)
{
	const char *host = strstr(url, "://");
	const char *path = host != NULL ? strchr(host + 3, '/') : NULL;

	return host != NULL && (path == NULL || strcmp(path, "/") == 0);
}

int
url_add(struct buf *out, const char *url, const char *path)
{
	size_t len = url != NULL ? strlen(url) : 0;

	if (len == 0)
		return 0;
	if (!is_origin(url))
		return buf_add_str(out, url);
	(void)buf_add(out, url, url[len - 1] == '/' ? len - 1 : len);
	return buf_add_str(out, path);
}
