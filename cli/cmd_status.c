/* gaff status: is everything all right?  Exit 1 when not. */

#include <stdio.h>
#include <string.h>

#include "../shared/clock.h"
#include "../shared/units.h"
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

static void
print_head(const json_t *status)
{
	const json_t *store = json_object_get(status, "store");
	char up[OUT_TEXT_SIZE], used[OUT_TEXT_SIZE], left[OUT_TEXT_SIZE];

	printf("worker %-8s %s   up %s   gaff %s   config %s   store %s, "
	       "%s free, sync %.1f ms\n",
	    out_member(status, "worker"), out_member(status, "state"),
	    out_since(out_member(status, "started_at"), up),
	    out_member(status, "version"), out_member(status, "config"),
	    units_format_bytes(
		out_number(store, "used_bytes"), used, sizeof(used)),
	    units_format_bytes(
		out_number(store, "free_bytes"), left, sizeof(left)),
	    (double)out_number(store, "sync_us") / 1000);
}

static void
print_queue(const json_t *status)
{
	const json_t *gateways = json_object_get(status, "gateways");
	struct status_sums sums;

	status_sum(status, &sums);
	printf("gateways        %zu linked\n", json_array_size(gateways));
	printf("queue           %lld running  %lld waiting  %lld being buried  "
	       "%lld dead  %lld unrouted  %lld unmatched\n",
	    (long long)sums.running, (long long)sums.waiting,
	    (long long)sums.exhausted, (long long)sums.dead,
	    (long long)out_number(status, "unrouted"),
	    (long long)out_number(status, "unmatched"));
}

static const char *
ago(int64_t wall_ms, char out[OUT_TEXT_SIZE])
{
	char text[CLOCK_TEXT_SIZE], since[OUT_TEXT_SIZE];

	if (wall_ms == 0)
		return "never";
	clock_format(wall_ms, text);
	snprintf(out, OUT_TEXT_SIZE, "%.20s ago", out_since(text, since));
	return out;
}

static int
print_sources(const json_t *status)
{
	static const char *const headers[] = {"source", ">accepted",
	    ">duplicate", ">refused", ">unavailable", "last accepted",
	    "last refused"};
	struct out_table *table;
	char text[OUT_TEXT_SIZE];
	json_t *sources = json_object_get(status, "sources");
	const char *name;
	const json_t *counters;

	if (json_object_size(sources) == 0)
		return 0;
	table = out_table_new(headers, 7);
	json_object_foreach(sources, name, counters)
	{
		struct status_source sum;

		status_source(counters, &sum);
		out_cell(table, name[0] != '\0' ? name : "(none)");
		out_cellf(table, "%lld", (long long)sum.accepted);
		out_cellf(table, "%lld", (long long)sum.duplicate);
		out_cellf(table, "%lld", (long long)sum.refused);
		out_cellf(table, "%lld", (long long)sum.unavailable);
		out_cell(table, ago(sum.last_accepted_ms, text));
		out_cellf(table, "%s%s%s", ago(sum.last_refused_ms, text),
		    sum.reason[0] != '\0' ? "  " : "", sum.reason);
	}
	return out_table_print(table);
}

/* What keeps a route from going on. */
static const char *
describe_route(const json_t *route)
{
	if (out_flag(route, "orphaned"))
		return "not configured";
	if (!out_flag(route, "enabled"))
		return "not enabled";
	return out_flag(route, "paused") ? "paused" : "";
}

static int
print_routes(const json_t *status)
{
	static const char *const headers[] = {"route", ">delivered", ">dead",
	    ">cancelled", ">running", ">waiting", "oldest", "note"};
	struct out_table *table;
	char text[OUT_TEXT_SIZE];
	const json_t *route;
	size_t i;

	if (json_array_size(json_object_get(status, "routes")) == 0)
		return 0;
	table = out_table_new(headers, 8);
	json_array_foreach(json_object_get(status, "routes"), i, route)
	{
		out_cell(table, out_member(route, "route"));
		out_cellf(
		    table, "%lld", (long long)out_number(route, "delivered"));
		out_cellf(table, "%lld", (long long)out_number(route, "dead"));
		out_cellf(
		    table, "%lld", (long long)out_number(route, "cancelled"));
		out_cellf(
		    table, "%lld", (long long)out_number(route, "running"));
		out_cellf(table, "%lld", (long long)status_waiting(route));
		out_cell(
		    table, out_since(out_member(route, "oldest_at"), text));
		out_cell(table, describe_route(route));
	}
	return out_table_print(table);
}

static void
print_status(const json_t *status)
{
	const json_t *problem;
	size_t i;

	print_head(status);
	print_queue(status);
	print_sources(status);
	print_routes(status);
	json_array_foreach(json_object_get(status, "problems"), i, problem)
	    printf("PROBLEM  %s\n", json_string_value(problem));
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
		return json_pack("{s:s, s:s, s:[s]}", "worker", name, "state",
		    "unreachable", "problems", "the worker does not answer");
	json_object_set_new(status, "problems", status_problems(status));
	return status;
}

static int
ask_all(const struct config *config, json_t *all)
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
	size_t i;

	if (first <= 0)
		return options_exit(first);
	config = call_load(CONFIG_ROLE_NONE);
	if (config == NULL)
		return CMD_FAILED;
	all = json_array();
	if (config->n_workers == 0 || worker != NULL)
		if (call_pick(config, worker) == NULL)
			goto out;
	status = ask_all(config, all);
	if (json)
		out_json(all);
	else
		json_array_foreach(all, i, one)
		{
			if (json_object_get(one, "store") != NULL)
				print_status(one);
		}
out:
	json_decref(all);
	config_unref(config);
	return status;
}
