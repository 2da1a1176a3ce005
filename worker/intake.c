/* EVENTs: take all there is, store them in one commit, and acknowledge those
 * that are not yet. */

#include <stdlib.h>
#include <string.h>

#include "../shared/clock.h"
#include "../shared/log.h"
#include "acks.h"
#include "server_impl.h"

static void
drop_item(struct intake_item *item)
{
	if (item->open)
		(void)zmq_msg_close(&item->message);
	buf_clear(&item->put.revived);
	*item = (struct intake_item){0};
}

/* A frame that is no EVENT: a PROBE is answered, all else is counted. */
static void
other_frame(struct server *s, const void *frame, size_t len)
{
	enum wire_type type = wire_type(frame, len);
	struct wire_rejected request;

	if (type == WIRE_PROBE)
		control_probe(s, frame, len);
	else if (type == WIRE_REJECTED &&
		 wire_get_rejected(frame, len, &request) == 0)
		rejected_add(s->rejected, s->config, &request);
	else
		s->intake.malformed++;
}

/* Whoever may connect may send this without end. */
static void
log_malformed(size_t len)
{
	static struct log_limit limit;
	unsigned suppressed;

	if (log_allow(&limit, LOG_LINES, clock_boot_ms(), &suppressed))
		log_error("event_refused", log_str("reason", "malformed"),
		    log_int("bytes", len), log_suppressed(suppressed));
}

static void
read_item(struct server *s, struct intake_item *item)
{
	const void *frame = zmq_msg_data(&item->message);
	size_t len = zmq_msg_size(&item->message);

	item->valid =
	    wire_get_event(frame, len, &item->target, &item->event) == 0;
	item->status = item->valid ? WIRE_UNAVAILABLE : WIRE_INVALID;
	if (!item->valid) {
		s->intake.malformed++;
		log_malformed(len);
	}
	s->intake.bytes += len;
	s->intake.unanswered += item->number == 0;
	s->intake.n++;
}

void
intake_receive(struct server *s)
{
	struct intake *intake = &s->intake;
	struct intake_item *item;

	while (intake->n < BATCH_EVENTS && intake->bytes < BATCH_BYTES) {
		item = &intake->items[intake->n];
		(void)zmq_msg_init(&item->message);
		item->open = true;
		if (!landing_take(s->landing, &item->message, &item->number)) {
			drop_item(item);
			return;
		}
		if (wire_type(zmq_msg_data(&item->message),
			zmq_msg_size(&item->message)) == WIRE_EVENT) {
			read_item(s, item);
			continue;
		}
		other_frame(s, zmq_msg_data(&item->message),
		    zmq_msg_size(&item->message));
		landing_done(s->landing, 1, zmq_msg_size(&item->message), 0);
		drop_item(item);
	}
}

static const enum wire_status statuses[] = {
    [STORE_PUT_NEW] = WIRE_STORED,
    [STORE_PUT_SAME] = WIRE_STORED,
    [STORE_PUT_DUPLICATE] = WIRE_DUPLICATE,
    [STORE_PUT_REFUSED] = WIRE_REFUSED,
};

/* Route it in the same batch where nobody else need be asked; not past others
 * that wait for that. */
static enum store_result
route_item(struct server *s, struct intake_item *item)
{
	struct direct_targets targets;
	enum store_result result;

	if (item->put.what != STORE_PUT_NEW || s->feed.backlog ||
	    !direct_route(s->direct, &item->event, &targets))
		return STORE_OK;
	result = apply_targets(s, item->put.seq, &targets, &item->overflows);
	item->routed = result == STORE_OK;
	item->unmatched = item->routed && targets.n == 0;
	return result;
}

/* Frames of the journal come in order. */
static uint64_t
last_number(const struct server *s)
{
	uint64_t last = 0;

	for (size_t i = 0; i < s->intake.n; i++)
		if (s->intake.items[i].number > last)
			last = s->intake.items[i].number;
	return last;
}

enum store_result
intake_put(struct server *s)
{
	int64_t now_ms = clock_wall_ms();
	enum store_result result = STORE_OK;
	struct intake_item *item;
	size_t i;

	for (i = 0; i < s->intake.n && result == STORE_OK; i++) {
		item = &s->intake.items[i];
		if (!item->valid)
			continue;
		result =
		    s->ops->put(s->store, &item->event, now_ms, &item->put);
		item->status = statuses[item->put.what];
		item->event.flags = item->put.flags;
		if (result == STORE_OK)
			result = route_item(s, item);
	}
	if (result == STORE_OK && last_number(s) > 0)
		result = s->ops->journaled(s->store, last_number(s));
	return result;
}

/* ---- acknowledging ---- */

static struct acks_item
make_ack(struct intake_item *item)
{
	bool duplicate = item->status == WIRE_DUPLICATE;
	struct acks_item made = {.ack = {.seq = item->target.seq,
				     .status = item->status,
				     .revived = ""}};

	memcpy(made.link, item->target.link, WIRE_LINK_LEN);
	memcpy(made.ack.id, duplicate ? item->put.id : item->event.id,
	    EVENT_ID_LEN);
	if (duplicate)
		made.ack.revived = buf_str(&item->put.revived);
	return made;
}

void
intake_acknowledge(struct server *s)
{
	struct acks_item acks[BATCH_EVENTS];
	size_t n = 0;

	for (size_t i = 0; i < s->intake.n; i++)
		if (s->intake.items[i].number == 0 &&
		    s->intake.items[i].target.seq != 0)
			acks[n++] = make_ack(&s->intake.items[i]);
	acks_send(landing_control(s->landing), s->boot, acks, n);
}

/* Whoever has seen a request can send it again, and again. */
static void
tell_flags(struct server *s, const struct intake_item *item)
{
	static struct log_limit limit;
	const struct event *event = &item->event;
	char id[EVENT_ID_TEXT_SIZE], flags[EVENT_FLAGS_SIZE];
	unsigned suppressed;

	stats_flags(s->stats, event->source, event->flags);
	if (!log_allow(&limit, LOG_LINES, clock_boot_ms(), &suppressed))
		return;
	event_id_format(event->id, id);
	event_flags_format(event->flags, flags);
	log_warn("flagged", log_str("id", id), log_str("source", event->source),
	    log_str("key", event->key), log_str("flags", flags),
	    log_str(
		"status", item->status == WIRE_REFUSED ? "refused" : "stored"),
	    log_suppressed(suppressed));
}

static void
count_routed(struct server *s, const struct intake_item *item)
{
	if (item->unmatched)
		stats_unmatched(s->stats, item->event.source);
	stats_beyond(s->stats, STATS_LIMIT_MAX_PENDING, item->overflows);
	feed_passed(s, item->put.seq);
}

static void
hand_over(struct server *s, const struct intake_item *item)
{
	if (item->event.flags != 0 && item->status != WIRE_UNAVAILABLE)
		tell_flags(s, item);

	if (item->status == WIRE_STORED || item->status == WIRE_DUPLICATE)
		stats_event(s->stats, item->event.source,
		    item->status == WIRE_DUPLICATE, clock_wall_ms());
	if (item->routed)
		count_routed(s, item);
	else if (item->status == WIRE_STORED && item->put.what == STORE_PUT_NEW)
		feed_fresh(s, item->put.seq, &item->event);
	else if (item->status == WIRE_DUPLICATE && item->put.rerouted)
		feed_again(s, item->put.seq);
	/* Revived deliveries are due at once. */
	if (item->status == WIRE_DUPLICATE && item->put.revived.len > 0)
		apply_due(s, NULL);
}

/* What is done with, to be told at once. */
struct done {
	size_t frames;
	size_t bytes;
	uint64_t upto;
};

static void
let_go(struct server *s, struct intake_item *item, struct done *done)
{
	size_t size = zmq_msg_size(&item->message);

	done->frames++;
	done->bytes += size;
	if (item->number > done->upto)
		done->upto = item->number;
	s->intake.bytes -= size;
	s->intake.unanswered -= item->number == 0;
	drop_item(item);
}

void
intake_finish(struct server *s)
{
	struct done done = {0};

	stats_beyond(s->stats, STATS_LIMIT_JOURNAL, s->intake.unanswered);
	for (size_t i = 0; i < s->intake.n; i++) {
		hand_over(s, &s->intake.items[i]);
		let_go(s, &s->intake.items[i], &done);
	}
	s->intake.n = 0;
	landing_done(s->landing, done.frames, done.bytes, done.upto);
}

/* Its message points to the same bytes afterwards. */
static void
move_item(struct intake_item *to, struct intake_item *from)
{
	if (to == from)
		return;
	*to = *from;
	(void)zmq_msg_init(&to->message);
	(void)zmq_msg_move(&to->message, &from->message);
	drop_item(from);
}

static void
refuse_item(struct server *s, struct intake_item *item)
{
	if (item->valid) {
		item->status = WIRE_UNAVAILABLE;
		stats_beyond(s->stats, STATS_LIMIT_RESERVE, 1);
	}
}

void
intake_refuse(struct server *s)
{
	struct intake_item *items = s->intake.items;
	struct done done = {0};
	size_t kept = 0, i;

	for (i = 0; i < s->intake.n; i++)
		if (items[i].number == 0)
			refuse_item(s, &items[i]);
	intake_acknowledge(s);
	for (i = 0; i < s->intake.n; i++) {
		buf_clear(&items[i].put.revived);
		items[i].routed = false;
		if (items[i].number == 0)
			let_go(s, &items[i], &done);
		else
			move_item(&items[kept++], &items[i]);
	}
	s->intake.n = kept;
	landing_done(s->landing, done.frames, done.bytes, 0);
}
