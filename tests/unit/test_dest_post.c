/* dest_post: a real HTTP server on loopback. */

#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../shared/clock.h"
#include "../../worker/post_headers.h"
#include "support.h"
#include "tries.h"

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
			       (length != NULL ? strtoul(length + 17, NULL, 10)
					       : 0);
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
post(struct tries *bench, struct config_route *route,
    const struct server *server, const char *path)
{
	char url[128];

	snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", server->port, path);
	route->url = url;
	tries_try(bench, route);
	route->url = NULL;
}

static void
test_post_outcomes(void **state)
{
	struct config_route route = {
	    .dest = CONFIG_DEST_POST, .timeout_ms = 20000};
	static struct server server;
	struct tries bench;
	char url[] = "http://127.0.0.1:1/", dns[] = "http://gaff.invalid/";
	char tls[128];

	(void)state;
	server_open(&server);
	tries_open(&bench, CONFIG_DEST_POST);
	post(&bench, &route, &server, "/ok");
	tries_expect(&bench, DEST_DELIVERED, "ok");
	assert_string_equal(bench.last.detail, "fine");
	assert_string_equal(bench.output, "fine\n");
	post(&bench, &route, &server, "/204");
	tries_expect(&bench, DEST_DELIVERED, "ok");
	post(&bench, &route, &server, "/100");
	tries_expect(&bench, DEST_RETRY, "status:500");
	assert_string_equal(bench.last.detail, "bad");
	post(&bench, &route, &server, "/410");
	tries_expect(&bench, DEST_FINAL, "status:410");
	post(&bench, &route, &server, "/422");
	tries_expect(&bench, DEST_RETRY, "status:422");
	route.final[0] = 422;
	route.n_final = 1;
	post(&bench, &route, &server, "/422");
	tries_expect(&bench, DEST_FINAL, "status:422");
	post(&bench, &route, &server, "/302");
	tries_expect(&bench, DEST_RETRY, "redirect");
	support_contains(bench.last.detail, "302 to http://127.0.0.1");
	/* The status came whole: it decides. */
	post(&bench, &route, &server, "/cut");
	tries_expect(&bench, DEST_DELIVERED, "ok");
	post(&bench, &route, &server, "/broken");
	tries_expect(&bench, DEST_RETRY, "broken");
	route.url = url;
	tries_try(&bench, &route);
	tries_expect(&bench, DEST_RETRY, "connect");
	route.url = dns;
	tries_try(&bench, &route);
	tries_expect(&bench, DEST_RETRY, "dns");
	snprintf(tls, sizeof(tls), "https://127.0.0.1:%u/ok", server.port);
	route.url = tls;
	tries_try(&bench, &route);
	tries_expect(&bench, DEST_RETRY, "tls");
	tries_close(&bench);
	server_close(&server);
}

/* The server closes a connection that is kept for the next exchange: it is said
 * once, and the next one has another. */
static void
test_post_closed(void **state)
{
	struct config_route route = {
	    .dest = CONFIG_DEST_POST, .timeout_ms = 10000};
	struct pollfd fd = {.events = POLLIN};
	static struct server server;
	struct tries bench;

	(void)state;
	server_open(&server);
	tries_open(&bench, CONFIG_DEST_POST);
	fd.fd = exchanges_fd(bench.exchanges);
	for (int i = 0; i < 3; i++) {
		post(&bench, &route, &server, "/ok");
		tries_expect(&bench, DEST_DELIVERED, "ok");
		assert_int_equal(poll(&fd, 1, 10000), 1);
		exchanges_run(bench.exchanges);
		assert_int_equal(poll(&fd, 1, 0), 0);
	}
	tries_close(&bench);
	server_close(&server);
}

static void
test_post_retry_after(void **state)
{
	struct config_route route = {
	    .dest = CONFIG_DEST_POST, .timeout_ms = 20000};
	static struct server server;
	struct tries bench;

	(void)state;
	server_open(&server);
	tries_open(&bench, CONFIG_DEST_POST);
	post(&bench, &route, &server, "/429");
	tries_expect(&bench, DEST_RETRY, "status:429");
	assert_int_equal(bench.last.retry_after_ms, 17000);
	post(&bench, &route, &server, "/503");
	tries_expect(&bench, DEST_RETRY, "status:503");
	assert_true(bench.last.retry_after_ms > INT64_C(86400000) * 365);
	/* Nobody promised to honour it there. */
	post(&bench, &route, &server, "/500");
	assert_int_equal(bench.last.retry_after_ms, 0);
	tries_close(&bench);
	server_close(&server);
}

/* Answers without end are cut, silence too. */
static void
test_post_limits(void **state)
{
	struct config_route route = {
	    .dest = CONFIG_DEST_POST, .timeout_ms = 20000};
	static struct server server;
	struct tries bench;

	(void)state;
	server_open(&server);
	tries_open(&bench, CONFIG_DEST_POST);
	post(&bench, &route, &server, "/flood");
	tries_expect(&bench, DEST_DELIVERED, "ok");
	assert_int_equal(bench.last.output_len, SPAWN_OUTPUT_MAX);
	post(&bench, &route, &server, "/headers");
	tries_expect(&bench, DEST_RETRY, "too_large");
	route.timeout_ms = 100;
	post(&bench, &route, &server, "/hang");
	tries_expect(&bench, DEST_RETRY, "timeout");
	tries_close(&bench);
	server_close(&server);
}

static void
test_post_request(void **state)
{
	char one[] = "x-*", *patterns[] = {one};
	struct config_route route = {
	    .dest = CONFIG_DEST_POST, .timeout_ms = 20000};
	static struct server server;
	struct tries bench;

	(void)state;
	/* The environment must not send it elsewhere. */
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
	server_open(&server);
	tries_open(&bench, CONFIG_DEST_POST);
	post(&bench, &route, &server, "/ok?a=b");
	tries_expect(&bench, DEST_DELIVERED, "ok");
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
	tries_close(&bench);
	server_close(&server);
	unsetenv("http_proxy");
	unsetenv("ALL_PROXY");
}

/* The headers of a delivery whose event has these stored, a line each. */
static void
headers_of(const char *stored, struct buf *out)
{
	const struct config_route route = {.dest = CONFIG_DEST_POST};
	struct store_delivery *delivery = tries_delivery("", 0);
	char error[POST_HEADERS_ERROR_SIZE];
	struct event *event = delivery->event, changed = *event;
	struct curl_slist *list;

	changed.headers = stored;
	delivery->event = event_copy(&changed);
	event_free(event);
	list = post_headers(&route, delivery, 1000, error);
	assert_non_null(list);
	for (struct curl_slist *item = list; item != NULL; item = item->next)
		buf_printf(out, "%s\n", item->data);
	curl_slist_free_all(list);
	store_delivery_free(delivery);
}

/* Stored headers of any form; what is no JSON gives none. */
static void
test_post_stored(void **state)
{
	static const char *const stored[] = {
	    "{}",
	    "{\"x-one\":\"1\"}",
	    "{\"x-one\":\"1, 2\",\"x-empty\":\"\",\"host\":\"evil\","
	    "\"Host\":\"evil\",\"webhook-id\":\"spoofed\",\"te\":\"x\","
	    "\"x bad\":\"1\",\"\":\"1\",\"upgrade\":\"h2\","
	    "\"x-two\":\"{\"}",
	    "{\"x-one\":\"1\",\"x-two\":[\"a\",\"b\"],\"x-n\":1}",
	    "{\"x-one\":{\"x-in\":\"1\"},\"x-two\":\"2\"}",
	    "{\"x-one\" : \"1\"}",
	    "{\"x-one\":\"1\"",
	    "{\"x-one\":\"1\"\"x-two\":\"2\"}",
	    "{\"x-one\":\"1",
	    "{\"x-one",
	    "",
	};
	struct buf sent = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(stored) / sizeof(stored[0]); i++)
		headers_of(stored[i], &sent);
	support_contains(buf_str(&sent), "\nx-one: 1, 2\nx-empty;\n");
	support_contains(buf_str(&sent), "\nx-two: {\n");
	support_contains(buf_str(&sent), "\nx-one: 1\nx-two: a\nx-two: b\n");
	assert_null(strstr(buf_str(&sent), "evil"));
	assert_null(strstr(buf_str(&sent), "spoofed"));
	assert_null(strstr(buf_str(&sent), "x-in"));
	assert_null(strstr(buf_str(&sent), "x-n:"));
	buf_clear(&sent);
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
	struct tries bench;

	(void)state;
	route.sign = scheme_builtin("standard-webhooks");
	assert_non_null(route.sign);
	route.sign_keys = scheme_keys_new(route.sign, secrets, 1, error);
	assert_non_null(route.sign_keys);
	server_open(&server);
	tries_open(&bench, CONFIG_DEST_POST);
	post(&bench, &route, &server, "/ok");
	tries_expect(&bench, DEST_DELIVERED, "ok");
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
	tries_close(&bench);
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
	struct tries bench;

	(void)state;
	server_open(&server);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/hang", server.port);
	tries_open(&bench, CONFIG_DEST_POST);
	for (int i = 0; i < 3; i++)
		assert_int_equal(
		    bench.ops->start(bench.dest, &route, tries_delivery("", 0)),
		    0);
	bench.ops->cut(bench.dest);
	assert_int_equal(bench.done, 3);
	assert_int_equal(bench.last.verdict, DEST_CUT);
	tries_close(&bench);
	server_close(&server);
}

/* What the next exchange uses again is nothing of the last one's. */
static void
test_post_again(void **state)
{
	char body[5000], url[128], path[32];
	struct config_route route = {
	    .dest = CONFIG_DEST_POST, .timeout_ms = 20000, .url = url};
	static struct server server;
	struct tries bench;

	(void)state;
	server_open(&server);
	tries_open(&bench, CONFIG_DEST_POST);
	snprintf(
	    url, sizeof(url), "http://ann:pw@127.0.0.1:%u/ok?a", server.port);
	memset(body, 'a', sizeof(body));
	assert_int_equal(bench.ops->start(bench.dest, &route,
			     tries_delivery(body, sizeof(body))),
	    0);
	tries_wait(&bench, 1);
	support_contains(server.request, "\r\nAuthorization: Basic ");
	support_contains(server.request, "\r\nContent-Length: 5000\r\n");
	tries_try(&bench, &route);
	support_contains(server.request, "\r\nAuthorization: Basic ");
	support_contains(server.request, "\r\nContent-Length: 8\r\n");
	support_contains(server.request, "\r\n\r\n{\"a\":1}\n");
	assert_null(strstr(server.request, "aaaa"));
	for (int i = 0; i < 40; i++) {
		snprintf(path, sizeof(path), "/ok?%d", i % 30);
		post(&bench, &route, &server, path);
		tries_expect(&bench, DEST_DELIVERED, "ok");
		support_contains(server.request, path);
		assert_null(strstr(server.request, "Authorization"));
	}
	tries_close(&bench);
	server_close(&server);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_post_outcomes),
	    cmocka_unit_test(test_post_closed),
	    cmocka_unit_test(test_post_retry_after),
	    cmocka_unit_test(test_post_limits),
	    cmocka_unit_test(test_post_request),
	    cmocka_unit_test(test_post_stored),
	    cmocka_unit_test(test_post_signed),
	    cmocka_unit_test(test_post_cut),
	    cmocka_unit_test(test_post_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
