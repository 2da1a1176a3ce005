/* dispatch with all behind it: real programs, sockets and files; the store
 * thread is played by the test. */

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../shared/clock.h"
#include "../../worker/dispatch.h"
#include "../../worker/filter_helper.h"
#include "support.h"

enum { TASKS_MAX = 2000, ROUTES_MAX = 8 };

/* A route of the played store. */
struct stock {
	char route[CONFIG_NAME_MAX + 1];
	unsigned pending; /* to be handed out */
	unsigned running;
	unsigned most; /* that ran at once */
};

struct bench {
	char *dir;
	struct dispatch *dispatch;
	struct tasks *out;
	int wake;
	struct config *config;
	struct stock stocks[ROUTES_MAX];
	unsigned n_stocks;
	struct task *got[TASKS_MAX]; /* all but CLAIMs, in order */
	unsigned n_got;
	int64_t next_seq;
};

static void
wake(void *arg)
{
	const struct bench *b = arg;
	uint64_t one = 1;

	assert_int_equal(write(b->wake, &one, sizeof(one)), sizeof(one));
}

static struct config *
load(const struct bench *b, const char *routes)
{
	static const char head[] = "[worker local]\n"
				   "data = ipc:///tmp/gaff-test.data\n"
				   "control = ipc:///tmp/gaff-test.control\n";
	char *path = support_path(b->dir, "gaff.conf");
	struct buf text = {0}, errors = {0};
	struct config *config;

	buf_printf(&text, "%s%s[dead_letter]\ndirectory = %s/dead\n", head,
	    routes, b->dir);
	support_write(path, text.p, text.len, 0600);
	config = config_load(path, CONFIG_ROLE_WORKER, &errors, NULL);
	if (config == NULL)
		fail_msg("%s", buf_str(&errors));
	buf_clear(&text);
	buf_clear(&errors);
	free(path);
	return config;
}

static void
bench_open(struct bench *b, const char *routes)
{
	struct dispatch_options options;

	memset(b, 0, sizeof(*b));
	b->dir = support_dir();
	b->config = load(b, routes);
	b->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	b->out = tasks_new(wake, b);
	options = (struct dispatch_options){.config = b->config,
	    .worker = config_worker(b->config, NULL),
	    .spawn = spawn_open(),
	    .out = b->out};
	b->dispatch = dispatch_start(&options);
	assert_non_null(b->dispatch);
}

static void
push(struct bench *b, struct task *task)
{
	dispatch_push(b->dispatch, task);
}

static struct task *
task_for(enum task_kind kind, const char *route)
{
	struct task *task = task_new(kind);

	if (route != NULL)
		(void)memccpy(task->route, route, '\0', sizeof(task->route));
	return task;
}

static struct stock *
stock_of(struct bench *b, const char *route)
{
	for (unsigned i = 0; i < b->n_stocks; i++)
		if (strcmp(b->stocks[i].route, route) == 0)
			return &b->stocks[i];
	strcpy(b->stocks[b->n_stocks].route, route);
	return &b->stocks[b->n_stocks++];
}

static struct event
an_event(const char *type, const char *body)
{
	return (struct event){.id = {9},
	    .source = "shop",
	    .key = "k",
	    .type = type,
	    .remote = "",
	    .method = "POST",
	    .path = "/",
	    .query = "",
	    .content_type = "application/json",
	    .headers = "{}",
	    .scheme = "none",
	    .body = body,
	    .body_len = strlen(body)};
}

static struct store_delivery *
a_delivery(struct bench *b, const char *route)
{
	struct store_delivery *delivery = calloc(1, sizeof(*delivery));
	struct event event = an_event("order.paid", "{}");

	delivery->seq = ++b->next_seq;
	delivery->attempt = 1;
	delivery->route = strdup(route);
	delivery->event = event_copy(&event);
	return delivery;
}

/* The store's part of a claim. */
static void
answer_claim(struct bench *b, const struct task *claim)
{
	struct stock *stock = stock_of(b, claim->route);
	struct task *task;
	unsigned n = 0;

	for (; n < claim->n && stock->pending > 0; n++) {
		stock->pending--;
		stock->running++;
		task = task_new(TASK_DELIVER);
		task->delivery = a_delivery(b, claim->route);
		push(b, task);
	}
	if (stock->running > stock->most)
		stock->most = stock->running;
	task = task_for(TASK_CLAIMED, claim->route);
	task->n = n;
	task->due_ms = stock->pending > 0 ? clock_wall_ms() : INT64_MAX;
	push(b, task);
}

/* Take what came; false when nothing did within 20 s. */
static bool
receive(struct bench *b)
{
	struct pollfd p = {.fd = b->wake, .events = POLLIN};
	struct task *task, *next;
	uint64_t count;

	if (poll(&p, 1, 20000) != 1)
		return false;
	(void)!read(b->wake, &count, sizeof(count));
	for (task = tasks_take(b->out); task != NULL; task = next) {
		next = task->next;
		if (task->kind == TASK_CLAIM) {
			answer_claim(b, task);
			task_free(task);
			continue;
		}
		if (task->kind == TASK_SETTLE)
			stock_of(b, task->route)->running--;
		assert_true(b->n_got < TASKS_MAX);
		b->got[b->n_got++] = task;
	}
	return true;
}

static unsigned
count(const struct bench *b, enum task_kind kind, const char *route)
{
	unsigned n = 0;

	for (unsigned i = 0; i < b->n_got; i++)
		n += b->got[i]->kind == kind &&
		     (route == NULL || strcmp(b->got[i]->route, route) == 0);
	return n;
}

/* Until n tasks of a kind (and route) came. */
static void
wait_for(struct bench *b, enum task_kind kind, const char *route, unsigned n)
{
	while (count(b, kind, route) < n)
		if (!receive(b))
			fail_msg("%u of %u tasks of kind %d came",
			    count(b, kind, route), n, (int)kind);
}

/* The last of a kind. */
static const struct task *
last(const struct bench *b, enum task_kind kind)
{
	for (unsigned i = b->n_got; i > 0; i--)
		if (b->got[i - 1]->kind == kind)
			return b->got[i - 1];
	fail_msg("no task of kind %d came", (int)kind);
	abort();
}

static void
supply(struct bench *b, const char *route, unsigned n)
{
	struct task *task = task_for(TASK_DUE, route);

	stock_of(b, route)->pending += n;
	task->due_ms = clock_wall_ms();
	push(b, task);
}

static void
route_event(struct bench *b, int64_t seq, const char *type, const char *body)
{
	struct event event = an_event(type, body);
	struct task *task = task_new(TASK_ROUTE);

	task->seq = seq;
	task->event = event_copy(&event);
	push(b, task);
}

/* Everything settled before this was pushed has been seen. */
static void
pass_config(struct bench *b, struct config *config)
{
	struct task *task = task_new(TASK_CONFIG);

	task->config = config_ref(config);
	push(b, task);
}

static void
bench_close(struct bench *b)
{
	if (count(b, TASK_STOPPED, NULL) == 0) {
		struct task *stop = task_new(TASK_STOP);

		stop->failed = true;
		push(b, stop);
		wait_for(b, TASK_STOPPED, NULL, 1);
	}
	dispatch_join(b->dispatch);
	for (unsigned i = 0; i < b->n_got; i++)
		task_free(b->got[i]);
	tasks_free(b->out);
	config_unref(b->config);
	close(b->wake);
	support_dir_remove(b->dir);
}

/* A socket that takes connections and says nothing. */
static int
silent_server(unsigned *port)
{
	struct sockaddr_in addr = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&addr, len), 0);
	assert_int_equal(listen(fd, 500), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
	*port = ntohs(addr.sin_port);
	return fd;
}

/* ---- attempts ---- */

static void
test_outcomes(void **state)
{
	struct bench b;
	const struct task *task;

	(void)state;
	bench_open(&b, "[route good]\nrun = /bin/sh -c 'echo fine'\n"
		       "[route bad]\nrun = /bin/sh -c 'echo no; exit 3'\n"
		       "backoff = 1h\n"
		       "[route final]\nrun = /bin/sh -c 'exit 100'\n"
		       "[route once]\nrun = /bin/false\nattempts = 1\n");
	supply(&b, "good", 1);
	wait_for(&b, TASK_SETTLE, "good", 1);
	task = last(&b, TASK_SETTLE);
	assert_int_equal(task->settle.state, DELIVERY_DELIVERED);
	assert_string_equal(task->settle.route, "good");
	assert_string_equal(task->attempt.outcome, "ok");
	assert_string_equal(task->attempt.detail, "fine");
	assert_memory_equal(task->attempt.output, "fine\n", 5);
	assert_ptr_equal(task->settle.attempt, &task->attempt);
	supply(&b, "bad", 1);
	wait_for(&b, TASK_SETTLE, "bad", 1);
	task = last(&b, TASK_SETTLE);
	assert_int_equal(task->settle.state, DELIVERY_WAITING);
	assert_string_equal(task->attempt.outcome, "exit:3");
	assert_in_range(
	    task->settle.due_ms - task->settle.now_ms, 3600 * 800, 3600 * 1200);
	supply(&b, "final", 1);
	wait_for(&b, TASK_SETTLE, "final", 1);
	task = last(&b, TASK_SETTLE);
	assert_int_equal(task->settle.state, DELIVERY_EXHAUSTED);
	assert_string_equal(task->settle.reason, "final");
	supply(&b, "once", 1);
	wait_for(&b, TASK_SETTLE, "once", 1);
	task = last(&b, TASK_SETTLE);
	assert_int_equal(task->settle.state, DELIVERY_EXHAUSTED);
	assert_string_equal(task->settle.reason, "attempts");
	bench_close(&b);
}

/* A hundred posts that hang hold up nothing else. */
static void
test_slow_posts(void **state)
{
	char routes[512];
	struct bench b;
	unsigned port;
	int fd = silent_server(&port);

	(void)state;
	snprintf(routes, sizeof(routes),
	    "[route slow]\npost = http://127.0.0.1:%u/\ntimeout = 1h\n"
	    "concurrency = 100\n"
	    "[route quick]\nrun = /bin/true\n",
	    port);
	bench_open(&b, routes);
	supply(&b, "slow", 150);
	while (stock_of(&b, "slow")->running < 100)
		assert_true(receive(&b));
	supply(&b, "quick", 50);
	wait_for(&b, TASK_SETTLE, "quick", 50);
	assert_int_equal(count(&b, TASK_SETTLE, "slow"), 0);
	assert_int_equal(stock_of(&b, "slow")->most, 100);
	bench_close(&b);
	/* Those that were cut do not count. */
	close(fd);
}

static void
test_concurrency(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b,
	    "[route one]\nrun = /bin/sleep 0.01\nconcurrency = 1\n"
	    "[route three]\nrun = /bin/sleep 0.01\nconcurrency = 3\n");
	supply(&b, "one", 10);
	supply(&b, "three", 20);
	wait_for(&b, TASK_SETTLE, "one", 10);
	wait_for(&b, TASK_SETTLE, "three", 20);
	assert_int_equal(stock_of(&b, "one")->most, 1);
	assert_in_range(stock_of(&b, "three")->most, 1, 3);
	bench_close(&b);
}

/* max_running is over all routes; each may run one all the same. */
static void
test_max_running(void **state)
{
	struct bench b;
	unsigned most = 0, sum;

	(void)state;
	bench_open(&b, "max_running = 3\n"
		       "[route a]\nrun = /bin/sleep 0.02\n"
		       "[route b]\nrun = /bin/sleep 0.02\n"
		       "[route c]\nrun = /bin/sleep 0.02\n"
		       "[route d]\nrun = /bin/sleep 0.02\n"
		       "[route e]\nrun = /bin/sleep 0.02\n");
	supply(&b, "a", 20);
	while (stock_of(&b, "a")->running < 3)
		assert_true(receive(&b));
	supply(&b, "b", 10);
	supply(&b, "c", 10);
	supply(&b, "d", 10);
	supply(&b, "e", 10);
	while (count(&b, TASK_SETTLE, NULL) < 60) {
		assert_true(receive(&b));
		sum = 0;
		for (unsigned i = 0; i < b.n_stocks; i++)
			sum += b.stocks[i].running;
		most = sum > most ? sum : most;
	}
	assert_int_equal(stock_of(&b, "a")->most, 3);
	/* Three, and one for each of the others. */
	assert_in_range(most, 3, 7);
	bench_close(&b);
}

static void
test_paused(void **state)
{
	struct bench b;
	struct task *task;

	(void)state;
	bench_open(&b,
	    "[route a]\nrun = /bin/true\n[route b]\nrun = /bin/true\n"
	    "[route off]\nrun = /bin/true\nenabled = no\n");
	task = task_for(TASK_PAUSE, "a");
	task->paused = true;
	push(&b, task);
	supply(&b, "a", 3);
	supply(&b, "off", 3);
	/* One that was claimed before comes back untried. */
	task = task_new(TASK_DELIVER);
	task->delivery = a_delivery(&b, "a");
	stock_of(&b, "a")->running++;
	push(&b, task);
	wait_for(&b, TASK_SETTLE, "a", 1);
	assert_int_equal(last(&b, TASK_SETTLE)->settle.state, DELIVERY_PENDING);
	assert_null(last(&b, TASK_SETTLE)->settle.attempt);
	supply(&b, "b", 5);
	wait_for(&b, TASK_SETTLE, "b", 5);
	assert_int_equal(stock_of(&b, "a")->pending, 3);
	assert_int_equal(stock_of(&b, "off")->pending, 3);
	push(&b, task_for(TASK_PAUSE, "a"));
	wait_for(&b, TASK_SETTLE, "a", 4);
	bench_close(&b);
}

static void
test_reload(void **state)
{
	struct bench b;
	struct config *config;
	struct task *task;

	(void)state;
	bench_open(&b, "[route a]\nrun = /bin/false\nbackoff = 1s\n"
		       "[route gone]\nrun = /bin/sleep 0.05\n");
	supply(&b, "gone", 2);
	while (stock_of(&b, "gone")->running == 0)
		assert_true(receive(&b));
	config = load(
	    &b, "[route a]\nrun = /bin/true\n[route new]\nrun = /bin/true\n");
	pass_config(&b, config);
	/* What runs ends by itself; what comes is given back. */
	task = task_new(TASK_DELIVER);
	task->delivery = a_delivery(&b, "gone");
	stock_of(&b, "gone")->running++;
	push(&b, task);
	wait_for(&b, TASK_SETTLE, "gone", 3);
	supply(&b, "a", 1);
	wait_for(&b, TASK_SETTLE, "a", 1);
	assert_int_equal(
	    last(&b, TASK_SETTLE)->settle.state, DELIVERY_DELIVERED);
	supply(&b, "new", 1);
	wait_for(&b, TASK_SETTLE, "new", 1);
	supply(&b, "gone", 1);
	pass_config(&b, b.config);
	wait_for(&b, TASK_SETTLE, "gone", 3);
	config_unref(config);
	bench_close(&b);
}

/* ---- routing ---- */

/* The targets of all answers about an event, in order of the routes: "a b!". */
static const char *
targets_of(const struct bench *b, int64_t seq, bool *whole)
{
	static char text[512];

	text[0] = '\0';
	*whole = false;
	for (unsigned i = 0; i < b->n_got; i++) {
		const struct task *task = b->got[i];

		if (task->kind != TASK_ROUTED || task->seq != seq)
			continue;
		for (unsigned j = 0; j < task->n; j++) {
			strcat(text, task->targets[j].route);
			strcat(text,
			    task->targets[j].state == DELIVERY_EXHAUSTED ? "! "
									 : " ");
		}
		*whole = *whole || task->whole;
	}
	return text;
}

static void
wait_whole(struct bench *b, int64_t seq)
{
	bool whole = false;

	for (;;) {
		(void)targets_of(b, seq, &whole);
		if (whole)
			return;
		assert_true(receive(b));
	}
}

static void
test_routing(void **state)
{
	struct bench b;
	bool whole;

	(void)state;
	bench_open(&b,
	    "[route all]\nrun = /bin/true\n"
	    "[route orders]\ntype = order.*\nrun = /bin/true\n"
	    "[route big]\ntype = bill\nfilter = .n > 10\nrun = /bin/true\n"
	    "[route own]\nsource = gaff\nrun = /bin/true\n");
	route_event(&b, 1, "order.paid", "{}");
	route_event(&b, 2, "bill", "{\"n\": 11}");
	route_event(&b, 3, "bill", "{\"n\": 9}");
	route_event(&b, 4, "bill", "not json");
	for (int64_t seq = 1; seq <= 4; seq++)
		wait_whole(&b, seq);
	assert_string_equal(targets_of(&b, 1, &whole), "all orders ");
	assert_string_equal(targets_of(&b, 2, &whole), "all big ");
	assert_string_equal(targets_of(&b, 3, &whole), "all ");
	assert_string_equal(targets_of(&b, 4, &whole), "all big! ");
	assert_string_equal(
	    last(&b, TASK_ROUTED)->targets[0].reason, "filter_error");
	support_contains(last(&b, TASK_ROUTED)->targets[0].detail, "not JSON");
	bench_close(&b);
}

/* Only filters: one answer.  Filters left over from before: nothing else. */
static void
test_routing_saves_answers(void **state)
{
	struct event event = an_event("x", "{\"n\": 1}");
	struct task *task = task_new(TASK_ROUTE);
	struct bench b;
	bool whole;

	(void)state;
	bench_open(&b, "[route f]\nfilter = .n == 1\nrun = /bin/true\n"
		       "[route g]\ntype = y\nrun = /bin/true\n");
	route_event(&b, 1, "x", "{\"n\": 1}");
	wait_whole(&b, 1);
	assert_int_equal(count(&b, TASK_ROUTED, NULL), 1);
	assert_string_equal(targets_of(&b, 1, &whole), "f ");
	task->seq = 2;
	task->event = event_copy(&event);
	task->filtered = true;
	push(&b, task);
	wait_whole(&b, 2);
	assert_string_equal(targets_of(&b, 2, &whole), "f ");
	route_event(&b, 3, "y", "{\"n\": 2}");
	wait_whole(&b, 3);
	assert_string_equal(targets_of(&b, 3, &whole), "g ");
	assert_int_equal(count(&b, TASK_ROUTED, NULL), 4);
	bench_close(&b);
}

/* Where in the stream of answers an event's last one is. */
static unsigned
place_of(const struct bench *b, int64_t seq)
{
	for (unsigned i = 0; i < b->n_got; i++)
		if (b->got[i]->kind == TASK_ROUTED && b->got[i]->seq == seq &&
		    b->got[i]->whole)
			return i;
	return UINT32_MAX;
}

/* A filter that loops does not stop the events of other routes. */
static void
test_looping_filter(void **state)
{
	enum { LOOPS = 8, GOOD = 30 };
	struct bench b;
	bool whole;

	(void)state;
	bench_open(&b,
	    "[route loops]\ntype = bad\nfilter = def f: f; f\n"
	    "run = /bin/true\n"
	    "[route good]\ntype = good\nfilter = .n == 1\nrun = /bin/true\n"
	    "[route plain]\ntype = plain\ntype = bad\nrun = /bin/true\n");
	for (int64_t i = 1; i <= LOOPS; i++)
		route_event(&b, i, "bad", "{}");
	wait_whole(&b, 1);
	for (int64_t i = 100; i < 100 + GOOD; i++)
		route_event(&b, i, "good", "{\"n\": 1}");
	route_event(&b, 99, "plain", "{}");
	for (int64_t i = 99; i < 100 + GOOD; i++)
		wait_whole(&b, i);
	for (int64_t i = 1; i <= LOOPS; i++) {
		wait_whole(&b, i);
		assert_string_equal(targets_of(&b, i, &whole), "plain loops! ");
	}
	/* The good ones were not behind them. */
	assert_true(place_of(&b, 100 + GOOD - 1) < place_of(&b, LOOPS));
	assert_true(place_of(&b, 99) < place_of(&b, LOOPS));
	bench_close(&b);
}

/* ---- dead letters ---- */

static void
test_bury(void **state)
{
	struct bench b;
	struct task *task = task_new(TASK_BURY);
	char *path, *text;

	(void)state;
	bench_open(&b, "[route a]\npost = https://user:canary@example.com/x\n");
	task->delivery = a_delivery(&b, "a");
	task->delivery->reason = strdup("expired");
	task->delivery->attempts = strdup("[]");
	task->delivery->died_at_ms = 1795318490000;
	push(&b, task);
	wait_for(&b, TASK_BURIED, "a", 1);
	assert_int_equal(last(&b, TASK_BURIED)->seq, 1);
	path = support_path(b.dir,
	    "dead/2026-11-22/09000000-0000-0000-0000-000000000000.a.0.dead");
	text = support_read(path, NULL);
	support_contains(text, "\"deliver\":\"https://example.com/x\"");
	support_contains(text, "\"reason\":\"expired\"");
	assert_null(strstr(text, "canary"));
	free(text);
	free(path);
	bench_close(&b);
}

/* ---- the end ---- */

/* What runs is waited for. */
static void
test_stop_waits(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, "[route a]\nrun = /bin/sleep 0.2\nconcurrency = 2\n");
	supply(&b, "a", 5);
	while (stock_of(&b, "a")->running < 2)
		assert_true(receive(&b));
	push(&b, task_new(TASK_STOP));
	wait_for(&b, TASK_STOPPED, NULL, 1);
	assert_false(last(&b, TASK_STOPPED)->failed);
	assert_int_equal(count(&b, TASK_SETTLE, "a"), 2);
	assert_int_equal(
	    last(&b, TASK_SETTLE)->settle.state, DELIVERY_DELIVERED);
	assert_int_equal(stock_of(&b, "a")->pending, 3);
	assert_int_equal(b.got[b.n_got - 1]->kind, TASK_STOPPED);
	bench_close(&b);
}

/* And cut when it takes too long: it does not count. */
static void
test_stop_cuts(void **state)
{
	char routes[256];
	struct bench b;
	unsigned port;
	int fd = silent_server(&port);

	(void)state;
	snprintf(routes, sizeof(routes),
	    "stop_after = 100ms\n"
	    "[route a]\nrun = /bin/sleep 60\ntimeout = 1h\n"
	    "[route b]\npost = http://127.0.0.1:%u/\ntimeout = 1h\n",
	    port);
	bench_open(&b, routes);
	supply(&b, "a", 2);
	supply(&b, "b", 2);
	while (stock_of(&b, "a")->running < 2 || stock_of(&b, "b")->running < 2)
		assert_true(receive(&b));
	push(&b, task_new(TASK_STOP));
	wait_for(&b, TASK_STOPPED, NULL, 1);
	assert_int_equal(count(&b, TASK_SETTLE, NULL), 4);
	for (unsigned i = 0; i < b.n_got; i++)
		if (b.got[i]->kind == TASK_SETTLE) {
			assert_int_equal(
			    b.got[i]->settle.state, DELIVERY_PENDING);
			assert_null(b.got[i]->settle.attempt);
		}
	bench_close(&b);
	close(fd);
}

/* The spawner, child of the test, whose name is its own. */
static void
kill_spawner(void)
{
	char command[] = "pkill -9 -x gaff-spawner -P 0123456789";

	snprintf(strstr(command, "0123456789"), 11, "%d", (int)getpid());
	assert_int_equal(system(command), 0);
}

static void
test_spawner_gone(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, "[route a]\nrun = /bin/sleep 0.3\n");
	supply(&b, "a", 1);
	while (stock_of(&b, "a")->running < 1)
		assert_true(receive(&b));
	kill_spawner();
	wait_for(&b, TASK_STOPPED, NULL, 1);
	assert_true(last(&b, TASK_STOPPED)->failed);
	/* Tasks that come later are no harm. */
	supply(&b, "a", 1);
	bench_close(&b);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_outcomes),
	    cmocka_unit_test(test_slow_posts),
	    cmocka_unit_test(test_concurrency),
	    cmocka_unit_test(test_max_running),
	    cmocka_unit_test(test_paused),
	    cmocka_unit_test(test_reload),
	    cmocka_unit_test(test_routing),
	    cmocka_unit_test(test_routing_saves_answers),
	    cmocka_unit_test(test_looping_filter),
	    cmocka_unit_test(test_bury),
	    cmocka_unit_test(test_stop_waits),
	    cmocka_unit_test(test_stop_cuts),
	    cmocka_unit_test(test_spawner_gone),
	};

	if (argc == 2 && strcmp(argv[1], FILTER_HELPER_OPTION) == 0)
		return filter_helper_main();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
