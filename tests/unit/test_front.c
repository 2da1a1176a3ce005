/* A request through libfcgi, over a pair of sockets. */

#include <sys/socket.h>

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <fcgiapp.h>

#include "../../fcgi/front.h"
#include "support.h"

#define BEGIN  "01 01 0001 0008 00 00  0001 00 0000000000"
#define PARAMS "01 04 0001 0005 00 00  01 02 41 62 63  01 04 0001 0000 00 00"
#define END    "01 05 0001 0000 00 00"

struct fixture {
	int server; /* the web server's end */
	int fd;     /* ours, until a front has it */
	struct watch watch;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	int pair[2];

	assert_int_equal(FCGX_Init(), 0);
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	f->server = pair[0];
	f->fd = pair[1];
	assert_int_equal(fcntl(f->fd, F_SETFL, O_NONBLOCK), 0);
	watch_init(&f->watch);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	(void)close(f->server);
	free(f);
	return 0;
}

static void
send_hex(struct fixture *f, const char *hex)
{
	unsigned char bytes[1024];
	size_t len = support_unhex(hex, bytes, sizeof bytes);

	assert_int_equal(write(f->server, bytes, len), len);
}

static struct front *
open_front(struct fixture *f)
{
	if (front_fcgi_is_whole(f->fd))
		return front_fcgi_open(f->fd, NULL);
	watch_begin(&f->watch, f->fd, 1000);
	return front_fcgi_open(f->fd, &f->watch);
}

/* Whether our end is closed, and all that was written before. */
static size_t
read_to_end(struct fixture *f, char *out, size_t size)
{
	size_t got = 0;
	ssize_t n;

	while ((n = read(f->server, out + got, size - got)) > 0)
		got += (size_t)n;
	return got;
}

static void
test_request(void **state)
{
	struct fixture *f = *state;
	struct front *front;
	char body[16];
	char answer[256];
	size_t got;

	send_hex(f, BEGIN PARAMS "01 05 0001 0003 05 00 616263 0000000000");
	front = open_front(f);
	assert_non_null(front);
	assert_string_equal(
	    FCGX_GetParam("A", (char **)(uintptr_t)front->envp), "bc");
	assert_int_equal(f->watch.fd, f->fd);
	assert_int_equal(front->ops->read(front, body, 2, &got), FRONT_PART);
	assert_int_equal(got, 2);
	assert_int_equal(f->watch.fd, f->fd);
	send_hex(f, END);
	assert_int_equal(
	    front->ops->read(front, body + 2, sizeof body - 2, &got),
	    FRONT_END);
	assert_int_equal(got, 1);
	assert_memory_equal(body, "abc", 3);
	/* read to its end: nothing to watch any more */
	assert_int_equal(f->watch.fd, -1);
	front->ops->answer(front, "Status: 200 OK\r\n\r\nhi", 20);
	front->ops->close(front);
	got = read_to_end(f, answer, sizeof answer);
	/* STDOUT with it, its end, END_REQUEST */
	assert_int_equal(answer[1], 6);
	assert_memory_equal(answer + 8, "Status: 200 OK\r\n\r\nhi", 20);
	assert_int_equal(answer[got - 15], 3);
}

/* One that is there whole needs no watch, and what was read may be forgotten
 * before it is answered. */
static void
test_whole(void **state)
{
	struct fixture *f = *state;
	struct front *front;
	char body[16];
	char answer[256];
	size_t got;

	send_hex(f, BEGIN PARAMS "01 05 0001 0003 05 00 616263 0000000000" END);
	assert_true(front_fcgi_is_whole(f->fd));
	front = front_fcgi_open(f->fd, NULL);
	assert_non_null(front);
	assert_string_equal(
	    FCGX_GetParam("A", (char **)(uintptr_t)front->envp), "bc");
	assert_int_equal(
	    front->ops->read(front, body, sizeof body, &got), FRONT_END);
	assert_int_equal(got, 3);
	front->ops->forget(front);
	assert_null(front->envp);
	front->ops->answer(front, "Status: 200 OK\r\n\r\nhi", 20);
	front->ops->close(front);
	got = read_to_end(f, answer, sizeof answer);
	assert_int_equal(got, 8 + 20 + 8 + 16);
	assert_memory_equal(answer + 8, "Status: 200 OK\r\n\r\nhi", 20);
}

/* A whole one that libfcgi wants more of: nothing is waited for. */
static void
test_whole_but_short(void **state)
{
	struct fixture *f = *state;

	send_hex(f, BEGIN "01 04 0001 0005 00 00  01 09 41 62 63" END);
	assert_true(front_fcgi_is_whole(f->fd));
	assert_null(front_fcgi_open(f->fd, NULL));
	assert_int_equal(fcntl(f->fd, F_GETFD), -1);
}

static void
test_cut_off(void **state)
{
	struct fixture *f = *state;
	struct front *front;
	char body[16];
	size_t got;

	send_hex(f, BEGIN PARAMS "01 05 0001 0003 00 00 6162");
	(void)shutdown(f->server, SHUT_WR);
	front = open_front(f);
	assert_non_null(front);
	assert_int_equal(
	    front->ops->read(front, body, sizeof body, &got), FRONT_FAULT);
	front->ops->close(front);
	assert_int_equal(f->watch.fd, -1);
}

static void
test_aborted(void **state)
{
	struct fixture *f = *state;
	struct front *front;
	char body[16];
	size_t got;

	send_hex(f, BEGIN PARAMS "01 05 0001 0002 00 00 6162"
				 "01 02 0001 0000 00 00");
	(void)shutdown(f->server, SHUT_WR);
	front = open_front(f);
	assert_non_null(front);
	assert_int_equal(
	    front->ops->read(front, body, sizeof body, &got), FRONT_FAULT);
	front->ops->close(front);
}

/* A kept connection is closed like any other, whatever is behind the body. */
static void
test_kept_connection(void **state)
{
	struct fixture *f = *state;
	struct front *front;
	char body[16];
	char answer[256];
	size_t got;

	send_hex(f, "01 01 0001 0008 00 00  0001 01 0000000000" PARAMS END);
	front = open_front(f);
	assert_non_null(front);
	assert_int_equal(
	    front->ops->read(front, body, sizeof body, &got), FRONT_END);
	front->ops->answer(front, "Status: 200 OK\r\n\r\n", 18);
	front->ops->close(front);
	assert_true(read_to_end(f, answer, sizeof answer) > 0);
}

static void
test_unread_body(void **state)
{
	struct fixture *f = *state;
	struct front *front;
	char answer[256];

	send_hex(f, BEGIN PARAMS "01 05 0001 0003 00 00 616263" END);
	(void)shutdown(f->server, SHUT_WR);
	front = open_front(f);
	assert_non_null(front);
	front->ops->answer(front, "Status: 404 Not Found\r\n\r\n", 25);
	front->ops->close(front);
	/* the answer is there, and no reset behind it */
	assert_true(read_to_end(f, answer, sizeof answer) > 25);
	assert_memory_equal(answer + 8, "Status: 404", 11);
}

static void
test_no_request(void **state)
{
	static const char *const starts[] = {
	    "01 09 0000 0010 00 00 0000000000000000 0000000000000000",
	    "474554202f20485454502f312e310d0a0d0a",
	    BEGIN "01 04 0001 0008 00 00 ffffffff ffffffff",
	};

	for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
		struct fixture *f = *state;

		send_hex(f, starts[i]);
		support_stderr_begin();
		assert_null(open_front(f));
		free(support_stderr_end());
		assert_int_equal(f->watch.fd, -1);
		assert_int_equal(fcntl(f->fd, F_GETFD), -1);
		(void)teardown(state);
		(void)setup(state);
	}
	(void)close(((struct fixture *)*state)->fd);
}

/* The variables break off: libfcgi closes its descriptor, we ours. */
static void
test_no_params(void **state)
{
	struct fixture *f = *state;

	send_hex(f, BEGIN "01 04 0001 0005 00 00  01 02 41");
	(void)shutdown(f->server, SHUT_WR);
	assert_null(open_front(f));
	assert_int_equal(f->watch.fd, -1);
	assert_int_equal(fcntl(f->fd, F_GETFD), -1);
}

static void
test_watch(void **state)
{
	struct fixture *f = *state;
	struct pollfd pollfd = {.fd = f->fd, .events = POLLIN};

	watch_begin(&f->watch, f->fd, 1000);
	watch_check(&f->watch, 999);
	assert_int_equal(poll(&pollfd, 1, 0), 0);
	watch_check(&f->watch, 1000);
	assert_int_equal(poll(&pollfd, 1, 0), 1);
	(void)close(f->fd);
}

static void
test_watch_ended(void **state)
{
	struct fixture *f = *state;
	struct pollfd pollfd = {.fd = f->fd, .events = POLLIN};

	watch_begin(&f->watch, f->fd, 1000);
	watch_end(&f->watch);
	watch_check(&f->watch, 2000);
	assert_int_equal(poll(&pollfd, 1, 0), 0);
	(void)close(f->fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_request),
	    TEST(test_whole),
	    TEST(test_whole_but_short),
	    TEST(test_cut_off),
	    TEST(test_aborted),
	    TEST(test_kept_connection),
	    TEST(test_unread_body),
	    TEST(test_no_request),
	    TEST(test_no_params),
	    TEST(test_watch),
	    TEST(test_watch_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
