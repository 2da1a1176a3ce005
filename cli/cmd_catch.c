/* gaff catch: a receiving server that prints what it gets. */

#include <ctype.h>
#include <errno.h>
#include <microhttpd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../shared/buf.h"
#include "../shared/clock.h"
#include "../shared/units.h"
#include "cmd.h"
#include "loopback.h"
#include "offline.h"
#include "options.h"
#include "out.h"
#include "pretty.h"

enum {
	DEFAULT_PORT = 9461,
	HEAD_MAX = 65536,
	BODY_MAX = 64 << 20,
	IDLE_S = 60,
	STATUS_OK = 200,
	STATUS_MIN = 200, /* below it a request is not over */
	STATUS_MAX = 599,
	HEADERS_MAX = 128,
};

static int64_t port = DEFAULT_PORT;
static const char *status_text, *secret;
static int64_t status_given = STATUS_OK;

static const struct option_spec specs[] = {
    {"port", OPTION_PORT, &port, "PORT",
	"listen there (9461); 0: the kernel chooses", 'p'},
    {"secret", OPTION_TEXT, &secret, "SECRET",
	"of a route's sign = standard-webhooks; file:… env:… base64:… or bare"},
    {"status", OPTION_TEXT, &status_text, "N",
	"answer this instead of 200, to try failures"},
    {0},
};

static const struct options options = {
    .verb = "catch",
    .operands = "",
    .about = "Prints each request it gets on 127.0.0.1, until Ctrl-C: "
	     "something to post to while\na route is tried.  With --secret it "
	     "says whether the signature is good.",
    .specs = specs,
};

/* ---- a request ---- */

struct caught {
	struct buf body;
	bool too_large;
	struct scheme_header headers[HEADERS_MAX];
	size_t n_headers;
	char *names[HEADERS_MAX]; /* in lower case */
};

static const struct scheme *scheme;
static struct scheme_keys *keys; /* NULL: nothing is verified */

static enum MHD_Result
take_header(
    void *arg, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct caught *caught = arg;
	char *lower = strdup(name);

	(void)kind;
	if (lower == NULL || caught->n_headers == HEADERS_MAX) {
		free(lower);
		return MHD_NO;
	}
	for (char *p = lower; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	caught->names[caught->n_headers] = lower;
	caught->headers[caught->n_headers++] =
	    (struct scheme_header){lower, value != NULL ? value : ""};
	return MHD_YES;
}

static void
print_verdict(const struct caught *caught, const char *method, const char *path)
{
	const struct scheme_request request = {
	    .method = method,
	    .url = "",
	    .path = path,
	    .query = "",
	    .content_type = "",
	    .headers = caught->headers,
	    .n_headers = caught->n_headers,
	    .body = caught->body.p != NULL ? caught->body.p : "",
	    .body_len = caught->body.len,
	    .now_ms = clock_wall_ms(),
	};
	struct scheme_verdict verdict;
	enum scheme_result result =
	    scheme_verify(scheme, keys, &request, &verdict);

	if (result == SCHEME_OK)
		puts("\n  the signature is good");
	else
		printf("\n  the signature is NOT good: %s%s%s\n",
		    scheme_result_name(result),
		    verdict.where[0] != '\0' ? " " : "", verdict.where);
}

static enum MHD_Result
print_argument(
    void *arg, enum MHD_ValueKind kind, const char *name, const char *value)
{
	bool *first = arg;

	(void)kind;
	putchar(*first ? '?' : '&');
	*first = false;
	out_text(name);
	if (value != NULL) {
		putchar('=');
		out_text(value);
	}
	return MHD_YES;
}

static void
print_request(struct caught *caught, struct MHD_Connection *connection,
    const char *method, const char *path)
{
	char at[CLOCK_TEXT_SIZE], text[OUT_TEXT_SIZE];
	bool first = true;

	clock_format(clock_wall_ms(), at);
	printf("%s  ", out_time(at, text));
	out_text(method);
	putchar(' ');
	out_text(path);
	MHD_get_connection_values(
	    connection, MHD_GET_ARGUMENT_KIND, print_argument, &first);
	putchar('\n');
	MHD_get_connection_values(
	    connection, MHD_HEADER_KIND, take_header, caught);
	for (size_t i = 0; i < caught->n_headers; i++)
		pretty_header(
		    caught->headers[i].name, caught->headers[i].value);
	if (keys != NULL)
		print_verdict(caught, method, path);
	pretty_body(caught->body.p, caught->body.len);
	putchar('\n');
	fflush(stdout);
}

static enum MHD_Result
answer(struct MHD_Connection *connection, unsigned status)
{
	struct MHD_Response *response =
	    MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
	enum MHD_Result result;

	if (response == NULL)
		return MHD_NO;
	result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

/* NOLINTBEGIN(readability-function-size): the parameters are libmicrohttpd's */

/* Called with a request's head, then for each part of its body, then at its
 * end; always by the same thread. */
static enum MHD_Result
on_request(void *arg, struct MHD_Connection *connection, const char *path,
    const char *method, const char *version, const char *body, size_t *body_len,
    void **state)
{
	struct caught *caught = *state;

	(void)arg;
	(void)version;
	if (caught == NULL) {
		*state = calloc(1, sizeof(*caught));
		return *state != NULL ? MHD_YES : MHD_NO;
	}
	if (*body_len > 0) {
		if (caught->body.len + *body_len > BODY_MAX ||
		    buf_add(&caught->body, body, *body_len) != 0)
			caught->too_large = true;
		*body_len = 0;
		return MHD_YES;
	}
	if (caught->too_large)
		return answer(connection, MHD_HTTP_CONTENT_TOO_LARGE);
	print_request(caught, connection, method, path);
	return answer(connection, (unsigned)status_given);
}

/* NOLINTEND(readability-function-size) */

static void
on_end(void *arg, struct MHD_Connection *connection, void **state,
    enum MHD_RequestTerminationCode why)
{
	struct caught *caught = *state;

	(void)arg;
	(void)connection;
	(void)why;
	if (caught == NULL)
		return;
	for (size_t i = 0; i < caught->n_headers; i++)
		free(caught->names[i]);
	buf_clear(&caught->body);
	free(caught);
	*state = NULL;
}

/* ---- serving ---- */

/* Serve until somebody ends us. */
static int
serve(int fd)
{
	const unsigned flags =
	    MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL | MHD_USE_ITC;
	struct MHD_Daemon *daemon;
	sigset_t stop;
	int number;

	sigemptyset(&stop);
	sigaddset(&stop, SIGINT);
	sigaddset(&stop, SIGTERM);
	sigprocmask(SIG_BLOCK, &stop, NULL);
	daemon = MHD_start_daemon(flags, 0, NULL, NULL, on_request, NULL,
	    MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_TIMEOUT,
	    (unsigned)IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
	    (size_t)HEAD_MAX, MHD_OPTION_NOTIFY_COMPLETED, on_end, NULL,
	    MHD_OPTION_END);
	if (daemon == NULL) {
		fprintf(stderr, "gaff catch: %s\n", strerror(errno));
		close(fd);
		return CMD_FAILED;
	}
	printf("listening on http://127.0.0.1:%d, answering %d; Ctrl-C ends\n",
	    (int)port, (int)status_given);
	fflush(stdout);
	sigwait(&stop, &number);
	MHD_stop_daemon(daemon);
	return CMD_DONE;
}

int
cmd_catch(int argc, char **argv)
{
	int first = options_read(&options, argc, argv);
	int status = CMD_FAILED, fd;

	if (first <= 0)
		return options_exit(first);
	if (status_text != NULL && units_number(status_text, STATUS_MIN,
				       STATUS_MAX, &status_given) != 0)
		return options_complain(&options,
		    "--status takes 200 to 599, not \"%s\"", status_text);
	scheme = scheme_builtin("standard-webhooks");
	if (secret != NULL) {
		keys = offline_keys("catch", scheme, secret);
		if (keys == NULL)
			return CMD_FAILED;
	}
	fd = loopback_listen("catch", &port);
	if (fd != -1)
		status = serve(fd);
	scheme_keys_free(keys);
	return status;
}
