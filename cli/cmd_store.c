/* gaff store: backup. */

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "actions.h"
#include "call.h"
#include "cmd.h"
#include "options.h"
#include "out.h"

enum { ASK_MS = 200, PAGE_BYTES = 4096 };

static const char *worker;
static bool json;

static const struct option_spec specs[] = {
    {"worker", OPTION_TEXT, &worker, "NAME", "of this worker's store"},
    {"json", OPTION_FLAG, &json, NULL, "print the result as JSON"},
    {0},
};

static const struct options options = {
    .verb = "store backup",
    .operands = "FILE",
    .about = "Copies the store into a new file while the worker goes on.  FILE "
	     "is an absolute\npath, written by the worker as its user; none is "
	     "overwritten.  The copy is a\nstore: it has every event that was "
	     "acknowledged before the command began.",
    .specs = specs,
    .min_operands = 1,
    .max_operands = 1,
};

static void
print_progress(const json_t *now)
{
	int64_t total = out_number(now, "total");

	if (isatty(STDERR_FILENO) == 0 || json || total == 0)
		return;
	fprintf(stderr, "\r%3lld %% of %lld MB",
	    (long long)(100 * out_number(now, "pages") / total),
	    (long long)(total * PAGE_BYTES >> 20));
	if (!out_flag(now, "running"))
		fputc('\n', stderr);
}

static int
print_result(const json_t *now)
{
	const char *error = out_member(now, "error");
	long long bytes = (long long)out_number(now, "total") * PAGE_BYTES;
	json_t *made;

	if (error[0] != '\0') {
		fprintf(stderr, "gaff store: %s\n", error);
		return CMD_FAILED;
	}
	if (!json) {
		printf("%s, %lld bytes\n", out_member(now, "path"), bytes);
		return CMD_DONE;
	}
	made = json_pack("{s:O, s:I}", "path", json_object_get(now, "path"),
	    "bytes", (json_int_t)bytes);
	out_json(made);
	json_decref(made);
	return CMD_DONE;
}

/* Ask until it is over. */
static int
wait_for(struct call *call, json_t *now, const char *path)
{
	int status = CMD_FAILED;

	while (now != NULL && out_flag(now, "running")) {
		print_progress(now);
		(void)poll(NULL, 0, ASK_MS);
		json_decref(now);
		now = call_ask(call, "backup", json_object(), NULL);
	}
	if (now == NULL)
		return CMD_FAILED;
	print_progress(now);
	/* the worker was restarted, and somebody began another */
	if (strcmp(out_member(now, "path"), path) != 0)
		fputs("gaff store: the worker has begun another backup\n",
		    stderr);
	else
		status = print_result(now);
	json_decref(now);
	return status;
}

static int
store_backup(int argc, char **argv)
{
	int first = options_read(&options, argc, argv), status;
	struct call *call;

	if (first <= 0)
		return options_exit(first);
	if (argv[first][0] != '/')
		return options_complain(
		    &options, "FILE must be an absolute path");
	call = call_open(worker);
	if (call == NULL)
		return CMD_FAILED;
	status = wait_for(call,
	    call_ask(
		call, "backup", json_pack("{s:s}", "path", argv[first]), NULL),
	    argv[first]);
	call_close(call);
	return status;
}

int
cmd_store(int argc, char **argv)
{
	static const struct action actions[] = {
	    {"backup", store_backup, "copy the store while it is in use"},
	    {0},
	};

	return actions_run("store", actions, argc, argv);
}
