/* [route NAME]: which events go to which destination, and how hard to try. */

#include <sys/stat.h>

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "config_impl.h"
#include "pattern.h"
#include "secret.h"
#include "trust.h"
#include "units.h"

/* A route while it is read. */
struct draft {
	struct config_route route;
	struct config_list raw_env;
	char *sign_name;
	bool has_run;
	bool has_post;
};

/* ---- run: words as a shell would split them, and no shell ---- */

enum { WORDS_MAX = 256 };

struct splitter {
	const char *p;
	struct buf word;
	bool in_word;
	const char *fault; /* what is wrong, or NULL */
};

/* Characters that mean something to a shell, and nothing here. */
static const char shell_only[] = "$*~|><`;&";

static void
take_single(struct splitter *s)
{
	const char *end = strchr(++s->p, '\'');

	if (end == NULL) {
		s->fault = "a ' is not closed";
		return;
	}
	(void)buf_add(&s->word, s->p, (size_t)(end - s->p));
	s->p = end + 1;
}

static void
take_double(struct splitter *s)
{
	for (s->p++; *s->p != '"'; s->p++) {
		if (s->p[0] == '\\' && s->p[1] != '\0' &&
		    strchr("\"\\$`", s->p[1]))
			s->p++;
		if (*s->p == '\0') {
			s->fault = "a \" is not closed";
			return;
		}
		(void)buf_add_char(&s->word, *s->p);
	}
	s->p++;
}

/* Read up to the end of the next word; false at the end of the text. */
static bool
next_word(struct splitter *s)
{
	s->p += strspn(s->p, " \t");
	s->in_word = *s->p != '\0';
	while (*s->p != '\0' && *s->p != ' ' && *s->p != '\t' &&
	       s->fault == NULL) {
		if (*s->p == '\'') {
			take_single(s);
		} else if (*s->p == '"') {
			take_double(s);
		} else if (strchr(shell_only, *s->p) != NULL) {
			s->fault = "no shell runs: quote the character, or use "
				   "run = /bin/sh -c '…'";
		} else {
			if (*s->p == '\\' && *++s->p == '\0') {
				s->fault = "a \\ stands at the end";
				break;
			}
			(void)buf_add_char(&s->word, *s->p++);
		}
	}
	return s->in_word && s->fault == NULL;
}

static void
set_run(struct config_loader *l, void *object, const struct config_entry *entry)
{
	struct draft *draft = object;
	struct splitter s = {.p = entry->value};
	struct config_list words = {0};

	draft->has_run = true;
	while (words.n < WORDS_MAX && next_word(&s)) {
		if (buf_str(&s.word) == NULL)
			l->faults.no_memory = true;
		else
			config_list_add(l, &words,
			    words.n == 0 && strchr(s.word.p, '/') == NULL
				? ""
				: s.word.p);
		buf_reset(&s.word);
	}
	if (s.fault != NULL)
		config_fault(&l->faults, &entry->where, "run: %s", s.fault);
	else if (words.n == 0 || words.n == WORDS_MAX)
		config_fault(&l->faults, &entry->where,
		    "run: expected a program and up to %d words",
		    WORDS_MAX - 2);
	else if (words.items[0][0] == '\0')
		config_fault(&l->faults, &entry->where,
		    "run: the program needs its path, such as /usr/bin/php");
	buf_clear(&s.word);
	draft->route.argv = words.items;
	draft->route.argc = words.n;
}

/* Ends argv with its NULL and makes the program's path absolute. */
static void
finish_argv(struct config_loader *l, struct config_route *route)
{
	char **argv, *program;

	if (route->argc == 0)
		return;
	program = config_absolute(l, route->argv[0]);
	argv = realloc(route->argv, (route->argc + 1) * sizeof(*argv));
	if (argv != NULL)
		route->argv = argv;
	if (argv == NULL || program == NULL) {
		free(program);
		l->faults.no_memory = true;
		return;
	}
	free(argv[0]);
	argv[0] = program;
	argv[route->argc] = NULL;
}

/* ---- other values of their own ---- */

static void
set_post(
    struct config_loader *l, void *object, const struct config_entry *entry)
{
	struct draft *draft = object;

	draft->has_post = true;
	draft->route.dest = CONFIG_DEST_POST;
	if (strncmp(entry->value, "https://", 8) != 0 &&
	    strncmp(entry->value, "http://", 7) != 0)
		config_fault(&l->faults, &entry->where,
		    "post: \"%.80s\": expected https://HOST/PATH",
		    entry->value);
	draft->route.url = config_copy(l, entry->value);
}

/* The next word of a list in one line, or NULL. */
static char *
next_item(char **p)
{
	char *start;

	*p += strspn(*p, " \t");
	if (**p == '\0')
		return NULL;
	start = *p;
	*p += strcspn(*p, " \t");
	if (**p != '\0')
		*(*p)++ = '\0';
	return start;
}

static void
set_schedule(
    struct config_loader *l, void *object, const struct config_entry *entry)
{
	struct draft *draft = object;
	char *copy = config_copy(l, entry->value), *p = copy, *item;
	int64_t *list = calloc(strlen(entry->value), sizeof(*list));

	draft->route.schedule_ms = list;
	if (list == NULL)
		l->faults.no_memory = true;
	while (copy != NULL && list != NULL && (item = next_item(&p)) != NULL)
		if (units_duration_ms(item, &list[draft->route.n_schedule++]) !=
		    0)
			config_fault(&l->faults, &entry->where,
			    "schedule: \"%.40s\": expected durations such as "
			    "5s 1m 10m 1h",
			    item);
	free(copy);
}

static void
set_final(
    struct config_loader *l, void *object, const struct config_entry *entry)
{
	struct draft *draft = object;
	char *copy = config_copy(l, entry->value), *p = copy, *item;
	const size_t most =
	    sizeof(draft->route.final) / sizeof(draft->route.final[0]);

	while (copy != NULL && (item = next_item(&p)) != NULL) {
		if (draft->route.n_final == most) {
			config_fault(&l->faults, &entry->where,
			    "final: at most %zu numbers", most);
			break;
		}
		if (units_number(item, 1, 599,
			&draft->route.final[draft->route.n_final++]) != 0)
			config_fault(&l->faults, &entry->where,
			    "final: \"%.40s\": expected exit codes, or HTTP "
			    "status codes",
			    item);
	}
	free(copy);
}

/* Read by load_sign(), when the scheme is known. */
static void
skip(struct config_loader *l, void *object, const struct config_entry *entry)
{
	(void)l;
	(void)object;
	(void)entry;
}

/* A share of the attempts: 10%. */
static void
set_failing_over(
    struct config_loader *l, void *object, const struct config_entry *entry)
{
	struct draft *draft = object;
	size_t len = strlen(entry->value);
	char digits[4] = "";

	if (len > 1 && len <= sizeof(digits) && entry->value[len - 1] == '%')
		memcpy(digits, entry->value, len - 1);
	if (units_number(digits, 1, 100, &draft->route.failing_over) != 0)
		config_fault(&l->faults, &entry->where,
		    "failing_over: \"%.40s\": expected 1%% to 100%%",
		    entry->value);
}

#define ROUTE(member)                                                          \
	(offsetof(struct draft, route) + offsetof(struct config_route, member))
const struct config_key config_route_keys[] = {
    {"source", CONFIG_LIST, ROUTE(source)},
    {"type", CONFIG_LIST, ROUTE(type)},
    {"filter", CONFIG_TEXT, ROUTE(filter), .continues = true},
    {"run", CONFIG_CUSTOM, .set = set_run},
    {"post", CONFIG_CUSTOM, .set = set_post},
    {"directory", CONFIG_PATH, ROUTE(directory)},
    {"user", CONFIG_TEXT, ROUTE(user)},
    {"env", CONFIG_LIST, offsetof(struct draft, raw_env)},
    {"timeout", CONFIG_DURATION, ROUTE(timeout_ms), .min = 1},
    {"concurrency", CONFIG_NUMBER, ROUTE(concurrency), .min = 1, .max = 10000},
    {"attempts", CONFIG_NUMBER, ROUTE(attempts), .min = 1, .max = 10000},
    {"give_up", CONFIG_DURATION, ROUTE(give_up_ms)},
    {"backoff", CONFIG_DURATION, ROUTE(backoff_ms), .min = 1},
    {"backoff_max", CONFIG_DURATION, ROUTE(backoff_max_ms), .min = 1},
    {"schedule", CONFIG_CUSTOM, .set = set_schedule},
    {"max_pending", CONFIG_NUMBER, ROUTE(max_pending), .min = 1},
    {"final", CONFIG_CUSTOM, .set = set_final},
    {"failing_over", CONFIG_CUSTOM, .set = set_failing_over},
    {"sign", CONFIG_TEXT, offsetof(struct draft, sign_name)},
    {"sign_secret", CONFIG_CUSTOM, .set = skip},
    {"forward", CONFIG_LIST, ROUTE(forward)},
    {"enabled", CONFIG_BOOL, ROUTE(enabled)},
    {NULL},
};

/* Keys that belong to one kind of destination only. */
static const struct {
	const char *key;
	enum config_dest dest;
} only[] = {
    {"directory", CONFIG_DEST_RUN},
    {"user", CONFIG_DEST_RUN},
    {"env", CONFIG_DEST_RUN},
    {"sign", CONFIG_DEST_POST},
    {"sign_secret", CONFIG_DEST_POST},
    {"forward", CONFIG_DEST_POST},
};

static void
check_dest(struct config_loader *l, const struct config_section *section,
    const struct draft *draft)
{
	const struct config_entry *entry;
	size_t i;

	if (draft->has_run == draft->has_post)
		config_fault(&l->faults, &section->where,
		    "route %s: needs %s run = PROGRAM or post = URL",
		    section->name, draft->has_run ? "only one of" : "either");
	for (i = 0; i < sizeof(only) / sizeof(only[0]); i++) {
		entry = config_entry_find(section, only[i].key);
		if (entry != NULL && only[i].dest != draft->route.dest)
			config_fault(&l->faults, &entry->where,
			    "route %s: %s goes with %s", section->name,
			    only[i].key,
			    only[i].dest == CONFIG_DEST_RUN ? "run" : "post");
	}
	if (draft->route.schedule_ms != NULL &&
	    config_entry_find(section, "backoff") != NULL)
		config_fault(&l->faults, &section->where,
		    "route %s: has backoff and schedule; keep one",
		    section->name);
}

static void
check_program(struct config_loader *l, const struct config_section *section,
    const struct config_route *route)
{
	const struct config_entry *entry = config_entry_find(section, "run");
	struct stat st;

	if (l->role != CONFIG_ROLE_CHECK || entry == NULL || route->argc == 0 ||
	    route->argv[0][0] != '/')
		return;
	if (stat(route->argv[0], &st) != 0)
		config_fault(&l->faults, &entry->where,
		    "route %s: run: %s: no such file", section->name,
		    route->argv[0]);
	else if (!S_ISREG(st.st_mode) || (st.st_mode & 0111) == 0)
		config_fault(&l->faults, &entry->where,
		    "route %s: run: %s: not an executable file", section->name,
		    route->argv[0]);
}

/* Somebody, and not root. */
static void
check_user(struct config_loader *l, const struct config_section *section,
    const struct config_route *route)
{
	const struct config_entry *entry = config_entry_find(section, "user");
	const struct passwd *user;

	if ((l->role != CONFIG_ROLE_CHECK && l->role != CONFIG_ROLE_RUN) ||
	    entry == NULL || route->user == NULL)
		return;
	errno = 0;
	user = getpwnam(route->user);
	if (user == NULL)
		config_fault(&l->faults, &entry->where,
		    "route %s: user: %.64s: %s", section->name, route->user,
		    errno != 0 ? strerror(errno) : "no such user");
	else if (user->pw_uid == 0)
		config_fault(&l->faults, &entry->where,
		    "route %s: user: nothing runs as root; let the program "
		    "use sudo",
		    section->name);
}

static bool
opens_secrets(const struct config_loader *l)
{
	return l->role == CONFIG_ROLE_WORKER || l->role == CONFIG_ROLE_CHECK;
}

/* Whoever starts the program opens what is in its environment. */
static bool
opens_env(const struct config_loader *l, const struct config_route *route)
{
	if (l->role == CONFIG_ROLE_CHECK)
		return true;
	return l->role ==
	       (route->user != NULL ? CONFIG_ROLE_RUN : CONFIG_ROLE_WORKER);
}

/* `file:PATH` read; 0, or -1 with a sentence. */
static int
read_env_file(struct config_loader *l, const char *text, struct secret *secret,
    char error[SECRET_ERROR_SIZE])
{
	char *path;
	int result = 0;

	_Static_assert((int)TRUST_ERROR_SIZE <= (int)SECRET_ERROR_SIZE, "room");
	if (l->role == CONFIG_ROLE_RUN) {
		error[0] = '\0';
		path = config_absolute(l, text + strlen("file:"));
		result = path != NULL ? trust_path(path, error) : -1;
		free(path);
	}
	return result != 0 ? result
			   : secret_read(text, l->directory, 0, secret, error);
}

/* NAME=value as it stands, NAME=file:… with the secret's text. */
static void
add_env(struct config_loader *l, struct config_route *route,
    const struct config_entry *entry)
{
	const char *equals = strchr(entry->value, '=');
	char error[SECRET_ERROR_SIZE];
	struct secret secret = {0};
	struct buf text = {0};

	if (equals == NULL || equals == entry->value ||
	    strspn(entry->value, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				 "abcdefghijklmnopqrstuvwxyz0123456789_") !=
		(size_t)(equals - entry->value)) {
		config_fault(&l->faults, &entry->where,
		    "env: expected NAME=value or NAME=file:PATH");
		return;
	}
	if (strncmp(equals + 1, "file:", 5) != 0 || !opens_env(l, route)) {
		config_list_add(l, &route->env, entry->value);
		return;
	}
	if (read_env_file(l, equals + 1, &secret, error) != 0) {
		config_fault(&l->faults, &entry->where, "env: %s", error);
		return;
	}
	(void)buf_add(&text, entry->value, (size_t)(equals - entry->value) + 1);
	(void)buf_add(&text, secret.p, secret.len);
	if (buf_str(&text) == NULL || strlen(text.p) != text.len)
		config_fault(&l->faults, &entry->where,
		    "env: the file holds a NUL byte");
	else
		config_list_add(l, &route->env, text.p);
	secret_clear(&secret);
	buf_clear(&text);
}

static void
load_sign(struct config_loader *l, const struct config_section *section,
    struct draft *draft)
{
	const struct config_entry *entry =
	    config_entry_find(section, "sign_secret");
	struct config_secret secret;

	if (draft->sign_name == NULL && entry == NULL)
		return;
	if (draft->sign_name == NULL || entry == NULL) {
		config_fault(&l->faults, &section->where,
		    "route %s: sign and sign_secret go together",
		    section->name);
		return;
	}
	draft->route.sign = config_scheme(l->config, draft->sign_name);
	if (draft->route.sign == NULL) {
		config_fault(&l->faults, &section->where,
		    "route %s: sign: unknown scheme \"%.64s\"", section->name,
		    draft->sign_name);
		return;
	}
	secret = (struct config_secret){entry->value, &entry->where};
	if (opens_secrets(l))
		draft->route.sign_keys = config_open_keys(
		    l, draft->route.sign, &secret, 1, "sign_secret");
}

static void
finish(struct config_loader *l, const struct config_section *section,
    struct draft *draft)
{
	size_t i;

	finish_argv(l, &draft->route);
	for (i = 0; i < section->n; i++)
		if (strcmp(section->entries[i].key, "env") == 0)
			add_env(l, &draft->route, &section->entries[i]);
	config_list_clear(&draft->raw_env);
	load_sign(l, section, draft);
	free(draft->sign_name);
	check_dest(l, section, draft);
	check_program(l, section, &draft->route);
	check_user(l, section, &draft->route);
	draft->route.name = config_copy(l, section->name);
}

void
config_load_route(struct config_loader *l, const struct config_section *section)
{
	struct draft draft = {.route = {
				  .timeout_ms = 30000,
				  .concurrency = 8,
				  .failing_over = 10,
				  .give_up_ms = INT64_C(3) * 86400000,
				  .backoff_ms = 5000,
				  .backoff_max_ms = INT64_C(6) * 3600000,
				  .enabled = true,
			      }};
	struct config *config = l->config;
	struct config_route *routes;

	config_section_apply(l, section, config_route_keys, &draft, NULL);
	finish(l, section, &draft);
	routes =
	    realloc(config->routes, (config->n_routes + 1) * sizeof(*routes));
	if (routes == NULL) {
		l->faults.no_memory = true;
		config_route_clear(&draft.route);
		return;
	}
	config->routes = routes;
	routes[config->n_routes++] = draft.route;
}

/* A pattern that can match no source is a mistake in its spelling. */
static void
check_pattern(struct config_loader *l, const struct config_section *section,
    const char *pattern)
{
	struct config_nearest nearest = {.to = pattern};
	size_t i;

	if (*pattern == '!' || strcmp(pattern, "gaff") == 0 ||
	    strcmp(pattern, "*") == 0)
		return;
	for (i = 0; i < l->config->n_sources; i++) {
		if (pattern_match(pattern, l->config->sources[i].name, false))
			return;
		config_nearest_try(&nearest, l->config->sources[i].name);
	}
	config_fault(&l->faults, &section->where,
	    "route %s: source \"%.64s\" matches no source%s%s%s", section->name,
	    pattern, nearest.best ? " (" : "", nearest.best ? nearest.best : "",
	    nearest.best ? "?)" : "");
}

/* What gaff-run needs: somebody whom the worker becomes once it was started,
 * and files that are root's. */
static void
check_users(struct config_loader *l, const struct config_text *text,
    const struct config_route *route)
{
	const struct config_section *section =
	    config_section_of(text, "route", route->name);
	const struct config_worker *worker;
	char error[TRUST_ERROR_SIZE];
	size_t i;

	for (i = 0; i < l->config->n_workers; i++) {
		worker = &l->config->workers[i];
		if (worker->name != NULL && worker->user == NULL)
			config_fault(&l->faults, &section->where,
			    "route %s: user goes with user in [worker %s]: "
			    "root starts the worker, which becomes that user",
			    section->name, worker->name);
	}
	for (i = 0; i < text->n_files && l->role == CONFIG_ROLE_CHECK; i++)
		if (trust_path(text->files[i], error) != 0)
			config_fault(&l->faults, &section->where,
			    "route %s: user takes a configuration that is "
			    "root's: %s",
			    section->name, error);
}

void
config_check_routes(struct config_loader *l, const struct config_text *text)
{
	const struct config_route *route;
	size_t i, j;

	for (i = 0; i < l->config->n_routes; i++) {
		route = &l->config->routes[i];
		if (route->name != NULL && route->user != NULL)
			check_users(l, text, route);
		for (j = 0; route->name != NULL && j < route->source.n; j++)
			check_pattern(l,
			    config_section_of(text, "route", route->name),
			    route->source.items[j]);
	}
}

void
config_route_clear(struct config_route *route)
{
	size_t i;

	free(route->name);
	config_list_clear(&route->source);
	config_list_clear(&route->type);
	free(route->filter);
	for (i = 0; i < route->argc; i++)
		free(route->argv[i]);
	free(route->argv);
	free(route->url);
	free(route->directory);
	free(route->user);
	config_list_clear(&route->env);
	free(route->schedule_ms);
	scheme_keys_free(route->sign_keys);
	config_list_clear(&route->forward);
}
