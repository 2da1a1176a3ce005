/* gaff forget: remove an event everywhere it stands. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "call.h"
#include "cmd.h"
#include "letters.h"
#include "options.h"
#include "out.h"

static const char *worker;
static bool json, yes;

static const struct option_spec specs[] = {
    {"yes", OPTION_FLAG, &yes, NULL, "do not ask"},
    {"worker", OPTION_TEXT, &worker, "NAME", "ask this worker"},
    {"json", OPTION_FLAG, &json, NULL, "print what was removed as JSON"},
    {0},
};

static const struct options options = {
    .verb = "forget",
    .operands = "ID",
    .about =
	"Removes an event for good: its body, headers and attempts from the "
	"store (from its\nfree pages and log too), its dead letters, replayed "
	"ones too, and a refused request\nthat is kept.  Deliveries that wait "
	"end; while one is running nothing is done.  A\nhash of its key "
	"stays, so that a copy of the provider's does not bring it back.",
    .specs = specs,
    .min_operands = 1,
    .max_operands = 1,
};

static const char beyond[] =
    "not reached: what handlers and URLs have made of it; backups and copies "
    "of the files;\nits id and key in logs and in gaff's own events, and the "
    "last line a failed handler\nprinted, in logs\n";

/* Its id as the store and the letters have it, or NULL after a sentence. */
static const char *
find_id(const char *part, const json_t *stored, const struct letters *letters)
{
	const char *id = out_member(stored, "id"), *found = NULL;

	if (id[0] != '\0')
		return id;
	for (size_t i = 0; i < letters->n; i++) {
		id = out_member(letters->items[i].head, "id");
		if (strlen(part) < 4 || strstr(id, part) == NULL)
			continue;
		if (found != NULL && strcmp(found, id) != 0) {
			fprintf(stderr,
			    "gaff forget: several dead letters have \"%s\" in "
			    "their ids; give more of it\n",
			    part);
			return NULL;
		}
		found = id;
	}
	if (found == NULL)
		fprintf(stderr, "gaff forget: nothing has \"%s\" in its id\n",
		    part);
	return found;
}

/* Only the letters of that id stay in the list. */
static void
select_letters(struct letters *letters, const char *id)
{
	size_t n = 0;

	for (size_t i = 0; i < letters->n; i++) {
		struct letter *letter = &letters->items[i];

		if (strcmp(out_member(letter->head, "id"), id) == 0) {
			struct letter other = letters->items[n];

			letters->items[n++] = *letter;
			*letter = other;
		}
	}
	/* those behind it are cleared with the list */
	for (size_t i = n; i < letters->n; i++) {
		free(letters->items[i].path);
		json_decref(letters->items[i].head);
	}
	letters->n = n;
}

static void
print_found(const char *id, const json_t *stored, const struct letters *letters)
{
	fprintf(stderr, "%s\n", id);
	if (out_flag(stored, "event"))
		fprintf(stderr, "  in the store, %lld deliveries, %lld open\n",
		    (long long)out_number(stored, "deliveries"),
		    (long long)out_number(stored, "cancelled"));
	if (out_flag(stored, "rejected"))
		fputs("  a refused request that is kept\n", stderr);
	for (size_t i = 0; i < letters->n; i++)
		fprintf(stderr, "  %s\n", letters->items[i].path);
}

static int
confirm(void)
{
	if (yes)
		return CMD_DONE;
	if (!out_can_ask()) {
		fputs("gaff forget: nothing was done; --yes does it\n", stderr);
		return CMD_USAGE;
	}
	return out_ask("Remove it for good?") ? CMD_DONE : CMD_FAILED;
}

/* ---- doing it ---- */

static int
remove_letters(const struct letters *letters, json_t *removed)
{
	int result = 0;

	for (size_t i = 0; i < letters->n; i++) {
		const char *path = letters->items[i].path;

		if (unlink(path) == 0 || errno == ENOENT) {
			json_array_append_new(removed, json_string(path));
			continue;
		}
		fprintf(stderr, "gaff forget: %s: %s\n", path, strerror(errno));
		result = -1;
	}
	return result;
}

/* Until nothing is left in free pages and log. */
static int
erase(struct call *call)
{
	bool more = true;

	while (more) {
		json_t *data = call_ask(call, "erase", json_object(), NULL);

		if (data == NULL)
			return -1;
		more = out_flag(data, "more");
		json_decref(data);
	}
	return 0;
}

static int
forget(struct call *call, const char *id, const struct letters *letters)
{
	json_t *data =
	    call_ask(call, "forget", json_pack("{s:s}", "id", id), NULL);
	json_t *removed = json_array();
	int result = -1;

	if (data != NULL && removed != NULL) {
		result = remove_letters(letters, removed);
		if (erase(call) != 0)
			result = -1;
		json_object_set_new(data, "id", json_string(id));
		json_object_set(data, "letters", removed);
	}
	if (result == 0 && json)
		out_json(data);
	else if (result == 0)
		printf("removed: %s%lld deliveries, %zu dead letters%s\n%s",
		    out_flag(data, "event") ? "the event, " : "",
		    (long long)out_number(data, "deliveries"), letters->n,
		    out_flag(data, "rejected") ? ", a refused request" : "",
		    beyond);
	json_decref(removed);
	json_decref(data);
	return result;
}

int
cmd_forget(int argc, char **argv)
{
	int first = options_read(&options, argc, argv), status = CMD_FAILED;
	const struct letters_filter all = {.replayed = true};
	struct letters letters = {0};
	json_t *stored = NULL;
	struct call *call;
	const char *id;

	if (first <= 0)
		return options_exit(first);
	call = call_open(worker);
	if (call == NULL)
		return CMD_FAILED;
	stored = call_ask(call, "forget",
	    json_pack("{s:s, s:b}", "id", argv[first], "dry", 1), NULL);
	if (stored == NULL ||
	    letters_read(
		call_worker(call)->dead_letter.directory, &all, &letters) != 0)
		goto out;
	id = find_id(argv[first], stored, &letters);
	if (id == NULL)
		goto out;
	select_letters(&letters, id);
	if (!out_flag(stored, "event") && !out_flag(stored, "rejected") &&
	    letters.n == 0) {
		fprintf(stderr, "gaff forget: nothing has the id %s\n", id);
		goto out;
	}
	if (!yes || !json)
		print_found(id, stored, &letters);
	status = confirm();
	if (status == CMD_DONE && forget(call, id, &letters) != 0)
		status = CMD_FAILED;
	/* one of those may be about it */
	if (letters.bad > 0)
		status = CMD_FAILED;
out:
	json_decref(stored);
	letters_clear(&letters);
	call_close(call);
	return status;
}
