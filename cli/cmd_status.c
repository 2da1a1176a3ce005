/* gaff status: is everything all right?  Exit 1 when not. */

#include <stdio.h>
#include <string.h>

#include "call.h"
#include "cmd.h"
#include "options.h"
#include "out.h"
#include "status.h"

static const char *worker;
static bool json;

static const struct option_spec specs[] = {
    {"worker", OPTION_TEXT, &worker, "NAME", "ask this worker only"},
    {"json", OPTION_FLAG, &json, NULL, "print a JSON array"},
    {0},
};

static const struct options options = {
    .verb = "status",
    .operands = "",
    .about = "Shows each worker with its gateways, queue, sources and routes, "
	     "and what is\nwrong.  Exit status 1 when something is.",
    .specs = specs,
};

/* What the file would change, if a worker on this host read it. */
static void
judge_file(const struct config *config, size_t n_faults, json_t *status)
{
	const char *runs = out_member(status, "config");
	json_t *problem = NULL;

	if (n_faults > 0)
		problem = json_sprintf("%s has %zu fault%s, no process could "
				       "start with it; gaff check",
		    config->path, n_faults, n_faults == 1 ? "" : "s");
	else if (strcmp(runs, config->hash) != 0)
		problem = json_sprintf(
		    "%s has changed to %s, worker %s runs %s; gaff reload",
		    config->path, config->hash, out_member(status, "worker"),
		    runs);
	if (problem != NULL)
		json_array_append_new(
		    json_object_get(status, "problems"), problem);
}

/* The worker's answer with its problems, or what stands for a lost one. */
static json_t *
ask_worker(const char *name)
{
	struct call *call = call_open(name);
	json_t *status = NULL;

	if (call != NULL)
		status = call_ask(call, "status", json_object(), NULL);
	call_close(call);
	if (status == NULL)
		return json_pack("{s:s, s:s, s:[o]}", "worker", name, "state",
		    "unreachable", "problems",
		    json_sprintf("worker %s does not answer, senders get 503; "
				 "see its log (journalctl -u gaff-worker)",
			name));
	json_object_set_new(status, "problems", status_problems(status));
	json_object_set_new(status, "notes", status_notes(status));
	return status;
}

static int
ask_all(const struct config *config, size_t n_faults, json_t *all)
{
	int status = CMD_DONE;

	for (size_t i = 0; i < config->n_workers; i++) {
		const char *name = config->workers[i].name;
		json_t *one;

		if (worker != NULL && strcmp(worker, name) != 0)
			continue;
		one = ask_worker(name);
		if (one == NULL || json_array_append_new(all, one) != 0)
			return CMD_FAILED;
		if (json_object_get(one, "store") != NULL &&
		    call_is_here(&config->workers[i]))
			judge_file(config, n_faults, one);
		if (json_array_size(json_object_get(one, "problems")) > 0)
			status = CMD_FAILED;
	}
	return status;
}

int
cmd_status(int argc, char **argv)
{
	int first = options_read(&options, argc, argv), status = CMD_FAILED;
	struct config *config;
	json_t *all, *one;
	size_t i, n_faults;

	if (first <= 0)
		return options_exit(first);
	config = call_load_workers(&n_faults);
	if (config == NULL)
		return CMD_FAILED;
	all = json_array();
	if (config->n_workers == 0 || worker != NULL)
		if (call_pick(config, worker) == NULL)
			goto out;
	status = ask_all(config, n_faults, all);
	if (json)
		out_json(all);
	else
		json_array_foreach(all, i, one)
		{
			status_print(one);
		}
out:
	json_decref(all);
	config_unref(config);
	return status;
}
