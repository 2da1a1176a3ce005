#include <string.h>

#include <openssl/crypto.h>

#include "../shared/log.h"
#include "../shared/wire.h"
#include "admin_verbs.h"

/* ---- forget ---- */

/* What stands of an event, and what hinders. */
struct found {
	unsigned deliveries;
	unsigned open; /* of them: they end with it */
	bool event;
	bool routing; /* no route has decided yet */
	enum delivery_state busy;
	char route[CONFIG_NAME_MAX + 1]; /* of a busy delivery, or "" */
};

static void
look_at(void *arg, const struct store_row *row)
{
	struct found *found = arg;

	found->event = true;
	found->routing = !row->routed;
	if (row->route == NULL)
		return;
	found->deliveries++;
	found->open +=
	    row->state == DELIVERY_PENDING || row->state == DELIVERY_WAITING;
	if (row->state == DELIVERY_RUNNING ||
	    row->state == DELIVERY_EXHAUSTED) {
		found->busy = row->state;
		(void)memccpy(
		    found->route, row->route, '\0', sizeof(found->route));
	}
}

/* Why it cannot be forgotten now; a REPLY, or NULL. */
static json_t *
refuse(const struct found *found)
{
	if (found->routing)
		return admin_fail("the event is being routed; try again");
	if (found->route[0] == '\0')
		return NULL;
	if (found->busy == DELIVERY_RUNNING)
		return admin_fail("an attempt on route %s is running; try "
				  "again when it has ended (gaff pause %s "
				  "lets no other begin)",
		    found->route, found->route);
	return admin_fail("its dead letter on route %s is being written; try "
			  "again (gaff status says whether there is room)",
	    found->route);
}

static json_t *
remove_event(struct admin_context *context, const uint8_t id[EVENT_ID_LEN])
{
	const struct store_ops *ops = context->ops;
	enum store_result result = ops->begin(context->store);

	if (result == STORE_OK)
		result = ops->forget(context->store, id);
	if (result == STORE_OK)
		result = ops->commit(context->store);
	return result == STORE_OK ? NULL : admin_store_fail(context, result);
}

static json_t *
forgotten_json(
    const struct found *found, bool rejected, const uint8_t id[EVENT_ID_LEN])
{
	char text[EVENT_ID_TEXT_SIZE];

	event_id_format(id, text);
	return json_pack("{s:s, s:b, s:i, s:i, s:b}", "id", text, "event",
	    (int)found->event, "deliveries", (int)found->deliveries,
	    "cancelled", (int)found->open, "rejected", (int)rejected);
}

/* The one id that is meant, of an event or a refused request; a REPLY says why
 * there is none.  *nobody: nothing here has it. */
static json_t *
find_id(struct admin_context *context, const char *part,
    uint8_t id[EVENT_ID_LEN], const struct rejected_item **item, bool *nobody)
{
	bool none;
	json_t *reply = admin_find(context, part, id, &none);
	char lower[EVENT_ID_TEXT_SIZE];
	unsigned n = 0;

	*nobody = false;
	if (admin_id_part(part, lower))
		n = admin_find_rejected(context, lower, item);
	if (reply == NULL && n == 1 &&
	    memcmp((*item)->event->id, id, EVENT_ID_LEN) != 0)
		n = 2;
	if (n > 1) {
		json_decref(reply);
		return admin_fail("several events and refused requests have "
				  "\"%.40s\" in their ids; give more of it",
		    part);
	}
	if (n == 1 && none) {
		memcpy(id, (*item)->event->id, EVENT_ID_LEN);
		json_decref(reply);
		return NULL;
	}
	*nobody = none;
	return reply;
}

static json_t *
forget(struct admin_context *context, const uint8_t id[EVENT_ID_LEN], bool dry,
    bool rejected)
{
	struct found found = {0};
	enum store_result result =
	    context->ops->show(context->store, id, look_at, &found);
	char text[EVENT_ID_TEXT_SIZE];
	json_t *reply;

	if (result != STORE_OK && result != STORE_NONE)
		return admin_store_fail(context, result);
	reply = refuse(&found);
	if (reply == NULL && !dry && found.event)
		reply = remove_event(context, id);
	if (reply != NULL)
		return reply;
	if (!dry && rejected)
		(void)rejected_forget(context->rejected, id);
	if (!dry && context->trail != NULL)
		trail_forget(context->trail, id);
	event_id_format(id, text);
	if (!dry && (found.event || rejected))
		log_info("forgotten", log_str("id", text),
		    log_int("deliveries", found.deliveries));
	return admin_ok(forgotten_json(&found, rejected, id));
}

json_t *
admin_forget(struct admin_context *context, const json_t *args)
{
	const char *part = admin_text(args, "id");
	const struct rejected_item *item = NULL;
	uint8_t id[EVENT_ID_LEN];
	bool nobody;
	json_t *reply = find_id(context, part, id, &item, &nobody);

	if (nobody) {
		/* its dead letters may stand longer */
		json_decref(reply);
		return admin_ok(json_pack("{s:b, s:i, s:i, s:b}", "event", 0,
		    "deliveries", 0, "cancelled", 0, "rejected", 0));
	}
	if (reply != NULL)
		return reply;
	return forget(context, id, json_is_true(json_object_get(args, "dry")),
	    item != NULL);
}

json_t *
admin_erase(struct admin_context *context, const json_t *args)
{
	enum store_result result;
	bool more = false;

	(void)args;
	result = context->ops->erase(context->store, &more);
	if (result != STORE_OK)
		return admin_store_fail(context, result);
	if (!more && context->scrub != NULL &&
	    context->scrub(context->arg) != 0)
		return admin_fail("the file beside the store cannot be "
				  "overwritten; the worker's log says why");
	return admin_ok(json_pack("{s:b}", "more", (int)more));
}

/* ---- kept secrets ---- */

json_t *
admin_kept(struct admin_context *context, const json_t *args)
{
	const char *source = admin_text(args, "source");
	struct buf name = {0}, secret = {0};
	enum store_result result = STORE_FULL;
	json_t *reply;

	(void)buf_printf(&name, WIRE_KEPT "%s", source);
	if (buf_str(&name) != NULL)
		result = context->ops->kept(context->store, name.p, &secret);
	if (result == STORE_NONE)
		reply = admin_fail("no handshake of source \"%.64s\" has "
				   "delivered a secret",
		    source);
	else if (result != STORE_OK)
		reply = admin_store_fail(context, result);
	else
		reply = admin_ok(json_pack(
		    "{s:o}", "secret", json_stringn(secret.p, secret.len)));
	if (secret.p != NULL)
		OPENSSL_cleanse(secret.p, secret.cap);
	buf_clear(&name);
	buf_clear(&secret);
	return reply;
}

static enum store_result
unkeep(struct admin_context *context, const char *name)
{
	const struct store_ops *ops = context->ops;
	enum store_result result = ops->begin(context->store);

	if (result == STORE_OK)
		result = ops->unkeep(context->store, name);
	if (result == STORE_OK)
		result = ops->commit(context->store);
	if (result == STORE_NONE)
		ops->rollback(context->store);
	return result;
}

json_t *
admin_unkeep(struct admin_context *context, const json_t *args)
{
	const char *source = admin_text(args, "source");
	struct buf name = {0};
	enum store_result result = STORE_FULL;

	(void)buf_printf(&name, WIRE_KEPT "%s", source);
	if (buf_str(&name) != NULL)
		result = unkeep(context, name.p);
	if (result == STORE_OK) {
		log_info("secret_forgotten", log_str("source", source));
		if (context->unkept != NULL)
			context->unkept(context->arg, name.p);
	}
	buf_clear(&name);
	if (result == STORE_NONE)
		return admin_fail("no handshake of source \"%.64s\" has "
				  "delivered a secret",
		    source);
	if (result != STORE_OK)
		return admin_store_fail(context, result);
	return admin_ok(json_pack("{s:s}", "source", source));
}

/* ---- backup ---- */

json_t *
admin_backup(struct admin_context *context, const json_t *args)
{
	const char *path = admin_text(args, "path");
	struct store_backup now;
	const char *error;

	if (json_object_get(args, "path") != NULL &&
	    context->ops->backup(context->store, path, &error) != 0)
		return admin_fail("%.200s: %s", path, error);
	(void)context->ops->backup_step(context->store, &now);
	if (!now.begun)
		return admin_fail("no backup was made since the start");
	return admin_ok(json_pack("{s:o, s:b, s:I, s:I, s:o}", "path",
	    admin_json_text(now.path), "running", (int)now.running, "pages",
	    (json_int_t)now.pages, "total", (json_int_t)now.total, "error",
	    admin_json_text(now.error)));
}
