/* gaff: the command line, a table of verbs. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"

struct verb {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
};

static const struct verb verbs[] = {
    {"check", cmd_check,
	"read the configuration; say every error, or what it means"},
    {"reload", cmd_reload,
	"let the running processes read the configuration again"},
    {"dev", cmd_dev, "all of gaff on a developer's machine, until Ctrl-C"},
    {"register", cmd_register, "create a source's webhook at its provider"},
    {"import", cmd_import, "translate the hooks.json of Debian's webhook"},
    {"catch", cmd_catch, "print the requests that come, until Ctrl-C"},
    {"send", cmd_send, "send a webhook as a provider would"},
    {"match", cmd_match, "say which routes an event would take, and why not"},
    {"sign", cmd_sign, "sign a request offline"},
    {"verify", cmd_verify, "verify a request offline; say what does not match"},
    {"schemes", cmd_schemes, "list and explain the known schemes"},
    {"secret", cmd_secret, "make a secret"},
    {"status", cmd_status, "workers, gateways, queue, sources, routes"},
    {"events", cmd_events, "list events"},
    {"tail", cmd_tail, "follow events as they come and attempts as they end"},
    {"show", cmd_show, "show one event with its attempts"},
    {"replay", cmd_replay, "deliver events again"},
    {"dead", cmd_dead, "list, show, replay and purge dead letters"},
    {"forget", cmd_forget, "remove an event for good, everywhere"},
    {"rejected", cmd_rejected, "list and show refused requests that are kept"},
    {"store", cmd_store, "copy the store while it is in use"},
    {"pause", cmd_pause, "let a route's deliveries wait"},
    {"resume", cmd_resume, "let a paused route go on"},
    {"cancel", cmd_cancel, "end a route's open deliveries"},
};

enum { N_VERBS = sizeof(verbs) / sizeof(verbs[0]) };

static void
usage(FILE *out)
{
	fputs("usage: gaff [-c FILE] VERB [OPTION…]\n\n", out);
	for (size_t i = 0; i < N_VERBS; i++)
		fprintf(out, "  %-10s%s\n", verbs[i].name, verbs[i].help);
	fputs("\ngaff VERB --help explains a verb; gaff --version\n"
	      "The configuration is FILE, else GAFF_CONFIG, else "
	      "/etc/gaff/gaff.conf.\n",
	    out);
}

static int
complain(const char *what, const char *word)
{
	fprintf(stderr, "gaff: %s%s\n", what, word);
	usage(stderr);
	return CMD_USAGE;
}

static int
run_verb(int argc, char **argv)
{
	for (size_t i = 0; i < N_VERBS; i++)
		if (strcmp(argv[0], verbs[i].name) == 0) {
			int status = verbs[i].run(argc, argv);

			/* data that could not be written was not given */
			if (fflush(stdout) != 0 || ferror(stdout)) {
				perror("gaff: standard output");
				return CMD_FAILED;
			}
			return status;
		}
	return complain("unknown verb ", argv[0]);
}

int
main(int argc, char **argv)
{
	int i = 1;

	for (; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "--help") == 0 ||
		    strcmp(argv[i], "-h") == 0) {
			usage(stdout);
			return CMD_DONE;
		}
		if (strcmp(argv[i], "--version") == 0) {
			puts("gaff " GAFF_VERSION);
			return CMD_DONE;
		}
		if (strcmp(argv[i], "-c") != 0)
			return complain("unknown option ", argv[i]);
		if (++i == argc)
			return complain("-c needs a file", "");
		if (setenv("GAFF_CONFIG", argv[i], 1) != 0)
			return CMD_FAILED;
	}
	if (i == argc) {
		usage(stderr);
		return CMD_USAGE;
	}
	return run_verb(argc - i, argv + i);
}
