#include "landing.h"

#include <sys/eventfd.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../shared/clock.h"
#include "../shared/log.h"
#include "../shared/zsock.h"
#include "acks.h"
#include "keys.h"
#include "relay.h"

#define INNER "inproc://landing"

enum {
	BATCH = JOURNAL_FRAMES,
	AT_ONCE = 256, /* messages relayed in a turn */
};

/* A frame on its way to the store's thread. */
struct slot {
	zmq_msg_t message;
	uint64_t number; /* in the journal; 0: not there */
};

/* What came in at once. */
struct batch {
	struct slot slots[BATCH];
	size_t n;
	size_t bytes;
	bool lands[BATCH];
	struct journal_frame frames[BATCH]; /* those that land */
	struct acks_item acks[BATCH];
	size_t n_landing;
	size_t landing_bytes;
};

/* What both threads look at, under the lock. */
struct shared {
	struct slot ring[LANDING_EVENTS];
	uint64_t came;
	uint64_t taken;
	uint64_t gone;
	size_t held_bytes;
	uint64_t upto;
	bool hold;
	bool waiting; /* for room */
	bool draining;
	bool drained;
	bool scrub;
	int scrubbed; /* 1: not yet */
	bool quit;
	bool failed;
	struct landing_counts counts;
};

struct landing {
	struct landing_options o;
	pthread_t thread;
	bool started;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int wake_fd; /* the other thread wants something */
	void *inner; /* the thread's end */
	void *outer; /* the other's */
	struct shared s;
	/* -- the thread's own -- */
	struct keys_hasher *hasher;
	struct batch batch;
	bool left; /* an earlier life left some to be handed over */
	uint64_t again;
	/* as of the last look at what is shared */
	size_t room; /* frames that may be taken in */
	size_t room_bytes;
	bool hold;
	bool draining;
};

/* ---- the way to the store's thread ---- */

static void
fail(struct landing *l)
{
	(void)pthread_mutex_lock(&l->lock);
	l->s.failed = true;
	(void)pthread_cond_broadcast(&l->changed);
	(void)pthread_mutex_unlock(&l->lock);
	l->o.wake(l->o.arg);
}

static void
hand_over(struct landing *l, struct slot *slots, size_t n)
{
	struct shared *s = &l->s;

	(void)pthread_mutex_lock(&l->lock);
	for (size_t i = 0; i < n; i++) {
		struct slot *to = &s->ring[s->came++ % LANDING_EVENTS];

		s->held_bytes += zmq_msg_size(&slots[i].message);
		to->number = slots[i].number;
		(void)zmq_msg_init(&to->message);
		(void)zmq_msg_move(&to->message, &slots[i].message);
		if (to->number == 0)
			s->counts.store++;
	}
	(void)pthread_mutex_unlock(&l->lock);
	l->o.wake(l->o.arg);
}

static void
drop(struct slot *slots, size_t n)
{
	for (size_t i = 0; i < n; i++)
		(void)zmq_msg_close(&slots[i].message);
}

/* ---- what an earlier life left ---- */

/* One of them.  False: there is none any more. */
static bool
hand_left(struct landing *l)
{
	struct journal_frame frame;
	struct wire_target target;
	struct event event;
	uint8_t key[KEYS_LEN];
	struct slot slot;

	if (!journal_left(l->o.journal, &slot.number, &frame)) {
		l->left = false;
		if (l->again > 0)
			log_info("journal_read",
			    log_int("events", (int64_t)l->again));
		return false;
	}
	if (zmq_msg_init_size(&slot.message, frame.len) != 0) {
		fail(l);
		return false;
	}
	memcpy(zmq_msg_data(&slot.message), frame.p, frame.len);
	if (l->o.known != NULL &&
	    wire_get_event(frame.p, frame.len, &target, &event) == 0 &&
	    keys_has(&event) && keys_hash_first(l->hasher, &event, key) == 0)
		known_add(l->o.known, key);
	hand_over(l, &slot, 1);
	l->again++;
	return true;
}

/* ---- what comes in ---- */

/* What dedups it is not known yet; from now on it is. */
static bool
is_new(struct landing *l, const struct event *event)
{
	uint8_t key[KEYS_LEN];

	if (!keys_has(event))
		return true;
	if (l->o.known == NULL || event->strict_replay)
		return false;
	if (keys_hash_first(l->hasher, event, key) != 0 ||
	    known_maybe(l->o.known, key))
		return false;
	known_add(l->o.known, key);
	return true;
}

/* Whether the journal takes the frame; then it is in the batch's lists. */
static bool
lands(struct landing *l, zmq_msg_t *message)
{
	struct batch *b = &l->batch;
	const void *p = zmq_msg_data(message);
	size_t len = zmq_msg_size(message);
	struct wire_target target;
	struct event event;

	if (l->o.journal == NULL || wire_type(p, len) != WIRE_EVENT ||
	    wire_get_event(p, len, &target, &event) != 0)
		return false;
	/* Asked first: one that does not land is known, too. */
	if (!is_new(l, &event) || l->hold || len > JOURNAL_FRAME_BYTES ||
	    !journal_fits(
		l->o.journal, b->n_landing + 1, b->landing_bytes + len))
		return false;
	b->frames[b->n_landing] = (struct journal_frame){.p = p, .len = len};
	b->acks[b->n_landing] = (struct acks_item){
	    .ack = {.seq = target.seq, .status = WIRE_STORED, .revived = ""}};
	memcpy(b->acks[b->n_landing].link, target.link, WIRE_LINK_LEN);
	memcpy(b->acks[b->n_landing].ack.id, event.id, EVENT_ID_LEN);
	b->n_landing++;
	b->landing_bytes += len;
	return true;
}

static void
receive(struct landing *l)
{
	struct batch *b = &l->batch;
	uint64_t malformed = 0;
	zmq_msg_t *message;

	b->n = b->bytes = b->n_landing = b->landing_bytes = 0;
	while (b->n < BATCH && b->n < l->room && b->bytes < l->room_bytes) {
		message = &b->slots[b->n].message;
		(void)zmq_msg_init(message);
		if (zsock_recv(l->o.data, message, &malformed) != 0) {
			(void)zmq_msg_close(message);
			break;
		}
		b->bytes += zmq_msg_size(message);
		b->n++;
	}
	(void)pthread_mutex_lock(&l->lock);
	l->s.counts.malformed += malformed;
	l->hold = l->s.hold;
	if (l->s.draining && b->n == 0)
		l->s.drained = true;
	(void)pthread_mutex_unlock(&l->lock);
}

/* To the disk, then acknowledged.  0, or -1. */
static int
land(struct landing *l)
{
	struct batch *b = &l->batch;
	int64_t start_us = clock_boot_us();
	uint64_t number = journal_add(l->o.journal, b->frames, b->n_landing);

	if (number == 0)
		return -1;
	acks_send(l->o.control, l->o.boot, b->acks, b->n_landing);
	for (size_t i = 0; i < b->n; i++)
		if (b->lands[i])
			b->slots[i].number = number++;
	(void)pthread_mutex_lock(&l->lock);
	l->s.counts.journal += b->n_landing;
	l->s.counts.sync_us = clock_boot_us() - start_us;
	(void)pthread_mutex_unlock(&l->lock);
	return 0;
}

static void
take_in(struct landing *l)
{
	struct batch *b = &l->batch;

	receive(l);
	for (size_t i = 0; i < b->n; i++) {
		b->slots[i].number = 0;
		b->lands[i] = lands(l, &b->slots[i].message);
	}
	if (b->n_landing > 0 && land(l) != 0)
		fail(l);
	else if (b->n > 0)
		hand_over(l, b->slots, b->n);
	drop(b->slots, b->n);
}

/* ---- control ---- */

static void
relay_both(struct landing *l)
{
	uint64_t malformed = 0;
	int n = 0;

	while (n < AT_ONCE && relay_takes(l->inner) &&
	       relay_one(l->o.control, l->inner, &malformed))
		n++;
	/* A ROUTER drops what is for a peer that is gone. */
	while (n < 2 * AT_ONCE && relay_one(l->inner, l->o.control, NULL))
		n++;
	(void)pthread_mutex_lock(&l->lock);
	l->s.counts.malformed += malformed;
	(void)pthread_mutex_unlock(&l->lock);
}

/* ---- the thread ---- */

static void
scrub(struct landing *l)
{
	int result = l->o.journal != NULL ? journal_scrub(l->o.journal) : 0;

	(void)pthread_mutex_lock(&l->lock);
	l->s.scrub = false;
	l->s.scrubbed = result;
	(void)pthread_cond_broadcast(&l->changed);
	(void)pthread_mutex_unlock(&l->lock);
}

/* What there is room for, and whether to go on. */
static bool
look(struct landing *l)
{
	struct shared *s = &l->s;
	size_t held;
	bool go_on, wants_scrub;

	(void)pthread_mutex_lock(&l->lock);
	held = (size_t)(s->came - s->gone);
	l->room = LANDING_EVENTS - held;
	l->room_bytes =
	    s->held_bytes < LANDING_BYTES ? LANDING_BYTES - s->held_bytes : 0;
	if (l->room_bytes == 0 || s->drained || s->failed)
		l->room = 0;
	s->waiting = l->room == 0;
	if (l->o.journal != NULL)
		journal_upto(l->o.journal, s->upto);
	l->draining = s->draining;
	wants_scrub = s->scrub;
	go_on = !s->quit;
	(void)pthread_mutex_unlock(&l->lock);
	if (wants_scrub)
		scrub(l);
	return go_on;
}

static void *
run(void *arg)
{
	struct landing *l = arg;
	uint64_t count;

	while (look(l)) {
		zmq_pollitem_t items[] = {
		    {.socket = l->o.control,
			.events = relay_takes(l->inner) ? ZMQ_POLLIN : 0},
		    {.socket = l->inner, .events = ZMQ_POLLIN},
		    {.fd = l->wake_fd, .events = ZMQ_POLLIN},
		    {.socket = l->o.data, .events = ZMQ_POLLIN},
		};
		bool takes = l->room > 0 && !l->left;
		bool busy = l->room > 0 && (l->left || l->draining);

		if (zmq_poll(items, takes ? 4 : 3, busy ? 0 : -1) < 0 &&
		    errno != EINTR) {
			log_error(
			    "poll_failed", log_str("error", strerror(errno)));
			fail(l);
			break;
		}
		if (items[2].revents != 0)
			(void)!read(l->wake_fd, &count, sizeof count);
		relay_both(l);
		if (l->left && l->room > 0)
			(void)hand_left(l);
		else if (takes && (items[3].revents != 0 || l->draining))
			take_in(l);
	}
	/* What it wanted to say at last. */
	relay_both(l);
	return NULL;
}

static void
wake_thread(struct landing *l)
{
	const uint64_t one = 1;

	(void)!write(l->wake_fd, &one, sizeof one);
}

/* ---- starting and stopping ---- */

static void *
open_end(struct landing *l, bool bind)
{
	void *socket = zmq_socket(l->o.context, ZMQ_PAIR);
	const int none = 0;

	if (socket != NULL &&
	    zmq_setsockopt(socket, ZMQ_LINGER, &none, sizeof none) == 0 &&
	    (bind ? zmq_bind(socket, INNER) : zmq_connect(socket, INNER)) == 0)
		return socket;
	log_error("cannot_start", log_str("error", strerror(errno)));
	zsock_close(socket);
	return NULL;
}

struct landing *
landing_start(const struct landing_options *options)
{
	struct landing *l = calloc(1, sizeof *l);

	if (l == NULL) {
		log_error("cannot_start", log_str("error", "no memory"));
		zsock_close(options->data);
		zsock_close(options->control);
		journal_close(options->journal);
		return NULL;
	}
	l->o = *options;
	l->left = l->o.journal != NULL;
	(void)pthread_mutex_init(&l->lock, NULL);
	(void)pthread_cond_init(&l->changed, NULL);
	l->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	l->hasher = keys_hasher_new();
	l->inner = open_end(l, true);
	l->outer = open_end(l, false);
	if (l->wake_fd == -1 || l->hasher == NULL || l->inner == NULL ||
	    l->outer == NULL || pthread_create(&l->thread, NULL, run, l) != 0) {
		log_error("cannot_start", log_str("error", "no thread"));
		landing_stop(l);
		return NULL;
	}
	(void)pthread_setname_np(l->thread, "landing");
	l->started = true;
	return l;
}

void
landing_stop(struct landing *l)
{
	struct shared *s;

	if (l == NULL)
		return;
	s = &l->s;
	if (l->started) {
		(void)pthread_mutex_lock(&l->lock);
		s->quit = true;
		(void)pthread_mutex_unlock(&l->lock);
		wake_thread(l);
		(void)pthread_join(l->thread, NULL);
	}
	for (; s->taken < s->came; s->taken++)
		drop(&s->ring[s->taken % LANDING_EVENTS], 1);
	zsock_close(l->outer);
	zsock_close(l->inner);
	zsock_close(l->o.data);
	zsock_close(l->o.control);
	journal_close(l->o.journal);
	keys_hasher_free(l->hasher);
	if (l->wake_fd != -1)
		(void)close(l->wake_fd);
	(void)pthread_cond_destroy(&l->changed);
	(void)pthread_mutex_destroy(&l->lock);
	free(l);
}

/* ---- for the store's thread ---- */

void *
landing_control(const struct landing *l)
{
	return l->outer;
}

bool
landing_take(struct landing *l, zmq_msg_t *message, uint64_t *number)
{
	struct shared *s = &l->s;
	struct slot *slot;
	bool some;

	(void)pthread_mutex_lock(&l->lock);
	some = s->taken < s->came;
	if (some) {
		slot = &s->ring[s->taken++ % LANDING_EVENTS];
		(void)zmq_msg_move(message, &slot->message);
		*number = slot->number;
	}
	(void)pthread_mutex_unlock(&l->lock);
	return some;
}

void
landing_done(struct landing *l, size_t frames, size_t bytes, uint64_t upto)
{
	struct shared *s = &l->s;
	bool wake;

	(void)pthread_mutex_lock(&l->lock);
	s->gone += frames;
	s->held_bytes -= bytes;
	if (upto > s->upto)
		s->upto = upto;
	wake = s->waiting;
	(void)pthread_mutex_unlock(&l->lock);
	if (wake)
		wake_thread(l);
}

static uint64_t
look_at(struct landing *l, const uint64_t *number)
{
	uint64_t value;

	(void)pthread_mutex_lock(&l->lock);
	value = *number;
	(void)pthread_mutex_unlock(&l->lock);
	return value;
}

uint64_t
landing_came(struct landing *l)
{
	return look_at(l, &l->s.came);
}

uint64_t
landing_gone(struct landing *l)
{
	return look_at(l, &l->s.gone);
}

static bool
is_so(struct landing *l, const bool *flag)
{
	bool value;

	(void)pthread_mutex_lock(&l->lock);
	value = *flag;
	(void)pthread_mutex_unlock(&l->lock);
	return value;
}

static void
say(struct landing *l, bool *flag, bool value)
{
	(void)pthread_mutex_lock(&l->lock);
	*flag = value;
	(void)pthread_mutex_unlock(&l->lock);
}

void
landing_hold(struct landing *l, bool hold)
{
	say(l, &l->s.hold, hold);
}

void
landing_drain(struct landing *l)
{
	say(l, &l->s.draining, true);
	wake_thread(l);
}

bool
landing_drained(struct landing *l)
{
	return is_so(l, &l->s.drained);
}

bool
landing_failed(struct landing *l)
{
	return is_so(l, &l->s.failed);
}

int
landing_scrub(struct landing *l)
{
	int result;

	say(l, &l->s.scrub, true);
	wake_thread(l);
	(void)pthread_mutex_lock(&l->lock);
	while (l->s.scrub && !l->s.failed)
		(void)pthread_cond_wait(&l->changed, &l->lock);
	result = l->s.scrub ? -1 : l->s.scrubbed;
	(void)pthread_mutex_unlock(&l->lock);
	return result;
}

void
landing_count(struct landing *l, struct landing_counts *counts)
{
	(void)pthread_mutex_lock(&l->lock);
	*counts = l->s.counts;
	(void)pthread_mutex_unlock(&l->lock);
}
