/* dest_run and dest_post: real programs, a real HTTP server on loopback. */

#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <curl/curl.h>

#include "../../shared/clock.h"
#include "../../worker/dest.h"
#include "support.h"

/* ---- what both kinds need ---- */

struct bench {
	struct dest_context context;
	const struct dest_ops *ops;
	struct dest *dest;
	unsigned done;
	struct dest_outcome last;
	char *output; /* of the last one; NUL-terminated */
};

static void
note_done(
    void *arg, struct store_delivery *delivery, const struct dest_outcome *o)
{
	struct bench *bench = arg;

	bench->done++;
	bench->last = *o;
	free(bench->output);
	bench->output = calloc(1, o->output_len + 1);
	memcpy(bench->output, o->output, o->output_len);
	store_delivery_free(delivery);
}

static void
bench_open(struct bench *bench, enum config_dest kind)
{
	*bench = (struct bench){.ops = dest_pick(kind)};
	bench->context = (struct dest_context){.spawn = spawn_open(),
	    .multi = curl_multi_init(),
	    .done = note_done,
	    .arg = bench};
	assert_non_null(bench->context.spawn);
	assert_non_null(bench->context.multi);
	bench->dest = bench->ops->open(&bench->context);
	assert_non_null(bench->dest);
}

static void
bench_close(struct bench *bench)
{
	bench->ops->close(bench->dest);
	curl_multi_cleanup(bench->context.multi);
	spawn_close(bench->context.spawn);
	free(bench->output);
}

/* The dispatcher's loop in small, until `n` attempts are done. */
static void
bench_wait(struct bench *bench, unsigned n)
{
	int64_t until = clock_boot_ms() + 30000;
	struct curl_waitfd fd = {
	    .fd = spawn_fd(bench->context.spawn), .events = CURL_WAIT_POLLIN};
	int running;

	while (bench->done < n) {
		assert_true(clock_boot_ms() < until);
		curl_multi_poll(bench->context.multi, &fd, 1, 1000, NULL);
		curl_multi_perform(bench->context.multi, &running);
		if (bench->ops->ready != NULL)
			bench->ops->ready(bench->dest);
		assert_int_equal(spawn_pump(bench->context.spawn), 0);
	}
}

static char headers[] = "{\"x-one\":\"1\",\"x-two\":[\"a\",\"b\"],"
			"\"user-agent\":\"GitHub\",\"host\":\"evil\","
			"\"content-length\":\"9\",\"connection\":\"x\","
			"\"x-bad\":\"a\\r\\nx-smuggled: 1\","
			"\"x-empty\":\"\",\"gaff-key\":\"spoofed\","
			"\"webhook-id\":\"spoofed\"}";

static struct store_delivery *
a_delivery(const char *body, size_t len)
{
	struct store_delivery *delivery = calloc(1, sizeof(*delivery));
	struct event event = {.id = {1},
	    .received_at_ms = 1795318480123,
	    .source = "github",
	    .key = "k-1",
	    .type = "push",
	    .remote = "",
	    .method = "POST",
	    .path = "/",
	    .query = "",
	    .content_type = "application/json",
	    .headers = headers,
	    .scheme = "none",
	    .body = body,
	    .body_len = len};

	delivery->attempt = 3;
	delivery->replay = 1;
	delivery->route = strdup("deploy");
	delivery->event = event_copy(&event);
	return delivery;
}

static void
try(struct bench *bench, const struct config_route *route)
{
	struct store_delivery *delivery = a_delivery("{\"a\":1}\n", 8);

	assert_int_equal(bench->ops->start(bench->dest, route, delivery), 0);
	bench_wait(bench, bench->done + 1);
}

static void
expect(
    const struct bench *bench, enum dest_verdict verdict, const char *outcome)
{
	assert_string_equal(bench->last.outcome, outcome);
	assert_int_equal(bench->last.verdict, verdict);
}

/* ---- run ---- */

/* A route that runs `sh -c script`. */
struct script {
	char *argv[4];
	struct config_route route;
};

static char sh[] = "/bin/sh", dash_c[] = "-c";

static struct config_route *
script_of(struct script *script, const char *text)
{
	free(script->argv[2]);
	script->argv[0] = sh;
	script->argv[1] = dash_c;
	script->argv[2] = strdup(text);
	script->route.argv = script->argv;
	script->route.argc = 3;
	script->route.timeout_ms = 20000;
	return &script->route;
}

static void
test_run_outcomes(void **state)
{
	struct script script = {0};
	struct bench bench;

	(void)state;
	bench_open(&bench, CONFIG_DEST_RUN);
	try(&bench, script_of(&script, "echo fine; exit 0"));
	expect(&bench, DEST_DELIVERED, "ok");
	assert_string_equal(bench.last.detail, "fine");
	try(&bench, script_of(&script, "echo a; echo '  bad\tthing ' >&2;"
				       "echo; exit 7"));
	expect(&bench, DEST_RETRY, "exit:7");
	assert_string_equal(bench.last.detail, "bad thing");
	assert_string_equal(bench.output, "a\n  bad\tthing \n\n");
	try(&bench, script_of(&script, "exit 100"));
	expect(&bench, DEST_FINAL, "exit:100");
	script.route.final[0] = 65;
	script.route.n_final = 1;
	try(&bench, script_of(&script, "exit 65"));
	expect(&bench, DEST_FINAL, "exit:65");
	try(&bench, script_of(&script, "kill -11 $$"));
	expect(&bench, DEST_RETRY, "signal:11");
	script_of(&script, "echo begun; sleep 60")->timeout_ms = 50;
	try(&bench, &script.route);
	expect(&bench, DEST_RETRY, "timeout");
	assert_string_equal(bench.last.detail, "begun");
	/* Even one that says it is fine. */
	script_of(&script, "trap 'exit 0' TERM; sleep 60 & wait")->timeout_ms =
	    300;
	try(&bench, &script.route);
	expect(&bench, DEST_RETRY, "timeout");
	bench_close(&bench);
	free(script.argv[2]);
}

static void
test_run_cannot(void **state)
{
	char program[] = "/nonexistent/program", *argv[] = {program, NULL};
	char directory[] = "/nonexistent";
	struct config_route route = {
	    .argv = argv, .argc = 1, .timeout_ms = 1000};
	struct script script = {0};
	struct bench bench;
	char *text = calloc(1, SPAWN_ARGS_MAX + 1);

	(void)state;
	bench_open(&bench, CONFIG_DEST_RUN);
	try(&bench, &route);
	expect(&bench, DEST_RETRY, "exec_failed");
	assert_string_equal(bench.last.detail,
	    "/nonexistent/program: No such file or directory");
	script_of(&script, "true")->directory = directory;
	try(&bench, &script.route);
	expect(&bench, DEST_RETRY, "exec_failed");
	assert_string_equal(bench.last.detail,
	    "directory /nonexistent: No such file or directory");
	script.route.directory = NULL;
	memset(text, '#', SPAWN_ARGS_MAX);
	assert_int_equal(bench.ops->start(bench.dest, script_of(&script, text),
			     a_delivery("", 0)),
	    0);
	bench_wait(&bench, 3);
	expect(&bench, DEST_RETRY, "exec_failed");
	support_contains(bench.last.detail, "Argument list too long");
	bench_close(&bench);
	free(script.argv[2]);
	free(text);
}

/* Everything a handler is told, and nothing else. */
static void
test_run_surroundings(void **state)
{
	char own[] = "OWN=a b", lang[] = "LANG=de";
	char *env[] = {own, lang};
	struct script script = {0};
	struct bench bench;
	static const char *const lines[] = {
	    "GAFF_EVENT_ID=01000000-0000-0000-0000-000000000000\n",
	    "GAFF_SOURCE=github\n",
	    "GAFF_TYPE=push\n",
	    "GAFF_KEY=k-1\n",
	    "GAFF_ROUTE=deploy\n",
	    "GAFF_ATTEMPT=3\n",
	    "GAFF_REPLAY=1\n",
	    "GAFF_RECEIVED_AT=2026-11-22T03:34:40.123Z\n",
	    "GAFF_CONTENT_TYPE=application/json\n",
	    "GAFF_TIMEOUT=20\n",
	    "GAFF_HEADERS={\"x-one\":\"1\"",
	    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:"
	    "/bin\n",
	    "HOME=/",
	    "USER=",
	    "LOGNAME=",
	    "SHELL=/",
	    "OWN=a b\n",
	    "LANG=de\n",
	};

	(void)state;
	setenv("GAFF_SECRET_CANARY", "canary", 1);
	setenv("HTTP_PROXY", "canary", 1);
	bench_open(&bench, CONFIG_DEST_RUN);
	script_of(&script, "cat /proc/self/environ | tr '\\0' '\\n'");
	script.route.env = (struct config_list){env, 2};
	try(&bench, &script.route);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		support_contains(bench.output, lines[i]);
	assert_null(strstr(bench.output, "canary"));
	assert_null(strstr(bench.output, "LANG=C"));
	/* The body, from its beginning, seekable, and nobody can change it. */
	script.route.timeout_ms = 1500;
	try(&bench, script_of(&script, "cat; cat < /proc/self/fd/0;"
				       "echo x >&0 || echo sealed;"
				       "ls /proc/self/fd | tr -d '\\n'"));
	support_contains(bench.output, "{\"a\":1}\n{\"a\":1}\n");
	support_contains(bench.output, "sealed");
	support_contains(bench.output, "0123");
	bench_close(&bench);
	unsetenv("GAFF_SECRET_CANARY");
	unsetenv("HTTP_PROXY");
	free(script.argv[2]);
}

/* A handler that never reads, with a body no pipe would hold. */
static void
test_run_large(void **state)
{
	size_t len = 4 * 1024 * 1024;
	char *body = malloc(len);
	struct script script = {0};
	struct bench bench;

	(void)state;
	memset(body, 'x', len);
	bench_open(&bench, CONFIG_DEST_RUN);
	assert_int_equal(bench.ops->start(bench.dest,
			     script_of(&script, "true"), a_delivery(body, len)),
	    0);
	bench_wait(&bench, 1);
	expect(&bench, DEST_DELIVERED, "ok");
	assert_int_equal(
	    bench.ops->start(
		bench.dest, script_of(&script, "wc -c"), a_delivery(body, len)),
	    0);
	bench_wait(&bench, 2);
	assert_string_equal(bench.last.detail, "4194304");
	bench_close(&bench);
	free(script.argv[2]);
	free(body);
}

static void
test_run_cut(void **state)
{
	struct script script = {0};
	struct bench bench;

	(void)state;
	bench_open(&bench, CONFIG_DEST_RUN);
	for (int i = 0; i < 3; i++)
		assert_int_equal(
		    bench.ops->start(bench.dest, script_of(&script, "sleep 60"),
			a_delivery("", 0)),
		    0);
	bench.ops->cut(bench.dest);
	bench_wait(&bench, 3);
	assert_int_equal(bench.last.verdict, DEST_CUT);
	bench_close(&bench);
	free(script.argv[2]);
}

/* ---- post ---- */

/* One answer for one connection, chosen by the path. */
static const struct {
	const char *path;
	const char *answer;
} answers[] = {
    {"/ok", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfine\n"},
    {"/204", "HTTP/1.1 204 No Content\r\n\r\n"},
    {"/100", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 500 No\r\n"
	     "content-length: 8\r\n\r\nline\nbad"},
    {"/410", "HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n"},
    {"/422", "HTTP/1.1 422 No\r\ncontent-length: 0\r\n\r\n"},
    {"/429",
	"HTTP/1.1 429 Slow\r\nretry-after: 17\r\ncontent-length: 0\r\n\r\n"},
    {"/503", "HTTP/1.1 503 No\r\nretry-after: Sun, 22 Nov 2099 00:00:00 GMT\r\n"
	     "content-length: 0\r\n\r\n"},
    {"/500", "HTTP/1.1 500 No\r\nretry-after: 17\r\ncontent-length: 0\r\n\r\n"},
    {"/302",
	"HTTP/1.1 302 Found\r\nlocation: /ok\r\ncontent-length: 0\r\n\r\n"},
    {"/cut", "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\nhalf"},
    {"/broken", "HTTP/1.1 "},
};

struct server {
	int fd;
	unsigned port;
	pthread_t thread;
	pthread_mutex_t lock;
	char request[16384]; /* the last one */
};

/* Read a request whole; its length. */
static size_t
read_request(int fd, char *bytes, size_t size)
{
	size_t len = 0, need = size;
	const char *end, *length;
	ssize_t n;

	while (len < need && len + 1 < size &&
	       (n = read(fd, bytes + len, size - 1 - len)) > 0) {
		len += (size_t)n;
		bytes[len] = '\0';
		if (bytes[0] != 'P')
			break; /* TLS, which it does not speak */
		end = strstr(bytes, "\r\n\r\n");
		length = strcasestr(bytes, "\r\ncontent-length:");
		if (end != NULL)
			need = (size_t)(end + 4 - bytes) +
			       (length != NULL ? (size_t)atoi(length + 17) : 0);
	}
	bytes[len] = '\0';
	return len;
}

static void
send_text(int fd, const char *text)
{
	(void)!send(fd, text, strlen(text), MSG_NOSIGNAL);
}

/* Bytes without end, until the peer closes. */
static void
send_flood(int fd, const char *begin, const char *each)
{
	send_text(fd, begin);
	while (send(fd, each, strlen(each), MSG_NOSIGNAL) > 0)
		;
}

static void
answer(struct server *server, int fd)
{
	char request[sizeof(server->request)], path[64] = "", byte;

	if (read_request(fd, request, sizeof(request)) == 0)
		return;
	pthread_mutex_lock(&server->lock);
	memcpy(server->request, request, sizeof(request));
	pthread_mutex_unlock(&server->lock);
	sscanf(request, "POST %63[^ ?]", path);
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		if (strcmp(answers[i].path, path) == 0)
			send_text(fd, answers[i].answer);
	if (strcmp(path, "/flood") == 0)
		send_flood(fd, "HTTP/1.1 200 OK\r\n\r\n", "0123456789abcdef");
	else if (strcmp(path, "/headers") == 0)
		send_flood(fd, "HTTP/1.1 200 OK\r\n", "x: 0123456789\r\n");
	else if (strcmp(path, "/hang") == 0)
		(void)!read(fd, &byte, 1);
}

static void *
serve(void *arg)
{
	struct server *server = arg;
	int fd;

	while ((fd = accept(server->fd, NULL, NULL)) >= 0) {
		answer(server, fd);
		close(fd);
	}
	return NULL;
}

static void
server_open(struct server *server)
{
	struct sockaddr_in addr = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(addr);

	memset(server, 0, sizeof(*server));
	pthread_mutex_init(&server->lock, NULL);
	server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(server->fd, (struct sockaddr *)&addr, len), 0);
	assert_int_equal(listen(server->fd, 64), 0);
	assert_int_equal(
	    getsockname(server->fd, (struct sockaddr *)&addr, &len), 0);
	server->port = ntohs(addr.sin_port);
	assert_int_equal(
	    pthread_create(&server->thread, NULL, serve, server), 0);
}

static void
server_close(struct server *server)
{
	shutdown(server->fd, SHUT_RDWR);
	pthread_join(server->thread, NULL);
	close(server->fd);
}

/* POST to a path and look at the outcome. */
static void
post(struct bench *bench, struct config_route *route,
    const struct server *server, const char *path)
{
	char url[128];

	snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", server->port, path);
	route->url = url;
	try(bench, route);
	route->url = NULL;
}

static void
test_post_outcomes(void **state)
{
	struct config_route route = {
	    .dest = CONFIG_DEST_POST, .timeout_ms = 20000};
	static struct server server;
	struct bench bench;
	char url[] = "http://127.0.0.1:1/", dns[] = "http://gaff.invalid/";
	char tls[128];

	(void)state;
	server_open(&server);
	bench_open(&bench, CONFIG_DEST_POST);
	post(&bench, &route, &server, "/ok");
	expect(&bench, DEST_DELIVERED, "ok");
	assert_string_equal(bench.last.detail, "fine");
	assert_string_equal(bench.output, "fine\n");
	post(&bench, &route, &server, "/204");
	expect(&bench, DEST_DELIVERED, "ok");
	post(&bench, &route, &server, "/100");
	expect(&bench, DEST_RETRY, "status:500");
	assert_string_equal(bench.last.detail, "bad");
	post(&bench, &route, &server, "/410");
	expect(&bench, DEST_FINAL, "status:410");
	post(&bench, &route, &server, "/422");
	expect(&bench, DEST_RETRY, "status:422");
	route.final[0] = 422;
	route.n_final = 1;
	post(&bench, &route, &server, "/422");
	expect(&bench, DEST_FINAL, "status:422");
	post(&bench, &route, &server, "/302");
	expect(&bench, DEST_RETRY, "redirect");
	support_contains(bench.last.detail, "302 to http://127.0.0.1");
	/* The status came whole: it decides. */
	post(&bench, &route, &server, "/cut");
	expect(&bench, DEST_DELIVERED, "ok");
	post(&bench, &route, &server, "/broken");
	expect(&bench, DEST_RETRY, "broken");
	route.url = url;
	try(&bench, &route);
	expect(&bench, DEST_RETRY, "connect");
	route.url = dns;
	try(&bench, &route);
	expect(&bench, DEST_RETRY, "dns");
	snprintf(tls, sizeof(tls), "https://127.0.0.1:%u/ok", server.port);
	route.url = tls;
	try(&bench, &route);
	expect(&bench, DEST_RETRY, "tls");
	bench_close(&bench);
	server_close(&server);
}

static void
test_post_retry_after(void **state)
{
	struct config_route route = {
	    .dest = CONFIG_DEST_POST, .timeout_ms = 20000};
	static struct server server;
	struct bench bench;

	(void)state;
	server_open(&server);
	bench_open(&bench, CONFIG_DEST_POST);
	post(&bench, &route, &server, "/429");
	expect(&bench, DEST_RETRY, "status:429");
	assert_int_equal(bench.last.retry_after_ms, 17000);
	post(&bench, &route, &server, "/503");
	expect(&bench, DEST_RETRY, "status:503");
	assert_true(bench.last.retry_after_ms > INT64_C(86400000) * 365);
	/* Nobody promised to honour it there. */
	post(&bench, &route, &server, "/500");
	assert_int_equal(bench.last.retry_after_ms, 0);
	bench_close(&bench);
	server_close(&server);
}

/* Answers without end are cut, silence too. */
static void
test_post_limits(void **state)
{
	struct config_route route = {
	    .dest = CONFIG_DEST_POST, .timeout_ms = 20000};
	static struct server server;
	struct bench bench;

	(void)state;
	server_open(&server);
	bench_open(&bench, CONFIG_DEST_POST);
	post(&bench, &route, &server, "/flood");
	expect(&bench, DEST_DELIVERED, "ok");
	assert_int_equal(bench.last.output_len, SPAWN_OUTPUT_MAX);
	post(&bench, &route, &server, "/headers");
	expect(&bench, DEST_RETRY, "too_large");
	route.timeout_ms = 100;
	post(&bench, &route, &server, "/hang");
	expect(&bench, DEST_RETRY, "timeout");
	bench_close(&bench);
	server_close(&server);
}

static void
test_post_request(void **state)
{
	char one[] = "x-*", *patterns[] = {one};
	struct config_route route = {
	    .dest = CONFIG_DEST_POST, .timeout_ms = 20000};
	static struct server server;
	struct bench bench;

	(void)state;
	/* The environment must not send it elsewhere. */
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
	server_open(&server);
	bench_open(&bench, CONFIG_DEST_POST);
	post(&bench, &route, &server, "/ok?a=b");
	expect(&bench, DEST_DELIVERED, "ok");
	support_contains(server.request, "POST /ok?a=b HTTP/1.1\r\n");
	support_contains(
	    server.request, "\r\ncontent-type: application/json\r\n");
	support_contains(server.request,
	    "\r\nwebhook-id: 01000000-0000-0000-0000-000000000000\r\n");
	support_contains(server.request, "\r\nwebhook-timestamp: ");
	support_contains(server.request, "\r\ngaff-source: github\r\n");
	support_contains(server.request, "\r\ngaff-type: push\r\n");
	support_contains(server.request, "\r\ngaff-key: k-1\r\n");
	support_contains(server.request, "\r\ngaff-attempt: 3\r\n");
	support_contains(server.request, "\r\nx-one: 1\r\n");
	support_contains(server.request, "\r\nx-two: a\r\nx-two: b\r\n");
	support_contains(server.request, "\r\nx-empty:\r\n");
	support_contains(server.request, "\r\nuser-agent: GitHub\r\n");
	support_contains(server.request, "\r\n\r\n{\"a\":1}\n");
	assert_null(strstr(server.request, "spoofed"));
	assert_null(strstr(server.request, "smuggled"));
	assert_null(strstr(server.request, "evil"));
	assert_null(strcasestr(server.request, "\r\nconnection:"));
	assert_null(strcasestr(server.request, "\r\nexpect:"));
	route.forward = (struct config_list){patterns, 1};
	post(&bench, &route, &server, "/ok");
	support_contains(server.request, "\r\nx-one: 1\r\n");
	support_contains(server.request, "\r\nUser-Agent: gaff/");
	bench_close(&bench);
	server_close(&server);
	unsetenv("http_proxy");
	unsetenv("ALL_PROXY");
}

/* The value of a header of the last request; "" when there is none. */
static const char *
request_header(const struct server *server, const char *name, char out[256])
{
	char line[64];
	const char *found;

	snprintf(line, sizeof(line), "\r\n%s: ", name);
	found = strcasestr(server->request, line);
	out[0] = '\0';
	if (found != NULL)
		snprintf(out, 256, "%.*s",
		    (int)strcspn(found + strlen(line), "\r"),
		    found + strlen(line));
	return out;
}

/* What is signed verifies, by the scheme itself. */
static void
test_post_signed(void **state)
{
	static const unsigned char secret[] =
	    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
	const struct scheme_secret secrets[] = {{secret, sizeof(secret) - 1}};
	struct config_route route = {
	    .dest = CONFIG_DEST_POST, .timeout_ms = 20000};
	char error[SCHEME_ERROR_SIZE] = "", values[3][256];
	struct scheme_header got[3];
	struct scheme_request request = {.method = "POST",
	    .url = "",
	    .path = "/ok",
	    .query = "",
	    .content_type = "application/json",
	    .headers = got,
	    .n_headers = 3,
	    .body = "{\"a\":1}\n",
	    .body_len = 8};
	static const char *const names[] = {
	    "webhook-id", "webhook-timestamp", "webhook-signature"};
	struct scheme_verdict verdict;
	static struct server server;
	struct bench bench;

	(void)state;
	route.sign = scheme_builtin("standard-webhooks");
	assert_non_null(route.sign);
	route.sign_keys = scheme_keys_new(route.sign, secrets, 1, error);
	assert_non_null(route.sign_keys);
	server_open(&server);
	bench_open(&bench, CONFIG_DEST_POST);
	post(&bench, &route, &server, "/ok");
	expect(&bench, DEST_DELIVERED, "ok");
	for (int i = 0; i < 3; i++)
		got[i] = (struct scheme_header){
		    names[i], request_header(&server, names[i], values[i])};
	assert_string_equal(values[0], "01000000-0000-0000-0000-000000000000");
	request.now_ms = clock_wall_ms();
	assert_int_equal(
	    scheme_verify(route.sign, route.sign_keys, &request, &verdict),
	    SCHEME_OK);
	request.body = "{\"a\":2}\n";
	assert_int_not_equal(
	    scheme_verify(route.sign, route.sign_keys, &request, &verdict),
	    SCHEME_OK);
	bench_close(&bench);
	server_close(&server);
	scheme_keys_free(route.sign_keys);
}

static void
test_post_cut(void **state)
{
	char url[64];
	struct config_route route = {
	    .dest = CONFIG_DEST_POST, .timeout_ms = 20000, .url = url};
	static struct server server;
	struct bench bench;

	(void)state;
	server_open(&server);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/hang", server.port);
	bench_open(&bench, CONFIG_DEST_POST);
	for (int i = 0; i < 3; i++)
		assert_int_equal(
		    bench.ops->start(bench.dest, &route, a_delivery("", 0)), 0);
	bench.ops->cut(bench.dest);
	assert_int_equal(bench.done, 3);
	assert_int_equal(bench.last.verdict, DEST_CUT);
	bench_close(&bench);
	server_close(&server);
}

/* ---- details ---- */

static void
test_last_line(void **state)
{
	char detail[DEST_DETAIL_SIZE], text[600];

	(void)state;
	dest_last_line(detail, "", 0);
	assert_string_equal(detail, "");
	dest_last_line(detail, " \n\n\t", 4);
	assert_string_equal(detail, "");
	dest_last_line(detail, "one\ntwo\x1b[31m\r\n", 13);
	assert_string_equal(detail, "two [31m");
	/* Cut at a whole character: 255 bytes would end inside of one. */
	for (size_t i = 0; i < sizeof(text); i += 2)
		memcpy(text + i, "\xc3\xa4", 2);
	dest_last_line(detail, text, sizeof(text));
	assert_int_equal(strlen(detail), 254);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_run_outcomes),
	    cmocka_unit_test(test_run_cannot),
	    cmocka_unit_test(test_run_surroundings),
	    cmocka_unit_test(test_run_large),
	    cmocka_unit_test(test_run_cut),
	    cmocka_unit_test(test_post_outcomes),
	    cmocka_unit_test(test_post_retry_after),
	    cmocka_unit_test(test_post_limits),
	    cmocka_unit_test(test_post_request),
	    cmocka_unit_test(test_post_signed),
	    cmocka_unit_test(test_post_cut),
	    cmocka_unit_test(test_last_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
