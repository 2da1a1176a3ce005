/* gaff dead purge: delete dead letters. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../shared/clock.h"
#include "cmd.h"
#include "dead.h"
#include "out.h"

static struct dead_common common;
static int64_t older_than_ms;
static bool yes;

static const struct option_spec specs[] = {
    {"older-than", OPTION_DURATION, &older_than_ms, "TIME",
	"died longer ago than 30d, 12h …"},
    {"source", OPTION_TEXT, &common.filter.source, "NAME", "of this source"},
    {"type", OPTION_TEXT, &common.filter.type, "PATTERN", "of this type"},
    {"route", OPTION_TEXT, &common.filter.route, "NAME", "of this route"},
    {"yes", OPTION_FLAG, &yes, NULL, "do it"},
    {"worker", OPTION_TEXT, &common.worker, "NAME", "of this worker"},
    {0},
};

static const struct options options = {
    .verb = "dead purge",
    .operands = "[ID…]",
    .about = "Deletes dead letters, replayed ones too, for good: those with "
	     "these ids, or those\nolder than --older-than.  Without --yes it "
	     "only says which.",
    .specs = specs,
    .max_operands = -1,
};

static int
delete_all(const struct letters *letters)
{
	size_t done = 0;

	for (size_t i = 0; i < letters->n; i++) {
		if (unlink(letters->items[i].path) == 0)
			done++;
		else
			fprintf(stderr, "gaff dead: %s: %s\n",
			    letters->items[i].path, strerror(errno));
	}
	printf("%zu of %zu are deleted\n", done, letters->n);
	return done == letters->n ? CMD_DONE : CMD_FAILED;
}

int
dead_purge(int argc, char **argv)
{
	int first = options_read(&options, argc, argv), status = CMD_FAILED;
	const struct config_worker *worker;
	struct letters letters = {0};
	struct config *config;

	if (first <= 0)
		return options_exit(first);
	if (first == argc && older_than_ms == 0)
		return options_complain(&options, "needs ids or --older-than");
	config = dead_open(&common, &worker);
	if (config == NULL)
		return CMD_FAILED;
	common.filter.ids = argv + first;
	common.filter.n_ids = (size_t)(argc - first);
	common.filter.replayed = true;
	if (older_than_ms > 0)
		common.filter.until_ms = clock_wall_ms() - older_than_ms;
	if (letters_read(
		worker->dead_letter.directory, &common.filter, &letters) != 0)
		goto out;
	dead_print_plan(&letters);
	if (yes) {
		status = delete_all(&letters);
	} else {
		fputs("gaff dead purge: nothing was done; --yes does it\n",
		    stderr);
		status = CMD_USAGE;
	}
out:
	letters_clear(&letters);
	config_unref(config);
	return status;
}
