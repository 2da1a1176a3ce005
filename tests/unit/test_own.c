/* own: gaff's own events. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "../../worker/own.h"

static char own_source[] = "gaff", dead_type[] = "delivery.dead";
static char other_source[] = "*";
static char *own_list[] = {own_source}, *type_list[] = {dead_type};
static char *other_list[] = {other_source};

static struct event dead = {
    .source = "shop",
    .key = "k1",
    .type = "order",
    .remote = "",
    .method = "",
    .path = "",
    .query = "",
    .content_type = "",
    .headers = "{}",
    .scheme = "",
};
static char route_name[] = "paid", reason[] = "expired";
static struct store_delivery delivery = {
    .event = &dead,
    .route = route_name,
    .reason = reason,
    .attempt = 4,
    .replay = 1,
    .died_at_ms = 1700000000000,
};

static void
test_told(void **state)
{
	struct config_route route = {
	    .source = {own_list, 1}, .type = {type_list, 1}};
	const struct config config = {.routes = &route, .n_routes = 1};
	struct event *event = own_delivery_dead(&config, &delivery, 5);
	json_t *body;

	(void)state;
	assert_non_null(event);
	assert_string_equal(event->source, "gaff");
	assert_string_equal(event->type, "delivery.dead");
	assert_int_equal(event->dedup, EVENT_DEDUP_NONE);
	body = json_loadb(event->body, event->body_len, 0, NULL);
	assert_non_null(body);
	assert_string_equal(
	    json_string_value(json_object_get(body, "route")), "paid");
	assert_string_equal(
	    json_string_value(json_object_get(body, "key")), "k1");
	assert_int_equal(
	    json_integer_value(json_object_get(body, "attempts")), 4);
	assert_string_equal(json_string_value(json_object_get(body, "died_at")),
	    "2023-11-14T22:13:20.000Z");
	json_decref(body);
	event_free(event);
}

/* Nobody listens: `*` does not mean gaff's own. */
static void
test_unwanted(void **state)
{
	struct config_route route = {.source = {other_list, 1}};
	const struct config config = {.routes = &route, .n_routes = 1};

	(void)state;
	assert_null(own_delivery_dead(&config, &delivery, 5));
}

static void
test_begets_no_other(void **state)
{
	struct config_route route = {.source = {own_list, 1}};
	const struct config config = {.routes = &route, .n_routes = 1};

	(void)state;
	dead.source = "gaff";
	assert_null(own_delivery_dead(&config, &delivery, 5));
	dead.source = "shop";
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_told),
	    cmocka_unit_test(test_unwanted),
	    cmocka_unit_test(test_begets_no_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
