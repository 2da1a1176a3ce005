/* gaff tail: follow events as they come. */

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "call.h"
#include "cmd.h"
#include "events.h"
#include "options.h"
#include "out.h"

enum { PAUSE_MS = 500, PAGE = 200 };

static struct events_query query = {.limit = PAGE, .oldest_first = true};
static const char *worker;
static bool json;

static const struct option_spec specs[] = {
    {"source", OPTION_TEXT, &query.source, "NAME", "of this source"},
    {"type", OPTION_TEXT, &query.type, "PATTERN", "of this type"},
    {"worker", OPTION_TEXT, &worker, "NAME", "of this worker"},
    {"json", OPTION_FLAG, &json, NULL, "print a JSON object a line"},
    {0},
};

static const struct options options = {
    .verb = "tail",
    .operands = "",
    .about = "Prints events as the worker stores them, until Ctrl-C.",
    .specs = specs,
};

static void
print_event(const json_t *event)
{
	char text[OUT_TEXT_SIZE];

	if (json) {
		json_dumpf(event, stdout, JSON_COMPACT);
		putchar('\n');
		return;
	}
	printf("%s  %s  ", out_short_id(out_member(event, "id")),
	    out_time(out_member(event, "received_at"), text));
	out_text(out_member(event, "source"));
	fputs("  ", stdout);
	out_text(out_member(event, "type"));
	printf("  %lld bytes  ", (long long)out_number(event, "body_bytes"));
	out_text(out_member(event, "key"));
	putchar('\n');
}

/* The newest event there is: tail begins behind it.  0, or -1. */
static int
find_start(struct call *call)
{
	const struct events_query newest = {.limit = 1};
	bool more;
	json_t *events = events_ask(call, &newest, &more);

	if (events == NULL)
		return -1;
	query.after = out_number(json_array_get(events, 0), "seq");
	json_decref(events);
	return 0;
}

/* Print what has come since.  0, or -1 after a sentence. */
static int
print_new(struct call *call)
{
	const json_t *event;
	json_t *events;
	bool more;
	size_t i;

	do {
		events = events_ask(call, &query, &more);
		if (events == NULL)
			return -1;
		json_array_foreach(events, i, event)
		{
			print_event(event);
			query.after = out_number(event, "seq");
		}
		json_decref(events);
	} while (more);
	return fflush(stdout) == 0 ? 0 : -1;
}

int
cmd_tail(int argc, char **argv)
{
	const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
	int first = options_read(&options, argc, argv);
	struct call *call;

	if (first <= 0)
		return options_exit(first);
	call = call_open(worker);
	if (call == NULL)
		return CMD_FAILED;
	if (find_start(call) == 0)
		while (print_new(call) == 0)
			nanosleep(&pause, NULL);
	call_close(call);
	return CMD_FAILED;
}
