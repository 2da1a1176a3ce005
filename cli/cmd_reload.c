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

enum { WAIT_MS = 5000, PAUSE_MS = 200, HOST_SIZE = 256 };

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

static int
tell(const char *what, int64_t pid)
{
	if (pid > 1 && kill((pid_t)pid, SIGHUP) == 0)
		return 0;
	fprintf(stderr, "gaff reload: %s %lld: %s\n", what, (long long)pid,
	    pid > 1 ? strerror(errno) : "no process id");
	return -1;
}

/* Signal the worker and its gateways here; how many could not be. */
static int
tell_all(const struct call *call, const json_t *status)
{
	const json_t *gateway;
	int failed = 0;
	size_t i;

	if (call_is_here(call_worker(call)))
		failed += tell("worker", out_number(status, "pid")) != 0;
	json_array_foreach(json_object_get(status, "gateways"), i,
	    gateway) if (is_here(gateway)) failed +=
	    tell("gateway", out_number(gateway, "pid")) != 0;
	return failed;
}

/* Whether all that are here run the configuration of this hash. */
static bool
is_done(const json_t *status, const char *hash)
{
	const json_t *gateway;
	size_t i;

	if (strcmp(out_member(status, "config"), hash) != 0)
		return false;
	json_array_foreach(json_object_get(status, "gateways"), i,
	    gateway) if (is_here(gateway) &&
			 strcmp(out_member(gateway, "config"), hash) !=
			     0) return false;
	return true;
}

static int
print_all(const json_t *status, const char *hash)
{
	static const char *const titles[] = {
	    "PROCESS", "HOST", ">PID", "CONFIG", ""};
	struct out_table *table = out_table_new(titles, 5);
	const json_t *gateway;
	size_t i;

	out_cellf(table, "worker %s", out_member(status, "worker"));
	out_cell(table, "here");
	out_cellf(table, "%lld", (long long)out_number(status, "pid"));
	out_cell(table, out_member(status, "config"));
	out_cell(table,
	    strcmp(out_member(status, "config"), hash) == 0 ? "" : "not new");
	json_array_foreach(json_object_get(status, "gateways"), i, gateway)
	{
		const char *config = out_member(gateway, "config");

		out_cell(table, "gateway");
		out_cell(table, out_member(gateway, "host"));
		out_cellf(table, "%lld", (long long)out_number(gateway, "pid"));
		out_cell(table, config);
		out_cell(table, strcmp(config, hash) == 0 ? "" : "not new");
	}
	return out_table_print(table);
}

static int
reload(struct call *call, const char *hash)
{
	const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
	int64_t end_ms = clock_boot_ms() + WAIT_MS;
	json_t *status = ask_status(call);
	int result = CMD_FAILED, failed;
	bool done;

	if (status == NULL)
		return CMD_FAILED;
	failed = tell_all(call, status);
	do {
		nanosleep(&pause, NULL);
		json_decref(status);
		status = ask_status(call);
		done = status != NULL && is_done(status, hash);
	} while (status != NULL && !done && clock_boot_ms() < end_ms);
	if (status != NULL && print_all(status, hash) == 0 && done &&
	    failed == 0)
		result = CMD_DONE;
	json_decref(status);
	return result;
}

int
cmd_reload(int argc, char **argv)
{
	int first = options_read(&options, argc, argv), status = CMD_FAILED;
	struct call *call;

	if (first <= 0)
		return options_exit(first);
	call = call_open(worker);
	if (call == NULL)
		return CMD_FAILED;
	status = reload(call, call_config(call)->hash);
	call_close(call);
	return status;
}
