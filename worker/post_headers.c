#include "post_headers.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <jansson.h>

#include "../shared/pattern.h"

/* Never handed on: hop by hop, set by the transfer itself, or asking for an
 * answer that we would have to unpack.  In order. */
static const char *const never[] = {
    "accept-encoding",
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
};

struct list {
	struct curl_slist *items;
	struct curl_slist *last;
	struct buf line; /* the one being made */
	bool failed;
};

/* A token of RFC 9110, 5.6.2. */
static bool
is_name(const char *name)
{
	const unsigned char *p = (const unsigned char *)name;

	while (isalnum(*p) || (*p != '\0' && strchr("!#$%&'*+-.^_`|~", *p)))
		p++;
	return p != (const unsigned char *)name && *p == '\0';
}

/* Nothing that could end the line or the text. */
static bool
is_value(const char *value, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (((unsigned char)value[i] < ' ' && value[i] != '\t') ||
		    value[i] == 0x7f)
			return false;
	return true;
}

static bool
has(const struct list *list, const char *name)
{
	size_t len = strlen(name);
	const struct curl_slist *item;

	for (item = list->items; item != NULL; item = item->next)
		if (tolower((unsigned char)item->data[0]) ==
			tolower((unsigned char)name[0]) &&
		    strncasecmp(item->data, name, len) == 0 &&
		    (item->data[len] == ':' || item->data[len] == ';'))
			return true;
	return false;
}

static void
append(struct list *list, const char *line)
{
	struct curl_slist *items = NULL;

	if (line != NULL)
		items = curl_slist_append(list->last, line);
	if (items == NULL) {
		list->failed = true;
	} else if (list->last == NULL) {
		list->items = items;
		list->last = items;
	} else {
		list->last = list->last->next;
	}
}

/* One header, unless it cannot be sent.  libcurl wants "name;" for an empty
 * value. */
static void
add(struct list *list, const char *name, const char *value)
{
	struct buf *line = &list->line;

	if (!is_name(name) || !is_value(value, strlen(value)))
		return;
	buf_reset(line);
	(void)buf_add_str(line, name);
	(void)buf_add_str(line, value[0] == '\0' ? ";" : ": ");
	(void)buf_add_str(line, value);
	append(list, buf_str(line));
}

static void
add_nonempty(struct list *list, const char *name, const char *value)
{
	if (value[0] != '\0')
		add(list, name, value);
}

static void
add_type(struct list *list, const struct event *event)
{
	add_nonempty(list, "content-type", event->content_type);
	/* libcurl's own must not go out. */
	if (!has(list, "content-type"))
		append(list, "content-type:");
}

/* The signature's headers are there already. */
static void
add_own(
    struct list *list, const struct store_delivery *delivery, int64_t now_ms)
{
	const struct event *event = delivery->event;
	char number[24], id[EVENT_ID_TEXT_SIZE], flags[EVENT_FLAGS_SIZE];

	event_id_format(event->id, id);
	if (!has(list, "webhook-id"))
		add(list, "webhook-id", id);
	snprintf(number, sizeof(number), "%" PRId64, now_ms / 1000);
	if (!has(list, "webhook-timestamp"))
		add(list, "webhook-timestamp", number);
	add(list, "gaff-source", event->source);
	add_nonempty(list, "gaff-type", event->type);
	add_nonempty(list, "gaff-key", event->key);
	event_flags_format(event->flags, flags);
	add_nonempty(list, "gaff-flags", flags);
	snprintf(number, sizeof(number), "%" PRIu32, delivery->attempt);
	add(list, "gaff-attempt", number);
}

static void
add_signed(void *arg, const char *name, const char *value)
{
	add(arg, name, value);
}

/* Path and query of the destination, to be curl_free()d; NULL: none. */
static void
split_url(const char *text, char **path, char **query)
{
	CURLU *url = curl_url();

	if (url != NULL &&
	    curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK) {
		(void)curl_url_get(url, CURLUPART_PATH, path, 0);
		(void)curl_url_get(url, CURLUPART_QUERY, query, 0);
	}
	curl_url_cleanup(url);
}

/* 0, or -1 with a sentence. */
static int
sign(struct list *list, const struct config_route *route,
    const struct event *event, int64_t now_ms,
    char error[POST_HEADERS_ERROR_SIZE])
{
	char *path = NULL, *query = NULL, text[SCHEME_ERROR_SIZE] = "";
	char id[EVENT_ID_TEXT_SIZE];
	struct scheme_request request = {.method = "POST",
	    .url = route->url,
	    .content_type = event->content_type,
	    .body = event->body,
	    .body_len = event->body_len,
	    .now_ms = now_ms};
	int result;

	event_id_format(event->id, id);
	split_url(route->url, &path, &query);
	request.path = path != NULL ? path : "/";
	request.query = query != NULL ? query : "";
	result = scheme_sign(route->sign, route->sign_keys,
	    &(const struct scheme_signing){&request, id, add_signed, list},
	    text);
	if (result != 0)
		snprintf(
		    error, POST_HEADERS_ERROR_SIZE, "not signed: %.200s", text);
	curl_free(path);
	curl_free(query);
	return result;
}

static int
compare(const void *name, const void *of)
{
	return strcasecmp(name, *(const char *const *)of);
}

static bool
is_forwarded(const struct config_route *route, const char *name)
{
	const char *by;

	if (bsearch(name, never, sizeof(never) / sizeof(never[0]),
		sizeof(never[0]), compare) != NULL)
		return false;
	return pattern_list_match(
	    route->forward.items, route->forward.n, name, false, &by);
}

static void
add_stored_value(struct list *list, const char *name, const json_t *value)
{
	const char *text = json_string_value(value);

	/* A NUL inside would cut it short. */
	if (text != NULL && strlen(text) == json_string_length(value))
		add(list, name, text);
}

/* The event's headers: text, or an array of texts for one that came twice. */
static void
add_stored(struct list *list, const struct config_route *route,
    const struct event *event)
{
	json_t *headers = json_loads(event->headers, 0, NULL), *value, *each;
	const char *name;
	size_t i;

	json_object_foreach(headers, name, value)
	{
		if (!is_forwarded(route, name) || has(list, name))
			continue;
		if (json_is_array(value))
			json_array_foreach(value, i, each)
			    add_stored_value(list, name, each);
		else
			add_stored_value(list, name, value);
	}
	json_decref(headers);
}

struct curl_slist *
post_headers(const struct config_route *route,
    const struct store_delivery *delivery, int64_t now_ms,
    char error[POST_HEADERS_ERROR_SIZE])
{
	struct list list = {0};

	snprintf(error, POST_HEADERS_ERROR_SIZE, "no memory");
	add_type(&list, delivery->event);
	if (route->sign != NULL &&
	    sign(&list, route, delivery->event, now_ms, error) != 0)
		list.failed = true;
	add_own(&list, delivery, now_ms);
	add_stored(&list, route, delivery->event);
	buf_clear(&list.line);
	if (!list.failed)
		return list.items;
	curl_slist_free_all(list.items);
	return NULL;
}
