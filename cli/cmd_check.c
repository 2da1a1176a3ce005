/* gaff check: every error of the configuration, or what it means. */

#include <stdio.h>
#include <string.h>

#include "../shared/config_file.h"
#include "../shared/units.h"
#include "../worker/filter_check.h"
#include "../worker/retry.h"
#include "../worker/route.h"
#include "call.h"
#include "check_as.h"
#include "cmd.h"
#include "options.h"
#include "out.h"

enum { HOSTS_TOLD = 2 };

static const char *user;

static const struct option_spec specs[] = {
    {"as", OPTION_TEXT, &user, "USER",
	"only say whether this user may run the gateway or the worker"},
    {0},
};

static const struct options options = {
    .verb = "check",
    .operands = "",
    .about = "Reads the configuration as gateway and worker would, secrets and "
	     "filters too.\nPrints every error, or the sources and routes it "
	     "understood.",
    .specs = specs,
};

/* ---- what is wrong ---- */

static void
check_filter(const struct config_section *section, struct config_faults *faults)
{
	char error[FILTER_ERROR_SIZE];

	if (strcmp(section->kind, "route") != 0)
		return;
	for (size_t i = 0; i < section->n; i++) {
		const struct config_entry *entry = &section->entries[i];

		if (strcmp(entry->key, "filter") == 0 &&
		    filter_check(entry->value, error) != 0)
			config_fault(faults, &entry->where,
			    "route %s: filter: %s", section->name, error);
	}
}

/* jq programs, which the configuration's reader does not know. */
static void
check_filters(const char *path, struct buf *errors)
{
	struct config_faults faults = {0}, ignored = {0};
	struct config_text text = {0};

	config_text_read(path, &text, &ignored, &ignored);
	for (size_t i = 0; i < text.n; i++)
		check_filter(&text.sections[i], &faults);
	config_faults_print(&faults, errors);
	config_faults_clear(&ignored);
	config_text_clear(&text);
}

static int
print_errors(struct buf *errors)
{
	const char *text = buf_str(errors);
	size_t n = 0;

	if (text == NULL) {
		fputs("gaff check: no memory\n", stderr);
		return CMD_FAILED;
	}
	for (const char *p = text; *p != '\0'; p++)
		n += *p == '\n';
	fflush(stdout);
	fprintf(stderr, "%s%zu error%s; nothing was loaded\n", text, n,
	    n == 1 ? "" : "s");
	return CMD_FAILED;
}

/* ---- what was understood ---- */

static void
join(struct buf *out, const struct config_list *list, const char *if_empty)
{
	if (list->n == 0)
		buf_add_str(out, if_empty);
	for (size_t i = 0; i < list->n; i++)
		buf_printf(out, "%s%s", i > 0 ? ", " : "", list->items[i]);
}

static bool
takes_source(const struct config_route *route, const char *source)
{
	const struct route_subject subject = {.source = source, .type = ""};
	enum route_why why = route_match(route, &subject).why;

	return why != ROUTE_OTHER_SOURCE && why != ROUTE_OWN_EVENT;
}

static void
list_routes(const struct config *config, const char *source, struct buf *out)
{
	const char *before = "→ ";

	for (size_t i = 0; i < config->n_routes; i++) {
		if (!takes_source(&config->routes[i], source))
			continue;
		buf_printf(out, "%s%s", before, config->routes[i].name);
		before = ", ";
	}
}

/* The host of https://HOST/… or of the pattern HOST/…; once each. */
static void
add_host(struct buf *out, const char *url)
{
	const char *host = strstr(url, "://");
	char text[SCHEME_URL_MAX + 1];
	size_t len;

	host = host != NULL ? host + 3 : url;
	len = strcspn(host, "/");
	if (len >= sizeof(text))
		return;
	memcpy(text, host, len);
	text[len] = '\0';
	if (out->len == 0 || strstr(buf_str(out), text) == NULL)
		buf_printf(out, "%s%s", out->len > 0 ? ", " : "", text);
}

/* Where the worker gets keys from, which must let it out to there. */
static void
list_hosts(const struct scheme *scheme, struct buf *out)
{
	const char *url;

	for (size_t i = 0; (url = scheme_keys_url(scheme, i)) != NULL; i++)
		add_host(out, url);
	for (size_t i = 0; (url = scheme_keys_from(scheme, i)) != NULL; i++)
		add_host(out, url);
}

/* Where it confirms events at. */
static void
list_confirm(const struct scheme *scheme, struct buf *out)
{
	const char *host;

	for (size_t i = 0; (host = scheme_confirm_host(scheme, i)) != NULL; i++)
		add_host(out, host);
}

/* The first HOSTS_TOLD of them; `gaff schemes NAME` has all. */
static void
put_hosts(struct buf *out, const char *hosts)
{
	const char *next, *end = hosts;
	unsigned more = 0;

	for (unsigned i = 0; i < HOSTS_TOLD && end != NULL; i++)
		end = strstr(i > 0 ? end + 2 : end, ", ");
	for (next = end; next != NULL; next = strstr(next + 2, ", "))
		more++;
	if (end == NULL)
		buf_add_str(out, hosts);
	else
		buf_add(out, hosts, (size_t)(end - hosts));
	if (more > 0)
		buf_printf(out, " and %u more", more);
}

static void
add_secrets(struct out_table *table, const struct config_source *source)
{
	struct buf hosts = {0}, text = {0};
	bool fetches, confirms;

	if (source->unverified || scheme_is_none(source->scheme)) {
		out_cell(table, "unverified");
		return;
	}
	fetches = source->n_secrets == 0 && scheme_fetches(source->scheme);
	confirms = scheme_confirm_host(source->scheme, 0) != NULL;
	if (fetches)
		list_hosts(source->scheme, &hosts);
	list_confirm(source->scheme, &hosts);
	if (!fetches)
		buf_printf(&text, "%zu secret%s%s", source->n_secrets,
		    source->n_secrets == 1 ? "" : "s",
		    confirms ? ", worker confirms at " : "");
	else
		buf_printf(&text, "worker gets keys%s ",
		    confirms ? " and confirms events at" : " from");
	if (buf_str(&hosts) != NULL)
		put_hosts(&text, hosts.p);
	out_cell(table, text.failed || hosts.failed ? "?" : buf_str(&text));
	buf_clear(&text);
	buf_clear(&hosts);
}

static void
add_source(struct out_table *table, const struct config *config,
    const struct config_source *source)
{
	struct buf scheme = {0}, routes = {0};

	scheme_describe(source->scheme, &scheme);
	list_routes(config, source->name, &routes);
	out_cell(table, "source");
	out_cell(table, source->name);
	out_cellf(table, "POST %s%s", source->host != NULL ? source->host : "",
	    source->path);
	out_cell(table, scheme.failed ? "?" : buf_str(&scheme));
	add_secrets(table, source);
	out_cell(table, routes.failed ? "?" : buf_str(&routes));
	buf_clear(&scheme);
	buf_clear(&routes);
}

static void
describe_plan(const struct config_route *route, struct buf *out)
{
	unsigned tries = retry_count(route);
	int64_t total_ms = 0, delay_ms;
	char text[OUT_TEXT_SIZE];

	/* what ends a plan of doubled delays is give_up, or the number */
	for (unsigned i = 1; i < tries; i++) {
		delay_ms = retry_delay_ms(route, i);
		total_ms += delay_ms > 0 ? delay_ms : 0;
	}
	if (route->schedule_ms == NULL &&
	    (route->attempts == 0 || total_ms > route->give_up_ms))
		total_ms = route->give_up_ms;
	buf_printf(out, "%u %s", tries, tries == 1 ? "try" : "tries");
	if (tries > 1)
		buf_printf(out, " in %s",
		    units_format_ms(total_ms, text, sizeof(text)));
	if (route->concurrency == 1)
		buf_add_str(out, ", one at a time");
	if (!route->enabled)
		buf_add_str(out, ", not enabled: deliveries wait");
}

/* The URL without userinfo, or the program. */
static void
describe_dest(const struct config_route *route, struct buf *out)
{
	const char *host, *at, *end;

	if (route->dest == CONFIG_DEST_RUN) {
		if (route->user != NULL)
			buf_printf(
			    out, "run as %s %s", route->user, route->argv[0]);
		else
			buf_printf(out, "run %s", route->argv[0]);
		return;
	}
	host = strstr(route->url, "://");
	host = host != NULL ? host + 3 : route->url;
	end = host + strcspn(host, "/?#");
	at = memchr(host, '@', (size_t)(end - host));
	buf_add_str(out, "post ");
	buf_add(out, route->url, (size_t)(host - route->url));
	buf_add_str(out, at != NULL ? at + 1 : host);
	if (route->sign != NULL)
		buf_printf(out, " signed %s", scheme_name(route->sign));
}

static void
add_route(struct out_table *table, const struct config_route *route)
{
	struct buf source = {0}, type = {0}, dest = {0}, plan = {0};

	join(&source, &route->source, "any source");
	join(&type, &route->type, "any type");
	if (route->filter != NULL)
		buf_add_str(&type, ", filtered");
	describe_dest(route, &dest);
	describe_plan(route, &plan);
	out_cell(table, "route");
	out_cell(table, route->name);
	out_cell(table, source.failed ? "?" : buf_str(&source));
	out_cell(table, type.failed ? "?" : buf_str(&type));
	out_cell(table, dest.failed ? "?" : buf_str(&dest));
	out_cell(table, plan.failed ? "?" : buf_str(&plan));
	buf_clear(&source);
	buf_clear(&type);
	buf_clear(&dest);
	buf_clear(&plan);
}

/* Whether the route takes every type of its sources. */
static bool
takes_every_type(const struct config_route *route)
{
	for (size_t i = 0; i < route->type.n; i++) {
		if (route->type.items[i][0] == '!')
			return false;
		if (strcmp(route->type.items[i], "*") == 0)
			return true;
	}
	return route->type.n == 0;
}

static void
warn_source(const struct config *config, const struct config_source *source)
{
	struct buf types = {0};
	char keep[OUT_TEXT_SIZE] = "a while";
	const char *before = " for types other than ";

	if (config->n_workers > 0)
		units_format_ms(config->workers[0].store.keep_unmatched_ms,
		    keep, sizeof(keep));
	for (size_t i = 0; i < config->n_routes; i++) {
		const struct config_route *route = &config->routes[i];

		if (!takes_source(route, source->name))
			continue;
		if (takes_every_type(route)) {
			buf_clear(&types);
			return;
		}
		buf_add_str(&types, before);
		join(&types, &route->type, "");
		before = ", ";
	}
	printf("warning: source %s has no route%s; such events are kept %s and "
	       "run nothing\n",
	    source->name, types.failed ? "" : buf_str(&types), keep);
	buf_clear(&types);
}

static void
print_warnings(const char *text)
{
	size_t len;

	for (; text != NULL && *text != '\0';
	     text += len + (text[len] != '\0')) {
		len = strcspn(text, "\n");
		printf("warning: %.*s\n", (int)len, text);
	}
}

static int
print_config(const struct config *config, struct buf *warnings)
{
	static const char *const blank[] = {"", "", "", "", "", ""};
	struct out_table *sources = out_table_new(blank, 6);
	struct out_table *routes = out_table_new(blank, 6);
	int result = 0;

	printf("%s, %zu file%s, config %s\n", config->path, config->n_files,
	    config->n_files == 1 ? "" : "s", config->hash);
	for (size_t i = 0; i < config->n_workers; i++)
		printf("worker  %s  %s  store %s  dead letters %s\n",
		    config->workers[i].name, config->workers[i].data,
		    config->workers[i].store.url,
		    config->workers[i].dead_letter.directory);
	for (size_t i = 0; i < config->n_sources; i++)
		add_source(sources, config, &config->sources[i]);
	for (size_t i = 0; i < config->n_routes; i++)
		add_route(routes, &config->routes[i]);
	if (out_table_print(sources) != 0)
		result = -1;
	if (out_table_print(routes) != 0)
		result = -1;
	print_warnings(buf_str(warnings));
	for (size_t i = 0; i < config->n_sources; i++)
		warn_source(config, &config->sources[i]);
	return result;
}

int
cmd_check(int argc, char **argv)
{
	int first = options_read(&options, argc, argv), status = CMD_DONE;
	struct buf errors = {0}, warnings = {0};
	const char *path = config_path(NULL);
	struct config *config;

	if (first <= 0)
		return options_exit(first);
	if (user != NULL)
		return check_as(user, path);
	config = config_load(path, CONFIG_ROLE_CHECK, &errors, &warnings);
	check_filters(path, &errors);
	if (config == NULL || errors.len > 0)
		status = print_errors(&errors);
	else if (buf_str(&warnings) == NULL ||
		 print_config(config, &warnings) != 0)
		status = CMD_FAILED;
	config_unref(config);
	buf_clear(&errors);
	buf_clear(&warnings);
	return status;
}
