#include "options.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../shared/clock.h"
#include "../shared/units.h"
#include "cmd.h"

enum {
	SPECS_MAX = 32,
	LETTERS_SIZE = 16,
	LONG_BASE = 256,
	HELP_COLUMN = 26,
};

static void
print_help(const struct options *options)
{
	const struct option_spec *spec;

	printf("usage: gaff %s [-c FILE]%s%s%s\n\n%s\n\n", options->verb,
	    options->specs->name != NULL ? " [OPTION…]" : "",
	    options->operands[0] != '\0' ? " " : "", options->operands,
	    options->about);
	for (spec = options->specs; spec->name != NULL; spec++) {
		char letter[] = {',', ' ', '-', spec->letter, '\0'};
		int width = printf("  --%s%s%s%s", spec->name,
		    spec->letter != 0 ? letter : "",
		    spec->value != NULL ? " " : "",
		    spec->value != NULL ? spec->value : "");

		printf("%*s%s\n", width < HELP_COLUMN ? HELP_COLUMN - width : 1,
		    "", spec->help);
	}
	printf("  %-*s%s\n", HELP_COLUMN - 2, "-c FILE",
	    "read this configuration");
}

int
options_complain(const struct options *options, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "gaff %s: ", options->verb);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\nusage: gaff %s [-c FILE]%s%s%s   (gaff %s --help)\n",
	    options->verb, options->specs->name != NULL ? " [OPTION…]" : "",
	    options->operands[0] != '\0' ? " " : "", options->operands,
	    options->verb);
	return CMD_USAGE;
}

int
options_exit(int result)
{
	return result == 0 ? CMD_DONE : CMD_USAGE;
}

/* NULL, or what the option takes. */
static const char *
set_value(const struct option_spec *spec, const char *text)
{
	struct option_list *list;

	switch (spec->kind) {
	case OPTION_FLAG:
		*(bool *)spec->to = true;
		return NULL;
	case OPTION_TEXT:
		*(const char **)spec->to = text;
		return NULL;
	case OPTION_LIST:
		list = spec->to;
		if (list->n == OPTION_LIST_MAX)
			return "at most 64 times";
		list->items[list->n++] = text;
		return NULL;
	case OPTION_NUMBER:
		return units_number(text, 1, INT32_MAX, spec->to) == 0
			   ? NULL
			   : "a number from 1 on";
	case OPTION_DURATION:
		return units_duration_ms(text, spec->to) == 0
			   ? NULL
			   : "a duration such as 500ms, 5s, 10m, 1h or 30d";
	case OPTION_TIME:
		return clock_parse_since(text, spec->to) == 0
			   ? NULL
			   : "a time such as 2026-11-22, 2026-11-22T03:00:00Z, "
			     "or 6h for six hours ago";
	case OPTION_PORT:
		return units_number(text, 0, UINT16_MAX, spec->to) == 0
			   ? NULL
			   : "a port, 0 to 65535";
	}
	return "something else";
}

/* What getopt_long() is to know: the long ones, and letters, all of which take
 * a value. */
static void
fill_options(const struct option_spec *specs, struct option *out,
    char letters[LETTERS_SIZE])
{
	size_t n = 0, len;

	snprintf(letters, LETTERS_SIZE, ":hc:");
	for (; specs[n].name != NULL && n < SPECS_MAX; n++) {
		out[n] = (struct option){
		    .name = specs[n].name,
		    .has_arg = specs[n].kind == OPTION_FLAG ? no_argument
							    : required_argument,
		    .val = LONG_BASE + (int)n,
		};
		len = strlen(letters);
		if (specs[n].letter != 0)
			snprintf(letters + len, LETTERS_SIZE - len,
			    "%c:", specs[n].letter);
	}
	out[n] = (struct option){.name = "help", .val = 'h'};
	out[n + 1] = (struct option){
	    .name = "config", .has_arg = required_argument, .val = 'c'};
	out[n + 2] = (struct option){0};
}

/* The row getopt_long()'s result means, or NULL. */
static const struct option_spec *
find_spec(const struct option_spec *specs, int letter)
{
	if (letter >= LONG_BASE)
		return &specs[letter - LONG_BASE];
	for (; specs->name != NULL; specs++)
		if (specs->letter != 0 && specs->letter == letter)
			return specs;
	return NULL;
}

/* 1: go on; 0 and -1 as options_read() says. */
static int
take_option(const struct options *options, int letter, char **argv)
{
	const struct option_spec *spec;
	const char *wanted;

	if (letter == 'h') {
		print_help(options);
		return 0;
	}
	if (letter == 'c')
		return setenv("GAFF_CONFIG", optarg, 1) == 0 ? 1 : -1;
	spec = find_spec(options->specs, letter);
	if (spec == NULL) {
		options_complain(options,
		    letter == ':' ? "%s needs a value" : "unknown option %s",
		    argv[optind - 1]);
		return -1;
	}
	wanted = set_value(spec, optarg);
	if (wanted == NULL)
		return 1;
	options_complain(
	    options, "--%s takes %s, not \"%s\"", spec->name, wanted, optarg);
	return -1;
}

int
options_read(const struct options *options, int argc, char **argv)
{
	struct option table[SPECS_MAX + 3];
	char letters[LETTERS_SIZE];
	int letter, result, n;

	fill_options(options->specs, table, letters);
	opterr = 0;
	optind = 0;
	while ((letter = getopt_long(argc, argv, letters, table, NULL)) != -1) {
		result = take_option(options, letter, argv);
		if (result != 1)
			return result;
	}
	n = argc - optind;
	if (n < options->min_operands) {
		options_complain(options, "%s is missing", options->operands);
		return -1;
	}
	if (options->max_operands >= 0 && n > options->max_operands) {
		options_complain(options, "\"%s\" is too much",
		    argv[optind + options->max_operands]);
		return -1;
	}
	return optind;
}
