#include <stdlib.h>
#include <string.h>

#include "../shared/log.h"
#include "link_impl.h"
#include "rank.h"

/* ---- the sends of a waiter ---- */

/* How many of its sends may still be acknowledged. */
static size_t
outstanding(const struct waiter *waiter)
{
	size_t n = 0;

	for (size_t i = 0; i < waiter->n_sends; i++)
		n += waiter->sends[i]->credit != NULL;
	return n;
}

static bool
is_waiting_at(const struct waiter *waiter, const struct peer *peer)
{
	for (size_t i = 0; i < waiter->n_sends; i++) {
		if (waiter->sends[i]->credit != NULL &&
		    waiter->sends[i]->peer == peer)
			return true;
	}
	return false;
}

static void
forget_send(struct waiters *waiters, struct waiter *waiter, size_t at)
{
	sends_forget(waiters->sends, waiter->sends[at]);
	waiter->n_sends--;
	memmove(&waiter->sends[at], &waiter->sends[at + 1],
	    (waiter->n_sends - at) * sizeof(struct send *));
}

/* No worker has it any more. */
static void
become_unsent(struct waiters *waiters, struct waiter *waiter, int64_t now_ms)
{
	waiter->unsent_ms = now_ms;
	waiter->next_ms = now_ms;
	waiters->n_unsent++;
}

/* ---- answering ---- */

static void
finish(
    struct waiters *waiters, struct waiter *waiter, struct link_answer *answer)
{
	if (outstanding(waiter) == 0)
		waiters->n_unsent--;
	while (waiter->n_sends > 0)
		forget_send(waiters, waiter, waiter->n_sends - 1);
	if (waiter->prev != NULL)
		waiter->prev->next = waiter->next;
	else
		waiters->first = waiter->next;
	if (waiter->next != NULL)
		waiter->next->prev = waiter->prev;
	else
		waiters->last = waiter->prev;
	waiters->n--;
	(void)atomic_fetch_sub(
	    waiters->parked_bytes, waiter->frame.len + LINK_OVERHEAD);
	answer->parked = atomic_fetch_sub(waiters->parked, 1) - 1;
	waiters->answer(waiter->owner, answer);
	buf_clear(&waiter->frame);
	free(waiter);
}

static void
finish_unavailable(struct waiters *waiters, struct waiter *waiter)
{
	struct link_answer answer = {.result = LINK_UNAVAILABLE,
	    .revived = "",
	    .worker = "",
	    .no_worker = !waiters_ready(waiters)};

	finish(waiters, waiter, &answer);
}

/* A worker has decided. */
static void
finish_answered(struct waiters *waiters, struct waiter *waiter,
    const struct peer *peer, const struct wire_ack *ack)
{
	struct link_answer answer = {.result = LINK_STORED,
	    .revived = ack->revived,
	    .worker = peer_name(peer)};

	/* an event that came twice is its own copy: that is no duplicate */
	if (ack->status == WIRE_DUPLICATE &&
	    memcmp(ack->id, waiter->id, EVENT_ID_LEN) != 0)
		answer.result = LINK_DUPLICATE;
	if (ack->status == WIRE_REFUSED)
		answer.result = LINK_REFUSED;
	memcpy(answer.id,
	    answer.result == LINK_DUPLICATE ? ack->id : waiter->id,
	    EVENT_ID_LEN);
	finish(waiters, waiter, &answer);
}

/* ---- sending ---- */

static int
send_to(struct waiters *waiters, struct waiter *waiter, struct peer *peer,
    int64_t now_ms)
{
	struct wire_target target = {.seq = sends_seq(waiters->sends)};
	struct send what = {.waiter = waiter,
	    .peer = peer,
	    .seq = target.seq,
	    .bytes = waiter->frame.len,
	    .sent_ms = now_ms};
	struct send *send;

	what.boot = peer_boot(peer);
	send = sends_add(waiters->sends, &what, peer_credit(peer));
	if (send == NULL)
		return -1;
	if (peer_send(peer, &waiter->frame, &target) != 0) {
		send->waiter = NULL;
		sends_settle(waiters->sends, send);
		return -1;
	}
	if (waiter->n_sends == LINK_SENDS_MAX)
		forget_send(waiters, waiter, 0);
	waiter->sends[waiter->n_sends++] = send;
	waiter->next_ms = now_ms + waiter->third_ms;
	return 0;
}

/* Send to the next worker in the event's order that takes it.  False when
 * none of the rest does; the next try begins at the first again. */
static bool
try_send(struct waiters *waiters, struct waiter *waiter, int64_t now_ms)
{
	bool was_unsent = outstanding(waiter) == 0;

	while (waiter->place < waiters->n_peers) {
		struct peer *peer = waiters->peers[rank_pick(waiter->rank,
		    waiters->ranks, waiters->n_peers, waiter->place++)];

		if (!peer_takes(peer, waiter->frame.len) ||
		    is_waiting_at(waiter, peer) ||
		    send_to(waiters, waiter, peer, now_ms) != 0)
			continue;
		if (was_unsent)
			waiters->n_unsent--;
		return true;
	}
	waiter->place = 0;
	return false;
}

void
waiters_add(struct waiters *waiters, struct waiter *waiter, int64_t now_ms)
{
	waiter->next = NULL;
	waiter->prev = waiters->last;
	if (waiters->last != NULL)
		waiters->last->next = waiter;
	else
		waiters->first = waiter;
	waiters->last = waiter;
	waiters->n++;
	become_unsent(waiters, waiter, now_ms);
	(void)try_send(waiters, waiter, now_ms);
}

/* ---- what workers say ---- */

/* A worker did not take it: ask the next one, or all again after a pause. */
static void
on_refused(struct waiters *waiters, struct waiter *waiter, struct send *send,
    int64_t now_ms)
{
	size_t at = 0;

	while (waiter->sends[at] != send)
		at++;
	forget_send(waiters, waiter, at);
	if (outstanding(waiter) == 0)
		become_unsent(waiters, waiter, now_ms);
	if (!try_send(waiters, waiter, now_ms))
		waiter->next_ms = now_ms + LINK_PAUSE_MS;
}

/* A fault of a program, which perhaps a sender can cause. */
static void
log_invalid(struct waiters *waiters, const struct peer *peer, int64_t now_ms)
{
	unsigned suppressed;

	if (log_allow(&waiters->invalid, LOG_LINES, now_ms, &suppressed))
		log_error("event_refused", log_str("worker", peer_name(peer)),
		    log_str("reason", "invalid"), log_suppressed(suppressed));
}

void
waiters_acked(struct waiters *waiters, struct peer *peer, uint64_t boot,
    const struct wire_ack *ack, int64_t now_ms)
{
	struct send *send = sends_find(waiters->sends, ack->seq);
	struct waiter *waiter;

	if (send == NULL || send->peer != peer || send->boot != boot) {
		waiters->late_acks++;
		return;
	}
	waiter = send->waiter;
	waiters->kicked = true;
	if (waiter == NULL) {
		waiters->late_acks++;
		sends_settle(waiters->sends, send);
		return;
	}
	if (ack->status == WIRE_STORED || ack->status == WIRE_DUPLICATE ||
	    ack->status == WIRE_REFUSED) {
		finish_answered(waiters, waiter, peer, ack);
		/* released with its waiter unless it still holds credit */
		send = sends_find(waiters->sends, ack->seq);
		if (send != NULL)
			sends_settle(waiters->sends, send);
		return;
	}
	if (send->credit == NULL)
		return; /* of an earlier start, and sent again since */
	if (ack->status == WIRE_INVALID) {
		log_invalid(waiters, peer, now_ms);
		sends_settle(waiters->sends, send);
		waiters->n_unsent += outstanding(waiter) == 0;
		finish_unavailable(waiters, waiter);
		return;
	}
	sends_settle(waiters->sends, send);
	on_refused(waiters, waiter, send, now_ms);
}

void
waiters_lost(
    struct waiters *waiters, struct peer *peer, bool closed, int64_t now_ms)
{
	struct credit *credit = peer_credit(peer);

	while (credit->oldest != NULL) {
		struct send *send = credit->oldest;
		struct waiter *waiter = send->waiter;

		sends_settle(waiters->sends, send);
		if (waiter == NULL || outstanding(waiter) > 0)
			continue;
		become_unsent(waiters, waiter, now_ms);
		waiter->place = 0;
		waiter->lost += closed;
		/* perhaps it is this event that breaks connections */
		if (waiter->lost >= LINK_LOST_MAX)
			finish_unavailable(waiters, waiter);
	}
	waiters->kicked = true;
}

/* ---- time ---- */

bool
waiters_ready(const struct waiters *waiters)
{
	for (size_t i = 0; i < waiters->n_peers; i++) {
		if (peer_accepts(waiters->peers[i]))
			return true;
	}
	return false;
}

/* While no worker is up an event waits for half of its time at most. */
static bool
is_hopeless(
    const struct waiters *waiters, const struct waiter *waiter, int64_t now_ms)
{
	if (now_ms + LINK_EARLY_MS >= waiter->deadline_ms)
		return true;
	return outstanding(waiter) == 0 && !waiters_ready(waiters) &&
	       now_ms - waiter->unsent_ms >= waiter->third_ms * 3 / 2;
}

void
waiters_scan(struct waiters *waiters, int64_t now_ms)
{
	struct waiter *next;

	waiters->kicked = false;
	for (struct waiter *waiter = waiters->first; waiter != NULL;
	     waiter = next) {
		next = waiter->next;
		if (is_hopeless(waiters, waiter, now_ms)) {
			finish_unavailable(waiters, waiter);
			continue;
		}
		if (now_ms < waiter->next_ms)
			continue;
		if (!try_send(waiters, waiter, now_ms) &&
		    outstanding(waiter) > 0)
			waiter->next_ms = now_ms + waiter->third_ms;
	}
}

void
waiters_expire(struct waiters *waiters, int64_t now_ms)
{
	for (size_t i = 0; i < waiters->n_peers; i++) {
		struct credit *credit = peer_credit(waiters->peers[i]);

		while (credit->oldest != NULL &&
		       credit->oldest->waiter == NULL &&
		       now_ms - credit->oldest->sent_ms > LINK_ORPHAN_MS)
			sends_settle(waiters->sends, credit->oldest);
	}
}
