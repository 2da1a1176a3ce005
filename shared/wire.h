/*
 * wire - the frames between gateway, worker and command line
 *
 * The only module that knows bytes.  Every message is one ZeroMQ frame:
 * "GAF1", a type byte, then for EVENT, REJECTED, ACK, ASK and BLOB tagged,
 * length-prefixed fields, for every other type one JSON object.  docs/WIRE.md
 * has the full text. Pure: no I/O, no clock.
 */

#ifndef SHARED_WIRE_H
#define SHARED_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "buf.h"
#include "event.h"

enum {
	WIRE_PROTOCOL = 1,
	WIRE_LINK_LEN = 17, /* routing id of a gateway's DEALER: 'G' + random */
	WIRE_EVENT_SPARE = 65536, /* an EVENT is at most max_body and this */
	WIRE_CONTROL_MAX = 65536, /* bytes of any frame on control */
	WIRE_BLOB_NAME_MAX = 1024,
	WIRE_BLOB_MAX = 49152,        /* bytes of a blob */
	WIRE_BLOB_OLD_MS = 172800000, /* two days: then fetched ones are not
					 used any more */
	WIRE_ADMIN_MAX = 64 << 20,
};

enum wire_type {
	WIRE_BAD, /* not ours, or of another protocol */
	WIRE_HELLO,
	WIRE_WELCOME,
	WIRE_PROBE,
	WIRE_EVENT,
	WIRE_ACK,
	WIRE_BEAT,
	WIRE_CALL,
	WIRE_REPLY,
	WIRE_REJECTED,
	WIRE_ASK,
	WIRE_BLOB,
	WIRE__MAX
};

/* Where an EVENT goes and where its ACK returns. */
struct wire_target {
	uint8_t link[WIRE_LINK_LEN]; /* routing id the ACK is sent to */
	uint64_t boot;               /* the worker start it was meant for */
	uint64_t seq;                /* of this link; never reused */
};

enum wire_status {
	WIRE_STORED,
	WIRE_DUPLICATE,
	WIRE_UNAVAILABLE,
	WIRE_INVALID,
	WIRE_REFUSED, /* strict_replay: its body came under another key */
	WIRE_STATUS__MAX
};

struct wire_ack {
	uint64_t seq;
	enum wire_status status;
	uint8_t id[EVENT_ID_LEN]; /* DUPLICATE: id of the first; else its own */
	const char *revived;      /* route names joined by ",", or "" */
};

/* Type of a frame; WIRE_BAD for anything that does not begin like one.
 * Unknown types of this protocol give WIRE__MAX. */
enum wire_type wire_type(const void *frame, size_t len);

/* Append an EVENT frame.  0, or -1 without memory (`out` is unchanged). */
int wire_put_event(struct buf *out, const struct wire_target *target,
    const struct event *event);

/* Aim an EVENT frame at another worker or link, in place. */
void wire_retarget(void *frame, size_t len, const struct wire_target *target);

/*
 * Read an EVENT frame.  `event` points into `frame`.  0, or -1 when a field is
 * missing, twice there, of wrong length, or not NUL-terminated where text is
 * due; *target is filled as far as it could be read (seq 0: not at all).
 */
int wire_get_event(const void *frame, size_t len, struct wire_target *target,
    struct event *event);

/* A request that was refused, as the gateway tells of it. */
struct wire_rejected {
	struct event event; /* id: the request's own; body: cut */
	const char *reason; /* of the closed list */
	uint64_t status;    /* of the answer */
	uint64_t body_len;  /* before it was cut */
};

/* Append a REJECTED frame.  0, or -1 without memory (`out` is unchanged). */
int wire_put_rejected(struct buf *out, const struct wire_rejected *rejected);

/* Read one; it points into `frame`.  0, or -1 as for an EVENT. */
int wire_get_rejected(
    const void *frame, size_t len, struct wire_rejected *rejected);

/* Append an ACK frame for one link.  0, or -1 without memory. */
int wire_put_acks(
    struct buf *out, uint64_t boot, const struct wire_ack *acks, size_t n);

/* Called for each ack of a frame; `ack` and what it points to live for the
 * call. */
typedef void wire_ack_fn(void *arg, uint64_t boot, const struct wire_ack *ack);

/* Read an ACK frame.  0, or -1 on a malformed one (acks before it count). */
int wire_get_acks(const void *frame, size_t len, wire_ack_fn *fn, void *arg);

/* ---- named blobs ---- */

/* What a handshake of a source delivered is kept under this and its name. */
#define WIRE_KEPT "secret/"

enum wire_how {
	WIRE_FETCH, /* what stands at the URL `name` */
	WIRE_GET,   /* what is kept in the store under `name` */
	WIRE_PUT,   /* keep it there, unless something is */
	WIRE_HOW__MAX
};

enum wire_blob_status {
	WIRE_BLOB_HERE,   /* FETCH, GET: the bytes */
	WIRE_BLOB_NONE,   /* GET: nothing is kept there */
	WIRE_BLOB_STORED, /* PUT: kept and synced */
	WIRE_BLOB_EXISTS, /* PUT: something was kept before: its bytes */
	WIRE_BLOB_FAILED, /* `error` says why; FETCH: with bytes where older
			     ones may still be used */
	WIRE_BLOB_STATUS__MAX
};

/* What a gateway asks. */
struct wire_ask {
	enum wire_how how;
	const char *name;
	int64_t max_age_ms; /* FETCH: bytes that were fetched longer ago will
			       not do; INT64_MAX: any that are fresh */
	const void *bytes;  /* PUT */
	size_t len;
};

/* What the worker answers. */
struct wire_blob {
	enum wire_how how;
	const char *name;
	enum wire_blob_status status;
	int64_t age_ms;    /* FETCH: since the bytes were fetched */
	int64_t fresh_ms;  /* FETCH: until they are to be asked for again */
	const char *error; /* or "" */
	const void *bytes;
	size_t len;
};

/* Append an ASK or a BLOB frame.  0, or -1 without memory (`out` is
 * unchanged). */
int wire_put_ask(struct buf *out, const struct wire_ask *ask);
int wire_put_blob(struct buf *out, const struct wire_blob *blob);

/* Read one; it points into `frame`.  0, or -1 when it is malformed. */
int wire_get_ask(const void *frame, size_t len, struct wire_ask *ask);
int wire_get_blob(const void *frame, size_t len, struct wire_blob *blob);

/* Append a frame of another type; `object` is not consumed.  0, or -1. */
int wire_put_json(struct buf *out, enum wire_type type, const json_t *object);

/* The JSON object of such a frame, a new reference, or NULL. */
json_t *wire_get_json(const void *frame, size_t len);

#endif
