#include "server.h"

#include <sys/signalfd.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../shared/clock.h"
#include "../shared/log.h"
#include "../shared/notify.h"
#include "ask.h"
#include "server_impl.h"

enum {
	RETRY_MS = 200,
	/* Events that are acknowledged wait so long for others, unless so many
	 * have come, or so few came the last time. */
	GATHER_MS = 10,
	GATHER_EVENTS = 128,
	GATHER_FROM = 8,
	TIDY_MS = 2000,
	WAIT_MS = 20,
	QUIET_MS = 250, /* since the last batch */
};

/* ---- one commit ---- */

static enum store_result
run_batch(struct server *s, bool with_intake)
{
	enum store_result result = s->ops->begin(s->store);
	bool with_hours = s->hours_due;
	int64_t start_us;

	/* Should they be what there is no room for, the next batch goes without
	 * them, and the next beat brings them again. */
	s->hours_due = false;
	if (result == STORE_OK && with_intake)
		result = intake_put(s);
	if (result == STORE_OK)
		result = apply_tasks(s);
	/* What is told about a task is committed with it. */
	if (result == STORE_OK)
		result = tell_put(s);
	if (result == STORE_OK && with_hours)
		result = hours_save(s->hours, s->ops, s->store);
	if (result == STORE_OK) {
		start_us = clock_boot_us();
		result = s->ops->commit(s->store);
		s->sync_us = clock_boot_us() - start_us;
	}
	if (result == STORE_OK) {
		tell_told(s);
		s->committed_at_ms = clock_boot_ms();
		stats_commit(
		    s->stats, s->sync_us, with_intake ? s->intake.n : 0);
		if (with_hours)
			hours_saved(s->hours);
		return result;
	}
	s->ops->rollback(s->store);
	apply_forget(s);
	s->stopped = false; /* a TASK_STOPPED is applied again, too */
	return result;
}

void
server_check_room(struct server *s)
{
	struct store_space space;
	bool was_full = s->full;

	if (s->ops->space(s->store, &space) != STORE_OK)
		return;
	s->space = space;
	s->room = space.free_bytes - s->store_config.reserve;
	s->full = s->room <= 0;
	if (s->landing != NULL)
		landing_hold(s->landing, s->full);
	if (s->full && !was_full)
		log_error("store_full",
		    log_str("reason", "free space is under reserve"),
		    log_int("free_bytes", space.free_bytes),
		    log_int("reserve", s->store_config.reserve));
	else if (was_full && !s->full)
		log_info(
		    "store_has_room", log_int("free_bytes", space.free_bytes));
}

static void
no_room(struct server *s)
{
	if (!s->full)
		log_error(
		    "store_full", log_str("reason", "a commit found no room"));
	s->full = true;
	landing_hold(s->landing, true);
	s->retry_at_ms = clock_boot_ms() + RETRY_MS;
}

/* The batch failed for want of room: senders are told, the dispatcher's tasks
 * are tried alone: the reserve is for them. */
static enum store_result
without_intake(struct server *s)
{
	no_room(s);
	intake_refuse(s);
	return s->kept != NULL ? run_batch(s, false) : STORE_OK;
}

static void
take_tasks(struct server *s)
{
	struct task **tail = &s->kept;
	uint64_t count;

	(void)!read(s->wake_fd, &count, sizeof(count));
	while (*tail != NULL)
		tail = &(*tail)->next;
	*tail = asked_fetched(s, tasks_take(s->inbox));
	tell_tasks(s, *tail);
}

/* The batch's events and tasks; those of the journal, which are promised, also
 * into the reserve. */
static enum store_result
store_round(struct server *s)
{
	enum store_result result = run_batch(s, true);

	if (result == STORE_FULL && s->intake.n > 0) {
		result = without_intake(s);
		if (result == STORE_OK)
			apply_finish(s);
	} else if (result == STORE_OK) {
		s->gathered = s->intake.n;
		s->gather_until_ms = clock_boot_ms() + GATHER_MS;
		intake_acknowledge(s);
		apply_finish(s);
		intake_finish(s);
	}
	return result;
}

/* Nobody waits for what is there, and one commit for many costs less than two
 * for few each. */
static bool
gathers(const struct server *s)
{
	return s->kept == NULL && s->intake.n > 0 &&
	       s->intake.n < GATHER_EVENTS && s->intake.unanswered == 0 &&
	       !tell_is_due(s) && s->gathered >= GATHER_FROM &&
	       clock_boot_ms() < s->gather_until_ms;
}

/* Everything that is there, in one commit.  Whether there was anything. */
static bool
serve_round(struct server *s, bool at_once)
{
	size_t bytes = s->intake.bytes;
	enum store_result result;

	take_tasks(s);
	intake_receive(s);
	if (s->intake.bytes > bytes) {
		/* Stored, an event takes about twice its bytes until the next
		 * checkpoint. */
		s->room -= 2 * (int64_t)(s->intake.bytes - bytes);
		if (s->room <= 0)
			server_check_room(s);
	}
	if (s->full && s->intake.n > 0)
		intake_refuse(s);
	if ((s->intake.n == 0 && s->kept == NULL && !tell_is_due(s)) ||
	    (s->full && clock_boot_ms() < s->retry_at_ms) ||
	    (!at_once && gathers(s)))
		return false;
	result = store_round(s);
	if (result == STORE_FULL)
		no_room(s);
	else if (result != STORE_OK)
		s->failed = true;
	return true;
}

void
server_catch_up(struct server *s)
{
	uint64_t came = landing_settle(s->landing);

	while (!s->failed && landing_gone(s->landing) < came)
		if (!serve_round(s, true))
			break;
}

/* ---- what is done now and then ---- */

static bool
purge(struct server *s)
{
	enum store_result result = s->ops->begin(s->store);
	bool more = false;

	if (result == STORE_OK)
		result = s->ops->purge(s->store, clock_wall_ms(), &more);
	if (result == STORE_OK)
		result = s->ops->commit(s->store);
	if (result != STORE_OK)
		s->ops->rollback(s->store);
	if (result == STORE_BROKEN)
		s->failed = true;
	return result == STORE_OK && more;
}

static void
refresh_counts(struct server *s)
{
	int64_t unmatched;

	free(s->counts);
	s->counts = NULL;
	s->n_counts = 0;
	if (s->ops->counts(s->store, &s->counts, &s->n_counts, &s->unrouted,
		&unmatched) != STORE_OK)
		s->n_counts = 0;
}

/* From this thread: a disk that hangs is seen by the watchdog too. */
static void
sign_of_life(const struct server *s)
{
	char status[64];

	(void)snprintf(status, sizeof(status), "%s, gateways linked: %zu",
	    s->stopping ? "stopping" : control_state(s), links_count(s->links));
	notify_alive(status);
}

static void
beat(struct server *s, int64_t boot_ms)
{
	server_check_room(s);
	control_beat(s, boot_ms);
	s->beat_at_ms = boot_ms + BEAT_MS;
	sign_of_life(s);
	server_hours_feed(s, boot_ms);
	tell_look(s, boot_ms);
	refresh_counts(s);
	s->purging = true;
}

/* The counters alone, when no batch has come that could take them along. */
static void
save_hours(struct server *s)
{
	if (!s->hours_due || s->kept != NULL)
		return;
	if (run_batch(s, false) == STORE_BROKEN)
		s->failed = true;
}

/* Work for when nothing waits; whether there is more. */
static bool
serve_idle(struct server *s)
{
	save_hours(s);
	if (s->unmatching) {
		server_unmatch(s);
		return true;
	}
	if (s->tell.searching) {
		tell_look_back(s);
		return true;
	}
	if (s->purging) {
		s->purging = purge(s);
		return true;
	}
	return s->ops->idle(
	    s->store, clock_boot_ms() >= s->committed_at_ms + QUIET_MS);
}

/* ---- the loop ---- */

static void
on_signal(struct server *s)
{
	struct signalfd_siginfo info;
	struct task *task;

	while (read(s->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGHUP || info.ssi_signo == SIGUSR2) {
			server_reload(s);
			continue;
		}
		if (s->stopping || (task = task_new(TASK_STOP)) == NULL)
			continue;
		log_info("stopping",
		    log_int("stop_after_ms", s->worker->stop_after_ms));
		s->stopping = true;
		notify_stopping();
		dispatch_push(s->dispatch, task);
	}
}

static void
serve_once(struct server *s, bool *busy)
{
	zmq_pollitem_t items[] = {
	    {.socket = s->control, .events = ZMQ_POLLIN},
	    {.socket = s->admin, .events = ZMQ_POLLIN},
	    {.fd = s->signal_fd, .events = ZMQ_POLLIN},
	    {.fd = s->wake_fd, .events = ZMQ_POLLIN},
	};
	int64_t now_ms = clock_boot_ms(), wait_ms = s->beat_at_ms - now_ms;
	struct store_backup backup;

	if ((s->kept != NULL || (s->full && s->intake.n > 0)) &&
	    s->retry_at_ms - now_ms < wait_ms)
		wait_ms = s->retry_at_ms - now_ms;
	if (s->intake.n > 0 && s->gather_until_ms - now_ms < wait_ms)
		wait_ms = s->gather_until_ms - now_ms;
	if (*busy || wait_ms < 0)
		wait_ms = 0;
	if (zmq_poll(items, 4, (long)wait_ms) < 0 && errno != EINTR) {
		log_error("poll_failed", log_str("error", strerror(errno)));
		s->failed = true;
		return;
	}
	if (items[2].revents != 0)
		on_signal(s);
	if (items[0].revents != 0)
		control_receive(s);
	s->failed |= landing_failed(s->landing);
	*busy = serve_round(s, false);
	feed_more(s);
	if (items[1].revents != 0)
		control_admin(s);
	if (clock_boot_ms() >= s->beat_at_ms)
		beat(s, clock_boot_ms());
	if (!*busy)
		*busy = serve_idle(s);
	/* A backup goes on however much there is to do: it comes to an end. */
	if (s->ops->backup_step(s->store, &backup))
		*busy = true;
}

static bool
is_drained(struct server *s)
{
	return landing_drained(s->landing) &&
	       landing_gone(s->landing) == landing_came(s->landing);
}

/* No attempt runs any more: take in what has arrived, then leave. */
static void
serve_last(struct server *s)
{
	struct pollfd wait = {.fd = s->wake_fd, .events = POLLIN};
	int64_t until_ms = clock_boot_ms() + TIDY_MS;

	/* What the store would do when it is closed, it does while events are
	 * still taken in: the gap until the next start stays short. */
	while (!s->failed && clock_boot_ms() < until_ms &&
	       s->ops->idle(s->store, true))
		(void)serve_round(s, true);
	/* This beat says `draining`: gateways send nothing more. */
	control_beat(s, clock_boot_ms());
	landing_drain(s->landing);
	until_ms = clock_boot_ms() + TIDY_MS;
	while (!s->failed && clock_boot_ms() < until_ms && !is_drained(s)) {
		if (!serve_round(s, true))
			(void)poll(&wait, 1, WAIT_MS);
		s->failed |= landing_failed(s->landing);
	}
	server_hours_feed(s, clock_boot_ms());
	save_hours(s);
}

int
server_run(struct server *s)
{
	bool busy = true;

	while (!s->failed && !s->stopped)
		serve_once(s, &busy);
	if (!s->failed)
		serve_last(s);
	if (s->failed) {
		log_error("stopped", log_str("reason", "see the line above"));
		return -1;
	}
	log_info("stopped", LOG_NONE);
	return 0;
}
