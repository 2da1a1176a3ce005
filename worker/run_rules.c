#include "run_rules.h"

#include <errno.h>
#include <stdlib.h>

#include "../shared/clock.h"
#include "../shared/config.h"
#include "../shared/log.h"
#include "../shared/process.h"
#include "../shared/trust.h"
#include "run_body.h"
#include "run_env.h"
#include "run_request.h"
#include "run_user.h"

enum { LINES_A_MINUTE = 10 };

struct run_rules {
	struct spawner_rules rules;
	const char *path;
	struct config *config;
	struct run_user *users; /* of config's routes, by index */
	struct log_limit limit;
};

/* ---- the configuration ---- */

static void
free_users(struct run_user *users, size_t n)
{
	for (size_t i = 0; users != NULL && i < n; i++)
		run_user_clear(&users[i]);
	free(users);
}

/* NULL, logged. */
static struct run_user *
find_users(const struct config *config)
{
	struct run_user *users = calloc(config->n_routes + 1, sizeof(*users));

	for (size_t i = 0; users != NULL && i < config->n_routes; i++) {
		if (config->routes[i].user == NULL ||
		    run_user_find(&users[i], config->routes[i].user) == 0)
			continue;
		free_users(users, config->n_routes);
		return NULL;
	}
	return users;
}

/* NULL, logged. */
static struct config *
read_config(const char *path)
{
	char error[TRUST_ERROR_SIZE];
	struct buf errors = {0};
	struct config *config;

	if (trust_path(path, error) != 0) {
		log_error("configuration_refused", log_str("error", error));
		return NULL;
	}
	config = config_load(path, CONFIG_ROLE_RUN, &errors, NULL);
	if (config == NULL)
		process_log_lines(
		    LOG_LEVEL_ERROR, "configuration_refused", &errors);
	buf_clear(&errors);
	return config;
}

/* 0, or -1, logged: what was there stays. */
static int
load(struct run_rules *r)
{
	struct config *config = read_config(r->path);
	struct run_user *users = config != NULL ? find_users(config) : NULL;

	if (users == NULL) {
		config_unref(config);
		return -1;
	}
	if (r->config != NULL)
		free_users(r->users, r->config->n_routes);
	config_unref(r->config);
	r->config = config;
	r->users = users;
	return 0;
}

static int
begin(void *arg)
{
	struct run_rules *r = arg;

	if (load(r) != 0)
		return -1;
	log_open(r->config->log.to, r->config->log.format, "gaff-run");
	return 0;
}

static void
reload(void *arg)
{
	(void)load(arg);
}

/* ---- requests ---- */

static struct exec_fault
refuse(struct run_rules *r, enum run_refusal refusal, const char *route)
{
	unsigned suppressed;

	if (log_allow(&r->limit, LINES_A_MINUTE, clock_boot_ms(), &suppressed))
		log_error("request_refused", log_str("route", route),
		    log_str("reason", run_refusal_text(refusal)),
		    log_int("suppressed", suppressed));
	return (struct exec_fault){(int)refusal, EXEC_REFUSED};
}

static struct exec_fault
prepare(void *arg, const struct spawner_packet *packet, struct exec_job *job)
{
	struct run_rules *r = arg;
	const struct config_route *route;
	const struct run_user *user;
	struct store_delivery delivery;
	struct event event;

	if (run_request_read(packet->p, packet->len, &delivery, &event) !=
	    RUN_GOOD)
		return refuse(r, RUN_MALFORMED, NULL);
	if (!run_body_good(packet->input))
		return refuse(r, RUN_BAD_BODY, delivery.route);
	route = config_route(r->config, delivery.route);
	if (route == NULL || route->dest != CONFIG_DEST_RUN ||
	    route->user == NULL)
		return refuse(r, RUN_NO_ROUTE, delivery.route);
	user = &r->users[route - r->config->routes];
	*job = (struct exec_job){.program = route->argv[0],
	    .directory =
		route->directory != NULL ? route->directory : user->home,
	    .or_root = route->directory == NULL,
	    .argv = route->argv,
	    .env = run_env(user, route, &delivery),
	    .user = &user->ids,
	    .timeout_ms = route->timeout_ms,
	    .input = packet->input};
	return (struct exec_fault){job->env != NULL ? 0 : ENOMEM, EXEC_PROGRAM};
}

static void
release(struct exec_job *job)
{
	free(job->env);
}

const struct spawner_rules *
run_rules_new(const char *path)
{
	struct run_rules *r = calloc(1, sizeof(*r));

	if (r == NULL) {
		log_error("no_memory", log_str("for", "gaff-run"));
		return NULL;
	}
	r->path = path;
	r->rules = (struct spawner_rules){.name = "gaff-run",
	    .begin = begin,
	    .prepare = prepare,
	    .release = release,
	    .reload = reload,
	    .arg = r};
	return &r->rules;
}
