#include <sys/eventfd.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../shared/clock.h"
#include "../shared/log.h"
#include "../shared/zsock.h"
#include "landing_impl.h"
#include "relay.h"

#define INNER "inproc://landing"

enum {
	AT_ONCE = 256,         /* messages relayed in a turn */
	BATCH_BYTES = 1 << 20, /* or one frame more, taken in at once */
};

_Static_assert(BATCH_BYTES + 2 * JOURNAL_FRAME_BYTES <= JOURNAL_ENTRY,
    "all of a batch is in one entry");

/* ---- the way to the store's thread ---- */

static void
fail(struct landing *l)
{
	l->failed = true;
	(void)pthread_mutex_lock(&l->lock);
	l->s.failed = true;
	(void)pthread_cond_broadcast(&l->changed);
	(void)pthread_mutex_unlock(&l->lock);
	l->o.wake(l->o.arg);
}

/* Up to where they may be taken, under the lock.  Whether that is new. */
static bool
release(struct landing *l)
{
	uint64_t ready = l->s.came;

	for (size_t i = 0; i < JOURNAL_FLIGHTS; i++)
		if (l->flights[i].n > 0 && l->flights[i].place < ready)
			ready = l->flights[i].place;
	if (ready == l->s.ready)
		return false;
	l->s.ready = ready;
	(void)pthread_cond_broadcast(&l->changed);
	return true;
}

/* They have come in this order. */
static void
hand_over(struct landing *l, struct slot *slots, size_t n)
{
	struct landing_shared *s = &l->s;
	bool some;

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
	some = release(l);
	(void)pthread_mutex_unlock(&l->lock);
	if (some)
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
	struct acks_item *item;
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
	item = &l->next->acks[b->n_landing];
	*item = (struct acks_item){
	    .ack = {.seq = target.seq, .status = WIRE_STORED, .revived = ""}};
	memcpy(item->link, target.link, WIRE_LINK_LEN);
	memcpy(item->ack.id, event.id, EVENT_ID_LEN);
	b->n_landing++;
	b->landing_bytes += len;
	return true;
}

static void
receive(struct landing *l)
{
	struct batch *b = &l->batch;
	size_t bytes =
	    l->room_bytes < BATCH_BYTES ? l->room_bytes : BATCH_BYTES;
	uint64_t malformed = 0;
	zmq_msg_t *message;

	b->n = b->bytes = b->n_landing = b->landing_bytes = 0;
	while (b->n < LANDING_BATCH && b->n < l->room && b->bytes < bytes) {
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
	if (l->s.draining && b->n == 0 && l->n_flying == 0)
		l->s.drained = true;
	(void)pthread_mutex_unlock(&l->lock);
}

/* To the journal.  0, or -1. */
static int
land(struct landing *l)
{
	struct batch *b = &l->batch;
	uint64_t number = journal_begin(l->o.journal, b->frames, b->n_landing);

	if (number == 0)
		return -1;
	l->next->first = number;
	l->next->place = l->s.came;
	l->next->n = b->n_landing;
	l->n_flying++;
	for (size_t i = 0; i < b->n; i++)
		if (b->lands[i])
			b->slots[i].number = number++;
	return 0;
}

/* ---- what is on the disk ---- */

/* Its entry is: its events are acknowledged.  After a failure none is.  Whether
 * there is more to be taken. */
static bool
end_flight(struct landing *l, const struct journal_end *end)
{
	struct landing_flight *flight = l->flights;
	bool some;

	while (flight->n == 0 || flight->first != end->first)
		flight++;
	l->n_flying--;
	if (end->failed)
		fail(l);
	if (l->failed)
		return false;
	acks_send(l->o.control, l->o.boot, flight->acks, flight->n);
	(void)pthread_mutex_lock(&l->lock);
	l->s.counts.journal += flight->n;
	l->s.counts.sync_us = end->took_us;
	flight->n = 0;
	some = release(l);
	(void)pthread_mutex_unlock(&l->lock);
	return some;
}

static void
collect(struct landing *l)
{
	struct journal_end ends[JOURNAL_FLIGHTS];
	size_t n = journal_ended(l->o.journal, ends);
	bool some = false;

	for (size_t i = 0; i < n; i++)
		some |= end_flight(l, &ends[i]);
	if (some)
		l->o.wake(l->o.arg);
}

static void
take_in(struct landing *l)
{
	struct batch *b = &l->batch;

	l->next = l->flights;
	while (l->next->n > 0)
		l->next++;
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
	/* Where the disk is quick it is there already. */
	if (l->n_flying > 0)
		collect(l);
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
	if (malformed == 0)
		return;
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
	struct landing_shared *s = &l->s;
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

/* Microseconds until something may be taken in; -1: that depends on others. */
static int64_t
pause_us(const struct landing *l)
{
	if (l->room == 0 || l->failed)
		return -1;
	if (l->o.journal == NULL || l->n_flying == 0)
		return 0;
	return journal_wait_us(l->o.journal, clock_boot_us());
}

/* Until there is something to do.  False: that cannot be told. */
static bool
wait_for_some(struct landing *l, bool *ended, bool *arrived)
{
	zmq_pollitem_t items[] = {
	    {.socket = l->o.control,
		.events = relay_takes(l->inner) ? ZMQ_POLLIN : 0},
	    {.socket = l->inner, .events = ZMQ_POLLIN},
	    {.fd = l->wake_fd, .events = ZMQ_POLLIN},
	    {.fd = l->o.journal != NULL ? journal_fd(l->o.journal) : l->wake_fd,
		.events = ZMQ_POLLIN},
	    {.socket = l->o.data, .events = ZMQ_POLLIN},
	};
	int64_t us = pause_us(l);
	bool takes = us == 0 && !l->left;
	long wait_ms = us > 0 ? (long)(us + 999) / 1000 : -1;
	uint64_t count;

	if (us == 0 && (l->left || (l->draining && l->n_flying == 0)))
		wait_ms = 0;
	if (zmq_poll(items, takes ? 5 : 4, wait_ms) < 0 && errno != EINTR) {
		log_error("poll_failed", log_str("error", strerror(errno)));
		return false;
	}
	if (items[2].revents != 0)
		(void)!read(l->wake_fd, &count, sizeof count);
	*ended = l->n_flying > 0 && items[3].revents != 0;
	*arrived = items[4].revents != 0 || l->draining;
	return true;
}

static void *
run(void *arg)
{
	struct landing *l = arg;
	bool ended = false, arrived = false;

	while (look(l)) {
		if (!wait_for_some(l, &ended, &arrived)) {
			fail(l);
			break;
		}
		if (ended)
			collect(l);
		relay_both(l);
		if (pause_us(l) != 0)
			continue;
		if (l->left)
			(void)hand_left(l);
		else if (arrived || ended)
			take_in(l);
	}
	while (l->n_flying > 0) {
		struct pollfd end = {
		    .fd = journal_fd(l->o.journal), .events = POLLIN};

		(void)poll(&end, 1, -1);
		collect(l);
	}
	/* What it wanted to say at last. */
	relay_both(l);
	return NULL;
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
	struct landing_shared *s;

	if (l == NULL)
		return;
	s = &l->s;
	if (l->started) {
		(void)pthread_mutex_lock(&l->lock);
		s->quit = true;
		(void)pthread_mutex_unlock(&l->lock);
		landing_wake(l);
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
