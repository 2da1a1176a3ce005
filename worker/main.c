/*
 * gaff-worker: stores what gateways hand over, acknowledges it, and makes the
 * deliveries
 */

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "../shared/buf.h"
#include "../shared/config.h"
#include "../shared/log.h"
#include "../shared/process.h"
#include "filter_helper.h"
#include "server.h"
#include "spawn.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

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

static int
run(struct config *config, const struct options *options,
    const struct config_worker *worker)
{
	struct server_options server_options = {
	    .config = config,
	    .config_option = options->config,
	    .worker = worker->name,
	};
	struct server *server;
	int result;

	log_open(config->log.to, config->log.format, "gaff-worker");
	/* Before any thread and before ZeroMQ. */
	if ((server_options.spawn = spawn_open()) == NULL)
		return EXIT_FAILED;
	if ((server = server_open(&server_options)) == NULL)
		return EXIT_FAILED;
	result = server_run(server);
	server_close(server);
	return result == 0 ? EXIT_DONE : EXIT_FAILED;
}

int
main(int argc, char **argv)
{
	const struct config_worker *worker;
	struct options options = {0};
	struct buf errors = {0};
	struct config *config;
	int result = EXIT_FAILED, done;

	if (argc == 2 && strcmp(argv[1], "--filter-helper") == 0)
		return filter_helper_main();
	if ((done = parse_options(argc, argv, &options)) != 0)
		return done - 1;
	process_harden();
	config = config_load(
	    config_path(options.config), CONFIG_ROLE_WORKER, &errors, NULL);
	if (config == NULL)
		print_faults(&errors);
	else if ((worker = choose_worker(config, options.worker)) != NULL)
		result = run(config, &options, worker);
	buf_clear(&errors);
	config_unref(config);
	return result;
}
