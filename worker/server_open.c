/* The server's parts, opened in order and closed. */

#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/signalfd.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../shared/clock.h"
#include "../shared/log.h"
#include "../shared/notify.h"
#include "../shared/zsock.h"
#include "ask.h"
#include "server.h"
#include "server_impl.h"

static void
wake(void *arg)
{
	const struct server *s = arg;
	const uint64_t one = 1;

	(void)!write(s->wake_fd, &one, sizeof(one));
}

static int
open_signals(struct server *s)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGUSR1);
	(void)sigaddset(&set, SIGUSR2);
	(void)sigaddset(&set, SIGHUP);
	if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
		return -1;
	s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	s->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return s->signal_fd == -1 || s->wake_fd == -1 ? -1 : 0;
}

static int
open_sockets(struct server *s, struct landing_options *landing)
{
	const struct zsock_options data = {
	    .max_message = server_frame_max(s->config)};
	const struct config_worker *w = s->worker;

	if ((s->context = zmq_ctx_new()) == NULL)
		return -1;
	landing->data = zsock_new(s->context, ZSOCK_DATA_IN, &data);
	landing->control = zsock_new(s->context, ZSOCK_CONTROL_IN, NULL);
	s->admin = zsock_new(s->context, ZSOCK_ADMIN_IN, NULL);
	if (landing->data == NULL || landing->control == NULL ||
	    s->admin == NULL)
		return -1;
	if (zsock_bind(s->admin, w->admin, 0600, NULL, &s->lock_fds[0]) != 0 ||
	    zsock_bind(landing->control, w->control, 0660, w->group,
		&s->lock_fds[1]) != 0 ||
	    zsock_bind(
		landing->data, w->data, 0660, w->group, &s->lock_fds[2]) != 0)
		return -1;
	return 0;
}

/* A store that has none, or no room for it, acknowledges itself. */
static int
open_journal(struct server *s, struct landing_options *landing)
{
	struct store_journal journal;

	if (s->ops->journal == NULL)
		return 0;
	s->ops->journal(s->store, &journal);
	landing->known = s->ops->known(s->store);
	return journal_open(
	    journal.path, journal.store, journal.upto, &landing->journal);
}

static int
open_landing(struct server *s)
{
	struct landing_options options = {
	    .boot = s->boot, .wake = wake, .arg = s};

	if (open_journal(s, &options) == 0 && open_sockets(s, &options) == 0) {
		options.context = s->context;
		s->landing = landing_start(&options);
	} else {
		zsock_close(options.data);
		zsock_close(options.control);
		journal_close(options.journal);
	}
	if (s->landing == NULL)
		return -1;
	s->control = landing_control(s->landing);
	landing_hold(s->landing, s->full);
	return 0;
}

static int
open_httpd(struct server *s)
{
	if (s->worker->metrics == NULL)
		return 0;
	if (zmq_bind(s->admin, ASK_ENDPOINT) == 0)
		s->httpd = httpd_open(s->context, s->worker->metrics);
	return s->httpd != NULL ? 0 : -1;
}

/* By the configuration of the moment: a reload may have changed it. */
static int64_t
revive_after_ms(void *arg, const char *name)
{
	const struct server *s = arg;
	const struct config_route *route = config_route(s->config, name);

	return route != NULL ? route->backoff_max_ms : 0;
}

static int
open_store(struct server *s)
{
	const struct store_options options = {
	    .config = &s->store_config,
	    .worker = s->worker->name,
	    .now_ms = clock_wall_ms(),
	    .revive_after_ms = revive_after_ms,
	    .arg = s,
	};

	s->store_config = s->worker->store;
	if ((s->ops = store_pick(s->store_config.url)) == NULL)
		return -1;
	s->store = s->ops->open(&options);
	if (s->store == NULL)
		return -1;
	return hours_load(s->hours, s->ops, s->store, options.now_ms) ==
		       STORE_OK
		   ? 0
		   : -1;
}

static int
open_dispatch(struct server *s)
{
	const struct dispatch_options options = {
	    .config = s->config,
	    .worker = s->worker,
	    .spawn = s->spawn,
	    .others = s->others,
	    .out = s->inbox,
	};
	struct task *task;
	size_t i;

	s->spawn = s->others =
	    NULL; /* the dispatcher's now, whatever it says */
	if ((s->dispatch = dispatch_start(&options)) == NULL)
		return -1;
	for (i = 0; i < s->config->n_routes; i++) {
		if (!s->ops->paused(s->store, s->config->routes[i].name) ||
		    (task = task_new(TASK_PAUSE)) == NULL)
			continue;
		(void)memccpy(task->route, s->config->routes[i].name, '\0',
		    sizeof(task->route));
		task->paused = true;
		dispatch_push(s->dispatch, task);
	}
	feed_start(s);
	apply_due(s, NULL);
	return 0;
}

static int
open_parts(struct server *s)
{
	if (getrandom(&s->boot, sizeof(s->boot), 0) != sizeof(s->boot) ||
	    open_signals(s) != 0 ||
	    (s->links = links_new(s->started_at_ms)) == NULL ||
	    (s->stats = stats_new()) == NULL ||
	    (s->hours = hours_new()) == NULL ||
	    (s->trail = trail_new()) == NULL ||
	    (s->rejected = rejected_new()) == NULL ||
	    (s->blobs = blobs_new()) == NULL ||
	    (s->direct = direct_new()) == NULL ||
	    direct_use(s->direct, s->config) != 0 || tell_open(s) != 0 ||
	    (s->inbox = tasks_new(wake, s)) == NULL) {
		log_error("cannot_start", log_str("error", strerror(errno)));
		return -1;
	}
	stats_know(s->stats, s->config);
	if (!server_filters_good(s->config) || open_store(s) != 0)
		return -1;
	server_check_room(s);
	if (open_dispatch(s) != 0)
		return -1;
	/* Last: from now on gateways hand events over. */
	return open_landing(s) == 0 && open_httpd(s) == 0 ? 0 : -1;
}

struct server *
server_open(const struct server_options *options)
{
	struct server *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		log_error("cannot_start", log_str("error", "no memory"));
		return NULL;
	}
	s->config = config_ref(options->config);
	s->worker = config_worker(s->config, options->worker);
	s->config_option = options->config_option;
	s->spawn = options->spawn;
	s->others = options->others;
	s->has_others = s->others != NULL;
	s->lock_fds[0] = s->lock_fds[1] = s->lock_fds[2] = -1;
	s->signal_fd = s->wake_fd = -1;
	s->started_at_ms = s->loaded_at_ms = clock_wall_ms();
	if (open_parts(s) != 0) {
		server_close(s);
		return NULL;
	}
	log_info("accepting", log_str("worker", s->worker->name),
	    log_str("config", s->config->hash),
	    log_str("version", GAFF_VERSION));
	notify_ready("accepting");
	return s;
}

/* A dispatcher that still runs is told to stop and cut what it does. */
static void
close_dispatch(struct server *s)
{
	struct task *task;

	if (s->dispatch == NULL)
		return;
	if (!s->stopped && !s->stopping && (task = task_new(TASK_STOP)) != NULL)
		dispatch_push(s->dispatch, task);
	dispatch_join(s->dispatch);
}

static void
close_fd(int fd)
{
	if (fd != -1)
		(void)close(fd);
}

void
server_close(struct server *s)
{
	struct task *next;
	int i;

	if (s == NULL)
		return;
	httpd_close(s->httpd);
	landing_stop(s->landing);
	zsock_close(s->admin);
	if (s->context != NULL)
		zsock_context_end(s->context);
	for (i = 0; i < 3; i++)
		close_fd(s->lock_fds[i]);
	close_dispatch(s);
	spawn_close(s->spawn);
	spawn_close(s->others);
	if (s->store != NULL)
		s->ops->close(s->store);
	apply_forget(s);
	for (; s->kept != NULL; s->kept = next) {
		next = s->kept->next;
		task_free(s->kept);
	}
	free(s->after.due);
	free(s->counts);
	tasks_free(s->inbox);
	links_free(s->links);
	tell_close(s);
	stats_free(s->stats);
	hours_free(s->hours);
	trail_free(s->trail);
	rejected_free(s->rejected);
	blobs_free(s->blobs);
	direct_free(s->direct);
	close_fd(s->signal_fd);
	close_fd(s->wake_fd);
	config_unref(s->config);
	free(s);
}
