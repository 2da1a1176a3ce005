#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../shared/zsock.h"
#include "support.h"

enum { WAIT_MS = 10000 /* for what must come: never used up */ };

struct fixture {
	void *context;
	char *dir;
	char *path;
	char endpoint[128]; /* ipc://PATH */
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	assert_non_null(f);
	f->context = zmq_ctx_new();
	assert_non_null(f->context);
	f->dir = support_dir();
	f->path = support_path(f->dir, "s");
	(void)snprintf(f->endpoint, sizeof f->endpoint, "ipc://%s", f->path);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	zsock_context_end(f->context);
	support_dir_remove(f->dir);
	free(f->path);
	free(f);
	return 0;
}

static void *
make(struct fixture *f, enum zsock_kind kind,
    const struct zsock_options *options)
{
	void *socket = zsock_new(f->context, kind, options);

	assert_non_null(socket);
	return socket;
}

static int
bind_660(void *socket, const char *endpoint, const char *group, int *fd)
{
	return zsock_bind(socket, endpoint, 0660, group, fd);
}

/* Binding fails, and the log says all of `parts` (NULL ends them). */
static void
refuse(struct fixture *f, const char *endpoint, const char *group,
    const char *const parts[])
{
	void *socket = make(f, ZSOCK_DATA_IN, NULL);
	int fd = 4711;
	char *log;
	int rc;

	support_stderr_begin();
	rc = bind_660(socket, endpoint, group, &fd);
	log = support_stderr_end();
	assert_int_equal(rc, -1);
	assert_int_equal(fd, -1);
	for (; *parts != NULL; parts++)
		support_contains(log, *parts);
	free(log);
	zsock_close(socket);
}

static bool
ready(void *socket, short events)
{
	zmq_pollitem_t item = {socket, 0, events, 0};

	return zmq_poll(&item, 1, WAIT_MS) == 1;
}

/* ---- options ---- */

static int
get_int(void *socket, int option)
{
	int value = -2;
	size_t len = sizeof value;

	assert_int_equal(zmq_getsockopt(socket, option, &value, &len), 0);
	return value;
}

static int64_t
max_message(void *socket)
{
	int64_t value = -2;
	size_t len = sizeof value;

	assert_int_equal(
	    zmq_getsockopt(socket, ZMQ_MAXMSGSIZE, &value, &len), 0);
	return value;
}

static const struct {
	int type;
	int linger_ms;
	int64_t max_message;
	bool connects;
} expected[ZSOCK__MAX] = {
    [ZSOCK_DATA_IN] = {ZMQ_PULL, 0, (32 << 20) + 65536, false},
    [ZSOCK_CONTROL_IN] = {ZMQ_ROUTER, 1000, 65536, false},
    [ZSOCK_ADMIN_IN] = {ZMQ_ROUTER, 0, 64 << 20, false},
    [ZSOCK_DATA_OUT] = {ZMQ_PUSH, 0, 65536, true},
    [ZSOCK_CONTROL_OUT] = {ZMQ_DEALER, 0, 65536, true},
    [ZSOCK_ADMIN_OUT] = {ZMQ_DEALER, 0, 64 << 20, true},
};

static void
test_options(void **state)
{
	struct fixture *f = *state;

	for (enum zsock_kind kind = 0; kind < ZSOCK__MAX; kind++) {
		void *s = make(f, kind, NULL);

		assert_int_equal(get_int(s, ZMQ_TYPE), expected[kind].type);
		assert_int_equal(
		    get_int(s, ZMQ_LINGER), expected[kind].linger_ms);
		assert_int_equal(max_message(s), expected[kind].max_message);
		assert_int_equal(get_int(s, ZMQ_HEARTBEAT_IVL), 0);
		assert_int_equal(get_int(s, ZMQ_HANDSHAKE_IVL), 2000);
		assert_int_equal(get_int(s, ZMQ_TCP_KEEPALIVE), 1);
		assert_int_equal(get_int(s, ZMQ_TCP_KEEPALIVE_IDLE), 10);
		assert_int_equal(get_int(s, ZMQ_TCP_KEEPALIVE_INTVL), 5);
		assert_int_equal(get_int(s, ZMQ_TCP_KEEPALIVE_CNT), 3);
		assert_int_equal(get_int(s, ZMQ_TCP_MAXRT), 5000);
		assert_int_equal(get_int(s, ZMQ_IPV6), 1);
		assert_int_equal(
		    get_int(s, ZMQ_IMMEDIATE), expected[kind].connects);
		if (expected[kind].connects) {
			assert_int_equal(get_int(s, ZMQ_CONNECT_TIMEOUT), 2000);
			assert_int_equal(get_int(s, ZMQ_RECONNECT_IVL), 100);
			assert_int_equal(
			    get_int(s, ZMQ_RECONNECT_IVL_MAX), 1000);
		} else {
			assert_int_equal(get_int(s, ZMQ_BACKLOG), 256);
		}
		zsock_close(s);
	}
}

static void
test_own_limits(void **state)
{
	struct zsock_options options = {
	    .max_message = 4096,
	    .high_water = 7,
	    .routing_id = "Gone",
	    .routing_id_len = 4,
	};
	void *s = make(*state, ZSOCK_CONTROL_OUT, &options);
	char id[8];
	size_t len = sizeof id;

	assert_int_equal(max_message(s), 4096);
	assert_int_equal(get_int(s, ZMQ_SNDHWM), 7);
	assert_int_equal(get_int(s, ZMQ_RCVHWM), 7);
	assert_int_equal(zmq_getsockopt(s, ZMQ_ROUTING_ID, id, &len), 0);
	assert_int_equal(len, 4);
	assert_memory_equal(id, "Gone", 4);
	zsock_close(s);
}

/* A whole window of credit fits before anything is read. */
static void
test_credit_fits(void **state)
{
	struct fixture *f = *state;
	void *in = make(f, ZSOCK_DATA_IN, NULL);
	void *out = make(f, ZSOCK_DATA_OUT, NULL);
	int fd;

	assert_int_equal(bind_660(in, f->endpoint, NULL, &fd), 0);
	assert_int_equal(zmq_connect(out, f->endpoint), 0);
	assert_true(ready(out, ZMQ_POLLOUT));
	for (int i = 0; i < 512; i++)
		assert_int_equal(zsock_send(out, "x", 1), 0);
	zsock_close(out);
	zsock_close(in);
	(void)close(fd);
}

/* ---- messages ---- */

static void
test_push_pull(void **state)
{
	struct fixture *f = *state;
	void *in = make(f, ZSOCK_DATA_IN, NULL);
	void *out = make(f, ZSOCK_DATA_OUT, NULL);
	zmq_msg_t msg;
	int fd;

	(void)zmq_msg_init(&msg);
	/* nobody is there yet: nothing may be queued */
	assert_int_equal(zmq_connect(out, f->endpoint), 0);
	assert_int_equal(zsock_send(out, "lost", 4), -1);
	assert_int_equal(errno, EAGAIN);

	assert_int_equal(bind_660(in, f->endpoint, NULL, &fd), 0);
	assert_int_equal(zsock_recv(in, &msg, NULL), -1);
	assert_int_equal(errno, EAGAIN);
	assert_true(ready(out, ZMQ_POLLOUT));
	assert_int_equal(zsock_send(out, "one", 3), 0);
	assert_int_equal(zsock_send(out, "", 0), 0);
	assert_true(ready(in, ZMQ_POLLIN));
	assert_int_equal(zsock_recv(in, &msg, NULL), 0);
	assert_int_equal(zmq_msg_size(&msg), 3);
	assert_memory_equal(zmq_msg_data(&msg), "one", 3);
	assert_true(ready(in, ZMQ_POLLIN));
	assert_int_equal(zsock_recv(in, &msg, NULL), 0);
	assert_int_equal(zmq_msg_size(&msg), 0);
	(void)zmq_msg_close(&msg);
	zsock_close(out);
	zsock_close(in);
	(void)close(fd);
}

static void
test_router_dealer(void **state)
{
	struct fixture *f = *state;
	struct zsock_options options = {
	    .routing_id = "G123", .routing_id_len = 4};
	void *in = make(f, ZSOCK_CONTROL_IN, NULL);
	void *out = make(f, ZSOCK_CONTROL_OUT, &options);
	zmq_msg_t id;
	zmq_msg_t msg;
	int fd;

	(void)zmq_msg_init(&id);
	(void)zmq_msg_init(&msg);
	assert_int_equal(bind_660(in, f->endpoint, NULL, &fd), 0);
	assert_int_equal(zsock_send_to(in, "Gxxx", 4, "a", 1), -1);
	assert_int_equal(errno, EHOSTUNREACH);

	assert_int_equal(zmq_connect(out, f->endpoint), 0);
	assert_true(ready(out, ZMQ_POLLOUT));
	assert_int_equal(zsock_send(out, "hello", 5), 0);
	assert_true(ready(in, ZMQ_POLLIN));
	assert_int_equal(zsock_recv_from(in, &id, &msg, NULL), 0);
	assert_int_equal(zmq_msg_size(&id), 4);
	assert_memory_equal(zmq_msg_data(&id), "G123", 4);
	assert_int_equal(zmq_msg_size(&msg), 5);

	assert_int_equal(zsock_send_to(in, "G123", 4, "welcome", 7), 0);
	assert_true(ready(out, ZMQ_POLLIN));
	assert_int_equal(zsock_recv(out, &msg, NULL), 0);
	assert_int_equal(zmq_msg_size(&msg), 7);
	(void)zmq_msg_close(&id);
	(void)zmq_msg_close(&msg);
	zsock_close(out);
	zsock_close(in);
	(void)close(fd);
}

static void
send_parts(void *socket, int n)
{
	for (int i = 1; i <= n; i++)
		assert_int_equal(
		    zmq_send(socket, "part", 4, i < n ? ZMQ_SNDMORE : 0), 4);
}

/* Messages of several frames are skipped and counted. */
static void
test_malformed(void **state)
{
	struct fixture *f = *state;
	void *in = make(f, ZSOCK_CONTROL_IN, NULL);
	void *out = make(f, ZSOCK_CONTROL_OUT, NULL);
	uint64_t malformed = 0;
	zmq_msg_t id;
	zmq_msg_t msg;
	int fd;

	(void)zmq_msg_init(&id);
	(void)zmq_msg_init(&msg);
	assert_int_equal(bind_660(in, f->endpoint, NULL, &fd), 0);
	assert_int_equal(zmq_connect(out, f->endpoint), 0);
	assert_true(ready(out, ZMQ_POLLOUT));
	send_parts(out, 2);
	send_parts(out, 5);
	assert_int_equal(zsock_send(out, "good", 4), 0);
	while (zsock_recv_from(in, &id, &msg, &malformed) != 0)
		assert_true(ready(in, ZMQ_POLLIN));
	assert_int_equal(malformed, 2);
	assert_memory_equal(zmq_msg_data(&msg), "good", 4);

	/* the same at the other side */
	assert_true(zmq_msg_size(&id) > 0);
	assert_int_equal(
	    zmq_send(in, zmq_msg_data(&id), zmq_msg_size(&id), ZMQ_SNDMORE),
	    zmq_msg_size(&id));
	send_parts(in, 2);
	assert_int_equal(
	    zsock_send_to(in, zmq_msg_data(&id), zmq_msg_size(&id), "fine", 4),
	    0);
	while (zsock_recv(out, &msg, &malformed) != 0)
		assert_true(ready(out, ZMQ_POLLIN));
	assert_int_equal(malformed, 3);
	assert_memory_equal(zmq_msg_data(&msg), "fine", 4);
	(void)zmq_msg_close(&id);
	(void)zmq_msg_close(&msg);
	zsock_close(out);
	zsock_close(in);
	(void)close(fd);
}

/* In a forked child every call fails with EINTR for ever: no endless loop. */
static void
test_forked(void **state)
{
	void *socket = make(*state, ZSOCK_DATA_IN, NULL);
	int status;
	pid_t child = fork();

	assert_int_not_equal(child, -1);
	if (child == 0) {
		zmq_msg_t msg;

		(void)zmq_msg_init(&msg);
		(void)alarm(WAIT_MS / 1000);
		_exit(zsock_recv(socket, &msg, NULL) == -1 && errno == EINTR
			  ? 0
			  : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	zsock_close(socket);
}

/* ---- binding ---- */

static void
test_bind_rights(void **state)
{
	struct fixture *f = *state;
	const struct group *own = getgrgid(getegid());
	void *socket = make(f, ZSOCK_DATA_IN, NULL);
	mode_t before = umask(022);
	struct stat st;
	int fd;

	assert_non_null(own);
	assert_int_equal(bind_660(socket, f->endpoint, own->gr_name, &fd), 0);
	assert_int_not_equal(fd, -1);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	assert_int_equal(st.st_gid, getegid());
	assert_int_equal(umask(before), 022);
	zsock_close(socket);
	(void)close(fd);
}

/* A live socket is never taken away; a dead one is. */
static void
test_bind_locked(void **state)
{
	static const char *const parts[] = {
	    "in use by process ", "endpoint=ipc://", "stop it", NULL};
	struct fixture *f = *state;
	void *first = make(f, ZSOCK_DATA_IN, NULL);
	void *out = make(f, ZSOCK_DATA_OUT, NULL);
	struct stat before;
	struct stat after;
	int fd;

	assert_int_equal(bind_660(first, f->endpoint, NULL, &fd), 0);
	assert_int_equal(stat(f->path, &before), 0);
	refuse(f, f->endpoint, NULL, parts);
	assert_int_equal(stat(f->path, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(zmq_connect(out, f->endpoint), 0);
	assert_true(ready(out, ZMQ_POLLOUT));
	zsock_close(out);
	zsock_close(first);
	(void)close(fd);
}

static void
test_bind_stale(void **state)
{
	struct fixture *f = *state;
	void *socket = make(f, ZSOCK_DATA_IN, NULL);
	int status;
	int fd;
	pid_t child = fork();

	/* a process that dies with a bound socket leaves it there */
	assert_int_not_equal(child, -1);
	if (child == 0) {
		void *own = zsock_new(zmq_ctx_new(), ZSOCK_DATA_IN, NULL);

		_exit(bind_660(own, f->endpoint, NULL, &fd) == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(access(f->path, F_OK), 0);
	assert_int_equal(bind_660(socket, f->endpoint, NULL, &fd), 0);
	zsock_close(socket);
	(void)close(fd);
}

static void
test_bind_no_socket(void **state)
{
	static const char *const parts[] = {
	    "a file that is no socket is there", "remove it", NULL};
	struct fixture *f = *state;
	char *text;

	support_write(f->path, "precious", 8, 0600);
	refuse(f, f->endpoint, NULL, parts);
	text = support_read(f->path, NULL);
	assert_string_equal(text, "precious");
	free(text);
}

static void
test_bind_directory(void **state)
{
	static const char *const missing[] = {"No such file or directory",
	    "create its directory", "RuntimeDirectory=gaff", NULL};
	static const char *const denied[] = {
	    "Permission denied", "let the user of gaff-worker write", NULL};
	struct fixture *f = *state;
	char endpoint[160];

	(void)snprintf(endpoint, sizeof endpoint, "ipc://%s/none/s", f->dir);
	refuse(f, endpoint, NULL, missing);
	/* nothing is denied to root */
	if (geteuid() != 0) {
		assert_int_equal(chmod(f->dir, 0500), 0);
		refuse(f, f->endpoint, NULL, denied);
		assert_int_equal(chmod(f->dir, 0700), 0);
	}
}

static void
test_bind_names(void **state)
{
	static const char *const not_path[] = {"not a path", "ipc:///", NULL};
	static const char *const long_path[] = {
	    "path of 108 bytes, the system allows 107", "shorter", NULL};
	static const char *const no_group[] = {
	    "no such group", "gaff-no-such-group", NULL};
	static const char *const nonsense[] = {"tcp://ADDRESS:PORT", NULL};
	struct fixture *f = *state;
	char endpoint[160];
	int len;

	refuse(f, "ipc://", NULL, not_path);
	refuse(f, "ipc://*", NULL, not_path);
	refuse(f, "ipc://@gaff", NULL, not_path);
	refuse(f, "udp://127.0.0.1:1", NULL, nonsense);
	refuse(f, "gopher://x", NULL, nonsense);
	refuse(f, "tcp://127.0.0.1", NULL, nonsense);
	refuse(f, f->endpoint, "gaff-no-such-group", no_group);

	len = snprintf(endpoint, sizeof endpoint, "%s", f->endpoint);
	memset(endpoint + len, 'x', sizeof endpoint - (size_t)len);
	endpoint[strlen("ipc://") + 108] = '\0';
	refuse(f, endpoint, NULL, long_path);
}

static void
test_bind_longest(void **state)
{
	struct fixture *f = *state;
	void *socket = make(f, ZSOCK_DATA_IN, NULL);
	char endpoint[160];
	int fd;
	int len = snprintf(endpoint, sizeof endpoint, "%s", f->endpoint);

	memset(endpoint + len, 'x', sizeof endpoint - (size_t)len);
	endpoint[strlen("ipc://") + 107] = '\0';
	assert_int_equal(bind_660(socket, endpoint, NULL, &fd), 0);
	assert_int_equal(access(endpoint + strlen("ipc://"), F_OK), 0);
	zsock_close(socket);
	(void)close(fd);
}

static void
test_bind_tcp(void **state)
{
	static const char *const in_use[] = {
	    "Address already in use", "another process", NULL};
	struct fixture *f = *state;
	void *socket = make(f, ZSOCK_DATA_IN, NULL);
	char endpoint[64];
	size_t len = sizeof endpoint;
	int fd = 4711;

	assert_int_equal(bind_660(socket, "tcp://127.0.0.1:*", NULL, &fd), 0);
	assert_int_equal(fd, -1);
	assert_int_equal(
	    zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, endpoint, &len), 0);
	refuse(f, endpoint, NULL, in_use);
	zsock_close(socket);
}

static void
test_nothing(void **state)
{
	(void)state;
	zsock_close(NULL);
	zsock_context_end(NULL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_options),
	    TEST(test_own_limits),
	    TEST(test_credit_fits),
	    TEST(test_push_pull),
	    TEST(test_router_dealer),
	    TEST(test_malformed),
	    TEST(test_forked),
	    TEST(test_bind_rights),
	    TEST(test_bind_locked),
	    TEST(test_bind_stale),
	    TEST(test_bind_no_socket),
	    TEST(test_bind_directory),
	    TEST(test_bind_names),
	    TEST(test_bind_longest),
	    TEST(test_bind_tcp),
	    cmocka_unit_test(test_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
