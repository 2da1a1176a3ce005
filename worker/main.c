/*
 * gaff-worker: stores what gateways hand over, acknowledges it, and makes the
 * deliveries
 */

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../shared/buf.h"
#include "../shared/config.h"
#include "../shared/log.h"
#include "../shared/process.h"
#include "filter_helper.h"
#include "rights.h"
#include "server.h"
#include "spawn.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

enum { HEAPS_MAX = 2 }; /* of the allocator: more hold more that is free */

struct options {
	const char *config;
	const char *worker;
};

static const char usage[] =
    "usage: gaff-worker [-c FILE] [NAME]\n"
    "\n"
    "Runs the worker NAME of the configuration, or the only one.\n"
    "\n"
    "  -c, --config FILE  configuration (GAFF_CONFIG, /etc/gaff/gaff.conf)\n"
    "      --help         this text\n"
    "      --version      version\n"
    "\n"
    "SIGHUP reads the configuration again; SIGTERM lets running handlers\n"
    "finish, then stops.\n";

/* 0 to go on, else the exit status plus one. */
static int
parse_options(int argc, char **argv, struct options *options)
{
	static const struct option longs[] = {
	    {"config", required_argument, NULL, 'c'},
	    {"help", no_argument, NULL, 'h'},
	    {"version", no_argument, NULL, 'v'},
	    {NULL, 0, NULL, 0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "c:", longs, NULL)) != -1) {
		if (c == 'c') {
			options->config = optarg;
		} else if (c == 'v') {
			puts("gaff-worker " GAFF_VERSION);
			return EXIT_DONE + 1;
		} else {
			(void)fputs(usage, c == 'h' ? stdout : stderr);
			return (c == 'h' ? EXIT_DONE : EXIT_USAGE) + 1;
		}
	}
	if (argc - optind > 1) {
		(void)fputs(usage, stderr);
		return EXIT_USAGE + 1;
	}
	options->worker = argv[optind];
	return 0;
}

/* Print every fault, and how many there are. */
static void
print_faults(const struct buf *errors)
{
	size_t i, n = 0;

	for (i = 0; i < errors->len; i++)
		n += errors->p[i] == '\n';
	(void)fprintf(stderr, "%.*s%zu error%s; nothing was loaded\n",
	    (int)errors->len, errors->len > 0 ? errors->p : "", n,
	    n == 1 ? "" : "s");
}

static const struct config_worker *
choose_worker(const struct config *config, const char *name)
{
	const struct config_worker *worker = config_worker(config, name);
	size_t i;

	if (worker != NULL)
		return worker;
	(void)fprintf(stderr, "gaff-worker: %s%s; %s has:",
	    name ? "there is no worker " : "which worker?", name ? name : "",
	    config->path);
	for (i = 0; i < config->n_workers; i++)
		(void)fprintf(stderr, " %s", config->workers[i].name);
	(void)fputc('\n', stderr);
	return NULL;
}

/* NULL: every fault has been printed. */
static struct config *
load(const char *path, enum config_role role)
{
	struct buf errors = {0};
	struct config *config = config_load(path, role, &errors, NULL);

	if (config == NULL)
		print_faults(&errors);
	buf_clear(&errors);
	return config;
}

/* gaff-run reads what we read, whatever its directory. */
static struct spawn *
start_gaff_run(const char *path)
{
	struct spawn *spawn = NULL;
	char here[PATH_MAX] = "", *absolute;

	if (path[0] != '/' && getcwd(here, sizeof(here)) == NULL)
		log_error("getcwd", log_str("error", strerror(errno)));
	else if (asprintf(&absolute, "%s%s%s", here, here[0] != '\0' ? "/" : "",
		     path) < 0)
		log_error("no_memory", log_str("for", "gaff-run"));
	else {
		spawn = spawn_open_run(absolute);
		free(absolute);
	}
	return spawn;
}

/* Root starts gaff-run, if a route needs it, and becomes the worker's user;
 * anybody else stays who he is.  0, or -1, logged. */
static int
settle_rights(const struct config *config, const struct config_worker *worker,
    const char *path, struct spawn **others)
{
	bool has_user = config_has_user(config);

	if (geteuid() != 0 && has_user) {
		log_error("cannot_start",
		    log_str("reason", "a route has user, and we are not root"),
		    log_str("hint", "start the worker as root: it becomes "
				    "user of its own section"));
		return -1;
	}
	if (geteuid() != 0)
		return 0;
	if (worker->user == NULL) {
		log_warn("handlers_run_as_root",
		    log_str("hint", "user = gaff in the worker's section"));
		return 0;
	}
	if (has_user && (*others = start_gaff_run(path)) == NULL)
		return -1;
	return rights_drop(worker->user);
}

static int
run(const struct options *options, struct config *config,
    const struct config_worker *worker, struct spawn *others)
{
	struct server_options server_options = {
	    .config = config,
	    .config_option = options->config,
	    .worker = worker->name,
	    .others = others,
	};
	struct server *server;
	int result;

	/* Before any thread and before ZeroMQ; handlers are as usual. */
	if ((server_options.spawn = spawn_open()) == NULL)
		return EXIT_FAILED;
	process_batch();
	if ((server = server_open(&server_options)) == NULL)
		return EXIT_FAILED;
	result = server_run(server);
	server_close(server);
	return result == 0 ? EXIT_DONE : EXIT_FAILED;
}

/* The first reading says who we shall be; what we then are reads again, secrets
 * too, as it will with each reload. */
static int
run_as_configured(const struct options *options)
{
	const char *path = config_path(options->config);
	struct config *first = load(path, CONFIG_ROLE_NONE), *config = NULL;
	const struct config_worker *worker;
	struct spawn *others = NULL;
	int result = EXIT_FAILED;

	if (first == NULL ||
	    (worker = choose_worker(first, options->worker)) == NULL)
		goto out;
	log_open(first->log.to, first->log.format, "gaff-worker");
	if (settle_rights(first, worker, path, &others) == 0 &&
	    (config = load(path, CONFIG_ROLE_WORKER)) != NULL &&
	    (worker = choose_worker(config, options->worker)) != NULL)
		result = run(options, config, worker, others);
	else
		spawn_close(others);
out:
	config_unref(first);
	config_unref(config);
	return result;
}

int
main(int argc, char **argv)
{
	struct options options = {0};
	int done;

	if (argc == 2 && strcmp(argv[1], "--filter-helper") == 0)
		return filter_helper_main();
	if ((done = parse_options(argc, argv, &options)) != 0)
		return done - 1;
	(void)mallopt(M_ARENA_MAX, HEAPS_MAX);
	process_harden();
	return run_as_configured(&options);
}
