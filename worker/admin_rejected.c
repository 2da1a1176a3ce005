#include <string.h>

#include "admin_verbs.h"

static json_t *
item_json(const struct rejected_item *item)
{
	const struct event *event = item->event;
	char id[EVENT_ID_TEXT_SIZE];

	event_id_format(event->id, id);
	return json_pack("{s:s, s:o, s:o, s:i, s:o, s:o, s:o, s:I}", "id", id,
	    "source", admin_json_text(event->source), "received_at",
	    admin_json_time(event->received_at_ms), "status", item->status,
	    "reason", admin_json_text(item->reason), "remote",
	    admin_json_text(event->remote), "method",
	    admin_json_text(event->method), "body_bytes",
	    (json_int_t)item->body_len);
}

json_t *
admin_rejected(struct admin_context *context, const json_t *args)
{
	const char *source = admin_text(args, "source");
	const struct rejected_item *item = rejected_first(context->rejected);
	json_t *list = json_array();

	for (; item != NULL && list != NULL; item = item->next)
		if ((source[0] == '\0' ||
			strcmp(source, item->event->source) == 0) &&
		    json_array_append_new(list, item_json(item)) != 0) {
			json_decref(list);
			list = NULL;
		}
	return admin_ok(list);
}

unsigned
admin_find_rejected(struct admin_context *context, const char *part,
    const struct rejected_item **found)
{
	const struct rejected_item *item = rejected_first(context->rejected);
	char id[EVENT_ID_TEXT_SIZE];
	unsigned n = 0;

	for (; item != NULL; item = item->next) {
		event_id_format(item->event->id, id);
		if (strstr(id, part) != NULL) {
			*found = item;
			n++;
		}
	}
	return n;
}

/* All of it, for who wants to verify it again. */
static json_t *
whole_json(const struct rejected_item *item)
{
	const struct event *event = item->event;
	json_t *object = item_json(item);
	json_t *more = json_pack("{s:o, s:o, s:o, s:o, s:I, s:o, s:o}", "path",
	    admin_json_text(event->path), "query",
	    admin_json_text(event->query), "content_type",
	    admin_json_text(event->content_type), "scheme",
	    admin_json_text(event->scheme), "received_ms",
	    (json_int_t)event->received_at_ms, "headers",
	    admin_json_headers(event->headers), "body_base64",
	    admin_json_bytes(event->body, event->body_len));

	if (object == NULL || more == NULL ||
	    json_object_update(object, more) != 0) {
		json_decref(object);
		object = NULL;
	}
	json_decref(more);
	return object;
}

json_t *
admin_rejected_show(struct admin_context *context, const json_t *args)
{
	const char *part = admin_text(args, "id");
	const struct rejected_item *item = NULL;
	char lower[EVENT_ID_TEXT_SIZE];
	unsigned n = 0;

	if (admin_id_part(part, lower))
		n = admin_find_rejected(context, lower, &item);
	if (n == 0)
		return admin_fail("no refused request that is kept has "
				  "\"%.40s\" in its id",
		    part);
	if (n > 1)
		return admin_fail("several refused requests have \"%.40s\" in "
				  "their ids; give more of it",
		    part);
	return admin_ok(whole_json(item));
}
