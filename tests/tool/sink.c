/*
 * sink - an HTTP server that accepts deliveries and writes down each one
 *
 *	sink OUT [PORT]
 *
 * Listens on 127.0.0.1, on a port of the kernel's choice where none (or 0) is
 * given, and prints the port on standard output.  Every POST is answered 200
 *and becomes a line of OUT:
 *
 *	KEY ID ATTEMPT SHA256
 *
 * from the headers gaff-key, webhook-id and gaff-attempt and the body.
 * The line is written before the answer.  Ends by a signal.
 */

#include <sys/epoll.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/sha.h>

enum { REQUEST_MAX = 262144, EVENTS_MAX = 64, VALUE_SIZE = 600 };

struct client {
	int fd;
	size_t len;
	char data[REQUEST_MAX + 1];
};

static void
fail(const char *what)
{
	fprintf(stderr, "sink: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* The value of a header of the request, or "-". */
static void
header(const char *head, const char *name, char value[VALUE_SIZE])
{
	char line[64];
	const char *at;

	snprintf(line, sizeof(line), "\r\n%s:", name);
	at = strcasestr(head, line);
	snprintf(value, VALUE_SIZE, "-");
	if (at == NULL)
		return;
	at += strlen(line);
	at += strspn(at, " ");
	snprintf(value, VALUE_SIZE, "%.*s", (int)strcspn(at, "\r"), at);
}

static void
write_line(int out, const char *head, const char *body, size_t body_len)
{
	char key[VALUE_SIZE], id[VALUE_SIZE], attempt[VALUE_SIZE];
	char line[3 * VALUE_SIZE + 80];
	unsigned char digest[SHA256_DIGEST_LENGTH];
	int n;

	header(head, "gaff-key", key);
	header(head, "webhook-id", id);
	header(head, "gaff-attempt", attempt);
	SHA256((const unsigned char *)body, body_len, digest);
	n = snprintf(line, sizeof(line), "%s %s %s ", key, id, attempt);
	for (size_t i = 0; i < sizeof(digest); i++)
		n += snprintf(
		    line + n, sizeof(line) - (size_t)n, "%02x", digest[i]);
	line[n++] = '\n';
	if (write(out, line, (size_t)n) != n)
		fail("write");
}

/* Answer every whole request in the client's data. */
static int
serve(struct client *client, int out)
{
	static const char answer[] =
	    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

	for (;;) {
		char *end, value[VALUE_SIZE];
		size_t head, body, len = sizeof(answer) - 1;

		client->data[client->len] = '\0';
		end = strstr(client->data, "\r\n\r\n");
		if (end == NULL)
			return 0;
		header(client->data, "content-length", value);
		head = (size_t)(end - client->data) + 4;
		body = strtoul(value, NULL, 10);
		if (client->len < head + body)
			return head + body > REQUEST_MAX ? -1 : 0;
		*end = '\0';
		write_line(out, client->data, client->data + head, body);
		if (send(client->fd, answer, len, MSG_NOSIGNAL) != (ssize_t)len)
			return -1;
		client->len -= head + body;
		memmove(client->data, client->data + head + body, client->len);
	}
}

static void
readable(struct client *client, int out)
{
	ssize_t n = recv(client->fd, client->data + client->len,
	    REQUEST_MAX - client->len, 0);

	if (n > 0) {
		client->len += (size_t)n;
		if (serve(client, out) == 0)
			return;
	}
	close(client->fd);
	free(client);
}

static void
welcome(int epoll, int listener)
{
	struct client *client = malloc(sizeof(*client));
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = client};
	int one = 1;

	if (client == NULL)
		fail("malloc");
	client->len = 0;
	client->fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (client->fd < 0) {
		free(client);
		return;
	}
	setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, client->fd, &e) != 0)
		fail("epoll_ctl");
}

static int
listen_on(uint16_t port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int one = 1;

	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0 ||
	    listen(fd, 1024) != 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &len) != 0)
		fail("listen");
	printf("%d\n", ntohs(a.sin_port));
	fflush(stdout);
	return fd;
}

int
main(int argc, char **argv)
{
	struct epoll_event events[EVENTS_MAX];
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL};
	int epoll, listener, out;

	if (argc < 2 || argc > 3) {
		fprintf(stderr, "usage: sink OUT [PORT]\n");
		return 2;
	}
	out = open(argv[1], O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	if (out < 0 || epoll < 0)
		fail(argv[1]);
	listener =
	    listen_on(argc > 2 ? (uint16_t)strtoul(argv[2], NULL, 10) : 0);
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &e) != 0)
		fail("epoll_ctl");
	for (;;) {
		int n = epoll_wait(epoll, events, EVENTS_MAX, -1);

		for (int i = 0; i < n; i++) {
			if (events[i].data.ptr == NULL)
				welcome(epoll, listener);
			else
				readable(events[i].data.ptr, out);
		}
	}
}
