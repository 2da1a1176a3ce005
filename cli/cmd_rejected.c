/* gaff rejected: list and show refused requests that are kept. */

#include <stdio.h>

#include "actions.h"
#include "call.h"
#include "cmd.h"
#include "options.h"
#include "out.h"

static const char *worker, *source;
static bool json, raw_body;

static const struct option_spec list_specs[] = {
    {"source", OPTION_TEXT, &source, "NAME", "of this source"},
    {"worker", OPTION_TEXT, &worker, "NAME", "ask this worker"},
    {"json", OPTION_FLAG, &json, NULL, "print a JSON array"},
    {0},
};

static const struct options list_options = {
    .verb = "rejected list",
    .operands = "",
    .about = "Lists the refused requests a worker has kept since its start, "
	     "newest first: of\nsources with keep_rejected, at most one a "
	     "second.",
    .specs = list_specs,
};

static const struct option_spec show_specs[] = {
    {"body", OPTION_FLAG, &raw_body, NULL, "print the raw body, nothing else"},
    {"worker", OPTION_TEXT, &worker, "NAME", "ask this worker"},
    {"json", OPTION_FLAG, &json, NULL, "print a JSON object"},
    {0},
};

static const struct options show_options = {
    .verb = "rejected show",
    .operands = "ID",
    .about = "Shows a refused request.  What is secret in it is `-`.  gaff "
	     "verify --rejected ID\nsays what did not match.",
    .specs = show_specs,
    .min_operands = 1,
    .max_operands = 1,
};

static int
print_list(const json_t *list)
{
	static const char *const headers[] = {"ID", "RECEIVED", "SOURCE",
	    ">STATUS", "REASON", ">BYTES", "REMOTE"};
	struct out_table *table;
	char text[OUT_TEXT_SIZE];
	const json_t *item;
	size_t i;

	if (json_array_size(list) == 0) {
		fputs("no refused requests are kept\n", stderr);
		return CMD_DONE;
	}
	table = out_table_new(headers, 7);
	json_array_foreach(list, i, item)
	{
		out_cell(table, out_short_id(out_member(item, "id")));
		out_cell(
		    table, out_time(out_member(item, "received_at"), text));
		out_cell(table, out_member(item, "source"));
		out_cellf(table, "%lld", (long long)out_number(item, "status"));
		out_cell(table, out_member(item, "reason"));
		out_cellf(
		    table, "%lld", (long long)out_number(item, "body_bytes"));
		out_cell(table, out_member(item, "remote"));
	}
	return out_table_print(table) == 0 ? CMD_DONE : CMD_FAILED;
}

static void
print_item(const json_t *item)
{
	static const char *const members[] = {"id", "source", "received_at",
	    "reason", "scheme", "remote", "method", "path", "query",
	    "content_type"};

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		out_line(item, members[i]);
	printf("%-13s%lld bytes\n", "body",
	    (long long)out_number(item, "body_bytes"));
	out_headers(item);
	printf("\nwhy: gaff verify --rejected %s\n",
	    out_short_id(out_member(item, "id")));
}

/* The answer to a verb; NULL after a sentence. */
static json_t *
ask(const char *verb, json_t *args)
{
	struct call *call = call_open(worker);
	json_t *data = NULL;

	if (call != NULL)
		data = call_ask(call, verb, json_incref(args), NULL);
	call_close(call);
	json_decref(args);
	return data;
}

static int
rejected_list(int argc, char **argv)
{
	int first = options_read(&list_options, argc, argv);
	int status = CMD_DONE;
	json_t *list;

	if (first <= 0)
		return options_exit(first);
	list = ask("rejected",
	    json_pack("{s:s}", "source", source != NULL ? source : ""));
	if (list == NULL)
		return CMD_FAILED;
	if (json)
		out_json(list);
	else
		status = print_list(list);
	json_decref(list);
	return status;
}

static int
rejected_show(int argc, char **argv)
{
	int first = options_read(&show_options, argc, argv);
	int status = CMD_DONE;
	json_t *item;

	if (first <= 0)
		return options_exit(first);
	item = ask("rejected_show", json_pack("{s:s}", "id", argv[first]));
	if (item == NULL)
		return CMD_FAILED;
	if (raw_body)
		status =
		    out_bytes(item, "body_base64") == 0 ? CMD_DONE : CMD_FAILED;
	else if (json)
		out_json(item);
	else
		print_item(item);
	json_decref(item);
	return status;
}

int
cmd_rejected(int argc, char **argv)
{
	static const struct action actions[] = {
	    {"list", rejected_list, "list those that are kept"},
	    {"show", rejected_show, "show one"},
	    {0},
	};

	return actions_run("rejected", actions, argc, argv);
}
