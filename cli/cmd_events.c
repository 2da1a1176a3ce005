/* gaff events: list events, newest first. */

#include <stdio.h>
#include <string.h>

#include "call.h"
#include "cmd.h"
#include "events.h"
#include "options.h"
#include "out.h"

static struct events_query query = {.limit = 50};
static const char *worker;
static bool json;

static const struct option_spec specs[] = {
    {"source", OPTION_TEXT, &query.source, "NAME", "of this source"},
    {"type", OPTION_TEXT, &query.type, "PATTERN", "of this type"},
    {"state", OPTION_TEXT, &query.state, "STATE",
	"with a delivery that is pending, running, waiting, exhausted, "
	"delivered, dead, cancelled; or unmatched"},
    {"route", OPTION_TEXT, &query.route, "NAME", "on this route"},
    {"since", OPTION_TIME, &query.since_ms, "TIME",
	"received since then: 2026-11-22, or 6h for six hours ago"},
    {"limit", OPTION_NUMBER, &query.limit, "N", "at most so many (50)"},
    {"worker", OPTION_TEXT, &worker, "NAME", "ask this worker"},
    {"json", OPTION_FLAG, &json, NULL, "print a JSON array"},
    {0},
};

static const struct options options = {
    .verb = "events",
    .operands = "",
    .about = "Lists events, newest first.  ID is the last 8 characters of an "
	     "event's id;\nevery verb that takes an id takes them.",
    .specs = specs,
};

/* "paid delivered, mirror waiting (3)" */
static void
describe_deliveries(const json_t *event, struct buf *out)
{
	const json_t *list = json_object_get(event, "deliveries");
	const json_t *delivery;
	size_t i;

	if (json_array_size(list) == 0)
		buf_add_str(
		    out, out_flag(event, "routed") ? "unmatched" : "new");
	json_array_foreach(list, i, delivery)
	{
		int64_t tries = out_number(delivery, "tries");

		buf_printf(out, "%s%s %s", i > 0 ? ", " : "",
		    out_member(delivery, "route"),
		    out_member(delivery, "state"));
		if (tries > 1)
			buf_printf(out, " (%lld tries)", (long long)tries);
	}
	list = json_object_get(event, "flags");
	json_array_foreach(list, i, delivery)
	    buf_printf(out, ", %s", json_string_value(delivery));
}

static int
print_events(const json_t *events)
{
	static const char *const headers[] = {
	    "ID", "RECEIVED", "SOURCE", "TYPE", ">BYTES", "DELIVERIES"};
	struct out_table *table = out_table_new(headers, 6);
	char text[OUT_TEXT_SIZE];
	const json_t *event;
	size_t i;

	json_array_foreach(events, i, event)
	{
		struct buf deliveries = {0};

		describe_deliveries(event, &deliveries);
		out_cell(table, out_short_id(out_member(event, "id")));
		out_cell(
		    table, out_time(out_member(event, "received_at"), text));
		out_cell(table, out_member(event, "source"));
		out_cell(table, out_member(event, "type"));
		out_cellf(
		    table, "%lld", (long long)out_number(event, "body_bytes"));
		out_cell(table, deliveries.failed ? "?" : buf_str(&deliveries));
		buf_clear(&deliveries);
	}
	return out_table_print(table);
}

int
cmd_events(int argc, char **argv)
{
	int first = options_read(&options, argc, argv);
	int status = CMD_FAILED;
	struct call *call;
	json_t *events;
	bool more;

	if (first <= 0)
		return options_exit(first);
	call = call_open(worker);
	if (call == NULL)
		return CMD_FAILED;
	events = events_ask(call, &query, &more);
	if (events == NULL)
		goto out;
	if (json)
		out_json(events);
	else if (json_array_size(events) == 0)
		fputs("no such events\n", stderr);
	else if (print_events(events) != 0)
		goto out;
	if (more && !json)
		fprintf(stderr, "there are more: --limit %lld\n",
		    (long long)query.limit * 10);
	status = CMD_DONE;
out:
	json_decref(events);
	call_close(call);
	return status;
}
