/* spawn and spawner together: real processes. */

#include <sys/mman.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../shared/clock.h"
#include "../../worker/spawn.h"
#include "support.h"

/* What the last report said. */
struct seen {
	struct spawn_end end;
	char output[SPAWN_OUTPUT_MAX + 1];
	unsigned reports;
};

static void
note(void *arg, const struct spawn_end *end)
{
	struct seen *seen = arg;

	seen->end = *end;
	memcpy(seen->output, end->output, end->output_len);
	seen->output[end->output_len] = '\0';
	seen->reports++;
}

/* Pump until `n` reports came in; fails after 20 s. */
static void
wait_reports(struct spawn *spawn, const struct seen *seen, unsigned n)
{
	int64_t until = clock_boot_ms() + 20000;

	while (seen->reports < n) {
		struct pollfd p = {.fd = spawn_fd(spawn), .events = POLLIN};

		if (spawn_wants_write(spawn))
			p.events |= POLLOUT;
		assert_true(clock_boot_ms() < until);
		poll(&p, 1, 1000);
		assert_int_equal(spawn_pump(spawn), 0);
	}
}

static int
null_fd(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static char *const no_env[] = {NULL};

/* Ask for `sh -c script`. */
static uint64_t
start_script(
    struct spawn *spawn, struct seen *seen, char *script, int64_t timeout_ms)
{
	char sh[] = "sh", c[] = "-c";
	char *argv[] = {sh, c, script, NULL};
	int input = null_fd();
	struct spawn_start start = {.argv = argv,
	    .env = no_env,
	    .directory = "/",
	    .input = input,
	    .timeout_ms = timeout_ms,
	    .done = note,
	    .arg = seen};
	uint64_t id = spawn_start(spawn, &start);

	close(input);
	return id;
}

static void
run_script(struct seen *seen, const char *script, int64_t timeout_ms)
{
	struct spawn *spawn = spawn_open();
	char *copy = strdup(script);
	uint64_t id;

	assert_non_null(spawn);
	seen->reports = 0;
	id = start_script(spawn, seen, copy, timeout_ms);
	assert_true(id != 0);
	wait_reports(spawn, seen, 1);
	assert_true(seen->end.id == id);
	spawn_close(spawn);
	free(copy);
}

/* Whether a process exists and is no zombie. */
static bool
lives(long pid)
{
	char path[64], line[256] = "", *state;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
	f = fopen(path, "re");
	if (f == NULL)
		return false;
	if (fgets(line, sizeof(line), f) == NULL)
		line[0] = '\0';
	fclose(f);
	state = strrchr(line, ')');
	return state != NULL && state[2] != 'Z' && state[2] != 'X';
}

static void
wait_gone(long pid)
{
	int64_t until = clock_boot_ms() + 20000;

	while (lives(pid)) {
		assert_true(clock_boot_ms() < until);
		poll(NULL, 0, 5);
	}
}

static void
test_exit_and_output(void **state)
{
	static struct seen seen;

	(void)state;
	run_script(&seen, "echo out; echo err >&2; exit 7", 0);
	assert_true(WIFEXITED(seen.end.status));
	assert_int_equal(WEXITSTATUS(seen.end.status), 7);
	assert_int_equal(seen.end.fault.error, 0);
	assert_false(seen.end.timed_out);
	assert_string_equal(seen.output, "out\nerr\n");
}

static void
test_signal(void **state)
{
	static struct seen seen;

	(void)state;
	run_script(&seen, "kill -9 $$", 0);
	assert_true(WIFSIGNALED(seen.end.status));
	assert_int_equal(WTERMSIG(seen.end.status), SIGKILL);
}

/* What a handler is born with. */
static void
test_surroundings(void **state)
{
	static struct seen seen;
	const char *ignored;

	(void)state;
	run_script(&seen,
	    "ls /proc/self/fd | tr '\\n' ' '; umask; nice; env; pwd;"
	    "ps -o sid= -p $$ | tr -d ' ' | grep -c ^$$\\$;"
	    "grep -E '^Sig(Blk|Ign)' /proc/self/status",
	    0);
	/* 3 is ls's own; the environment is what sh adds to nothing. */
	support_contains(seen.output, "0 1 2 3 0022\n5\n");
	support_contains(seen.output, "/\n1\n");
	support_contains(seen.output, "SigBlk:\t0000000000000000");
	/* The C library keeps 32 and 33 for itself. */
	ignored = strstr(seen.output, "SigIgn:");
	assert_non_null(ignored);
	assert_true((strtoull(ignored + 8, NULL, 16) & 0x7fffffff) == 0);
	assert_null(strstr(seen.output, "HOME="));
}

static void
test_input_and_directory(void **state)
{
	static struct seen seen;
	struct spawn *spawn = spawn_open();
	char *dir = support_dir();
	char sh[] = "sh", c[] = "-c", text[] = "cat; pwd; echo $A";
	char a[] = "A=b c";
	char *argv[] = {sh, c, text, NULL}, *env[] = {a, NULL};
	int input = memfd_create("input", MFD_CLOEXEC);
	struct spawn_start start = {.argv = argv,
	    .env = env,
	    .directory = dir,
	    .input = input,
	    .done = note,
	    .arg = &seen};

	(void)state;
	assert_int_equal(write(input, "body\n", 5), 5);
	assert_int_equal(lseek(input, 0, SEEK_SET), 0);
	seen.reports = 0;
	assert_true(spawn_start(spawn, &start) != 0);
	wait_reports(spawn, &seen, 1);
	support_contains(seen.output, "body\n");
	support_contains(seen.output, dir);
	support_contains(seen.output, "b c\n");
	spawn_close(spawn);
	close(input);
	support_dir_remove(dir);
}

static void
test_cannot_start(void **state)
{
	static struct seen seen;
	struct spawn *spawn = spawn_open();
	char missing[] = "/nonexistent/program", sh[] = "sh";
	char *argv[] = {missing, NULL}, *good[] = {sh, NULL};
	int input = null_fd();
	struct spawn_start start = {.argv = argv,
	    .env = no_env,
	    .directory = "/",
	    .input = input,
	    .done = note,
	    .arg = &seen};

	(void)state;
	seen.reports = 0;
	assert_true(spawn_start(spawn, &start) != 0);
	wait_reports(spawn, &seen, 1);
	assert_int_equal(seen.end.fault.error, ENOENT);
	assert_int_equal(seen.end.fault.step, EXEC_PROGRAM);
	start.argv = good;
	start.directory = "/nonexistent";
	assert_true(spawn_start(spawn, &start) != 0);
	wait_reports(spawn, &seen, 2);
	assert_int_equal(seen.end.fault.error, ENOENT);
	assert_int_equal(seen.end.fault.step, EXEC_DIRECTORY);
	spawn_close(spawn);
	close(input);
}

static void
test_too_long(void **state)
{
	static struct seen seen;
	struct spawn *spawn = spawn_open();
	char *script = calloc(1, SPAWN_ARGS_MAX + 1);

	(void)state;
	memset(script, '#', SPAWN_ARGS_MAX);
	errno = 0;
	assert_true(start_script(spawn, &seen, script, 0) == 0);
	assert_int_equal(errno, E2BIG);
	/* As long as it may be. */
	script[SPAWN_ARGS_MAX - 64] = '\0';
	seen.reports = 0;
	assert_true(start_script(spawn, &seen, script, 0) != 0);
	wait_reports(spawn, &seen, 1);
	assert_int_equal(seen.end.fault.error, 0);
	spawn_close(spawn);
	free(script);
}

/* Output beyond the limit is dropped, the program does not wait. */
static void
test_much_output(void **state)
{
	static struct seen seen;

	(void)state;
	run_script(&seen, "yes x | head -c 5000000; exit 3", 0);
	assert_int_equal(WEXITSTATUS(seen.end.status), 3);
	assert_int_equal(seen.end.output_len, SPAWN_OUTPUT_MAX);
	assert_memory_equal(seen.output, "x\nx\n", 4);
}

static void
test_timeout(void **state)
{
	static struct seen seen;

	(void)state;
	run_script(&seen, "sleep 60 & echo $!; wait", 50);
	assert_true(seen.end.timed_out);
	assert_true(WIFSIGNALED(seen.end.status));
	assert_int_equal(WTERMSIG(seen.end.status), SIGTERM);
	wait_gone(atol(seen.output));
}

/* SIGTERM is ignored: SIGKILL comes after the grace. */
static void
test_stubborn(void **state)
{
	static struct seen seen;

	(void)state;
	run_script(&seen, "trap '' TERM; while :; do sleep 0.05; done", 50);
	assert_true(seen.end.timed_out);
	assert_int_equal(WTERMSIG(seen.end.status), SIGKILL);
	assert_true(seen.end.ms >= SPAWN_GRACE_MS);
}

/* What a handler leaves in its group ends with it. */
static void
test_left_behind(void **state)
{
	static struct seen seen;

	(void)state;
	run_script(&seen, "sleep 60 & echo $!", 0);
	assert_int_equal(seen.end.status, 0);
	wait_gone(atol(seen.output));
}

/* A daemon of its own session lives, and holds nothing up. */
static void
test_daemon(void **state)
{
	static struct seen seen;
	long pid;

	(void)state;
	run_script(
	    &seen, "setsid sh -c 'echo $$; exec sleep 60' & sleep 0.3", 0);
	pid = atol(seen.output);
	assert_true(pid > 1 && lives(pid));
	kill((pid_t)pid, SIGKILL);
}

static void
test_kill(void **state)
{
	static struct seen seen;
	struct spawn *spawn = spawn_open();
	char script[] = "exec sleep 60";
	uint64_t id;

	(void)state;
	seen.reports = 0;
	id = start_script(spawn, &seen, script, 60000);
	spawn_kill(spawn, id + 1);
	spawn_kill(spawn, id);
	wait_reports(spawn, &seen, 1);
	assert_int_equal(WTERMSIG(seen.end.status), SIGTERM);
	assert_false(seen.end.timed_out);
	spawn_close(spawn);
}

/* More requests than the socket holds are kept and sent later. */
static void
test_many(void **state)
{
	static struct seen seen;
	struct spawn *spawn = spawn_open();
	char *script = calloc(1, 60001);
	bool waited = false;

	(void)state;
	seen.reports = 0;
	memset(script, '#', 60000);
	for (unsigned i = 0; i < 40; i++) {
		assert_true(start_script(spawn, &seen, script, 0) != 0);
		waited = waited || spawn_wants_write(spawn);
	}
	assert_true(waited);
	wait_reports(spawn, &seen, 40);
	assert_int_equal(seen.reports, 40);
	spawn_close(spawn);
	free(script);
}

static bool
start_file(struct spawn *spawn, struct seen *seen, char *path)
{
	char *argv[] = {path, NULL};
	int input = null_fd();
	struct spawn_start start = {.argv = argv,
	    .env = no_env,
	    .directory = "/",
	    .input = input,
	    .done = note,
	    .arg = seen};
	uint64_t id = spawn_start(spawn, &start);

	close(input);
	return id != 0;
}

/* A script whose opening, by exec too, waits for us; the descriptor. */
static int
leased(const char *path)
{
	static const char script[] = "#!/bin/sh\nexit 7\n";
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);

	assert_true(fd >= 0);
	assert_int_equal(
	    write(fd, script, sizeof(script) - 1), sizeof(script) - 1);
	close(fd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	/* what tells us that somebody waits is ignored */
	assert_int_equal(fcntl(fd, F_SETSIG, SIGURG), 0);
	assert_int_equal(fcntl(fd, F_SETLEASE, F_WRLCK), 0);
	return fd;
}

/* A program that cannot be opened holds up others at most once: the first such
 * start is ended, the next one waits beside them. */
static void
test_hanging_start(void **state)
{
	static struct seen hanging, others;
	struct spawn *spawn = spawn_open();
	char *dir = support_dir(), path[128], script[] = "exit 3";
	int lease;

	(void)state;
	hanging.reports = others.reports = 0;
	snprintf(path, sizeof(path), "%s/program", dir);
	lease = leased(path);
	assert_true(start_file(spawn, &hanging, path));
	wait_reports(spawn, &hanging, 1);
	assert_int_equal(hanging.end.fault.error, ETIMEDOUT);
	assert_int_equal(hanging.end.fault.step, EXEC_PROGRAM);
	assert_true(start_file(spawn, &hanging, path));
	assert_true(start_script(spawn, &others, script, 0) != 0);
	wait_reports(spawn, &others, 1);
	assert_int_equal(WEXITSTATUS(others.end.status), 3);
	assert_int_equal(hanging.reports, 1);
	close(lease);
	wait_reports(spawn, &hanging, 2);
	assert_int_equal(hanging.end.fault.error, 0);
	assert_int_equal(WEXITSTATUS(hanging.end.status), 7);
	spawn_close(spawn);
	support_dir_remove(dir);
}

/* The worker is killed: its handlers end too. */
static void
test_worker_gone(void **state)
{
	int pipes[2], status;
	char pid[32] = "";
	pid_t worker;

	(void)state;
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	worker = fork();
	if (worker == 0) {
		static struct seen seen;
		struct spawn *spawn = spawn_open();
		char script[80];

		snprintf(script, sizeof(script),
		    "trap '' TERM; echo $$ > /proc/%d/fd/%d; sleep 60",
		    (int)getpid(), pipes[1]);
		start_script(spawn, &seen, script, 0);
		for (;;)
			pause();
	}
	close(pipes[1]);
	assert_true(read(pipes[0], pid, sizeof(pid) - 1) > 0);
	assert_true(lives(atol(pid)));
	kill(worker, SIGKILL);
	waitpid(worker, &status, 0);
	wait_gone(atol(pid));
	close(pipes[0]);
}

/* The spawner is killed: that is noticed, and nothing starts any more. */
static void
test_spawner_gone(void **state)
{
	static struct seen seen;
	struct spawn *spawn = spawn_open();
	char script[] = "echo $PPID; sleep 0.2";
	struct pollfd p = {.fd = spawn_fd(spawn), .events = POLLIN};

	(void)state;
	seen.reports = 0;
	assert_true(start_script(spawn, &seen, script, 0) != 0);
	wait_reports(spawn, &seen, 1);
	kill((pid_t)atol(seen.output), SIGKILL);
	support_stderr_begin();
	assert_int_equal(poll(&p, 1, 10000), 1);
	assert_int_equal(spawn_pump(spawn), -1);
	assert_int_equal(spawn_pump(spawn), -1);
	assert_true(start_script(spawn, &seen, script, 0) == 0);
	free(support_stderr_end());
	spawn_close(spawn);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_exit_and_output),
	    cmocka_unit_test(test_signal),
	    cmocka_unit_test(test_surroundings),
	    cmocka_unit_test(test_input_and_directory),
	    cmocka_unit_test(test_cannot_start),
	    cmocka_unit_test(test_too_long),
	    cmocka_unit_test(test_much_output),
	    cmocka_unit_test(test_timeout),
	    cmocka_unit_test(test_stubborn),
	    cmocka_unit_test(test_left_behind),
	    cmocka_unit_test(test_daemon),
	    cmocka_unit_test(test_kill),
	    cmocka_unit_test(test_many),
	    cmocka_unit_test(test_hanging_start),
	    cmocka_unit_test(test_worker_gone),
	    cmocka_unit_test(test_spawner_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
