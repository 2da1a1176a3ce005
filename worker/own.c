#include "own.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <openssl/evp.h>

#include "../shared/clock.h"
#include "../shared/log.h"
#include "route.h"

static bool
is_wanted(const struct config *config, const char *type)
{
	const struct route_subject subject = {ROUTE_OWN_SOURCE, type, false};
	size_t i;

	for (i = 0; i < config->n_routes; i++)
		if (route_match(&config->routes[i], &subject).why ==
		    ROUTE_MATCHES)
			return true;
	return false;
}

/* An event of gaff's own with this body, or NULL. */
static struct event *
make(const char *type, const char *body, int64_t now_ms)
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

static char *
describe_dead(const struct store_delivery *delivery)
{
	const struct event *event = delivery->event;
	char id[EVENT_ID_TEXT_SIZE], received[CLOCK_TEXT_SIZE],
	    died[CLOCK_TEXT_SIZE];
	json_t *object;
	char *text = NULL;

	event_id_format(event->id, id);
	clock_format(event->received_at_ms, received);
	clock_format(delivery->died_at_ms, died);
	object = json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:s, s:I, s:s, s:s}",
	    "id", id, "source", event->source, "type", event->type, "key",
	    event->key, "route", delivery->route, "replay",
	    (json_int_t)delivery->replay, "reason", delivery->reason,
	    "attempts", (json_int_t)delivery->attempt, "received_at", received,
	    "died_at", died);
	if (object != NULL)
		text = json_dumps(object, JSON_COMPACT);
	json_decref(object);
	return text;
}

struct event *
own_delivery_dead(const struct config *config,
    const struct store_delivery *delivery, int64_t now_ms)
{
	static const char type[] = "delivery.dead";
	struct event *event;
	char *body;

	if (strcmp(delivery->event->source, ROUTE_OWN_SOURCE) == 0 ||
	    !is_wanted(config, type))
		return NULL;
	body = describe_dead(delivery);
	event = body != NULL ? make(type, body, now_ms) : NULL;
	if (event == NULL)
		log_error("no_memory", log_str("for", type));
	free(body);
	return event;
}
