/* gaff dead replay: through the worker, then the file is retired. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../shared/codec.h"
#include "../shared/deadletter.h"
#include "cmd.h"
#include "dead.h"
#include "out.h"
#include "pace.h"

static struct dead_common common;
static int64_t limit = 100, rate;
static bool yes, again;

static const struct option_spec specs[] = {
    {"source", OPTION_TEXT, &common.filter.source, "NAME", "of this source"},
    {"type", OPTION_TEXT, &common.filter.type, "PATTERN", "of this type"},
    {"route", OPTION_TEXT, &common.filter.route, "NAME", "of this route"},
    {"since", OPTION_TIME, &common.filter.since_ms, "TIME", "died since then"},
    {"limit", OPTION_NUMBER, &limit, "N", "at most so many (100)"},
    {"rate", OPTION_NUMBER, &rate, "N", "at most so many a second"},
    {"again", OPTION_FLAG, &again, NULL,
	"those replayed or delivered already, too"},
    {"yes", OPTION_FLAG, &yes, NULL, "do not ask"},
    {"worker", OPTION_TEXT, &common.worker, "NAME", "of this worker"},
    {"json", OPTION_FLAG, &common.json, NULL, "print the result as JSON"},
    {0},
};

static const struct options options = {
    .verb = "dead replay",
    .operands = "[ID…]",
    .about = "Delivers dead letters again, oldest first: those with these ids "
	     "(or files), or\nthose a filter finds.  The worker takes each, "
	     "from its store or from the file;\nthen the file moves to "
	     "replayed/ and is refused another time without --again.",
    .specs = specs,
    .max_operands = -1,
};

/* The event is still in the store: 1 replayed, 0 it is not there, -1 after a
 * sentence. */
static int
replay_stored(struct call *call, const struct letter *letter)
{
	const char *id = out_member(letter->head, "id");
	const char *route = out_member(letter->head, "route");
	json_t *states =
	    again ? json_pack("[s, s, s]", "dead", "delivered", "cancelled")
		  : json_pack("[s]", "dead");
	json_t *data = call_ask(call, "replay",
	    json_pack("{s:[s], s:s, s:o}", "ids", id, "route", route, "states",
		states),
	    NULL);
	int result = -1;

	if (data == NULL)
		return -1;
	if (json_array_size(json_object_get(data, "missing")) > 0)
		result = 0;
	else if (out_number(data, "replayed") > 0)
		result = 1;
	else
		fprintf(stderr,
		    "gaff dead: %s on route %s is not dead in the store any "
		    "more: it is under way, or was replayed before%s\n",
		    out_short_id(id), route,
		    again ? "" : " (--again does it anyhow)");
	json_decref(data);
	return result;
}

/* The event is in the file only.  0, or -1 after a sentence. */
static int
inject(struct call *call, const struct letter *letter)
{
	struct buf base64 = {0};
	json_t *head = NULL, *data = NULL;
	void *body = NULL;
	char error[256];
	size_t len;

	if (deadletter_read(letter->path, &head, &body, &len, error) != 0) {
		fprintf(stderr, "gaff dead: %s: %s\n", letter->path, error);
		return -1;
	}
	if (codec_encode(CODEC_BASE64, body, len, &base64) == 0)
		data = call_ask(call, "inject",
		    json_pack("{s:O, s:s}", "head", head, "body_base64",
			buf_str(&base64)),
		    NULL);
	buf_clear(&base64);
	json_decref(head);
	free(body);
	if (data == NULL)
		return -1;
	json_decref(data);
	return 0;
}

static int
replay_letter(struct call *call, const struct letter *letter)
{
	const char *directory = call_worker(call)->dead_letter.directory;
	int stored;

	if (letter->replayed && !again) {
		fprintf(stderr,
		    "gaff dead: %s was replayed already; --again does it "
		    "anyhow\n",
		    out_short_id(out_member(letter->head, "id")));
		return -1;
	}
	stored = replay_stored(call, letter);
	if (stored < 0 || (stored == 0 && inject(call, letter) != 0))
		return -1;
	/* a file that stays would only be refused by the worker next time */
	if (!letter->replayed)
		deadletter_retire(directory, letter->path);
	return 0;
}

static int
replay_all(struct call *call, const struct letters *letters)
{
	struct pace pace = pace_start(rate);
	size_t done = 0;

	for (size_t i = 0; i < letters->n; i++) {
		pace_wait(&pace);
		done += replay_letter(call, &letters->items[i]) == 0;
	}
	if (common.json)
		printf("{\"replayed\": %zu, \"failed\": %zu}\n", done,
		    letters->n - done);
	else
		printf("%zu of %zu are replayed\n", done, letters->n);
	return done == letters->n ? 0 : -1;
}

static int
confirm(const struct letters *letters)
{
	dead_print_plan(letters);
	if (yes || letters->n == 0)
		return CMD_DONE;
	if (!out_can_ask()) {
		fputs("gaff dead replay: nothing was done; --yes does it\n",
		    stderr);
		return CMD_USAGE;
	}
	return out_ask("Deliver them again?") ? CMD_DONE : CMD_FAILED;
}

int
dead_replay(int argc, char **argv)
{
	int first = options_read(&options, argc, argv), status = CMD_FAILED;
	struct letters letters = {0}, part;
	struct call *call;

	if (first <= 0)
		return options_exit(first);
	if (first == argc && common.filter.source == NULL &&
	    common.filter.type == NULL && common.filter.route == NULL &&
	    common.filter.since_ms == 0)
		return options_complain(&options, "needs ids or a filter");
	call = call_open(common.worker);
	if (call == NULL)
		return CMD_FAILED;
	common.filter.ids = argv + first;
	common.filter.n_ids = (size_t)(argc - first);
	/* one that is named is found, to be refused with a reason */
	common.filter.replayed = again || first < argc;
	if (letters_read(call_worker(call)->dead_letter.directory,
		&common.filter, &letters) != 0)
		goto out;
	part = letters;
	if (part.n > (size_t)limit)
		part.n = (size_t)limit;
	status = confirm(&part);
	if (status == CMD_DONE && part.n > 0 && replay_all(call, &part) != 0)
		status = CMD_FAILED;
out:
	letters_clear(&letters);
	call_close(call);
	return status;
}
