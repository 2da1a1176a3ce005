/* own: gaff's own events. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
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

static const struct own_teller teller = {"local", "web1", false};

static const char *
member(const json_t *body, const char *name)
{
	return json_string_value(json_object_get(body, name));
}

/* What an event about such a cause says; the event is freed. */
static json_t *
tell(enum own_type type, const char *subject, json_t *facts, const char *name)
{
	struct cause cause = {.kind = type,
	    .count = 3,
	    .since_ms = 1700000000000,
	    .facts = facts};
	struct event *event;
	json_t *body;

	(void)snprintf(cause.subject, sizeof(cause.subject), "%s", subject);
	event = own_event(&cause, &teller, 5);
	json_decref(facts);
	assert_non_null(event);
	assert_string_equal(event->source, "gaff");
	assert_string_equal(event->type, name);
	assert_int_equal(event->dedup, EVENT_DEDUP_NONE);
	assert_true(own_is(event));
	body = json_loadb(event->body, event->body_len, 0, NULL);
	assert_non_null(body);
	event_free(event);
	return body;
}

static void
test_dead(void **state)
{
	json_t *body = tell(
	    OWN_DELIVERY_DEAD, "paid", own_dead(&delivery), "delivery.dead");

	(void)state;
	assert_string_equal(member(body, "route"), "paid");
	assert_string_equal(member(body, "key"), "k1");
	assert_int_equal(
	    json_integer_value(json_object_get(body, "attempts")), 4);
	assert_string_equal(
	    member(body, "died_at"), "2023-11-14T22:13:20.000Z");
	assert_int_equal(json_integer_value(json_object_get(body, "count")), 3);
	assert_string_equal(member(body, "since"), "2023-11-14T22:13:20.000Z");
	assert_string_equal(member(body, "worker"), "local");
	assert_string_equal(member(body, "host"), "web1");
	assert_string_equal(
	    member(body, "next"), "gaff dead list --route paid");
	json_decref(body);
}

/* A provider may send any bytes. */
static void
test_dead_of_foreign_bytes(void **state)
{
	json_t *facts;

	(void)state;
	dead.key = "a\xff\"b";
	facts = own_dead(&delivery);
	dead.key = "k1";
	assert_non_null(facts);
	assert_string_equal(member(facts, "key"), "a\xef\xbf\xbd\"b");
	json_decref(facts);
}

static void
test_types(void **state)
{
	static const struct {
		const char *type;
		const char *next;
	} want[OWN__MAX] = {
	    {"delivery.dead", "gaff dead list --route x"},
	    {"store.low", "gaff status"},
	    {"source.silent", "gaff events --source x --limit 5"},
	    {"route.failing", "gaff events --route x --state waiting"},
	    {"link.down", "gaff status"},
	    {"secret.kept", "gaff secret --source x"},
	};
	enum own_type type;
	json_t *body;

	(void)state;
	for (type = 0; type < OWN__MAX; type++) {
		body = tell(type, "x", json_object(), want[type].type);
		assert_string_equal(member(body, "next"), want[type].next);
		json_decref(body);
	}
}

static void
test_one_of_several_workers(void **state)
{
	const struct own_teller second = {"b", "web1", true};
	struct cause cause = {
	    .kind = OWN_STORE_LOW, .subject = "b", .facts = json_object()};
	struct event *event = own_event(&cause, &second, 5);
	json_t *body;

	(void)state;
	assert_non_null(event);
	body = json_loadb(event->body, event->body_len, 0, NULL);
	assert_string_equal(member(body, "next"), "gaff status --worker b");
	json_decref(body);
	json_decref(cause.facts);
	event_free(event);
}

/* `*` does not mean gaff's own. */
static void
test_wanted(void **state)
{
	struct config_route routes[] = {{.source = {other_list, 1}},
	    {.source = {own_list, 1}, .type = {type_list, 1}}};
	struct config config = {.routes = routes, .n_routes = 1};

	(void)state;
	assert_false(own_is_wanted(&config, OWN_DELIVERY_DEAD));
	config.n_routes = 2;
	assert_true(own_is_wanted(&config, OWN_DELIVERY_DEAD));
	assert_false(own_is_wanted(&config, OWN_STORE_LOW));
}

static void
test_begets_no_other(void **state)
{
	(void)state;
	dead.source = "gaff";
	assert_null(own_dead(&delivery));
	dead.source = "shop";
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_dead),
	    cmocka_unit_test(test_dead_of_foreign_bytes),
	    cmocka_unit_test(test_types),
	    cmocka_unit_test(test_one_of_several_workers),
	    cmocka_unit_test(test_wanted),
	    cmocka_unit_test(test_begets_no_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
