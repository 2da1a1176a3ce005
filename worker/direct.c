#include "direct.h"

#include <stdlib.h>
#include <string.h>

#include "route.h"

/* A source, and the routes that name it. */
struct row {
	const char *source;
	bool confirms; /* the dispatcher sees each of its events */
	const struct config_route **routes;
	size_t n;
};

struct direct {
	struct config *config; /* a reference: rows point into it */
	struct row *rows;      /* by name of the source */
	size_t n;
	struct store_target *targets; /* as many as there are routes */
};

struct direct *
direct_new(void)
{
	return calloc(1, sizeof(struct direct));
}

static void
clear(struct direct *direct)
{
	for (size_t i = 0; direct->rows != NULL && i < direct->n; i++)
		free(direct->rows[i].routes);
	free(direct->rows);
	free(direct->targets);
	config_unref(direct->config);
	*direct = (struct direct){0};
}

void
direct_free(struct direct *direct)
{
	if (direct == NULL)
		return;
	clear(direct);
	free(direct);
}

static int
by_source(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return strcmp(x->source, y->source);
}

/* Types are looked at for each event; a source is named or not. */
static bool
names(const struct config_route *route, const char *source)
{
	const struct route_subject subject = {.source = source, .type = ""};
	enum route_why why = route_match(route, &subject).why;

	return why != ROUTE_OTHER_SOURCE && why != ROUTE_OWN_EVENT;
}

static int
fill(struct row *row, const struct config *config)
{
	row->routes = calloc(config->n_routes + 1, sizeof(*row->routes));
	if (row->routes == NULL)
		return -1;
	for (size_t i = 0; i < config->n_routes; i++)
		if (names(&config->routes[i], row->source))
			row->routes[row->n++] = &config->routes[i];
	return 0;
}

int
direct_use(struct direct *direct, struct config *config)
{
	clear(direct);
	direct->config = config_ref(config);
	direct->rows = calloc(config->n_sources + 1, sizeof(*direct->rows));
	direct->targets =
	    calloc(config->n_routes + 1, sizeof(*direct->targets));
	if (direct->rows == NULL || direct->targets == NULL) {
		clear(direct);
		return -1;
	}
	for (; direct->n < config->n_sources; direct->n++) {
		struct row *row = &direct->rows[direct->n];

		row->source = config->sources[direct->n].name;
		row->confirms =
		    scheme_confirms(config->sources[direct->n].scheme);
		if (fill(row, config) != 0) {
			clear(direct);
			return -1;
		}
	}
	qsort(direct->rows, direct->n, sizeof(*direct->rows), by_source);
	return 0;
}

bool
direct_route(struct direct *direct, const struct event *event,
    struct direct_targets *targets)
{
	const struct route_subject subject = {
	    event->source, event->type, event->probe};
	const struct row wanted = {.source = event->source};
	const struct row *row = NULL;

	*targets = (struct direct_targets){.items = direct->targets};
	if (direct->n > 0)
		row = bsearch(&wanted, direct->rows, direct->n,
		    sizeof(*direct->rows), by_source);
	if (row == NULL || row->confirms)
		return false;
	for (size_t i = 0; i < row->n; i++) {
		const struct config_route *route = row->routes[i];

		if (route_match(route, &subject).why != ROUTE_MATCHES)
			continue;
		if (route->filter != NULL)
			return false;
		targets->items[targets->n++] = (struct store_target){
		    .route = route->name, .state = DELIVERY_PENDING};
	}
	return true;
}
