/*
 * server_impl - the server's state; for worker/server*.c, intake.c, feed.c,
 * apply.c, tell*.c and control.c only
 */

#ifndef WORKER_SERVER_IMPL_H
#define WORKER_SERVER_IMPL_H

#include <stdbool.h>
#include <stdint.h>

#include <zmq.h>

#include "../shared/buf.h"
#include "../shared/config.h"
#include "../shared/wire.h"
#include "alarms.h"
#include "blobs.h"
#include "causes.h"
#include "direct.h"
#include "dispatch.h"
#include "hours.h"
#include "httpd.h"
#include "landing.h"
#include "links.h"
#include "own.h"
#include "rejected.h"
#include "server.h"
#include "stats.h"
#include "store.h"
#include "tasks.h"
#include "trail.h"

enum {
	BATCH_EVENTS = 512,
	BATCH_BYTES = 8 << 20,
	CREDIT_EVENTS = 512,
	BEAT_MS = 1000,
	/* Unrouted events the dispatcher holds at most, and of those that wait
	 * for their filters. */
	FEED_EVENTS = 1024,
	FEED_FILTERED = STORE_UNROUTED_MAX,
	FEED_BYTES = 32 << 20,
	FEED_LETTERS = 64,
};

/* One received EVENT of the open batch. */
struct intake_item {
	zmq_msg_t message; /* open while `open` */
	bool open;
	bool valid; /* `event` was read, and is to be stored */
	struct wire_target target;
	struct event event; /* points into the message */
	uint64_t number;    /* in the journal, and acknowledged; 0: it is not */
	enum wire_status status;
	struct store_put_result put;
	bool routed; /* in the same batch */
	bool unmatched;
	unsigned overflows; /* deliveries that became dead letters at once */
};

struct intake {
	struct intake_item items[BATCH_EVENTS];
	size_t n;
	size_t bytes;
	size_t unanswered; /* of them, not acknowledged yet */
	uint64_t malformed;
};

/* How far events have been handed to the dispatcher. */
struct feed {
	int64_t cursor;    /* every unrouted event up to here was handed over */
	bool backlog;      /* there are others behind it */
	unsigned held;     /* by the dispatcher */
	size_t held_bytes; /* about: sizes are not kept apart */
	int64_t filtered_cursor;
	bool filtered_backlog;
	int64_t filtered[FEED_FILTERED]; /* handed over for their filters */
	unsigned n_filtered;
	unsigned letters_held;
	bool letters; /* exhausted deliveries wait for their files */
};

/* What a batch leads to once it is committed. */
struct after {
	struct task *deliver; /* for the dispatcher, in order */
	struct task **deliver_tail;
	char (*due)[CONFIG_NAME_MAX + 1]; /* routes whose due time changed */
	size_t n_due;
	size_t cap_due;
};

/* What gaff's own events are made of. */
struct tell {
	struct causes *causes;
	bool wanted[OWN__MAX]; /* a route takes them */
	enum alarm_room room;
	struct alarm_silence *silences; /* of config->sources */
	size_t n_silences;
	struct alarm_failing *failings; /* of config->routes */
	size_t n_failings;
	bool searching; /* for the newest event of each source */
	int64_t search_before;
	int64_t telling_ms; /* boot clock: of the batch's causes */
	char host[65];
};

struct server {
	struct config *config;
	const struct config_worker *worker; /* in `config` */
	const char *config_option;
	struct config_store store_config; /* what the store looks at */
	const struct store_ops *ops;
	struct store *store;

	void *context;
	struct landing *landing;
	void *control; /* the landing's */
	void *admin;
	struct httpd *httpd; /* NULL: no port is configured */
	int lock_fds[3];
	int signal_fd;
	int wake_fd;

	struct spawn *spawn;  /* until the dispatcher has it */
	struct spawn *others; /* the same */
	bool has_others;      /* gaff-run was started */
	struct dispatch *dispatch;
	struct tasks *inbox; /* from the dispatcher */
	struct task *kept;   /* taken, not applied yet: in order */
	struct links *links;
	struct stats *stats;
	struct hours *hours;
	struct trail *trail;
	struct rejected *rejected;
	struct blobs *blobs;
	struct direct *direct;
	struct intake intake;
	struct feed feed;
	struct after after;
	struct tell tell;

	uint64_t boot;
	int64_t started_at_ms;
	int64_t beat_at_ms;      /* boot clock: the next one */
	int64_t retry_at_ms;     /* boot clock: no room before */
	int64_t expire_ms;       /* boot clock: no link is given up before */
	int64_t sync_us;         /* of the last commit */
	int64_t committed_at_ms; /* boot clock: the last batch */
	int64_t fed_at_ms;       /* boot clock: when `hours` was fed */
	uint64_t fed_events;     /* events that had come by then */
	double per_second; /* events that came between the last two times */
	size_t gathered;   /* events of the last commit */
	int64_t gather_until_ms; /* boot clock: for the next one */
	bool hours_due;          /* `hours` wants to be in the next commit */
	int64_t unmatch_after;   /* cursor of a reload's second matching */
	bool unmatching;
	bool purging;               /* retention has work left */
	int64_t room;               /* bytes that may still be taken in */
	bool full;                  /* no room */
	bool stopping;              /* no new attempts; intake goes on */
	bool stopped;               /* the dispatcher has ended */
	bool failed;                /* going on would break a promise */
	struct store_count *counts; /* as of the last beat */
	size_t n_counts;
	int64_t unrouted;         /* as of the last beat */
	struct store_space space; /* as of the last look */
	int64_t loaded_at_ms;     /* wall time of the last good configuration */
	bool reload_failed;       /* the last one was refused */
};

/* ---- server.c ---- */

/* How much may still be taken in. */
void server_check_room(struct server *s);
/* Put all that has come until now, as far as there is room. */
void server_catch_up(struct server *s);

/* ---- server_reload.c ---- */

/* Whether every filter of the configuration compiles; logs those that do not.
 */
bool server_filters_good(const struct config *config);
/* The largest EVENT frame the sockets take: what gateways of this configuration
 * send, or more. */
int64_t server_frame_max(const struct config *config);
/* Read the configuration again: all or nothing. */
void server_reload(struct server *s);
/* One step of matching unmatched events again; inside no batch. */
void server_unmatch(struct server *s);

/* ---- server_hours.c ---- */

/* Once a beat: what was counted since the last time belongs to this hour. */
void server_hours_feed(struct server *s, int64_t boot_ms);

/* ---- intake.c: EVENTs ---- */

/* Take what is there, up to a batch. */
void intake_receive(struct server *s);
/* Put the batch's events into the open store batch. */
enum store_result intake_put(struct server *s);
/* There is no room: what is not in the journal is turned away, the rest stays
 * in the batch. */
void intake_refuse(struct server *s);
/* It is committed: acknowledge what is not yet; then hand new events to the
 * dispatcher, and empty the batch. */
void intake_acknowledge(struct server *s);
void intake_finish(struct server *s);

/* ---- apply.c: the dispatcher's tasks ---- */

/* Apply `s->kept` to the open store batch; what follows is kept in `after`. */
enum store_result apply_tasks(struct server *s);
/* The batch is committed: let go of the tasks, do what follows. */
void apply_finish(struct server *s);
/* The batch was rolled back: nothing follows, the tasks stay. */
void apply_forget(struct server *s);
/* Route an event of the open batch to these targets; *overflows are beyond
 * their routes' limits. */
enum store_result apply_targets(struct server *s, int64_t seq,
    struct direct_targets *targets, unsigned *overflows);
/* Something of this route may be due: tell the dispatcher. */
void apply_due(struct server *s, const char *route);

/* ---- tell.c: gaff's own events ---- */

int tell_open(struct server *s); /* -1: errno says why */
void tell_close(struct server *s);
/* The configuration is another one than `old` (NULL: the first). */
void tell_config(struct server *s, const struct config *old);
/* Tasks came in from the dispatcher: what is to be told of them?  Once. */
void tell_tasks(struct server *s, const struct task *task);
/* Something has gone wrong.  Takes the facts. */
void tell_note(
    struct server *s, enum own_type type, const char *subject, json_t *facts);
/* Whether there is something for the next batch. */
bool tell_is_due(const struct server *s);
/* Put it into the open store batch; and that is committed. */
enum store_result tell_put(struct server *s);
void tell_told(struct server *s);

/* ---- tell_look.c: looking for what is wrong ---- */

void tell_look_config(struct server *s, const struct config *old);
/* Has anything gone wrong since the last beat? */
void tell_look(struct server *s, int64_t boot_ms);
/* One step of finding out when each source was heard last, while
 * `searching`. */
void tell_look_back(struct server *s);

/* ---- feed.c: unrouted events and dead letters, to the dispatcher ---- */

void feed_start(struct server *s);
/* A committed event was routed already. */
void feed_passed(struct server *s, int64_t seq);
/* Hand over a committed event that is still in memory, if there is room. */
void feed_fresh(struct server *s, int64_t seq, const struct event *event);
/* An event below the cursor is to be routed (again). */
void feed_again(struct server *s, int64_t seq);
/* An answer to a TASK_ROUTE was committed. */
void feed_answered(struct server *s, const struct task *task);
/* Read from the store what there is room for. */
void feed_more(struct server *s);

/* ---- asked.c: ASKs for named blobs ---- */

/* Answer one, or have it fetched.  -1: it is malformed. */
int asked_take(struct server *s, const void *id, size_t id_len,
    const void *frame, size_t len);
/* Take the TASK_FETCHEDs out of a list. */
struct task *asked_fetched(struct server *s, struct task *tasks);

/* ---- control.c: HELLO, BEAT, PROBE, CALL ---- */

void control_receive(struct server *s);
void control_admin(struct server *s);
void control_beat(struct server *s, int64_t boot_ms);
/* "accepting", "draining" or "full". */
const char *control_state(const struct server *s);
/* Answer a PROBE that came on data. */
void control_probe(struct server *s, const void *frame, size_t len);

#endif
