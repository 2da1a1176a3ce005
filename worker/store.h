/*
 * store - where events and deliveries live (a seam)
 *
 * Implementations: store_sqlite.c (the default), store_memory.c (tests).  Each
 * passes tests/unit/test_store.c.  One thread owns a store.
 *
 * Everything that changes goes through a batch: begin, any number of changes,
 * commit.  Nothing is visible to others, or promised, before commit returned
 * STORE_OK, which means synced.  After anything else than STORE_OK from a
 * change or from commit the batch is rolled back whole and the store is as
 * before begin.  docs/DESIGN.md has the state tables of event and delivery.
 */

#ifndef WORKER_STORE_H
#define WORKER_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../shared/buf.h"
#include "../shared/config.h"
#include "../shared/event.h"
#include "known.h"

struct store;

enum store_result {
	STORE_OK,
	STORE_FULL,   /* no room on disk or in memory: rolled back, try later */
	STORE_BROKEN, /* a sync or I/O error: the process must end */
	STORE_NONE,   /* no such event or delivery (show, replay …) */
};

/* pending -> running -> delivered | waiting | exhausted -> dead; cancelled.
 * Numbers are stored: never change one. */
enum delivery_state {
	DELIVERY_PENDING = 0,   /* not tried yet */
	DELIVERY_RUNNING = 1,   /* an attempt is under way */
	DELIVERY_WAITING = 2,   /* for a retry */
	DELIVERY_EXHAUSTED = 3, /* given up; its dead letter is being written */
	DELIVERY_DELIVERED = 4,
	DELIVERY_DEAD = 5,
	DELIVERY_CANCELLED = 6,
	DELIVERY__MAX
};

const char *delivery_state_name(enum delivery_state state);

struct store_options {
	const struct config_store *config; /* valid while the store is open */
	const char *worker;
	int64_t now_ms; /* wall time of the start */
	/* How far apart a copy's revivals on a route are at least; put() asks
	 * each time.  NULL: 0 for all. */
	int64_t (*revive_after_ms)(void *arg, const char *route);
	void *arg;
};

/* What put() found. */
enum store_put {
	STORE_PUT_NEW,
	STORE_PUT_SAME,      /* the same id is stored: sent again */
	STORE_PUT_DUPLICATE, /* the same key is stored under another id */
	STORE_PUT_REFUSED,   /* strict_replay: nothing is stored */
};

struct store_put_result {
	enum store_put what;
	int64_t seq;              /* dense and rising; 0: purged already */
	uint8_t id[EVENT_ID_LEN]; /* of the event that is stored */
	struct buf revived;       /* routes joined by ","; caller clears */
	unsigned flags; /* NEW, REFUSED: of the event (event.h); those it
			   comes with (from a dead letter) stay */
	bool rerouted;  /* a DUPLICATE that matched nothing before is to be
			   routed again */
};

/* One delivery to be made for an event (by the routing step). */
struct store_target {
	const char *route;
	enum delivery_state state; /* PENDING, or EXHAUSTED with a reason */
	const char *reason;        /* EXHAUSTED: filter_error, overflow */
	const char *detail; /* EXHAUSTED: for its attempt record; or NULL */
};

/* A delivery as claim() and exhausted() hand it out; the receiver owns it and
 * frees it with store_delivery_free(). */
struct store_delivery {
	struct store_delivery *next;
	int64_t seq; /* of the event */
	uint32_t replay;
	uint32_t attempt;    /* from 1; this one is counted already */
	int64_t first_at_ms; /* wall time of the first attempt, 0: this is it */
	int64_t died_at_ms;  /* EXHAUSTED */
	char *route;
	char *reason;   /* EXHAUSTED, else NULL */
	char *attempts; /* JSON array of those before */
	struct event *event;
};

void store_delivery_free(struct store_delivery *delivery);

/* What claim() takes. */
struct store_claim {
	const char *route;
	unsigned n; /* at most; STORE_CLAIM_MAX in any case, and fewer where
		       events are large: about STORE_CLAIM_BYTES */
	int64_t now_ms;
	int64_t horizon_ms; /* later than now_ms + this is due, too */
};

/* How one attempt ended. */
struct store_attempt {
	int64_t at_ms; /* wall time of its start */
	int64_t ms;
	const char *outcome; /* exit:1 signal:9 timeout status:500 connect … */
	const char *detail;  /* a line for people, cut; or "" */
	const char *output;  /* up to 64 kB, kept apart; or NULL */
	size_t output_len;
};

struct store_settle {
	int64_t seq;
	const char *route;
	uint32_t replay;
	enum delivery_state state; /* DELIVERED, WAITING, EXHAUSTED; PENDING: an
				      attempt cut short that does not count */
	int64_t due_ms;            /* WAITING and PENDING: wall time */
	int64_t now_ms;
	const char *reason;                  /* EXHAUSTED */
	const struct store_attempt *attempt; /* NULL with PENDING */
};

/* What replay() begins anew. */
struct store_replay {
	int64_t seq;
	const char *route; /* NULL: each it has deliveries on */
	unsigned states;   /* 1 << state of each the newest one may be in */
	int64_t now_ms;
};

/* What is counted by the hour, of a source or a route.  Numbers are stored:
 * never change one. */
enum store_tally_kind {
	TALLY_STORED = 0, /* events of a source */
	TALLY_DUPLICATE = 1,
	TALLY_REFUSED = 2, /* requests to a source */
	TALLY_UNAVAILABLE = 3,
	TALLY_DELIVERED = 4, /* attempts of a route */
	TALLY_FAILED = 5,
	TALLY_DEAD = 6, /* deliveries of a route */
	TALLY__MAX
};

struct store_tally {
	int64_t hour; /* of wall time, since 1970 */
	enum store_tally_kind kind;
	const char *name;
	int64_t n;
};

/* A secret that a provider's handshake delivered. */
struct store_blob {
	const char *name;
	const void *p;
	size_t len;
};

typedef void store_tally_fn(void *arg, const struct store_tally *tally);

/* Counts for status and metrics, kept in the store's own table. */
struct store_count {
	char route[CONFIG_NAME_MAX + 1];
	bool paused;
	int64_t n[DELIVERY__MAX];
	int64_t oldest_ms; /* received_at of the oldest open one; 0: none */
};

struct store_space {
	int64_t used_bytes; /* of the files */
	int64_t free_bytes; /* of the file system, and free pages inside */
};

enum {
	STORE_PAGE_MAX = 500,
	STORE_CLAIM_MAX = 256,
	STORE_CLAIM_BYTES = 8 << 20,
	STORE_UNROUTED_MAX = 64,
	STORE_READ_BYTES = 16 << 20, /* of events unrouted() hands out */
	STORE_HOUR_MS = 3600000,
	STORE_TALLY_HOURS = 48, /* older ones are purged */
	STORE_BLOBS_MAX = 1024, /* kept ones */
	STORE_BLOB_NAME_MAX = 255,
	STORE_BLOB_MAX = 4096, /* bytes of one */
};

/* A page of events that wait for the routing step. */
struct store_unrouted {
	bool filtered; /* those that wait for filters only, or the others */
	int64_t after; /* only later ones */
	unsigned n;    /* at most; STORE_UNROUTED_MAX in any case */
	/* -- filled in -- */
	unsigned found;
	int64_t seqs[STORE_UNROUTED_MAX];
	struct event *events[STORE_UNROUTED_MAX]; /* the caller's */
};

/* What list() is asked; empty texts mean any. */
struct store_query {
	const char *source;
	const char *type; /* pattern */
	const char *route;
	int state; /* enum delivery_state, -1 any, -2 unmatched */
	int64_t since_ms;
	int64_t before_seq; /* cursor: only older ones; 0 from the newest */
	unsigned limit;     /* at most STORE_PAGE_MAX */
	bool oldest_first;  /* cursor and order turned round (before = after) */
	/* What to ask with as before_seq for the rows behind these, 0: there
	 * are none.  A call reads for some 4 ms at most, so a page may be short
	 * or empty although more follows.  NULL: the caller does not care. */
	int64_t *next_seq;
};

/* Deliveries as list() and show() tell them. */
struct store_row {
	const struct event *event; /* list(): body is NULL, body_len is right */
	int64_t seq;
	const char *route; /* NULL: an event without deliveries */
	uint32_t replay;
	enum delivery_state state;
	uint32_t attempts;
	int64_t due_ms;
	int64_t died_at_ms;
	const char *reason;
	const char *attempts_json; /* show() only, with outputs merged in */
	bool routed;
};

/* How a copy of the store stands. */
struct store_backup {
	bool begun;        /* one was asked for since the start */
	bool running;      /* it is being made; else it is there, or … */
	int64_t pages;     /* copied, of total */
	int64_t total;     /* 0: not known yet */
	const char *path;  /* "" when none was begun; the store's */
	const char *error; /* why there is none, or "" */
};

/* The journal (journal.h) that stands beside a store. */
struct store_journal {
	const char *path; /* the store's */
	uint64_t store;   /* whose it is */
	uint64_t upto;    /* of it the store has all up to this frame */
};

/* Whether keep() takes it. */
bool store_blob_fits(const struct store_blob *blob);

/* Called for each row; what `row` points to lives for the call. */
typedef void store_row_fn(void *arg, const struct store_row *row);

struct store_ops {
	const char *scheme; /* of the url: "sqlite", "memory" */

	/* NULL, logged with why and what to do. At once `running` deliveries of
	 * an earlier life become `waiting`, their attempt counted as `unknown`.
	 */
	struct store *(*open)(const struct store_options *options);
	void (*close)(struct store *store); /* NULL is fine */

	enum store_result (*begin)(struct store *store);
	enum store_result (*commit)(struct store *store);
	void (*rollback)(struct store *store);

	/* -- changes: only inside a batch -- */

	/* Deduplication, revival and insert in one.  *result is overwritten.
	 * A key whose event was purged is a duplicate still.
	 *
	 * Of EVENT_DEDUP_KEY_BODY a new event is flagged: changed_body where
	 * another body came under the key inside the window; replayed_body
	 * where the body came under another key inside the window, among the
	 * last BODIES_MIN events at least, or, where both were strict_replay,
	 * at any time of it: then it is refused.
	 *
	 * A duplicate revives: where the newest delivery of the event on a
	 * route is dead, one with the next replay number begins.  Number 0 was
	 * never begun anew and is revived at once, later ones when
	 * revive_after_ms has passed since their first attempt (their death,
	 * when there was none): that is not before their own revival, so two
	 * are never closer.  A time that is yet to come has passed. */
	enum store_result (*put)(struct store *store, const struct event *event,
	    int64_t now_ms, struct store_put_result *result);

	/* The routing step's result.  Existing deliveries of (event, route,
	 * replay 0) are left alone.  `whole`: the event is routed now; with no
	 * delivery at all it becomes unmatched.  Not whole: filters are left,
	 * and unrouted(filtered = true) will name it.  An event that is not
	 * waiting for it any more is left as it is but for new targets. */
	enum store_result (*route)(struct store *store, int64_t seq,
	    const struct store_target *targets, size_t n, bool whole);

	/* Take due deliveries of a route: they become `running` and their
	 * attempt is counted.  Due is due_ms <= now_ms, or later than now_ms +
	 * horizon_ms (the wall clock was set back).  Oldest due first.  *out is
	 * a list in order.  first_at_ms comes without the time the route was
	 * paused since.  A delivery whose event is damaged becomes `exhausted`
	 * with reason `damaged` instead. */
	enum store_result (*claim)(struct store *store,
	    const struct store_claim *what, struct store_delivery **out);

	/* The end of an attempt.  Of a delivery cancelled meanwhile only
	 * DELIVERED changes the state; of one that is not running nothing. */
	enum store_result (*settle)(
	    struct store *store, const struct store_settle *settle);

	/* exhausted -> dead; others stay as they are. */
	enum store_result (*bury)(struct store *store, int64_t seq,
	    const char *route, uint32_t replay);

	/* A new delivery with the next replay number of an event on its routes.
	 * *n gets how many.  STORE_NONE when there is no such event. */
	enum store_result (*replay)(
	    struct store *store, const struct store_replay *what, unsigned *n);

	/* Open deliveries of a route, but those whose dead letter is being
	 * written, become `cancelled`, oldest first, up to `limit`. */
	enum store_result (*cancel)(struct store *store, const char *route,
	    unsigned limit, unsigned *n);

	/* Unmatched events (younger than keep_unmatched) are to be routed
	 * again: after a reload; up to `limit`, from *after on. */
	enum store_result (*unmatch)(
	    struct store *store, int64_t *after, unsigned limit, unsigned *n);

	/* A route's pause flag, and reading it back (below). */
	enum store_result (*pause)(
	    struct store *store, const char *route, bool paused);

	/* Add to the counters; hour, kind and name make one. */
	enum store_result (*tally)(
	    struct store *store, const struct store_tally *rows, size_t n);

	/* Keep a blob under its name, unless one is kept there: *is_new says
	 * which.  It is kept until unkeep().  STORE_NONE when its name or it is
	 * too long or empty, or there are STORE_BLOBS_MAX of them. */
	enum store_result (*keep)(struct store *store,
	    const struct store_blob *blob, int64_t now_ms, bool *is_new);
	/* Let go of it.  STORE_NONE: nothing is kept under that name. */
	enum store_result (*unkeep)(struct store *store, const char *name);

	/* One small step (under 5 ms) of retention: events with all that
	 * belongs to them once every delivery has ended and is old enough, key
	 * tables of days outside the window, counters of old hours.  Ages are
	 * of the store's own clock: it runs with the boot clock, and over a
	 * restart of the machine only as far as now_ms moved and the machine is
	 * up; a wall clock that jumps purges nothing.  *more says whether there
	 * is work left. */
	enum store_result (*purge)(
	    struct store *store, int64_t now_ms, bool *more);

	/* An event goes with all that belongs to it; its key stays known, so
	 * that a copy does not bring it back.  STORE_NONE when it is not there.
	 * The caller has seen that nobody works on it: it is routed, and no
	 * delivery of it is running or exhausted. */
	enum store_result (*forget)(
	    struct store *store, const uint8_t id[EVENT_ID_LEN]);

	/* With this batch the store has all of its journal up to this frame. */
	enum store_result (*journaled)(struct store *store, uint64_t upto);

	/* -- outside a batch -- */

	/* The journal of this store as it was opened.  A store without one has
	 * NULL here, and for `journaled` and `known`. */
	void (*journal)(struct store *store, struct store_journal *journal);
	/* Keys it may have, while it is open. */
	struct known *(*known)(struct store *store);

	/* One small step of overwriting what deleted things have left in the
	 * store's files; until *more is false something may be. */
	enum store_result (*erase)(struct store *store, bool *more);

	/* Begin a copy of the store in a new file; it will have all that is
	 * committed before it is complete.  0, or -1 with a sentence. */
	int (*backup)(
	    struct store *store, const char *path, const char **error);
	/* One small step of it (under 5 ms), if one is due; *now says how it
	 * stands.  Whether the next step is due.  Written to PATH.tmp; PATH
	 * appears whole and synced, never in the place of another file.  A
	 * store that is closed before leaves nothing. */
	bool (*backup_step)(struct store *store, struct store_backup *now);

	/* -- reading: at any time on the owner's thread -- */

	/* Events not routed yet, in order.  Fewer than there are (never 0) when
	 * they are large: STORE_READ_BYTES.  None after a failure. */
	enum store_result (*unrouted)(
	    struct store *store, struct store_unrouted *page);

	/* The earliest due time of a route's open deliveries; INT64_MAX: none.
	 */
	enum store_result (*next_due)(
	    struct store *store, const char *route, int64_t *due_ms);

	/* Exhausted deliveries, at most n: dead letters to be written. */
	enum store_result (*exhausted)(
	    struct store *store, unsigned n, struct store_delivery **out);

	enum store_result (*list)(struct store *store,
	    const struct store_query *query, store_row_fn *fn, void *arg);
	/* Every delivery of one event, or one row with route NULL. */
	enum store_result (*show)(struct store *store,
	    const uint8_t id[EVENT_ID_LEN], store_row_fn *fn, void *arg);
	/* Events whose id (text) begins with `part`, or, when there are none,
	 * contains it and is among the newest some ten thousand; at most two
	 * are told. */
	enum store_result (*find)(struct store *store, const char *part,
	    uint8_t ids[2][EVENT_ID_LEN], unsigned *found);

	/* Per route that has or had deliveries; *n rows malloc()ed.  Unrouted
	 * and unmatched events in the two numbers. */
	enum store_result (*counts)(struct store *store,
	    struct store_count **counts, size_t *n, int64_t *unrouted,
	    int64_t *unmatched);
	bool (*paused)(struct store *store, const char *route);
	/* Each counter of this hour and later ones, in no order; what the row
	 * points to lives for the call. */
	enum store_result (*tallies)(struct store *store, int64_t from_hour,
	    store_tally_fn *fn, void *arg);
	/* Append what keep() has kept; STORE_NONE: nothing is. */
	enum store_result (*kept)(
	    struct store *store, const char *name, struct buf *out);
	enum store_result (*space)(
	    struct store *store, struct store_space *space);

	/* Work for when nothing waits: checkpoint, incremental vacuum, key
	 * filters.  Under 5 ms, but for the checkpoint of a long log, as all is
	 * that is not left for a `quiet` time.  Returns whether there is more.
	 */
	bool (*idle)(struct store *store, bool quiet);
};

extern const struct store_ops store_sqlite;
extern const struct store_ops store_memory;

/* The implementation a store url names, or NULL, logged. */
const struct store_ops *store_pick(const char *url);

#endif
