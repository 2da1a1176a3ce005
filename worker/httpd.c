#include "httpd.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../shared/log.h"
#include "../shared/net.h"
#include "httpd_impl.h"

enum { HOST_MAX = 256, BACKLOG = 16 };

struct httpd {
	void *context;
	struct MHD_Daemon *daemon;
	char host[HOST_MAX]; /* as configured */
	bool loopback;
	atomic_bool stop;
};

/* ---- requests ---- */

/* HOST, HOST:PORT, [IPV6]:PORT without its port.  -1: too long. */
static int
host_of(const char *address, char host[HOST_MAX])
{
	bool bracket = address[0] == '[';
	size_t len = strcspn(address += bracket, bracket ? "]" : ":");

	if (len >= HOST_MAX)
		return -1;
	memcpy(host, address, len);
	host[len] = '\0';
	return 0;
}

/* A client that names no host is no browser. */
static bool
is_ours(const struct httpd *httpd, const char *header)
{
	struct net_addr addr;
	char host[HOST_MAX];

	if (!httpd->loopback || header == NULL)
		return true;
	return host_of(header, host) == 0 &&
	       (net_addr_parse(host, &addr) == 0 ||
		   strcasecmp(host, "localhost") == 0 ||
		   strcasecmp(host, httpd->host) == 0);
}

static void
answer_get(struct httpd *httpd, struct MHD_Connection *connection,
    const char *path, struct httpd_answer *answer)
{
	httpd_page_fn *page = httpd_page(path);
	struct ask *ask;

	if (!is_ours(httpd, MHD_lookup_connection_value(connection,
				MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST))) {
		httpd_say(answer, MHD_HTTP_FORBIDDEN,
		    "this port is for this machine: ask it by address, or as "
		    "localhost");
	} else if (page == NULL) {
		httpd_say(answer, MHD_HTTP_NOT_FOUND,
		    "there are /metrics, /events and /health");
	} else if ((ask = ask_open(httpd->context, &httpd->stop)) == NULL) {
		httpd_say(answer, MHD_HTTP_SERVICE_UNAVAILABLE, "no socket");
	} else {
		page(ask, connection, answer);
		ask_close(ask);
	}
}

static enum MHD_Result
send_answer(
    struct MHD_Connection *connection, const struct httpd_answer *answer)
{
	struct MHD_Response *response;
	enum MHD_Result result = MHD_NO;

	if (answer->text == NULL)
		return MHD_NO; /* no memory: the connection is closed */
	response = MHD_create_response_from_buffer(
	    answer->len, answer->text, MHD_RESPMEM_MUST_FREE);
	if (response == NULL) {
		free(answer->text);
		return MHD_NO;
	}
	if (MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
		answer->type) == MHD_YES &&
	    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL,
		"no-store") == MHD_YES &&
	    MHD_add_response_header(
		response, "X-Content-Type-Options", "nosniff") == MHD_YES &&
	    (answer->status != MHD_HTTP_METHOD_NOT_ALLOWED ||
		MHD_add_response_header(
		    response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD") == MHD_YES))
		result =
		    MHD_queue_response(connection, answer->status, response);
	MHD_destroy_response(response);
	return result;
}

/* NOLINTBEGIN(readability-function-size): the parameters are libmicrohttpd's */

/* Called with a request's head, then for each part of its body, then at its
 * end. */
static enum MHD_Result
on_request(void *arg, struct MHD_Connection *connection, const char *path,
    const char *method, const char *version, const char *body, size_t *body_len,
    void **state)
{
	static char seen;
	struct httpd_answer answer = {0};

	(void)version;
	(void)body;
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 &&
	    strcmp(method, MHD_HTTP_METHOD_HEAD) != 0) {
		httpd_say(&answer, MHD_HTTP_METHOD_NOT_ALLOWED,
		    "only GET and HEAD are answered here");
		return send_answer(connection, &answer);
	}
	if (*state == NULL || *body_len > 0) {
		*state = &seen;
		*body_len = 0;
		return MHD_YES;
	}
	answer_get(arg, connection, path, &answer);
	return send_answer(connection, &answer);
}

/* NOLINTEND(readability-function-size) */

/* ---- listening ---- */

/* A socket for one address, or -1 with errno. */
static int
listen_on(const struct addrinfo *info)
{
	int fd = socket(info->ai_family,
	    info->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    info->ai_protocol);
	const int one = 1;
	int error;

	if (fd == -1)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 &&
	    bind(fd, info->ai_addr, info->ai_addrlen) == 0 &&
	    listen(fd, BACKLOG) == 0)
		return fd;
	error = errno;
	(void)close(fd);
	errno = error;
	return -1;
}

/* The listening socket of HOST:PORT, or -1, logged. */
static int
open_socket(const char *address, const char *host)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
	    .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct addrinfo *list = NULL, *info;
	int failed, fd = -1;

	failed = getaddrinfo(host, strrchr(address, ':') + 1, &hints, &list);
	for (info = list; failed == 0 && info != NULL && fd == -1;
	     info = info->ai_next)
		fd = listen_on(info);
	if (fd == -1)
		log_error("cannot_listen", log_str("key", "metrics"),
		    log_str("address", address),
		    log_str("error",
			failed != 0 ? gai_strerror(failed) : strerror(errno)),
		    log_str("hint",
			"another worker may have it; `gaff check` shows the "
			"configuration"));
	if (list != NULL)
		freeaddrinfo(list);
	return fd;
}

/* Whether a socket's own address is one of this machine alone; the log says
 * where it listens. */
static bool
look_at(int fd)
{
	struct sockaddr_storage storage = {0};
	socklen_t len = sizeof(storage);
	char host[INET6_ADDRSTRLEN] = "?", port[8] = "?";

	(void)getsockname(fd, (struct sockaddr *)&storage, &len);
	(void)getnameinfo((struct sockaddr *)&storage, len, host, sizeof(host),
	    port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV);
	log_info("listening", log_str("for", "metrics"), log_str("host", host),
	    log_str("port", port));
	return strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0;
}

struct httpd *
httpd_open(void *context, const char *address)
{
	const unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD |
			       MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL |
			       MHD_USE_ITC;
	struct httpd *httpd = calloc(1, sizeof(*httpd));
	int fd;

	if (httpd == NULL)
		return NULL;
	httpd->context = context;
	if (host_of(address, httpd->host) != 0 ||
	    (fd = open_socket(address, httpd->host)) == -1) {
		free(httpd);
		return NULL;
	}
	httpd->loopback = look_at(fd);
	httpd->daemon = MHD_start_daemon(flags, 0, NULL, NULL, on_request,
	    httpd, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
	    (unsigned)HTTPD_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
	    (unsigned)HTTPD_IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
	    (size_t)HTTPD_HEAD_MAX, MHD_OPTION_END);
	if (httpd->daemon != NULL)
		return httpd;
	log_error("cannot_serve", log_str("address", address),
	    log_str("error", strerror(errno)));
	(void)close(fd);
	free(httpd);
	return NULL;
}

void
httpd_close(struct httpd *httpd)
{
	if (httpd == NULL)
		return;
	atomic_store(&httpd->stop, true);
	MHD_stop_daemon(httpd->daemon);
	free(httpd);
}
