/* What the service manager hears, over a socket as its own. */

#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../../shared/notify.h"
#include "support.h"

enum { MESSAGE_SIZE = 512 };

/* A bound datagram socket that NOTIFY_SOCKET names; `@`: an abstract name. */
static int
listen_at(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t len = strlen(name);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0 && len < sizeof(address.sun_path));
	memcpy(address.sun_path, name, len);
	if (name[0] == '@')
		address.sun_path[0] = '\0';
	assert_int_equal(
	    bind(fd, (struct sockaddr *)&address,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
	    0);
	assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
	return fd;
}

/* The next datagram; fails when there is none. */
static const char *
heard(int fd)
{
	static char text[MESSAGE_SIZE];
	ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

	assert_true(n >= 0);
	text[n] = '\0';
	return text;
}

static void
check_all(int fd)
{
	int64_t usec, before_us, after_us;
	struct timespec now;

	notify_ready("accepting");
	assert_string_equal(heard(fd), "READY=1\nSTATUS=accepting");
	notify_ready(NULL);
	assert_string_equal(heard(fd), "READY=1");
	notify_alive("full");
	assert_string_equal(heard(fd), "WATCHDOG=1\nSTATUS=full");
	notify_stopping();
	assert_string_equal(heard(fd), "STOPPING=1\nSTATUS=stopping");

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	before_us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
	notify_reloading();
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	after_us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
	assert_int_equal(
	    sscanf(heard(fd), "RELOADING=1\nMONOTONIC_USEC=%" SCNd64, &usec),
	    1);
	assert_true(usec >= before_us && usec <= after_us);
}

static void
test_path(void **state)
{
	char *dir = support_dir(), *path = support_path(dir, "notify");
	int fd = listen_at(path);

	(void)state;
	check_all(fd);
	close(fd);
	free(path);
	support_dir_remove(dir);
}

static void
test_abstract(void **state)
{
	char name[64];
	int fd;

	(void)state;
	(void)snprintf(name, sizeof(name), "@gaff-notify-%d", (int)getpid());
	fd = listen_at(name);
	check_all(fd);
	close(fd);
}

/* A manager that does not read holds a sign of life up for no moment. */
static void
test_full(void **state)
{
	char *dir = support_dir(), *path = support_path(dir, "notify");
	int fd = listen_at(path);
	unsigned n = 0;

	(void)state;
	for (unsigned i = 0; i < 100000; i++)
		notify_alive(NULL);
	while (recv(fd, path, 0, 0) != -1)
		n++;
	assert_true(n > 0 && n < 100000);
	close(fd);
	free(path);
	support_dir_remove(dir);
}

/* No manager, one that is gone, names that are none: nothing happens. */
static void
test_nobody(void **state)
{
	static const char *const names[] = {
	    "", "/", "relative", "/nowhere/to/be/found"};
	char name[256] = "/";

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		assert_int_equal(setenv("NOTIFY_SOCKET", names[i], 1), 0);
		notify_ready("x");
		notify_alive(NULL);
	}
	memset(name + 1, 'x', sizeof(name) - 2);
	assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
	notify_ready("x");
	assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
	notify_reloading();
	notify_stopping();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_path),
	    cmocka_unit_test(test_abstract),
	    cmocka_unit_test(test_full),
	    cmocka_unit_test(test_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
