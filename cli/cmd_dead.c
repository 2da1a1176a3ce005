/* gaff dead: list, show; replay and purge are in files of their own. */

#include <stdio.h>
#include <stdlib.h>

#include "../shared/deadletter.h"
#include "../shared/units.h"
#include "actions.h"
#include "cmd.h"
#include "dead.h"
#include "out.h"

static struct dead_common common;
static bool raw_body;
static int64_t limit;

static const struct option_spec list_specs[] = {
    {"source", OPTION_TEXT, &common.filter.source, "NAME", "of this source"},
    {"type", OPTION_TEXT, &common.filter.type, "PATTERN", "of this type"},
    {"route", OPTION_TEXT, &common.filter.route, "NAME", "of this route"},
    {"since", OPTION_TIME, &common.filter.since_ms, "TIME", "died since then"},
    {"replayed", OPTION_FLAG, &common.filter.replayed, NULL,
	"those replayed already, too"},
    {"limit", OPTION_NUMBER, &limit, "N", "the newest so many"},
    {"worker", OPTION_TEXT, &common.worker, "NAME", "of this worker"},
    {"json", OPTION_FLAG, &common.json, NULL, "print a JSON array of heads"},
    {0},
};

static const struct options list_options = {
    .verb = "dead list",
    .operands = "",
    .about = "Lists dead letters, oldest first, straight from their files.",
    .specs = list_specs,
};

static const struct option_spec show_specs[] = {
    {"route", OPTION_TEXT, &common.filter.route, "NAME", "of this route"},
    {"body", OPTION_FLAG, &raw_body, NULL, "print the raw body, nothing else"},
    {"worker", OPTION_TEXT, &common.worker, "NAME", "of this worker"},
    {"json", OPTION_FLAG, &common.json, NULL, "print its head as JSON"},
    {0},
};

static const struct options show_options = {
    .verb = "dead show",
    .operands = "ID",
    .about = "Shows a dead letter: its head and attempts, or its body.",
    .specs = show_specs,
    .min_operands = 1,
    .max_operands = 1,
};

struct config *
dead_open(const struct dead_common *c, const struct config_worker **worker)
{
	size_t n_faults;
	struct config *config = call_load_workers(&n_faults);

	if (config == NULL)
		return NULL;
	*worker = call_pick(config, c->worker);
	if (*worker != NULL)
		return config;
	config_unref(config);
	return NULL;
}

static const char *
last_outcome(const json_t *head)
{
	const json_t *attempts = json_object_get(head, "attempts");
	size_t n = json_array_size(attempts);

	return n > 0 ? out_member(json_array_get(attempts, n - 1), "outcome")
		     : "";
}

static void
add_row(struct out_table *table, const struct letter *letter)
{
	const json_t *head = letter->head;
	const char *outcome = last_outcome(head);
	char text[OUT_TEXT_SIZE];

	out_cell(table, out_short_id(out_member(head, "id")));
	out_cell(table, out_time(out_member(head, "died_at"), text));
	out_cell(table, out_member(head, "source"));
	out_cell(table, out_member(head, "type"));
	out_cell(table, out_member(head, "route"));
	out_cellf(
	    table, "%zu", json_array_size(json_object_get(head, "attempts")));
	out_cellf(table, "%s%s%s%s", out_member(head, "reason"),
	    outcome[0] != '\0' ? ": " : "", outcome,
	    letter->replayed ? " (replayed)" : "");
}

int
dead_print(const struct letters *letters)
{
	static const char *const headers[] = {
	    "ID", "DIED", "SOURCE", "TYPE", "ROUTE", ">TRIES", "REASON"};
	struct out_table *table = out_table_new(headers, 7);

	for (size_t i = 0; i < letters->n; i++)
		add_row(table, &letters->items[i]);
	return out_table_print(table);
}

void
dead_print_plan(const struct letters *letters)
{
	char text[OUT_TEXT_SIZE];

	for (size_t i = 0; i < letters->n; i++) {
		const json_t *head = letters->items[i].head;

		fprintf(stderr, "%s  %s  %s  %s  %s\n",
		    out_short_id(out_member(head, "id")),
		    out_time(out_member(head, "died_at"), text),
		    out_member(head, "source"), out_member(head, "type"),
		    out_member(head, "route"));
	}
	fprintf(stderr, "%zu dead letters\n", letters->n);
}

static int
print_heads(const struct letters *letters)
{
	json_t *list = json_array();
	int result = 0;

	for (size_t i = 0; i < letters->n && result == 0; i++) {
		json_t *head = letters->items[i].head;

		result = json_object_set_new(head, "file",
			     json_string(letters->items[i].path)) != 0 ||
				 json_array_append(list, head) != 0
			     ? -1
			     : 0;
	}
	if (result == 0)
		out_json(list);
	json_decref(list);
	return result;
}

static int
dead_list(int argc, char **argv)
{
	int first = options_read(&list_options, argc, argv);
	const struct config_worker *worker;
	struct letters letters = {0}, part;
	int status = CMD_FAILED;
	struct config *config;

	if (first <= 0)
		return options_exit(first);
	config = dead_open(&common, &worker);
	if (config == NULL)
		return CMD_FAILED;
	if (letters_read(
		worker->dead_letter.directory, &common.filter, &letters) != 0)
		goto out;
	part = letters;
	if (limit > 0 && (size_t)limit < letters.n) {
		part.items += letters.n - (size_t)limit;
		part.n = (size_t)limit;
	}
	if (part.n == 0 && !common.json)
		fputs("no dead letters\n", stderr);
	else if ((common.json ? print_heads(&part) : dead_print(&part)) != 0)
		goto out;
	if (letters.bad == 0)
		status = CMD_DONE;
out:
	letters_clear(&letters);
	config_unref(config);
	return status;
}

/* ---- one of them ---- */

static void
print_attempts(const json_t *head)
{
	const json_t *attempts = json_object_get(head, "attempts");
	char took[OUT_TEXT_SIZE], at[OUT_TEXT_SIZE];
	const json_t *attempt;
	size_t i;

	json_array_foreach(attempts, i, attempt)
	{
		printf("  %2zu  %s  %-10s %8s  ", i + 1,
		    out_time(out_member(attempt, "at"), at),
		    out_member(attempt, "outcome"),
		    units_format_ms(
			out_number(attempt, "ms"), took, sizeof(took)));
		out_text(out_member(attempt, "detail"));
		putchar('\n');
	}
}

static void
print_letter(const struct letter *letter)
{
	static const char *const members[] = {"id", "source", "type", "key",
	    "route", "reason", "deliver", "worker", "scheme", "received_at",
	    "died_at", "remote", "query", "content_type", "body_sha256"};
	const json_t *head = letter->head;
	const char *id = out_member(head, "id");

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		const char *text = out_member(head, members[i]);

		if (text[0] == '\0')
			continue;
		printf("%-13s", members[i]);
		out_text(text);
		putchar('\n');
	}
	printf("%-13s%lld bytes\n%-13s%s%s\n", "body",
	    (long long)out_number(head, "body_bytes"), "file", letter->path,
	    letter->replayed ? " (replayed)" : "");
	print_attempts(head);
	printf("\nbody: gaff dead show %s --route %s --body\n"
	       "again: gaff dead replay %s --route %s%s\n",
	    out_short_id(id), out_member(head, "route"), out_short_id(id),
	    out_member(head, "route"), letter->replayed ? " --again" : "");
}

static int
print_body(const struct letter *letter)
{
	json_t *head = NULL;
	void *body = NULL;
	char error[256];
	size_t len;

	if (deadletter_read(letter->path, &head, &body, &len, error) != 0) {
		fprintf(stderr, "gaff dead: %s: %s\n", letter->path, error);
		return -1;
	}
	fwrite(body, 1, len, stdout);
	json_decref(head);
	free(body);
	return 0;
}

static int
show_letters(const struct letters *letters)
{
	if (raw_body && letters->n > 1) {
		fputs("gaff dead: it died on several routes; add --route\n",
		    stderr);
		return -1;
	}
	if (raw_body)
		return print_body(&letters->items[0]);
	for (size_t i = 0; i < letters->n; i++) {
		if (common.json) {
			out_json(letters->items[i].head);
			continue;
		}
		if (i > 0)
			putchar('\n');
		print_letter(&letters->items[i]);
	}
	return 0;
}

static int
dead_show(int argc, char **argv)
{
	int first = options_read(&show_options, argc, argv);
	const struct config_worker *worker;
	struct letters letters = {0};
	int status = CMD_FAILED;
	struct config *config;

	if (first <= 0)
		return options_exit(first);
	config = dead_open(&common, &worker);
	if (config == NULL)
		return CMD_FAILED;
	common.filter.ids = argv + first;
	common.filter.n_ids = 1;
	common.filter.replayed = true;
	if (letters_read(
		worker->dead_letter.directory, &common.filter, &letters) == 0 &&
	    show_letters(&letters) == 0)
		status = CMD_DONE;
	letters_clear(&letters);
	config_unref(config);
	return status;
}

/* ---- the verb ---- */

int
cmd_dead(int argc, char **argv)
{
	static const struct action actions[] = {
	    {"list", dead_list, "list dead letters"},
	    {"show", dead_show, "show one"},
	    {"replay", dead_replay, "deliver them again, through the worker"},
	    {"purge", dead_purge, "delete them"},
	    {0},
	};

	return actions_run("dead", actions, argc, argv);
}
