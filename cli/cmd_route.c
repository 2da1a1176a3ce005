/* gaff pause, resume, cancel: what happens to a route's deliveries. */

#include <stdio.h>

#include "call.h"
#include "cmd.h"
#include "options.h"
#include "out.h"

static const char *worker;
static bool yes;

static const struct option_spec specs[] = {
    {"worker", OPTION_TEXT, &worker, "NAME", "ask this worker"},
    {0},
};

static const struct option_spec cancel_specs[] = {
    {"worker", OPTION_TEXT, &worker, "NAME", "ask this worker"},
    {"yes", OPTION_FLAG, &yes, NULL, "do not ask"},
    {0},
};

static const struct options pause_options = {
    .verb = "pause",
    .operands = "ROUTE",
    .about = "Lets the deliveries of a route wait, over restarts too, until "
	     "gaff resume.\nAttempts that run are finished; events are "
	     "accepted as ever.",
    .specs = specs,
    .min_operands = 1,
    .max_operands = 1,
};

static const struct options resume_options = {
    .verb = "resume",
    .operands = "ROUTE",
    .about = "Lets a paused route go on.",
    .specs = specs,
    .min_operands = 1,
    .max_operands = 1,
};

static const struct options cancel_options = {
    .verb = "cancel",
    .operands = "ROUTE",
    .about = "Ends the open deliveries of a route: they are not tried again.  "
	     "gaff replay\nbrings them back with --state cancelled.",
    .specs = cancel_specs,
    .min_operands = 1,
    .max_operands = 1,
};

/* One CALL with the route as its argument, NULL after a sentence. */
static json_t *
ask(struct call *call, const char *verb, const char *route)
{
	return call_ask(call, verb, json_pack("{s:s}", "route", route), NULL);
}

static int
set_paused(const struct options *options, int argc, char **argv)
{
	int first = options_read(options, argc, argv);
	struct call *call;
	json_t *data;

	if (first <= 0)
		return options_exit(first);
	call = call_open(worker);
	if (call == NULL)
		return CMD_FAILED;
	data = ask(call, options->verb, argv[first]);
	call_close(call);
	if (data == NULL)
		return CMD_FAILED;
	printf("route %s %s\n", argv[first],
	    out_flag(data, "paused") ? "is paused" : "goes on");
	json_decref(data);
	return CMD_DONE;
}

int
cmd_pause(int argc, char **argv)
{
	return set_paused(&pause_options, argc, argv);
}

int
cmd_resume(int argc, char **argv)
{
	return set_paused(&resume_options, argc, argv);
}

/* Ends deliveries in steps.  How many, or -1 after a sentence. */
static long long
cancel_all(struct call *call, const char *route)
{
	long long n = 0;
	bool more;

	do {
		json_t *data = ask(call, "cancel", route);

		if (data == NULL) {
			fprintf(stderr, "%lld were cancelled before\n", n);
			return -1;
		}
		n += out_number(data, "cancelled");
		more = out_flag(data, "more");
		json_decref(data);
	} while (more);
	return n;
}

int
cmd_cancel(int argc, char **argv)
{
	int first = options_read(&cancel_options, argc, argv);
	char question[256];
	struct call *call;
	long long n;

	if (first <= 0)
		return options_exit(first);
	snprintf(question, sizeof(question),
	    "End all open deliveries of route %s?", argv[first]);
	if (!yes && !out_can_ask())
		return options_complain(
		    &cancel_options, "needs --yes without a terminal");
	if (!yes && !out_ask(question))
		return CMD_FAILED;
	call = call_open(worker);
	if (call == NULL)
		return CMD_FAILED;
	n = cancel_all(call, argv[first]);
	call_close(call);
	if (n < 0)
		return CMD_FAILED;
	printf("%lld cancelled\n", n);
	return CMD_DONE;
}
