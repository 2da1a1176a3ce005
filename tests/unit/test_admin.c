#include <stdio.h>
#include <string.h>

#include "../../shared/clock.h"
#include "../../worker/admin.h"
#include "support.h"

/* An admin over a memory store with one configured route, `paid`. */
struct fixture {
	struct config_route route;
	struct config config;
	struct config_worker worker;
	struct store_ops ops;
	struct admin_context admin;
	struct hours *hours;
	struct stats *stats;
	unsigned due;
	unsigned events;
};

static enum store_result commit_result;

static enum store_result
failing_commit(struct store *store)
{
	store_memory.rollback(store);
	return commit_result;
}

static void
count_due(void *arg, const char *route)
{
	struct fixture *f = arg;

	(void)route;
	f->due++;
}

static int
setup(void **state)
{
	static struct fixture fixture;
	static char name[] = "paid", worker[] = "local", url[] = "memory:";
	struct fixture *f = &fixture;

	memset(f, 0, sizeof(*f));
	f->route = (struct config_route){.name = name, .enabled = true};
	f->worker = (struct config_worker){
	    .name = worker,
	    .store = {.url = url,
		.dedup_ms = 86400000,
		.keep_delivered_ms = 86400000,
		.keep_unmatched_ms = 86400000,
		.keep_dead_ms = 86400000},
	};
	f->config = (struct config){.hash = "7c1e90aa",
	    .workers = &f->worker,
	    .n_workers = 1,
	    .routes = &f->route,
	    .n_routes = 1};
	f->ops = store_memory;
	f->hours = hours_new();
	f->stats = stats_new();
	if (f->hours == NULL || f->stats == NULL)
		return -1;
	f->admin = (struct admin_context){
	    .hours = f->hours,
	    .stats = f->stats,
	    .ops = &f->ops,
	    .store = store_memory.open(&(const struct store_options){
		.config = &f->worker.store, .worker = worker, .now_ms = 1}),
	    .config = &f->config,
	    .worker = &f->worker,
	    .rejected = rejected_new(),
	    .state = "accepting",
	    .due = count_due,
	    .arg = f,
	};
	*state = f;
	return f->admin.store != NULL ? 0 : -1;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	store_memory.close(f->admin.store);
	hours_free(f->hours);
	stats_free(f->stats);
	rejected_free(f->admin.rejected);
	return 0;
}

/* ---- asking ---- */

/* The REPLY to a verb with arguments as JSON text. */
static json_t *
ask(struct fixture *f, const char *verb, const char *args)
{
	json_t *call = json_pack(
	    "{s:s, s:o}", "verb", verb, "args", json_loads(args, 0, NULL));
	json_t *reply = admin_answer(&f->admin, call);

	json_decref(call);
	assert_non_null(reply);
	return reply;
}

/* Its data; the verb must succeed. */
static json_t *
ask_ok(struct fixture *f, const char *verb, const char *args)
{
	json_t *reply = ask(f, verb, args);
	json_t *data = json_incref(json_object_get(reply, "data"));

	if (!json_is_true(json_object_get(reply, "ok")))
		fail_msg("%s %s: %s", verb, args,
		    json_string_value(json_object_get(reply, "error")));
	json_decref(reply);
	return data;
}

/* The verb must fail with a sentence that has `part` in it. */
static void
ask_fails(
    struct fixture *f, const char *verb, const char *args, const char *part)
{
	json_t *reply = ask(f, verb, args);
	const char *error = json_string_value(json_object_get(reply, "error"));

	assert_true(json_is_false(json_object_get(reply, "ok")));
	assert_non_null(error);
	support_contains(error, part);
	json_decref(reply);
}

static json_int_t
number(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

static const char *
text(const json_t *object, const char *name)
{
	const char *value = json_string_value(json_object_get(object, name));

	return value != NULL ? value : "";
}

/* ---- events in the store ---- */

static const struct event base = {
    .source = "stripe",
    .key = "",
    .type = "invoice.paid",
    .remote = "192.0.2.1",
    .method = "POST",
    .path = "/hooks/stripe",
    .query = "",
    .content_type = "application/json",
    .headers = "{\"x-a\":\"b\"}",
    .scheme = "stripe",
    .dedup = EVENT_DEDUP_NONE,
    .body = "{}",
    .body_len = 2,
};

/* Store an event with one delivery; its id as text in `id`. */
static void
add_event(
    struct fixture *f, enum delivery_state state, char id[EVENT_ID_TEXT_SIZE])
{
	const struct store_target target = {.route = "paid",
	    .state = state == DELIVERY_DEAD ? DELIVERY_EXHAUSTED : state,
	    .reason = state == DELIVERY_DEAD ? "expired" : NULL};
	struct store_put_result put = {0};
	struct store *store = f->admin.store;
	struct event event = base;

	event.received_at_ms = 1790000000000 + f->events++;
	assert_int_equal(event_id_new(event.received_at_ms, event.id), 0);
	event_id_format(event.id, id);
	assert_int_equal(store_memory.begin(store), STORE_OK);
	assert_int_equal(
	    store_memory.put(store, &event, event.received_at_ms, &put),
	    STORE_OK);
	assert_int_equal(
	    store_memory.route(store, put.seq, &target, 1, true), STORE_OK);
	if (state == DELIVERY_DEAD)
		assert_int_equal(
		    store_memory.bury(store, put.seq, "paid", 0), STORE_OK);
	assert_int_equal(store_memory.commit(store), STORE_OK);
	buf_clear(&put.revived);
}

/* The state of an event's n-th delivery. */
static void
assert_delivery(
    struct fixture *f, const char *id, json_int_t replay, const char *state)
{
	json_t *args = json_pack("{s:s}", "id", id), *event, *delivery;
	char *line = json_dumps(args, 0);
	bool found = false;
	size_t i;

	event = ask_ok(f, "show", line);
	json_array_foreach(json_object_get(event, "deliveries"), i, delivery)
	{
		if (number(delivery, "replay") != replay)
			continue;
		assert_string_equal(text(delivery, "state"), state);
		found = true;
	}
	assert_true(found);
	json_decref(event);
	json_decref(args);
	free(line);
}

/* ---- arguments ---- */

static void
test_arguments(void **state)
{
	struct fixture *f = *state;
	json_t *call = json_object(), *reply = admin_answer(&f->admin, call);

	assert_true(json_is_false(json_object_get(reply, "ok")));
	json_decref(reply);
	json_decref(call);
	ask_fails(f, "dance", "{}", "no verb \"dance\"");
	ask_fails(f, "status", "[]", "must be an object");
	ask_fails(f, "status", "{\"x\":1}", "no argument \"x\"");
	ask_fails(f, "show", "{}", "id is missing");
	ask_fails(f, "show", "{\"id\":7}", "id must be a text");
	ask_fails(f, "events", "{\"limit\":-1}", "limit must be a number");
	ask_fails(f, "events", "{\"oldest_first\":1}", "true or false");
	ask_fails(f, "events", "{\"state\":\"lost\"}", "no state \"lost\"");
	ask_fails(f, "replay", "{\"ids\":[1]}", "a list of texts");
	ask_fails(
	    f, "inject", "{\"head\":1,\"body_base64\":\"\"}", "an object");
	ask_fails(f, "replay", "{\"ids\":[],\"states\":[\"running\"]}",
	    "not \"running\"");
}

static void
test_ping(void **state)
{
	json_t *data = ask_ok(*state, "ping", "{}");

	assert_string_equal(text(data, "worker"), "local");
	assert_string_equal(text(data, "config"), "7c1e90aa");
	json_decref(data);
}

/* ---- reading ---- */

/* Read all pages of `limit`; every event must come once, in order. */
static void
read_pages(struct fixture *f, unsigned limit, size_t total, const char *state)
{
	json_int_t cursor = 0;
	char last[EVENT_ID_TEXT_SIZE] = "g", args[128];
	size_t n = 0, i;

	do {
		json_t *reply, *event;

		snprintf(args, sizeof(args),
		    "{\"limit\":%u,\"cursor\":%lld,\"state\":\"%s\"}", limit,
		    (long long)cursor, state);
		reply = ask(f, "events", args);
		assert_true(json_is_true(json_object_get(reply, "ok")));
		json_array_foreach(json_object_get(reply, "data"), i, event)
		{
			assert_true(strcmp(text(event, "id"), last) < 0);
			snprintf(last, sizeof(last), "%s", text(event, "id"));
			assert_int_equal(json_array_size(json_object_get(
					     event, "deliveries")),
			    1);
			n++;
		}
		assert_true(
		    json_array_size(json_object_get(reply, "data")) <= limit);
		cursor = number(reply, "next");
		json_decref(reply);
	} while (cursor != 0 && n <= total);
	assert_int_equal(n, total);
}

static void
test_events_pages(void **state)
{
	char id[EVENT_ID_TEXT_SIZE];

	for (unsigned i = 0; i < 75; i++)
		add_event(*state, i % 3 ? DELIVERY_PENDING : DELIVERY_DEAD, id);
	read_pages(*state, 1, 75, "");
	read_pages(*state, 10, 75, "");
	read_pages(*state, 400, 75, "");
	read_pages(*state, 7, 25, "dead");
	read_pages(*state, 7, 0, "delivered");
}

static void
test_show(void **state)
{
	struct fixture *f = *state;
	char id[EVENT_ID_TEXT_SIZE], args[128];
	json_t *event;

	add_event(f, DELIVERY_PENDING, id);
	snprintf(args, sizeof(args), "{\"id\":\"%s\",\"body\":true}", id + 28);
	event = ask_ok(f, "show", args);
	assert_string_equal(text(event, "id"), id);
	assert_string_equal(text(event, "source"), "stripe");
	assert_string_equal(text(event, "body_base64"), "e30=");
	assert_string_equal(
	    text(json_object_get(event, "headers"), "x-a"), "b");
	json_decref(event);
	assert_delivery(f, id, 0, "pending");
	ask_fails(f, "show", "{\"id\":\"abc\"}", "no event id");
	ask_fails(f, "show", "{\"id\":\"%%%%%\"}", "no event id");
	ask_fails(f, "show", "{\"id\":\"ffffffff\"}", "no event has");
	ask_fails(f, "show",
	    "{\"id\":\"01932f6e-0000-7000-8000-000000000000\"}", "no event");
	add_event(f, DELIVERY_PENDING, id);
	snprintf(args, sizeof(args), "{\"id\":\"%.8s\"}", id);
	ask_fails(f, "show", args, "several events");
}

static void
test_status(void **state)
{
	struct fixture *f = *state;
	char id[EVENT_ID_TEXT_SIZE];
	json_t *status, *route;

	add_event(f, DELIVERY_PENDING, id);
	add_event(f, DELIVERY_DEAD, id);
	f->config.n_routes = 0;
	status = ask_ok(f, "status", "{}");
	f->config.n_routes = 1;
	route = json_array_get(json_object_get(status, "routes"), 0);
	assert_string_equal(text(route, "route"), "paid");
	assert_true(json_is_true(json_object_get(route, "orphaned")));
	assert_int_equal(number(route, "pending"), 1);
	assert_int_equal(number(route, "dead"), 1);
	assert_string_equal(text(status, "state"), "accepting");
	json_decref(status);
	status = ask_ok(f, "status", "{}");
	assert_int_equal(json_array_size(json_object_get(status, "routes")), 1);
	json_decref(status);
}

static void
feed(struct fixture *f, enum store_tally_kind kind, const char *name, int64_t n)
{
	const struct store_tally total = {0, kind, name, n};

	hours_feed(f->hours, &total, clock_wall_ms());
}

/* What is counted by the hour, and how the last attempts ended. */
static void
test_status_counts(void **state)
{
	static const struct store_attempt failed = {.at_ms = 1790000000000,
	    .ms = 5,
	    .outcome = "exit:1",
	    .detail = "x"};
	struct fixture *f = *state;
	static char name[] = "shop";
	struct config_source source = {.name = name, .silent_after_ms = 60000};
	json_t *status, *shop, *route;

	f->config.sources = &source;
	f->config.n_sources = 1;
	feed(f, TALLY_STORED, "shop", 7);
	feed(f, TALLY_REFUSED, "shop", 2);
	feed(f, TALLY_FAILED, "paid", 3);
	stats_event(f->stats, "shop", false, 12345);
	stats_attempt(f->stats, "paid", false, &failed);
	status = ask_ok(f, "status", "{}");
	shop = json_object_get(json_object_get(status, "sources"), "shop");
	assert_int_equal(number(json_object_get(shop, "day"), "accepted"), 7);
	assert_int_equal(number(json_object_get(shop, "day"), "refused"), 2);
	assert_int_equal(number(shop, "last_accepted_ms"), 12345);
	assert_int_equal(number(shop, "silent_after_ms"), 60000);
	route = json_array_get(json_object_get(status, "routes"), 0);
	assert_int_equal(number(json_object_get(route, "day"), "failed"), 3);
	assert_int_equal(number(json_object_get(route, "recent"), "failed"), 3);
	assert_string_equal(
	    text(json_object_get(route, "last_failure"), "outcome"), "exit:1");
	assert_string_equal(text(json_object_get(route, "last_failure"), "at"),
	    "2026-09-21T14:13:20.005Z");
	f->config.n_sources = 0;
	json_decref(status);
}

/* Routes come as they are configured, then those that only the store knows. */
static void
test_status_order(void **state)
{
	static char names[3][8] = {"z", "paid", "a"};
	struct config_route routes[3] = {
	    {.name = names[0]}, {.name = names[1]}, {.name = names[2]}};
	static const char *const wanted[] = {"z", "a", "paid"};
	struct fixture *f = *state;
	char id[EVENT_ID_TEXT_SIZE];
	json_t *status, *list;

	add_event(f, DELIVERY_PENDING, id);
	routes[1] = routes[2]; /* without "paid" */
	f->config.routes = routes;
	f->config.n_routes = 2;
	status = ask_ok(f, "status", "{}");
	list = json_object_get(status, "routes");
	assert_int_equal(json_array_size(list), 3);
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(
		    text(json_array_get(list, i), "route"), wanted[i]);
	assert_true(
	    json_is_true(json_object_get(json_array_get(list, 2), "orphaned")));
	json_decref(status);
}

/* ---- changing ---- */

static void
test_replay(void **state)
{
	struct fixture *f = *state;
	char dead[EVENT_ID_TEXT_SIZE], open[EVENT_ID_TEXT_SIZE], args[256];
	json_t *data;

	add_event(f, DELIVERY_DEAD, dead);
	add_event(f, DELIVERY_PENDING, open);
	snprintf(args, sizeof(args),
	    "{\"ids\":[\"%s\",\"%s\",\"ffffffff\"],\"route\":\"paid\"}", dead,
	    open);
	data = ask_ok(f, "replay", args);
	assert_int_equal(number(data, "replayed"), 1);
	assert_int_equal(json_array_size(json_object_get(data, "missing")), 1);
	assert_int_equal(
	    json_array_size(json_object_get(data, "unchanged")), 1);
	json_decref(data);
	assert_int_equal(f->due, 1);
	assert_delivery(f, dead, 0, "dead");
	assert_delivery(f, dead, 1, "pending");
	/* its newest delivery is open now: not again */
	data = ask_ok(f, "replay", args);
	assert_int_equal(number(data, "replayed"), 0);
	json_decref(data);
	assert_int_equal(f->due, 1);
}

static void
test_replay_is_all_or_nothing(void **state)
{
	struct fixture *f = *state;
	char first[EVENT_ID_TEXT_SIZE], second[EVENT_ID_TEXT_SIZE], args[256];
	json_t *event;

	add_event(f, DELIVERY_DEAD, first);
	add_event(f, DELIVERY_DEAD, second);
	snprintf(
	    args, sizeof(args), "{\"ids\":[\"%s\",\"%.8s\"]}", first, second);
	ask_fails(f, "replay", args, "several events");
	assert_int_equal(f->due, 0);
	snprintf(args, sizeof(args), "{\"id\":\"%s\"}", first);
	event = ask_ok(f, "show", args);
	assert_int_equal(
	    json_array_size(json_object_get(event, "deliveries")), 1);
	json_decref(event);
	/* and the store takes changes again */
	add_event(f, DELIVERY_DEAD, second);
}

/* A dead letter's head and body as arguments of inject; the caller frees. */
static char *
letter_args(const char *id, const char *sha256, const char *states)
{
	json_t *args = json_pack("{s:{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}, "
				 "s:s}",
	    "head", "id", id, "source", "stripe", "type", "invoice.paid", "key",
	    "evt_1", "route", "paid", "reason", "expired", "received_at",
	    "2026-11-22T03:14:40.123Z", "body_sha256", sha256, "body_base64",
	    "e30=");
	char *line;

	if (states != NULL)
		json_object_set_new(args, "states", json_pack("[s]", states));
	line = json_dumps(args, 0);
	json_decref(args);
	return line;
}

static const char empty_object_sha256[] =
    "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
static const char letter_id[] = "01932f6e-0000-7000-8000-0000000000ab";

static void
test_inject(void **state)
{
	struct fixture *f = *state;
	char *args = letter_args(letter_id, empty_object_sha256, NULL);
	json_t *data = ask_ok(f, "inject", args);

	assert_string_equal(text(data, "id"), letter_id);
	json_decref(data);
	assert_int_equal(f->due, 1);
	assert_delivery(f, letter_id, 0, "dead");
	assert_delivery(f, letter_id, 1, "pending");
	/* it is in the store now, and under way */
	ask_fails(f, "inject", args, "not dead");
	assert_int_equal(f->due, 1);
	free(args);
}

static void
test_inject_of_a_stored_event(void **state)
{
	struct fixture *f = *state;
	char id[EVENT_ID_TEXT_SIZE], *args;

	add_event(f, DELIVERY_DEAD, id);
	args = letter_args(id, empty_object_sha256, "dead");
	json_decref(ask_ok(f, "inject", args));
	assert_delivery(f, id, 1, "pending");
	free(args);
}

static void
test_inject_refuses(void **state)
{
	struct fixture *f = *state;
	char *args = letter_args(letter_id, "00", NULL);

	ask_fails(f, "inject", args, "does not fit");
	free(args);
	args = letter_args("7", empty_object_sha256, NULL);
	ask_fails(f, "inject", args, "no event id");
	free(args);
	ask_fails(
	    f, "inject", "{\"head\":{},\"body_base64\":\"\"}", "no event id");
	ask_fails(f, "show", "{\"id\":\"01932f6e\"}", "no event");
}

static void
test_pause(void **state)
{
	struct fixture *f = *state;

	ask_fails(f, "pause", "{\"route\":\"lost\"}", "no route \"lost\"");
	json_decref(ask_ok(f, "pause", "{\"route\":\"paid\"}"));
	assert_true(store_memory.paused(f->admin.store, "paid"));
	assert_int_equal(f->due, 0);
	json_decref(ask_ok(f, "resume", "{\"route\":\"paid\"}"));
	assert_false(store_memory.paused(f->admin.store, "paid"));
	assert_int_equal(f->due, 1);
}

static void
test_cancel(void **state)
{
	struct fixture *f = *state;
	char id[EVENT_ID_TEXT_SIZE];
	json_t *data;

	for (unsigned i = 0; i < 250; i++)
		add_event(f, DELIVERY_PENDING, id);
	ask_fails(f, "cancel", "{\"route\":\"lost\"}", "no route \"lost\"");
	data = ask_ok(f, "cancel", "{\"route\":\"paid\"}");
	assert_int_equal(number(data, "cancelled"), 200);
	assert_true(json_is_true(json_object_get(data, "more")));
	json_decref(data);
	data = ask_ok(f, "cancel", "{\"route\":\"paid\"}");
	assert_int_equal(number(data, "cancelled"), 50);
	assert_true(json_is_false(json_object_get(data, "more")));
	json_decref(data);
	assert_delivery(f, id, 0, "cancelled");
}

static void
test_forget(void **state)
{
	char id[EVENT_ID_TEXT_SIZE], busy[EVENT_ID_TEXT_SIZE], args[80];
	const struct store_claim what = {"paid", 1, INT64_MAX / 2, 1};
	struct fixture *f = *state;
	struct store *store = f->admin.store;
	struct store_delivery *d = NULL;
	json_t *data;

	add_event(f, DELIVERY_PENDING, busy);
	assert_int_equal(store_memory.begin(store), STORE_OK);
	assert_int_equal(store_memory.claim(store, &what, &d), STORE_OK);
	assert_int_equal(store_memory.commit(store), STORE_OK);
	assert_non_null(d);
	store_delivery_free(d);
	add_event(f, DELIVERY_PENDING, id);
	(void)snprintf(args, sizeof(args), "{\"id\":\"%s\"}", busy);
	ask_fails(f, "forget", args, "route paid is running");
	(void)snprintf(args, sizeof(args), "{\"id\":\"%s\",\"dry\":true}", id);
	for (int i = 0; i < 2; i++) {
		data = ask_ok(f, "forget", args);
		assert_true(json_is_true(json_object_get(data, "event")));
		assert_int_equal(number(data, "deliveries"), 1);
		assert_int_equal(number(data, "cancelled"), 1);
		json_decref(data);
	}
	(void)snprintf(args, sizeof(args), "{\"id\":\"%s\"}", id);
	json_decref(ask_ok(f, "forget", args));
	ask_fails(f, "show", args, "has no event");
	data = ask_ok(f, "forget", args);
	assert_true(json_is_false(json_object_get(data, "event")));
	json_decref(data);
	json_decref(ask_ok(f, "forget", "{\"id\":\"ffffffff\"}"));
	ask_fails(f, "forget", "{\"id\":\"x\"}", "no event id");
	assert_delivery(f, busy, 0, "running");
}

static void
test_backup(void **state)
{
	struct fixture *f = *state;

	ask_fails(f, "backup", "{}", "no backup was made");
	ask_fails(f, "backup", "{\"path\":\"/tmp/x\"}", "in memory");
	json_decref(ask_ok(f, "erase", "{}"));
}

static void
test_failed_commits(void **state)
{
	static const struct {
		const char *verb;
		const char *args;
	} changes[] = {
	    {"pause", "{\"route\":\"paid\"}"},
	    {"cancel", "{\"route\":\"paid\"}"},
	    {"replay", "{\"ids\":[\"ffffffff\"]}"},
	};
	struct fixture *f = *state;

	f->ops.commit = failing_commit;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		f->admin.broken = false;
		commit_result = STORE_FULL;
		ask_fails(f, changes[i].verb, changes[i].args, "no room");
		assert_false(f->admin.broken);
		commit_result = STORE_BROKEN;
		ask_fails(f, changes[i].verb, changes[i].args, "store failed");
		assert_true(f->admin.broken);
	}
	assert_int_equal(f->due, 0);
	assert_false(store_memory.paused(f->admin.store, "paid"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_arguments, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_ping, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_events_pages, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_show, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_status, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_status_counts, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_status_order, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_replay, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_replay_is_all_or_nothing, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_inject, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_inject_of_a_stored_event, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_inject_refuses, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_pause, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_cancel, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_forget, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_backup, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_failed_commits, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
