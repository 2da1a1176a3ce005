/* gaff reload: check, then let the local processes read it again. */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../shared/clock.h"
#include "call.h"
#include "cmd.h"
#include "options.h"
#include "out.h"

enum { WAIT_MS = 10000, PAUSE_MS = 200, HOST_SIZE = 256 };

static const char *worker;

static const struct option_spec specs[] = {
    {"worker", OPTION_TEXT, &worker, "NAME", "of this worker only"},
    {0},
};

static const struct options options = {
    .verb = "reload",
    .operands = "",
    .about = "Checks the configuration, tells the worker and its gateways on "
	     "this host to read it,\nand says which one each then runs.  Exit "
	     "status 1 when one runs another.",
    .specs = specs,
};

static json_t *
ask_status(struct call *call)
{
	return call_ask(call, "status", json_object(), NULL);
}

static bool
is_here(const json_t *gateway)
{
	char host[HOST_SIZE] = "";

	gethostname(host, sizeof(host) - 1);
	return strcmp(out_member(gateway, "host"), host) == 0;
}

/* ---- telling ---- */

/* Signal a process; why that failed goes to `failed`, by its pid. */
static void
tell(const json_t *process, json_t *failed)
{
	int64_t pid = out_number(process, "pid");
	char key[OUT_TEXT_SIZE];

	snprintf(key, sizeof(key), "%lld", (long long)pid);
	if (pid > 1 && kill((pid_t)pid, SIGHUP) == 0)
		return;
	json_object_set_new(failed, key,
	    json_sprintf("not told: %s",
		pid > 1 ? strerror(errno) : "it has no process id"));
}

/* Signal the worker and its gateways here.  What could not be told and why, a
 * new reference. */
static json_t *
tell_all(const struct call *call, const json_t *status)
{
	json_t *failed = json_object();
	const json_t *gateway;
	size_t i;

	if (call_is_here(call_worker(call)))
		tell(status, failed);
	json_array_foreach(json_object_get(status, "gateways"), i, gateway)
	{
		if (is_here(gateway))
			tell(gateway, failed);
	}
	return failed;
}

/* ---- what came of it ---- */

static bool
runs(const json_t *process, const char *hash)
{
	return strcmp(out_member(process, "config"), hash) == 0;
}

/* Whether all that are here run the configuration of this hash. */
static bool
is_done(const struct call *call, const json_t *status, const char *hash)
{
	const json_t *gateway;
	size_t i;

	if (call_is_here(call_worker(call)) && !runs(status, hash))
		return false;
	json_array_foreach(json_object_get(status, "gateways"), i, gateway)
	{
		if (is_here(gateway) && !runs(gateway, hash))
			return false;
	}
	return true;
}

/* Why a process runs another configuration. */
static const char *
reason(const json_t *process, bool here, const json_t *failed)
{
	char key[OUT_TEXT_SIZE];
	const char *why;

	if (!here)
		return "another host: gaff reload there";
	snprintf(
	    key, sizeof(key), "%lld", (long long)out_number(process, "pid"));
	why = json_string_value(json_object_get(failed, key));
	return why != NULL ? why : "told, but keeps the old one: see its log";
}

static int
print_all(const struct call *call, const json_t *status, const json_t *failed)
{
	static const char *const titles[] = {
	    "PROCESS", "HOST", ">PID", "CONFIG", ""};
	struct out_table *table = out_table_new(titles, 5);
	const char *hash = call_config(call)->hash;
	bool here = call_is_here(call_worker(call));
	const json_t *gateway;
	size_t i;

	out_cellf(table, "worker %s", out_member(status, "worker"));
	out_cell(table, here ? "here" : call_worker(call)->admin);
	out_cellf(table, "%lld", (long long)out_number(status, "pid"));
	out_cell(table, out_member(status, "config"));
	out_cell(table, runs(status, hash) ? "" : reason(status, here, failed));
	json_array_foreach(json_object_get(status, "gateways"), i, gateway)
	{
		out_cell(table, "gateway");
		out_cell(table, out_member(gateway, "host"));
		out_cellf(table, "%lld", (long long)out_number(gateway, "pid"));
		out_cell(table, out_member(gateway, "config"));
		out_cell(
		    table, runs(gateway, hash)
			       ? ""
			       : reason(gateway, is_here(gateway), failed));
	}
	return out_table_print(table);
}

static int
reload(struct call *call)
{
	const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
	int64_t end_ms = clock_boot_ms() + WAIT_MS;
	const char *hash = call_config(call)->hash;
	json_t *status = ask_status(call), *failed;
	int result = CMD_FAILED;
	bool done;

	if (status == NULL)
		return CMD_FAILED;
	failed = tell_all(call, status);
	do {
		nanosleep(&pause, NULL);
		json_decref(status);
		status = ask_status(call);
		done = status != NULL && is_done(call, status, hash);
	} while (status != NULL && !done && clock_boot_ms() < end_ms);
	if (status != NULL && print_all(call, status, failed) == 0 && done)
		result = CMD_DONE;
	if (status != NULL && !done)
		fprintf(stderr, "gaff reload: not every process here runs %s\n",
		    hash);
	json_decref(failed);
	json_decref(status);
	return result;
}

int
cmd_reload(int argc, char **argv)
{
	int first = options_read(&options, argc, argv), status = CMD_FAILED;
	struct config *config;
	struct call *call;

	if (first <= 0)
		return options_exit(first);
	/* with faults nobody is told */
	config = call_load(CONFIG_ROLE_NONE);
	if (config == NULL) {
		fputs("gaff reload: nothing was told to read it\n", stderr);
		return CMD_FAILED;
	}
	config_unref(config);
	call = call_open(worker);
	if (call == NULL)
		return CMD_FAILED;
	status = reload(call);
	call_close(call);
	return status;
}
