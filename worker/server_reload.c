/* Another configuration, all or nothing, and what is matched again after it. */

#include <string.h>

#include "../shared/buf.h"
#include "../shared/clock.h"
#include "../shared/log.h"
#include "../shared/notify.h"
#include "../shared/process.h"
#include "filter_check.h"
#include "server_impl.h"

enum {
	UNMATCH_AT_ONCE = 64,
	/* What the web servers' files in conf/ let through: a first source
	 * whose provider sends more than others needs no restart. */
	BODY_USUAL = 32 << 20,
};

bool
server_filters_good(const struct config *config)
{
	char error[FILTER_ERROR_SIZE];
	bool good = true;
	size_t i;

	for (i = 0; i < config->n_routes; i++) {
		if (config->routes[i].filter == NULL ||
		    filter_check(config->routes[i].filter, error) == 0)
			continue;
		good = false;
		log_error("configuration_refused",
		    log_str("route", config->routes[i].name),
		    log_str("key", "filter"), log_str("error", error));
	}
	return good;
}

int64_t
server_frame_max(const struct config *config)
{
	int64_t most = BODY_USUAL;
	size_t i;

	if (config->gateway.max_body > most)
		most = config->gateway.max_body;
	for (i = 0; i < config->n_sources; i++)
		if (config->sources[i].max_body > most)
			most = config->sources[i].max_body;
	return most + WIRE_EVENT_SPARE;
}

static bool
is_same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* What a running worker cannot change: its sockets and its store. */
static const char *
needs_restart(const struct server *s, const struct config *config,
    const struct config_worker *worker)
{
	if (worker == NULL)
		return "this worker's section is gone";
	if (strcmp(worker->data, s->worker->data) != 0 ||
	    strcmp(worker->control, s->worker->control) != 0 ||
	    strcmp(worker->admin, s->worker->admin) != 0)
		return "data, control or admin changed";
	if (!is_same(worker->metrics, s->worker->metrics))
		return "metrics changed";
	if (strcmp(worker->store.url, s->worker->store.url) != 0)
		return "the store's url changed";
	if (strcmp(worker->dead_letter.directory,
		s->worker->dead_letter.directory) != 0)
		return "the dead-letter directory changed";
	if (config_has_user(config) && !s->has_others)
		return "a route has user, and gaff-run was not started";
	if (!is_same(worker->user, s->worker->user))
		return "the worker's user changed";
	if (server_frame_max(config) > server_frame_max(s->config))
		return "max_body grew";
	return NULL;
}

static bool
is_usable(const struct server *s, const struct config *config)
{
	const char *reason =
	    needs_restart(s, config, config_worker(config, s->worker->name));

	if (reason != NULL)
		log_error("reload_refused", log_str("reason", reason),
		    log_str("hint", "restart the worker to change it"));
	return reason == NULL && server_filters_good(config);
}

static void
use(struct server *s, struct config *config)
{
	struct task *task = task_new(TASK_CONFIG);
	struct config *old = s->config;

	if (task == NULL) {
		config_unref(config);
		return;
	}
	task->config = config_ref(config);
	dispatch_push(s->dispatch, task);
	s->worker = config_worker(config, s->worker->name);
	s->config = config;
	if (direct_use(s->direct, config) != 0)
		log_error("no_memory", log_str("for", "routes"));
	s->loaded_at_ms = clock_wall_ms();
	s->reload_failed = false;
	stats_know(s->stats, config);
	rejected_trim(s->rejected, config);
	tell_config(s, old);
	config_unref(old);
	/* The store looks at the values; its url is the same. */
	s->store_config = s->worker->store;
	s->unmatching = true;
	s->unmatch_after = 0;
	apply_due(s, NULL);
	log_info("reloaded", log_str("config", config->hash));
}

void
server_reload(struct server *s)
{
	struct buf errors = {0};
	struct config *config;

	notify_reloading();
	s->reload_failed = true; /* until use() */
	config = config_load(
	    config_path(s->config_option), CONFIG_ROLE_WORKER, &errors, NULL);
	if (config == NULL)
		process_log_lines(LOG_LEVEL_ERROR, "reload_refused", &errors);
	else if (!is_usable(s, config))
		config_unref(config);
	else
		use(s, config);
	notify_ready(NULL);
	buf_clear(&errors);
}

void
server_unmatch(struct server *s)
{
	int64_t from = s->unmatch_after;
	enum store_result result = s->ops->begin(s->store);
	unsigned n = 0;

	if (result == STORE_OK)
		result = s->ops->unmatch(
		    s->store, &s->unmatch_after, UNMATCH_AT_ONCE, &n);
	if (result == STORE_OK)
		result = s->ops->commit(s->store);
	if (result == STORE_OK) {
		s->unmatching = n == UNMATCH_AT_ONCE;
		if (n > 0)
			feed_again(s, from + 1);
		return;
	}
	s->ops->rollback(s->store);
	s->unmatch_after = from;
	s->unmatching = result == STORE_FULL;
	if (result == STORE_BROKEN)
		s->failed = true;
}
