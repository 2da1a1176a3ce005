#include "actions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"

static void
usage(FILE *out, const char *verb, const struct action *actions)
{
	const struct action *a;

	fprintf(out, "usage: gaff %s ", verb);
	for (a = actions; a->name != NULL; a++)
		fprintf(out, "%s%s", a != actions ? "|" : "", a->name);
	fputs(" [-c FILE] [OPTION…]\n\n", out);
	for (a = actions; a->name != NULL; a++)
		fprintf(out, "  %-8s%s\n", a->name, a->help);
	fprintf(out, "\ngaff %s ACTION --help explains each.\n", verb);
}

int
actions_run(
    const char *verb, const struct action *actions, int argc, char **argv)
{
	/* options common to all may stand before the action */
	while (argc > 2 && strcmp(argv[1], "-c") == 0) {
		if (setenv("GAFF_CONFIG", argv[2], 1) != 0)
			return CMD_FAILED;
		argc -= 2;
		argv += 2;
	}
	if (argc > 1 &&
	    (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		usage(stdout, verb, actions);
		return CMD_DONE;
	}
	for (const struct action *a = actions; argc > 1 && a->name != NULL; a++)
		if (strcmp(argv[1], a->name) == 0)
			return a->run(argc - 1, argv + 1);
	if (argc > 1)
		fprintf(stderr, "gaff %s: unknown action %s\n", verb, argv[1]);
	usage(stderr, verb, actions);
	return CMD_USAGE;
}
