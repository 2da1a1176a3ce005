/* gaff show: one event with its attempts. */

#include <stdio.h>
#include <string.h>

#include "../shared/units.h"
#include "call.h"
#include "cmd.h"
#include "options.h"
#include "out.h"

static const char *worker;
static bool json, raw_body;

static const struct option_spec specs[] = {
    {"body", OPTION_FLAG, &raw_body, NULL, "print the raw body, nothing else"},
    {"worker", OPTION_TEXT, &worker, "NAME", "ask this worker"},
    {"json", OPTION_FLAG, &json, NULL, "print a JSON object"},
    {0},
};

static const struct options options = {
    .verb = "show",
    .operands = "ID",
    .about = "Shows an event with its deliveries and their attempts.  ID is "
	     "an event's id or\na unique part of it.",
    .specs = specs,
    .min_operands = 1,
    .max_operands = 1,
};

/* Whether the output says more than the one line that is the detail. */
static bool
says_more(const char *output, const char *detail)
{
	size_t len = strlen(detail);

	return strncmp(output, detail, len) != 0 ||
	       (output[len] != '\0' && strcmp(output + len, "\n") != 0);
}

static void
print_attempt(const json_t *attempt, size_t number)
{
	char took[OUT_TEXT_SIZE], at[OUT_TEXT_SIZE];

	printf("  %2zu  %s  %-10s %8s  ", number,
	    out_time(out_member(attempt, "at"), at),
	    out_member(attempt, "outcome"),
	    units_format_ms(out_number(attempt, "ms"), took, sizeof(took)));
	out_text(out_member(attempt, "detail"));
	putchar('\n');
	if (says_more(
		out_member(attempt, "output"), out_member(attempt, "detail")))
		out_lines(out_member(attempt, "output"), "        | ");
}

static void
print_delivery(const json_t *delivery)
{
	const json_t *attempt;
	char text[OUT_TEXT_SIZE];
	size_t i;

	printf("\nroute %s: %s", out_member(delivery, "route"),
	    out_member(delivery, "state"));
	if (out_number(delivery, "replay") > 0)
		printf(
		    ", replay %lld", (long long)out_number(delivery, "replay"));
	if (out_member(delivery, "reason")[0] != '\0')
		printf(", %s", out_member(delivery, "reason"));
	if (out_member(delivery, "due_at")[0] != '\0')
		printf(
		    ", due %s", out_time(out_member(delivery, "due_at"), text));
	if (out_member(delivery, "died_at")[0] != '\0')
		printf(", died %s",
		    out_time(out_member(delivery, "died_at"), text));
	putchar('\n');
	json_array_foreach(json_object_get(delivery, "attempts"), i, attempt)
	    print_attempt(attempt, i + 1);
}

static void
print_event(const json_t *event)
{
	static const char *const members[] = {"id", "source", "type", "key",
	    "received_at", "scheme", "remote", "method", "path", "query",
	    "content_type"};
	const json_t *value;
	size_t i;

	for (i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		out_line(event, members[i]);
	json_array_foreach(json_object_get(event, "flags"), i, value) printf(
	    "%-13s%s\n", i == 0 ? "flags" : "", json_string_value(value));
	printf("%-13s%lld bytes\n", "body",
	    (long long)out_number(event, "body_bytes"));
	out_headers(event);
	if (json_array_size(json_object_get(event, "deliveries")) == 0)
		printf("\n%s\n", out_flag(event, "routed")
				     ? "no route matched it"
				     : "not routed yet");
	json_array_foreach(json_object_get(event, "deliveries"), i, value)
	    print_delivery(value);
}

int
cmd_show(int argc, char **argv)
{
	int first = options_read(&options, argc, argv);
	int status = CMD_FAILED;
	struct call *call;
	json_t *event;

	if (first <= 0)
		return options_exit(first);
	call = call_open(worker);
	if (call == NULL)
		return CMD_FAILED;
	event = call_ask(call, "show",
	    json_pack("{s:s, s:b}", "id", argv[first], "body", (int)raw_body),
	    NULL);
	if (event == NULL)
		goto out;
	status = CMD_DONE;
	if (raw_body && out_bytes(event, "body_base64") != 0)
		status = CMD_FAILED;
	else if (json && !raw_body)
		out_json(event);
	else if (!raw_body)
		print_event(event);
out:
	json_decref(event);
	call_close(call);
	return status;
}
