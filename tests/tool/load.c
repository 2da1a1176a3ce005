/*
 * load - offer signed webhooks over HTTP and keep a ledger of what was answered
 *
 *	load -p PORT -u PATH -s whsec_… -l LEDGER -n COUNT [-c CONNECTIONS]
 *	     [-b BODY_BYTES] [-i PREFIX] [-r RATE] [-t RETRY_MS] [-g GIVE_UP_S]
 *
 * Events are PREFIX-0 … PREFIX-(COUNT-1), signed as Standard Webhooks, sent
 * over kept connections to 127.0.0.1:PORT.  The ledger is only appended to:
 *
 *	offered KEY SHA256         before its first byte is sent
 *	answer KEY STATUS MS ID    STATUS 0: the connection ended instead; ID is
 *	                           what the answer's gaff-event-id said, or -
 *	abandoned KEY              no 2xx within GIVE_UP_S of the program's
 *start
 *
 * A server may close a kept connection just when a request is on its way: then,
 * as HTTP clients do, it is sent once more over a new one, and counted as
 * `stale`.
 *
 * With -t an event that got no 2xx is offered again after RETRY_MS, as a
 * provider would.  Ends when every event has its last answer; a line of JSON
 * on standard output sums up.
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

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

enum {
	ANSWER_MAX = 16384,
	BODY_MAX = 65536,
	REQUEST_MAX = BODY_MAX + 1024,
	CONNECTIONS_MAX = 1024,
	STATUS_MAX = 600,
	KEY_SIZE = 96,
};

struct options {
	uint16_t port;
	const char *path;
	const char *secret;
	const char *ledger;
	const char *prefix;
	uint32_t count;
	uint32_t connections;
	uint32_t body_len;
	uint32_t rate;    /* events a second, 0: as fast as it goes */
	int64_t retry_ms; /* 0: each event is offered once */
	int64_t give_up_ms;
};

enum state { IDLE, WAITING, SENDING, RECEIVING };

struct connection {
	enum state state;
	int fd; /* -1: not connected */
	uint32_t event;
	bool kept; /* it has carried an answer before */
	int64_t due_ms;
	int64_t begun_ms;
	char *request;
	size_t request_len;
	size_t sent;
	char *answer;
	size_t answer_len;
};

struct load {
	struct options options;
	unsigned char mac_key[64];
	int mac_key_len;
	FILE *ledger;
	int epoll;
	struct connection connections[CONNECTIONS_MAX];
	uint32_t next;
	uint32_t done;
	uint32_t abandoned;
	int64_t start_ms;
	int64_t max_ms;
	uint32_t stale;
	uint64_t answers[STATUS_MAX];
};

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void
fail(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void
hex(const unsigned char *p, size_t len, char *out)
{
	for (size_t i = 0; i < len; i++)
		snprintf(out + 2 * i, 3, "%02x", p[i]);
}

/* The same event has the same body each time it is offered. */
static size_t
make_body(const struct load *load, uint32_t event, char *body)
{
	size_t len = load->options.body_len;
	uint32_t x = event * 2654435761u + 1;
	int n;

	n = snprintf(body, BODY_MAX,
	    "{\"type\":\"load.test\",\"n\":%u,\"pad\":\"", event);
	for (size_t i = (size_t)n; i + 2 < len; i++) {
		x = x * 1664525u + 1013904223u;
		body[i] = (char)('a' + (x >> 24) % 26);
	}
	if (len < (size_t)n + 2)
		len = (size_t)n + 2;
	memcpy(body + len - 2, "\"}", 2);
	return len;
}

static void
make_key(const struct load *load, uint32_t event, char key[KEY_SIZE])
{
	snprintf(key, KEY_SIZE, "%s-%u", load->options.prefix, event);
}

/* webhook-signature of id.timestamp.body, as base64 */
static void
sign(const struct load *load, const char *head, const char *body,
    size_t body_len, char out[64])
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned mac_len = 0;
	static unsigned char data[KEY_SIZE + 32 + BODY_MAX];
	size_t head_len = strlen(head);

	memcpy(data, head, head_len);
	memcpy(data + head_len, body, body_len);
	HMAC(EVP_sha256(), load->mac_key, load->mac_key_len, data,
	    head_len + body_len, mac, &mac_len);
	EVP_EncodeBlock((unsigned char *)out, mac, (int)mac_len);
}

static void
make_request(const struct load *load, struct connection *c)
{
	char key[KEY_SIZE], head[KEY_SIZE + 32], signature[64];
	static char body[BODY_MAX];
	size_t body_len = make_body(load, c->event, body);
	long long at = (long long)time(NULL);
	int n;

	make_key(load, c->event, key);
	snprintf(head, sizeof(head), "%s.%lld.", key, at);
	sign(load, head, body, body_len, signature);
	n = snprintf(c->request, REQUEST_MAX,
	    "POST %s HTTP/1.1\r\nHost: localhost\r\n"
	    "Content-Type: application/json\r\nContent-Length: %zu\r\n"
	    "webhook-id: %s\r\nwebhook-timestamp: %lld\r\n"
	    "webhook-signature: v1,%s\r\n\r\n",
	    load->options.path, body_len, key, at, signature);
	memcpy(c->request + n, body, body_len);
	c->request_len = (size_t)n + body_len;
}

static void
write_offered(const struct load *load, uint32_t event)
{
	static char body[BODY_MAX];
	unsigned char digest[SHA256_DIGEST_LENGTH];
	char text[2 * SHA256_DIGEST_LENGTH + 1], key[KEY_SIZE];
	size_t body_len = make_body(load, event, body);

	SHA256((unsigned char *)body, body_len, digest);
	hex(digest, sizeof(digest), text);
	make_key(load, event, key);
	fprintf(load->ledger, "offered %s %s\n", key, text);
	if (fflush(load->ledger) != 0)
		fail(load->options.ledger);
}

/* ---- connections ---- */

static void
disconnect(struct connection *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

static void
watch(const struct load *load, struct connection *c, int op)
{
	struct epoll_event e = {
	    .events = c->state == SENDING ? EPOLLOUT : EPOLLIN,
	    .data.ptr = c,
	};

	if (epoll_ctl(load->epoll, op, c->fd, &e) != 0)
		fail("epoll_ctl");
}

static int
connect_out(const struct load *load, struct connection *c)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
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
	return 0;
}

static void
finish(struct load *load, struct connection *c)
{
	c->state = IDLE;
	load->done++;
}

/* Note an answer (status 0: none) and decide whether to offer again. */
static void
answered(struct load *load, struct connection *c, int status, const char *id)
{
	int64_t now = now_ms();
	char key[KEY_SIZE];

	make_key(load, c->event, key);
	fprintf(load->ledger, "answer %s %d %lld %s\n", key, status,
	    (long long)(now - c->begun_ms), id);
	load->answers[status]++;
	if (now - c->begun_ms > load->max_ms)
		load->max_ms = now - c->begun_ms;
	if ((status >= 200 && status < 300) || load->options.retry_ms == 0) {
		finish(load, c);
	} else if (now - load->start_ms > load->options.give_up_ms) {
		fprintf(load->ledger, "abandoned %s\n", key);
		load->abandoned++;
		finish(load, c);
	} else {
		c->state = WAITING;
		c->due_ms = now + load->options.retry_ms;
	}
}

static void
offer(struct load *load, struct connection *c)
{
	bool fresh = c->fd < 0;

	make_request(load, c);
	c->sent = 0;
	c->answer_len = 0;
	c->begun_ms = now_ms();
	c->state = SENDING;
	c->kept = !fresh;
	if (fresh && connect_out(load, c) != 0) {
		answered(load, c, 0, "-");
		return;
	}
	watch(load, c, fresh ? EPOLL_CTL_ADD : EPOLL_CTL_MOD);
}

/* The connection ended without an answer. */
static void
lost(struct load *load, struct connection *c)
{
	disconnect(c);
	if (c->kept && c->answer_len == 0) {
		load->stale++;
		offer(load, c);
	} else {
		answered(load, c, 0, "-");
	}
}

static void
send_more(struct load *load, struct connection *c)
{
	while (c->sent < c->request_len) {
		ssize_t n = send(c->fd, c->request + c->sent,
		    c->request_len - c->sent, MSG_NOSIGNAL);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			lost(load, c);
			return;
		}
		c->sent += (size_t)n;
	}
	c->state = RECEIVING;
	watch(load, c, EPOLL_CTL_MOD);
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
complete(const struct connection *c)
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

static void
read_answer(struct load *load, struct connection *c)
{
	char id[40] = "-";
	const char *at = header(c->answer, "\r\ngaff-event-id: ");
	long status = c->answer_len > 12 ? strtol(c->answer + 9, NULL, 10) : 0;

	if (status < 100 || status >= STATUS_MAX)
		status = 0;
	if (at != NULL)
		snprintf(id, sizeof(id), "%.36s", at);
	if (header(c->answer, "\r\nconnection: close") != NULL)
		disconnect(c);
	answered(load, c, (int)status, id);
}

static void
receive_more(struct load *load, struct connection *c)
{
	ssize_t n = recv(c->fd, c->answer + c->answer_len,
	    ANSWER_MAX - 1 - c->answer_len, 0);

	if (n < 0 && errno == EAGAIN)
		return;
	if (c->state != RECEIVING) { /* the server closed a kept connection */
		disconnect(c);
		return;
	}
	if (n <= 0) {
		lost(load, c);
		return;
	}
	c->answer_len += (size_t)n;
	c->answer[c->answer_len] = '\0';
	if (complete(c))
		read_answer(load, c);
}

/* ---- the loop ---- */

/* How many events may have been begun by now. */
static uint32_t
allowed(const struct load *load, int64_t now)
{
	uint64_t n;

	if (load->options.rate == 0)
		return load->options.count;
	n = (uint64_t)(now - load->start_ms) * load->options.rate / 1000 + 1;
	return n < load->options.count ? (uint32_t)n : load->options.count;
}

static void
start_due(struct load *load)
{
	int64_t now = now_ms();
	uint32_t limit = allowed(load, now);

	for (uint32_t i = 0; i < load->options.connections; i++) {
		struct connection *c = &load->connections[i];

		if (c->state == IDLE && load->next < limit) {
			c->event = load->next++;
			write_offered(load, c->event);
			offer(load, c);
		} else if (c->state == WAITING && c->due_ms <= now) {
			offer(load, c);
		}
	}
}

static void
run(struct load *load)
{
	struct epoll_event events[CONNECTIONS_MAX];

	while (load->done < load->options.count) {
		int n;

		start_due(load);
		n = epoll_wait(load->epoll, events, CONNECTIONS_MAX, 5);
		if (n < 0 && errno != EINTR)
			fail("epoll_wait");
		for (int i = 0; i < n; i++) {
			struct connection *c = events[i].data.ptr;

			if (c->fd < 0)
				continue;
			if (c->state == SENDING)
				send_more(load, c);
			else
				receive_more(load, c);
		}
	}
}

static void
summary(const struct load *load)
{
	const char *comma = "";

	printf("{\"offered\": %u, \"abandoned\": %u, \"ms\": %lld, "
	       "\"max_ms\": %lld, \"stale\": %u, \"answers\": {",
	    load->next, load->abandoned, (long long)(now_ms() - load->start_ms),
	    (long long)load->max_ms, load->stale);
	for (int i = 0; i < STATUS_MAX; i++) {
		if (load->answers[i] == 0)
			continue;
		printf("%s\"%d\": %llu", comma, i,
		    (unsigned long long)load->answers[i]);
		comma = ", ";
	}
	printf("}}\n");
}

static void
decode_secret(struct load *load)
{
	const char *text = load->options.secret;
	size_t len;

	if (strncmp(text, "whsec_", 6) == 0)
		text += 6;
	len = strlen(text);
	if (len == 0 || len % 4 != 0 || len / 4 * 3 > sizeof(load->mac_key)) {
		errno = EINVAL;
		fail("secret");
	}
	load->mac_key_len = EVP_DecodeBlock(
	    load->mac_key, (const unsigned char *)text, (int)len);
	while (len > 0 && text[--len] == '=')
		load->mac_key_len--;
}

static uint32_t
number(const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*end != '\0' || n > 100000000) {
		errno = EINVAL;
		fail(text);
	}
	return (uint32_t)n;
}

static void
parse(struct options *o, int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "p:u:s:l:n:c:b:i:r:t:g:")) != -1) {
		switch (c) {
		case 'p':
			o->port = (uint16_t)number(optarg);
			break;
		case 'u':
			o->path = optarg;
			break;
		case 's':
			o->secret = optarg;
			break;
		case 'l':
			o->ledger = optarg;
			break;
		case 'n':
			o->count = number(optarg);
			break;
		case 'c':
			o->connections = number(optarg);
			break;
		case 'b':
			o->body_len = number(optarg);
			break;
		case 'i':
			o->prefix = optarg;
			break;
		case 'r':
			o->rate = number(optarg);
			break;
		case 't':
			o->retry_ms = number(optarg);
			break;
		case 'g':
			o->give_up_ms = (int64_t)number(optarg) * 1000;
			break;
		default:
			exit(2);
		}
	}
	if (o->port == 0 || o->secret == NULL || o->ledger == NULL ||
	    o->count == 0 || o->connections == 0 ||
	    o->connections > CONNECTIONS_MAX || o->body_len > BODY_MAX - 128 ||
	    strlen(o->prefix) > KEY_SIZE - 16) {
		fprintf(stderr, "usage: load -p PORT -u PATH -s SECRET "
				"-l LEDGER -n COUNT …\n");
		exit(2);
	}
}

int
main(int argc, char **argv)
{
	static struct load load = {
	    .options =
		{
		    .path = "/hooks/load",
		    .prefix = "load",
		    .connections = 32,
		    .body_len = 256,
		    .give_up_ms = 60000,
		},
	};

	parse(&load.options, argc, argv);
	decode_secret(&load);
	load.ledger = fopen(load.options.ledger, "ae");
	if (load.ledger == NULL)
		fail(load.options.ledger);
	load.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (load.epoll < 0)
		fail("epoll");
	for (uint32_t i = 0; i < load.options.connections; i++) {
		struct connection *c = &load.connections[i];

		c->fd = -1;
		c->request = malloc(REQUEST_MAX);
		c->answer = malloc(ANSWER_MAX);
		if (c->request == NULL || c->answer == NULL)
			fail("malloc");
	}
	load.start_ms = now_ms();
	run(&load);
	if (fclose(load.ledger) != 0)
		fail(load.options.ledger);
	summary(&load);
	return 0;
}
