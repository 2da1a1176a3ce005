/* Where connections come in, over unix sockets. */

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../fcgi/link_doctor.h"
#include "../../fcgi/listen.h"
#include "support.h"

struct fixture {
	char *dir;
	char *path;
	char where[128];
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	f->dir = support_dir();
	f->path = support_path(f->dir, "s");
	(void)snprintf(f->where, sizeof f->where, "unix:%s", f->path);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	support_dir_remove(f->dir);
	free(f->path);
	free(f);
	return 0;
}

static int
connect_to(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

static int
open_quietly(struct listen *listen, const char *where, const char *group)
{
	int rc;

	support_stderr_begin();
	rc = listen_open(listen, where, group);
	free(support_stderr_end());
	return rc;
}

static void
test_open_and_accept(void **state)
{
	struct fixture *f = *state;
	struct listen listen;
	struct stat st;
	int client;
	int fd;

	assert_int_equal(listen_open(&listen, f->where, NULL), 0);
	assert_true(listen.own);
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	assert_int_equal(listen_accept(&listen), -1);
	assert_int_equal(errno, EAGAIN);
	client = connect_to(f->path);
	assert_int_not_equal(client, -1);
	support_stderr_begin();
	fd = listen_accept(&listen);
	free(support_stderr_end());
	assert_int_not_equal(fd, -1);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	(void)close(fd);
	(void)close(client);
	listen_close(&listen);
	assert_int_equal(stat(f->path, &st), -1);
}

/* What waits when we retire can still be accepted; nothing new comes. */
static void
test_retire(void **state)
{
	struct fixture *f = *state;
	struct listen listen;
	int client;
	int fd;

	assert_int_equal(listen_open(&listen, f->where, NULL), 0);
	client = connect_to(f->path);
	listen_retire(&listen);
	assert_int_equal(connect_to(f->path), -1);
	fd = listen_accept(&listen);
	assert_int_not_equal(fd, -1);
	(void)close(fd);
	(void)close(client);
	listen_close(&listen);
}

static void
test_what_is_there_already(void **state)
{
	struct fixture *f = *state;
	struct listen first;
	struct listen second;
	int left;

	assert_int_equal(listen_open(&first, f->where, NULL), 0);
	/* alive */
	assert_int_equal(open_quietly(&second, f->where, NULL), -1);
	/* left behind by a process that was killed */
	left = dup(first.fd);
	(void)close(first.fd);
	(void)close(left);
	first.fd = -1;
	assert_int_equal(open_quietly(&second, f->where, NULL), 0);
	listen_close(&second);
	free(first.path);
	first.path = NULL;
	listen_close(&first);
	/* a file is never removed */
	support_write(f->path, "x", 1, 0600);
	assert_int_equal(open_quietly(&second, f->where, NULL), -1);
	assert_int_equal(access(f->path, F_OK), 0);
}

static void
test_bad_words(void **state)
{
	static const char *const words[] = {"", "/path", "unix:", "unix:rel",
	    "tcp:", "tcp:9000", "tcp:127.0.0.1:", "tcp::9000",
	    "udp:127.0.0.1:9000"};
	struct fixture *f = *state;
	struct listen listen;

	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (open_quietly(&listen, words[i], NULL) != -1)
			fail_msg("opened: %s", words[i]);
	}
	assert_int_equal(open_quietly(&listen, f->where, "no-such-group"), -1);
	assert_int_equal(access(f->path, F_OK), -1);
}

/* ---- why a worker's socket cannot be reached ---- */

static enum doctor_reason
look(const char *path)
{
	struct doctor_finding finding;
	char endpoint[128];

	(void)snprintf(endpoint, sizeof endpoint, "ipc://%s", path);
	doctor_look(endpoint, &finding);
	assert_string_equal(finding.path, path);
	return finding.reason;
}

static void
test_doctor(void **state)
{
	struct fixture *f = *state;
	struct listen listen;

	assert_int_equal(look(f->path), DOCTOR_NO_SUCH_FILE);
	support_write(f->path, "x", 1, 0600);
	assert_int_equal(look(f->path), DOCTOR_NOT_A_SOCKET);
	assert_int_equal(unlink(f->path), 0);
	assert_int_equal(listen_open(&listen, f->where, NULL), 0);
	assert_int_equal(look(f->path), DOCTOR_NO_ANSWER);
	(void)close(listen.fd);
	listen.fd = -1;
	assert_int_equal(look(f->path), DOCTOR_REFUSED);
	listen_close(&listen);
}

static void
test_doctor_line(void **state)
{
	struct fixture *f = *state;
	char endpoint[128];
	char *line;

	(void)snprintf(endpoint, sizeof endpoint, "ipc://%s", f->path);
	support_stderr_begin();
	doctor_log("local", endpoint);
	line = support_stderr_end();
	support_contains(line, "msg=link_down worker=local "
			       "reason=no_such_file path=/");
	support_contains(line, " me=");
	free(line);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_open_and_accept),
	    TEST(test_retire),
	    TEST(test_what_is_there_already),
	    TEST(test_bad_words),
	    TEST(test_doctor),
	    TEST(test_doctor_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
