/* EVENTs: receive all there is, store them in one commit, acknowledge. */

#include <stdlib.h>
#include <string.h>

#include "../shared/clock.h"
#include "../shared/log.h"
#include "../shared/zsock.h"
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
		if (zsock_recv(s->data, &item->message, &intake->malformed) !=
		    0) {
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
	return result;
}

void
intake_refuse(struct server *s)
{
	size_t i;

	for (i = 0; i < s->intake.n; i++) {
		if (!s->intake.items[i].valid)
			continue;
		s->intake.items[i].status = WIRE_UNAVAILABLE;
		s->intake.items[i].routed = false;
		stats_beyond(s->stats, STATS_LIMIT_RESERVE, 1);
	}
}

/* ---- acknowledging ---- */

static int
compare_links(const void *a, const void *b)
{
	const struct intake_item *const *x = a, *const *y = b;

	return memcmp((*x)->target.link, (*y)->target.link, WIRE_LINK_LEN);
}

static void
send_acks(struct server *s, struct intake_item *const *items, size_t n)
{
	struct wire_ack acks[BATCH_EVENTS];
	struct buf frame = {0};
	size_t i;

	for (i = 0; i < n; i++) {
		acks[i] = (struct wire_ack){.seq = items[i]->target.seq,
		    .status = items[i]->status,
		    .revived = ""};
		if (items[i]->status == WIRE_DUPLICATE) {
			memcpy(acks[i].id, items[i]->put.id, EVENT_ID_LEN);
			acks[i].revived = buf_str(&items[i]->put.revived);
		} else {
			memcpy(acks[i].id, items[i]->event.id, EVENT_ID_LEN);
		}
	}
	/* A gateway that is gone sends the event again to whom it finds. */
	if (wire_put_acks(&frame, s->boot, acks, n) == 0)
		(void)zsock_send_to(s->control, items[0]->target.link,
		    WIRE_LINK_LEN, frame.p, frame.len);
	buf_clear(&frame);
}

/* One ACK frame for each link of the batch. */
static void
acknowledge(struct server *s)
{
	struct intake_item *items[BATCH_EVENTS];
	size_t n = 0, i, first;

	for (i = 0; i < s->intake.n; i++)
		if (s->intake.items[i].target.seq != 0)
			items[n++] = &s->intake.items[i];
	qsort(items, n, sizeof(items[0]), compare_links);
	for (first = 0; first < n; first = i) {
		for (i = first + 1; i < n; i++)
			if (compare_links(&items[first], &items[i]) != 0)
				break;
		send_acks(s, items + first, i - first);
	}
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

void
intake_finish(struct server *s)
{
	size_t i;

	acknowledge(s);
	for (i = 0; i < s->intake.n; i++) {
		hand_over(s, &s->intake.items[i]);
		drop_item(&s->intake.items[i]);
	}
	s->intake.n = 0;
	s->intake.bytes = 0;
}
