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

/* The sections of the file.  A scheme is compiled when somebody asks for it:
 * few configurations use more than a handful. */
struct section {
	char *name;
	const char *text; /* behind the section's line */
	const char *end;
	struct scheme *scheme; /* NULL until then */
};

static struct {
	pthread_once_t once;
	pthread_mutex_t lock; /* recursive: of the schemes */
	struct section v[BUILTIN_MAX];
	size_t n;
} builtin = {.once = PTHREAD_ONCE_INIT};

/* Faults of the file are faults of the build; the unit tests find them. */
static void
complain(const char *where, const char *error)
{
	(void)fprintf(stderr, "gaff: built-in schemes: %s: %s\n", where, error);
	abort();
}

static const char *
line_end(const char *p)
{
	const char *end = _binary_conf_schemes_conf_end;
	const char *newline = memchr(p, '\n', (size_t)(end - p));

	return newline ? newline : end;
}

static void
begin_section(const char *line, const char *end)
{
	static const char open[] = "[scheme ";
	size_t skip = strlen(open);
	struct section *section = &builtin.v[builtin.n];

	if (builtin.n == BUILTIN_MAX || strncmp(line, open, skip) != 0 ||
	    end[-1] != ']')
		complain("", "no section, or one too many");
	section->name = strndup(line + skip, (size_t)(end - line) - skip - 1);
	if (!section->name)
		complain("", "no memory");
	section->text = end;
	builtin.n++;
}

static void
find_sections(void)
{
	const char *p = _binary_conf_schemes_conf_start;
	pthread_mutexattr_t recursive;

	(void)pthread_mutexattr_init(&recursive);
	(void)pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
	(void)pthread_mutex_init(&builtin.lock, &recursive);
	(void)pthread_mutexattr_destroy(&recursive);
	while (p < _binary_conf_schemes_conf_end) {
		if (*p == '[')
			begin_section(p, line_end(p));
		if (builtin.n > 0)
			builtin.v[builtin.n - 1].end = line_end(p);
		p = line_end(p) + 1;
	}
}

static void
read_setting(struct scheme *scheme, char *line)
{
	char error[SCHEME_ERROR_SIZE];
	char *equals = strchr(line, '=');
	char *end = equals;

	if (!equals)
		complain(scheme->name, "no `key = value`");
	while (end > line && end[-1] == ' ')
		end--;
	*end = '\0';
	if (scheme_set(
		scheme, line, equals + 1 + strspn(equals + 1, " "), error))
		complain(scheme->name, error);
}

static const struct scheme *
look_up(void *arg, const char *name)
{
	(void)arg;
	return scheme_builtin(name);
}

static struct scheme *
read_section(const struct section *section)
{
	struct scheme *scheme = scheme_new(section->name, NULL);
	char *text =
	    strndup(section->text, (size_t)(section->end - section->text));
	char error[SCHEME_ERROR_SIZE];
	char *rest = text;
	char *line;

	if (!scheme || !text)
		complain(section->name, "no memory");
	while ((line = strsep(&rest, "\n")))
		if (*line != '\0' && *line != '#')
			read_setting(scheme, line);
	free(text);
	if (scheme_link(scheme, look_up, NULL, error) ||
	    scheme_check(scheme, error))
		complain(section->name, error);
	return scheme;
}

const struct scheme *
scheme_builtin(const char *name)
{
	const struct scheme *found = NULL;

	(void)pthread_once(&builtin.once, find_sections);
	(void)pthread_mutex_lock(&builtin.lock);
	for (size_t i = 0; i < builtin.n && !found; i++) {
		if (strcmp(builtin.v[i].name, name) != 0)
			continue;
		if (!builtin.v[i].scheme)
			builtin.v[i].scheme = read_section(&builtin.v[i]);
		found = builtin.v[i].scheme;
	}
	(void)pthread_mutex_unlock(&builtin.lock);
	return found;
}

const char *
scheme_builtin_name(size_t i)
{
	(void)pthread_once(&builtin.once, find_sections);
	return i < builtin.n ? builtin.v[i].name : NULL;
}
