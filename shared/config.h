/*
 * config - gaff.conf as one immutable value
 *
 * Read once, checked whole, then shared by counted references; a reload makes
 * another one.  All text belongs to the config.  Lists never contain NULL.
 * Times are in milliseconds, sizes in bytes.
 */

#ifndef SHARED_CONFIG_H
#define SHARED_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "event.h"
#include "log.h"
#include "net.h"
#include "scheme.h"

enum {
	CONFIG_NAME_MAX = 64,
	CONFIG_SECRET_MIN = 8, /* bytes */
};

/* Who reads it: each opens only the secrets it uses. */
enum config_role {
	CONFIG_ROLE_GATEWAY, /* secrets of sources */
	CONFIG_ROLE_WORKER,  /* secrets of destinations, but for those of
				routes with `user` */
	CONFIG_ROLE_RUN,     /* gaff-run: secrets of routes with `user`, and
				nothing that others than root can change */
	CONFIG_ROLE_CHECK,   /* both */
	CONFIG_ROLE_NONE,    /* none: the command line's other verbs */
};

struct config_list {
	char **items;
	size_t n;
};

enum config_https { CONFIG_HTTPS_NO, CONFIG_HTTPS_WARN, CONFIG_HTTPS_REQUIRED };

struct config_gateway {
	int64_t threads;
	int64_t parked;
	int64_t parked_bytes;
	int64_t max_body;
	int64_t answer_within_ms;
	char *prefix;
	struct net_list trusted_proxy;
	enum config_https https;
};

struct config_log {
	enum log_to to;
	enum log_format format;
};

struct config_store {
	char *url; /* sqlite:PATH (absolute) or memory: */
	int64_t dedup_ms;
	int64_t keep_delivered_ms;
	int64_t keep_unmatched_ms;
	int64_t keep_dead_ms;
	int64_t reserve; /* free bytes under which intake stops */
};

enum config_when_full { CONFIG_FULL_HOLD, CONFIG_FULL_DELETE_OLDEST };

struct config_dead_letter {
	char *directory; /* absolute */
	char *group;     /* or NULL */
	int64_t keep_ms;
	int64_t max; /* bytes of all dead letters; 0: no limit */
	enum config_when_full when_full;
};

struct config_worker {
	char *name;
	char *data; /* ZeroMQ endpoints */
	char *control;
	char *admin;
	char *group;   /* of ipc sockets, or NULL */
	char *user;    /* whom root becomes, or NULL: stay who we are */
	char *ca_file; /* authorities for keys; NULL: the system's */
	char *metrics; /* HOST:PORT of the HTTP server, or NULL: none */
	int64_t intake_bytes;
	int64_t max_running;
	int64_t stop_after_ms;
	struct config_store store;             /* [store] and its own keys */
	struct config_dead_letter dead_letter; /* the same */
};

struct config_source {
	char *name;
	char *host;               /* or NULL: any */
	char *path;               /* default PREFIX/NAME */
	struct scheme *scheme;    /* with the source's own keys applied */
	struct scheme_keys *keys; /* NULL unless the role opens them */
	size_t n_secrets;
	enum event_dedup
	    dedup;             /* key becomes key+body where it is not signed */
	bool strict_replay;    /* EVENT_DEDUP_KEY_BODY */
	struct net_list allow; /* empty: everybody */
	char *public_url;      /* or NULL */
	int64_t max_body;
	struct config_list content_type; /* empty: all */
	bool check_json;
	bool unverified;
	int64_t silent_after_ms; /* without an event: source.silent; 0: never */
	int64_t keep_rejected;   /* refused requests to be looked at; 0: none */
	/* its answer, or its scheme's */
	int response_status;
	char *response_body; /* NULL: ours */
	char *response_type; /* or NULL */
};

enum config_dest { CONFIG_DEST_RUN, CONFIG_DEST_POST };

struct config_route {
	char *name;
	struct config_list source; /* patterns */
	struct config_list type;
	char *filter; /* jq, or NULL */
	enum config_dest dest;
	char **argv; /* run: NULL-terminated */
	size_t argc;
	char *url;              /* post */
	char *directory;        /* run: or NULL */
	char *user;             /* run: whom it runs as; NULL: the worker's */
	struct config_list env; /* NAME=value, file: already read */
	int64_t timeout_ms;
	int64_t concurrency;
	int64_t attempts; /* 0: as many as give_up allows */
	int64_t give_up_ms;
	int64_t backoff_ms;
	int64_t backoff_max_ms;
	int64_t *schedule_ms; /* NULL: backoff doubled */
	size_t n_schedule;
	int64_t max_pending; /* 0: no limit */
	int64_t final[16];   /* exit codes or HTTP status that end it */
	size_t n_final;
	int64_t
	    failing_over; /* percent of attempts: route.failing; 100: never */
	const struct scheme *sign; /* post: or NULL; belongs to the config */
	struct scheme_keys *sign_keys; /* NULL unless the role opens them */
	struct config_list forward;    /* post: header patterns; empty: all */
	bool enabled;
};

struct config {
	char *path;
	size_t n_files;
	char hash[9]; /* of all its text: the same on hosts with the same files
		       */
	struct config_gateway gateway;
	struct config_log log;
	struct config_worker *workers;
	size_t n_workers;
	struct config_source *sources;
	size_t n_sources;
	struct config_route *routes;
	size_t n_routes;
	struct scheme **schemes; /* [scheme] sections */
	size_t n_schemes;
};

/*
 * Read and check the configuration at `path` and conf.d beside it.  Returns it
 * with one reference, or NULL with every fault in `errors`, one per line as
 * FILE:LINE: sentence, sorted.  Warnings of a good one go to `warnings` when
 * that is not NULL.  Never logs.
 */
struct config *config_load(const char *path, enum config_role role,
    struct buf *errors, struct buf *warnings);

/*
 * The workers of a configuration that may have faults, to ask them why.  Those
 * with what it takes to reach them are there; sources, routes and schemes only
 * when *n_faults is 0.  NULL without memory.
 */
struct config *config_load_workers(const char *path, size_t *n_faults);

/* The path to read: `option`, else GAFF_CONFIG, else /etc/gaff/gaff.conf. */
const char *config_path(const char *option);

struct config *config_ref(struct config *config);
void config_unref(struct config *config); /* NULL is fine */

/* NULL when there is none of that name. */
const struct config_source *
config_source(const struct config *config, const char *name);
const struct config_route *
config_route(const struct config *config, const char *name);
/* Whether a route runs as another user than the worker. */
bool config_has_user(const struct config *config);
/* Without a name: the only worker; NULL when there are none or several. */
const struct config_worker *
config_worker(const struct config *config, const char *name);
/* A [scheme] section or a built-in one. */
const struct scheme *
config_scheme(const struct config *config, const char *name);
/* The name of a scheme that is most like this one, or NULL; without a
 * configuration one of the built-in ones. */
const char *
config_scheme_nearest(const struct config *config, const char *name);

#endif
