/*
 * dead - the verbs of `gaff dead` and what they share
 */

#ifndef CLI_DEAD_H
#define CLI_DEAD_H

#include "call.h"
#include "letters.h"
#include "options.h"

/* Options that every one of them has, filled by its table. */
struct dead_common {
	struct letters_filter filter;
	const char *worker;
	bool json;
};

/* Where the dead letters of the worker that is meant are; a configuration to
 * release, or NULL after a sentence. */
struct config *dead_open(
    const struct dead_common *common, const struct config_worker **worker);

/* A table on standard output.  0 or -1. */
int dead_print(const struct letters *letters);
/* What would be done, one line each on standard error. */
void dead_print_plan(const struct letters *letters);

int dead_replay(int argc, char **argv);
int dead_purge(int argc, char **argv);

#endif
