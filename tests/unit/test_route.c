#include <string.h>

#include "../../worker/route.h"
#include "support.h"

enum { PATTERNS_MAX = 4 };

static struct config_list
list_of(char **items)
{
	struct config_list list = {.items = items};

	while (list.n < PATTERNS_MAX && items[list.n] != NULL)
		list.n++;
	return list;
}

struct sample {
	const char *sources[PATTERNS_MAX];
	const char *types[PATTERNS_MAX];
	const char *source;
	const char *type;
	bool probe;
	enum route_why why;
	const char *text;
};

static const struct sample samples[] = {
    {{0}, {0}, "github", "push", false, ROUTE_MATCHES,
	"the route takes every type"},
    {{"github"}, {"push"}, "github", "push", false, ROUTE_MATCHES,
	"type push matches push"},
    {{"github"}, {0}, "stripe", "x", false, ROUTE_OTHER_SOURCE,
	"source stripe matches none of its patterns"},
    {{"!stripe"}, {0}, "stripe", "x", false, ROUTE_OTHER_SOURCE,
	"source stripe is excluded by !stripe"},
    {{"git*"}, {0}, "github", "x", false, ROUTE_MATCHES, ""},
    {{0}, {"order.*"}, "a", "order.paid", false, ROUTE_MATCHES,
	"type order.paid matches order.*"},
    {{0}, {"pull_request"}, "a", "pull_request.opened", false, ROUTE_MATCHES,
	"type pull_request.opened matches pull_request"},
    {{0}, {"pull_request"}, "a", "pull_request_review", false, ROUTE_OTHER_TYPE,
	"type pull_request_review matches none of its patterns"},
    {{0}, {"!a.b", "a"}, "s", "a.b", false, ROUTE_OTHER_TYPE,
	"type a.b is excluded by !a.b"},
    {{0}, {"!a.b", "a"}, "s", "a.c", false, ROUTE_MATCHES,
	"type a.c matches a"},
    {{0}, {"push"}, "s", "", false, ROUTE_OTHER_TYPE,
	"an event without a type matches none of its patterns"},
    /* A source is not dotted as a type is. */
    {{"git"}, {0}, "git.hub", "x", false, ROUTE_OTHER_SOURCE, ""},
    /* gaff's own events: only where a pattern means them. */
    {{0}, {0}, "gaff", "delivery.dead", false, ROUTE_OWN_EVENT,
	"source = gaff"},
    {{"*"}, {0}, "gaff", "delivery.dead", false, ROUTE_OWN_EVENT, ""},
    {{"**"}, {0}, "gaff", "delivery.dead", false, ROUTE_OWN_EVENT, ""},
    {{"*", "gaff"}, {0}, "gaff", "delivery.dead", false, ROUTE_MATCHES, ""},
    {{"gaff"}, {"store"}, "gaff", "delivery.dead", false, ROUTE_OTHER_TYPE, ""},
    {{"!gaff"}, {0}, "gaff", "delivery.dead", false, ROUTE_OTHER_SOURCE, ""},
    {{"!other"}, {0}, "gaff", "delivery.dead", false, ROUTE_OWN_EVENT, ""},
    {{"*"}, {0}, "gaffer", "x", false, ROUTE_MATCHES, ""},
    /* A probe: only where a type names it. */
    {{0}, {0}, "github", "ping", true, ROUTE_PROBE, "it is a probe"},
    {{0}, {"ping"}, "github", "ping", true, ROUTE_MATCHES, ""},
    {{0}, {"*"}, "github", "ping", true, ROUTE_MATCHES, ""},
    {{0}, {"push"}, "github", "ping", true, ROUTE_OTHER_TYPE, ""},
};

static void
test_samples(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		struct sample sample = samples[i];
		char *sources[PATTERNS_MAX], *types[PATTERNS_MAX];
		struct config_route route = {0};
		struct route_subject subject = {
		    sample.source, sample.type, sample.probe};
		struct buf text = {0};

		memcpy(sources, sample.sources, sizeof(sources));
		memcpy(types, sample.types, sizeof(types));
		route.source = list_of(sources);
		route.type = list_of(types);
		if (route_match(&route, &subject).why != sample.why)
			fail_msg("sample %zu: %d", i,
			    (int)route_match(&route, &subject).why);
		route_explain(&route, &subject, &text);
		assert_true(text.len > 0);
		support_contains(buf_str(&text), sample.text);
		buf_clear(&text);
	}
}

/* `enabled` is no question of matching: deliveries wait. */
static void
test_disabled(void **state)
{
	struct config_route route = {.enabled = false};
	struct route_subject subject = {"s", "t", false};

	(void)state;
	assert_int_equal(route_match(&route, &subject).why, ROUTE_MATCHES);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_samples),
	    cmocka_unit_test(test_disabled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
