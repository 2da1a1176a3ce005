/*
 * actions - verbs with a word behind them: gaff dead list, gaff store backup …
 */

#ifndef CLI_ACTIONS_H
#define CLI_ACTIONS_H

struct action {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
};

/* Run the action argv[1] names, with argv[1] as its argv[0]; `actions` ends
 * with a NULL name.  The exit status. */
int actions_run(
    const char *verb, const struct action *actions, int argc, char **argv);

#endif
