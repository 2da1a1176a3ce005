/* gaff tail: follow events as they come, and attempts as they end. */

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
    .about = "Prints events as the worker stores them, and their attempts as "
	     "they end, until\nCtrl-C.",
    .specs = specs,
};

/* What every line begins with. */
static void
print_start(const json_t *what, const char *at, const char *word)
{
	char text[OUT_TEXT_SIZE];

	printf("%s  %s  %-9s  ", out_short_id(out_member(what, "id")),
	    out_time(out_member(what, at), text), word);
}

static void
print_json(const json_t *what)
{
	json_dumpf(what, stdout, JSON_COMPACT);
	putchar('\n');
}

static void
print_event(const json_t *event)
{
	print_start(event, "received_at", "event");
	out_text(out_member(event, "source"));
	fputs("  ", stdout);
	out_text(out_member(event, "type"));
	printf("  %lld bytes  ", (long long)out_number(event, "body_bytes"));
	out_text(out_member(event, "key"));
	putchar('\n');
}

static void
print_attempt(const json_t *attempt)
{
	const char *state = out_member(attempt, "state");
	const char *detail = out_member(attempt, "detail");
	const char *due_at = out_member(attempt, "due_at");
	const char *reason = out_member(attempt, "reason");
	bool failed =
	    strcmp(state, "waiting") == 0 || strcmp(state, "exhausted") == 0;
	char text[OUT_TEXT_SIZE];

	print_start(attempt, "at", failed ? "failed" : state);
	printf("%s  try %lld", out_member(attempt, "route"),
	    (long long)out_number(attempt, "attempt"));
	if (strcmp(state, "dead") != 0)
		printf("  %lldms", (long long)out_number(attempt, "ms"));
	if (failed) {
		printf("  %s", out_member(attempt, "outcome"));
		fputs(detail[0] != '\0' ? " " : "", stdout);
		out_text(detail);
	}
	if (due_at[0] != '\0')
		printf("  next %s", out_time(due_at, text));
	printf("%s%s\n", reason[0] != '\0' ? "  " : "", reason);
}

static void
print_all(const json_t *list, void (*print)(const json_t *))
{
	const json_t *one;
	size_t i;

	json_array_foreach(list, i, one)(json ? print_json : print)(one);
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

/* The attempts that ended since `*cursor` (-1: none, but it is set), an answer
 * of the verb; NULL after a sentence. */
static json_t *
ask_attempts(struct call *call, int64_t *cursor)
{
	json_t *args = json_object(), *answer;

	if (*cursor >= 0)
		json_object_set_new(args, "cursor", json_integer(*cursor));
	if (query.source != NULL)
		json_object_set_new(args, "source", json_string(query.source));
	if (query.type != NULL)
		json_object_set_new(args, "type", json_string(query.type));
	answer = call_ask(call, "attempts", args, NULL);
	if (answer != NULL)
		*cursor = out_number(answer, "cursor");
	return answer;
}

/* All events behind the last one. */
static int
print_events(struct call *call)
{
	json_t *events;
	bool more;
	size_t n;

	do {
		events = events_ask(call, &query, &more);
		if (events == NULL)
			return -1;
		print_all(events, print_event);
		n = json_array_size(events);
		if (n > 0)
			query.after =
			    out_number(json_array_get(events, n - 1), "seq");
		json_decref(events);
	} while (more);
	return 0;
}

/* Print what has come since; *more: there is more already.  0, or -1 after a
 * sentence. */
static int
print_new(struct call *call, int64_t *cursor, bool *more)
{
	/* asked first, printed last: an event comes before its attempts */
	json_t *answer = ask_attempts(call, cursor);
	int64_t missed = out_number(answer, "missed");
	int result = answer != NULL ? print_events(call) : -1;

	if (missed > 0)
		fprintf(stderr, "gaff tail: %lld attempts were too fast\n",
		    (long long)missed);
	print_all(json_object_get(answer, "attempts"), print_attempt);
	*more = out_flag(answer, "more");
	json_decref(answer);
	return result == 0 && fflush(stdout) == 0 ? 0 : -1;
}

int
cmd_tail(int argc, char **argv)
{
	const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
	int first = options_read(&options, argc, argv);
	int64_t cursor = -1;
	struct call *call;
	bool more;

	if (first <= 0)
		return options_exit(first);
	call = call_open(worker);
	if (call == NULL)
		return CMD_FAILED;
	if (find_start(call) == 0)
		while (print_new(call, &cursor, &more) == 0)
			if (!more)
				nanosleep(&pause, NULL);
	call_close(call);
	return CMD_FAILED;
}
