/*
 * gaff.fcgi: takes webhooks from a web server, verifies them, and hands them
 * to a worker
 */

#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <fcgiapp.h>

#include "../shared/buf.h"
#include "../shared/config.h"
#include "../shared/log.h"
#include "../shared/notify.h"
#include "../shared/process.h"
#include "gate.h"
#include "listen.h"
#include "pool.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

enum {
	WATCH_MS = 250,
	/* heaps of malloc: one for each thread would double what we hold */
	HEAPS_MAX = 2,
};

static const char ident[] = "gaff.fcgi";

static const char usage[] =
    "usage: gaff.fcgi [-c FILE] [--listen WHERE [--group GROUP]]\n"
    "\n"
    "Serves FastCGI on WHERE, or on descriptor 0 when that is a listening\n"
    "socket, as web servers, spawn-fcgi and systemd pass it.  Run by a web\n"
    "server as a CGI program it serves that one request.\n"
    "\n"
    "  -c, --config FILE   configuration (GAFF_CONFIG, /etc/gaff/gaff.conf)\n"
    "      --listen WHERE  unix:PATH or tcp:HOST:PORT\n"
    "      --group GROUP   of the unix socket\n"
    "      --help          this text\n"
    "      --version       version\n"
    "\n"
    "SIGHUP or SIGUSR2 reads the configuration again; SIGTERM or SIGUSR1\n"
    "answers what has come in, then stops.\n";

struct options {
	const char *config;
	const char *listen;
	const char *group;
};

/* 0 to go on, else the exit status plus one. */
static int
parse_options(int argc, char **argv, struct options *options)
{
	static const struct option longs[] = {
	    {"config", required_argument, NULL, 'c'},
	    {"listen", required_argument, NULL, 'l'},
	    {"group", required_argument, NULL, 'g'},
	    {"help", no_argument, NULL, 'h'},
	    {"version", no_argument, NULL, 'v'},
	    {NULL, 0, NULL, 0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "c:", longs, NULL)) != -1) {
		if (c == 'c') {
			options->config = optarg;
		} else if (c == 'l') {
			options->listen = optarg;
		} else if (c == 'g') {
			options->group = optarg;
		} else if (c == 'v') {
			puts("gaff.fcgi " GAFF_VERSION);
			return EXIT_DONE + 1;
		} else {
			(void)fputs(usage, c == 'h' ? stdout : stderr);
			return (c == 'h' ? EXIT_DONE : EXIT_USAGE) + 1;
		}
	}
	if (optind == argc)
		return 0;
	(void)fputs(usage, stderr);
	return EXIT_USAGE + 1;
}

/* ---- the configuration ---- */

/* Read it; NULL, with every fault logged. */
static struct config *
load(const char *option)
{
	struct buf errors = {0};
	struct buf warnings = {0};
	struct config *config = config_load(
	    config_path(option), CONFIG_ROLE_GATEWAY, &errors, &warnings);

	if (config == NULL)
		process_log_lines(LOG_LEVEL_ERROR, "configuration", &errors);
	else
		process_log_lines(LOG_LEVEL_WARN, "configuration", &warnings);
	buf_clear(&errors);
	buf_clear(&warnings);
	return config;
}

static void
reload(struct gate *gate, const char *option)
{
	struct config *config;

	notify_reloading();
	config = load(option);
	if (config != NULL && gate_reload(gate, config) == 0)
		log_info("reloaded", log_str("config", config->hash));
	else
		log_error("not_reloaded", log_str("path", config_path(option)));
	notify_ready(NULL);
	config_unref(config);
}

/* ---- signals: blocked everywhere, taken here ---- */

static void
set_signals(sigset_t *set)
{
	static const int ours[] = {SIGHUP, SIGUSR1, SIGUSR2, SIGTERM, SIGINT};
	const struct sigaction ignore = {.sa_handler = SIG_IGN};
	const struct sigaction normal = {.sa_handler = SIG_DFL};

	(void)sigemptyset(set);
	(void)sigaction(SIGPIPE, &ignore, NULL);
	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
		/* libfcgi has put its own handlers there */
		(void)sigaction(ours[i], &normal, NULL);
		(void)sigaddset(set, ours[i]);
	}
	(void)sigprocmask(SIG_BLOCK, set, NULL);
}

/* Watch and reload until a signal says stop. */
static void
run_until_stopped(const sigset_t *set, struct pool *pool, struct gate *gate,
    const char *option)
{
	const struct timespec pause = {.tv_nsec = WATCH_MS * 1000000L};

	for (;;) {
		int signal = sigtimedwait(set, NULL, &pause);

		pool_watch(pool);
		if (signal == SIGHUP || signal == SIGUSR2)
			reload(gate, option);
		else if (signal != -1)
			return;
	}
}

static void
drain(const sigset_t *set, struct pool *pool, struct gate *gate)
{
	const struct timespec pause = {.tv_nsec = WATCH_MS * 100000L};

	log_info("draining", LOG_NONE);
	notify_stopping();
	gate_drain(gate);
	pool_drain(pool);
	while (!pool_is_idle(pool)) {
		(void)sigtimedwait(set, NULL, &pause);
		pool_watch(pool);
	}
}

/* ---- the two ways to run ---- */

static int
run_fastcgi(struct config *config, struct listen *listen, const char *option)
{
	struct gate *gate = NULL;
	struct pool *pool = NULL;
	sigset_t set;
	int status = EXIT_FAILED;

	if (FCGX_Init() != 0) {
		log_error("libfcgi_failed", LOG_NONE);
		return EXIT_FAILED;
	}
	set_signals(&set);
	process_batch();
	gate = gate_new(config);
	if (gate != NULL)
		pool =
		    pool_start(gate, listen, (size_t)config->gateway.threads);
	if (pool != NULL) {
		log_info("started", log_str("version", GAFF_VERSION),
		    log_str("config", config->hash),
		    log_int("sources", config->n_sources));
		notify_ready("serving");
		run_until_stopped(&set, pool, gate, option);
		listen_retire(listen);
		drain(&set, pool, gate);
		status = EXIT_DONE;
	}
	pool_free(pool);
	gate_free(gate);
	if (status == EXIT_DONE)
		log_info("stopped", LOG_NONE);
	return status;
}

static int
run_cgi(struct config *config)
{
	struct gate *gate;
	struct front *front = front_cgi_open();
	sigset_t set;

	if (front == NULL)
		return EXIT_FAILED;
	set_signals(&set);
	(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
	gate = gate_new(config);
	if (gate == NULL) {
		front->ops->close(front);
		return EXIT_FAILED;
	}
	gate_serve(gate, front);
	gate_free(gate);
	return EXIT_DONE;
}

enum mode { MODE_FASTCGI, MODE_CGI, MODE_NONE, MODE_FAILED };

static enum mode
find_mode(const struct options *options, struct listen *listen)
{
	int inherited;

	if (options->listen != NULL)
		return listen_open(listen, options->listen, options->group) == 0
			   ? MODE_FASTCGI
			   : MODE_FAILED;
	inherited = listen_inherit(listen);
	if (inherited != 0)
		return inherited == 1 ? MODE_FASTCGI : MODE_FAILED;
	return getenv("GATEWAY_INTERFACE") != NULL &&
		       getenv("REQUEST_METHOD") != NULL
		   ? MODE_CGI
		   : MODE_NONE;
}

int
main(int argc, char **argv)
{
	struct options options = {0};
	struct listen listen = {.fd = -1};
	struct config *config = NULL;
	int status = parse_options(argc, argv, &options);
	enum mode mode;

	if (status != 0)
		return status - 1;
	(void)mallopt(M_ARENA_MAX, HEAPS_MAX);
	process_harden();
	log_open(LOG_TO_AUTO, LOG_FORMAT_TEXT, ident);
	mode = find_mode(&options, &listen);
	status = mode == MODE_NONE ? EXIT_USAGE : EXIT_FAILED;
	if (mode == MODE_NONE)
		(void)fputs(usage, stderr);
	if (mode == MODE_FASTCGI || mode == MODE_CGI)
		config = load(options.config);
	if (config == NULL)
		goto out;
	log_open(config->log.to, config->log.format, ident);
	status = mode == MODE_CGI
		     ? run_cgi(config)
		     : run_fastcgi(config, &listen, options.config);
out:
	config_unref(config);
	listen_close(&listen);
	return status;
}
