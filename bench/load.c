/*
 * load - offer signed webhooks over HTTP and measure the answers
 *
 *	load -p PORT -u PATH -k github|stripe -s SECRET [-c CONNECTIONS]
 *	     [-r RATE] [-w WARM_S] [-t SECONDS] [-n COUNT] REQUEST...
 *
 * Each REQUEST is a file: header lines, an empty line, the body.  They are
 * used in turn; in both parts every run of 16 `@` becomes a number in hex that
 *no other request of this machine's boot has.  Each is signed anew.
 *
 * Without -r every connection sends its next request when it has an answer
 * (closed loop).  With -r requests are due at fixed instants, RATE a second;
 *one that finds no free connection waits for it, and every latency counts from
 *the instant the request was due (open loop).  Latencies of the first WARM_S
 * seconds are not counted, nor what is answered after SECONDS more.  -n ends
 * after COUNT requests.
 *
 * A line of JSON on standard output sums up: of the counted time `requests`,
 * `seconds`, `rate` and latencies in microseconds; of all time `ok` (2xx),
 * `other` (status: count), `unanswered` (no answer within 10 s of the end, the
 * connection ended, or due and never sent) and `stale` (a kept connection was
 *closed just when a request was on its way: sent once more, as HTTP clients
 *do).
 */

#include <sys/epoll.h>
#include <sys/socket.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "load_request.h"

enum {
	ANSWER_MAX = 16384,
	CONNECTIONS_MAX = 4096,
	EVENTS_MAX = 256,
	STATUS_MAX = 600,
};

static const int64_t second_ns = 1000000000;
static const int64_t patience_ns = 10 * 1000000000LL;

struct options {
	uint16_t port;
	uint32_t connections;
	uint32_t rate; /* requests a second, 0: closed loop */
	double warm_s, counted_s;
	uint64_t count; /* 0: until the time is over */
};

enum state { IDLE, SENDING, RECEIVING };

struct connection {
	enum state state;
	int fd;    /* -1: not connected */
	bool kept; /* it has carried an answer before */
	int64_t due_ns;
	struct load_request request;
	size_t sent;
	char *answer;
	size_t answer_len;
};

struct latencies {
	uint32_t *us;
	size_t n, size;
};

struct load {
	struct options options;
	int epoll;
	struct connection connections[CONNECTIONS_MAX];
	uint32_t idle[CONNECTIONS_MAX];
	uint32_t n_idle;
	int64_t start_ns, counted_ns, end_ns;
	uint64_t begun, done, ok, stale, unanswered;
	uint64_t other[STATUS_MAX];
	struct latencies latencies;
};

static int64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * second_ns + t.tv_nsec;
}

static void
fail(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* ---- what is counted ---- */

static void
note(struct latencies *l, int64_t ns)
{
	if (l->n == l->size) {
		l->size = l->size == 0 ? 1 << 16 : 2 * l->size;
		l->us = reallocarray(l->us, l->size, sizeof(*l->us));
		if (l->us == NULL)
			fail("latencies");
	}
	l->us[l->n++] = (uint32_t)(ns / 1000);
}

static int
by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static uint32_t
quantile(const struct latencies *l, double q)
{
	size_t i = (size_t)(q * (double)l->n);

	if (l->n == 0)
		return 0;
	return l->us[i < l->n ? i : l->n - 1];
}

static void
rest(struct load *load, struct connection *c)
{
	c->state = IDLE;
	load->done++;
	load->idle[load->n_idle++] = (uint32_t)(c - load->connections);
}

/* ---- connections ---- */

static void
disconnect(struct connection *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

static int
connect_out(const struct load *load, struct connection *c)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	struct epoll_event e = {
	    .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c};
	int one = 1;

	a.sin_port = htons(load->options.port);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		fail("socket");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(c->fd, (struct sockaddr *)&a, sizeof(a)) != 0 &&
	    errno != EINPROGRESS) {
		disconnect(c);
		return -1;
	}
	c->kept = false;
	if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, c->fd, &e) != 0)
		fail("epoll_ctl");
	return 0;
}

static void
give_up(struct load *load, struct connection *c)
{
	disconnect(c);
	load->unanswered++;
	rest(load, c);
}

static void send_more(struct load *load, struct connection *c);

/* Send the connection's request from its first byte. */
static void
offer(struct load *load, struct connection *c)
{
	c->sent = 0;
	c->answer_len = 0;
	c->state = SENDING;
	if (c->fd >= 0)
		send_more(load, c);
	else if (connect_out(load, c) != 0)
		give_up(load, c);
}

/* The connection ended without an answer. */
static void
lost(struct load *load, struct connection *c)
{
	bool again = c->kept && c->answer_len == 0;

	if (!again) {
		give_up(load, c);
		return;
	}
	disconnect(c);
	load->stale++;
	offer(load, c);
}

static void
send_more(struct load *load, struct connection *c)
{
	while (c->sent < c->request.len) {
		ssize_t n = send(c->fd, c->request.data + c->sent,
		    c->request.len - c->sent, MSG_NOSIGNAL);
		if (n < 0 && (errno == EAGAIN || errno == ENOTCONN))
			return;
		if (n <= 0) {
			lost(load, c);
			return;
		}
		c->sent += (size_t)n;
	}
	c->state = RECEIVING;
}

/* ---- answers ---- */

static const char *
header(const char *answer, const char *name)
{
	const char *at = strcasestr(answer, name);

	return at == NULL ? NULL : at + strlen(name);
}

/* Whether the answer is whole. */
static bool
is_complete(const struct connection *c)
{
	const char *end = strstr(c->answer, "\r\n\r\n");
	const char *length;
	size_t head;

	if (end == NULL)
		return false;
	head = (size_t)(end - c->answer) + 4;
	length = header(c->answer, "\r\ncontent-length:");
	if (length != NULL && length < end)
		return c->answer_len >= head + strtoul(length, NULL, 10);
	return c->answer_len >= 5 &&
	       memcmp(c->answer + c->answer_len - 5, "0\r\n\r\n", 5) == 0;
}

static bool
is_counted(const struct load *load, int64_t at)
{
	return at >= load->counted_ns && at < load->end_ns;
}

static void
answered(struct load *load, struct connection *c)
{
	int64_t now = now_ns();
	long status = c->answer_len > 12 ? strtol(c->answer + 9, NULL, 10) : 0;

	if (status < 100 || status >= STATUS_MAX)
		status = 0;
	if (status >= 200 && status < 300)
		load->ok++;
	else
		load->other[status]++;
	if (is_counted(load, load->options.rate != 0 ? c->due_ns : now))
		note(&load->latencies, now - c->due_ns);
	c->kept = true;
	if (header(c->answer, "\r\nconnection: close") != NULL)
		disconnect(c);
	rest(load, c);
}

static void
receive_more(struct load *load, struct connection *c)
{
	while (c->fd >= 0) {
		ssize_t n = recv(c->fd, c->answer + c->answer_len,
		    ANSWER_MAX - 1 - c->answer_len, 0);
		if (n < 0 && errno == EAGAIN)
			return;
		if (c->state != RECEIVING) { /* an idle one was closed */
			disconnect(c);
			return;
		}
		if (n <= 0) {
			lost(load, c);
			return;
		}
		c->answer_len += (size_t)n;
		c->answer[c->answer_len] = '\0';
		if (is_complete(c)) {
			answered(load, c);
			return;
		}
	}
}

/* ---- the loop ---- */

/* When request number n is due. */
static int64_t
due(const struct load *load, uint64_t n)
{
	return load->start_ns +
	       (int64_t)(n * (uint64_t)second_ns / load->options.rate);
}

/* Whether no more is to be begun.  In an open loop all that was due before the
 * end is, however late. */
static bool
is_over(const struct load *load, int64_t now)
{
	if (load->options.count != 0 && load->begun >= load->options.count)
		return true;
	if (now >= load->end_ns + patience_ns)
		return true;
	if (load->options.rate != 0)
		return due(load, load->begun) >= load->end_ns;
	return now >= load->end_ns;
}

static void
start_due(struct load *load)
{
	int64_t now = now_ns();

	while (load->n_idle > 0 && !is_over(load, now)) {
		struct connection *c;
		int64_t at = now;

		if (load->options.rate != 0) {
			at = due(load, load->begun);
			if (at > now)
				return;
		}
		c = &load->connections[load->idle[--load->n_idle]];
		c->due_ns = at;
		load_request_make(&c->request, load->begun++);
		offer(load, c);
		now = now_ns();
	}
}

/* For how long nothing need be begun. */
static int64_t
pause_ns(const struct load *load)
{
	int64_t now = now_ns(), until = load->end_ns;

	if (is_over(load, now) || now >= until)
		until = load->end_ns + patience_ns;
	if (!is_over(load, now) && load->options.rate != 0 && load->n_idle > 0)
		until = due(load, load->begun);
	return until > now ? until - now : 0;
}

static void
handle(struct load *load, struct connection *c, uint32_t events)
{
	if (c->fd >= 0 && c->state == SENDING)
		send_more(load, c);
	if (c->fd >= 0 && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
		receive_more(load, c);
}

static void
run(struct load *load)
{
	static struct epoll_event events[EVENTS_MAX];

	for (;;) {
		struct timespec wait;
		int64_t now, ns;
		int n;

		start_due(load);
		now = now_ns();
		if (is_over(load, now) &&
		    (load->done == load->begun ||
			now >= load->end_ns + patience_ns))
			return;
		ns = pause_ns(load);
		wait.tv_sec = ns / second_ns;
		wait.tv_nsec = ns % second_ns;
		n = epoll_pwait2(load->epoll, events, EVENTS_MAX, &wait, NULL);
		if (n < 0 && errno != EINTR)
			fail("epoll_pwait2");
		for (int i = 0; i < n; i++)
			handle(load, events[i].data.ptr, events[i].events);
	}
}

/* Requests of an open loop that found no free connection in all the time. */
static uint64_t
never_sent(const struct load *load)
{
	uint64_t n = load->begun;

	if (load->options.rate == 0 || load->options.count != 0)
		return 0;
	while (due(load, n) < load->end_ns)
		n++;
	return n - load->begun;
}

static void
summary(struct load *load)
{
	struct latencies *l = &load->latencies;
	int64_t end = now_ns() < load->end_ns ? now_ns() : load->end_ns;
	double seconds = (double)(end - load->counted_ns) / (double)second_ns;
	const char *comma = "";

	if (l->n > 0)
		qsort(l->us, l->n, sizeof(*l->us), by_size);
	printf("{\"requests\": %zu, \"seconds\": %.6f, \"rate\": %.1f, "
	       "\"p50_us\": %u, \"p99_us\": %u, \"p999_us\": %u, "
	       "\"max_us\": %u, \"begun\": %llu, \"ok\": %llu, "
	       "\"stale\": %llu, \"unanswered\": %llu, \"other\": {",
	    l->n, seconds, (double)l->n / seconds, quantile(l, 0.5),
	    quantile(l, 0.99), quantile(l, 0.999), quantile(l, 1),
	    (unsigned long long)load->begun, (unsigned long long)load->ok,
	    (unsigned long long)load->stale,
	    (unsigned long long)(load->unanswered + load->begun - load->done +
				 never_sent(load)));
	for (int i = 0; i < STATUS_MAX; i++) {
		if (load->other[i] == 0)
			continue;
		printf("%s\"%d\": %llu", comma, i,
		    (unsigned long long)load->other[i]);
		comma = ", ";
	}
	printf("}}\n");
}

static double
number(const char *text)
{
	char *end;
	double n = strtod(text, &end);

	if (*end != '\0' || n < 0 || n > 1e9) {
		errno = EINVAL;
		fail(text);
	}
	return n;
}

static void
usage(void)
{
	fprintf(stderr, "usage: load -p PORT -u PATH -k github|stripe "
			"-s SECRET [-c N] [-r N] [-w N] [-t N] [-n N] "
			"REQUEST...\n");
	exit(2);
}

static void
parse(struct options *o, int argc, char **argv)
{
	struct load_request_options r = {0};
	int c;

	while ((c = getopt(argc, argv, "p:u:k:s:c:r:w:t:n:")) != -1) {
		switch (c) {
		case 'p':
			o->port = (uint16_t)number(optarg);
			break;
		case 'u':
			r.path = optarg;
			break;
		case 'k':
			r.kind = optarg;
			break;
		case 's':
			r.secret = optarg;
			break;
		case 'c':
			o->connections = (uint32_t)number(optarg);
			break;
		case 'r':
			o->rate = (uint32_t)number(optarg);
			break;
		case 'w':
			o->warm_s = number(optarg);
			break;
		case 't':
			o->counted_s = number(optarg);
			break;
		case 'n':
			o->count = (uint64_t)number(optarg);
			break;
		default:
			usage();
		}
	}
	if (o->port == 0 || o->connections == 0 ||
	    o->connections > CONNECTIONS_MAX || optind == argc ||
	    load_request_init(&r, argv + optind, argc - optind) != 0)
		usage();
}

int
main(int argc, char **argv)
{
	static struct load load = {
	    .options = {.connections = 64, .counted_s = 5},
	};

	parse(&load.options, argc, argv);
	load.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (load.epoll < 0)
		fail("epoll");
	for (uint32_t i = 0; i < load.options.connections; i++) {
		struct connection *c = &load.connections[i];

		c->fd = -1;
		c->answer = malloc(ANSWER_MAX);
		if (c->answer == NULL || load_request_alloc(&c->request) != 0)
			fail("malloc");
		load.idle[load.n_idle++] = i;
	}
	load.start_ns = now_ns();
	load.counted_ns = load.start_ns + (int64_t)(load.options.warm_s * 1e9);
	load.end_ns = load.counted_ns + (int64_t)(load.options.counted_s * 1e9);
	run(&load);
	summary(&load);
	return 0;
}
