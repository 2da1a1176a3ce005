#include "admin_verbs.h"
#include "metrics.h"

json_t *
admin_metrics(struct admin_context *context, const json_t *args)
{
	int64_t cursor = json_integer_value(json_object_get(args, "cursor"));
	struct buf text = {0};
	json_t *reply = NULL;

	if (metrics_page(context->metrics, &cursor, &text) != 0 && !text.failed)
		reply = admin_fail("metrics has no such page");
	else if (!text.failed)
		reply = admin_ok(json_stringn(buf_str(&text), text.len));
	buf_clear(&text);
	if (reply != NULL && cursor != 0 &&
	    json_is_true(json_object_get(reply, "ok")) &&
	    json_object_set_new(reply, "next", json_integer(cursor)) != 0) {
		json_decref(reply);
		reply = NULL;
	}
	return reply;
}
