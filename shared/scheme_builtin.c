#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scheme_impl.h"

enum { BUILTIN_MAX = 256 };

/* conf/schemes.conf, put in by the linker, which chooses these names. */
/* NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming) */
extern const char _binary_conf_schemes_conf_start[];
extern const char _binary_conf_schemes_conf_end[];

/* NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming) */

static struct {
	pthread_once_t once;
	struct scheme *v[BUILTIN_MAX];
	size_t n;
} builtin = {.once = PTHREAD_ONCE_INIT};

/* Faults of the file are faults of the build; the unit tests find them. */
static void
complain(const char *line, const char *error)
{
	(void)fprintf(stderr, "gaff: built-in schemes: %s: %s\n", line, error);
	abort();
}

static void
begin_section(char *line)
{
	static const char open[] = "[scheme ";
	char *close = strchr(line, ']');

	if (strncmp(line, open, strlen(open)) != 0 || !close ||
	    builtin.n == BUILTIN_MAX)
		complain(line, "no section, or one too many");
	*close = '\0';
	builtin.v[builtin.n] = scheme_new(line + strlen(open), NULL);
	if (!builtin.v[builtin.n])
		complain(line, "no memory");
	builtin.n++;
}

static void
read_setting(char *line)
{
	char error[SCHEME_ERROR_SIZE];
	char *equals = strchr(line, '=');
	char *end = equals;

	if (!equals || builtin.n == 0)
		complain(line, "no `key = value`");
	while (end > line && end[-1] == ' ')
		end--;
	*end = '\0';
	if (scheme_set(builtin.v[builtin.n - 1], line,
		equals + 1 + strspn(equals + 1, " "), error))
		complain(line, error);
}

static void
read_all(void)
{
	const char *start = _binary_conf_schemes_conf_start;
	char *text =
	    strndup(start, (size_t)(_binary_conf_schemes_conf_end - start));
	char *rest = text;
	char *line;

	if (!text)
		complain("", "no memory");
	while ((line = strsep(&rest, "\n"))) {
		if (*line == '[')
			begin_section(line);
		else if (*line != '\0' && *line != '#')
			read_setting(line);
	}
	free(text);
	for (size_t i = 0; i < builtin.n; i++) {
		char error[SCHEME_ERROR_SIZE];

		if (scheme_check(builtin.v[i], error))
			complain(builtin.v[i]->name, error);
	}
}

const struct scheme *
scheme_builtin(const char *name)
{
	(void)pthread_once(&builtin.once, read_all);
	for (size_t i = 0; i < builtin.n; i++)
		if (strcmp(builtin.v[i]->name, name) == 0)
			return builtin.v[i];
	return NULL;
}

const char *
scheme_builtin_name(size_t i)
{
	(void)pthread_once(&builtin.once, read_all);
	return i < builtin.n ? builtin.v[i]->name : NULL;
}
