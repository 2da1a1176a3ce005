#include "dispatch.h"

#include <sys/eventfd.h>

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <curl/curl.h>

#include "../shared/clock.h"
#include "../shared/log.h"
#include "confirm.h"
#include "deadletters.h"
#include "dest.h"
#include "exchanges.h"
#include "fetch.h"
#include "flights.h"
#include "lane.h"
#include "outbox.h"
#include "routing.h"

struct dispatch {
	pthread_t thread;
	struct tasks *in;
	struct tasks *out;
	struct config *config;
	char *worker;
	int64_t stop_after_ms;
	struct spawn *spawn;
	struct spawn *others; /* gaff-run, or NULL */
	CURLM *multi;
	struct exchanges *exchanges; /* of the multi */
	int wake_fd;                 /* tasks have come */
	struct routing *routing;
	struct deadletters *letters;
	struct lanes lanes;
	struct outbox outbox;
	struct flights *flights;
	struct fetch *fetch;
	struct confirm *confirm;
	struct task *stopped; /* made at the start: it must come */
	bool stopping;
	bool cut;
	bool ended;
	bool again; /* something has ended: a slot may be free */
	bool woken; /* wake_fd says so */
	struct log_held held;
	int64_t stop_ms; /* boot clock: when to cut what runs */
	_Atomic int64_t letter_bytes;
};

static void
on_buried(void *arg, struct store_delivery *delivery)
{
	struct dispatch *d = arg;
	struct task *task = task_new(TASK_BURIED);

	if (task != NULL) {
		task->seq = delivery->seq;
		task->replay = delivery->replay;
		(void)memccpy(
		    task->route, delivery->route, '\0', sizeof(task->route));
		task->delivery = delivery;
		tasks_push(d->out, task);
	} else {
		/* The next start finds the file, and that it is the same. */
		log_error("no_memory", log_str("for", "dead_letter"));
		store_delivery_free(delivery);
	}
}

/* ---- tasks of the store thread ---- */

static void
take_route(struct dispatch *d, struct task *task)
{
	if (d->stopping) {
		task_free(task);
		return;
	}
	if (!task->filtered)
		confirm_take(d->confirm, d->config, task->event);
	routing_take(d->routing, task, d->config);
}

static void
take_deliver(struct dispatch *d, struct task *task)
{
	flights_take(d->flights, task, !d->stopping);
}

static void
take_claimed(struct dispatch *d, struct task *task)
{
	struct lane *lane = lanes_get(&d->lanes, task->route);
	int64_t wall = clock_wall_ms(), due = task->due_ms;

	if (lane != NULL) {
		lane_claimed(&d->lanes, lane);
		/* The store says more is due and gives nothing: not at once. */
		if (task->n == 0 && due <= wall)
			due = wall + LANE_EMPTY_MS;
		lane_due(lane, due, wall, clock_boot_ms());
	}
	task_free(task);
}

static void
take_due(struct dispatch *d, struct task *task)
{
	struct lane *lane = lanes_get(&d->lanes, task->route);

	if (lane != NULL)
		lane_due(lane, task->due_ms, clock_wall_ms(), clock_boot_ms());
	task_free(task);
}

static void
take_bury(struct dispatch *d, struct task *task)
{
	struct store_delivery *delivery = task->delivery;

	task->delivery = NULL;
	deadletters_add(d->letters, delivery,
	    dest_describe(config_route(d->config, delivery->route)));
	task_free(task);
}

/* Settings of the worker's own section. */
static void
use_worker(struct dispatch *d, const struct config_worker *worker)
{
	d->lanes.max_running = (unsigned)worker->max_running;
	d->stop_after_ms = worker->stop_after_ms;
}

static void
take_config(struct dispatch *d, struct task *task)
{
	const struct config_worker *worker =
	    config_worker(task->config, d->worker);

	if (d->others != NULL)
		spawn_reload(d->others);
	if (lanes_set(&d->lanes, task->config) != 0)
		log_error("no_memory", log_str("for", "routes"));
	config_unref(d->config);
	d->config = task->config;
	task->config = NULL;
	if (worker != NULL) {
		use_worker(d, worker);
		deadletters_set(d->letters, &worker->dead_letter);
	}
	task_free(task);
}

static void
take_pause(struct dispatch *d, struct task *task)
{
	struct lane *lane = lanes_get(&d->lanes, task->route);
	int64_t now = clock_wall_ms();

	if (lane != NULL) {
		lane_pause(
		    lane, task->paused, task->due_ms > 0 ? task->due_ms : now);
		if (!task->paused)
			lane_due(lane, now, now, clock_boot_ms());
	}
	task_free(task);
}

static void
take_stop(struct dispatch *d, struct task *task)
{
	int64_t wait = task->failed ? 0 : d->stop_after_ms;

	if (!d->stopping || task->failed)
		d->stop_ms = clock_boot_ms() + wait;
	d->stopping = true;
	task_free(task);
}

static void
push_fetched(struct dispatch *d, struct task *task)
{
	task->kind = TASK_FETCHED;
	tasks_push(d->out, task);
}

/* The task that asked comes back. */
static void
on_fetched(void *arg, struct fetch_result *result)
{
	struct dispatch *d = arg;
	struct task *task = task_new(TASK_FETCHED);

	if (task == NULL || (task->text = strdup(result->url)) == NULL) {
		log_error("no_memory", log_str("for", "fetch"));
		task_free(task);
		return;
	}
	task->failed = result->error != NULL;
	if (task->failed)
		(void)buf_add_str(&task->blob, result->error);
	else
		task->blob = result->bytes;
	if (!task->failed)
		result->bytes = (struct buf){0};
	task->due_ms = result->fresh_ms;
	task->n = (unsigned)result->ms;
	push_fetched(d, task);
}

static const char *
ca_file(const struct dispatch *d)
{
	const struct config_worker *worker =
	    config_worker(d->config, d->worker);

	return worker != NULL ? worker->ca_file : NULL;
}

static void
take_fetch(struct dispatch *d, struct task *task)
{
	const struct fetch_options options = {.url = task->text,
	    .ca_file = ca_file(d),
	    .timeout_ms = task->due_ms};

	if (!d->stopping && fetch_start(d->fetch, &options) == 0) {
		task_free(task);
		return;
	}
	task->failed = true;
	(void)buf_add_str(&task->blob, d->stopping ? "stopping" : "no memory");
	push_fetched(d, task);
}

static void (*const takers[TASK__MAX])(
    struct dispatch *d, struct task *task) = {
    [TASK_ROUTE] = take_route,
    [TASK_DELIVER] = take_deliver,
    [TASK_CLAIMED] = take_claimed,
    [TASK_DUE] = take_due,
    [TASK_BURY] = take_bury,
    [TASK_CONFIG] = take_config,
    [TASK_PAUSE] = take_pause,
    [TASK_FETCH] = take_fetch,
    [TASK_STOP] = take_stop,
};

static void
take_tasks(struct dispatch *d)
{
	struct task *task, *next;
	uint64_t count;

	if (d->woken)
		(void)!read(d->wake_fd, &count, sizeof(count));
	for (task = tasks_take(d->in); task != NULL; task = next) {
		next = task->next;
		task->next = NULL;
		if (takers[task->kind] != NULL)
			takers[task->kind](d, task);
		else
			task_free(task);
	}
}

/* ---- claims ---- */

static void
claim(struct dispatch *d, struct lane *lane, unsigned n)
{
	struct task *task = task_new(TASK_CLAIM);

	if (task == NULL)
		return; /* with the next turn of the loop */
	(void)memccpy(task->route, lane->name, '\0', sizeof(task->route));
	task->n = n;
	lane_claim(&d->lanes, lane, n);
	outbox_put(&d->outbox, task, false);
}

/* Start what stands ready, and claim more.  Each time another route comes
 * first: slots of programs are scarce. */
static void
serve_lanes(struct dispatch *d)
{
	struct lanes *lanes = &d->lanes;
	int64_t now = clock_boot_ms();
	size_t live = lanes_turn(lanes);

	for (size_t i = 0; i < live; i++) {
		struct lane *lane = lanes_live(lanes, i, live);
		unsigned n;

		flights_next(d->flights, lane, !d->stopping);
		n = d->stopping ? 0 : lane_wants(lanes, lane, now);
		if (n > 0)
			claim(d, lane, n);
	}
}

/* ---- the end ---- */

static void
push_stopped(struct dispatch *d, bool failed)
{
	struct task *task = d->stopped;

	d->ended = true;
	d->stopped = NULL;
	task->failed = failed;
	outbox_put(&d->outbox, task, false);
	outbox_send(&d->outbox);
}

static bool
is_claiming(const struct dispatch *d)
{
	for (size_t i = 0; i < d->lanes.n; i++)
		if (d->lanes.items[i]->claiming)
			return true;
	return false;
}

/* Cut what has run too long, and see whether all is over. */
static void
stop(struct dispatch *d)
{
	int64_t now = clock_boot_ms();

	if (!d->cut && now >= d->stop_ms) {
		d->cut = true;
		flights_cut(d->flights);
	}
	if (now >= d->stop_ms + DISPATCH_CUT_MS ||
	    (!flights_any(d->flights) &&
		(!is_claiming(d) || now >= d->stop_ms + DISPATCH_CLAIM_MS)))
		push_stopped(d, false);
}

/* ---- the loop ---- */

static int64_t
min64(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int
timeout_ms(const struct dispatch *d)
{
	int64_t now = clock_boot_ms(), due;

	due = min64(filter_due_ms(routing_filter(d->routing)),
	    deadletters_due_ms(d->letters));
	due = min64(due, d->outbox.due_ms);
	due = min64(due, exchanges_due_ms(d->exchanges));
	if (d->stopping)
		due = min64(due, d->stop_ms > now ? d->stop_ms : now + 50);
	else
		due = min64(min64(due, lanes_due_ms(&d->lanes)),
		    confirm_due_ms(d->confirm));
	if (d->again || due <= now)
		return 0;
	return due - now < 60000 ? (int)(due - now) : 60000;
}

static void
add_wait(struct pollfd fds[], nfds_t *n, int fd, bool writing)
{
	fds[(*n)++] = (struct pollfd){
	    .fd = fd, .events = writing ? POLLIN | POLLOUT : POLLIN};
}

static void
wait_for_work(struct dispatch *d)
{
	const struct filter *filter = routing_filter(d->routing);
	struct pollfd fds[5];
	nfds_t n = 0;

	add_wait(fds, &n, d->wake_fd, false);
	add_wait(fds, &n, exchanges_fd(d->exchanges), false);
	add_wait(fds, &n, spawn_fd(d->spawn), spawn_wants_write(d->spawn));
	if (d->others != NULL)
		add_wait(
		    fds, &n, spawn_fd(d->others), spawn_wants_write(d->others));
	if (filter_fd(filter) >= 0)
		add_wait(
		    fds, &n, filter_fd(filter), filter_wants_write(filter));
	(void)poll(fds, n, timeout_ms(d));
	d->woken = fds[0].revents != 0;
}

static void *
run(void *arg)
{
	struct dispatch *d = arg;

	log_hold(&d->held);
	while (!d->ended) {
		/* what is told of results goes with them */
		if (d->outbox.first == NULL)
			log_release();
		wait_for_work(d);
		take_tasks(d);
		exchanges_run(d->exchanges);
		(void)flights_ready(d->flights);
		if (spawn_pump(d->spawn) != 0 ||
		    (d->others != NULL && spawn_pump(d->others) != 0)) {
			push_stopped(d, true);
			break;
		}
		filter_pump(routing_filter(d->routing));
		if (deadletters_due_ms(d->letters) <= clock_boot_ms())
			deadletters_step(d->letters);
		atomic_store(&d->letter_bytes, deadletters_used(d->letters));
		serve_lanes(d);
		exchanges_begin(d->exchanges);
		d->again = flights_ready(d->flights);
		outbox_send(&d->outbox);
		if (d->stopping)
			stop(d);
		else
			confirm_step(d->confirm, ca_file(d));
	}
	log_hold(NULL);
	return NULL;
}

/* ---- from outside ---- */

static void
wake(void *arg)
{
	const struct dispatch *d = arg;
	const uint64_t one = 1;

	(void)!write(d->wake_fd, &one, sizeof(one));
}

static void
dispatch_free(struct dispatch *d)
{
	if (d == NULL)
		return;
	flights_close(d->flights);
	fetch_close(d->fetch);
	confirm_close(d->confirm);
	routing_close(d->routing);
	deadletters_close(d->letters);
	lanes_clear(&d->lanes);
	outbox_clear(&d->outbox);
	tasks_free(d->in);
	task_free(d->stopped);
	exchanges_close(d->exchanges);
	if (d->multi != NULL)
		(void)curl_multi_cleanup(d->multi);
	if (d->wake_fd >= 0)
		close(d->wake_fd);
	spawn_close(d->spawn);
	spawn_close(d->others);
	config_unref(d->config);
	free(d->worker);
	free(d);
}

/* 0 or -1, logged. */
static int
open_parts(struct dispatch *d, const struct dispatch_options *options)
{
	d->config = config_ref(options->config);
	d->worker = strdup(options->worker->name);
	d->in = tasks_new(wake, d);
	(void)curl_global_init(CURL_GLOBAL_DEFAULT);
	d->multi = curl_multi_init();
	d->stopped = task_new(TASK_STOPPED);
	if (d->worker == NULL || d->in == NULL || d->multi == NULL ||
	    d->wake_fd < 0 || d->stopped == NULL ||
	    lanes_set(&d->lanes, d->config) != 0) {
		log_error("no_memory", log_str("for", "dispatch"));
		return -1;
	}
	use_worker(d, options->worker);
	d->exchanges = exchanges_open(d->multi);
	d->flights =
	    flights_open(&(struct flights_means){d->spawn, d->others, d->multi},
		&d->lanes, &d->outbox);
	d->letters = deadletters_open(
	    &options->worker->dead_letter, d->worker, on_buried, d);
	d->routing = routing_open(d->spawn, d->out);
	d->fetch = fetch_open(d->multi, on_fetched, d);
	d->confirm = confirm_open(d->multi, d->out);
	return d->exchanges != NULL && d->flights != NULL &&
		       d->letters != NULL && d->routing != NULL &&
		       d->fetch != NULL && d->confirm != NULL
		   ? 0
		   : -1;
}

/* Signals are the store thread's. */
static int
start_thread(struct dispatch *d)
{
	sigset_t all, old;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	error = pthread_create(&d->thread, NULL, run, d);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (error != 0)
		log_error("no_thread", log_str("error", strerror(error)));
	return error == 0 ? 0 : -1;
}

struct dispatch *
dispatch_start(const struct dispatch_options *options)
{
	struct dispatch *d = calloc(1, sizeof(*d));

	if (d == NULL) {
		log_error("no_memory", log_str("for", "dispatch"));
		spawn_close(options->spawn);
		spawn_close(options->others);
		return NULL;
	}
	d->spawn = options->spawn;
	d->others = options->others;
	d->out = options->out;
	d->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	outbox_init(&d->outbox, d->out);
	atomic_init(&d->letter_bytes, -1);
	if (open_parts(d, options) != 0 || start_thread(d) != 0) {
		dispatch_free(d);
		return NULL;
	}
	return d;
}

void
dispatch_push(struct dispatch *dispatch, struct task *task)
{
	tasks_push(dispatch->in, task);
}

void
dispatch_push_all(struct dispatch *dispatch, struct task *list)
{
	tasks_push_all(dispatch->in, list);
}

int64_t
dispatch_letter_bytes(const struct dispatch *dispatch)
{
	return atomic_load(&dispatch->letter_bytes);
}

void
dispatch_join(struct dispatch *dispatch)
{
	if (dispatch == NULL)
		return;
	(void)pthread_join(dispatch->thread, NULL);
	dispatch_free(dispatch);
}
