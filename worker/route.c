#include "route.h"

#include <string.h>

#include "../shared/pattern.h"

/* `*`, `**` … name everything, and so nothing in particular. */
static bool
is_star(const char *pattern)
{
	return *pattern != '\0' && pattern[strspn(pattern, "*")] == '\0';
}

/* Only a pattern that means gaff's own source takes its events. */
static bool
own_source_match(const struct config_list *patterns, const char **by)
{
	*by = NULL;
	for (size_t i = 0; i < patterns->n; i++) {
		const char *pattern = patterns->items[i];
		bool excludes = pattern[0] == '!';

		if (is_star(pattern) ||
		    !pattern_match(pattern + excludes, ROUTE_OWN_SOURCE, false))
			continue;
		*by = pattern;
		return !excludes;
	}
	return false;
}

struct route_verdict
route_match(
    const struct config_route *route, const struct route_subject *subject)
{
	const struct config_list *source = &route->source, *type = &route->type;
	struct route_verdict verdict = {ROUTE_MATCHES, NULL};

	if (strcmp(subject->source, ROUTE_OWN_SOURCE) == 0) {
		if (!own_source_match(source, &verdict.pattern)) {
			verdict.why = verdict.pattern == NULL
					  ? ROUTE_OWN_EVENT
					  : ROUTE_OTHER_SOURCE;
			return verdict;
		}
	} else if (!pattern_list_match(source->items, source->n,
		       subject->source, false, &verdict.pattern)) {
		verdict.why = ROUTE_OTHER_SOURCE;
		return verdict;
	}
	if (subject->probe && type->n == 0) {
		verdict.why = ROUTE_PROBE;
		verdict.pattern = NULL;
	} else if (!pattern_list_match(type->items, type->n, subject->type,
		       true, &verdict.pattern)) {
		verdict.why = ROUTE_OTHER_TYPE;
	}
	return verdict;
}

/* "type x", "an event without a type": what a sentence begins with. */
static void
explain_type(const struct route_subject *subject, struct buf *out)
{
	if (subject->type[0] == '\0')
		buf_add_str(out, "an event without a type");
	else
		buf_printf(out, "type %s", subject->type);
}

static void
explain_match(const struct config_route *route,
    const struct route_subject *subject, const char *pattern, struct buf *out)
{
	if (route->type.n == 0) {
		buf_add_str(out, "the route takes every type");
		return;
	}
	explain_type(subject, out);
	if (pattern == NULL)
		buf_add_str(out, " is not excluded");
	else
		buf_printf(out, " matches %s", pattern);
}

static void
explain_refusal(const char *pattern, struct buf *out)
{
	if (pattern == NULL)
		buf_add_str(out, " matches none of its patterns");
	else
		buf_printf(out, " is excluded by %s", pattern);
}

void
route_explain(const struct config_route *route,
    const struct route_subject *subject, struct buf *out)
{
	struct route_verdict verdict = route_match(route, subject);

	switch (verdict.why) {
	case ROUTE_MATCHES:
		explain_match(route, subject, verdict.pattern, out);
		break;
	case ROUTE_OTHER_SOURCE:
		buf_printf(out, "source %s", subject->source);
		explain_refusal(verdict.pattern, out);
		break;
	case ROUTE_OWN_EVENT:
		buf_add_str(out, "gaff's own events go only to routes that say "
				 "source = " ROUTE_OWN_SOURCE);
		break;
	case ROUTE_OTHER_TYPE:
		explain_type(subject, out);
		explain_refusal(verdict.pattern, out);
		break;
	case ROUTE_PROBE:
		buf_add_str(out, "it is a probe, and the route has no type "
				 "that names it");
		break;
	case ROUTE_WHY__MAX:
		break;
	}
}
