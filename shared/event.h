/*
 * event - one accepted webhook: the value that crosses every border
 *
 * Strings are NUL-terminated and never NULL ("" when absent).  A struct event
 * borrows: its pointers point into memory whose owner is named where the event
 * is handed out (a frame, a request).  event_copy() makes one that owns all it
 * points to.
 */

#ifndef SHARED_EVENT_H
#define SHARED_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	EVENT_ID_LEN = 16,
	EVENT_ID_TEXT_SIZE = 37, /* 36 characters and a NUL */
	EVENT_SHA256_LEN = 32,
	EVENT_KEY_MAX = 512, /* bytes of a provider's own id */
	EVENT_TYPE_MAX = 256,
};

/* What makes a copy of an event a copy (chosen by source and scheme). */
enum event_dedup {
	EVENT_DEDUP_NONE,     /* nothing: every request is an event */
	EVENT_DEDUP_KEY,      /* same source and key */
	EVENT_DEDUP_KEY_BODY, /* same source, key and body: key is not signed */
	EVENT_DEDUP_BODY,     /* same source and body */
	EVENT_DEDUP__MAX
};

/* What is odd about an event whose key is not signed.  Numbers are stored:
 * never change one. */
enum {
	EVENT_CHANGED_BODY = 1 << 0,  /* same key, another body before */
	EVENT_REPLAYED_BODY = 1 << 1, /* same body, under another key before */
	EVENT_FLAGS = 2,
	EVENT_FLAGS_SIZE = 32, /* of both as text */
};

struct event {
	uint8_t id[EVENT_ID_LEN]; /* UUIDv7, given by the gateway */
	int64_t received_at_ms;   /* wall time, last body byte */
	const char *source;
	const char *key;  /* provider's own id, "" when there is none */
	const char *type; /* "" when unknown */
	const char *remote;
	const char *method;
	const char *path;
	const char *query; /* secret parameters blanked */
	const char *content_type;
	const char *headers; /* one JSON object, lower-case names */
	const char *scheme;
	enum event_dedup dedup;
	bool strict_replay; /* KEY_BODY: refuse what would be replayed_body */
	bool probe; /* a provider's probe: only routes whose type names it */
	unsigned flags; /* found by the store when the event came */
	uint8_t sha256[EVENT_SHA256_LEN]; /* of the body */
	const void *body;
	size_t body_len;
};

/* A deep copy in one allocation, or NULL.  Freed with event_free(). */
struct event *event_copy(const struct event *event);
void event_free(struct event *event);

/* Bytes an event holds: what byte limits count. */
size_t event_size(const struct event *event);

/* The SHA-256 of a body.  0, or -1 without memory. */
int
event_digest(const void *body, size_t len, uint8_t sha256[EVENT_SHA256_LEN]);

/* A new UUIDv7 (RFC 9562) for wall_ms; ids made in one process in the same
 * millisecond are still in order.  0, or -1 when there is no randomness. */
int event_id_new(int64_t wall_ms, uint8_t id[EVENT_ID_LEN]);
void
event_id_format(const uint8_t id[EVENT_ID_LEN], char out[EVENT_ID_TEXT_SIZE]);
/* 0, or -1 when the text is no UUID. */
int event_id_parse(const char *text, uint8_t id[EVENT_ID_LEN]);

/* The i-th flag's name, from 0: changed_body, replayed_body. */
const char *event_flag_name(unsigned i);
/* Names of all flags that are set, joined by ",". */
void event_flags_format(unsigned flags, char out[EVENT_FLAGS_SIZE]);

#endif
