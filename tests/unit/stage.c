#include "stage.h"

#include <sys/eventfd.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../shared/clock.h"
#include "support.h"

static void
wake(void *arg)
{
	const struct stage *b = arg;
	uint64_t one = 1;

	assert_int_equal(write(b->wake, &one, sizeof(one)), sizeof(one));
}

struct config *
stage_load(const struct stage *b, const char *routes)
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

void
stage_open(struct stage *b, const char *routes)
{
	struct dispatch_options options;

	memset(b, 0, sizeof(*b));
	b->dir = support_dir();
	b->config = stage_load(b, routes);
	b->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	b->out = tasks_new(wake, b);
	options = (struct dispatch_options){.config = b->config,
	    .worker = config_worker(b->config, NULL),
	    .spawn = spawn_open(),
	    .out = b->out};
	b->dispatch = dispatch_start(&options);
	assert_non_null(b->dispatch);
}

void
stage_push(struct stage *b, struct task *task)
{
	dispatch_push(b->dispatch, task);
}

struct task *
stage_task(enum task_kind kind, const char *route)
{
	struct task *task = task_new(kind);

	if (route != NULL)
		(void)memccpy(task->route, route, '\0', sizeof(task->route));
	return task;
}

struct stock *
stage_stock(struct stage *b, const char *route)
{
	for (unsigned i = 0; i < b->n_stocks; i++)
		if (strcmp(b->stocks[i].route, route) == 0)
			return &b->stocks[i];
	(void)memccpy(
	    b->stocks[b->n_stocks].route, route, '\0', CONFIG_NAME_MAX + 1);
	return &b->stocks[b->n_stocks++];
}

struct event
stage_event(const char *type, const char *body)
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

struct store_delivery *
stage_delivery(struct stage *b, const char *route)
{
	struct store_delivery *delivery = calloc(1, sizeof(*delivery));
	struct event event = stage_event("order.paid", "{}");

	delivery->seq = ++b->next_seq;
	delivery->attempt = 1;
	delivery->route = strdup(route);
	delivery->event = event_copy(&event);
	return delivery;
}

/* The store's part of a claim. */
static void
answer_claim(struct stage *b, const struct task *claim)
{
	struct stock *stock = stage_stock(b, claim->route);
	struct task *task;
	unsigned n = 0;

	for (; n < claim->n && stock->pending > 0; n++) {
		stock->pending--;
		stock->running++;
		task = task_new(TASK_DELIVER);
		task->delivery = stage_delivery(b, claim->route);
		stage_push(b, task);
	}
	if (stock->running > stock->most)
		stock->most = stock->running;
	task = stage_task(TASK_CLAIMED, claim->route);
	task->n = n;
	task->due_ms = stock->pending > 0 ? clock_wall_ms() : INT64_MAX;
	stage_push(b, task);
}

bool
stage_receive(struct stage *b)
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
			stage_stock(b, task->route)->running--;
		assert_true(b->n_got < STAGE_TASKS);
		b->got[b->n_got++] = task;
	}
	return true;
}

unsigned
stage_count(const struct stage *b, enum task_kind kind, const char *route)
{
	unsigned n = 0;

	for (unsigned i = 0; i < b->n_got; i++)
		n += b->got[i]->kind == kind &&
		     (route == NULL || strcmp(b->got[i]->route, route) == 0);
	return n;
}

void
stage_wait(struct stage *b, enum task_kind kind, const char *route, unsigned n)
{
	while (stage_count(b, kind, route) < n)
		if (!stage_receive(b))
			fail_msg("%u of %u tasks of kind %d came",
			    stage_count(b, kind, route), n, (int)kind);
}

const struct task *
stage_last(const struct stage *b, enum task_kind kind)
{
	for (unsigned i = b->n_got; i > 0; i--)
		if (b->got[i - 1]->kind == kind)
			return b->got[i - 1];
	fail_msg("no task of kind %d came", (int)kind);
	abort();
}

void
stage_supply(struct stage *b, const char *route, unsigned n)
{
	struct task *task = stage_task(TASK_DUE, route);

	stage_stock(b, route)->pending += n;
	task->due_ms = clock_wall_ms();
	stage_push(b, task);
}

void
stage_route(struct stage *b, int64_t seq, const char *type, const char *body)
{
	struct event event = stage_event(type, body);
	struct task *task = task_new(TASK_ROUTE);

	task->seq = seq;
	task->event = event_copy(&event);
	stage_push(b, task);
}

void
stage_config(struct stage *b, struct config *config)
{
	struct task *task = task_new(TASK_CONFIG);

	task->config = config_ref(config);
	stage_push(b, task);
}

void
stage_close(struct stage *b)
{
	if (stage_count(b, TASK_STOPPED, NULL) == 0) {
		struct task *stop = task_new(TASK_STOP);

		stop->failed = true;
		stage_push(b, stop);
		stage_wait(b, TASK_STOPPED, NULL, 1);
	}
	dispatch_join(b->dispatch);
	for (unsigned i = 0; i < b->n_got; i++)
		task_free(b->got[i]);
	tasks_free(b->out);
	config_unref(b->config);
	close(b->wake);
	support_dir_remove(b->dir);
}

int
stage_silent_server(unsigned *port)
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
