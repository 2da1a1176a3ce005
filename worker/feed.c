/* Unrouted events and exhausted deliveries, from the store to the dispatcher:
 * never more than it may hold. */

#include "../shared/log.h"
#include "server_impl.h"

void
feed_start(struct server *s)
{
	/* Whatever an earlier life left behind. */
	s->feed = (struct feed){
	    .backlog = true, .filtered_backlog = true, .letters = true};
}

static bool
has_room(const struct feed *feed)
{
	return feed->held < FEED_EVENTS && feed->held_bytes < FEED_BYTES;
}

/* Hand one event over; it is the dispatcher's.  -1 without memory. */
static int
push_event(struct server *s, int64_t seq, struct event *event, bool filtered)
{
	struct task *task = task_new(TASK_ROUTE);

	if (task == NULL || event == NULL) {
		event_free(event);
		task_free(task);
		return -1;
	}
	s->feed.held_bytes += event_size(event);
	s->feed.held++;
	if (filtered && s->feed.n_filtered < FEED_FILTERED)
		s->feed.filtered[s->feed.n_filtered++] = seq;
	task->seq = seq;
	task->event = event;
	task->filtered = filtered;
	dispatch_push(s->dispatch, task);
	return 0;
}

void
feed_passed(struct server *s, int64_t seq)
{
	/* one before it may have found no room in the same batch */
	if (!s->feed.backlog)
		s->feed.cursor = seq;
}

void
feed_fresh(struct server *s, int64_t seq, const struct event *event)
{
	struct feed *feed = &s->feed;

	if (feed->backlog || s->stopping || !has_room(feed) ||
	    push_event(s, seq, event_copy(event), false) != 0) {
		feed->backlog = true;
		return;
	}
	feed->cursor = seq;
}

void
feed_again(struct server *s, int64_t seq)
{
	if (s->feed.cursor >= seq)
		s->feed.cursor = seq - 1;
	s->feed.backlog = true;
}

static void
forget_filtered(struct feed *feed, int64_t seq)
{
	unsigned i;

	for (i = 0; i < feed->n_filtered; i++)
		if (feed->filtered[i] == seq) {
			feed->filtered[i] = feed->filtered[--feed->n_filtered];
			return;
		}
}

void
feed_answered(struct server *s, const struct task *task)
{
	struct feed *feed = &s->feed;

	/* Some of its filters are still being asked. */
	if (!task->whole && task->filtered)
		return;
	if (!task->whole) {
		if (feed->filtered_cursor >= task->seq)
			feed->filtered_cursor = task->seq - 1;
		feed->filtered_backlog = true;
	}
	forget_filtered(feed, task->seq);
	if (feed->held > 0) {
		/* Sizes are not kept apart: each takes its share with it. */
		feed->held_bytes -= feed->held_bytes / feed->held;
		feed->held--;
	}
}

/* Read unrouted events behind a cursor; returns how many were handed over. */
static unsigned
read_events(struct server *s, bool filtered, int64_t *cursor, bool *backlog)
{
	struct store_unrouted page = {
	    .filtered = filtered, .after = *cursor, .n = STORE_UNROUTED_MAX};
	unsigned i;

	if (s->ops->unrouted(s->store, &page) != STORE_OK)
		return 0;
	*backlog = page.found > 0;
	for (i = 0; i < page.found; i++) {
		if (push_event(s, page.seqs[i], page.events[i], filtered) == 0)
			*cursor = page.seqs[i];
		else
			*backlog = true;
	}
	return page.found;
}

static void
feed_events(struct server *s)
{
	struct feed *feed = &s->feed;

	while (feed->backlog && has_room(feed))
		if (read_events(s, false, &feed->cursor, &feed->backlog) == 0)
			break;
	/* Those that wait for filters come again when the last ones are done.
	 */
	if (feed->filtered_backlog && feed->n_filtered == 0 && has_room(feed))
		(void)read_events(
		    s, true, &feed->filtered_cursor, &feed->filtered_backlog);
}

static void
feed_letters(struct server *s)
{
	struct store_delivery *list = NULL, *next;
	struct task *task;

	if (!s->feed.letters || s->feed.letters_held > 0 ||
	    s->ops->exhausted(s->store, FEED_LETTERS, &list) != STORE_OK)
		return;
	s->feed.letters = list != NULL;
	for (; list != NULL; list = next) {
		next = list->next;
		list->next = NULL;
		if ((task = task_new(TASK_BURY)) == NULL) {
			store_delivery_free(list);
			continue;
		}
		task->delivery = list;
		s->feed.letters_held++;
		dispatch_push(s->dispatch, task);
	}
}

void
feed_more(struct server *s)
{
	if (s->stopping)
		return;
	feed_events(s);
	feed_letters(s);
}
