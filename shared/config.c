#include "config.h"

#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config_impl.h"

/* A config with the count that config_ref() and config_unref() keep. */
struct counted {
	struct config config; /* first: a config's address is its own */
	atomic_uint references;
};

/* ---- sections that stand once ---- */

static const char *const https_words[] = {"no", "warn", "required", NULL};
static const char *const to_words[] = {"auto", "stderr", "syslog", NULL};
static const char *const format_words[] = {"text", "json", NULL};

static void
set_prefix(
    struct config_loader *l, void *object, const struct config_entry *entry)
{
	struct config_gateway *gateway = object;

	if (config_path_good(l, entry)) {
		free(gateway->prefix);
		gateway->prefix = config_copy(l, entry->value);
	}
}

#define GATEWAY(member) offsetof(struct config_gateway, member)
static const struct config_key gateway_keys[] = {
    {"threads", CONFIG_NUMBER, GATEWAY(threads), .min = 1, .max = 512},
    {"parked", CONFIG_NUMBER, GATEWAY(parked), .min = 1, .max = 100000},
    {"parked_bytes", CONFIG_SIZE, GATEWAY(parked_bytes), .min = 65536},
    {"max_body", CONFIG_SIZE, GATEWAY(max_body), .min = 1, .max = 1 << 30},
    {"answer_within", CONFIG_DURATION, GATEWAY(answer_within_ms), .min = 100,
	.max = 120000},
    {"prefix", CONFIG_CUSTOM, .set = set_prefix},
    {"trusted_proxy", CONFIG_NETS, GATEWAY(trusted_proxy)},
    {"https", CONFIG_WORD, GATEWAY(https), .words = https_words},
    {NULL},
};

#define LOG(member) offsetof(struct config_log, member)
static const struct config_key log_keys[] = {
    {"to", CONFIG_WORD, LOG(to), .words = to_words},
    {"format", CONFIG_WORD, LOG(format), .words = format_words},
    {NULL},
};

static const struct config_gateway gateway_defaults = {
    .threads = 16,
    .parked = 512,
    .parked_bytes = 64 << 20,
    .max_body = 1 << 20,
    .answer_within_ms = 4000,
    .https = CONFIG_HTTPS_WARN,
};

/* ---- [scheme] ---- */

static const struct config_key no_keys[] = {{NULL}};

const struct scheme *
config_scheme_lookup(void *arg, const char *name)
{
	return config_scheme(arg, name);
}

static bool
set_scheme_key(
    struct config_loader *l, void *object, const struct config_entry *entry)
{
	char error[SCHEME_ERROR_SIZE];
	const char *name;
	size_t i;

	for (i = 0; (name = scheme_key(i)) != NULL; i++)
		if (strcmp(name, entry->key) == 0)
			break;
	if (name == NULL)
		return false;
	if (scheme_set(object, entry->key, entry->value, error) != 0)
		config_fault(
		    &l->faults, &entry->where, "%s: %s", entry->key, error);
	return true;
}

static void
load_scheme(struct config_loader *l, const struct config_section *section)
{
	struct config *config = l->config;
	struct scheme *scheme = scheme_new(section->name, NULL);
	struct scheme **schemes = realloc(
	    config->schemes, (config->n_schemes + 1) * sizeof(*schemes));
	char error[SCHEME_ERROR_SIZE];

	if (schemes != NULL)
		config->schemes = schemes;
	if (schemes == NULL || scheme == NULL) {
		scheme_free(scheme);
		l->faults.no_memory = true;
		return;
	}
	schemes[config->n_schemes++] = scheme;
	config_section_apply(l, section, no_keys, scheme, set_scheme_key);
	if (scheme_link(scheme, config_scheme_lookup, l->config, error) != 0 ||
	    scheme_check(scheme, error) != 0)
		config_fault(&l->faults, &section->where, "scheme %s: %s",
		    section->name, error);
}

/* ---- the whole ---- */

const struct config_section_kind config_kinds[] = {
    {"gateway", false, gateway_keys},
    {"log", false, log_keys},
    {"store", false, config_store_keys},
    {"dead_letter", false, config_dead_letter_keys},
    {"scheme", true, no_keys},
    {"worker", true, config_worker_keys},
    {"source", true, config_source_keys},
    {"route", true, config_route_keys},
    {NULL},
};

static bool
is_known(const char *kind)
{
	const struct config_section_kind *row = config_kinds;

	while (row->kind != NULL && strcmp(row->kind, kind) != 0)
		row++;
	return row->kind != NULL;
}

static void
unknown_kind(struct config_loader *l, const struct config_section *section)
{
	struct config_nearest nearest = {.to = section->kind};
	const struct config_section_kind *row;

	for (row = config_kinds; row->kind != NULL; row++)
		config_nearest_try(&nearest, row->kind);
	config_fault(&l->faults, &section->where, "unknown section [%s]%s%s%s",
	    section->kind, nearest.best ? " (" : "",
	    nearest.best ? nearest.best : "", nearest.best ? "?)" : "");
}

static bool
is_well_named(struct config_loader *l, const struct config_section_kind *row,
    const struct config_section *section)
{
	if (row->named == (section->name[0] != '\0'))
		return true;
	config_fault(&l->faults, &section->where,
	    row->named ? "[%s] needs a name: [%s NAME]"
		       : "[%s] takes no name: [%s]",
	    section->kind, section->kind);
	return false;
}

const struct config_section *
config_section_of(
    const struct config_text *text, const char *kind, const char *name)
{
	size_t i;

	for (i = 0; i < text->n; i++)
		if (strcmp(text->sections[i].kind, kind) == 0 &&
		    strcmp(text->sections[i].name, name) == 0)
			break;
	return &text->sections[i];
}

/* Well named, and not there already. */
static bool
check_section(struct config_loader *l, const struct config_text *text,
    const struct config_section_kind *row, const struct config_section *section)
{
	const struct config_section *first;

	if (!is_well_named(l, row, section))
		return false;
	first = config_section_of(text, section->kind, section->name);
	if (first == section)
		return true;
	config_fault(&l->faults, &section->where,
	    "%s%s%s: already defined at %s:%u", section->kind,
	    *section->name ? " " : "", section->name, first->where.file,
	    first->where.line);
	return false;
}

static void
load_kind(struct config_loader *l, const struct config_section *section,
    struct config_singles *singles)
{
	const char *kind = section->kind;

	if (strcmp(kind, "gateway") == 0)
		config_section_apply(
		    l, section, gateway_keys, &l->config->gateway, NULL);
	else if (strcmp(kind, "log") == 0)
		config_section_apply(
		    l, section, log_keys, &l->config->log, NULL);
	else if (strcmp(kind, "store") == 0)
		config_section_apply(
		    l, section, config_store_keys, &singles->store, NULL);
	else if (strcmp(kind, "dead_letter") == 0)
		config_section_apply(l, section, config_dead_letter_keys,
		    &singles->dead_letter, NULL);
	else if (strcmp(kind, "scheme") == 0)
		load_scheme(l, section);
	else if (strcmp(kind, "worker") == 0)
		config_load_worker(l, section, singles);
	else if (strcmp(kind, "source") == 0)
		config_load_source(l, section);
	else
		config_load_route(l, section);
}

static void
load_sections(struct config_loader *l, const struct config_text *text)
{
	struct config_singles singles;
	const struct config_section_kind *row;
	const struct config_section *section;
	size_t i;

	l->config->gateway = gateway_defaults;
	l->config->gateway.prefix = config_copy(l, "/hooks");
	config_singles_init(l, &singles);
	for (row = config_kinds; row->kind != NULL; row++)
		for (i = 0; i < text->n; i++) {
			section = &text->sections[i];
			if (strcmp(section->kind, row->kind) == 0 &&
			    check_section(l, text, row, section))
				load_kind(l, section, &singles);
		}
	for (i = 0; i < text->n; i++)
		if (!is_known(text->sections[i].kind))
			unknown_kind(l, &text->sections[i]);
	config_singles_clear(&singles);
}

static void
check_whole(struct config_loader *l, const struct config_text *text)
{
	struct config_where start = {l->config->path, 1, 0, false};

	if (l->config->n_workers == 0 && text->n > 0)
		config_fault(&l->faults, &start,
		    "there is no [worker NAME]; gateways need one to hand "
		    "events to");
	config_check_workers(l, text);
	config_check_sources(l, text);
	config_check_routes(l, text);
}

static struct config *
new_config(const char *path)
{
	struct counted *counted = calloc(1, sizeof(*counted));
	char resolved[PATH_MAX];

	if (counted == NULL)
		return NULL;
	atomic_init(&counted->references, 1);
	if (realpath(path, resolved) != NULL)
		path = resolved;
	counted->config.path = strdup(path);
	if (counted->config.path == NULL) {
		free(counted);
		return NULL;
	}
	return &counted->config;
}

static char *
directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		return strdup(".");
	return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

/* All but the workers. */
static void
clear_rules(struct config *config)
{
	size_t i;

	for (i = 0; i < config->n_routes; i++)
		config_route_clear(&config->routes[i]);
	for (i = 0; i < config->n_sources; i++)
		config_source_clear(&config->sources[i]);
	for (i = 0; i < config->n_schemes; i++)
		scheme_free(config->schemes[i]);
	config->n_routes = config->n_sources = config->n_schemes = 0;
}

/* Read and check all of it into l->config, and the faults. */
static void
load(struct config_loader *l, const char *path)
{
	struct config_text text = {.trusted = l->role == CONFIG_ROLE_RUN};

	l->config = new_config(path);
	if (l->config == NULL ||
	    (l->directory = directory_of(l->config->path)) == NULL) {
		l->faults.no_memory = true;
		return;
	}
	config_text_read(l->config->path, &text, &l->faults, &l->warnings);
	memcpy(l->config->hash, text.hash, sizeof(text.hash));
	l->config->n_files = text.n_files;
	load_sections(l, &text);
	if (!l->faults.no_memory)
		check_whole(l, &text);
	config_text_clear(&text);
	free(l->directory);
}

struct config *
config_load(const char *path, enum config_role role, struct buf *errors,
    struct buf *warnings)
{
	struct config_loader l = {.role = role};
	bool good;

	load(&l, path);
	good = l.faults.n == 0 && !l.faults.no_memory;
	config_faults_print(&l.faults, errors);
	if (good && warnings != NULL)
		config_faults_print(&l.warnings, warnings);
	config_faults_clear(&l.warnings);
	if (good)
		return l.config;
	config_unref(l.config);
	return NULL;
}

struct config *
config_load_workers(const char *path, size_t *n_faults)
{
	struct config_loader l = {.role = CONFIG_ROLE_NONE};
	struct config *config;
	size_t kept = 0, i;

	load(&l, path);
	config = l.config;
	*n_faults = l.faults.n;
	if (l.faults.no_memory) {
		config_unref(config);
		config = NULL;
	} else if (l.faults.n > 0) {
		clear_rules(config);
		for (i = 0; i < config->n_workers; i++)
			if (config->workers[i].admin != NULL)
				config->workers[kept++] = config->workers[i];
			else
				config_worker_clear(&config->workers[i]);
		config->n_workers = kept;
	}
	config_faults_clear(&l.faults);
	config_faults_clear(&l.warnings);
	return config;
}

const char *
config_path(const char *option)
{
	const char *environment = getenv("GAFF_CONFIG");

	if (option != NULL)
		return option;
	if (environment != NULL && environment[0] != '\0')
		return environment;
	return "/etc/gaff/gaff.conf";
}

struct config *
config_ref(struct config *config)
{
	struct counted *counted = (struct counted *)config;

	atomic_fetch_add(&counted->references, 1);
	return config;
}

void
config_unref(struct config *config)
{
	struct counted *counted = (struct counted *)config;
	size_t i;

	if (config == NULL || atomic_fetch_sub(&counted->references, 1) != 1)
		return;
	clear_rules(config);
	for (i = 0; i < config->n_workers; i++)
		config_worker_clear(&config->workers[i]);
	free(config->workers);
	free(config->routes);
	free(config->sources);
	free(config->schemes);
	free(config->gateway.prefix);
	net_list_clear(&config->gateway.trusted_proxy);
	free(config->path);
	free(counted);
}

const struct config_source *
config_source(const struct config *config, const char *name)
{
	size_t i;

	for (i = 0; i < config->n_sources; i++)
		if (strcmp(config->sources[i].name, name) == 0)
			return &config->sources[i];
	return NULL;
}

const struct config_route *
config_route(const struct config *config, const char *name)
{
	size_t i;

	for (i = 0; i < config->n_routes; i++)
		if (strcmp(config->routes[i].name, name) == 0)
			return &config->routes[i];
	return NULL;
}

bool
config_has_user(const struct config *config)
{
	size_t i;

	for (i = 0; i < config->n_routes; i++)
		if (config->routes[i].user != NULL)
			return true;
	return false;
}

const struct config_worker *
config_worker(const struct config *config, const char *name)
{
	size_t i;

	if (name == NULL)
		return config->n_workers == 1 ? &config->workers[0] : NULL;
	for (i = 0; i < config->n_workers; i++)
		if (strcmp(config->workers[i].name, name) == 0)
			return &config->workers[i];
	return NULL;
}

const struct scheme *
config_scheme(const struct config *config, const char *name)
{
	size_t i;

	for (i = 0; i < config->n_schemes; i++)
		if (strcmp(scheme_name(config->schemes[i]), name) == 0)
			return config->schemes[i];
	return scheme_builtin(name);
}

const char *
config_scheme_nearest(const struct config *config, const char *name)
{
	struct config_nearest nearest = {.to = name};
	const char *other;

	for (size_t i = 0; config != NULL && i < config->n_schemes; i++)
		config_nearest_try(&nearest, scheme_name(config->schemes[i]));
	for (size_t i = 0; (other = scheme_builtin_name(i)) != NULL; i++)
		config_nearest_try(&nearest, other);
	return nearest.best;
}
