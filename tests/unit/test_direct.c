/* direct: which routes an event goes to at once, and when a filter has a say */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../worker/direct.h"
#include "stage.h"

#define SHOP "[source shop]\nscheme = none\nunverified = yes\n"

struct set {
	struct stage stage;
	struct config *config;
	struct direct *direct;
};

static void
set_open(struct set *set, const char *routes)
{
	memset(set, 0, sizeof(*set));
	stage_open(&set->stage, "[route none]\nrun = /bin/true\n");
	set->config = stage_load(&set->stage, routes);
	set->direct = direct_new();
	assert_non_null(set->direct);
	assert_int_equal(direct_use(set->direct, set->config), 0);
}

static void
set_close(struct set *set)
{
	direct_free(set->direct);
	config_unref(set->config);
	stage_close(&set->stage);
}

/* "a b" of an event of the source shop; NULL when the dispatcher is asked. */
static const char *
routes_of(struct set *set, const char *source, const char *type, bool probe)
{
	static char text[256];
	struct event event = stage_event(type, "{}");
	struct direct_targets targets;
	size_t len = 0;

	event.source = source;
	event.probe = probe;
	text[0] = '\0';
	if (!direct_route(set->direct, &event, &targets))
		return NULL;
	for (unsigned i = 0; i < targets.n; i++) {
		assert_int_equal(targets.items[i].state, DELIVERY_PENDING);
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s",
		    i > 0 ? " " : "", targets.items[i].route);
	}
	return text;
}

static void
test_matches(void **state)
{
	struct set set;

	(void)state;
	set_open(&set, SHOP
	    "[route all]\nrun = /bin/true\n"
	    "[route orders]\nsource = shop\ntype = order.*\nrun = /bin/true\n"
	    "[route other]\nsource = !shop\nrun = /bin/true\n"
	    "[route own]\nsource = gaff\nrun = /bin/true\n"
	    "[route off]\ntype = off\nenabled = no\nrun = /bin/true\n");
	assert_string_equal(
	    routes_of(&set, "shop", "order.paid", false), "all orders");
	assert_string_equal(routes_of(&set, "shop", "bill", false), "all");
	assert_string_equal(routes_of(&set, "shop", "off", false), "all off");
	/* a probe goes only where its type is named */
	assert_string_equal(
	    routes_of(&set, "shop", "order.test", true), "orders");
	/* gaff's own events, and what other configurations know */
	assert_null(routes_of(&set, "gaff", "delivery.dead", false));
	assert_null(routes_of(&set, "unknown", "order.paid", false));
	set_close(&set);
}

static void
test_filters(void **state)
{
	struct set set;
	struct config *other;

	(void)state;
	set_open(&set, SHOP
	    "[route all]\nrun = /bin/true\n"
	    "[route big]\ntype = bill\nfilter = .n > 10\nrun = /bin/true\n");
	assert_null(routes_of(&set, "shop", "bill", false));
	assert_string_equal(routes_of(&set, "shop", "order", false), "all");
	/* another configuration */
	other = stage_load(&set.stage, SHOP "[route new]\nrun = /bin/true\n");
	assert_int_equal(direct_use(set.direct, other), 0);
	config_unref(other);
	assert_string_equal(routes_of(&set, "shop", "bill", false), "new");
	set_close(&set);
}

/* A subscription is confirmed by the dispatcher. */
static void
test_confirmed(void **state)
{
	static const char own[] =
	    "[scheme own]\nkind = hmac\nsignature = header:x-mac\n"
	    "template = {body}\ntype = json:/type\n"
	    "confirm = json:/type=new -> json:/url\n"
	    "confirm_at = example.com\n"
	    "[source shop]\nscheme = own\nsecret = env:GAFF_TEST_SECRET\n%s"
	    "[route all]\nrun = /bin/true\n";
	char text[512];
	struct set set;

	(void)state;
	assert_int_equal(setenv("GAFF_TEST_SECRET", "the_secret_of_own", 1), 0);
	(void)snprintf(text, sizeof(text), own, "");
	set_open(&set, text);
	assert_null(routes_of(&set, "shop", "new", false));
	assert_null(routes_of(&set, "shop", "order", false));
	set_close(&set);
	(void)snprintf(text, sizeof(text), own, "confirm = none\n");
	set_open(&set, text);
	assert_string_equal(routes_of(&set, "shop", "new", false), "all");
	set_close(&set);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_matches),
	    cmocka_unit_test(test_filters),
	    cmocka_unit_test(test_confirmed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
