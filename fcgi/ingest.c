#include "ingest.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../shared/jsonpick.h"
#include "../shared/net.h"
#include "../shared/pattern.h"
#include "../shared/units.h"
#include "headers.h"

enum {
	CONTENT_TYPE_MAX = 255,
	LENGTH_MAX = 1 << 30, /* a body's, before any limit of a source */
};

enum ingest_step
ingest_refuse(struct ingest *ingest, enum refusal refusal)
{
	ingest->refusal = refusal;
	return INGEST_REFUSE;
}

/* ---- before the body ---- */

/* All headers of a name joined by ",", as if it had come once; "" when there
 * is none.  `own` holds what had to be joined; NULL without memory. */
static const char *
joined_header(const struct params *params, const char *name, struct buf *own)
{
	const char *first = NULL;

	for (size_t i = 0; i < params->n_headers; i++) {
		if (strcmp(params->headers[i].name, name) != 0)
			continue;
		if (first == NULL) {
			first = params->headers[i].value;
			continue;
		}
		if (own->len == 0)
			(void)buf_add_str(own, first);
		(void)buf_add_char(own, ',');
		(void)buf_add_str(own, params->headers[i].value);
	}
	if (own->len > 0 || own->failed)
		return buf_str(own);
	return first != NULL ? first : "";
}

/* Find the sender's address; a peer without one (a unix socket) has "". */
static int
find_remote(struct ingest *ingest)
{
	const struct config *config = snapshot_config(ingest->snapshot);
	const char *peer = ingest->params->known[PARAM_REMOTE];
	struct buf own = {0};
	struct net_addr addr;
	const char *forwarded;
	int rc = -1;

	ingest->remote[0] = '\0';
	if (net_addr_parse(peer, &addr) != 0)
		return 0;
	forwarded = joined_header(ingest->params, "x-forwarded-for", &own);
	if (forwarded != NULL) {
		net_client(peer, forwarded, &config->gateway.trusted_proxy,
		    ingest->remote, sizeof ingest->remote);
		rc = 0;
	}
	buf_clear(&own);
	return rc;
}

static bool
is_allowed(const struct ingest *ingest)
{
	const struct net_list *allow = &ingest->source->allow;
	struct net_addr addr;

	if (allow->n == 0)
		return true;
	return net_addr_parse(ingest->remote, &addr) == 0 &&
	       net_list_has(allow, &addr);
}

/* Whether the last of the values a proxy chain left is `https`. */
static bool
is_forwarded_https(const struct params *params)
{
	const char *value = NULL;
	const char *comma;
	size_t len;

	for (size_t i = 0; i < params->n_headers; i++) {
		if (strcmp(params->headers[i].name, "x-forwarded-proto") == 0)
			value = params->headers[i].value;
	}
	if (value == NULL)
		return false;
	comma = strrchr(value, ',');
	if (comma != NULL)
		value = comma + 1;
	value += strspn(value, " \t");
	len = strcspn(value, " \t");
	return len == 5 && strncasecmp(value, "https", 5) == 0;
}

static bool
is_https(const struct ingest *ingest)
{
	const struct config *config = snapshot_config(ingest->snapshot);
	const struct params *params = ingest->params;
	struct net_addr peer;

	/* these two come from the web server itself */
	if (strcasecmp(params->known[PARAM_HTTPS], "on") == 0 ||
	    strcasecmp(params->known[PARAM_SCHEME], "https") == 0)
		return true;
	return net_addr_parse(params->known[PARAM_REMOTE], &peer) == 0 &&
	       net_list_has(&config->gateway.trusted_proxy, &peer) &&
	       is_forwarded_https(params);
}

static bool
takes_method(struct ingest *ingest)
{
	const char *method = ingest->params->known[PARAM_METHOD];
	const struct scheme *scheme = ingest->source->scheme;

	ingest->allow =
	    scheme_takes_method(scheme, "GET") ? "GET, POST" : "POST";
	return strcmp(method, "POST") == 0 ||
	       scheme_takes_method(scheme, method);
}

/* Read CONTENT_LENGTH; none at all is a body of no bytes. */
static enum refusal
find_length(struct ingest *ingest)
{
	const char *text = ingest->params->known[PARAM_LENGTH];

	ingest->length = 0;
	if (*text == '\0')
		return REFUSAL_NONE;
	if (text[strspn(text, "0123456789")] != '\0')
		return REFUSAL_MALFORMED;
	if (units_number(text, 0, LENGTH_MAX, &ingest->length) != 0 ||
	    ingest->length > ingest->source->max_body)
		return REFUSAL_TOO_LARGE;
	return REFUSAL_NONE;
}

/* The web server's words that are stored as they stand. */
static bool
is_content_type(const char *text)
{
	size_t len = 0;

	for (; text[len] != '\0'; len++) {
		if (text[len] < ' ' || text[len] > '~')
			return false;
	}
	return len <= CONTENT_TYPE_MAX;
}

static enum ingest_step
own_path(struct ingest *ingest, enum ingest_step step)
{
	const char *method = ingest->params->known[PARAM_METHOD];

	ingest->allow = "GET, HEAD";
	if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0)
		return step;
	return ingest_refuse(ingest, REFUSAL_METHOD);
}

/* What does not need the body, in the order of how little it costs. */
static enum refusal
check_head(struct ingest *ingest)
{
	const struct config *config = snapshot_config(ingest->snapshot);
	enum config_https https = config->gateway.https;

	if (!is_allowed(ingest))
		return REFUSAL_ADDRESS;
	if (https != CONFIG_HTTPS_NO && !is_https(ingest)) {
		if (https == CONFIG_HTTPS_REQUIRED)
			return REFUSAL_HTTPS;
		ingest->plain = true;
	}
	if (!takes_method(ingest))
		return REFUSAL_METHOD;
	if (!is_content_type(ingest->params->known[PARAM_TYPE]))
		return REFUSAL_MALFORMED;
	return find_length(ingest);
}

enum ingest_step
ingest_head(struct ingest *ingest, const struct snapshot *snapshot,
    const struct params *params, struct target *target)
{
	enum refusal refusal;

	*ingest = (struct ingest){
	    .snapshot = snapshot, .params = params, .target = target};
	if (find_remote(ingest) != 0)
		return ingest_refuse(ingest, REFUSAL_NO_MEMORY);
	if (target_read(target, params->known[PARAM_URI]) != 0)
		return ingest_refuse(ingest, REFUSAL_MALFORMED);
	if (strcmp(ingest->target->path, "/-/health") == 0)
		return own_path(ingest, INGEST_HEALTH);
	if (strcmp(ingest->target->path, "/-/ready") == 0)
		return own_path(ingest, INGEST_READY);
	ingest->source = snapshot_source(
	    snapshot, ingest->target->path, params_header(params, "host"));
	if (ingest->source == NULL)
		return ingest_refuse(ingest, REFUSAL_NO_SOURCE);
	refusal = check_head(ingest);
	return refusal == REFUSAL_NONE ? INGEST_READ
				       : ingest_refuse(ingest, refusal);
}

/* ---- after the body ---- */

/* The URL the provider was given, with this request's query. */
static int
make_url(const struct ingest *ingest, struct buf *url)
{
	const char *base = ingest->source->public_url;

	if (base == NULL)
		return 0;
	(void)buf_add_str(url, base);
	if (ingest->target->query[0] != '\0') {
		(void)buf_add_char(url, '?');
		(void)buf_add_str(url, ingest->target->query);
	}
	return buf_str(url) != NULL ? 0 : -1;
}

static bool
is_type_accepted(const struct ingest *ingest)
{
	const struct config_list *types = &ingest->source->content_type;
	const char *text = ingest->params->known[PARAM_TYPE];
	char media[CONTENT_TYPE_MAX + 1];
	const char *by;
	size_t len = strcspn(text, "; \t");

	if (types->n == 0)
		return true;
	for (size_t i = 0; i < len; i++)
		media[i] = (char)tolower((unsigned char)text[i]);
	media[len] = '\0';
	return pattern_list_match(types->items, types->n, media, false, &by);
}

static bool
is_json(const void *body, size_t len)
{
	const struct jsonpick_pointer no_pointer[1] = {{0}};
	struct jsonpick_value no_value[1];

	return jsonpick_scan(body, len, no_pointer, 0, no_value) == 0;
}

/* A key that is not there tells no copies apart, one that is not signed by the
 * scheme the request came under only together with the body. */
static enum event_dedup
dedup_of(const struct ingest *ingest, const char *key)
{
	enum event_dedup dedup = ingest->source->dedup;

	if (dedup != EVENT_DEDUP_KEY && dedup != EVENT_DEDUP_KEY_BODY)
		return dedup;
	if (*key == '\0')
		return EVENT_DEDUP_NONE;
	return scheme_key_signed(ingest->verdict.scheme) ? dedup
							 : EVENT_DEDUP_KEY_BODY;
}

static int
fill_event(struct ingest *ingest, const struct scheme_request *request)
{
	const struct config_source *source = ingest->source;
	const struct scheme *scheme = ingest->verdict.scheme;
	struct event *event = &ingest->event;

	if (scheme_find(scheme, request, &ingest->facts) != 0 ||
	    headers_write(source->scheme, ingest->params, &ingest->headers) !=
		0 ||
	    target_blank(
		source->scheme, ingest->target->query, &ingest->query) != 0 ||
	    event_id_new(request->now_ms, event->id) != 0 ||
	    event_digest(request->body, request->body_len, event->sha256) != 0)
		return -1;
	event->received_at_ms = request->now_ms;
	event->source = source->name;
	event->key = buf_str(&ingest->facts.key);
	event->type = buf_str(&ingest->facts.type);
	event->remote = ingest->remote;
	event->method = request->method;
	event->path = request->path;
	event->query = buf_str(&ingest->query);
	event->content_type = request->content_type;
	event->headers = buf_str(&ingest->headers);
	event->scheme = scheme_name(scheme);
	event->probe = ingest->facts.probe;
	event->body = request->body;
	event->body_len = request->body_len;
	if (event->key == NULL || event->type == NULL || event->query == NULL ||
	    event->headers == NULL)
		return -1;
	event->dedup = dedup_of(ingest, event->key);
	event->strict_replay =
	    source->strict_replay && event->dedup == EVENT_DEDUP_KEY_BODY;
	return 0;
}

/* Verify, and answer the scheme's handshake if this is one.  STORE means that
 * the request is genuine and nothing has been answered yet. */
static enum ingest_step
verify(struct ingest *ingest, const struct scheme_request *request)
{
	const struct scheme *scheme = ingest->source->scheme;
	const struct scheme_keys *keys =
	    ingest->keys != NULL ? ingest->keys : ingest->source->keys;
	enum scheme_result result = scheme_verify(
	    ingest->source->scheme, keys, request, &ingest->verdict);
	int handshake = scheme_handshake(
	    scheme, keys, request, result == SCHEME_OK, &ingest->answer);

	if (handshake == 1)
		return INGEST_HANDSHAKE;
	if (result != SCHEME_OK)
		return ingest_refuse(ingest, refusal_of_scheme(result));
	if (handshake != 0)
		return ingest_refuse(ingest, REFUSAL_NO_MEMORY);
	if (strcmp(request->method, "POST") != 0)
		return ingest_refuse(ingest, REFUSAL_METHOD);
	return INGEST_STORE;
}

/* A genuine request: is it fit to be stored? */
static enum ingest_step
judge(struct ingest *ingest, const struct scheme_request *request)
{
	if (!is_type_accepted(ingest))
		return ingest_refuse(ingest, REFUSAL_CONTENT_TYPE);
	if (ingest->source->check_json &&
	    !is_json(request->body, request->body_len))
		return ingest_refuse(ingest, REFUSAL_NOT_JSON);
	if (fill_event(ingest, request) != 0)
		return ingest_refuse(ingest, REFUSAL_NO_MEMORY);
	return INGEST_STORE;
}

enum ingest_step
ingest_body(
    struct ingest *ingest, const void *body, size_t len, int64_t wall_ms)
{
	const struct params *params = ingest->params;
	struct buf url = {0};
	struct scheme_request request = {.method = params->known[PARAM_METHOD],
	    .path = ingest->target->path,
	    .query = ingest->target->query,
	    .content_type = params->known[PARAM_TYPE],
	    .headers = params->headers,
	    .n_headers = params->n_headers,
	    .body = body,
	    .body_len = len,
	    .now_ms = wall_ms,
	    .fetch = ingest->fetch,
	    .fetch_arg = ingest->fetch_arg};
	enum ingest_step step;

	ingest->wall_ms = wall_ms;
	if (make_url(ingest, &url) != 0) {
		step = ingest_refuse(ingest, REFUSAL_NO_MEMORY);
	} else {
		request.url = url.p != NULL ? url.p : "";
		step = verify(ingest, &request);
		if (step == INGEST_STORE)
			step = judge(ingest, &request);
	}
	buf_clear(&url);
	return step;
}

void
ingest_forget(struct ingest *ingest)
{
	const struct event *event = &ingest->event;

	ingest->event = (struct event){.source = event->source,
	    .key = event->key,
	    .type = event->type,
	    .remote = event->remote};
	ingest->params = NULL;
	ingest->target = NULL;
	buf_clear(&ingest->headers);
	buf_clear(&ingest->query);
}

void
ingest_clear(struct ingest *ingest)
{
	scheme_answer_clear(&ingest->answer);
	scheme_facts_clear(&ingest->facts);
	buf_clear(&ingest->headers);
	buf_clear(&ingest->query);
}
