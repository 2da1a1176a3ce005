/*
 * options - what stands behind a verb
 *
 * A verb describes its options in one table, which makes the parser and the
 * help.  `-c FILE` and `--help` are understood for every verb and need no
 * entry.  Options and operands may be mixed; `--` ends the options.
 */

#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OPTION_LIST_MAX = 64 };

enum option_kind {
	OPTION_FLAG,     /* bool * */
	OPTION_TEXT,     /* const char ** */
	OPTION_LIST,     /* struct option_list *: may be given again */
	OPTION_NUMBER,   /* int64_t *: 1 and up */
	OPTION_DURATION, /* int64_t *: 500ms 5s 10m 1h 30d, in milliseconds */
	OPTION_TIME, /* int64_t *: wall time; a duration counts back from now */
	OPTION_PORT, /* int64_t *: 0 to 65535 */
};

/* Texts point into argv. */
struct option_list {
	const char *items[OPTION_LIST_MAX];
	size_t n;
};

struct option_spec {
	const char *name; /* long, without dashes; NULL ends the table */
	enum option_kind kind;
	void *to;          /* left alone unless the option is given */
	const char *value; /* what help calls the value; NULL for a flag */
	const char *help;
	char letter; /* the short option that means the same, or 0 */
};

struct options {
	const char *verb;
	const char *operands; /* "ID…", or "" */
	const char *about;    /* what it does, a sentence or more */
	const struct option_spec *specs;
	int min_operands;
	int max_operands; /* -1: any number */
};

/*
 * Read argv[1] … into the table's variables and move the operands to the end.
 * Returns the index of the first operand (argc when there is none); 0 when
 * help was asked for and printed; -1 when something is wrong, and said so.
 */
int options_read(const struct options *options, int argc, char **argv);

/* The exit status for a result of options_read() that is not positive. */
int options_exit(int result);

/* Say what is wrong with the words given, on standard error.  Returns 2. */
int options_complain(const struct options *options, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
