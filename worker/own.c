#include "own.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "../shared/buf.h"
#include "../shared/clock.h"
#include "../shared/log.h"
#include "route.h"

static const struct kind {
	const char *type;
	const char *next; /* the command to type */
	const char *end;  /* NULL: the subject is no part of it */
} kinds[OWN__MAX] = {
    [OWN_DELIVERY_DEAD] = {"delivery.dead", "gaff dead list --route ", ""},
    [OWN_STORE_LOW] = {"store.low", "gaff status", NULL},
    [OWN_SOURCE_SILENT] = {"source.silent", "gaff events --source ",
	" --limit 5"},
    [OWN_ROUTE_FAILING] = {"route.failing", "gaff events --route ",
	" --state waiting"},
    [OWN_LINK_DOWN] = {"link.down", "gaff status", NULL},
    [OWN_SECRET_KEPT] = {"secret.kept", "gaff secret --source ", ""},
};

bool
own_is_wanted(const struct config *config, enum own_type type)
{
	const struct route_subject subject = {
	    ROUTE_OWN_SOURCE, kinds[type].type, false};
	size_t i;

	for (i = 0; i < config->n_routes; i++)
		if (route_match(&config->routes[i], &subject).why ==
		    ROUTE_MATCHES)
			return true;
	return false;
}

bool
own_is(const struct event *event)
{
	return strcmp(event->source, ROUTE_OWN_SOURCE) == 0;
}

json_t *
own_text(const char *text)
{
	struct buf quoted = {0};
	json_t *string = NULL;

	buf_add_char(&quoted, '"');
	buf_add_json(&quoted, text, strlen(text));
	if (buf_add_char(&quoted, '"') == 0)
		string = json_loadb(quoted.p, quoted.len,
		    JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	buf_clear(&quoted);
	return string;
}

json_t *
own_dead(const struct store_delivery *delivery)
{
	const struct event *event = delivery->event;
	char id[EVENT_ID_TEXT_SIZE], received[CLOCK_TEXT_SIZE],
	    died[CLOCK_TEXT_SIZE];
	json_t *facts;

	if (own_is(event))
		return NULL;
	event_id_format(event->id, id);
	clock_format(event->received_at_ms, received);
	clock_format(delivery->died_at_ms, died);
	facts = json_pack("{s:s, s:s, s:o, s:o, s:s, s:I, s:s, s:I, s:s, s:s}",
	    "id", id, "source", event->source, "type", own_text(event->type),
	    "key", own_text(event->key), "route", delivery->route, "replay",
	    (json_int_t)delivery->replay, "reason", delivery->reason,
	    "attempts", (json_int_t)delivery->attempt, "received_at", received,
	    "died_at", died);
	if (facts == NULL)
		log_error("no_memory", log_str("for", "delivery.dead"));
	return facts;
}

/* The command to type next, as text that must be cleared. */
static struct buf
next_command(const struct cause *cause, const struct own_teller *teller)
{
	const struct kind *kind = &kinds[cause->kind];
	struct buf text = {0};

	buf_add_str(&text, kind->next);
	if (kind->end != NULL)
		buf_printf(&text, "%s%s", cause->subject, kind->end);
	if (teller->several)
		buf_printf(&text, " --worker %s", teller->worker);
	return text;
}

static char *
make_body(const struct cause *cause, const struct own_teller *teller)
{
	struct buf next = next_command(cause, teller);
	char since[CLOCK_TEXT_SIZE], *body = NULL;
	json_t *object = json_copy(cause->facts);
	json_t *rest;

	clock_format(cause->since_ms, since);
	rest = json_pack("{s:I, s:s, s:s, s:s, s:s}", "count",
	    (json_int_t)cause->count, "since", since, "worker", teller->worker,
	    "host", teller->host, "next", buf_str(&next));
	if (rest != NULL && json_object_update(object, rest) == 0)
		body = json_dumps(object, JSON_COMPACT);
	json_decref(rest);
	json_decref(object);
	buf_clear(&next);
	return body;
}

static struct event *
make_event(const char *type, const char *body, int64_t now_ms)
{
	struct event event = {
	    .received_at_ms = now_ms,
	    .source = ROUTE_OWN_SOURCE,
	    .key = "",
	    .type = type,
	    .remote = "",
	    .method = "",
	    .path = "",
	    .query = "",
	    .content_type = "application/json",
	    .headers = "{}",
	    .scheme = "",
	    .dedup = EVENT_DEDUP_NONE,
	    .body = body,
	    .body_len = strlen(body),
	};

	if (event_id_new(now_ms, event.id) != 0 ||
	    EVP_Digest(body, event.body_len, event.sha256, NULL, EVP_sha256(),
		NULL) != 1)
		return NULL;
	return event_copy(&event);
}

struct event *
own_event(
    const struct cause *cause, const struct own_teller *teller, int64_t now_ms)
{
	const char *type = kinds[cause->kind].type;
	struct event *event = NULL;
	char *body = make_body(cause, teller);

	if (body != NULL)
		event = make_event(type, body, now_ms);
	if (event == NULL)
		log_error("no_memory", log_str("for", type));
	free(body);
	return event;
}
