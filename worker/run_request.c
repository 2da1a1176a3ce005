#include "run_request.h"

#include <stdbool.h>
#include <string.h>

#include "../shared/config.h"
#include "../shared/jsonpick.h"

enum {
	CONTENT_TYPE_MAX = 256,
	HEADERS_MAX = 32768,
};

/* 9999-12-31T23:59:59.999Z: later times have no RFC 3339 text. */
static const int64_t last_ms = INT64_C(253402300799999);

/* Six texts follow, each with its NUL: the order of `limits`. */
struct fixed {
	int64_t received_at_ms;
	uint32_t attempt;
	uint32_t replay;
	uint64_t flags;
	uint8_t id[EVENT_ID_LEN];
};

enum text { ROUTE, SOURCE, TYPE, KEY, CONTENT_TYPE, HEADERS, TEXTS };

/* Bytes without the NUL. */
static const size_t limits[TEXTS] = {
    [ROUTE] = CONFIG_NAME_MAX,
    [SOURCE] = CONFIG_NAME_MAX,
    [TYPE] = EVENT_TYPE_MAX,
    [KEY] = EVENT_KEY_MAX,
    [CONTENT_TYPE] = CONTENT_TYPE_MAX,
    [HEADERS] = HEADERS_MAX,
};

const char *
run_refusal_text(int refusal)
{
	static const char *const texts[RUN__MAX] = {
	    [RUN_GOOD] = "",
	    [RUN_MALFORMED] = "malformed request",
	    [RUN_BAD_BODY] = "the body is no sealed memory file",
	    [RUN_NO_ROUTE] = "its configuration has no such route with run "
			     "and user",
	};

	return refusal > 0 && refusal < RUN__MAX ? texts[refusal] : "?";
}

/* ---- writing ---- */

size_t
run_request_write(
    const struct store_delivery *delivery, char *bytes, size_t size)
{
	const struct event *event = delivery->event;
	const char *const texts[TEXTS] = {
	    [ROUTE] = delivery->route,
	    [SOURCE] = event->source,
	    [TYPE] = event->type,
	    [KEY] = event->key,
	    [CONTENT_TYPE] = event->content_type,
	    [HEADERS] = event->headers,
	};
	struct fixed fixed = {.received_at_ms = event->received_at_ms,
	    .attempt = delivery->attempt,
	    .replay = delivery->replay,
	    .flags = event->flags};
	size_t at = sizeof(fixed), i, len;

	if (size < at)
		return 0;
	memcpy(fixed.id, event->id, sizeof(fixed.id));
	memcpy(bytes, &fixed, sizeof(fixed));
	for (i = 0; i < TEXTS; i++) {
		len = strlen(texts[i]);
		if (len > limits[i] || len >= size - at)
			return 0;
		memcpy(bytes + at, texts[i], len + 1);
		at += len + 1;
	}
	return at;
}

/* ---- reading ---- */

/* Cut the texts apart; false unless they fill the bytes exactly. */
static bool
cut(char *p, size_t len, char *texts[TEXTS])
{
	size_t i, n;

	for (i = 0; i < TEXTS; i++) {
		n = strnlen(p, len);
		if (n == len || n > limits[i])
			return false;
		texts[i] = p;
		p += n + 1;
		len -= n + 1;
	}
	return len == 0;
}

static bool
is_plain(const char *text)
{
	const char *p;

	for (p = text; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return false;
	return p != text;
}

static bool
is_object(const char *text)
{
	struct jsonpick_pointer whole;
	struct jsonpick_value value;

	return jsonpick_compile("", &whole) == 0 &&
	       jsonpick_scan(text, strlen(text), &whole, 1, &value) == 0 &&
	       value.kind == JSONPICK_OBJECT;
}

enum run_refusal
run_request_read(char *bytes, size_t len, struct store_delivery *delivery,
    struct event *event)
{
	struct fixed fixed;
	char *texts[TEXTS];

	if (len < sizeof(fixed))
		return RUN_MALFORMED;
	memcpy(&fixed, bytes, sizeof(fixed));
	if (fixed.attempt == 0 || fixed.received_at_ms < 0 ||
	    fixed.received_at_ms > last_ms || fixed.flags >> EVENT_FLAGS != 0 ||
	    !cut(bytes + sizeof(fixed), len - sizeof(fixed), texts) ||
	    !is_plain(texts[ROUTE]) || !is_plain(texts[SOURCE]) ||
	    !is_object(texts[HEADERS]))
		return RUN_MALFORMED;
	*event = (struct event){.received_at_ms = fixed.received_at_ms,
	    .flags = (unsigned)fixed.flags,
	    .source = texts[SOURCE],
	    .type = texts[TYPE],
	    .key = texts[KEY],
	    .content_type = texts[CONTENT_TYPE],
	    .headers = texts[HEADERS]};
	memcpy(event->id, fixed.id, sizeof(fixed.id));
	*delivery = (struct store_delivery){.attempt = fixed.attempt,
	    .replay = fixed.replay,
	    .route = texts[ROUTE],
	    .event = event};
	return RUN_GOOD;
}
