/* gaff replay: deliver events again. */

#include <stdio.h>
#include <string.h>

#include "call.h"
#include "cmd.h"
#include "events.h"
#include "options.h"
#include "out.h"
#include "pace.h"

enum { BATCH = 50, STATES_MAX = 8 };

static struct events_query query = {.limit = 100, .oldest_first = true};
static struct option_list states;
static const char *worker;
static int64_t rate;
static bool json, yes;

static const struct option_spec specs[] = {
    {"source", OPTION_TEXT, &query.source, "NAME", "events of this source"},
    {"type", OPTION_TEXT, &query.type, "PATTERN", "events of this type"},
    {"route", OPTION_TEXT, &query.route, "NAME", "on this route only"},
    {"since", OPTION_TIME, &query.since_ms, "TIME",
	"received since then: 2026-11-22, or 6h for six hours ago"},
    {"state", OPTION_LIST, &states, "STATE",
	"dead (default with a filter), delivered or cancelled"},
    {"limit", OPTION_NUMBER, &query.limit, "N", "at most so many (100)"},
    {"rate", OPTION_NUMBER, &rate, "N", "at most so many events a second"},
    {"yes", OPTION_FLAG, &yes, NULL, "do not ask"},
    {"worker", OPTION_TEXT, &worker, "NAME", "ask this worker"},
    {"json", OPTION_FLAG, &json, NULL, "print the result as JSON"},
    {0},
};

static const struct options options = {
    .verb = "replay",
    .operands = "[ID…]",
    .about = "Delivers events again: those with these ids, or those a filter "
	     "finds, oldest\nfirst.  With a filter only dead deliveries, "
	     "unless --state says otherwise.  Says\nwhat it would do and asks; "
	     "needs --yes without a terminal.",
    .specs = specs,
    .max_operands = -1,
};

/* The states the worker is asked to replay. */
static json_t *
wanted_states(bool with_ids)
{
	json_t *list;

	if (with_ids && states.n == 0)
		return json_pack("[s, s, s]", "dead", "delivered", "cancelled");
	if (states.n == 0)
		return json_pack("[s]", "dead");
	list = json_array();
	for (size_t i = 0; i < states.n; i++)
		json_array_append_new(list, json_string(states.items[i]));
	return list;
}

/* The events that are meant: an array of their descriptions. */
static json_t *
find_events(struct call *call, char **ids, int n, bool *more)
{
	json_t *all, *event;

	*more = false;
	if (n == 0) {
		query.state = states.n > 0 ? states.items[0] : "dead";
		return events_ask(call, &query, more);
	}
	all = json_array();
	for (int i = 0; i < n; i++) {
		event = call_ask(
		    call, "show", json_pack("{s:s}", "id", ids[i]), NULL);
		if (event == NULL || json_array_append_new(all, event) != 0) {
			json_decref(all);
			return NULL;
		}
	}
	return all;
}

static void
print_plan(const json_t *events, bool more)
{
	const json_t *event, *delivery;
	char text[OUT_TEXT_SIZE];
	size_t i, k;

	json_array_foreach(events, i, event)
	{
		fprintf(stderr, "%s  %s  %s  %s",
		    out_short_id(out_member(event, "id")),
		    out_time(out_member(event, "received_at"), text),
		    out_member(event, "source"), out_member(event, "type"));
		json_array_foreach(
		    json_object_get(event, "deliveries"), k, delivery)
		{
			const char *route = out_member(delivery, "route");

			if (query.route == NULL ||
			    strcmp(route, query.route) == 0)
				fprintf(stderr, "  %s %s", route,
				    out_member(delivery, "state"));
		}
		fputc('\n', stderr);
	}
	fprintf(stderr, "%zu events%s\n", json_array_size(events),
	    more ? " (there are more: --limit)" : "");
}

static json_t *
make_args(const json_t *ids, bool with_ids)
{
	json_t *args = json_pack(
	    "{s:O, s:o}", "ids", ids, "states", wanted_states(with_ids));

	if (args != NULL && query.route != NULL)
		json_object_set_new(args, "route", json_string(query.route));
	return args;
}

/* Replay events [*at, …) of one batch; adds to `total`.  0 or -1. */
static int
replay_batch(struct call *call, const json_t *events, size_t *at, bool with_ids,
    json_t *total)
{
	size_t n = rate > 0 ? 1 : BATCH;
	json_t *ids = json_array(), *data;

	for (; n > 0 && *at < json_array_size(events); n--, (*at)++)
		json_array_append(
		    ids, json_object_get(json_array_get(events, *at), "id"));
	data = call_ask(call, "replay", make_args(ids, with_ids), NULL);
	json_decref(ids);
	if (data == NULL)
		return -1;
	json_object_set_new(total, "replayed",
	    json_integer(
		out_number(total, "replayed") + out_number(data, "replayed")));
	json_array_extend(json_object_get(total, "missing"),
	    json_object_get(data, "missing"));
	json_array_extend(json_object_get(total, "unchanged"),
	    json_object_get(data, "unchanged"));
	json_decref(data);
	return 0;
}

static int
replay_events(struct call *call, const json_t *events, bool with_ids)
{
	json_t *total = json_pack(
	    "{s:i, s:[], s:[]}", "replayed", 0, "missing", "unchanged");
	struct pace pace = pace_start(rate);
	int result = 0;
	size_t at = 0, left;

	while (result == 0 && at < json_array_size(events)) {
		pace_wait(&pace);
		result = replay_batch(call, events, &at, with_ids, total);
	}
	left = json_array_size(json_object_get(total, "unchanged")) +
	       json_array_size(json_object_get(total, "missing"));
	if (json)
		out_json(total);
	else
		printf("%lld deliveries are replayed%s",
		    (long long)out_number(total, "replayed"),
		    left > 0 ? "" : "\n");
	if (!json && left > 0)
		printf("; %zu events had none to replay\n", left);
	if (with_ids && left > 0)
		result = -1;
	json_decref(total);
	return result;
}

int
cmd_replay(int argc, char **argv)
{
	int first = options_read(&options, argc, argv), status = CMD_FAILED;
	bool with_ids = first > 0 && first < argc;
	struct call *call = NULL;
	json_t *events = NULL;
	bool more;

	if (first <= 0)
		return options_exit(first);
	if (!with_ids && query.source == NULL && query.type == NULL &&
	    query.route == NULL && query.since_ms == 0 && states.n == 0)
		return options_complain(&options, "needs ids or a filter");
	if (!with_ids && states.n > 1)
		return options_complain(
		    &options, "takes one --state with a filter");
	call = call_open(worker);
	if (call == NULL)
		goto out;
	events = find_events(call, argv + first, argc - first, &more);
	if (events == NULL)
		goto out;
	if (!yes || !json)
		print_plan(events, more);
	if (json_array_size(events) == 0) {
		if (replay_events(call, events, with_ids) == 0)
			status = CMD_DONE;
		goto out;
	}
	if (!yes && !out_can_ask()) {
		fputs("gaff replay: nothing was done; --yes does it\n", stderr);
		status = CMD_USAGE;
		goto out;
	}
	if (!yes && !out_ask("Deliver them again?"))
		goto out;
	if (replay_events(call, events, with_ids) == 0)
		status = CMD_DONE;
out:
	json_decref(events);
	call_close(call);
	return status;
}
